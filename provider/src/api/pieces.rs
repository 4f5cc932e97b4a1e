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

use super::ApiError;
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
		return Err(ApiError::not_found("this provider does not hold the piece"));
	}
	let range = headers
		.get(header::RANGE)
		.and_then(|value| value.to_str().ok());
	send_file(
		&path,
		range,
		&format!("\"{name}\""),
		"application/vnd.ipld.car",
	)
	.await
}

/// What part of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
	Whole,
	Range { first: u64, last: u64 },
	Unsatisfiable,
}

/// Reads a `Range` header. Several ranges, other units and nonsense are ignored, as RFC 9110 allows.
fn parse_range(header: Option<&str>, length: u64) -> Part {
	let Some(range) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
		return Part::Whole;
	};
	let Some((first, last)) = range.split_once('-') else {
		return Part::Whole;
	};
	let number = |text: &str| {
		let text = text.trim();
		(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
			// A number beyond all lengths is a number all the same.
			.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
	};
	let end = length.saturating_sub(1);
	let (first, last) = match (first.trim(), last.trim()) {
		("", suffix) => match number(suffix) {
			Some(0) => return Part::Unsatisfiable,
			Some(suffix) => (length.saturating_sub(suffix), end),
			None => return Part::Whole,
		},
		(first, "") => match number(first) {
			Some(first) => (first, end),
			None => return Part::Whole,
		},
		(first, last) => match (number(first), number(last)) {
			(Some(first), Some(last)) if first <= last => (first, last.min(end)),
			_ => return Part::Whole,
		},
	};
	if length == 0 || first >= length {
		Part::Unsatisfiable
	} else {
		Part::Range { first, last }
	}
}

async fn send_file(
	path: &FilePath,
	range: Option<&str>,
	etag: &str,
	content_type: &'static str,
) -> Result<Response, ApiError> {
	let failed = |source| StoreError::Files {
		path: path.to_owned(),
		source,
	};
	let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
	let length = file.metadata().await.map_err(failed)?.len();
	let part = parse_range(range, length);
	let (status, first, count) = match part {
		Part::Whole => (StatusCode::OK, 0, length),
		Part::Range { first, last } => (
			StatusCode::PARTIAL_CONTENT,
			first,
			last.saturating_sub(first).saturating_add(1),
		),
		Part::Unsatisfiable => {
			let mut response = ApiError::new(
				StatusCode::RANGE_NOT_SATISFIABLE,
				"range",
				format!("the file has {length} bytes"),
			)
			.into_response();
			insert(
				&mut response,
				header::CONTENT_RANGE,
				&format!("bytes */{length}"),
			);
			return Ok(response);
		},
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

fn insert(response: &mut Response, name: header::HeaderName, value: &str) {
	if let Ok(value) = value.parse() {
		response.headers_mut().insert(name, value);
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn ranges_are_read_as_the_standard_says() {
		let range = |first, last| Part::Range { first, last };
		let cases = [
			(None, Part::Whole),
			(Some("bytes=0-0"), range(0, 0)),
			(Some("bytes=5-"), range(5, 9)),
			(Some("bytes=5-100"), range(5, 9)),
			(Some("bytes=-3"), range(7, 9)),
			(Some("bytes=-30"), range(0, 9)),
			(Some("bytes=10-"), Part::Unsatisfiable),
			(Some("bytes=-0"), Part::Unsatisfiable),
			(Some("bytes=99999999999999999999-"), Part::Unsatisfiable),
			(Some("bytes=7-5"), Part::Whole),
			(Some("bytes=0-1,3-4"), Part::Whole),
			(Some("bytes=-"), Part::Whole),
			(Some("bytes=+1-2"), Part::Whole),
			(Some("lines=1-2"), Part::Whole),
		];
		for (header, expected) in cases {
			assert_eq!(parse_range(header, 10), expected, "{header:?}");
		}
		assert_eq!(parse_range(Some("bytes=0-"), 0), Part::Unsatisfiable);
	}

	proptest! {
		#[test]
		fn a_range_never_leaves_the_file(header in "(bytes=)?[-0-9, ]{0,30}", length: u64) {
			if let Part::Range { first, last } = parse_range(Some(&header), length) {
				prop_assert!(first <= last && last < length);
			}
		}
	}
}
