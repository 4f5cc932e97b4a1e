//! Keys in a chain specification.

use alloc::string::String;
use holdfast_primitives::{Digest, KeyId, KeyOrigin, ProofVersion};
use serde::{Deserialize, Serialize};
use sp_runtime::DispatchError;

use crate::{Config, Pallet};

/// A verifying key that a chain begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisKey {
	/// What the key verifies.
	pub id: KeyId,
	/// Of which circuits.
	pub version: ProofVersion,
	/// Who made it.
	pub origin: KeyOrigin,
	/// The key in bellperson's uncompressed form, hexadecimal, with or without `0x`.
	pub key: String,
	/// Its BLAKE2b-256, hexadecimal, with or without `0x`.
	pub digest: String,
}

/// Stores one key or stops the chain from beginning.
pub(crate) fn install<T: Config>(key: &GenesisKey) {
	let id = key.id;
	let Ok(bytes) = const_hex::decode(&key.key) else {
		panic!("the genesis verifying key for {id:?} is not hexadecimal");
	};
	let mut digest = Digest::default();
	if const_hex::decode_to_slice(&key.digest, &mut digest).is_err() {
		panic!("the digest of the genesis verifying key for {id:?} is not 64 hexadecimal digits");
	}
	if let Err(error) = Pallet::<T>::install(id, key.version, key.origin, &bytes, digest) {
		let reason = match error {
			DispatchError::Module(error) => error.message.unwrap_or("unknown error"),
			other => other.into(),
		};
		panic!("the genesis verifying key for {id:?} is refused: {reason}");
	}
}
