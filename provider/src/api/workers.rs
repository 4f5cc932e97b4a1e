//! What workers ask: tasks, files, and what a window PoSt needs of theirs.

use std::{
	path::{Component, Path as FilePath, PathBuf},
	sync::Arc,
};

use axum::{
	body::Bytes,
	extract::{Path, Query, Request, State},
	http::{HeaderMap, StatusCode},
	middleware::Next,
	response::Response,
	Json,
};
use serde::Deserialize;

use super::{operator::needs_token, pieces::send_file, ApiError};
use crate::{
	app::App,
	remote::{
		lend,
		protocol::{
			is_name, Asked, Claim, Claimed, Giving, Heard, Hello, Manifest, Missing, Poll,
			Returned, Wanted,
		},
		receive,
	},
	store::{piece_of, sector_of, FileType, SectorPart, StoreError},
	tasks::TaskError,
};

/// Lets only those pass that show the workers' token.
pub async fn only_workers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
	needs_token(
		app.monitor.workers.as_ref(),
		"the workers' token",
		request,
		next,
	)
	.await
}

fn known(name: &str) -> Result<(), ApiError> {
	if is_name(name) {
		Ok(())
	} else {
		Err(ApiError::bad_request(
			"malformed-name",
			"a worker's name has at most 40 lower-case letters, digits and dashes",
		))
	}
}

/// `POST /v1/worker/hello`
pub async fn hello(
	State(app): State<Arc<App>>,
	Json(hello): Json<Hello>,
) -> Result<Json<Heard>, ApiError> {
	known(&hello.name)?;
	Ok(Json(lend::hear(&app, &hello).await?))
}

/// `POST /v1/worker/claim`
pub async fn claim(
	State(app): State<Arc<App>>,
	Json(claim): Json<Claim>,
) -> Result<Json<Claimed>, ApiError> {
	known(&claim.name)?;
	let task = lend::claim(&app, &claim).await?;
	Ok(Json(Claimed { task }))
}

/// `POST /v1/worker/tasks/{id}`
pub async fn take_back(
	State(app): State<Arc<App>>,
	Path(id): Path<i64>,
	Json(returned): Json<Returned>,
) -> Result<StatusCode, ApiError> {
	known(&returned.name)?;
	if lend::take_back(&app, id, returned).await? {
		Ok(StatusCode::NO_CONTENT)
	} else {
		Err(not_yours())
	}
}

fn not_yours() -> ApiError {
	ApiError::new(
		StatusCode::GONE,
		"not-yours",
		"the task is not yours any more",
	)
}

/// `POST /v1/worker/tasks/{id}/files`
pub async fn give(
	State(app): State<Arc<App>>,
	Path(id): Path<i64>,
	Json(giving): Json<Giving>,
) -> Result<Json<Wanted>, ApiError> {
	known(&giving.name)?;
	let missing = receive::receive(&app, id, giving).await?;
	let missing = missing.ok_or_else(not_yours)?;
	Ok(Json(Wanted { missing }))
}

/// Which bytes a worker sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
	name: String,
	kind: SectorPart,
	#[serde(default)]
	path: String,
	from: u64,
}

/// `PATCH /v1/worker/tasks/{id}/files?name=…&kind=…&path=…&from=…`
pub async fn send(
	State(app): State<Arc<App>>,
	Path(id): Path<i64>,
	Query(part): Query<Part>,
	bytes: Bytes,
) -> Result<StatusCode, ApiError> {
	known(&part.name)?;
	let missing = Missing {
		kind: part.kind,
		path: part.path,
		from: part.from,
	};
	let taken = receive::receive_part(&app, id, &part.name, &missing, bytes.into()).await?;
	if taken.ok_or_else(not_yours)? {
		Ok(StatusCode::NO_CONTENT)
	} else {
		Err(ApiError::new(
			StatusCode::CONFLICT,
			"wrong-offset",
			"these are not the bytes that are missing: ask which are",
		))
	}
}

/// `POST /v1/worker/asks`
pub async fn asks(
	State(app): State<Arc<App>>,
	Json(poll): Json<Poll>,
) -> Result<Json<Asked>, ApiError> {
	known(&poll.name)?;
	let asks = app.lending.poll(poll, lend::LONG_POLL).await;
	Ok(Json(Asked { asks }))
}

/// Where the files of a type and name are.
async fn place(app: &App, kind: &str, name: &str) -> Result<PathBuf, ApiError> {
	let path = match (kind, piece_of(name), sector_of(name)) {
		("piece", Some(comm_p), _) => Some(app.store.piece(&comm_p)),
		(kind, _, Some(number)) => {
			let paths = app.store.sector(number).await?;
			match (kind, FileType::from_name(kind)) {
				("work", _) => Some(paths.work),
				(_, Some(FileType::Unsealed)) => Some(paths.unsealed),
				(_, Some(FileType::Sealed)) => Some(paths.sealed),
				(_, Some(FileType::Cache)) => Some(paths.cache),
				_ => None,
			}
		},
		_ => None,
	};
	path.filter(|path| path.exists())
		.ok_or_else(|| ApiError::not_found("there is no such file"))
}

/// `GET /v1/worker/files/{kind}/{name}`
pub async fn manifest(
	State(app): State<Arc<App>>,
	Path((kind, name)): Path<(String, String)>,
) -> Result<Json<Manifest>, ApiError> {
	let root = place(&app, &kind, &name).await?;
	match tokio::task::spawn_blocking(move || Manifest::of(&root)).await {
		Ok(Ok(manifest)) => Ok(Json(manifest)),
		_ => Err(ApiError::not_found("the files changed meanwhile")),
	}
}

/// Which of the files below a name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
	#[serde(default)]
	path: PathBuf,
}

/// `GET /v1/worker/files/{kind}/{name}/content?path=…`
pub async fn content(
	State(app): State<Arc<App>>,
	Path((kind, name)): Path<(String, String)>,
	Query(which): Query<Which>,
	headers: HeaderMap,
) -> Result<Response, ApiError> {
	let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
	if !which.path.components().all(plain) {
		return Err(ApiError::bad_request(
			"malformed-path",
			"a path leads down only",
		));
	}
	let root = place(&app, &kind, &name).await?;
	let path = within(&root, &which.path);
	// A link could lead anywhere.
	let is_file = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
	if !is_file {
		return Err(ApiError::not_found("there is no such file"));
	}
	send_file(&path, &headers, "\"file\"", "application/octet-stream").await
}

fn within(root: &FilePath, relative: &FilePath) -> PathBuf {
	if relative.as_os_str().is_empty() {
		root.to_owned()
	} else {
		root.join(relative)
	}
}

impl From<TaskError> for ApiError {
	fn from(error: TaskError) -> Self {
		match error {
			TaskError::Database(error) => error.into(),
			TaskError::Store(
				error @ (StoreError::NoRoom { .. }
				| StoreError::Busy { .. }
				| StoreError::Move { .. }),
			) => Self::new(
				StatusCode::INSUFFICIENT_STORAGE,
				"no-place",
				error.to_string(),
			),
			TaskError::Store(error) => error.into(),
			other => Self::new(
				StatusCode::SERVICE_UNAVAILABLE,
				"not-now",
				other.to_string(),
			),
		}
	}
}
