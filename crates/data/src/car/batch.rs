use cid::Cid;
use std::{io::Read, ops::Range};

use super::{CarError, CarReader, CarSection};
use crate::block;

/// How many bytes of blocks are read for each thread before they are checked, and at most: bounds the memory,
/// together with the limit for a single block.
const BYTES_OF_EACH: usize = 4 << 20;
const MOST_BYTES: usize = 16 << 20;
/// How many blocks are read before they are checked, at most.
const MOST_BLOCKS: usize = 4096;

/// Some blocks of a CAR, in its order. The memory is used again for the next ones.
#[derive(Debug, Default)]
pub struct BlockBatch {
	bytes: Vec<u8>,
	blocks: Vec<(CarSection, Range<usize>)>,
}

/// A block of a batch, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchedBlock<'a> {
	/// The block's CID and its place in the stream.
	pub section: CarSection,
	/// The block's bytes.
	pub data: &'a [u8],
}

impl BlockBatch {
	/// The blocks.
	pub fn blocks(&self) -> impl ExactSizeIterator<Item = BatchedBlock<'_>> {
		self.blocks.iter().map(|(section, place)| BatchedBlock {
			section: *section,
			data: &self.bytes[place.clone()],
		})
	}

	/// Checks the blocks against their CIDs. Those from the first wrong one on are dropped.
	fn verify(&mut self) -> Result<(), CarError> {
		let blocks: Vec<(&Cid, &[u8])> = self
			.blocks
			.iter()
			.map(|(section, place)| (&section.cid, &self.bytes[place.clone()]))
			.collect();
		block::verify_all(&blocks).map_err(|(sound, error)| {
			self.blocks.truncate(sound);
			error.into()
		})
	}
}

impl<R: Read> CarReader<R> {
	/// Reads the next blocks, some MiB of them, and checks them together, which takes much less time than one
	/// after another. `false` at the end. The sound blocks before an error come first, and the error at the
	/// next call.
	pub fn next_batch(&mut self, batch: &mut BlockBatch) -> Result<bool, CarError> {
		self.next_batch_of(batch, &mut |_| true)
	}

	/// Does the same with those blocks for which `keep` says so. The others are passed over unchecked.
	pub fn next_batch_of(
		&mut self,
		batch: &mut BlockBatch,
		keep: &mut dyn FnMut(&Cid) -> bool,
	) -> Result<bool, CarError> {
		batch.blocks.clear();
		let read = self.fill_batch(batch, keep);
		let checked = if self.verifies {
			batch.verify()
		} else {
			Ok(())
		};
		// A wrong block comes before what cannot be read.
		match checked.and(read) {
			Err(error) if batch.blocks.is_empty() => Err(error),
			Err(error) => {
				self.failed = Some(error);
				Ok(true)
			},
			Ok(()) => Ok(!batch.blocks.is_empty()),
		}
	}

	fn fill_batch(
		&mut self,
		batch: &mut BlockBatch,
		keep: &mut dyn FnMut(&Cid) -> bool,
	) -> Result<(), CarError> {
		let most = BYTES_OF_EACH
			.saturating_mul(rayon::current_num_threads())
			.min(MOST_BYTES);
		let mut end = 0;
		while end < most && batch.blocks.len() < MOST_BLOCKS {
			let Some(section) = self.next_section()? else {
				return Ok(());
			};
			if keep(&section.cid) {
				let start = end;
				end = self.section_data_into(&mut batch.bytes, start)?;
				batch.blocks.push((section, start..end));
			}
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		block::{raw_cid, BlockError},
		car::{CarWriter, Limits},
	};
	use proptest::prelude::*;
	use std::io;

	fn car(blocks: &[Vec<u8>]) -> Vec<u8> {
		let mut writer = CarWriter::new(Vec::new(), vec![raw_cid(b"root")]).unwrap();
		for data in blocks {
			writer.write_block(&raw_cid(data), data).unwrap();
		}
		writer.finish().unwrap()
	}

	type Blocks = Vec<(CarSection, Vec<u8>)>;

	/// What batches yield, and the error after that.
	fn in_batches(car: &mut CarReader<impl Read>) -> (Blocks, Option<CarError>) {
		let mut batch = BlockBatch::default();
		let mut blocks = Vec::new();
		loop {
			match car.next_batch(&mut batch) {
				Ok(true) => {},
				Ok(false) => return (blocks, None),
				Err(error) => return (blocks, Some(error)),
			}
			assert!(batch.bytes.len() <= MOST_BYTES + (8 << 20));
			let found = batch.blocks();
			blocks.extend(found.map(|block| (block.section, block.data.to_vec())));
		}
	}

	/// The same one by one.
	fn one_by_one(car: &mut CarReader<impl Read>) -> (Blocks, Option<CarError>) {
		let mut blocks = Vec::new();
		loop {
			let section = match car.next_section() {
				Ok(Some(section)) => section,
				Ok(None) => return (blocks, None),
				Err(error) => return (blocks, Some(error)),
			};
			let data = match car.section_data() {
				Ok(data) => data,
				Err(error) => return (blocks, Some(error)),
			};
			match block::verify(&section.cid, &data) {
				Ok(()) => blocks.push((section, data)),
				Err(error) => return (blocks, Some(error.into())),
			}
		}
	}

	fn assert_alike(bytes: &[u8]) {
		let limits = Limits::default();
		let (found, error) = in_batches(&mut CarReader::new(bytes, limits).unwrap());
		let (expected, expected_error) = one_by_one(&mut CarReader::new(bytes, limits).unwrap());
		assert!(found == expected, "{} {}", found.len(), expected.len());
		let text = |error: Option<CarError>| error.map(|error| error.to_string());
		assert_eq!(text(error), text(expected_error));
	}

	#[test]
	fn batches_have_all_blocks_with_their_places() {
		let large = |index: usize| vec![index.to_le_bytes()[0]; (1 << 20) - index % 3];
		// More than one batch of bytes, and more than one of blocks.
		assert_alike(&car(&(0..40).map(large).collect::<Vec<_>>()));
		let small = |index: usize| index.to_le_bytes().to_vec();
		assert_alike(&car(&(0..MOST_BLOCKS + 2).map(small).collect::<Vec<_>>()));
		assert_alike(&car(&[]));
		assert_alike(&car(&[vec![], b"one".to_vec(), vec![], vec![7; 2 << 20]]));
	}

	#[test]
	fn sound_blocks_come_before_the_error() {
		let blocks: Vec<Vec<u8>> = (0..9u8).map(|index| vec![index; 1000]).collect();
		let whole = car(&blocks);
		for cut in [whole.len() - 1, whole.len() - 1100, 62, 59 + 20] {
			assert_alike(&whole[..cut]);
		}
		for place in (59..whole.len()).step_by(97) {
			let mut changed = whole.clone();
			changed[place] ^= 1;
			assert_alike(&changed);
			// The first of two errors is told.
			let end = changed.len() - 10;
			changed.truncate(end);
			assert_alike(&changed);
		}
		let mut corrupt = whole;
		let last = corrupt.len() - 1;
		corrupt[last] ^= 1;
		let mut car = CarReader::new(&corrupt[..], Limits::default()).unwrap();
		let (found, error) = in_batches(&mut car);
		assert_eq!(found.len(), 8);
		let corrupt = Some(CarError::Block(BlockError::Corrupt {
			cid: raw_cid(&blocks[8]),
		}));
		assert_eq!(
			error.map(|error| error.to_string()),
			corrupt.map(|error| error.to_string())
		);
	}

	#[test]
	fn of_blocks_that_are_not_kept_nothing_is_read_or_checked() {
		let blocks: Vec<Vec<u8>> = (0..9u8).map(|index| vec![index; 1000]).collect();
		let mut bytes = car(&blocks);
		let last = bytes.len() - 1;
		bytes[last] ^= 1;
		let wanted = [raw_cid(&blocks[2]), raw_cid(&blocks[5])];
		let mut car = CarReader::new(&bytes[..], Limits::default()).unwrap();
		let mut batch = BlockBatch::default();
		let mut keep = |cid: &Cid| wanted.contains(cid);
		assert!(car.next_batch_of(&mut batch, &mut keep).unwrap());
		let cids: Vec<Cid> = batch.blocks().map(|block| block.section.cid).collect();
		assert_eq!(cids, wanted);
		assert!(!car.next_batch_of(&mut batch, &mut keep).unwrap());
		let mut unchecked = CarReader::new(&bytes[..], Limits::default())
			.unwrap()
			.without_verification();
		assert!(unchecked.next_batch(&mut batch).unwrap());
		assert_eq!(batch.blocks().len(), 9);
	}

	#[test]
	fn a_stream_that_yields_little_at_a_time_and_lies_costs_little() {
		/// A byte at a time.
		struct Slow<'a>(&'a [u8]);
		impl Read for Slow<'_> {
			fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
				let length = buffer.len().min(1);
				self.0.read(&mut buffer[..length])
			}
		}
		let mut bytes = car(&[b"one".to_vec()]);
		// A section that claims 2 MiB and has nothing but its CID.
		let mut head = super::super::section_head(&raw_cid(b"two"), 2 << 20);
		bytes.append(&mut head);
		let mut car = CarReader::new(Slow(&bytes), Limits::default()).unwrap();
		let mut batch = BlockBatch::default();
		assert!(car.next_batch(&mut batch).unwrap());
		assert_eq!(batch.blocks().len(), 1);
		assert!(batch.bytes.capacity() <= 256 << 10);
		let result = car.next_batch(&mut batch);
		assert!(matches!(result, Err(CarError::Truncated { .. })));
	}

	proptest! {
		#[test]
		fn no_bytes_panic_and_batches_change_nothing(
			tail in proptest::collection::vec(any::<u8>(), 0..300),
			blocks in proptest::collection::vec(
				proptest::collection::vec(any::<u8>(), 0..100), 0..6,
			),
		) {
			let mut bytes = car(&blocks);
			assert_alike(&bytes);
			bytes.extend_from_slice(&tail);
			assert_alike(&bytes);
		}
	}
}
