//! What a request to the gateway asks for: the query's fields first, then the `Accept` header.

use axum::http::{header, HeaderMap, StatusCode};
use serde::Deserialize;

use super::super::ApiError;

/// The type of a block.
pub(super) const RAW_TYPE: &str = "application/vnd.ipld.raw";
/// The type of a CAR.
pub(super) const CAR_TYPE: &str = "application/vnd.ipld.car";

/// The query's fields. Others are passed over.
#[derive(Debug, Default, Deserialize)]
pub struct Query {
	format: Option<String>,
	#[serde(rename = "dag-scope")]
	dag_scope: Option<String>,
	#[serde(rename = "entity-bytes")]
	entity_bytes: Option<String>,
	#[serde(rename = "car-version")]
	version: Option<String>,
	#[serde(rename = "car-order")]
	order: Option<String>,
	#[serde(rename = "car-dups")]
	dups: Option<String>,
	filename: Option<String>,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
	pub format: Format,
	/// The name to save it under.
	pub file_name: Option<String>,
	/// Whether the address alone does not tell the format.
	pub negotiated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
	/// One block.
	Raw,
	/// A part of a DAG.
	Car(Part),
}

/// What of a DAG a CAR has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
	pub scope: Scope,
	/// Whether a block is sent as often as it occurs.
	pub repeats: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
	/// One block.
	Block,
	/// A file, or a directory without what its entries name. Of a file only these bytes, if there are any.
	Entity(Option<Bytes>),
	/// Everything below.
	All,
}

/// A range as `entity-bytes` has it: negative numbers count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
	pub from: i64,
	/// The last byte. Without it: the end.
	pub to: Option<i64>,
}

/// What a range of a file with so many bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
	/// From the first to the last byte, both inside the file.
	Inside { first: u64, last: u64 },
	/// No byte at all.
	Empty,
	/// All of it lies behind or before the file.
	Outside,
}

impl Bytes {
	fn parse(text: &str) -> Option<Self> {
		let number = |text: &str| {
			let digits = text.strip_prefix('-').unwrap_or(text);
			(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
				.then(|| text.parse::<i64>().ok())
				.flatten()
		};
		let (from, to) = text.split_once(':')?;
		let range = Self {
			from: number(from)?,
			to: match to {
				"*" => None,
				to => Some(number(to)?),
			},
		};
		// With both on the same side, their order is known without the file.
		let backwards = range
			.to
			.is_some_and(|to| to < range.from && (to < 0) == (range.from < 0));
		(!backwards).then_some(range)
	}

	/// Which bytes of a file of that length these are.
	pub(super) fn of(self, length: u64) -> Resolved {
		let length = i128::from(length);
		let place = |position: i64| {
			let position = i128::from(position);
			if position < 0 {
				length.saturating_add(position)
			} else {
				position
			}
		};
		let from = place(self.from);
		let to = self.to.map_or(length.saturating_sub(1), place);
		if from >= length || to < 0 {
			return if length == 0 {
				Resolved::Empty
			} else {
				Resolved::Outside
			};
		}
		let (first, last) = (from.max(0), to.min(length.saturating_sub(1)));
		match (u64::try_from(first), u64::try_from(last)) {
			(Ok(first), Ok(last)) if first <= last => Resolved::Inside { first, last },
			_ => Resolved::Empty,
		}
	}
}

impl Wanted {
	/// Reads a request.
	pub(super) fn read(query: Query, headers: &HeaderMap) -> Result<Self, ApiError> {
		let accept = accepted(headers);
		let negotiated = query.format.is_none();
		let format = match query.format.as_deref() {
			Some("raw") => Format::Raw,
			Some("car") => Format::Car(part(
				&query,
				accept.as_ref().and_then(|accept| accept.car.as_ref()),
			)?),
			Some(_) => {
				return Err(ApiError::bad_request(
					"format",
					"only the formats raw and car are served",
				))
			},
			None => match accept {
				None => {
					return Err(ApiError::bad_request(
						"format",
						"this is a trustless gateway: ask for ?format=raw or ?format=car",
					))
				},
				Some(Accepted { first: None, .. }) => {
					return Err(ApiError::new(
						StatusCode::NOT_ACCEPTABLE,
						"format",
						"this is a trustless gateway: it has application/vnd.ipld.raw and application/vnd.ipld.car \
						 (version 1, depth first) only",
					))
				},
				Some(Accepted {
					first: Some(First::Raw),
					..
				}) => Format::Raw,
				Some(Accepted {
					first: Some(First::Car),
					car,
				}) => Format::Car(part(&query, car.as_ref())?),
			},
		};
		Ok(Self {
			format,
			file_name: query.filename,
			negotiated,
		})
	}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
	Raw,
	Car,
}

/// What of an `Accept` header can be had.
#[derive(Debug)]
struct Accepted {
	/// What is liked best.
	first: Option<First>,
	/// The CAR that is liked best.
	car: Option<Car>,
}

/// A CAR's parameters in an `Accept` header.
#[derive(Clone, Copy, Debug)]
struct Car {
	repeats: Option<bool>,
}

/// Reads all `Accept` headers. `None` if there is none.
fn accepted(headers: &HeaderMap) -> Option<Accepted> {
	let mut found = false;
	// Thousandths, and what they are for. The first one of several equal ones counts.
	let mut best: Option<(u32, First)> = None;
	let mut best_car: Option<(u32, Car)> = None;
	for value in headers.get_all(header::ACCEPT) {
		found = true;
		let Ok(text) = value.to_str() else { continue };
		for choice in text.split(',') {
			let mut parts = choice.split(';').map(str::trim);
			let name = parts.next().unwrap_or_default().to_ascii_lowercase();
			let mut weight = 1000;
			let mut car = Some(Car { repeats: None });
			for parameter in parts {
				let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
				let value = value.trim().trim_matches('"');
				match (key.trim(), value) {
					("q", value) => weight = thousandths(value),
					("version", "1") | ("order", "dfs" | "unk" | "") => {},
					("dups", "y") => {
						car = car.map(|_| Car {
							repeats: Some(true),
						})
					},
					("dups", "n") => {
						car = car.map(|_| Car {
							repeats: Some(false),
						});
					},
					("version" | "order" | "dups", _) => car = None,
					_ => {},
				}
			}
			if weight == 0 {
				continue;
			}
			let first = match (name.as_str(), car) {
				(RAW_TYPE, _) => First::Raw,
				(CAR_TYPE, Some(car)) => {
					if best_car.is_none_or(|(other, _)| weight > other) {
						best_car = Some((weight, car));
					}
					First::Car
				},
				_ => continue,
			};
			if best.is_none_or(|(other, _)| weight > other) {
				best = Some((weight, first));
			}
		}
	}
	found.then_some(Accepted {
		first: best.map(|(_, first)| first),
		car: best_car.map(|(_, car)| car),
	})
}

/// A weight such as `0.5`, in thousandths. What is no weight counts as the greatest.
fn thousandths(text: &str) -> u32 {
	let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
	let mut digits: String = fraction.chars().take(3).collect();
	while digits.len() < 3 {
		digits.push('0');
	}
	match (whole.parse::<u32>(), digits.parse::<u32>()) {
		(Ok(0), Ok(fraction)) => fraction,
		_ => 1000,
	}
}

fn part(query: &Query, accepted: Option<&Car>) -> Result<Part, ApiError> {
	if !matches!(query.version.as_deref(), None | Some("1")) {
		return Err(ApiError::bad_request(
			"car-version",
			"only version 1 of CAR is served",
		));
	}
	if !matches!(query.order.as_deref(), None | Some("dfs" | "unk")) {
		return Err(ApiError::bad_request(
			"car-order",
			"car-order is dfs or unk",
		));
	}
	let repeats = match query.dups.as_deref() {
		Some("y") => true,
		Some("n") => false,
		Some(_) => return Err(ApiError::bad_request("car-dups", "car-dups is y or n")),
		None => accepted.and_then(|car| car.repeats).unwrap_or(false),
	};
	let bytes = query
		.entity_bytes
		.as_deref()
		.map(|text| {
			Bytes::parse(text).ok_or_else(|| {
				ApiError::bad_request(
					"entity-bytes",
					"entity-bytes is from:to, numbers that may count from the end, or from:*",
				)
			})
		})
		.transpose()?;
	let scope = match (query.dag_scope.as_deref(), bytes) {
		(None | Some("all" | "block" | "entity"), Some(bytes)) => Scope::Entity(Some(bytes)),
		(None | Some("all"), None) => Scope::All,
		(Some("entity"), None) => Scope::Entity(None),
		(Some("block"), None) => Scope::Block,
		(Some(_), _) => {
			return Err(ApiError::bad_request(
				"dag-scope",
				"dag-scope is block, entity or all",
			))
		},
	};
	Ok(Part { scope, repeats })
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use proptest::prelude::*;

	fn query(text: &str) -> Query {
		let mut query = Query::default();
		for (key, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
			let value = Some(value.to_owned());
			match key {
				"format" => query.format = value,
				"dag-scope" => query.dag_scope = value,
				"entity-bytes" => query.entity_bytes = value,
				"car-version" => query.version = value,
				"car-order" => query.order = value,
				"car-dups" => query.dups = value,
				_ => panic!("{key}"),
			}
		}
		query
	}

	fn read(text: &str, accept: Option<&str>) -> Result<Format, u16> {
		let mut headers = HeaderMap::new();
		if let Some(accept) = accept {
			headers.insert(header::ACCEPT, accept.parse().unwrap());
		}
		Wanted::read(query(text), &headers)
			.map(|wanted| wanted.format)
			.map_err(|error| error.status().as_u16())
	}

	fn car(scope: Scope, repeats: bool) -> Result<Format, u16> {
		Ok(Format::Car(Part { scope, repeats }))
	}

	#[test]
	fn the_query_goes_before_the_header() {
		assert_eq!(read("format=raw", Some(CAR_TYPE)), Ok(Format::Raw));
		assert_eq!(read("format=car", Some(RAW_TYPE)), car(Scope::All, false));
		let repeating = "application/vnd.ipld.car; version=1; order=dfs; dups=y";
		assert_eq!(read("format=car", Some(repeating)), car(Scope::All, true));
		assert_eq!(read("car-dups=n", Some(repeating)), car(Scope::All, false));
	}

	#[test]
	fn the_header_says_what_is_liked_best() {
		assert_eq!(read("", Some(RAW_TYPE)), Ok(Format::Raw));
		let either = "application/vnd.ipld.raw;q=0.3, application/vnd.ipld.car;dups=y;q=0.8";
		assert_eq!(read("", Some(either)), car(Scope::All, true));
		let second =
			"application/vnd.ipld.car;order=foo, application/vnd.ipld.car;order=dfs;dups=y;q=0.5";
		assert_eq!(read("", Some(second)), car(Scope::All, true));
		let unknown_order = "application/vnd.ipld.car; version=1; order=unk";
		assert_eq!(read("", Some(unknown_order)), car(Scope::All, false));
		assert_eq!(read("", Some("application/vnd.ipld.car;q=0")), Err(406));
	}

	#[test]
	fn what_cannot_be_had_is_refused() {
		assert_eq!(read("", None), Err(400));
		for accept in [
			"*/*",
			"text/html",
			"application/vnd.ipld.car; version=2",
			"application/vnd.ipfs.ipns-record",
		] {
			assert_eq!(read("", Some(accept)), Err(406), "{accept}");
		}
		for bad in [
			"format=tar",
			"format=car&dag-scope=some",
			"format=car&car-version=2",
			"format=car&car-order=bfs",
			"format=car&car-dups=maybe",
			"format=car&entity-bytes=5",
			"format=car&entity-bytes=a:b",
			"format=car&entity-bytes=*:5",
			"format=car&entity-bytes=+1:5",
			"format=car&entity-bytes=9:5",
			"format=car&entity-bytes=-5:-9",
			"format=car&entity-bytes=99999999999999999999:*",
		] {
			assert_eq!(read(bad, None), Err(400), "{bad}");
		}
	}

	#[test]
	fn bytes_of_an_entity_imply_its_scope() {
		let bytes = |from, to| Scope::Entity(Some(Bytes { from, to }));
		for scope in [
			"",
			"&dag-scope=all",
			"&dag-scope=entity",
			"&dag-scope=block",
		] {
			let text = format!("format=car&entity-bytes=0:*{scope}");
			assert_eq!(read(&text, None), car(bytes(0, None), false));
		}
		assert_eq!(
			read("format=car&entity-bytes=499:-1000", None),
			car(bytes(499, Some(-1000)), false)
		);
		assert_eq!(
			read("format=car&dag-scope=entity", None),
			car(Scope::Entity(None), false)
		);
		assert_eq!(
			read("format=car&dag-scope=block", None),
			car(Scope::Block, false)
		);
	}

	#[test]
	fn ranges_are_cut_to_the_file() {
		let inside = |first, last| Resolved::Inside { first, last };
		let cases = [
			("0:*", 1026, inside(0, 1025)),
			("0:0", 1026, inside(0, 0)),
			("512:1023", 1026, inside(512, 1023)),
			("512:-256", 1026, inside(512, 770)),
			("-5:*", 1026, inside(1021, 1025)),
			("-9999:*", 1026, inside(0, 1025)),
			("-9999:-3", 1026, inside(0, 1023)),
			("1000:9999", 1026, inside(1000, 1025)),
			("1026:*", 1026, Resolved::Outside),
			("2000:3000", 1026, Resolved::Outside),
			("-9999:-2000", 1026, Resolved::Outside),
			("800:-900", 1026, Resolved::Empty),
			("0:*", 0, Resolved::Empty),
			("7:*", 0, Resolved::Empty),
		];
		for (text, length, expected) in cases {
			let bytes = Bytes::parse(text).unwrap();
			assert_eq!(bytes.of(length), expected, "{text} of {length}");
		}
	}

	proptest! {
		#[test]
		fn a_range_never_leaves_the_file(from: i64, to: Option<i64>, length: u64) {
			if let Resolved::Inside { first, last } = (Bytes { from, to }).of(length) {
				prop_assert!(first <= last && last < length);
			}
		}

		#[test]
		fn no_text_is_a_panic(text in "[-0-9:*+ a]{0,30}", accept in "[-a-z/*;=,.0-9 ]{0,60}") {
			let _ = Bytes::parse(&text);
			let mut headers = HeaderMap::new();
			headers.insert(header::ACCEPT, accept.parse().unwrap());
			let _ = accepted(&headers);
		}
	}
}
