//! Who gets a drip, and how drips are remembered and forgotten.

use alloc::vec::Vec;
use frame_support::{
	ensure,
	traits::{
		fungible::{Inspect, Mutate},
		tokens::{DepositConsequence, Provenance},
		Get,
	},
};
use sp_runtime::{traits::Zero, DispatchResult, SaturatedConversion};

use crate::pallet::{
	BalanceOf, Config, DripsAt, DripsInBlock, Error, Event, ForgetCursor, LastDrip, Pallet,
};

/// Why an account gets nothing; as [`Error`], but comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
	/// There is no faucet on this network.
	Closed,
	/// The account had a drip less than a period ago.
	UsedRecently,
	/// This block has as many drips as a block can have.
	BlockFull,
	/// The account cannot take the amount.
	CannotReceive,
}

impl<T: Config> From<Refusal> for Error<T> {
	fn from(refusal: Refusal) -> Self {
		match refusal {
			Refusal::Closed => Self::Closed,
			Refusal::UsedRecently => Self::UsedRecently,
			Refusal::BlockFull => Self::BlockFull,
			Refusal::CannotReceive => Self::CannotReceive,
		}
	}
}

/// What a drip that is allowed needs.
pub(crate) struct Allowed<Balance> {
	amount: Balance,
	now: u32,
	drips_before: u32,
}

impl<T: Config> Pallet<T> {
	/// Whether `account` can get a drip in the present block.
	pub(crate) fn check(account: &T::AccountId) -> Result<Allowed<BalanceOf<T>>, Refusal> {
		let amount = T::Amount::get();
		ensure!(!amount.is_zero(), Refusal::Closed);
		let now: u32 = frame_system::Pallet::<T>::block_number().saturated_into();
		let recent = LastDrip::<T>::get(account)
			.is_some_and(|last| now < last.saturating_add(T::Period::get()));
		ensure!(!recent, Refusal::UsedRecently);
		let (block, drips) = DripsInBlock::<T>::get();
		let drips_before = if block == now { drips } else { 0 };
		ensure!(
			drips_before < T::MaxDripsPerBlock::get(),
			Refusal::BlockFull
		);
		// Checked here too, so that nothing that fails in a block gets into one for free.
		ensure!(
			T::Currency::can_deposit(account, amount, Provenance::Minted)
				== DepositConsequence::Success,
			Refusal::CannotReceive
		);
		Ok(Allowed {
			amount,
			now,
			drips_before,
		})
	}

	pub(crate) fn give(who: T::AccountId) -> DispatchResult {
		let Allowed {
			amount,
			now,
			drips_before,
		} = Self::check(&who).map_err(Error::<T>::from)?;
		T::Currency::mint_into(&who, amount)?;
		if let Some(last) = LastDrip::<T>::get(&who) {
			DripsAt::<T>::remove(last, &who);
		}
		LastDrip::<T>::insert(&who, now);
		DripsAt::<T>::insert(now, &who, ());
		DripsInBlock::<T>::put((now, drips_before.saturating_add(1)));
		Self::deposit_event(Event::Dripped { who, amount });
		Ok(())
	}

	/// Forgets drips that are a period old; returns the number of steps. A step is a drip or a block
	/// that has no more: a block's drips and two blocks' ends at most, which is more than a block adds.
	pub(crate) fn forget_old_drips(now: u32) -> u32 {
		let limit = T::MaxDripsPerBlock::get().saturating_add(2);
		// There is no drip from before the pallet's first block.
		let mut block = ForgetCursor::<T>::get().unwrap_or(now);
		let mut steps = 0u32;
		while now.checked_sub(T::Period::get()) >= Some(block) && steps < limit {
			let room = limit.saturating_sub(steps).saturated_into::<usize>();
			let accounts: Vec<T::AccountId> =
				DripsAt::<T>::iter_key_prefix(block).take(room).collect();
			for account in &accounts {
				DripsAt::<T>::remove(block, account);
				LastDrip::<T>::remove(account);
			}
			steps = steps.saturating_add(accounts.len().saturated_into());
			if accounts.len() < room {
				steps = steps.saturating_add(1);
				block = block.saturating_add(1);
			}
			if block == u32::MAX {
				break;
			}
		}
		ForgetCursor::<T>::put(block);
		steps
	}
}
