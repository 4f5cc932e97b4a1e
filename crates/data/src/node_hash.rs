//! Hashing in CommP's trees: SHA-256 of two nodes, with the two highest bits of the last byte cleared.

use sha2::digest::generic_array::GenericArray;
use std::sync::OnceLock;

use crate::{node_hash_x86, Digest};

/// SHA-256's initial state.
pub(crate) const INITIAL: [u32; 8] = [
	0x6a09_e667,
	0xbb67_ae85,
	0x3c6e_f372,
	0xa54f_f53a,
	0x510e_527f,
	0x9b05_688c,
	0x1f83_d9ab,
	0x5be0_cd19,
];

/// The second block of every hash of 64 bytes: the end mark and the length, 512 bits.
const PADDING: [u8; 64] = {
	let mut block = [0; 64];
	block[0] = 0x80;
	block[62] = 2;
	block
};

/// Tree levels up to 2^63 bytes.
const LEVELS: usize = 59;

/// The parent of two nodes.
pub fn parent(left: &Digest, right: &Digest) -> Digest {
	let mut pair = [[0; 32]; 2];
	pair[0] = *left;
	pair[1] = *right;
	let mut parent = hash_64(
		pair.as_flattened()
			.as_array()
			.expect("two nodes are 64 bytes; qed"),
	);
	parent[31] &= 0x3f;
	parent
}

/// Replaces the `2n` nodes at the beginning by their `n` parents, which take the first `n` places.
pub fn hash_level(nodes: &mut [Digest]) {
	let parents = nodes.len() / 2;
	let mut done = 0;
	if node_hash_x86::available() {
		while done + 2 <= parents {
			let hashes = {
				let (pairs, _) = nodes[done * 2..done * 2 + 4]
					.as_flattened()
					.as_chunks::<64>();
				node_hash_x86::hash_two(&pairs[0], &pairs[1])
			};
			for (offset, mut hash) in hashes.into_iter().enumerate() {
				hash[31] &= 0x3f;
				nodes[done + offset] = hash;
			}
			done += 2;
		}
	}
	for index in done..parents {
		nodes[index] = parent(&nodes[index * 2], &nodes[index * 2 + 1]);
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

fn hash_64(input: &[u8; 64]) -> Digest {
	let mut state = INITIAL;
	sha2::compress256(
		&mut state,
		&[
			GenericArray::clone_from_slice(input),
			GenericArray::clone_from_slice(&PADDING),
		],
	);
	let mut hash = [0; 32];
	for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(state) {
		*bytes = word.to_be_bytes();
	}
	hash
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
		for count in [2, 4, 6, 10, 64] {
			let children = nodes(count);
			let mut level = children.clone();
			hash_level(&mut level);
			for (index, pair) in children.chunks(2).enumerate() {
				assert_eq!(level[index], parent(&pair[0], &pair[1]), "{count}: {index}");
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
