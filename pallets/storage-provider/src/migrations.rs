//! Changes of the storage of chains that run already.

use codec::{Decode, Encode};
use frame_support::{
	migrations::VersionedMigration, pallet_prelude::*, storage_alias,
	traits::UncheckedOnRuntimeUpgrade, weights::Weight,
};
use holdfast_primitives::{policy::MAX_DEADLINES, Balance, BlockNumber, SectorSize};

use crate::{
	keys::Keys,
	pallet::{Config, Pallet, Partitions, Providers, Vacancies},
	provider::{Addresses, Ask, DeadlineLoad, ProviderInfo},
	weights::WeightInfo,
};

/// Version 2: providers have a worker and a beneficiary, and vacant positions are found.
///
/// Each provider is its own worker and beneficiary, as before. It reads every provider and partition once,
/// in one block: of a chain with more than some ten thousand of them it would have to be made in steps.
pub type ToV2<T> =
	VersionedMigration<1, 2, v2::AddKeys<T>, Pallet<T>, <T as frame_system::Config>::DbWeight>;

/// The version before.
pub(crate) mod v1 {
	use super::*;

	/// A provider without keys.
	#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
	pub struct OldProviderInfo {
		/// The size of its sectors.
		pub sector_size: SectorSize,
		/// Where it is reached.
		pub addresses: Addresses,
		/// What it asks for.
		pub ask: Ask,
		/// How many bytes it says that it has left.
		pub free_space: u64,
		/// Where in the proving period its own period begins.
		pub period_offset: BlockNumber,
		/// How many sectors have not ended.
		pub live_sectors: u32,
		/// How many pre-commits wait for their proof.
		pub pre_commits: u32,
		/// The pledges of all sectors that have not ended.
		pub pledge: Balance,
		/// What each deadline has to prove.
		pub deadlines: BoundedVec<DeadlineLoad, ConstU32<MAX_DEADLINES>>,
	}

	impl OldProviderInfo {
		/// The same provider with its owner's key alone.
		pub fn with_keys<AccountId>(self) -> ProviderInfo<AccountId> {
			let Self {
				sector_size,
				addresses,
				ask,
				free_space,
				period_offset,
				live_sectors,
				pre_commits,
				pledge,
				deadlines,
			} = self;
			ProviderInfo {
				keys: Keys::default(),
				sector_size,
				addresses,
				ask,
				free_space,
				period_offset,
				live_sectors,
				pre_commits,
				pledge,
				deadlines,
			}
		}
	}

	/// The providers.
	#[storage_alias]
	pub type Providers<T: Config> = StorageMap<
		Pallet<T>,
		Blake2_128Concat,
		<T as frame_system::Config>::AccountId,
		OldProviderInfo,
	>;
}

/// What makes version 2 of version 1.
pub mod v2 {
	use super::*;

	/// Gives providers their keys, and lists the partitions with vacant positions.
	pub struct AddKeys<T>(core::marker::PhantomData<T>);

	impl<T: Config> UncheckedOnRuntimeUpgrade for AddKeys<T> {
		fn on_runtime_upgrade() -> Weight {
			let mut providers = 0u32;
			Providers::<T>::translate_values(|info: v1::OldProviderInfo| {
				providers = providers.saturating_add(1);
				Some(info.with_keys())
			});
			let mut partitions = 0u32;
			for (key, partition) in Partitions::<T>::iter() {
				partitions = partitions.saturating_add(1);
				if !partition.terminated.is_empty() {
					Vacancies::<T>::insert(key, ());
				}
			}
			T::WeightInfo::migrate_to_v2(providers, partitions)
		}

		#[cfg(feature = "try-runtime")]
		fn pre_upgrade() -> Result<alloc::vec::Vec<u8>, sp_runtime::TryRuntimeError> {
			let providers: alloc::vec::Vec<_> = v1::Providers::<T>::iter().collect();
			Ok(providers.encode())
		}

		#[cfg(feature = "try-runtime")]
		fn post_upgrade(state: alloc::vec::Vec<u8>) -> Result<(), sp_runtime::TryRuntimeError> {
			let before =
				alloc::vec::Vec::<(T::AccountId, v1::OldProviderInfo)>::decode(&mut &state[..])
					.map_err(|_| "the state before the upgrade does not decode")?;
			ensure!(
				Providers::<T>::iter().count() == before.len(),
				"the upgrade lost a provider"
			);
			for (account, info) in before {
				ensure!(
					Providers::<T>::get(account) == Some(info.with_keys()),
					"the upgrade changed a provider"
				);
			}
			Pallet::<T>::check_state()
		}
	}
}
