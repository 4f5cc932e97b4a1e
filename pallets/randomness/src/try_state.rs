//! What must hold between blocks.

use super::*;
use frame_support::ensure;
use holdfast_primitives::BlockNumber;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Kept values are of blocks between the oldest kept one and now, without a gap.
	pub fn do_try_state(now: BlockNumber) -> Result<(), TryRuntimeError> {
		let oldest = OldestKept::<T>::get();
		let mut kept: u64 = 0;
		let mut newest = oldest;
		for block in History::<T>::iter_keys() {
			ensure!(
				block >= oldest,
				"a value is older than the oldest kept block"
			);
			ensure!(block <= now, "a value is of a block to come");
			newest = newest.max(block);
			kept = kept.saturating_add(1);
		}
		if kept > 0 {
			let span = u64::from(newest)
				.saturating_sub(oldest.into())
				.saturating_add(1);
			ensure!(kept == span, "a value between kept values is missing");
			ensure!(
				History::<T>::get(newest) == Latest::<T>::get(),
				"the latest value is not the newest block's"
			);
		}
		ensure!(
			Latest::<T>::exists() == LatestSource::<T>::exists(),
			"a value has no source, or a source no value"
		);
		Ok(())
	}
}
