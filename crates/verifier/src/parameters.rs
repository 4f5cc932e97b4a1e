//! Filecoin's parameters for each sector size. They are part of the circuits: a key is for one row
//! of this table.

use crate::error::StatementError;

/// The bytes of a node.
pub const NODE_BYTES: u64 = 32;
/// How many parents a node has in its own layer.
pub const DRG_PARENTS: usize = 6;
/// How many parents a node has in the layer before.
pub const EXPANDER_PARENTS: usize = 8;
/// How many leaves of each sector a window PoSt challenges.
pub const WINDOW_POST_CHALLENGES: u64 = 10;
/// Public inputs of a proof of replication before its challenges: replica, data and sealed
/// commitment.
pub const POREP_FIXED_INPUTS: usize = 3;
/// Public inputs for each challenge: the node itself in three trees and as a label, and its
/// parents.
pub const POREP_INPUTS_PER_CHALLENGE: usize = 4 + DRG_PARENTS + EXPANDER_PARENTS;
/// Public inputs for each sector of a window PoSt: its commitment and the challenged leaves.
pub const WINDOW_POST_INPUTS_PER_SECTOR: usize = 11;

/// Public inputs of an update of an empty sector.
pub const UPDATE_INPUTS: usize = 4;

/// The parameters of the circuits for one sector size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
	/// The sector's size in bytes.
	pub sector_bytes: u64,
	/// Layers of labels. The statement does not depend on them, the circuit (and so the key) does.
	pub layers: usize,
	/// Groth16 proofs in one proof of replication.
	pub porep_partitions: u32,
	/// Challenges in each of them.
	pub porep_challenges: u32,
	/// Sectors that one window PoSt proves.
	pub window_post_sectors: usize,
	/// Groth16 proofs in one proof of an update of an empty sector, a power of two.
	pub update_partitions: u32,
	/// Which of an update circuit's six numbers of high bits is taken from a challenge, as a bit.
	pub update_selection: u64,
}

const fn test_network(
	sector_bytes: u64,
	update_partitions: u32,
	update_selection: u64,
) -> Parameters {
	Parameters {
		sector_bytes,
		layers: 2,
		porep_partitions: 1,
		porep_challenges: 2,
		window_post_sectors: 2,
		update_partitions,
		update_selection,
	}
}

const fn production(sector_bytes: u64, window_post_sectors: usize) -> Parameters {
	Parameters {
		sector_bytes,
		layers: 11,
		porep_partitions: 10,
		porep_challenges: 18,
		window_post_sectors,
		update_partitions: 16,
		update_selection: 1 << 3,
	}
}

/// Every supported size, the smallest first.
pub const ALL: [Parameters; 5] = [
	test_network(2 << 10, 1, 1),
	test_network(8 << 20, 4, 1 << 3),
	test_network(512 << 20, 16, 1 << 3),
	production(32 << 30, 2349),
	production(64 << 30, 2300),
];

impl Parameters {
	/// The parameters for sectors of exactly `sector_bytes` bytes.
	pub fn of(sector_bytes: u64) -> Result<Self, StatementError> {
		ALL.into_iter()
			.find(|parameters| parameters.sector_bytes == sector_bytes)
			.ok_or(StatementError::UnknownSectorSize(sector_bytes))
	}

	/// How many nodes a sector has.
	pub const fn nodes(&self) -> u64 {
		self.sector_bytes / NODE_BYTES
	}

	/// Public inputs of each Groth16 proof of a proof of replication.
	pub const fn porep_inputs(&self) -> usize {
		POREP_FIXED_INPUTS + POREP_INPUTS_PER_CHALLENGE * self.porep_challenges as usize
	}

	/// Public inputs of a window PoSt.
	pub const fn window_post_inputs(&self) -> usize {
		WINDOW_POST_INPUTS_PER_SECTOR * self.window_post_sectors
	}

	/// Whether the circuits have enough layers and challenges to be sound; `false` means test
	/// networks only.
	pub const fn is_sound(&self) -> bool {
		self.layers > 2
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn input_counts_are_those_of_filecoins_keys() {
		let counts =
			ALL.map(|parameters| (parameters.porep_inputs(), parameters.window_post_inputs()));
		assert_eq!(
			counts,
			[(39, 22), (39, 22), (39, 22), (327, 25_839), (327, 25_300)]
		);
	}

	#[test]
	fn unknown_sizes_are_refused() {
		assert_eq!(Parameters::of(0), Err(StatementError::UnknownSectorSize(0)));
		assert_eq!(
			Parameters::of(4096),
			Err(StatementError::UnknownSectorSize(4096))
		);
		assert!(Parameters::of(32 << 30).is_ok_and(|parameters| parameters.is_sound()));
		assert!(Parameters::of(8 << 20).is_ok_and(|parameters| !parameters.is_sound()));
	}
}
