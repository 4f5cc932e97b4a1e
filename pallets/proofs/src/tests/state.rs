//! The invariants notice what they are for.

use frame_support::BoundedVec;
use holdfast_primitives::{KeyOrigin, SectorSize};

use super::mock::*;
use crate::{Keys, ProofError, StoredKey};

/// Stores a good key, lets `change` break it, and returns what is noticed.
fn noticed(change: impl FnOnce(&mut StoredKey)) -> sp_runtime::TryRuntimeError {
	new_test_ext().execute_with(|| {
		let id = porep(SectorSize::MiB8);
		store(id);
		Proofs::do_try_state().unwrap();
		let mut stored = Keys::<Test>::get(id, VERSION).unwrap();
		change(&mut stored);
		Keys::<Test>::insert(id, VERSION, stored);
		Proofs::do_try_state().unwrap_err()
	})
}

#[test]
fn every_broken_invariant_is_noticed() {
	let errors = [
		noticed(|stored| stored.prepared = BoundedVec::default()),
		noticed(|stored| stored.digest = [0; 32]),
		noticed(|stored| {
			let other = key(window_post(SectorSize::MiB8)).verifying_key();
			let other = holdfast_verifier::PreparedVerifyingKey::from_bytes(&other).unwrap();
			stored.digest = other.digest();
			stored.prepared = other.encode().try_into().unwrap();
		}),
		noticed(|stored| {
			AcceptDevnetKeys::set(false);
			stored.origin = KeyOrigin::Devnet;
		}),
		noticed(|stored| {
			AcceptDevnetKeys::set(false);
			DevnetDigests::set(vec![stored.digest]);
		}),
	];
	let texts: Vec<&str> = errors.into_iter().map(Into::into).collect();
	assert_eq!(
		texts,
		[
			"a stored verifying key cannot be read",
			"a stored verifying key has another digest",
			"a stored verifying key is for another number of inputs",
			"a devnet key is stored on a chain that refuses those",
			"a devnet key is stored on a chain that refuses those",
		]
	);
}

#[test]
fn a_key_that_cannot_be_read_verifies_nothing() {
	new_test_ext().execute_with(|| {
		let id = porep(SectorSize::MiB8);
		store(id);
		Keys::<Test>::mutate(id, VERSION, |stored| {
			stored.as_mut().unwrap().prepared = BoundedVec::default();
		});
		assert_eq!(Proofs::prepared(id), Err(ProofError::CorruptKey));
	});
}
