//! What calls and verification cost.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// The weights of this pallet's calls, and of the functions that other pallets call.
pub trait WeightInfo {
	/// Checking, preparing and storing a key with `i` input points.
	fn set_verifying_key(i: u32) -> Weight;
	/// Removing a key.
	fn remove_verifying_key() -> Weight;
	/// Verifying a proof of replication of `n` Groth16 proofs, with reading the key.
	fn verify_porep(n: u32) -> Weight;
	/// Verifying a window PoSt with `i` public inputs, with reading the key.
	fn verify_window_post(i: u32) -> Weight;
}

/// Rough upper figures for wasm on a server core, to be replaced by benchmarks on reference
/// hardware.
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

	fn verify_porep(n: u32) -> Weight {
		Weight::from_parts(4_000_000_000, 44_000)
			.saturating_add(Weight::from_parts(5_000_000_000, 3_200).saturating_mul(n.into()))
			.saturating_add(RocksDbWeight::get().reads(1))
	}

	fn verify_window_post(i: u32) -> Weight {
		Weight::from_parts(7_500_000_000, 44_000)
			.saturating_add(Weight::from_parts(20_000_000, 96).saturating_mul(i.into()))
			.saturating_add(RocksDbWeight::get().reads(1))
	}
}
