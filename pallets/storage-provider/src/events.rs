//! What the pallet reports.

use frame_support::pallet_macros::pallet_section;

/// The events, a section of the pallet's module.
#[pallet_section]
mod events {
	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A provider registered.
		ProviderRegistered {
			/// Who.
			provider: T::AccountId,
			/// The size of its sectors.
			sector_size: SectorSize,
		},
		/// A provider is reached at other addresses.
		AddressesSet {
			/// Who.
			provider: T::AccountId,
		},
		/// A provider changed what it asks for.
		AskSet {
			/// Who.
			provider: T::AccountId,
			/// What it asks for now.
			ask: Ask,
		},
		/// A provider announced how much space it has left.
		FreeSpaceSet {
			/// Who.
			provider: T::AccountId,
			/// How much.
			bytes: u64,
		},
		/// A sector waits for its proof of replication.
		SectorPreCommitted {
			/// Whose.
			provider: T::AccountId,
			/// Which.
			sector: SectorNumber,
		},
		/// A pre-commit was not proven in time.
		PreCommitExpired {
			/// Whose.
			provider: T::AccountId,
			/// Which.
			sector: SectorNumber,
			/// How much of the deposit was burned.
			burned: Balance,
		},
		/// A sector was proven and is active together with its deals.
		SectorProven {
			/// Whose.
			provider: T::AccountId,
			/// Which.
			sector: SectorNumber,
			/// The deadline in which it is proven from now on.
			deadline: DeadlineIndex,
			/// The partition within the deadline.
			partition: PartitionIndex,
		},
		/// A sector of a call could not be activated; the others of the call are not affected.
		ProofRefused {
			/// Whose.
			provider: T::AccountId,
			/// Which.
			sector: SectorNumber,
			/// Why.
			error: DispatchError,
		},
		/// A partition was proven in its window.
		WindowPoStAccepted {
			/// Whose.
			provider: T::AccountId,
			/// The deadline.
			deadline: DeadlineIndex,
			/// The partition within the deadline.
			partition: PartitionIndex,
			/// How many faulty sectors recovered by it.
			recovered: u32,
			/// How many sectors became faulty, because the proof skips them.
			new_faults: u32,
			/// How many sectors were to recover and did not, because the proof skips them.
			failed_recoveries: u32,
		},
		/// A partition of a call was not proven; the others of the call are not affected.
		WindowPoStRefused {
			/// Whose.
			provider: T::AccountId,
			/// The deadline.
			deadline: DeadlineIndex,
			/// The partition within the deadline.
			partition: PartitionIndex,
			/// Why.
			error: DispatchError,
		},
		/// A window closed without the partition's proof.
		PartitionFaulty {
			/// Whose.
			provider: T::AccountId,
			/// The deadline.
			deadline: DeadlineIndex,
			/// The partition within the deadline.
			partition: PartitionIndex,
			/// How many sectors are faulty that were not.
			new_faults: u32,
			/// How many sectors were to recover and did not.
			failed_recoveries: u32,
		},
		/// A provider declared sectors faulty before their challenge.
		FaultsDeclared {
			/// Whose.
			provider: T::AccountId,
			/// The deadline.
			deadline: DeadlineIndex,
			/// The partition within the deadline.
			partition: PartitionIndex,
			/// How many.
			sectors: u32,
		},
		/// A provider declared that faulty sectors will be part of the next proof.
		RecoveriesDeclared {
			/// Whose.
			provider: T::AccountId,
			/// The deadline.
			deadline: DeadlineIndex,
			/// The partition within the deadline.
			partition: PartitionIndex,
			/// How many.
			sectors: u32,
		},
		/// A partition's faulty sectors cost their fee.
		FaultFeeCharged {
			/// Whose.
			provider: T::AccountId,
			/// The deadline.
			deadline: DeadlineIndex,
			/// The partition within the deadline.
			partition: PartitionIndex,
			/// The fee.
			fee: Balance,
			/// How much of it the provider could pay.
			burned: Balance,
		},
		/// A sector ended before its expiration.
		SectorTerminated {
			/// Whose.
			provider: T::AccountId,
			/// Which.
			sector: SectorNumber,
			/// What it costs.
			fee: Balance,
		},
		/// Sectors of a partition were terminated and cost their fees.
		TerminationFeeCharged {
			/// Whose.
			provider: T::AccountId,
			/// The fee of all of them.
			fee: Balance,
			/// How much of it the provider could pay.
			burned: Balance,
		},
		/// A sector is promised for longer.
		SectorExtended {
			/// Whose.
			provider: T::AccountId,
			/// Which.
			sector: SectorNumber,
			/// Until when.
			expiration: BlockNumber,
		},
		/// A provider has left.
		ProviderDeregistered {
			/// Who.
			provider: T::AccountId,
		},
		/// A provider proposed an account for a role.
		KeyProposed {
			/// Who.
			provider: T::AccountId,
			/// Which role.
			role: Role,
			/// For whom.
			account: T::AccountId,
		},
		/// A provider's role has passed to another account.
		KeySet {
			/// Whose.
			provider: T::AccountId,
			/// Which role.
			role: Role,
			/// Who has it now; nobody: the owner.
			account: Option<T::AccountId>,
		},
		/// Sectors moved from one partition into another.
		PartitionsCompacted {
			/// Whose.
			provider: T::AccountId,
			/// The deadline.
			deadline: DeadlineIndex,
			/// The partition that they left.
			from: PartitionIndex,
			/// The partition that they joined.
			into: PartitionIndex,
			/// How many.
			sectors: u32,
		},
		/// A sector reached its end.
		SectorExpired {
			/// Whose.
			provider: T::AccountId,
			/// Which.
			sector: SectorNumber,
		},
	}
}
