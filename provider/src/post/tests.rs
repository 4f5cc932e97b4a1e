#![allow(clippy::unwrap_used)]
use super::{
	inspect::{declarations, Declarations},
	*,
};
use holdfast_chain_client::{Ask, DeadlineLoad, Partition};
use holdfast_primitives::SectorSize;
use proptest::prelude::*;

fn info(offset: BlockNumber, live: &[u32]) -> ProviderInfo {
	ProviderInfo {
		sector_size: SectorSize::KiB2,
		addresses: Vec::new(),
		ask: Ask {
			price_per_gib_block: 1,
			min_piece_bytes: 128,
			max_piece_bytes: 2048,
			accepting: true,
		},
		free_space: 0,
		period_offset: offset,
		live_sectors: live.iter().sum(),
		pre_commits: 0,
		deadlines: live
			.iter()
			.map(|live_sectors| DeadlineLoad {
				partitions: live_sectors.div_ceil(2),
				live_sectors: *live_sectors,
			})
			.collect(),
	}
}

fn ready() -> Ready {
	Ready {
		proof: [0; 192],
		due: vec![1],
		proven: vec![1],
		skipped: vec![],
		randomness: [0; 32],
	}
}

fn slot(partition: PartitionIndex) -> Slot {
	Slot {
		open: 100,
		deadline: 1,
		partition,
	}
}

#[test]
fn only_deadlines_with_live_sectors_are_due_and_the_next_to_close_comes_first() {
	let policy = Policy::devnet();
	let due = due_windows(&policy, &info(0, &[1, 0, 3]), 45);
	let order: Vec<_> = due.iter().map(|(deadline, _)| *deadline).collect();
	assert_eq!(order, [2, 0]);
	assert!(due_windows(&policy, &info(0, &[]), 45).is_empty());
	assert_eq!(partitions(&info(0, &[1, 0, 3]), 2), 2);
	assert_eq!(partitions(&info(0, &[1]), 7), 0);
}

#[test]
fn a_deadlines_proofs_go_together_up_to_the_limit() {
	let proofs = (0..20)
		.map(|partition| (slot(partition), ready()))
		.collect();
	let sizes: Vec<_> = batches(proofs).iter().map(Vec::len).collect();
	assert_eq!(sizes, [16, 4]);
	assert!(batches(Vec::new()).is_empty());
}

#[test]
fn slots_are_forgotten_when_their_window_is_closed() {
	let slots = Slots::default();
	slots.set(slot(0), Progress::Done);
	slots.set(slot(1), Progress::Proving);
	assert_eq!(slots.missed_before(119, 20), []);
	assert_eq!(slots.get(&slot(0)), Some(Progress::Done));
	// What was missed is reported before it is forgotten.
	for _ in 0..2 {
		assert_eq!(slots.missed_before(120, 20), [slot(1)]);
		assert_eq!(slots.get(&slot(0)), None);
	}
	slots.forget(&slot(1));
	assert_eq!(slots.missed_before(120, 20), []);
}

#[test]
fn a_proof_is_tried_again_up_to_the_last_block() {
	let expected = [(100, 102), (116, 118), (117, 119), (118, 119), (119, 120)];
	for (best, retry) in expected {
		assert_eq!(retry_at(best, 120), retry, "{best}");
	}
}

#[test]
fn damage_and_repair_are_declared_once() {
	let partition = Partition {
		last_proof: 1,
		sectors: vec![1, 2, 3, 4, 5, 6],
		faulty: vec![3, 4, 5],
		recovering: vec![4],
		terminated: vec![6],
	};
	assert_eq!(
		declarations(&partition, &[1, 3, 4]),
		Declarations {
			faults: vec![2],
			recoveries: vec![3],
		}
	);
}

proptest! {
	/// Whatever the offset and the block, each deadline with sectors has one window that is not over.
	#[test]
	fn no_window_is_overlooked(offset in 0u32..60, now in 0u32..100_000) {
		let policy = Policy::devnet();
		let due = due_windows(&policy, &info(offset, &[1, 2, 3]), now);
		prop_assert_eq!(due.len(), 3);
		for (_, window) in due {
			prop_assert!(window.close > now);
			// Before the first period begins, its last window is the farthest.
			prop_assert!(window.open < now.max(offset) + policy.proving_period);
		}
	}
}
