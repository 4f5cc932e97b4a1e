//! What only the operator may see: everything at a glance, the lists behind it, and the metrics.

use std::sync::Arc;

use axum::{
	extract::{Query, Request, State},
	http::{header, HeaderMap, StatusCode},
	middleware::Next,
	response::{IntoResponse, Response},
	Json,
};
use serde::Deserialize;
use serde_json::{json, Value};

use super::ApiError;
use crate::{
	app::App,
	database::{Deal, DealState, SectorState},
	metrics::{self, Machines},
	overview::{self, Overview},
	token::Token,
};

/// How many entries a list has unless another number is asked for, and at most.
const USUAL_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// Lets only those pass that show the operator's token.
pub async fn only_operator(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
	let known = app.monitor.operator.as_ref();
	needs_token(known, "the operator's token", request, next).await
}

/// Lets only those pass that show a token.
pub(super) async fn needs_token(
	known: Option<&Token>,
	what: &str,
	request: Request,
	next: Next,
) -> Response {
	match (known, bearer(request.headers())) {
		(Some(token), Some(shown)) if token.matches(shown) => next.run(request).await,
		_ => {
			let mut response = ApiError::new(
				StatusCode::UNAUTHORIZED,
				"no-token",
				format!("this needs {what}: send it as `Authorization: Bearer …`"),
			)
			.into_response();
			response.headers_mut().insert(
				header::WWW_AUTHENTICATE,
				header::HeaderValue::from_static("Bearer"),
			);
			response
		},
	}
}

/// The token that a request shows.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
	let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
	let (scheme, token) = text.split_once(' ')?;
	scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn collect(app: &App) -> Result<Overview, ApiError> {
	let alerts = app.monitor.alerts();
	Ok(overview::collect(&app.config, &app.database, &*app.chain, alerts).await?)
}

/// `GET /v1/operator/overview`
pub async fn show_overview(State(app): State<Arc<App>>) -> Result<Json<Overview>, ApiError> {
	Ok(Json(collect(&app).await?))
}

/// `GET /metrics`
pub async fn show_metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
	let overview = collect(&app).await?;
	let machines = Machines {
		all: app.budget.all(),
		used: app.budget.used(),
		workers: app.database.workers().await?,
	};
	let text = metrics::render(&overview, &app.monitor.counts(), &machines)?;
	Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// What a list is to have.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
	state: Option<String>,
	kind: Option<String>,
	sector: Option<u64>,
	limit: Option<u32>,
}

impl Filter {
	fn limit(&self) -> u32 {
		self.limit.unwrap_or(USUAL_LIMIT).min(MAX_LIMIT)
	}
}

fn unknown(what: &str) -> ApiError {
	ApiError::bad_request("unknown-filter", format!("there is no such {what}"))
}

/// `GET /v1/operator/sectors`
pub async fn list_sectors(
	State(app): State<Arc<App>>,
	Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
	let state = filter
		.state
		.as_deref()
		.map(|name| SectorState::from_name(name).ok_or_else(|| unknown("state of a sector")))
		.transpose()?;
	let sectors = app.database.list_sectors(state, filter.limit()).await?;
	Ok(Json(json!({ "sectors": sectors })))
}

/// `GET /v1/operator/deals`
pub async fn list_deals(
	State(app): State<Arc<App>>,
	Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
	let state = filter
		.state
		.as_deref()
		.map(|name| DealState::from_name(name).ok_or_else(|| unknown("state of a deal")))
		.transpose()?;
	let deals = app
		.database
		.list_deals(state, filter.sector, None, filter.limit())
		.await?;
	let deals: Vec<_> = deals.iter().map(deal_json).collect();
	Ok(Json(json!({ "deals": deals })))
}

/// A deal as lists show it.
pub fn deal_json(deal: &Deal) -> Value {
	let proposal = &deal.proposal;
	json!({
		"id": deal.id,
		"state": deal.state,
		"dealId": deal.deal_id,
		"sector": deal.sector,
		"client": const_hex::encode_prefixed(proposal.client),
		"piece": proposal.piece.commitment.to_hex(),
		"pieceBytes": proposal.piece.size.bytes(),
		"payloadBytes": deal.payload_bytes,
		"received": deal.received,
		"root": deal.root,
		"start": proposal.start,
		"end": proposal.end,
		"pricePerBlock": proposal.price_per_block.to_string(),
		"createdAt": deal.created_at,
		"changedAt": deal.changed_at,
		"error": deal.error,
	})
}

/// `GET /v1/operator/tasks`
pub async fn list_tasks(
	State(app): State<Arc<App>>,
	Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
	let limit = usize::try_from(filter.limit()).unwrap_or(usize::MAX);
	let wanted = |value: &str, wanted: &Option<String>| {
		wanted.as_deref().is_none_or(|wanted| wanted == value)
	};
	let tasks: Vec<_> = app
		.database
		.tasks()
		.await?
		.into_iter()
		.filter(|task| wanted(&task.state, &filter.state) && wanted(&task.kind, &filter.kind))
		.take(limit)
		.collect();
	Ok(Json(json!({ "tasks": tasks })))
}
