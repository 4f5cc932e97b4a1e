//! Giving files of a sector to the daemon: all that is kept of it, or what a step has made. A transfer that breaks goes on where it stopped; the daemon compares what arrived
//! with its digests before it counts.

use std::{io, time::Duration};

use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tracing::warn;

use super::{
	client::{Client, ClientError},
	protocol::{Giving, Manifest, Missing},
};
use crate::{
	store::{SectorPart, SectorPaths, StoreError},
	tasks::TaskError,
};

/// How much is sent at a time.
const CHUNK_BYTES: u64 = 4 << 20;
/// So many times in a row the daemon may not answer.
const SILENT: u32 = 60;
/// How long one waits then.
const PAUSE: Duration = Duration::from_secs(1);
/// So often files may arrive as something else.
const FRUITLESS: u32 = 4;

/// Sends these parts of a sector that is in `paths`, until the daemon has all of them. `task` is the worker's task
/// for that.
pub async fn give(
	client: &Client,
	worker: &str,
	task: i64,
	paths: &SectorPaths,
	parts: &[SectorPart],
) -> Result<(), TaskError> {
	let mut files = Vec::new();
	for part in parts {
		let root = part.of(paths).to_owned();
		if !root.exists() {
			continue;
		}
		let listed = tokio::task::spawn_blocking(move || {
			Manifest::of(&root).map_err(|source| StoreError::Files { path: root, source })
		});
		let listed = listed.await.map_err(|error| StoreError::Interrupted {
			reason: error.to_string(),
		})??;
		if !listed.files.is_empty() {
			files.push((*part, listed));
		}
	}
	let giving = Giving {
		name: worker.to_owned(),
		files,
	};
	let (mut silent, mut fruitless) = (0, 0);
	loop {
		let round = async {
			let missing = wanted(client, task, &giving).await?;
			for part in &missing {
				let root = part.kind.of(paths);
				let path = if part.path.is_empty() {
					root.to_owned()
				} else {
					root.join(&part.path)
				};
				let mut sent = part.clone();
				while let Some(bytes) = read(&path, sent.from).await? {
					let count = bytes.len() as u64;
					client
						.send(task, worker, &sent, bytes)
						.await
						.map_err(later)?;
					sent.from = sent.from.saturating_add(count);
					silent = 0;
				}
			}
			Ok::<_, TaskError>(missing.is_empty())
		};
		match round.await {
			Ok(true) => return Ok(()),
			Ok(false) => fruitless += 1,
			Err(error @ TaskError::Later { .. }) => {
				silent += 1;
				if silent >= SILENT {
					return Err(error);
				}
				warn!("cannot give files: {error}; trying again");
				tokio::time::sleep(PAUSE).await;
			},
			Err(error) => return Err(error),
		}
		if fruitless > FRUITLESS {
			return Err(TaskError::later("the files do not arrive as they are"));
		}
	}
}

/// What the daemon needs of it.
async fn wanted(client: &Client, task: i64, giving: &Giving) -> Result<Vec<Missing>, TaskError> {
	match client.give(task, giving).await.map_err(later)? {
		Some(wanted) => Ok(wanted.missing),
		None => Err(TaskError::never("the task is not this worker's any more")),
	}
}

/// The next bytes of a file; none at its end.
async fn read(path: &std::path::Path, from: u64) -> Result<Option<Vec<u8>>, TaskError> {
	let failed = |source: io::Error| StoreError::Files {
		path: path.to_owned(),
		source,
	};
	let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
	file.seek(SeekFrom::Start(from)).await.map_err(failed)?;
	let mut bytes = Vec::new();
	file.take(CHUNK_BYTES)
		.read_to_end(&mut bytes)
		.await
		.map_err(failed)?;
	Ok((!bytes.is_empty()).then_some(bytes))
}

fn later(error: ClientError) -> TaskError {
	TaskError::later(error.to_string())
}
