//! The engines against SHA-256 itself, and one sector against two. That the files are those of
//! filecoin-proofs is tested with whole sectors.
#![allow(clippy::unwrap_used)]

use super::*;
use holdfast_primitives::piece::hash_nodes;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn engines() -> Vec<Engine> {
	let mut engines = vec![Engine::Portable];
	if Engine::detect() != Engine::Portable {
		engines.push(Engine::detect());
	}
	engines
}

proptest! {
	#[test]
	fn every_engine_hashes_any_number_of_messages(halves in proptest::collection::vec(any::<Node>(), 12)) {
		let end = length(64 + 64 + 64 + 32);
		// Two messages of four blocks, of which the second one comes twice.
		let (first, second) = halves.split_at(6);
		let blocks = [
			[[&first[0], &first[1]], [&second[0], &second[1]]],
			[[&first[2], &first[3]], [&second[2], &second[3]]],
			[[&first[4], &end], [&second[4], &end]],
		];
		let steps = [Fresh(0), Fresh(1), Again(1), Fresh(2)];
		let expected = [first, second].map(|message| {
			let bytes = [0, 1, 2, 3, 2, 3, 4].map(|half| message[half]).concat();
			Node::from(Sha256::digest(&bytes))
		});
		for engine in engines() {
			prop_assert_eq!(engine.hash(&steps, &blocks, &mut Scratch::<2>::new()), expected);
			let alone = blocks.map(|[_, second]| [second]);
			let second = engine.hash(&steps, &alone, &mut Scratch::<1>::new());
			prop_assert_eq!(second, [expected[1]]);
		}
	}
}

/// A graph of `nodes` nodes: any parents before the node, the direct predecessor first.
fn graph(nodes: u32) -> Vec<u8> {
	let mut bytes = Vec::new();
	let mut random = 1u32;
	for node in 0..nodes {
		for place in 0..14 {
			random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
			let parent = match (node, place) {
				(0, _) => 0,
				(_, 0) => node - 1,
				(_, 1..6) => (random >> 8) % node,
				_ => (random >> 8) % nodes,
			};
			bytes.extend(parent.to_le_bytes());
		}
	}
	bytes
}

/// The labels by their definition, node by node.
fn labels_by_definition(nodes: u32, parents: &[u8], replica_id: Node) -> Vec<Vec<Node>> {
	let mut layers: Vec<Vec<Node>> = Vec::new();
	for layer in 1..=2u32 {
		let mut labels: Vec<Node> = Vec::new();
		for node in 0..nodes {
			let entry: Vec<usize> = parents[node as usize * ENTRY..][..ENTRY]
				.chunks(4)
				.map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()) as usize)
				.collect();
			let mut hasher = Sha256::new();
			hasher.update(replica_id);
			hasher.update(layer.to_be_bytes());
			hasher.update(u64::from(node).to_be_bytes());
			hasher.update([0; 20]);
			if node > 0 {
				for place in 0..37 {
					let place = if layer == 1 { place % 6 } else { place % 14 };
					hasher.update(if place < 6 {
						labels[entry[place]]
					} else {
						layers[0][entry[place]]
					});
				}
			}
			let mut label = Node::from(hasher.finalize());
			label[31] &= 0x3f;
			labels.push(label);
		}
		layers.push(labels);
	}
	layers
}

#[test]
fn one_sector_and_two_have_the_same_labels_on_every_engine() {
	const NODES: u32 = 300;
	let folder = tempfile::tempdir().unwrap();
	let parents = folder.path().join("parents");
	fs::write(&parents, graph(NODES)).unwrap();
	let files = |name: &str| [1, 2].map(|layer| folder.path().join(format!("{name}-{layer}.dat")));
	let sector = |id, files| Labelled {
		replica_id: [id; 32],
		files,
	};
	let expected = [1, 2].map(|id| labels_by_definition(NODES, &graph(NODES), [id; 32]));
	let same = |files: &[PathBuf; 2], expected: &[Vec<Node>]| {
		files
			.iter()
			.zip(expected)
			.all(|(file, labels)| fs::read(file).unwrap() == labels.as_flattened())
	};
	let (first, second) = (files("first"), files("second"));
	for engine in engines() {
		write_labels(engine, 300, &parents, [sector(1, &first)]).unwrap();
		assert!(same(&first, &expected[0]), "{engine:?}");
		fs::remove_file(&first[0]).unwrap();
		let both = [sector(1, &first), sector(2, &second)];
		write_labels(engine, 300, &parents, both).unwrap();
		assert!(
			same(&first, &expected[0]) && same(&second, &expected[1]),
			"{engine:?}"
		);
	}
}

#[test]
fn the_data_tree_is_that_of_the_pieces_hash() {
	let folder = tempfile::tempdir().unwrap();
	let (data, tree) = (folder.path().join("data"), folder.path().join("tree.dat"));
	for leaves in [2usize, 4, 64] {
		let nodes: Vec<Node> = (0..leaves)
			.map(|at| [u8::try_from(at).unwrap(); 32])
			.collect();
		fs::write(&data, nodes.as_flattened()).unwrap();
		let mut expected = nodes.clone();
		let mut row = nodes;
		while row.len() > 1 {
			row = row
				.chunks(2)
				.map(|pair| hash_nodes(&pair[0], &pair[1]))
				.collect();
			expected.extend(&row);
		}
		for engine in engines() {
			let root = write_data_tree(engine, leaves, &data, &tree).unwrap();
			assert_eq!(root, row[0]);
			assert!(fs::read(&tree).unwrap() == expected.as_flattened());
		}
	}
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
	let folder = tempfile::tempdir().unwrap();
	let parents = folder.path().join("parents");
	let files = [folder.path().join("no/layer.dat")];
	let write = || {
		let sector = Labelled {
			replica_id: [1; 32],
			files: &files,
		};
		write_labels(Engine::detect(), 8, &parents, [sector]).unwrap_err()
	};
	let error = write();
	assert_eq!((error.action, error.path), ("open", parents.clone()));
	fs::write(&parents, &graph(8)[..100]).unwrap();
	let error = write();
	assert_eq!((error.action, error.path), ("read", parents.clone()));
	fs::write(&parents, graph(8)).unwrap();
	let error = write();
	assert_eq!((error.action, &error.path), ("write", &files[0]));
}
