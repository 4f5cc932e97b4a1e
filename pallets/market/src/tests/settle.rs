use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::DealProposal;

use super::mock::*;
use crate::{monies, Deals, Error, Event, MarketBalance, Nonces};

#[test]
fn healthy_blocks_are_paid_once() {
	with_deposits(|| {
		let id = active_deal();
		let before = Balances::free_balance(provider());
		set_health(7, 10, 60);
		run_to(60);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), before + 100);
		assert_eq!(Market::market_balance(&client()).payment, 900);
		assert_eq!(
			events(),
			[Event::DealSettled {
				deal: id,
				blocks: 10,
				amount: 100
			}]
		);

		System::reset_events();
		assert_ok!(settle(&[id]));
		assert_ok!(settle(&[id, id]));
		assert_eq!(Balances::free_balance(provider()), before + 100);
		assert_eq!(events(), []);

		set_health(7, 25, 75);
		assert_ok!(settle(&[id, id]));
		assert_eq!(Balances::free_balance(provider()), before + 250);
		assert_eq!(Market::deal(id).unwrap().paid_blocks, 25);
	});
}

#[test]
fn a_beneficiary_is_paid_in_the_providers_place() {
	with_deposits(|| {
		let id = active_deal();
		let other = account("Other");
		Beneficiary::set(Some(other.clone()));
		let before = (
			Balances::free_balance(provider()),
			Balances::free_balance(&other),
		);
		set_health(7, 10, 60);
		run_to(60);
		assert_ok!(settle(&[id]));
		assert_eq!(
			(
				Balances::free_balance(provider()),
				Balances::free_balance(&other)
			),
			(before.0, before.1 + 100)
		);
		// An account that is not there yet cannot take less than the least balance: the provider has it.
		Beneficiary::set(Some(account("Nobody")));
		let escrow = Market::market_balance(&provider()).escrow;
		set_health(7, 10 + 1, 61);
		run_to(61);
		assert_ok!(settle(&[id]));
		let paid = Market::market_balance(&provider()).escrow - escrow
			+ Balances::free_balance(account("Nobody"));
		assert_eq!(paid, 10);
	});
}

#[test]
fn unhealthy_blocks_are_not_paid_for_and_go_back_to_the_client() {
	with_deposits(|| {
		let id = active_deal();
		let before = Balances::free_balance(provider());
		set_health(7, 40, 149);
		run_to(160);
		assert_ok!(settle(&[id]));
		assert!(Deals::<Test>::contains_key(id));
		System::reset_events();

		set_health(7, 60, 150);
		assert_ok!(settle(&[id]));
		assert_eq!(
			events(),
			[
				Event::DealSettled {
					deal: id,
					blocks: 20,
					amount: 200
				},
				Event::DealCompleted {
					deal: id,
					client: client(),
					provider: provider(),
					paid_blocks: 60,
					refunded: 400,
					compensation: 80
				},
			]
		);
		assert_eq!(Balances::free_balance(provider()), before + 600);
		assert_eq!(
			Market::market_balance(&client()),
			MarketBalance {
				escrow: FUNDS / 10 - 600 + 80,
				..Default::default()
			}
		);
		assert_eq!(
			Market::market_balance(&provider()),
			MarketBalance {
				escrow: FUNDS / 10 - 80,
				..Default::default()
			}
		);
		assert_eq!(Deals::<Test>::iter().count(), 0);
		assert_eq!(Nonces::<Test>::iter().count(), 0);
		assert_eq!(released(), [(provider(), 7)]);
	});
}

#[test]
fn a_deal_in_a_sector_that_ended_early_is_over_at_once() {
	with_deposits(|| {
		let id = active_deal();
		set_terminated(7, 25);
		assert_ok!(settle(&[id]));
		// A quarter was paid; all the collateral of 200 is the client's.
		let held = FUNDS / 10 - 250 + 200;
		assert_eq!(Market::market_balance(&client()).escrow, held);
		assert_eq!(Market::market_balance(&provider()).escrow, FUNDS / 10 - 200);
		assert_eq!(Market::deal(id), None);
	});
}

#[test]
fn a_deal_is_not_settled_before_its_start_so_that_its_proposal_cannot_be_used_again() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_ok!(start_in(7, &[id]));
		set_health(7, 0, u32::MAX);
		run_to(40);
		assert_noop!(settle(&[id]), Error::<Test>::DealNotStarted);
		assert_noop!(
			Market::publish_deals(
				RuntimeOrigin::signed(provider()),
				batch(vec![sign(proposal())])
			),
			Error::<Test>::NonceUsed
		);
		run_to(50);
		assert_ok!(settle(&[id]));
		assert_eq!(Market::deal(id), None);
		assert_noop!(
			Market::publish_deals(
				RuntimeOrigin::signed(provider()),
				batch(vec![sign(proposal())])
			),
			Error::<Test>::ProposalExpired
		);
		// The edge: a proposal that expires with its start.
		let edge = DealProposal {
			start: 60,
			expires: 60,
			..proposal()
		};
		let id = publish(edge.clone());
		assert_ok!(start_in(7, &[id]));
		run_to(60);
		assert_ok!(settle(&[id]));
		assert_noop!(
			Market::publish_deals(RuntimeOrigin::signed(provider()), batch(vec![sign(edge)])),
			Error::<Test>::StartPassed
		);
	});
}

#[test]
fn a_deal_that_cannot_be_settled_does_not_keep_the_others_from_it() {
	with_deposits(|| {
		let published = publish(DealProposal {
			nonce: 2,
			start: 60,
			..proposal()
		});
		let id = active_deal();
		set_health(7, 10, 60);
		assert_noop!(settle(&[]), Error::<Test>::EmptyBatch);
		assert_noop!(settle(&[99, published]), Error::<Test>::DealNotFound);
		assert_noop!(settle(&[published]), Error::<Test>::DealNotActive);
		assert_ok!(settle(&[99, id, published]));
		assert_eq!(
			events(),
			[
				Event::SettlementRefused {
					deal: 99,
					reason: Error::<Test>::DealNotFound.into()
				},
				Event::DealSettled {
					deal: id,
					blocks: 10,
					amount: 100
				},
				Event::SettlementRefused {
					deal: published,
					reason: Error::<Test>::DealNotActive.into()
				},
			]
		);
	});
}

#[test]
fn an_unknown_sector_earns_nothing_and_does_not_keep_the_clients_money() {
	with_deposits(|| {
		let id = active_deal();
		run_to(149);
		assert_ok!(settle(&[id]));
		assert_eq!(Market::market_balance(&client()).payment, 1_000);
		run_to(150);
		assert_ok!(settle(&[id]));
		assert_eq!(Market::deal(id), None);
		assert_eq!(Market::market_balance(&client()).escrow, FUNDS / 10 + 200);
	});
}

#[test]
fn wrong_health_pays_neither_twice_nor_too_much() {
	with_deposits(|| {
		let id = active_deal();
		let before = Balances::free_balance(provider());
		set_health(7, 20, 70);
		assert_ok!(settle(&[id]));
		// A sector's health that shrinks takes nothing back.
		set_health(7, 10, 80);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), before + 200);
		// More blocks than the deal has are not paid for.
		set_health(7, u32::MAX, u32::MAX);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), before + 1_000);
		assert_eq!(Market::market_balance(&client()).escrow, FUNDS / 10 - 1_000);
	});
}

#[test]
fn a_termination_after_the_last_healthy_block_costs_no_collateral() {
	with_deposits(|| {
		let id = active_deal();
		set_terminated(7, 100);
		assert_ok!(settle(&[id]));
		assert_eq!(Market::market_balance(&client()).escrow, FUNDS / 10 - 1_000);
		assert_eq!(Market::market_balance(&provider()).escrow, FUNDS / 10);
	});
}

#[test]
fn compensation_is_the_unhealthy_share_rounded_up_and_never_more_than_the_collateral() {
	with_deposits(|| {
		let mut deal = Market::deal(active_deal()).unwrap();
		for (paid, collateral, terminated, expected) in [
			(100, 200, false, 0),
			(100, 200, true, 0),
			(99, 200, false, 2),
			(99, 200, true, 200),
			(99, 1, false, 1),
			(0, 200, false, 200),
			(33, 101, false, 68),
			(50, u128::MAX, false, u128::MAX / 2 + 1),
			(0, u128::MAX, false, u128::MAX),
		] {
			deal.paid_blocks = paid;
			deal.provider_collateral = collateral;
			assert_eq!(monies::compensation(&deal, terminated), expected);
		}
	});
}

#[test]
fn the_cancellation_fee_is_a_share_of_the_price_rounded_up() {
	assert_eq!(monies::cancellation_fee(1_000, 100), 10);
	assert_eq!(monies::cancellation_fee(1, 100), 1);
	assert_eq!(monies::cancellation_fee(1, 0), 0);
	assert_eq!(monies::cancellation_fee(u128::MAX, 10_000), u128::MAX);
}

#[test]
fn the_formulas_do_not_overflow() {
	with_deposits(|| {
		let mut deal = Market::deal(active_deal()).unwrap();
		deal.price_per_block = u128::MAX;
		deal.paid_blocks = 1;
		assert_eq!(monies::total(&deal), u128::MAX);
		assert_eq!(monies::outstanding(&deal), u128::MAX);
		assert_eq!(monies::due(&deal, 100), (99, u128::MAX));
		deal.end = 0;
		deal.paid_blocks = u32::MAX;
		assert_eq!(monies::duration(&deal), 0);
		assert_eq!(monies::outstanding(&deal), 0);
		assert_eq!(monies::due(&deal, u32::MAX), (0, 0));
	});
}
