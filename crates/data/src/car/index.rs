use cid::Cid;
use std::{
	collections::HashMap,
	io::{Read, Seek, SeekFrom},
};

use super::{BatchedBlock, BlockBatch, CarError, CarReader, CarSection, Limits};
use crate::{block, piece::length_of, read_ahead::fill};

/// Where a block's bytes are within a CAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLocation {
	/// The first byte, after the block's CID.
	pub offset: u64,
	/// The bytes.
	pub length: u64,
}

impl BlockLocation {
	const fn of(section: &CarSection) -> Self {
		Self {
			offset: section.data_offset,
			length: section.data_bytes,
		}
	}
}

/// The places of a CAR's blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarIndex {
	roots: Vec<Cid>,
	blocks: HashMap<Cid, BlockLocation>,
}

impl CarIndex {
	/// Reads a whole CAR and checks every block. Of equal blocks the first is kept.
	pub fn build<R: Read>(reader: R, limits: Limits) -> Result<Self, CarError> {
		let mut car = CarReader::new(reader, limits)?;
		let mut blocks = HashMap::new();
		let mut batch = BlockBatch::default();
		while car.next_batch(&mut batch)? {
			for BatchedBlock { section, .. } in batch.blocks() {
				blocks
					.entry(section.cid)
					.or_insert(BlockLocation::of(&section));
			}
		}
		Ok(Self {
			roots: car.roots().to_vec(),
			blocks,
		})
	}

	/// Notes where all blocks are, without reading or checking them.
	pub fn scan<R: Read + Seek>(reader: R, limits: Limits) -> Result<Self, CarError> {
		let mut car = CarReader::new(reader, limits)?;
		let mut blocks = HashMap::new();
		while let Some(section) = car.next_section()? {
			blocks
				.entry(section.cid)
				.or_insert(BlockLocation::of(&section));
			car.seek_past_data()?;
		}
		Ok(Self {
			roots: car.roots().to_vec(),
			blocks,
		})
	}

	/// The CAR's roots.
	pub fn roots(&self) -> &[Cid] {
		&self.roots
	}

	/// Where a block is.
	pub fn get(&self, cid: &Cid) -> Option<BlockLocation> {
		self.blocks.get(cid).copied()
	}

	/// How many different blocks there are.
	pub fn len(&self) -> usize {
		self.blocks.len()
	}

	/// Whether there are no blocks.
	pub fn is_empty(&self) -> bool {
		self.blocks.is_empty()
	}

	/// Every block's CID and place, in no order.
	pub fn iter(&self) -> impl Iterator<Item = (&Cid, BlockLocation)> {
		self.blocks.iter().map(|(cid, location)| (cid, *location))
	}

	/// Reads a block out of the CAR that was indexed, and checks it. `None` if it is not in the index.
	pub fn read_block<R: Read + Seek>(
		&self,
		car: R,
		cid: &Cid,
	) -> Result<Option<Vec<u8>>, CarError> {
		let data = self.read_unverified(car, cid)?;
		if let Some(data) = &data {
			block::verify(cid, data)?;
		}
		Ok(data)
	}

	/// Reads a block without checking it.
	fn read_unverified<R: Read + Seek>(
		&self,
		mut car: R,
		cid: &Cid,
	) -> Result<Option<Vec<u8>>, CarError> {
		let Some(location) = self.get(cid) else {
			return Ok(None);
		};
		car.seek(SeekFrom::Start(location.offset))?;
		let mut data = Vec::new();
		car.take(location.length).read_to_end(&mut data)?;
		if length_of(&data) < location.length {
			return Err(CarError::Moved { cid: *cid });
		}
		Ok(Some(data))
	}

	/// Reads a block without checking it into `bytes` from `start` on. Returns where it ends, or `None` if it
	/// is not in the index.
	pub(crate) fn read_unverified_into<R: Read + Seek>(
		&self,
		mut car: R,
		cid: &Cid,
		bytes: &mut Vec<u8>,
		start: usize,
	) -> Result<Option<usize>, CarError> {
		let Some(location) = self.get(cid) else {
			return Ok(None);
		};
		car.seek(SeekFrom::Start(location.offset))?;
		let length = usize::try_from(location.length).map_err(std::io::Error::other)?;
		let end = start.saturating_add(length);
		// The block was there, within the limits, when the CAR was indexed.
		if bytes.len() < end {
			bytes.resize(end, 0);
		}
		if fill(&mut car, &mut bytes[start..end])? < length {
			return Err(CarError::Moved { cid: *cid });
		}
		Ok(Some(end))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{block::raw_cid, car::CarWriter};
	use std::io::Cursor;

	fn car() -> Vec<u8> {
		let mut writer = CarWriter::new(Vec::new(), vec![raw_cid(b"one")]).unwrap();
		for data in [&b"one"[..], b"two", b"one"] {
			writer.write_block(&raw_cid(data), data).unwrap();
		}
		writer.finish().unwrap()
	}

	#[test]
	fn every_block_is_found_and_read() {
		let bytes = car();
		let index = CarIndex::build(&bytes[..], Limits::default()).unwrap();
		assert_eq!((index.len(), index.is_empty()), (2, false));
		assert_eq!(index.roots(), [raw_cid(b"one")]);
		assert_eq!(index.iter().count(), 2);
		let first = index.get(&raw_cid(b"one")).unwrap();
		assert_eq!(
			first,
			BlockLocation {
				offset: 59 + 37,
				length: 3
			}
		);
		for data in [&b"one"[..], b"two"] {
			let read = index
				.read_block(Cursor::new(&bytes), &raw_cid(data))
				.unwrap();
			assert_eq!(read.as_deref(), Some(data));
		}
		let unknown = index
			.read_block(Cursor::new(&bytes), &raw_cid(b"three"))
			.unwrap();
		assert_eq!(unknown, None);
	}

	#[test]
	fn a_scan_finds_the_same_places() {
		let bytes = car();
		let built = CarIndex::build(&bytes[..], Limits::default()).unwrap();
		let scanned = CarIndex::scan(Cursor::new(&bytes), Limits::default()).unwrap();
		assert_eq!(built, scanned);
	}

	#[test]
	fn a_car_that_changed_since_is_detected() {
		let mut bytes = car();
		let index = CarIndex::build(&bytes[..], Limits::default()).unwrap();
		let two = raw_cid(b"two");
		let short = &bytes[..59 + 40 + 37];
		let result = index.read_block(Cursor::new(short), &two);
		assert!(matches!(result, Err(CarError::Moved { cid }) if cid == two));
		bytes[59 + 40 + 37] ^= 1;
		let result = index.read_block(Cursor::new(&bytes), &two);
		assert!(matches!(result, Err(CarError::Block(_))));
		assert!(CarIndex::build(&bytes[..], Limits::default()).is_err());
	}
}
