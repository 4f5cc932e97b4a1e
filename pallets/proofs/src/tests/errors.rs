//! Every error is reached by a call or by the verification of a proof.

use std::collections::BTreeSet;

use holdfast_primitives::{CommR, KeyOrigin, SectorSize};
use holdfast_verifier::{porep::Statement, PreparedVerifyingKey};
use scale_info::{TypeDef, TypeInfo};
use sp_runtime::{DispatchError, DispatchResult};

use super::mock::*;
use crate::{Error, Keys, ProofError};

const SIZE: SectorSize = SectorSize::MiB8;

fn statement() -> Statement {
	Statement {
		sector_bytes: SIZE.bytes(),
		porep_id: SIZE.porep_id(),
		prover_id: [1; 32],
		sector_number: 7,
		comm_d: [2; 32],
		comm_r: [3; 32],
		ticket: [4; 32],
		seed: [5; 32],
	}
}

fn set(origin: KeyOrigin, bytes: &[u8], digest: [u8; 32]) -> DispatchResult {
	let bytes = bytes.to_vec().try_into().unwrap();
	Proofs::set_verifying_key(
		RuntimeOrigin::root(),
		porep(SIZE),
		VERSION,
		origin,
		bytes,
		digest,
	)
}

/// Sets a key that is whole, with its digest.
fn set_key(origin: KeyOrigin, bytes: &[u8]) -> DispatchResult {
	set(origin, bytes, digest(bytes))
}

fn verify(statement: Statement, proofs: &[[u8; 192]]) -> DispatchResult {
	Proofs::verify_poreps(SIZE, &[(statement, proofs)]).results[0]
		.map_err(ProofError::dispatch::<Test>)
}

/// Each is run on a chain of its own, and returns the error of its last step.
const SCENARIOS: &[fn() -> DispatchResult] = &[
	|| {
		AcceptDevnetKeys::set(false);
		set_key(KeyOrigin::Devnet, &key(porep(SIZE)).verifying_key())
	},
	|| {
		let bytes = key(porep(SIZE)).verifying_key();
		set(KeyOrigin::Ceremony, &bytes, [0; 32])
	},
	|| set_key(KeyOrigin::Ceremony, &[]),
	|| set_key(KeyOrigin::Ceremony, &key(window_post(SIZE)).verifying_key()),
	|| {
		Proofs::set_verifying_key(
			RuntimeOrigin::root(),
			window_post(SectorSize::GiB32),
			VERSION,
			KeyOrigin::Ceremony,
			Default::default(),
			[0; 32],
		)
	},
	|| Proofs::remove_verifying_key(RuntimeOrigin::root(), porep(SIZE), VERSION),
	|| {
		store(window_post(SIZE));
		let stored = Keys::<Test>::get(window_post(SIZE), VERSION).unwrap();
		Keys::<Test>::insert(porep(SIZE), VERSION, stored);
		verify(statement(), &[[0; 192]])
	},
	|| {
		store(porep(SIZE));
		let foreign = Statement {
			porep_id: SectorSize::KiB2.porep_id(),
			..statement()
		};
		verify(foreign, &[[0; 192]])
	},
	|| {
		store(porep(SIZE));
		let impossible = Statement {
			comm_r: [0xff; 32],
			..statement()
		};
		verify(impossible, &[[0; 192]])
	},
	|| {
		store(porep(SIZE));
		verify(statement(), &[])
	},
	|| {
		store(porep(SIZE));
		verify(statement(), &[[0; 192]])
	},
	|| {
		let key = store(porep(SIZE));
		verify(statement(), &[key.forge(&[], b"of something else")])
	},
];

fn name(error: DispatchError) -> String {
	let DispatchError::Module(error) = error else {
		panic!("{error:?} is not this pallet's");
	};
	error.message.unwrap().into()
}

#[test]
fn every_error_is_reached() {
	let mut reached = BTreeSet::new();
	for scenario in SCENARIOS {
		new_test_ext().execute_with(|| {
			let error = scenario().unwrap_err();
			assert!(reached.insert(name(error)), "{error:?} is reached twice");
		});
	}
	let TypeDef::Variant(errors) = Error::<Test>::type_info().type_def else {
		panic!("it is an enum");
	};
	let all = errors.variants.iter().map(|error| error.name.to_string());
	assert_eq!(reached, all.collect());
}

#[test]
fn keys_at_their_limits_are_refused_without_a_panic() {
	execute(|| {
		let good = key(porep(SIZE)).verifying_key();
		let mut tries: Vec<Vec<u8>> = vec![
			vec![0; crate::MAX_KEY_BYTES as usize],
			vec![0xff; crate::MAX_KEY_BYTES as usize],
			[&good[..], &[0]].concat(),
		];
		// Cut at the ends of the key's parts and beside them.
		for end in [
			0, 1, 95, 96, 192, 384, 576, 672, 864, 867, 868, 869, 963, 964,
		] {
			tries.push(good[..end].to_vec());
		}
		// A count of input points that no key has.
		for count in [0u32, 1, 39, 41, u32::MAX] {
			let mut bytes = good.clone();
			bytes[864..868].copy_from_slice(&count.to_be_bytes());
			tries.push(bytes);
		}
		// A bit of each point.
		for position in (0..good.len()).step_by(96) {
			let mut bytes = good.clone();
			bytes[position] ^= 0x80;
			tries.push(bytes);
		}
		for bytes in tries {
			let error = set_key(KeyOrigin::Ceremony, &bytes).unwrap_err();
			assert_eq!(name(error), "MalformedKey", "{} bytes", bytes.len());
		}
		assert_eq!(Keys::<Test>::iter().count(), 0);
		// And as long as a call allows, no further.
		let too_long = vec![0; crate::MAX_KEY_BYTES as usize + 1];
		assert!(frame_support::BoundedVec::<
			u8,
			sp_runtime::traits::ConstU32<{ crate::MAX_KEY_BYTES }>,
		>::try_from(too_long)
		.is_err());
	});
}

#[test]
fn partitions_that_cannot_be_are_refused_without_a_panic() {
	execute(|| {
		store(window_post(SIZE));
		let sector = |number| (number, CommR([4; 32]));
		let cases = [
			vec![],
			vec![sector(1), sector(1)],
			vec![sector(2), sector(1)],
			vec![sector(0), sector(1), sector(u64::MAX)],
			vec![(1, CommR([0xff; 32]))],
		];
		for sectors in &cases {
			let found = Proofs::verify_window_posts(SIZE, &[1; 32], &[(&sectors[..], [0; 192])]);
			assert_eq!(
				found.results,
				[Err(ProofError::ImpossibleStatement)],
				"{sectors:?}"
			);
		}
		let last = [sector(u64::MAX)];
		let found = Proofs::verify_window_posts(SIZE, &[1; 32], &[(&last[..], [0; 192])]);
		assert_eq!(found.results, [Err(ProofError::MalformedProof)]);
	});
}

#[test]
fn a_prepared_key_of_any_bytes_is_refused_without_a_panic() {
	let bytes = key(porep(SIZE)).verifying_key();
	let good = PreparedVerifyingKey::from_bytes(&bytes).unwrap().encode();
	for end in [0, 4, 5, 37, 41, 600, good.len() - 1] {
		assert!(PreparedVerifyingKey::decode_trusted(&good[..end]).is_err());
	}
}
