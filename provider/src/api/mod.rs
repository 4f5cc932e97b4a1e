//! The HTTP API, version 1, and the trustless gateway.

mod deals;
mod error;
mod gateway;
mod pieces;
pub mod status;

use std::{sync::Arc, time::Duration};

use axum::{
	extract::{DefaultBodyLimit, Request, State},
	http::StatusCode,
	middleware::{self, Next},
	response::{IntoResponse, Response},
	routing::{get, patch, post},
	Router,
};

pub use error::ApiError;

use crate::app::App;

/// The longest request body, uploads apart.
const MAX_BODY_BYTES: usize = 16 << 10;

/// The API's routes.
pub fn router(app: Arc<App>) -> Router {
	let short = Router::new()
		.route("/v1/info", get(status::info))
		.route("/v1/status", get(status::status))
		.route("/v1/deals", post(deals::offer))
		.route("/v1/deals/{id}", get(deals::show))
		.layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
		.layer(middleware::from_fn_with_state(app.clone(), within_time));
	// Bodies of these are as long as the data; both ends are bounded by what was promised, and by how
	// long they may stand still.
	let long = Router::new()
		.route("/v1/deals/{id}/data", patch(deals::upload))
		.route("/v1/pieces/{piece}", get(pieces::show))
		.route("/ipfs/{cid}", get(gateway::show))
		.route("/ipfs/{cid}/{*path}", get(gateway::show_path))
		.layer(DefaultBodyLimit::disable());
	short
		.merge(long)
		.fallback(|| async { ApiError::not_found("there is nothing at this path") })
		.with_state(app)
}

/// Ends a request that takes too long.
async fn within_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
	let limit = Duration::from_secs(app.config.api.request_timeout_seconds);
	match tokio::time::timeout(limit, next.run(request)).await {
		Ok(response) => response,
		Err(_) => ApiError::new(
			StatusCode::SERVICE_UNAVAILABLE,
			"timeout",
			"the provider did not answer in time: try again later",
		)
		.into_response(),
	}
}
