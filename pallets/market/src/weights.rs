//! The weights of the market's calls and hook.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// What each call and the hook cost.
pub trait WeightInfo {
	/// One deposit.
	fn deposit() -> Weight;
	/// One withdrawal.
	fn withdraw() -> Weight;
	/// Publishing `n` deals.
	fn publish_deals(n: u32) -> Weight;
	/// Settling and closing `n` deals.
	fn settle_deals(n: u32) -> Weight;
	/// Cancelling a deal.
	fn cancel_deal() -> Weight;
	/// Extending a deal.
	fn extend_deal() -> Weight;
	/// `n` steps of the start agenda.
	fn on_initialize(n: u32) -> Weight;
}

/// Estimates from above, for runtimes without a benchmark of their own.
impl WeightInfo for () {
	fn deposit() -> Weight {
		Weight::from_parts(60_000_000, 4_000)
			.saturating_add(RocksDbWeight::get().reads_writes(2, 2))
	}

	fn withdraw() -> Weight {
		Weight::from_parts(60_000_000, 4_000)
			.saturating_add(RocksDbWeight::get().reads_writes(2, 2))
	}

	fn publish_deals(n: u32) -> Weight {
		// Two signature checks, two moves between holds and four new records for each deal.
		let each = Weight::from_parts(320_000_000, 14_000)
			.saturating_add(RocksDbWeight::get().reads_writes(8, 8));
		Weight::from_parts(30_000_000, 6_000)
			.saturating_add(RocksDbWeight::get().reads(4))
			.saturating_add(each.saturating_mul(n.into()))
	}

	fn settle_deals(n: u32) -> Weight {
		let each = Weight::from_parts(260_000_000, 20_000)
			.saturating_add(RocksDbWeight::get().reads_writes(9, 7));
		Weight::from_parts(10_000_000, 1_500).saturating_add(each.saturating_mul(n.into()))
	}

	fn cancel_deal() -> Weight {
		Weight::from_parts(160_000_000, 14_000)
			.saturating_add(RocksDbWeight::get().reads_writes(6, 5))
	}

	fn extend_deal() -> Weight {
		// Two signature checks and two moves between holds.
		Weight::from_parts(300_000_000, 16_000)
			.saturating_add(RocksDbWeight::get().reads_writes(9, 5))
	}

	fn on_initialize(n: u32) -> Weight {
		let each = Weight::from_parts(200_000_000, 14_000)
			.saturating_add(RocksDbWeight::get().reads_writes(7, 7));
		Weight::from_parts(10_000_000, 1_500)
			.saturating_add(RocksDbWeight::get().reads_writes(1, 1))
			.saturating_add(each.saturating_mul(n.into()))
	}
}
