//! What this pallet needs of others. The runtime says who provides it.

use alloc::vec::Vec;
use holdfast_primitives::{
	BlockNumber, CommD, CommR, DealId, Digest, PieceInfo, ProofBytes, SectorNumber, SectorSize,
};
use sp_runtime::{DispatchError, DispatchResult};

/// The chain's randomness.
pub trait Randomness {
	/// The value of `block`, if it is past and not forgotten. It must not be known before the block.
	fn value_at(block: BlockNumber) -> Option<Digest>;

	/// Makes the value of `block` known.
	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_value_at(block: BlockNumber);
}

/// What a proof of replication proves: that a provider's replica was made from certain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoRepStatement {
	/// Names chain and provider.
	pub prover_id: Digest,
	/// The sector's number.
	pub sector_number: SectorNumber,
	/// The data.
	pub comm_d: CommD,
	/// The replica.
	pub comm_r: CommR,
	/// What the replica is bound to.
	pub ticket: Digest,
	/// What the challenges are drawn from.
	pub seed: Digest,
}

/// The verification of proofs, with keys that no caller chooses.
pub trait Proofs {
	/// Verifies a proof of replication of a sector of this size.
	fn verify_porep(
		sector_size: SectorSize,
		statement: &PoRepStatement,
		proofs: &[ProofBytes],
	) -> DispatchResult;

	/// Verifies a window PoSt of one partition, whose sectors are ordered by number.
	fn verify_window_post(
		sector_size: SectorSize,
		randomness: &Digest,
		sectors: &[(SectorNumber, CommR)],
		proof: &ProofBytes,
	) -> DispatchResult;

	/// Makes every proof pass from here on, since a benchmark cannot make any. The weights of the
	/// proofs themselves are measured where they are verified.
	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_accept_all();
}

/// The deals that sectors hold.
pub trait Market<AccountId> {
	/// The pieces of the deals, in the same order. Fails unless every deal is the provider's, waits for
	/// its sector, and ends by `expiration`.
	fn sector_pieces(
		provider: &AccountId,
		deals: &[DealId],
		expiration: BlockNumber,
	) -> Result<Vec<PieceInfo>, DispatchError>;

	/// Starts the deals in a sector that was just proven: all of them, or none.
	fn activate(provider: &AccountId, sector: SectorNumber, deals: &[DealId]) -> DispatchResult;

	/// Publishes `count` deals of the smallest piece size with the provider, that fit any sector now.
	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_deals(provider: &AccountId, count: u32) -> Vec<DealId>;
}
