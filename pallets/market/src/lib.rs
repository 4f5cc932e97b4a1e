//! # Market: escrow, storage deals and their settlement
//!
//! Clients and providers put money into an escrow, which is a hold on their own account. A provider
//! publishes deals that clients signed off chain; each locks the client's total price and the
//! provider's collateral. A deal becomes active when its piece is in a proven sector, earns for every
//! block in which that sector was healthy, and ends with the rest back in the client's escrow, together
//! with the collateral's share for the blocks that were not. A deal that is not active when it should
//! start, or whose sector is terminated, pays all its collateral to the client.
//!
//! - [`deal`]: what is stored, and what can be wrong with a proposal
//! - [`escrow`]: every movement of money; [`monies`]: every formula
//! - [`publish`], [`activation`], [`start`], [`settle`]: a deal's life, in this order; [`cancel`] and
//!   [`extension`]: what its parties can change
//! - [`quote`] and [`status`]: what wallets and explorers ask before and after a deal is signed
//! - [`traits`]: what this pallet asks of the pallet that knows providers and sectors

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]
// FRAME's and SCALE's macros cast indices; `scripts/tidy` looks for casts of our own.
#![allow(clippy::cast_possible_truncation)]

extern crate alloc;

pub mod activation;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
pub mod cancel;
pub mod deal;
pub mod escrow;
pub mod extension;
pub mod monies;
pub mod publish;
pub mod quote;
pub mod settle;
pub mod start;
pub mod status;
#[cfg(test)]
mod tests;
pub mod traits;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
pub mod weights;

pub use deal::{
	Deal, DealState, MarketBalance, Refusal, SignedExtension, SignedProposal, MAX_BATCH,
};
pub use pallet::*;
pub use quote::{Cost, Objection, Quote};
pub use status::DealStatus;
#[cfg(feature = "runtime-benchmarks")]
pub use traits::BenchmarkSigner;
pub use traits::{Ask, Health, Providers, Sectors};
pub use weights::WeightInfo;

/// The pallet's declaration.
#[frame_support::pallet]
pub mod pallet {
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Inspect, MutateHold},
	};
	use frame_system::pallet_prelude::*;
	use holdfast_primitives::{Balance, DealId, DealProposal, Policy, SectorNumber};
	use sp_runtime::{
		traits::{IdentifyAccount, Verify},
		SaturatedConversion,
	};

	use crate::{
		deal::{Deal, MarketBalance, Refusal, SignedExtension, SignedProposal, MAX_BATCH},
		quote::Quote,
		status::DealStatus,
		traits::{Providers, Sectors},
		weights::WeightInfo,
	};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the runtime gives to the market.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The runtime's reasons to hold money.
		type RuntimeHoldReason: From<HoldReason>;

		/// The native token.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// A client's signature on a proposal.
		type Signature: Verify<Signer = Self::Public> + Parameter;

		/// The key that signs, from which the client's account follows.
		type Public: IdentifyAccount<AccountId = Self::AccountId>;

		/// The protocol's constants.
		type Policy: Get<Policy>;

		/// Who may publish deals.
		type Providers: Providers<Self::AccountId>;

		/// Whether the sectors of active deals are healthy.
		type Sectors: Sectors<Self::AccountId>;

		/// How many steps the start agenda takes in one block. A step is a deal or a block without
		/// any; the rest waits for the next block. At least 2.
		#[pallet::constant]
		type MaxStartsPerBlock: Get<u32>;

		/// The weights of calls and hooks.
		type WeightInfo: WeightInfo;

		/// Signs proposals in benchmarks.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkSigner: crate::traits::BenchmarkSigner<Self::AccountId, Self::Signature>;
	}

	/// Why the market holds money on an account.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Deposited, and free to be withdrawn or promised.
		#[codec(index = 0)]
		Escrow,
		/// What a client still has to pay for its deals.
		#[codec(index = 1)]
		Payment,
		/// What a provider loses if a deal does not start.
		#[codec(index = 2)]
		Collateral,
	}

	/// The next deal's number.
	#[pallet::storage]
	pub type NextDealId<T: Config> = StorageValue<_, DealId, ValueQuery>;

	/// Every deal that is published or active.
	#[pallet::storage]
	pub type Deals<T: Config> = StorageMap<_, Twox64Concat, DealId, Deal<T::AccountId>>;

	/// The deal that uses a client's nonce. It stays until the deal is over, and by then the proposal
	/// has expired: no signature can be used twice.
	#[pallet::storage]
	pub type Nonces<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, u64, DealId, OptionQuery>;

	/// Published deals by the block in which they must be active.
	#[pallet::storage]
	pub type StartAgenda<T: Config> =
		StorageDoubleMap<_, Twox64Concat, u32, Twox64Concat, DealId, (), OptionQuery>;

	/// The first block of the start agenda that is not done.
	#[pallet::storage]
	pub type AgendaCursor<T: Config> = StorageValue<_, u32, OptionQuery>;

	/// What happened in the market.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// Money went into an account's escrow.
		Deposited {
			/// Whose escrow.
			who: T::AccountId,
			/// How much.
			amount: Balance,
		},
		/// Money left an account's escrow.
		Withdrawn {
			/// Whose escrow.
			who: T::AccountId,
			/// How much.
			amount: Balance,
		},
		/// A proposal became a deal.
		DealPublished {
			/// The deal's number.
			deal: DealId,
			/// Who pays.
			client: T::AccountId,
			/// Who stores.
			provider: T::AccountId,
			/// The proposal's place in the call.
			index: u32,
		},
		/// A proposal did not become a deal; the others of the call are not affected.
		DealRefused {
			/// The proposal's place in the call.
			index: u32,
			/// What is wrong with it.
			reason: Refusal,
		},
		/// A deal's piece is in a proven sector.
		DealActivated {
			/// The deal.
			deal: DealId,
			/// Who stores.
			provider: T::AccountId,
			/// Where it is.
			sector: SectorNumber,
		},
		/// A deal's provider was paid.
		DealSettled {
			/// The deal.
			deal: DealId,
			/// For how many healthy blocks.
			blocks: u32,
			/// How much.
			amount: Balance,
		},
		/// A deal could not be settled; the others of the call are not affected.
		SettlementRefused {
			/// The deal.
			deal: DealId,
			/// Why.
			reason: DispatchError,
		},
		/// A deal is over, and its record is gone.
		DealCompleted {
			/// The deal.
			deal: DealId,
			/// Who paid.
			client: T::AccountId,
			/// Who stored.
			provider: T::AccountId,
			/// How many blocks were paid for in all.
			paid_blocks: u32,
			/// What went back to the client's escrow.
			refunded: Balance,
			/// What the client's escrow got out of the provider's collateral.
			compensation: Balance,
		},
		/// A client cancelled a deal before its piece was in a sector.
		DealCancelled {
			/// The deal.
			deal: DealId,
			/// Who would have paid.
			client: T::AccountId,
			/// Who would have stored.
			provider: T::AccountId,
			/// What went back to the client's escrow.
			refunded: Balance,
			/// What went to the provider's escrow.
			fee: Balance,
		},
		/// A deal goes on for longer.
		DealExtended {
			/// The deal.
			deal: DealId,
			/// The first block that is not paid for any more.
			end: u32,
			/// What the client locked for it.
			price: Balance,
			/// What the provider locked for it.
			collateral: Balance,
		},
		/// A deal was not active when it should have started, and its record is gone.
		DealExpired {
			/// The deal.
			deal: DealId,
			/// Who would have paid.
			client: T::AccountId,
			/// Who should have stored.
			provider: T::AccountId,
			/// What went back to the client's escrow.
			refunded: Balance,
			/// What the client's escrow got out of the provider's collateral.
			compensation: Balance,
		},
		/// A deal that was not active when it should have started could not be closed; the chain tries
		/// again later.
		ExpiryPostponed {
			/// The deal.
			deal: DealId,
			/// When it is tried again.
			until: u32,
			/// Why it failed.
			reason: DispatchError,
		},
	}

	/// Why a call fails. The last group are refusals of a proposal, which fail a call only if no
	/// proposal in it could be published.
	#[pallet::error]
	pub enum Error<T> {
		/// An amount of zero moves nothing.
		ZeroAmount,
		/// The account's free balance, less the existential deposit, is smaller than the deposit.
		InsufficientBalance,
		/// The escrow is smaller than the withdrawal.
		InsufficientEscrow,
		/// The call names no deals.
		EmptyBatch,
		/// The caller is not a registered provider.
		ProviderNotRegistered,
		/// There is no such deal, or it is over.
		DealNotFound,
		/// The deal is with another provider.
		NotTheDealsProvider,
		/// The deal is another client's.
		NotTheDealsClient,
		/// The deal is in a sector that waits for its proof.
		DealPreCommitted,
		/// The deal is not reserved for this sector.
		DealNotInSector,
		/// The client cancelled the deal.
		DealIsCancelled,
		/// The deal's end has passed.
		DealEnded,
		/// The extension has expired.
		ExtensionExpired,
		/// The extension replaces another end than the deal's.
		ExtensionOutdated,
		/// The deal is already in a sector.
		DealAlreadyActive,
		/// The deal should have been active before this block.
		DealStartPassed,
		/// The sector expires before the deal ends.
		SectorEndsBeforeDeal,
		/// The deal is named twice.
		DuplicateDeal,
		/// The deal is not active.
		DealNotActive,
		/// The deal has not started.
		DealNotStarted,
		/// A refusal: the proposal names another provider.
		WrongProvider,
		/// A refusal: the piece's size is no power of two of at least 128 bytes.
		InvalidPieceSize,
		/// A refusal: the piece's commitment is not a canonical field element.
		InvalidCommitment,
		/// A refusal: the piece is larger than the provider's sectors.
		PieceTooLarge,
		/// A refusal: the proposal has expired.
		ProposalExpired,
		/// A refusal: the proposal could be published after its start.
		ExpiresAfterStart,
		/// A refusal: the deal's start is not in the future.
		StartPassed,
		/// A refusal: the deal starts later than the policy allows.
		StartTooFar,
		/// A refusal: the deal ends before it starts, or is shorter or longer than the policy allows.
		InvalidDuration,
		/// A refusal: the price for each block is zero.
		ZeroPrice,
		/// A refusal: the total price overflows.
		PriceOverflow,
		/// A refusal: the collateral is below the policy's least share of the total price.
		CollateralTooLow,
		/// A refusal: the client's nonce is in use.
		NonceUsed,
		/// A refusal: the signature is not the client's on this proposal and this chain.
		InvalidSignature,
		/// A refusal: the client's escrow does not cover the total price.
		InsufficientClientEscrow,
		/// A refusal: the provider's escrow does not cover the collateral.
		InsufficientProviderEscrow,
		/// A refusal: every deal number has been used.
		DealIdsExhausted,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			T::WeightInfo::on_initialize(Self::close_unstarted_deals(now.saturated_into()))
		}

		fn integrity_test() {
			assert!(
				T::MaxStartsPerBlock::get() >= 2,
				"MaxStartsPerBlock must be at least 2, or the agenda falls behind"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Moves `amount` of the caller's free balance into its escrow. The existential deposit stays.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::deposit())]
		pub fn deposit(origin: OriginFor<T>, #[pallet::compact] amount: Balance) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::deposit_into_escrow(&who, amount)?;
			Self::deposit_event(Event::Deposited { who, amount });
			Ok(())
		}

		/// Moves `amount` out of the caller's escrow into its free balance.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::withdraw())]
		pub fn withdraw(
			origin: OriginFor<T>,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::withdraw_from_escrow(&who, amount)?;
			Self::deposit_event(Event::Withdrawn { who, amount });
			Ok(())
		}

		/// Publishes deals with the caller, a provider or its worker. Each proposal is published or refused on its
		/// own; if all are refused the call fails with the first refusal.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::publish_deals(proposals.len().saturated_into()))]
		pub fn publish_deals(
			origin: OriginFor<T>,
			proposals: BoundedVec<SignedProposal<T::AccountId, T::Signature>, ConstU32<MAX_BATCH>>,
		) -> DispatchResult {
			let provider = Self::provider_of(ensure_signed(origin)?);
			Self::publish_batch(&provider, &proposals)
		}

		/// Pays the providers of active deals what they have earned by now, and closes deals that are
		/// over. Anybody may call it, at any time: nothing is paid twice. A deal that has earned
		/// nothing new is left as it is. If no deal can be settled the call fails with the first
		/// deal's error.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::settle_deals(deals.len().saturated_into()))]
		pub fn settle_deals(
			origin: OriginFor<T>,
			deals: BoundedVec<DealId, ConstU32<MAX_BATCH>>,
		) -> DispatchResult {
			ensure_signed(origin)?;
			Self::settle_batch(&deals)
		}

		/// Cancels a deal of the caller, its client, whose piece is in no sector yet. The provider keeps a
		/// fee, the policy's share of the total price; everything else is unlocked.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::cancel_deal())]
		pub fn cancel_deal(origin: OriginFor<T>, deal: DealId) -> DispatchResult {
			let client = ensure_signed(origin)?;
			Self::cancel(&client, deal)
		}

		/// Extends an active deal with the caller, its provider, as its client signed.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::extend_deal())]
		pub fn extend_deal(
			origin: OriginFor<T>,
			extension: SignedExtension<T::Signature>,
		) -> DispatchResult {
			let provider = Self::provider_of(ensure_signed(origin)?);
			Self::extend(&provider, &extension)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A deal that is not over.
		pub fn deal(id: DealId) -> Option<Deal<T::AccountId>> {
			Deals::<T>::get(id)
		}

		/// A deal that is not over, with its sector's health and its money as things stand.
		pub fn deal_status(id: DealId) -> Option<DealStatus<T::AccountId>> {
			Self::status(id)
		}

		/// What a deal would cost and whether it would be taken, if the proposal were published in the
		/// next block. Nothing if its provider is not registered.
		pub fn quote(proposal: DealProposal<T::AccountId>) -> Option<Quote> {
			Self::quote_for(&proposal)
		}

		/// What the market holds on an account.
		pub fn balance(who: T::AccountId) -> MarketBalance {
			Self::market_balance(&who)
		}

		/// Whether a client's nonce is in use.
		pub fn nonce_used(client: T::AccountId, nonce: u64) -> bool {
			Nonces::<T>::contains_key(client, nonce)
		}
	}

	impl<T: Config> Pallet<T> {
		/// The provider for which `signer` acts: itself if it acts for nobody else.
		fn provider_of(signer: T::AccountId) -> T::AccountId {
			T::Providers::operated_by(&signer).unwrap_or(signer)
		}

		/// The present block's number.
		pub(crate) fn now() -> u32 {
			frame_system::Pallet::<T>::block_number().saturated_into()
		}
	}
}
