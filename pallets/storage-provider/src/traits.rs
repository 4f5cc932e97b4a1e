//! What this pallet needs of others. The runtime says who provides it.

use alloc::vec::Vec;
use frame_support::weights::Weight;
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

/// A sector's statement with its proofs, one for each partition of the circuit.
pub type SectorProofs<'a> = (PoRepStatement, &'a [ProofBytes]);

/// The sectors of a partition, ordered by number, with their window PoSt.
pub type PartitionProof<'a> = (&'a [(SectorNumber, CommR)], ProofBytes);

/// What became of proofs that were verified together.
pub struct Verification {
	/// The result of each sector or partition, in order.
	pub results: Vec<DispatchResult>,
	/// What the verification cost; at most what [`ProofWeights`](crate::ProofWeights) says.
	pub weight: Weight,
}

/// The verification of proofs, with keys that no caller chooses. Proofs are verified in batches, but each
/// sector or partition has its own result, whatever the others' proofs are.
pub trait Proofs {
	/// Verifies the proofs of replication of sectors of this size.
	fn verify_poreps(sector_size: SectorSize, sectors: &[SectorProofs<'_>]) -> Verification;

	/// Verifies the window PoSts of partitions of sectors of this size.
	fn verify_window_posts(
		sector_size: SectorSize,
		randomness: &Digest,
		partitions: &[PartitionProof<'_>],
	) -> Verification;

	/// Makes every proof pass from here on, since a benchmark cannot make any. The weights of the
	/// proofs themselves are measured where they are verified.
	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_accept_all();
}

/// The deals that sectors hold.
pub trait Market<AccountId> {
	/// Reserves the deals for a sector that can be proven before the block `until`: all of them, or none.
	/// Returns their pieces, in the same order. Fails unless every deal is the provider's, waits for a
	/// sector, and ends by `expiration`.
	fn reserve(
		provider: &AccountId,
		sector: SectorNumber,
		deals: &[DealId],
		expiration: BlockNumber,
		until: BlockNumber,
	) -> Result<Vec<PieceInfo>, DispatchError>;

	/// Starts the deals in the sector that they were reserved for and that was just proven: all of
	/// them, or none.
	fn activate(provider: &AccountId, sector: SectorNumber, deals: &[DealId]) -> DispatchResult;

	/// Publishes `count` deals of the smallest piece size with the provider, that fit any sector now.
	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_deals(provider: &AccountId, count: u32) -> Vec<DealId>;
}
