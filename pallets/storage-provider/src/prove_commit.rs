//! Prove-commits: a pre-committed sector is proven, and becomes active together with its deals.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{ensure, storage::with_storage_layer, traits::ConstU32, BoundedVec};
use holdfast_primitives::{
	randomness::Domain, BlockNumber, DeadlineIndex, PartitionIndex, ProofBytes, SectorNumber,
	SectorSize,
};
use scale_info::TypeInfo;
use sp_runtime::{ArithmeticError, DispatchError};

use crate::{
	deadline, length, monies,
	pallet::{
		Agenda, Config, Error, Event, Expirations, Pallet, PreCommitAgenda, PreCommits, Providers,
		Sectors,
	},
	pre_commit::{PreCommit, MAX_SECTOR_DEALS},
	sector::Sector,
	traits::{Market, PoRepStatement, Proofs},
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
	/// Returns how many deals were looked at, at most.
	pub(crate) fn do_prove_commit_sectors(
		provider: T::AccountId,
		proofs: &[ProveCommitSector],
	) -> Result<u32, DispatchError> {
		ensure!(!proofs.is_empty(), Error::<T>::EmptyBatch);
		let mut first_error = None;
		let mut proven = 0u32;
		let mut deals = 0u32;
		for proof in proofs {
			let sector = proof.sector;
			// A layer for each sector: one that fails leaves nothing behind.
			match with_storage_layer(|| Self::prove_sector(&provider, proof)) {
				Ok(activated) => {
					proven = proven.saturating_add(1);
					deals = deals.saturating_add(activated.deals);
					Self::deposit_event(Event::SectorProven {
						provider: provider.clone(),
						sector,
						deadline: activated.deadline,
						partition: activated.partition,
					});
				},
				Err(error) => {
					first_error = first_error.or(Some(error));
					deals = deals.saturating_add(MAX_SECTOR_DEALS);
					Self::deposit_event(Event::ProofRefused {
						provider: provider.clone(),
						sector,
						error,
					});
				},
			}
		}
		match first_error {
			Some(error) if proven == 0 => Err(error),
			_ => Ok(deals),
		}
	}

	fn prove_sector(
		provider: &T::AccountId,
		proof: &ProveCommitSector,
	) -> Result<Activated, DispatchError> {
		let number = proof.sector;
		let mut info = Self::provider_info(provider)?;
		let pre_commit =
			PreCommits::<T>::get(provider, number).ok_or(Error::<T>::NoSuchPreCommit)?;
		let policy = Self::policy();
		let now = Self::now();
		let expires = pre_commit.expires(&policy);
		let seed_block = pre_commit
			.pre_commit_block
			.saturating_add(policy.pre_commit_challenge_delay);
		ensure!(now < expires, Error::<T>::PreCommitTooOld);
		ensure!(now > seed_block, Error::<T>::TooEarlyToProve);
		ensure!(now < pre_commit.expiration, Error::<T>::SectorLifetimeOver);
		let window = deadline::assign(&policy, &info, now).ok_or(Error::<T>::NoMutableDeadline)?;
		let last_close =
			deadline::last_close(&policy, &info, window.deadline, pre_commit.expiration)
				.ok_or(Error::<T>::NoMutableDeadline)?;

		Self::check_porep(provider, info.sector_size, &pre_commit, proof, seed_block)?;

		PreCommits::<T>::remove(provider, number);
		PreCommitAgenda::<T>::remove(expires, (provider.clone(), number));
		Self::release_deposit(provider, pre_commit.deposit)?;
		let pledge = monies::pledge(&policy, info.sector_size)?;
		Self::raise_pledge(provider, &mut info, pledge)?;

		let (partition, position) = Self::join_partition(
			provider,
			&mut info,
			&window,
			policy.proving_period,
			number,
			pre_commit.comm_r,
		)?;
		let key = (provider.clone(), window.deadline, partition);
		Expirations::<T>::mutate(last_close, &key, |positions| positions.insert(position));
		Agenda::<T>::insert(window.close, key, ());
		let deals = length(&pre_commit.deals);
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
				deals_left: deals,
				gaps: BoundedVec::new(),
				ended: None,
			},
		);
		info.pre_commits = info.pre_commits.saturating_sub(1);
		info.live_sectors = info
			.live_sectors
			.checked_add(1)
			.ok_or(ArithmeticError::Overflow)?;
		Providers::<T>::insert(provider, info);

		if !pre_commit.deals.is_empty() {
			T::Market::activate(provider, number, &pre_commit.deals)?;
		}
		Ok(Activated {
			deadline: window.deadline,
			partition,
			deals,
		})
	}

	fn check_porep(
		provider: &T::AccountId,
		sector_size: SectorSize,
		pre_commit: &PreCommit,
		proof: &ProveCommitSector,
		seed_block: BlockNumber,
	) -> Result<(), DispatchError> {
		ensure!(
			proof.proofs.len() == sector_size.porep_partitions() as usize,
			Error::<T>::WrongProofCount
		);
		let ticket = Self::draw(Domain::SealTicket, pre_commit.ticket_block, provider)?;
		let seed = Self::draw(Domain::PoRepSeed, seed_block, provider)?;
		let statement = PoRepStatement {
			prover_id: Self::prover_id(provider),
			sector_number: proof.sector,
			comm_d: pre_commit.comm_d,
			comm_r: pre_commit.comm_r,
			ticket,
			seed,
		};
		T::Proofs::verify_porep(sector_size, &statement, &proof.proofs)
	}
}

/// What became of a proven sector.
struct Activated {
	deadline: DeadlineIndex,
	partition: PartitionIndex,
	deals: u32,
}
