//! Checking a deal's complete data: it must be what the client signed, before anything costs money.

use std::{
	fs::File,
	io::{self, Read},
	path::{Path, PathBuf},
};

use cid::Cid;
use holdfast_data::{
	car::{CarError, CarIndex, Limits},
	PieceHasher,
};
use holdfast_primitives::{CommP, PieceInfo};

use crate::{
	app::App,
	database::{now, DatabaseError, Deal, DealEvent, DealState},
	store::{self, StoreError},
	tasks::Kind,
};

/// How much is read at a time; enough for all processors to hash a part.
const BUFFER_BYTES: usize = 4 << 20;

/// Checks a deal's complete data. If it is right, it is put in its place and the deal is accepted;
/// otherwise it is dropped and the upload may begin again.
pub async fn verify(app: &App, deal: &Deal) -> Result<(), CheckError> {
	let staged = app.store.staging(&deal.id);
	let place = app.store.piece(&deal.proposal.piece.commitment);
	// After a crash it may be in its place already.
	let path = if staged.exists() {
		staged.clone()
	} else {
		place.clone()
	};
	let checked = tokio::task::spawn_blocking({
		let (path, piece, root) = (path.clone(), deal.proposal.piece, deal.root.clone());
		let payload = deal.payload_bytes;
		move || check_file(&path, &piece, payload, &root)
	})
	.await
	.map_err(|error| CheckError::Interrupted {
		reason: error.to_string(),
	})?;
	let blocks = match checked {
		Ok(blocks) => blocks,
		Err(error @ (CheckError::Mismatch { .. } | CheckError::NotACar { .. })) => {
			tracing::info!(deal = deal.id, "the data is refused: {error}");
			app.database.set_received(&deal.id, 0).await?;
			store::remove_file(&staged)?;
			return Err(error);
		},
		Err(error) => return Err(error),
	};
	if path == staged {
		let failed = |source| StoreError::Files {
			path: place.clone(),
			source,
		};
		std::fs::rename(&staged, &place).map_err(failed)?;
		store::sync_parent(&place).map_err(failed)?;
	}
	app.hooks.reached("data-stored");
	app.database
		.index_blocks(&deal.proposal.piece.commitment.to_hex(), &blocks)
		.await?;
	let event = DealEvent {
		state: DealState::Accepted,
		at: now(),
		block: None,
		extrinsic: None,
	};
	app.database
		.move_deal(&deal.id, DealState::AwaitingData, &event)
		.await?;
	app.hooks.reached("accepted");
	app.wake.notify_one();
	app.database.hurry_task(Kind::Publish, now()).await?;
	tracing::info!(deal = deal.id, piece = %deal.proposal.piece.commitment, "the data is here");
	Ok(())
}

/// The CID, first byte and length of each block of a CAR file.
pub type BlockList = Vec<(String, u64, u64)>;

/// Checks that a file is a CAR with that root and makes that piece. Returns where its blocks are.
fn check_file(
	path: &Path,
	piece: &PieceInfo,
	payload: u64,
	root: &str,
) -> Result<BlockList, CheckError> {
	let failed = |source| {
		CheckError::Store(StoreError::Files {
			path: PathBuf::from(path),
			source,
		})
	};
	let mut file = File::open(path).map_err(failed)?;
	let length = file.metadata().map_err(failed)?.len();
	if length != payload {
		return Err(failed(io::Error::other(format!(
			"it has {length} bytes instead of {payload}"
		))));
	}
	let found = comm_p(&mut file, piece.size.bytes()).map_err(failed)?;
	if found != Some(piece.commitment) {
		return Err(CheckError::Mismatch {
			expected: piece.commitment,
			found,
		});
	}
	let file = File::open(path).map_err(failed)?;
	let index = CarIndex::build(file, Limits::default()).map_err(|error| match error {
		CarError::Read(source) => failed(source),
		other => CheckError::NotACar {
			reason: other.to_string(),
		},
	})?;
	let wanted: Option<Cid> = root.parse().ok();
	if !index.roots().iter().any(|found| Some(*found) == wanted) {
		return Err(CheckError::NotACar {
			reason: format!("it does not have the root {root}"),
		});
	}
	Ok(index
		.iter()
		.map(|(cid, location)| (cid.to_string(), location.offset, location.length))
		.collect())
}

/// The CommP of a stream as a piece of that padded size. `None` if it does not make one.
fn comm_p(input: &mut impl Read, padded_bytes: u64) -> io::Result<Option<CommP>> {
	let mut hasher = PieceHasher::new();
	let mut buffer = vec![0; BUFFER_BYTES];
	loop {
		// Only full buffers are hashed in parallel.
		let mut filled = 0;
		while filled < buffer.len() {
			match input.read(&mut buffer[filled..]) {
				Ok(0) => break,
				Ok(length) => filled += length,
				Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
				Err(error) => return Err(error),
			}
		}
		if filled == 0 {
			break;
		}
		hasher.write(&buffer[..filled]);
	}
	Ok(hasher
		.finish_padded_to(padded_bytes)
		.ok()
		.map(|piece| CommP(piece.commitment)))
}

/// Why data is not taken.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
	/// It is not what the client signed.
	#[error(
		"the data is not what was signed: its piece commitment is {}, not {expected}; it is dropped, \
		 upload it again from the beginning", found.map_or("of another size".into(), |found| found.to_hex())
	)]
	Mismatch {
		/// What was signed.
		expected: CommP,
		/// What came.
		found: Option<CommP>,
	},
	/// It is what the client signed, but not a CAR file.
	#[error("the data is not a CARv1 file with the promised root: {reason}; it is dropped")]
	NotACar {
		/// What is wrong.
		reason: String,
	},
	/// The check did not end.
	#[error("the data could not be checked: {reason}; send the last request again")]
	Interrupted {
		/// What happened.
		reason: String,
	},
	/// The database failed.
	#[error(transparent)]
	Database(#[from] DatabaseError),
	/// The files failed.
	#[error(transparent)]
	Store(#[from] StoreError),
}
