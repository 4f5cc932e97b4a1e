//! Vacant positions are filled, and half-empty partitions become one.

use super::mock::*;
use crate::{Agenda, Error, Event, Expirations, Gap, PartitionKey, Partitions, Vacancies};
use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::{BlockNumber, SectorNumber};
use sp_runtime::{AccountId32, DispatchError};

type Key = PartitionKey<AccountId32>;

/// How many sectors of 2 KiB a partition has: two.
const CAPACITY: u32 = 2;

/// Sectors that fill two partitions of deadline 0, and one each of the others; by partition.
fn two_full_partitions() -> [Vec<SectorNumber>; 2] {
	register(&alice());
	activate(&alice(), &(0..12).collect::<Vec<_>>());
	let of = |index| {
		let key = (alice(), 0, index);
		crate::PartitionSectors::<Test>::get(key).into_inner()
	};
	let both = [of(0), of(1)];
	assert!(both.iter().all(|sectors| sectors.len() as u32 == CAPACITY));
	both
}

/// Proves every partition of a deadline in its next window, each at `open` and the blocks after it.
fn prove_deadline(deadline: u32, blocks: &[(u32, BlockNumber)]) {
	let open = window(&alice(), deadline).open;
	for (partition, after) in blocks {
		run_to_proving(open + after);
		assert_ok!(submit(&(alice(), deadline, *partition)));
	}
	let close = open + 20;
	run_to_proving(close);
}

/// Waits, and proves what the other deadlines need.
fn run_to_proving(block: BlockNumber) {
	while now() < block {
		run_for(1);
		for due in StorageProvider::due_work(alice()).unwrap().proofs {
			if due.deadline != 0 {
				assert_ok!(submit(&(alice(), due.deadline, due.partition)));
			}
		}
	}
}

fn terminate(number: SectorNumber) {
	assert_ok!(StorageProvider::terminate_sectors(
		signed(&alice()),
		batch([number])
	));
}

fn compact(from: u32, into: u32) -> Result<(), DispatchError> {
	StorageProvider::compact_partitions(signed(&alice()), 0, from, into)
		.map(|_| ())
		.map_err(|error| error.error)
}

fn key(index: u32) -> Key {
	(alice(), 0, index)
}

#[test]
fn new_sectors_fill_vacant_positions_of_any_partition_first() {
	new_chain().execute_with(|| {
		let [first, second] = two_full_partitions();
		prove_deadline(0, &[(0, 0), (1, 0)]);
		// One of the first partition, which is not the last one of its deadline.
		terminate(first[0]);
		assert!(Vacancies::<Test>::contains_key(key(0)));
		assert_ok!(pre_commit(&alice(), sealed(50)));
		let seed = now() + 9;
		run_to_proving(seed);
		while !window(&alice(), 0).is_mutable(now()) {
			run_to_proving(now() + 1);
		}
		assert_ok!(prove(&alice(), &[porep(&alice(), 50)]));
		assert_eq!(key_of(&alice(), 50), key(0));
		assert_eq!(sector(&alice(), 50).position, 0);
		assert!(!Vacancies::<Test>::contains_key(key(0)));
		let partitions = Partitions::<Test>::iter_key_prefix((alice(), 0)).count();
		assert_eq!(partitions, 2);
		StorageProvider::check_state().unwrap();
		// It is proven in the place of the ended one.
		let due = &StorageProvider::due_partitions(alice(), 0)[0];
		assert_eq!(due.sectors, [first[1], 50]);
		assert!(!second.contains(&50));
		prove_deadline(0, &[(0, 0), (1, 0)]);
		assert_eq!(total(&alice()) + burned_by_terminating(1), FUNDS);
	});
}

/// What it cost to terminate so many sectors that were promised for long.
fn burned_by_terminating(count: u128) -> u128 {
	let policy = StorageProvider::policy();
	let fee =
		crate::monies::termination_fee(&policy, holdfast_primitives::SectorSize::KiB2, 10_000);
	count * fee
}

#[test]
fn two_half_empty_partitions_become_one_and_need_one_proof() {
	new_chain().execute_with(|| {
		let [first, second] = two_full_partitions();
		prove_deadline(0, &[(0, 0), (1, 0)]);
		terminate(first[0]);
		terminate(second[1]);
		let moved = second[0];
		let health = || StorageProvider::sector_health(&alice(), moved, 0, u32::MAX).unwrap();
		let before = health();
		events();
		assert_ok!(compact(1, 0));
		assert_eq!(
			events(),
			[Event::PartitionsCompacted {
				provider: alice(),
				deadline: 0,
				from: 1,
				into: 0,
				sectors: 1
			}]
		);
		StorageProvider::check_state().unwrap();
		// Both were proven in one block, so that nothing is lost.
		assert_eq!(health(), before);
		assert!(sector(&alice(), moved).gaps.is_empty());
		assert!(!Partitions::<Test>::contains_key(key(1)));
		assert_eq!(Vacancies::<Test>::iter().count(), 0);
		assert!(!Agenda::<Test>::iter().any(|(_, entry, ())| entry == key(1)));
		assert!(!Expirations::<Test>::iter().any(|(_, entry, _)| entry == key(1)));
		assert_eq!(key_of(&alice(), moved), key(0));
		let due = StorageProvider::due_partitions(alice(), 0);
		assert_eq!(due.len(), 1);
		assert_eq!(due[0].sectors, [first[1], moved]);
		let paid = health().healthy_blocks;
		prove_deadline(0, &[(0, 3)]);
		assert_eq!(health().healthy_blocks, paid + 63);
		assert_eq!(total(&alice()) + burned_by_terminating(2), FUNDS);
	});
}

#[test]
fn what_lies_between_the_two_proofs_is_not_paid_and_nothing_is_taken_back() {
	new_chain().execute_with(|| {
		let [first, second] = two_full_partitions();
		prove_deadline(0, &[(1, 0), (0, 7)]);
		terminate(first[0]);
		terminate(second[1]);
		// The other way would undo what may be paid already.
		assert_noop!(compact(0, 1), Error::<Test>::ProvenEarlier);
		let moved = second[0];
		let health = || StorageProvider::sector_health(&alice(), moved, 0, u32::MAX).unwrap();
		let before = health();
		assert_ok!(compact(1, 0));
		assert_eq!(health().healthy_blocks, before.healthy_blocks);
		assert_eq!(health().decided_through, before.decided_through + 7);
		let proof = before.decided_through;
		assert_eq!(
			sector(&alice(), moved).gaps.to_vec(),
			[Gap {
				from: proof,
				to: proof + 7
			}]
		);
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn only_as_many_sectors_move_as_fit_and_faulty_ones_stay() {
	new_chain().execute_with(|| {
		let [first, second] = two_full_partitions();
		prove_deadline(0, &[(0, 0), (1, 0)]);
		assert_noop!(compact(1, 0), Error::<Test>::NothingToMove);
		terminate(first[0]);
		assert_ok!(compact(1, 0));
		// The other one is left, and its partition with it.
		assert_eq!(key_of(&alice(), second[0]), key(0));
		assert_eq!(key_of(&alice(), second[1]), key(1));
		assert!(Vacancies::<Test>::contains_key(key(1)));
		StorageProvider::check_state().unwrap();
		assert_noop!(compact(1, 0), Error::<Test>::NothingToMove);
		terminate(first[1]);
		assert_ok!(declare_faults(&alice(), &[second[1]]));
		assert_noop!(compact(1, 0), Error::<Test>::NothingToMove);
		assert_ok!(compact(0, 1));
		assert_eq!(key_of(&alice(), second[0]), key(1));
		assert!(!Partitions::<Test>::contains_key(key(0)));
		StorageProvider::check_state().unwrap();
		// The moved one is healthy beside the faulty one.
		let partition = partition_of(&alice(), second[0]);
		assert_eq!(partition.faulty().count(), 1);
		assert_eq!(
			partition.fault_since(sector(&alice(), second[0]).position),
			None
		);
	});
}

#[test]
fn a_moved_sector_still_ends_at_its_expiration_and_only_once() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_until(&alice(), &(0..12).collect::<Vec<_>>(), now() + 200);
		let of = |index| crate::PartitionSectors::<Test>::get(key(index)).into_inner();
		let (first, second) = (of(0), of(1));
		prove_deadline(0, &[(0, 0), (1, 0)]);
		terminate(first[1]);
		assert_ok!(compact(1, 0));
		StorageProvider::check_state().unwrap();
		run_for(300);
		assert_eq!(crate::Sectors::<Test>::iter().count(), 0);
		let ended = events()
			.into_iter()
			.filter(
				|event| matches!(event, Event::SectorExpired { sector, .. } if second.contains(sector)),
			)
			.count();
		assert_eq!(ended, 2);
		assert_eq!(pledged(&alice()), 0);
	});
}

#[test]
fn partitions_are_not_compacted_while_they_are_challenged_or_unsettled() {
	new_chain().execute_with(|| {
		let [first, _] = two_full_partitions();
		prove_deadline(0, &[(0, 0), (1, 0)]);
		terminate(first[0]);
		assert_noop!(compact(0, 0), Error::<Test>::DuplicatePartition);
		assert_noop!(compact(2, 0), Error::<Test>::NoSuchPartition);
		assert_noop!(compact(0, u32::MAX), Error::<Test>::NoSuchPartition);
		let no_deadline = StorageProvider::compact_partitions(signed(&alice()), 3, 1, 0);
		assert_eq!(
			no_deadline.unwrap_err().error,
			Error::<Test>::NoSuchDeadline.into()
		);
		let nobody = StorageProvider::compact_partitions(signed(&bob()), 0, 1, 0);
		assert_eq!(
			nobody.unwrap_err().error,
			Error::<Test>::NotRegistered.into()
		);
		let window = window(&alice(), 0);
		run_to_proving(window.challenge);
		assert_noop!(compact(1, 0), Error::<Test>::DeadlineNotMutable);
		run_to_proving(window.open);
		assert_ok!(submit(&key(0)));
		assert_ok!(submit(&key(1)));
		assert_noop!(compact(1, 0), Error::<Test>::DeadlineNotMutable);
		run_to_proving(window.close - 1);
		// A block that has no time for the agenda.
		System::set_block_number(window.close);
		assert_noop!(compact(1, 0), Error::<Test>::PartitionUnsettled);
		run_for(1);
		assert_ok!(compact(1, 0));
	});
}

#[test]
fn compacting_costs_what_was_moved() {
	use crate::WeightInfo;
	new_chain().execute_with(|| {
		let [first, _] = two_full_partitions();
		prove_deadline(0, &[(0, 0), (1, 0)]);
		let moved = |origin| StorageProvider::compact_partitions(origin, 0, 1, 0);
		let none = moved(signed(&alice())).unwrap_err().post_info;
		assert_eq!(none.actual_weight, Some(<()>::compact_partitions(0)));
		terminate(first[0]);
		let one = moved(signed(&alice())).unwrap();
		assert_eq!(one.actual_weight, Some(<()>::compact_partitions(1)));
	});
}
