//! dag-pb: the protobuf messages that link UnixFS blocks.

use cid::Cid;

use crate::proto::{put_bytes, put_number, Fields, ProtoError, Value};

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PbNode {
	/// The children, in order.
	pub links: Vec<PbLink>,
	/// What the node says of itself, such as a UnixFS message.
	pub data: Option<Vec<u8>>,
}

/// A link to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PbLink {
	/// The child.
	pub cid: Cid,
	/// The child's name, if there is one; files' chunks have the empty name.
	pub name: Option<String>,
	/// The bytes of all blocks below and with the child, by the writer's word.
	pub cumulative_bytes: Option<u64>,
}

/// Why bytes are no dag-pb node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DagPbError {
	/// The message itself is malformed.
	#[error("a dag-pb node is malformed: {0}")]
	Proto(#[from] ProtoError),
	/// A field is unknown, of the wrong type, or there twice.
	#[error("a dag-pb node has an unexpected field {field}")]
	Field {
		/// Its number.
		field: u64,
	},
	/// The links are not together.
	#[error("a dag-pb node has its data between its links")]
	Interleaved,
	/// A link has no CID, or bytes that are none.
	#[error("a dag-pb link has no valid CID")]
	Cid,
	/// A name is not UTF-8.
	#[error("a dag-pb link's name is not UTF-8")]
	Name,
}

impl PbNode {
	/// The canonical bytes: the links, then the data.
	pub fn encode(&self) -> Vec<u8> {
		let mut out = Vec::new();
		for link in &self.links {
			let mut message = Vec::new();
			put_bytes(&mut message, 1, &link.cid.to_bytes());
			if let Some(name) = &link.name {
				put_bytes(&mut message, 2, name.as_bytes());
			}
			if let Some(bytes) = link.cumulative_bytes {
				put_number(&mut message, 3, bytes);
			}
			put_bytes(&mut out, 2, &message);
		}
		if let Some(data) = &self.data {
			put_bytes(&mut out, 1, data);
		}
		out
	}

	/// Reads a node. Data before the links is accepted, as old writers have it, but nothing else that
	/// the specification forbids.
	pub fn decode(bytes: &[u8]) -> Result<Self, DagPbError> {
		let mut node = Self::default();
		let mut links_ended = false;
		let mut fields = Fields(bytes);
		while let Some((field, value)) = fields.next_field()? {
			match (field, value) {
				(1, Value::Bytes(data)) if node.data.is_none() => {
					node.data = Some(data.to_vec());
					links_ended = !node.links.is_empty();
				},
				(2, Value::Bytes(_)) if links_ended => return Err(DagPbError::Interleaved),
				(2, Value::Bytes(link)) => node.links.push(PbLink::decode(link)?),
				_ => return Err(DagPbError::Field { field }),
			}
		}
		Ok(node)
	}
}

impl PbLink {
	fn decode(bytes: &[u8]) -> Result<Self, DagPbError> {
		let (mut cid, mut name, mut cumulative_bytes) = (None, None, None);
		let mut fields = Fields(bytes);
		while let Some((field, value)) = fields.next_field()? {
			match (field, value) {
				(1, Value::Bytes(bytes)) if cid.is_none() => {
					cid = Some(Cid::try_from(bytes).map_err(|_| DagPbError::Cid)?);
				},
				(2, Value::Bytes(bytes)) if name.is_none() => {
					let text = std::str::from_utf8(bytes).map_err(|_| DagPbError::Name)?;
					name = Some(text.to_owned());
				},
				(3, Value::Varint(bytes)) if cumulative_bytes.is_none() => {
					cumulative_bytes = Some(bytes);
				},
				_ => return Err(DagPbError::Field { field }),
			}
		}
		Ok(Self {
			cid: cid.ok_or(DagPbError::Cid)?,
			name,
			cumulative_bytes,
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::raw_cid;
	use proptest::prelude::*;

	fn link(byte: u8) -> PbLink {
		PbLink {
			cid: raw_cid(&[byte]),
			name: Some(String::new()),
			cumulative_bytes: Some(byte.into()),
		}
	}

	#[test]
	fn nodes_round_trip() {
		for node in [
			PbNode::default(),
			PbNode {
				links: vec![link(1), link(200)],
				data: Some(vec![1, 2, 3]),
			},
			PbNode {
				links: vec![PbLink {
					name: None,
					cumulative_bytes: None,
					..link(3)
				}],
				data: None,
			},
		] {
			assert_eq!(PbNode::decode(&node.encode()), Ok(node));
		}
	}

	#[test]
	fn data_before_the_links_is_accepted_but_not_between() {
		let links = PbNode {
			links: vec![link(1)],
			data: None,
		}
		.encode();
		let data = PbNode {
			links: vec![],
			data: Some(vec![7]),
		}
		.encode();
		let swapped = [data.clone(), links.clone(), links.clone()].concat();
		assert_eq!(PbNode::decode(&swapped).map(|node| node.links.len()), Ok(2));
		let between = [links.clone(), data, links].concat();
		assert_eq!(PbNode::decode(&between), Err(DagPbError::Interleaved));
	}

	#[test]
	fn malformed_nodes_are_refused() {
		let cases: [(&[u8], DagPbError); 7] = [
			(&[0x0a, 4, 1], DagPbError::Proto(ProtoError::Truncated)),
			(&[0x18, 1], DagPbError::Field { field: 3 }),
			(&[0x0a, 0, 0x0a, 0], DagPbError::Field { field: 1 }),
			(&[0x12, 0], DagPbError::Cid),
			(&[0x12, 4, 0x0a, 2, 1, 0x55], DagPbError::Cid),
			(&[0x12, 3, 0x12, 1, 0xff], DagPbError::Name),
			(&[0x12, 4, 0x18, 1, 0x18, 1], DagPbError::Field { field: 3 }),
		];
		for (bytes, error) in cases {
			assert_eq!(PbNode::decode(bytes), Err(error), "{bytes:?}");
		}
	}

	proptest! {
		#[test]
		fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
			let _ = PbNode::decode(&bytes);
		}
	}
}
