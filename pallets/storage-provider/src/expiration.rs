//! The end of a sector: at the first close of its deadline that is not before its expiration, or earlier if
//! it is terminated.

use holdfast_primitives::BlockNumber;

use crate::{
	deadline, health, monies,
	pallet::{
		Config, Event, Expirations, Pallet, PartitionSectors, Partitions, Providers, Sectors,
	},
	partition::PartitionKey,
	positions::Positions,
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
		Self::end_sectors(key, &due, close);
		due.count()
	}

	/// Ends the sectors at `positions` of a partition in the block `at`. One that was promised for longer
	/// costs the termination fee. A partition without any other sector is removed.
	pub(crate) fn end_sectors(
		key: &PartitionKey<T::AccountId>,
		positions: &Positions,
		at: BlockNumber,
	) {
		let (provider, deadline, _) = key;
		let (Some(mut partition), Some(mut info)) =
			(Partitions::<T>::get(key), Providers::<T>::get(provider))
		else {
			return;
		};
		let policy = Self::policy();
		let numbers = PartitionSectors::<T>::get(key);
		let mut pledge = 0u128;
		let mut fee = 0u128;
		let mut ended = 0u32;
		for position in positions.iter() {
			let Some(number) = numbers.get(position as usize) else {
				continue;
			};
			let Some(mut sector) = Sectors::<T>::get(provider, number) else {
				continue;
			};
			if let Some(planned) =
				deadline::last_close(&policy, &info, *deadline, sector.expiration)
			{
				Self::forget_expiration(planned, key, position);
			}
			sector.terminated = at < sector.expiration;
			sector.ended = Some(health::proven_until(&sector, Some(&partition)));
			pledge = pledge.saturating_add(sector.pledge);
			partition.terminate(position);
			ended = ended.saturating_add(1);
			if sector.terminated {
				let promised = sector.expiration.saturating_sub(sector.activated);
				let cost = monies::termination_fee(&policy, info.sector_size, promised);
				fee = fee.saturating_add(cost);
				Self::deposit_event(Event::SectorTerminated {
					provider: provider.clone(),
					sector: *number,
					fee: cost,
				});
			} else {
				Self::deposit_event(Event::SectorExpired {
					provider: provider.clone(),
					sector: *number,
				});
			}
			if sector.deals_left == 0 {
				Sectors::<T>::remove(provider, number);
			} else {
				Sectors::<T>::insert(provider, number, sector);
			}
		}
		if fee > 0 {
			let burned = Self::burn_fee(provider, fee);
			Self::deposit_event(Event::TerminationFeeCharged {
				provider: provider.clone(),
				fee,
				burned,
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
			Self::note_vacancies(key, &partition);
			Partitions::<T>::insert(key, partition);
		}
	}

	/// Removes a position from those that end at `close`, if it is among them.
	pub(crate) fn forget_expiration(
		close: BlockNumber,
		key: &PartitionKey<T::AccountId>,
		position: u32,
	) {
		Expirations::<T>::mutate_exists(close, key, |slot| {
			if let Some(positions) = slot {
				positions.remove(position);
				if positions.is_empty() {
					*slot = None;
				}
			}
		});
	}
}
