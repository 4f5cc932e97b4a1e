//! Conditional and partial answers: `If-None-Match`, `Range` and `If-Range` as RFC 9110 has them.

use axum::{
	http::{header, HeaderMap, HeaderName, StatusCode},
	response::{IntoResponse, Response},
};

use super::ApiError;

/// What part of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
	Whole,
	Range { first: u64, last: u64 },
	Unsatisfiable,
}

/// Whether the client has what would be sent.
pub(super) fn not_modified(headers: &HeaderMap, etag: &str) -> bool {
	let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
	headers
		.get_all(header::IF_NONE_MATCH)
		.iter()
		.filter_map(|value| value.to_str().ok())
		.flat_map(|value| value.split(','))
		.any(|tag| tag.trim() == "*" || strong(tag) == strong(etag))
}

/// What part of something with that name and length is asked for.
pub(super) fn part_of(headers: &HeaderMap, etag: &str, length: u64) -> Part {
	let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
	match text(header::IF_RANGE) {
		// The client has a part of something else.
		Some(known) if known.trim() != etag => Part::Whole,
		_ => parse_range(text(header::RANGE), length),
	}
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

/// The answer to a range that lies behind the end.
pub(super) fn unsatisfiable(length: u64) -> Response {
	let mut response = ApiError::new(
		StatusCode::RANGE_NOT_SATISFIABLE,
		"range",
		format!("there are {length} bytes"),
	)
	.into_response();
	insert(
		&mut response,
		header::CONTENT_RANGE,
		&format!("bytes */{length}"),
	);
	response
}

/// Sets a header. A value that no header can have is left out.
pub(super) fn insert(response: &mut Response, name: HeaderName, value: &str) {
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

	#[test]
	fn a_range_of_something_else_is_not_sent() {
		let mut headers = HeaderMap::new();
		headers.insert(header::RANGE, "bytes=1-2".parse().unwrap());
		let range = Part::Range { first: 1, last: 2 };
		assert_eq!(part_of(&headers, "\"a\"", 10), range);
		headers.insert(header::IF_RANGE, "\"a\"".parse().unwrap());
		assert_eq!(part_of(&headers, "\"a\"", 10), range);
		assert_eq!(part_of(&headers, "\"b\"", 10), Part::Whole);
	}

	#[test]
	fn what_the_client_has_is_found_in_a_list() {
		let mut headers = HeaderMap::new();
		assert!(!not_modified(&headers, "\"a\""));
		headers.insert(header::IF_NONE_MATCH, "\"x\", W/\"a\"".parse().unwrap());
		assert!(not_modified(&headers, "\"a\""));
		assert!(!not_modified(&headers, "\"b\""));
		headers.insert(header::IF_NONE_MATCH, "*".parse().unwrap());
		assert!(not_modified(&headers, "\"b\""));
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
