//! Pieces, and the commitment to a sector full of them.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{CommD, CommP, Digest, SectorSize};

/// The smallest piece: one fr32 quad.
pub const MIN_PIECE_BYTES: u64 = 128;

/// A piece's padded size: a power of two of at least 128 bytes.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
)]
pub struct PaddedPieceSize(u64);

impl PaddedPieceSize {
	/// The size of `bytes` padded bytes. `None` unless it is a power of two and at least 128.
	pub const fn new(bytes: u64) -> Option<Self> {
		if bytes >= MIN_PIECE_BYTES && bytes.is_power_of_two() {
			Some(Self(bytes))
		} else {
			None
		}
	}

	/// The smallest piece that holds `length` unpadded bytes. `None` if there is none below 2^63.
	pub fn for_unpadded(length: u64) -> Option<Self> {
		let quads = length.div_ceil(127).max(1);
		let bytes = quads
			.checked_next_power_of_two()?
			.checked_mul(MIN_PIECE_BYTES)?;
		Self::new(bytes)
	}

	/// The padded bytes.
	pub const fn bytes(self) -> u64 {
		self.0
	}

	/// The bytes of data that fit.
	pub const fn unpadded_bytes(self) -> u64 {
		self.0 / 128 * 127
	}
}

impl<'de> Deserialize<'de> for PaddedPieceSize {
	fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		Self::new(u64::deserialize(deserializer)?).ok_or_else(|| {
			serde::de::Error::custom("a padded piece size is a power of two of at least 128")
		})
	}
}

/// A piece of data: its commitment and its size.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
pub struct PieceInfo {
	/// What the piece holds.
	pub commitment: CommP,
	/// How much it takes.
	pub size: PaddedPieceSize,
}

/// Why a list of pieces makes no sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceError {
	/// The pieces, each aligned to its own size, do not fit the sector.
	TooLarge,
	/// A size that is no power of two, or below 128 bytes (possible only in decoded values).
	InvalidSize,
}

impl fmt::Display for PieceError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::TooLarge => "the pieces do not fit the sector",
			Self::InvalidSize => "a padded piece size is a power of two of at least 128",
		})
	}
}

impl core::error::Error for PieceError {}

/// A parent in CommP's and CommD's trees: `SHA-256(left ‖ right)` with the two highest bits of the last
/// byte cleared.
pub fn hash_nodes(left: &Digest, right: &Digest) -> Digest {
	let mut hasher = Sha256::new();
	hasher.update(left);
	hasher.update(right);
	let mut node: Digest = hasher.finalize().into();
	node[31] &= 0x3f;
	node
}

/// The root of a tree over `bytes` padded bytes of zeros; `bytes` is a power of two of at least 32.
pub fn zero_commitment(bytes: u64) -> Digest {
	let mut node = [0; 32];
	let mut size = crate::sector::NODE_SIZE;
	while size < bytes {
		node = hash_nodes(&node, &node);
		size <<= 1;
	}
	node
}

/// Where each piece begins within the sector's padded bytes: in order, each aligned to its own size.
pub fn piece_offsets(
	sector_size: SectorSize,
	pieces: &[PieceInfo],
) -> Result<Vec<u64>, PieceError> {
	let mut offset = 0u64;
	let mut offsets = Vec::with_capacity(pieces.len());
	for piece in pieces {
		let size = PaddedPieceSize::new(piece.size.bytes())
			.ok_or(PieceError::InvalidSize)?
			.bytes();
		let start = offset
			.checked_next_multiple_of(size)
			.ok_or(PieceError::TooLarge)?;
		offset = start.checked_add(size).ok_or(PieceError::TooLarge)?;
		if offset > sector_size.bytes() {
			return Err(PieceError::TooLarge);
		}
		offsets.push(start);
	}
	Ok(offsets)
}

/// CommD of a sector that holds `pieces` as [`piece_offsets`] places them and zeros elsewhere. No pieces
/// give the commitment of an empty (committed-capacity) sector.
///
/// The cost is at most about 64 hashes for each piece, whatever the sizes.
pub fn compute_comm_d(sector_size: SectorSize, pieces: &[PieceInfo]) -> Result<CommD, PieceError> {
	let offsets = piece_offsets(sector_size, pieces)?;
	// Subtrees of strictly falling size that cover the sector's beginning; the empty tail comes last.
	let mut stack: Vec<(u64, Digest)> = Vec::new();
	let mut filled = 0u64;
	let end = sector_size.bytes();
	let subtrees = offsets
		.iter()
		.zip(pieces)
		.map(|(offset, piece)| (*offset, piece.size.bytes(), piece.commitment.0));
	for (offset, size, root) in subtrees {
		fill_with_zeros(&mut stack, &mut filled, offset);
		push(&mut stack, size, root);
		filled = offset.saturating_add(size);
	}
	fill_with_zeros(&mut stack, &mut filled, end);
	stack
		.pop()
		.map(|(_, root)| CommD(root))
		.ok_or(PieceError::TooLarge)
}

fn fill_with_zeros(stack: &mut Vec<(u64, Digest)>, filled: &mut u64, end: u64) {
	while *filled < end {
		// The largest aligned subtree that begins here and ends in time.
		let aligned = if *filled == 0 {
			end
		} else {
			1 << filled.trailing_zeros()
		};
		let room = end.saturating_sub(*filled);
		let size = aligned.min(1 << room.ilog2());
		push(stack, size, zero_commitment(size));
		*filled = filled.saturating_add(size);
	}
}

fn push(stack: &mut Vec<(u64, Digest)>, mut size: u64, mut root: Digest) {
	while let Some((left_size, left)) = stack.last().copied() {
		if left_size != size {
			break;
		}
		stack.pop();
		root = hash_nodes(&left, &root);
		size = size.saturating_mul(2);
	}
	stack.push((size, root));
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	fn piece(byte: u8, size: u64) -> PieceInfo {
		PieceInfo {
			commitment: CommP([byte & 0x3f; 32]),
			size: PaddedPieceSize::new(size).expect("a power of two"),
		}
	}

	#[test]
	fn sizes_are_powers_of_two_that_hold_the_data() {
		assert_eq!(
			PaddedPieceSize::for_unpadded(0).map(PaddedPieceSize::bytes),
			Some(128)
		);
		assert_eq!(
			PaddedPieceSize::for_unpadded(127).map(PaddedPieceSize::bytes),
			Some(128)
		);
		assert_eq!(
			PaddedPieceSize::for_unpadded(128).map(PaddedPieceSize::bytes),
			Some(256)
		);
		assert_eq!(PaddedPieceSize::for_unpadded(u64::MAX), None);
		assert_eq!(PaddedPieceSize::new(96), None);
		assert_eq!(PaddedPieceSize::new(64), None);
	}

	#[test]
	fn an_empty_sector_has_the_zero_commitment() {
		let comm_d = compute_comm_d(SectorSize::KiB2, &[]);
		assert_eq!(comm_d, Ok(CommD(zero_commitment(2048))));
		// Filecoin's well-known commitment of an empty 2 KiB sector.
		assert_eq!(
			comm_d.expect("an empty sector is valid").to_hex(),
			"fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833"
		);
	}

	#[test]
	fn a_piece_that_fills_the_sector_is_its_commitment() {
		let whole = piece(7, 2048);
		assert_eq!(
			compute_comm_d(SectorSize::KiB2, &[whole]),
			Ok(CommD(whole.commitment.0))
		);
	}

	#[test]
	fn pieces_are_aligned_to_their_size() {
		let pieces = [piece(1, 128), piece(2, 512), piece(3, 128)];
		assert_eq!(
			piece_offsets(SectorSize::KiB2, &pieces),
			Ok(vec![0, 512, 1024])
		);
	}

	#[test]
	fn pieces_that_do_not_fit_are_refused() {
		let pieces = [piece(1, 1024), piece(2, 128), piece(3, 1024)];
		assert_eq!(
			compute_comm_d(SectorSize::KiB2, &pieces),
			Err(PieceError::TooLarge)
		);
		let invalid = PieceInfo {
			commitment: CommP::default(),
			size: PaddedPieceSize(3),
		};
		assert_eq!(
			compute_comm_d(SectorSize::KiB2, &[invalid]),
			Err(PieceError::InvalidSize)
		);
		let huge = PieceInfo {
			commitment: CommP::default(),
			size: PaddedPieceSize(1 << 63),
		};
		assert_eq!(
			compute_comm_d(SectorSize::GiB64, &[huge]),
			Err(PieceError::TooLarge)
		);
	}

	/// The tree over all leaves, as the definition says it.
	fn naive(sector_size: SectorSize, pieces: &[PieceInfo]) -> Digest {
		let offsets = piece_offsets(sector_size, pieces).expect("they fit");
		fn subtree(start: u64, size: u64, placed: &[(u64, PieceInfo)]) -> Digest {
			if let Some((_, piece)) = placed
				.iter()
				.find(|(offset, piece)| *offset == start && piece.size.bytes() == size)
			{
				return piece.commitment.0;
			}
			if size == 32 {
				return [0; 32];
			}
			let half = size / 2;
			hash_nodes(
				&subtree(start, half, placed),
				&subtree(start + half, half, placed),
			)
		}
		let placed: Vec<_> = offsets.into_iter().zip(pieces.iter().copied()).collect();
		subtree(0, sector_size.bytes(), &placed)
	}

	proptest! {
		#[test]
		fn comm_d_equals_the_whole_tree(sizes in proptest::collection::vec((0u8..63, 0u32..5), 0..12)) {
			let pieces: Vec<_> = sizes.iter().map(|(byte, log)| piece(*byte, 128 << log)).collect();
			match compute_comm_d(SectorSize::KiB2, &pieces) {
				Ok(comm_d) => prop_assert_eq!(comm_d.0, naive(SectorSize::KiB2, &pieces)),
				Err(error) => {
					prop_assert_eq!(error, PieceError::TooLarge);
					prop_assert!(piece_offsets(SectorSize::KiB2, &pieces).is_err());
				},
			}
		}
	}
}
