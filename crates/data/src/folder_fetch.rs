//! Fetches a folder, or what a path in it names, from its shards: first the nodes, then of the leaves what is
//! needed, each written to its place as it comes.

use cid::Cid;
use std::{
	collections::HashMap,
	io::{self, Read, Write},
	path::{Path, PathBuf},
	sync::Arc,
};

use crate::{
	block::RAW,
	blocks::{Blocks, FetchError},
	car::{section_bytes, BatchedBlock, BlockBatch, CarError, CarReader, Limits},
	directory::is_plain,
	folder::Position,
	import::{import_file, BlockSink, ImportError},
	piece::length_of,
	sandbox::{stays_inside, Folder},
	shard::HEADER_BYTES,
	unixfs::{Child, Entry, Node},
	walk::{self, WalkError},
	Profile,
};

/// How deep folders, and a file's nodes, may be.
const MAX_DEPTH: usize = 256;

/// A folder's shards, as a ticket names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderShards {
	/// The root.
	pub root: Cid,
	/// The lengths of the CARs, in order.
	pub car_bytes: Vec<u64>,
	/// Where the nodes begin.
	pub nodes: Position,
	/// The bytes of all files.
	pub file_bytes: u64,
}

/// Where the shards' bytes come from.
pub trait ShardSource {
	/// The bytes of a shard's CAR from `start` up to `end`.
	fn open(&mut self, shard: usize, start: u64, end: u64) -> io::Result<Box<dyn Read>>;
}

/// Why a folder was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FolderFetchError {
	/// A shard is no CAR, cannot be read, or has a corrupt block.
	#[error(transparent)]
	Car(#[from] CarError),
	/// A node is missing or malformed, or the path names nothing.
	#[error(transparent)]
	Walk(#[from] WalkError),
	/// Something cannot be written.
	#[error("cannot write {}: {source}", path.display())]
	Output {
		/// What.
		path: PathBuf,
		/// What the operating system said.
		source: io::Error,
	},
	/// A name could lead elsewhere, or is there twice.
	#[error("the folder has an entry `{0}`, which is refused")]
	Name(String),
	/// A symbolic link could lead out of the folder.
	#[error("the symbolic link `{0}` leads to {1:?}, which may be outside")]
	UnsafeLink(String, String),
	/// The folder is not what its shards hold.
	#[error("the shards do not hold the folder: {0}")]
	Layout(&'static str),
	/// Another block came than belongs there.
	#[error("block {expected} belongs at byte {offset} of shard {shard}, but {found} came")]
	Block {
		/// The shard.
		shard: usize,
		/// Where in its CAR.
		offset: u64,
		/// What belongs there.
		expected: Box<Cid>,
		/// What came.
		found: Box<Cid>,
	},
}

/// What was fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderFetched {
	/// Files.
	pub files: u64,
	/// Of these, files that were there already.
	pub kept: u64,
	/// The bytes of all files.
	pub bytes: u64,
}

/// What is to be made, in the folder's order.
#[derive(Debug)]
enum Item {
	Folder {
		depth: usize,
		name: String,
	},
	Link {
		depth: usize,
		name: String,
		target: String,
	},
	File {
		depth: usize,
		name: String,
		file: FileItem,
	},
}

#[derive(Clone, Debug)]
struct FileItem {
	root: Cid,
	bytes: u64,
	/// Its leaves, by number.
	first: usize,
	end: usize,
}

/// A leaf and its place.
#[derive(Clone, Copy, Debug)]
struct Leaf {
	cid: Cid,
	bytes: u64,
	at: Position,
}

/// A folder whose nodes were read: it knows what every byte of the shards is.
#[derive(Debug)]
pub struct FolderPlan {
	shards: FolderShards,
	nodes: Nodes,
	/// How many nodes there are, equal ones counted each time.
	sections: usize,
}

#[derive(Debug, Default)]
struct Nodes(HashMap<Cid, Arc<Vec<u8>>>);

impl Blocks for Nodes {
	fn block(&mut self, cid: &Cid) -> Result<Arc<Vec<u8>>, FetchError> {
		self.0
			.get(cid)
			.cloned()
			.ok_or(FetchError::Missing { cid: *cid })
	}
}

impl FolderPlan {
	/// Reads the nodes.
	pub fn read(
		shards: &FolderShards,
		source: &mut dyn ShardSource,
	) -> Result<Self, FolderFetchError> {
		let mut nodes = HashMap::new();
		let mut sections = 0;
		let mut batch = BlockBatch::default();
		let behind = shards.car_bytes.iter().copied().enumerate();
		for (shard, end) in behind.skip(shards.nodes.shard) {
			let start = match shard == shards.nodes.shard {
				true => shards.nodes.offset,
				false => HEADER_BYTES,
			};
			let reader = source.open(shard, start, end).map_err(CarError::Read)?;
			let mut car = CarReader::without_header(reader, start, Limits::default());
			while car.next_batch(&mut batch)? {
				for BatchedBlock { section, data } in batch.blocks() {
					nodes.insert(section.cid, Arc::new(data.to_vec()));
					sections += 1;
				}
			}
		}
		Ok(Self {
			shards: shards.clone(),
			nodes: Nodes(nodes),
			sections,
		})
	}

	/// Fetches what `path` names, or the whole folder if it is empty, to `target`, in place of what is there.
	/// Files that are there and right are kept. `progress` is told how many bytes were written or kept, and
	/// how many there are.
	pub fn fetch(
		&mut self,
		path: &str,
		target: &Path,
		source: &mut dyn ShardSource,
		progress: &mut dyn FnMut(u64, u64),
	) -> Result<FolderFetched, FolderFetchError> {
		// Says best what is wrong with a path that names nothing.
		walk::resolve(&mut self.nodes, &self.shards.root, path)?;
		let mut lister = Lister {
			nodes: &mut self.nodes,
			nodes_left: self.sections,
			wanted: path_of(path),
			path: Vec::new(),
			items: Vec::new(),
			leaves: Vec::new(),
			shards: &self.shards,
			at: Position {
				shard: 0,
				offset: HEADER_BYTES,
			},
		};
		let root = Entry {
			name: String::new(),
			cid: self.shards.root,
			cumulative_bytes: self.shards.file_bytes,
		};
		lister.entry(&root)?;
		let (items, leaves) = (lister.items, lister.leaves);
		let total = items
			.iter()
			.map(|item| match item {
				Item::File { file, .. } => file.bytes,
				_ => 0,
			})
			.fold(0, u64::saturating_add);
		let mut writer = Writer {
			leaves: &leaves,
			source,
			fetched: FolderFetched::default(),
			progress,
			total,
			target,
			wanted_end: items
				.iter()
				.filter_map(|item| match item {
					Item::File { file, .. } => Some(file.end),
					_ => None,
				})
				.max()
				.unwrap_or_default(),
			stream: None,
		};
		writer.all(&items)?;
		Ok(writer.fetched)
	}
}

fn path_of(path: &str) -> Vec<&str> {
	walk::path_names(path).collect()
}

/// Lists what is below a path, and where all leaves are.
struct Lister<'a> {
	nodes: &'a mut Nodes,
	/// How many more folders and links there can be, each of which has a node of its own: so no DAG of few
	/// nodes that name each other is many folders.
	nodes_left: usize,
	shards: &'a FolderShards,
	/// The path that is wanted, and the one where the lister is.
	wanted: Vec<&'a str>,
	path: Vec<String>,
	items: Vec<Item>,
	leaves: Vec<Leaf>,
	at: Position,
}

impl Lister<'_> {
	/// The depth below what is wanted. `None` if it is not wanted.
	fn depth(&self) -> Option<usize> {
		let depth = self.path.len().checked_sub(self.wanted.len())?;
		let matches = self
			.wanted
			.iter()
			.zip(&self.path)
			.all(|(one, two)| one == two);
		matches.then_some(depth)
	}

	fn entry(&mut self, entry: &Entry) -> Result<(), FolderFetchError> {
		let depth = self.depth();
		let name = self.path.last().cloned().unwrap_or_default();
		let first = self.leaves.len();
		if entry.cid.codec() == RAW {
			self.leaf(entry.cid, entry.cumulative_bytes)?;
			self.file(depth, name, entry, entry.cumulative_bytes, first);
			return Ok(());
		}
		match self.node(&entry.cid)? {
			Node::File { data, children } => {
				if !data.is_empty() {
					return Err(FolderFetchError::Layout(
						"a node of a file has bytes itself",
					));
				}
				let bytes = bytes_of(&children);
				self.children(&children, 0)?;
				self.file(depth, name, entry, bytes, first);
			},
			Node::Symlink(target) => {
				self.take_node()?;
				let target = String::from_utf8_lossy(&target).into_owned();
				if let Some(depth) = depth {
					if !stays_inside(depth.saturating_sub(1), &target) {
						return Err(FolderFetchError::UnsafeLink(self.path.join("/"), target));
					}
					self.items.push(Item::Link {
						depth,
						name,
						target,
					});
				}
			},
			node => {
				self.take_node()?;
				if self.path.len() > MAX_DEPTH {
					return Err(FolderFetchError::Layout("folders are too deep"));
				}
				if let Some(depth) = depth {
					self.items.push(Item::Folder { depth, name });
				}
				let entries = walk::entries(self.nodes, &entry.cid, node)?.unwrap_or_default();
				self.entries(entries)?;
			},
		}
		Ok(())
	}

	fn entries(&mut self, mut entries: Vec<Entry>) -> Result<(), FolderFetchError> {
		entries.sort_by(|one, two| one.name.cmp(&two.name));
		let twice = entries.windows(2).find(|pair| pair[0].name == pair[1].name);
		let malformed = entries.iter().find(|entry| !is_plain(&entry.name));
		if let Some(entry) = malformed.or(twice.map(|pair| &pair[0])) {
			return Err(FolderFetchError::Name(entry.name.clone()));
		}
		for entry in entries {
			self.path.push(entry.name.clone());
			self.entry(&entry)?;
			self.path.pop();
		}
		Ok(())
	}

	fn file(
		&mut self,
		depth: Option<usize>,
		name: String,
		entry: &Entry,
		bytes: u64,
		first: usize,
	) {
		if let Some(depth) = depth {
			self.items.push(Item::File {
				depth,
				name,
				file: FileItem {
					root: entry.cid,
					bytes,
					first,
					end: self.leaves.len(),
				},
			});
		}
	}

	fn node(&mut self, cid: &Cid) -> Result<Node, FolderFetchError> {
		let block = self.nodes.block(cid).map_err(WalkError::Fetch)?;
		Node::decode(cid, &block).map_err(|error| {
			FolderFetchError::Walk(WalkError::Node {
				cid: *cid,
				error: Box::new(error),
			})
		})
	}

	fn take_node(&mut self) -> Result<(), FolderFetchError> {
		let left = self.nodes_left.checked_sub(1);
		self.nodes_left = left.ok_or(FolderFetchError::Layout(
			"it has more folders and links than they have nodes",
		))?;
		Ok(())
	}

	fn children(&mut self, children: &[Child], depth: usize) -> Result<(), FolderFetchError> {
		for child in children {
			if child.cid.codec() == RAW {
				self.leaf(child.cid, child.file_bytes)?;
				continue;
			}
			match self.node(&child.cid)? {
				// With a byte there is a leaf, so that not even empty nodes come without end.
				Node::File { data, children }
					if data.is_empty()
						&& depth < MAX_DEPTH
						&& child.file_bytes > 0
						&& bytes_of(&children) == child.file_bytes =>
				{
					self.children(&children, depth + 1)?;
				},
				_ => return Err(FolderFetchError::Layout("a file's node is none")),
			}
		}
		Ok(())
	}

	/// Notes where the next leaf is. Fails beyond the place where nodes begin, so that no DAG costs more than
	/// its shards are long.
	fn leaf(&mut self, cid: Cid, bytes: u64) -> Result<(), FolderFetchError> {
		while let Some(end) = self.shards.car_bytes.get(self.at.shard) {
			if self.at.offset < *end {
				break;
			}
			self.at = Position {
				shard: self.at.shard + 1,
				offset: HEADER_BYTES,
			};
		}
		if self.at >= self.shards.nodes {
			return Err(FolderFetchError::Layout("it has more bytes than they"));
		}
		self.leaves.push(Leaf {
			cid,
			bytes,
			at: self.at,
		});
		let section = section_bytes(&cid, bytes);
		self.at.offset = self.at.offset.saturating_add(section);
		Ok(())
	}
}

fn bytes_of(children: &[Child]) -> u64 {
	let bytes = children.iter().map(|child| child.file_bytes);
	bytes.fold(0, u64::saturating_add)
}

struct Writer<'a> {
	leaves: &'a [Leaf],
	source: &'a mut dyn ShardSource,
	fetched: FolderFetched,
	progress: &'a mut dyn FnMut(u64, u64),
	total: u64,
	target: &'a Path,
	/// Where the wanted leaves end.
	wanted_end: usize,
	/// An open shard, and where in it the next section begins.
	stream: Option<(Position, CarReader<Box<dyn Read>>)>,
}

impl Writer<'_> {
	fn all(&mut self, items: &[Item]) -> Result<(), FolderFetchError> {
		let failed = |path: &Path| {
			let path = path.to_owned();
			move |source| FolderFetchError::Output { path, source }
		};
		// The open folders, from the target inwards. A file or link alone lies in the target's folder.
		let mut open: Vec<Folder> = Vec::new();
		let parent = match self.target.parent() {
			Some(parent) if !parent.as_os_str().is_empty() => parent,
			_ => Path::new("."),
		};
		let own_name = self
			.target
			.file_name()
			.and_then(|name| name.to_str())
			.ok_or_else(|| FolderFetchError::Name(self.target.display().to_string()))?;
		for item in items {
			let (depth, name) = match item {
				Item::Folder { depth, name } | Item::Link { depth, name, .. } => (*depth, name),
				Item::File { depth, name, .. } => (*depth, name),
			};
			let name = if depth == 0 { own_name } else { name.as_str() };
			open.truncate(depth);
			if let Item::Folder { .. } = item {
				let folder = match open.last() {
					Some(parent) => parent
						.enter(name)
						.map_err(failed(&parent.path().join(name)))?,
					None => Folder::open(self.target).map_err(failed(self.target))?,
				};
				open.push(folder);
				continue;
			}
			let lone;
			let folder = match open.last() {
				Some(folder) => folder,
				None => {
					lone = Folder::open(parent).map_err(failed(parent))?;
					&lone
				},
			};
			let path = folder.path().join(name);
			match item {
				Item::Link { target, .. } => folder.link(name, target).map_err(failed(&path))?,
				Item::File { file, .. } => self.file(folder, name, file)?,
				Item::Folder { .. } => {},
			}
		}
		Ok(())
	}

	fn file(
		&mut self,
		folder: &Folder,
		name: &str,
		file: &FileItem,
	) -> Result<(), FolderFetchError> {
		let path = folder.path().join(name);
		let failed = |source| FolderFetchError::Output {
			path: path.clone(),
			source,
		};
		self.fetched.files = self.fetched.files.saturating_add(1);
		if is_there(folder, name, file).map_err(failed)? {
			self.fetched.kept = self.fetched.kept.saturating_add(1);
			self.wrote(file.bytes);
			return Ok(());
		}
		let mut partial = folder.create(name).map_err(failed)?;
		for leaf in self.leaves.get(file.first..file.end).unwrap_or_default() {
			let mut car = match self.stream.take() {
				Some((at, car)) if at == leaf.at => car,
				_ => self.open(leaf)?,
			};
			let block = car
				.next_block()?
				.ok_or(CarError::Truncated {
					offset: leaf.at.offset,
				})?
				.block;
			if block.cid != leaf.cid || length_of(&block.data) != leaf.bytes {
				return Err(FolderFetchError::Block {
					shard: leaf.at.shard,
					offset: leaf.at.offset,
					expected: Box::new(leaf.cid),
					found: Box::new(block.cid),
				});
			}
			partial.file.write_all(&block.data).map_err(failed)?;
			self.wrote(leaf.bytes);
			let behind = Position {
				shard: leaf.at.shard,
				offset: car.offset(),
			};
			self.stream = Some((behind, car));
		}
		partial.finish().map_err(failed)
	}

	/// Reads a shard from a leaf on, as far as it has leaves that are wanted.
	fn open(&mut self, leaf: &Leaf) -> Result<CarReader<Box<dyn Read>>, FolderFetchError> {
		let end = self
			.leaves
			.get(..self.wanted_end)
			.unwrap_or_default()
			.iter()
			.rfind(|last| last.at.shard == leaf.at.shard)
			.map_or(leaf.at.offset, |last| {
				last.at
					.offset
					.saturating_add(section_bytes(&last.cid, last.bytes))
			});
		let reader = self
			.source
			.open(leaf.at.shard, leaf.at.offset, end)
			.map_err(CarError::Read)?;
		Ok(CarReader::without_header(
			reader,
			leaf.at.offset,
			Limits::default(),
		))
	}

	fn wrote(&mut self, bytes: u64) {
		self.fetched.bytes = self.fetched.bytes.saturating_add(bytes);
		(self.progress)(self.fetched.bytes, self.total);
	}
}

/// Whether a file is there and right.
fn is_there(folder: &Folder, name: &str, file: &FileItem) -> io::Result<bool> {
	struct Nothing;
	impl BlockSink for Nothing {
		fn leaf(&mut self, _: &Child, _: &[u8], _: &[u8]) -> Result<(), ImportError> {
			Ok(())
		}

		fn node(&mut self, _: crate::block::Block) -> Result<(), ImportError> {
			Ok(())
		}
	}
	let Some(there) = folder.read(name)? else {
		return Ok(false);
	};
	if there.metadata()?.len() != file.bytes {
		return Ok(false);
	}
	let root = import_file(there, &Profile::UNIXFS_V1_2025, &mut Nothing, &mut |_| {});
	Ok(root.is_ok_and(|root| root.cid == file.root))
}
