//! From pieces to the unsealed sector.

use std::{
	fs::{self, File},
	io::{self, Read, Seek, SeekFrom},
	path::{Path, PathBuf},
};

use filecoin_proofs::{write_and_preprocess, UnpaddedBytesAmount};
use holdfast_primitives::{
	piece::{compute_comm_d, piece_offsets},
	CommD, CommP, PieceInfo, SectorSize,
};

use crate::{error::AddPiecesError, guard::guarded};

/// Writes the unsealed sector: every piece, fr32-padded, where [`piece_offsets`] places it, and zeros
/// elsewhere. Returns the sector's CommD.
///
/// A source is a file of raw bytes; if it is shorter than its piece, zeros follow. Each piece's commitment
/// is computed from what was read and must be the promised one. The file appears under `unsealed` only when
/// it is complete, so the step can be repeated at any time.
pub fn add_pieces(
	sector_size: SectorSize,
	pieces: &[(PieceInfo, &Path)],
	unsealed: &Path,
) -> Result<CommD, AddPiecesError> {
	let infos: Vec<PieceInfo> = pieces.iter().map(|(info, _)| *info).collect();
	let offsets = piece_offsets(sector_size, &infos).map_err(AddPiecesError::Layout)?;
	let comm_d = compute_comm_d(sector_size, &infos).map_err(AddPiecesError::Layout)?;

	let mut name = unsealed.as_os_str().to_owned();
	name.push(".partial");
	let partial = PathBuf::from(name);
	let failed = |action, source| AddPiecesError::File {
		action,
		path: partial.clone(),
		source,
	};
	let mut target = File::create(&partial).map_err(|source| failed("create", source))?;
	for (index, ((info, source), offset)) in pieces.iter().zip(offsets).enumerate() {
		target
			.seek(SeekFrom::Start(offset))
			.map_err(|source| failed("write", source))?;
		add_piece(index, info, source, &mut target)?;
	}
	target
		.set_len(sector_size.bytes())
		.and_then(|()| target.sync_all())
		.map_err(|source| failed("write", source))?;
	fs::rename(&partial, unsealed).map_err(|source| failed("rename", source))?;
	Ok(comm_d)
}

fn add_piece(
	index: usize,
	info: &PieceInfo,
	path: &Path,
	target: &mut File,
) -> Result<(), AddPiecesError> {
	let failed = |source| AddPiecesError::File {
		action: "read",
		path: path.to_owned(),
		source,
	};
	let room = info.size.unpadded_bytes();
	let source = File::open(path).map_err(failed)?;
	let length = source.metadata().map_err(failed)?.len();
	if length > room {
		return Err(AddPiecesError::SourceTooLong {
			index,
			length,
			room,
		});
	}
	let source = source.chain(io::repeat(0)).take(room);
	let (found, _) = guarded(|| write_and_preprocess(source, target, UnpaddedBytesAmount(room)))
		.map_err(|reason| AddPiecesError::Filecoin { index, reason })?;
	if found.commitment != info.commitment.0 {
		return Err(AddPiecesError::CommitmentMismatch {
			index,
			expected: info.commitment,
			found: CommP(found.commitment),
		});
	}
	Ok(())
}
