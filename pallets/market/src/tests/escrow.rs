use frame_support::{assert_noop, assert_ok};
use sp_runtime::{DispatchError, TokenError};

use super::mock::*;
use crate::{DealState, Error, Event, MarketBalance, Pallet};

#[test]
fn a_deposit_and_a_withdrawal_move_money_and_back() {
	new_test_ext().execute_with(|| {
		assert_ok!(Market::deposit(RuntimeOrigin::signed(client()), 5_000));
		assert_eq!(Balances::free_balance(client()), FUNDS - 5_000);
		assert_eq!(
			Pallet::<Test>::balance(client()),
			MarketBalance {
				escrow: 5_000,
				..Default::default()
			}
		);
		assert_ok!(Market::withdraw(RuntimeOrigin::signed(client()), 5_000));
		assert_eq!(Balances::free_balance(client()), FUNDS);
		assert_eq!(
			events(),
			[
				Event::Deposited {
					who: client(),
					amount: 5_000
				},
				Event::Withdrawn {
					who: client(),
					amount: 5_000
				},
			]
		);
		check_all();
	});
}

#[test]
fn a_deposit_leaves_the_existential_deposit() {
	new_test_ext().execute_with(|| {
		let origin = || RuntimeOrigin::signed(client());
		assert_noop!(
			Market::deposit(origin(), FUNDS - ED + 1),
			Error::<Test>::InsufficientBalance
		);
		assert_noop!(
			Market::deposit(origin(), u128::MAX),
			Error::<Test>::InsufficientBalance
		);
		assert_ok!(Market::deposit(origin(), FUNDS - ED));
		check_all();
	});
}

#[test]
fn frozen_money_cannot_be_deposited() {
	new_test_ext().execute_with(|| {
		use frame_support::traits::{LockableCurrency, WithdrawReasons};
		Balances::set_lock(*b"a lock  ", &client(), FUNDS - 10, WithdrawReasons::all());
		assert_noop!(
			Market::deposit(RuntimeOrigin::signed(client()), 11),
			Error::<Test>::InsufficientBalance
		);
		assert_ok!(Market::deposit(RuntimeOrigin::signed(client()), 10));
	});
}

#[test]
fn nothing_moves_nothing_and_only_the_escrow_can_be_withdrawn() {
	with_deposits(|| {
		let origin = || RuntimeOrigin::signed(client());
		assert_noop!(Market::deposit(origin(), 0), Error::<Test>::ZeroAmount);
		assert_noop!(Market::withdraw(origin(), 0), Error::<Test>::ZeroAmount);
		publish(proposal());
		assert_noop!(
			Market::withdraw(origin(), FUNDS / 10 - 999),
			Error::<Test>::InsufficientEscrow
		);
		assert_noop!(
			Market::withdraw(origin(), u128::MAX),
			Error::<Test>::InsufficientEscrow
		);
		assert_ok!(Market::withdraw(origin(), FUNDS / 10 - 1_000));
		assert_eq!(
			Market::market_balance(&client()),
			MarketBalance {
				payment: 1_000,
				..Default::default()
			}
		);
	});
}

#[test]
fn every_call_needs_a_signed_origin() {
	new_test_ext().execute_with(|| {
		let none = RuntimeOrigin::none;
		assert_noop!(Market::deposit(none(), 1), DispatchError::BadOrigin);
		assert_noop!(Market::withdraw(none(), 1), DispatchError::BadOrigin);
		assert_noop!(
			Market::publish_deals(none(), batch(vec![])),
			DispatchError::BadOrigin
		);
		assert_noop!(
			Market::settle_deals(none(), Default::default()),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn an_account_with_a_deal_cannot_be_emptied() {
	with_deposits(|| {
		publish(proposal());
		for who in [client(), provider()] {
			let rest = Market::market_balance(&who).escrow;
			assert_ok!(Market::withdraw(RuntimeOrigin::signed(who.clone()), rest));
			assert_ok!(Balances::transfer_all(
				RuntimeOrigin::signed(who.clone()),
				account("Rich"),
				false
			));
			assert_eq!(Balances::free_balance(&who), ED);
		}
		// Both are refunded and paid all the same.
		run_to(50);
		assert_eq!(Market::market_balance(&client()).escrow, 1_200);
	});
}

/// An account that something else than its balance keeps alive can have less than the existential
/// deposit.
fn empty(who: &AccountId) {
	System::inc_providers(who);
	let rest = Balances::free_balance(who);
	let origin = RuntimeOrigin::signed(who.clone());
	assert_ok!(Balances::transfer_allow_death(
		origin,
		account("Rich"),
		rest
	));
	assert_eq!(Balances::free_balance(who), 0);
}

#[test]
fn a_provider_without_the_existential_deposit_is_paid_into_its_escrow() {
	with_deposits(|| {
		let id = active_deal();
		empty(&provider());
		let escrow = Market::market_balance(&provider()).escrow;
		set_health(7, 3, 60);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), 0);
		assert_eq!(Market::market_balance(&provider()).escrow, escrow + 30);
		// As soon as a sum is large enough it is paid out.
		set_health(7, 13, 70);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), 100);
	});
}

#[test]
fn a_client_without_the_existential_deposit_is_refunded_and_compensated() {
	with_deposits(|| {
		publish(proposal());
		let origin = RuntimeOrigin::signed(client());
		assert_ok!(Market::withdraw(origin, FUNDS / 10 - 1_000));
		empty(&client());
		run_to(50);
		assert_eq!(
			Market::market_balance(&client()),
			MarketBalance {
				escrow: 1_200,
				..Default::default()
			}
		);
	});
}

#[test]
fn a_clients_freeze_does_not_keep_its_provider_from_being_paid() {
	with_deposits(|| {
		use frame_support::traits::{LockableCurrency, WithdrawReasons};
		let id = active_deal();
		Balances::set_lock(*b"a lock  ", &client(), u128::MAX, WithdrawReasons::all());
		set_health(7, 100, u32::MAX);
		let before = Balances::free_balance(provider());
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), before + 1_000);
	});
}

#[test]
fn a_provider_can_be_its_own_client() {
	with_deposits(|| {
		let own = |nonce| holdfast_primitives::DealProposal {
			client: provider(),
			nonce,
			..proposal()
		};
		let first = publish(own(1));
		let second = publish(own(2));
		assert_ok!(start_in(7, &[first]));
		check_all();
		run_to(50);
		assert_eq!(Market::deal(second), None);
		assert_eq!(
			Market::deal(first).unwrap().state,
			DealState::Active { sector: 7 }
		);
		set_health(7, 60, u32::MAX);
		assert_ok!(settle(&[first]));
		assert_eq!(
			Market::market_balance(&provider()),
			MarketBalance {
				escrow: FUNDS / 10 - 600,
				..Default::default()
			}
		);
		let free = Balances::free_balance(provider());
		assert_eq!(free, FUNDS - FUNDS / 10 + 600);
	});
}

#[test]
fn money_that_is_not_there_moves_nothing() {
	with_deposits(|| {
		let id = active_deal();
		let mut deal = Market::deal(id).unwrap();
		deal.price_per_block = FUNDS;
		deal.provider_collateral = FUNDS;
		let missing: DispatchError = TokenError::FundsUnavailable.into();
		assert_noop!(Market::pay(&deal, FUNDS), missing);
		assert_noop!(Market::refund(&deal), missing);
		assert_noop!(
			Market::return_collateral(&deal, deal.provider_collateral),
			missing
		);
		assert_noop!(
			Market::forfeit_collateral(&deal, deal.provider_collateral),
			missing
		);
	});
}

#[test]
fn the_tokens_events_tell_every_movement() {
	with_deposits(|| {
		System::reset_events();
		publish(proposal());
		run_to(50);
		let moved: Vec<_> = System::events()
			.into_iter()
			.filter_map(|record| match record.event {
				RuntimeEvent::Balances(event) => Some(event),
				_ => None,
			})
			.collect();
		use crate::HoldReason::{Collateral, Escrow, Payment};
		use pallet_balances::Event::{Held, Released, TransferOnHold};
		let held = |reason: crate::HoldReason, who: AccountId, amount| Held {
			reason: reason.into(),
			who,
			amount,
		};
		let released = |reason: crate::HoldReason, who: AccountId, amount| Released {
			reason: reason.into(),
			who,
			amount,
		};
		assert_eq!(
			moved,
			vec![
				released(Escrow, client(), 1_000),
				held(Payment, client(), 1_000),
				released(Escrow, provider(), 200),
				held(Collateral, provider(), 200),
				released(Payment, client(), 1_000),
				held(Escrow, client(), 1_000),
				TransferOnHold {
					reason: Collateral.into(),
					source: provider(),
					dest: client(),
					amount: 200
				},
				released(Collateral, client(), 200),
				held(Escrow, client(), 200),
			]
		);
	});
}
