//! All money: what is held, released and burned, and when.
//!
//! - A *deposit* for each pre-commit, from the pre-commit until its sector is proven (released) or the
//!   pre-commit expires (burned).
//! - A *pledge* for each sector, from its proof until it ends. The hold belongs to the provider as a whole:
//!   fees are burned out of it, a new sector requires that it is filled up again, and an ending sector
//!   releases only what the provider's other sectors do not need.
//! - A *fault fee* for each faulty sector whenever its deadline closes, burned out of the pledge and then
//!   out of the free balance. What the provider cannot pay is not owed.
//! - A *termination fee* for each sector that ends before its expiration, burned in the same way: the
//!   fault fee of as many periods as the sector was promised for, up to the policy's limit, which no policy sets
//!   higher than the pledge.

use frame_support::traits::{
	fungible::{InspectHold, Mutate, MutateHold},
	tokens::{Fortitude, Precision, Preservation},
};
use holdfast_primitives::{Balance, BlockNumber, Policy, SectorSize};
use sp_runtime::{ArithmeticError, DispatchError, DispatchResult};

use crate::{
	pallet::{Config, Error, HoldReason, Pallet},
	provider::ProviderInfo,
};

/// What is pledged for a sector of this size.
pub fn pledge(policy: &Policy, sector_size: SectorSize) -> Result<Balance, DispatchError> {
	Policy::per_sector(policy.pledge_per_gib, sector_size).ok_or(ArithmeticError::Overflow.into())
}

/// What `count` faulty sectors of this size cost in one period.
pub fn fault_fee(policy: &Policy, sector_size: SectorSize, count: u32) -> Balance {
	Policy::per_sector(policy.fault_fee_per_gib, sector_size)
		.unwrap_or(Balance::MAX)
		.saturating_mul(count.into())
}

/// What it costs to terminate a sector of this size that was promised for so many blocks.
pub fn termination_fee(policy: &Policy, sector_size: SectorSize, promised: BlockNumber) -> Balance {
	let periods = promised
		.checked_div(policy.proving_period)
		.unwrap_or(0)
		.saturating_add(1)
		.min(policy.max_termination_fee_periods);
	fault_fee(policy, sector_size, periods)
}

impl<T: Config> Pallet<T> {
	/// Holds a pre-commit's deposit.
	pub(crate) fn hold_deposit(provider: &T::AccountId, deposit: Balance) -> DispatchResult {
		T::Currency::hold(&HoldReason::PreCommitDeposit.into(), provider, deposit)
			.map_err(|_| Error::<T>::InsufficientDeposit.into())
	}

	/// Gives a proven pre-commit's deposit back.
	pub(crate) fn release_deposit(provider: &T::AccountId, deposit: Balance) -> DispatchResult {
		T::Currency::release(
			&HoldReason::PreCommitDeposit.into(),
			provider,
			deposit,
			Precision::Exact,
		)
		.map(|_| ())
	}

	/// Burns an expired pre-commit's deposit. Returns how much was burned.
	pub(crate) fn burn_deposit(provider: &T::AccountId, deposit: Balance) -> Balance {
		T::Currency::burn_held(
			&HoldReason::PreCommitDeposit.into(),
			provider,
			deposit,
			Precision::BestEffort,
			Fortitude::Force,
		)
		.unwrap_or(0)
	}

	/// Holds the pledge of one more sector, and what fees have taken of the others' pledge.
	pub(crate) fn raise_pledge(
		provider: &T::AccountId,
		info: &mut ProviderInfo<T::AccountId>,
		amount: Balance,
	) -> DispatchResult {
		let required = info
			.pledge
			.checked_add(amount)
			.ok_or(ArithmeticError::Overflow)?;
		let reason = HoldReason::Pledge.into();
		let held = T::Currency::balance_on_hold(&reason, provider);
		T::Currency::hold(&reason, provider, required.saturating_sub(held))
			.map_err(|_| Error::<T>::InsufficientPledge)?;
		info.pledge = required;
		Ok(())
	}

	/// Releases what is held beyond the pledge of the sectors that remain.
	pub(crate) fn lower_pledge(
		provider: &T::AccountId,
		info: &mut ProviderInfo<T::AccountId>,
		amount: Balance,
	) {
		info.pledge = info.pledge.saturating_sub(amount);
		let reason = HoldReason::Pledge.into();
		let surplus = T::Currency::balance_on_hold(&reason, provider).saturating_sub(info.pledge);
		// An account without any free balance cannot receive less than the least balance. What it
		// cannot receive stays held, and is released together with the next sector's pledge.
		T::Currency::release(&reason, provider, surplus, Precision::BestEffort).unwrap_or(0);
	}

	/// Burns a fee for faults or terminations. Returns how much was burned.
	pub(crate) fn burn_fee(provider: &T::AccountId, fee: Balance) -> Balance {
		let pledged = T::Currency::burn_held(
			&HoldReason::Pledge.into(),
			provider,
			fee,
			Precision::BestEffort,
			Fortitude::Force,
		)
		.unwrap_or(0);
		let free = T::Currency::burn_from(
			provider,
			fee.saturating_sub(pledged),
			Preservation::Preserve,
			Precision::BestEffort,
			Fortitude::Force,
		)
		.unwrap_or(0);
		pledged.saturating_add(free)
	}
}
