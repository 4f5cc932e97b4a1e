use cid::Cid;
use std::{
	collections::BTreeMap,
	fmt,
	io::{self, Read, Write},
	str::FromStr,
};

use super::CarError;
use crate::{block::IDENTITY, count, piece::length_of, proto::put_varint};

/// An offset behind each digest.
const OFFSET_BYTES: u32 = 8;
/// The longest digest that is read.
const MAX_DIGEST_BYTES: u32 = 128;
/// The most hash functions, or lengths of digests, that are read.
const MAX_GROUPS: i32 = 1 << 10;

/// The formats of indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IndexKind {
	/// By digest.
	Sorted,
	/// By hash function and digest.
	#[default]
	MultihashSorted,
}

impl IndexKind {
	/// Its multicodec.
	pub const fn code(self) -> u64 {
		match self {
			Self::Sorted => 0x0400,
			Self::MultihashSorted => 0x0401,
		}
	}
}

impl fmt::Display for IndexKind {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Sorted => "car-index-sorted",
			Self::MultihashSorted => "car-multihash-index-sorted",
		})
	}
}

/// A name that no index has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no index `{0}`: use car-index-sorted or car-multihash-index-sorted")]
pub struct UnknownIndex(String);

impl FromStr for IndexKind {
	type Err = UnknownIndex;

	fn from_str(name: &str) -> Result<Self, Self::Err> {
		[Self::Sorted, Self::MultihashSorted]
			.into_iter()
			.find(|kind| kind.to_string() == name)
			.ok_or_else(|| UnknownIndex(name.to_owned()))
	}
}

/// The index of a CARv2: for each digest, where in the CARv1 the sections with it begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedIndex {
	kind: IndexKind,
	/// By hash function, which is 0 where the format does not tell it, and by the bytes of a record:
	/// records of a digest and an offset each, sorted.
	groups: BTreeMap<(u64, u32), Vec<u8>>,
}

/// An entry of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry<'a> {
	/// The hash function, if the index tells it.
	pub hash: Option<u64>,
	/// The digest.
	pub digest: &'a [u8],
	/// Where the section begins within the CARv1.
	pub offset: u64,
}

impl SortedIndex {
	/// An index of these sections. Blocks whose CIDs hold their bytes are left out.
	pub fn build<'a>(kind: IndexKind, sections: impl IntoIterator<Item = (&'a Cid, u64)>) -> Self {
		let mut records: BTreeMap<(u64, u32), Vec<_>> = BTreeMap::new();
		for (cid, offset) in sections {
			let hash = cid.hash();
			if hash.code() == IDENTITY {
				continue;
			}
			let code = match kind {
				IndexKind::Sorted => 0,
				IndexKind::MultihashSorted => hash.code(),
			};
			let width = u32::from(hash.size()).saturating_add(OFFSET_BYTES);
			let group = records.entry((code, width)).or_default();
			group.push((hash.digest(), offset));
		}
		let groups = records
			.into_iter()
			.map(|(key, mut records)| {
				records.sort_unstable();
				let mut bytes = Vec::new();
				for (digest, offset) in records {
					bytes.extend_from_slice(digest);
					bytes.extend_from_slice(&offset.to_le_bytes());
				}
				(key, bytes)
			})
			.collect();
		Self { kind, groups }
	}

	/// The format.
	pub const fn kind(&self) -> IndexKind {
		self.kind
	}

	/// How many entries there are.
	pub fn len(&self) -> usize {
		self.groups
			.iter()
			.map(|((_, width), records)| records.len() / width_of(*width))
			.sum()
	}

	/// Whether there are no entries.
	pub fn is_empty(&self) -> bool {
		self.len() == 0
	}

	/// All entries, in the index's order.
	pub fn iter(&self) -> impl Iterator<Item = IndexEntry<'_>> {
		self.groups.iter().flat_map(|((code, width), records)| {
			records
				.chunks_exact(width_of(*width))
				.filter_map(|record| self.entry(*code, record))
		})
	}

	/// Where the sections of a block can be.
	pub fn offsets(&self, cid: &Cid) -> Vec<u64> {
		let hash = cid.hash();
		let code = match self.kind {
			IndexKind::Sorted => 0,
			IndexKind::MultihashSorted => hash.code(),
		};
		let width = u32::from(hash.size()).saturating_add(OFFSET_BYTES);
		let Some(records) = self.groups.get(&(code, width)) else {
			return Vec::new();
		};
		let width = width_of(width);
		let digest = hash.digest();
		let record = |index: usize| records.get(index * width..(index + 1) * width);
		let (mut low, mut high) = (0, records.len() / width);
		while low < high {
			let middle = low + (high - low) / 2;
			if record(middle).is_some_and(|record| &record[..digest.len()] < digest) {
				low = middle + 1;
			} else {
				high = middle;
			}
		}
		(low..)
			.map_while(record)
			.take_while(|record| record.starts_with(digest))
			.filter_map(|record| self.entry(code, record))
			.map(|entry| entry.offset)
			.collect()
	}

	/// Writes the index, its multicodec first.
	pub fn write(&self, mut out: impl Write) -> io::Result<()> {
		let mut head = Vec::new();
		put_varint(&mut head, self.kind.code());
		let mut by_code: BTreeMap<u64, Vec<(u32, &[u8])>> = BTreeMap::new();
		for ((code, width), records) in &self.groups {
			by_code.entry(*code).or_default().push((*width, records));
		}
		match self.kind {
			IndexKind::Sorted => {
				let groups = by_code.remove(&0).unwrap_or_default();
				out.write_all(&head)?;
				write_groups(&mut out, &groups)
			},
			IndexKind::MultihashSorted => {
				let codes = i32::try_from(by_code.len()).map_err(io::Error::other)?;
				head.extend_from_slice(&codes.to_le_bytes());
				out.write_all(&head)?;
				for (code, groups) in by_code {
					out.write_all(&code.to_le_bytes())?;
					write_groups(&mut out, &groups)?;
				}
				Ok(())
			},
		}
	}

	/// Reads an index, its multicodec first. What it allocates is bounded by what the stream really has,
	/// and by `limit` bytes.
	pub fn read(reader: impl Read, limit: u64) -> Result<Self, CarError> {
		let mut reader = reader.take(limit);
		let code = unsigned_varint::io::read_u64(&mut reader)
			.map_err(|_| CarError::Index("its format is not told"))?;
		let mut groups = BTreeMap::new();
		// Before there were several formats the first one was not told: a number of four bytes comes first.
		if let Some(number) = i32::try_from(code).ok().filter(|number| *number < 0x80) {
			if read_array(&mut reader)? != [0; 3] {
				return Err(CarError::Index("its format is not known"));
			}
			read_numbered_groups(&mut reader, number, 0, &mut groups)?;
			let kind = IndexKind::Sorted;
			return Ok(Self { kind, groups });
		}
		let kind = [IndexKind::Sorted, IndexKind::MultihashSorted]
			.into_iter()
			.find(|kind| kind.code() == code)
			.ok_or(CarError::Index("its format is not known"))?;
		match kind {
			IndexKind::Sorted => read_groups(&mut reader, 0, &mut groups)?,
			IndexKind::MultihashSorted => {
				for _ in 0..read_count(&mut reader)? {
					let code = u64::from_le_bytes(read_array(&mut reader)?);
					read_groups(&mut reader, code, &mut groups)?;
				}
			},
		}
		Ok(Self { kind, groups })
	}

	fn entry<'a>(&self, code: u64, record: &'a [u8]) -> Option<IndexEntry<'a>> {
		let (digest, offset) = record.split_last_chunk::<8>()?;
		Some(IndexEntry {
			hash: (self.kind == IndexKind::MultihashSorted).then_some(code),
			digest,
			offset: u64::from_le_bytes(*offset),
		})
	}
}

fn width_of(width: u32) -> usize {
	usize::try_from(width).expect("a record has less than 300 bytes; qed")
}

fn write_groups(out: &mut impl Write, groups: &[(u32, &[u8])]) -> io::Result<()> {
	let number = i32::try_from(groups.len()).map_err(io::Error::other)?;
	out.write_all(&number.to_le_bytes())?;
	for (width, records) in groups {
		out.write_all(&width.to_le_bytes())?;
		out.write_all(&length_of(records).to_le_bytes())?;
		out.write_all(records)?;
	}
	Ok(())
}

fn read_array<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], CarError> {
	let mut bytes = [0; N];
	reader
		.read_exact(&mut bytes)
		.map_err(|error| match error.kind() {
			io::ErrorKind::UnexpectedEof => CarError::Index("it is cut short"),
			_ => CarError::Read(error),
		})?;
	Ok(bytes)
}

fn read_count(reader: &mut impl Read) -> Result<i32, CarError> {
	let count = i32::from_le_bytes(read_array(reader)?);
	if (0..=MAX_GROUPS).contains(&count) {
		Ok(count)
	} else {
		Err(CarError::Index("it has too many groups"))
	}
}

fn read_groups(
	reader: &mut impl Read,
	code: u64,
	groups: &mut BTreeMap<(u64, u32), Vec<u8>>,
) -> Result<(), CarError> {
	let number = read_count(reader)?;
	read_numbered_groups(reader, number, code, groups)
}

fn read_numbered_groups(
	reader: &mut impl Read,
	number: i32,
	code: u64,
	groups: &mut BTreeMap<(u64, u32), Vec<u8>>,
) -> Result<(), CarError> {
	for _ in 0..number {
		let width = u32::from_le_bytes(read_array(reader)?);
		if !(OFFSET_BYTES..=MAX_DIGEST_BYTES + OFFSET_BYTES).contains(&width) {
			return Err(CarError::Index("its digests have no sensible length"));
		}
		let bytes = u64::from_le_bytes(read_array(reader)?);
		if bytes % u64::from(width) != 0 {
			return Err(CarError::Index("a group ends within a record"));
		}
		let mut records = Vec::new();
		reader.take(bytes).read_to_end(&mut records)?;
		if count(records.len()) < bytes {
			return Err(CarError::Index("it is cut short"));
		}
		if !records
			.chunks_exact(width_of(width))
			.is_sorted_by(|one, two| {
				let digest = width_of(width - OFFSET_BYTES);
				one[..digest] <= two[..digest]
			}) {
			return Err(CarError::Index("its records are not sorted"));
		}
		if groups.insert((code, width), records).is_some() {
			return Err(CarError::Index("it has a group twice"));
		}
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::raw_cid;
	use multihash::Multihash;
	use proptest::prelude::*;

	fn cids() -> Vec<(Cid, u64)> {
		let identity = Cid::new_v1(0x55, Multihash::wrap(IDENTITY, b"inline").unwrap());
		let other = Cid::new_v1(0x55, Multihash::wrap(0x13, &[7; 64]).unwrap());
		let mut cids: Vec<_> = (0..50u8)
			.map(|byte| (raw_cid(&[byte]), byte.into()))
			.collect();
		cids.push((raw_cid(&[3]), 1000));
		cids.push((identity, 2000));
		cids.push((other, 3000));
		cids
	}

	fn index(kind: IndexKind) -> SortedIndex {
		SortedIndex::build(kind, cids().iter().map(|(cid, offset)| (cid, *offset)))
	}

	fn bytes(index: &SortedIndex) -> Vec<u8> {
		let mut bytes = Vec::new();
		index.write(&mut bytes).unwrap();
		bytes
	}

	#[test]
	fn both_kinds_round_trip_and_find_every_block() {
		for kind in [IndexKind::Sorted, IndexKind::MultihashSorted] {
			let built = index(kind);
			assert_eq!(kind.to_string().parse(), Ok(kind));
			assert_eq!((built.len(), built.is_empty()), (52, false));
			assert_eq!(built.iter().count(), 52);
			let read = SortedIndex::read(&bytes(&built)[..], 1 << 20).unwrap();
			assert_eq!(read, built);
			assert_eq!(read.kind(), kind);
			for (cid, offset) in cids() {
				let found = built.offsets(&cid);
				assert_eq!(found.contains(&offset), cid.hash().code() != IDENTITY);
			}
			assert_eq!(built.offsets(&raw_cid(&[3])), [3, 1000]);
			assert_eq!(built.offsets(&raw_cid(&[99])), [0u64; 0]);
		}
		assert!("sorted".parse::<IndexKind>().is_err());
	}

	#[test]
	fn lies_in_an_index_are_refused() {
		let error = |bytes: &[u8]| SortedIndex::read(bytes, 1 << 20).unwrap_err().to_string();
		let sorted = |rest: &[u8]| error(&[&[0x80, 0x08], rest].concat());
		assert!(error(&[]).contains("not told"));
		assert!(error(&[0x55]).contains("cut short"));
		assert!(error(&[1, 0, 0, 1]).contains("not known"));
		assert!(error(&[0xd5, 1]).contains("not known"));
		assert!(sorted(&[1]).contains("cut short"));
		assert!(sorted(&[0xff; 4]).contains("too many"));
		assert!(sorted(&[0, 0, 1, 0]).contains("too many"));
		let group = |width: u32, length: u64, rest: &[u8]| {
			let mut bytes = vec![1, 0, 0, 0];
			bytes.extend_from_slice(&width.to_le_bytes());
			bytes.extend_from_slice(&length.to_le_bytes());
			bytes.extend_from_slice(rest);
			sorted(&bytes)
		};
		assert!(group(7, 7, &[0; 7]).contains("sensible"));
		assert!(group(u32::MAX, 7, &[0; 7]).contains("sensible"));
		assert!(group(40, 41, &[]).contains("within a record"));
		assert!(group(40, 40 << 50, &[0; 40]).contains("cut short"));
		let unsorted = [[1; 40], [0; 40]].concat();
		assert!(group(40, 80, &unsorted).contains("not sorted"));
		let mut twice = vec![2, 0, 0, 0];
		for _ in 0..2 {
			twice.extend_from_slice(&40u32.to_le_bytes());
			twice.extend_from_slice(&0u64.to_le_bytes());
		}
		assert!(sorted(&twice).contains("twice"));
		let whole = bytes(&index(IndexKind::MultihashSorted));
		let limited = SortedIndex::read(&whole[..], 100).unwrap_err();
		assert!(limited.to_string().contains("cut short"));
	}

	proptest! {
		#[test]
		fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128), multihash: bool) {
			let code: &[u8] = if multihash { &[0x81, 0x08] } else { &[0x80, 0x08] };
			if let Ok(index) = SortedIndex::read(&[code, &bytes].concat()[..], 1 << 20) {
				index.iter().count();
				index.offsets(&raw_cid(b"x"));
			}
		}
	}
}
