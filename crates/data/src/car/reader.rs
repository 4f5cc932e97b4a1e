use cid::Cid;
use std::io::{self, BufRead, BufReader, Read, Seek};

use super::{
	v2::{CarV2Header, V2_HEADER_BYTES},
	CarError, CarHeader, Limits,
};
use crate::{
	block::{self, Block},
	piece::length_of,
	read_ahead::fill,
};

/// The longest varint of 64 bits.
const MAX_VARINT_BYTES: usize = 10;
/// The longest CID: a version, a codec, a hash code, a length and 64 bytes of hash.
const MAX_CID_BYTES: u64 = 4 * 10 + 64;

/// What a buffer grows by at least.
const LEAST_GROWTH: usize = 64 << 10;

/// Reads a CAR of either version as a stream, one checked block at a time. What it allocates is bounded by
/// its limits, and by what the stream really has.
#[derive(Debug)]
pub struct CarReader<R> {
	reader: BufReader<R>,
	roots: Vec<Cid>,
	v2: Option<CarV2Header>,
	limits: Limits,
	offset: u64,
	/// Where a CARv2's data ends.
	end: Option<u64>,
	/// The bytes of the current section that were not read.
	unread: u64,
	pub(super) verifies: bool,
	ends_at_zero: bool,
	/// What the blocks end with that were read before it was told.
	pub(super) failed: Option<CarError>,
}

/// A block and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarBlock {
	/// The block, which is what its CID says unless the reader was told not to check.
	pub block: Block,
	/// Where the block's bytes begin in the stream.
	pub offset: u64,
}

/// The place of a block that was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarSection {
	/// The block's CID.
	pub cid: Cid,
	/// Where the section begins in the stream.
	pub offset: u64,
	/// Where the block's bytes begin in the stream.
	pub data_offset: u64,
	/// The block's bytes.
	pub data_bytes: u64,
}

impl<R: Read> CarReader<R> {
	/// Reads the header.
	pub fn new(reader: R, limits: Limits) -> Result<Self, CarError> {
		let mut car = Self::without_header(reader, 0, limits);
		match car.read_header() {
			Err(CarError::Version(2)) => {},
			result => {
				car.roots = result?.roots;
				return Ok(car);
			},
		}
		let bytes = car.read_exactly(crate::count(V2_HEADER_BYTES))?;
		let header = bytes
			.first_chunk()
			.ok_or(CarError::V2("its header is cut short"))?;
		let header = CarV2Header::decode(header)?;
		let padding = header.data_offset.saturating_sub(car.offset);
		car.unread = padding;
		car.skip_data()?;
		car.end = header.data_end();
		car.v2 = Some(header);
		car.roots = car.read_header()?.roots;
		Ok(car)
	}

	/// Goes on within a CAR, whose section at byte `offset` is the stream's beginning.
	pub fn without_header(reader: R, offset: u64, limits: Limits) -> Self {
		// Blocks are larger than the buffer and are not copied through it.
		let reader = BufReader::with_capacity(16 << 10, reader);
		Self {
			reader,
			roots: Vec::new(),
			v2: None,
			limits,
			offset,
			end: None,
			unread: 0,
			verifies: true,
			ends_at_zero: false,
			failed: None,
		}
	}

	/// Does not check blocks against their CIDs: whoever uses them must.
	pub const fn without_verification(mut self) -> Self {
		self.verifies = false;
		self
	}

	/// Takes an empty section for the end, as files have it that are filled up with zeros.
	pub const fn ending_at_zero(mut self) -> Self {
		self.ends_at_zero = true;
		self
	}

	/// The header's roots.
	pub fn roots(&self) -> &[Cid] {
		&self.roots
	}

	/// The second header, if the CAR is of version 2.
	pub const fn v2(&self) -> Option<&CarV2Header> {
		self.v2.as_ref()
	}

	/// Where the CARv1 begins, to which an index's offsets refer.
	pub fn data_start(&self) -> u64 {
		self.v2.map_or(0, |header| header.data_offset)
	}

	/// Where the next section begins.
	pub const fn offset(&self) -> u64 {
		self.offset
	}

	/// The next block, checked against its CID. `None` at the end.
	pub fn next_block(&mut self) -> Result<Option<CarBlock>, CarError> {
		let Some(section) = self.next_section()? else {
			return Ok(None);
		};
		let data = self.section_data()?;
		if self.verifies {
			block::verify(&section.cid, &data)?;
		}
		Ok(Some(CarBlock {
			block: Block {
				cid: section.cid,
				data,
			},
			offset: section.data_offset,
		}))
	}

	/// The next block's CID and place. Its bytes are passed over unless [`Self::section_data`] is called.
	pub fn next_section(&mut self) -> Result<Option<CarSection>, CarError> {
		if let Some(error) = self.failed.take() {
			return Err(error);
		}
		self.skip_data()?;
		let start = self.offset;
		let Some(bytes) = self.read_length()? else {
			return Ok(None);
		};
		if bytes == 0 {
			if self.ends_at_zero {
				return Ok(None);
			}
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
		if self
			.end
			.is_some_and(|end| bytes > end.saturating_sub(self.offset))
		{
			return Err(CarError::Truncated { offset: start });
		}
		let (cid, cid_bytes) = self.read_cid(start, bytes)?;
		let data_bytes = bytes.saturating_sub(cid_bytes);
		if data_bytes > limit {
			return Err(too_large);
		}
		self.unread = data_bytes;
		Ok(Some(CarSection {
			cid,
			offset: start,
			data_offset: self.offset,
			data_bytes,
		}))
	}

	/// The bytes of the section that came last, unchecked. None if they were read already.
	pub fn section_data(&mut self) -> Result<Vec<u8>, CarError> {
		let bytes = std::mem::take(&mut self.unread);
		self.read_exactly(bytes)
	}

	/// Reads the bytes of the section that came last into `bytes` from `start` on. Returns where they end.
	pub(super) fn section_data_into(
		&mut self,
		bytes: &mut Vec<u8>,
		start: usize,
	) -> Result<usize, CarError> {
		let length = usize::try_from(std::mem::take(&mut self.unread)).map_err(io::Error::other)?;
		let end = start.saturating_add(length);
		let mut filled = start;
		while filled < end {
			if filled >= bytes.len() {
				// Grows as the stream yields, so that a lie about the length costs no memory.
				let more = filled.max(LEAST_GROWTH);
				bytes.resize(filled.saturating_add(more).min(end), 0);
			}
			let part = &mut bytes[filled..];
			let wanted = part.len().min(end - filled);
			let read = fill(&mut self.reader, &mut part[..wanted])?;
			self.offset = self.offset.saturating_add(crate::count(read));
			if read < wanted {
				return Err(CarError::Truncated {
					offset: self.offset,
				});
			}
			filled += read;
		}
		Ok(end)
	}

	/// Reads past what is left of the section that came last.
	fn skip_data(&mut self) -> Result<(), CarError> {
		let bytes = std::mem::take(&mut self.unread);
		if bytes == 0 {
			return Ok(());
		}
		let passed = io::copy(&mut (&mut self.reader).take(bytes), &mut io::sink())?;
		self.offset = self.offset.saturating_add(passed);
		if passed < bytes {
			return Err(CarError::Truncated {
				offset: self.offset,
			});
		}
		Ok(())
	}

	fn read_header(&mut self) -> Result<CarHeader, CarError> {
		let start = self.offset;
		let bytes = self
			.read_length()?
			.ok_or(CarError::Truncated { offset: start })?;
		if bytes > self.limits.header_bytes {
			return Err(CarError::HeaderTooLarge {
				bytes,
				limit: self.limits.header_bytes,
			});
		}
		let body = self.read_exactly(bytes)?;
		CarHeader::decode(&body)
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
		if self.end.is_some_and(|end| start >= end) {
			return Ok(None);
		}
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

impl<R: Read + Seek> CarReader<R> {
	/// Passes over the bytes of the section that came last without reading them.
	pub fn seek_past_data(&mut self) -> Result<(), CarError> {
		let bytes = std::mem::take(&mut self.unread);
		// Far beyond a file's end nothing is read any more, so the last byte is.
		let Some(before_last) = bytes.checked_sub(1) else {
			return Ok(());
		};
		let distance = i64::try_from(before_last).map_err(io::Error::other)?;
		self.reader.seek_relative(distance)?;
		self.offset = self.offset.saturating_add(before_last);
		self.unread = 1;
		self.skip_data()
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

	/// A CARv2 around a CARv1, with padding and something behind it.
	fn wrap(v1: &[u8], data_bytes: u64) -> Vec<u8> {
		let header = CarV2Header {
			characteristics: [0; 16],
			data_offset: 60,
			data_bytes,
			index_offset: 0,
		};
		[
			&super::super::v2::PRAGMA[..],
			&header.encode(),
			&[9; 9],
			v1,
			b"behind",
		]
		.concat()
	}

	#[test]
	fn the_second_version_is_read_like_the_first() {
		let v1 = car(&[b"one", b"two"]);
		let bytes = wrap(&v1, length_of(&v1));
		let mut reader = CarReader::new(&bytes[..], Limits::default()).unwrap();
		assert_eq!(reader.roots(), [raw_cid(b"root")]);
		assert_eq!((reader.data_start(), reader.v2().is_some()), (60, true));
		let first = reader.next_block().unwrap().unwrap();
		assert_eq!(first.block.data, b"one");
		assert_eq!(first.offset, 60 + 59 + 37);
		assert_eq!(reader.next_block().unwrap().unwrap().block.data, b"two");
		assert!(reader.next_block().unwrap().is_none());
	}

	#[test]
	fn data_that_does_not_end_where_the_header_says_is_refused() {
		let v1 = car(&[b"one", b"two"]);
		for short in 1..40 {
			let bytes = wrap(&v1, length_of(&v1) - short);
			let mut reader = CarReader::new(&bytes[..], Limits::default()).unwrap();
			assert!(reader.next_block().unwrap().is_some());
			let result = reader.next_block();
			assert!(matches!(result, Err(CarError::Truncated { .. })), "{short}");
		}
		let cut = wrap(&v1, length_of(&v1));
		assert!(matches!(
			CarReader::new(&cut[..55], Limits::default()),
			Err(CarError::Truncated { .. })
		));
		// A CARv2 within a CARv2.
		let nested = wrap(&cut, length_of(&cut));
		assert!(matches!(
			CarReader::new(&nested[..], Limits::default()),
			Err(CarError::Version(2))
		));
	}

	#[test]
	fn sections_can_be_passed_over_unread() {
		let bytes = car(&[b"one", &[7; 40_000], b"three"]);
		for seeks in [false, true] {
			let stream = io::Cursor::new(&bytes);
			let mut reader = CarReader::new(stream, Limits::default()).unwrap();
			let mut lengths = Vec::new();
			while let Some(section) = reader.next_section().unwrap() {
				lengths.push(section.data_bytes);
				if seeks {
					reader.seek_past_data().unwrap();
				}
			}
			assert_eq!(lengths, [3, 40_000, 5]);
			let cut = io::Cursor::new(&bytes[..20_000]);
			let mut reader = CarReader::new(cut, Limits::default()).unwrap();
			reader.next_section().unwrap();
			reader.next_section().unwrap();
			let passed = if seeks {
				reader.seek_past_data()
			} else {
				reader.next_section().map(|_| ())
			};
			assert!(matches!(passed, Err(CarError::Truncated { .. })));
		}
	}

	#[test]
	fn checks_can_be_left_to_others_and_zeros_taken_for_the_end() {
		let mut bytes = car(&[b"one"]);
		let last = bytes.len() - 1;
		bytes[last] ^= 1;
		bytes.push(0);
		let reader = CarReader::new(&bytes[..], Limits::default()).unwrap();
		let mut reader = reader.without_verification().ending_at_zero();
		assert!(reader.next_block().unwrap().is_some());
		assert!(reader.next_block().unwrap().is_none());
	}
}
