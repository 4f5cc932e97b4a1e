//! What `pallet_faucet` costs, measured in the chain's wasm by `make weights`: do not edit.
//!
//! 2026-11-27 on AMD EPYC; 10 steps, 5 repeats, Compiled.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_faucet::WeightInfo for WeightInfo<T> {
	/// Storage: `StorageProvider::PolicyValue` (r:1 w:0)
	/// Proof: `StorageProvider::PolicyValue` (`max_values`: Some(1), `max_size`: Some(109), added: 604, mode: `MaxEncodedLen`)
	/// Storage: `Faucet::LastDrip` (r:1 w:1)
	/// Proof: `Faucet::LastDrip` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Faucet::DripsInBlock` (r:1 w:1)
	/// Proof: `Faucet::DripsInBlock` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Faucet::DripsAt` (r:0 w:1)
	/// Proof: `Faucet::DripsAt` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
	fn drip() -> Weight {
		// Minimum execution time: 89_163_000 ps. Proof, measured: 260 bytes.
		Weight::from_parts(93_519_000, 3593)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// Storage: `Faucet::ForgetCursor` (r:1 w:1)
	/// Proof: `Faucet::ForgetCursor` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Faucet::DripsAt` (r:11 w:10)
	/// Proof: `Faucet::DripsAt` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
	/// Storage: `Faucet::LastDrip` (r:0 w:10)
	/// Proof: `Faucet::LastDrip` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	fn on_initialize(n: u32, ) -> Weight {
		// Minimum execution time: 14_272_000 ps. Proof, measured: 115 + n * 54 bytes.
		Weight::from_parts(8_826_672, 1489)
			.saturating_add(Weight::from_parts(7_957_137, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().reads((1_u64).saturating_mul(n.into())))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes((2_u64).saturating_mul(n.into())))
			.saturating_add(Weight::from_parts(0, 2535).saturating_mul(n.into()))
	}
}
