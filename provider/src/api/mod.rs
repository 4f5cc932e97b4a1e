//! The HTTP API, version 1, the trustless gateway, and the operator's side: status page, lists and metrics.
//! `openapi.json` describes all of it; a test compares it with the routes.

mod conditional;
mod deals;
mod error;
mod gateway;
mod limits;
pub mod operator;
mod page;
mod pieces;
pub mod server;
pub mod status;
mod workers;

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
pub use page::OPENAPI;

use crate::app::App;

/// The longest result of a worker's: what it opened of a whole partition.
const MAX_RESULT_BYTES: usize = 256 << 20;
/// The longest request body, uploads apart.
const MAX_BODY_BYTES: usize = 16 << 10;

/// The API's routes.
pub fn router(app: Arc<App>) -> Router {
	let limits = limits::Limits::new(app.config.api.requests_per_second);
	let short = Router::new()
		.route("/v1/info", get(status::info))
		.route("/v1/status", get(status::status))
		.route("/v1/deals", post(deals::offer))
		.route("/v1/deals/{id}", get(deals::show))
		.merge(operators(&app))
		.layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
		.layer(middleware::from_fn_with_state(app.clone(), within_time));
	// Bodies of these are as long as the data; both ends are bounded by what was promised, and by how
	// long they may stand still.
	let downloads = Router::new()
		.route("/v1/pieces/{piece}", get(pieces::show))
		.route("/ipfs/{cid}", get(gateway::show))
		.route("/ipfs/{cid}/{*path}", get(gateway::show_path))
		.layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
		.layer(middleware::from_fn_with_state(
			limits.clone(),
			limits::downloads,
		));
	let uploads = Router::new()
		.route("/v1/deals/{id}/data", patch(deals::upload))
		.layer(DefaultBodyLimit::disable());
	let pages = Router::new()
		.route("/", get(page::page))
		.route("/page.css", get(page::style))
		.route("/page.js", get(page::script))
		.route("/v1/openapi.json", get(page::openapi));
	short
		.merge(downloads)
		.merge(uploads)
		.merge(pages)
		.merge(for_workers(&app))
		.fallback(|| async { ApiError::not_found("there is nothing at this path") })
		.method_not_allowed_fallback(|| async {
			ApiError::new(
				StatusCode::METHOD_NOT_ALLOWED,
				"method",
				"this path has no such method",
			)
		})
		.layer(middleware::from_fn_with_state(limits, limits::rate))
		.layer(middleware::from_fn_with_state(app.clone(), count))
		.with_state(app)
}

/// What only the operator may see.
fn operators(app: &Arc<App>) -> Router<Arc<App>> {
	Router::new()
		.route("/metrics", get(operator::show_metrics))
		.route("/v1/operator/overview", get(operator::show_overview))
		.route("/v1/operator/sectors", get(operator::list_sectors))
		.route("/v1/operator/deals", get(operator::list_deals))
		.route("/v1/operator/tasks", get(operator::list_tasks))
		.route_layer(middleware::from_fn_with_state(
			app.clone(),
			operator::only_operator,
		))
}

/// What only workers may ask. They wait for questions, and files are read to be sent: that takes its time.
fn for_workers(app: &Arc<App>) -> Router<Arc<App>> {
	Router::new()
		.route("/v1/worker/hello", post(workers::hello))
		.route("/v1/worker/claim", post(workers::claim))
		.route("/v1/worker/tasks/{id}", post(workers::take_back))
		.route("/v1/worker/tasks/{id}/files", post(workers::give))
		.route("/v1/worker/tasks/{id}/files", patch(workers::send))
		.route("/v1/worker/asks", post(workers::asks))
		.route("/v1/worker/files/{kind}/{name}", get(workers::manifest))
		.route(
			"/v1/worker/files/{kind}/{name}/content",
			get(workers::content),
		)
		.layer(DefaultBodyLimit::max(MAX_RESULT_BYTES))
		.route_layer(middleware::from_fn_with_state(
			app.clone(),
			workers::only_workers,
		))
}

/// Counts the answers.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
	let response = next.run(request).await;
	app.monitor.answered(response.status().as_u16());
	response
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
