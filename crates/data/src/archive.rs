//! What is done with whole CARs: create, copy, inspect and verify them.

use cid::Cid;
use std::{
	collections::{BTreeMap, HashMap, HashSet},
	io::{self, Read, Seek, SeekFrom, Write},
	ops::Range,
};

#[cfg(unix)]
use crate::{
	block::Block,
	import::{import_path, import_wrapped, BlockSink, ImportError, ImportOptions},
	leaves::LeafBatch,
	unixfs::Child,
};
use crate::{
	block::IDENTITY,
	blocks::{Blocks, FetchError},
	car::{
		BatchedBlock, BlockBatch, CarError, CarFileWriter, CarReader, CarSection, CarV2Header,
		IndexKind, Limits, SortedIndex,
	},
	count, walk,
};

/// The most bytes of an index that are read.
const MAX_INDEX_BYTES: u64 = 4 << 30;

/// What a CAR has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
	/// The version: 1 or 2.
	pub version: u64,
	/// The header of the second version.
	pub v2: Option<CarV2Header>,
	/// The index's kind and its entries.
	pub index: Option<(IndexKind, u64)>,
	/// The roots.
	pub roots: Vec<Cid>,
	/// Whether there is a block for each root.
	pub roots_present: bool,
	/// How many blocks there are, equal ones counted each time.
	pub blocks: u64,
	/// The bytes of the blocks.
	pub block_bytes: Spread,
	/// The bytes of their CIDs.
	pub cid_bytes: Spread,
	/// How many blocks there are of each codec.
	pub codecs: BTreeMap<u64, u64>,
	/// How many CIDs there are of each hash function.
	pub hashes: BTreeMap<u64, u64>,
}

/// Least, most and sum of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
	/// The least.
	pub least: u64,
	/// The most.
	pub most: u64,
	/// The sum.
	pub sum: u64,
}

impl Spread {
	fn add(&mut self, value: u64, is_first: bool) {
		self.least = if is_first {
			value
		} else {
			self.least.min(value)
		};
		self.most = self.most.max(value);
		self.sum = self.sum.saturating_add(value);
	}
}

/// Why a CAR is not sound.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
	/// It is malformed, or has a corrupt block.
	#[error(transparent)]
	Car(#[from] CarError),
	/// A root's block is not there.
	#[error("the block of root {0} is missing")]
	RootMissing(Box<Cid>),
	/// The index says that a block is where it is not.
	#[error("the index names byte {offset}, where no block with its digest begins")]
	IndexOffset {
		/// Where the index points.
		offset: u64,
	},
	/// The index does not have a block.
	#[error("block {0} is not in the index")]
	NotIndexed(Box<Cid>),
}

/// Reads a whole CAR and says what it has. Blocks are checked only if `verifies`. `progress` is told the
/// place in the CAR.
pub fn inspect<R: Read + Seek>(
	reader: R,
	limits: Limits,
	verifies: bool,
	progress: &mut dyn FnMut(u64),
) -> Result<Inspection, CarError> {
	Ok(pass(reader, limits, verifies, progress)?.0)
}

/// Reads a whole CAR and checks everything: headers, blocks, that roots are there, and that the index has
/// every block where it is.
pub fn verify<R: Read + Seek>(
	reader: R,
	limits: Limits,
	progress: &mut dyn FnMut(u64),
) -> Result<Inspection, VerifyError> {
	let (inspection, sections, index, roots) = pass(reader, limits, true, progress)?;
	if let Some(root) = roots.into_iter().next() {
		return Err(VerifyError::RootMissing(Box::new(root)));
	}
	if let Some(index) = index {
		for entry in index.iter() {
			let there = sections.get(&entry.offset).map(Cid::hash);
			let matches = there.is_some_and(|hash| {
				hash.digest() == entry.digest && entry.hash.is_none_or(|code| code == hash.code())
			});
			if !matches {
				return Err(VerifyError::IndexOffset {
					offset: entry.offset,
				});
			}
		}
		for cid in sections.values() {
			if cid.hash().code() != IDENTITY && index.offsets(cid).is_empty() {
				return Err(VerifyError::NotIndexed(Box::new(*cid)));
			}
		}
	}
	Ok(inspection)
}

type Pass = (
	Inspection,
	HashMap<u64, Cid>,
	Option<SortedIndex>,
	HashSet<Cid>,
);

/// Reads a CAR: what it has; if there is an index, where its sections are; the index; the missing roots.
fn pass<R: Read + Seek>(
	mut reader: R,
	limits: Limits,
	verifies: bool,
	progress: &mut dyn FnMut(u64),
) -> Result<Pass, CarError> {
	reader.rewind()?;
	let mut car = CarReader::new(&mut reader, limits)?;
	let v2 = car.v2().copied();
	let has_index = v2.is_some_and(|header| header.index_offset > 0);
	let roots = car.roots().to_vec();
	let mut missing: HashSet<Cid> = roots.iter().copied().collect();
	missing.retain(|root| root.hash().code() != IDENTITY);
	let start = car.data_start();
	let mut sections = HashMap::new();
	let mut inspection = Inspection {
		version: if v2.is_some() { 2 } else { 1 },
		v2,
		index: None,
		roots,
		roots_present: false,
		blocks: 0,
		block_bytes: Spread::default(),
		cid_bytes: Spread::default(),
		codecs: BTreeMap::new(),
		hashes: BTreeMap::new(),
	};
	let mut batch = BlockBatch::default();
	let mut add = |section: CarSection| {
		missing.remove(&section.cid);
		if has_index {
			sections.insert(section.offset.saturating_sub(start), section.cid);
		}
		let is_first = inspection.blocks == 0;
		inspection.blocks = inspection.blocks.saturating_add(1);
		inspection.block_bytes.add(section.data_bytes, is_first);
		inspection
			.cid_bytes
			.add(count(section.cid.encoded_len()), is_first);
		let (codec, hash) = (section.cid.codec(), section.cid.hash().code());
		*inspection.codecs.entry(codec).or_default() += 1;
		*inspection.hashes.entry(hash).or_default() += 1;
	};
	if verifies {
		while car.next_batch(&mut batch)? {
			batch.blocks().for_each(|block| add(block.section));
			progress(car.offset());
		}
	} else {
		while let Some(section) = car.next_section()? {
			car.seek_past_data()?;
			add(section);
			progress(car.offset());
		}
	}
	inspection.roots_present = missing.is_empty();
	drop(car);
	let index = match v2 {
		Some(header) if has_index => Some(read_index(&mut reader, &header)?),
		_ => None,
	};
	inspection.index = index
		.as_ref()
		.map(|index| (index.kind(), count(index.len())));
	Ok((inspection, sections, index, missing))
}

/// Reads a CARv2's index.
pub fn read_index<R: Read + Seek>(
	mut reader: R,
	header: &CarV2Header,
) -> Result<SortedIndex, CarError> {
	if header.index_offset == 0 {
		return Err(CarError::Index("there is none"));
	}
	reader.seek(SeekFrom::Start(header.index_offset))?;
	SortedIndex::read(io::BufReader::new(reader), MAX_INDEX_BYTES)
}

/// The index of a CAR: its own, or one that is made of its sections.
pub fn index_of<R: Read + Seek>(mut reader: R, limits: Limits) -> Result<SortedIndex, CarError> {
	reader.rewind()?;
	let mut car = CarReader::new(&mut reader, limits)?;
	if let Some(header) = car.v2().copied().filter(|header| header.index_offset > 0) {
		drop(car);
		return read_index(reader, &header);
	}
	let start = car.data_start();
	let mut sections = Vec::new();
	while let Some(section) = car.next_section()? {
		sections.push((section.cid, section.offset.saturating_sub(start)));
		car.seek_past_data()?;
	}
	let places = sections.iter().map(|(cid, offset)| (cid, *offset));
	Ok(SortedIndex::build(IndexKind::default(), places))
}

/// Copies the blocks for which `keep` says so. Returns how many.
pub fn copy<R: Read, W: Write + Seek>(
	from: &mut CarReader<R>,
	to: &mut CarFileWriter<W>,
	keep: &mut dyn FnMut(&Cid) -> bool,
	progress: &mut dyn FnMut(u64),
) -> Result<u64, CarError> {
	let mut copied = 0u64;
	let mut batch = BlockBatch::default();
	while from.next_batch_of(&mut batch, keep)? {
		for BatchedBlock { section, data } in batch.blocks() {
			to.write_block(&section.cid, data)
				.map_err(CarError::Write)?;
			copied = copied.saturating_add(1);
		}
		progress(from.offset());
	}
	Ok(copied)
}

/// Copies everything below and with `root`, parents first, each block once. Returns how many. With `strict`
/// all of it must be there.
pub fn copy_dag<W: Write + Seek>(
	blocks: &mut dyn Blocks,
	root: &Cid,
	strict: bool,
	to: &mut CarFileWriter<W>,
) -> Result<u64, FetchError> {
	let mut copied = 0u64;
	walk::dag(blocks, root, strict, |cid, data| {
		// What a CID holds itself needs no block.
		if cid.hash().code() != IDENTITY {
			to.write_block(cid, data).map_err(CarError::Write)?;
			copied = copied.saturating_add(1);
		}
		Ok::<_, FetchError>(())
	})?;
	Ok(copied)
}

/// A CAR that was made.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
	/// The root, and its sizes.
	pub root: Child,
	/// How many blocks were written.
	pub blocks: u64,
}

/// Makes a CAR of files and folders, reading each file once. With `wraps` they are the entries of a
/// directory; without, there must be one of them. Of equal blocks one is written. `progress` is told how many
/// bytes of files were read.
#[cfg(unix)]
pub fn create<W: Write + Seek>(
	paths: &[std::path::PathBuf],
	wraps: bool,
	options: &ImportOptions,
	out: W,
	version: crate::car::CarVersion,
	progress: &mut dyn FnMut(u64),
) -> Result<(W, Created), ImportError> {
	// The root is known at the end: until then there is one of the same length in its place.
	let placeholder = options.profile.node_cid(&[]);
	let mut sink = CarSink {
		car: CarFileWriter::new(out, vec![placeholder], version)?,
		written: HashSet::new(),
	};
	let root = match paths {
		[path] if !wraps => import_path(path, options, &mut sink, progress)?,
		paths => import_wrapped(paths, options, &mut sink, progress)?,
	};
	sink.car.set_roots(vec![root.cid])?;
	let blocks = count(sink.written.len());
	Ok((sink.car.finish()?, Created { root, blocks }))
}

#[cfg(unix)]
struct CarSink<W: Write + Seek> {
	car: CarFileWriter<W>,
	written: HashSet<Cid>,
}

#[cfg(unix)]
impl<W: Write + Seek> BlockSink for CarSink<W> {
	fn leaf(&mut self, leaf: &Child, _: &[u8], block: &[u8]) -> Result<(), ImportError> {
		if self.written.insert(leaf.cid) {
			self.car.write_block(&leaf.cid, block)?;
		}
		Ok(())
	}

	fn leaves(&mut self, batch: &LeafBatch, leaves: Range<usize>) -> Result<(), ImportError> {
		let mut first = leaves.start;
		for (index, leaf) in leaves.clone().zip(batch.leaves_in(leaves.clone())) {
			if !self.written.insert(leaf.cid()) {
				self.car.write_leaves(batch, first..index)?;
				first = index + 1;
			}
		}
		Ok(self.car.write_leaves(batch, first..leaves.end)?)
	}

	fn node(&mut self, block: Block) -> Result<(), ImportError> {
		if self.written.insert(block.cid) {
			self.car.write_block(&block.cid, &block.data)?;
		}
		Ok(())
	}
}
