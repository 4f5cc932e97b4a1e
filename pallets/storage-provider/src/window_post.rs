//! Window PoSt: while a deadline is open, the provider proves that it holds its partitions now.

use alloc::{collections::BTreeSet, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{dispatch::Pays, ensure, weights::Weight};
use holdfast_primitives::{
	deadline::Window, randomness::Domain, BlockNumber, CommR, DeadlineIndex, PartitionIndex,
	ProofBytes, SectorNumber,
};
use scale_info::TypeInfo;
use sp_runtime::DispatchError;

use crate::{
	pallet::{Config, Error, Event, Pallet, Partitions, Providers},
	partition::{Partition, PartitionKey},
	positions::Positions,
	traits::{PartitionProof, Proofs},
};

/// The proof of one partition.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct PostSubmission {
	/// The partition's index within the deadline.
	pub partition: PartitionIndex,
	/// The positions of sectors that cannot be proven now. They become faulty, or stay so if they were
	/// to recover, and the proof is without them.
	pub skipped: Positions,
	/// The proof of the other sectors that are healthy or recovering.
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
	/// Verifies all proofs as one batch and notes each that holds. Every partition of the call has its own
	/// event.
	pub(crate) fn do_submit_window_post(
		provider: T::AccountId,
		deadline: DeadlineIndex,
		submissions: &[PostSubmission],
	) -> Result<SubmittedBatch, DispatchError> {
		ensure!(!submissions.is_empty(), Error::<T>::EmptyBatch);
		let info = Self::provider_info(&provider)?;
		let policy = Self::policy();
		let now = Self::now();
		let window = Self::current_window(&policy, &info, deadline, now)?;
		ensure!(window.is_open(now), Error::<T>::DeadlineNotOpen);
		let randomness = Self::draw(Domain::WindowPoSt, window.challenge, &provider)?;

		let mut seen = BTreeSet::new();
		let mut candidates = Vec::new();
		for submission in submissions {
			let key = (provider.clone(), deadline, submission.partition);
			let candidate = if seen.insert(submission.partition) {
				Self::due_for_proof(&key, &window, policy.proving_period, submission)
			} else {
				Err(Error::<T>::DuplicatePartition.into())
			};
			candidates.push(candidate);
		}
		let proofs: Vec<PartitionProof<'_>> = candidates
			.iter()
			.zip(submissions)
			.filter_map(|(candidate, submission)| {
				let (_, sectors) = candidate.as_ref().ok()?;
				Some((&sectors[..], submission.proof))
			})
			.collect();
		let verified = T::Proofs::verify_window_posts(info.sector_size, &randomness, &proofs);

		let mut verdicts = verified.results.into_iter();
		let mut refused = false;
		for (submission, candidate) in submissions.iter().zip(candidates) {
			let index = submission.partition;
			let accepted = candidate.and_then(|(partition, _)| {
				verdicts.next().ok_or(DispatchError::Corruption)??;
				Ok(partition)
			});
			Self::deposit_event(match accepted {
				Ok(mut partition) => {
					let (new_faults, failed_recoveries) = partition.skip(&submission.skipped, now);
					let recovered = partition.accept_proof(now);
					Partitions::<T>::insert((provider.clone(), deadline, index), partition);
					Event::WindowPoStAccepted {
						provider: provider.clone(),
						deadline,
						partition: index,
						recovered,
						new_faults,
						failed_recoveries,
					}
				},
				Err(error) => {
					refused = true;
					Event::WindowPoStRefused {
						provider: provider.clone(),
						deadline,
						partition: index,
						error,
					}
				},
			});
		}
		Ok(SubmittedBatch {
			pays_fee: if refused { Pays::Yes } else { Pays::No },
			verification: verified.weight,
		})
	}

	/// A partition that waits for its proof in this window, with the sectors that the proof speaks of.
	fn due_for_proof(
		key: &PartitionKey<T::AccountId>,
		window: &Window,
		proving_period: BlockNumber,
		submission: &PostSubmission,
	) -> Result<(Partition, Vec<(SectorNumber, CommR)>), DispatchError> {
		let partition = Partitions::<T>::get(key).ok_or(Error::<T>::NoSuchPartition)?;
		// Or a proof of this window would hide that the one before was missed.
		ensure!(
			!Self::is_unsettled(key, window, proving_period),
			Error::<T>::PartitionUnsettled
		);
		ensure!(
			partition.last_proof < window.open,
			Error::<T>::AlreadyProven
		);
		let due = partition.to_prove();
		ensure!(
			submission.skipped.difference(&due).is_empty(),
			Error::<T>::SkippedNotDue
		);
		let proven = due.difference(&submission.skipped);
		ensure!(!proven.is_empty(), Error::<T>::NothingToProve);
		let sectors = Self::replicas_at(key, &proven)?;
		Ok((partition, sectors))
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
		let mut partitions: Vec<_> = Partitions::<T>::iter_prefix((provider, deadline)).collect();
		partitions.sort_unstable_by_key(|(index, _)| *index);
		partitions
			.into_iter()
			.filter_map(|(index, partition)| {
				let key = (provider.clone(), deadline, index);
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

/// What a batch of proofs came to, for its price.
pub(crate) struct SubmittedBatch {
	/// Free if every partition was due and its proof holds.
	pub pays_fee: Pays,
	/// What the proofs cost.
	pub verification: Weight,
}
