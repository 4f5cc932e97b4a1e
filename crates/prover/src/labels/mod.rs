//! Pre-commit phase 1's own work: the tree over the data and the labels of the graph, for one sector or for
//! two side by side. The files are, byte for byte, those that filecoin-proofs writes.

mod data_tree;
mod sha256;
#[cfg(target_arch = "x86_64")]
mod sha_ni;

use std::{
	fs::{self, File},
	io::{self, BufWriter, Read, Write},
	path::{Path, PathBuf},
};

pub(crate) use data_tree::write_data_tree;
pub(crate) use sha256::Engine;
use sha256::{Node, Scratch, Step};

/// A node's parents in its own layer, and in the layer before.
const OWN_PARENTS: usize = 6;
/// All parents of a node.
const PARENTS: usize = 14;
/// A node's parents on disk.
const ENTRY: usize = PARENTS * 4;
/// How many nodes' parents are read at once.
const NODES_AT_ONCE: usize = 1 << 12;
/// How many nodes ahead the labels of the layer before are asked for.
const LOOK_AHEAD: usize = 4;

use Step::{Again, Fresh};

/// The first layer: the header, the six parents six times, and the first one once more.
const FIRST_LAYER: [Step; 20] = [
	Fresh(0),
	Fresh(1),
	Fresh(2),
	Fresh(3),
	Again(1),
	Again(2),
	Again(3),
	Again(1),
	Again(2),
	Again(3),
	Again(1),
	Again(2),
	Again(3),
	Again(1),
	Again(2),
	Again(3),
	Again(1),
	Again(2),
	Again(3),
	Fresh(4),
];
/// Other layers: the header, the 14 parents twice, and the first nine once more.
const OTHER_LAYERS: [Step; 20] = [
	Fresh(0),
	Fresh(1),
	Fresh(2),
	Fresh(3),
	Fresh(4),
	Fresh(5),
	Fresh(6),
	Fresh(7),
	Again(1),
	Again(2),
	Again(3),
	Again(4),
	Again(5),
	Again(6),
	Again(7),
	Again(1),
	Again(2),
	Again(3),
	Again(4),
	Fresh(8),
];
/// The first node of a layer: the header alone.
const FIRST_NODE: [Step; 2] = [Fresh(0), Fresh(1)];
/// The first half of the padding of a message that ends with a block.
const END_OF_BLOCK: Node = {
	let mut half = [0; 32];
	half[0] = 0x80;
	half
};

/// A sector whose labels are computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labelled<'a> {
	/// What the labels are bound to.
	pub(crate) replica_id: Node,
	/// Where the labels go, by layer.
	pub(crate) files: &'a [PathBuf],
}

/// Computes and writes all layers of `N` sectors of equal size. `parents` is filecoin-proofs' file of the
/// graph's parents.
pub(crate) fn write_labels<const N: usize>(
	engine: Engine,
	nodes: usize,
	parents: &Path,
	sectors: [Labelled<'_>; N],
) -> Result<(), LabelError> {
	let layers = sectors.first().map_or(0, |sector| sector.files.len());
	let mut before = Layer::<N>::new(nodes);
	let mut now = Layer::<N>::new(nodes);
	for layer in 0..layers {
		let parents = Parents::open(parents)?;
		let number = u32::try_from(layer + 1).unwrap_or(u32::MAX);
		let replica_ids = sectors.map(|sector| sector.replica_id);
		let previous = (layer > 0).then_some(&before);
		compute_layer(engine, parents, number, replica_ids, previous, &mut now)?;
		for (place, sector) in sectors.iter().enumerate() {
			if let Some(path) = sector.files.get(layer) {
				now.write(place, path)
					.map_err(|source| LabelError::new("write", path, source))?;
			}
		}
		std::mem::swap(&mut before, &mut now);
	}
	Ok(())
}

/// Computes the labels of the last of `layers` layers, and hands them out, node by node.
pub(crate) fn last_labels(
	engine: Engine,
	nodes: usize,
	parents: &Path,
	replica_id: Node,
	layers: usize,
	mut take: impl FnMut(&Node) -> io::Result<()>,
) -> Result<(), LabelError> {
	let mut before = Layer::<1>::new(nodes);
	let mut now = Layer::<1>::new(nodes);
	for layer in 0..layers {
		let parents = Parents::open(parents)?;
		let number = u32::try_from(layer + 1).unwrap_or(u32::MAX);
		let previous = (layer > 0).then_some(&before);
		compute_layer(engine, parents, number, [replica_id], previous, &mut now)?;
		std::mem::swap(&mut before, &mut now);
	}
	for node in 0..nodes {
		take(before.get(node, 0))
			.map_err(|source| LabelError::new("use the labels for", parents, source))?;
	}
	Ok(())
}

/// A layer's labels in `N` sectors. What belongs to one node lies together, so that two sectors cost no more
/// cache lines than one.
struct Layer<const N: usize> {
	labels: Vec<Label>,
	/// Where the first node is, so that no two labels of a node are on different cache lines.
	first: usize,
}

/// A label, for which `align` sees to it that it is on one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Label(Node);

impl<const N: usize> Layer<N> {
	fn new(nodes: usize) -> Self {
		let labels = vec![Label([0; 32]); nodes * N + 1];
		let first = labels.as_ptr().addr() / 32 % N;
		Self { labels, first }
	}

	fn nodes(&self) -> usize {
		(self.labels.len() - 1) / N
	}

	#[inline]
	fn get(&self, node: usize, sector: usize) -> &Node {
		&self.labels[self.first + node * N + sector].0
	}

	#[inline]
	fn set(&mut self, node: usize, sector: usize, label: Node) {
		self.labels[self.first + node * N + sector].0 = label;
	}

	/// Writes a sector's file so that it is there in full or not at all.
	fn write(&self, sector: usize, path: &Path) -> io::Result<()> {
		let temporary = path.with_extension("new");
		let mut writer = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
		for node in 0..self.nodes() {
			writer.write_all(self.get(node, sector))?;
		}
		writer.into_inner()?;
		fs::rename(&temporary, path)
	}
}

/// Computes a layer.
fn compute_layer<const N: usize>(
	engine: Engine,
	mut parents: Parents,
	layer: u32,
	replica_ids: [Node; N],
	before: Option<&Layer<N>>,
	now: &mut Layer<N>,
) -> Result<(), LabelError> {
	let mut scratch = Scratch::<N>::new();
	let (steps, pairs, last) = match before {
		None => (&FIRST_LAYER, OWN_PARENTS / 2, 0),
		Some(_) => (&OTHER_LAYERS, PARENTS / 2, 8),
	};
	let mut header = [0; 32];
	header[..4].copy_from_slice(&layer.to_be_bytes());
	let (alone, with_parents) = (length(64), length(64 + 37 * 32));
	let mut number: u64 = 0;
	let mut first = 0;
	while first < now.nodes() {
		let entries = parents.next(NODES_AT_ONCE.min(now.nodes() - first))?;
		for (at, entry) in entries.iter().enumerate() {
			header[4..12].copy_from_slice(&number.to_be_bytes());
			let labels = if number == 0 {
				let blocks = [
					replica_ids.each_ref().map(|id| [id, &header]),
					[[&END_OF_BLOCK, &alone]; N],
				];
				engine.hash(&FIRST_NODE, &blocks, &mut scratch)
			} else {
				let expanded = before.unwrap_or(now);
				if let Some(ahead) = entries.get(at + LOOK_AHEAD) {
					for parent in &ahead.0[..OWN_PARENTS] {
						engine.prefetch(now.get(*parent as usize, 0));
					}
					for parent in &ahead.0[OWN_PARENTS..2 * pairs] {
						engine.prefetch(expanded.get(*parent as usize, 0));
					}
				}
				let mut blocks = [[[&header; 2]; N]; sha256::MOST_BLOCKS];
				for sector in 0..N {
					let label = |place: usize| {
						let layer = if place < OWN_PARENTS { &*now } else { expanded };
						layer.get(entry.0[place] as usize, sector)
					};
					blocks[0][sector] = [&replica_ids[sector], &header];
					for pair in 0..pairs {
						blocks[1 + pair][sector] = [label(2 * pair), label(2 * pair + 1)];
					}
					blocks[1 + pairs][sector] = [label(last), &with_parents];
				}
				engine.hash(steps, &blocks, &mut scratch)
			};
			for (sector, mut label) in labels.into_iter().enumerate() {
				// So that it is a field element.
				label[31] &= 0x3f;
				now.set(first + at, sector, label);
			}
			number += 1;
		}
		first += entries.len();
	}
	Ok(())
}

/// The second half of a message's last block, which tells the message's length.
const fn length(bytes: u64) -> Node {
	let mut half = [0; 32];
	if !bytes.is_multiple_of(64) {
		// The first half is the message's end.
		half[0] = 0x80;
	}
	let [.., high, low] = (bytes * 8).to_be_bytes();
	half[30] = high;
	half[31] = low;
	half
}

/// A node's parents.
#[derive(Clone, Copy)]
struct Entry([u32; PARENTS]);

/// The graph's parents, node by node.
struct Parents {
	path: PathBuf,
	file: File,
	bytes: Vec<u8>,
	entries: Vec<Entry>,
}

impl Parents {
	fn open(path: &Path) -> Result<Self, LabelError> {
		Ok(Self {
			path: path.to_owned(),
			file: File::open(path).map_err(|source| LabelError::new("open", path, source))?,
			bytes: Vec::new(),
			entries: Vec::new(),
		})
	}

	/// The next `count` nodes' parents.
	fn next(&mut self, count: usize) -> Result<&[Entry], LabelError> {
		self.bytes.resize(count.saturating_mul(ENTRY), 0);
		self.file
			.read_exact(&mut self.bytes)
			.map_err(|source| LabelError::new("read", &self.path, source))?;
		self.entries.clear();
		for bytes in self.bytes.as_chunks::<ENTRY>().0 {
			let mut entry = [0; PARENTS];
			for (parent, bytes) in entry.iter_mut().zip(bytes.as_chunks::<4>().0) {
				*parent = u32::from_le_bytes(*bytes);
			}
			self.entries.push(Entry(entry));
		}
		Ok(&self.entries)
	}
}

/// Why there are no labels.
#[derive(Debug)]
pub(crate) struct LabelError {
	/// What was tried.
	pub(crate) action: &'static str,
	/// With which file.
	pub(crate) path: PathBuf,
	/// Why it failed.
	pub(crate) source: io::Error,
}

impl LabelError {
	fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
		Self {
			action,
			path: path.to_owned(),
			source,
		}
	}
}

#[cfg(test)]
mod tests;
