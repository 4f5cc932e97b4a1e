//! As much of DAG-CBOR as following links needs.

use cid::Cid;

/// How deep values may be nested.
const MAX_DEPTH: usize = 256;
const LINK_TAG: u64 = 42;

/// Why bytes are no DAG-CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DagCborError {
	/// They end within a value.
	#[error("a dag-cbor block is cut short")]
	Truncated,
	/// There is a value that DAG-CBOR does not have.
	#[error("a dag-cbor block has a value that DAG-CBOR does not have")]
	Value,
	/// A link is no CID.
	#[error("a dag-cbor block has a link that is no CID")]
	Link,
	/// Values are nested too deep.
	#[error("a dag-cbor block is nested too deep")]
	Depth,
}

/// The links of a block, in order.
pub fn links(block: &[u8]) -> Result<Vec<Cid>, DagCborError> {
	let mut cbor = Cbor(block);
	let mut links = Vec::new();
	// For each open list or map, how many values are still to come.
	let mut open: Vec<u64> = vec![1];
	while let Some(left) = open.last_mut() {
		let Some(rest) = left.checked_sub(1) else {
			open.pop();
			continue;
		};
		*left = rest;
		let (major, value) = cbor.head()?;
		match major {
			0 | 1 => {},
			2 | 3 => drop(cbor.take(value)?),
			4 => open.push(value),
			5 => open.push(value.checked_mul(2).ok_or(DagCborError::Truncated)?),
			6 if value == LINK_TAG => links.push(cbor.link()?),
			7 => {},
			_ => return Err(DagCborError::Value),
		}
		if open.len() > MAX_DEPTH {
			return Err(DagCborError::Depth);
		}
	}
	if cbor.0.is_empty() {
		Ok(links)
	} else {
		Err(DagCborError::Value)
	}
}

struct Cbor<'a>(&'a [u8]);

impl<'a> Cbor<'a> {
	fn take(&mut self, length: u64) -> Result<&'a [u8], DagCborError> {
		let length = usize::try_from(length).map_err(|_| DagCborError::Truncated)?;
		let (bytes, rest) = self
			.0
			.split_at_checked(length)
			.ok_or(DagCborError::Truncated)?;
		self.0 = rest;
		Ok(bytes)
	}

	fn head(&mut self) -> Result<(u8, u64), DagCborError> {
		let first = self.take(1)?[0];
		let major = first >> 5;
		let bytes = match first & 0x1f {
			value @ 0..=23 => return Ok((major, value.into())),
			24 if major != 7 => 1,
			// Of the floating-point numbers DAG-CBOR has only the longest.
			25 | 26 if major != 7 => 1 << ((first & 0x1f) - 24),
			27 => 8,
			_ => return Err(DagCborError::Value),
		};
		let value = self
			.take(bytes)?
			.iter()
			.fold(0, |value, byte| value << 8 | u64::from(*byte));
		Ok((major, value))
	}

	fn link(&mut self) -> Result<Cid, DagCborError> {
		let (major, length) = self.head()?;
		if major != 2 {
			return Err(DagCborError::Link);
		}
		match self.take(length)?.split_first() {
			Some((0, cid)) => Cid::try_from(cid).map_err(|_| DagCborError::Link),
			_ => Err(DagCborError::Link),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{block::raw_cid, car::CarHeader};
	use proptest::prelude::*;

	#[test]
	fn links_are_found_wherever_they_are() {
		// A CAR's header is DAG-CBOR with links.
		let roots = vec![raw_cid(b"one"), raw_cid(b"two")];
		let header = CarHeader {
			roots: roots.clone(),
		}
		.encode();
		assert_eq!(links(&header[1..]), Ok(roots));
		// {"a": [1, -1, 2.5, null, true, h'00', "x"]}
		let values =
			const_hex::decode("a161618701 20 fb4004000000000000 f6 f5 4100 6178".replace(' ', ""));
		assert_eq!(links(&values.unwrap()), Ok(vec![]));
	}

	#[test]
	fn what_is_no_dag_cbor_is_refused() {
		for (hex, error) in [
			("", DagCborError::Truncated),
			("62", DagCborError::Truncated),
			("9bffffffffffffffff", DagCborError::Truncated),
			("bbffffffffffffffff", DagCborError::Truncated),
			("9f", DagCborError::Value),
			("c0", DagCborError::Value),
			("f97c00", DagCborError::Value),
			("0000", DagCborError::Value),
			("d82a00", DagCborError::Link),
			("d82a4101", DagCborError::Link),
			("d82a4100", DagCborError::Link),
		] {
			assert_eq!(links(&const_hex::decode(hex).unwrap()), Err(error), "{hex}");
		}
		assert_eq!(links(&[0x81; 1000]), Err(DagCborError::Depth));
	}

	proptest! {
		#[test]
		fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
			let _ = links(&bytes);
		}
	}
}
