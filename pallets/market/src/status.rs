//! How far a deal is, for wallets and explorers.

use codec::{Decode, Encode};
use holdfast_primitives::{Balance, DealId};
use scale_info::TypeInfo;

use crate::{
	deal::{Deal, DealState},
	monies,
	pallet::{Config, Deals, Pallet},
	traits::Health,
};

/// A deal that is not over, and its money as things stand.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DealStatus<AccountId> {
	/// The deal.
	pub deal: Deal<AccountId>,
	/// How healthy its sector was in the deal's blocks so far; none while it is in no proven sector.
	pub health: Option<Health>,
	/// What the provider has earned: what it was paid, and what settling would pay now.
	pub earned: Balance,
	/// What the provider was paid.
	pub paid: Balance,
	/// What is held on the client for the deal.
	pub payment: Balance,
	/// What is held on the provider for the deal.
	pub collateral: Balance,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn status(id: DealId) -> Option<DealStatus<T::AccountId>> {
		let deal = Deals::<T>::get(id)?;
		let health = match deal.state {
			DealState::Active { sector } => Some(Self::deal_health(&deal, sector)),
			_ => None,
		};
		let (_, due) = monies::due(&deal, health.map_or(0, |health| health.healthy_blocks));
		let paid = monies::paid(&deal);
		Some(DealStatus {
			health,
			earned: paid.saturating_add(due),
			paid,
			payment: monies::outstanding(&deal),
			collateral: monies::locked_collateral(&deal),
			deal,
		})
	}
}
