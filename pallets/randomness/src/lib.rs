//! The chain's randomness, one value for each block, kept as long as the protocol can ask for it.
//!
//! A block's value is a hash of the previous value and of what the relay chain offers in the state
//! proof that every parachain block carries: the VRF output of the relay block's author and the
//! randomness of the relay chain's last epoch. Nobody but relay-chain validators influences those.
//! Only where the proof has no VRF output, the parent block's hash is mixed in as well, so that the
//! value still is not known before the parent block is; a parachain collator can influence that
//! hash. [`LatestSource`] says which of the cases the latest block is.
//!
//! What it does not give: the author of a relay block can withhold the block, and a collator can
//! choose among the last few relay blocks to build on, or not build. Each buys one more draw, at the
//! price of a block. A development chain has no relay chain: its values can be predicted.
//!
//! Values are for challenges to what was committed before: whoever draws from them must separate
//! its purposes and its provers, as `holdfast_primitives::randomness::draw` does.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod source;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
pub mod weights;

pub use pallet::*;
pub use source::{RelayValues, Source};
pub use weights::WeightInfo;

/// The most old values that one block removes. One is enough while the policy stays; the rest
/// catches up after a policy that keeps less.
pub const MAX_PRUNED_PER_BLOCK: u32 = 4;

const LOG_TARGET: &str = "runtime::randomness";

#[allow(missing_docs, clippy::cast_possible_truncation)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use cumulus_pallet_parachain_system::{OnSystemEvent, RelayChainStateProof};
	use cumulus_primitives_core::PersistedValidationData;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;
	use holdfast_primitives::{BlockNumber, Digest};
	use sp_runtime::SaturatedConversion;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config {
		/// How many blocks' values are kept, the current block's among them.
		type KeepBlocks: Get<BlockNumber>;

		/// What the hooks cost.
		type WeightInfo: WeightInfo;
	}

	/// The value of each kept block.
	#[pallet::storage]
	pub type History<T> = StorageMap<_, Twox64Concat, BlockNumber, Digest>;

	/// The latest value; absent until the first block that has one.
	#[pallet::storage]
	pub type Latest<T> = StorageValue<_, Digest>;

	/// What the latest value was drawn from.
	#[pallet::storage]
	pub type LatestSource<T> = StorageValue<_, Source>;

	/// The earliest block whose value was not removed.
	#[pallet::storage]
	pub type OldestKept<T> = StorageValue<_, BlockNumber, ValueQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			T::WeightInfo::prune(Self::prune(now.saturated_into()))
		}

		fn integrity_test() {
			let limit = T::BlockWeights::get().max_block;
			assert!(
				T::WeightInfo::prune(MAX_PRUNED_PER_BLOCK)
					.saturating_add(T::WeightInfo::record())
					.all_lte(limit),
				"the hooks of pallet-randomness do not fit a block"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state(now.saturated_into())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The value of a kept block; `None` if the block is to come or its value was removed.
		pub fn value_at(block: BlockNumber) -> Option<Digest> {
			History::<T>::get(block)
		}

		/// What the latest value was drawn from. On [`Source::ParentHash`] anybody who makes blocks can
		/// predict and choose the challenges.
		pub fn source() -> Option<Source> {
			LatestSource::<T>::get()
		}
	}

	impl<T: Config> Pallet<T> {
		/// Makes the current block's value from what the relay chain offers.
		pub fn record(relay: &RelayValues) {
			let now: BlockNumber = frame_system::Pallet::<T>::block_number().saturated_into();
			let previous = match Latest::<T>::get() {
				Some(previous) => previous,
				None => {
					// The first value: there is nothing older to remove, ever.
					OldestKept::<T>::put(now);
					Digest::default()
				},
			};
			let value = relay.mix(&previous, frame_system::Pallet::<T>::parent_hash().as_ref());
			History::<T>::insert(now, value);
			Latest::<T>::put(value);
			let source = relay.source();
			if LatestSource::<T>::get() != Some(source) {
				Self::report(source);
			}
			LatestSource::<T>::put(source);
		}

		/// Tells whoever runs the node that the chain's challenges rest on something else than before.
		fn report(source: Source) {
			match source {
				Source::RelayVrf => {
					log::info!(target: LOG_TARGET, "randomness comes from the relay chain");
				},
				Source::RelayEpoch => log::info!(
					target: LOG_TARGET,
					"the relay block has no VRF output: randomness comes from the relay chain's last epoch"
				),
				Source::ParentHash => log::warn!(
					target: LOG_TARGET,
					"there is no randomness of a relay chain: whoever makes blocks can predict and choose the \
					 challenges of proofs, as on a development chain"
				),
			}
		}

		/// Removes a bounded number of the values that nothing can ask for in the block `now` and
		/// later, and says how many it looked at.
		fn prune(now: BlockNumber) -> u32 {
			let Some(newest) = now.checked_sub(T::KeepBlocks::get()) else {
				return 0;
			};
			let oldest = OldestKept::<T>::get();
			let next = newest
				.saturating_add(1)
				.min(oldest.saturating_add(MAX_PRUNED_PER_BLOCK));
			if next <= oldest {
				return 0;
			}
			(oldest..next).for_each(History::<T>::remove);
			OldestKept::<T>::put(next);
			next.saturating_sub(oldest)
		}
	}

	impl<T: Config> OnSystemEvent for Pallet<T> {
		fn on_validation_data(_: &PersistedValidationData) {}

		fn on_validation_code_applied() {}

		fn on_relay_state_proof(proof: &RelayChainStateProof) -> Weight {
			Self::record(&RelayValues::read(proof));
			T::WeightInfo::record()
		}
	}
}
