//! Prove-commits: a pre-committed sector is proven, and becomes active together with its deals.

use alloc::{collections::BTreeSet, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	ensure, storage::with_storage_layer, traits::ConstU32, weights::Weight, BoundedVec,
};
use holdfast_primitives::{
	randomness::Domain, BlockNumber, DeadlineIndex, PartitionIndex, Policy, ProofBytes,
	SectorNumber,
};
use scale_info::TypeInfo;
use sp_runtime::{ArithmeticError, DispatchError};

use crate::{
	deadline, length, monies,
	pallet::{
		Agenda, Config, Error, Event, Expirations, Pallet, PreCommitAgenda, PreCommits, Providers,
		Sectors,
	},
	pre_commit::PreCommit,
	provider::ProviderInfo,
	sector::Sector,
	traits::{Market, PoRepStatement, Proofs, SectorProofs},
};

/// The most proofs of one sector: those of 32 GiB and 64 GiB sectors.
pub const MAX_POREP_PROOFS: u32 = 10;

/// The proof of replication of a pre-committed sector.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct ProveCommitSector {
	/// The sector's number.
	pub sector: SectorNumber,
	/// One proof for each partition of the circuit.
	pub proofs: BoundedVec<ProofBytes, ConstU32<MAX_POREP_PROOFS>>,
}

impl<T: Config> Pallet<T> {
	/// Verifies all proofs as one batch and activates each sector that it can. Every sector of the call
	/// has its own event.
	pub(crate) fn do_prove_commit_sectors(
		provider: T::AccountId,
		proofs: &[ProveCommitSector],
	) -> Result<ProvenBatch, DispatchError> {
		ensure!(!proofs.is_empty(), Error::<T>::EmptyBatch);
		let mut info = Self::provider_info(&provider)?;
		let policy = Self::policy();
		let now = Self::now();

		let mut seen = BTreeSet::new();
		let mut candidates = Vec::new();
		for proof in proofs {
			let candidate = if seen.insert(proof.sector) {
				Self::provable(&provider, &info, &policy, now, proof)
			} else {
				Err(Error::<T>::DuplicateSector.into())
			};
			candidates.push(candidate);
		}
		let statements: Vec<SectorProofs<'_>> = candidates
			.iter()
			.zip(proofs)
			.filter_map(|(candidate, proof)| {
				let (_, statement) = candidate.as_ref().ok()?;
				Some((statement.clone(), &proof.proofs[..]))
			})
			.collect();
		let verified = T::Proofs::verify_poreps(info.sector_size, &statements);

		let mut verdicts = verified.results.into_iter();
		let mut deals = 0u32;
		for (proof, candidate) in proofs.iter().zip(candidates) {
			let sector = proof.sector;
			let activated = candidate.and_then(|(pre_commit, _)| {
				verdicts.next().ok_or(DispatchError::Corruption)??;
				deals = deals.saturating_add(length(&pre_commit.deals));
				// A layer for each sector: one that fails leaves nothing behind.
				let mut changed = info.clone();
				let activated = with_storage_layer(|| {
					Self::activate_sector(&provider, &mut changed, &policy, now, sector, pre_commit)
				})?;
				info = changed;
				Ok(activated)
			});
			Self::deposit_event(match activated {
				Ok((deadline, partition)) => Event::SectorProven {
					provider: provider.clone(),
					sector,
					deadline,
					partition,
				},
				Err(error) => Event::ProofRefused {
					provider: provider.clone(),
					sector,
					error,
				},
			});
		}
		Providers::<T>::insert(&provider, info);
		Ok(ProvenBatch {
			deals,
			verification: verified.weight,
		})
	}

	/// What a proof must prove, if its sector can be proven in this block.
	fn provable(
		provider: &T::AccountId,
		info: &ProviderInfo<T::AccountId>,
		policy: &Policy,
		now: BlockNumber,
		proof: &ProveCommitSector,
	) -> Result<(PreCommit, PoRepStatement), DispatchError> {
		let pre_commit =
			PreCommits::<T>::get(provider, proof.sector).ok_or(Error::<T>::NoSuchPreCommit)?;
		let seed_block = pre_commit.provable_after(policy);
		ensure!(
			now < pre_commit.expires(policy),
			Error::<T>::PreCommitTooOld
		);
		ensure!(now > seed_block, Error::<T>::TooEarlyToProve);
		ensure!(now < pre_commit.expiration, Error::<T>::SectorLifetimeOver);
		ensure!(
			length(&proof.proofs) == info.sector_size.porep_partitions(),
			Error::<T>::WrongProofCount
		);
		// Before the proof is verified, since the sector could not go anywhere.
		ensure!(
			deadline::assign(policy, info, now).is_some(),
			Error::<T>::NoMutableDeadline
		);
		let statement = PoRepStatement {
			prover_id: Self::prover_id(provider),
			sector_number: proof.sector,
			comm_d: pre_commit.comm_d,
			comm_r: pre_commit.comm_r,
			ticket: Self::draw(Domain::SealTicket, pre_commit.ticket_block, provider)?,
			seed: Self::draw(Domain::PoRepSeed, seed_block, provider)?,
		};
		Ok((pre_commit, statement))
	}

	/// Turns a proven pre-commit into a sector, together with its deals.
	fn activate_sector(
		provider: &T::AccountId,
		info: &mut ProviderInfo<T::AccountId>,
		policy: &Policy,
		now: BlockNumber,
		number: SectorNumber,
		pre_commit: PreCommit,
	) -> Result<(DeadlineIndex, PartitionIndex), DispatchError> {
		let window = deadline::assign(policy, info, now).ok_or(Error::<T>::NoMutableDeadline)?;
		let last_close = deadline::last_close(policy, info, window.deadline, pre_commit.expiration)
			.ok_or(Error::<T>::NoMutableDeadline)?;

		PreCommits::<T>::remove(provider, number);
		PreCommitAgenda::<T>::remove(pre_commit.expires(policy), (provider.clone(), number));
		Self::release_deposit(provider, pre_commit.deposit)?;
		let pledge = monies::pledge(policy, info.sector_size)?;
		Self::raise_pledge(provider, info, pledge)?;

		let (partition, position) = Self::join_partition(
			provider,
			info,
			&window,
			policy.proving_period,
			number,
			pre_commit.comm_r,
		)?;
		let key = (provider.clone(), window.deadline, partition);
		Expirations::<T>::mutate(last_close, &key, |positions| positions.insert(position));
		Agenda::<T>::insert(window.close, key, ());
		Sectors::<T>::insert(
			provider,
			number,
			Sector {
				comm_r: pre_commit.comm_r,
				comm_d: pre_commit.comm_d,
				activated: now,
				expiration: pre_commit.expiration,
				deadline: window.deadline,
				partition,
				position,
				pledge,
				deals_left: length(&pre_commit.deals),
				gaps: BoundedVec::new(),
				ended: None,
				terminated: false,
			},
		);
		info.pre_commits = info.pre_commits.saturating_sub(1);
		info.live_sectors = info
			.live_sectors
			.checked_add(1)
			.ok_or(ArithmeticError::Overflow)?;
		if !pre_commit.deals.is_empty() {
			T::Market::activate(provider, number, &pre_commit.deals)?;
		}
		Ok((window.deadline, partition))
	}
}

/// What a batch of proofs came to, for its weight.
pub(crate) struct ProvenBatch {
	/// How many deals were to be activated.
	pub deals: u32,
	/// What the proofs cost.
	pub verification: Weight,
}
