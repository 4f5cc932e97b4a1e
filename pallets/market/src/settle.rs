//! Settlement: what healthy storage has earned is paid, once.

use frame_support::{ensure, storage::with_storage_layer};
use holdfast_primitives::{DealId, SectorNumber};
use sp_runtime::DispatchResult;

use crate::{
	deal::{Deal, DealState},
	monies,
	pallet::{Config, Deals, Error, Event, Nonces, Pallet},
	traits::{Health, Sectors},
};

impl<T: Config> Pallet<T> {
	pub(crate) fn settle_batch(deals: &[DealId]) -> DispatchResult {
		ensure!(!deals.is_empty(), Error::<T>::EmptyBatch);
		let mut settled = false;
		let mut first_error = None;
		for deal in deals {
			match with_storage_layer(|| Self::settle(*deal)) {
				Ok(()) => settled = true,
				Err(reason) => {
					first_error.get_or_insert(reason);
					Self::deposit_event(Event::SettlementRefused {
						deal: *deal,
						reason,
					});
				},
			}
		}
		match first_error {
			Some(error) if !settled => Err(error),
			_ => Ok(()),
		}
	}

	fn settle(id: DealId) -> DispatchResult {
		let mut deal = Deals::<T>::get(id).ok_or(Error::<T>::DealNotFound)?;
		let DealState::Active { sector } = deal.state else {
			return Err(Error::<T>::DealNotActive.into());
		};
		// A deal is never closed before it starts: until then its proposal could be published again.
		ensure!(Self::now() >= deal.start, Error::<T>::DealNotStarted);
		let Health {
			healthy_blocks,
			decided_through,
			terminated,
		} = Self::deal_health(&deal, sector);
		let (blocks, amount) = monies::due(&deal, healthy_blocks);
		if blocks > 0 {
			Self::pay(&deal, amount)?;
			deal.paid_blocks = deal.paid_blocks.saturating_add(blocks);
			Self::deposit_event(Event::DealSettled {
				deal: id,
				blocks,
				amount,
			});
		}
		if decided_through >= deal.end {
			Self::complete(id, deal, sector, terminated)
		} else {
			if blocks > 0 {
				Deals::<T>::insert(id, deal);
			}
			Ok(())
		}
	}

	/// The health of a deal's sector. A sector that nobody knows earns nothing more, and does not keep
	/// the client's money locked after the deal's end.
	pub(crate) fn deal_health(deal: &Deal<T::AccountId>, sector: SectorNumber) -> Health {
		T::Sectors::health(&deal.provider, sector, deal.start, deal.end).unwrap_or(Health {
			healthy_blocks: 0,
			decided_through: Self::now(),
			terminated: false,
		})
	}

	fn complete(
		id: DealId,
		deal: Deal<T::AccountId>,
		sector: SectorNumber,
		terminated: bool,
	) -> DispatchResult {
		let refunded = Self::refund(&deal)?;
		let compensation = monies::compensation(&deal, terminated);
		Self::forfeit_collateral(&deal, compensation)?;
		Self::return_collateral(&deal, deal.provider_collateral.saturating_sub(compensation))?;
		Nonces::<T>::remove(&deal.client, deal.nonce);
		Deals::<T>::remove(id);
		T::Sectors::release_deal(&deal.provider, sector);
		Self::deposit_event(Event::DealCompleted {
			deal: id,
			client: deal.client,
			provider: deal.provider,
			paid_blocks: deal.paid_blocks,
			refunded,
			compensation,
		});
		Ok(())
	}
}
