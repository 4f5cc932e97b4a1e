//! What the hooks cost.

use frame_support::weights::{
	constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_MICROS},
	Weight,
};

/// The weights of this pallet's hooks.
pub trait WeightInfo {
	/// Reading the relay chain's values and recording a block's value.
	fn record() -> Weight;
	/// Looking for what to remove, and removing `values` values.
	fn prune(values: u32) -> Weight;
}

/// Estimates on the safe side, for tests and until a machine's own measurements replace them.
impl WeightInfo for () {
	fn record() -> Weight {
		Weight::from_parts(WEIGHT_REF_TIME_PER_MICROS.saturating_mul(50), 2_048)
			.saturating_add(RocksDbWeight::get().reads_writes(3, 4))
	}

	fn prune(values: u32) -> Weight {
		let values = u64::from(values);
		Weight::from_parts(
			WEIGHT_REF_TIME_PER_MICROS.saturating_mul(5),
			values.saturating_mul(2_600).saturating_add(2_048),
		)
		// The policy, the cursor, and the cursor and values written.
		.saturating_add(RocksDbWeight::get().reads_writes(2, values.saturating_add(1)))
	}
}
