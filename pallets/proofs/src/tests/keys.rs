//! Setting and removing keys.

use frame_support::{assert_noop, assert_ok, BoundedVec};
use holdfast_primitives::{KeyOrigin, SectorSize};
use holdfast_verifier::{trapdoor::TrapdoorKey, PreparedVerifyingKey};
use sp_runtime::{traits::BadOrigin, traits::ConstU32};

use super::mock::*;
use crate::{Error, Event, KeySummary, Keys, MAX_KEY_BYTES};

fn bounded(bytes: Vec<u8>) -> BoundedVec<u8, ConstU32<MAX_KEY_BYTES>> {
	bytes.try_into().unwrap()
}

#[test]
fn root_sets_a_key_and_it_is_kept_prepared() {
	execute(|| {
		for size in SectorSize::ALL {
			let id = porep(size);
			let bytes = key(id).verifying_key();
			let digest = digest(&bytes);
			assert_ok!(Proofs::set_verifying_key(
				RuntimeOrigin::root(),
				id,
				VERSION,
				KeyOrigin::Devnet,
				bounded(bytes.clone()),
				digest
			));
			System::assert_last_event(
				Event::VerifyingKeySet {
					id,
					version: VERSION,
					origin: KeyOrigin::Devnet,
					digest,
				}
				.into(),
			);
			let expected = PreparedVerifyingKey::from_bytes(&bytes).unwrap();
			assert_eq!(Proofs::prepared(id), Ok(expected));
			assert_eq!(
				Proofs::verifying_key(id, VERSION),
				Some(KeySummary {
					digest,
					origin: KeyOrigin::Devnet
				})
			);
		}
	});
}

#[test]
fn nobody_but_root_sets_or_removes_a_key() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		let bytes = key(id).verifying_key();
		let digest = digest(&bytes);
		for origin in [RuntimeOrigin::signed(1), RuntimeOrigin::none()] {
			assert_noop!(
				Proofs::set_verifying_key(
					origin.clone(),
					id,
					VERSION,
					KeyOrigin::Ceremony,
					bounded(bytes.clone()),
					digest
				),
				BadOrigin
			);
			assert_noop!(Proofs::remove_verifying_key(origin, id, VERSION), BadOrigin);
		}
	});
}

#[test]
fn a_second_key_replaces_the_first() {
	execute(|| {
		let id = window_post(SectorSize::KiB2);
		store(id);
		let bytes = TrapdoorKey::new(22, b"another").verifying_key();
		assert_ok!(Proofs::set_verifying_key(
			RuntimeOrigin::root(),
			id,
			VERSION,
			KeyOrigin::Ceremony,
			bounded(bytes.clone()),
			digest(&bytes)
		));
		assert_eq!(
			Proofs::verifying_key(id, VERSION).unwrap().digest,
			digest(&bytes)
		);
	});
}

#[test]
fn a_removed_key_is_gone_and_cannot_be_removed_again() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		store(id);
		assert_ok!(Proofs::remove_verifying_key(
			RuntimeOrigin::root(),
			id,
			VERSION
		));
		System::assert_last_event(
			Event::VerifyingKeyRemoved {
				id,
				version: VERSION,
			}
			.into(),
		);
		assert_eq!(Proofs::verifying_key(id, VERSION), None);
		assert_noop!(
			Proofs::remove_verifying_key(RuntimeOrigin::root(), id, VERSION),
			Error::<Test>::NoKey
		);
	});
}

#[test]
fn a_devnet_key_is_refused_where_those_are_refused() {
	execute(|| {
		AcceptDevnetKeys::set(false);
		let id = porep(SectorSize::MiB8);
		let bytes = key(id).verifying_key();
		let digest = digest(&bytes);
		assert_noop!(
			Proofs::install(id, VERSION, KeyOrigin::Devnet, &bytes, digest),
			Error::<Test>::DevnetKeyRefused
		);
		assert_ok!(Proofs::install(
			id,
			VERSION,
			KeyOrigin::Ceremony,
			&bytes,
			digest
		));
	});
}

#[test]
fn a_devnet_key_under_another_name_is_refused_by_its_digest() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		let bytes = key(id).verifying_key();
		let digest = digest(&bytes);
		DevnetDigests::set(vec![[7; 32], digest]);
		let install = || Proofs::install(id, VERSION, KeyOrigin::Ceremony, &bytes, digest);
		assert_ok!(install());
		Keys::<Test>::remove(id, VERSION);
		AcceptDevnetKeys::set(false);
		assert_noop!(install(), Error::<Test>::DevnetKeyRefused);
		DevnetDigests::set(vec![[7; 32]]);
		assert_ok!(install());
	});
}

#[test]
fn a_key_with_another_digest_is_refused() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		let bytes = key(id).verifying_key();
		let mut wrong = digest(&bytes);
		wrong[31] ^= 1;
		assert_noop!(
			Proofs::install(id, VERSION, KeyOrigin::Ceremony, &bytes, wrong),
			Error::<Test>::DigestMismatch
		);
	});
}

#[test]
fn a_key_for_another_number_of_inputs_is_refused() {
	execute(|| {
		for (id, other) in [
			(porep(SectorSize::MiB8), window_post(SectorSize::MiB8)),
			(window_post(SectorSize::MiB8), porep(SectorSize::MiB8)),
			(porep(SectorSize::GiB32), porep(SectorSize::MiB512)),
		] {
			let bytes = key(other).verifying_key();
			assert_noop!(
				Proofs::install(id, VERSION, KeyOrigin::Ceremony, &bytes, digest(&bytes)),
				Error::<Test>::WrongInputCount
			);
		}
	});
}

#[test]
fn bytes_that_are_no_key_are_refused() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		let mut off_curve = key(id).verifying_key();
		off_curve[95] ^= 1;
		let truncated = &key(id).verifying_key()[..4000];
		for bytes in [&[][..], &[0; 4708], &off_curve, truncated] {
			assert_noop!(
				Proofs::install(id, VERSION, KeyOrigin::Ceremony, bytes, digest(bytes)),
				Error::<Test>::MalformedKey
			);
		}
	});
}

#[test]
fn kinds_whose_keys_are_too_large_are_refused_before_any_work() {
	execute(|| {
		for size in [SectorSize::GiB32, SectorSize::GiB64] {
			assert_noop!(
				Proofs::install(
					window_post(size),
					VERSION,
					KeyOrigin::Ceremony,
					&[],
					[0; 32]
				),
				Error::<Test>::KeyTooLarge
			);
		}
		assert!(Keys::<Test>::iter().next().is_none());
	});
}
