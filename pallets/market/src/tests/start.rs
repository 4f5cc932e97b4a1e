use frame_support::{
	assert_ok,
	traits::{
		fungible::{InspectHold, UnbalancedHold},
		Hooks,
	},
};
use holdfast_primitives::DealProposal;

use super::mock::*;
use crate::{
	start::RETRY_DELAY, AgendaCursor, Deals, Event, HoldReason, MarketBalance, Nonces, StartAgenda,
	WeightInfo,
};

fn publish_many(count: u64, start: u32) {
	let first = u64::from(start) * 1_000;
	for nonce in first..first + count {
		publish(DealProposal {
			nonce,
			start,
			..proposal()
		});
	}
}

#[test]
fn a_deal_that_is_not_active_in_time_pays_its_client() {
	with_deposits(|| {
		let id = publish(proposal());
		run_to(49);
		assert!(Deals::<Test>::contains_key(id));
		System::reset_events();
		run_to(50);
		assert_eq!(
			events(),
			[Event::DealExpired {
				deal: id,
				client: client(),
				provider: provider(),
				refunded: 1_000,
				compensation: 200
			}]
		);
		assert_eq!(
			Market::market_balance(&client()),
			MarketBalance {
				escrow: FUNDS / 10 + 200,
				..Default::default()
			}
		);
		assert_eq!(
			Market::market_balance(&provider()),
			MarketBalance {
				escrow: FUNDS / 10 - 200,
				..Default::default()
			}
		);
		assert_eq!(Nonces::<Test>::iter().count(), 0);
		assert_eq!(StartAgenda::<Test>::iter().count(), 0);
	});
}

#[test]
fn what_does_not_fit_a_block_comes_first_in_the_next() {
	with_deposits(|| {
		publish_many(12, 50);
		publish_many(3, 51);
		run_to(49);
		let left = |block| {
			System::set_block_number(block);
			let weight = Market::on_initialize(block);
			assert!(weight.all_lte(<() as WeightInfo>::on_initialize(MAX_STEPS)));
			Market::check_state().unwrap();
			Deals::<Test>::iter().count()
		};
		assert_eq!(left(50), 10);
		assert_eq!(left(51), 5);
		// Two deals of block 50, its end, and two deals of block 51.
		assert_eq!(left(52), 1);
		assert_eq!(AgendaCursor::<Test>::get(), Some(51));
		assert_eq!(left(53), 0);
		assert_eq!(AgendaCursor::<Test>::get(), Some(54));
	});
}

#[test]
fn a_block_that_fits_exactly_is_finished_in_the_next() {
	with_deposits(|| {
		publish_many(MAX_STEPS.into(), 50);
		run_to(50);
		assert_eq!(Deals::<Test>::iter().count(), 0);
		assert_eq!(AgendaCursor::<Test>::get(), Some(50));
		run_to(51);
		assert_eq!(AgendaCursor::<Test>::get(), Some(52));
	});
}

#[test]
fn blocks_that_were_left_out_are_caught_up_with_in_bounded_steps() {
	with_deposits(|| {
		publish_many(1, 50);
		AgendaCursor::<Test>::put(2);
		let mut block = 60;
		while AgendaCursor::<Test>::get() != Some(block) {
			let before = AgendaCursor::<Test>::get().unwrap();
			System::set_block_number(block);
			assert!(Market::close_unstarted_deals(block) <= MAX_STEPS);
			assert!(AgendaCursor::<Test>::get().unwrap() > before);
			block += 1;
		}
		assert_eq!(Deals::<Test>::iter().count(), 0);
	});
}

#[test]
fn the_agenda_begins_with_the_block_in_which_the_pallet_does() {
	new_test_ext().execute_with(|| {
		assert_eq!(AgendaCursor::<Test>::get(), None);
		assert_eq!(Market::close_unstarted_deals(1_000_000), 1);
		assert_eq!(AgendaCursor::<Test>::get(), Some(1_000_001));
	});
}

#[test]
fn the_last_block_number_does_not_hang_the_agenda() {
	new_test_ext().execute_with(|| {
		AgendaCursor::<Test>::put(u32::MAX - 1);
		assert_eq!(Market::close_unstarted_deals(u32::MAX), 1);
		assert_eq!(Market::close_unstarted_deals(u32::MAX), 1);
	});
}

#[test]
fn money_that_cannot_be_moved_is_tried_again_and_not_lost() {
	with_deposits(|| {
		let id = publish(proposal());
		let other = publish(DealProposal {
			nonce: 2,
			price_per_block: 20,
			..proposal()
		});
		run_to(49);
		System::reset_events();
		// Something outside the market took the provider's collateral.
		let reason = HoldReason::Collateral.into();
		let held = Balances::balance_on_hold(&reason, &provider());
		assert_ok!(Balances::set_balance_on_hold(&reason, &provider(), 0));
		run_broken_to(50);
		let postponed = |deal| Event::ExpiryPostponed {
			deal,
			until: 50 + RETRY_DELAY,
			reason: sp_runtime::TokenError::FundsUnavailable.into(),
		};
		let events = events();
		assert_eq!(events.len(), 2);
		assert!(events.contains(&postponed(id)) && events.contains(&postponed(other)));
		assert_eq!(Market::market_balance(&client()).payment, 3_000);

		assert_ok!(Balances::set_balance_on_hold(&reason, &provider(), held));
		run_to(50 + RETRY_DELAY);
		assert_eq!(Deals::<Test>::iter().count(), 0);
		assert_eq!(
			Market::market_balance(&client()),
			MarketBalance {
				escrow: FUNDS / 10 + 400,
				..Default::default()
			}
		);
	});
}

#[test]
fn an_entry_without_a_published_deal_is_dropped() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_ok!(start_in(7, &[id]));
		StartAgenda::<Test>::insert(50, id, ());
		StartAgenda::<Test>::insert(50, 99, ());
		run_broken_to(50);
		assert!(Deals::<Test>::contains_key(id));
		assert_eq!(StartAgenda::<Test>::iter().count(), 0);
	});
}
