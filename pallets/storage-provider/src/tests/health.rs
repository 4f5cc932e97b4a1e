//! For which blocks a sector counts as healthy.

use super::mock::*;
use crate::{Gap, Health, PreCommitSector, SectorDeals, Sectors};
use frame_support::assert_ok;

fn health(from: u32, to: u32) -> (u32, u32) {
	let Health {
		healthy_blocks,
		decided_through,
		terminated: false,
	} = StorageProvider::health(alice(), 1, from, to).unwrap()
	else {
		panic!("nothing here is terminated");
	};
	(healthy_blocks, decided_through)
}

#[test]
fn there_is_no_health_without_a_sector() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_eq!(StorageProvider::health(alice(), 1, 0, 100), None);
		assert_ok!(pre_commit(&alice(), sealed(1)));
		assert_eq!(StorageProvider::health(alice(), 1, 0, 100), None);
	});
}

#[test]
fn blocks_count_once_a_later_proof_covers_them() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let activated = now();
		assert_eq!(health(0, u32::MAX), (0, 0));
		let first = prove_window(&alice(), 1);
		assert_eq!(health(0, u32::MAX), (first.open - activated, first.open));
		run_to(first.close);
		assert_eq!(health(0, u32::MAX), (first.open - activated, first.open));
		let second = prove_window(&alice(), 1);
		assert_eq!(health(0, u32::MAX), (second.open - activated, second.open));
		// The range is cut on both sides.
		assert_eq!(health(first.open, second.open).0, 60);
		assert_eq!(health(first.open, first.open + 7).0, 7);
		assert_eq!(health(second.open, u32::MAX).0, 0);
		assert_eq!(health(50, 40).0, 0);
	});
}

#[test]
fn a_sector_that_was_never_proven_earns_nothing() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_past_window(&alice(), 1);
		assert_eq!(health(0, u32::MAX).0, 0);
		run_for(200);
		assert_eq!(health(0, u32::MAX).0, 0);
	});
}

#[test]
fn a_new_sector_does_not_earn_by_its_partitions_earlier_proofs() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[2]);
		let deadline = sector(&alice(), 2).deadline;
		run_past_window(&alice(), 2);
		assert_ok!(declare_recoveries(&alice(), &[2]));
		prove_window(&alice(), 2);
		run_past_window(&alice(), 2);
		// The other deadlines take sectors first.
		for number in 3.. {
			activate(&alice(), &[number]);
			if sector(&alice(), number).deadline == deadline {
				assert_eq!(key_of(&alice(), 2), key_of(&alice(), number));
				let health = StorageProvider::sector_health(&alice(), number, 0, u32::MAX);
				assert_eq!(health.unwrap().healthy_blocks, 0);
				break;
			}
		}
	});
}

#[test]
fn a_fault_takes_back_nothing_and_its_gap_is_never_paid() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let activated = now();
		let proven = prove_window(&alice(), 1);
		run_to(proven.close);
		run_past_window(&alice(), 1);
		let before = proven.open - activated;
		assert_eq!(health(0, u32::MAX), (before, proven.open));
		assert_ok!(declare_recoveries(&alice(), &[1]));
		assert_eq!(health(0, u32::MAX), (before, proven.open));
		let recovery = prove_window(&alice(), 1);
		assert_eq!(health(0, u32::MAX), (before, recovery.open));
		run_to(recovery.close);
		let next = prove_window(&alice(), 1);
		assert_eq!(
			health(0, u32::MAX),
			(before + next.open - recovery.close, next.open)
		);
		assert_eq!(health(proven.open, recovery.close).0, 0);
		assert_eq!(
			sector(&alice(), 1).gaps.to_vec(),
			[Gap {
				from: proven.open,
				to: recovery.close
			}]
		);
	});
}

#[test]
fn the_health_of_an_ended_sector_is_final() {
	new_chain().execute_with(|| {
		register(&alice());
		let expiration = now() + 200;
		publish(1, &alice(), 512, now() + 120);
		assert_ok!(pre_commit(
			&alice(),
			PreCommitSector {
				expiration,
				deals: SectorDeals::truncate_from(vec![1]),
				..sealed(1)
			}
		));
		await_seed();
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		let activated = now();
		let mut last = 0;
		while sector(&alice(), 1).ended.is_none() {
			last = prove_window(&alice(), 1).open;
			run_past_window(&alice(), 1);
		}
		let end = (last - activated, u32::MAX);
		assert_eq!(health(0, u32::MAX), end);
		// Neither time nor another sector at the same place changes it.
		activate(&alice(), &[2, 3, 4, 5, 6, 7]);
		run_for(120);
		assert_eq!(health(0, u32::MAX), end);
		StorageProvider::release_deal(&alice(), 1);
		assert!(!Sectors::<Test>::contains_key(alice(), 1));
	});
}
