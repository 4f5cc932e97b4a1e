//! Compaction: few full partitions instead of many half-empty ones.
//!
//! A sector that ends leaves its position vacant. New sectors take vacant positions first, which are found
//! through [`crate::pallet::Vacancies`], not searched. A provider that no longer grows moves the sectors of
//! one partition into the vacant positions of another; a partition that is left empty is removed, and with
//! it its window PoSt.

use frame_support::{ensure, traits::ConstU32, BoundedVec};
use holdfast_primitives::{BlockNumber, DeadlineIndex, PartitionIndex, SectorNumber};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
	deadline,
	pallet::{
		Agenda, Config, Error, Event, Expirations, Pallet, PartitionReplicas, PartitionSectors,
		Partitions, Sectors, Vacancies,
	},
	partition::{Partition, PartitionKey},
	positions::{Positions, MAX_POSITIONS},
	provider::ProviderInfo,
	sector::Gap,
};

/// The most sectors that one call moves.
pub const MAX_MOVED_SECTORS: u32 = 64;

impl<T: Config> Pallet<T> {
	/// Moves healthy sectors from one partition of a deadline into another, as many as fit and a call may
	/// move. Returns how many.
	///
	/// A partition's proof is every sector's, so the sectors must not appear proven for longer than they are:
	/// the partition that they join must have been proven no earlier, and the blocks between the two
	/// proofs count as faulty. There are none if one call proved both.
	pub(crate) fn do_compact_partitions(
		provider: T::AccountId,
		deadline: DeadlineIndex,
		from: PartitionIndex,
		into: PartitionIndex,
	) -> Result<u32, DispatchError> {
		ensure!(from != into, Error::<T>::DuplicatePartition);
		let info = Self::provider_info(&provider)?;
		let policy = Self::policy();
		let now = Self::now();
		let window = Self::current_window(&policy, &info, deadline, now)?;
		ensure!(window.is_mutable(now), Error::<T>::DeadlineNotMutable);
		let open = |index| {
			let key = (provider.clone(), deadline, index);
			let partition = Partitions::<T>::get(&key).ok_or(Error::<T>::NoSuchPartition)?;
			ensure!(
				!Self::is_unsettled(&key, &window, policy.proving_period),
				Error::<T>::PartitionUnsettled
			);
			Ok::<_, DispatchError>((key, partition))
		};
		let source = open(from)?;
		let target = open(into)?;
		ensure!(
			source.1.last_proof <= target.1.last_proof,
			Error::<T>::ProvenEarlier
		);
		let capacity = info.sector_size.window_post_partition_sectors();
		let room = capacity.saturating_sub(target.1.live().count());
		let healthy = source.1.live().difference(&source.1.faulty());
		let (moving, _) = healthy.split(room.min(MAX_MOVED_SECTORS));
		ensure!(!moving.is_empty(), Error::<T>::NothingToMove);

		let (source_key, source_left) = Self::move_sectors(&info, source, target, &moving)?;
		if source_left.live().is_empty() {
			Self::remove_partition(&source_key);
			Agenda::<T>::remove(window.close, &source_key);
		} else {
			Partitions::<T>::insert(&source_key, source_left);
			Vacancies::<T>::insert(&source_key, ());
		}
		let sectors = moving.count();
		Self::deposit_event(Event::PartitionsCompacted {
			provider,
			deadline,
			from,
			into,
			sectors,
		});
		Ok(sectors)
	}

	/// Gives the sectors at `moving` positions of the target, and writes these and the target. Returns what
	/// is left of the source.
	fn move_sectors(
		info: &ProviderInfo<T::AccountId>,
		(source_key, mut source): (PartitionKey<T::AccountId>, Partition),
		(target_key, mut target): (PartitionKey<T::AccountId>, Partition),
		moving: &Positions,
	) -> Result<(PartitionKey<T::AccountId>, Partition), DispatchError> {
		let (provider, deadline, index) = &target_key;
		let policy = Self::policy();
		let left = PartitionSectors::<T>::get(&source_key);
		let mut numbers = PartitionSectors::<T>::get(&target_key);
		let mut replicas = PartitionReplicas::<T>::get(&target_key);
		for position in moving.iter() {
			let number: SectorNumber = *left
				.get(position as usize)
				.ok_or(DispatchError::Corruption)?;
			let mut sector =
				Sectors::<T>::get(provider, number).ok_or(DispatchError::Corruption)?;
			let close = deadline::last_close(&policy, info, *deadline, sector.expiration)
				.ok_or(DispatchError::Corruption)?;
			source.terminate(position);
			let joined = target.take_position();
			put(&mut numbers, joined, number)?;
			put(&mut replicas, joined, sector.comm_r)?;
			Self::forget_expiration(close, &source_key, position);
			Expirations::<T>::mutate(close, &target_key, |positions| positions.insert(joined));
			bridge(&mut sector, source.last_proof, target.last_proof);
			sector.partition = *index;
			sector.position = joined;
			Sectors::<T>::insert(provider, number, sector);
		}
		PartitionSectors::<T>::insert(&target_key, numbers);
		PartitionReplicas::<T>::insert(&target_key, replicas);
		Self::note_vacancies(&target_key, &target);
		Partitions::<T>::insert(&target_key, target);
		Ok((source_key, source))
	}

	/// Keeps the partition among those with vacant positions as long as it has one.
	pub(crate) fn note_vacancies(key: &PartitionKey<T::AccountId>, partition: &Partition) {
		if partition.terminated.is_empty() {
			Vacancies::<T>::remove(key);
		} else {
			Vacancies::<T>::insert(key, ());
		}
	}
}

/// Counts the blocks between the last proof of the partition that a sector leaves and that of the one which
/// it joins as faulty.
fn bridge(sector: &mut crate::Sector, left: BlockNumber, joined: BlockNumber) {
	let from = left.max(sector.activated);
	if from < joined {
		sector.add_gap(Gap { from, to: joined });
	}
}

/// Sets the item at a position of a partition's list, which is the next one at most.
pub(crate) fn put<Item>(
	list: &mut BoundedVec<Item, ConstU32<MAX_POSITIONS>>,
	position: u32,
	item: Item,
) -> DispatchResult {
	match list.get_mut(position as usize) {
		Some(slot) => *slot = item,
		None => list.try_push(item).map_err(|_| DispatchError::Corruption)?,
	}
	Ok(())
}
