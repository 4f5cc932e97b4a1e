//! Checking a deal's complete data: it must be what the client signed, before anything costs money.

use std::{
	fs::File,
	io::{self, Read},
	path::{Path, PathBuf},
};

use cid::Cid;
use holdfast_data::{
	car::{CarError, CarIndex, Limits},
	PieceReader,
};
use holdfast_primitives::{CommP, PieceInfo};

use crate::{
	app::App,
	database::{now, DatabaseError, Deal, DealEvent, DealState},
	store::{self, StoreError},
	tasks::Kind,
};

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
	app.store
		.declare_piece(&deal.proposal.piece.commitment)
		.await?;
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
	let file = File::open(path).map_err(failed)?;
	let length = file.metadata().map_err(failed)?.len();
	if length != payload {
		return Err(failed(io::Error::other(format!(
			"it has {length} bytes instead of {payload}"
		))));
	}
	check_stream(file, piece, root, &failed)
}

/// Checks what streams from `input`, in one pass: its commitment, and all of its blocks.
fn check_stream(
	input: impl Read,
	piece: &PieceInfo,
	root: &str,
	failed: &dyn Fn(io::Error) -> CheckError,
) -> Result<BlockList, CheckError> {
	let mut reader = PieceReader::new(input);
	let index = CarIndex::build(&mut reader, Limits::default());
	// Other data than was signed is that first, and only then no CAR.
	let hasher = reader.finish().map_err(failed)?;
	let found = hasher
		.finish_padded_to(piece.size.bytes())
		.ok()
		.map(|piece| CommP(piece.commitment));
	if found != Some(piece.commitment) {
		return Err(CheckError::Mismatch {
			expected: piece.commitment,
			found,
		});
	}
	let index = index.map_err(|error| match error {
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

#[cfg(test)]
mod tests {
	use super::*;
	use holdfast_data::pack;
	use holdfast_primitives::PaddedPieceSize;

	#[test]
	fn data_is_read_once() {
		let file: Vec<u8> = (0..3_000_000u32)
			.map(|index| (index % 251).to_le_bytes()[0])
			.collect();
		let package = pack(&file[..], 1 << 30, &mut |_| {}).unwrap();
		let shard = &package.shards[0];
		let mut car = Vec::new();
		shard
			.layout
			.open_at(io::Cursor::new(&file), 0)
			.read_to_end(&mut car)
			.unwrap();
		let piece = PieceInfo {
			commitment: CommP(shard.piece.commitment),
			size: PaddedPieceSize::new(shard.piece.padded_bytes).unwrap(),
		};
		let check = |car: &[u8], root: &str| {
			// What was read of a slice is gone, as of a pipe.
			check_stream(car, &piece, root, &|error| panic!("{error}"))
		};
		let root = package.root.to_string();
		assert_eq!(check(&car, &root).unwrap().len(), 4);
		assert!(matches!(
			check(&car, "another"),
			Err(CheckError::NotACar { .. })
		));
		// Data that is neither what was signed nor a CAR is the former.
		assert!(matches!(
			check(&car[1..], &root),
			Err(CheckError::Mismatch { .. })
		));
	}
}
