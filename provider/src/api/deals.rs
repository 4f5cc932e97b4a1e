//! Offering deals, sending their data, and asking how far they are.

use std::sync::Arc;

use axum::{
	body::Body,
	extract::{rejection::JsonRejection, Path, State},
	http::{HeaderMap, StatusCode},
	response::{IntoResponse, Response},
	Json,
};
use blake2::{digest::consts::U32, Blake2b, Digest as _};
use serde::Serialize;
use serde_json::json;

use super::{operator::bearer, ApiError};
use crate::{
	app::App,
	database::{DatabaseError, DealEvent, DealState},
	deal::{intake, upload},
	token::Token,
};

/// The header that says where the body belongs.
const OFFSET_HEADER: &str = "upload-offset";
/// Under which name the secret of the upload tokens is remembered.
const UPLOAD_SECRET: &str = "upload_secret";

/// `POST /v1/deals`
pub async fn offer(
	State(app): State<Arc<App>>,
	body: Result<Json<intake::Offer>, JsonRejection>,
) -> Result<Response, ApiError> {
	let Json(offer) = body.map_err(|rejection| {
		let code = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
			"too-much-data"
		} else {
			"malformed-offer"
		};
		ApiError::new(rejection.status(), code, rejection.body_text())
	})?;
	let taken = intake::take(&app, &offer).await?;
	let status = if taken.new {
		StatusCode::CREATED
	} else {
		StatusCode::OK
	};
	// Whoever signed the proposal may send the data, and nobody else may fill the disk.
	let token = upload_token(&app, &taken.id).await?;
	let body = json!({ "id": taken.id, "received": taken.received, "uploadToken": token });
	Ok((status, Json(body)).into_response())
}

/// What the client shows to send a deal's data: it cannot be had without the proposal's signature.
async fn upload_token(app: &App, id: &str) -> Result<String, DatabaseError> {
	let fresh = const_hex::encode(rand::random::<[u8; 32]>());
	let secret = app.database.meta_or_insert(UPLOAD_SECRET, &fresh).await?;
	let mut hasher = Blake2b::<U32>::new();
	// The secret has a fixed length, so that what follows cannot be taken for a part of it.
	hasher.update(secret.as_bytes());
	hasher.update(id.as_bytes());
	Ok(const_hex::encode(hasher.finalize()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
	id: String,
	state: DealState,
	received: u64,
	payload_bytes: u64,
	root: String,
	piece: String,
	#[serde(skip_serializing_if = "Option::is_none")]
	deal_id: Option<u64>,
	#[serde(skip_serializing_if = "Option::is_none")]
	sector: Option<u64>,
	#[serde(skip_serializing_if = "Option::is_none")]
	error: Option<String>,
	events: Vec<DealEvent>,
}

/// `GET /v1/deals/{id}`
pub async fn show(
	State(app): State<Arc<App>>,
	Path(id): Path<String>,
) -> Result<Response, ApiError> {
	let deal = app.database.deal(&id).await?.ok_or_else(|| {
		ApiError::new(
			StatusCode::NOT_FOUND,
			"unknown-deal",
			"there is no such deal",
		)
	})?;
	let events = app.database.deal_events(&id).await?;
	Ok(Json(Shown {
		id: deal.id,
		state: deal.state,
		received: deal.received,
		payload_bytes: deal.payload_bytes,
		root: deal.root,
		piece: deal.proposal.piece.commitment.to_hex(),
		deal_id: deal.deal_id,
		sector: deal.sector,
		error: deal.error,
		events,
	})
	.into_response())
}

/// `PATCH /v1/deals/{id}/data`
pub async fn upload(
	State(app): State<Arc<App>>,
	Path(id): Path<String>,
	headers: HeaderMap,
	body: Body,
) -> Result<Response, ApiError> {
	let offset = headers
		.get(OFFSET_HEADER)
		.and_then(|value| value.to_str().ok())
		.and_then(|text| text.parse::<u64>().ok())
		.ok_or_else(|| {
			ApiError::bad_request(
				"upload-offset",
				"the header Upload-Offset is missing or not a number: say where the body begins",
			)
		})?;
	let token = upload_token(&app, &id).await?;
	if !bearer(&headers).is_some_and(|shown| Token::new(&token).matches(shown)) {
		return Err(ApiError::new(
			StatusCode::UNAUTHORIZED,
			"no-token",
			"send the uploadToken that the offer's answer has as `Authorization: Bearer …`",
		));
	}
	let received = upload::receive(&app, &id, offset, body.into_data_stream()).await?;
	Ok(Json(json!({ "received": received })).into_response())
}
