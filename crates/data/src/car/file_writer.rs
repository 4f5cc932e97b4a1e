use cid::Cid;
use std::{
	io::{self, Seek, SeekFrom, Write},
	ops::Range,
};

use super::{
	section_bytes,
	v2::{CarV2Header, PRAGMA, V2_HEADER_BYTES},
	CarHeader, CarWriter, IndexKind, SortedIndex,
};
use crate::{count, leaves::LeafBatch, piece::length_of};

/// Where the data of a CARv2 begins that is written here.
const DATA_OFFSET: u64 = 51;

/// Which version of the format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarVersion {
	/// CARv1.
	One,
	/// CARv2, with an index or without.
	Two(Option<IndexKind>),
}

/// Writes a CAR of either version into something that can be written at any place, such as a file, so that
/// the roots can be told at the end. For an index it keeps every block's CID and place.
#[derive(Debug)]
pub struct CarFileWriter<W: Write + Seek> {
	car: CarWriter<W>,
	version: CarVersion,
	/// Where in the stream the file begins.
	start: u64,
	header_bytes: u64,
	sections: Vec<(Cid, u64)>,
}

impl<W: Write + Seek> CarFileWriter<W> {
	/// Begins a CAR with these roots, which [`Self::set_roots`] can replace by as many of equal length.
	pub fn new(mut out: W, roots: Vec<Cid>, version: CarVersion) -> io::Result<Self> {
		let start = out.stream_position()?;
		if version != CarVersion::One {
			out.write_all(&PRAGMA)?;
			out.write_all(&[0; V2_HEADER_BYTES])?;
		}
		let car = CarWriter::new(out, roots)?;
		Ok(Self {
			header_bytes: car.written(),
			car,
			version,
			start,
			sections: Vec::new(),
		})
	}

	/// Appends a block. That the CID is the block's is the caller's word.
	pub fn write_block(&mut self, cid: &Cid, data: &[u8]) -> io::Result<()> {
		if let CarVersion::Two(Some(_)) = self.version {
			self.sections.push((*cid, self.car.written()));
		}
		self.car.write_block(cid, data)
	}

	/// Appends some of a batch's leaves.
	pub(crate) fn write_leaves(
		&mut self,
		batch: &LeafBatch,
		leaves: Range<usize>,
	) -> io::Result<()> {
		if let CarVersion::Two(Some(_)) = self.version {
			let mut offset = self.car.written();
			for leaf in batch.leaves_in(leaves.clone()) {
				let cid = leaf.cid();
				self.sections.push((cid, offset));
				offset = offset.saturating_add(section_bytes(&cid, length_of(leaf.data)));
			}
		}
		self.car.write_sections(batch.sections(leaves))
	}

	/// The bytes of the CARv1 so far.
	pub const fn written(&self) -> u64 {
		self.car.written()
	}

	/// Replaces the roots.
	pub fn set_roots(&mut self, roots: Vec<Cid>) -> io::Result<()> {
		let header = CarHeader { roots }.encode();
		if length_of(&header) != self.header_bytes {
			return Err(io::Error::new(
				io::ErrorKind::InvalidInput,
				"the new roots take another number of bytes",
			));
		}
		let at = self.start.saturating_add(self.data_offset());
		let out = self.car.inner();
		out.seek(SeekFrom::Start(at))?;
		out.write_all(&header)?;
		out.seek(SeekFrom::End(0))?;
		Ok(())
	}

	/// Writes the index and the second header if there are any, flushes, and returns the stream.
	pub fn finish(self) -> io::Result<W> {
		let data_bytes = self.car.written();
		let data_offset = self.data_offset();
		let (version, start, sections) = (self.version, self.start, self.sections);
		let mut out = self.car.finish()?;
		let CarVersion::Two(index) = version else {
			return Ok(out);
		};
		let mut header = CarV2Header {
			characteristics: [0; 16],
			data_offset,
			data_bytes,
			index_offset: 0,
		};
		if let Some(kind) = index {
			header.index_offset = data_offset.saturating_add(data_bytes);
			let places = sections.iter().map(|(cid, offset)| (cid, *offset));
			SortedIndex::build(kind, places).write(&mut out)?;
		}
		let pragma = count(PRAGMA.len());
		out.seek(SeekFrom::Start(start.saturating_add(pragma)))?;
		out.write_all(&header.encode())?;
		out.seek(SeekFrom::End(0))?;
		out.flush()?;
		Ok(out)
	}

	const fn data_offset(&self) -> u64 {
		match self.version {
			CarVersion::One => 0,
			CarVersion::Two(_) => DATA_OFFSET,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		block::raw_cid,
		car::{CarReader, Limits},
	};
	use std::io::Cursor;

	#[test]
	fn both_versions_read_back_with_the_roots_told_last() {
		for version in [
			CarVersion::One,
			CarVersion::Two(None),
			CarVersion::Two(Some(IndexKind::Sorted)),
			CarVersion::Two(Some(IndexKind::MultihashSorted)),
		] {
			let placeholder = vec![raw_cid(b"unknown")];
			let mut car = CarFileWriter::new(Cursor::new(vec![]), placeholder, version).unwrap();
			car.write_block(&raw_cid(b"one"), b"one").unwrap();
			car.set_roots(vec![raw_cid(b"two")]).unwrap();
			car.write_block(&raw_cid(b"two"), b"two").unwrap();
			assert!(car.set_roots(vec![]).is_err());
			assert_eq!(car.written(), 59 + 40 + 40);
			let bytes = car.finish().unwrap().into_inner();
			let mut reader = CarReader::new(&bytes[..], Limits::default()).unwrap();
			assert_eq!(reader.roots(), [raw_cid(b"two")]);
			let data_start = reader.data_start();
			let mut places = Vec::new();
			while let Some(section) = reader.next_section().unwrap() {
				places.push((section.cid, section.offset - data_start));
			}
			assert_eq!(places, [(raw_cid(b"one"), 59), (raw_cid(b"two"), 99)]);
			if let Some(header) = reader.v2().copied() {
				let index = usize::try_from(header.index_offset).unwrap();
				if index > 0 {
					let index = SortedIndex::read(&bytes[index..], 1 << 20).unwrap();
					assert_eq!(CarVersion::Two(Some(index.kind())), version);
					assert_eq!(index.offsets(&raw_cid(b"two")), [99]);
				}
			}
		}
	}
}
