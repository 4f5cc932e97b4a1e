//! Hashing in CommP's trees: SHA-256 of two nodes, with the two highest bits of the last byte cleared.

use std::sync::OnceLock;

use crate::{sha256::Engine, Digest};

/// Tree levels up to 2^63 bytes.
const LEVELS: usize = 59;

/// The parent of two nodes.
pub fn parent(left: &Digest, right: &Digest) -> Digest {
	let mut parent = [[0; 32]];
	hash_level(&[*left, *right], &mut parent);
	let [parent] = parent;
	parent
}

/// The parents of nodes, half as many.
pub fn hash_level(nodes: &[Digest], parents: &mut [Digest]) {
	hash_level_with(Engine::fastest(), nodes, parents);
}

/// The parents of nodes, half as many, by a certain engine.
pub fn hash_level_with(engine: Engine, nodes: &[Digest], parents: &mut [Digest]) {
	let (pairs, _) = nodes.as_flattened().as_chunks::<64>();
	engine.hash_pairs(pairs, parents);
	for parent in parents {
		parent[31] &= 0x3f;
	}
}

/// The root of a tree of zeros with 2^`level` leaves.
pub fn zero_node(level: u32) -> Digest {
	static ZEROS: OnceLock<[Digest; LEVELS]> = OnceLock::new();
	let zeros = ZEROS.get_or_init(|| {
		let mut nodes = [[0; 32]; LEVELS];
		for level in 1..LEVELS {
			nodes[level] = parent(&nodes[level - 1], &nodes[level - 1]);
		}
		nodes
	});
	let level = usize::try_from(level).unwrap_or(usize::MAX).min(LEVELS - 1);
	zeros[level]
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::sha256;

	fn nodes(count: u8) -> Vec<Digest> {
		(0..count).map(|index| sha256(&[index])).collect()
	}

	#[test]
	fn a_parent_is_the_truncated_sha256_of_its_children() {
		let pair = nodes(2);
		let mut expected = sha256(pair.as_flattened());
		expected[31] &= 0x3f;
		assert_eq!(parent(&pair[0], &pair[1]), expected);
	}

	#[test]
	fn a_level_is_hashed_pair_by_pair() {
		for count in [2, 4, 6, 10, 14, 64, 94] {
			let children = nodes(count);
			for engine in Engine::available() {
				let mut level = vec![[0; 32]; children.len() / 2];
				hash_level_with(engine, &children, &mut level);
				for (index, pair) in children.chunks(2).enumerate() {
					assert_eq!(level[index], parent(&pair[0], &pair[1]), "{count}: {index}");
				}
			}
		}
	}

	#[test]
	fn zero_nodes_are_roots_of_zeros() {
		assert_eq!(zero_node(0), [0; 32]);
		assert_eq!(zero_node(1), parent(&[0; 32], &[0; 32]));
		// Filecoin's well-known commitment of an empty 2 KiB sector.
		assert_eq!(
			const_hex::encode(zero_node(6)),
			"fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833"
		);
	}
}
