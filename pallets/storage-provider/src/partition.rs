//! Partitions: the sectors of a deadline that one window PoSt proves.
//!
//! A partition's sectors are numbered by position; a new one takes the lowest position that an ended one
//! left, or else the next. The small record
//! here has bit fields over the positions; which sector and which replica is where are lists in storage
//! items of their own, so that a call that needs no list reads none.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use holdfast_primitives::{
	deadline::Window, BlockNumber, CommR, DeadlineIndex, PartitionIndex, SectorNumber,
};
use scale_info::TypeInfo;
use sp_runtime::{ArithmeticError, DispatchError};

use crate::{
	compaction::put,
	pallet::{
		Agenda, AgendaCursor, Config, Expirations, Pallet, PartitionReplicas, PartitionSectors,
		Partitions, Vacancies,
	},
	positions::Positions,
	provider::ProviderInfo,
};

/// The most groups of faults that a partition tells apart.
pub const MAX_FAULT_GROUPS: u32 = 32;

/// What names a partition: its provider, deadline and index.
pub type PartitionKey<AccountId> = (AccountId, DeadlineIndex, PartitionIndex);

/// Sectors of a partition that became faulty together.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct FaultGroup {
	/// The block of the last proof that they were part of; zero if there was none.
	pub since: BlockNumber,
	/// The block in which the fault was declared or found.
	pub found: BlockNumber,
	/// Where they are.
	pub positions: Positions,
}

/// The state of a partition.
#[derive(
	Clone,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Partition {
	/// The block of the last accepted proof; zero if there was none.
	pub last_proof: BlockNumber,
	/// How many positions were ever given.
	pub count: u32,
	/// The faulty sectors, disjoint groups, the oldest first.
	pub faults: BoundedVec<FaultGroup, ConstU32<MAX_FAULT_GROUPS>>,
	/// The faulty sectors that the next proof includes.
	pub recovering: Positions,
	/// The positions of sectors that ended or moved: never asked for again, and free for new ones.
	pub terminated: Positions,
}

impl Partition {
	/// The sectors that have not ended.
	pub fn live(&self) -> Positions {
		Positions::first(self.count).difference(&self.terminated)
	}

	/// The sectors that are faulty, recovering ones included.
	pub fn faulty(&self) -> Positions {
		self.faults.iter().fold(Positions::default(), |all, group| {
			all.union(&group.positions)
		})
	}

	/// The sectors that the next proof must include.
	pub fn to_prove(&self) -> Positions {
		self.live()
			.difference(&self.faulty())
			.union(&self.recovering)
	}

	/// The fault of the sector at `position`, if it is faulty.
	pub fn fault_of(&self, position: u32) -> Option<&FaultGroup> {
		self.faults
			.iter()
			.find(|group| group.positions.contains(position))
	}

	/// Since when the sector at `position` is faulty, if it is.
	pub fn fault_since(&self, position: u32) -> Option<BlockNumber> {
		self.fault_of(position).map(|group| group.since)
	}

	/// A position for one more sector: the lowest vacant one, or else the next.
	pub(crate) fn take_position(&mut self) -> u32 {
		let vacant = self.terminated.iter().next();
		match vacant {
			Some(position) => {
				self.terminated.remove(position);
				position
			},
			None => {
				let position = self.count;
				self.count = position.saturating_add(1);
				position
			},
		}
	}

	/// Notes the proof of the block `now`. Returns how many sectors recovered.
	pub(crate) fn accept_proof(&mut self, now: BlockNumber) -> u32 {
		let recovered = core::mem::take(&mut self.recovering);
		self.forget_faults(&recovered);
		self.last_proof = now;
		recovered.count()
	}

	/// Leaves sectors that are due out of the proof that comes next. Returns how many became faulty and
	/// how many did not recover.
	pub(crate) fn skip(&mut self, positions: &Positions, now: BlockNumber) -> (u32, u32) {
		let failed = self.recovering.intersection(positions);
		self.recovering = self.recovering.difference(positions);
		let new_faults = positions.difference(&failed);
		let counts = (new_faults.count(), failed.count());
		self.add_faults(new_faults, now);
		counts
	}

	/// Notes that a window closed without a proof. Returns how many sectors became faulty and how many
	/// did not recover.
	pub(crate) fn miss_proof(&mut self, now: BlockNumber) -> (u32, u32) {
		let failed = core::mem::take(&mut self.recovering);
		let missed = self.live().difference(&self.faulty());
		let count = missed.count();
		self.add_faults(missed, now);
		(count, failed.count())
	}

	/// Makes healthy sectors faulty, from the last proof on, as found in the block `found`.
	pub(crate) fn add_faults(&mut self, positions: Positions, found: BlockNumber) {
		if positions.is_empty() {
			return;
		}
		let group = FaultGroup {
			since: self.last_proof,
			found,
			positions,
		};
		let same = |last: &&mut FaultGroup| (last.since, last.found) == (group.since, found);
		if let Some(last) = self.faults.last_mut().filter(same) {
			last.positions = last.positions.union(&group.positions);
			return;
		}
		if let Err(group) = self.faults.try_push(group) {
			// The list is bounded. Sectors of a merged group count as faulty for longer than they were:
			// what cannot be told apart is not paid. Nor is it terminated too early; the groups before
			// it will be, and make room.
			if let Some(last) = self.faults.last_mut() {
				last.since = last.since.min(group.since);
				last.found = last.found.max(group.found);
				last.positions = last.positions.union(&group.positions);
			}
		}
	}

	/// The faulty sectors whose fault was found in the block `latest` or before.
	pub(crate) fn faults_until(&self, latest: BlockNumber) -> Positions {
		self.faults
			.iter()
			.filter(|group| group.found <= latest)
			.fold(Positions::default(), |all, group| {
				all.union(&group.positions)
			})
	}

	/// Ends the sector at `position`.
	pub(crate) fn terminate(&mut self, position: u32) {
		self.terminated.insert(position);
		self.recovering.remove(position);
		let mut ended = Positions::default();
		ended.insert(position);
		self.forget_faults(&ended);
	}

	fn forget_faults(&mut self, positions: &Positions) {
		for group in self.faults.iter_mut() {
			group.positions = group.positions.difference(positions);
		}
		self.faults.retain(|group| !group.positions.is_empty());
	}
}

impl<T: Config> Pallet<T> {
	/// Whether a window of the partition before `window` has closed but is not yet settled, because the
	/// agenda has more to do than fits one block. Until then its faults, and which sectors end, are not
	/// known.
	pub(crate) fn is_unsettled(
		key: &PartitionKey<T::AccountId>,
		window: &Window,
		proving_period: BlockNumber,
	) -> bool {
		window
			.close
			.checked_sub(proving_period)
			// Whatever is before the cursor is done, so that mostly nothing else is read.
			.filter(|before| AgendaCursor::<T>::get() <= *before)
			// A window is put on the agenda when the one before it is settled, however many wait.
			.is_some_and(|before| {
				!Agenda::<T>::contains_key(window.close, key)
					|| Expirations::<T>::contains_key(before, key)
			})
	}

	/// Gives a sector a position in a partition of the window's deadline: one with vacant positions, or the
	/// last one, or a new one. Looks at one of each, however many there are.
	pub(crate) fn join_partition(
		provider: &T::AccountId,
		info: &mut ProviderInfo<T::AccountId>,
		window: &Window,
		proving_period: BlockNumber,
		sector: SectorNumber,
		comm_r: CommR,
	) -> Result<(PartitionIndex, u32), DispatchError> {
		let capacity = info.sector_size.window_post_partition_sectors();
		let load = info
			.deadlines
			.get_mut(window.deadline as usize)
			.ok_or(DispatchError::Corruption)?;
		let key = |index| (provider.clone(), window.deadline, index);
		let has_room = |index: &PartitionIndex| {
			let key = key(*index);
			Partitions::<T>::get(&key).is_none_or(|partition| {
				let room = partition.count < capacity || !partition.terminated.is_empty();
				room && !Self::is_unsettled(&key, window, proving_period)
			})
		};
		let vacant = Vacancies::<T>::iter_key_prefix((provider, window.deadline)).next();
		let last = load.partitions.checked_sub(1);
		let index = match vacant.filter(has_room).or(last.filter(has_room)) {
			Some(index) => index,
			None => {
				let index = load.partitions;
				load.partitions = index.checked_add(1).ok_or(ArithmeticError::Overflow)?;
				index
			},
		};
		load.live_sectors = load
			.live_sectors
			.checked_add(1)
			.ok_or(ArithmeticError::Overflow)?;
		let key = key(index);
		let mut partition = Partitions::<T>::get(&key).unwrap_or_default();
		let position = partition.take_position();
		PartitionSectors::<T>::try_mutate(&key, |numbers| put(numbers, position, sector))?;
		PartitionReplicas::<T>::try_mutate(&key, |replicas| put(replicas, position, comm_r))?;
		Self::note_vacancies(&key, &partition);
		Partitions::<T>::insert(&key, partition);
		Ok((index, position))
	}

	/// The sectors at `positions` with their replicas, ordered by number, as a window PoSt proves them.
	pub(crate) fn replicas_at(
		key: &PartitionKey<T::AccountId>,
		positions: &Positions,
	) -> Result<Vec<(SectorNumber, CommR)>, DispatchError> {
		let numbers = PartitionSectors::<T>::get(key);
		let replicas = PartitionReplicas::<T>::get(key);
		let mut sectors = positions
			.iter()
			.map(|position| {
				let number = numbers.get(position as usize)?;
				let comm_r = replicas.get(position as usize)?;
				Some((*number, *comm_r))
			})
			.collect::<Option<Vec<_>>>()
			.ok_or(DispatchError::Corruption)?;
		sectors.sort_unstable_by_key(|(number, _)| *number);
		Ok(sectors)
	}

	/// Forgets a partition whose sectors have all ended.
	pub(crate) fn remove_partition(key: &PartitionKey<T::AccountId>) {
		Partitions::<T>::remove(key);
		PartitionSectors::<T>::remove(key);
		PartitionReplicas::<T>::remove(key);
		Vacancies::<T>::remove(key);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn positions(list: &[u32]) -> Positions {
		let mut set = Positions::default();
		for position in list {
			set.insert(*position);
		}
		set
	}

	#[test]
	fn faults_of_one_proof_make_one_group() {
		let mut partition = Partition {
			last_proof: 10,
			count: 4,
			..Default::default()
		};
		partition.add_faults(positions(&[1]), 90);
		assert_eq!(partition.miss_proof(90), (3, 0));
		assert_eq!(partition.faults.len(), 1);
		assert_eq!(partition.to_prove(), Positions::default());
		assert_eq!(partition.fault_since(1), Some(10));
	}

	#[test]
	fn a_full_list_of_groups_merges_towards_the_earlier_fault() {
		let mut partition = Partition {
			count: MAX_FAULT_GROUPS + 1,
			..Default::default()
		};
		for position in 0..=MAX_FAULT_GROUPS {
			partition.last_proof = 100 + position;
			partition.add_faults(positions(&[position]), 900 + position);
		}
		assert_eq!(partition.faults.len() as u32, MAX_FAULT_GROUPS);
		assert_eq!(partition.fault_since(0), Some(100));
		let last = 100 + MAX_FAULT_GROUPS - 1;
		assert_eq!(partition.fault_since(MAX_FAULT_GROUPS - 1), Some(last));
		assert_eq!(partition.fault_since(MAX_FAULT_GROUPS), Some(last));
	}

	#[test]
	fn a_merged_group_is_as_young_as_its_youngest_fault() {
		let mut partition = Partition {
			count: MAX_FAULT_GROUPS + 1,
			..Default::default()
		};
		for position in 0..=MAX_FAULT_GROUPS {
			partition.add_faults(positions(&[position]), position);
		}
		assert_eq!(partition.faults_until(0), positions(&[0]));
		let merged = MAX_FAULT_GROUPS - 1;
		assert!(!partition.faults_until(merged).contains(merged));
		assert_eq!(
			partition.faults_until(MAX_FAULT_GROUPS),
			Positions::first(MAX_FAULT_GROUPS + 1)
		);
	}

	#[test]
	fn a_proof_recovers_what_was_declared_and_nothing_else() {
		let mut partition = Partition {
			last_proof: 10,
			count: 3,
			..Default::default()
		};
		partition.miss_proof(90);
		partition.recovering = positions(&[1]);
		assert_eq!(partition.to_prove(), positions(&[1]));
		assert_eq!(partition.accept_proof(50), 1);
		assert_eq!(partition.faulty(), positions(&[0, 2]));
		assert_eq!(partition.to_prove(), positions(&[1]));
		assert_eq!(
			(partition.last_proof, partition.fault_since(0)),
			(50, Some(10))
		);
	}

	#[test]
	fn skipped_sectors_are_faulty_since_their_last_proof_and_do_not_recover() {
		let mut partition = Partition {
			last_proof: 10,
			count: 4,
			..Default::default()
		};
		partition.add_faults(positions(&[2, 3]), 15);
		partition.last_proof = 20;
		partition.recovering = positions(&[2, 3]);
		assert_eq!(partition.skip(&positions(&[0, 2]), 30), (1, 1));
		assert_eq!(partition.to_prove(), positions(&[1, 3]));
		assert_eq!(partition.accept_proof(30), 1);
		assert_eq!(partition.faulty(), positions(&[0, 2]));
		assert_eq!(
			(partition.fault_since(0), partition.fault_since(2)),
			(Some(20), Some(10))
		);
		assert_eq!(partition.skip(&Positions::default(), 30), (0, 0));
	}

	#[test]
	fn an_ended_sector_is_neither_live_nor_faulty() {
		let mut partition = Partition {
			count: 2,
			..Default::default()
		};
		partition.miss_proof(90);
		partition.recovering = positions(&[0]);
		partition.terminate(0);
		assert_eq!(partition.live(), positions(&[1]));
		assert_eq!(partition.faulty(), positions(&[1]));
		assert_eq!(partition.recovering, Positions::default());
		partition.terminate(1);
		assert!(partition.faults.is_empty());
	}
}
