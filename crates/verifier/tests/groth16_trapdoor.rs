//! The pairing check, on keys that can prove anything.
#![allow(clippy::unwrap_used)]

mod common;

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use holdfast_verifier::{
	trapdoor::TrapdoorKey, verify, verify_batch, Fr, PreparedVerifyingKey, VerifyError,
};
use proptest::prelude::*;

fn inputs(count: usize, from: u64) -> Vec<Fr> {
	(0..count as u64)
		.map(|index| Fr::from(from + index) * Fr::from(index + 1))
		.collect()
}

fn prepared(key: &TrapdoorKey) -> PreparedVerifyingKey {
	PreparedVerifyingKey::from_bytes(&key.verifying_key()).unwrap()
}

/// Adds `offset` to the point C of a proof.
fn shift_c(proof: &[u8; 192], offset: G1Projective) -> [u8; 192] {
	let c = G1Affine::deserialize_compressed(&proof[144..]).unwrap();
	let mut shifted = *proof;
	(c + offset)
		.into_affine()
		.serialize_compressed(&mut shifted[144..])
		.unwrap();
	shifted
}

#[test]
fn a_proof_holds_for_its_inputs_and_no_others() {
	let key = TrapdoorKey::new(22, b"a");
	let prepared = prepared(&key);
	let inputs = inputs(22, 5);
	let proof = key.forge(&inputs, b"proof");
	assert_eq!(verify(&prepared, &inputs, &proof), Ok(()));
	for index in 0..inputs.len() {
		let mut other = inputs.clone();
		other[index] += Fr::from(1u8);
		assert_eq!(
			verify(&prepared, &other, &proof),
			Err(VerifyError::Unsatisfied)
		);
	}
}

#[test]
fn a_proof_of_another_key_of_the_same_shape_is_refused() {
	let (key, other) = (TrapdoorKey::new(39, b"a"), TrapdoorKey::new(39, b"b"));
	let inputs = inputs(39, 5);
	let proof = other.forge(&inputs, b"proof");
	assert_eq!(verify(&prepared(&other), &inputs, &proof), Ok(()));
	assert_eq!(
		verify(&prepared(&key), &inputs, &proof),
		Err(VerifyError::Unsatisfied)
	);
}

#[test]
fn another_number_of_inputs_is_refused() {
	let key = TrapdoorKey::new(22, b"a");
	let prepared = prepared(&key);
	let proof = key.forge(&inputs(22, 5), b"proof");
	for count in [0, 21, 23, 39] {
		let inputs = inputs(count, 5);
		let error = Err(VerifyError::InputCount {
			expected: 22,
			found: count,
		});
		assert_eq!(verify(&prepared, &inputs, &proof), error);
		assert_eq!(
			verify_batch(&prepared, &[(&inputs, proof), (&inputs, proof)]),
			error
		);
	}
}

#[test]
fn an_empty_batch_is_refused() {
	let prepared = prepared(&TrapdoorKey::new(3, b"a"));
	assert_eq!(verify_batch(&prepared, &[]), Err(VerifyError::NoProofs));
}

#[test]
fn a_batch_with_one_bad_proof_at_any_position_is_refused() {
	let key = TrapdoorKey::new(39, b"a");
	let prepared = prepared(&key);
	for count in 1..=6usize {
		let statements: Vec<Vec<Fr>> = (0..count)
			.map(|index| inputs(39, 100 * index as u64))
			.collect();
		let good: Vec<_> = statements
			.iter()
			.enumerate()
			.map(|(index, inputs)| (inputs.as_slice(), key.forge(inputs, &index.to_le_bytes())))
			.collect();
		assert_eq!(verify_batch(&prepared, &good), Ok(()));
		for bad in 0..count {
			let mut batch = good.clone();
			batch[bad].1 = shift_c(&batch[bad].1, G1Affine::generator().into_group());
			assert_eq!(
				verify_batch(&prepared, &batch),
				Err(VerifyError::Unsatisfied)
			);
		}
	}
}

#[test]
fn bad_proofs_that_cancel_with_equal_weights_are_refused() {
	let key = TrapdoorKey::new(5, b"a");
	let prepared = prepared(&key);
	let inputs = inputs(5, 1);
	let proof = key.forge(&inputs, b"same");
	let offset = G1Affine::generator().into_group();
	for pair in [
		[shift_c(&proof, offset), shift_c(&proof, -offset)],
		[shift_c(&proof, -offset), shift_c(&proof, offset)],
	] {
		let batch = [(inputs.as_slice(), pair[0]), (inputs.as_slice(), pair[1])];
		assert_eq!(
			verify_batch(&prepared, &batch),
			Err(VerifyError::Unsatisfied)
		);
		// Nor with a good proof between them.
		let batch = [batch[0], (inputs.as_slice(), proof), batch[1]];
		assert_eq!(
			verify_batch(&prepared, &batch),
			Err(VerifyError::Unsatisfied)
		);
	}
}

#[test]
fn proofs_swapped_within_a_batch_are_refused() {
	let key = TrapdoorKey::new(5, b"a");
	let prepared = prepared(&key);
	let (first, second) = (inputs(5, 1), inputs(5, 50));
	let proofs = [key.forge(&first, b"1"), key.forge(&second, b"2")];
	assert_eq!(
		verify_batch(&prepared, &[(&first, proofs[0]), (&second, proofs[1])]),
		Ok(())
	);
	assert_eq!(
		verify_batch(&prepared, &[(&first, proofs[1]), (&second, proofs[0])]),
		Err(VerifyError::Unsatisfied)
	);
}

#[test]
fn the_same_proof_twice_in_a_batch_is_accepted() {
	let key = TrapdoorKey::new(5, b"a");
	let inputs = inputs(5, 1);
	let proof = key.forge(&inputs, b"1");
	assert_eq!(
		verify_batch(&prepared(&key), &[(&inputs, proof), (&inputs, proof)]),
		Ok(())
	);
}

#[test]
fn inputs_of_zero_and_the_largest_value_verify() {
	let key = TrapdoorKey::new(4, b"a");
	let prepared = prepared(&key);
	for inputs in [vec![Fr::from(0u8); 4], vec![-Fr::from(1u8); 4]] {
		let proof = key.forge(&inputs, b"1");
		assert_eq!(verify(&prepared, &inputs, &proof), Ok(()));
		assert_eq!(
			verify_batch(&prepared, &[(&inputs, proof), (&inputs, proof)]),
			Ok(())
		);
	}
}

#[test]
fn a_key_as_large_as_the_32_gib_window_post_works() {
	let key = TrapdoorKey::new(25_839, b"a");
	let prepared = prepared(&key);
	let inputs = inputs(25_839, 3);
	let proof = key.forge(&inputs, b"1");
	assert_eq!(verify(&prepared, &inputs, &proof), Ok(()));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn a_batch_is_accepted_exactly_if_each_proof_is(good in prop::collection::vec(any::<bool>(), 1..8), seed: u64) {
		let key = TrapdoorKey::new(7, b"property");
		let prepared = prepared(&key);
		let statements: Vec<Vec<Fr>> =
			(0..good.len() as u64).map(|index| inputs(7, seed ^ index)).collect();
		let batch: Vec<_> = statements
			.iter()
			.zip(&good)
			.enumerate()
			.map(|(index, (inputs, good))| {
				let proof = key.forge(inputs, &index.to_le_bytes());
				let offset = G1Affine::generator() * Fr::from(seed);
				(inputs.as_slice(), if *good || seed == 0 { proof } else { shift_c(&proof, offset) })
			})
			.collect();
		let each = batch.iter().all(|(inputs, proof)| verify(&prepared, inputs, proof).is_ok());
		prop_assert_eq!(verify_batch(&prepared, &batch).is_ok(), each);
		prop_assert_eq!(each, seed == 0 || good.iter().all(|good| *good));
	}
}
