//! The status page: three files that need nothing else, and ask the API for what they show.

use axum::{
	http::{header, HeaderName},
	response::{IntoResponse, Response},
};

/// The page may load nothing from anywhere else, and nothing else may show it in a frame.
const POLICY: &str =
	"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
	img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn file(content_type: &'static str, text: &'static str) -> Response {
	let headers: [(HeaderName, &str); 5] = [
		(header::CONTENT_TYPE, content_type),
		(header::CONTENT_SECURITY_POLICY, POLICY),
		(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
		(header::REFERRER_POLICY, "no-referrer"),
		// A new version of the daemon has a new page.
		(header::CACHE_CONTROL, "no-cache"),
	];
	(headers, text).into_response()
}

/// `GET /`
pub async fn page() -> Response {
	file("text/html; charset=utf-8", include_str!("page/index.html"))
}

/// `GET /page.css`
pub async fn style() -> Response {
	file("text/css; charset=utf-8", include_str!("page/page.css"))
}

/// `GET /page.js`
pub async fn script() -> Response {
	file(
		"text/javascript; charset=utf-8",
		include_str!("page/page.js"),
	)
}

/// The description of the API in OpenAPI's format.
pub const OPENAPI: &str = include_str!("openapi.json");

/// `GET /v1/openapi.json`
pub async fn openapi() -> Response {
	([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
