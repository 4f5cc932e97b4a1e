use frame_support::{
	assert_noop, assert_ok,
	dispatch::{GetDispatchInfo, Pays},
	pallet_prelude::{
		InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError,
		ValidTransaction,
	},
};
#[allow(deprecated)]
use sp_runtime::traits::ValidateUnsigned;
use sp_runtime::DispatchError;

use super::mock::*;
use crate::{Call, Error, Event};

#[allow(deprecated)]
fn validate(account: u64) -> TransactionValidity {
	let call = Call::<Test>::drip { account };
	let valid = Faucet::validate_unsigned(TransactionSource::External, &call);
	// The same rules when a block is made.
	assert_eq!(Faucet::pre_dispatch(&call).is_ok(), valid.is_ok());
	valid
}

fn drip(account: u64) -> sp_runtime::DispatchResult {
	Faucet::drip(RuntimeOrigin::none(), account)
}

/// The pool refuses it, and if an author took it all the same, it changes nothing.
#[track_caller]
fn refused(account: u64, in_pool: InvalidTransaction, in_block: Error<Test>) {
	assert_eq!(
		validate(account),
		Err(TransactionValidityError::Invalid(in_pool))
	);
	assert_noop!(drip(account), in_block);
}

#[test]
fn an_account_that_does_not_exist_gets_tokens() {
	new_test_ext().execute_with(|| {
		assert!(validate(7).is_ok());
		assert_ok!(drip(7));
		assert_eq!(Balances::free_balance(7), 1_000);
		System::assert_last_event(
			Event::Dripped {
				who: 7,
				amount: 1_000,
			}
			.into(),
		);
		assert_eq!(Faucet::amount(), 1_000);
		Faucet::check_state().unwrap();
	});
}

#[test]
fn an_account_gets_one_drip_in_a_period() {
	new_test_ext().execute_with(|| {
		assert_eq!(Faucet::available_from(7), 0);
		assert_ok!(drip(7));
		refused(7, InvalidTransaction::Stale, Error::UsedRecently);
		assert_eq!(Faucet::available_from(7), 1 + PERIOD);
		run_to(PERIOD);
		refused(7, InvalidTransaction::Stale, Error::UsedRecently);
		run_to(PERIOD + 1);
		assert_eq!(Faucet::available_from(7), 0);
		assert_ok!(drip(7));
		assert_eq!(Balances::free_balance(7), 2_000);
	});
}

#[test]
fn the_period_holds_even_before_old_drips_are_forgotten() {
	new_test_ext().execute_with(|| {
		assert_ok!(drip(7));
		System::set_block_number(PERIOD + 1);
		assert_ok!(drip(7));
		Faucet::check_state().unwrap();
		run_to(PERIOD + 2);
		refused(7, InvalidTransaction::Stale, Error::UsedRecently);
	});
}

#[test]
fn a_block_has_a_bounded_number_of_drips_for_different_accounts() {
	new_test_ext().execute_with(|| {
		for account in 0..u64::from(MAX_DRIPS) {
			assert!(validate(account).is_ok());
			assert_ok!(drip(account));
		}
		refused(99, InvalidTransaction::ExhaustsResources, Error::BlockFull);
		run_to(2);
		assert!(validate(99).is_ok());
		assert_ok!(drip(99));
	});
}

#[test]
fn the_pool_keeps_one_drip_for_each_account_and_any_number_of_accounts() {
	new_test_ext().execute_with(|| {
		let tags = |account| validate(account).unwrap().provides;
		assert_eq!(tags(7), tags(7));
		assert_ne!(tags(7), tags(8));
		// The tag does not change with the block.
		let before = tags(7);
		run_to(5);
		assert_eq!(tags(7), before);
		let ValidTransaction {
			requires,
			longevity,
			propagate,
			..
		} = validate(7).unwrap();
		assert_eq!((requires, longevity, propagate), (vec![], 64, true));
	});
}

#[test]
fn a_faucet_without_an_amount_is_closed() {
	new_test_ext().execute_with(|| {
		Amount::set(0);
		refused(7, InvalidTransaction::Call, Error::Closed);
	});
}

#[test]
fn an_account_that_cannot_take_the_amount_gets_nothing() {
	new_test_ext().execute_with(|| {
		Amount::set(ED - 1);
		refused(7, InvalidTransaction::Call, Error::CannotReceive);
		Amount::set(u64::MAX);
		assert_ok!(drip(7));
		// Now the total issuance would overflow.
		refused(8, InvalidTransaction::Call, Error::CannotReceive);
	});
}

#[test]
fn only_an_unsigned_drip_is_valid_and_it_is_free() {
	new_test_ext().execute_with(|| {
		assert_noop!(
			Faucet::drip(RuntimeOrigin::signed(7), 7),
			DispatchError::BadOrigin
		);
		assert_noop!(
			Faucet::drip(RuntimeOrigin::root(), 7),
			DispatchError::BadOrigin
		);
		let info = Call::<Test>::drip { account: 7 }.get_dispatch_info();
		assert_eq!(info.pays_fee, Pays::No);
		assert!(info.call_weight.ref_time() > 0);
	});
}
