//! The trustless gateway: blocks and DAGs by CID, for clients that check what they get.

mod request;
mod walk;

use std::{fmt::Write, io::SeekFrom, sync::Arc};

use axum::{
	body::{Body, HttpBody},
	extract::{rejection::QueryRejection, Path, State},
	http::{header, HeaderMap, HeaderName, StatusCode},
	response::{IntoResponse, Response},
};
use cid::Cid;
use holdfast_data::{
	block::{self, DAG_PB, IDENTITY, SHA2_256},
	walk::{path_names, Found, NameLookup},
};
use holdfast_primitives::CommP;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{
	conditional::{insert, not_modified, part_of, Part as Piece},
	ApiError,
};
use crate::app::App;
use request::{Format, Part, Query, Resolved, Scope, Wanted, CAR_TYPE, RAW_TYPE};
use walk::{car_stream, file_bytes, Start};

/// The most blocks of a DAG that one response looks at.
const MAX_BLOCKS: usize = 1 << 20;
/// The most names of a path.
const MAX_NAMES: usize = 64;

/// The query, or why it cannot be read.
type Asked = Result<axum::extract::Query<Query>, QueryRejection>;

/// `GET /ipfs/{cid}?format=raw|car`
pub async fn show(
	app: State<Arc<App>>,
	Path(cid): Path<String>,
	query: Asked,
	headers: HeaderMap,
) -> Result<Response, ApiError> {
	show_path(app, Path((cid, String::new())), query, headers).await
}

/// `GET /ipfs/{cid}/{path}?format=car`: what the path names. The blocks on the way there come first.
pub async fn show_path(
	State(app): State<Arc<App>>,
	Path((cid, path)): Path<(String, String)>,
	query: Asked,
	headers: HeaderMap,
) -> Result<Response, ApiError> {
	let axum::extract::Query(query) =
		query.map_err(|rejection| ApiError::bad_request("query", rejection.body_text()))?;
	let root: Cid = cid
		.parse()
		.map_err(|_| ApiError::bad_request("malformed-cid", "this is not a CID"))?;
	let wanted = Wanted::read(query, &headers)?;
	let has_path = path_names(&path).next().is_some();
	if wanted.format == Format::Raw && has_path {
		return Err(ApiError::new(
			StatusCode::NOT_ACCEPTABLE,
			"format",
			"a block below a path cannot be checked: ask for ?format=car, or for the block's own CID",
		));
	}
	let found = match resolve(&app, &root, &path).await? {
		Some(found) => found,
		None => return Err(missing(&app, &root, &headers).await?),
	};
	let named = Named {
		root,
		cid: found.cid,
		path: &path,
	};
	match wanted.format {
		Format::Raw => raw(&named, found, &wanted, &headers),
		Format::Car(part) => car(app, &named, found, part, &wanted, &headers),
	}
}

/// What a response is about.
struct Named<'a> {
	root: Cid,
	cid: Cid,
	path: &'a str,
}

/// What a path names, and all blocks on the way there, its own last.
struct Trail {
	cid: Cid,
	blocks: Vec<(Cid, Vec<u8>)>,
	/// The root, and what each name of the path led to.
	roots: Vec<Cid>,
}

fn raw(
	named: &Named<'_>,
	found: Trail,
	wanted: &Wanted,
	headers: &HeaderMap,
) -> Result<Response, ApiError> {
	let etag = format!("\"{}.raw\"", named.cid);
	if not_modified(headers, &etag) {
		return Ok(finish(
			StatusCode::NOT_MODIFIED.into_response(),
			named,
			&found.roots,
			wanted,
			&etag,
		));
	}
	let data = found
		.blocks
		.into_iter()
		.next_back()
		.map(|(_, data)| bytes::Bytes::from(data))
		.unwrap_or_default();
	let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
	let mut response = match part_of(headers, &etag, length) {
		Piece::Whole => data.into_response(),
		Piece::Range { first, last } => {
			let ends = (usize::try_from(first), usize::try_from(last));
			let (Ok(first_index), Ok(last_index)) = ends else {
				return Err(ApiError::not_found("there is no such byte"));
			};
			let mut response = (
				StatusCode::PARTIAL_CONTENT,
				data.slice(first_index..=last_index),
			)
				.into_response();
			insert(
				&mut response,
				header::CONTENT_RANGE,
				&format!("bytes {first}-{last}/{length}"),
			);
			response
		},
		Piece::Unsatisfiable => return Ok(super::conditional::unsatisfiable(length)),
	};
	insert(&mut response, header::CONTENT_TYPE, RAW_TYPE);
	let sent = response.body().size_hint().exact().unwrap_or_default();
	insert(&mut response, header::CONTENT_LENGTH, &sent.to_string());
	insert(&mut response, header::ACCEPT_RANGES, "bytes");
	Ok(finish(response, named, &found.roots, wanted, &etag))
}

fn car(
	app: Arc<App>,
	named: &Named<'_>,
	found: Trail,
	part: Part,
	wanted: &Wanted,
	headers: &HeaderMap,
) -> Result<Response, ApiError> {
	let Trail { blocks, roots, .. } = found;
	let mut scope = part.scope;
	let mut range = None;
	if let (Scope::Entity(Some(bytes)), Some((cid, data))) = (part.scope, blocks.last()) {
		// What is no file has no bytes, and is sent as a whole.
		if let Some(length) = file_bytes(cid, data) {
			match bytes.of(length) {
				Resolved::Inside { first, last } => range = Some((first, last)),
				Resolved::Empty => scope = Scope::Block,
				Resolved::Outside => {
					return Err(ApiError::bad_request(
						"entity-bytes",
						format!("the file has {length} bytes: the range is outside of it"),
					))
				},
			}
		}
	}
	let etag = car_etag(named, part);
	if not_modified(headers, &etag) {
		let response = StatusCode::NOT_MODIFIED.into_response();
		return Ok(finish(response, named, &roots, wanted, &etag));
	}
	let start = Start {
		root: named.root,
		trail: blocks,
		scope,
		range,
		repeats: part.repeats,
	};
	let mut response = Body::from_stream(car_stream(app, start)).into_response();
	let dups = if part.repeats { "y" } else { "n" };
	insert(
		&mut response,
		header::CONTENT_TYPE,
		&format!("{CAR_TYPE}; version=1; order=dfs; dups={dups}"),
	);
	insert(&mut response, header::ACCEPT_RANGES, "none");
	Ok(finish(response, named, &roots, wanted, &etag))
}

/// All that decides about a CAR's bytes: they are always the same ones.
fn car_etag(named: &Named<'_>, part: Part) -> String {
	let scope = match part.scope {
		Scope::Block => "block".to_owned(),
		Scope::All => "all".to_owned(),
		Scope::Entity(None) => "entity".to_owned(),
		Scope::Entity(Some(bytes)) => match bytes.to {
			Some(to) => format!("entity.{}:{to}", bytes.from),
			None => format!("entity.{}:*", bytes.from),
		},
	};
	let dups = if part.repeats { "y" } else { "n" };
	// The same thing may be reached by several paths, with other blocks on the way.
	let path = block::sha256(content_path(named).as_bytes());
	let path = const_hex::encode(&path[..8]);
	format!("\"{}.{path}.{scope}.dfs.{dups}.car\"", named.cid)
}

/// The headers that all good answers have.
fn finish(
	mut response: Response,
	named: &Named<'_>,
	roots: &[Cid],
	wanted: &Wanted,
	etag: &str,
) -> Response {
	let (format, extension) = match wanted.format {
		Format::Raw => ("raw", "bin"),
		Format::Car(_) => ("car", "car"),
	};
	let path = content_path(named);
	let disposition = match &wanted.file_name {
		None => format!("attachment; filename=\"{}.{extension}\"", named.cid),
		Some(name) => attachment(name),
	};
	let roots = roots
		.iter()
		.map(Cid::to_string)
		.collect::<Vec<_>>()
		.join(",");
	for (name, value) in [
		(header::ETAG, etag),
		(header::CACHE_CONTROL, "public, max-age=29030400, immutable"),
		(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
		(header::VARY, "Accept"),
		(header::CONTENT_DISPOSITION, &disposition),
		(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
		(
			header::ACCESS_CONTROL_EXPOSE_HEADERS,
			"Content-Range, X-Ipfs-Path, X-Ipfs-Roots",
		),
		(HeaderName::from_static("x-ipfs-path"), &path),
		(HeaderName::from_static("x-ipfs-roots"), &roots),
	] {
		insert(&mut response, name, value);
	}
	if wanted.negotiated {
		let location = format!("{path}?format={format}");
		insert(&mut response, header::CONTENT_LOCATION, &location);
	}
	response
}

/// The path as an address has it: everything but letters, digits and a few marks is escaped.
fn content_path(named: &Named<'_>) -> String {
	let mut text = format!("/ipfs/{}", named.root);
	for name in path_names(named.path) {
		text.push('/');
		escape(name, &mut text);
	}
	text
}

fn escape(name: &str, text: &mut String) {
	for byte in name.bytes() {
		if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
			text.push(char::from(byte));
		} else {
			// Writing to a string cannot fail.
			let _ = write!(text, "%{byte:02X}");
		}
	}
}

/// The name for saving that the client chose, for old and for new browsers.
fn attachment(name: &str) -> String {
	let plain: String = name
		.chars()
		.map(|letter| match letter {
			' '..='~' if !matches!(letter, '"' | '\\' | '/') => letter,
			_ => '_',
		})
		.collect();
	let mut escaped = String::new();
	escape(name, &mut escaped);
	format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}")
}

/// Why there is no such block. A client that wants nothing fetched is told so in its own words.
async fn missing(app: &App, root: &Cid, headers: &HeaderMap) -> Result<ApiError, ApiError> {
	if app.database.was_served(&root.to_string()).await? {
		return Ok(ApiError::new(
			StatusCode::GONE,
			"gone",
			"the deals for this are over, and the data is removed",
		));
	}
	let only_if_cached = headers
		.get_all(header::CACHE_CONTROL)
		.iter()
		.filter_map(|value| value.to_str().ok())
		.flat_map(|value| value.split(','))
		.any(|directive| directive.trim().eq_ignore_ascii_case("only-if-cached"));
	Ok(if only_if_cached {
		ApiError::new(
			StatusCode::PRECONDITION_FAILED,
			"not-cached",
			"this provider does not hold the block",
		)
	} else {
		ApiError::not_found("this provider does not hold the block")
	})
}

/// What a path below `root` names. `None` if the root is not here.
async fn resolve(app: &App, root: &Cid, path: &str) -> Result<Option<Trail>, ApiError> {
	let mut current = *root;
	let mut trail = Trail {
		cid: current,
		blocks: Vec::new(),
		roots: vec![current],
	};
	for (number, name) in path_names(path).enumerate() {
		if number >= MAX_NAMES {
			return Err(ApiError::bad_request("path", "the path has too many names"));
		}
		let mut lookup = NameLookup::new(name);
		loop {
			let Some(data) = read_block(app, &current).await? else {
				return absent(&trail);
			};
			let found = lookup
				.step(&current, &data)
				.map_err(|_| ApiError::not_found("a block on the path is malformed"))?;
			trail.blocks.push((current, data));
			match found {
				Found::Shard(cid) => current = cid,
				Found::Entry(cid) => {
					current = cid;
					trail.roots.push(cid);
					break;
				},
				Found::Nothing => return Err(ApiError::not_found("there is nothing at this path")),
			}
		}
	}
	let Some(data) = read_block(app, &current).await? else {
		return absent(&trail);
	};
	trail.blocks.push((current, data));
	trail.cid = current;
	Ok(Some(trail))
}

/// A block is not here: the root, or one below it.
fn absent(trail: &Trail) -> Result<Option<Trail>, ApiError> {
	if trail.blocks.is_empty() {
		Ok(None)
	} else {
		Err(ApiError::not_found(
			"this provider does not hold a block on the path",
		))
	}
}

/// A stored block, checked against its CID. `None` if there is none.
async fn read_block(app: &App, cid: &Cid) -> Result<Option<Vec<u8>>, ApiError> {
	if cid.hash().code() == IDENTITY {
		return Ok(Some(cid.hash().digest().to_vec()));
	}
	let names = [Some(*cid), other_version(cid)];
	for name in names.into_iter().flatten() {
		for location in app.database.find_block(&name.to_string()).await? {
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
				Ok(_) if block::verify(cid, &data).is_ok() => {
					app.monitor.block_served(data.len());
					return Ok(Some(data));
				},
				Ok(_) => {
					tracing::error!(%cid, piece = location.comm_p, "a stored block is damaged");
				},
				Err(error) => tracing::error!(%cid, "cannot read {}: {error}", path.display()),
			}
		}
	}
	Ok(None)
}

/// The name in the other version of CIDs, for the blocks that have one in both.
fn other_version(cid: &Cid) -> Option<Cid> {
	if cid.codec() != DAG_PB || cid.hash().code() != SHA2_256 {
		return None;
	}
	match cid.version() {
		cid::Version::V0 => Some(Cid::new_v1(DAG_PB, *cid.hash())),
		cid::Version::V1 => Cid::new_v0(*cid.hash()).ok(),
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn names_for_saving_cannot_end_the_header() {
		assert_eq!(
			attachment("foobar.bin"),
			"attachment; filename=\"foobar.bin\"; filename*=UTF-8''foobar.bin"
		);
		assert_eq!(
			attachment("a\"; x=\r\n/é"),
			"attachment; filename=\"a_; x=____\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%2F%C3%A9"
		);
	}

	#[test]
	fn blocks_have_names_in_both_versions() {
		let first = block::dag_pb_cid(b"x");
		let zeroth = other_version(&first).unwrap();
		assert!(zeroth.to_string().starts_with("Qm"));
		assert_eq!(other_version(&zeroth), Some(first));
		assert_eq!(other_version(&block::raw_cid(b"x")), None);
	}
}
