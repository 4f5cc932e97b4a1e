//! The weights of the faucet's call and hook.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// What the call and the hook cost.
pub trait WeightInfo {
	/// One drip.
	fn drip() -> Weight;
	/// `n` steps of forgetting.
	fn on_initialize(n: u32) -> Weight;
}

/// Estimates from above, for runtimes without a benchmark of their own.
impl WeightInfo for () {
	fn drip() -> Weight {
		// The record is read and the account checked when the call is validated and when it is executed.
		Weight::from_parts(60_000_000, 6_000)
			.saturating_add(RocksDbWeight::get().reads_writes(6, 5))
	}

	fn on_initialize(n: u32) -> Weight {
		let each = Weight::from_parts(10_000_000, 3_000)
			.saturating_add(RocksDbWeight::get().reads_writes(2, 2));
		Weight::from_parts(5_000_000, 1_500)
			.saturating_add(RocksDbWeight::get().reads_writes(2, 1))
			.saturating_add(each.saturating_mul(n.into()))
	}
}
