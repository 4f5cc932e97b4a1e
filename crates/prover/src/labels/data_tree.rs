//! The binary tree over a sector's data.

use std::{
	fs::{self, File},
	io::{self, BufReader, BufWriter, Read, Write},
	path::Path,
};

use super::{
	length,
	sha256::{Engine, Node, Scratch, Step},
	END_OF_BLOCK,
};

/// How many hashes are computed side by side.
const SIDE_BY_SIDE: usize = 2;
/// The pair of nodes, and the padding, which is the same for all.
const STEPS: [Step; 2] = [Step::Fresh(0), Step::Again(1)];

/// Writes the tree over a file of `leaves` nodes, a power of two of at least 2: the leaves, then every row
/// above them, the root last. Returns the root.
pub(crate) fn write_data_tree(
	engine: Engine,
	leaves: usize,
	data: &Path,
	tree: &Path,
) -> io::Result<Node> {
	let mut reader = BufReader::with_capacity(1 << 20, File::open(data)?);
	let temporary = tree.with_extension("new");
	let mut writer = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
	let mut hasher = Pairs::new(engine);
	let mut row = Vec::with_capacity(leaves / 2);
	let mut read = 0;
	while read < leaves {
		let mut nodes = [[0; 32]; 2 * SIDE_BY_SIDE];
		let count = nodes.len().min(leaves - read);
		reader.read_exact(nodes[..count].as_flattened_mut())?;
		writer.write_all(nodes[..count].as_flattened())?;
		hasher.hash(&nodes[..count], &mut row);
		read += count;
	}
	loop {
		writer.write_all(row.as_flattened())?;
		if row.len() <= 1 {
			break;
		}
		let mut above = Vec::with_capacity(row.len() / 2);
		for nodes in row.chunks(2 * SIDE_BY_SIDE) {
			hasher.hash(nodes, &mut above);
		}
		row = above;
	}
	writer.into_inner()?;
	fs::rename(&temporary, tree)?;
	row.first()
		.copied()
		.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Hashes pairs of nodes.
struct Pairs {
	engine: Engine,
	scratch: Scratch<SIDE_BY_SIDE>,
}

impl Pairs {
	fn new(engine: Engine) -> Self {
		let mut scratch = Scratch::new();
		// Prepares the padding once and for all.
		let length = length(64);
		let padding = [[[&END_OF_BLOCK, &length]; SIDE_BY_SIDE]; 2];
		engine.hash(&[Step::Fresh(1)], &padding, &mut scratch);
		Self { engine, scratch }
	}

	/// Appends the hashes of up to [`SIDE_BY_SIDE`] pairs.
	fn hash(&mut self, nodes: &[Node], row: &mut Vec<Node>) {
		let (pairs, _) = nodes.as_chunks::<2>();
		let blocks = [std::array::from_fn(|at| match pairs.get(at) {
			Some([left, right]) => [left, right],
			None => [&END_OF_BLOCK; 2],
		})];
		let hashes = self.engine.hash(&STEPS, &blocks, &mut self.scratch);
		for mut hash in hashes.into_iter().take(pairs.len()) {
			hash[31] &= 0x3f;
			row.push(hash);
		}
	}
}
