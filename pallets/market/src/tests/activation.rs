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
		let pieces = Market::sector_pieces(&provider(), &order, 150).unwrap();
		let bytes: Vec<_> = pieces.iter().map(|piece| piece.size.bytes()).collect();
		assert_eq!(bytes, [128, 256, 1024]);
		assert_eq!(pieces[0].commitment, CommP([3; 32]));
		assert_eq!(Market::sector_pieces(&provider(), &[], 0), Ok(vec![]));
	});
}

#[test]
fn activation_puts_deals_in_a_sector() {
	with_deposits(|| {
		let deals = [publish_with_nonce(1), publish_with_nonce(2)];
		System::reset_events();
		run_to(49);
		assert_ok!(Market::activate(&provider(), 7, &deals));
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
	assert_noop!(Market::sector_pieces(&provider, deals, 1_000), error);
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
		assert_ok!(Market::activate(&provider(), 7, &[second]));
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
		assert_noop!(
			Market::sector_pieces(&provider(), &[deal], 149),
			Error::<Test>::SectorEndsBeforeDeal
		);
		assert_ok!(Market::sector_pieces(&provider(), &[deal], 150));
	});
}
