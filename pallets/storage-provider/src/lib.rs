//! Storage providers: who they are, what they promise, and the proofs that they keep it.
//!
//! A provider registers with a sector size, pre-commits sectors that it sealed, proves each replica
//! ([`pallet::Call::prove_commit_sectors`]), and from then on proves every sector once in each proving
//! period, in the window of its deadline ([`pallet::Call::submit_window_post`]). What is not proven is
//! faulty: it earns nothing and costs a fee in every period until it recovers.
//!
//! **Cost follows what is touched.** A call reads and writes the provider's record, whose size is bounded,
//! and the sectors and partitions that it names; nothing reads a whole deadline or a whole provider. What
//! comes due by time is found through an agenda by block ([`pallet::Agenda`], [`pallet::Expirations`],
//! [`pallet::PreCommitAgenda`]), a bounded number of items in each block, nothing skipped.
//!
//! **Payment follows proofs.** [`Pallet::sector_health`] says for how many blocks a sector was proven;
//! the market pays by it.
//!
//! The protocol's constants are one [`Policy`](holdfast_primitives::Policy), set at genesis.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

mod agenda;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod challenge;
mod compaction;
mod deadline;
mod due_work;
mod errors;
mod events;
mod expiration;
mod extension;
mod fault;
mod health;
mod keys;
pub mod migrations;
pub mod monies;
mod partition;
mod positions;
mod pre_commit;
mod prove_commit;
mod provider;
mod sector;
mod termination;
#[cfg(test)]
mod tests;
mod traits;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
pub mod weights;
mod window_post;

use frame_support::pallet_macros::import_section;

pub use compaction::MAX_MOVED_SECTORS;
pub use due_work::{DuePreCommit, DueProof, DueWork, FaultyPartition};
pub use extension::SectorExtension;
pub use fault::{Declaration, MAX_DECLARED_SECTORS};
pub use health::Health;
pub use keys::{Key, Keys, Role};
pub use pallet::*;
pub use partition::{FaultGroup, Partition, PartitionKey, MAX_FAULT_GROUPS};
pub use positions::{Positions, MAX_POSITIONS};
pub use pre_commit::{PreCommit, PreCommitSector, SectorDeals, MAX_SECTOR_DEALS};
pub use prove_commit::{ProveCommitSector, MAX_POREP_PROOFS};
pub use provider::{Addresses, Ask, DeadlineLoad, ProviderInfo, MAX_ADDRESSES, MAX_ADDRESS_BYTES};
pub use sector::{Gap, Sector, MAX_GAPS};
pub use traits::{
	Market, PartitionProof, PoRepStatement, Proofs, Randomness, SectorProofs, Verification,
};
pub use weights::{ProofWeights, WeightInfo};
pub use window_post::{DuePartition, PostSubmission};

/// The most sectors or partitions in one call.
pub const MAX_BATCH: u32 = 16;

/// A list of as much as one call can take.
pub type Batch<Item> = frame_support::BoundedVec<Item, frame_support::traits::ConstU32<MAX_BATCH>>;

/// How many items a list of a call has.
fn length<Item>(list: &[Item]) -> u32 {
	u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// How many parts the items of a call's list have in all.
fn total<Item, Part>(list: &[Item], parts: impl Fn(&Item) -> &[Part]) -> u32 {
	list.iter()
		.fold(0, |sum, item| sum.saturating_add(length(parts(item))))
}

/// The storage, calls, events, errors and view functions.
#[import_section(errors::errors)]
#[import_section(events::events)]
#[frame_support::pallet]
// The macros cast the indices of calls, events and errors.
#[allow(clippy::cast_possible_truncation)]
pub mod pallet {
	use super::*;
	use alloc::vec::Vec;
	use frame_support::{
		dispatch::WithPostDispatchInfo,
		pallet_prelude::*,
		traits::fungible::{Inspect, Mutate, MutateHold},
	};
	use frame_system::pallet_prelude::*;
	use holdfast_primitives::{
		deadline::Window, Balance, BlockNumber, CommR, DeadlineIndex, PartitionIndex, Policy,
		SectorNumber, SectorSize,
	};
	use sp_runtime::traits::SaturatedConversion;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	/// Storage providers and their sectors.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the runtime decides.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<
		AccountId: Into<[u8; 32]>,
		Hash: Into<[u8; 32]>,
		RuntimeEvent: From<Event<Self>>,
	>
	{
		/// The native token.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// The runtime's reasons to hold funds.
		type RuntimeHoldReason: From<HoldReason>;

		/// Where tickets, seeds and challenges come from.
		type Randomness: Randomness;

		/// What verifies proofs.
		type Proofs: Proofs;

		/// The deals that sectors hold.
		type Market: Market<Self::AccountId>;

		/// How many windows, sectors and pre-commits are settled in one block at most. As many of the
		/// heaviest of them must fit a block besides everything else.
		#[pallet::constant]
		type MaxDuePerBlock: Get<u32>;

		/// What calls and hooks cost, without the proofs.
		type WeightInfo: WeightInfo;

		/// What verifying proofs costs.
		type ProofWeights: ProofWeights;
	}

	/// Why this pallet holds a provider's funds.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Sectors that are not proven yet.
		PreCommitDeposit,
		/// Sectors that are promised.
		Pledge,
	}

	/// The policy of a chain whose genesis sets none.
	#[pallet::type_value]
	pub fn DefaultPolicy() -> Policy {
		Policy::production()
	}

	/// The protocol's constants.
	#[pallet::storage]
	pub type PolicyValue<T> = StorageValue<_, Policy, ValueQuery, DefaultPolicy>;

	/// The registered providers, by their owners' accounts.
	#[pallet::storage]
	pub type Providers<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, ProviderInfo<T::AccountId>>;

	/// The providers of those workers that are not their owners.
	#[pallet::storage]
	pub type Workers<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, T::AccountId>;

	/// The sectors that wait for their proof.
	#[pallet::storage]
	pub type PreCommits<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, SectorNumber, PreCommit>;

	/// The proven sectors, and the ended ones whose deals are not settled.
	#[pallet::storage]
	pub type Sectors<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Twox64Concat, SectorNumber, Sector>;

	/// The partitions: provider, deadline, index. One whose sectors have all ended is removed.
	#[pallet::storage]
	pub type Partitions<T: Config> = StorageNMap<
		_,
		(
			NMapKey<Blake2_128Concat, T::AccountId>,
			NMapKey<Twox64Concat, DeadlineIndex>,
			NMapKey<Twox64Concat, PartitionIndex>,
		),
		Partition,
	>;

	/// The numbers of a partition's sectors, by position.
	#[pallet::storage]
	pub type PartitionSectors<T: Config> = StorageNMap<
		_,
		(
			NMapKey<Blake2_128Concat, T::AccountId>,
			NMapKey<Twox64Concat, DeadlineIndex>,
			NMapKey<Twox64Concat, PartitionIndex>,
		),
		BoundedVec<SectorNumber, ConstU32<MAX_POSITIONS>>,
		ValueQuery,
	>;

	/// The replicas of a partition's sectors, by position: what a window PoSt speaks of, in one read.
	#[pallet::storage]
	pub type PartitionReplicas<T: Config> = StorageNMap<
		_,
		(
			NMapKey<Blake2_128Concat, T::AccountId>,
			NMapKey<Twox64Concat, DeadlineIndex>,
			NMapKey<Twox64Concat, PartitionIndex>,
		),
		BoundedVec<CommR, ConstU32<MAX_POSITIONS>>,
		ValueQuery,
	>;

	/// The partitions with vacant positions, which new sectors take first.
	#[pallet::storage]
	pub type Vacancies<T: Config> = StorageNMap<
		_,
		(
			NMapKey<Blake2_128Concat, T::AccountId>,
			NMapKey<Twox64Concat, DeadlineIndex>,
			NMapKey<Twox64Concat, PartitionIndex>,
		),
		(),
	>;

	/// The positions of the sectors that end when their deadline closes in a block.
	#[pallet::storage]
	pub type Expirations<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		BlockNumber,
		Blake2_128Concat,
		PartitionKey<T::AccountId>,
		Positions,
		ValueQuery,
	>;

	/// The partitions whose next window closes in a block.
	#[pallet::storage]
	pub type Agenda<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		BlockNumber,
		Blake2_128Concat,
		PartitionKey<T::AccountId>,
		(),
	>;

	/// The pre-commits that expire in a block.
	#[pallet::storage]
	pub type PreCommitAgenda<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		BlockNumber,
		Blake2_128Concat,
		(T::AccountId, SectorNumber),
		(),
	>;

	/// The earliest block for which not all is done that was due.
	#[pallet::storage]
	pub type AgendaCursor<T> = StorageValue<_, BlockNumber, ValueQuery>;

	/// What a chain begins with.
	#[pallet::genesis_config]
	pub struct GenesisConfig<T> {
		/// The protocol's constants.
		pub policy: Policy,
		/// Nothing: the runtime's type.
		#[serde(skip)]
		pub _runtime: core::marker::PhantomData<T>,
	}

	impl<T> Default for GenesisConfig<T> {
		fn default() -> Self {
			Self {
				policy: DefaultPolicy::get(),
				_runtime: Default::default(),
			}
		}
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			if let Err(error) = self.policy.validate() {
				panic!("the genesis policy cannot work: {error}");
			}
			PolicyValue::<T>::put(self.policy);
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			Self::service_agenda(now.saturated_into())
		}

		fn integrity_test() {
			assert!(
				T::MaxDuePerBlock::get() > 0,
				"MaxDuePerBlock must be positive"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Registers the caller as a provider with sectors of one size.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register())]
		pub fn register(
			origin: OriginFor<T>,
			sector_size: SectorSize,
			addresses: Addresses,
			ask: Ask,
			free_space: u64,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_register(provider, sector_size, addresses, ask, free_space)
		}

		/// Sets where the provider is reached.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::set_addresses())]
		pub fn set_addresses(origin: OriginFor<T>, addresses: Addresses) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_set_addresses(provider, addresses)
		}

		/// Sets what the provider asks for.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::set_ask())]
		pub fn set_ask(origin: OriginFor<T>, ask: Ask) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_set_ask(provider, ask)
		}

		/// Announces how many bytes the provider has left.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::set_free_space())]
		pub fn set_free_space(origin: OriginFor<T>, free_space: u64) -> DispatchResult {
			let provider = Self::ensure_operator(origin)?;
			Self::do_set_free_space(provider, free_space)
		}

		/// Pre-commits sealed sectors and holds a deposit for each: all of them, or none.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::pre_commit_sectors(
			length(sectors),
			total(sectors, |sector| &sector.deals),
		))]
		pub fn pre_commit_sectors(
			origin: OriginFor<T>,
			sectors: Batch<PreCommitSector>,
		) -> DispatchResult {
			let provider = Self::ensure_operator(origin)?;
			Self::do_pre_commit_sectors(provider, sectors.into_inner())
		}

		/// Proves pre-committed sectors and activates each that can be, together with its deals. The proofs
		/// are verified as one batch, and one by one if it has a bad one.
		///
		/// Each sector has its own result, in an event ([`Event::SectorProven`] or
		/// [`Event::ProofRefused`]), even if all are refused. The weight of looking for bad proofs is
		/// charged before, and given back if there is none.
		#[pallet::call_index(5)]
		#[pallet::weight(
			T::WeightInfo::prove_commit_sectors(
				length(proofs),
				length(proofs).saturating_mul(MAX_SECTOR_DEALS),
			)
			.saturating_add(T::ProofWeights::poreps(
				length(proofs),
				total(proofs, |sector| &sector.proofs),
			))
		)]
		pub fn prove_commit_sectors(
			origin: OriginFor<T>,
			proofs: Batch<ProveCommitSector>,
		) -> DispatchResultWithPostInfo {
			let batch = Self::ensure_operator(origin)
				.and_then(|provider| Self::do_prove_commit_sectors(provider, &proofs))
				.map_err(|error| error.with_weight(T::WeightInfo::prove_commit_sectors(0, 0)))?;
			let weight = T::WeightInfo::prove_commit_sectors(length(&proofs), batch.deals)
				.saturating_add(batch.verification);
			Ok(Some(weight).into())
		}

		/// Proves partitions of the deadline that is open. The proofs are verified as one batch, and one
		/// by one if it has a bad one.
		///
		/// Each partition has its own result, in an event ([`Event::WindowPoStAccepted`] or
		/// [`Event::WindowPoStRefused`]): a bad proof costs the others nothing. The call is free if every
		/// partition was due and its proof holds; otherwise it costs what was done.
		#[pallet::call_index(6)]
		#[pallet::weight((
			T::WeightInfo::submit_window_post(length(submissions))
				.saturating_add(T::ProofWeights::window_posts(length(submissions))),
			DispatchClass::Operational,
		))]
		pub fn submit_window_post(
			origin: OriginFor<T>,
			deadline: DeadlineIndex,
			submissions: Batch<PostSubmission>,
		) -> DispatchResultWithPostInfo {
			let batch = Self::ensure_operator(origin)
				.and_then(|provider| Self::do_submit_window_post(provider, deadline, &submissions))
				.map_err(|error| error.with_weight(T::WeightInfo::submit_window_post(0)))?;
			let weight = T::WeightInfo::submit_window_post(length(&submissions))
				.saturating_add(batch.verification);
			Ok((Some(weight), batch.pays_fee).into())
		}

		/// Declares that faulty sectors will be part of the partitions' next proofs. Free if valid, and if
		/// the faults have cost their fee.
		#[pallet::call_index(7)]
		#[pallet::weight((
			T::WeightInfo::declare_recoveries(
				length(declarations),
				total(declarations, |(_, sectors)| sectors),
			),
			DispatchClass::Operational,
		))]
		pub fn declare_recoveries(
			origin: OriginFor<T>,
			deadline: DeadlineIndex,
			declarations: Batch<Declaration>,
		) -> DispatchResultWithPostInfo {
			let provider = Self::ensure_operator(origin)?;
			Ok(Self::do_declare_recoveries(provider, deadline, &declarations)?.into())
		}

		/// Declares sectors faulty before their challenge, so that the others of their partition can be
		/// proven without them. Free if valid.
		#[pallet::call_index(8)]
		#[pallet::weight((
			T::WeightInfo::declare_faults(
				length(declarations),
				total(declarations, |(_, sectors)| sectors),
			),
			DispatchClass::Operational,
		))]
		pub fn declare_faults(
			origin: OriginFor<T>,
			deadline: DeadlineIndex,
			declarations: Batch<Declaration>,
		) -> DispatchResultWithPostInfo {
			let provider = Self::ensure_operator(origin)?;
			Self::do_declare_faults(provider, deadline, &declarations)?;
			Ok(Pays::No.into())
		}

		/// Ends sectors before their expiration: all of them, or none. Each costs a fee, and its deals end.
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::terminate_sectors(length(sectors)))]
		pub fn terminate_sectors(
			origin: OriginFor<T>,
			sectors: Batch<SectorNumber>,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_terminate_sectors(provider, &sectors)
		}

		/// Promises healthy sectors for longer: all of them, or none.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::extend_sectors(length(extensions)))]
		pub fn extend_sectors(
			origin: OriginFor<T>,
			extensions: Batch<SectorExtension>,
		) -> DispatchResult {
			let provider = Self::ensure_operator(origin)?;
			Self::do_extend_sectors(provider, &extensions)
		}

		/// Forgets the caller as a provider, once all of its sectors have ended.
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::deregister())]
		pub fn deregister(origin: OriginFor<T>) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_deregister(provider)
		}

		/// Proposes an account for a role, in which it is once it confirms. Without an account the role is
		/// taken back, and the owner's alone, at once.
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::propose_key())]
		pub fn propose_key(
			origin: OriginFor<T>,
			role: Role,
			account: Option<T::AccountId>,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_propose_key(provider, role, account)
		}

		/// Takes the role for which a provider proposes the caller.
		#[pallet::call_index(13)]
		#[pallet::weight(T::WeightInfo::confirm_key())]
		pub fn confirm_key(
			origin: OriginFor<T>,
			role: Role,
			provider: T::AccountId,
		) -> DispatchResult {
			let account = ensure_signed(origin)?;
			Self::do_confirm_key(account, role, provider)
		}

		/// Moves healthy sectors of a partition into another's vacant positions, as many as fit up to
		/// [`MAX_MOVED_SECTORS`]. A partition that is left empty needs no proof any more.
		///
		/// The partition that they join must have been proven no earlier than the one that they leave. The
		/// blocks between the two proofs are not paid: prove both in one call before.
		#[pallet::call_index(14)]
		#[pallet::weight(T::WeightInfo::compact_partitions(MAX_MOVED_SECTORS))]
		pub fn compact_partitions(
			origin: OriginFor<T>,
			deadline: DeadlineIndex,
			from: PartitionIndex,
			into: PartitionIndex,
		) -> DispatchResultWithPostInfo {
			let moved = Self::ensure_operator(origin)
				.and_then(|provider| Self::do_compact_partitions(provider, deadline, from, into))
				.map_err(|error| error.with_weight(T::WeightInfo::compact_partitions(0)))?;
			Ok(Some(T::WeightInfo::compact_partitions(moved)).into())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The protocol's constants.
		pub fn policy() -> Policy {
			PolicyValue::<T>::get()
		}

		/// A provider's record.
		pub fn provider(provider: T::AccountId) -> Option<ProviderInfo<T::AccountId>> {
			Providers::<T>::get(provider)
		}

		/// The provider whose daily work an account may sign for: its own, or the one whose worker it is.
		pub fn provider_of(account: T::AccountId) -> Option<T::AccountId> {
			Self::operated_by(&account)
		}

		/// The record of a sector that waits for its proof.
		pub fn pre_commit(provider: T::AccountId, sector: SectorNumber) -> Option<PreCommit> {
			PreCommits::<T>::get(provider, sector)
		}

		/// A sector's record.
		pub fn sector(provider: T::AccountId, sector: SectorNumber) -> Option<Sector> {
			Sectors::<T>::get(provider, sector)
		}

		/// For how many blocks from `from` until before `to` a sector was healthy.
		pub fn health(
			provider: T::AccountId,
			sector: SectorNumber,
			from: BlockNumber,
			to: BlockNumber,
		) -> Option<Health> {
			Self::sector_health(&provider, sector, from, to)
		}

		/// A provider's calendar: for each deadline the window that is open, or else the next one.
		pub fn windows(provider: T::AccountId) -> Vec<Window> {
			let Some(info) = Providers::<T>::get(provider) else {
				return Vec::new();
			};
			let policy = Self::policy();
			(0..policy.deadlines)
				.filter_map(|index| Self::current_window(&policy, &info, index, Self::now()).ok())
				.collect()
		}

		/// What each partition of a deadline needs in the window that is open, or else in the next one.
		pub fn due_partitions(
			provider: T::AccountId,
			deadline: DeadlineIndex,
		) -> Vec<DuePartition> {
			Self::partitions_due(&provider, deadline)
		}

		/// Everything that a provider has to do by now, and until when.
		pub fn due_work(provider: T::AccountId) -> Option<DueWork> {
			Self::work_due(&provider)
		}

		/// The faulty sectors of a partition, recovering ones included, ordered by number.
		pub fn faulty_sectors(
			provider: T::AccountId,
			deadline: DeadlineIndex,
			partition: PartitionIndex,
		) -> Vec<SectorNumber> {
			Self::faults_of(&(provider, deadline, partition))
		}
	}

	impl<T: Config> Pallet<T> {
		/// The current block.
		pub(crate) fn now() -> BlockNumber {
			frame_system::Pallet::<T>::block_number().saturated_into()
		}
	}

	/// The chain's policy, for other pallets.
	pub struct CurrentPolicy<T>(core::marker::PhantomData<T>);

	impl<T: Config> Get<Policy> for CurrentPolicy<T> {
		fn get() -> Policy {
			PolicyValue::<T>::get()
		}
	}
}
