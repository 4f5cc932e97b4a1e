//! The parts against what they stand for, and the whole against bellperson.
#![allow(clippy::unwrap_used)]

use std::{io::Write, path::Path};

use bellperson::{
	groth16::{create_proof, Parameters},
	Circuit, ConstraintSystem, SynthesisError,
};
use blstrs::{Bls12, G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use ff::{Field, PrimeField};
use group::{Curve as _, Group};
use proptest::prelude::*;
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use super::{
	curve::{add as add_one, add_all, add_rest, sum, Affine, Curve, Scratch, G1, G2},
	fft::{reverse_bits, Transform},
	msm::{sum_of_multiples, Bases, InvalidPoint},
	prove, Blinding, ProveError, ProvingKey, ProvingKeyError,
};
use crate::setup::{write_parameters, Trapdoor};

fn random() -> ChaCha20Rng {
	ChaCha20Rng::from_seed([1; 32])
}

/// Multiples of the generators with small factors, so that a test can make them meet.
fn g1(factor: i64) -> Affine<blstrs::Fp> {
	let point = (G1Projective::generator() * signed(factor)).to_affine();
	if factor == 0 {
		Affine::IDENTITY
	} else {
		Affine {
			x: point.x(),
			y: point.y(),
		}
	}
}

fn g2(factor: i64) -> Affine<blstrs::Fp2> {
	let point = (G2Projective::generator() * signed(factor)).to_affine();
	if factor == 0 {
		Affine::IDENTITY
	} else {
		Affine {
			x: point.x(),
			y: point.y(),
		}
	}
}

fn signed(value: i64) -> Scalar {
	let size = Scalar::from(value.unsigned_abs());
	if value < 0 {
		-size
	} else {
		size
	}
}

#[test]
fn points_are_added_in_all_cases() {
	let factors = [-2, -1, 0, 1, 2, 3];
	let pairs: Vec<(i64, i64)> = factors
		.iter()
		.flat_map(|left| factors.iter().map(move |right| (*left, *right)))
		.collect();
	// With what the processor has, and without.
	for add in [add_all, add_rest] {
		let mut left: Vec<_> = pairs.iter().map(|(left, _)| g1(*left)).collect();
		let right: Vec<_> = pairs.iter().map(|(_, right)| g1(*right)).collect();
		add(&mut left, &right, &mut Scratch::default());
		for (found, (left, right)) in left.iter().zip(&pairs) {
			assert_eq!(*found, g1(left + right), "{left} + {right}");
		}
	}
	for add in [add_all, add_rest] {
		let mut left: Vec<_> = pairs.iter().map(|(left, _)| g2(*left)).collect();
		let right: Vec<_> = pairs.iter().map(|(_, right)| g2(*right)).collect();
		add(&mut left, &right, &mut Scratch::default());
		for (found, (left, right)) in left.iter().zip(&pairs) {
			assert_eq!(*found, g2(left + right), "{left} + {right}");
		}
	}
	for (left, right) in pairs {
		assert_eq!(add_one(&g1(left), &g1(right)), g1(left + right));
	}
}

#[test]
fn many_additions_are_the_same_in_all_ways() {
	// Coordinates of all sizes, so that every carry occurs; some batches end within a group of eight.
	let mut random = random();
	let mut point = || {
		let point = G1Projective::random(&mut random).to_affine();
		Affine {
			x: point.x(),
			y: point.y(),
		}
	};
	for count in [15, 16, 17, 700] {
		let left: Vec<_> = (0..count).map(|_| point()).collect();
		let right: Vec<_> = (0..count).map(|_| point()).collect();
		let (mut all, mut rest) = (left.clone(), left.clone());
		add_all(&mut all, &right, &mut Scratch::default());
		add_rest(&mut rest, &right, &mut Scratch::default());
		assert_eq!(all, rest);
		for ((left, right), sum) in left.iter().zip(&right).zip(&all) {
			assert_eq!(
				G1::projective(left) + G1::projective(right),
				G1::projective(sum)
			);
		}
	}
}

#[test]
fn many_points_are_summed() {
	for count in [0, 1, 2, 16, 17, 18, 33, 100] {
		let mut points: Vec<_> = (0..count).map(g1).collect();
		let expected = G1Projective::generator() * signed(count * (count - 1) / 2);
		assert_eq!(sum::<G1>(&mut points, &mut Scratch::default()), expected);
	}
}

/// Points as in a file, and what they are times the generator.
fn bases<C: Curve>(count: usize, encode: impl Fn(u64) -> Vec<u8>) -> (Vec<u8>, Vec<Scalar>) {
	let factors: Vec<u64> = (1..).take(count).map(|index| index % 50 + 1).collect();
	let bytes = factors.iter().flat_map(|factor| encode(*factor)).collect();
	(bytes, factors.into_iter().map(Scalar::from).collect())
}

fn encode_g1(factor: u64) -> Vec<u8> {
	let point = G1Projective::generator() * Scalar::from(factor);
	point.to_affine().to_uncompressed().to_vec()
}

fn encode_g2(factor: u64) -> Vec<u8> {
	let point = G2Projective::generator() * Scalar::from(factor);
	point.to_affine().to_uncompressed().to_vec()
}

fn inner_product(factors: &[Scalar], scalars: &[Scalar]) -> Scalar {
	factors.iter().zip(scalars).map(|(a, b)| *a * b).sum()
}

fn check_multiples(scalars: &[Scalar]) {
	let (bytes, factors) = bases::<G1>(scalars.len(), encode_g1);
	let expected = G1Projective::generator() * inner_product(&factors, scalars);
	assert_eq!(
		sum_of_multiples::<G1>(Bases(&bytes), |index| scalars[index]).unwrap(),
		expected
	);
}

#[test]
fn multiples_are_summed_in_both_groups() {
	let edges = [
		Scalar::ZERO,
		Scalar::ONE,
		-Scalar::ONE,
		Scalar::from(2),
		-Scalar::from(2),
		Scalar::from(1 << 15),
		Scalar::from(u64::MAX),
		Scalar::TWO_INV,
		-Scalar::TWO_INV,
		// The largest that is not negated, and the smallest that is.
		Scalar::from(2).pow_vartime([254]) - Scalar::ONE,
		Scalar::from(2).pow_vartime([254]),
	];
	let mut random = random();
	for count in [0, 1, 2, 11, 60, 3000] {
		let scalars: Vec<Scalar> = edges
			.into_iter()
			.chain(std::iter::repeat_with(|| Scalar::random(&mut random)))
			.take(count)
			.collect();
		check_multiples(&scalars);
		let few = &scalars[..count.min(200)];
		let (bytes, factors) = bases::<G2>(few.len(), encode_g2);
		assert_eq!(
			sum_of_multiples::<G2>(Bases(&bytes), |index| few[index]).unwrap(),
			G2Projective::generator() * inner_product(&factors, few)
		);
	}
}

#[test]
fn uneven_digits_are_summed_like_others() {
	// All points want the same bucket; then two of them; then all of them cancel each other.
	check_multiples(&vec![Scalar::from(77); 5000]);
	let two = [Scalar::from(0x1_0001_0001), -Scalar::from(0x1_0001_0001)];
	let scalars: Vec<Scalar> = two.into_iter().cycle().take(5000).collect();
	check_multiples(&scalars);
	let point = encode_g1(9);
	let bytes: Vec<u8> = point.iter().copied().cycle().take(96 * 5000).collect();
	let sum = sum_of_multiples::<G1>(Bases(&bytes), |index| scalars[index]).unwrap();
	assert!(bool::from(sum.is_identity()));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn any_scalars_are_multiplied_right(
		words in prop::collection::vec((any::<[u64; 4]>(), 0u8..4), 1..120)
	) {
		let scalars: Vec<Scalar> = words
			.into_iter()
			.map(|(words, keep)| {
				// From few words to all of them: small, sparse and full scalars.
				let radix = Scalar::from(u64::MAX) + Scalar::ONE;
				words
					.iter()
					.take(usize::from(keep) + 1)
					.fold(Scalar::ZERO, |value, word| value * radix + Scalar::from(*word))
			})
			.collect();
		check_multiples(&scalars);
	}
}

#[test]
fn points_that_are_none_are_refused() {
	let good = encode_g1(3);
	let mut too_large = good.clone();
	too_large[0] |= 0x1f;
	too_large[1] = 0xff;
	let identity = G1Affine::default().to_uncompressed().as_ref().to_vec();
	let compressed = {
		let mut bytes = good.clone();
		bytes[0] |= 0x80;
		bytes
	};
	for bad in [too_large, identity, compressed, vec![0; 96]] {
		let bytes = [good.clone(), bad].concat();
		let result = sum_of_multiples::<G1>(Bases(&bytes), |_| Scalar::from(5));
		assert_eq!(result, Err(InvalidPoint));
	}
	let identity = G2Affine::default().to_uncompressed().as_ref().to_vec();
	let result = sum_of_multiples::<G2>(Bases(&identity), |_| Scalar::ONE);
	assert_eq!(result, Err(InvalidPoint));
}

fn evaluate(coefficients: &[Scalar], at: Scalar) -> Scalar {
	coefficients
		.iter()
		.rev()
		.fold(Scalar::ZERO, |value, coefficient| value * at + coefficient)
}

/// A root of unity of order `2^log`.
fn root(log: u32) -> Scalar {
	Scalar::ROOT_OF_UNITY.pow_vartime([1 << (Scalar::S - log)])
}

#[test]
fn polynomials_are_evaluated_and_interpolated() {
	let mut random = random();
	for log in 0..=7 {
		let size = 1usize << log;
		let transform = Transform::new(log).unwrap();
		assert_eq!(transform.size(), size);
		let coefficients: Vec<Scalar> = (0..size).map(|_| Scalar::random(&mut random)).collect();
		let factor = Scalar::from(u64::try_from(size).unwrap());
		let larger: Vec<Scalar> = coefficients.iter().map(|value| *value * factor).collect();
		let (omega, psi) = (root(log), root(log + 1));

		let mut values: Vec<Scalar> = (0..size)
			.map(|index| evaluate(&coefficients, omega.pow_vartime([index as u64])))
			.collect();
		reverse_bits(&mut values);
		transform.interpolate(&mut values);
		assert_eq!(values, larger);

		let mut values = coefficients.clone();
		transform.evaluate_on_coset(&mut values);
		reverse_bits(&mut values);
		// For a single point there is nothing to do, whatever the point is.
		if log > 0 {
			for (index, value) in values.iter().enumerate() {
				let at = psi * omega.pow_vartime([index as u64]);
				assert_eq!(*value, evaluate(&coefficients, at));
			}
		}
		reverse_bits(&mut values);
		transform.interpolate_on_coset(&mut values);
		assert_eq!(values, larger);
	}
	assert!(Transform::new(Scalar::S).is_none());
	assert!(Transform::new(u32::MAX).is_none());
}

#[test]
fn large_transforms_are_the_same_as_small_ones() {
	// Large enough for several threads, with an odd number of levels and with an even one.
	for log in [15, 16] {
		let size = 1usize << log;
		let transform = Transform::new(log).unwrap();
		let mut coefficients = vec![Scalar::ZERO; size];
		for (index, value) in [(0, 3), (1, 5), (777, 7), (size - 1, 11)] {
			coefficients[index] = Scalar::from(value);
		}
		let mut values = coefficients.clone();
		transform.evaluate_on_coset(&mut values);
		let mut ordered = values.clone();
		reverse_bits(&mut ordered);
		for index in [0, 1, 2, 1000, size - 1] {
			let at = root(log + 1).pow_vartime([2 * index as u64 + 1]);
			let expected = [(0, 3), (1, 5), (777, 7), (size - 1, 11)]
				.into_iter()
				.map(|(power, value)| at.pow_vartime([power as u64]) * Scalar::from(value))
				.sum::<Scalar>();
			assert_eq!(ordered[index], expected);
		}
		transform.interpolate_on_coset(&mut values);
		let factor = Scalar::from(u64::try_from(size).unwrap());
		for (value, coefficient) in values.iter().zip(&coefficients) {
			assert_eq!(*value, *coefficient * factor);
		}
	}
}

/// A chain of squares with bits, inputs and a constant: `x_(i+1) = (x_i + bit_i) · x_i + 3`.
#[derive(Clone, Copy)]
struct Chain {
	length: usize,
	start: Option<Scalar>,
}

impl Circuit<Scalar> for Chain {
	fn synthesize<CS: ConstraintSystem<Scalar>>(self, cs: &mut CS) -> Result<(), SynthesisError> {
		let missing = SynthesisError::AssignmentMissing;
		let start = self.start;
		let mut value = start;
		let mut x = cs.alloc_input(
			|| "start",
			|| start.ok_or(SynthesisError::AssignmentMissing),
		)?;
		for index in 0..self.length {
			let bit = Scalar::from(u64::from(index % 3 == 1));
			let b = cs.alloc(|| "bit", || Ok(bit))?;
			cs.enforce(
				|| "boolean",
				|sum| sum + CS::one() - b,
				|sum| sum + b,
				|sum| sum,
			);
			value = value.map(|value| (value + bit) * value + Scalar::from(3));
			let next = cs.alloc(|| "next", || value.ok_or(SynthesisError::AssignmentMissing))?;
			cs.enforce(
				|| "step",
				|sum| sum + x + b,
				|sum| sum + x + (Scalar::ZERO, b),
				|sum| sum + next - (Scalar::from(3), CS::one()),
			);
			x = next;
		}
		let result = cs.alloc_input(|| "result", || value.ok_or(missing))?;
		cs.enforce(
			|| "result",
			|sum| sum + x,
			|sum| sum + CS::one(),
			|sum| sum + result,
		);
		Ok(())
	}
}

fn key_file(directory: &Path, length: usize) -> std::path::PathBuf {
	let path = directory.join(format!("{length}.params"));
	let mut bytes = Vec::new();
	let blank = Chain {
		length,
		start: None,
	};
	write_parameters(
		[blank; 2],
		&Trapdoor::draw(random()),
		1,
		&mut bytes,
		&|_| {},
	)
	.unwrap();
	std::fs::File::create(&path)
		.unwrap()
		.write_all(&bytes)
		.unwrap();
	path
}

#[test]
fn the_proofs_are_those_of_bellperson() {
	let directory = tempfile::tempdir().unwrap();
	let mut random = random();
	for length in [1, 2, 30, 700] {
		let path = key_file(directory.path(), length);
		let key = ProvingKey::open(&path).unwrap();
		let mapped = Parameters::<Bls12>::build_mapped_parameters(path, false).unwrap();
		let circuit = Chain {
			length,
			start: Some(Scalar::random(&mut random)),
		};
		for (r, s) in [
			(Scalar::random(&mut random), Scalar::random(&mut random)),
			(Scalar::ZERO, Scalar::ZERO),
		] {
			let mut expected = Vec::new();
			create_proof::<Bls12, _, _>(circuit, &mapped, r, s)
				.unwrap()
				.write(&mut expected)
				.unwrap();
			let proof = prove(circuit, &key, Blinding { r, s }).unwrap();
			assert_eq!(proof[..], expected[..]);
		}
	}
}

#[test]
fn two_proofs_of_a_statement_differ() {
	let directory = tempfile::tempdir().unwrap();
	let key = ProvingKey::open(&key_file(directory.path(), 2)).unwrap();
	let circuit = Chain {
		length: 2,
		start: Some(Scalar::ONE),
	};
	let first = prove(circuit, &key, Blinding::random()).unwrap();
	assert_ne!(first, prove(circuit, &key, Blinding::random()).unwrap());
}

#[test]
fn a_key_of_another_circuit_is_refused() {
	let directory = tempfile::tempdir().unwrap();
	let key = ProvingKey::open(&key_file(directory.path(), 20)).unwrap();
	for length in [0, 19, 21, 300] {
		let circuit = Chain {
			length,
			start: Some(Scalar::ONE),
		};
		assert!(matches!(
			prove(circuit, &key, Blinding::random()),
			Err(ProveError::OtherCircuit { .. })
		));
	}
	let circuit = Chain {
		length: 20,
		start: None,
	};
	assert!(matches!(
		prove(circuit, &key, Blinding::random()),
		Err(ProveError::Circuit(SynthesisError::AssignmentMissing))
	));
}

#[test]
fn files_that_are_no_key_are_refused() {
	let directory = tempfile::tempdir().unwrap();
	let path = key_file(directory.path(), 20);
	let bytes = std::fs::read(&path).unwrap();
	let open = |bytes: &[u8]| {
		std::fs::write(&path, bytes).unwrap();
		ProvingKey::open(&path).map(|_| ())
	};
	assert!(matches!(
		open(&bytes[..bytes.len() - 1]),
		Err(ProvingKeyError::Length { .. })
	));
	assert!(matches!(
		open(&[&bytes[..], &[0]].concat()),
		Err(ProvingKeyError::Length { .. })
	));
	for length in [0, 1, 500, 864, 867] {
		assert!(matches!(
			open(&bytes[..length]),
			Err(ProvingKeyError::Read(_))
		));
	}
	// The number of the points in the first list, made far too large.
	let position = 868 + 96 * 3;
	let mut long = bytes.clone();
	long[position..position + 4].copy_from_slice(&[0xff; 4]);
	assert!(matches!(open(&long), Err(ProvingKeyError::Length { .. })));
	assert!(matches!(
		ProvingKey::open(&directory.path().join("missing")),
		Err(ProvingKeyError::Read(_))
	));
}

#[test]
fn a_damaged_point_and_a_worthless_delta_are_reported() {
	let directory = tempfile::tempdir().unwrap();
	let path = key_file(directory.path(), 20);
	let bytes = std::fs::read(&path).unwrap();
	let circuit = Chain {
		length: 20,
		start: Some(Scalar::from(5)),
	};
	let prove_with = |bytes: &[u8]| {
		std::fs::write(&path, bytes).unwrap();
		prove(
			circuit,
			&ProvingKey::open(&path).unwrap(),
			Blinding::random(),
		)
	};
	let mut damaged = bytes.clone();
	let last = damaged.len() - 192;
	damaged[last..].fill(0xff);
	assert!(matches!(prove_with(&damaged), Err(ProveError::Point(_))));
	let mut worthless = bytes.clone();
	// The delta of the first group comes after three points of it and two of the second: at 96 · 6.
	worthless[576..672].fill(0);
	worthless[576] = 0x40;
	let found = prove_with(&worthless);
	assert!(matches!(found, Err(ProveError::Delta)), "{found:?}");
}
