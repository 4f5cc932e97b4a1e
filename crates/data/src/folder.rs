//! Folders in shards: the leaves of all files in the folder's order, then all nodes. Who knows where the
//! nodes begin reads those first, then knows what every byte of the shards is, and fetches of them only
//! what a path needs.

use cid::Cid;
use std::{
	fs::File,
	io::{self, Read, Seek, SeekFrom},
	ops::Range,
	path::{Path, PathBuf},
	sync::Arc,
};

use crate::{
	block::{cid_from_digest, sha256, sha256_of, Block, RAW},
	car::{section_bytes, section_head, CarHeader},
	import::{import_path, BlockSink, ImportError, ImportOptions},
	leaves::LeafBatch,
	piece::{length_of, DeferredPiece, PieceHasher},
	shard::{FileChanged, HEADER_BYTES},
	unixfs::Child,
	Digest, PackError, Piece, Profile,
};

/// A folder's root and shards.
#[derive(Clone, Debug)]
pub struct FolderPackage {
	/// The UnixFS root.
	pub root: Cid,
	/// The bytes of all its files.
	pub file_bytes: u64,
	/// The shards, in order.
	pub shards: Vec<FolderShard>,
	/// Where the nodes begin; they are everything behind that.
	pub nodes: Position,
}

/// A place in the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
	/// The shard's index.
	pub shard: usize,
	/// The byte of its CAR.
	pub offset: u64,
}

/// A shard of a folder.
#[derive(Clone, Debug)]
pub struct FolderShard {
	/// The CAR's commitment and sizes; its payload is the CAR.
	pub piece: Piece,
	/// What the CAR holds.
	pub layout: FolderLayout,
}

/// Which blocks a shard's CAR holds.
#[derive(Clone, Debug)]
pub struct FolderLayout {
	root: Cid,
	files: Arc<[PathBuf]>,
	leaves: Arc<[LeafPlace]>,
	nodes: Arc<[Block]>,
	/// This shard's sections, by their number among all leaves and nodes.
	first: usize,
	end: usize,
	car_bytes: u64,
}

/// Where a leaf's bytes are on disk.
#[derive(Clone, Copy, Debug)]
struct LeafPlace {
	digest: Digest,
	file: usize,
	offset: u64,
	bytes: u64,
}

impl LeafPlace {
	fn cid(&self) -> Cid {
		cid_from_digest(RAW, &self.digest)
	}
}

/// Reads a folder, or a file, once and packs it into shards whose CARs have at most `max_car_bytes` bytes.
/// `progress` is told how many bytes of files were read.
///
/// Memory is about 100 bytes for each MiB of files, each file and each directory's entry.
pub fn pack_folder(
	folder: &Path,
	hidden: bool,
	max_car_bytes: u64,
	progress: &mut dyn FnMut(u64),
) -> Result<FolderPackage, ImportError> {
	let options = ImportOptions {
		profile: Profile::UNIXFS_V1_2025,
		hidden,
		follow_links: false,
	};
	let mut packer = Packer {
		max_car_bytes,
		files: Vec::new(),
		file_offset: 0,
		leaves: Vec::new(),
		nodes: Vec::new(),
		sections: 0,
		open: OpenShard::new(0),
		closed: Vec::new(),
	};
	let root = import_path(folder, &options, &mut packer, progress)?;
	packer.finish(&root)
}

struct OpenShard {
	hasher: PieceHasher,
	first: usize,
}

impl OpenShard {
	fn new(first: usize) -> Self {
		let mut hasher = PieceHasher::new();
		// The header names the root, which is known only at the end: it is put in its place then.
		hasher.write(&[0; 59]);
		Self { hasher, first }
	}
}

struct Packer {
	max_car_bytes: u64,
	files: Vec<PathBuf>,
	file_offset: u64,
	leaves: Vec<LeafPlace>,
	nodes: Vec<Block>,
	sections: usize,
	open: OpenShard,
	/// Shards that are complete but for their header: the piece and the sections.
	closed: Vec<(DeferredPiece, usize, usize)>,
}

impl Packer {
	/// Hashes a block into the open shard, or into a new one if it does not fit any more.
	fn section(&mut self, cid: &Cid, data: &[u8]) -> Result<(), PackError> {
		let bytes = section_bytes(cid, length_of(data));
		let needed = HEADER_BYTES.saturating_add(bytes);
		if needed > self.max_car_bytes {
			return Err(PackError::ShardTooSmall {
				limit: self.max_car_bytes,
				needed,
			});
		}
		if self.open.hasher.length().saturating_add(bytes) > self.max_car_bytes {
			self.close()?;
		}
		self.open.hasher.write(&section_head(cid, length_of(data)));
		self.open.hasher.write(data);
		self.sections += 1;
		Ok(())
	}

	/// Notes where the next leaf's bytes are on disk.
	fn place(&mut self, digest: Digest, bytes: u64) {
		self.leaves.push(LeafPlace {
			digest,
			file: self.files.len().saturating_sub(1),
			offset: self.file_offset,
			bytes,
		});
		self.file_offset = self.file_offset.saturating_add(bytes);
	}

	fn close(&mut self) -> Result<(), PackError> {
		let open = std::mem::replace(&mut self.open, OpenShard::new(self.sections));
		// A shard always has its header.
		let piece = open
			.hasher
			.finish_deferred()
			.map_err(|_| PackError::Empty)?;
		self.closed.push((piece, open.first, self.sections));
		Ok(())
	}

	fn finish(mut self, root: &Child) -> Result<FolderPackage, ImportError> {
		let mut nodes_begin = None;
		let nodes = std::mem::take(&mut self.nodes);
		for node in &nodes {
			self.section(&node.cid, &node.data)?;
			nodes_begin.get_or_insert_with(|| Position {
				shard: self.closed.len(),
				offset: self
					.open
					.hasher
					.length()
					.saturating_sub(section_bytes(&node.cid, length_of(&node.data))),
			});
		}
		self.close()?;
		let header = CarHeader {
			roots: vec![root.cid],
		}
		.encode();
		let files: Arc<[PathBuf]> = self.files.into();
		let leaves: Arc<[LeafPlace]> = self.leaves.into();
		let nodes: Arc<[Block]> = nodes.into();
		let shards: Vec<_> = self
			.closed
			.into_iter()
			.map(|(piece, first, end)| {
				let piece = piece.finish_with_prefix(&header);
				FolderShard {
					piece,
					layout: FolderLayout {
						root: root.cid,
						files: Arc::clone(&files),
						leaves: Arc::clone(&leaves),
						nodes: Arc::clone(&nodes),
						first,
						end,
						car_bytes: piece.payload_bytes,
					},
				}
			})
			.collect();
		let end = Position {
			shard: shards.len(),
			offset: HEADER_BYTES,
		};
		Ok(FolderPackage {
			root: root.cid,
			file_bytes: root.file_bytes,
			shards,
			nodes: nodes_begin.unwrap_or(end),
		})
	}
}

impl BlockSink for Packer {
	fn file(&mut self, path: &Path) -> Result<(), ImportError> {
		self.files.push(path.to_owned());
		self.file_offset = 0;
		Ok(())
	}

	fn leaf(&mut self, leaf: &Child, _: &[u8], block: &[u8]) -> Result<(), ImportError> {
		self.section(&leaf.cid, block)?;
		let digest = sha256_of(&leaf.cid).expect("the profile's leaves have SHA-256; qed");
		self.place(digest, leaf.file_bytes);
		Ok(())
	}

	fn leaves(&mut self, batch: &LeafBatch, leaves: Range<usize>) -> Result<(), ImportError> {
		let sections = batch.sections(leaves.clone());
		let length = self
			.open
			.hasher
			.length()
			.saturating_add(length_of(sections));
		// Those of one shard are hashed together.
		if length <= self.max_car_bytes {
			self.open.hasher.write(sections);
			self.sections += leaves.len();
			for leaf in batch.leaves_in(leaves) {
				self.place(leaf.digest, length_of(leaf.data));
			}
			return Ok(());
		}
		for leaf in batch.leaves_in(leaves) {
			self.section(&leaf.cid(), leaf.data)?;
			self.place(leaf.digest, length_of(leaf.data));
		}
		Ok(())
	}

	fn node(&mut self, block: Block) -> Result<(), ImportError> {
		self.nodes.push(block);
		Ok(())
	}
}

impl FolderLayout {
	/// The root that the header names.
	pub const fn root(&self) -> &Cid {
		&self.root
	}

	/// The bytes of the CAR.
	pub const fn car_bytes(&self) -> u64 {
		self.car_bytes
	}

	/// The CAR as a stream from its byte `offset` on, made from the folder's files. Reading fails with
	/// [`FileChanged`] inside an [`io::Error`] if a file is not any more what was packed.
	pub fn open_at(&self, offset: u64) -> FolderShardReader {
		let mut reader = FolderShardReader {
			layout: self.clone(),
			next: None,
			file: None,
			current: Vec::new(),
			position: 0,
			skip: offset,
		};
		if offset >= HEADER_BYTES {
			reader.skip -= HEADER_BYTES;
			reader.next = Some(self.first);
			while let Some(bytes) = reader.next.and_then(|index| self.section_bytes(index)) {
				if reader.skip < bytes {
					break;
				}
				reader.skip -= bytes;
				reader.next = reader.next.map(|index| index + 1);
			}
		}
		reader
	}

	/// The bytes of a section. `None` if this shard does not have it.
	fn section_bytes(&self, index: usize) -> Option<u64> {
		if index >= self.end {
			return None;
		}
		Some(match index.checked_sub(self.leaves.len()) {
			None => {
				let leaf = self.leaves.get(index)?;
				section_bytes(&leaf.cid(), leaf.bytes)
			},
			Some(node) => {
				let node = self.nodes.get(node)?;
				section_bytes(&node.cid, length_of(&node.data))
			},
		})
	}
}

/// A shard's CAR, made while it is read. Holds one block at a time.
#[derive(Debug)]
pub struct FolderShardReader {
	layout: FolderLayout,
	/// The next section; `None` for the header.
	next: Option<usize>,
	/// The file that was read last.
	file: Option<(usize, File)>,
	current: Vec<u8>,
	position: usize,
	/// How many bytes of the next section are passed over.
	skip: u64,
}

impl FolderShardReader {
	/// Makes the next section. `false` at the end.
	fn make_section(&mut self) -> io::Result<bool> {
		self.current.clear();
		match self.next {
			None => {
				self.current = CarHeader {
					roots: vec![self.layout.root],
				}
				.encode();
				self.next = Some(self.layout.first);
			},
			Some(index) if index >= self.layout.end => return Ok(false),
			Some(index) => {
				match index.checked_sub(self.layout.leaves.len()) {
					None => self.make_leaf(index)?,
					Some(node) => {
						if let Some(node) = self.layout.nodes.get(node) {
							let head = section_head(&node.cid, length_of(&node.data));
							self.current.extend_from_slice(&head);
							self.current.extend_from_slice(&node.data);
						}
					},
				}
				self.next = Some(index + 1);
			},
		}
		let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
		self.position = skip.min(self.current.len());
		self.skip = 0;
		Ok(true)
	}

	fn make_leaf(&mut self, index: usize) -> io::Result<()> {
		let changed = || io::Error::new(io::ErrorKind::InvalidData, FileChanged);
		let leaf = *self.layout.leaves.get(index).ok_or_else(changed)?;
		let path = self.layout.files.get(leaf.file).ok_or_else(changed)?;
		let mut file = match self.file.take() {
			Some((number, file)) if number == leaf.file => file,
			_ => File::open(path)?,
		};
		let head = section_head(&leaf.cid(), leaf.bytes);
		self.current.extend_from_slice(&head);
		file.seek(SeekFrom::Start(leaf.offset))?;
		(&mut file)
			.take(leaf.bytes)
			.read_to_end(&mut self.current)?;
		self.file = Some((leaf.file, file));
		// A file that became shorter has another hash, too.
		if sha256(&self.current[head.len()..]) != leaf.digest {
			return Err(changed());
		}
		Ok(())
	}
}

impl Read for FolderShardReader {
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
