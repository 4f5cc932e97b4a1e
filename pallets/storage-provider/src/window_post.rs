//! Window PoSt: while a deadline is open, the provider proves that it holds its partitions now.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::ensure;
use holdfast_primitives::{
	randomness::Domain, DeadlineIndex, PartitionIndex, ProofBytes, SectorNumber,
};
use scale_info::TypeInfo;
use sp_runtime::DispatchResult;

use crate::{
	pallet::{Config, Error, Event, Pallet, Partitions, Providers},
	traits::Proofs,
};

/// The proof of one partition.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct PostSubmission {
	/// The partition's index within the deadline.
	pub partition: PartitionIndex,
	/// The proof of its sectors that are healthy or recovering.
	pub proof: ProofBytes,
}

/// What a partition needs in the deadline's current or next window.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DuePartition {
	/// The partition's index within the deadline.
	pub partition: PartitionIndex,
	/// The sectors that its proof must include, ordered by number. Empty if it needs none.
	pub sectors: Vec<SectorNumber>,
	/// Whether it is proven already in the window that is open now.
	pub proven: bool,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit_window_post(
		provider: T::AccountId,
		deadline: DeadlineIndex,
		submissions: &[PostSubmission],
	) -> DispatchResult {
		ensure!(!submissions.is_empty(), Error::<T>::EmptyBatch);
		let info = Self::provider_info(&provider)?;
		let policy = Self::policy();
		let now = Self::now();
		let window = Self::current_window(&policy, &info, deadline, now)?;
		ensure!(window.is_open(now), Error::<T>::DeadlineNotOpen);
		let randomness = Self::draw(Domain::WindowPoSt, window.challenge, &provider)?;
		for submission in submissions {
			let key = (provider.clone(), deadline, submission.partition);
			let mut partition = Partitions::<T>::get(&key).ok_or(Error::<T>::NoSuchPartition)?;
			ensure!(
				partition.last_proof < window.open,
				Error::<T>::AlreadyProven
			);
			let positions = partition.to_prove();
			ensure!(!positions.is_empty(), Error::<T>::NothingToProve);
			let sectors = Self::replicas_at(&key, &positions)?;
			T::Proofs::verify_window_post(
				info.sector_size,
				&randomness,
				&sectors,
				&submission.proof,
			)?;
			let recovered = partition.accept_proof(now);
			Partitions::<T>::insert(&key, partition);
			Self::deposit_event(Event::WindowPoStAccepted {
				provider: provider.clone(),
				deadline,
				partition: submission.partition,
				recovered,
			});
		}
		Ok(())
	}

	/// What each partition of the deadline needs in its current or next window. Reads the whole
	/// deadline: for questions from outside, not for calls.
	pub(crate) fn partitions_due(
		provider: &T::AccountId,
		deadline: DeadlineIndex,
	) -> Vec<DuePartition> {
		let Some(info) = Providers::<T>::get(provider) else {
			return Vec::new();
		};
		let now = Self::now();
		let Ok(window) = Self::current_window(&Self::policy(), &info, deadline, now) else {
			return Vec::new();
		};
		let count = info
			.deadlines
			.get(deadline as usize)
			.map_or(0, |load| load.partitions);
		(0..count)
			.filter_map(|index| {
				let key = (provider.clone(), deadline, index);
				let partition = Partitions::<T>::get(&key)?;
				let sectors = Self::replicas_at(&key, &partition.to_prove()).ok()?;
				Some(DuePartition {
					partition: index,
					sectors: sectors.into_iter().map(|(number, _)| number).collect(),
					proven: window.is_open(now) && partition.last_proof >= window.open,
				})
			})
			.collect()
	}
}
