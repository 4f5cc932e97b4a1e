//! What the pallet that proves sectors asks of the market: a sector's pieces, and their deals' start.

use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::{ensure, storage::with_storage_layer};
use holdfast_primitives::{DealId, PieceInfo, SectorNumber};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
	deal::{Deal, DealState},
	pallet::{Config, Deals, Error, Event, Pallet, StartAgenda},
};

/// A deal and its number.
type NumberedDeal<T> = (DealId, Deal<<T as frame_system::Config>::AccountId>);

impl<T: Config> Pallet<T> {
	/// The pieces of `deals`, in their order, for a sector of `provider` that expires at `expiration`.
	/// Fails if one of the deals cannot be activated in it.
	pub fn sector_pieces(
		provider: &T::AccountId,
		deals: &[DealId],
		expiration: u32,
	) -> Result<Vec<PieceInfo>, DispatchError> {
		Self::waiting_deals(provider, deals)?
			.into_iter()
			.map(|(_, deal)| {
				ensure!(deal.end <= expiration, Error::<T>::SectorEndsBeforeDeal);
				Ok(deal.piece)
			})
			.collect()
	}

	/// Activates all of `deals` in a proven sector of `provider`, or none.
	///
	/// That the sector outlives them was checked by [`Pallet::sector_pieces`] when it was pre-committed;
	/// everything that can have changed since then is checked again.
	pub fn activate(
		provider: &T::AccountId,
		sector: SectorNumber,
		deals: &[DealId],
	) -> DispatchResult {
		with_storage_layer(|| {
			for (id, mut deal) in Self::waiting_deals(provider, deals)? {
				deal.state = DealState::Active { sector };
				StartAgenda::<T>::remove(deal.start, id);
				Deals::<T>::insert(id, deal);
				Self::deposit_event(Event::DealActivated {
					deal: id,
					provider: provider.clone(),
					sector,
				});
			}
			Ok(())
		})
	}

	/// Different deals of `provider` that are published and have not started.
	fn waiting_deals(
		provider: &T::AccountId,
		deals: &[DealId],
	) -> Result<Vec<NumberedDeal<T>>, DispatchError> {
		let now = Self::now();
		let mut seen = BTreeSet::new();
		deals
			.iter()
			.map(|id| {
				ensure!(seen.insert(*id), Error::<T>::DuplicateDeal);
				let deal = Deals::<T>::get(id).ok_or(Error::<T>::DealNotFound)?;
				ensure!(deal.provider == *provider, Error::<T>::NotTheDealsProvider);
				ensure!(
					deal.state == DealState::Published,
					Error::<T>::DealAlreadyActive
				);
				ensure!(now < deal.start, Error::<T>::DealStartPassed);
				Ok((*id, deal))
			})
			.collect()
	}
}
