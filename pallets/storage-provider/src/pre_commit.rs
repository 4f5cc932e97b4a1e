//! Pre-commits: a provider fixes a replica before it knows what it will be asked about it.

use alloc::{collections::BTreeSet, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{ensure, traits::ConstU32, BoundedVec};
use holdfast_primitives::{
	piece::compute_comm_d, Balance, BlockNumber, CommD, CommR, DealId, Policy, SectorNumber,
	SectorSize,
};
use scale_info::TypeInfo;
use sp_runtime::{ArithmeticError, DispatchError, DispatchResult};

use crate::{
	pallet::{Config, Error, Event, Pallet, PreCommitAgenda, PreCommits, Providers, Sectors},
	traits::{Market, Randomness},
};

/// The most deals in a sector.
pub const MAX_SECTOR_DEALS: u32 = 64;

/// The deals whose pieces a sector holds, in the order in which they are placed.
pub type SectorDeals = BoundedVec<DealId, ConstU32<MAX_SECTOR_DEALS>>;

/// What a provider says about a sector that it sealed.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct PreCommitSector {
	/// The number, not in use by the provider.
	pub sector: SectorNumber,
	/// The commitment to the replica.
	pub comm_r: CommR,
	/// The block whose randomness the replica is bound to.
	pub ticket_block: BlockNumber,
	/// Until when the sector is promised.
	pub expiration: BlockNumber,
	/// The deals in the sector; without any it is filled with zeros.
	pub deals: SectorDeals,
}

/// A sector that waits for its proof of replication.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct PreCommit {
	/// The commitment to the replica.
	pub comm_r: CommR,
	/// The commitment to the data, computed by the chain from the deals.
	pub comm_d: CommD,
	/// The block whose randomness the replica is bound to.
	pub ticket_block: BlockNumber,
	/// When it was pre-committed.
	pub pre_commit_block: BlockNumber,
	/// Until when the sector is promised.
	pub expiration: BlockNumber,
	/// The deals in the sector.
	pub deals: SectorDeals,
	/// What is held until the sector is proven.
	pub deposit: Balance,
}

impl PreCommit {
	/// The block whose randomness is the proof's seed; the sector can be proven in any later one.
	pub(crate) fn provable_after(&self, policy: &Policy) -> BlockNumber {
		self.pre_commit_block
			.saturating_add(policy.pre_commit_challenge_delay)
	}

	/// The first block in which the sector cannot be proven any more.
	pub(crate) fn expires(&self, policy: &Policy) -> BlockNumber {
		unprovable_from(self.pre_commit_block, policy)
	}
}

/// The first block in which a sector that is pre-committed in `block` cannot be proven any more.
fn unprovable_from(block: BlockNumber, policy: &Policy) -> BlockNumber {
	block
		.saturating_add(policy.pre_commit_lifetime)
		.saturating_add(1)
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_pre_commit_sectors(
		provider: T::AccountId,
		sectors: Vec<PreCommitSector>,
	) -> DispatchResult {
		ensure!(!sectors.is_empty(), Error::<T>::EmptyBatch);
		let mut info = Self::provider_info(&provider)?;
		let policy = Self::policy();
		let now = Self::now();
		for sector in sectors {
			let number = sector.sector;
			let pre_commit =
				Self::checked_pre_commit(&provider, info.sector_size, sector, &policy, now)?;
			Self::hold_deposit(&provider, pre_commit.deposit)?;
			PreCommitAgenda::<T>::insert(
				pre_commit.expires(&policy),
				(provider.clone(), number),
				(),
			);
			PreCommits::<T>::insert(&provider, number, pre_commit);
			info.pre_commits = info
				.pre_commits
				.checked_add(1)
				.ok_or(ArithmeticError::Overflow)?;
			Self::deposit_event(Event::SectorPreCommitted {
				provider: provider.clone(),
				sector: number,
			});
		}
		Providers::<T>::insert(&provider, info);
		Ok(())
	}

	fn checked_pre_commit(
		provider: &T::AccountId,
		sector_size: SectorSize,
		sector: PreCommitSector,
		policy: &Policy,
		now: BlockNumber,
	) -> Result<PreCommit, DispatchError> {
		// Earlier sectors of the batch are in storage already.
		ensure!(
			!PreCommits::<T>::contains_key(provider, sector.sector)
				&& !Sectors::<T>::contains_key(provider, sector.sector),
			Error::<T>::SectorNumberUsed
		);
		let lifetime = sector.expiration.saturating_sub(now);
		ensure!(
			lifetime >= policy.min_sector_lifetime,
			Error::<T>::ExpirationTooSoon
		);
		ensure!(
			lifetime <= policy.max_sector_lifetime,
			Error::<T>::ExpirationTooLate
		);
		let ticket_age = now
			.checked_sub(sector.ticket_block)
			.filter(|age| *age > 0)
			.ok_or(Error::<T>::TicketNotPast)?;
		ensure!(
			ticket_age <= policy.ticket_max_age,
			Error::<T>::TicketTooOld
		);
		ensure!(
			T::Randomness::value_at(sector.ticket_block).is_some(),
			Error::<T>::RandomnessUnavailable
		);
		let distinct: BTreeSet<_> = sector.deals.iter().collect();
		ensure!(
			distinct.len() == sector.deals.len(),
			Error::<T>::DuplicateDeal
		);
		let pieces = if sector.deals.is_empty() {
			Vec::new()
		} else {
			T::Market::reserve(
				provider,
				sector.sector,
				&sector.deals,
				sector.expiration,
				unprovable_from(now, policy),
			)?
		};
		let comm_d =
			compute_comm_d(sector_size, &pieces).map_err(|_| Error::<T>::PiecesDoNotFit)?;
		Ok(PreCommit {
			comm_r: sector.comm_r,
			comm_d,
			ticket_block: sector.ticket_block,
			pre_commit_block: now,
			expiration: sector.expiration,
			deals: sector.deals,
			deposit: policy.pre_commit_deposit,
		})
	}

	/// Removes a pre-commit that was not proven in time; its deposit is lost.
	pub(crate) fn expire_pre_commit(provider: &T::AccountId, sector: SectorNumber) {
		let Some(pre_commit) = PreCommits::<T>::take(provider, sector) else {
			return;
		};
		let burned = Self::burn_deposit(provider, pre_commit.deposit);
		Providers::<T>::mutate(provider, |slot| {
			if let Some(info) = slot {
				info.pre_commits = info.pre_commits.saturating_sub(1);
			}
		});
		Self::deposit_event(Event::PreCommitExpired {
			provider: provider.clone(),
			sector,
			burned,
		});
	}
}
