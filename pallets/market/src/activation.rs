//! What the pallet that proves sectors asks of the market: to reserve the deals of a sector, and to start
//! them.

use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::{ensure, storage::with_storage_layer};
use holdfast_primitives::{BlockNumber, DealId, PieceInfo, SectorNumber};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
	deal::{Deal, DealState},
	pallet::{Config, Deals, Error, Event, Pallet, StartAgenda},
};

/// A deal and its number.
type NumberedDeal<T> = (DealId, Deal<<T as frame_system::Config>::AccountId>);

impl<T: Config> Pallet<T> {
	/// Reserves `deals` for a sector of `provider` that expires at `expiration` and can be proven before
	/// the block `until`: all of them, or none. Returns their pieces, in their order. Fails if one of
	/// the deals cannot be activated in it.
	///
	/// A reservation that has run out counts for nothing, so that nobody has to remove it.
	pub fn reserve(
		provider: &T::AccountId,
		sector: SectorNumber,
		deals: &[DealId],
		expiration: BlockNumber,
		until: BlockNumber,
	) -> Result<Vec<PieceInfo>, DispatchError> {
		let now = Self::now();
		with_storage_layer(|| {
			Self::deals_before_start(provider, deals)?
				.into_iter()
				.map(|(id, mut deal)| {
					ensure!(deal.state.is_waiting(now), Error::<T>::DealPreCommitted);
					ensure!(deal.end <= expiration, Error::<T>::SectorEndsBeforeDeal);
					let piece = deal.piece;
					deal.state = DealState::PreCommitted { sector, until };
					Deals::<T>::insert(id, deal);
					Ok(piece)
				})
				.collect()
		})
	}

	/// Activates all of `deals` in a proven sector of `provider`, for which they were reserved, or none.
	///
	/// That the sector outlives them was checked by [`Pallet::reserve`] when it was pre-committed;
	/// everything that can have changed since then is checked again.
	pub fn activate(
		provider: &T::AccountId,
		sector: SectorNumber,
		deals: &[DealId],
	) -> DispatchResult {
		with_storage_layer(|| {
			for (id, mut deal) in Self::deals_before_start(provider, deals)? {
				ensure!(
					matches!(deal.state, DealState::PreCommitted { sector: reserved, .. } if reserved == sector),
					Error::<T>::DealNotInSector
				);
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

	/// Different deals of `provider` that are neither active nor cancelled, and whose start is to come.
	fn deals_before_start(
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
				ensure!(deal.state.is_before_start(), Error::<T>::DealAlreadyActive);
				ensure!(
					deal.state != DealState::Cancelled,
					Error::<T>::DealIsCancelled
				);
				ensure!(now < deal.start, Error::<T>::DealStartPassed);
				Ok((*id, deal))
			})
			.collect()
	}
}
