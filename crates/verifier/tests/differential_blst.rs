//! What this crate accepts and refuses, against bellperson on blst, which is what Filecoin verifies
//! with.
#![allow(clippy::unwrap_used)]

mod common;

use ark_bls12_381::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{Field, UniformRand};
use ark_serialize::CanonicalSerialize;
use bellperson::groth16::{
	prepare_verifying_key, verify_proof, verify_proofs_batch, PreparedVerifyingKey as Theirs,
	Proof as TheirProof, VerifyingKey,
};
use blstrs::{Bls12, G1Affine as BlstG1, G2Affine as BlstG2, Scalar};
use common::{
	points::{any_curve_point, g1, g1_torsion, g2_torsion, Points},
	subject::{self, spoilt_inputs, spoilt_proofs},
	Proof,
};
use holdfast_verifier::{
	encoding::field_bytes, verify, verify_batch, KeyError, PreparedVerifyingKey, VerifyError,
};
use proptest::prelude::*;
use rand_chacha::rand_core::RngCore;

fn theirs(key: &[u8]) -> Theirs<Bls12> {
	prepare_verifying_key(&VerifyingKey::<Bls12>::read(key).unwrap())
}

fn scalars(inputs: &[Fr]) -> Vec<Scalar> {
	inputs
		.iter()
		.map(|input| Scalar::from_bytes_le(&field_bytes(input)).unwrap())
		.collect()
}

/// Whether bellperson accepts; it refuses the identity when it reads a proof.
fn they_accept(key: &Theirs<Bls12>, inputs: &[Fr], proof: &Proof) -> bool {
	TheirProof::read(&proof[..])
		.is_ok_and(|proof| verify_proof(key, &proof, &scalars(inputs)).unwrap_or(false))
}

#[test]
fn every_real_proof_is_accepted_and_every_spoilt_one_refused_by_both() {
	let mut rng = common::rng(1);
	let (mut accepted, mut refused) = (0, 0);
	for subject in common::sample(subject::all(), 3) {
		let theirs = theirs(&subject.key_bytes);
		let mut agree = |what: &str, inputs: &[Fr], proof: &Proof| {
			let ours = verify(&subject.key, inputs, proof).is_ok();
			assert_eq!(
				ours,
				they_accept(&theirs, inputs, proof),
				"{what} of {}",
				subject.name
			);
			if ours {
				accepted += 1;
			} else {
				refused += 1;
			}
		};
		agree("the proof", &subject.inputs, &subject.proof);
		for (what, proof) in spoilt_proofs(&mut rng, &subject.proof) {
			agree(&what, &subject.inputs, &proof);
		}
		for bit in common::sample(0..8 * 192, 11) {
			let mut proof = subject.proof;
			proof[bit / 8] ^= 1 << (bit % 8);
			agree("a bit", &subject.inputs, &proof);
		}
		let count = subject.inputs.len();
		for index in common::sample(0..count, count / 6) {
			for inputs in common::sample(spoilt_inputs(&mut rng, &subject.inputs, index), 3) {
				agree("an input", &inputs, &subject.proof);
			}
		}
		for found in [count - 1, count + 1] {
			let mut inputs = subject.inputs.clone();
			inputs.resize(found, Fr::from(0u8));
			agree("the number of inputs", &inputs, &subject.proof);
		}
		// Other proofs of the same statement.
		let points = Points::of(&subject.proof);
		for _ in 0..3 {
			let factor = Fr::rand(&mut rng);
			let other = Points {
				a: (points.a * factor).into_affine(),
				b: (points.b * factor.inverse().unwrap()).into_affine(),
				c: points.c,
			};
			agree("another proof", &subject.inputs, &other.bytes());
		}
	}
	assert!(accepted >= 8 && refused > 600, "{accepted}, {refused}");
}

#[test]
fn batches_are_judged_alike() {
	let (key, ours) = common::trapdoor(6, b"blst");
	let theirs = theirs(&key.verifying_key());
	let mut rng = common::rng(2);
	for round in 0..common::sample(0..200u32, 10).count() {
		let count = 1 + round % 6;
		let mut batch: Vec<(Vec<Fr>, Proof)> = (0..count as u64)
			.map(|index| {
				let inputs = common::inputs(6, rng.next_u64());
				let proof = key.forge(&inputs, &index.to_le_bytes());
				(inputs, proof)
			})
			.collect();
		if round % 2 == 1 {
			let bad = rng.next_u32() as usize % count;
			batch[bad].0[round % 6] += Fr::from(1u8);
		}
		let pairs: Vec<_> = batch
			.iter()
			.map(|(inputs, proof)| (inputs.as_slice(), *proof))
			.collect();
		let proofs: Vec<_> = batch
			.iter()
			.map(|(_, proof)| TheirProof::<Bls12>::read(&proof[..]).unwrap())
			.collect();
		let inputs: Vec<_> = batch.iter().map(|(inputs, _)| scalars(inputs)).collect();
		let they_say = verify_proofs_batch(
			&theirs,
			&mut rand::rngs::OsRng,
			&proofs.iter().collect::<Vec<_>>(),
			&inputs,
		)
		.unwrap();
		assert_eq!(verify_batch(&ours, &pairs).is_ok(), they_say);
		assert_eq!(they_say, round % 2 == 0);
	}
}

/// Bytes that could be a point: good points, spoilt ones, and noise.
fn candidate(seed: u64, length: usize, compressed: bool) -> Vec<u8> {
	let mut rng = common::rng(seed);
	let serialize = |point: &dyn Fn(&mut Vec<u8>)| {
		let mut bytes = Vec::new();
		point(&mut bytes);
		bytes
	};
	let is_g1 = length == if compressed { 48 } else { 96 };
	let kind = rng.next_u32() % 4;
	let mut bytes = if is_g1 {
		let point: G1Affine = match kind {
			0 => any_curve_point(&mut rng),
			1 => (g1(Fr::rand(&mut rng)) + g1_torsion(&mut rng, 3)).into_affine(),
			_ => g1(Fr::rand(&mut rng)).into_affine(),
		};
		serialize(&|bytes| match compressed {
			true => point.serialize_compressed(bytes).unwrap(),
			false => point.serialize_uncompressed(bytes).unwrap(),
		})
	} else {
		let good = || {
			Points::of(
				&common::trapdoor(1, b"c")
					.0
					.forge(&[Fr::from(1u8)], &seed.to_le_bytes()),
			)
			.b
		};
		let point: G2Affine = match kind {
			0 => any_curve_point(&mut rng),
			1 => (good() + g2_torsion(&mut rng, 13)).into_affine(),
			_ => good(),
		};
		serialize(&|bytes| match compressed {
			true => point.serialize_compressed(bytes).unwrap(),
			false => point.serialize_uncompressed(bytes).unwrap(),
		})
	};
	assert_eq!(bytes.len(), length);
	match rng.next_u32() % 8 {
		0 => bytes[0] ^= 1 << (5 + rng.next_u32() % 3),
		1 => {
			let bit = rng.next_u32() as usize % (8 * length);
			bytes[bit / 8] ^= 1 << (bit % 8);
		},
		2 => {
			let flags = bytes[0] & 0xe0;
			rng.fill_bytes(&mut bytes);
			bytes[0] = bytes[0] & 0x1f | flags;
		},
		3 => {
			bytes.fill(0);
			bytes[0] = u8::try_from(rng.next_u32() % 8).unwrap() << 5;
			bytes[length - 1] = u8::try_from(rng.next_u32() % 3).unwrap();
		},
		4 => {
			// Just above or below the largest coordinate.
			let start = rng.next_u32() as usize % (length / 48) * 48;
			let flags = if start == 0 { bytes[0] & 0xe0 } else { 0 };
			let modulus = const_hex::decode("1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab").unwrap();
			bytes[start..start + 48].copy_from_slice(&modulus);
			bytes[start] |= flags;
			bytes[start + 47] = bytes[start + 47]
				.wrapping_sub(1)
				.wrapping_add(u8::try_from(rng.next_u32() % 3).unwrap());
		},
		_ => {},
	}
	bytes
}

fn they_take_g1(bytes: &[u8; 48]) -> bool {
	Option::<BlstG1>::from(BlstG1::from_compressed(bytes))
		.is_some_and(|point| point != BlstG1::default())
}

fn they_take_g2(bytes: &[u8; 96]) -> bool {
	Option::<BlstG2>::from(BlstG2::from_compressed(bytes))
		.is_some_and(|point| point != BlstG2::default())
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(if common::exhaustive() { 20_000 } else { 160 }))]

	/// The identity aside, which no proof may have.
	#[test]
	fn compressed_points_are_taken_by_both_or_neither(seed: u64, which in 0..3usize) {
		let (key, ours) = common::trapdoor(1, b"decode");
		let inputs = [Fr::from(1u8)];
		let mut proof = key.forge(&inputs, b"p");
		let (start, length) = [(0, 48), (48, 96), (144, 48)][which];
		let bytes = candidate(seed, length, true);
		proof[start..start + length].copy_from_slice(&bytes);
		let we_take = !matches!(verify(&ours, &inputs, &proof), Err(VerifyError::Point { .. }));
		let they_take = match length {
			48 => they_take_g1(&bytes.try_into().unwrap()),
			_ => they_take_g2(&bytes.try_into().unwrap()),
		};
		prop_assert_eq!(we_take, they_take);
	}

	/// Where a key has uncompressed points blst also takes a compressed one and ignores the other
	/// half; this crate does not.
	#[test]
	fn uncompressed_points_are_taken_by_both_or_neither(seed: u64, in_g2: bool) {
		let mut key = common::trapdoor(1, b"decode").0.verifying_key();
		let (start, length) = if in_g2 { (192, 192) } else { (0, 96) };
		let bytes = candidate(seed, length, false);
		key[start..start + length].copy_from_slice(&bytes);
		let we_take = !matches!(
			PreparedVerifyingKey::from_bytes(&key),
			Err(KeyError::Point { .. })
		);
		let flags = bytes[0] & 0xe0;
		let they_take = if in_g2 {
			Option::<BlstG2>::from(BlstG2::from_uncompressed(&bytes.try_into().unwrap()))
				.is_some_and(|point| point != BlstG2::default())
		} else {
			Option::<BlstG1>::from(BlstG1::from_uncompressed(&bytes.try_into().unwrap()))
				.is_some_and(|point| point != BlstG1::default())
		};
		prop_assert_eq!(we_take, they_take && flags == 0);
	}

	#[test]
	fn field_elements_are_taken_by_both_or_neither(bytes: [u8; 32], high in 0..4u8) {
		let mut bytes = bytes;
		match high {
			// Around the modulus.
			0 => {
				let modulus = const_hex::decode("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").unwrap();
				let low = bytes[0] % 4;
				for (to, from) in bytes.iter_mut().zip(modulus.iter().rev()) {
					*to = *from;
				}
				bytes[0] = bytes[0].wrapping_sub(2).wrapping_add(low);
			},
			1 => bytes[31] = 0x73,
			2 => bytes[31] &= 0x7f,
			_ => {},
		}
		let ours = holdfast_verifier::encoding::field_element(&bytes);
		let theirs = Option::<Scalar>::from(Scalar::from_bytes_le(&bytes));
		prop_assert_eq!(ours.is_some(), theirs.is_some());
		if let (Some(ours), Some(theirs)) = (ours, theirs) {
			prop_assert_eq!(field_bytes(&ours), theirs.to_bytes_le());
			prop_assert_eq!(field_bytes(&ours), bytes);
		}
	}
}
