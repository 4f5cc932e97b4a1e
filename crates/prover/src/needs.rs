//! How much memory the steps of sealing take, so that no more of them run at a time than there is room for.

use holdfast_primitives::{KeyId, ProofKind, SectorSize};

use crate::memory::{c2_memory, mapped_key_bytes, window_post_memory};

/// A step that is run by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealingStep {
	/// [`crate::add_pieces`].
	AddPieces,
	/// [`crate::seal_pre_commit_phase1`]; two sectors together take twice as much.
	PreCommit1,
	/// [`crate::seal_pre_commit_phase2`].
	PreCommit2,
	/// [`crate::seal_commit_phase1`].
	Commit1,
	/// [`crate::seal_commit_phase2`].
	Commit2,
	/// [`crate::generate_window_post`].
	WindowPost,
}

const MIB: u64 = 1 << 20;

/// What a process has besides the step's own data.
const PROCESS: u64 = 64 * MIB;

/// The most memory, in bytes, that a step of a sector takes: whole MiB.
pub const fn memory_of(step: SealingStep, sector_size: SectorSize) -> u64 {
	let sector = sector_size.bytes();
	let bytes = PROCESS
		+ match step {
			SealingStep::AddPieces => 64 * MIB,
			// Two layers; before them, the data's tree from its second row on.
			SealingStep::PreCommit1 => sector.saturating_mul(2),
			// The layers and the replica are mapped, the trees are built in memory.
			SealingStep::PreCommit2 => sector.saturating_mul(8).saturating_add(64 * MIB),
			SealingStep::Commit1 => sector.saturating_mul(2).saturating_add(64 * MIB),
			SealingStep::Commit2 => {
				c2_memory(sector_size).saturating_add(mapped(ProofKind::PoRep, sector_size))
			},
			SealingStep::WindowPost => window_post_memory(sector_size)
				.saturating_add(mapped(ProofKind::WindowPoSt, sector_size))
				.saturating_add(64 * MIB),
		};
	bytes.div_ceil(MIB).saturating_mul(MIB)
}

/// Jobs share the mapped key, but each one's is counted: better too much than too little.
const fn mapped(kind: ProofKind, sector_size: SectorSize) -> u64 {
	mapped_key_bytes(KeyId { kind, sector_size })
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn larger_sectors_need_more() {
		for step in [
			SealingStep::PreCommit1,
			SealingStep::PreCommit2,
			SealingStep::Commit1,
			SealingStep::Commit2,
			SealingStep::WindowPost,
		] {
			let [small, large] =
				[SectorSize::MiB8, SectorSize::MiB512].map(|size| memory_of(step, size));
			assert!(small < large, "{step:?}");
		}
	}
}
