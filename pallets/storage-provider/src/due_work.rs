//! What a provider has to do, in one answer: what its daemon, or whoever watches it, asks in every block.
//!
//! It reads everything of the provider that can be due, so it is for questions from outside, not for calls.

use alloc::vec::Vec;
use codec::{Decode, Encode};
use holdfast_primitives::{
	deadline::{next_mutable_window, window_at},
	BlockNumber, DeadlineIndex, PartitionIndex, SectorNumber,
};
use scale_info::TypeInfo;

use crate::{
	pallet::{Config, Pallet, Partitions, PreCommits, Providers},
	partition::Partition,
};

/// A partition that is to be proven now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DueProof {
	/// The deadline that is open.
	pub deadline: DeadlineIndex,
	/// The partition's index within the deadline.
	pub partition: PartitionIndex,
	/// How many sectors the proof includes.
	pub sectors: u32,
	/// The block whose randomness the challenge is drawn from.
	pub challenge: BlockNumber,
	/// The first block that accepts the proof no more.
	pub until: BlockNumber,
}

/// A pre-commit that is to be proven.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DuePreCommit {
	/// The sector's number.
	pub sector: SectorNumber,
	/// The first block that accepts the proof.
	pub from: BlockNumber,
	/// The first block that accepts the proof no more.
	pub until: BlockNumber,
}

/// A partition with faulty sectors that are not to recover yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct FaultyPartition {
	/// The deadline.
	pub deadline: DeadlineIndex,
	/// The partition's index within the deadline.
	pub partition: PartitionIndex,
	/// How many sectors can be declared to recover.
	pub sectors: u32,
	/// The first block in which they can be declared.
	pub from: BlockNumber,
	/// The first block in which it is too late for the window that comes next then.
	pub until: BlockNumber,
}

/// What a provider has to do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DueWork {
	/// The partitions to prove in the window that is open.
	pub proofs: Vec<DueProof>,
	/// The pre-commits to prove, by number.
	pub pre_commits: Vec<DuePreCommit>,
	/// The partitions with sectors that have to recover, each of which costs a fee in every period.
	pub faults: Vec<FaultyPartition>,
}

impl<T: Config> Pallet<T> {
	/// What the provider has to do. Nothing if it is not registered.
	pub(crate) fn work_due(provider: &T::AccountId) -> Option<DueWork> {
		let info = Providers::<T>::get(provider)?;
		let mut partitions: Vec<_> = Partitions::<T>::iter_prefix((provider,))
			.map(|((deadline, index), partition)| (deadline, index, partition))
			.collect();
		partitions.sort_unstable_by_key(|(deadline, index, _)| (*deadline, *index));
		let proofs = partitions
			.iter()
			.filter_map(|(deadline, index, partition)| {
				Self::proof_due(info.period_offset, *deadline, *index, partition)
			})
			.collect();
		let faults = partitions
			.iter()
			.filter_map(|(deadline, index, partition)| {
				Self::recovery_due(info.period_offset, *deadline, *index, partition)
			})
			.collect();
		let policy = Self::policy();
		let mut pre_commits: Vec<_> = PreCommits::<T>::iter_prefix(provider)
			.map(|(sector, pre_commit)| DuePreCommit {
				sector,
				from: pre_commit.provable_after(&policy).saturating_add(1),
				until: pre_commit.expires(&policy).min(pre_commit.expiration),
			})
			.collect();
		pre_commits.sort_unstable_by_key(|due| due.sector);
		Some(DueWork {
			proofs,
			pre_commits,
			faults,
		})
	}

	fn proof_due(
		period_offset: BlockNumber,
		deadline: DeadlineIndex,
		index: PartitionIndex,
		partition: &Partition,
	) -> Option<DueProof> {
		let now = Self::now();
		let window = window_at(&Self::policy(), period_offset, deadline, now)?;
		let sectors = partition.to_prove().count();
		let due = window.is_open(now) && partition.last_proof < window.open && sectors > 0;
		due.then_some(DueProof {
			deadline,
			partition: index,
			sectors,
			challenge: window.challenge,
			until: window.close,
		})
	}

	fn recovery_due(
		period_offset: BlockNumber,
		deadline: DeadlineIndex,
		index: PartitionIndex,
		partition: &Partition,
	) -> Option<FaultyPartition> {
		let policy = Self::policy();
		let sectors = partition.faulty().difference(&partition.recovering).count();
		let window = next_mutable_window(&policy, period_offset, deadline, Self::now())?;
		(sectors > 0).then_some(FaultyPartition {
			deadline,
			partition: index,
			sectors,
			from: window.close.saturating_sub(policy.proving_period),
			until: window.challenge,
		})
	}
}
