//! Batches that someone made up so that what is wrong with the one makes up for what is wrong with
//! the other.
#![allow(clippy::unwrap_used)]

mod common;

use ark_bls12_381::{G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, PrimeField, Zero};
use common::{
	points::{g1, g1_torsion, shift_c, Points},
	Proof,
};
use holdfast_verifier::{
	trapdoor::{batch_weights, TrapdoorKey},
	verify, verify_batch, Fr, PreparedVerifyingKey, VerifyError,
};
use proptest::prelude::*;

const INPUTS: usize = 5;

type Entry = (Vec<Fr>, Proof);

fn ask(key: &PreparedVerifyingKey, batch: &[Entry]) -> Result<(), VerifyError> {
	let batch: Vec<_> = batch
		.iter()
		.map(|(inputs, proof)| (inputs.as_slice(), *proof))
		.collect();
	verify_batch(key, &batch)
}

fn weights(key: &PreparedVerifyingKey, batch: &[Entry]) -> Vec<Fr> {
	let batch: Vec<_> = batch
		.iter()
		.map(|(inputs, proof)| (inputs.as_slice(), *proof))
		.collect();
	batch_weights(key, &batch)
}

/// Good proofs of different inputs.
fn good(key: &TrapdoorKey, count: usize) -> Vec<Entry> {
	(0..count as u64)
		.map(|index| {
			let inputs = common::inputs(INPUTS, 100 + index);
			let proof = key.forge(&inputs, &index.to_le_bytes());
			(inputs, proof)
		})
		.collect()
}

/// Everything that can be wrong with one entry, each in its own way.
const FAULTS: [fn(&mut Entry); 9] = [
	|entry| entry.1 = shift_c(&entry.1, G1Projective::generator()),
	// The other root of A, of B and of C.
	|entry| entry.1[0] ^= 0x20,
	|entry| entry.1[48] ^= 0x20,
	|entry| entry.1[144] ^= 0x20,
	|entry| entry.0[0] += Fr::from(1u8),
	|entry| entry.0[INPUTS - 1] = -entry.0[INPUTS - 1],
	|entry| entry.0.swap(0, 1),
	// A and C change places.
	|entry| {
		let a: [u8; 48] = entry.1[..48].try_into().unwrap();
		entry.1.copy_within(144.., 0);
		entry.1[144..].copy_from_slice(&a);
	},
	|entry| {
		let mut points = Points::of(&entry.1);
		points.a = (points.a + g1_torsion(&mut common::rng(3), 3)).into_affine();
		entry.1 = points.bytes();
	},
];

#[test]
fn one_bad_proof_at_every_position_of_every_batch_is_refused() {
	let (key, prepared) = common::trapdoor(INPUTS, b"positions");
	let largest = if common::exhaustive() { 32 } else { 10 };
	let good = good(&key, largest);
	for count in 1..=largest {
		assert_eq!(ask(&prepared, &good[..count]), Ok(()), "{count}");
		for bad in 0..count {
			for (number, fault) in FAULTS.iter().enumerate() {
				// A few faults for each position, other ones for the next.
				if !common::exhaustive() && number % 3 != (count + bad) % 3 {
					continue;
				}
				let mut batch = good[..count].to_vec();
				fault(&mut batch[bad]);
				let (inputs, proof) = &batch[bad];
				assert!(verify(&prepared, inputs, proof).is_err());
				assert!(
					ask(&prepared, &batch).is_err(),
					"fault {number} at {bad} of {count}"
				);
			}
		}
	}
}

#[test]
fn one_bad_proof_in_a_large_batch_is_refused() {
	let (key, prepared) = common::trapdoor(INPUTS, b"large");
	let good = good(&key, 130);
	for count in [33, 64, 65, 100, 130] {
		assert_eq!(ask(&prepared, &good[..count]), Ok(()));
		for bad in [0, count / 2, count - 1] {
			let mut batch = good[..count].to_vec();
			FAULTS[bad % 7](&mut batch[bad]);
			assert_eq!(ask(&prepared, &batch), Err(VerifyError::Unsatisfied));
		}
	}
}

#[test]
fn two_faults_at_any_two_positions_do_not_cancel() {
	let (key, prepared) = common::trapdoor(INPUTS, b"pairs");
	// The same randomness everywhere, so all A are equal and all B are.
	let good: Vec<Entry> = (0..5)
		.map(|index| {
			let inputs = common::inputs(INPUTS, index);
			let proof = key.forge(&inputs, b"same");
			(inputs, proof)
		})
		.collect();
	assert_eq!(ask(&prepared, &good), Ok(()));
	let h = G2Affine::generator();
	for first in 0..good.len() {
		for second in 0..good.len() {
			if first == second {
				continue;
			}
			let refused = |change: &dyn Fn(&mut Vec<Entry>)| {
				let mut batch = good.clone();
				change(&mut batch);
				for position in [first, second] {
					let (inputs, proof) = &batch[position];
					assert_eq!(
						verify(&prepared, inputs, proof),
						Err(VerifyError::Unsatisfied)
					);
				}
				assert_eq!(ask(&prepared, &batch), Err(VerifyError::Unsatisfied));
			};
			refused(&|batch| {
				batch[first].1 = shift_c(&batch[first].1, g1(7u8));
				batch[second].1 = shift_c(&batch[second].1, -g1(7u8));
			});
			refused(&|batch| {
				for (position, offset) in [(first, g1(7u8)), (second, -g1(7u8))] {
					let mut points = Points::of(&batch[position].1);
					points.a = (points.a + offset).into_affine();
					batch[position].1 = points.bytes();
				}
			});
			refused(&|batch| {
				for (position, offset) in [(first, h), (second, -h)] {
					let mut points = Points::of(&batch[position].1);
					points.b = (points.b + offset).into_affine();
					batch[position].1 = points.bytes();
				}
			});
			refused(&|batch| {
				batch[first].0[2] += Fr::from(7u8);
				batch[second].0[2] -= Fr::from(7u8);
			});
			// What the inputs of the one lack, the C of the other has.
			refused(&|batch| {
				let (inputs, proof) = &mut batch[first];
				inputs[3] += Fr::from(1u8);
				let offset =
					Points::of(&key.forge(inputs, b"same")).c.into_group() - Points::of(proof).c;
				batch[second].1 = shift_c(&batch[second].1, offset);
			});
			refused(&|batch| {
				let proof = batch[first].1;
				batch[first].1 = batch[second].1;
				batch[second].1 = proof;
			});
		}
	}
}

#[test]
fn three_faults_do_not_cancel() {
	let (key, prepared) = common::trapdoor(INPUTS, b"threes");
	let good = good(&key, 4);
	for offsets in [
		[1i64, 1, -2, 0],
		[1, -2, 1, 0],
		[1, 0, 2, -3],
		[1, -1, 1, -1],
	] {
		let mut batch = good.clone();
		for (entry, offset) in batch.iter_mut().zip(offsets) {
			entry.1 = shift_c(&entry.1, g1(Fr::from(offset)));
		}
		assert_eq!(ask(&prepared, &batch), Err(VerifyError::Unsatisfied));
	}
}

/// Who knows the weights before choosing the proofs makes bad ones cancel; so every choice must
/// change the weights.
#[test]
fn faults_that_cancel_under_the_weights_of_the_good_batch_are_refused() {
	let (key, prepared) = common::trapdoor(INPUTS, b"adaptive");
	let good: Vec<Entry> = (0..3)
		.map(|index| {
			let inputs = common::inputs(INPUTS, index);
			let proof = key.forge(&inputs, b"same");
			(inputs, proof)
		})
		.collect();
	let weights = weights(&prepared, &good);
	let (first, second) = (weights[0], weights[2]);
	// Offsets of the first and the last proof whose weighted sum is zero.
	let (to_first, to_last) = (second, -first);
	assert!((to_first * first + to_last * second).is_zero());

	let refused = |change: &dyn Fn(&mut Entry, Fr)| {
		let mut batch = good.clone();
		change(&mut batch[0], to_first);
		change(&mut batch[2], to_last);
		assert_eq!(ask(&prepared, &batch), Err(VerifyError::Unsatisfied));
	};
	refused(&|entry, offset| entry.1 = shift_c(&entry.1, g1(offset)));
	refused(&|entry, offset| {
		let mut points = Points::of(&entry.1);
		points.a = (points.a + g1(offset)).into_affine();
		entry.1 = points.bytes();
	});
	refused(&|entry, offset| {
		let mut points = Points::of(&entry.1);
		points.b = (points.b + G2Affine::generator() * offset).into_affine();
		entry.1 = points.bytes();
	});
	for input in 0..INPUTS {
		refused(&|entry, offset| entry.0[input] += offset);
	}
}

/// The test above has teeth: with the right weights such faults do cancel.
#[test]
fn the_weighted_sum_of_offsets_is_what_a_batch_sees() {
	let (key, prepared) = common::trapdoor(INPUTS, b"adaptive");
	let good = good(&key, 2);
	let weights = weights(&prepared, &good);
	let offsets = [weights[1], -weights[0]];
	let sum: G1Projective = weights
		.iter()
		.zip(offsets)
		.map(|(weight, offset)| g1(offset) * weight)
		.sum();
	assert!(sum.is_zero());
}

#[test]
fn every_byte_of_a_batch_its_order_its_length_and_its_key_change_every_weight() {
	let (key, prepared) = common::trapdoor(INPUTS, b"transcript");
	let good = good(&key, 3);
	let before = weights(&prepared, &good);
	let differs = |what: &str, after: Vec<Fr>| {
		for (index, (before, after)) in before.iter().zip(after).enumerate() {
			assert_ne!(*before, after, "{what} leaves weight {index} as it was");
		}
	};
	for entry in 0..good.len() {
		for bit in 0..8 * 192 {
			let mut batch = good.clone();
			batch[entry].1[bit / 8] ^= 1 << (bit % 8);
			differs("a bit of a proof", weights(&prepared, &batch));
		}
		for input in 0..INPUTS {
			for offset in [Fr::from(1u8), -Fr::from(1u8), Fr::from(1u64 << 63)] {
				let mut batch = good.clone();
				batch[entry].0[input] += offset;
				differs("an input", weights(&prepared, &batch));
			}
			let mut batch = good.clone();
			batch[entry].0.swap(input, (input + 1) % INPUTS);
			differs("the order of inputs", weights(&prepared, &batch));
		}
	}
	for (first, second) in [(0, 1), (1, 2), (0, 2)] {
		let mut batch = good.clone();
		batch.swap(first, second);
		differs("the order", weights(&prepared, &batch));
		let mut batch = good.clone();
		let inputs = batch[first].0.clone();
		batch[first].0 = batch[second].0.clone();
		batch[second].0 = inputs;
		differs("which inputs are whose", weights(&prepared, &batch));
	}
	let mut longer = good.clone();
	longer.push(good[0].clone());
	differs("the length", weights(&prepared, &longer));
	differs("the length", weights(&prepared, &good[..2]));

	// The digest covers what the equation does not use, such as β in G1.
	let mut bytes = key.verifying_key();
	let offset = 96..192;
	let beta: Vec<u8> = bytes[offset.clone()].to_vec();
	bytes[offset].copy_from_slice(&key.verifying_key()[..96]);
	assert_ne!(bytes[96..192], beta);
	let other = PreparedVerifyingKey::from_bytes(&bytes).unwrap();
	assert_eq!(ask(&other, &good), Ok(()));
	differs("the key", weights(&other, &good));
}

#[test]
fn no_weight_is_zero_and_no_two_are_equal_and_they_are_long() {
	let (key, prepared) = common::trapdoor(INPUTS, b"weights");
	let good = good(&key, 40);
	let mut seen = std::collections::BTreeSet::new();
	for count in 2..=good.len() {
		for weight in weights(&prepared, &good[..count]) {
			assert!(!weight.is_zero());
			assert!(seen.insert(weight.into_bigint()), "a weight came twice");
		}
	}
	// Two bits fewer than 128 would halve nothing yet; 120 leaves room for chance.
	for bit in 0..120 {
		let set = seen.iter().filter(|weight| weight.get_bit(bit)).count();
		assert!(
			set > seen.len() / 4 && set < seen.len() * 3 / 4,
			"bit {bit}"
		);
	}
}

#[test]
fn another_number_of_inputs_at_any_position_is_refused() {
	let (key, prepared) = common::trapdoor(INPUTS, b"counts");
	let good = good(&key, 4);
	for position in 0..good.len() {
		for count in [0, INPUTS - 1, INPUTS + 1] {
			let mut batch = good.clone();
			batch[position].0.resize(count, Fr::zero());
			assert_eq!(
				ask(&prepared, &batch),
				Err(VerifyError::InputCount {
					expected: INPUTS,
					found: count
				})
			);
		}
	}
}

/// What is added must not be taken for nothing: an input of zero is an input.
#[test]
fn an_input_of_zero_cannot_be_left_out_or_added() {
	let (key, prepared) = common::trapdoor(INPUTS, b"zeros");
	let mut inputs = common::inputs(INPUTS, 1);
	inputs[INPUTS - 1] = Fr::zero();
	let proof = key.forge(&inputs, b"proof");
	assert!(common::accepts(&prepared, &inputs, &proof));
	assert!(!common::accepts(&prepared, &inputs[..INPUTS - 1], &proof));
	inputs.push(Fr::zero());
	assert!(!common::accepts(&prepared, &inputs, &proof));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(if common::exhaustive() { 2000 } else { 40 }))]

	#[test]
	fn a_batch_is_accepted_exactly_if_each_of_its_proofs_is(
		count in 1..12usize,
		faults in prop::collection::vec((any::<prop::sample::Index>(), 0..FAULTS.len()), 0..4),
		duplicated in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..3),
		order in Just(()).prop_perturb(|(), mut rng| rng.next_u64()),
	) {
		let (key, prepared) = common::trapdoor(INPUTS, b"property");
		let mut batch = good(&key, count);
		for (position, fault) in &faults {
			FAULTS[*fault](&mut batch[position.index(count)]);
		}
		for (from, to) in duplicated {
			batch[to.index(count)] = batch[from.index(count)].clone();
		}
		// A permutation: sort by a keyed mixture of the positions.
		let mut mixed: Vec<_> = batch.into_iter().enumerate().collect();
		mixed.sort_by_key(|(index, _)| (*index as u64 + 1).wrapping_mul(order | 1).rotate_left(17));
		let batch: Vec<Entry> = mixed.into_iter().map(|(_, entry)| entry).collect();
		let each = batch
			.iter()
			.all(|(inputs, proof)| verify(&prepared, inputs, proof).is_ok());
		prop_assert_eq!(ask(&prepared, &batch).is_ok(), each);
		let mut reversed = batch;
		reversed.reverse();
		prop_assert_eq!(ask(&prepared, &reversed).is_ok(), each);
	}

	#[test]
	fn inputs_of_any_length_in_bits_are_accumulated_alike_alone_and_in_batches(
		count in 1..60usize,
		proofs in 1..5usize,
		bits in prop::collection::vec(0..256u32, 60),
		seed: u64,
	) {
		let (key, prepared) = common::trapdoor(count, b"lengths");
		let batch: Vec<Entry> = (0..proofs as u64)
			.map(|index| {
				let mut rng = common::rng(seed ^ index);
				let inputs: Vec<Fr> = bits
					.iter()
					.take(count)
					.map(|bits| {
						let mut bytes = common::any_bytes(&mut rng);
						for bit in *bits..256 {
							bytes[bit as usize / 8] &= !(1 << (bit % 8));
						}
						Fr::from_le_bytes_mod_order(&bytes)
					})
					.collect();
				let proof = key.forge(&inputs, &index.to_le_bytes());
				(inputs, proof)
			})
			.collect();
		for (inputs, proof) in &batch {
			prop_assert_eq!(verify(&prepared, inputs, proof), Ok(()));
		}
		prop_assert_eq!(ask(&prepared, &batch), Ok(()));
		let mut bad = batch;
		bad[0].0[bits[0] as usize % count] += Fr::from(1u8);
		prop_assert_eq!(ask(&prepared, &bad), Err(VerifyError::Unsatisfied));
	}
}

#[test]
fn an_empty_batch_is_refused_whatever_it_is_of() {
	let (_, prepared) = common::trapdoor(39, b"empty");
	let error = Err(VerifyError::NoProofs);
	assert_eq!(verify_batch(&prepared, &[]), error);
	assert_eq!(
		holdfast_verifier::porep::verify_batch(&prepared, &[]),
		error
	);
	assert_eq!(
		holdfast_verifier::window_post::verify_batch(&prepared, &[]),
		error
	);
}
