//! Pieces by their CommP: the CAR file as it was uploaded, whole or a range of it.

use std::{path::Path as FilePath, sync::Arc};

use axum::{
	body::Body,
	extract::{Path, State},
	http::{header, HeaderMap, StatusCode},
	response::{IntoResponse, Response},
};
use holdfast_primitives::CommP;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::io::ReaderStream;

use super::{
	conditional::{insert, not_modified, part_of, unsatisfiable, Part},
	ApiError,
};
use crate::{app::App, store::StoreError};

/// How much is read from the disk at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// `GET /v1/pieces/{CommP}`
pub async fn show(
	State(app): State<Arc<App>>,
	Path(piece): Path<String>,
	headers: HeaderMap,
) -> Result<Response, ApiError> {
	let comm_p = CommP::from_hex(&piece).ok_or_else(|| {
		ApiError::bad_request("malformed-piece", "a piece's name is 64 hexadecimal digits")
	})?;
	let name = comm_p.to_hex();
	let path = app.store.piece(&comm_p);
	if app.database.deal_of_piece(&name).await?.is_none() || !path.is_file() {
		return Err(if app.database.was_stored(&name).await? {
			ApiError::new(
				StatusCode::GONE,
				"gone",
				"the deals for this are over, and the data is removed",
			)
		} else {
			ApiError::not_found("this provider does not hold the piece")
		});
	}
	let etag = format!("\"{name}\"");
	if not_modified(&headers, &etag) {
		let mut response = StatusCode::NOT_MODIFIED.into_response();
		insert(&mut response, header::ETAG, &etag);
		return Ok(response);
	}
	send_file(&path, &headers, &etag, "application/vnd.ipld.car").await
}

pub(super) async fn send_file(
	path: &FilePath,
	headers: &HeaderMap,
	etag: &str,
	content_type: &'static str,
) -> Result<Response, ApiError> {
	let failed = |source| StoreError::Files {
		path: path.to_owned(),
		source,
	};
	let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
	let length = file.metadata().await.map_err(failed)?.len();
	let part = part_of(headers, etag, length);
	let (status, first, count) = match part {
		Part::Whole => (StatusCode::OK, 0, length),
		Part::Range { first, last } => (
			StatusCode::PARTIAL_CONTENT,
			first,
			last.saturating_sub(first).saturating_add(1),
		),
		Part::Unsatisfiable => return Ok(unsatisfiable(length)),
	};
	file.seek(SeekFrom::Start(first)).await.map_err(failed)?;
	let stream = ReaderStream::with_capacity(file.take(count), BUFFER_BYTES);
	let mut response = (status, Body::from_stream(stream)).into_response();
	insert(&mut response, header::CONTENT_TYPE, content_type);
	insert(&mut response, header::CONTENT_LENGTH, &count.to_string());
	insert(&mut response, header::ACCEPT_RANGES, "bytes");
	insert(&mut response, header::ETAG, etag);
	if let Part::Range { first, last } = part {
		let text = format!("bytes {first}-{last}/{length}");
		insert(&mut response, header::CONTENT_RANGE, &text);
	}
	Ok(response)
}
