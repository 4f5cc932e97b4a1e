//! Makes DAGs of files and folders, reading each file once, with the blocks going to a sink as they arise:
//! leaves in file order, each node after its children.

use std::{
	fs::{self, File},
	io::{self, Read},
	ops::Range,
	os::unix::ffi::OsStrExt,
	path::{Path, PathBuf},
};

use crate::{
	block::Block,
	dag::DagBuilder,
	directory::{symlink, DirectoryBuilder, DirectoryError},
	leaves::{Leaf, LeafBatch},
	piece::length_of,
	profile::Profile,
	read_ahead::More,
	unixfs::Child,
};

/// The most folders within each other.
const MAX_DEPTH: usize = 256;

/// How files become DAGs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
	/// The choices that decide the CIDs.
	pub profile: Profile,
	/// Whether entries whose names begin with a dot are taken, too.
	pub hidden: bool,
	/// Whether symbolic links are followed, instead of stored as such.
	pub follow_links: bool,
}

/// Takes the blocks of a DAG.
pub trait BlockSink {
	/// A file begins; its leaves come next.
	fn file(&mut self, path: &Path) -> Result<(), ImportError> {
		let _ = path;
		Ok(())
	}

	/// A leaf of the file that began last. `chunk` are the file's bytes in it, `block` its own.
	fn leaf(&mut self, leaf: &Child, chunk: &[u8], block: &[u8]) -> Result<(), ImportError>;

	/// Several leaves that are raw blocks, by index.
	fn leaves(&mut self, batch: &LeafBatch, leaves: Range<usize>) -> Result<(), ImportError> {
		for leaf in batch.leaves_in(leaves) {
			self.leaf(&raw_leaf(&leaf), leaf.data, leaf.data)?;
		}
		Ok(())
	}

	/// A node of a file, a directory or a symbolic link.
	fn node(&mut self, block: Block) -> Result<(), ImportError>;
}

/// Why something did not become a DAG.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
	/// A file or folder cannot be read.
	#[error("cannot read {}: {source}", path.display())]
	Read {
		/// Which.
		path: PathBuf,
		/// What the operating system said.
		source: io::Error,
	},
	/// A device, a socket or the like.
	#[error("{} is no file, folder or symbolic link", .0.display())]
	Unsupported(PathBuf),
	/// A name is not UTF-8.
	#[error("the name of {} is not UTF-8", .0.display())]
	Name(PathBuf),
	/// A folder's entries make no directory.
	#[error("{}: {error}", path.display())]
	Directory {
		/// The folder.
		path: PathBuf,
		/// Why not.
		error: DirectoryError,
	},
	/// Folders are too deep, or links lead in a circle.
	#[error("{} is deeper than {MAX_DEPTH} folders", .0.display())]
	Depth(PathBuf),
	/// The sink failed.
	#[error("cannot write: {0}")]
	Write(#[from] io::Error),
	/// The sink cannot take the block.
	#[error(transparent)]
	Sink(#[from] crate::PackError),
}

/// Imports what streams from `file`. `progress` is told how many bytes were read.
pub fn import_file(
	mut file: impl Read,
	profile: &Profile,
	sink: &mut dyn BlockSink,
	progress: &mut dyn FnMut(u64),
) -> Result<Child, ImportError> {
	Importer::new(*profile, sink, progress).stream(&mut file, Path::new("the input"))
}

/// Imports a file, a folder with all that is in it, or a symbolic link. `progress` is told how many bytes of
/// files were read.
pub fn import_path(
	path: &Path,
	options: &ImportOptions,
	sink: &mut dyn BlockSink,
	progress: &mut dyn FnMut(u64),
) -> Result<Child, ImportError> {
	let mut importer = Importer::new(options.profile, sink, progress);
	importer.hidden = options.hidden;
	importer.follow_links = options.follow_links;
	// What the user names is meant itself, even if it is a link.
	let metadata = fs::metadata(path).map_err(read(path))?;
	importer.entry(path, &metadata, 0)
}

/// Imports files and folders into a directory in which they have their own names.
pub fn import_wrapped(
	paths: &[PathBuf],
	options: &ImportOptions,
	sink: &mut dyn BlockSink,
	progress: &mut dyn FnMut(u64),
) -> Result<Child, ImportError> {
	let mut importer = Importer::new(options.profile, sink, progress);
	importer.hidden = options.hidden;
	importer.follow_links = options.follow_links;
	let mut directory = DirectoryBuilder::new(options.profile);
	for path in paths {
		let metadata = fs::metadata(path).map_err(read(path))?;
		let name = own_name(path)?;
		let child = importer.entry(path, &metadata, 0)?;
		directory
			.insert(name, child)
			.map_err(|error| ImportError::Directory {
				path: path.clone(),
				error,
			})?;
	}
	importer.close(directory, Path::new("the directory"))
}

/// The name of a file or folder, also of one that was named as `.`.
pub fn own_name(path: &Path) -> Result<String, ImportError> {
	let name = match path.file_name() {
		Some(name) => name.to_owned(),
		None => fs::canonicalize(path)
			.map_err(read(path))?
			.file_name()
			.ok_or_else(|| ImportError::Name(path.to_owned()))?
			.to_owned(),
	};
	name.into_string()
		.map_err(|_| ImportError::Name(path.to_owned()))
}

struct Importer<'a> {
	profile: Profile,
	hidden: bool,
	follow_links: bool,
	sink: &'a mut dyn BlockSink,
	progress: &'a mut dyn FnMut(u64),
	read: u64,
	batch: LeafBatch,
}

/// A raw leaf as its parent has it.
fn raw_leaf(leaf: &Leaf<'_>) -> Child {
	let bytes = length_of(leaf.data);
	Child {
		cid: leaf.cid(),
		file_bytes: bytes,
		cumulative_bytes: bytes,
	}
}

impl<'a> Importer<'a> {
	fn new(
		profile: Profile,
		sink: &'a mut dyn BlockSink,
		progress: &'a mut dyn FnMut(u64),
	) -> Self {
		Self {
			profile,
			hidden: false,
			follow_links: false,
			sink,
			progress,
			read: 0,
			batch: LeafBatch::default(),
		}
	}

	fn entry(
		&mut self,
		path: &Path,
		metadata: &fs::Metadata,
		depth: usize,
	) -> Result<Child, ImportError> {
		if depth > MAX_DEPTH {
			return Err(ImportError::Depth(path.to_owned()));
		}
		if metadata.is_dir() {
			self.folder(path, depth)
		} else if metadata.is_file() {
			let mut file = File::open(path).map_err(read(path))?;
			self.sink.file(path)?;
			self.stream(&mut file, path)
		} else if metadata.is_symlink() {
			let target = fs::read_link(path).map_err(read(path))?;
			let mut nodes = Vec::new();
			let child = symlink(&self.profile, target.as_os_str().as_bytes(), &mut nodes);
			self.nodes(&mut nodes)?;
			Ok(child)
		} else {
			Err(ImportError::Unsupported(path.to_owned()))
		}
	}

	fn folder(&mut self, path: &Path, depth: usize) -> Result<Child, ImportError> {
		let mut names = Vec::new();
		for entry in fs::read_dir(path).map_err(read(path))? {
			let name = entry.map_err(read(path))?.file_name();
			let name = name
				.into_string()
				.map_err(|name| ImportError::Name(path.join(name)))?;
			if self.hidden || !name.starts_with('.') {
				names.push(name);
			}
		}
		names.sort_unstable();
		let mut directory = DirectoryBuilder::new(self.profile);
		for name in names {
			let path = path.join(&name);
			let metadata = if self.follow_links {
				fs::metadata(&path)
			} else {
				fs::symlink_metadata(&path)
			};
			let child = self.entry(&path, &metadata.map_err(read(&path))?, depth + 1)?;
			directory
				.insert(name, child)
				.map_err(|error| ImportError::Directory {
					path: path.clone(),
					error,
				})?;
		}
		self.close(directory, path)
	}

	fn close(&mut self, directory: DirectoryBuilder, path: &Path) -> Result<Child, ImportError> {
		let mut nodes = Vec::new();
		let child = directory
			.finish(&mut nodes)
			.map_err(|error| ImportError::Directory {
				path: path.to_owned(),
				error,
			})?;
		self.nodes(&mut nodes)?;
		Ok(child)
	}

	fn nodes(&mut self, nodes: &mut Vec<Block>) -> Result<(), ImportError> {
		for node in nodes.drain(..) {
			self.sink.node(node)?;
		}
		Ok(())
	}

	fn stream(&mut self, file: &mut dyn Read, path: &Path) -> Result<Child, ImportError> {
		let chunk_bytes = usize::try_from(self.profile.chunk_bytes.max(1))
			.map_err(io::Error::other)
			.map_err(read(path))?;
		let mut dag = DagBuilder::with_profile(self.profile);
		let mut batch = std::mem::take(&mut self.batch);
		let mut more = More::Yes;
		let mut begins = true;
		while more == More::Yes {
			// An empty file is one empty leaf.
			more = batch
				.read(file, chunk_bytes, begins, &mut |_| {})
				.map_err(read(path))?;
			begins = false;
			if self.profile.raw_leaves {
				batch.hash();
				self.raw_leaves(&batch, &mut dag)?;
			} else {
				self.wrapped_leaves(&batch, &mut dag)?;
			}
		}
		self.batch = batch;
		let mut nodes = Vec::new();
		let root = dag.finish_root(&mut nodes);
		self.nodes(&mut nodes)?;
		root.ok_or_else(|| ImportError::Unsupported(path.to_owned()))
	}

	/// Leaves that are raw blocks go to the sink together, as far as no node comes between them.
	fn raw_leaves(&mut self, batch: &LeafBatch, dag: &mut DagBuilder) -> Result<(), ImportError> {
		let mut nodes = Vec::new();
		let mut first = 0;
		let last = batch.leaves().len();
		for (index, leaf) in batch.leaves().enumerate() {
			self.read = self.read.saturating_add(length_of(leaf.data));
			dag.push_child(raw_leaf(&leaf), &mut nodes);
			let end = index + 1;
			if end == last || !nodes.is_empty() {
				self.sink.leaves(batch, first..end)?;
				first = end;
				self.nodes(&mut nodes)?;
				(self.progress)(self.read);
			}
		}
		Ok(())
	}

	/// Leaves that are nodes themselves.
	fn wrapped_leaves(
		&mut self,
		batch: &LeafBatch,
		dag: &mut DagBuilder,
	) -> Result<(), ImportError> {
		let chunks: Vec<&[u8]> = batch.leaves().map(|leaf| leaf.data).collect();
		let mut nodes = Vec::new();
		for (chunk, block) in chunks.iter().zip(self.profile.wrapped_leaves(&chunks)) {
			let leaf = Child {
				cid: block.cid,
				file_bytes: length_of(chunk),
				cumulative_bytes: length_of(&block.data),
			};
			self.sink.leaf(&leaf, chunk, &block.data)?;
			self.read = self.read.saturating_add(leaf.file_bytes);
			(self.progress)(self.read);
			dag.push_child(leaf, &mut nodes);
			self.nodes(&mut nodes)?;
		}
		Ok(())
	}
}

fn read(path: &Path) -> impl FnOnce(io::Error) -> ImportError + '_ {
	move |source| ImportError::Read {
		path: path.to_owned(),
		source,
	}
}
