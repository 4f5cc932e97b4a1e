//! The trustless gateway: blocks and DAGs by CID, for clients that check what they get.

use std::{collections::HashSet, io::SeekFrom, sync::Arc};

use axum::{
	body::Body,
	extract::{Path, Query, State},
	http::{header, HeaderMap, StatusCode},
	response::{IntoResponse, Response},
};
use bytes::Bytes;
use cid::Cid;
use futures::stream;
use holdfast_data::{
	block,
	car::{CarHeader, CarWriter},
	unixfs,
};
use holdfast_primitives::CommP;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::ApiError;
use crate::app::App;

const RAW_TYPE: &str = "application/vnd.ipld.raw";
const CAR_TYPE: &str = "application/vnd.ipld.car";

/// The most nodes of a DAG that one response has.
const MAX_BLOCKS: usize = 1 << 20;

/// The query's fields.
#[derive(Debug, Deserialize)]
pub struct Wanted {
	format: Option<String>,
	#[serde(rename = "dag-scope")]
	dag_scope: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
	Raw,
	Car,
}

/// `GET /ipfs/{cid}?format=raw|car`
pub async fn show(
	State(app): State<Arc<App>>,
	Path(cid): Path<String>,
	Query(wanted): Query<Wanted>,
	headers: HeaderMap,
) -> Result<Response, ApiError> {
	let cid: Cid = cid
		.parse()
		.map_err(|_| ApiError::bad_request("malformed-cid", "this is not a CID"))?;
	let accept = headers
		.get(header::ACCEPT)
		.and_then(|value| value.to_str().ok());
	let format = format(wanted.format.as_deref(), accept)?;
	let whole_dag = match wanted.dag_scope.as_deref() {
		None | Some("all" | "entity") => true,
		Some("block") => false,
		Some(_) => {
			return Err(ApiError::bad_request(
				"dag-scope",
				"dag-scope is block, entity or all",
			))
		},
	};
	let Some(data) = read_block(&app, &cid).await? else {
		return Err(ApiError::not_found("this provider does not hold the block"));
	};
	let (body, content_type) = match format {
		Format::Raw => (Body::from(data), RAW_TYPE),
		Format::Car => (
			Body::from_stream(car_stream(app, cid, data, whole_dag)),
			CAR_TYPE,
		),
	};
	let mut response = (StatusCode::OK, body).into_response();
	let suffix = if format == Format::Raw { "raw" } else { "car" };
	let extras = [
		(header::CONTENT_TYPE, content_type.to_owned()),
		(header::ETAG, format!("\"{cid}.{suffix}\"")),
		(
			header::CACHE_CONTROL,
			"public, max-age=29030400, immutable".to_owned(),
		),
		(header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
	];
	for (name, value) in extras {
		if let Ok(value) = value.parse() {
			response.headers_mut().insert(name, value);
		}
	}
	Ok(response)
}

fn format(query: Option<&str>, accept: Option<&str>) -> Result<Format, ApiError> {
	match query {
		Some("raw") => return Ok(Format::Raw),
		Some("car") => return Ok(Format::Car),
		Some(_) => {
			return Err(ApiError::bad_request(
				"format",
				"only the formats raw and car are served",
			))
		},
		None => {},
	}
	let accepts = |name| accept.is_some_and(|accept| accept.contains(name));
	if accepts(RAW_TYPE) {
		Ok(Format::Raw)
	} else if accepts(CAR_TYPE) {
		Ok(Format::Car)
	} else {
		Err(ApiError::new(
			StatusCode::NOT_ACCEPTABLE,
			"format",
			"this is a trustless gateway: ask for ?format=raw or ?format=car",
		))
	}
}

/// A stored block, checked against its CID. `None` if there is none.
async fn read_block(app: &App, cid: &Cid) -> Result<Option<Vec<u8>>, ApiError> {
	for location in app.database.find_block(&cid.to_string()).await? {
		let Some(comm_p) = CommP::from_hex(&location.comm_p) else {
			continue;
		};
		let path = app.store.piece(&comm_p);
		let Ok(mut file) = tokio::fs::File::open(&path).await else {
			continue;
		};
		let mut data = Vec::new();
		let read = async {
			file.seek(SeekFrom::Start(location.position)).await?;
			file.take(location.length).read_to_end(&mut data).await
		};
		match read.await {
			Ok(_) if block::verify(cid, &data).is_ok() => return Ok(Some(data)),
			Ok(_) => tracing::error!(%cid, piece = location.comm_p, "a stored block is damaged"),
			Err(error) => tracing::error!(%cid, "cannot read {}: {error}", path.display()),
		}
	}
	Ok(None)
}

struct Walk {
	app: Arc<App>,
	/// What is sent next.
	ready: Option<(Cid, Vec<u8>)>,
	/// What is sent after that, the next one last.
	pending: Vec<Cid>,
	seen: HashSet<Cid>,
	whole_dag: bool,
	header: Option<Vec<u8>>,
}

/// A CAR with the block, and unless `whole_dag` is off everything below it, parents first, each block
/// once. A block that is not here ends the stream with an error: the client sees that it is cut short.
fn car_stream(
	app: Arc<App>,
	cid: Cid,
	data: Vec<u8>,
	whole_dag: bool,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
	let walk = Walk {
		app,
		ready: Some((cid, data)),
		pending: Vec::new(),
		seen: HashSet::from([cid]),
		whole_dag,
		header: Some(CarHeader { roots: vec![cid] }.encode()),
	};
	stream::try_unfold(walk, |mut walk| async move {
		if let Some(header) = walk.header.take() {
			return Ok(Some((Bytes::from(header), walk)));
		}
		let (cid, data) = match walk.ready.take() {
			Some(ready) => ready,
			None => {
				let Some(cid) = walk.pending.pop() else {
					return Ok(None);
				};
				let data = read_block(&walk.app, &cid)
					.await
					.map_err(|_| std::io::Error::other("the database failed"))?
					.ok_or_else(|| std::io::Error::other(format!("{cid} is not here")))?;
				(cid, data)
			},
		};
		if walk.whole_dag {
			// What is not dag-pb, or not decodable as such, has no links that are followed.
			let links = unixfs::links(&cid, &data).unwrap_or_default();
			for link in links.into_iter().rev() {
				if walk.seen.len() < MAX_BLOCKS && walk.seen.insert(link) {
					walk.pending.push(link);
				}
			}
		}
		let section = section(&cid, &data)?;
		Ok(Some((section, walk)))
	})
}

/// A block as a CAR has it.
fn section(cid: &Cid, data: &[u8]) -> Result<Bytes, std::io::Error> {
	let mut whole = CarWriter::new(Vec::new(), Vec::new())?;
	let header = usize::try_from(whole.written()).map_err(std::io::Error::other)?;
	whole.write_block(cid, data)?;
	Ok(Bytes::from(whole.finish()?).slice(header..))
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn the_format_comes_from_the_query_or_the_header() {
		assert_eq!(format(Some("raw"), None).unwrap(), Format::Raw);
		assert_eq!(format(Some("car"), Some(RAW_TYPE)).unwrap(), Format::Car);
		assert_eq!(format(None, Some(RAW_TYPE)).unwrap(), Format::Raw);
		let accept = "application/vnd.ipld.car; version=1; order=dfs, */*;q=0.1";
		assert_eq!(format(None, Some(accept)).unwrap(), Format::Car);
		assert!(format(None, None).is_err());
		assert!(format(None, Some("text/html")).is_err());
		assert!(format(Some("tar"), None).is_err());
	}

	#[test]
	fn sections_are_those_of_a_whole_car() {
		let cid = block::raw_cid(b"data");
		let mut car = CarWriter::new(Vec::new(), vec![cid]).unwrap();
		car.write_block(&cid, b"data").unwrap();
		let expected = car.finish().unwrap();
		let mut built = CarHeader { roots: vec![cid] }.encode();
		built.extend_from_slice(&section(&cid, b"data").unwrap());
		assert_eq!(built, expected);
	}
}
