//! What must be true of the faucet after every block.

use frame_support::ensure;
use sp_runtime::TryRuntimeError;

use crate::pallet::{Config, DripsAt, ForgetCursor, LastDrip, Pallet};

impl<T: Config> Pallet<T> {
	/// Checks that both records of drips agree, and that none is left behind.
	pub fn check_state() -> Result<(), TryRuntimeError> {
		let cursor = ForgetCursor::<T>::get().unwrap_or(0);
		let mut listed = 0usize;
		for (block, account) in DripsAt::<T>::iter_keys() {
			ensure!(block >= cursor, "an old drip was passed over");
			ensure!(
				LastDrip::<T>::get(&account) == Some(block),
				"a listed drip is not its account's last"
			);
			listed = listed.saturating_add(1);
		}
		ensure!(
			LastDrip::<T>::iter_keys().count() == listed,
			"a drip is not listed"
		);
		Ok(())
	}
}
