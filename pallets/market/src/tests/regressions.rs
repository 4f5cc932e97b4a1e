//! Flaws of polka-storage's market that this one must not have. The names begin with the flaws' numbers in
//! `docs/protocol/compared.md`.

use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::DealProposal;
use sp_core::Pair;

use super::mock::*;
use crate::{Deals, Error, Event, Nonces, StartAgenda};

fn publish_again(proposal: DealProposal<AccountId>) -> sp_runtime::DispatchResult {
	Market::publish_deals(
		RuntimeOrigin::signed(proposal.provider.clone()),
		batch(vec![sign(proposal)]),
	)
}

fn with_nonce(nonce: u64) -> DealProposal<AccountId> {
	DealProposal {
		nonce,
		..proposal()
	}
}

#[test]
fn s_06_no_party_fills_a_cap_of_the_whole_chain() {
	with_deposits(|| {
		// One provider and its client: more pending deals, and more that start in one block, than 128.
		for first in (0..160).step_by(32) {
			let proposals = (first..first + 32).map(|nonce| sign(with_nonce(nonce)));
			assert_ok!(Market::publish_deals(
				RuntimeOrigin::signed(provider()),
				batch(proposals.collect())
			));
		}
		// Others publish a deal with the same start all the same.
		for name in ["Other", "Rich"] {
			assert_ok!(Market::deposit(
				RuntimeOrigin::signed(account(name)),
				10_000
			));
		}
		assert_ok!(publish_again(DealProposal {
			client: account("Rich"),
			provider: account("Other"),
			..proposal()
		}));
		// And every one of them is closed, a few in each block.
		run_to(50 + 161 / (MAX_STEPS - 1) + 1);
		assert_eq!(Deals::<Test>::iter().count(), 0);
	});
}

#[test]
fn s_07_a_signed_proposal_is_used_once_whatever_becomes_of_its_deal() {
	with_deposits(|| {
		let used = |error: Error<Test>| {
			assert_noop!(publish_again(proposal()), error);
		};
		let id = publish(proposal());
		used(Error::NonceUsed);
		assert_ok!(Market::reserve(&provider(), 7, &[id], 150, 45));
		used(Error::NonceUsed);
		assert_ok!(Market::activate(&provider(), 7, &[id]));
		used(Error::NonceUsed);
		// Terminated before its start: its record stays until the proposal has expired.
		set_terminated(7, 0);
		assert_noop!(settle(&[id]), Error::<Test>::DealNotStarted);
		used(Error::NonceUsed);
		run_to(50);
		assert_ok!(settle(&[id]));
		used(Error::ProposalExpired);
	});
	// Cancelled.
	with_deposits(|| {
		let id = publish(proposal());
		assert_ok!(Market::cancel_deal(RuntimeOrigin::signed(client()), id));
		assert_noop!(publish_again(proposal()), Error::<Test>::NonceUsed);
		run_to(50);
		assert_noop!(publish_again(proposal()), Error::<Test>::ProposalExpired);
	});
	// Never activated, and on another chain.
	with_deposits(|| {
		publish(proposal());
		run_to(50);
		assert_noop!(publish_again(proposal()), Error::<Test>::ProposalExpired);
		let proposal = DealProposal {
			start: 60,
			expires: 60,
			..with_nonce(2)
		};
		let foreign = Signed {
			signature: pair("Client")
				.sign(&proposal.signing_bytes(&[1; 32]))
				.into(),
			proposal,
		};
		assert_noop!(
			Market::publish_deals(RuntimeOrigin::signed(provider()), batch(vec![foreign])),
			Error::<Test>::InvalidSignature
		);
	});
}

#[test]
fn s_14_a_price_that_wraps_around_is_refused() {
	with_deposits(|| {
		// Times 100 blocks this is 144, modulo 2^128.
		let wrapping = u128::MAX / 100 + 2;
		assert!(wrapping.checked_mul(100).is_none() && wrapping.wrapping_mul(100) < 1_000);
		assert_noop!(
			publish_again(DealProposal {
				price_per_block: wrapping,
				..proposal()
			}),
			Error::<Test>::PriceOverflow
		);
	});
}

#[test]
fn s_16_no_account_with_a_deal_can_be_reaped_and_no_money_is_lost_with_it() {
	with_deposits(|| {
		let waiting = publish(with_nonce(2));
		let id = active_deal();
		// All that can be moved goes elsewhere; what is held keeps both accounts alive.
		for who in [client(), provider()] {
			let rest = Market::market_balance(&who).escrow;
			if rest > 0 {
				assert_ok!(Market::withdraw(RuntimeOrigin::signed(who.clone()), rest));
			}
			let origin = RuntimeOrigin::signed(who.clone());
			assert_ok!(Balances::transfer_all(origin, account("Rich"), false));
			assert!(System::account_exists(&who));
		}
		assert_eq!(Market::deal(waiting), None);
		set_terminated(7, 25);
		assert_ok!(settle(&[id]));
		// The payment of the other 75 blocks and the collateral; `with_deposits` checks the sum of all money.
		assert_eq!(Market::market_balance(&client()).escrow, 750 + 200);
	});
}

#[test]
fn c_03_a_terminated_sector_earns_nothing_more_and_its_deals_end_at_once() {
	with_deposits(|| {
		let id = active_deal();
		let before = Balances::free_balance(provider());
		run_to(75);
		set_terminated(7, 25);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), before + 250);
		assert_eq!(Market::deal(id), None);
		run_to(150);
		assert_noop!(settle(&[id]), Error::<Test>::DealNotFound);
		assert_eq!(Balances::free_balance(provider()), before + 250);
	});
}

#[test]
fn c_07_blocks_in_which_a_sector_was_not_healthy_are_not_paid() {
	with_deposits(|| {
		let id = active_deal();
		let before = Balances::free_balance(provider());
		// Every block is decided, a third was healthy.
		set_health(7, 33, 150);
		run_to(200);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), before + 330);
	});
}

#[test]
fn c_12_a_sector_starts_with_all_of_its_deals_or_none() {
	with_deposits(|| {
		let deals = [publish(with_nonce(1)), publish(with_nonce(2))];
		assert_ok!(Market::reserve(&provider(), 7, &deals, 150, 30));
		run_to(30);
		// The reservation has run out, and the client takes one back.
		assert_ok!(Market::cancel_deal(
			RuntimeOrigin::signed(client()),
			deals[1]
		));
		assert_noop!(
			Market::activate(&provider(), 7, &deals),
			Error::<Test>::DealIsCancelled
		);
		assert!(StartAgenda::<Test>::contains_key(50, deals[0]));
	});
}

#[test]
fn c_13_a_deal_is_in_one_sector_once() {
	with_deposits(|| {
		let deal = publish(proposal());
		assert_noop!(
			Market::reserve(&provider(), 7, &[deal, deal], 150, 40),
			Error::<Test>::DuplicateDeal
		);
		assert_ok!(Market::reserve(&provider(), 7, &[deal], 150, 40));
		for sector in [7, 8] {
			assert_noop!(
				Market::reserve(&provider(), sector, &[deal], 150, 40),
				Error::<Test>::DealPreCommitted
			);
		}
		assert_noop!(
			Market::activate(&provider(), 7, &[deal, deal]),
			Error::<Test>::DuplicateDeal
		);
		assert_ok!(Market::activate(&provider(), 7, &[deal]));
		assert_noop!(
			Market::activate(&provider(), 8, &[deal]),
			Error::<Test>::DealAlreadyActive
		);
	});
}

#[test]
fn c_15_a_deal_that_is_over_does_not_keep_its_sectors_other_deals_from_ending() {
	with_deposits(|| {
		let short = publish(with_nonce(1));
		let long = publish(DealProposal {
			end: 250,
			..with_nonce(2)
		});
		assert_ok!(start_in(7, &[short, long]));
		run_to(160);
		set_health(7, 100, 155);
		assert_ok!(settle(&[short]));
		assert_eq!(Market::deal(short), None);
		set_terminated(7, 110);
		assert_ok!(settle(&[short, long]));
		assert_eq!(Deals::<Test>::iter().count(), 0);
		assert_eq!(released().len(), 2);
	});
}

#[test]
fn c_16_a_sector_that_ends_before_its_deals_start_owes_nothing_and_costs_the_collateral() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_ok!(start_in(7, &[id]));
		set_terminated(7, 0);
		run_to(50);
		System::reset_events();
		assert_ok!(settle(&[id]));
		assert_eq!(
			events(),
			[Event::DealCompleted {
				deal: id,
				client: client(),
				provider: provider(),
				paid_blocks: 0,
				refunded: 1_000,
				compensation: 200
			}]
		);
	});
}

#[test]
fn c_22_the_client_gets_the_collateral_that_its_provider_loses() {
	with_deposits(|| {
		let escrow = Market::market_balance(&client()).escrow;
		let id = active_deal();
		set_terminated(7, 0);
		assert_ok!(settle(&[id]));
		assert_eq!(Market::market_balance(&client()).escrow, escrow + 200);
	});
}

#[test]
fn p_09_a_call_publishes_and_settles_many_deals() {
	with_deposits(|| {
		let proposals = (0..32).map(|nonce| sign(with_nonce(nonce))).collect();
		assert_ok!(Market::publish_deals(
			RuntimeOrigin::signed(provider()),
			batch(proposals)
		));
		let deals: Vec<_> = (0..32).collect();
		assert_ok!(start_in(7, &deals));
		run_to(50);
		set_health(7, 100, u32::MAX);
		assert_ok!(settle(&deals));
		assert_eq!(Deals::<Test>::iter().count(), 0);
		assert_eq!(Nonces::<Test>::iter().count(), 0);
	});
}
