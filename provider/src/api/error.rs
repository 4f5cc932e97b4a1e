//! Errors as the API shows them: `{"error": "…", "code": "kebab-case"}`.

use axum::{
	http::StatusCode,
	response::{IntoResponse, Response},
	Json,
};
use serde::Serialize;

use crate::{
	database::DatabaseError,
	deal::{check::CheckError, intake::IntakeError, upload::UploadError},
	metrics::MetricsError,
	store::StoreError,
};

/// An answer that is an error.
#[derive(Debug)]
pub struct ApiError {
	status: StatusCode,
	body: Body,
}

#[derive(Debug, Serialize)]
struct Body {
	error: String,
	code: &'static str,
	#[serde(skip_serializing_if = "Option::is_none")]
	received: Option<u64>,
}

impl ApiError {
	/// An error with that status, code and text.
	pub fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Self {
		Self {
			status,
			body: Body {
				error: error.into(),
				code,
				received: None,
			},
		}
	}

	/// The status that the answer has.
	pub const fn status(&self) -> StatusCode {
		self.status
	}

	/// Nothing is there.
	pub fn not_found(error: impl Into<String>) -> Self {
		Self::new(StatusCode::NOT_FOUND, "not-found", error)
	}

	/// The request makes no sense.
	pub fn bad_request(code: &'static str, error: impl Into<String>) -> Self {
		Self::new(StatusCode::BAD_REQUEST, code, error)
	}

	/// Something here is broken. The details are for the log.
	fn internal(error: &dyn std::error::Error) -> Self {
		tracing::error!("a request failed: {error}");
		Self::new(
			StatusCode::INTERNAL_SERVER_ERROR,
			"internal",
			"the provider has a problem: try again later",
		)
	}

	fn with_received(mut self, received: u64) -> Self {
		self.body.received = Some(received);
		self
	}
}

impl IntoResponse for ApiError {
	fn into_response(self) -> Response {
		(self.status, Json(self.body)).into_response()
	}
}

impl From<DatabaseError> for ApiError {
	fn from(error: DatabaseError) -> Self {
		Self::internal(&error)
	}
}

impl From<MetricsError> for ApiError {
	fn from(error: MetricsError) -> Self {
		Self::internal(&error)
	}
}

impl From<StoreError> for ApiError {
	fn from(error: StoreError) -> Self {
		if let StoreError::Files { source, .. } = &error {
			if source.kind() == std::io::ErrorKind::StorageFull {
				tracing::error!("the disk is full: {error}");
				return Self::new(
					StatusCode::INSUFFICIENT_STORAGE,
					"no-space",
					"the provider's disk is full: try again later",
				);
			}
		}
		Self::internal(&error)
	}
}

impl From<IntakeError> for ApiError {
	fn from(error: IntakeError) -> Self {
		let (status, code) = match &error {
			IntakeError::Malformed { .. } => (StatusCode::BAD_REQUEST, "malformed-offer"),
			IntakeError::BadSignature => (StatusCode::FORBIDDEN, "bad-signature"),
			IntakeError::OtherProvider { .. } => {
				(StatusCode::UNPROCESSABLE_ENTITY, "other-provider")
			},
			IntakeError::NotAccepting => (StatusCode::SERVICE_UNAVAILABLE, "not-accepting"),
			IntakeError::PieceSize { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "piece-size"),
			IntakeError::PayloadSize { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "payload-size"),
			IntakeError::PriceTooLow { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "price-too-low"),
			IntakeError::PriceOverflow => (StatusCode::UNPROCESSABLE_ENTITY, "price-overflow"),
			IntakeError::StartsTooSoon { .. } => {
				(StatusCode::UNPROCESSABLE_ENTITY, "starts-too-soon")
			},
			IntakeError::StartsTooLate { .. } => {
				(StatusCode::UNPROCESSABLE_ENTITY, "starts-too-late")
			},
			IntakeError::Expiry { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "proposal-expiry"),
			IntakeError::Duration { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "duration"),
			IntakeError::Collateral { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "collateral"),
			IntakeError::TooManyWaiting => (StatusCode::TOO_MANY_REQUESTS, "too-many-waiting"),
			IntakeError::NoSpace { .. } => (StatusCode::INSUFFICIENT_STORAGE, "no-space"),
			IntakeError::NonceUsed { .. } => (StatusCode::CONFLICT, "nonce-used"),
			IntakeError::ClientEscrow { .. } => (StatusCode::PAYMENT_REQUIRED, "client-escrow"),
			IntakeError::ProviderFunds => (StatusCode::SERVICE_UNAVAILABLE, "provider-funds"),
			IntakeError::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "not-ready"),
			IntakeError::Over { .. } => (StatusCode::CONFLICT, "deal-over"),
			IntakeError::Chain(_) => (StatusCode::SERVICE_UNAVAILABLE, "chain-unavailable"),
			IntakeError::Database(_) => return Self::internal(&error),
			IntakeError::Store(_) => {
				return match error {
					IntakeError::Store(error) => error.into(),
					other => Self::internal(&other),
				}
			},
		};
		Self::new(status, code, error.to_string())
	}
}

impl From<UploadError> for ApiError {
	fn from(error: UploadError) -> Self {
		let text = error.to_string();
		match error {
			UploadError::UnknownDeal => Self::new(StatusCode::NOT_FOUND, "unknown-deal", text),
			UploadError::Busy => Self::new(StatusCode::LOCKED, "upload-in-progress", text),
			UploadError::NotWaiting { .. } => {
				Self::new(StatusCode::GONE, "not-awaiting-data", text)
			},
			UploadError::WrongOffset { received } => {
				Self::new(StatusCode::CONFLICT, "wrong-offset", text).with_received(received)
			},
			UploadError::TooMuch { .. } => {
				Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-much-data", text)
			},
			UploadError::Interrupted { received, .. } => {
				Self::new(StatusCode::REQUEST_TIMEOUT, "upload-interrupted", text)
					.with_received(received)
			},
			UploadError::Check(CheckError::Mismatch { .. }) => {
				Self::new(StatusCode::UNPROCESSABLE_ENTITY, "commp-mismatch", text).with_received(0)
			},
			UploadError::Check(CheckError::NotACar { .. }) => {
				Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-a-car", text).with_received(0)
			},
			UploadError::Check(CheckError::Store(error)) | UploadError::Store(error) => {
				error.into()
			},
			other => Self::internal(&other),
		}
	}
}
