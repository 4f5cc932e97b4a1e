//! Receiving a deal's data: resumable at any byte, on disk before it is acknowledged.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::{
	fs::{File, OpenOptions},
	io::{AsyncSeekExt, AsyncWriteExt},
};

use super::check::{self, CheckError};
use crate::{
	app::App,
	database::{now, DatabaseError, Deal, DealState},
	store::{self, StoreError},
};

/// After so many bytes, what was received is made durable, so that a crash loses at most that much.
const SYNC_BYTES: u64 = 64 << 20;

/// Marks a deal as being uploaded, as long as it lives.
struct Busy<'a> {
	app: &'a App,
	id: &'a str,
}

impl<'a> Busy<'a> {
	fn new(app: &'a App, id: &'a str) -> Option<Self> {
		let mut uploads = app.uploads.lock().ok()?;
		// Made only if it was not there: dropping one takes the mark away.
		uploads.insert(id.to_owned()).then(|| Self { app, id })
	}
}

impl Drop for Busy<'_> {
	fn drop(&mut self) {
		if let Ok(mut uploads) = self.app.uploads.lock() {
			uploads.remove(self.id);
		}
	}
}

/// Adds `body` to a deal's data at `offset`, which must be where it ends now. Returns how much is here.
/// With the last byte the data is checked, see [`check::verify`].
pub async fn receive<S, E>(app: &App, id: &str, offset: u64, body: S) -> Result<u64, UploadError>
where
	S: Stream<Item = Result<Bytes, E>> + Unpin,
	E: std::fmt::Display,
{
	let deal = app
		.database
		.deal(id)
		.await?
		.ok_or(UploadError::UnknownDeal)?;
	let _busy = Busy::new(app, id).ok_or(UploadError::Busy)?;
	if deal.state != DealState::AwaitingData {
		return after_the_end(&deal, offset);
	}
	let path = app.store.staging(id);
	let here = here(app, &deal, &path).await?;
	if offset != here {
		return Err(UploadError::WrongOffset { received: here });
	}
	let received = if here < deal.payload_bytes {
		append(app, &deal, path, here, body).await?
	} else {
		here
	};
	if received == deal.payload_bytes {
		check::verify(app, &deal).await?;
	}
	Ok(received)
}

/// A client that did not get our last answer says its last words again.
fn after_the_end(deal: &Deal, offset: u64) -> Result<u64, UploadError> {
	if offset == deal.payload_bytes && !deal.state.is_over() {
		Ok(deal.payload_bytes)
	} else {
		Err(UploadError::NotWaiting { state: deal.state })
	}
}

/// How much of the data is really here: what was noted, unless the file is shorter.
async fn here(app: &App, deal: &Deal, path: &PathBuf) -> Result<u64, UploadError> {
	if deal.received == 0 {
		return Ok(0);
	}
	let length = match tokio::fs::metadata(path).await {
		Ok(meta) => meta.len(),
		// It was moved to its place, and the crash came before that was noted.
		Err(_) if deal.received == deal.payload_bytes => {
			let piece = app.store.piece(&deal.proposal.piece.commitment);
			match tokio::fs::metadata(&piece).await {
				Ok(meta) if meta.len() == deal.payload_bytes => deal.payload_bytes,
				_ => 0,
			}
		},
		Err(_) => 0,
	};
	if length < deal.received {
		tracing::warn!(
			deal = deal.id,
			"the upload is shorter than was noted; it continues there"
		);
		app.database.set_received(&deal.id, length).await?;
	}
	Ok(length.min(deal.received))
}

async fn append<S, E>(
	app: &App,
	deal: &Deal,
	path: PathBuf,
	offset: u64,
	mut body: S,
) -> Result<u64, UploadError>
where
	S: Stream<Item = Result<Bytes, E>> + Unpin,
	E: std::fmt::Display,
{
	let failed = |source| StoreError::Files {
		path: path.clone(),
		source,
	};
	let mut file = OpenOptions::new()
		.write(true)
		.create(true)
		.truncate(false)
		.open(&path)
		.await
		.map_err(failed)?;
	// What is beyond was never acknowledged.
	file.set_len(offset).await.map_err(failed)?;
	file.seek(std::io::SeekFrom::Start(offset))
		.await
		.map_err(failed)?;
	if offset == 0 {
		store::sync_parent(&path).map_err(failed)?;
	}
	let idle = Duration::from_secs(app.config.api.idle_timeout_seconds);
	let mut received = offset;
	let mut durable = offset;
	let end = loop {
		let chunk = match tokio::time::timeout(idle, body.next()).await {
			Err(_) => {
				break Err(UploadError::Interrupted {
					received,
					reason: "no data came for too long".into(),
				})
			},
			Ok(None) => break Ok(()),
			Ok(Some(Err(error))) => {
				break Err(UploadError::Interrupted {
					received,
					reason: error.to_string(),
				})
			},
			Ok(Some(Ok(chunk))) => chunk,
		};
		let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
		let room = deal.payload_bytes.saturating_sub(received);
		if length > room {
			break Err(UploadError::TooMuch {
				payload: deal.payload_bytes,
			});
		}
		if let Err(source) = file.write_all(&chunk).await {
			break Err(UploadError::Store(failed(source)));
		}
		received = received.saturating_add(length);
		if received.saturating_sub(durable) >= SYNC_BYTES {
			sync(app, deal, &mut file, received)
				.await
				.map_err(|error| error.at(&path))?;
			durable = received;
		}
	};
	// Even what came before an error is kept, unless the client sent too much of something.
	if matches!(end, Err(UploadError::TooMuch { .. })) {
		file.set_len(durable).await.map_err(failed)?;
		received = durable;
	}
	sync(app, deal, &mut file, received)
		.await
		.map_err(|error| error.at(&path))?;
	end.map(|()| received)
}

enum SyncError {
	Files(std::io::Error),
	Database(DatabaseError),
}

impl SyncError {
	fn at(self, path: &std::path::Path) -> UploadError {
		match self {
			Self::Files(source) => UploadError::Store(StoreError::Files {
				path: path.to_owned(),
				source,
			}),
			Self::Database(error) => UploadError::Database(error),
		}
	}
}

async fn sync(app: &App, deal: &Deal, file: &mut File, received: u64) -> Result<(), SyncError> {
	file.flush().await.map_err(SyncError::Files)?;
	file.sync_data().await.map_err(SyncError::Files)?;
	app.database
		.set_received(&deal.id, received)
		.await
		.map_err(SyncError::Database)
}

/// Checks the data of deals that were complete when the daemon stopped, and drops those that waited too
/// long or cannot start in time any more.
pub async fn tidy(app: &App, earliest_start: u32) -> Result<(), UploadError> {
	let patience = i64::try_from(app.config.deals.upload_timeout_seconds)
		.unwrap_or(i64::MAX)
		.saturating_mul(1000);
	for deal in app.database.deals_in(DealState::AwaitingData).await? {
		let Some(_busy) = Busy::new(app, &deal.id) else {
			continue;
		};
		let late = if deal.proposal.start < earliest_start {
			Some("the data did not come in time for the deal's start")
		} else if now().saturating_sub(deal.created_at) > patience {
			Some("the data did not come in time")
		} else {
			None
		};
		if let Some(reason) = late {
			app.database
				.end_deal(&deal.id, DealState::Expired, Some(reason), now())
				.await?;
			store::remove_file(&app.store.staging(&deal.id))?;
			continue;
		}
		if deal.received == deal.payload_bytes {
			match check::verify(app, &deal).await {
				Err(CheckError::Mismatch { .. } | CheckError::NotACar { .. }) | Ok(()) => {},
				Err(other) => return Err(other.into()),
			}
		}
	}
	Ok(())
}

/// Why data is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
	/// There is no such deal.
	#[error("there is no such deal: offer it first with POST /v1/deals")]
	UnknownDeal,
	/// Another request is uploading.
	#[error("another request is uploading this deal's data: wait for it to end")]
	Busy,
	/// The deal needs no data.
	#[error("the deal is {} and takes no data", state.name())]
	NotWaiting {
		/// How far it is.
		state: DealState,
	},
	/// The data would leave a gap or overlap.
	#[error("the upload continues at byte {received}")]
	WrongOffset {
		/// Where it does.
		received: u64,
	},
	/// There is more than was promised.
	#[error("the body goes beyond the {payload} bytes that were promised")]
	TooMuch {
		/// What was promised.
		payload: u64,
	},
	/// The connection broke; what came is kept.
	#[error("the upload was interrupted ({reason}): continue at byte {received}")]
	Interrupted {
		/// How much is here.
		received: u64,
		/// What happened.
		reason: String,
	},
	/// The data is complete and wrong.
	#[error(transparent)]
	Check(#[from] CheckError),
	/// The database failed.
	#[error(transparent)]
	Database(#[from] DatabaseError),
	/// The files failed.
	#[error(transparent)]
	Store(#[from] StoreError),
}
