//! The end of a sector: at the first close of its deadline that is not before its expiration.

use holdfast_primitives::BlockNumber;

use crate::{
	health,
	pallet::{
		Config, Event, Expirations, Pallet, PartitionSectors, Partitions, Providers, Sectors,
	},
	partition::PartitionKey,
};

impl<T: Config> Pallet<T> {
	/// Ends at most `limit` of the partition's sectors that were due at `close`. Returns how many.
	pub(crate) fn expire_sectors(
		close: BlockNumber,
		key: &PartitionKey<T::AccountId>,
		limit: u32,
	) -> u32 {
		let (due, later) = Expirations::<T>::take(close, key).split(limit);
		if !later.is_empty() {
			Expirations::<T>::insert(close, key, later);
		}
		let (provider, deadline, _) = key;
		let (Some(mut partition), Some(mut info)) =
			(Partitions::<T>::get(key), Providers::<T>::get(provider))
		else {
			return due.count();
		};
		let numbers = PartitionSectors::<T>::get(key);
		let mut pledge = 0u128;
		let mut ended = 0u32;
		for position in due.iter() {
			let Some(number) = numbers.get(position as usize) else {
				continue;
			};
			Sectors::<T>::mutate_exists(provider, number, |slot| {
				if let Some(sector) = slot {
					pledge = pledge.saturating_add(sector.pledge);
					if sector.deals_left == 0 {
						*slot = None;
					} else {
						sector.ended = Some(health::proven_until(sector, Some(&partition)));
					}
				}
			});
			partition.terminate(position);
			ended = ended.saturating_add(1);
			Self::deposit_event(Event::SectorExpired {
				provider: provider.clone(),
				sector: *number,
			});
		}
		info.live_sectors = info.live_sectors.saturating_sub(ended);
		if let Some(load) = info.deadlines.get_mut(*deadline as usize) {
			load.live_sectors = load.live_sectors.saturating_sub(ended);
		}
		Self::lower_pledge(provider, &mut info, pledge);
		Providers::<T>::insert(provider, info);
		if partition.live().is_empty() {
			Self::remove_partition(key);
		} else {
			Partitions::<T>::insert(key, partition);
		}
		due.count()
	}
}
