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
