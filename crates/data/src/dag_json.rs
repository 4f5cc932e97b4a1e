//! DAG-JSON of dag-pb, DAG-CBOR and raw blocks: blocks as text, and text as blocks again.

use cid::Cid;
use data_encoding::BASE64_NOPAD;
use serde_json::{json, Map, Number, Value};

use crate::{
	block::{DAG_PB, RAW},
	count,
	dag_pb::{PbLink, PbNode},
};

/// The multicodec of DAG-CBOR.
const DAG_CBOR: u64 = 0x71;
/// The multicodec of DAG-JSON.
const DAG_JSON: u64 = 0x0129;
const LINK_TAG: u64 = 42;
/// How deep values may be nested, which bounds the recursion.
const MAX_DEPTH: usize = 100;

/// Why a block has no DAG-JSON, or DAG-JSON is no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DagJsonError {
	/// The codec is not known here.
	#[error("the codec {0:#x} has no text form here")]
	Codec(u64),
	/// The block is malformed.
	#[error("the block is malformed: {0}")]
	Block(String),
	/// The text is malformed.
	#[error("the text is malformed: {0}")]
	Text(String),
}

/// A block as DAG-JSON.
pub fn to_json(codec: u64, block: &[u8]) -> Result<Value, DagJsonError> {
	let malformed = |error: &dyn ToString| DagJsonError::Block(error.to_string());
	match codec {
		RAW => Ok(bytes(block)),
		DAG_JSON => serde_json::from_slice(block).map_err(|error| malformed(&error)),
		DAG_PB => {
			let node = PbNode::decode(block).map_err(|error| malformed(&error))?;
			let links = node.links.iter().map(|link| {
				let mut map = Map::new();
				map.insert("Hash".into(), self::link(&link.cid));
				if let Some(name) = &link.name {
					map.insert("Name".into(), json!(name));
				}
				if let Some(size) = link.cumulative_bytes {
					map.insert("Tsize".into(), json!(size));
				}
				Value::Object(map)
			});
			let mut map = Map::new();
			map.insert("Links".into(), links.collect());
			if let Some(data) = &node.data {
				map.insert("Data".into(), bytes(data));
			}
			Ok(Value::Object(map))
		},
		DAG_CBOR => {
			let mut rest = block;
			let value = from_cbor(&mut rest, 0)?;
			match rest {
				[] => Ok(value),
				_ => Err(malformed(&"there are bytes behind the value")),
			}
		},
		codec => Err(DagJsonError::Codec(codec)),
	}
}

/// The block of DAG-JSON.
pub fn from_json(codec: u64, value: &Value) -> Result<Vec<u8>, DagJsonError> {
	let expected = |what: &str| DagJsonError::Text(format!("{what} is expected"));
	match codec {
		RAW => as_bytes(value).ok_or_else(|| expected("a value of bytes")),
		DAG_JSON => Ok(value.to_string().into_bytes()),
		DAG_PB => {
			let links = value
				.get("Links")
				.and_then(Value::as_array)
				.ok_or_else(|| expected("a list of links"))?;
			let links = links.iter().map(|link| {
				Ok(PbLink {
					cid: link
						.get("Hash")
						.and_then(as_link)
						.ok_or_else(|| expected("a link's CID"))?,
					name: link.get("Name").and_then(Value::as_str).map(str::to_owned),
					cumulative_bytes: link.get("Tsize").and_then(Value::as_u64),
				})
			});
			let data = match value.get("Data") {
				Some(data) => Some(as_bytes(data).ok_or_else(|| expected("a value of bytes"))?),
				None => None,
			};
			let links = links.collect::<Result<_, _>>()?;
			Ok(PbNode { links, data }.encode())
		},
		DAG_CBOR => {
			let mut out = Vec::new();
			to_cbor(value, &mut out, 0)?;
			Ok(out)
		},
		codec => Err(DagJsonError::Codec(codec)),
	}
}

fn bytes(bytes: &[u8]) -> Value {
	json!({ "/": { "bytes": BASE64_NOPAD.encode(bytes) } })
}

fn link(cid: &Cid) -> Value {
	json!({ "/": cid.to_string() })
}

/// What a map with the one key `/` stands for.
fn special(value: &Value) -> Option<&Value> {
	let map = value.as_object()?;
	map.get("/").filter(|_| map.len() == 1)
}

fn as_bytes(value: &Value) -> Option<Vec<u8>> {
	let text = special(value)?.get("bytes")?.as_str()?;
	BASE64_NOPAD
		.decode(text.trim_end_matches('=').as_bytes())
		.ok()
}

fn as_link(value: &Value) -> Option<Cid> {
	special(value)?.as_str()?.parse().ok()
}

fn malformed(what: &str) -> DagJsonError {
	DagJsonError::Block(what.to_owned())
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], DagJsonError> {
	let length = usize::try_from(length).map_err(|_| malformed("it is cut short"))?;
	let (bytes, behind) = rest
		.split_at_checked(length)
		.ok_or_else(|| malformed("it is cut short"))?;
	*rest = behind;
	Ok(bytes)
}

fn from_cbor(rest: &mut &[u8], depth: usize) -> Result<Value, DagJsonError> {
	if depth > MAX_DEPTH {
		return Err(malformed("it is nested too deep"));
	}
	let first = take(rest, 1)?[0];
	let (major, short) = (first >> 5, first & 0x1f);
	let number = match short {
		0..=23 => u64::from(short),
		24..=27 => take(rest, 1 << (short - 24))?
			.iter()
			.fold(0, |value, byte| value << 8 | u64::from(*byte)),
		_ => return Err(malformed("it has a value that DAG-CBOR does not have")),
	};
	let text = |bytes: &[u8]| {
		String::from_utf8(bytes.to_vec()).map_err(|_| malformed("a text is not UTF-8"))
	};
	match (major, short) {
		(0, _) => Ok(json!(number)),
		(1, _) => {
			let number = i64::try_from(number).map_err(|_| malformed("a number is too small"))?;
			Ok(json!(-1 - number))
		},
		(2, _) => Ok(bytes(take(rest, number)?)),
		(3, _) => Ok(Value::String(text(take(rest, number)?)?)),
		(4, _) => (0..number).map(|_| from_cbor(rest, depth + 1)).collect(),
		(5, _) => {
			let mut map = Map::new();
			for _ in 0..number {
				let Value::String(key) = from_cbor(rest, depth + 1)? else {
					return Err(malformed("a key is no text"));
				};
				map.insert(key, from_cbor(rest, depth + 1)?);
			}
			Ok(Value::Object(map))
		},
		(6, _) if number == LINK_TAG => {
			let value = from_cbor(rest, depth + 1)?;
			as_bytes(&value)
				.as_deref()
				.and_then(<[u8]>::split_first)
				.filter(|(prefix, _)| **prefix == 0)
				.and_then(|(_, cid)| Cid::try_from(cid).ok())
				.map(|cid| link(&cid))
				.ok_or_else(|| malformed("a link is no CID"))
		},
		(7, 20) => Ok(json!(false)),
		(7, 21) => Ok(json!(true)),
		(7, 22) => Ok(Value::Null),
		(7, 27) => Number::from_f64(f64::from_bits(number))
			.map(Value::Number)
			.ok_or_else(|| malformed("a number is none")),
		_ => Err(malformed("it has a value that DAG-CBOR does not have")),
	}
}

fn head(out: &mut Vec<u8>, major: u8, value: u64) {
	let major = major << 5;
	let bytes = value.to_be_bytes();
	match value {
		0..=23 => out.push(major | bytes[7]),
		24..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
		0x100..=0xffff => {
			out.push(major | 25);
			out.extend_from_slice(&bytes[6..]);
		},
		0x1_0000..=0xffff_ffff => {
			out.push(major | 26);
			out.extend_from_slice(&bytes[4..]);
		},
		_ => {
			out.push(major | 27);
			out.extend_from_slice(&bytes);
		},
	}
}

fn to_cbor(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), DagJsonError> {
	if depth > MAX_DEPTH {
		return Err(DagJsonError::Text("it is nested too deep".into()));
	}
	if let Some(cid) = as_link(value) {
		let cid = cid.to_bytes();
		head(out, 6, LINK_TAG);
		head(out, 2, count(cid.len()).saturating_add(1));
		out.push(0);
		out.extend_from_slice(&cid);
		return Ok(());
	}
	if let Some(bytes) = as_bytes(value) {
		head(out, 2, count(bytes.len()));
		out.extend_from_slice(&bytes);
		return Ok(());
	}
	match value {
		Value::Null => out.push(0xf6),
		Value::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
		Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
			(Some(value), _, _) => head(out, 0, value),
			(None, Some(value), _) => head(out, 1, (-1 - value).unsigned_abs()),
			(None, None, value) => {
				out.push(0xfb);
				let value = value.unwrap_or_default();
				out.extend_from_slice(&value.to_bits().to_be_bytes());
			},
		},
		Value::String(text) => {
			head(out, 3, count(text.len()));
			out.extend_from_slice(text.as_bytes());
		},
		Value::Array(values) => {
			head(out, 4, count(values.len()));
			for value in values {
				to_cbor(value, out, depth + 1)?;
			}
		},
		Value::Object(map) => {
			// Shorter keys come first.
			let mut entries: Vec<_> = map.iter().collect();
			entries.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
			head(out, 5, count(entries.len()));
			for (key, value) in entries {
				head(out, 3, count(key.len()));
				out.extend_from_slice(key.as_bytes());
				to_cbor(value, out, depth + 1)?;
			}
		},
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::raw_cid;
	use proptest::prelude::*;

	fn round_trip(codec: u64, block: &[u8]) -> Value {
		let value = to_json(codec, block).unwrap();
		assert_eq!(from_json(codec, &value).unwrap(), block);
		value
	}

	#[test]
	fn blocks_of_every_codec_survive_their_text() {
		let raw = round_trip(RAW, b"hello");
		assert_eq!(raw.to_string(), r#"{"/":{"bytes":"aGVsbG8"}}"#);
		let node = PbNode {
			links: vec![PbLink {
				cid: raw_cid(b"x"),
				name: Some("x".into()),
				cumulative_bytes: Some(1),
			}],
			data: Some(vec![8, 1]),
		};
		round_trip(DAG_PB, &node.encode());
		// A map with a list of every kind of value, and a link.
		let mut block = vec![0xa2, 0x61, b'l', 0xd8, 42, 0x58, 37, 0];
		block.extend_from_slice(&raw_cid(b"x").to_bytes());
		block.extend_from_slice(&[0x64, b'l', b'i', b's', b't', 0x88]);
		block.extend_from_slice(&[0x19, 1, 0, 0x20, 0x41, 9, 0x61, b'a', 0xf4, 0xf5, 0xf6]);
		block.extend_from_slice(&[0xfb, 0x40, 4, 0, 0, 0, 0, 0, 0]);
		let value = round_trip(DAG_CBOR, &block);
		assert_eq!(value["list"][1], json!(-1));
		assert_eq!(value["l"], link(&raw_cid(b"x")));
	}

	#[test]
	fn what_has_no_text_is_refused() {
		assert_eq!(to_json(0x78, b""), Err(DagJsonError::Codec(0x78)));
		for block in [
			&[0x9f][..],
			&[0x61],
			&[0, 0],
			&[0xa1, 0, 0],
			&[0x81; 200],
			&[0xd8, 42, 0],
		] {
			assert!(matches!(
				to_json(DAG_CBOR, block),
				Err(DagJsonError::Block(_))
			));
		}
		assert!(matches!(
			from_json(RAW, &json!(1)),
			Err(DagJsonError::Text(_))
		));
		assert!(matches!(
			from_json(DAG_PB, &json!({})),
			Err(DagJsonError::Text(_))
		));
	}

	proptest! {
		#[test]
		fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
			let _ = to_json(DAG_CBOR, &bytes);
		}
	}
}
