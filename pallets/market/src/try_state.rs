//! What must be true of the market after every block.

use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::ensure;
use holdfast_primitives::{Balance, DealId};
use sp_runtime::TryRuntimeError;

use crate::{
	deal::MarketBalance,
	monies,
	pallet::{AgendaCursor, Config, Deals, NextDealId, Nonces, Pallet, StartAgenda},
};

impl<T: Config> Pallet<T> {
	/// Checks that holds, nonces and agenda agree with the deals.
	pub fn check_state() -> Result<(), TryRuntimeError> {
		Self::check_money()?;
		Self::check_nonces()?;
		Self::check_agenda()
	}

	fn check_money() -> Result<(), TryRuntimeError> {
		let mut promised: BTreeMap<T::AccountId, (Balance, Balance)> = BTreeMap::new();
		for deal in Deals::<T>::iter_values() {
			ensure!(
				deal.paid_blocks <= monies::duration(&deal),
				"a deal is paid for more than its duration"
			);
			let payment = &mut promised.entry(deal.client.clone()).or_default().0;
			*payment = payment
				.checked_add(monies::outstanding(&deal))
				.ok_or("the payments of a client overflow")?;
			let collateral = &mut promised.entry(deal.provider.clone()).or_default().1;
			*collateral = collateral
				.checked_add(monies::locked_collateral(&deal))
				.ok_or("the collateral of a provider overflows")?;
		}
		for (account, (payment, collateral)) in promised {
			let MarketBalance {
				payment: held_payment,
				collateral: held_collateral,
				..
			} = Self::market_balance(&account);
			ensure!(
				held_payment == payment,
				"a client's held payment is not the sum of its deals"
			);
			ensure!(
				held_collateral == collateral,
				"a provider's held collateral is not the sum of its deals"
			);
		}
		Ok(())
	}

	fn check_nonces() -> Result<(), TryRuntimeError> {
		let next = NextDealId::<T>::get();
		let mut deals = 0usize;
		for (id, deal) in Deals::<T>::iter() {
			deals = deals.saturating_add(1);
			ensure!(id < next, "a deal's number was not given out");
			ensure!(
				Nonces::<T>::get(&deal.client, deal.nonce) == Some(id),
				"a deal's nonce is free or another deal's"
			);
		}
		ensure!(
			Nonces::<T>::iter_keys().count() == deals,
			"a nonce is used by no deal"
		);
		Ok(())
	}

	fn check_agenda() -> Result<(), TryRuntimeError> {
		let cursor = AgendaCursor::<T>::get().unwrap_or_default();
		let mut listed = BTreeSet::new();
		for (block, id) in StartAgenda::<T>::iter_keys() {
			ensure!(block >= cursor, "an entry of the agenda was passed over");
			ensure!(listed.insert(id), "a deal is twice in the agenda");
		}
		let waiting: BTreeSet<DealId> = Deals::<T>::iter()
			.filter(|(_, deal)| deal.state.is_before_start())
			.map(|(id, _)| id)
			.collect();
		ensure!(
			listed == waiting,
			"the agenda does not list the deals that have not begun"
		);
		Ok(())
	}
}
