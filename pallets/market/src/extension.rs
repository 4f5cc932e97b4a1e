//! Extension: client and provider agree that an active deal goes on for longer, at the same price.

use frame_support::{ensure, traits::Get};
use holdfast_primitives::Balance;
use sp_runtime::DispatchResult;

use crate::{
	deal::{DealState, SignedExtension},
	monies,
	pallet::{Config, Deals, Error, Event, Pallet},
	traits::Sectors,
};

impl<T: Config> Pallet<T> {
	/// Locks the price and the least collateral of the blocks that are added, and moves the deal's end.
	///
	/// An extension names the end that it replaces, and the new one is later: it cannot be used twice.
	pub(crate) fn extend(
		provider: &T::AccountId,
		signed: &SignedExtension<T::Signature>,
	) -> DispatchResult {
		let extension = &signed.extension;
		let now = Self::now();
		let id = extension.deal;
		let mut deal = Deals::<T>::get(id).ok_or(Error::<T>::DealNotFound)?;
		ensure!(deal.provider == *provider, Error::<T>::NotTheDealsProvider);
		let DealState::Active { sector } = deal.state else {
			return Err(Error::<T>::DealNotActive.into());
		};
		ensure!(now < deal.end, Error::<T>::DealEnded);
		ensure!(now <= extension.expires, Error::<T>::ExtensionExpired);
		ensure!(extension.end == deal.end, Error::<T>::ExtensionOutdated);
		let policy = T::Policy::get();
		let added = extension
			.new_end
			.checked_sub(deal.end)
			.filter(|added| *added > 0)
			.ok_or(Error::<T>::InvalidDuration)?;
		ensure!(
			extension.new_end.saturating_sub(deal.start) <= policy.max_deal_duration,
			Error::<T>::InvalidDuration
		);
		// The sector must be promised for so long first.
		let promised = T::Sectors::expiration(provider, sector);
		ensure!(
			promised.is_some_and(|expiration| extension.new_end <= expiration),
			Error::<T>::SectorEndsBeforeDeal
		);
		ensure!(
			Self::is_signed(
				&extension.signing_bytes(&Self::genesis_hash()),
				&signed.signature,
				&deal.client
			),
			Error::<T>::InvalidSignature
		);
		let price = deal
			.price_per_block
			.checked_mul(Balance::from(added))
			.ok_or(Error::<T>::PriceOverflow)?;
		monies::total(&deal)
			.checked_add(price)
			.ok_or(Error::<T>::PriceOverflow)?;
		let collateral = monies::least_collateral(price, policy.min_collateral_basis_points);
		let locked = deal
			.provider_collateral
			.checked_add(collateral)
			.ok_or(Error::<T>::PriceOverflow)?;
		Self::lock_extension(&deal, price, collateral)?;
		deal.end = extension.new_end;
		deal.provider_collateral = locked;
		Self::deposit_event(Event::DealExtended {
			deal: id,
			end: deal.end,
			price,
			collateral,
		});
		Deals::<T>::insert(id, deal);
		Ok(())
	}
}
