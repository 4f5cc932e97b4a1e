//! Every movement of money in the market.
//!
//! All of it stays on the accounts of its owners, as holds for three reasons. What moves between holds
//! moves without a way through the free balance: there a sum below the existential deposit could be
//! refused, and money for a deal must never be.

use frame_support::{
	ensure,
	storage::with_storage_layer,
	traits::{
		fungible::{Inspect, InspectHold, MutateHold, UnbalancedHold},
		tokens::{Fortitude, Precision, Preservation, Restriction},
	},
};
use holdfast_primitives::Balance;
use sp_runtime::{DispatchResult, TokenError};

use crate::{
	deal::{Deal, MarketBalance},
	monies,
	pallet::{Config, Error, HoldReason, Pallet},
	traits::Providers,
};

impl<T: Config> Pallet<T> {
	/// What the market holds on `who`.
	pub fn market_balance(who: &T::AccountId) -> MarketBalance {
		MarketBalance {
			escrow: held::<T>(HoldReason::Escrow, who),
			payment: held::<T>(HoldReason::Payment, who),
			collateral: held::<T>(HoldReason::Collateral, who),
		}
	}

	pub(crate) fn deposit_into_escrow(who: &T::AccountId, amount: Balance) -> DispatchResult {
		ensure!(amount > 0, Error::<T>::ZeroAmount);
		// The existential deposit stays, so that the account lives as long as anything is held on it;
		// what is frozen elsewhere cannot be promised here.
		let available =
			T::Currency::reducible_balance(who, Preservation::Preserve, Fortitude::Polite);
		ensure!(amount <= available, Error::<T>::InsufficientBalance);
		T::Currency::hold(&HoldReason::Escrow.into(), who, amount)
	}

	pub(crate) fn withdraw_from_escrow(who: &T::AccountId, amount: Balance) -> DispatchResult {
		ensure!(amount > 0, Error::<T>::ZeroAmount);
		let reason = HoldReason::Escrow;
		ensure!(
			amount <= held::<T>(reason, who),
			Error::<T>::InsufficientEscrow
		);
		T::Currency::release(&reason.into(), who, amount, Precision::Exact).map(drop)
	}

	/// Locks what the client has to pay for a deal at most.
	pub(crate) fn lock_payment(deal: &Deal<T::AccountId>) -> DispatchResult {
		let client = &deal.client;
		let total = monies::total(deal);
		shift::<T>(
			(HoldReason::Escrow, client),
			(HoldReason::Payment, client),
			total,
		)
	}

	/// Locks the provider's collateral for a deal.
	pub(crate) fn lock_collateral(deal: &Deal<T::AccountId>) -> DispatchResult {
		let provider = &deal.provider;
		shift::<T>(
			(HoldReason::Escrow, provider),
			(HoldReason::Collateral, provider),
			deal.provider_collateral,
		)
	}

	/// Pays a provider's beneficiary out of what the client locked: into its free balance or, if the
	/// account cannot take so small a sum there, into the provider's escrow.
	pub(crate) fn pay(deal: &Deal<T::AccountId>, amount: Balance) -> DispatchResult {
		let (client, provider) = (&deal.client, &deal.provider);
		let beneficiary = T::Providers::beneficiary(provider);
		let paid = with_storage_layer(|| {
			// By force: a client's freezes must not keep its provider from being paid.
			T::Currency::transfer_on_hold(
				&HoldReason::Payment.into(),
				client,
				&beneficiary,
				amount,
				Precision::Exact,
				Restriction::Free,
				Fortitude::Force,
			)
		});
		paid.map(drop).or_else(|_| {
			shift::<T>(
				(HoldReason::Payment, client),
				(HoldReason::Escrow, provider),
				amount,
			)
		})
	}

	/// Gives what is left of the payment back to the client's escrow; returns how much.
	pub(crate) fn refund(deal: &Deal<T::AccountId>) -> Result<Balance, sp_runtime::DispatchError> {
		let rest = monies::outstanding(deal);
		Self::return_payment(deal, rest)?;
		Ok(rest)
	}

	/// Gives `amount` of the payment back to the client's escrow.
	pub(crate) fn return_payment(deal: &Deal<T::AccountId>, amount: Balance) -> DispatchResult {
		let client = &deal.client;
		shift::<T>(
			(HoldReason::Payment, client),
			(HoldReason::Escrow, client),
			amount,
		)
	}

	/// Pays a provider for a deal that its client cancelled, into its escrow.
	pub(crate) fn pay_cancellation(deal: &Deal<T::AccountId>, fee: Balance) -> DispatchResult {
		shift::<T>(
			(HoldReason::Payment, &deal.client),
			(HoldReason::Escrow, &deal.provider),
			fee,
		)
	}

	/// Locks what an extension costs the client and the collateral for it.
	pub(crate) fn lock_extension(
		deal: &Deal<T::AccountId>,
		price: Balance,
		collateral: Balance,
	) -> Result<(), Error<T>> {
		let (client, provider) = (&deal.client, &deal.provider);
		shift::<T>(
			(HoldReason::Escrow, client),
			(HoldReason::Payment, client),
			price,
		)
		.map_err(|_| Error::<T>::InsufficientClientEscrow)?;
		shift::<T>(
			(HoldReason::Escrow, provider),
			(HoldReason::Collateral, provider),
			collateral,
		)
		.map_err(|_| Error::<T>::InsufficientProviderEscrow)
	}

	/// Gives `amount` of the collateral back to the provider's escrow.
	pub(crate) fn return_collateral(deal: &Deal<T::AccountId>, amount: Balance) -> DispatchResult {
		let provider = &deal.provider;
		shift::<T>(
			(HoldReason::Collateral, provider),
			(HoldReason::Escrow, provider),
			amount,
		)
	}

	/// Gives `amount` of the provider's collateral to the client's escrow.
	pub(crate) fn forfeit_collateral(deal: &Deal<T::AccountId>, amount: Balance) -> DispatchResult {
		shift::<T>(
			(HoldReason::Collateral, &deal.provider),
			(HoldReason::Escrow, &deal.client),
			amount,
		)
	}
}

fn held<T: Config>(reason: HoldReason, who: &T::AccountId) -> Balance {
	T::Currency::balance_on_hold(&reason.into(), who)
}

/// Moves `amount` from one hold to another.
///
/// It fails only if the first hold is smaller than `amount`, or if an account can have no holds. The
/// second hold grows before the first shrinks, so that an account that changes one for the other
/// never lacks the reference that keeps it alive.
fn shift<T: Config>(
	(from, source): (HoldReason, &T::AccountId),
	(to, target): (HoldReason, &T::AccountId),
	amount: Balance,
) -> DispatchResult {
	if amount == 0 {
		return Ok(());
	}
	ensure!(
		held::<T>(from, source) >= amount,
		TokenError::FundsUnavailable
	);
	let (from, to) = (from.into(), to.into());
	T::Currency::increase_balance_on_hold(&to, target, amount, Precision::Exact)?;
	T::Currency::decrease_balance_on_hold(&from, source, amount, Precision::Exact)?;
	// Those two tell nobody; whoever follows the token's events shall see the same balances.
	if source != target {
		T::Currency::done_transfer_on_hold(&from, source, target, amount);
	}
	T::Currency::done_release(&from, target, amount);
	T::Currency::done_hold(&to, target, amount);
	Ok(())
}
