//! Faults: declared by the provider or found when a window closes, paid for until they recover.
//!
//! A faulty sector recovers when the provider declares so before the next challenge and that window's
//! proof includes it. Its deals are not paid from the last proof before the fault until the window of its
//! recovery closes: where exactly the window's proof lies is not worth a write to each sector. A sector that
//! is faulty for longer than the policy allows is terminated.

use alloc::vec::Vec;
use frame_support::{dispatch::Pays, ensure, traits::ConstU32, BoundedVec};
use holdfast_primitives::{
	deadline::{window_at, Window},
	BlockNumber, DeadlineIndex, PartitionIndex, Policy, SectorNumber,
};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
	length, monies,
	pallet::{Agenda, Config, Error, Event, Expirations, Pallet, Partitions, Providers, Sectors},
	partition::{Partition, PartitionKey},
	positions::Positions,
	sector::{Gap, Sector},
};

/// The most sectors of one partition in one declaration.
pub const MAX_DECLARED_SECTORS: u32 = 64;

/// Sectors of one partition.
pub type Declaration = (
	PartitionIndex,
	BoundedVec<SectorNumber, ConstU32<MAX_DECLARED_SECTORS>>,
);

impl<T: Config> Pallet<T> {
	/// Free if the faults have cost their fee. A sector can be declared faulty, and recover before its
	/// window closes, without any: then this call costs what every call does, or the two could be repeated
	/// in every period for nothing.
	pub(crate) fn do_declare_recoveries(
		provider: T::AccountId,
		deadline: DeadlineIndex,
		declarations: &[Declaration],
	) -> Result<Pays, DispatchError> {
		let period = Self::policy().proving_period;
		let mut pays_fee = Pays::No;
		Self::declare(
			&provider,
			deadline,
			declarations,
			|partition, number, sector, window| {
				let fault = partition
					.fault_of(sector.position)
					.ok_or(Error::<T>::SectorNotFaulty)?;
				let (since, found) = (fault.since, fault.found);
				let last_close = window.close.checked_sub(period);
				if last_close.is_none_or(|close| found >= close) {
					pays_fee = Pays::Yes;
				}
				ensure!(
					partition.recovering.insert(sector.position),
					Error::<T>::SectorAlreadyRecovering
				);
				sector.add_gap(Gap {
					from: since.max(sector.activated),
					to: window.close,
				});
				Sectors::<T>::insert(&provider, number, sector);
				Ok(())
			},
		)?;
		for (partition, sectors) in declarations {
			Self::deposit_event(Event::RecoveriesDeclared {
				provider: provider.clone(),
				deadline,
				partition: *partition,
				sectors: length(sectors),
			});
		}
		Ok(pays_fee)
	}

	pub(crate) fn do_declare_faults(
		provider: T::AccountId,
		deadline: DeadlineIndex,
		declarations: &[Declaration],
	) -> DispatchResult {
		Self::declare(
			&provider,
			deadline,
			declarations,
			|partition, _, sector, _| {
				ensure!(
					partition.fault_since(sector.position).is_none(),
					Error::<T>::SectorAlreadyFaulty
				);
				let mut positions = Positions::default();
				positions.insert(sector.position);
				partition.add_faults(positions, Self::now());
				Ok(())
			},
		)?;
		for (partition, sectors) in declarations {
			Self::deposit_event(Event::FaultsDeclared {
				provider: provider.clone(),
				deadline,
				partition: *partition,
				sectors: length(sectors),
			});
		}
		Ok(())
	}

	/// Applies `change` to each sector that is named and to its partition, before the next challenge.
	fn declare(
		provider: &T::AccountId,
		deadline: DeadlineIndex,
		declarations: &[Declaration],
		mut change: impl FnMut(&mut Partition, SectorNumber, &mut Sector, &Window) -> DispatchResult,
	) -> Result<(), DispatchError> {
		ensure!(
			!declarations.is_empty() && declarations.iter().all(|(_, sectors)| !sectors.is_empty()),
			Error::<T>::EmptyBatch
		);
		let info = Self::provider_info(provider)?;
		let policy = Self::policy();
		let now = Self::now();
		let window = Self::current_window(&policy, &info, deadline, now)?;
		ensure!(window.is_mutable(now), Error::<T>::DeadlineNotMutable);
		for (index, sectors) in declarations {
			let key = (provider.clone(), deadline, *index);
			let mut partition = Partitions::<T>::get(&key).ok_or(Error::<T>::NoSuchPartition)?;
			ensure!(
				!Self::is_unsettled(&key, &window, policy.proving_period),
				Error::<T>::PartitionUnsettled
			);
			for number in sectors {
				let mut sector =
					Sectors::<T>::get(provider, number).ok_or(Error::<T>::NoSuchSector)?;
				ensure!(
					sector.ended.is_none()
						&& (sector.deadline, sector.partition) == (deadline, *index),
					Error::<T>::SectorNotInPartition
				);
				change(&mut partition, *number, &mut sector, &window)?;
			}
			Partitions::<T>::insert(&key, partition);
		}
		Ok(())
	}

	/// Settles the window of a partition that closed at `close`: finds faults, charges them, and plans
	/// the next window.
	pub(crate) fn close_window(close: BlockNumber, key: &PartitionKey<T::AccountId>) {
		let (provider, deadline, index) = key;
		let (Some(mut partition), Some(info)) =
			(Partitions::<T>::get(key), Providers::<T>::get(provider))
		else {
			return;
		};
		let policy = Self::policy();
		let open = close.saturating_sub(policy.challenge_window());
		if partition.last_proof < open && !partition.to_prove().is_empty() {
			// Found in the window's last block: a fault that is declared in the block after it is another's,
			// and has not cost a fee.
			let (new_faults, failed_recoveries) = partition.miss_proof(close.saturating_sub(1));
			Self::deposit_event(Event::PartitionFaulty {
				provider: provider.clone(),
				deadline: *deadline,
				partition: *index,
				new_faults,
				failed_recoveries,
			});
		}
		let faulty = partition.faulty().count();
		if faulty > 0 {
			let fee = monies::fault_fee(&policy, info.sector_size, faulty);
			let burned = Self::burn_fee(provider, fee);
			Self::deposit_event(Event::FaultFeeCharged {
				provider: provider.clone(),
				deadline: *deadline,
				partition: *index,
				fee,
				burned,
			});
		}
		let ending = Self::end_old_faults(&policy, &partition, close, key);
		if !partition.live().difference(&ending).is_empty() {
			// From the window that closed, not from now: a window is not skipped because its
			// predecessor was settled late.
			if let Some(next) = window_at(&policy, info.period_offset, *deadline, close) {
				Agenda::<T>::insert(next.close, key, ());
			}
		}
		Partitions::<T>::insert(key, partition);
	}

	/// Adds the sectors that have been faulty for too long to those that end at `close`, and returns these.
	/// As many as the agenda can do at once are ended together.
	fn end_old_faults(
		policy: &Policy,
		partition: &Partition,
		close: BlockNumber,
		key: &PartitionKey<T::AccountId>,
	) -> Positions {
		let ending = Expirations::<T>::get(close, key);
		let old = close
			.checked_sub(policy.max_fault_age)
			.map(|latest| partition.faults_until(latest))
			.unwrap_or_default();
		if old.is_empty() {
			return ending;
		}
		let ending = ending.union(&old);
		Expirations::<T>::insert(close, key, ending.clone());
		ending
	}

	/// The sectors of a partition that are faulty, ordered by number.
	pub(crate) fn faults_of(key: &PartitionKey<T::AccountId>) -> Vec<SectorNumber> {
		Partitions::<T>::get(key)
			.and_then(|partition| Self::replicas_at(key, &partition.faulty()).ok())
			.unwrap_or_default()
			.into_iter()
			.map(|(number, _)| number)
			.collect()
	}
}
