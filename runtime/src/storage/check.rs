//! What must hold between the pallets after every block. Each pallet checks its own storage; here is what one of
//! them promises for another, and that all money is somewhere.
//!
//! For any chain with these pallets, so that tests with replaced proofs check the same.

use alloc::collections::BTreeMap;
use frame_support::{
	ensure,
	traits::fungible::{Inspect, InspectHold},
};
use holdfast_primitives::{Balance, SectorNumber};
use pallet_market::{monies, Deal, DealState};
use pallet_storage_provider::{PreCommits, Sectors};
use sp_runtime::TryRuntimeError;

type Account<T> = <T as frame_system::Config>::AccountId;
type MarketCurrency<T> = <T as pallet_market::Config>::Currency;
type ProviderCurrency<T> = <T as pallet_storage_provider::Config>::Currency;

/// Checks every rule between the market and the sectors of chain `T`. Reads all of their storage.
pub fn across_pallets<T: pallet_market::Config + pallet_storage_provider::Config>(
) -> Result<(), TryRuntimeError> {
	check_money::<T>()?;
	check_deals::<T>()
}

/// What is promised out of an account's money.
#[derive(Default)]
struct Promised {
	payment: Balance,
	collateral: Balance,
	deposit: Balance,
	pledge: Balance,
}

fn promises<T: pallet_market::Config + pallet_storage_provider::Config>(
) -> BTreeMap<Account<T>, Promised> {
	let mut promised: BTreeMap<Account<T>, Promised> = BTreeMap::new();
	for deal in pallet_market::Deals::<T>::iter_values() {
		let payment = monies::outstanding(&deal);
		let collateral = monies::locked_collateral(&deal);
		promised.entry(deal.client).or_default().payment += payment;
		promised.entry(deal.provider).or_default().collateral += collateral;
	}
	for (provider, _, pre_commit) in PreCommits::<T>::iter() {
		promised.entry(provider).or_default().deposit += pre_commit.deposit;
	}
	for (provider, _, sector) in Sectors::<T>::iter() {
		if sector.ended.is_none() {
			promised.entry(provider).or_default().pledge += sector.pledge;
		}
	}
	promised
}

/// What is held is what is promised, on every account, and all accounts together have what was issued.
fn check_money<T: pallet_market::Config + pallet_storage_provider::Config>(
) -> Result<(), TryRuntimeError> {
	use pallet_storage_provider::HoldReason;
	let mut promised = promises::<T>();
	let mut sum: Balance = 0;
	for account in frame_system::Account::<T>::iter_keys() {
		let market = pallet_market::Pallet::<T>::market_balance(&account);
		let held =
			|reason: HoldReason| ProviderCurrency::<T>::balance_on_hold(&reason.into(), &account);
		let deposit = held(HoldReason::PreCommitDeposit);
		let pledge = held(HoldReason::Pledge);
		let expected = promised.remove(&account).unwrap_or_default();
		ensure!(
			market.payment == expected.payment,
			"the payments that are held are not those of the deals"
		);
		ensure!(
			market.collateral == expected.collateral,
			"the collateral that is held is not that of the deals"
		);
		ensure!(
			deposit == expected.deposit,
			"the deposits that are held are not those of the pre-commits"
		);
		// Fees are taken from the pledge first.
		ensure!(
			pledge <= expected.pledge,
			"more is pledged than for the live sectors"
		);
		let ours = market.escrow + market.payment + market.collateral + deposit + pledge;
		ensure!(
			ours <= MarketCurrency::<T>::total_balance_on_hold(&account),
			"more is held for a reason than in all"
		);
		sum += MarketCurrency::<T>::total_balance(&account);
	}
	let missing = promised.into_values().any(|expected| {
		expected.payment + expected.collateral + expected.deposit + expected.pledge > 0
	});
	ensure!(
		!missing,
		"an account that does not exist has promised money"
	);
	ensure!(
		sum == MarketCurrency::<T>::total_issuance(),
		"the accounts together do not have what was issued"
	);
	Ok(())
}

/// Every deal is in the sector that it names, and every sector has as many deals as it says.
fn check_deals<T: pallet_market::Config + pallet_storage_provider::Config>(
) -> Result<(), TryRuntimeError> {
	let mut stored: BTreeMap<(Account<T>, SectorNumber), u32> = BTreeMap::new();
	for (id, deal) in pallet_market::Deals::<T>::iter() {
		match deal.state {
			DealState::Active { sector } => {
				check_active::<T>(&deal, sector)?;
				*stored.entry((deal.provider, sector)).or_default() += 1;
			},
			DealState::PreCommitted { sector, .. } if !deal.state.is_waiting(now::<T>()) => {
				let pre_commit = PreCommits::<T>::get(&deal.provider, sector)
					.ok_or("a deal is reserved for a sector that is not pre-committed")?;
				ensure!(
					pre_commit.deals.contains(&id),
					"a sector does not hold the deal that is reserved for it"
				);
			},
			_ => (),
		}
	}
	for (provider, number, sector) in Sectors::<T>::iter() {
		let deals = stored.remove(&(provider, number)).unwrap_or(0);
		ensure!(
			sector.deals_left == deals,
			"a sector's open deals are miscounted"
		);
	}
	ensure!(
		stored.is_empty(),
		"a deal is in a sector that does not exist"
	);
	Ok(())
}

fn check_active<T: pallet_market::Config + pallet_storage_provider::Config>(
	deal: &Deal<Account<T>>,
	number: SectorNumber,
) -> Result<(), TryRuntimeError> {
	let sector = Sectors::<T>::get(&deal.provider, number)
		.ok_or("a deal is in a sector that does not exist")?;
	ensure!(
		sector.ended.is_some() || deal.end <= sector.expiration,
		"a sector is promised for less long than its deal"
	);
	let health = pallet_storage_provider::Pallet::<T>::sector_health(
		&deal.provider,
		number,
		deal.start,
		deal.end,
	)
	.ok_or("nobody knows the health of a deal's sector")?;
	ensure!(
		deal.paid_blocks <= health.healthy_blocks,
		"a deal was paid for blocks that were not healthy"
	);
	Ok(())
}

fn now<T: frame_system::Config>() -> u32 {
	use sp_runtime::SaturatedConversion;
	frame_system::Pallet::<T>::block_number().saturated_into()
}
