//! Which nodes a proof must open. The prover cannot choose them: they are hashes of what it
//! committed to and of randomness that it did not know then.

use sha2::{Digest, Sha256};

/// The node that challenge `index` (counted over all partitions) of a proof of replication opens.
/// Never the first node, which has no parents. `nodes` must be at least 2 and below 2^56; with
/// fewer there is no challenge to make, and node 1 is named.
pub fn porep(replica_id: &[u8; 32], seed: &[u8; 32], index: u32, nodes: u64) -> u64 {
	let mut hasher = Sha256::new();
	hasher.update(replica_id);
	hasher.update(seed);
	hasher.update(index.to_le_bytes());
	let hash = hasher.finalize();
	let modulus = nodes.saturating_sub(1).max(1);
	// The hash is a little-endian number of 256 bits.
	let remainder = hash.iter().rev().fold(0u64, |remainder, byte| {
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
	fn challenges_stay_within_the_sector_and_spare_the_first_node() {
		for index in 0..512 {
			let node = porep(&[1; 32], &[2; 32], index, 64);
			assert!((1..64).contains(&node));
			assert!(window_post(&[1; 32], 3, u64::from(index), 64) < 64);
		}
	}

	#[test]
	fn degenerate_sectors_do_not_divide_by_zero() {
		assert_eq!(porep(&[0; 32], &[0; 32], 0, 0), 1);
		assert_eq!(porep(&[0; 32], &[0; 32], 0, 1), 1);
		assert_eq!(window_post(&[0; 32], 0, 0, 0), 0);
	}
}
