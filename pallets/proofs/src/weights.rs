//! What calls and verification cost.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// The weights of this pallet's calls, and of the functions that other pallets call.
pub trait WeightInfo {
	/// Checking, preparing and storing a key with `i` input points.
	fn set_verifying_key(i: u32) -> Weight;
	/// Removing a key.
	fn remove_verifying_key() -> Weight;
	/// Verifying the proofs of `n` small sectors in one batch, with reading the key.
	fn verify_poreps(n: u32) -> Weight;
	/// The same when the last proof is bad: the batch, and then each sector alone.
	fn reject_poreps(n: u32) -> Weight;
	/// Verifying the proofs, ten each, of `n` sectors of 32 GiB or 64 GiB in one batch.
	fn verify_large_poreps(n: u32) -> Weight;
	/// The same when the last proof is bad.
	fn reject_large_poreps(n: u32) -> Weight;
	/// Verifying the window PoSts of `n` partitions, with `i` public inputs each, in one batch.
	fn verify_window_posts(n: u32, i: u32) -> Weight;
	/// The same when the last proof is bad.
	fn reject_window_posts(n: u32, i: u32) -> Weight;
}

/// Rough upper figures for wasm on a server core, for runtimes without measured ones.
impl WeightInfo for () {
	fn set_verifying_key(i: u32) -> Weight {
		Weight::from_parts(12_000_000_000, 100_000)
			.saturating_add(Weight::from_parts(400_000_000, 0).saturating_mul(i.into()))
			.saturating_add(RocksDbWeight::get().reads_writes(1, 1))
	}

	fn remove_verifying_key() -> Weight {
		Weight::from_parts(50_000_000, 100_000)
			.saturating_add(RocksDbWeight::get().reads_writes(1, 1))
	}

	fn verify_poreps(n: u32) -> Weight {
		batch(5_000, 4_500, n)
	}

	fn reject_poreps(n: u32) -> Weight {
		batch(5_000, 13_500, n)
	}

	fn verify_large_poreps(n: u32) -> Weight {
		batch(20_000, 45_000, n)
	}

	fn reject_large_poreps(n: u32) -> Weight {
		batch(20_000, 105_000, n)
	}

	fn verify_window_posts(n: u32, i: u32) -> Weight {
		batch(5_000, 4_500, n).saturating_add(inputs(i))
	}

	fn reject_window_posts(n: u32, i: u32) -> Weight {
		batch(5_000, 13_500, n).saturating_add(inputs(i).saturating_mul(n.into()))
	}
}

/// Microseconds for a batch and for each of its `n` items, with the largest key that is stored.
fn batch(base: u64, each: u64, n: u32) -> Weight {
	let micros = |count: u64| Weight::from_parts(count.saturating_mul(1_000_000), 0);
	micros(base)
		.saturating_add(micros(each).saturating_mul(n.into()))
		.saturating_add(Weight::from_parts(0, 100_000))
		.saturating_add(RocksDbWeight::get().reads(1))
}

fn inputs(i: u32) -> Weight {
	Weight::from_parts(20_000_000, 0).saturating_mul(i.into())
}
