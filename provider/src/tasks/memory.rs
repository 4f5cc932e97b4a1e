//! How much memory tasks take, and how much there is.

use holdfast_primitives::SectorSize;
use holdfast_prover::{memory_of, SealingStep};

use super::Kind;

/// What is taken for the machine's memory when it does not tell.
const UNKNOWN: u64 = 8 << 30;

/// How much memory a task takes, in bytes, where sectors have that size.
pub const fn memory_of_kind(kind: Kind, sector_size: SectorSize) -> u64 {
	let step = match kind {
		Kind::AddPiece => SealingStep::AddPieces,
		Kind::PreCommit1 => SealingStep::PreCommit1,
		Kind::PreCommit2 => SealingStep::PreCommit2,
		Kind::Commit1 => SealingStep::Commit1,
		Kind::Commit2 => SealingStep::Commit2,
		// They wait for the chain or the disk, in the daemon itself.
		_ => return 0,
	};
	memory_of(step, sector_size)
}

/// The least memory with which a provider can work: the largest step and, at the same time, a window PoSt.
pub fn least_memory(sector_size: SectorSize) -> u64 {
	Kind::ALL
		.into_iter()
		.map(|kind| memory_of_kind(kind, sector_size))
		.max()
		.unwrap_or(0)
		.saturating_add(memory_of(SealingStep::WindowPost, sector_size))
}

/// The machine's memory.
pub fn memory_of_machine() -> u64 {
	std::fs::read_to_string("/proc/meminfo")
		.ok()
		.and_then(|text| total(&text))
		.unwrap_or(UNKNOWN)
}

fn total(text: &str) -> Option<u64> {
	let line = text
		.lines()
		.find_map(|line| line.strip_prefix("MemTotal:"))?;
	let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
	kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn the_machine_tells_its_memory() {
		assert_eq!(
			total("MemTotal:       24000000 kB\nMemFree: 1 kB\n"),
			Some(24_576_000_000)
		);
		assert_eq!(total("MemFree: 1 kB"), None);
		assert_eq!(total("MemTotal: many"), None);
		assert!(memory_of_machine() > 1 << 28);
	}

	#[test]
	fn the_proof_is_the_largest_step() {
		let size = SectorSize::MiB8;
		let proof = memory_of_kind(Kind::Commit2, size);
		assert!(Kind::ALL
			.into_iter()
			.all(|kind| memory_of_kind(kind, size) <= proof));
		assert!(least_memory(size) > proof);
		assert_eq!(memory_of_kind(Kind::Settle, size), 0);
	}
}
