//! Writes what a UnixFS DAG holds to disk: every block checked, nothing outside the target, no file under
//! its name before it is whole.

use cid::Cid;
use std::{
	collections::HashSet,
	io::{self, Write},
	path::{Path, PathBuf},
	rc::Rc,
};

use crate::{
	block::RAW,
	blocks::{Blocks, FetchError},
	directory::is_plain,
	hamt::ShardPath,
	sandbox::{stays_inside, Folder},
	unixfs::{Child, Entry, Node, Shard, ShardChild, UnixFsError},
	walk::{part_of_shard, placed},
};

/// How many leaves are fetched at a time.
const LEAVES_AT_ONCE: usize = 8;
/// How deep a file's nodes may be.
const MAX_FILE_DEPTH: usize = 64;

/// How a DAG is extracted, and how much of it at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtractOptions {
	/// Whether files that are there already may be replaced.
	pub overwrite: bool,
	/// Whether symbolic links that could lead out of the target are passed over, instead of refused.
	pub skip_unsafe_links: bool,
	/// The most folders within each other.
	pub max_depth: usize,
	/// The most files, folders and links.
	pub max_entries: u64,
	/// The most bytes of all files: a small DAG can be a large folder.
	pub max_bytes: u64,
}

impl Default for ExtractOptions {
	/// Folders 256 deep, ten million entries, 16 TiB.
	fn default() -> Self {
		Self {
			overwrite: false,
			skip_unsafe_links: false,
			max_depth: 256,
			max_entries: 10_000_000,
			max_bytes: 16 << 40,
		}
	}
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
	/// Files.
	pub files: u64,
	/// Folders, the target included.
	pub directories: u64,
	/// Symbolic links.
	pub links: u64,
	/// Symbolic links that were passed over.
	pub skipped_links: u64,
	/// The bytes of the files.
	pub bytes: u64,
}

/// Why a DAG was not extracted, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
	/// A block cannot be had.
	#[error("{}: {error}", path.display())]
	Fetch {
		/// What it is a part of.
		path: PathBuf,
		/// Why not.
		error: Box<FetchError>,
	},
	/// A block is malformed.
	#[error("{}: block {cid}: {error}", path.display())]
	Node {
		/// What it is a part of.
		path: PathBuf,
		/// The block.
		cid: Box<Cid>,
		/// What is wrong.
		error: Box<UnixFsError>,
	},
	/// A name could lead elsewhere, or is none.
	#[error("{} has an entry named {name:?}, which is refused", path.display())]
	Name {
		/// The folder.
		path: PathBuf,
		/// The name.
		name: String,
	},
	/// A folder has two entries with the same name.
	#[error("{} has two entries named `{name}`", path.display())]
	Duplicate {
		/// The folder.
		path: PathBuf,
		/// The name.
		name: String,
	},
	/// A symbolic link could lead out of the target.
	#[error("the symbolic link {} leads to {target:?}, which may be outside", path.display())]
	UnsafeLink {
		/// The link.
		path: PathBuf,
		/// Where it leads.
		target: String,
	},
	/// Something has the name already.
	#[error("{} exists already", .0.display())]
	Exists(PathBuf),
	/// The DAG has more than the options allow.
	#[error("{} goes beyond the limit of {limit} {of}", path.display())]
	Limit {
		/// Where that was noticed.
		path: PathBuf,
		/// How many are allowed.
		limit: u64,
		/// Of what.
		of: &'static str,
	},
	/// Something cannot be written.
	#[error("cannot write {}: {source}", path.display())]
	Output {
		/// What.
		path: PathBuf,
		/// What the operating system said.
		source: io::Error,
	},
	/// The DAG is a folder where a file is asked for.
	#[error("{0} is no file")]
	NotAFile(Box<Cid>),
}

/// Extracts a DAG: its folder becomes `target`, or its file gets that name. `progress` is told how many
/// bytes were written.
///
/// Files that were whole before an error stay.
pub fn extract(
	blocks: &mut dyn Blocks,
	root: &Cid,
	target: &Path,
	options: &ExtractOptions,
	progress: &mut dyn FnMut(u64),
) -> Result<Extracted, ExtractError> {
	let mut job = Job {
		blocks,
		options: *options,
		done: Extracted::default(),
		progress,
	};
	let node = job.node(root, target)?;
	let output = |path: &Path| {
		let path = path.to_owned();
		move |source| ExtractError::Output { path, source }
	};
	let mut pending = Vec::new();
	match node {
		Node::Directory(_) | Node::Shard(_) => {
			let folder = Rc::new(Folder::open(target).map_err(output(target))?);
			job.enter(&folder, root, node, &mut pending)?;
		},
		Node::File { .. } | Node::Symlink(_) => {
			let parent = match target.parent() {
				Some(parent) if !parent.as_os_str().is_empty() => parent,
				_ => Path::new("."),
			};
			let name = target
				.file_name()
				.and_then(|name| name.to_str())
				.ok_or_else(|| ExtractError::Name {
					path: parent.to_owned(),
					name: target.display().to_string(),
				})?;
			let folder = Folder::open(parent).map_err(output(parent))?;
			job.leaf(&folder, name, node)?;
		},
	}
	while let Some(task) = pending.pop() {
		job.run(task, &mut pending)?;
	}
	Ok(job.done)
}

/// Writes a file to a stream. Returns its bytes.
pub fn read_file(
	blocks: &mut dyn Blocks,
	root: &Cid,
	output: &mut dyn Write,
	progress: &mut dyn FnMut(u64),
) -> Result<u64, ExtractError> {
	let path = PathBuf::from(root.to_string());
	let mut job = Job {
		blocks,
		options: ExtractOptions {
			max_bytes: u64::MAX,
			..ExtractOptions::default()
		},
		done: Extracted::default(),
		progress,
	};
	match job.node(root, &path)? {
		Node::File { data, children } => job.file(&path, data, children, output)?,
		_ => return Err(ExtractError::NotAFile(Box::new(*root))),
	}
	Ok(job.done.bytes)
}

/// What is still to be done.
enum Task {
	/// An entry of a folder.
	Entry {
		folder: Rc<Folder>,
		name: String,
		cid: Cid,
	},
	/// A further block of a folder that is a HAMT.
	Shard {
		folder: Rc<Folder>,
		cid: Cid,
		way: ShardPath,
	},
}

struct Job<'a> {
	blocks: &'a mut dyn Blocks,
	options: ExtractOptions,
	done: Extracted,
	progress: &'a mut dyn FnMut(u64),
}

impl Job<'_> {
	fn node(&mut self, cid: &Cid, path: &Path) -> Result<Node, ExtractError> {
		let block = self.blocks.block(cid).map_err(fetch(path))?;
		Node::decode(cid, &block).map_err(malformed(path, cid))
	}

	fn run(&mut self, task: Task, pending: &mut Vec<Task>) -> Result<(), ExtractError> {
		match task {
			Task::Entry { folder, name, cid } => {
				let path = folder.path().join(&name);
				let node = self.node(&cid, &path)?;
				if !matches!(node, Node::Directory(_) | Node::Shard(_)) {
					return self.leaf(&folder, &name, node);
				}
				if folder.depth() >= self.options.max_depth {
					let limit = crate::count(self.options.max_depth);
					return Err(limit_of(&path, limit, "folders within each other"));
				}
				let inner = folder
					.enter(&name)
					.map_err(|source| ExtractError::Output { path, source })?;
				self.enter(&Rc::new(inner), &cid, node, pending)
			},
			Task::Shard { folder, cid, way } => {
				let block = self.blocks.block(&cid).map_err(fetch(folder.path()))?;
				let part = part_of_shard(&cid, &block).map_err(malformed(folder.path(), &cid))?;
				self.shard(&folder, &cid, part, way, pending)
			},
		}
	}

	/// Takes up a folder's entries, in the order of its block.
	fn enter(
		&mut self,
		folder: &Rc<Folder>,
		cid: &Cid,
		node: Node,
		pending: &mut Vec<Task>,
	) -> Result<(), ExtractError> {
		self.done.directories = self.done.directories.saturating_add(1);
		self.check_entries(folder.path(), 0)?;
		match node {
			Node::Directory(entries) => {
				let mut names = HashSet::new();
				for entry in &entries {
					if !names.insert(entry.name.as_str()) {
						return Err(ExtractError::Duplicate {
							path: folder.path().to_owned(),
							name: entry.name.clone(),
						});
					}
				}
				self.check_entries(folder.path(), entries.len())?;
				for entry in entries.into_iter().rev() {
					pending.push(named(folder, entry.name, entry.cid)?);
				}
				Ok(())
			},
			Node::Shard(shard) => self.shard(folder, cid, shard, ShardPath::default(), pending),
			Node::File { .. } | Node::Symlink(_) => Ok(()),
		}
	}

	fn shard(
		&mut self,
		folder: &Rc<Folder>,
		cid: &Cid,
		shard: Shard,
		way: ShardPath,
		pending: &mut Vec<Task>,
	) -> Result<(), ExtractError> {
		self.check_entries(folder.path(), shard.links.len())?;
		for link in shard.links.iter().rev() {
			let (way, child) = placed(&shard, link, way).map_err(malformed(folder.path(), cid))?;
			let Entry { cid, .. } = *link;
			pending.push(match child {
				ShardChild::Entry(name) => named(folder, name.to_owned(), cid)?,
				ShardChild::Shard => Task::Shard {
					folder: Rc::clone(folder),
					cid,
					way,
				},
			});
		}
		Ok(())
	}

	/// Writes a file or a link.
	fn leaf(&mut self, folder: &Folder, name: &str, node: Node) -> Result<(), ExtractError> {
		let path = folder.path().join(name);
		let output = |source| ExtractError::Output {
			path: path.clone(),
			source,
		};
		self.check_entries(&path, 1)?;
		if !self.options.overwrite && folder.has(name).map_err(output)? {
			return Err(ExtractError::Exists(path));
		}
		match node {
			Node::File { data, children } => {
				let mut partial = folder.create(name).map_err(output)?;
				self.file(&path, data, children, &mut partial.file)?;
				partial.finish().map_err(output)?;
				self.done.files = self.done.files.saturating_add(1);
				Ok(())
			},
			Node::Symlink(target) => {
				let safe = std::str::from_utf8(&target)
					.ok()
					.filter(|target| stays_inside(folder.depth(), target));
				match safe {
					Some(target) => {
						folder.link(name, target).map_err(output)?;
						self.done.links = self.done.links.saturating_add(1);
					},
					None if self.options.skip_unsafe_links => {
						self.done.skipped_links = self.done.skipped_links.saturating_add(1);
					},
					None => {
						let target = String::from_utf8_lossy(&target).into_owned();
						return Err(ExtractError::UnsafeLink { path, target });
					},
				}
				Ok(())
			},
			Node::Directory(_) | Node::Shard(_) => Ok(()),
		}
	}

	/// Writes a file's bytes.
	fn file(
		&mut self,
		path: &Path,
		data: Vec<u8>,
		children: Vec<Child>,
		output: &mut dyn Write,
	) -> Result<(), ExtractError> {
		self.write(path, &data, output)?;
		// What is left to visit, the next on top, with its depth.
		let mut stack: Vec<(Child, usize)> = Vec::new();
		let push = |stack: &mut Vec<(Child, usize)>, children: Vec<Child>, depth| {
			// A child without bytes adds nothing, however much may be below it.
			let children = children
				.into_iter()
				.rev()
				.filter(|child| child.file_bytes > 0);
			stack.extend(children.map(|child| (child, depth)));
		};
		push(&mut stack, children, 1);
		while let Some((child, depth)) = stack.pop() {
			if child.cid.codec() == RAW {
				let mut leaves = vec![child];
				while let Some((leaf, _)) = stack
					.pop_if(|(next, _)| leaves.len() < LEAVES_AT_ONCE && next.cid.codec() == RAW)
				{
					leaves.push(leaf);
				}
				self.leaves(path, &leaves, output)?;
				continue;
			}
			if depth > MAX_FILE_DEPTH {
				let limit = crate::count(MAX_FILE_DEPTH);
				return Err(limit_of(path, limit, "levels of a file's DAG"));
			}
			match self.node(&child.cid, path)? {
				Node::File { data, children } => {
					let bytes = children
						.iter()
						.map(|child| child.file_bytes)
						.fold(crate::count(data.len()), u64::saturating_add);
					if bytes != child.file_bytes {
						return Err(wrong_size(path, &child.cid));
					}
					self.write(path, &data, output)?;
					push(&mut stack, children, depth + 1);
				},
				_ => {
					let error = UnixFsError::Directory("it is a part of a file");
					return Err(malformed(path, &child.cid)(error));
				},
			}
		}
		Ok(())
	}

	fn leaves(
		&mut self,
		path: &Path,
		leaves: &[Child],
		output: &mut dyn Write,
	) -> Result<(), ExtractError> {
		let cids: Vec<Cid> = leaves.iter().map(|leaf| leaf.cid).collect();
		let Self {
			blocks,
			options,
			done,
			progress,
		} = self;
		let mut expected = leaves.iter();
		let mut result = Ok(());
		let mut each = |data: &[u8]| {
			// Nothing is written behind an error.
			if let (Ok(()), Some(leaf)) = (&result, expected.next()) {
				result = match crate::count(data.len()) == leaf.file_bytes {
					true => write(options, done, *progress, path, data, output),
					false => Err(wrong_size(path, &leaf.cid)),
				};
			}
		};
		blocks.each_block(&cids, &mut each).map_err(fetch(path))?;
		result
	}

	fn write(
		&mut self,
		path: &Path,
		data: &[u8],
		output: &mut dyn Write,
	) -> Result<(), ExtractError> {
		write(
			&self.options,
			&mut self.done,
			self.progress,
			path,
			data,
			output,
		)
	}

	fn check_entries(&self, path: &Path, more: usize) -> Result<(), ExtractError> {
		let done = &self.done;
		let entries = [done.files, done.directories, done.links, done.skipped_links]
			.into_iter()
			.fold(crate::count(more), u64::saturating_add);
		if entries > self.options.max_entries {
			return Err(limit_of(
				path,
				self.options.max_entries,
				"files, folders and links",
			));
		}
		Ok(())
	}
}

/// Writes a file's next bytes, unless there are too many of all files.
fn write(
	options: &ExtractOptions,
	done: &mut Extracted,
	progress: &mut dyn FnMut(u64),
	path: &Path,
	data: &[u8],
	output: &mut dyn Write,
) -> Result<(), ExtractError> {
	let bytes = done.bytes.saturating_add(crate::count(data.len()));
	if bytes > options.max_bytes {
		return Err(limit_of(path, options.max_bytes, "bytes"));
	}
	output
		.write_all(data)
		.map_err(|source| ExtractError::Output {
			path: path.to_owned(),
			source,
		})?;
	done.bytes = bytes;
	progress(bytes);
	Ok(())
}

fn named(folder: &Rc<Folder>, name: String, cid: Cid) -> Result<Task, ExtractError> {
	if !is_plain(&name) {
		return Err(ExtractError::Name {
			path: folder.path().to_owned(),
			name,
		});
	}
	Ok(Task::Entry {
		folder: Rc::clone(folder),
		name,
		cid,
	})
}

fn fetch(path: &Path) -> impl FnOnce(FetchError) -> ExtractError + '_ {
	move |error| ExtractError::Fetch {
		path: path.to_owned(),
		error: Box::new(error),
	}
}

fn malformed<'a>(path: &'a Path, cid: &'a Cid) -> impl FnOnce(UnixFsError) -> ExtractError + 'a {
	move |error| ExtractError::Node {
		path: path.to_owned(),
		cid: Box::new(*cid),
		error: Box::new(error),
	}
}

fn wrong_size(path: &Path, cid: &Cid) -> ExtractError {
	malformed(path, cid)(UnixFsError::Sizes("its parent tells another size"))
}

fn limit_of(path: &Path, limit: u64, of: &'static str) -> ExtractError {
	ExtractError::Limit {
		path: path.to_owned(),
		limit,
		of,
	}
}
