//! Finding things in a DAG: what a path names, and everything below a block.

use cid::Cid;
use std::collections::HashSet;

use crate::{
	block::DAG_PB,
	blocks::{Blocks, FetchError},
	dag_cbor,
	dag_pb::PbNode,
	hamt::{name_bits, place, ShardPath},
	unixfs::{Entry, Node, Shard, ShardChild, UnixFsError},
};

/// The multicodec of DAG-CBOR.
const DAG_CBOR: u64 = 0x71;

/// Why something was not found.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
	/// A block cannot be had.
	#[error(transparent)]
	Fetch(#[from] FetchError),
	/// A block is malformed.
	#[error("block {cid}: {error}")]
	Node {
		/// The block.
		cid: Cid,
		/// What is wrong.
		error: Box<UnixFsError>,
	},
	/// There is no such entry.
	#[error("there is no `{name}` in {cid}")]
	NotFound {
		/// The directory.
		cid: Cid,
		/// What was looked for.
		name: String,
	},
}

impl WalkError {
	fn node(cid: Cid) -> impl FnOnce(UnixFsError) -> Self {
		move |error| Self::Node {
			cid,
			error: Box::new(error),
		}
	}
}

/// What looking for a name in a directory's block yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
	/// The entry.
	Entry(Cid),
	/// Another block of the same directory, in which to go on.
	Shard(Cid),
	/// The directory has no such entry.
	Nothing,
}

/// Looks for a name in a directory, one block after the other.
#[derive(Clone, Debug)]
pub struct NameLookup<'a> {
	name: &'a str,
	bits: u64,
	level: u32,
}

impl<'a> NameLookup<'a> {
	/// Will look for `name`.
	pub fn new(name: &'a str) -> Self {
		Self {
			name,
			bits: name_bits(name),
			level: 0,
		}
	}

	/// Looks into a directory's block. What is no directory has no entries.
	pub fn step(&mut self, cid: &Cid, block: &[u8]) -> Result<Found, UnixFsError> {
		if cid.codec() != DAG_PB {
			return Ok(Found::Nothing);
		}
		match Node::decode(cid, block)? {
			Node::Directory(entries) => Ok(entries
				.into_iter()
				.find(|entry| entry.name == self.name)
				.map_or(Found::Nothing, |entry| Found::Entry(entry.cid))),
			Node::Shard(shard) => {
				let bits = shard.fanout.ilog2();
				let Some(wanted) = place(self.bits, self.level, bits) else {
					return Ok(Found::Nothing);
				};
				self.level += 1;
				for link in &shard.links {
					let (place, child) = shard.child(link)?;
					if place == wanted {
						return Ok(match child {
							ShardChild::Shard => Found::Shard(link.cid),
							ShardChild::Entry(name) if name == self.name => Found::Entry(link.cid),
							ShardChild::Entry(_) => Found::Nothing,
						});
					}
				}
				Ok(Found::Nothing)
			},
			Node::File { .. } | Node::Symlink(_) => Ok(Found::Nothing),
		}
	}
}

/// The names of a path. Empty ones are passed over.
pub fn path_names(path: &str) -> impl Iterator<Item = &str> {
	path.split('/').filter(|name| !name.is_empty())
}

/// What a path below `root` names, and the blocks on the way there, the root first.
pub fn resolve(
	blocks: &mut dyn Blocks,
	root: &Cid,
	path: &str,
) -> Result<(Cid, Vec<Cid>), WalkError> {
	let mut current = *root;
	let mut trail = Vec::new();
	for name in path_names(path) {
		let directory = current;
		let mut lookup = NameLookup::new(name);
		loop {
			let block = blocks.block(&current)?;
			trail.push(current);
			let found = lookup
				.step(&current, &block)
				.map_err(WalkError::node(current))?;
			match found {
				Found::Entry(cid) => {
					current = cid;
					break;
				},
				Found::Shard(cid) => current = cid,
				Found::Nothing => {
					return Err(WalkError::NotFound {
						cid: directory,
						name: name.to_owned(),
					});
				},
			}
		}
	}
	Ok((current, trail))
}

/// The entries of the directory that begins with `node`, those of a HAMT's further blocks included.
/// `None` if it is no directory.
pub fn entries(
	blocks: &mut dyn Blocks,
	cid: &Cid,
	node: Node,
) -> Result<Option<Vec<Entry>>, WalkError> {
	let root = match node {
		Node::Directory(entries) => return Ok(Some(entries)),
		Node::Shard(shard) => shard,
		Node::File { .. } | Node::Symlink(_) => return Ok(None),
	};
	let mut entries = Vec::new();
	let mut pending = Vec::new();
	let mut current = Some((*cid, root, ShardPath::default()));
	while let Some((cid, shard, way)) = current {
		for link in &shard.links {
			match placed(&shard, link, way).map_err(WalkError::node(cid))? {
				(_, ShardChild::Entry(name)) => entries.push(Entry {
					name: name.to_owned(),
					..*link
				}),
				(way, ShardChild::Shard) => pending.push((link.cid, way)),
			}
		}
		// Parts are read when their turn comes, so that only their names wait.
		current = match pending.pop() {
			Some((cid, way)) => {
				let block = blocks.block(&cid)?;
				let part = part_of_shard(&cid, &block).map_err(WalkError::node(cid))?;
				Some((cid, part, way))
			},
			None => None,
		};
	}
	Ok(Some(entries))
}

/// What a link of a HAMT's node is, and the way to it. An entry must be where its name belongs, and a
/// node's links have different places: so no part can be named twice, and no HAMT is larger than its blocks.
pub(crate) fn placed<'a>(
	shard: &Shard,
	link: &'a Entry,
	way: ShardPath,
) -> Result<(ShardPath, ShardChild<'a>), UnixFsError> {
	let (place, child) = shard.child(link)?;
	let way = way
		.child(place, shard.fanout.ilog2())
		.ok_or(UnixFsError::Directory("a HAMT is too deep"))?;
	match child {
		ShardChild::Entry(name) if !way.leads_to(name) => Err(UnixFsError::Directory(
			"an entry of a HAMT is not where its name belongs",
		)),
		child => Ok((way, child)),
	}
}

/// A further block of a HAMT, which has at least one child.
pub(crate) fn part_of_shard(cid: &Cid, block: &[u8]) -> Result<Shard, UnixFsError> {
	match Node::decode(cid, block)? {
		Node::Shard(shard) if !shard.links.is_empty() => Ok(shard),
		_ => Err(UnixFsError::Directory("a part of a HAMT is none, or empty")),
	}
}

/// The blocks that a block links to. None for codecs whose links are not known here.
pub fn links(cid: &Cid, block: &[u8]) -> Vec<Cid> {
	match cid.codec() {
		DAG_PB => PbNode::decode(block)
			.map(|node| node.links.into_iter().map(|link| link.cid).collect())
			.unwrap_or_default(),
		DAG_CBOR => dag_cbor::links(block).unwrap_or_default(),
		_ => Vec::new(),
	}
}

/// Every block below and with `root`, parents first, depth first, each once. With `strict` a missing block
/// is an error, otherwise it is passed over. Keeps every CID that was seen.
pub fn dag<E: From<FetchError>>(
	blocks: &mut dyn Blocks,
	root: &Cid,
	strict: bool,
	mut visit: impl FnMut(&Cid, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
	let mut seen = HashSet::from([*root]);
	let mut pending = vec![*root];
	while let Some(cid) = pending.pop() {
		let block = match blocks.block(&cid) {
			Ok(block) => block,
			Err(FetchError::Missing { cid: missing }) if !strict && missing != *root => continue,
			Err(error) => return Err(error.into()),
		};
		visit(&cid, &block)?;
		for link in links(&cid, &block).into_iter().rev() {
			if seen.insert(link) {
				pending.push(link);
			}
		}
	}
	Ok(())
}
