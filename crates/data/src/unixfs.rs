//! UnixFS v1: what dag-pb nodes say of files, directories and symbolic links.

mod message;

use cid::Cid;
use std::collections::HashSet;

pub use message::{Kind, Message, Mtime};

use crate::{
	block::{DAG_PB, RAW},
	count,
	dag_pb::{DagPbError, PbLink, PbNode},
	piece::length_of,
	proto::ProtoError,
};

/// The most children of a HAMT's node that are read.
const MAX_FANOUT: u64 = 1024;
/// The multihash code of the first 64 bits of murmur3-x64-128, which HAMTs use.
pub const MURMUR3: u64 = 0x22;

/// A child of a file's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
	/// A leaf or a node.
	pub cid: Cid,
	/// The bytes of the file below it.
	pub file_bytes: u64,
	/// The bytes of all blocks below and with it.
	pub cumulative_bytes: u64,
}

/// An inner node of a file: it has children and no bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNode {
	/// The children, in file order.
	pub children: Vec<Child>,
}

/// Why a block is no inner node of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnixFsError {
	/// The block is no dag-pb node.
	#[error(transparent)]
	DagPb(#[from] DagPbError),
	/// The node has no UnixFS message, or a malformed one.
	#[error("a node has no valid UnixFS message: {0}")]
	Message(&'static str),
	/// The message's wire format is broken.
	#[error("a UnixFS message is malformed: {0}")]
	Proto(#[from] ProtoError),
	/// The message's type does not exist, or nothing writes it.
	#[error("a node has the UnixFS type {0}, which is not supported")]
	Type(u64),
	/// The node is a directory, a link or another thing that is no file.
	#[error("a node is a {0:?}, which is no file")]
	NotAFile(Kind),
	/// The block is of a codec that UnixFS does not use.
	#[error("a block has the codec {0:#x}: UnixFS has raw and dag-pb blocks only")]
	Codec(u64),
	/// A directory's node contradicts itself.
	#[error("a directory's node is malformed: {0}")]
	Directory(&'static str),
	/// Sizes contradict each other.
	#[error("a file's node contradicts itself: {0}")]
	Sizes(&'static str),
}

impl FileNode {
	/// The bytes of the file below this node. `None` if they overflow.
	pub fn file_bytes(&self) -> Option<u64> {
		self.children
			.iter()
			.try_fold(0u64, |sum, child| sum.checked_add(child.file_bytes))
	}

	/// The node's block, as the profile `unixfs-v1-2025` writes it.
	pub fn encode(&self) -> Vec<u8> {
		let message = Message {
			file_bytes: Some(self.file_bytes().unwrap_or(u64::MAX)),
			block_sizes: self.children.iter().map(|child| child.file_bytes).collect(),
			..Message::new(Kind::File)
		};
		let links = self
			.children
			.iter()
			.map(|child| PbLink {
				cid: child.cid,
				name: Some(String::new()),
				cumulative_bytes: Some(child.cumulative_bytes),
			})
			.collect();
		PbNode {
			links,
			data: Some(message.encode()),
		}
		.encode()
	}

	/// Reads an inner node, and refuses sizes that do not agree.
	pub fn decode(block: &[u8]) -> Result<Self, UnixFsError> {
		match Node::decode_dag_pb(block)? {
			Node::File { data, children } if data.is_empty() => Ok(Self { children }),
			Node::File { .. } => Err(UnixFsError::Sizes("an inner node holds bytes itself")),
			Node::Directory(_) => Err(UnixFsError::NotAFile(Kind::Directory)),
			Node::Shard(_) => Err(UnixFsError::NotAFile(Kind::HamtShard)),
			Node::Symlink(_) => Err(UnixFsError::NotAFile(Kind::Symlink)),
		}
	}
}

/// A block of a UnixFS DAG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
	/// A file or a part of one: bytes of its own, and then those of its children.
	File {
		/// The bytes.
		data: Vec<u8>,
		/// What follows them.
		children: Vec<Child>,
	},
	/// A directory in one block.
	Directory(Vec<Entry>),
	/// A part of a directory.
	Shard(Shard),
	/// A symbolic link, with its target.
	Symlink(Vec<u8>),
}

/// A directory's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
	/// The name, which is not checked: it may be anything.
	pub name: String,
	/// What it names.
	pub cid: Cid,
	/// The bytes of all blocks below, by the writer's word.
	pub cumulative_bytes: u64,
}

/// A node of a directory that is a HAMT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
	/// How many children a node can have.
	pub fanout: u64,
	/// The children, with their names still behind the digits of their place.
	pub links: Vec<Entry>,
}

/// A child of a HAMT's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardChild<'a> {
	/// Another node of the HAMT.
	Shard,
	/// An entry of the directory, with its name.
	Entry(&'a str),
}

impl Shard {
	/// How many hexadecimal digits come before a name.
	pub fn prefix_digits(&self) -> usize {
		let mut digits = 0;
		let mut rest = self.fanout.saturating_sub(1);
		while rest > 0 {
			rest >>= 4;
			digits += 1;
		}
		digits
	}

	/// What a link is, and its place among the children.
	pub fn child<'a>(&self, link: &'a Entry) -> Result<(u64, ShardChild<'a>), UnixFsError> {
		const MALFORMED: UnixFsError = UnixFsError::Directory("a link of a HAMT has no place");
		let (prefix, name) = link
			.name
			.split_at_checked(self.prefix_digits())
			.ok_or(MALFORMED)?;
		let upper_case = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
		if !prefix.bytes().all(upper_case) {
			return Err(MALFORMED);
		}
		let place = u64::from_str_radix(prefix, 16).map_err(|_| MALFORMED)?;
		if place >= self.fanout {
			return Err(MALFORMED);
		}
		let child = if name.is_empty() {
			ShardChild::Shard
		} else {
			ShardChild::Entry(name)
		};
		Ok((place, child))
	}
}

impl Node {
	/// Reads a block of a UnixFS DAG.
	pub fn decode(cid: &Cid, block: &[u8]) -> Result<Self, UnixFsError> {
		match cid.codec() {
			RAW => Ok(Self::File {
				data: block.to_vec(),
				children: Vec::new(),
			}),
			DAG_PB => Self::decode_dag_pb(block),
			codec => Err(UnixFsError::Codec(codec)),
		}
	}

	fn decode_dag_pb(block: &[u8]) -> Result<Self, UnixFsError> {
		let node = PbNode::decode(block)?;
		let data = node
			.data
			.as_deref()
			.ok_or(UnixFsError::Message("it is absent"))?;
		let message = Message::decode(data)?;
		match message.kind {
			Kind::File | Kind::Raw => Self::file(message, node.links),
			Kind::Directory => Ok(Self::Directory(entries(node.links)?)),
			Kind::HamtShard => Self::shard(&message, node.links),
			Kind::Symlink if node.links.is_empty() => {
				Ok(Self::Symlink(message.data.unwrap_or_default()))
			},
			Kind::Symlink => Err(UnixFsError::Message("a symbolic link has links")),
			Kind::Metadata => Err(UnixFsError::Type(3)),
		}
	}

	fn file(message: Message, links: Vec<PbLink>) -> Result<Self, UnixFsError> {
		if message.block_sizes.len() != links.len() {
			return Err(UnixFsError::Sizes("there is not one size for each link"));
		}
		let data = message.data.unwrap_or_default();
		let children: Vec<_> = links
			.into_iter()
			.zip(message.block_sizes)
			.map(|(link, file_bytes)| Child {
				cid: link.cid,
				file_bytes,
				cumulative_bytes: link.cumulative_bytes.unwrap_or_default(),
			})
			.collect();
		let total = children
			.iter()
			.try_fold(length_of(&data), |sum, child| {
				sum.checked_add(child.file_bytes)
			})
			.ok_or(UnixFsError::Sizes("its size overflows"))?;
		if message.file_bytes.is_some_and(|size| size != total) {
			return Err(UnixFsError::Sizes(
				"the children do not add up to the file's size",
			));
		}
		Ok(Self::File { data, children })
	}

	fn shard(message: &Message, links: Vec<PbLink>) -> Result<Self, UnixFsError> {
		if message.hash_type != Some(MURMUR3) {
			return Err(UnixFsError::Directory("a HAMT has another hash function"));
		}
		let fanout = message.fanout.unwrap_or_default();
		if !(8..=MAX_FANOUT).contains(&fanout) || !fanout.is_power_of_two() {
			return Err(UnixFsError::Directory(
				"a HAMT's fan-out is no power of two between 8 and 1024",
			));
		}
		if count(links.len()) > fanout {
			return Err(UnixFsError::Directory("a HAMT has more links than places"));
		}
		let links = entries(links)?;
		let shard = Shard { fanout, links };
		let mut places = HashSet::new();
		for link in &shard.links {
			if !places.insert(shard.child(link)?.0) {
				return Err(UnixFsError::Directory("two links of a HAMT have one place"));
			}
		}
		Ok(Self::Shard(shard))
	}
}

fn entries(links: Vec<PbLink>) -> Result<Vec<Entry>, UnixFsError> {
	links
		.into_iter()
		.map(|link| {
			Ok(Entry {
				name: link
					.name
					.ok_or(UnixFsError::Directory("an entry has no name"))?,
				cid: link.cid,
				cumulative_bytes: link.cumulative_bytes.unwrap_or_default(),
			})
		})
		.collect()
}

/// The CIDs that a block links to: none for a leaf.
pub fn links(cid: &Cid, block: &[u8]) -> Result<Vec<Cid>, DagPbError> {
	if cid.codec() != DAG_PB {
		return Ok(Vec::new());
	}
	Ok(PbNode::decode(block)?
		.links
		.into_iter()
		.map(|link| link.cid)
		.collect())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		block::raw_cid,
		proto::{put_bytes, put_number},
	};

	fn node() -> FileNode {
		let child = |byte: u8, bytes: u64| Child {
			cid: raw_cid(&[byte]),
			file_bytes: bytes,
			cumulative_bytes: bytes,
		};
		FileNode {
			children: vec![child(1, 1 << 20), child(2, 17)],
		}
	}

	fn with_message(message: Vec<u8>) -> Vec<u8> {
		let node = PbNode::decode(&node().encode()).unwrap();
		PbNode {
			data: Some(message),
			..node
		}
		.encode()
	}

	#[test]
	fn file_nodes_round_trip() {
		assert_eq!(FileNode::decode(&node().encode()), Ok(node()));
		assert_eq!(node().file_bytes(), Some((1 << 20) + 17));
	}

	#[test]
	fn packed_sizes_and_further_fields_are_read() {
		let mut message = vec![0x08, 2];
		put_number(&mut message, 3, (1 << 20) + 17);
		put_bytes(&mut message, 4, &[0x80, 0x80, 0x40, 17]);
		put_number(&mut message, 7, 0o644);
		assert_eq!(FileNode::decode(&with_message(message)), Ok(node()));
	}

	#[test]
	fn links_are_those_of_nodes_only() {
		let block = node().encode();
		let cid = crate::block::dag_pb_cid(&block);
		let children: Vec<_> = node().children.iter().map(|child| child.cid).collect();
		assert_eq!(links(&cid, &block), Ok(children));
		assert_eq!(links(&raw_cid(&block), &block), Ok(vec![]));
	}

	#[test]
	fn contradicting_nodes_are_refused() {
		let none = PbNode {
			data: None,
			..PbNode::default()
		}
		.encode();
		assert!(matches!(
			FileNode::decode(&none),
			Err(UnixFsError::Message(_))
		));
		assert!(matches!(FileNode::decode(&[1]), Err(UnixFsError::DagPb(_))));
		let cases: [(Vec<u8>, UnixFsError); 7] = [
			(vec![0x08], UnixFsError::Proto(ProtoError::Truncated)),
			(vec![0x18, 1], UnixFsError::Message("it has no type")),
			(
				vec![0x0a, 0],
				UnixFsError::Message("a field has the wrong type"),
			),
			(vec![0x08, 1], UnixFsError::NotAFile(Kind::Directory)),
			(
				vec![0x08, 2, 0x12, 1, 0, 0x20, 0x80, 0x80, 0x40, 0x20, 17],
				UnixFsError::Sizes("an inner node holds bytes itself"),
			),
			(
				vec![0x08, 2, 0x20, 1],
				UnixFsError::Sizes("there is not one size for each link"),
			),
			(
				vec![0x08, 2, 0x18, 9, 0x20, 1, 0x20, 1],
				UnixFsError::Sizes("the children do not add up to the file's size"),
			),
		];
		for (message, error) in cases {
			assert_eq!(FileNode::decode(&with_message(message)), Err(error));
		}
		let mut overflow = vec![0x08, 2];
		put_number(&mut overflow, 4, u64::MAX);
		put_number(&mut overflow, 4, 1);
		assert_eq!(
			FileNode::decode(&with_message(overflow)),
			Err(UnixFsError::Sizes("its size overflows"))
		);
	}

	fn entry(name: &str) -> Entry {
		Entry {
			name: name.into(),
			cid: raw_cid(b"x"),
			cumulative_bytes: 1,
		}
	}

	#[test]
	fn a_hamts_links_have_a_place_and_perhaps_a_name() {
		let shard = Shard {
			fanout: 256,
			links: vec![],
		};
		assert_eq!(shard.prefix_digits(), 2);
		assert_eq!(shard.child(&entry("0F")), Ok((15, ShardChild::Shard)));
		assert_eq!(
			shard.child(&entry("FFname")),
			Ok((255, ShardChild::Entry("name")))
		);
		for name in ["", "F", "0f", "+1a", "g0x", "é"] {
			assert!(shard.child(&entry(name)).is_err(), "{name}");
		}
		let small = Shard {
			fanout: 8,
			links: vec![],
		};
		assert_eq!(small.prefix_digits(), 1);
		assert!(small.child(&entry("8x")).is_err());
	}

	#[test]
	fn malformed_directories_and_links_are_refused() {
		let block = |message: Message, links: usize| {
			PbNode {
				links: vec![
					PbLink {
						cid: raw_cid(b"x"),
						name: None,
						cumulative_bytes: None
					};
					links
				],
				data: Some(message.encode()),
			}
			.encode()
		};
		let hamt = Message {
			hash_type: Some(MURMUR3),
			fanout: Some(8),
			..Message::new(Kind::HamtShard)
		};
		let cases = [
			(block(Message::new(Kind::Directory), 1), "no name"),
			(block(Message::new(Kind::Metadata), 0), "type 3"),
			(block(Message::new(Kind::Symlink), 1), "has links"),
			(block(hamt.clone(), 9), "more links"),
			(
				block(
					Message {
						fanout: Some(9),
						..hamt.clone()
					},
					0,
				),
				"fan-out",
			),
			(
				block(
					Message {
						fanout: Some(1 << 20),
						..hamt.clone()
					},
					0,
				),
				"fan-out",
			),
			(
				block(
					Message {
						hash_type: Some(0x12),
						..hamt
					},
					0,
				),
				"hash function",
			),
		];
		for (block, text) in cases {
			let cid = crate::block::dag_pb_cid(&block);
			let error = Node::decode(&cid, &block).unwrap_err().to_string();
			assert!(error.contains(text), "{error}");
		}
		let other = crate::block::cid_from_digest(0x71, &[0; 32]);
		assert_eq!(Node::decode(&other, &[]), Err(UnixFsError::Codec(0x71)));
	}
}
