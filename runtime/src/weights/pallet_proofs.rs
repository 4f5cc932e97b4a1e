//! What `pallet_proofs` costs, measured in the chain's wasm by `make weights`: do not edit.
//!
//! 2026-11-27 on AMD EPYC; 10 steps, 5 repeats, Compiled.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_proofs::WeightInfo for WeightInfo<T> {
	/// Storage: `Proofs::Keys` (r:0 w:1)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn set_verifying_key(i: u32, ) -> Weight {
		// Minimum execution time: 12_659_052_000 ps. Proof, measured: 0 bytes.
		Weight::from_parts(14_358_904_634, 0)
			.saturating_add(Weight::from_parts(498_219_242, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Proofs::Keys` (r:1 w:1)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn remove_verifying_key() -> Weight {
		// Minimum execution time: 104_645_000 ps. Proof, measured: 58445 bytes.
		Weight::from_parts(160_188_000, 101825)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Proofs::Keys` (r:1 w:0)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn verify_poreps(n: u32, ) -> Weight {
		// Minimum execution time: 6_374_263_000 ps. Proof, measured: 30797 bytes.
		Weight::from_parts(10_701_874_434, 101825)
			.saturating_add(Weight::from_parts(2_183_427_589, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Proofs::Keys` (r:1 w:0)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn reject_poreps(n: u32, ) -> Weight {
		// Minimum execution time: 6_462_714_000 ps. Proof, measured: 30797 bytes.
		Weight::from_parts(1_116_937_992, 101825)
			.saturating_add(Weight::from_parts(9_608_146_557, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Proofs::Keys` (r:1 w:0)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn verify_large_poreps(n: u32, ) -> Weight {
		// Minimum execution time: 52_563_243_000 ps. Proof, measured: 58449 bytes.
		Weight::from_parts(24_792_780_351, 101825)
			.saturating_add(Weight::from_parts(30_605_702_583, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Proofs::Keys` (r:1 w:0)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn reject_large_poreps(n: u32, ) -> Weight {
		// Minimum execution time: 53_459_245_000 ps. Proof, measured: 58449 bytes.
		Weight::from_parts(15_874_174_115, 101825)
			.saturating_add(Weight::from_parts(90_886_009_945, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Proofs::Keys` (r:1 w:0)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn verify_window_posts(n: u32, i: u32, ) -> Weight {
		// Minimum execution time: 18_189_732_000 ps. Proof, measured: 27020 + i * 96 bytes.
		Weight::from_parts(18_410_019_000, 101825)
			.saturating_add(Weight::from_parts(2_025_633_252, 0).saturating_mul(n.into()))
			.saturating_add(Weight::from_parts(73_652_866, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Proofs::Keys` (r:1 w:0)
	/// Proof: `Proofs::Keys` (`max_values`: None, `max_size`: Some(98360), added: 100835, mode: `MaxEncodedLen`)
	fn reject_window_posts(n: u32, i: u32, ) -> Weight {
		// Minimum execution time: 14_401_843_000 ps. Proof, measured: 27020 + i * 96 bytes.
		Weight::from_parts(14_584_324_000, 101825)
			.saturating_add(Weight::from_parts(13_670_852_657, 0).saturating_mul(n.into()))
			.saturating_add(Weight::from_parts(182_523_928, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
}
