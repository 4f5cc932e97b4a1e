//! Proofs that something is inside something larger: a subtree of a piece in the piece, or a piece in a
//! sector. They are the Merkle proofs of FRC-0058, whose verifier takes no size from the prover.

use std::io::{self, Read};

use crate::{
	node_hash::{parent, zero_node},
	piece::{padded_size, unpadded_size, Piece, PieceHasher, MIN_PADDED_BYTES},
	Digest,
};

/// A subtree, a piece or a sector: what a commitment of this size stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree {
	/// Its root: a CommP or CommD.
	pub commitment: Digest,
	/// Its size with all padding: a power of two of at least 128.
	pub padded_bytes: u64,
}

impl From<Piece> for Tree {
	fn from(piece: Piece) -> Self {
		Self {
			commitment: piece.commitment,
			padded_bytes: piece.padded_bytes,
		}
	}
}

/// Proves that a tree is part of a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
	/// Which of the larger tree's parts of this size it is.
	pub index: u64,
	/// The siblings on the way up to the larger tree's root, the lowest first.
	pub path: Vec<Digest>,
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
	/// A size is no tree's.
	#[error("{0} is not a tree's size: it is a power of two of at least 128")]
	Size(u64),
	/// The part is larger than the whole.
	#[error("a part of {part} bytes is not in a whole of {whole} bytes")]
	PartTooLarge {
		/// The part's size.
		part: u64,
		/// The whole's size.
		whole: u64,
	},
	/// The path is too short or too long for the sizes.
	#[error("the proof has {found} siblings where the sizes need {expected}")]
	Depth {
		/// How many there must be.
		expected: usize,
		/// How many there are.
		found: usize,
	},
	/// There are not so many parts.
	#[error("there is no part {index} of {parts}")]
	Index {
		/// The index.
		index: u64,
		/// How many parts there are.
		parts: u64,
	},
	/// A hash has bits that no node has.
	#[error("the proof has a hash that is no node: its two highest bits are set")]
	NotANode,
	/// The way up leads elsewhere.
	#[error("the proof leads to another root than the whole's")]
	OtherRoot,
}

impl InclusionProof {
	/// Checks that `part` is in `whole` where the proof says. Both must be known from elsewhere, with their
	/// sizes: from a signed proposal, from the chain, or from a piece CID of version 2. A proof must not say
	/// itself how large something is, or else an inner node could pass for data.
	pub fn verify(&self, part: &Tree, whole: &Tree) -> Result<(), InclusionError> {
		let depth = depth(part.padded_bytes, whole.padded_bytes)?;
		if self.path.len() != depth {
			return Err(InclusionError::Depth {
				expected: depth,
				found: self.path.len(),
			});
		}
		let parts = whole.padded_bytes / part.padded_bytes;
		if self.index >= parts {
			return Err(InclusionError::Index {
				index: self.index,
				parts,
			});
		}
		let mut nodes = self
			.path
			.iter()
			.chain([&part.commitment, &whole.commitment]);
		if nodes.any(|node| node[31] > 0x3f) {
			return Err(InclusionError::NotANode);
		}
		let mut root = part.commitment;
		for (level, sibling) in self.path.iter().enumerate() {
			root = match self.index >> level & 1 {
				0 => parent(&root, sibling),
				_ => parent(sibling, &root),
			};
		}
		if root == whole.commitment {
			Ok(())
		} else {
			Err(InclusionError::OtherRoot)
		}
	}
}

/// How many levels a part is below the whole.
fn depth(part: u64, whole: u64) -> Result<usize, InclusionError> {
	for size in [part, whole] {
		if !size.is_power_of_two() || size < MIN_PADDED_BYTES {
			return Err(InclusionError::Size(size));
		}
	}
	let levels = whole.ilog2().checked_sub(part.ilog2());
	levels
		.and_then(|levels| usize::try_from(levels).ok())
		.ok_or(InclusionError::PartTooLarge { part, whole })
}

/// A subtree's place within a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
	/// Its size with fr32 padding: a power of two of at least 128.
	pub padded_bytes: u64,
	/// Which of the piece's subtrees of this size it is.
	pub index: u64,
}

impl Place {
	/// The smallest subtree that holds these bytes of the payload. `None` if there are none, or too many.
	pub fn of_payload(start: u64, length: u64) -> Option<Self> {
		let last = start.checked_add(length.checked_sub(1)?)? / 127;
		let first = start / 127;
		// As many levels above the quads as it takes until both are in the same subtree.
		let levels = 64 - (first ^ last).leading_zeros();
		Some(Self {
			padded_bytes: MIN_PADDED_BYTES
				.checked_shl(levels)
				.filter(|size| *size > 0)?,
			index: first.checked_shr(levels).unwrap_or(0),
		})
	}

	/// The first byte of the payload in it.
	pub const fn payload_start(&self) -> Option<u64> {
		self.index.checked_mul(unpadded_size(self.padded_bytes))
	}
}

/// A piece, a subtree of it, and the proof that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenPart {
	/// The piece.
	pub piece: Piece,
	/// The subtree.
	pub part: Tree,
	/// The proof.
	pub proof: InclusionProof,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
	/// The payload cannot be read.
	#[error("cannot read the piece's data: {0}")]
	Read(#[from] io::Error),
	/// The subtree's size is no size.
	#[error(transparent)]
	Place(#[from] InclusionError),
	/// The subtree is not in the piece.
	#[error("the piece of {payload} bytes has no subtree {index} of {size} padded bytes")]
	OutOfPiece {
		/// The bytes of payload.
		payload: u64,
		/// Which subtree.
		index: u64,
		/// The subtree's size.
		size: u64,
	},
	/// A sector has no such piece.
	#[error("there is no piece {index}: the sector has {count}")]
	NoSuchPiece {
		/// The index.
		index: usize,
		/// How many pieces there are.
		count: usize,
	},
	/// The pieces, each aligned to its size, do not fit.
	#[error("the pieces do not fit a sector of {0} bytes")]
	SectorTooSmall(u64),
}

/// Proves that a subtree is in the piece whose payload a stream is. The stream is read once; memory does not
/// grow with it. `progress` is told how many bytes were read.
pub fn prove_part(
	payload: impl Read,
	place: Place,
	progress: &mut dyn FnMut(u64),
) -> Result<ProvenPart, ProveError> {
	let size = place.padded_bytes;
	depth(size, size)?;
	let mut trees = Trees {
		payload,
		read: 0,
		ended: false,
		progress,
	};
	let out_of_piece = |payload| ProveError::OutOfPiece {
		payload,
		index: place.index,
		size,
	};
	// The subtrees left of the part, the largest and first one first, are its siblings on those levels where
	// its place is at the right; those right of it, the smallest first, on the others.
	let mut siblings = [None; 64];
	for level in (0..64).rev() {
		if place.index >> level & 1 == 1 {
			let size = size
				.checked_shl(level)
				.filter(|left| left >> level == size)
				.ok_or_else(|| out_of_piece(trees.read))?;
			siblings[place_of(level)] = Some(trees.next(size)?);
		}
	}
	let commitment = trees.next(size)?;
	for level in 0..64 {
		let larger = size
			.checked_shl(level)
			.filter(|right| right >> level == size);
		if let (0, Some(size), false) = (place.index >> level & 1, larger, trees.ended) {
			siblings[place_of(level)] = Some(trees.next(size)?);
		}
	}
	let payload_bytes = trees.read;
	let whole = padded_size(payload_bytes).ok_or_else(|| out_of_piece(payload_bytes))?;
	let end = place
		.index
		.checked_add(1)
		.and_then(|end| end.checked_mul(size));
	if payload_bytes == 0 || end.is_none_or(|end| end > whole) {
		return Err(out_of_piece(payload_bytes));
	}
	let mut path = Vec::new();
	for (level, sibling) in siblings.iter().enumerate().take(depth(size, whole)?) {
		path.push(sibling.unwrap_or_else(|| zero_node(level_of(size) + level_number(level))));
	}
	let proof = InclusionProof {
		index: place.index,
		path,
	};
	let part = Tree {
		commitment,
		padded_bytes: size,
	};
	let root = (0..)
		.zip(&proof.path)
		.fold(commitment, |root, (level, sibling)| {
			match place.index >> level & 1 {
				0 => parent(&root, sibling),
				_ => parent(sibling, &root),
			}
		});
	Ok(ProvenPart {
		piece: Piece {
			commitment: root,
			padded_bytes: whole,
			payload_bytes,
		},
		part,
		proof,
	})
}

/// A stream as subtrees that follow each other.
struct Trees<'a, R> {
	payload: R,
	read: u64,
	ended: bool,
	progress: &'a mut dyn FnMut(u64),
}

impl<R: Read> Trees<'_, R> {
	/// The root of the next subtree of this size; what lies beyond the stream's end are zeros.
	fn next(&mut self, padded_bytes: u64) -> io::Result<Digest> {
		let mut hasher = PieceHasher::new();
		let before = self.read;
		hasher.read_from(
			(&mut self.payload).take(unpadded_size(padded_bytes)),
			&mut |read| (self.progress)(before.saturating_add(read)),
		)?;
		self.read = before.saturating_add(hasher.length());
		self.ended = hasher.length() < unpadded_size(padded_bytes);
		// It is never more than fits; nothing at all is only zeros.
		let piece = hasher.finish_padded_to(padded_bytes);
		Ok(piece.map_or_else(
			|_| zero_node(level_of(padded_bytes)),
			|piece| piece.commitment,
		))
	}
}

/// The level of a tree of this size above its nodes of 32 bytes.
fn level_of(padded_bytes: u64) -> u32 {
	padded_bytes.ilog2().saturating_sub(5)
}

fn place_of(level: u32) -> usize {
	usize::try_from(level).unwrap_or(usize::MAX)
}

fn level_number(level: usize) -> u32 {
	u32::try_from(level).unwrap_or(u32::MAX)
}

/// Pieces in a sector, in order, each at the next multiple of its size, with zeros between and behind.
#[derive(Clone, Debug)]
pub struct Sector {
	padded_bytes: u64,
	/// Where each piece begins.
	pieces: Vec<(u64, Tree)>,
}

impl Sector {
	/// Lays the pieces out.
	pub fn new(padded_bytes: u64, pieces: &[Tree]) -> Result<Self, ProveError> {
		depth(padded_bytes, padded_bytes)?;
		let mut end = 0u64;
		let mut placed = Vec::with_capacity(pieces.len());
		for piece in pieces {
			depth(piece.padded_bytes, piece.padded_bytes)?;
			let start = end.checked_next_multiple_of(piece.padded_bytes);
			let (Some(start), Some(next)) = (
				start,
				start.and_then(|start| start.checked_add(piece.padded_bytes)),
			) else {
				return Err(ProveError::SectorTooSmall(padded_bytes));
			};
			end = next;
			placed.push((start, *piece));
		}
		if end > padded_bytes {
			return Err(ProveError::SectorTooSmall(padded_bytes));
		}
		Ok(Self {
			padded_bytes,
			pieces: placed,
		})
	}

	/// The sector's tree; its commitment is CommD.
	pub fn tree(&self) -> Tree {
		Tree {
			commitment: self.root(0, self.padded_bytes),
			padded_bytes: self.padded_bytes,
		}
	}

	/// Where each piece begins, in padded bytes.
	pub fn offsets(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
		self.pieces.iter().map(|(start, _)| *start)
	}

	/// Proves that a piece is in the sector.
	pub fn prove(&self, index: usize) -> Result<InclusionProof, ProveError> {
		let (start, piece) = self.pieces.get(index).ok_or(ProveError::NoSuchPiece {
			index,
			count: self.pieces.len(),
		})?;
		let index = start / piece.padded_bytes;
		let levels = depth(piece.padded_bytes, self.padded_bytes)?;
		let path = (0..levels)
			.map(|level| {
				let size = piece.padded_bytes << level;
				let sibling = (index >> level) ^ 1;
				self.root(sibling.saturating_mul(size), size)
			})
			.collect();
		Ok(InclusionProof { index, path })
	}

	/// The root of the part of the sector from `start` on.
	fn root(&self, start: u64, size: u64) -> Digest {
		let end = start.saturating_add(size);
		// The pieces are in order: those that touch the part follow each other.
		let first = self
			.pieces
			.partition_point(|(begin, piece)| begin.saturating_add(piece.padded_bytes) <= start);
		match self.pieces.get(first) {
			Some((begin, piece)) if *begin == start && piece.padded_bytes == size => {
				piece.commitment
			},
			Some((begin, _)) if *begin < end => {
				let half = size / 2;
				parent(
					&self.root(start, half),
					&self.root(start.saturating_add(half), half),
				)
			},
			_ => zero_node(level_of(size)),
		}
	}
}

#[cfg(test)]
mod tests;
