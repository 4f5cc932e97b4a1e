//! Fetching files from the daemon. A transfer that breaks goes on where it stopped; what arrives is compared with
//! its digest before it is where it belongs.

use std::{io, path::Path};

use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tracing::warn;

use super::{
	client::{Client, ClientError},
	protocol::ManifestFile,
};
use crate::{
	store::{self, partial, StoreError},
	tasks::TaskError,
};

/// So many times in a row a transfer may bring nothing, or something wrong.
const FRUITLESS: u32 = 4;

/// Fetches everything below a name to `target`, except what is there already. `false` if the daemon has nothing
/// of that name.
pub async fn fetch(
	client: &Client,
	kind: &str,
	name: &str,
	target: &Path,
) -> Result<bool, TaskError> {
	let manifest = client.manifest(kind, name).await.map_err(later)?;
	let Some(manifest) = manifest else {
		return Ok(false);
	};
	for file in &manifest.files {
		let place = if file.path.is_empty() {
			target.to_owned()
		} else {
			target.join(&file.path)
		};
		fetch_file(client, kind, name, file, &place).await?;
	}
	Ok(true)
}

fn later(error: ClientError) -> TaskError {
	TaskError::later(error.to_string())
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> TaskError + '_ {
	|source| {
		StoreError::Files {
			path: path.to_owned(),
			source,
		}
		.into()
	}
}

/// Whether a file has that length and digest.
async fn is_it(path: &Path, file: &ManifestFile) -> bool {
	if path
		.metadata()
		.map_or(true, |meta| meta.len() != file.bytes)
	{
		return false;
	}
	let path = path.to_owned();
	let found = tokio::task::spawn_blocking(move || store::digest(&path)).await;
	matches!(found, Ok(Ok(found)) if found == file.digest)
}

async fn fetch_file(
	client: &Client,
	kind: &str,
	name: &str,
	file: &ManifestFile,
	place: &Path,
) -> Result<(), TaskError> {
	if is_it(place, file).await {
		return Ok(());
	}
	if let Some(folder) = place.parent() {
		std::fs::create_dir_all(folder).map_err(unusable(folder))?;
	}
	let partial = partial(place);
	let partial = partial.as_path();
	if file.bytes == 0 {
		std::fs::write(partial, b"").map_err(unusable(partial))?;
	}
	let mut fruitless = 0;
	loop {
		let before = partial.metadata().map_or(0, |meta| meta.len());
		let failure = if before < file.bytes {
			append(client, kind, name, file, partial, before)
				.await
				.err()
		} else {
			None
		};
		let after = partial.metadata().map_or(0, |meta| meta.len());
		if after == file.bytes && is_it(partial, file).await {
			std::fs::rename(partial, place)
				.and_then(|()| store::sync_parent(place))
				.map_err(unusable(place))?;
			return Ok(());
		}
		if after >= file.bytes {
			warn!(
				name,
				path = file.path,
				"did not arrive as it is: fetching it again"
			);
			store::remove_file(partial)?;
			fruitless += 1;
		} else if after > before {
			fruitless = 0;
		} else {
			fruitless += 1;
		}
		if fruitless >= FRUITLESS {
			let reason = failure.map_or_else(
				|| "it does not arrive as it is".to_owned(),
				|error| error.to_string(),
			);
			return Err(TaskError::later(format!(
				"cannot fetch the {kind} file of {name}: {reason}"
			)));
		}
	}
}

async fn append(
	client: &Client,
	kind: &str,
	name: &str,
	file: &ManifestFile,
	partial: &Path,
	from: u64,
) -> Result<(), TaskError> {
	let response = client
		.content(kind, name, &file.path, from)
		.await
		.map_err(later)?;
	let mut output = tokio::fs::OpenOptions::new()
		.create(true)
		.append(true)
		.open(partial)
		.await
		.map_err(unusable(partial))?;
	// Whoever ignores ranges sends everything from the beginning.
	if from > 0 && response.status() != reqwest::StatusCode::PARTIAL_CONTENT {
		output.set_len(0).await.map_err(unusable(partial))?;
	}
	let mut stream = response.bytes_stream();
	while let Some(bytes) = stream.next().await {
		let bytes = match bytes {
			Ok(bytes) => bytes,
			Err(error) => {
				// What came so far is kept.
				output.flush().await.map_err(unusable(partial))?;
				return Err(later(error.into()));
			},
		};
		output.write_all(&bytes).await.map_err(unusable(partial))?;
	}
	output.flush().await.map_err(unusable(partial))?;
	output.sync_all().await.map_err(unusable(partial))
}
