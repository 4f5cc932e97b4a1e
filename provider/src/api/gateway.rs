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
	unixfs::{Node, ShardChild},
	walk::{self, path_names, Found, NameLookup},
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
/// The most names of a path.
const MAX_NAMES: usize = 64;

/// The query's fields.
#[derive(Debug, Deserialize)]
pub struct Wanted {
	format: Option<String>,
	#[serde(rename = "dag-scope")]
	dag_scope: Option<String>,
	#[serde(rename = "car-dups")]
	dups: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
	Raw,
	Car,
}

/// What of a DAG a CAR has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
	/// One block.
	Block,
	/// A file, or a directory without what its entries name.
	Entity,
	/// Everything below.
	All,
}

/// `GET /ipfs/{cid}?format=raw|car`
pub async fn show(
	app: State<Arc<App>>,
	Path(cid): Path<String>,
	wanted: Query<Wanted>,
	headers: HeaderMap,
) -> Result<Response, ApiError> {
	show_path(app, Path((cid, String::new())), wanted, headers).await
}

/// `GET /ipfs/{cid}/{path}?format=raw|car`: what the path names. A CAR has the blocks on the way there first.
pub async fn show_path(
	State(app): State<Arc<App>>,
	Path((cid, path)): Path<(String, String)>,
	Query(wanted): Query<Wanted>,
	headers: HeaderMap,
) -> Result<Response, ApiError> {
	let root: Cid = cid
		.parse()
		.map_err(|_| ApiError::bad_request("malformed-cid", "this is not a CID"))?;
	let accept = headers
		.get(header::ACCEPT)
		.and_then(|value| value.to_str().ok());
	let format = format(wanted.format.as_deref(), accept)?;
	let scope = match wanted.dag_scope.as_deref() {
		None | Some("all") => Scope::All,
		Some("entity") => Scope::Entity,
		Some("block") => Scope::Block,
		Some(_) => {
			return Err(ApiError::bad_request(
				"dag-scope",
				"dag-scope is block, entity or all",
			))
		},
	};
	let repeats = wanted.dups.as_deref() == Some("y")
		|| (wanted.dups.is_none() && accept.is_some_and(|accept| accept.contains("dups=y")));
	let (cid, mut first) = resolve(&app, &root, &path).await?;
	let Some(data) = read_block(&app, &cid).await? else {
		return Err(ApiError::not_found("this provider does not hold the block"));
	};
	let (body, content_type, suffix) = match format {
		Format::Raw => (Body::from(data), RAW_TYPE, "raw".to_owned()),
		Format::Car => {
			let content_type = match repeats {
				true => "application/vnd.ipld.car; version=1; order=dfs; dups=y",
				false => "application/vnd.ipld.car; version=1; order=dfs; dups=n",
			};
			first.push((cid, data));
			let suffix = format!("{scope:?}.{repeats}.car").to_lowercase();
			let stream = car_stream(app, root, first, scope, repeats);
			(Body::from_stream(stream), content_type, suffix)
		},
	};
	let mut response = (StatusCode::OK, body).into_response();
	let extras = [
		(header::CONTENT_TYPE, content_type.to_owned()),
		(header::ETAG, format!("\"{root}.{cid}.{suffix}\"")),
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

/// What a path below `root` names, and the blocks on the way there.
async fn resolve(
	app: &App,
	root: &Cid,
	path: &str,
) -> Result<(Cid, Vec<(Cid, Vec<u8>)>), ApiError> {
	let mut current = *root;
	let mut trail = Vec::new();
	for (number, name) in path_names(path).enumerate() {
		if number >= MAX_NAMES {
			return Err(ApiError::bad_request("path", "the path has too many names"));
		}
		let mut lookup = NameLookup::new(name);
		loop {
			let Some(data) = read_block(app, &current).await? else {
				return Err(ApiError::not_found("this provider does not hold the block"));
			};
			let found = lookup
				.step(&current, &data)
				.map_err(|_| ApiError::not_found("a block on the path is malformed"))?;
			trail.push((current, data));
			match found {
				Found::Shard(cid) => current = cid,
				Found::Entry(cid) => {
					current = cid;
					break;
				},
				Found::Nothing => return Err(ApiError::not_found("there is nothing at this path")),
			}
		}
	}
	Ok((current, trail))
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
	/// Blocks on a path, and the one that it names, the next one last.
	ready: Vec<(Cid, Vec<u8>)>,
	/// What is sent after that, the next one last.
	pending: Vec<Cid>,
	seen: HashSet<Cid>,
	sent: usize,
	scope: Scope,
	repeats: bool,
	header: Option<Vec<u8>>,
}

/// A CAR with the blocks on a path, and of the last of them, and what is below it, as much as `scope` says:
/// parents first, depth first, each block once unless `repeats`. A block that is not here ends the stream
/// with an error: the client sees that it is cut short.
fn car_stream(
	app: Arc<App>,
	root: Cid,
	mut first: Vec<(Cid, Vec<u8>)>,
	scope: Scope,
	repeats: bool,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
	first.reverse();
	let walk = Walk {
		app,
		seen: first.iter().map(|(cid, _)| *cid).collect(),
		ready: first,
		pending: Vec::new(),
		sent: 0,
		scope,
		repeats,
		header: Some(CarHeader { roots: vec![root] }.encode()),
	};
	stream::try_unfold(walk, |mut walk| async move {
		if let Some(header) = walk.header.take() {
			return Ok(Some((Bytes::from(header), walk)));
		}
		// Of the blocks on a path only the last has anything below it that is wanted.
		let (cid, data, follows) = match walk.ready.pop() {
			Some((cid, data)) => (cid, data, walk.ready.is_empty()),
			None => {
				let Some(cid) = walk.pending.pop() else {
					return Ok(None);
				};
				let data = read_block(&walk.app, &cid)
					.await
					.map_err(|_| std::io::Error::other("the database failed"))?
					.ok_or_else(|| std::io::Error::other(format!("{cid} is not here")))?;
				(cid, data, true)
			},
		};
		walk.sent = walk.sent.saturating_add(1);
		if walk.sent > MAX_BLOCKS {
			return Err(std::io::Error::other("the DAG has too many blocks"));
		}
		if follows {
			for link in links(&cid, &data, walk.scope).into_iter().rev() {
				if walk.repeats || walk.seen.insert(link) {
					walk.pending.push(link);
				}
			}
			if walk.pending.len() > MAX_BLOCKS {
				return Err(std::io::Error::other("the DAG has too many blocks"));
			}
		}
		let section = section(&cid, &data)?;
		Ok(Some((section, walk)))
	})
}

/// The links of a block that are followed. What is of another codec, or malformed, has none.
fn links(cid: &Cid, data: &[u8], scope: Scope) -> Vec<Cid> {
	match scope {
		Scope::Block => Vec::new(),
		Scope::All => walk::links(cid, data),
		Scope::Entity => match Node::decode(cid, data) {
			Ok(Node::File { children, .. }) => {
				children.into_iter().map(|child| child.cid).collect()
			},
			Ok(Node::Shard(shard)) => shard
				.links
				.iter()
				.filter(|link| matches!(shard.child(link), Ok((_, ShardChild::Shard))))
				.map(|link| link.cid)
				.collect(),
			Ok(Node::Directory(_) | Node::Symlink(_)) | Err(_) => Vec::new(),
		},
	}
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

	#[test]
	fn a_directorys_entity_has_its_own_blocks_only() {
		let data = [0x0a, 0x02, 0x08, 0x01];
		let empty = block::dag_pb_cid(&data);
		let entry = holdfast_data::unixfs::Child {
			cid: empty,
			file_bytes: 0,
			cumulative_bytes: 4,
		};
		let mut builder = holdfast_data::directory::DirectoryBuilder::default();
		builder.insert("sub".into(), entry).unwrap();
		let mut nodes = Vec::new();
		let root = builder.finish(&mut nodes).unwrap().cid;
		assert_eq!(links(&root, &nodes[0].data, Scope::All), [empty]);
		assert_eq!(links(&root, &nodes[0].data, Scope::Entity), []);
		assert_eq!(links(&root, &nodes[0].data, Scope::Block), []);
	}
}
