//! Where blocks come from: a CAR that can be read anywhere, or one that streams by.

use cid::Cid;
use std::{
	collections::{HashMap, VecDeque},
	io::{Read, Seek},
	sync::Arc,
};

use crate::{
	block::{self, BlockError, IDENTITY},
	car::{CarError, CarIndex, CarReader, Limits},
};

/// Why a block cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
	/// It is not there.
	#[error("block {cid} is missing")]
	Missing {
		/// The block.
		cid: Cid,
	},
	/// The CAR is malformed, cannot be read, or has a corrupt block.
	#[error(transparent)]
	Car(#[from] CarError),
}

impl From<BlockError> for FetchError {
	fn from(error: BlockError) -> Self {
		Self::Car(CarError::Block(error))
	}
}

/// A source of blocks, each of which was checked against its CID.
pub trait Blocks {
	/// A block.
	fn block(&mut self, cid: &Cid) -> Result<Arc<Vec<u8>>, FetchError>;

	/// Gives several blocks to `each`, in this order.
	fn each_block(&mut self, cids: &[Cid], each: &mut dyn FnMut(&[u8])) -> Result<(), FetchError> {
		for cid in cids {
			each(&self.block(cid)?);
		}
		Ok(())
	}
}

/// The bytes that a CID holds itself.
fn inline(cid: &Cid) -> Option<Arc<Vec<u8>>> {
	let hash = cid.hash();
	(hash.code() == IDENTITY).then(|| Arc::new(hash.digest().to_vec()))
}

/// A CAR that can be read anywhere.
#[derive(Debug)]
pub struct StoredCar<R> {
	reader: R,
	index: CarIndex,
	/// Where several blocks are read into.
	memory: Vec<u8>,
}

impl<R: Read + Seek> StoredCar<R> {
	/// Notes where the CAR's blocks are. They are checked when they are read.
	pub fn open(mut reader: R, limits: Limits) -> Result<Self, CarError> {
		reader.rewind()?;
		let index = CarIndex::scan(&mut reader, limits)?;
		Ok(Self {
			reader,
			index,
			memory: Vec::new(),
		})
	}

	/// Where its blocks are, and its roots.
	pub const fn index(&self) -> &CarIndex {
		&self.index
	}
}

impl<R: Read + Seek> Blocks for StoredCar<R> {
	fn block(&mut self, cid: &Cid) -> Result<Arc<Vec<u8>>, FetchError> {
		if let Some(data) = inline(cid) {
			return Ok(data);
		}
		self.index
			.read_block(&mut self.reader, cid)?
			.map(Arc::new)
			.ok_or(FetchError::Missing { cid: *cid })
	}

	/// Reads them into memory that is used again for the next ones, and checks them together.
	fn each_block(&mut self, cids: &[Cid], each: &mut dyn FnMut(&[u8])) -> Result<(), FetchError> {
		let mut places = Vec::with_capacity(cids.len());
		let mut end = 0;
		for cid in cids {
			let start = end;
			end = match inline(cid) {
				Some(data) => {
					self.memory.truncate(start);
					self.memory.extend_from_slice(&data);
					self.memory.len()
				},
				None => self
					.index
					.read_unverified_into(&mut self.reader, cid, &mut self.memory, start)?
					.ok_or(FetchError::Missing { cid: *cid })?,
			};
			places.push((cid, start..end));
		}
		let blocks: Vec<(&Cid, &[u8])> = places
			.into_iter()
			.map(|(cid, place)| (cid, &self.memory[place]))
			.collect();
		block::verify_all(&blocks).map_err(|(_, error)| error)?;
		blocks.iter().for_each(|(_, data)| each(data));
		Ok(())
	}
}

/// A CAR that streams by, and must have its blocks about in the order in which they are wanted: parents
/// before their children, depth first, each at its first use or at every use.
#[derive(Debug)]
pub struct StreamedCar<R> {
	car: CarReader<R>,
	/// Blocks that came, the newest last.
	kept: HashMap<Cid, Arc<Vec<u8>>>,
	order: VecDeque<Cid>,
	kept_bytes: usize,
	most_bytes: usize,
}

impl<R: Read> StreamedCar<R> {
	/// Reads the header. At most `most_bytes` of blocks are kept that came and may be wanted later.
	pub fn new(reader: R, limits: Limits, most_bytes: usize) -> Result<Self, CarError> {
		Ok(Self {
			car: CarReader::new(reader, limits)?,
			kept: HashMap::new(),
			order: VecDeque::new(),
			kept_bytes: 0,
			most_bytes,
		})
	}

	/// The header's roots.
	pub fn roots(&self) -> &[Cid] {
		self.car.roots()
	}

	fn keep(&mut self, cid: Cid, data: &Arc<Vec<u8>>) {
		if self.kept.insert(cid, Arc::clone(data)).is_some() {
			return;
		}
		self.order.push_back(cid);
		self.kept_bytes = self.kept_bytes.saturating_add(data.len());
		while self.kept_bytes > self.most_bytes || self.order.len() > self.most_bytes / 64 {
			let Some(oldest) = self.order.pop_front() else {
				return;
			};
			if let Some(data) = self.kept.remove(&oldest) {
				self.kept_bytes = self.kept_bytes.saturating_sub(data.len());
			}
		}
	}
}

impl<R: Read> Blocks for StreamedCar<R> {
	fn block(&mut self, cid: &Cid) -> Result<Arc<Vec<u8>>, FetchError> {
		if let Some(data) = inline(cid).or_else(|| self.kept.get(cid).cloned()) {
			return Ok(data);
		}
		while let Some(found) = self.car.next_block()? {
			let data = Arc::new(found.block.data);
			self.keep(found.block.cid, &data);
			if found.block.cid == *cid {
				return Ok(data);
			}
		}
		Err(FetchError::Missing { cid: *cid })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		block::{raw_cid, RAW},
		car::CarWriter,
	};
	use multihash::Multihash;
	use std::io::Cursor;

	fn car() -> Vec<u8> {
		let mut writer = CarWriter::new(Vec::new(), vec![]).unwrap();
		for data in [&b"one"[..], b"two", b"three"] {
			writer.write_block(&raw_cid(data), data).unwrap();
		}
		writer.finish().unwrap()
	}

	#[test]
	fn a_stored_car_yields_blocks_in_any_order() {
		let mut blocks = StoredCar::open(Cursor::new(car()), Limits::default()).unwrap();
		assert_eq!(blocks.index().len(), 3);
		let cids = [raw_cid(b"three"), raw_cid(b"one"), raw_cid(b"three")];
		let each = |blocks: &mut StoredCar<_>, cids: &[Cid]| {
			let mut found = Vec::new();
			blocks.each_block(cids, &mut |data| found.push(data.to_vec()))?;
			Ok::<_, FetchError>(found)
		};
		let found = each(&mut blocks, &cids).unwrap();
		assert_eq!(found, [&b"three"[..], b"one", b"three"]);
		assert_eq!(*blocks.block(&cids[1]).unwrap(), b"one");
		let missing = blocks.block(&raw_cid(b"four"));
		assert!(matches!(missing, Err(FetchError::Missing { .. })));
		let mut corrupt = car();
		let last = corrupt.len() - 1;
		corrupt[last] ^= 1;
		let mut blocks = StoredCar::open(Cursor::new(corrupt), Limits::default()).unwrap();
		assert!(blocks.block(&cids[1]).is_ok());
		assert!(matches!(each(&mut blocks, &cids), Err(FetchError::Car(_))));
		let missing = [cids[1], raw_cid(b"four")];
		let result = each(&mut blocks, &missing);
		assert!(matches!(result, Err(FetchError::Missing { cid }) if cid == missing[1]));
	}

	#[test]
	fn a_streamed_car_keeps_what_came_before_its_turn() {
		let bytes = car();
		let mut blocks = StreamedCar::new(&bytes[..], Limits::default(), 1 << 20).unwrap();
		assert_eq!(*blocks.block(&raw_cid(b"two")).unwrap(), b"two");
		assert_eq!(*blocks.block(&raw_cid(b"one")).unwrap(), b"one");
		assert_eq!(*blocks.block(&raw_cid(b"two")).unwrap(), b"two");
		let missing = blocks.block(&raw_cid(b"four"));
		assert!(matches!(missing, Err(FetchError::Missing { .. })));
	}

	#[test]
	fn a_streamed_car_keeps_no_more_than_it_may() {
		let bytes = car();
		let mut blocks = StreamedCar::new(&bytes[..], Limits::default(), 128).unwrap();
		assert_eq!(*blocks.block(&raw_cid(b"three")).unwrap(), b"three");
		let gone = blocks.block(&raw_cid(b"one"));
		assert!(matches!(gone, Err(FetchError::Missing { .. })));
		assert_eq!(*blocks.block(&raw_cid(b"two")).unwrap(), b"two");
	}

	#[test]
	fn a_cid_that_holds_its_bytes_needs_no_block() {
		let cid = Cid::new_v1(RAW, Multihash::wrap(IDENTITY, b"inline").unwrap());
		let bytes = car();
		let mut streamed = StreamedCar::new(&bytes[..], Limits::default(), 0).unwrap();
		assert_eq!(*streamed.block(&cid).unwrap(), b"inline");
		let mut stored = StoredCar::open(Cursor::new(&bytes), Limits::default()).unwrap();
		let cids = [raw_cid(b"three"), cid, raw_cid(b"one")];
		let mut found = Vec::new();
		stored
			.each_block(&cids, &mut |data| found.push(data.to_vec()))
			.unwrap();
		assert_eq!(found, [&b"three"[..], b"inline", b"one"]);
		assert_eq!(*stored.block(&cid).unwrap(), b"inline");
	}
}
