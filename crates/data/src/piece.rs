//! CommP of a stream: the root of a binary tree over its fr32-padded bytes.

use rayon::prelude::*;
use std::io::{self, Read};

use crate::{
	fr32::{pad_quads, QUAD_BYTES},
	node_hash::{hash_level, parent, zero_node},
	read_ahead::{fill, read_ahead, More},
	Digest,
};

/// The smallest piece: one quad.
pub const MIN_PADDED_BYTES: u64 = 128;

/// The quads that are hashed into one subtree at a time.
const BATCH_QUADS: usize = 128;
const BATCH_BYTES: usize = BATCH_QUADS * QUAD_BYTES;
const BATCH_NODES: usize = BATCH_QUADS * 4;
/// The level of a quad's root and of a batch's: a node of level `l` stands for 32 × 2^`l` padded bytes.
const QUAD_LEVEL: u32 = 2;
const BATCH_LEVEL: u32 = BATCH_NODES.ilog2();
/// The batches that one thread takes at a time.
const GROUP_BATCHES: usize = 8;
const GROUP_LEVEL: u32 = BATCH_LEVEL + GROUP_BATCHES.ilog2();
/// From this many groups on they are hashed in parallel.
const PARALLEL_GROUPS: usize = 2;

/// How many groups of a stream are read at a time: few by a single thread, so that they are still in its
/// cache; by several at least so many for each that none waits long for the others, up to a limit.
const READ_GROUPS: usize = 4;
const READ_GROUPS_OF_EACH: usize = 16;
const MOST_READ_GROUPS: usize = 64;

#[derive(Default)]
struct Buffer {
	bytes: Vec<u8>,
	filled: usize,
}

/// A piece: data, padded with zeros to a power of two, and its commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
	/// CommP.
	pub commitment: Digest,
	/// The size with zero padding and fr32 padding: a power of two of at least 128.
	pub padded_bytes: u64,
	/// The bytes of data.
	pub payload_bytes: u64,
}

/// Why a stream makes no piece.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
	/// There are no bytes.
	#[error("a piece needs at least one byte of data")]
	Empty,
	/// The wanted size is no piece's size.
	#[error("{size} is not a piece's size: use a power of two of at least 128")]
	InvalidSize {
		/// What was asked for.
		size: u64,
	},
	/// The data is larger than the wanted size.
	#[error(
		"{payload} bytes of data need a piece of {needed} padded bytes, which is more than {size}"
	)]
	TooLarge {
		/// The bytes of data.
		payload: u64,
		/// The padded size that they need.
		needed: u64,
		/// What was asked for.
		size: u64,
	},
}

/// The padded size of the smallest piece that holds `payload` bytes. `None` above 2^63.
pub fn padded_size(payload: u64) -> Option<u64> {
	payload
		.div_ceil(127)
		.max(1)
		.checked_next_power_of_two()?
		.checked_mul(MIN_PADDED_BYTES)
}

/// The bytes of data that a piece of this padded size can hold.
pub const fn unpadded_size(padded: u64) -> u64 {
	padded / 128 * 127
}

/// Computes CommP of what is written to it, in constant memory.
///
/// The first quad (127 bytes) is hashed last, whatever is written: so a header that names what
/// follows it can be put there at the end, see [`DeferredPiece`].
#[derive(Clone, Debug, Default)]
pub struct PieceHasher {
	/// Data that is not yet hashed, always less than a batch.
	buffer: Vec<u8>,
	/// The first quad, once a batch was hashed.
	first_quad: Option<[u8; QUAD_BYTES]>,
	/// The siblings of the path from the first quad to the root, the lowest first.
	siblings: Vec<Digest>,
	/// Roots of complete subtrees right of that path, their levels strictly falling.
	stack: Vec<(u32, Digest)>,
	/// How many batches were hashed, up to a whole number of groups.
	batches: usize,
	length: u64,
}

impl PieceHasher {
	/// A hasher to which nothing was written.
	pub fn new() -> Self {
		Self::default()
	}

	/// How many bytes were written.
	pub const fn length(&self) -> u64 {
		self.length
	}

	/// Adds bytes at the end. Many bytes at once are hashed on all processors.
	pub fn write(&mut self, mut bytes: &[u8]) {
		self.length = self.length.saturating_add(length_of(bytes));
		if !self.buffer.is_empty() || self.first_quad.is_none() {
			let missing = BATCH_BYTES
				.saturating_sub(self.buffer.len())
				.min(bytes.len());
			let (head, rest) = bytes.split_at(missing);
			self.buffer.extend_from_slice(head);
			bytes = rest;
			if self.buffer.len() < BATCH_BYTES {
				return;
			}
			let batch = std::mem::take(&mut self.buffer);
			self.add_batch(&batch);
			self.buffer = batch;
			self.buffer.clear();
		}
		let (batches, rest) = bytes.as_chunks::<BATCH_BYTES>();
		// A group is a subtree, which begins at a multiple of its size.
		let missing = (GROUP_BATCHES - self.batches) % GROUP_BATCHES;
		let (first, batches) = batches.split_at(missing.min(batches.len()));
		let (groups, last) = batches.as_chunks::<GROUP_BATCHES>();
		for batch in first {
			self.add_batch(batch);
		}
		if groups.len() >= PARALLEL_GROUPS && rayon::current_num_threads() > 1 {
			let roots: Vec<_> = groups.par_iter().map(group_root).collect();
			for root in roots {
				self.push(GROUP_LEVEL, root);
			}
		} else {
			for group in groups {
				self.push(GROUP_LEVEL, group_root(group));
			}
		}
		for batch in last {
			self.add_batch(batch);
		}
		self.buffer.extend_from_slice(rest);
	}

	/// Adds what a stream has left. It is read once, ahead of the hashing, which all processors share;
	/// `progress` is told how many bytes of it were read. At most 17 MB are held.
	pub fn read_from(
		&mut self,
		mut stream: impl Read,
		progress: &mut dyn FnMut(u64),
	) -> io::Result<()> {
		let mut done = 0u64;
		let groups = match rayon::current_num_threads() {
			1 => READ_GROUPS,
			threads => READ_GROUPS_OF_EACH
				.saturating_mul(threads)
				.min(MOST_READ_GROUPS),
		};
		let most = groups * GROUP_BATCHES * BATCH_BYTES;
		let read = |buffer: &mut Buffer| -> io::Result<More> {
			buffer.bytes.resize(most, 0);
			buffer.filled = fill(&mut stream, &mut buffer.bytes)?;
			done = done.saturating_add(length_of(&buffer.bytes[..buffer.filled]));
			progress(done);
			let is_full = buffer.filled == most;
			Ok(if is_full { More::Yes } else { More::No })
		};
		read_ahead(read, |buffer| {
			self.write(&buffer.bytes[..buffer.filled]);
			Ok(())
		})
	}

	/// The piece of everything written, of the smallest size that holds it.
	pub fn finish(self) -> Result<Piece, PieceError> {
		Ok(self.finish_deferred()?.finish_with_prefix(&[]))
	}

	/// The piece of everything written, padded with zeros to `padded_bytes`.
	pub fn finish_padded_to(self, padded_bytes: u64) -> Result<Piece, PieceError> {
		if !padded_bytes.is_power_of_two() || padded_bytes < MIN_PADDED_BYTES {
			return Err(PieceError::InvalidSize { size: padded_bytes });
		}
		let mut piece = self.finish_deferred()?;
		let needed = piece.padded_bytes();
		if needed > padded_bytes {
			let payload = piece.payload_bytes;
			return Err(PieceError::TooLarge {
				payload,
				needed,
				size: padded_bytes,
			});
		}
		while piece.padded_bytes() < padded_bytes {
			piece.siblings.push(zero_node(piece.level()));
		}
		Ok(piece.finish_with_prefix(&[]))
	}

	/// Finishes everything except the path above the first quad.
	pub fn finish_deferred(mut self) -> Result<DeferredPiece, PieceError> {
		if self.length == 0 {
			return Err(PieceError::Empty);
		}
		if !self.buffer.is_empty() {
			let batch = std::mem::take(&mut self.buffer);
			self.add_batch(&batch);
		}
		// Complete the subtrees at the right, from the smallest on, with zeros.
		let mut last: Option<(u32, Digest)> = None;
		while let Some((level, left)) = self.stack.pop() {
			last = Some(match last {
				None => (level, left),
				Some(right) => (level + 1, parent(&left, &raise(right, level))),
			});
		}
		if let Some(right) = last {
			let level = path_level(&self.siblings);
			self.siblings.push(raise(right, level));
		}
		let first_quad = self.first_quad.ok_or(PieceError::Empty)?;
		Ok(DeferredPiece {
			first_quad,
			siblings: self.siblings,
			payload_bytes: self.length,
		})
	}

	/// Hashes at most a batch of bytes, which are the last unless they are a whole batch.
	fn add_batch(&mut self, batch: &[u8]) {
		self.batches = (self.batches + 1) % GROUP_BATCHES;
		if self.first_quad.is_none() {
			let mut quad = [0; QUAD_BYTES];
			let known = batch.len().min(QUAD_BYTES);
			quad[..known].copy_from_slice(&batch[..known]);
			self.first_quad = Some(quad);
			subtree(batch, Some(&mut self.siblings), &mut SubtreeMemory::new());
		} else {
			let (level, root) = subtree(batch, None, &mut SubtreeMemory::new());
			self.push(level, root);
		}
	}

	/// Adds the root of a complete subtree at the right.
	fn push(&mut self, mut level: u32, mut root: Digest) {
		while let Some((_, left)) = self.stack.pop_if(|(left_level, _)| *left_level == level) {
			root = parent(&left, &root);
			level += 1;
		}
		if self.stack.is_empty() && level == path_level(&self.siblings) {
			self.siblings.push(root);
		} else {
			self.stack.push((level, root));
		}
	}
}

/// A piece whose beginning can still be replaced.
#[derive(Clone, Debug)]
pub struct DeferredPiece {
	first_quad: [u8; QUAD_BYTES],
	siblings: Vec<Digest>,
	payload_bytes: u64,
}

impl DeferredPiece {
	/// The most bytes that can be replaced.
	pub const MAX_PREFIX: usize = QUAD_BYTES;

	/// The padded size.
	pub fn padded_bytes(&self) -> u64 {
		32 << self.level()
	}

	/// The bytes of data.
	pub const fn payload_bytes(&self) -> u64 {
		self.payload_bytes
	}

	/// The commitment after the first bytes of the data are replaced by `prefix`. What is longer than
	/// [`Self::MAX_PREFIX`] or than the data is ignored.
	pub fn finish_with_prefix(mut self, prefix: &[u8]) -> Piece {
		let data = usize::try_from(self.payload_bytes).unwrap_or(usize::MAX);
		let length = prefix.len().min(QUAD_BYTES).min(data);
		self.first_quad[..length].copy_from_slice(&prefix[..length]);
		let (_, root) = subtree(&self.first_quad, None, &mut SubtreeMemory::new());
		let commitment = self
			.siblings
			.iter()
			.fold(root, |node, sibling| parent(&node, sibling));
		Piece {
			commitment,
			padded_bytes: self.padded_bytes(),
			payload_bytes: self.payload_bytes,
		}
	}

	fn level(&self) -> u32 {
		path_level(&self.siblings)
	}
}

/// The level that a path from the first quad has reached.
fn path_level(siblings: &[Digest]) -> u32 {
	// A tree has fewer than 64 levels, because lengths are 64-bit numbers.
	u32::try_from(siblings.len())
		.unwrap_or(u32::MAX)
		.saturating_add(QUAD_LEVEL)
}

/// The root of a larger tree whose left part is the given one and whose rest is zeros.
fn raise((mut level, mut root): (u32, Digest), to: u32) -> Digest {
	while level < to {
		root = parent(&root, &zero_node(level));
		level += 1;
	}
	root
}

/// The root of the tree over a group.
fn group_root(group: &[[u8; BATCH_BYTES]; GROUP_BATCHES]) -> Digest {
	let mut nodes = [[0; 32]; GROUP_BATCHES];
	let mut memory = SubtreeMemory::new();
	for (root, batch) in nodes.iter_mut().zip(group) {
		(_, *root) = subtree(batch, None, &mut memory);
	}
	let mut next = [[0; 32]; GROUP_BATCHES / 2];
	let mut count = GROUP_BATCHES / 2;
	while count > 0 {
		hash_level(&nodes[..count * 2], &mut next[..count]);
		nodes[..count].copy_from_slice(&next[..count]);
		count /= 2;
	}
	nodes[0]
}

/// Two levels of a subtree, of which one is hashed into the other.
struct SubtreeMemory {
	nodes: [Digest; BATCH_NODES],
	parents: [Digest; BATCH_NODES / 2],
}

impl SubtreeMemory {
	const fn new() -> Self {
		Self {
			nodes: [[0; 32]; BATCH_NODES],
			parents: [[0; 32]; BATCH_NODES / 2],
		}
	}
}

/// The tree over at most a batch of bytes, filled with zeros to a power of two of quads: its level, its
/// root, and, if asked for, the siblings of its first quad's path.
fn subtree(
	bytes: &[u8],
	mut siblings: Option<&mut Vec<Digest>>,
	memory: &mut SubtreeMemory,
) -> (u32, Digest) {
	let quads = bytes
		.len()
		.div_ceil(QUAD_BYTES)
		.clamp(1, BATCH_QUADS)
		.next_power_of_two();
	let SubtreeMemory { nodes, parents } = memory;
	let mut count = quads * 4;
	let (padded, _) = nodes[..count].as_flattened_mut().as_chunks_mut::<128>();
	let (whole, rest) = bytes.as_chunks::<QUAD_BYTES>();
	pad_quads(whole, padded);
	if let Some(padded) = padded.get_mut(whole.len()..) {
		padded.fill([0; 128]);
		if let (false, Some(padded)) = (rest.is_empty(), padded.first_mut()) {
			let mut quad = [0; QUAD_BYTES];
			quad[..rest.len()].copy_from_slice(rest);
			pad_quads(&[quad], std::slice::from_mut(padded));
		}
	}
	let (mut below, mut above) = (&mut nodes[..], &mut parents[..]);
	let mut level = 0;
	while count > 1 {
		if let (true, Some(siblings)) = (level >= QUAD_LEVEL, siblings.as_mut()) {
			siblings.push(below[1]);
		}
		hash_level(&below[..count], &mut above[..count / 2]);
		(below, above) = (above, below);
		count /= 2;
		level += 1;
	}
	debug_assert!(level <= BATCH_LEVEL);
	(level, below[0])
}

/// A slice's length as a number of bytes in a stream.
pub(crate) fn length_of(bytes: &[u8]) -> u64 {
	u64::try_from(bytes.len()).expect("no platform's usize is wider than 64 bits; qed")
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn bytes(length: usize) -> Vec<u8> {
		(0..length)
			.map(|index| u8::try_from((index * 7 + index / 251) % 256).unwrap())
			.collect()
	}

	fn piece(data: &[u8]) -> Piece {
		let mut hasher = PieceHasher::new();
		hasher.write(data);
		hasher.finish().unwrap()
	}

	/// The whole tree in memory, as the definition says it.
	fn naive(data: &[u8], padded: u64) -> Digest {
		let mut padded_data = data.to_vec();
		padded_data.resize(usize::try_from(unpadded_size(padded)).unwrap(), 0);
		let mut nodes: Vec<Digest> = Vec::new();
		for quad in padded_data.as_chunks::<127>().0 {
			let mut out = [0; 128];
			pad_quads(&[*quad], std::slice::from_mut(&mut out));
			nodes.extend_from_slice(out.as_chunks::<32>().0);
		}
		while nodes.len() > 1 {
			nodes = nodes
				.chunks(2)
				.map(|pair| parent(&pair[0], &pair[1]))
				.collect();
		}
		nodes[0]
	}

	#[test]
	fn nothing_makes_no_piece() {
		assert_eq!(PieceHasher::new().finish(), Err(PieceError::Empty));
		assert_eq!(
			PieceHasher::new().finish_padded_to(256),
			Err(PieceError::Empty)
		);
	}

	#[test]
	fn sizes_around_every_boundary_have_the_whole_trees_root() {
		let quad = QUAD_BYTES;
		let batch = BATCH_BYTES;
		for length in [
			1,
			2,
			126,
			quad,
			quad + 1,
			2 * quad,
			3 * quad,
			5 * quad - 1,
			64 * quad,
			batch - 1,
			batch,
			batch + 1,
			2 * batch,
			2 * batch + 1,
			3 * batch,
			3 * batch + quad,
			4 * batch,
			7 * batch + 3,
			9 * batch,
			17 * batch + 1,
		] {
			let data = bytes(length);
			let piece = piece(&data);
			assert_eq!(
				Some(piece.padded_bytes),
				padded_size(length_of(&data)),
				"{length}"
			);
			assert_eq!(
				piece.commitment,
				naive(&data, piece.padded_bytes),
				"{length}"
			);
			assert_eq!(piece.payload_bytes, length_of(&data));
		}
	}

	#[test]
	fn pieces_can_be_padded_further() {
		let data = bytes(300);
		for padded in [512, 1024, 1 << 20] {
			let mut hasher = PieceHasher::new();
			hasher.write(&data);
			let piece = hasher.finish_padded_to(padded).unwrap();
			assert_eq!(piece.padded_bytes, padded);
			assert_eq!(piece.commitment, naive(&data, padded));
		}
		let mut hasher = PieceHasher::new();
		hasher.write(&data);
		assert_eq!(
			hasher.clone().finish_padded_to(256),
			Err(PieceError::TooLarge {
				payload: 300,
				needed: 512,
				size: 256
			})
		);
		for size in [0, 64, 200] {
			let result = hasher.clone().finish_padded_to(size);
			assert_eq!(result, Err(PieceError::InvalidSize { size }));
		}
	}

	#[test]
	fn the_beginning_can_be_replaced_at_the_end() {
		for length in [1, 59, 127, 128, 1000, BATCH_BYTES + 5, 20 * BATCH_BYTES] {
			let mut data = bytes(length);
			let mut hasher = PieceHasher::new();
			hasher.write(&data);
			let prefix = vec![0xa5; length.min(59)];
			data[..prefix.len()].copy_from_slice(&prefix);
			let deferred = hasher.finish_deferred().unwrap();
			assert_eq!(deferred.payload_bytes(), length_of(&data));
			assert_eq!(
				deferred.finish_with_prefix(&prefix),
				piece(&data),
				"{length}"
			);
		}
		// A prefix never reaches beyond the data.
		let mut hasher = PieceHasher::new();
		hasher.write(&[1, 2]);
		let deferred = hasher.finish_deferred().unwrap();
		assert_eq!(deferred.finish_with_prefix(&[9; 200]), piece(&[9, 9]));
	}

	#[test]
	fn sizes_that_no_piece_has_are_refused() {
		assert_eq!(padded_size(0), Some(128));
		assert_eq!(padded_size(127), Some(128));
		assert_eq!(padded_size(128), Some(256));
		assert_eq!(padded_size(u64::MAX), None);
		assert_eq!(unpadded_size(8 << 20), 8_323_072);
	}

	proptest! {
		#[test]
		fn the_way_bytes_are_written_does_not_matter(
			length in 1usize..400_000,
			cuts in proptest::collection::vec(1usize..200_000, 1..6),
		) {
			let data = bytes(length);
			let mut hasher = PieceHasher::new();
			let mut rest = &data[..];
			for cut in cuts.iter().cycle() {
				let (head, tail) = rest.split_at((*cut).min(rest.len()));
				hasher.write(head);
				rest = tail;
				if rest.is_empty() {
					break;
				}
			}
			prop_assert_eq!(hasher.length(), length_of(&data));
			let piece = hasher.finish().unwrap();
			prop_assert_eq!(piece.commitment, naive(&data, piece.padded_bytes));
		}
	}
}
