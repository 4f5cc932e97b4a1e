//! Packs a file: one read, three commitments (the leaves' and root's CIDs, and each shard's CommP).

use cid::Cid;
use rayon::prelude::*;
use std::{
	io::{self, Read},
	sync::Arc,
};

use crate::{
	block::{cid_from_digest, sha256, Block, RAW},
	car::{section_bytes, section_head, CarHeader},
	dag::DagBuilder,
	piece::{length_of, DeferredPiece, PieceHasher},
	shard::{Shard, ShardLayout, HEADER_BYTES},
	Digest, CHUNK_BYTES,
};

/// How many leaves are read and hashed at a time; bounds the memory.
const LEAVES_AT_ONCE: usize = 4;

/// A file's root and shards.
#[derive(Clone, Debug)]
pub struct Package {
	/// The UnixFS root.
	pub root: Cid,
	/// The file's bytes.
	pub file_bytes: u64,
	/// The shards, in order.
	pub shards: Vec<Shard>,
}

/// Why a file cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
	/// The file cannot be read.
	#[error("cannot read the file: {0}")]
	Read(#[from] io::Error),
	/// The file has no bytes.
	#[error("the file is empty: there is nothing to store")]
	Empty,
	/// A shard cannot hold even one block.
	#[error("a shard of {limit} bytes cannot hold a block that takes {needed} bytes")]
	ShardTooSmall {
		/// The most bytes of a shard.
		limit: u64,
		/// The bytes of a CAR with that block.
		needed: u64,
	},
}

/// Reads a file once and packs it into shards whose CARs have at most `max_car_bytes` bytes. `progress` is
/// told how many bytes of the file were read.
///
/// Memory stays at a few MiB and 32 bytes for each MiB of the file, whatever the file's size.
pub fn pack<R: Read>(
	mut file: R,
	max_car_bytes: u64,
	progress: &mut dyn FnMut(u64),
) -> Result<Package, PackError> {
	let mut packer = Packer::new(max_car_bytes);
	let mut chunks: Vec<Vec<u8>> = (0..LEAVES_AT_ONCE).map(|_| Vec::new()).collect();
	loop {
		let mut filled = 0;
		for chunk in &mut chunks {
			chunk.clear();
			(&mut file).take(CHUNK_BYTES).read_to_end(chunk)?;
			if chunk.is_empty() {
				break;
			}
			filled += 1;
		}
		let read = &chunks[..filled];
		let digests: Vec<Digest> = read.par_iter().map(|chunk| sha256(chunk)).collect();
		for (chunk, digest) in read.iter().zip(digests) {
			packer.add_leaf(chunk, digest)?;
			progress(packer.file_bytes);
		}
		if read
			.last()
			.is_none_or(|chunk| length_of(chunk) < CHUNK_BYTES)
		{
			return packer.finish();
		}
	}
}

/// A shard that takes blocks.
#[derive(Default)]
struct OpenShard {
	hasher: PieceHasher,
	first_leaf: u64,
	leaf_count: u64,
	nodes: Vec<Block>,
}

/// A shard that is complete but for the root in its header.
struct ClosedShard {
	piece: DeferredPiece,
	first_leaf: u64,
	leaf_count: u64,
	nodes: Vec<Block>,
}

struct Packer {
	max_car_bytes: u64,
	file_bytes: u64,
	leaves: Vec<Digest>,
	dag: DagBuilder,
	nodes: Vec<Block>,
	open: OpenShard,
	closed: Vec<ClosedShard>,
}

impl Packer {
	fn new(max_car_bytes: u64) -> Self {
		let mut packer = Self {
			max_car_bytes,
			file_bytes: 0,
			leaves: Vec::new(),
			dag: DagBuilder::new(),
			nodes: Vec::new(),
			open: OpenShard::default(),
			closed: Vec::new(),
		};
		packer.begin_shard();
		packer
	}

	fn begin_shard(&mut self) {
		self.open = OpenShard {
			first_leaf: length(self.leaves.len()),
			..OpenShard::default()
		};
		// The header names the root, which is known only at the end: it is put in its place then.
		let header = [0; 59];
		debug_assert_eq!(length_of(&header), HEADER_BYTES);
		self.open.hasher.write(&header);
	}

	fn add_leaf(&mut self, data: &[u8], digest: Digest) -> Result<(), PackError> {
		let cid = cid_from_digest(RAW, &digest);
		self.add_section(&cid, data)?;
		self.open.leaf_count += 1;
		self.leaves.push(digest);
		self.file_bytes = self.file_bytes.saturating_add(length_of(data));
		self.dag.push_leaf(cid, length_of(data), &mut self.nodes);
		Ok(())
	}

	/// Hashes a block into the open shard, or into a new one if it does not fit any more.
	fn add_section(&mut self, cid: &Cid, data: &[u8]) -> Result<(), PackError> {
		let bytes = section_bytes(cid, length_of(data));
		let needed = HEADER_BYTES.saturating_add(bytes);
		if needed > self.max_car_bytes {
			return Err(PackError::ShardTooSmall {
				limit: self.max_car_bytes,
				needed,
			});
		}
		if self.open.hasher.length().saturating_add(bytes) > self.max_car_bytes {
			self.close_shard()?;
			self.begin_shard();
		}
		self.open.hasher.write(&section_head(cid, length_of(data)));
		self.open.hasher.write(data);
		Ok(())
	}

	fn close_shard(&mut self) -> Result<(), PackError> {
		let open = std::mem::take(&mut self.open);
		// A shard always has its header.
		let piece = open
			.hasher
			.finish_deferred()
			.map_err(|_| PackError::Empty)?;
		self.closed.push(ClosedShard {
			piece,
			first_leaf: open.first_leaf,
			leaf_count: open.leaf_count,
			nodes: open.nodes,
		});
		Ok(())
	}

	fn finish(mut self) -> Result<Package, PackError> {
		let dag = std::mem::take(&mut self.dag);
		let root = dag.finish(&mut self.nodes).ok_or(PackError::Empty)?;
		for node in std::mem::take(&mut self.nodes) {
			self.add_section(&node.cid, &node.data)?;
			self.open.nodes.push(node);
		}
		self.close_shard()?;
		let header = CarHeader { roots: vec![root] }.encode();
		debug_assert_eq!(length_of(&header), HEADER_BYTES);
		let leaves: Arc<[Digest]> = self.leaves.into();
		let file_bytes = self.file_bytes;
		let shards = self
			.closed
			.into_iter()
			.map(|shard| Shard {
				piece: shard.piece.finish_with_prefix(&header),
				layout: ShardLayout {
					root,
					file_bytes,
					leaves: Arc::clone(&leaves),
					first_leaf: shard.first_leaf,
					leaf_count: shard.leaf_count,
					nodes: shard.nodes.into(),
				},
			})
			.collect();
		Ok(Package {
			root,
			file_bytes,
			shards,
		})
	}
}

fn length(length: usize) -> u64 {
	u64::try_from(length).expect("no platform's usize is wider than 64 bits; qed")
}
