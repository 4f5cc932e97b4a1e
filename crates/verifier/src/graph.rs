//! The graph that orders sealing: a depth-robust graph within each layer, an expander between
//! layers.
//!
//! Both depend on the `porep_id` only. API versions 1.1.0 and later; the older order of parents is
//! not supported.

use blake2::{Blake2b512, Digest as _};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha8Rng,
};
use sha2::Sha256;

use crate::{
	error::StatementError,
	parameters::{DRG_PARENTS, EXPANDER_PARENTS},
};

/// Nodes of the metagraph behind each node of the depth-robust graph.
const METAGRAPH_FACTOR: u64 = 5;
const FEISTEL_ROUNDS: usize = 3;
/// The permutation's domain is at most four times what is needed, in practice twice: a walk of this
/// length has a probability of 2^-1024 with the production sizes and does not exist for 2 KiB,
/// whose domain is 1024.
const MAX_WALK: usize = 1024;
/// Nodes are counted with 32 bits where they seed the depth-robust graph.
const MAX_NODES: u64 = 1 << 32;

/// The graph of one sector size and `porep_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
	nodes: u64,
	drg_seed: [u8; 28],
	feistel_keys: [u64; FEISTEL_ROUNDS],
	/// Half the bits of the permutation's domain.
	half_bits: u32,
}

impl Graph {
	/// The graph over `nodes` nodes, of which there are at most 2^32.
	pub fn new(nodes: u64, porep_id: &[u8; 32]) -> Self {
		let nodes = nodes.min(MAX_NODES);
		let seed: [u8; 32] = domain_seed(b"Filecoin_DRSample", porep_id);
		let mut drg_seed = [0; 28];
		drg_seed.copy_from_slice(&seed[..28]);
		let keys: [u8; 32] = domain_seed(b"Filecoin_Feistel", porep_id);
		let mut feistel_keys = [0; FEISTEL_ROUNDS];
		for (key, bytes) in feistel_keys.iter_mut().zip(keys.chunks_exact(8)) {
			*key = bytes
				.iter()
				.rev()
				.fold(0, |value, byte| value << 8 | u64::from(*byte));
		}
		let edges = nodes.saturating_mul(EXPANDER_PARENTS as u64);
		// The smallest power of four, at least four, that is not below the number of edges.
		let half_bits = ceil_log2(edges).div_ceil(2).max(1);
		Self {
			nodes,
			drg_seed,
			feistel_keys,
			half_bits,
		}
	}

	/// The parents of `node` in its own layer; the first is its predecessor. All zero for a node
	/// that is not in the graph.
	pub fn drg_parents(&self, node: u64) -> [u64; DRG_PARENTS] {
		let mut parents = [0; DRG_PARENTS];
		// The first node has no parents and the second has one only.
		if node < 2 || node >= self.nodes {
			return parents;
		}
		let mut seed = [0; 32];
		seed[..28].copy_from_slice(&self.drg_seed);
		seed[28..].copy_from_slice(&node.to_le_bytes()[..4]);
		let mut rng = ChaCha8Rng::from_seed(seed);
		let metagraph_node = node * METAGRAPH_FACTOR;
		let buckets = u64::from(ceil_log2(metagraph_node));
		parents[0] = node - 1;
		for parent in parents.iter_mut().skip(1) {
			let bucket = rng.next_u64() % buckets + 1;
			let largest = metagraph_node.min(1 << bucket);
			let smallest = (largest >> 1).max(2);
			let distance = smallest + rng.next_u64() % (largest - smallest + 1);
			// `distance` is at most `largest`, which is at most the node.
			let mapped = (metagraph_node - distance) / METAGRAPH_FACTOR;
			*parent = if mapped == node { node - 1 } else { mapped };
		}
		parents
	}

	/// The parents of `node` in the layer before. A node that is not in the graph has none.
	pub fn expander_parents(&self, node: u64) -> Result<[u64; EXPANDER_PARENTS], StatementError> {
		if node >= self.nodes {
			return Err(StatementError::GraphWalk);
		}
		let mut parents = [0; EXPANDER_PARENTS];
		let first = node * EXPANDER_PARENTS as u64;
		for (edge, parent) in (first..).zip(parents.iter_mut()) {
			*parent = self.permute(edge)? / EXPANDER_PARENTS as u64;
		}
		Ok(parents)
	}

	/// A permutation of the edges: a Feistel network over a domain that may be too large, applied
	/// until the result is an edge again.
	fn permute(&self, edge: u64) -> Result<u64, StatementError> {
		let edges = self.nodes.saturating_mul(EXPANDER_PARENTS as u64);
		let mut value = edge;
		for _ in 0..MAX_WALK {
			value = self.feistel(value);
			if value < edges {
				return Ok(value);
			}
		}
		Err(StatementError::GraphWalk)
	}

	fn feistel(&self, value: u64) -> u64 {
		let mask = (1u64 << self.half_bits) - 1;
		let (mut left, mut right) = (value >> self.half_bits & mask, value & mask);
		for key in self.feistel_keys {
			let mut hasher = Blake2b512::new();
			hasher.update(right.to_be_bytes());
			hasher.update(key.to_be_bytes());
			let hash = hasher.finalize();
			let round = hash
				.iter()
				.take(8)
				.fold(0, |value, byte| value << 8 | u64::from(*byte));
			(left, right) = (right, left ^ (round & mask));
		}
		left << self.half_bits | right
	}
}

fn domain_seed(domain: &[u8], porep_id: &[u8; 32]) -> [u8; 32] {
	let mut hasher = Sha256::new();
	hasher.update(domain);
	hasher.update(porep_id);
	hasher.finalize().into()
}

/// The smallest `n` with `2^n >= value`; 0 for 0.
fn ceil_log2(value: u64) -> u32 {
	match value {
		0 | 1 => 0,
		_ => u64::BITS - (value - 1).leading_zeros(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::collections::BTreeSet;

	#[test]
	fn ceil_log2_is_exact_around_powers_of_two() {
		assert_eq!([0, 1, 2, 3, 4, 5].map(ceil_log2), [0, 0, 1, 2, 2, 3]);
		for bits in 2..63 {
			assert_eq!(ceil_log2((1 << bits) - 1), bits);
			assert_eq!(ceil_log2(1 << bits), bits);
			assert_eq!(ceil_log2((1 << bits) + 1), bits + 1);
		}
	}

	#[test]
	fn parents_come_before_their_node_and_the_first_is_the_predecessor() {
		let graph = Graph::new(64, &[9; 32]);
		for node in 1..64 {
			let parents = graph.drg_parents(node);
			assert_eq!(parents[0], node - 1);
			assert!(parents.iter().all(|parent| *parent < node));
		}
		assert_eq!(graph.drg_parents(0), [0; DRG_PARENTS]);
	}

	#[test]
	fn the_expander_is_a_permutation_of_the_edges() {
		// 64 nodes need a walk (512 edges in a domain of 1024), 32 do not (256 of 256).
		for nodes in [32, 64] {
			let graph = Graph::new(nodes, &[7; 32]);
			let edges: BTreeSet<u64> = (0..nodes * 8)
				.map(|edge| graph.permute(edge).expect("within the bound"))
				.collect();
			assert_eq!(edges.len() as u64, nodes * 8);
			assert_eq!(edges.last(), Some(&(nodes * 8 - 1)));
		}
	}

	#[test]
	fn a_walk_that_cannot_end_is_given_up() {
		let graph = Graph {
			nodes: 0,
			..Graph::new(64, &[7; 32])
		};
		assert_eq!(graph.permute(0), Err(StatementError::GraphWalk));
	}

	#[test]
	fn nodes_outside_the_graph_have_no_parents() {
		for nodes in [0, 1, 2, 64, MAX_NODES, u64::MAX] {
			let graph = Graph::new(nodes, &[7; 32]);
			let beyond = nodes.min(MAX_NODES);
			// The second times five is one, modulo 2^64.
			for node in [beyond, 0xcccc_cccc_cccc_cccd, u64::MAX / 5, u64::MAX] {
				assert_eq!(graph.drg_parents(node), [0; DRG_PARENTS]);
				assert_eq!(graph.expander_parents(node), Err(StatementError::GraphWalk));
			}
			if let Some(last) = beyond.checked_sub(1) {
				assert_eq!(graph.drg_parents(last)[0], last.saturating_sub(1));
				assert!(graph.expander_parents(last).is_ok());
			}
		}
	}
}
