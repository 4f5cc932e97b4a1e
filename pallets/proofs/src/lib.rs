//! The verifying keys that the chain trusts, and the verification of proofs with them.
//!
//! There is one key for each proof kind and sector size ([`KeyId`]) and version of the circuits
//! ([`ProofVersion`]). A key comes from genesis or from Root, together with the digest that it must
//! have; every point of it is checked, it is prepared once, and kept in that form. **No caller ever
//! chooses a key**: other pallets name the kind and size, this one finds the key.
//!
//! Whoever made a key may be able to forge its proofs. [`KeyOrigin`] says who that is, and a chain
//! whose [`Config::AcceptDevnetKeys`] is false refuses keys whose trapdoor is public: those that say so,
//! and those of [`Config::DevnetKeys`] whatever they say.
//!
//! The window PoSt keys of 32 GiB and 64 GiB have 2.5 MB in prepared form and are refused:
//! [`MAX_PREPARED_KEY_BYTES`] bounds what one call can be made to read and to sum up.
//! `docs/protocol/batching.md` says what is missing for them.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod genesis;
mod key;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "try-runtime"))]
mod try_state;
mod verification;
pub mod weights;

pub use genesis::GenesisKey;
pub use key::{KeySummary, StoredKey, MAX_KEY_BYTES, MAX_PREPARED_KEY_BYTES};
pub use pallet::*;
pub use verification::{PoRep, ProofError, Verification, WindowPoSt};
pub use weights::WeightInfo;

// Those who call this pallet need these.
pub use holdfast_primitives::{KeyId, KeyOrigin, ProofKind, ProofVersion};
pub use holdfast_verifier::porep::Statement as PoRepStatement;

// Both for what FRAME's macros generate.
#[allow(missing_docs, clippy::cast_possible_truncation)]
#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use alloc::vec::Vec;
	use frame_support::{pallet_prelude::*, traits::Contains};
	use frame_system::pallet_prelude::*;
	use holdfast_primitives::Digest;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// Whether keys are accepted whose trapdoor is public. Only test networks may say yes.
		type AcceptDevnetKeys: Get<bool>;

		/// The digests of the well-known keys whose trapdoor is public: they are such keys under any origin.
		type DevnetKeys: Contains<Digest>;

		/// What the calls and the verification cost.
		type WeightInfo: WeightInfo;
	}

	/// The keys, in the form that verification wants.
	#[pallet::storage]
	pub type Keys<T: Config> =
		StorageDoubleMap<_, Twox64Concat, KeyId, Twox64Concat, ProofVersion, StoredKey>;

	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// The keys that the chain begins with.
		pub keys: Vec<GenesisKey>,
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		/// # Panics
		///
		/// If a key is unusable: a chain that would begin without the keys that its genesis names
		/// must not begin.
		fn build(&self) {
			for key in &self.keys {
				genesis::install::<T>(key);
			}
		}
	}

	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A key was set; proofs of this kind and size are verified with it from now on.
		VerifyingKeySet {
			id: KeyId,
			version: ProofVersion,
			origin: KeyOrigin,
			digest: Digest,
		},
		/// A key was removed; proofs of this kind and size are refused from now on.
		VerifyingKeyRemoved { id: KeyId, version: ProofVersion },
	}

	#[pallet::error]
	pub enum Error<T> {
		/// This chain refuses keys whose trapdoor is public.
		DevnetKeyRefused,
		/// The key's bytes do not have the given digest.
		DigestMismatch,
		/// The bytes are not a usable verifying key.
		MalformedKey,
		/// The key is for another number of public inputs than this proof kind and sector size
		/// have.
		WrongInputCount,
		/// Keys of this kind and size are too large for the chain.
		KeyTooLarge,
		/// There is no key for this proof kind and sector size.
		NoKey,
		/// The stored key cannot be read.
		CorruptKey,
		/// The statement is for another sector size, or for replicas of another network.
		ForeignStatement,
		/// The statement can never be true: a commitment or a sector list is impossible.
		ImpossibleStatement,
		/// The statement needs another number of proofs.
		WrongProofCount,
		/// The proof's bytes are not those of a proof.
		MalformedProof,
		/// The proof does not prove the statement.
		ProofRejected,
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Sets the key of one proof kind, sector size and version, and replaces the one there was.
		/// Root only.
		///
		/// `key` is in bellperson's uncompressed form, `digest` its BLAKE2b-256.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::set_verifying_key(key::inputs_of_length(key.len())))]
		pub fn set_verifying_key(
			origin: OriginFor<T>,
			id: KeyId,
			version: ProofVersion,
			key_origin: KeyOrigin,
			key: BoundedVec<u8, ConstU32<MAX_KEY_BYTES>>,
			digest: Digest,
		) -> DispatchResult {
			ensure_root(origin)?;
			Self::install(id, version, key_origin, &key, digest)?;
			Self::deposit_event(Event::VerifyingKeySet {
				id,
				version,
				origin: key_origin,
				digest,
			});
			Ok(())
		}

		/// Removes the key of one proof kind, sector size and version. Root only.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::remove_verifying_key())]
		pub fn remove_verifying_key(
			origin: OriginFor<T>,
			id: KeyId,
			version: ProofVersion,
		) -> DispatchResult {
			ensure_root(origin)?;
			ensure!(Keys::<T>::take(id, version).is_some(), Error::<T>::NoKey);
			Self::deposit_event(Event::VerifyingKeyRemoved { id, version });
			Ok(())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// Which key verifies proofs of this kind, size and version, if any.
		pub fn verifying_key(id: KeyId, version: ProofVersion) -> Option<KeySummary> {
			Keys::<T>::get(id, version).map(|key| KeySummary {
				digest: key.digest,
				origin: key.origin,
			})
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}
}
