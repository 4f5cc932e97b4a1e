//! What must hold of the stored keys at every block.

use frame_support::ensure;
use holdfast_verifier::PreparedVerifyingKey;
use sp_runtime::TryRuntimeError;

use crate::{key, Config, Keys, Pallet};

impl<T: Config> Pallet<T> {
	/// Every stored key can be read, has the digest that it is stored with and the inputs of its
	/// kind and size, and is of an origin that this chain accepts.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		for (id, _, stored) in Keys::<T>::iter() {
			let key = PreparedVerifyingKey::decode_trusted(&stored.prepared)
				.map_err(|_| "a stored verifying key cannot be read")?;
			ensure!(
				key.digest() == stored.digest,
				"a stored verifying key has another digest"
			);
			ensure!(
				key::expected_inputs(id) == Some(key.input_count()),
				"a stored verifying key is for another number of inputs"
			);
			ensure!(
				Self::may_trust(stored.origin, &stored.digest),
				"a devnet key is stored on a chain that refuses those"
			);
		}
		Ok(())
	}
}
