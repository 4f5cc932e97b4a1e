//! Packs a file: one read, three commitments (the leaves' and root's CIDs, and each shard's CommP).

use cid::Cid;
use std::{
	io::{self, Read},
	sync::Arc,
};

use crate::{
	block::Block,
	car::{section_bytes, section_head, CarHeader},
	dag::DagBuilder,
	leaves::{for_each_batch, LeafBatch},
	piece::{length_of, DeferredPiece, PieceHasher},
	shard::{Shard, ShardLayout, HEADER_BYTES},
	Digest, CHUNK_BYTES,
};

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
	/// The CARs cannot be written.
	#[error("cannot write the CAR: {0}")]
	Write(#[source] io::Error),
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

/// Takes the CARs' bytes while they are made.
pub trait CarSink: Send {
	/// The next bytes of the CAR of this shard. Its header's place is kept with zeros.
	fn write(&mut self, shard: usize, bytes: &[u8]) -> io::Result<()>;
	/// The header of the CAR of this shard, which belongs at its beginning. Comes at the very end.
	fn write_header(&mut self, shard: usize, header: &[u8]) -> io::Result<()>;
}

/// Takes no CARs.
struct NoCars;

impl CarSink for NoCars {
	fn write(&mut self, _: usize, _: &[u8]) -> io::Result<()> {
		Ok(())
	}

	fn write_header(&mut self, _: usize, _: &[u8]) -> io::Result<()> {
		Ok(())
	}
}

/// Reads a file once and packs it into shards whose CARs have at most `max_car_bytes` bytes. `progress` is
/// told how many bytes of the file were read.
///
/// Memory stays at 32 MiB and some 100 bytes for each MiB of the file, whatever the file's size.
pub fn pack<R: Read>(
	file: R,
	max_car_bytes: u64,
	progress: &mut dyn FnMut(u64),
) -> Result<Package, PackError> {
	pack_into(file, max_car_bytes, &mut NoCars, progress)
}

/// Like [`pack`], and hands the CARs' bytes to `cars` in the same pass.
pub fn pack_into<R: Read>(
	file: R,
	max_car_bytes: u64,
	cars: &mut dyn CarSink,
	progress: &mut dyn FnMut(u64),
) -> Result<Package, PackError> {
	let leaf_bytes = usize::try_from(CHUNK_BYTES).expect("a MiB fits every usize; qed");
	let mut packer = Packer::new(max_car_bytes, cars)?;
	for_each_batch(file, leaf_bytes, |batch| packer.add_batch(batch), progress)?;
	packer.finish()
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

struct Packer<'a> {
	cars: &'a mut dyn CarSink,
	max_car_bytes: u64,
	file_bytes: u64,
	leaves: Vec<Digest>,
	dag: DagBuilder,
	nodes: Vec<Block>,
	open: OpenShard,
	closed: Vec<ClosedShard>,
}

impl<'a> Packer<'a> {
	fn new(max_car_bytes: u64, cars: &'a mut dyn CarSink) -> Result<Self, PackError> {
		let mut packer = Self {
			cars,
			max_car_bytes,
			file_bytes: 0,
			leaves: Vec::new(),
			dag: DagBuilder::new(),
			nodes: Vec::new(),
			open: OpenShard::default(),
			closed: Vec::new(),
		};
		packer.begin_shard()?;
		Ok(packer)
	}

	fn begin_shard(&mut self) -> Result<(), PackError> {
		self.open = OpenShard {
			first_leaf: length(self.leaves.len()),
			..OpenShard::default()
		};
		// The header names the root, which is known only at the end: it is put in its place then.
		let header = [0; 59];
		debug_assert_eq!(length_of(&header), HEADER_BYTES);
		self.write(&header)
	}

	/// Hashes the next bytes of the open shard's CAR, and hands them on.
	fn write(&mut self, bytes: &[u8]) -> Result<(), PackError> {
		let shard = self.closed.len();
		let (hasher, cars) = (&mut self.open.hasher, &mut self.cars);
		let mut write = || cars.write(shard, bytes);
		let written = if rayon::current_num_threads() == 1 {
			hasher.write(bytes);
			write()
		} else {
			rayon::join(write, || hasher.write(bytes)).0
		};
		written.map_err(PackError::Write)
	}

	fn add_batch(&mut self, batch: &LeafBatch) -> Result<(), PackError> {
		// Sections of one shard are hashed together.
		let mut done = 0;
		let mut pending = 0u64;
		for (index, leaf) in batch.leaves().enumerate() {
			let (cid, data_bytes) = (leaf.cid(), length_of(leaf.data));
			let bytes = section_bytes(&cid, data_bytes);
			if !self.has_room(pending, bytes)? {
				self.write(batch.sections(done..index))?;
				(done, pending) = (index, 0);
				self.close_shard()?;
				self.begin_shard()?;
			}
			pending = pending.saturating_add(bytes);
			self.open.leaf_count += 1;
			self.leaves.push(leaf.digest);
			self.file_bytes = self.file_bytes.saturating_add(data_bytes);
			self.dag.push_leaf(cid, data_bytes, &mut self.nodes);
		}
		self.write(batch.sections(done..batch.leaves().len()))
	}

	/// Whether the open shard can take so many bytes, besides those that are about to be written.
	fn has_room(&self, pending: u64, bytes: u64) -> Result<bool, PackError> {
		let needed = HEADER_BYTES.saturating_add(bytes);
		if needed > self.max_car_bytes {
			return Err(PackError::ShardTooSmall {
				limit: self.max_car_bytes,
				needed,
			});
		}
		let length = self.open.hasher.length().saturating_add(pending);
		Ok(length.saturating_add(bytes) <= self.max_car_bytes)
	}

	/// Adds a node to the open shard, or to a new one if it does not fit any more.
	fn add_node(&mut self, node: Block) -> Result<(), PackError> {
		let data_bytes = length_of(&node.data);
		if !self.has_room(0, section_bytes(&node.cid, data_bytes))? {
			self.close_shard()?;
			self.begin_shard()?;
		}
		self.write(&section_head(&node.cid, data_bytes))?;
		self.write(&node.data)?;
		self.open.nodes.push(node);
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
			self.add_node(node)?;
		}
		self.close_shard()?;
		let header = CarHeader { roots: vec![root] }.encode();
		debug_assert_eq!(length_of(&header), HEADER_BYTES);
		for shard in 0..self.closed.len() {
			self.cars
				.write_header(shard, &header)
				.map_err(PackError::Write)?;
		}
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
