//! Faults: missed windows, declarations, recoveries and fees.

use super::mock::*;
use crate::{monies, Error, Event, Gap};
use frame_support::{assert_noop, assert_ok, dispatch::Pays};
use holdfast_primitives::{Policy, SectorSize};

fn fee(count: u32) -> u128 {
	monies::fault_fee(&Policy::devnet(), SectorSize::KiB2, count)
}

fn pledge() -> u128 {
	monies::pledge(&Policy::devnet(), SectorSize::KiB2).unwrap()
}

/// Two sectors of one partition.
fn pair() -> [u64; 2] {
	register(&alice());
	activate(&alice(), &[1]);
	let deadline = sector(&alice(), 1).deadline;
	for number in 2.. {
		activate(&alice(), &[number]);
		if sector(&alice(), number).deadline == deadline {
			assert_eq!(key_of(&alice(), 1), key_of(&alice(), number));
			return [1, number];
		}
		prove_what_is_open();
	}
	unreachable!("the deadlines fill evenly");
}

/// Proves every partition whose window is open and that is not proven.
fn prove_what_is_open() {
	for window in StorageProvider::windows(alice()) {
		if !window.is_open(now()) {
			continue;
		}
		for due in StorageProvider::due_partitions(alice(), window.deadline) {
			if !due.proven && !due.sectors.is_empty() {
				submit(&(alice(), window.deadline, due.partition)).unwrap();
			}
		}
	}
}

#[test]
fn a_missed_window_makes_sectors_faulty_and_costs_in_every_period() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let issuance = Balances::total_issuance();
		let key = key_of(&alice(), 1);
		let window = window_of(&alice(), 1);
		run_to(window.close - 1);
		assert!(partition_of(&alice(), 1).faults.is_empty());
		events();
		run_to(window.close);
		let charged = Event::FaultFeeCharged {
			provider: alice(),
			deadline: key.1,
			partition: key.2,
			fee: fee(1),
			burned: fee(1),
		};
		let faulty = Event::PartitionFaulty {
			provider: alice(),
			deadline: key.1,
			partition: key.2,
			new_faults: 1,
			failed_recoveries: 0,
		};
		assert_eq!(events(), [faulty, charged.clone()]);
		assert_eq!(pledged(&alice()), pledge() - fee(1));
		run_for(60);
		assert_eq!(events(), [charged]);
		assert_eq!(total(&alice()), FUNDS - fee(2));
		assert_eq!(Balances::total_issuance(), issuance - fee(2));
	});
}

#[test]
fn the_fee_takes_the_pledge_then_the_balance_and_never_more() {
	new_chain().execute_with(|| {
		let poor = account(4);
		register(&poor);
		activate(&poor, &[1]);
		assert_ok!(Balances::transfer_allow_death(
			signed(&poor),
			bob(),
			FUNDS - pledge() - fee(1) - EXISTENTIAL_DEPOSIT
		));
		// The pledge lasts for twenty periods, and the balance for one more.
		for _ in 0..21 {
			run_past_window(&poor, 1);
		}
		assert_eq!((pledged(&poor), total(&poor)), (0, EXISTENTIAL_DEPOSIT));
		events();
		run_past_window(&poor, 1);
		assert!(matches!(
			events()[..],
			[Event::FaultFeeCharged { burned: 0, .. }]
		));
		assert_eq!(total(&poor), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn a_new_sector_fills_the_pledge_that_fees_took() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_past_window(&alice(), 1);
		assert_eq!(pledged(&alice()), pledge() - fee(1));
		activate(&alice(), &[2]);
		assert_eq!(pledged(&alice()), 2 * pledge());
	});
}

#[test]
fn a_declared_recovery_that_is_proven_ends_the_fault() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let proven = prove_window(&alice(), 1);
		run_to(proven.close);
		let missed = run_past_window(&alice(), 1);
		events();
		assert_ok!(declare_recoveries(&alice(), &[1]));
		let key = key_of(&alice(), 1);
		assert_eq!(
			events(),
			[Event::RecoveriesDeclared {
				provider: alice(),
				deadline: key.1,
				partition: key.2,
				sectors: 1
			}]
		);
		let recovery = run_to_window(&alice(), 1);
		assert_eq!(recovery.open, missed.open + 60);
		assert_ok!(submit(&key));
		assert!(matches!(
			events()[..],
			[Event::WindowPoStAccepted { recovered: 1, .. }]
		));
		run_to(recovery.close);
		assert_eq!(events(), []);
		assert_eq!(
			sector(&alice(), 1).gaps.to_vec(),
			[Gap {
				from: proven.open,
				to: recovery.close
			}]
		);
		assert_eq!(total(&alice()), FUNDS - fee(1));
	});
}

#[test]
fn a_recovery_that_is_not_proven_fails_and_costs() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_past_window(&alice(), 1);
		assert_ok!(declare_recoveries(&alice(), &[1]));
		events();
		run_past_window(&alice(), 1);
		assert!(matches!(
			events()[..],
			[
				Event::PartitionFaulty {
					new_faults: 0,
					failed_recoveries: 1,
					..
				},
				Event::FaultFeeCharged { .. }
			]
		));
		let partition = partition_of(&alice(), 1);
		assert!(partition.recovering.is_empty());
		assert_eq!(partition.faulty().count(), 1);
		// It can be declared again.
		assert_ok!(declare_recoveries(&alice(), &[1]));
		assert_eq!(sector(&alice(), 1).gaps.len(), 1);
	});
}

#[test]
fn a_declared_fault_lets_the_rest_of_the_partition_be_proven() {
	new_chain().execute_with(|| {
		let [good, bad] = pair();
		let key = key_of(&alice(), good);
		let faulty_before = partition_of(&alice(), good).faulty().count();
		assert_eq!(faulty_before, 0);
		while !window_of(&alice(), bad).is_mutable(now()) {
			prove_what_is_open();
			run_for(1);
		}
		events();
		assert_ok!(declare_faults(&alice(), &[bad]));
		assert_noop!(
			declare_faults(&alice(), &[bad]),
			Error::<Test>::SectorAlreadyFaulty
		);
		assert!(matches!(
			events()[..],
			[Event::FaultsDeclared { sectors: 1, .. }]
		));
		run_to_window(&alice(), good);
		let due = &StorageProvider::due_partitions(alice(), key.1)[key.2 as usize];
		assert_eq!(due.sectors, [good]);
		assert_ok!(submit(&key));
		run_past_window(&alice(), good);
		let partition = partition_of(&alice(), good);
		assert_eq!(partition.fault_since(sector(&alice(), good).position), None);
		assert!(partition
			.fault_since(sector(&alice(), bad).position)
			.is_some());
		let fees = events()
			.into_iter()
			.filter(
				|event| matches!(event, Event::FaultFeeCharged { fee: charged, .. } if *charged == fee(1)),
			)
			.count();
		assert!(fees >= 1);
	});
}

#[test]
fn declarations_are_free_if_the_faults_cost_a_fee() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let (deadline, declarations) = declaration(&alice(), &[1]);
		let who = signed(&alice());
		let faults = StorageProvider::declare_faults(who.clone(), deadline, declarations.clone());
		assert_eq!(faults.unwrap().pays_fee, Pays::No);
		run_past_window(&alice(), 1);
		let recoveries = StorageProvider::declare_recoveries(who, deadline, declarations);
		assert_eq!(recoveries.unwrap().pays_fee, Pays::No);
		assert_eq!(total(&alice()), FUNDS - fee(1));
	});
}

#[test]
fn declaring_a_fault_and_its_recovery_again_and_again_is_not_free() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let who = signed(&alice());
		let mut paid = 0;
		for _ in 0..5 {
			while !window_of(&alice(), 1).is_mutable(now()) {
				run_for(1);
			}
			let (deadline, list) = declaration(&alice(), &[1]);
			let _ = StorageProvider::declare_faults(who.clone(), deadline, list.clone()).unwrap();
			let recovery =
				StorageProvider::declare_recoveries(who.clone(), deadline, list.clone()).unwrap();
			paid += u32::from(recovery.pays_fee == Pays::Yes);
			// Neither can be said again before the window.
			assert_noop!(
				declare_faults(&alice(), &[1]),
				Error::<Test>::SectorAlreadyFaulty
			);
			assert_noop!(
				declare_recoveries(&alice(), &[1]),
				Error::<Test>::SectorAlreadyRecovering
			);
			prove_window(&alice(), 1);
			run_past_window(&alice(), 1);
		}
		// No fault has cost a fee, and so each pair of calls has cost one.
		assert_eq!((paid, total(&alice())), (5, FUNDS));
	});
}

#[test]
fn one_young_fault_makes_a_declaration_of_recoveries_cost_its_fee() {
	new_chain().execute_with(|| {
		let [old, young] = pair();
		while !window_of(&alice(), old).is_mutable(now()) {
			prove_what_is_open();
			run_for(1);
		}
		assert_ok!(declare_faults(&alice(), &[old]));
		prove_window(&alice(), young);
		run_past_window(&alice(), old);
		assert_ok!(declare_faults(&alice(), &[young]));
		let (deadline, both) = declaration(&alice(), &[old, young]);
		let recoveries = StorageProvider::declare_recoveries(signed(&alice()), deadline, both);
		assert_eq!(recoveries.unwrap().pays_fee, Pays::Yes);
	});
}

#[test]
fn only_faulty_sectors_of_the_partition_recover() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1, 2, 3, 4]);
		let other = (2..=4)
			.find(|number| key_of(&alice(), *number) != key_of(&alice(), 1))
			.unwrap();
		let declare = |deadline, declarations| {
			StorageProvider::declare_recoveries(signed(&alice()), deadline, declarations)
		};
		let (deadline, of_one) = declaration(&alice(), &[1]);
		assert_noop!(
			declare_recoveries(&alice(), &[1]),
			Error::<Test>::SectorNotFaulty
		);
		assert_noop!(
			declare_recoveries(&alice(), &[1, 99]),
			Error::<Test>::SectorNotFaulty
		);
		run_past_window(&alice(), 1);
		assert_noop!(
			declare_recoveries(&alice(), &[1, 99]),
			Error::<Test>::NoSuchSector
		);
		assert_noop!(
			declare_recoveries(&alice(), &[1, other]),
			Error::<Test>::SectorNotInPartition
		);
		assert_noop!(
			declare_recoveries(&alice(), &[1, 1]),
			Error::<Test>::SectorAlreadyRecovering
		);
		assert_noop!(declare(deadline, batch([])), Error::<Test>::EmptyBatch);
		assert_noop!(
			declare(deadline, batch([(0, Default::default())])),
			Error::<Test>::EmptyBatch
		);
		assert_noop!(declare(3, of_one.clone()), Error::<Test>::NoSuchDeadline);
		let mut wrong = of_one.clone();
		wrong[0].0 = 9;
		assert_noop!(declare(deadline, wrong), Error::<Test>::NoSuchPartition);
		assert_noop!(
			StorageProvider::declare_recoveries(signed(&bob()), deadline, of_one),
			Error::<Test>::NotRegistered
		);
		assert_ok!(declare_recoveries(&alice(), &[1]));
	});
}

#[test]
fn nothing_is_declared_once_the_challenge_is_known() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_past_window(&alice(), 1);
		let window = window_of(&alice(), 1);
		run_to(window.challenge);
		assert_noop!(
			declare_recoveries(&alice(), &[1]),
			Error::<Test>::DeadlineNotMutable
		);
		assert_noop!(
			declare_faults(&alice(), &[1]),
			Error::<Test>::DeadlineNotMutable
		);
		run_to(window.close - 1);
		assert_noop!(
			declare_recoveries(&alice(), &[1]),
			Error::<Test>::DeadlineNotMutable
		);
		run_to(window.close);
		assert_ok!(declare_recoveries(&alice(), &[1]));
	});
}

#[test]
fn nothing_is_declared_while_the_last_window_is_not_settled() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_past_window(&alice(), 1);
		let window = window_of(&alice(), 1);
		run_to(window.close - 1);
		// A block that has no time for the agenda.
		System::set_block_number(window.close);
		assert_noop!(
			declare_recoveries(&alice(), &[1]),
			Error::<Test>::PartitionUnsettled
		);
		run_for(1);
		assert_ok!(declare_recoveries(&alice(), &[1]));
	});
}
