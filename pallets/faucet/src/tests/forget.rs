use frame_support::assert_ok;

use super::mock::*;
use crate::{DripsAt, ForgetCursor, LastDrip};

fn drip(account: u64) {
	assert_ok!(Faucet::drip(RuntimeOrigin::none(), account));
}

#[test]
fn storage_is_bounded_by_the_period() {
	new_test_ext().execute_with(|| {
		let mut account = 0;
		let bound = usize::try_from(PERIOD * MAX_DRIPS).unwrap();
		for block in 1..4 * PERIOD {
			run_to(block);
			for _ in 0..MAX_DRIPS {
				drip(account);
				account += 1;
			}
			assert!(LastDrip::<Test>::iter().count() <= bound);
			assert_eq!(
				LastDrip::<Test>::iter().count(),
				DripsAt::<Test>::iter().count()
			);
		}
		run_to(6 * PERIOD);
		assert_eq!(LastDrip::<Test>::iter().count(), 0);
	});
}

#[test]
fn forgetting_takes_a_bounded_number_of_steps_and_catches_up() {
	new_test_ext().execute_with(|| {
		for block in 1..=10 {
			run_to(block);
			for account in 0..u64::from(MAX_DRIPS) {
				drip(u64::from(block) * 10 + account);
			}
		}
		// Blocks without the hook, as if much had become due at once.
		let mut block = 10 + PERIOD;
		let mut rounds = 0;
		while LastDrip::<Test>::iter().count() > 0 {
			System::set_block_number(block);
			assert!(Faucet::forget_old_drips(block) <= MAX_DRIPS + 2);
			Faucet::check_state().unwrap();
			block += 1;
			rounds += 1;
		}
		assert!(rounds <= 10);
	});
}

#[test]
fn the_cursor_begins_with_the_pallets_first_block() {
	new_test_ext().execute_with(|| {
		ForgetCursor::<Test>::kill();
		assert_eq!(Faucet::forget_old_drips(1_000_000), 0);
		assert_eq!(ForgetCursor::<Test>::get(), Some(1_000_000));
		assert_eq!(Faucet::forget_old_drips(1_000_000 + PERIOD), 1);
	});
}

#[test]
fn the_last_block_number_does_not_hang_the_hook() {
	new_test_ext().execute_with(|| {
		ForgetCursor::<Test>::put(u32::MAX - PERIOD);
		assert_eq!(Faucet::forget_old_drips(u32::MAX), 1);
		assert_eq!(Faucet::forget_old_drips(u32::MAX), 0);
	});
}
