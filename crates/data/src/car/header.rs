use cid::Cid;

use super::CarError;
use crate::piece::length_of;

/// DAG-CBOR's tag for links.
const LINK_TAG: u64 = 42;
/// The most roots that are read; what we write has one.
const MAX_ROOTS: u64 = 1024;

/// A CARv1's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarHeader {
	/// The roots of the DAGs whose blocks follow.
	pub roots: Vec<Cid>,
}

impl CarHeader {
	/// The header, with its length before it, as canonical DAG-CBOR.
	pub fn encode(&self) -> Vec<u8> {
		let mut body = vec![0xa2];
		text(&mut body, "roots");
		head(&mut body, 4, length(self.roots.len()));
		for root in &self.roots {
			let bytes = root.to_bytes();
			head(&mut body, 6, LINK_TAG);
			head(&mut body, 2, length(bytes.len()).saturating_add(1));
			// The multibase prefix of binary CIDs.
			body.push(0);
			body.extend_from_slice(&bytes);
		}
		text(&mut body, "version");
		head(&mut body, 0, 1);
		let mut out = Vec::new();
		crate::proto::put_varint(&mut out, length_of(&body));
		out.extend_from_slice(&body);
		out
	}

	/// Reads a header's body. The keys may come in any order, as some writers have them.
	pub fn decode(body: &[u8]) -> Result<Self, CarError> {
		let mut cbor = Cbor(body);
		let entries = cbor.expect(5, "it is no map")?;
		let (mut roots, mut version) = (None, None);
		for _ in 0..entries {
			match cbor.bytes(3, "a key is no text")? {
				b"roots" if roots.is_none() => roots = Some(cbor.roots()?),
				b"version" if version.is_none() => {
					version = Some(cbor.expect(0, "the version is no number")?);
				},
				_ => return Err(CarError::Header("there is an unknown or repeated key")),
			}
		}
		if !cbor.0.is_empty() {
			return Err(CarError::Header("there are bytes after the map"));
		}
		match (version, roots) {
			(Some(1), Some(roots)) => Ok(Self { roots }),
			(Some(1), None) => Err(CarError::Header("there are no roots")),
			(Some(version), _) => Err(CarError::Version(version)),
			(None, _) => Err(CarError::Header("there is no version")),
		}
	}
}

fn length(length: usize) -> u64 {
	u64::try_from(length).unwrap_or(u64::MAX)
}

fn text(out: &mut Vec<u8>, text: &str) {
	head(out, 3, length(text.len()));
	out.extend_from_slice(text.as_bytes());
}

/// A CBOR head in its shortest form.
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

struct Cbor<'a>(&'a [u8]);

impl<'a> Cbor<'a> {
	fn take(&mut self, length: u64) -> Result<&'a [u8], CarError> {
		let length = usize::try_from(length).unwrap_or(usize::MAX);
		let (bytes, rest) = self
			.0
			.split_at_checked(length)
			.ok_or(CarError::Header("it is cut short"))?;
		self.0 = rest;
		Ok(bytes)
	}

	/// The value of a head of this major type.
	fn expect(&mut self, major: u8, otherwise: &'static str) -> Result<u64, CarError> {
		let first = self.take(1)?[0];
		if first >> 5 != major {
			return Err(CarError::Header(otherwise));
		}
		let (size, least) = match first & 0x1f {
			value @ 0..=23 => return Ok(value.into()),
			24 => (1, 24),
			25 => (2, 0x100),
			26 => (4, 0x1_0000),
			27 => (8, 0x1_0000_0000),
			_ => {
				return Err(CarError::Header(
					"it has a length that DAG-CBOR does not have",
				))
			},
		};
		let value = self
			.take(size)?
			.iter()
			.fold(0u64, |value, byte| value << 8 | u64::from(*byte));
		if value < least {
			return Err(CarError::Header("a number is not in its shortest form"));
		}
		Ok(value)
	}

	fn bytes(&mut self, major: u8, otherwise: &'static str) -> Result<&'a [u8], CarError> {
		let length = self.expect(major, otherwise)?;
		self.take(length)
	}

	fn roots(&mut self) -> Result<Vec<Cid>, CarError> {
		let count = self.expect(4, "the roots are no list")?;
		if count > MAX_ROOTS {
			return Err(CarError::Header("there are more than 1024 roots"));
		}
		(0..count)
			.map(|_| {
				if self.expect(6, "a root is no link")? != LINK_TAG {
					return Err(CarError::Header("a root is no link"));
				}
				match self.bytes(2, "a root is no link")?.split_first() {
					Some((0, cid)) => {
						Cid::try_from(cid).map_err(|_| CarError::Header("a root is no valid CID"))
					},
					_ => Err(CarError::Header("a root is no binary CID")),
				}
			})
			.collect()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::raw_cid;
	use proptest::prelude::*;

	fn decode_error(body: &[u8]) -> String {
		CarHeader::decode(body).unwrap_err().to_string()
	}

	#[test]
	fn headers_round_trip() {
		for count in [0u8, 1, 2, 30] {
			let header = CarHeader {
				roots: (0..count).map(|byte| raw_cid(&[byte])).collect(),
			};
			let bytes = header.encode();
			let (_, body) = unsigned_varint::decode::u64(&bytes).unwrap();
			assert_eq!(CarHeader::decode(body).unwrap(), header);
		}
	}

	#[test]
	fn a_header_with_one_root_is_the_common_59_bytes() {
		let bytes = CarHeader {
			roots: vec![raw_cid(b"hello world")],
		}
		.encode();
		assert_eq!(
			const_hex::encode(bytes),
			"3aa265726f6f747381d82a58250001551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a53\
			 80ee9088f7ace2efcde96776657273696f6e01"
		);
	}

	#[test]
	fn the_second_version_is_named_as_such() {
		let pragma = const_hex::decode("a16776657273696f6e02").unwrap();
		assert!(matches!(
			CarHeader::decode(&pragma),
			Err(CarError::Version(2))
		));
	}

	#[test]
	fn malformed_headers_are_refused() {
		let map = |hex: &str| decode_error(&const_hex::decode(hex).unwrap());
		assert!(map("80").contains("no map"));
		assert!(map("a141").contains("no text"));
		assert!(map("a1").contains("cut short"));
		assert!(map("bf").contains("DAG-CBOR"));
		assert!(map("b801").contains("shortest"));
		assert!(map("a0").contains("no version"));
		assert!(map("a16776657273696f6e01").contains("no roots"));
		assert!(map("a16776657273696f6e61").contains("no number"));
		assert!(map("a16378797a00").contains("unknown"));
		assert!(map("a265726f6f74738065726f6f747380").contains("repeated"));
		assert!(map("a265726f6f7473806776657273696f6e0100").contains("after the map"));
		assert!(map("a165726f6f747301").contains("no list"));
		assert!(map("a165726f6f74738101").contains("no link"));
		assert!(map("a165726f6f747381d82b4100").contains("no link"));
		assert!(map("a165726f6f747381d82a4101").contains("no binary CID"));
		assert!(map("a165726f6f747381d82a4100").contains("no valid CID"));
		assert!(map("a165726f6f74739a7fffffff").contains("more than 1024"));
	}

	proptest! {
		#[test]
		fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
			let _ = CarHeader::decode(&bytes);
		}
	}
}
