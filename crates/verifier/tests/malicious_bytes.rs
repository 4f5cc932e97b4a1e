//! Keys and proofs from somebody who wants a panic, or two encodings of one thing.
#![allow(clippy::unwrap_used)]

mod common;

use ark_bls12_381::{Fq, Fq2, G1Affine, G2Affine};
use ark_ff::{BigInteger, Field, PrimeField};
use ark_serialize::CanonicalSerialize;
use holdfast_verifier::{
	trapdoor::TrapdoorKey, verify, verify_batch, Fr, KeyError, PointError, PreparedVerifyingKey,
	ProofPoint, VerifyError,
};
use proptest::prelude::*;

const INPUTS: usize = 3;
/// The byte ranges of the six points before the list, and of the first input points.
const KEY_POINTS: [(usize, usize); 8] = [
	(0, 96),
	(96, 96),
	(192, 192),
	(384, 192),
	(576, 96),
	(672, 192),
	(868, 96),
	(964, 96),
];
const PROOF_POINTS: [(ProofPoint, usize, usize); 3] = [
	(ProofPoint::A, 0, 48),
	(ProofPoint::B, 48, 96),
	(ProofPoint::C, 144, 48),
];

fn setting() -> (Vec<u8>, PreparedVerifyingKey, Vec<Fr>, [u8; 192]) {
	let key = TrapdoorKey::new(INPUTS, b"malice");
	let bytes = key.verifying_key();
	let prepared = PreparedVerifyingKey::from_bytes(&bytes).unwrap();
	let inputs = vec![Fr::from(1u8), Fr::from(20u8), Fr::from(300u16)];
	let proof = key.forge(&inputs, b"proof");
	assert_eq!(verify(&prepared, &inputs, &proof), Ok(()));
	(bytes, prepared, inputs, proof)
}

/// A point on the curve but outside the prime-order subgroup.
fn stray_g1() -> G1Affine {
	(1u64..)
		.filter_map(|x| G1Affine::get_point_from_x_unchecked(Fq::from(x), false))
		.find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
		.unwrap()
}

fn stray_g2() -> G2Affine {
	(1u64..)
		.filter_map(|x| {
			G2Affine::get_point_from_x_unchecked(Fq2::from_base_prime_field(Fq::from(x)), false)
		})
		.find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
		.unwrap()
}

/// An x that no point of G1's curve has.
fn x_without_y() -> Fq {
	(1u64..)
		.map(Fq::from)
		.find(|x| G1Affine::get_point_from_x_unchecked(*x, false).is_none())
		.unwrap()
}

fn x_without_y_g2() -> Fq2 {
	(1u64..)
		.map(|x| Fq2::from_base_prime_field(Fq::from(x)))
		.find(|x| G2Affine::get_point_from_x_unchecked(*x, false).is_none())
		.unwrap()
}

fn proof_error(point: ProofPoint, error: PointError) -> Result<(), VerifyError> {
	Err(VerifyError::Point {
		proof: 0,
		point,
		error,
	})
}

#[test]
fn every_truncation_and_extension_of_a_key_is_refused() {
	let (bytes, ..) = setting();
	for length in 0..bytes.len() {
		assert!(
			PreparedVerifyingKey::from_bytes(&bytes[..length]).is_err(),
			"{length} bytes"
		);
	}
	for extra in [1, 95, 96, 97] {
		let mut longer = bytes.clone();
		longer.resize(bytes.len() + extra, 0);
		assert_eq!(
			PreparedVerifyingKey::from_bytes(&longer).unwrap_err(),
			KeyError::Length
		);
	}
}

#[test]
fn a_count_that_does_not_match_the_bytes_is_refused_before_anything_is_allocated() {
	let (bytes, ..) = setting();
	for count in [0u32, 1, 3, 5, u32::MAX] {
		let mut changed = bytes.clone();
		changed[864..868].copy_from_slice(&count.to_be_bytes());
		assert_eq!(
			PreparedVerifyingKey::from_bytes(&changed).unwrap_err(),
			KeyError::Length
		);
	}
}

#[test]
fn a_key_without_inputs_is_refused() {
	let bytes = TrapdoorKey::new(0, b"none").verifying_key();
	assert_eq!(
		PreparedVerifyingKey::from_bytes(&bytes).unwrap_err(),
		KeyError::NoInputs
	);
}

#[test]
fn a_key_whose_gamma_is_its_delta_is_refused() {
	let (mut bytes, ..) = setting();
	bytes.copy_within(384..576, 672);
	assert_eq!(
		PreparedVerifyingKey::from_bytes(&bytes).unwrap_err(),
		KeyError::GammaEqualsDelta
	);
}

#[test]
fn every_point_of_a_key_is_checked() {
	let (bytes, ..) = setting();
	let refused = |index: usize, change: &dyn Fn(&mut [u8])| {
		let (start, length) = KEY_POINTS[index];
		let mut changed = bytes.clone();
		change(&mut changed[start..start + length]);
		match PreparedVerifyingKey::from_bytes(&changed).unwrap_err() {
			KeyError::Point {
				index: found,
				error,
			} if found == index => error,
			other => panic!("point {index}: {other:?}"),
		}
	};
	let (mut stray1, mut stray2) = (Vec::new(), Vec::new());
	stray_g1().serialize_uncompressed(&mut stray1).unwrap();
	stray_g2().serialize_uncompressed(&mut stray2).unwrap();
	for (index, (_, length)) in KEY_POINTS.into_iter().enumerate() {
		let identity = |point: &mut [u8]| {
			point.fill(0);
			point[0] = 0x40;
		};
		assert_eq!(refused(index, &identity), PointError::Identity);
		let odd_identity = |point: &mut [u8]| {
			point.fill(7);
			point[0] = 0x40;
		};
		assert_eq!(refused(index, &odd_identity), PointError::Identity);
		// (0, 0) is what the curve library uses for the identity.
		assert_eq!(refused(index, &|point| point.fill(0)), PointError::Identity);
		assert_eq!(refused(index, &|point| point[0] |= 0x80), PointError::Flags);
		assert_eq!(refused(index, &|point| point[0] |= 0x20), PointError::Flags);
		assert_eq!(
			refused(index, &|point| point[length - 1] ^= 1),
			PointError::NotOnCurve
		);
		for coordinate in (0..length).step_by(48) {
			let too_large = |point: &mut [u8]| {
				point[coordinate..coordinate + 48].copy_from_slice(&Fq::MODULUS.to_bytes_be());
			};
			assert_eq!(refused(index, &too_large), PointError::NotCanonical);
		}
		let stray = if length == 96 { &stray1 } else { &stray2 };
		assert_eq!(
			refused(index, &|point| point.copy_from_slice(stray)),
			PointError::WrongSubgroup
		);
	}
}

#[test]
fn every_point_of_a_proof_is_checked() {
	let (_, key, inputs, proof) = setting();
	let (mut stray1, mut stray2) = (Vec::new(), Vec::new());
	stray_g1().serialize_compressed(&mut stray1).unwrap();
	stray_g2().serialize_compressed(&mut stray2).unwrap();
	for (point, start, length) in PROOF_POINTS {
		let refused = |error: PointError, change: &dyn Fn(&mut [u8])| {
			let mut changed = proof;
			change(&mut changed[start..start + length]);
			assert_eq!(verify(&key, &inputs, &changed), proof_error(point, error));
			// And in a batch, where the proof's position is told.
			assert_eq!(
				verify_batch(&key, &[(&inputs, proof), (&inputs, changed)]),
				Err(VerifyError::Point {
					proof: 1,
					point,
					error
				})
			);
		};
		refused(PointError::Identity, &|bytes| {
			bytes.fill(0);
			bytes[0] = 0xc0;
		});
		refused(PointError::Identity, &|bytes| bytes[0] |= 0x40);
		refused(PointError::Flags, &|bytes| bytes[0] &= 0x7f);
		refused(PointError::Flags, &|bytes| bytes.fill(0));
		for coordinate in (0..length).step_by(48) {
			refused(PointError::NotCanonical, &|bytes| {
				let sign = bytes[0] & 0xe0;
				bytes[coordinate..coordinate + 48].copy_from_slice(&Fq::MODULUS.to_bytes_be());
				if coordinate == 0 {
					bytes[0] |= sign;
				}
			});
			refused(PointError::NotCanonical, &|bytes| {
				bytes[coordinate..coordinate + 48].fill(0xbf)
			});
		}
		refused(PointError::NotOnCurve, &|bytes| {
			bytes.fill(0);
			if length == 48 {
				bytes.copy_from_slice(&x_without_y().into_bigint().to_bytes_be());
			} else {
				let x = x_without_y_g2();
				bytes[48..].copy_from_slice(&x.c0.into_bigint().to_bytes_be());
			}
			bytes[0] |= 0x80;
		});
		let stray = if length == 48 { &stray1 } else { &stray2 };
		refused(PointError::WrongSubgroup, &|bytes| {
			bytes.copy_from_slice(stray)
		});
		// The other root: a valid point, but not the proof's.
		let mut negated = proof;
		negated[start] ^= 0x20;
		assert_eq!(
			verify(&key, &inputs, &negated),
			Err(VerifyError::Unsatisfied)
		);
	}
}

#[test]
fn no_single_bit_of_a_proof_can_change() {
	let (_, key, inputs, proof) = setting();
	for index in 0..proof.len() {
		for bit in 0..8 {
			let mut changed = proof;
			changed[index] ^= 1 << bit;
			assert!(
				verify(&key, &inputs, &changed).is_err(),
				"byte {index}, bit {bit}"
			);
		}
	}
}

#[test]
fn the_prepared_form_round_trips_and_keeps_the_digest() {
	let (bytes, key, inputs, proof) = setting();
	let encoded = key.encode();
	assert_eq!(encoded.len(), PreparedVerifyingKey::encoded_len(INPUTS));
	let decoded = PreparedVerifyingKey::decode_trusted(&encoded).unwrap();
	assert_eq!(decoded, key);
	assert_eq!(decoded.input_count(), INPUTS);
	assert_eq!(decoded.encode(), encoded);
	assert_eq!(verify(&decoded, &inputs, &proof), Ok(()));
	let digest: [u8; 32] = {
		use blake2::Digest;
		blake2::Blake2b::<blake2::digest::consts::U32>::digest(&bytes).into()
	};
	assert_eq!(decoded.digest(), digest);
}

#[test]
fn every_truncation_and_extension_of_the_prepared_form_is_refused() {
	let (_, key, ..) = setting();
	let encoded = key.encode();
	for length in (0..64).chain((64..encoded.len()).step_by(37)) {
		assert!(PreparedVerifyingKey::decode_trusted(&encoded[..length]).is_err());
	}
	let mut longer = encoded.clone();
	longer.push(0);
	assert_eq!(
		PreparedVerifyingKey::decode_trusted(&longer).unwrap_err(),
		KeyError::Length
	);
}

#[test]
fn the_prepared_form_is_checked_as_far_as_it_promises() {
	let (_, key, ..) = setting();
	let encoded = key.encode();
	let refused = |change: &dyn Fn(&mut Vec<u8>)| {
		let mut changed = encoded.clone();
		change(&mut changed);
		PreparedVerifyingKey::decode_trusted(&changed).unwrap_err()
	};
	assert_eq!(refused(&|bytes| bytes[0] ^= 1), KeyError::UnknownForm);
	assert_eq!(refused(&|bytes| bytes[4] += 1), KeyError::UnknownForm);
	for count in [2u32, 5, u32::MAX] {
		let change = |bytes: &mut Vec<u8>| bytes[37..41].copy_from_slice(&count.to_le_bytes());
		assert_eq!(refused(&change), KeyError::Length);
	}
	for count in [0u32, 1] {
		let change = |bytes: &mut Vec<u8>| bytes[37..41].copy_from_slice(&count.to_le_bytes());
		assert_eq!(refused(&change), KeyError::NoInputs);
	}
	assert_eq!(
		refused(&|bytes| bytes[41..89].fill(0xff)),
		KeyError::NotCanonical
	);
}

#[test]
fn errors_say_what_is_wrong() {
	let texts = [
		PointError::Flags.to_string(),
		PointError::NotCanonical.to_string(),
		KeyError::Length.to_string(),
		KeyError::NoInputs.to_string(),
		KeyError::GammaEqualsDelta.to_string(),
		KeyError::UnknownForm.to_string(),
		KeyError::NotCanonical.to_string(),
		KeyError::Point {
			index: 3,
			error: PointError::NotOnCurve,
		}
		.to_string(),
		VerifyError::NoProofs.to_string(),
		VerifyError::Unsatisfied.to_string(),
		VerifyError::InputCount {
			expected: 1,
			found: 2,
		}
		.to_string(),
		VerifyError::ProofCount {
			expected: 1,
			found: 2,
		}
		.to_string(),
		proof_error(ProofPoint::B, PointError::WrongSubgroup)
			.unwrap_err()
			.to_string(),
		proof_error(ProofPoint::A, PointError::Identity)
			.unwrap_err()
			.to_string(),
	];
	for text in &texts {
		assert!(
			text.starts_with(|first: char| first.is_lowercase()),
			"{text}"
		);
	}
	assert_eq!(
		texts
			.iter()
			.collect::<std::collections::BTreeSet<_>>()
			.len(),
		texts.len()
	);
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(128))]

	#[test]
	fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
		let _ = PreparedVerifyingKey::from_bytes(&bytes);
		let _ = PreparedVerifyingKey::decode_trusted(&bytes);
	}

	// Host functions are given the points, not all of the lines.
	#[cfg_attr(feature = "ec-hostcalls", ignore)]
	#[test]
	fn a_corrupt_prepared_key_never_panics_and_never_accepts(at in 41usize..40_000, value: u8) {
		let (_, key, inputs, proof) = setting();
		let mut encoded = key.encode();
		let at = at % encoded.len();
		prop_assume!(at >= 41 && encoded[at] != value);
		encoded[at] = value;
		if let Ok(corrupt) = PreparedVerifyingKey::decode_trusted(&encoded) {
			prop_assert!(verify(&corrupt, &inputs, &proof).is_err());
			prop_assert!(verify_batch(&corrupt, &[(&inputs, proof), (&inputs, proof)]).is_err());
		}
	}

	#[test]
	fn random_proofs_are_refused(bytes in prop::collection::vec(any::<u8>(), 192)) {
		let (_, key, inputs, _) = setting();
		let proof: [u8; 192] = bytes.try_into().unwrap();
		prop_assert!(verify(&key, &inputs, &proof).is_err());
	}
}
