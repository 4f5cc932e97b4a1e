use codec::{Decode, Encode};
use holdfast_primitives::{DealProposal, PaddedPieceSize, Policy};

use super::mock::*;
use crate::{monies, Cost, NextDealId, Objection, Quote, Refusal};

fn quote(change: impl FnOnce(&mut DealProposal<AccountId>)) -> Quote {
	let mut proposal = proposal();
	change(&mut proposal);
	Market::quote(proposal).unwrap()
}

#[test]
fn a_quote_says_what_a_deal_costs_and_when_it_can_start() {
	with_deposits(|| {
		assert_eq!(
			Market::quote(proposal()),
			Some(Quote {
				cost: Some(Cost {
					total_price: 1_000,
					least_collateral: 100,
					cancellation_fee: 10,
				}),
				asked_price_per_block: Some(10),
				earliest_start: 3,
				latest_start: 2 + Policy::devnet().max_deal_start_delay,
				refusal: None,
				objection: None,
			})
		);
	});
}

#[test]
fn what_is_quoted_can_be_published_in_the_next_block() {
	with_deposits(|| {
		let Quote {
			earliest_start,
			latest_start,
			..
		} = quote(|_| ());
		let at = |start: u32, nonce| DealProposal {
			start,
			end: start + 100,
			expires: start,
			nonce,
			..proposal()
		};
		for (start, refusal) in [
			(earliest_start - 1, Some(Refusal::StartPassed)),
			(earliest_start, None),
			(latest_start, None),
			(latest_start + 1, Some(Refusal::StartTooFar)),
		] {
			assert_eq!(Market::quote(at(start, 1)).unwrap().refusal, refusal);
		}
		run_to(2);
		publish(at(earliest_start, 1));
		publish(at(latest_start, 2));
	});
}

#[test]
fn a_quote_changes_nothing() {
	with_deposits(|| {
		let before = (
			Market::market_balance(&client()),
			Market::market_balance(&provider()),
		);
		assert_eq!(quote(|_| ()).refusal, None);
		assert_eq!(events(), []);
		assert_eq!(NextDealId::<Test>::get(), 0);
		assert_eq!(
			before,
			(
				Market::market_balance(&client()),
				Market::market_balance(&provider())
			)
		);
	});
}

#[test]
fn a_quote_tells_every_refusal_but_that_of_a_signature() {
	with_deposits(|| {
		let refusal = |change: fn(&mut DealProposal<AccountId>)| quote(change).refusal;
		assert_eq!(
			refusal(|proposal| proposal.price_per_block = 0),
			Some(Refusal::ZeroPrice)
		);
		assert_eq!(
			refusal(|proposal| proposal.provider_collateral = 0),
			Some(Refusal::CollateralTooLow)
		);
		assert_eq!(
			refusal(|proposal| proposal.client = account("Rich")),
			Some(Refusal::InsufficientClientEscrow)
		);
		assert_eq!(
			refusal(|proposal| proposal.provider_collateral = FUNDS / 10 + 1),
			Some(Refusal::InsufficientProviderEscrow)
		);
		publish(proposal());
		assert_eq!(refusal(|_| ()), Some(Refusal::NonceUsed));
	});
}

#[test]
fn a_provider_that_is_not_registered_is_not_quoted() {
	with_deposits(|| {
		let unknown = DealProposal {
			provider: account("Rich"),
			..proposal()
		};
		assert_eq!(Market::quote(unknown), None);
	});
}

#[test]
fn a_quote_tells_what_the_provider_would_not_take() {
	with_deposits(|| {
		let sized = |bytes: u64| {
			quote(|proposal| {
				proposal.piece.size = PaddedPieceSize::new(bytes).unwrap();
				proposal.price_per_block = bytes.into();
			})
			.objection
		};
		assert_eq!(sized(128), Some(Objection::PieceTooSmall));
		assert_eq!(sized(256), None);
		assert_eq!(sized(1 << 20), None);
		assert_eq!(sized(2 << 20), Some(Objection::PieceTooLarge));
		let priced = |price| quote(|proposal| proposal.price_per_block = price).objection;
		assert_eq!(priced(9), Some(Objection::PriceTooLow));
		assert_eq!(priced(10), None);
		CurrentAsk::set(crate::Ask {
			accepting: false,
			..DEFAULT_ASK
		});
		assert_eq!(priced(10), Some(Objection::NotAccepting));
	});
}

#[test]
fn prices_and_sizes_beyond_all_limits_are_quoted_without_an_overflow() {
	with_deposits(|| {
		let dear = quote(|proposal| proposal.price_per_block = u128::MAX);
		assert_eq!(
			(dear.cost, dear.refusal),
			(None, Some(Refusal::PriceOverflow))
		);
		CurrentAsk::set(crate::Ask {
			price_per_gib_block: u128::MAX,
			..DEFAULT_ASK
		});
		let asked = quote(|_| ());
		assert_eq!(asked.asked_price_per_block, None);
		assert_eq!(asked.objection, Some(Objection::PriceTooLow));
		for bytes in [0u64, 1, u64::MAX] {
			let odd = quote(|proposal| {
				proposal.piece.size = PaddedPieceSize::decode(&mut &bytes.encode()[..]).unwrap();
			});
			assert_eq!(odd.asked_price_per_block, None);
			assert_eq!(odd.refusal, Some(Refusal::InvalidPieceSize));
		}
	});
}

#[test]
fn the_asked_price_is_the_pieces_share_rounded_up() {
	let asked =
		|price, bytes| monies::asked_price_per_block(price, PaddedPieceSize::new(bytes).unwrap());
	assert_eq!(asked(1 << 30, 1024), Some(1024));
	assert_eq!(asked(1, 128), Some(1));
	assert_eq!(asked(0, 128), Some(0));
	assert_eq!(asked((1 << 20) + 1, 1024), Some(2));
	assert_eq!(asked(u128::MAX, 128), None);
}
