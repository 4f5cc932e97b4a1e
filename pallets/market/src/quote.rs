//! What a deal would cost and whether it would be taken, before anybody signs it.

use codec::{Decode, Encode};
use frame_support::{
	storage::{with_transaction, TransactionOutcome},
	traits::Get,
};
use holdfast_primitives::{Balance, BlockNumber, DealProposal, PaddedPieceSize, Policy};
use scale_info::TypeInfo;
use sp_runtime::DispatchError;

use crate::{
	deal::Refusal,
	monies,
	pallet::{Config, Pallet},
	publish::Terms,
	traits::{Ask, Providers},
};

/// What a deal would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct Cost {
	/// What the client locks: the price of every block.
	pub total_price: Balance,
	/// The least collateral that the provider must lock.
	pub least_collateral: Balance,
	/// What the client would pay for cancelling.
	pub cancellation_fee: Balance,
}

/// Why a provider would not take a deal, by what it announces. The chain does not enforce that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum Objection {
	/// It takes no new deals.
	NotAccepting,
	/// The piece is smaller than it takes.
	PieceTooSmall,
	/// The piece is larger than it takes.
	PieceTooLarge,
	/// The price is lower than it asks.
	PriceTooLow,
}

/// What a deal would cost, and whether it would be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct Quote {
	/// What it would cost; none if the price overflows.
	pub cost: Option<Cost>,
	/// The least price of each block that the provider asks for the piece; none if that overflows or
	/// the piece's size is impossible.
	pub asked_price_per_block: Option<Balance>,
	/// The first block in which the deal can start.
	pub earliest_start: BlockNumber,
	/// The last block in which it can start.
	pub latest_start: BlockNumber,
	/// Why the chain would refuse the proposal, whoever signed it: the first rule that it breaks, the
	/// parties' escrows last.
	pub refusal: Option<Refusal>,
	/// Why the provider would not take it.
	pub objection: Option<Objection>,
}

impl<T: Config> Pallet<T> {
	/// The quote for a proposal that is published in the next block.
	pub(crate) fn quote_for(proposal: &DealProposal<T::AccountId>) -> Option<Quote> {
		let provider = &proposal.provider;
		let terms = Terms {
			provider,
			sector_size: T::Providers::sector_size(provider)?,
			policy: T::Policy::get(),
			now: Self::now().saturating_add(1),
		};
		let ask = T::Providers::ask(provider)?;
		let asked_price_per_block = PaddedPieceSize::new(proposal.piece.size.bytes())
			.and_then(|size| monies::asked_price_per_block(ask.price_per_gib_block, size));
		Some(Quote {
			cost: cost(&terms.policy, proposal),
			asked_price_per_block,
			earliest_start: terms.now.saturating_add(1),
			latest_start: terms.now.saturating_add(terms.policy.max_deal_start_delay),
			refusal: Self::refusal(&terms, proposal),
			objection: objection(&ask, asked_price_per_block, proposal),
		})
	}

	/// Tries everything that publishing does but the signature, and takes it back.
	fn refusal(
		terms: &Terms<T::AccountId>,
		proposal: &DealProposal<T::AccountId>,
	) -> Option<Refusal> {
		if let Err(refusal) = Self::check(terms, proposal) {
			return Some(refusal);
		}
		with_transaction(|| {
			let refusal = Self::lock_and_record(proposal).err();
			TransactionOutcome::Rollback(Ok::<_, DispatchError>(refusal))
		})
		// Only a transaction too many within others fails, and a view begins with none.
		.unwrap_or_default()
	}
}

fn cost<AccountId>(policy: &Policy, proposal: &DealProposal<AccountId>) -> Option<Cost> {
	let total_price = proposal.total_price()?;
	Some(Cost {
		total_price,
		least_collateral: monies::least_collateral(total_price, policy.min_collateral_basis_points),
		cancellation_fee: monies::cancellation_fee(
			total_price,
			policy.cancellation_fee_basis_points,
		),
	})
}

fn objection<AccountId>(
	ask: &Ask,
	asked: Option<Balance>,
	proposal: &DealProposal<AccountId>,
) -> Option<Objection> {
	let bytes = proposal.piece.size.bytes();
	if !ask.accepting {
		Some(Objection::NotAccepting)
	} else if bytes < ask.min_piece_bytes {
		Some(Objection::PieceTooSmall)
	} else if bytes > ask.max_piece_bytes {
		Some(Objection::PieceTooLarge)
	} else if asked.is_none_or(|asked| proposal.price_per_block < asked) {
		Some(Objection::PriceTooLow)
	} else {
		None
	}
}
