//! Reads a stream's leaves with their hashes: several at a time, the next ones while the last are used.

use cid::Cid;
use std::{
	io::{self, Read},
	ops::Range,
};

use crate::{
	block::{cid_from_digest, RAW},
	car::section_head,
	count,
	read_ahead::{fill, read_ahead, More},
	sha256, Digest,
};

/// How much is read for each thread at a time, and at least and at most: bounds the memory, of which twice
/// as much is used.
const BYTES_PER_THREAD: usize = 4 << 20;
const MOST_BYTES: usize = 16 << 20;

/// Some leaves of a stream, in order. They lie in memory as a CARv1 has them, each with its section's head
/// before it, so that they can be written and hashed without being copied.
#[derive(Debug, Default)]
pub struct LeafBatch {
	bytes: Vec<u8>,
	leaves: Vec<Place>,
}

#[derive(Debug)]
struct Place {
	section: Range<usize>,
	data: usize,
	digest: Digest,
}

/// A leaf.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
	/// The SHA-256 of its bytes.
	pub digest: Digest,
	/// Its bytes.
	pub data: &'a [u8],
}

impl Leaf<'_> {
	/// Its CID, as a raw block.
	pub fn cid(&self) -> Cid {
		cid_from_digest(RAW, &self.digest)
	}
}

impl LeafBatch {
	/// The leaves.
	pub fn leaves(&self) -> impl ExactSizeIterator<Item = Leaf<'_>> {
		self.leaves.iter().map(|place| self.leaf(place))
	}

	/// The sections of a CARv1 with these leaves as raw blocks, by index. They follow each other without gaps.
	pub fn sections(&self, leaves: Range<usize>) -> &[u8] {
		match self.leaves.get(leaves) {
			Some([first, .., last]) => &self.bytes[first.section.start..last.section.end],
			Some([only]) => &self.bytes[only.section.clone()],
			_ => &[],
		}
	}

	/// Some of the leaves, by index.
	pub(crate) fn leaves_in(
		&self,
		leaves: Range<usize>,
	) -> impl ExactSizeIterator<Item = Leaf<'_>> {
		let places = self.leaves.get(leaves).unwrap_or_default();
		places.iter().map(|place| self.leaf(place))
	}

	fn leaf(&self, place: &Place) -> Leaf<'_> {
		Leaf {
			digest: place.digest,
			data: &self.bytes[place.data..place.section.end],
		}
	}

	/// Reads the next leaves, without hashing them: see [`Self::hash`]. There are none at the stream's end;
	/// of an empty stream there is an empty one, if that is what the stream `begins` with. Returns whether the
	/// stream can have more. `progress` is told how long each leaf is.
	pub(crate) fn read(
		&mut self,
		stream: &mut dyn Read,
		leaf_bytes: usize,
		begins: bool,
		progress: &mut dyn FnMut(usize),
	) -> io::Result<More> {
		self.leaves.clear();
		let bytes = BYTES_PER_THREAD.saturating_mul(rayon::current_num_threads());
		let most = (bytes.min(MOST_BYTES) / leaf_bytes).max(1);
		let head_bytes = head(&[0; 32], leaf_bytes).len();
		let needed = (head_bytes + leaf_bytes) * most;
		if self.bytes.len() < needed {
			self.bytes = vec![0; needed];
		}
		let mut start = 0;
		while self.leaves.len() < most {
			let mut data = start + head_bytes;
			let length = fill(stream, &mut self.bytes[data..data + leaf_bytes])?;
			if length == 0 && !(begins && self.leaves.is_empty()) {
				return Ok(More::No);
			}
			progress(length);
			// A short leaf can have a shorter head.
			let needed = head(&[0; 32], length).len();
			if needed < head_bytes {
				self.bytes.copy_within(data..data + length, start + needed);
				data = start + needed;
			}
			let section = start..data + length;
			start = section.end;
			self.leaves.push(Place {
				section,
				data,
				digest: [0; 32],
			});
			if length < leaf_bytes {
				return Ok(More::No);
			}
		}
		Ok(More::Yes)
	}

	/// Hashes the leaves, and puts the sections' heads before them.
	pub(crate) fn hash(&mut self) {
		let leaves: Vec<&[u8]> = self.leaves().map(|leaf| leaf.data).collect();
		let digests = sha256::digests(&leaves);
		for (place, digest) in self.leaves.iter_mut().zip(digests) {
			place.digest = digest;
			let head = head(&digest, place.section.end - place.data);
			self.bytes[place.section.start..place.data].copy_from_slice(&head);
		}
	}
}

fn head(digest: &Digest, length: usize) -> Vec<u8> {
	section_head(&cid_from_digest(RAW, digest), count(length))
}

/// Reads a stream once, in leaves of `leaf_bytes` bytes, except the last. `each` takes them in order, on
/// another thread if there is one, while the next are read and hashed on this and the others; `progress` is
/// told how many bytes were read. At most 32 MiB are held.
///
/// Fails with the first error of the stream or of `each`.
pub fn for_each_batch<E>(
	mut stream: impl Read,
	leaf_bytes: usize,
	each: impl FnMut(&LeafBatch) -> Result<(), E> + Send,
	progress: &mut dyn FnMut(u64),
) -> Result<(), E>
where
	E: From<io::Error> + Send,
{
	let leaf_bytes = leaf_bytes.max(1);
	let mut done = 0u64;
	let read = |batch: &mut LeafBatch| {
		let more = batch.read(&mut stream, leaf_bytes, false, &mut |length| {
			done = done.saturating_add(count(length));
			progress(done);
		})?;
		batch.hash();
		Ok(more)
	};
	read_ahead(read, each)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{car::CarWriter, piece::length_of, sha256::digest};

	/// Gives a few bytes at a time, and fails at a position.
	struct Stream<'a> {
		data: &'a [u8],
		fails: bool,
		interrupted: bool,
	}

	impl Read for Stream<'_> {
		fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
			self.interrupted = !self.interrupted;
			if self.interrupted {
				return Err(io::ErrorKind::Interrupted.into());
			}
			if self.data.is_empty() && self.fails {
				return Err(io::Error::other("broken"));
			}
			let length = buffer.len().min(self.data.len()).min(700_001);
			buffer[..length].copy_from_slice(&self.data[..length]);
			self.data = &self.data[length..];
			Ok(length)
		}
	}

	fn stream(data: &[u8], fails: bool) -> Stream<'_> {
		Stream {
			data,
			fails,
			interrupted: false,
		}
	}

	fn bytes(length: usize) -> Vec<u8> {
		(0..length)
			.map(|index| (index % 253).to_le_bytes()[0])
			.collect()
	}

	#[test]
	fn batches_are_the_streams_leaves_as_a_car_has_them() {
		// Enough for several batches; the last leaf has a shorter head than the others.
		for (length, leaf) in [
			(0, 1000),
			(1, 1 << 20),
			(40_000_003, 1 << 20),
			(1 << 20, 1 << 18),
			(40 << 20, 1 << 20),
			(9_999, 100),
		] {
			let data = bytes(length);
			let mut car = CarWriter::new(Vec::new(), vec![]).unwrap();
			let header = car.written();
			for leaf in data.chunks(leaf) {
				car.write_block(&crate::block::raw_cid(leaf), leaf).unwrap();
			}
			let expected = car
				.finish()
				.unwrap()
				.split_off(usize::try_from(header).unwrap());
			let mut sections = Vec::new();
			let mut found = Vec::new();
			let mut last = 0;
			for_each_batch::<io::Error>(
				stream(&data, false),
				leaf,
				|batch| {
					let count = batch.leaves().len();
					sections.extend_from_slice(batch.sections(0..count / 2));
					sections.extend_from_slice(batch.sections(count / 2..count));
					for leaf in batch.leaves() {
						assert_eq!(leaf.digest, digest(leaf.data));
						found.extend_from_slice(leaf.data);
					}
					Ok(())
				},
				&mut |done| last = done,
			)
			.unwrap();
			assert!(found == data, "{length}");
			assert!(sections == expected, "{length}");
			assert_eq!(last, length_of(&data));
		}
	}

	#[test]
	fn the_first_error_ends_the_pass() {
		let data = bytes(40_000_000);
		let result =
			for_each_batch::<io::Error>(stream(&data, true), 1 << 20, |_| Ok(()), &mut |_| {});
		assert_eq!(result.unwrap_err().to_string(), "broken");
		let mut calls = 0;
		let result = for_each_batch::<io::Error>(
			stream(&data, false),
			1 << 20,
			|_| {
				calls += 1;
				Err(io::Error::other("full"))
			},
			&mut |_| {},
		);
		assert_eq!(result.unwrap_err().to_string(), "full");
		assert_eq!(calls, 1);
	}
}
