//! Which nodes a proof must open. The prover cannot choose them: they are hashes of what it
//! committed to and of randomness that it did not know then.

use blake2::{
	digest::{consts::U32, Mac},
	Blake2bMac,
};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};
use sha2::{Digest, Sha256};

/// How many nodes a synthetic proof of replication chooses its challenges from, at most.
pub const SYNTHETIC_CANDIDATES: u64 = 1 << 18;
const GENERATION: &[u8] = b"filecoin.io|PoRep|1|Synthetic|1|Generation";
const SELECTION: &[u8] = b"filecoin.io|PoRep|1|Synthetic|1|Selection";
const NONCE: [u8; 12] = *b"synth-porep\0";

/// The node that challenge `index` (counted over all partitions) of a proof of replication opens.
/// Never the first node, which has no parents. `nodes` must be at least 2 and below 2^56; with
/// fewer there is no challenge to make, and node 1 is named.
pub fn porep(replica_id: &[u8; 32], seed: &[u8; 32], index: u32, nodes: u64) -> u64 {
	let mut hasher = Sha256::new();
	hasher.update(replica_id);
	hasher.update(seed);
	hasher.update(index.to_le_bytes());
	with_parents(&hasher.finalize(), nodes)
}

/// The same for a synthetic proof of replication (FIP-0059). Its challenges are some of
/// [`SYNTHETIC_CANDIDATES`] nodes that follow from the replica, so that all that can be asked for
/// fits in a small file and the layers can be deleted before the seed is known.
pub fn synthetic_porep(
	replica_id: &[u8; 32],
	comm_r: &[u8; 32],
	seed: &[u8; 32],
	index: u32,
	nodes: u64,
) -> u64 {
	let candidates = nodes.clamp(1, SYNTHETIC_CANDIDATES);
	let mut chosen = [0; 4];
	stream(SELECTION, replica_id, seed, index.into(), &mut chosen);
	let chosen = u64::from(u32::from_le_bytes(chosen)) % candidates;
	let mut candidate = [0; 32];
	stream(GENERATION, replica_id, comm_r, chosen, &mut candidate);
	with_parents(&candidate, nodes)
}

/// Item `index` of a stream of items as long as `item`: ChaCha20 (RFC 8439) whose key is a BLAKE2b
/// hash of both values.
fn stream(domain: &[u8], first: &[u8; 32], second: &[u8; 32], index: u64, item: &mut [u8]) {
	// The domains are shorter than the longest key, 64 bytes.
	let Ok(mut hasher) = Blake2bMac::<U32>::new_from_slice(domain) else {
		return;
	};
	hasher.update(first);
	hasher.update(second);
	let mut stream = ChaCha20Rng::from_seed(hasher.finalize().into_bytes().into());
	// The RFC's nonce takes half of what is the counter here, and all of what is the stream's number.
	let [a, b, c, d, rest @ ..] = NONCE;
	let block = u128::from(u32::from_le_bytes([a, b, c, d])) << 32;
	stream.set_stream(u64::from_le_bytes(rest));
	stream.set_word_pos((block << 4) + u128::from(index) * (item.len() as u128 / 4));
	stream.fill_bytes(item);
}

/// A little-endian number as a node with parents: any but the first.
fn with_parents(number: &[u8], nodes: u64) -> u64 {
	let modulus = nodes.saturating_sub(1).max(1);
	let remainder = number.iter().rev().fold(0u64, |remainder, byte| {
		((remainder << 8) | u64::from(*byte)) % modulus
	});
	remainder + 1
}

/// The leaf that challenge `index` of a sector opens in a window PoSt. `nodes` must not be 0; with
/// 0, leaf 0 is named.
pub fn window_post(randomness: &[u8; 32], sector_number: u64, index: u64, nodes: u64) -> u64 {
	let mut hasher = Sha256::new();
	hasher.update(randomness);
	hasher.update(sector_number.to_le_bytes());
	hasher.update(index.to_le_bytes());
	let hash = hasher.finalize();
	let value = hash
		.iter()
		.take(8)
		.rev()
		.fold(0, |value, byte| value << 8 | u64::from(*byte));
	value % nodes.max(1)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn streams_have_items_side_by_side() {
		let mut together = [0; 96];
		stream(GENERATION, &[1; 32], &[2; 32], 0, &mut together);
		for (index, expected) in (0..).zip(together.chunks(32)) {
			let mut item = [0; 32];
			stream(GENERATION, &[1; 32], &[2; 32], index, &mut item);
			assert_eq!(item, expected);
		}
	}

	#[test]
	fn challenges_stay_within_the_sector_and_spare_the_first_node() {
		for index in 0..512 {
			let node = porep(&[1; 32], &[2; 32], index, 64);
			assert!((1..64).contains(&node));
			let node = synthetic_porep(&[1; 32], &[2; 32], &[3; 32], index, 64);
			assert!((1..64).contains(&node));
			assert!(window_post(&[1; 32], 3, u64::from(index), 64) < 64);
		}
	}

	#[test]
	fn degenerate_sectors_do_not_divide_by_zero() {
		assert_eq!(porep(&[0; 32], &[0; 32], 0, 0), 1);
		assert_eq!(porep(&[0; 32], &[0; 32], 0, 1), 1);
		for nodes in [0, 1] {
			assert_eq!(synthetic_porep(&[0; 32], &[0; 32], &[0; 32], 0, nodes), 1);
		}
		assert_eq!(window_post(&[0; 32], 0, 0, 0), 0);
	}
}
