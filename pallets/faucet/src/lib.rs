//! # Faucet: tokens for the users of test networks
//!
//! `drip` mints a fixed amount into an account. It is an unsigned call, because whoever needs it has
//! nothing to pay with, and therefore bounded: once for each account in a period, and a number of
//! times in each block. Both bounds hold in the pool as well as in a block. The records of drips that
//! are older than a period are removed, so that storage is bounded too.
//!
//! A runtime that also serves networks whose token has a value gives an amount of zero there, which
//! closes the faucet.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]
// FRAME's and SCALE's macros cast indices; `scripts/tidy` looks for casts of our own.
#![allow(clippy::cast_possible_truncation)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
pub mod drip;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

/// The pallet's declaration.
#[frame_support::pallet]
pub mod pallet {
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Inspect, Mutate},
	};
	use frame_system::pallet_prelude::*;
	use sp_runtime::SaturatedConversion;

	use crate::{drip::Refusal, weights::WeightInfo};

	/// An amount of the native token.
	pub(crate) type BalanceOf<T> =
		<<T as Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the runtime gives to the faucet.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The native token.
		type Currency: Mutate<Self::AccountId>;

		/// What a drip mints. Zero closes the faucet.
		type Amount: Get<BalanceOf<Self>>;

		/// After how many blocks an account gets another drip.
		#[pallet::constant]
		type Period: Get<u32>;

		/// The most drips in one block.
		#[pallet::constant]
		type MaxDripsPerBlock: Get<u32>;

		/// The weights of calls and hooks.
		type WeightInfo: WeightInfo;
	}

	/// The block of an account's last drip, if that is less than a period ago.
	#[pallet::storage]
	pub type LastDrip<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32>;

	/// The accounts in [`LastDrip`] by block, so that they can be forgotten.
	#[pallet::storage]
	pub type DripsAt<T: Config> =
		StorageDoubleMap<_, Twox64Concat, u32, Blake2_128Concat, T::AccountId, (), OptionQuery>;

	/// The first block whose drips are not forgotten.
	#[pallet::storage]
	pub type ForgetCursor<T: Config> = StorageValue<_, u32, OptionQuery>;

	/// A block, and how many drips there were in it.
	#[pallet::storage]
	pub type DripsInBlock<T: Config> = StorageValue<_, (u32, u32), ValueQuery>;

	/// What the faucet did.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account got tokens.
		Dripped {
			/// The account.
			who: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
		},
	}

	/// Why an account gets nothing.
	#[pallet::error]
	pub enum Error<T> {
		/// There is no faucet on this network.
		Closed,
		/// The account had a drip less than a period ago.
		UsedRecently,
		/// This block has as many drips as a block can have; try the next.
		BlockFull,
		/// The account cannot take the amount.
		CannotReceive,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			T::WeightInfo::on_initialize(Self::forget_old_drips(now.saturated_into()))
		}

		fn integrity_test() {
			assert!(
				T::MaxDripsPerBlock::get() >= 1,
				"MaxDripsPerBlock must be at least 1"
			);
			assert!(T::Period::get() >= 1, "Period must be at least 1");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Gives tokens to `account`. Sent without a signature, and free.
		#[pallet::call_index(0)]
		#[pallet::weight((T::WeightInfo::drip(), DispatchClass::Normal, Pays::No))]
		pub fn drip(origin: OriginFor<T>, account: T::AccountId) -> DispatchResult {
			ensure_none(origin)?;
			Self::give(account)
		}
	}

	#[pallet::validate_unsigned]
	#[allow(deprecated)]
	impl<T: Config> ValidateUnsigned for Pallet<T> {
		type Call = Call<T>;

		fn validate_unsigned(_source: TransactionSource, call: &Self::Call) -> TransactionValidity {
			let Call::drip { account } = call else {
				return InvalidTransaction::Call.into();
			};
			match Self::check(account) {
				Ok(_) => ValidTransaction::with_tag_prefix("HoldfastFaucet")
					// One in the pool for each account; when the pool is full, what pays comes first.
					.and_provides(account)
					.priority(TransactionPriority::MIN)
					.longevity(64)
					.propagate(true)
					.build(),
				// Not wrong, only too early: the block's author keeps it for the next block.
				Err(Refusal::BlockFull) => InvalidTransaction::ExhaustsResources.into(),
				Err(Refusal::UsedRecently) => InvalidTransaction::Stale.into(),
				Err(Refusal::Closed | Refusal::CannotReceive) => InvalidTransaction::Call.into(),
			}
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// What a drip gives at present, zero if the faucet is closed.
		pub fn amount() -> BalanceOf<T> {
			T::Amount::get()
		}

		/// The block from which on an account can get a drip; zero if it can get one now.
		pub fn available_from(account: T::AccountId) -> u32 {
			LastDrip::<T>::get(account).map_or(0, |last| last.saturating_add(T::Period::get()))
		}
	}
}
