//! Terminations by the provider and of old faults.

use super::mock::*;
use crate::{monies, Agenda, Error, Event, Expirations, Partitions, Sectors};
use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::{Policy, SectorSize};

fn pledge() -> u128 {
	monies::pledge(&Policy::devnet(), SectorSize::KiB2).unwrap()
}

fn termination_fee(promised: u32) -> u128 {
	monies::termination_fee(&Policy::devnet(), SectorSize::KiB2, promised)
}

fn fault_fee() -> u128 {
	monies::fault_fee(&Policy::devnet(), SectorSize::KiB2, 1)
}

fn terminate(numbers: &[u64]) -> sp_runtime::DispatchResult {
	let numbers = crate::Batch::truncate_from(numbers.to_vec());
	StorageProvider::terminate_sectors(signed(&alice()), numbers)
}

/// Waits until the sector's partition can be changed.
fn run_to_mutable(number: u64) {
	while !window_of(&alice(), number).is_mutable(now()) {
		run_for(1);
	}
}

#[test]
fn a_terminated_sector_ends_at_once_and_costs_the_fee() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_until(&alice(), &[1], now() + 130);
		let promised = sector(&alice(), 1).expiration - sector(&alice(), 1).activated;
		let issuance = Balances::total_issuance();
		run_to_mutable(1);
		events();
		assert_ok!(terminate(&[1]));
		// Promised for more than one period and less than three.
		let fee = termination_fee(promised);
		assert!(fee == 2 * fault_fee() || fee == 3 * fault_fee());
		assert_eq!(
			events(),
			[
				Event::SectorTerminated {
					provider: alice(),
					sector: 1,
					fee
				},
				Event::TerminationFeeCharged {
					provider: alice(),
					fee,
					burned: fee
				},
			]
		);
		assert_eq!((pledged(&alice()), total(&alice())), (0, FUNDS - fee));
		assert_eq!(Balances::total_issuance(), issuance - fee);
		assert_eq!(Sectors::<Test>::iter().count(), 0);
		assert_eq!(Partitions::<Test>::iter().count(), 0);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
		assert_eq!(Expirations::<Test>::iter().count(), 0);
		StorageProvider::check_state().unwrap();
		run_for(200);
		assert_eq!(events(), []);
	});
}

#[test]
fn the_fee_grows_with_the_promise_up_to_the_policys_limit_and_is_never_above_the_pledge() {
	let policy = Policy::devnet();
	assert_eq!(termination_fee(0), fault_fee());
	assert_eq!(termination_fee(59), fault_fee());
	assert_eq!(termination_fee(60), 2 * fault_fee());
	let most = u128::from(policy.max_termination_fee_periods) * fault_fee();
	assert_eq!(termination_fee(u32::MAX), most);
	for policy in [Policy::devnet(), Policy::production()] {
		for size in SectorSize::ALL {
			let fee = monies::termination_fee(&policy, size, u32::MAX);
			assert!(
				fee <= monies::pledge(&policy, size).unwrap()
					+ u128::from(policy.max_termination_fee_periods)
			);
		}
	}
}

#[test]
fn terminating_is_dearer_than_never_having_proven_for_as_long() {
	// Dropping the data and waiting for the chain to notice costs the fault fees and the same fee.
	new_chain_with(Policy {
		max_fault_age: 120,
		..Policy::devnet()
	})
	.execute_with(|| {
		register(&alice());
		activate_until(&alice(), &[1], now() + 5_000);
		while Sectors::<Test>::contains_key(alice(), 1) {
			run_for(1);
		}
		let lost = FUNDS - total(&alice());
		// Found at the first close; two more periods until it is too old, each with its fee.
		assert_eq!(lost, 3 * fault_fee() + termination_fee(5_000));
	});
}

#[test]
fn a_terminated_sector_stays_until_its_deals_are_settled_and_says_that_it_ended_early() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 512, now() + 5_000);
		assert_ok!(pre_commit(
			&alice(),
			crate::PreCommitSector {
				deals: crate::SectorDeals::truncate_from(vec![1]),
				..sealed(1)
			}
		));
		await_seed();
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		let proven = prove_window(&alice(), 1).open;
		run_past_window(&alice(), 1);
		assert_ok!(terminate(&[1]));
		let health = StorageProvider::sector_health(&alice(), 1, 0, u32::MAX).unwrap();
		assert!(health.terminated);
		assert_eq!(health.decided_through, u32::MAX);
		assert_eq!(
			health.healthy_blocks,
			proven - sector(&alice(), 1).activated
		);
		assert_noop!(terminate(&[1]), Error::<Test>::NoSuchSector);
		StorageProvider::release_deal(&alice(), 1);
		assert_eq!(Sectors::<Test>::iter().count(), 0);
	});
}

#[test]
fn the_rest_of_the_partition_lives_on_and_is_proven_without_it() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[0, 1, 2, 3, 4, 5]);
		let key = key_of(&alice(), 0);
		let other = (1..6)
			.find(|number| key_of(&alice(), *number) == key)
			.unwrap();
		run_to_mutable(0);
		assert_ok!(terminate(&[0]));
		run_to_window(&alice(), other);
		let due = &StorageProvider::due_partitions(alice(), key.1)[key.2 as usize];
		assert!(due.sectors.contains(&other) && !due.sectors.contains(&0));
		assert_ok!(submit(&key));
		assert_eq!(StorageProvider::provider(alice()).unwrap().live_sectors, 5);
		assert_eq!(pledged(&alice()), 5 * pledge());
	});
}

#[test]
fn what_cannot_be_terminated_is_refused_and_nothing_ends() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_to_mutable(1);
		assert_noop!(terminate(&[]), Error::<Test>::EmptyBatch);
		assert_noop!(terminate(&[9]), Error::<Test>::NoSuchSector);
		assert_noop!(
			StorageProvider::terminate_sectors(signed(&bob()), batch([1])),
			Error::<Test>::NotRegistered
		);
		// As a block executes it: what fails leaves nothing behind.
		let twice = frame_support::storage::with_storage_layer(|| terminate(&[1, 1]));
		assert_eq!(twice, Err(Error::<Test>::NoSuchSector.into()));
		assert!(Sectors::<Test>::contains_key(alice(), 1));
		let window = window_of(&alice(), 1);
		run_to(window.challenge);
		assert_noop!(terminate(&[1]), Error::<Test>::DeadlineNotMutable);
		run_to(window.close - 1);
		assert_noop!(terminate(&[1]), Error::<Test>::DeadlineNotMutable);
		// A block that has no time for the agenda.
		System::set_block_number(window.close);
		assert_noop!(terminate(&[1]), Error::<Test>::PartitionUnsettled);
		run_for(1);
		assert_ok!(terminate(&[1]));
	});
}

#[test]
fn old_faults_end_in_bounded_steps_and_young_ones_do_not() {
	new_chain_with(Policy {
		max_fault_age: 120,
		..Policy::devnet()
	})
	.execute_with(|| {
		register(&alice());
		let numbers: Vec<u64> = (0..6).collect();
		activate(&alice(), &numbers);
		// Everything is faulty but what recovers in time.
		run_for(70);
		events();
		while StorageProvider::provider(alice()).unwrap().live_sectors == 6 {
			if window_of(&alice(), 0).is_mutable(now()) {
				let _ = declare_recoveries(&alice(), &[0]);
			}
			for window in StorageProvider::windows(alice()) {
				if window.is_open(now()) && window.deadline == sector(&alice(), 0).deadline {
					let _ = submit(&key_of(&alice(), 0));
				}
			}
			MaxDuePerBlock::set(2);
			run_for(1);
		}
		MaxDuePerBlock::set(100);
		run_for(60);
		assert_eq!(StorageProvider::provider(alice()).unwrap().live_sectors, 1);
		assert!(Sectors::<Test>::contains_key(alice(), 0));
		let terminated = events()
			.into_iter()
			.filter(|event| matches!(event, Event::SectorTerminated { .. }))
			.count();
		assert_eq!(terminated, 5);
	});
}
