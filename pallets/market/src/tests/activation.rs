use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::{CommP, DealProposal, PaddedPieceSize, PieceInfo};

use super::mock::*;
use crate::{DealState, Deals, Error, Event, StartAgenda};

fn publish_with_nonce(nonce: u64) -> u64 {
	publish(DealProposal {
		nonce,
		..proposal()
	})
}

/// Reserves deals for sector 7 until block 30.
fn reserve(deals: &[u64], expiration: u32) -> Result<Vec<PieceInfo>, sp_runtime::DispatchError> {
	Market::reserve(&provider(), 7, deals, expiration, 30)
}

#[test]
fn a_sectors_pieces_come_in_the_order_of_its_deals() {
	with_deposits(|| {
		let sizes = [256u64, 1024, 128];
		let deals: Vec<_> = (1u8..)
			.zip(sizes)
			.map(|(nonce, bytes)| {
				publish(DealProposal {
					piece: PieceInfo {
						commitment: CommP([nonce; 32]),
						size: PaddedPieceSize::new(bytes).unwrap(),
					},
					nonce: nonce.into(),
					..proposal()
				})
			})
			.collect();
		let order = [deals[2], deals[0], deals[1]];
		let pieces = reserve(&order, 150).unwrap();
		let bytes: Vec<_> = pieces.iter().map(|piece| piece.size.bytes()).collect();
		assert_eq!(bytes, [128, 256, 1024]);
		assert_eq!(pieces[0].commitment, CommP([3; 32]));
		assert_eq!(reserve(&[], 0), Ok(vec![]));
	});
}

#[test]
fn activation_puts_deals_in_a_sector() {
	with_deposits(|| {
		let deals = [publish_with_nonce(1), publish_with_nonce(2)];
		System::reset_events();
		run_to(49);
		assert_ok!(start_in(7, &deals));
		for deal in deals {
			assert_eq!(
				Deals::<Test>::get(deal).unwrap().state,
				DealState::Active { sector: 7 }
			);
		}
		assert_eq!(StartAgenda::<Test>::iter().count(), 0);
		let activated = |deal| Event::DealActivated {
			deal,
			provider: provider(),
			sector: 7,
		};
		assert_eq!(events(), deals.map(activated));
		// Nothing happens to them at their start.
		run_to(60);
		assert_eq!(Deals::<Test>::iter().count(), 2);
	});
}

/// Neither a pre-commit nor a prove-commit accepts these deals, and nothing changes.
#[track_caller]
fn refused(provider: AccountId, deals: &[u64], error: Error<Test>) {
	let error: sp_runtime::DispatchError = error.into();
	assert_noop!(Market::reserve(&provider, 7, deals, 1_000, 1_000), error);
	assert_noop!(Market::activate(&provider, 7, deals), error);
}

#[test]
fn deals_that_cannot_be_activated_are_refused_together() {
	with_deposits(|| {
		let good = publish_with_nonce(1);
		let second = publish_with_nonce(2);
		refused(provider(), &[good, 99], Error::DealNotFound);
		refused(provider(), &[good, second, good], Error::DuplicateDeal);
		refused(account("Other"), &[good], Error::NotTheDealsProvider);
		assert_ok!(start_in(7, &[second]));
		refused(provider(), &[good, second], Error::DealAlreadyActive);
		// The first is as it was.
		assert_eq!(
			Deals::<Test>::get(good).unwrap().state,
			DealState::Published
		);
	});
}

#[test]
fn a_deal_cannot_be_activated_at_its_start() {
	with_deposits(|| {
		let deal = publish_with_nonce(1);
		run_to(49);
		System::set_block_number(50);
		refused(provider(), &[deal], Error::DealStartPassed);
	});
}

#[test]
fn a_sector_outlives_its_deals() {
	with_deposits(|| {
		let deal = publish_with_nonce(1);
		assert_noop!(reserve(&[deal], 149), Error::<Test>::SectorEndsBeforeDeal);
		assert_ok!(reserve(&[deal], 150));
	});
}

#[test]
fn a_deal_waits_in_one_sector_at_a_time() {
	with_deposits(|| {
		let deal = publish_with_nonce(1);
		assert_noop!(
			Market::activate(&provider(), 7, &[deal]),
			Error::<Test>::DealNotInSector
		);
		assert_ok!(reserve(&[deal], 150));
		assert_noop!(
			Market::reserve(&provider(), 8, &[deal], 150, 40),
			Error::<Test>::DealPreCommitted
		);
		assert_noop!(
			Market::activate(&provider(), 8, &[deal]),
			Error::<Test>::DealNotInSector
		);
		// When sector 7 cannot be proven any more, another one can have the deal.
		run_to(29);
		assert_noop!(
			Market::reserve(&provider(), 8, &[deal], 150, 40),
			Error::<Test>::DealPreCommitted
		);
		run_to(30);
		assert_ok!(Market::reserve(&provider(), 8, &[deal], 150, 40));
		assert_noop!(
			Market::activate(&provider(), 7, &[deal]),
			Error::<Test>::DealNotInSector
		);
		assert_ok!(Market::activate(&provider(), 8, &[deal]));
	});
}

#[test]
fn a_reservation_that_fails_reserves_nothing() {
	with_deposits(|| {
		let deal = publish_with_nonce(1);
		let short = publish(DealProposal {
			nonce: 2,
			end: 160,
			..proposal()
		});
		assert_noop!(
			reserve(&[deal, short], 155),
			Error::<Test>::SectorEndsBeforeDeal
		);
		assert_eq!(
			Deals::<Test>::get(deal).unwrap().state,
			DealState::Published
		);
	});
}

#[test]
fn a_deal_whose_sector_is_never_proven_expires() {
	with_deposits(|| {
		let deal = publish_with_nonce(1);
		assert_ok!(Market::reserve(&provider(), 7, &[deal], 150, 100));
		run_to(50);
		assert_eq!(Deals::<Test>::get(deal), None);
		assert_eq!(Market::market_balance(&client()).escrow, FUNDS / 10 + 200);
	});
}
