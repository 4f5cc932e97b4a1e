//! What `pallet_market` costs, measured in the chain's wasm by `make weights`: do not edit.
//!
//! 2026-11-27 on AMD EPYC; 10 steps, 5 repeats, Compiled.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_market::WeightInfo for WeightInfo<T> {
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
	fn deposit() -> Weight {
		// Minimum execution time: 90_845_000 ps. Proof, measured: 55 bytes.
		Weight::from_parts(103_794_000, 3640)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
	fn withdraw() -> Weight {
		// Minimum execution time: 78_176_000 ps. Proof, measured: 55 bytes.
		Weight::from_parts(120_549_000, 3640)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `StorageProvider::Providers` (r:1 w:0)
	/// Proof: `StorageProvider::Providers` (`max_values`: None, `max_size`: Some(1156), added: 3631, mode: `MaxEncodedLen`)
	/// Storage: `StorageProvider::PolicyValue` (r:1 w:0)
	/// Proof: `StorageProvider::PolicyValue` (`max_values`: Some(1), `max_size`: Some(109), added: 604, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Market::Nonces` (r:32 w:32)
	/// Proof: `Market::Nonces` (`max_values`: None, `max_size`: Some(72), added: 2547, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:33 w:33)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:32 w:32)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Market::NextDealId` (r:1 w:1)
	/// Proof: `Market::NextDealId` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Market::StartAgenda` (r:0 w:32)
	/// Proof: `Market::StartAgenda` (`max_values`: None, `max_size`: Some(28), added: 2503, mode: `MaxEncodedLen`)
	/// Storage: `Market::Deals` (r:0 w:32)
	/// Proof: `Market::Deals` (`max_values`: None, `max_size`: Some(185), added: 2660, mode: `MaxEncodedLen`)
	fn publish_deals(n: u32, ) -> Weight {
		// Minimum execution time: 345_754_000 ps. Proof, measured: 498 + n * 155 bytes.
		Weight::from_parts(448_306_837, 4621)
			.saturating_add(Weight::from_parts(295_067_238, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().reads((3_u64).saturating_mul(n.into())))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes((5_u64).saturating_mul(n.into())))
			.saturating_add(Weight::from_parts(0, 2650).saturating_mul(n.into()))
	}
	/// Storage: `Market::Deals` (r:32 w:32)
	/// Proof: `Market::Deals` (`max_values`: None, `max_size`: Some(185), added: 2660, mode: `MaxEncodedLen`)
	/// Storage: `StorageProvider::Sectors` (r:32 w:32)
	/// Proof: `StorageProvider::Sectors` (`max_values`: None, `max_size`: Some(431), added: 2906, mode: `MaxEncodedLen`)
	/// Storage: `StorageProvider::Providers` (r:1 w:0)
	/// Proof: `StorageProvider::Providers` (`max_values`: None, `max_size`: Some(1156), added: 3631, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:33 w:33)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:32 w:32)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Market::Nonces` (r:0 w:32)
	/// Proof: `Market::Nonces` (`max_values`: None, `max_size`: Some(72), added: 2547, mode: `MaxEncodedLen`)
	fn settle_deals(n: u32, ) -> Weight {
		// Minimum execution time: 376_960_000 ps. Proof, measured: 599 + n * 410 bytes.
		Weight::from_parts(310_165_071, 4621)
			.saturating_add(Weight::from_parts(409_305_693, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().reads((4_u64).saturating_mul(n.into())))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes((5_u64).saturating_mul(n.into())))
			.saturating_add(Weight::from_parts(0, 2906).saturating_mul(n.into()))
	}
	/// Storage: `Market::Deals` (r:1 w:1)
	/// Proof: `Market::Deals` (`max_values`: None, `max_size`: Some(185), added: 2660, mode: `MaxEncodedLen`)
	/// Storage: `StorageProvider::PolicyValue` (r:1 w:0)
	/// Proof: `StorageProvider::PolicyValue` (`max_values`: Some(1), `max_size`: Some(109), added: 604, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:2 w:2)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	fn cancel_deal() -> Weight {
		// Minimum execution time: 247_518_000 ps. Proof, measured: 808 bytes.
		Weight::from_parts(392_343_000, 6290)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// Storage: `StorageProvider::Providers` (r:1 w:0)
	/// Proof: `StorageProvider::Providers` (`max_values`: None, `max_size`: Some(1156), added: 3631, mode: `MaxEncodedLen`)
	/// Storage: `Market::Deals` (r:1 w:1)
	/// Proof: `Market::Deals` (`max_values`: None, `max_size`: Some(185), added: 2660, mode: `MaxEncodedLen`)
	/// Storage: `StorageProvider::PolicyValue` (r:1 w:0)
	/// Proof: `StorageProvider::PolicyValue` (`max_values`: Some(1), `max_size`: Some(109), added: 604, mode: `MaxEncodedLen`)
	/// Storage: `StorageProvider::Sectors` (r:1 w:0)
	/// Proof: `StorageProvider::Sectors` (`max_values`: None, `max_size`: Some(431), added: 2906, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:2 w:2)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	fn extend_deal() -> Weight {
		// Minimum execution time: 293_537_000 ps. Proof, measured: 1100 bytes.
		Weight::from_parts(470_619_000, 6290)
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// Storage: `Market::AgendaCursor` (r:1 w:1)
	/// Proof: `Market::AgendaCursor` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Market::StartAgenda` (r:64 w:63)
	/// Proof: `Market::StartAgenda` (`max_values`: None, `max_size`: Some(28), added: 2503, mode: `MaxEncodedLen`)
	/// Storage: `Market::Deals` (r:63 w:63)
	/// Proof: `Market::Deals` (`max_values`: None, `max_size`: Some(185), added: 2660, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:64 w:64)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(175), added: 2650, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:63 w:63)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Market::Nonces` (r:0 w:63)
	/// Proof: `Market::Nonces` (`max_values`: None, `max_size`: Some(72), added: 2547, mode: `MaxEncodedLen`)
	fn on_initialize(n: u32, ) -> Weight {
		// Minimum execution time: 15_022_000 ps. Proof, measured: 0 + n * 370 bytes.
		Weight::from_parts(15_473_000, 19610)
			.saturating_add(Weight::from_parts(227_315_160, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().reads((4_u64).saturating_mul(n.into())))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes((5_u64).saturating_mul(n.into())))
			.saturating_add(Weight::from_parts(0, 2650).saturating_mul(n.into()))
	}
}
