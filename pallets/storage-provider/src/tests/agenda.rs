//! What is due is done: in bounded steps, in order, and for everybody.

use super::mock::*;
use crate::{AgendaCursor, Event, PreCommits, Sectors};
use frame_support::{assert_ok, traits::Hooks};

#[test]
fn more_than_a_block_can_do_is_carried_over() {
	new_chain().execute_with(|| {
		register(&alice());
		register(&bob());
		for provider in [alice(), bob()] {
			for number in 0..10 {
				assert_ok!(pre_commit(&provider, sealed(number)));
			}
		}
		run_to(10 + 900);
		MaxDuePerBlock::set(3);
		for block in 1..=7u32 {
			run_for(1);
			let left = PreCommits::<Test>::iter().count();
			assert_eq!(left as u32, 20u32.saturating_sub(3 * block));
		}
		assert_eq!((deposited(&alice()), deposited(&bob())), (0, 0));
		// The cursor catches up.
		run_for(3);
		assert_eq!(AgendaCursor::<Test>::get(), now() + 1);
	});
}

#[test]
fn sectors_end_in_bounded_steps_and_their_pledge_returns() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_until(&alice(), &(0..12).collect::<Vec<_>>(), now() + 70);
		MaxDuePerBlock::set(2);
		let mut before = Sectors::<Test>::iter().count();
		for _ in 0..300 {
			run_for(1);
			let after = Sectors::<Test>::iter().count();
			assert!(before - after <= 2);
			before = after;
		}
		assert_eq!(before, 0);
		assert_eq!(pledged(&alice()), 0);
	});
}

#[test]
fn windows_are_settled_late_rather_than_skipped() {
	new_chain().execute_with(|| {
		for number in 1..=4 {
			register(&account(number));
			activate(&account(number), &[1, 2, 3]);
		}
		// Far less than what is due, for a while.
		MaxDuePerBlock::set(1);
		run_for(40);
		MaxDuePerBlock::set(100);
		run_for(60);
		for number in 1..=4 {
			for sector in 1..=3 {
				let partition = partition_of(&account(number), sector);
				assert!(!partition.faults.is_empty());
			}
		}
	});
}

#[test]
fn a_sector_does_not_join_a_partition_whose_window_is_not_settled() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let key = key_of(&alice(), 1);
		let window = window_of(&alice(), 1);
		for number in 2..=3 {
			assert_ok!(pre_commit(&alice(), sealed(number)));
		}
		await_seed();
		run_to(window.close - 1);
		// A block that has no time for the agenda.
		System::set_block_number(window.close);
		for number in 2..=3 {
			assert_ok!(prove(&alice(), &[porep(&alice(), number)]));
			assert_ne!(key_of(&alice(), number), key);
		}
		run_for(1);
	});
}

#[test]
fn blocks_with_nothing_due_cost_little_and_are_passed_in_bounded_steps() {
	new_chain().execute_with(|| {
		let idle = StorageProvider::on_initialize(now() + 1);
		MaxDuePerBlock::set(5);
		System::set_block_number(100);
		let cursor = AgendaCursor::<Test>::get();
		let busy = StorageProvider::on_initialize(100);
		assert_eq!(AgendaCursor::<Test>::get(), cursor + 5);
		assert_eq!(busy, idle * 5);
	});
}

#[test]
fn the_weight_of_what_is_due_is_reported() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let close = window_of(&alice(), 1).close;
		run_to(close - 1);
		System::set_block_number(close);
		events();
		let weight = StorageProvider::on_initialize(close);
		assert!(matches!(events()[0], Event::PartitionFaulty { .. }));
		use crate::WeightInfo;
		assert_eq!(weight, <()>::service_block() + <()>::close_window());
	});
}

/// A provider with as many partitions of one deadline, each with one sector that was never proven.
fn crowded_deadline(partitions: u32) -> u32 {
	use holdfast_primitives::{CommD, CommR};
	register(&alice());
	let window = StorageProvider::windows(alice())
		.into_iter()
		.find(|window| window.is_mutable(now()))
		.unwrap();
	let pledge = 1_000;
	let mut end = window.close;
	while end < now() + 5_000 {
		end += 60;
	}
	for index in 0..partitions {
		let key = (alice(), window.deadline, index);
		let comm_r = CommR([1; 32]);
		crate::Partitions::<Test>::insert(
			&key,
			crate::Partition {
				count: 1,
				..Default::default()
			},
		);
		crate::PartitionSectors::<Test>::try_append(key.clone(), u64::from(index)).unwrap();
		crate::PartitionReplicas::<Test>::try_append(key.clone(), comm_r).unwrap();
		crate::Agenda::<Test>::insert(window.close, &key, ());
		crate::Expirations::<Test>::insert(end, &key, positions(&[0]));
		Sectors::<Test>::insert(
			alice(),
			u64::from(index),
			crate::Sector {
				comm_r,
				comm_d: CommD([0; 32]),
				activated: now(),
				expiration: end,
				deadline: window.deadline,
				partition: index,
				position: 0,
				pledge,
				deals_left: 0,
				gaps: Default::default(),
				ended: None,
				terminated: false,
			},
		);
	}
	crate::Providers::<Test>::mutate(alice(), |info| {
		let info = info.as_mut().unwrap();
		info.live_sectors = partitions;
		info.pledge = pledge * u128::from(partitions);
		info.deadlines[window.deadline as usize] = crate::DeadlineLoad {
			partitions,
			live_sectors: partitions,
		};
	});
	StorageProvider::check_state().unwrap();
	window.close
}

#[test]
fn five_thousand_windows_that_close_at_once_keep_every_blocks_weight_and_nobody_is_skipped() {
	use crate::WeightInfo;
	const WINDOWS: u32 = 5_000;
	const EACH_BLOCK: u32 = 128;
	new_chain().execute_with(|| {
		let close = crowded_deadline(WINDOWS);
		MaxDuePerBlock::set(EACH_BLOCK);
		run_to_unchecked(close - 1);
		events();
		let most = <()>::service_block() + <()>::close_window() * u64::from(EACH_BLOCK);
		let mut settled = std::collections::BTreeSet::new();
		let mut blocks = 0;
		while settled.len() < WINDOWS as usize {
			System::set_block_number(now() + 1);
			let weight = StorageProvider::on_initialize(now());
			assert!(weight.all_lte(most), "{weight:?} is more than {most:?}");
			blocks += 1;
			assert!(blocks <= WINDOWS.div_ceil(EACH_BLOCK));
			for event in events() {
				if let Event::PartitionFaulty { partition, .. } = event {
					assert!(settled.insert(partition), "settled twice");
				}
			}
		}
		// Each has its next window where it would have it had it been settled in time.
		let next = crate::Agenda::<Test>::iter_key_prefix(close + 60).count();
		assert_eq!(next, WINDOWS as usize);
		assert_eq!(crate::Agenda::<Test>::iter().count(), WINDOWS as usize);
		StorageProvider::check_state().unwrap();
		MaxDuePerBlock::set(100);
	});
}

/// Makes the blocks up to this one without looking at the whole state after each.
fn run_to_unchecked(block: u32) {
	while now() < block {
		System::set_block_number(now() + 1);
		StorageProvider::on_initialize(now());
	}
}
