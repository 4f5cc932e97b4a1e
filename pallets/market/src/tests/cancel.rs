use frame_support::{assert_noop, assert_ok};

use super::mock::*;
use crate::{DealState, Deals, Error, Event, MarketBalance, Nonces, StartAgenda};

fn cancel(who: AccountId, deal: u64) -> sp_runtime::DispatchResult {
	Market::cancel_deal(RuntimeOrigin::signed(who), deal)
}

#[test]
fn a_client_that_cancels_pays_the_fee_and_gets_the_rest_back() {
	with_deposits(|| {
		let id = publish(proposal());
		System::reset_events();
		assert_ok!(cancel(client(), id));
		assert_eq!(
			events(),
			[Event::DealCancelled {
				deal: id,
				client: client(),
				provider: provider(),
				refunded: 990,
				fee: 10
			}]
		);
		let escrow = |amount| MarketBalance {
			escrow: amount,
			..Default::default()
		};
		assert_eq!(Market::market_balance(&client()), escrow(FUNDS / 10 - 10));
		assert_eq!(Market::market_balance(&provider()), escrow(FUNDS / 10 + 10));
	});
}

#[test]
fn a_cancelled_proposal_cannot_be_published_again() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_ok!(cancel(client(), id));
		let again = || {
			Market::publish_deals(
				RuntimeOrigin::signed(provider()),
				batch(vec![sign(proposal())]),
			)
		};
		assert_noop!(again(), Error::<Test>::NonceUsed);
		assert_eq!(Deals::<Test>::get(id).unwrap().state, DealState::Cancelled);
		System::reset_events();
		run_to(50);
		// Its record is gone without a word, and the proposal has expired.
		assert_eq!(events(), []);
		assert_eq!(Deals::<Test>::iter().count(), 0);
		assert_eq!(Nonces::<Test>::iter().count(), 0);
		assert_eq!(StartAgenda::<Test>::iter().count(), 0);
		assert_noop!(again(), Error::<Test>::ProposalExpired);
	});
}

#[test]
fn a_cancelled_deal_can_be_put_in_no_sector_and_is_cancelled_once() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_ok!(cancel(client(), id));
		assert_noop!(cancel(client(), id), Error::<Test>::DealIsCancelled);
		assert_noop!(start_in(7, &[id]), Error::<Test>::DealIsCancelled);
		assert_noop!(settle(&[id]), Error::<Test>::DealNotActive);
	});
}

#[test]
fn only_the_client_cancels_and_only_what_is_in_no_sector() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_noop!(cancel(client(), 99), Error::<Test>::DealNotFound);
		assert_noop!(cancel(provider(), id), Error::<Test>::NotTheDealsClient);
		assert_ok!(Market::reserve(&provider(), 7, &[id], 1_000, 30));
		assert_noop!(cancel(client(), id), Error::<Test>::DealPreCommitted);
		// The sector was not proven in time.
		run_to(30);
		assert_ok!(cancel(client(), id));
	});
	with_deposits(|| {
		let id = active_deal();
		assert_noop!(cancel(client(), id), Error::<Test>::DealAlreadyActive);
	});
}

#[test]
fn a_deal_that_the_agenda_has_not_reached_at_its_start_cannot_be_cancelled() {
	with_deposits(|| {
		let id = publish(proposal());
		System::set_block_number(50);
		assert_noop!(cancel(client(), id), Error::<Test>::DealStartPassed);
	});
}
