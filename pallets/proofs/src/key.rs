//! Keys as the chain keeps them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	ensure,
	traits::{Contains, Get},
	BoundedVec,
};
use holdfast_primitives::{Digest, KeyId, KeyOrigin, ProofKind, ProofVersion};
use holdfast_verifier::{parameters::Parameters, PreparedVerifyingKey};
use scale_info::TypeInfo;
use sp_runtime::{
	traits::{BlakeTwo256, ConstU32, Hash},
	DispatchError, DispatchResult,
};

use crate::{Config, Error, Keys, Pallet};

/// The most bytes of a key that a call can carry: enough for every proof of replication.
pub const MAX_KEY_BYTES: u32 = 40_960;
/// The most bytes of a prepared key: enough for every proof of replication.
pub const MAX_PREPARED_KEY_BYTES: u32 = 98_304;

/// The bytes of a key before its input points, and of each of those.
const KEY_HEAD_BYTES: usize = 868;
const KEY_POINT_BYTES: usize = 96;

/// A key in the form that verification wants, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct StoredKey {
	/// BLAKE2b-256 of the key in its original form.
	pub digest: Digest,
	/// Who made it.
	pub origin: KeyOrigin,
	/// What [`PreparedVerifyingKey::encode`] wrote.
	pub prepared: BoundedVec<u8, ConstU32<MAX_PREPARED_KEY_BYTES>>,
}

/// What anybody wants to know of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct KeySummary {
	/// BLAKE2b-256 of the key in its original form.
	pub digest: Digest,
	/// Who made it.
	pub origin: KeyOrigin,
}

/// How many public inputs the statements of a kind and size have. All that the verifier knows are of one
/// version.
pub(crate) fn expected_inputs(id: KeyId) -> Option<usize> {
	let parameters = Parameters::of(id.sector_size.bytes()).ok()?;
	Some(match id.kind {
		ProofKind::PoRep => parameters.porep_inputs(),
		ProofKind::WindowPoSt => parameters.window_post_inputs(),
	})
}

/// How many input points a key of `length` bytes can have, for its weight.
pub(crate) fn inputs_of_length(length: usize) -> u32 {
	let points = length.saturating_sub(KEY_HEAD_BYTES) / KEY_POINT_BYTES;
	u32::try_from(points).unwrap_or(u32::MAX)
}

impl<T: Config> Pallet<T> {
	/// Whether this chain accepts keys of an origin and digest. A well-known devnet key is one whatever it
	/// is called.
	pub(crate) fn may_trust(origin: KeyOrigin, digest: &Digest) -> bool {
		T::AcceptDevnetKeys::get()
			|| (origin != KeyOrigin::Devnet && !T::DevnetKeys::contains(digest))
	}

	/// Checks a key completely, prepares it and stores it. What is cheap to refuse comes first.
	pub(crate) fn install(
		id: KeyId,
		version: ProofVersion,
		origin: KeyOrigin,
		bytes: &[u8],
		digest: Digest,
	) -> DispatchResult {
		ensure!(
			Self::may_trust(origin, &digest),
			Error::<T>::DevnetKeyRefused
		);
		let inputs = expected_inputs(id).ok_or(Error::<T>::WrongInputCount)?;
		ensure!(
			u32::try_from(PreparedVerifyingKey::encoded_len(inputs))
				.is_ok_and(|length| length <= MAX_PREPARED_KEY_BYTES),
			Error::<T>::KeyTooLarge
		);
		ensure!(
			BlakeTwo256::hash(bytes).0 == digest,
			Error::<T>::DigestMismatch
		);
		let key = PreparedVerifyingKey::from_bytes(bytes).map_err(|_| Error::<T>::MalformedKey)?;
		ensure!(key.input_count() == inputs, Error::<T>::WrongInputCount);
		let prepared = BoundedVec::try_from(key.encode())
			.map_err(|_| DispatchError::from(Error::<T>::KeyTooLarge))?;
		Keys::<T>::insert(
			id,
			version,
			StoredKey {
				digest,
				origin,
				prepared,
			},
		);
		Ok(())
	}
}
