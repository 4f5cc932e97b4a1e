use cid::Cid;
use std::io::{self, BufRead, BufReader, Read};

use super::{CarError, CarHeader, Limits};
use crate::{
	block::{self, Block},
	piece::length_of,
};

/// The longest varint of 64 bits.
const MAX_VARINT_BYTES: usize = 10;
/// The longest CID: a version, a codec, a hash code, a length and 64 bytes of hash.
const MAX_CID_BYTES: u64 = 4 * 10 + 64;

/// Reads a CARv1 as a stream, one checked block at a time. What it allocates is bounded by its limits, and
/// by what the stream really has.
#[derive(Debug)]
pub struct CarReader<R> {
	reader: BufReader<R>,
	roots: Vec<Cid>,
	limits: Limits,
	offset: u64,
}

/// A block and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarBlock {
	/// The block, which is what its CID says.
	pub block: Block,
	/// Where the block's bytes begin in the stream.
	pub offset: u64,
}

impl<R: Read> CarReader<R> {
	/// Reads the header.
	pub fn new(reader: R, limits: Limits) -> Result<Self, CarError> {
		let mut car = Self::without_header(reader, 0, limits);
		let bytes = car
			.read_length()?
			.ok_or(CarError::Truncated { offset: 0 })?;
		if bytes > limits.header_bytes {
			return Err(CarError::HeaderTooLarge {
				bytes,
				limit: limits.header_bytes,
			});
		}
		let body = car.read_exactly(bytes)?;
		car.roots = CarHeader::decode(&body)?.roots;
		Ok(car)
	}

	/// Goes on within a CAR, whose section at byte `offset` is the stream's beginning.
	pub fn without_header(reader: R, offset: u64, limits: Limits) -> Self {
		// Blocks are larger than the buffer and are not copied through it.
		let reader = BufReader::with_capacity(16 << 10, reader);
		Self {
			reader,
			roots: Vec::new(),
			limits,
			offset,
		}
	}

	/// The header's roots.
	pub fn roots(&self) -> &[Cid] {
		&self.roots
	}

	/// Where the next section begins.
	pub const fn offset(&self) -> u64 {
		self.offset
	}

	/// The next block, checked against its CID. `None` at the end.
	pub fn next_block(&mut self) -> Result<Option<CarBlock>, CarError> {
		let start = self.offset;
		let Some(bytes) = self.read_length()? else {
			return Ok(None);
		};
		if bytes == 0 {
			return Err(CarError::EmptySection { offset: start });
		}
		let limit = self.limits.block_bytes;
		let too_large = CarError::BlockTooLarge {
			offset: start,
			bytes,
			limit,
		};
		if bytes > limit.saturating_add(MAX_CID_BYTES) {
			return Err(too_large);
		}
		let (cid, cid_bytes) = self.read_cid(start, bytes)?;
		let data_bytes = bytes.saturating_sub(cid_bytes);
		if data_bytes > limit {
			return Err(too_large);
		}
		let offset = self.offset;
		let data = self.read_exactly(data_bytes)?;
		block::verify(&cid, &data)?;
		Ok(Some(CarBlock {
			block: Block { cid, data },
			offset,
		}))
	}

	fn read_cid(&mut self, start: u64, section_bytes: u64) -> Result<(Cid, u64), CarError> {
		let mut section = (&mut self.reader).take(section_bytes);
		let cid = Cid::read_bytes(&mut section);
		let read = section_bytes.saturating_sub(section.limit());
		let whole_section_was_read = section.limit() == 0;
		self.offset = self.offset.saturating_add(read);
		match cid {
			Ok(cid) => Ok((cid, read)),
			Err(cid::Error::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
				Err(error.into())
			},
			Err(_) if !whole_section_was_read && self.reader.fill_buf()?.is_empty() => {
				Err(CarError::Truncated {
					offset: self.offset,
				})
			},
			Err(_) => Err(CarError::MalformedCid { offset: start }),
		}
	}

	/// A varint. `None` if the stream ends before its first byte.
	fn read_length(&mut self) -> Result<Option<u64>, CarError> {
		let start = self.offset;
		let mut bytes = [0; MAX_VARINT_BYTES];
		for length in 0..MAX_VARINT_BYTES {
			let mut byte = [0];
			match self.reader.read_exact(&mut byte) {
				Ok(()) => {},
				Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
					return if length == 0 {
						Ok(None)
					} else {
						Err(CarError::Truncated {
							offset: self.offset,
						})
					};
				},
				Err(error) => return Err(error.into()),
			}
			self.offset = self.offset.saturating_add(1);
			bytes[length] = byte[0];
			if byte[0] & 0x80 == 0 {
				return unsigned_varint::decode::u64(&bytes[..=length])
					.map(|(value, _)| Some(value))
					.map_err(|_| CarError::Length { offset: start });
			}
		}
		Err(CarError::Length { offset: start })
	}

	fn read_exactly(&mut self, bytes: u64) -> Result<Vec<u8>, CarError> {
		// Grows as the stream yields, so that a lie about the length costs no memory.
		let mut data = Vec::new();
		(&mut self.reader).take(bytes).read_to_end(&mut data)?;
		self.offset = self.offset.saturating_add(length_of(&data));
		if length_of(&data) < bytes {
			return Err(CarError::Truncated {
				offset: self.offset,
			});
		}
		Ok(data)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		block::{raw_cid, BlockError, RAW},
		car::{section_bytes, CarWriter},
	};
	use multihash::Multihash;
	use proptest::prelude::*;

	fn car(blocks: &[&[u8]]) -> Vec<u8> {
		let mut writer = CarWriter::new(Vec::new(), vec![raw_cid(b"root")]).unwrap();
		for data in blocks {
			writer.write_block(&raw_cid(data), data).unwrap();
		}
		let written = writer.written();
		let bytes = writer.finish().unwrap();
		assert_eq!(written, length_of(&bytes));
		bytes
	}

	fn read(bytes: &[u8]) -> Result<Vec<CarBlock>, CarError> {
		let mut reader = CarReader::new(bytes, Limits::default())?;
		let mut blocks = Vec::new();
		while let Some(block) = reader.next_block()? {
			blocks.push(block);
		}
		assert_eq!(reader.offset(), length_of(bytes));
		Ok(blocks)
	}

	#[test]
	fn blocks_round_trip_with_their_places() {
		let bytes = car(&[b"one", b"", b"three"]);
		let blocks = read(&bytes).unwrap();
		assert_eq!(blocks.len(), 3);
		for (block, data) in blocks.iter().zip([&b"one"[..], b"", b"three"]) {
			assert_eq!(
				block.block,
				Block {
					cid: raw_cid(data),
					data: data.to_vec()
				}
			);
			let start = usize::try_from(block.offset).unwrap();
			assert_eq!(&bytes[start..start + data.len()], data);
		}
		let reader = CarReader::new(&bytes[..], Limits::default()).unwrap();
		assert_eq!(reader.roots(), [raw_cid(b"root")]);
		assert_eq!(section_bytes(&raw_cid(b"one"), 3), 1 + 36 + 3);
	}

	#[test]
	fn reading_can_go_on_at_any_section() {
		let bytes = car(&[b"one", b"two"]);
		let start = bytes.len() - 40;
		let mut reader = CarReader::without_header(&bytes[start..], 99, Limits::default());
		let block = reader.next_block().unwrap().unwrap();
		assert_eq!(
			(block.block.data.as_slice(), block.offset),
			(&b"two"[..], 99 + 37)
		);
		assert!(reader.next_block().unwrap().is_none());
	}

	#[test]
	fn every_truncation_is_detected() {
		let bytes = car(&[b"one", b"two"]);
		let whole = [59, 59 + 40, bytes.len()];
		for length in 0..bytes.len() {
			let result = read(&bytes[..length]);
			if whole.contains(&length) {
				assert!(result.is_ok(), "{length}");
			} else {
				assert!(
					matches!(result, Err(CarError::Truncated { .. })),
					"{length}: {result:?}"
				);
			}
		}
	}

	#[test]
	fn a_changed_block_is_detected() {
		let mut bytes = car(&[b"one", b"two"]);
		let last = bytes.len() - 1;
		bytes[last] ^= 1;
		let cid = raw_cid(b"two");
		assert!(matches!(
			read(&bytes),
			Err(CarError::Block(BlockError::Corrupt { cid: found })) if found == cid
		));
	}

	#[test]
	fn lies_about_lengths_are_refused() {
		let base = car(&[]);
		let with = |tail: &[u8]| read(&[&base[..], tail].concat());
		assert!(matches!(
			with(&[0]),
			Err(CarError::EmptySection { offset: 59 })
		));
		assert!(matches!(
			with(&[0x80, 0x00]),
			Err(CarError::Length { offset: 59 })
		));
		assert!(matches!(with(&[0xff; 11]), Err(CarError::Length { .. })));
		let huge = [&[0xff; 9][..], &[0x01]].concat();
		assert!(matches!(
			with(&huge),
			Err(CarError::BlockTooLarge { offset: 59, .. })
		));
		// The CID is longer than its section, or none at all.
		assert!(matches!(
			with(&[2, 1, 0x55, 0x12]),
			Err(CarError::MalformedCid { .. })
		));
		assert!(matches!(
			with(&[3, 9, 9, 9]),
			Err(CarError::MalformedCid { .. })
		));
		let long_hash = [&[80, 1, 0x55, 0x12, 70][..], &[0; 76]].concat();
		assert!(matches!(
			with(&long_hash),
			Err(CarError::MalformedCid { .. })
		));
	}

	#[test]
	fn limits_hold_for_headers_and_blocks() {
		let bytes = car(&[&[7; 100]]);
		let limits = Limits {
			header_bytes: 57,
			block_bytes: 100,
		};
		assert!(matches!(
			CarReader::new(&bytes[..], limits),
			Err(CarError::HeaderTooLarge {
				bytes: 58,
				limit: 57
			})
		));
		for (block_bytes, accepted) in [(100, true), (99, false), (1, false)] {
			let limits = Limits {
				header_bytes: 58,
				block_bytes,
			};
			let mut reader = CarReader::new(&bytes[..], limits).unwrap();
			match reader.next_block() {
				Ok(_) => assert!(accepted),
				Err(error) => {
					assert!(!accepted);
					assert!(matches!(error, CarError::BlockTooLarge { offset: 59, .. }));
				},
			}
		}
	}

	#[test]
	fn unknown_hashes_and_failing_streams_are_errors() {
		let unknown = Cid::new_v1(RAW, Multihash::wrap(0x1b, &[0; 32]).unwrap());
		let mut writer = CarWriter::new(Vec::new(), vec![]).unwrap();
		writer.write_block(&unknown, b"x").unwrap();
		let result = read(&writer.finish().unwrap());
		assert!(matches!(
			result,
			Err(CarError::Block(BlockError::UnsupportedHash { .. }))
		));

		struct Broken;
		impl Read for Broken {
			fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
				Err(io::Error::other("broken"))
			}
		}
		assert!(matches!(
			CarReader::new(Broken, Limits::default()),
			Err(CarError::Read(_))
		));
	}

	proptest! {
		#[test]
		fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
			let _ = CarReader::new(&bytes[..], Limits::default());
			let mut reader = CarReader::without_header(&bytes[..], 0, Limits::default());
			while let Ok(Some(_)) = reader.next_block() {}
		}

		#[test]
		fn any_blocks_round_trip(blocks in proptest::collection::vec(
			proptest::collection::vec(any::<u8>(), 0..300), 0..8,
		)) {
			let slices: Vec<_> = blocks.iter().map(Vec::as_slice).collect();
			let read = read(&car(&slices)).unwrap();
			let datas: Vec<_> = read.into_iter().map(|block| block.block.data).collect();
			prop_assert_eq!(datas, blocks);
		}
	}
}
