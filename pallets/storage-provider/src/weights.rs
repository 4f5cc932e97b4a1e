//! What calls and hooks cost.
//!
//! [`WeightInfo`] has what the benchmarks measure, which is everything but the proofs; [`ProofWeights`] has
//! the proofs, measured where they are verified.
//!
//! The figures of `()` are **rough**: per-item estimates, not measurements. They count each storage item
//! with the default database's times, 2 KB of proof size for a small item, the full size of the lists of a
//! 32 GiB partition, and for each Groth16 proof 10 ms (pure wasm, one PoRep partition or a small window
//! PoSt) and 60 KB (the prepared key). A window PoSt of a full 32 GiB partition costs far more.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// The weight of each call and of each item of the hooks.
pub trait WeightInfo {
	/// The call `register`.
	fn register() -> Weight;
	/// The call `set_addresses`.
	fn set_addresses() -> Weight;
	/// The call `set_ask`.
	fn set_ask() -> Weight;
	/// The call `set_free_space`.
	fn set_free_space() -> Weight;
	/// The call `pre_commit_sectors` with `s` sectors that hold `d` deals in all.
	fn pre_commit_sectors(s: u32, d: u32) -> Weight;
	/// The call `prove_commit_sectors` with `s` sectors that hold `d` deals in all, without the proofs.
	fn prove_commit_sectors(s: u32, d: u32) -> Weight;
	/// The call `submit_window_post` with `n` partitions, without the proofs.
	fn submit_window_post(n: u32) -> Weight;
	/// The call `declare_faults` with `n` partitions and `s` sectors in all.
	fn declare_faults(n: u32, s: u32) -> Weight;
	/// The call `declare_recoveries` with `n` partitions and `s` sectors in all.
	fn declare_recoveries(n: u32, s: u32) -> Weight;
	/// The call `terminate_sectors` with `s` sectors.
	fn terminate_sectors(s: u32) -> Weight;
	/// The call `extend_sectors` with `s` sectors.
	fn extend_sectors(s: u32) -> Weight;
	/// The call `deregister`.
	fn deregister() -> Weight;
	/// The call `propose_key`.
	fn propose_key() -> Weight;
	/// The call `confirm_key`.
	fn confirm_key() -> Weight;
	/// The call `compact_partitions` that moves `s` sectors.
	fn compact_partitions(s: u32) -> Weight;
	/// The migration of storage to version 2, with `p` providers and `n` partitions.
	fn migrate_to_v2(p: u32, n: u32) -> Weight;
	/// Looking for what is due in one block, without doing it.
	fn service_block() -> Weight;
	/// Settling one partition's window.
	fn close_window() -> Weight;
	/// Ending one sector.
	fn expire_sector() -> Weight;
	/// Removing one expired pre-commit.
	fn expire_pre_commit() -> Weight;
}

/// What verifying proofs costs at most: when the last is bad, and so each has to be verified alone.
pub trait ProofWeights {
	/// Verifying the proofs of replication of `sectors` sectors, with `proofs` in all.
	fn poreps(sectors: u32, proofs: u32) -> Weight;
	/// Verifying the window PoSts of `partitions` partitions.
	fn window_posts(partitions: u32) -> Weight;
}

impl ProofWeights for () {
	fn poreps(_: u32, proofs: u32) -> Weight {
		self::proofs(proofs)
	}

	fn window_posts(partitions: u32) -> Weight {
		proofs(partitions)
	}
}

/// Picoseconds in a microsecond.
const MICROSECOND: u64 = 1_000_000;
/// What reading a small storage item adds to a block's proof.
const ITEM_PROOF_BYTES: u64 = 2_000;
/// A partition's bit fields at their bound.
const PARTITION_PROOF_BYTES: u64 = 10_000;
/// The numbers of the 2,349 sectors of a 32 GiB partition.
const NUMBERS_PROOF_BYTES: u64 = 19_000;
/// Their replicas.
const REPLICAS_PROOF_BYTES: u64 = 76_000;

fn work(microseconds: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(
		microseconds.saturating_mul(MICROSECOND),
		reads.saturating_mul(ITEM_PROOF_BYTES),
	)
	.saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

fn proofs(count: u32) -> Weight {
	Weight::from_parts(10_000 * MICROSECOND, 60_000).saturating_mul(count.into())
}

fn read_bytes(bytes: u64, count: u32) -> Weight {
	Weight::from_parts(0, bytes).saturating_mul(count.into())
}

/// Partitions with both of their lists.
fn partitions(count: u32) -> Weight {
	read_bytes(
		PARTITION_PROOF_BYTES + NUMBERS_PROOF_BYTES + REPLICAS_PROOF_BYTES,
		count,
	)
}

impl WeightInfo for () {
	fn register() -> Weight {
		work(30, 3, 1)
	}

	fn set_addresses() -> Weight {
		work(20, 1, 1)
	}

	fn set_ask() -> Weight {
		work(20, 1, 1)
	}

	fn set_free_space() -> Weight {
		work(20, 2, 1)
	}

	fn pre_commit_sectors(s: u32, d: u32) -> Weight {
		// Each piece costs up to 64 hashes in CommD; an empty sector costs about as many.
		work(50, 4, 2)
			.saturating_add(work(150, 4, 3).saturating_mul(s.into()))
			.saturating_add(work(80, 1, 0).saturating_mul(d.into()))
	}

	fn prove_commit_sectors(s: u32, d: u32) -> Weight {
		work(50, 4, 2)
			.saturating_add(work(200, 13, 11).saturating_mul(s.into()))
			.saturating_add(partitions(s))
			.saturating_add(work(30, 1, 2).saturating_mul(d.into()))
	}

	fn submit_window_post(n: u32) -> Weight {
		work(50, 5, 0)
			.saturating_add(work(500, 3, 1).saturating_mul(n.into()))
			.saturating_add(partitions(n))
	}

	fn declare_faults(n: u32, s: u32) -> Weight {
		work(50, 3, 0)
			.saturating_add(work(50, 2, 1).saturating_mul(n.into()))
			.saturating_add(read_bytes(PARTITION_PROOF_BYTES, n))
			.saturating_add(work(20, 1, 0).saturating_mul(s.into()))
	}

	fn declare_recoveries(n: u32, s: u32) -> Weight {
		work(50, 3, 0)
			.saturating_add(work(50, 2, 1).saturating_mul(n.into()))
			.saturating_add(read_bytes(PARTITION_PROOF_BYTES, n))
			.saturating_add(work(20, 1, 1).saturating_mul(s.into()))
	}

	fn terminate_sectors(s: u32) -> Weight {
		let each = work(200, 11, 12)
			.saturating_add(read_bytes(PARTITION_PROOF_BYTES + NUMBERS_PROOF_BYTES, 1));
		work(50, 3, 0).saturating_add(each.saturating_mul(s.into()))
	}

	fn extend_sectors(s: u32) -> Weight {
		let each = work(60, 4, 3).saturating_add(read_bytes(PARTITION_PROOF_BYTES, 1));
		work(50, 3, 0).saturating_add(each.saturating_mul(s.into()))
	}

	fn deregister() -> Weight {
		work(50, 3, 4)
	}

	fn propose_key() -> Weight {
		work(20, 3, 2)
	}

	fn confirm_key() -> Weight {
		work(30, 3, 3)
	}

	fn compact_partitions(s: u32) -> Weight {
		work(200, 9, 8)
			.saturating_add(partitions(2))
			.saturating_add(work(50, 3, 3).saturating_mul(s.into()))
	}

	fn migrate_to_v2(p: u32, n: u32) -> Weight {
		work(20, 2, 1)
			.saturating_add(work(20, 1, 1).saturating_mul(p.into()))
			.saturating_add(work(20, 1, 1).saturating_mul(n.into()))
			.saturating_add(read_bytes(PARTITION_PROOF_BYTES, n))
	}

	fn service_block() -> Weight {
		work(20, 4, 1)
	}

	fn close_window() -> Weight {
		work(90, 9, 7).saturating_add(read_bytes(PARTITION_PROOF_BYTES, 1))
	}

	fn expire_sector() -> Weight {
		// Each counts as if it were the only one of its partition.
		work(200, 10, 11).saturating_add(read_bytes(PARTITION_PROOF_BYTES + NUMBERS_PROOF_BYTES, 1))
	}

	fn expire_pre_commit() -> Weight {
		work(50, 4, 4)
	}
}
