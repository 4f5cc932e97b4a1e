//! Shards: a file's blocks, cut into CAR files that fit a piece, and made again from the file on demand.

use cid::Cid;
use std::{
	io::{self, Read, Seek, SeekFrom},
	sync::Arc,
};

use crate::{
	block::{cid_from_digest, sha256, Block, RAW},
	car::{section_bytes, CarHeader},
	piece::{length_of, Piece},
	Digest, CHUNK_BYTES,
};

/// The bytes of a shard's header: it names one root, whose CID has 36 bytes.
pub const HEADER_BYTES: u64 = 59;
/// The bytes of a full leaf's section: 3 of length, 36 of CID, and the chunk.
pub const FULL_LEAF_SECTION_BYTES: u64 = 3 + 36 + CHUNK_BYTES;

/// A shard of a file.
#[derive(Clone, Debug)]
pub struct Shard {
	/// The CAR's commitment and sizes; its payload is the CAR.
	pub piece: Piece,
	/// What the CAR holds.
	pub layout: ShardLayout,
}

/// Which blocks a shard's CAR holds: leaves in file order, then nodes.
#[derive(Clone, Debug)]
pub struct ShardLayout {
	/// The file's root, which the header names.
	pub root: Cid,
	/// The whole file's size.
	pub(crate) file_bytes: u64,
	/// The hashes of all of the file's leaves.
	pub(crate) leaves: Arc<[Digest]>,
	/// This shard's leaves, by index.
	pub(crate) first_leaf: u64,
	pub(crate) leaf_count: u64,
	/// This shard's nodes.
	pub(crate) nodes: Arc<[Block]>,
}

impl ShardLayout {
	/// The bytes of the CAR.
	pub fn car_bytes(&self) -> u64 {
		let nodes = self
			.nodes
			.iter()
			.map(|node| section_bytes(&node.cid, length_of(&node.data)))
			.fold(0u64, u64::saturating_add);
		HEADER_BYTES
			.saturating_add(self.leaf_bytes())
			.saturating_add(nodes)
	}

	/// The bytes of the leaves' sections.
	fn leaf_bytes(&self) -> u64 {
		let Some(last) = self.leaf_count.checked_sub(1) else {
			return 0;
		};
		let index = self.first_leaf.saturating_add(last);
		let last_section = match self.leaf_length(index) {
			CHUNK_BYTES => FULL_LEAF_SECTION_BYTES,
			short => section_bytes(&cid_from_digest(RAW, &[0; 32]), short),
		};
		last.saturating_mul(FULL_LEAF_SECTION_BYTES)
			.saturating_add(last_section)
	}

	/// The bytes of the file's leaf `index`.
	fn leaf_length(&self, index: u64) -> u64 {
		let start = index.saturating_mul(CHUNK_BYTES);
		self.file_bytes.saturating_sub(start).min(CHUNK_BYTES)
	}

	/// The CAR as a stream from its byte `offset` on, made from `file`. Reading fails with
	/// [`FileChanged`] inside an [`io::Error`] if the file is not any more what was packed.
	pub fn open_at<R: Read + Seek>(&self, file: R, offset: u64) -> ShardReader<R> {
		let mut reader = ShardReader {
			layout: self.clone(),
			file,
			next: Section::Header,
			current: Vec::new(),
			position: 0,
			skip: offset,
		};
		reader.seek_to_section();
		reader
	}
}

/// The file is not what it was when it was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file changed while it was being stored: pack it again")]
pub struct FileChanged;

/// The parts of a shard's CAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
	Header,
	/// By index within the shard.
	Leaf(u64),
	Node(usize),
	End,
}

/// A shard's CAR, made while it is read. Holds one block at a time.
#[derive(Debug)]
pub struct ShardReader<R> {
	layout: ShardLayout,
	file: R,
	next: Section,
	current: Vec<u8>,
	position: usize,
	/// How many bytes of the next section are passed over.
	skip: u64,
}

impl<R: Read + Seek> ShardReader<R> {
	/// Passes over whole sections without making them.
	fn seek_to_section(&mut self) {
		if self.skip < HEADER_BYTES {
			return;
		}
		self.skip -= HEADER_BYTES;
		let leaf_bytes = self.layout.leaf_bytes();
		if self.skip < leaf_bytes {
			let leaf = self.skip / FULL_LEAF_SECTION_BYTES;
			self.skip -= leaf.saturating_mul(FULL_LEAF_SECTION_BYTES);
			self.next = Section::Leaf(leaf);
			return;
		}
		self.skip -= leaf_bytes;
		for (index, node) in self.layout.nodes.iter().enumerate() {
			let bytes = section_bytes(&node.cid, length_of(&node.data));
			if self.skip < bytes {
				self.next = Section::Node(index);
				return;
			}
			self.skip -= bytes;
		}
		self.next = Section::End;
	}

	/// Makes the next section. `false` at the end.
	fn make_section(&mut self) -> io::Result<bool> {
		self.current.clear();
		self.position = 0;
		match self.next {
			Section::Header => {
				let header = CarHeader {
					roots: vec![self.layout.root],
				};
				self.current = header.encode();
				self.next = self.after_header();
			},
			Section::Leaf(index) => {
				self.make_leaf(self.layout.first_leaf.saturating_add(index))?;
				let following = index.saturating_add(1);
				self.next = if following < self.layout.leaf_count {
					Section::Leaf(following)
				} else {
					self.node_or_end(0)
				};
			},
			Section::Node(index) => {
				if let Some(node) = self.layout.nodes.get(index) {
					let head = crate::car::section_head(&node.cid, length_of(&node.data));
					self.current.extend_from_slice(&head);
					self.current.extend_from_slice(&node.data);
				}
				self.next = self.node_or_end(index + 1);
			},
			Section::End => return Ok(false),
		}
		let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
		self.position = skip.min(self.current.len());
		self.skip = 0;
		Ok(true)
	}

	fn after_header(&self) -> Section {
		if self.layout.leaf_count > 0 {
			Section::Leaf(0)
		} else {
			self.node_or_end(0)
		}
	}

	fn node_or_end(&self, index: usize) -> Section {
		if index < self.layout.nodes.len() {
			Section::Node(index)
		} else {
			Section::End
		}
	}

	fn make_leaf(&mut self, index: u64) -> io::Result<()> {
		let changed = || io::Error::new(io::ErrorKind::InvalidData, FileChanged);
		let position = usize::try_from(index).map_err(io::Error::other)?;
		let digest = *self.layout.leaves.get(position).ok_or_else(changed)?;
		let length = self.layout.leaf_length(index);
		let head = crate::car::section_head(&cid_from_digest(RAW, &digest), length);
		self.current.extend_from_slice(&head);
		self.file
			.seek(SeekFrom::Start(index.saturating_mul(CHUNK_BYTES)))?;
		(&mut self.file)
			.take(length)
			.read_to_end(&mut self.current)?;
		// A file that became shorter has another hash, too.
		if sha256(&self.current[head.len()..]) != digest {
			return Err(changed());
		}
		Ok(())
	}
}

impl<R: Read + Seek> Read for ShardReader<R> {
	fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
		if out.is_empty() {
			return Ok(0);
		}
		while self.position >= self.current.len() {
			if !self.make_section()? {
				return Ok(0);
			}
		}
		let available = &self.current[self.position..];
		let length = available.len().min(out.len());
		out[..length].copy_from_slice(&available[..length]);
		self.position += length;
		Ok(length)
	}
}
