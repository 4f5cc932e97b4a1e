//! Cancellation: a client that changes its mind before its data is in a sector.

use frame_support::ensure;
use holdfast_primitives::DealId;
use sp_runtime::DispatchResult;

use crate::{
	deal::DealState,
	monies,
	pallet::{Config, Deals, Error, Event, Pallet},
};
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Unlocks everything but the fee, which is the provider's. The record and its nonce stay until the
	/// start, since the proposal could be published again before it expires.
	pub(crate) fn cancel(client: &T::AccountId, id: DealId) -> DispatchResult {
		let mut deal = Deals::<T>::get(id).ok_or(Error::<T>::DealNotFound)?;
		ensure!(deal.client == *client, Error::<T>::NotTheDealsClient);
		ensure!(deal.state.is_before_start(), Error::<T>::DealAlreadyActive);
		ensure!(
			deal.state != DealState::Cancelled,
			Error::<T>::DealIsCancelled
		);
		ensure!(
			deal.state.is_waiting(Self::now()),
			Error::<T>::DealPreCommitted
		);
		ensure!(Self::now() < deal.start, Error::<T>::DealStartPassed);
		let total = monies::total(&deal);
		let fee = monies::cancellation_fee(total, T::Policy::get().cancellation_fee_basis_points);
		let refunded = total.saturating_sub(fee);
		Self::pay_cancellation(&deal, fee)?;
		Self::return_payment(&deal, refunded)?;
		Self::return_collateral(&deal, deal.provider_collateral)?;
		deal.state = DealState::Cancelled;
		Self::deposit_event(Event::DealCancelled {
			deal: id,
			client: deal.client.clone(),
			provider: deal.provider.clone(),
			refunded,
			fee,
		});
		Deals::<T>::insert(id, deal);
		Ok(())
	}
}
