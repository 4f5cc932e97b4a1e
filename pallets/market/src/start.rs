//! The start agenda: deals that are not active when they should start are closed.

use alloc::vec::Vec;
use frame_support::{storage::with_storage_layer, traits::Get};
use holdfast_primitives::DealId;
use sp_runtime::{DispatchResult, SaturatedConversion};

use crate::{
	deal::DealState,
	pallet::{AgendaCursor, Config, Deals, Event, Nonces, Pallet, StartAgenda},
};

/// After how many blocks the agenda tries again to close a deal whose money could not be moved.
pub const RETRY_DELAY: u32 = 100;

impl<T: Config> Pallet<T> {
	/// Goes through the agenda up to the block `now`, at most `MaxStartsPerBlock` steps; what is left
	/// comes first in the next block. Returns the number of steps.
	pub(crate) fn close_unstarted_deals(now: u32) -> u32 {
		let limit = T::MaxStartsPerBlock::get();
		let mut block = AgendaCursor::<T>::get().unwrap_or(now);
		let mut steps = 0u32;
		while block <= now && steps < limit {
			let room = limit.saturating_sub(steps).saturated_into::<usize>();
			let deals: Vec<DealId> = StartAgenda::<T>::iter_key_prefix(block)
				.take(room)
				.collect();
			for id in &deals {
				StartAgenda::<T>::remove(block, id);
				Self::close_or_postpone(*id, now);
			}
			steps = steps.saturating_add(deals.len().saturated_into());
			if deals.len() < room {
				// Nothing is left of this block; finding that out was a step.
				steps = steps.saturating_add(1);
				block = block.saturating_add(1);
			}
			if block == u32::MAX {
				break;
			}
		}
		AgendaCursor::<T>::put(block);
		steps
	}

	fn close_or_postpone(id: DealId, now: u32) {
		let Err(reason) = with_storage_layer(|| Self::close_unstarted(id)) else {
			return;
		};
		let until = now.saturating_add(RETRY_DELAY);
		log::error!(target: "runtime::market", "deal {id} could not be closed: {reason:?}");
		StartAgenda::<T>::insert(until, id, ());
		Self::deposit_event(Event::ExpiryPostponed {
			deal: id,
			until,
			reason,
		});
	}

	/// Refunds the client and gives it the provider's collateral; forgets a deal that was cancelled.
	fn close_unstarted(id: DealId) -> DispatchResult {
		let Some(deal) = Deals::<T>::get(id).filter(|deal| deal.state.is_before_start()) else {
			return Ok(());
		};
		if deal.state == DealState::Cancelled {
			Nonces::<T>::remove(&deal.client, deal.nonce);
			Deals::<T>::remove(id);
			return Ok(());
		}
		let refunded = Self::refund(&deal)?;
		Self::forfeit_collateral(&deal, deal.provider_collateral)?;
		Nonces::<T>::remove(&deal.client, deal.nonce);
		Deals::<T>::remove(id);
		Self::deposit_event(Event::DealExpired {
			deal: id,
			client: deal.client,
			provider: deal.provider,
			refunded,
			compensation: deal.provider_collateral,
		});
		Ok(())
	}
}
