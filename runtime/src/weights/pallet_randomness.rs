//! What `pallet_randomness` costs, measured in the chain's wasm by `make weights`: do not edit.
//!
//! 2026-11-27 on AMD EPYC; 10 steps, 5 repeats, Compiled.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_randomness::WeightInfo for WeightInfo<T> {
	/// Storage: `Randomness::Latest` (r:1 w:1)
	/// Proof: `Randomness::Latest` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
	/// Storage: `System::ParentHash` (r:1 w:0)
	/// Proof: `System::ParentHash` (`max_values`: Some(1), `max_size`: Some(32), added: 527, mode: `MaxEncodedLen`)
	/// Storage: `Randomness::LatestSource` (r:1 w:1)
	/// Proof: `Randomness::LatestSource` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	/// Storage: `Randomness::OldestKept` (r:0 w:1)
	/// Proof: `Randomness::OldestKept` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Randomness::History` (r:0 w:1)
	/// Proof: `Randomness::History` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	fn record() -> Weight {
		// Minimum execution time: 13_290_000 ps. Proof, measured: 109 bytes.
		Weight::from_parts(17_265_000, 1517)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// Storage: `StorageProvider::PolicyValue` (r:1 w:0)
	/// Proof: `StorageProvider::PolicyValue` (`max_values`: Some(1), `max_size`: Some(109), added: 604, mode: `MaxEncodedLen`)
	/// Storage: `Randomness::OldestKept` (r:1 w:1)
	/// Proof: `Randomness::OldestKept` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Randomness::History` (r:0 w:4)
	/// Proof: `Randomness::History` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	fn prune(n: u32, ) -> Weight {
		// Minimum execution time: 4_917_000 ps. Proof, measured: 177 + n * 36 bytes.
		Weight::from_parts(8_911_825, 1594)
			.saturating_add(Weight::from_parts(4_450_408, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes((1_u64).saturating_mul(n.into())))
	}
}
