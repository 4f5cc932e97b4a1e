//! Why calls fail.

use frame_support::pallet_macros::pallet_section;

/// The errors, a section of the pallet's module.
#[pallet_section]
mod errors {
	/// Why a call failed.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is a provider already.
		AlreadyRegistered,
		/// The account is no provider.
		NotRegistered,
		/// There is no address, or one that is empty or not of printable ASCII characters.
		InvalidAddress,
		/// The least piece is larger than the largest, or the largest than a sector.
		InvalidAsk,
		/// There is nothing in the call to be done.
		EmptyBatch,
		/// The provider has a pre-commit or a sector with this number.
		SectorNumberUsed,
		/// The sector would end before the least lifetime.
		ExpirationTooSoon,
		/// The sector would end after the greatest lifetime.
		ExpirationTooLate,
		/// The ticket is not of a past block.
		TicketNotPast,
		/// The ticket is older than the greatest age.
		TicketTooOld,
		/// The randomness of the ticket's, seed's or challenge's block is not known.
		RandomnessUnavailable,
		/// A deal is named twice in one sector.
		DuplicateDeal,
		/// The deals' pieces do not fit the sector.
		PiecesDoNotFit,
		/// The provider cannot pay the deposit of a pre-commit.
		InsufficientDeposit,
		/// There is no pre-commit with this number.
		NoSuchPreCommit,
		/// The call names the sector before.
		DuplicateSector,
		/// The pre-commit has expired.
		PreCommitTooOld,
		/// The seed of the proof is not known before a later block.
		TooEarlyToProve,
		/// The sector's expiration has passed.
		SectorLifetimeOver,
		/// The sector size needs another number of proofs.
		WrongProofCount,
		/// No deadline can take a sector in this block; the next ones can.
		NoMutableDeadline,
		/// The provider cannot pay the pledge of the sector, and what fees took of the others'.
		InsufficientPledge,
		/// The proving period has no such deadline.
		NoSuchDeadline,
		/// The deadline is not open.
		DeadlineNotOpen,
		/// The deadline's challenge is known already; declare again after it has closed.
		DeadlineNotMutable,
		/// The deadline has no such partition.
		NoSuchPartition,
		/// The partition's last window is not settled yet; try again in the next block.
		PartitionUnsettled,
		/// The partition is proven in this window.
		AlreadyProven,
		/// The call names the partition before.
		DuplicatePartition,
		/// A sector that is to be skipped is not one that the proof must include.
		SkippedNotDue,
		/// All sectors of the partition are faulty and none is to recover, or all are skipped.
		NothingToProve,
		/// There is no sector with this number.
		NoSuchSector,
		/// The sector has ended or is in another partition.
		SectorNotInPartition,
		/// The sector is not faulty.
		SectorNotFaulty,
		/// The sector is faulty already.
		SectorAlreadyFaulty,
		/// The sector is to recover already.
		SectorAlreadyRecovering,
		/// The sector is faulty.
		SectorIsFaulty,
		/// The provider has sectors or pre-commits that have not ended.
		StillStoring,
		/// The account is a provider, or the worker of one.
		KeyInUse,
		/// The provider does not propose the account for this role.
		KeyNotProposed,
		/// The partition that sectors are to join was proven earlier than the one that they leave.
		ProvenEarlier,
		/// The partition has no healthy sector, or the other no room.
		NothingToMove,
	}
}
