//! Keys and proofs whose points meet their own doubles and opposites, which shortcuts in point
//! addition get wrong, and sums that are the identity.
#![allow(clippy::unwrap_used)]

mod common;

use ark_ff::{Field, Zero};
use common::points::ChosenKey;
use holdfast_verifier::{verify, verify_batch, Fr, PreparedVerifyingKey, VerifyError};

fn key(inputs: impl IntoIterator<Item = i64>) -> (ChosenKey, PreparedVerifyingKey) {
	let key = ChosenKey {
		alpha: Fr::from(5u8),
		beta: Fr::from(7u8),
		gamma: Fr::from(11u8),
		delta: Fr::from(13u8),
		inputs: inputs.into_iter().map(Fr::from).collect(),
	};
	let prepared = PreparedVerifyingKey::from_bytes(&key.bytes()).unwrap();
	(key, prepared)
}

/// Input points that are equal, opposite, or doubles of each other, for `count` inputs.
fn keys(count: u32) -> Vec<(ChosenKey, PreparedVerifyingKey)> {
	let count = i64::from(count);
	vec![
		key((0..=count).map(|_| 1)),
		key((0..=count).map(|index| if index % 2 == 0 { 1 } else { -1 })),
		key((0..=count).map(|index| 1 << (index % 40))),
		key((0..=count).map(|index| index / 2 + 1)),
	]
}

/// Inputs that bring equal and opposite points together.
fn statements(count: u32) -> Vec<Vec<Fr>> {
	let count = count as usize;
	let all = |value: Fr| vec![value; count];
	vec![
		all(Fr::zero()),
		all(Fr::from(1u8)),
		all(-Fr::from(1u8)),
		all(Fr::from(2u8)),
		all(Fr::from((1u64 << 30) - 1)),
		all(Fr::from(1u64 << 31)),
		all(Fr::from(u64::MAX)),
		all(Fr::from(2u8).inverse().unwrap()),
		(0..count).map(|index| Fr::from(index as u64)).collect(),
		(0..count)
			.map(|index| {
				if index % 2 == 0 {
					Fr::from(9u8)
				} else {
					-Fr::from(9u8)
				}
			})
			.collect(),
		common::inputs(count, 1),
	]
}

#[test]
fn proofs_hold_exactly_for_their_inputs_whatever_points_coincide() {
	for count in [1, 2, 5, 39, 70] {
		for (key, prepared) in keys(count) {
			for inputs in statements(count) {
				let proof = key.prove(&inputs, Fr::from(3u8), Fr::from(4u8));
				assert_eq!(verify(&prepared, &inputs, &proof), Ok(()));
				let mut other = inputs.clone();
				other[count as usize / 2] += Fr::from(1u8);
				assert_eq!(
					verify(&prepared, &other, &proof),
					Err(VerifyError::Unsatisfied)
				);
			}
		}
	}
}

/// Where a scalar may be cut in two, or changes its length in bits, words or windows: around powers
/// of two and around small combinations of the powers of the curve's parameter.
fn edges() -> Vec<Fr> {
	let x = Fr::from(0xd201_0000_0001_0000u64);
	let mut edges = Vec::new();
	for bits in [
		1u64, 5, 8, 30, 31, 32, 62, 63, 64, 65, 125, 126, 127, 128, 129, 191, 192, 253, 254,
	] {
		edges.push(Fr::from(2u8).pow([bits]));
	}
	let powers = [x, x * x, x * x * x, x * x * x * x];
	for power in powers {
		for factor in [1u64, 2, 3, (1 << 31) + 1, u64::MAX] {
			edges.push(power * Fr::from(factor));
		}
	}
	edges.push(powers[1] - x);
	edges.push(powers[1] + x);
	// Above the other half of the field.
	edges.push(-powers[1]);
	edges.push(-x);
	edges.push(Fr::from(2u8).inverse().unwrap());
	edges
		.into_iter()
		.flat_map(|edge| [edge - Fr::from(1u8), edge, edge + Fr::from(1u8)])
		.collect()
}

#[test]
fn inputs_at_the_edges_of_lengths_and_splits_are_multiplied_right() {
	let edges = edges();
	let (single, prepared_single) = key([3, 5]);
	let wrong = Fr::from(2u8).pow([64]);
	for edge in &edges {
		let proof = single.prove(&[*edge], Fr::from(3u8), Fr::from(4u8));
		assert_eq!(verify(&prepared_single, &[*edge], &proof), Ok(()), "{edge}");
		assert_eq!(
			verify(&prepared_single, &[*edge + wrong], &proof),
			Err(VerifyError::Unsatisfied)
		);
	}
	// All at once, alone and in a batch.
	let (many, prepared_many) = key((7..).step_by(3).take(edges.len() + 1));
	let mut reversed = edges.clone();
	reversed.reverse();
	let batch = [&edges, &reversed].map(|inputs| {
		(
			inputs.as_slice(),
			many.prove(inputs, Fr::from(3u8), Fr::from(4u8)),
		)
	});
	for (inputs, proof) in &batch {
		assert_eq!(verify(&prepared_many, inputs, proof), Ok(()));
	}
	assert_eq!(verify_batch(&prepared_many, &batch), Ok(()));
}

#[test]
fn batches_of_coinciding_points_are_judged_like_their_proofs() {
	for count in [1, 5, 39] {
		for (key, prepared) in keys(count) {
			let statements = statements(count);
			// All A equal and all C equal; then opposite to the one before; then A equal to C.
			for choose in [
				|_: usize| (Fr::from(3u8), Fr::from(4u8)),
				|index| {
					let sign = if index % 2 == 0 {
						Fr::from(1u8)
					} else {
						-Fr::from(1u8)
					};
					(sign * Fr::from(3u8), sign * Fr::from(4u8))
				},
				|index| (Fr::from(1u64 << index), Fr::from(1u64 << index)),
			] {
				let batch: Vec<_> = statements
					.iter()
					.enumerate()
					.map(|(index, inputs)| {
						let (a, c) = choose(index);
						(inputs.as_slice(), key.prove(inputs, a, c))
					})
					.collect();
				assert_eq!(verify_batch(&prepared, &batch), Ok(()));
				let mut bad = batch.clone();
				bad[3].0 = batch[4].0;
				assert_eq!(verify_batch(&prepared, &bad), Err(VerifyError::Unsatisfied));
				let same = vec![batch[2]; 9];
				assert_eq!(verify_batch(&prepared, &same), Ok(()));
			}
		}
	}
}

#[test]
fn inputs_that_accumulate_to_the_identity_are_inputs_like_others() {
	let (key, prepared) = key([6, 2, 3]);
	// 6 + 2x + 3y = 0, and one where it is not.
	let (zero, other) = (
		[-Fr::from(3u8), Fr::zero()],
		[-Fr::from(3u8), Fr::from(1u8)],
	);
	assert!(key.accumulated(&zero).is_zero());
	let proofs = [&zero, &other].map(|inputs| key.prove(inputs, Fr::from(3u8), Fr::from(4u8)));
	assert_eq!(verify(&prepared, &zero, &proofs[0]), Ok(()));
	assert_eq!(verify(&prepared, &other, &proofs[1]), Ok(()));
	assert_eq!(
		verify(&prepared, &zero, &proofs[1]),
		Err(VerifyError::Unsatisfied)
	);
	assert_eq!(
		verify(&prepared, &other, &proofs[0]),
		Err(VerifyError::Unsatisfied)
	);
	for (inputs, accepted) in [
		([&zero, &zero], [0, 0]),
		([&zero, &other], [0, 1]),
		([&other, &zero], [1, 0]),
	] {
		let batch = [0, 1].map(|index| (inputs[index].as_slice(), proofs[accepted[index]]));
		assert_eq!(verify_batch(&prepared, &batch), Ok(()));
		let crossed = [0, 1].map(|index| (inputs[index].as_slice(), proofs[1 - accepted[index]]));
		assert_eq!(
			verify_batch(&prepared, &crossed),
			Err(VerifyError::Unsatisfied)
		);
	}
}

/// Anybody can turn a proof into another one of the same statement, so its bytes name nothing.
#[test]
fn a_proof_can_be_made_into_another_by_anybody() {
	use ark_ec::CurveGroup;
	use common::points::Points;

	let (key, prepared) = common::trapdoor(4, b"malleable");
	let inputs = common::inputs(4, 1);
	let proof = key.forge(&inputs, b"proof");
	let points = Points::of(&proof);
	let factor = Fr::from(1234u16);
	let other = Points {
		a: (points.a * factor).into_affine(),
		b: (points.b * factor.inverse().unwrap()).into_affine(),
		c: points.c,
	}
	.bytes();
	assert_ne!(other, proof);
	assert!(common::accepts(&prepared, &inputs, &other));
	let opposite = Points {
		a: -points.a,
		b: -points.b,
		c: points.c,
	}
	.bytes();
	assert!(common::accepts(&prepared, &inputs, &opposite));
}
