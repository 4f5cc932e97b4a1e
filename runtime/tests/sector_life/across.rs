//! What one pallet promises for another is looked at after every block, and a breach is seen.

use super::*;
use holdfast_runtime::storage::check::across_pallets;
use pallet_market::Deals;
use pallet_storage_provider::{PreCommits, Sectors};

/// Breaks one thing of a chain with a deal in a proven sector, and returns what the check says.
fn broken(breach: impl FnOnce(&Sealed)) -> &'static str {
	let mut said = None;
	development().execute_with(|| {
		let sealed = Sealed::new();
		sealed.prove_until(sealed.end() - DURATION / 2);
		assert_ok!(sealed.settle());
		assert_ok!(across_pallets::<Runtime>());
		breach(&sealed);
		said = across_pallets::<Runtime>().err();
	});
	match said {
		Some(sp_runtime::DispatchError::Other(what)) => what,
		other => panic!("the breach is not seen: {other:?}"),
	}
}

fn change_deal(sealed: &Sealed, change: impl FnOnce(&mut pallet_market::Deal<AccountId>)) {
	Deals::<Runtime>::mutate(sealed.deal, |deal| change(deal.as_mut().unwrap()));
}

fn change_sector(change: impl FnOnce(&mut pallet_storage_provider::Sector)) {
	Sectors::<Runtime>::mutate(provider(), SECTOR, |sector| {
		change(sector.as_mut().unwrap())
	});
}

#[test]
fn a_deal_that_is_not_in_its_sector_is_seen() {
	let miscounted = broken(|_| change_sector(|sector| sector.deals_left = 2));
	assert_eq!(miscounted, "a sector's open deals are miscounted");
	let lost = broken(|_| Sectors::<Runtime>::remove(provider(), SECTOR));
	assert_eq!(lost, "more is pledged than for the live sectors");
	let elsewhere = broken(|sealed| {
		let state = pallet_market::DealState::Active { sector: SECTOR + 1 };
		change_deal(sealed, |deal| deal.state = state);
	});
	assert_eq!(elsewhere, "a deal is in a sector that does not exist");
	let short = broken(|_| change_sector(|sector| sector.expiration = 100));
	assert_eq!(short, "a sector is promised for less long than its deal");
}

#[test]
fn a_deal_that_is_reserved_for_no_pre_commit_is_seen() {
	development().execute_with(|| {
		run_to(20);
		register(provider());
		let deal = publish();
		pre_commit(provider(), vec![deal]);
		assert_ok!(across_pallets::<Runtime>());
		PreCommits::<Runtime>::mutate(provider(), SECTOR, |pre_commit| {
			pre_commit.as_mut().unwrap().deals = Default::default();
		});
		assert_err!(
			across_pallets::<Runtime>(),
			"a sector does not hold the deal that is reserved for it"
		);
	});
}

#[test]
fn money_that_is_not_where_it_should_be_is_seen() {
	let dear = broken(|sealed| change_deal(sealed, |deal| deal.price_per_block += 1));
	assert_eq!(
		dear,
		"the payments that are held are not those of the deals"
	);
	let secured = broken(|sealed| change_deal(sealed, |deal| deal.provider_collateral += 1));
	assert_eq!(
		secured,
		"the collateral that is held is not that of the deals"
	);
	let pledged = broken(|_| change_sector(|sector| sector.pledge -= 1));
	assert_eq!(pledged, "more is pledged than for the live sectors");
	let minted = broken(|_| {
		pallet_balances::TotalIssuance::<Runtime>::mutate(|issuance| *issuance += 1);
	});
	assert_eq!(minted, "the accounts together do not have what was issued");
	let overpaid = broken(|sealed| {
		let unpaid =
			|deal: &pallet_market::Deal<AccountId>| pallet_market::monies::outstanding(deal);
		// What is paid too much is missing from the payment, so that only the health tells.
		let before = Deals::<Runtime>::get(sealed.deal).unwrap();
		let blocks = before.end - before.start - before.paid_blocks;
		change_deal(sealed, |deal| deal.paid_blocks += blocks);
		let released = unpaid(&before);
		let reason = RuntimeHoldReason::Market(pallet_market::HoldReason::Payment);
		assert_ok!(<Balances as frame_support::traits::fungible::MutateHold<
			AccountId,
		>>::release(
			&reason,
			&client(),
			released,
			frame_support::traits::tokens::Precision::Exact,
		));
	});
	assert_eq!(overpaid, "a deal was paid for blocks that were not healthy");
}
