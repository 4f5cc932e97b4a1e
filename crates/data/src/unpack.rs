//! Takes shards back, checks every block as it streams, and writes the file.

use cid::Cid;
use std::{
	collections::{HashMap, HashSet},
	io::{self, Read, Write},
};

use crate::{
	block::{cid_from_digest, raw_cid, sha256_of, DAG_PB, RAW},
	car::{BatchedBlock, BlockBatch, CarError, CarReader, Limits},
	piece::length_of,
	shard::{FULL_LEAF_SECTION_BYTES, HEADER_BYTES},
	unixfs::{FileNode, UnixFsError},
	Digest, CHUNK_BYTES, MAX_LINKS,
};

/// No DAG of 2^64 bytes with 1 MiB leaves is deeper.
const MAX_DEPTH: usize = 8;

/// Why shards do not make the file.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
	/// A shard is no CAR, is cut short, or has a corrupt block.
	#[error(transparent)]
	Car(#[from] CarError),
	/// The output, or the beginning of the file that is already there, failed.
	#[error("cannot write the file: {0}")]
	Output(#[source] io::Error),
	/// A shard belongs to another file.
	#[error("a shard is of another file: its root is not {root}")]
	OtherFile {
		/// The root that was asked for.
		root: Cid,
	},
	/// There is more data than the file has.
	#[error("there is an extra block {cid}: the file has only {file_bytes} bytes")]
	Extra {
		/// The first block too many.
		cid: Cid,
		/// The file's size.
		file_bytes: u64,
	},
	/// A block is missing.
	#[error("block {cid} is missing")]
	Missing {
		/// The block.
		cid: Cid,
	},
	/// All blocks are there, in another order.
	#[error("blocks are in the wrong order: byte {position} of the file is in {expected}, but {found} came")]
	Reordered {
		/// Where in the file.
		position: u64,
		/// The block that belongs there.
		expected: Box<Cid>,
		/// The block that came.
		found: Box<Cid>,
	},
	/// A leaf comes after a node, or a block has a codec that files do not have.
	#[error("block {cid} has no place here: leaves come first, then nodes")]
	Misplaced {
		/// The block.
		cid: Cid,
	},
	/// A node contradicts itself.
	#[error("node {cid}: {error}")]
	Node {
		/// The node.
		cid: Cid,
		/// What is wrong.
		error: Box<UnixFsError>,
	},
	/// The DAG is deeper than any file of this profile, or a size in it is wrong.
	#[error("the file's DAG is malformed at {cid}: {what}")]
	Dag {
		/// The node or leaf.
		cid: Cid,
		/// What is wrong.
		what: &'static str,
	},
	/// The DAG is of a file of another size.
	#[error("the file has {found} bytes, not {expected}")]
	Size {
		/// What was asked for.
		expected: u64,
		/// What the DAG says.
		found: u64,
	},
}

/// Makes a file of its shards. Holds some MiB of blocks at a time, and about 100 bytes for each MiB of the file.
#[derive(Debug)]
pub struct Unpacker<W> {
	root: Cid,
	file_bytes: u64,
	output: W,
	written: u64,
	leaves: Vec<Leaf>,
	nodes: HashMap<Cid, FileNode>,
}

#[derive(Clone, Copy, Debug)]
struct Leaf {
	digest: Digest,
	bytes: u64,
}

impl<W: Write> Unpacker<W> {
	/// Will write the file of `file_bytes` bytes with this root to `output`, in file order.
	pub fn new(root: Cid, file_bytes: u64, output: W) -> Self {
		Self {
			root,
			file_bytes,
			output,
			written: 0,
			leaves: Vec::new(),
			nodes: HashMap::new(),
		}
	}

	/// Takes the file's beginning as an earlier attempt has left it, up to the last whole leaf, instead
	/// of from shards; nothing of it is written to the output. Use it before any shard, and go on where
	/// [`resume_point`] says. Returns how many bytes were taken: the output must go on there.
	pub fn resume(&mut self, existing: impl Read) -> Result<u64, UnpackError> {
		let mut existing = existing.take(self.file_bytes);
		let mut chunk = Vec::new();
		loop {
			chunk.clear();
			(&mut existing)
				.take(CHUNK_BYTES)
				.read_to_end(&mut chunk)
				.map_err(UnpackError::Output)?;
			if length_of(&chunk) < CHUNK_BYTES {
				return Ok(self.written);
			}
			self.add_leaf(raw_cid(&chunk), CHUNK_BYTES)?;
		}
	}

	/// How many bytes of the file were written.
	pub const fn written(&self) -> u64 {
		self.written
	}

	/// Takes the next shard.
	pub fn shard(&mut self, car: impl Read) -> Result<(), UnpackError> {
		let mut reader = CarReader::new(car, Limits::default())?;
		if reader.roots() != [self.root] {
			return Err(UnpackError::OtherFile { root: self.root });
		}
		self.blocks(&mut reader)
	}

	/// Takes the rest of the next shard, from the block that begins at its byte `offset` on.
	pub fn shard_from(&mut self, car: impl Read, offset: u64) -> Result<(), UnpackError> {
		self.blocks(&mut CarReader::without_header(
			car,
			offset,
			Limits::default(),
		))
	}

	/// Checks that everything came and that it is the file, and returns the output.
	pub fn finish(mut self) -> Result<W, UnpackError> {
		let expected = self.expected_leaves()?;
		let found: u64 = expected
			.iter()
			.map(|leaf| leaf.bytes)
			.fold(0, u64::saturating_add);
		if found != self.file_bytes {
			return Err(UnpackError::Size {
				expected: self.file_bytes,
				found,
			});
		}
		self.compare(&expected)?;
		self.output.flush().map_err(UnpackError::Output)?;
		Ok(self.output)
	}

	fn blocks<R: Read>(&mut self, reader: &mut CarReader<R>) -> Result<(), UnpackError> {
		let mut batch = BlockBatch::default();
		while reader.next_batch(&mut batch)? {
			for BatchedBlock { section, data } in batch.blocks() {
				let cid = section.cid;
				match cid.codec() {
					RAW if self.nodes.is_empty() => {
						self.add_leaf(cid, length_of(data))?;
						self.output.write_all(data).map_err(UnpackError::Output)?;
					},
					DAG_PB => self.add_node(cid, data)?,
					_ => return Err(UnpackError::Misplaced { cid }),
				}
			}
		}
		Ok(())
	}

	/// Bounds what is kept: leaves are never empty, and never more than the file's size allows.
	fn add_leaf(&mut self, cid: Cid, bytes: u64) -> Result<(), UnpackError> {
		let written = self.written.saturating_add(bytes);
		let most_leaves = self.file_bytes.div_ceil(CHUNK_BYTES);
		if bytes == 0 || written > self.file_bytes || count(self.leaves.len()) >= most_leaves {
			return Err(UnpackError::Extra {
				cid,
				file_bytes: self.file_bytes,
			});
		}
		let digest = sha256_of(&cid).ok_or(UnpackError::Misplaced { cid })?;
		self.leaves.push(Leaf { digest, bytes });
		self.written = written;
		Ok(())
	}

	fn add_node(&mut self, cid: Cid, data: &[u8]) -> Result<(), UnpackError> {
		let node = FileNode::decode(data).map_err(|error| UnpackError::Node {
			cid,
			error: Box::new(error),
		})?;
		if node.children.is_empty() || node.children.len() > MAX_LINKS {
			return Err(UnpackError::Dag {
				cid,
				what: "it has no or too many children",
			});
		}
		// A DAG has fewer nodes than leaves, plus one chain of single children at its right edge.
		let most_nodes = self.file_bytes.div_ceil(CHUNK_BYTES).saturating_add(8);
		if count(self.nodes.len()) >= most_nodes {
			return Err(UnpackError::Extra {
				cid,
				file_bytes: self.file_bytes,
			});
		}
		self.nodes.insert(cid, node);
		Ok(())
	}

	/// The leaves that the root names, in file order.
	fn expected_leaves(&self) -> Result<Vec<Leaf>, UnpackError> {
		let mut leaves = Vec::new();
		let mut visited = HashSet::new();
		// What is left to visit, the next on top: CID, bytes by the parent's word, depth.
		let mut stack = vec![(self.root, None, 0)];
		while let Some((cid, bytes, depth)) = stack.pop() {
			if cid.codec() == RAW {
				let digest = sha256_of(&cid).ok_or(UnpackError::Misplaced { cid })?;
				let bytes = bytes.unwrap_or(self.file_bytes);
				if bytes == 0 || count(leaves.len()) >= self.file_bytes.div_ceil(CHUNK_BYTES) {
					return Err(UnpackError::Dag {
						cid,
						what: "it has more leaves than bytes",
					});
				}
				leaves.push(Leaf { digest, bytes });
				continue;
			}
			let node = self.nodes.get(&cid).ok_or(UnpackError::Missing { cid })?;
			if depth >= MAX_DEPTH {
				return Err(UnpackError::Dag {
					cid,
					what: "it is too deep",
				});
			}
			if bytes.is_some_and(|bytes| node.file_bytes() != Some(bytes)) {
				return Err(UnpackError::Dag {
					cid,
					what: "its parent tells another size",
				});
			}
			visited.insert(cid);
			for child in node.children.iter().rev() {
				stack.push((child.cid, Some(child.file_bytes), depth + 1));
			}
		}
		match self.nodes.keys().find(|cid| !visited.contains(*cid)) {
			Some(cid) => Err(UnpackError::Extra {
				cid: *cid,
				file_bytes: self.file_bytes,
			}),
			None => Ok(leaves),
		}
	}

	/// Says how the leaves that came differ from those that should have.
	fn compare(&self, expected: &[Leaf]) -> Result<(), UnpackError> {
		let cid = |leaf: &Leaf| cid_from_digest(RAW, &leaf.digest);
		let mut position = 0u64;
		for (index, wanted) in expected.iter().enumerate() {
			let Some(found) = self.leaves.get(index) else {
				return Err(UnpackError::Missing { cid: cid(wanted) });
			};
			if found.digest != wanted.digest {
				let came = |digest| self.leaves.iter().any(|leaf| leaf.digest == digest);
				let named = |digest| expected.iter().any(|leaf| leaf.digest == digest);
				return Err(if !came(wanted.digest) {
					UnpackError::Missing { cid: cid(wanted) }
				} else if !named(found.digest) {
					UnpackError::Extra {
						cid: cid(found),
						file_bytes: self.file_bytes,
					}
				} else {
					UnpackError::Reordered {
						position,
						expected: Box::new(cid(wanted)),
						found: Box::new(cid(found)),
					}
				});
			}
			if found.bytes != wanted.bytes {
				let what = "its parent tells another size";
				return Err(UnpackError::Dag {
					cid: cid(wanted),
					what,
				});
			}
			position = position.saturating_add(wanted.bytes);
		}
		match self.leaves.get(expected.len()) {
			Some(leaf) => Err(UnpackError::Extra {
				cid: cid(leaf),
				file_bytes: self.file_bytes,
			}),
			None => Ok(()),
		}
	}
}

/// Where to go on after the first `file_bytes_done` bytes of the file, a whole number of leaves: the shard's
/// index, and the offset in its CAR. `None` if all shards, of which the CARs' lengths are given, are
/// behind; then only nodes can be missing, and the last shards must be read again.
pub fn resume_point(car_bytes: &[u64], file_bytes_done: u64) -> Option<(usize, u64)> {
	let mut leaves = file_bytes_done / CHUNK_BYTES;
	for (index, bytes) in car_bytes.iter().enumerate() {
		let capacity = bytes.saturating_sub(HEADER_BYTES) / FULL_LEAF_SECTION_BYTES;
		let taken = leaves
			.saturating_mul(FULL_LEAF_SECTION_BYTES)
			.saturating_add(HEADER_BYTES);
		if leaves < capacity || (leaves == capacity && taken < *bytes) {
			return Some((index, taken));
		}
		leaves = leaves.saturating_sub(capacity);
	}
	None
}

fn count(length: usize) -> u64 {
	u64::try_from(length).unwrap_or(u64::MAX)
}
