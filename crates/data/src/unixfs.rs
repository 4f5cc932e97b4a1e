//! UnixFS v1: what dag-pb nodes say of files.

use cid::Cid;

use crate::{
	block::DAG_PB,
	dag_pb::{DagPbError, PbLink, PbNode},
	proto::{put_number, Fields, ProtoError, Value},
};

/// The message's type for files.
const TYPE_FILE: u64 = 2;
/// The message's type for raw bytes, which old writers use for leaves.
const TYPE_RAW: u64 = 0;

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
	/// The node is a directory, a link or another thing that is no file.
	#[error("a node has the UnixFS type {0}, which is no file")]
	NotAFile(u64),
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
		let mut message = Vec::new();
		put_number(&mut message, 1, TYPE_FILE);
		put_number(&mut message, 3, self.file_bytes().unwrap_or(u64::MAX));
		for child in &self.children {
			put_number(&mut message, 4, child.file_bytes);
		}
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
			data: Some(message),
		}
		.encode()
	}

	/// Reads an inner node, and refuses sizes that do not agree.
	pub fn decode(block: &[u8]) -> Result<Self, UnixFsError> {
		let node = PbNode::decode(block)?;
		let data = node
			.data
			.as_deref()
			.ok_or(UnixFsError::Message("it is absent"))?;
		let message = Message::decode(data)?;
		if message.kind != TYPE_FILE && message.kind != TYPE_RAW {
			return Err(UnixFsError::NotAFile(message.kind));
		}
		if message.has_data {
			return Err(UnixFsError::Sizes("an inner node holds bytes itself"));
		}
		if message.block_sizes.len() != node.links.len() {
			return Err(UnixFsError::Sizes("there is not one size for each link"));
		}
		let children = node
			.links
			.iter()
			.zip(message.block_sizes)
			.map(|(link, file_bytes)| Child {
				cid: link.cid,
				file_bytes,
				cumulative_bytes: link.cumulative_bytes.unwrap_or_default(),
			})
			.collect();
		let node = Self { children };
		let total = node
			.file_bytes()
			.ok_or(UnixFsError::Sizes("its size overflows"))?;
		if message.file_size.is_some_and(|size| size != total) {
			return Err(UnixFsError::Sizes(
				"the children do not add up to the file's size",
			));
		}
		Ok(node)
	}
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

/// What is read of UnixFS's message `Data`; modes, times and fan-outs are passed over.
#[derive(Default)]
struct Message {
	kind: u64,
	has_data: bool,
	file_size: Option<u64>,
	block_sizes: Vec<u64>,
}

impl Message {
	fn decode(bytes: &[u8]) -> Result<Self, UnixFsError> {
		let mut message = Self::default();
		let mut kind = None;
		let mut fields = Fields(bytes);
		while let Some((field, value)) = fields.next_field()? {
			match (field, value) {
				(1, Value::Varint(value)) => kind = Some(value),
				(2, Value::Bytes(data)) => message.has_data |= !data.is_empty(),
				(3, Value::Varint(value)) => message.file_size = Some(value),
				(4, Value::Varint(value)) => message.block_sizes.push(value),
				(4, Value::Bytes(packed)) => {
					let mut packed = Fields(packed);
					while !packed.0.is_empty() {
						message.block_sizes.push(packed.varint()?);
					}
				},
				(1..=4, _) => return Err(UnixFsError::Message("a field has the wrong type")),
				_ => {},
			}
		}
		message.kind = kind.ok_or(UnixFsError::Message("it has no type"))?;
		Ok(message)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{block::raw_cid, proto::put_bytes};

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
			(vec![0x08, 1], UnixFsError::NotAFile(1)),
			(
				vec![0x08, 2, 0x12, 1, 0],
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
}
