//! The pairing check, for one proof and for many.

use alloc::vec::Vec;
use ark_bls12_381::Fq12;
use ark_ff::{AdditiveGroup, PrimeField};
use blake2::{digest::consts::U32, Blake2b, Digest};

use crate::{
	curve::{normalize, Jacobian},
	encoding::{field_bytes, PROOF_BYTES},
	engine::{Engine, Fresh, Selected},
	error::VerifyError,
	field::Fp,
	key::PreparedVerifyingKey,
	merge::Merged,
	msm::Scalar,
	pairing::FixedLines,
	points::Proof,
	weight::{self, Weight},
	Fr,
};

/// Checks one proof of `inputs` under `key`.
pub fn verify(
	key: &PreparedVerifyingKey,
	inputs: &[Fr],
	proof: &[u8; PROOF_BYTES],
) -> Result<(), VerifyError> {
	check_count(key, inputs)?;
	let proof = decode(0, proof)?;
	let fresh = Fresh {
		left: proof.a.point.jacobian(),
		right: &proof.b,
		lines: &proof.lines,
	};
	let fixed = [
		(accumulated(key, inputs), &key.minus_gamma),
		(proof.c.point.jacobian(), &key.minus_delta),
	];
	check(&[fresh], &fixed, &key.alpha_beta)
}

/// Checks that every proof holds for its inputs under `key`, together: with `n` proofs there are
/// `n + 2` Miller loops and one final exponentiation. It succeeds if each proof alone does; if one
/// does not it fails, but for a probability of about 2^-128. It does not say which.
///
/// The sum's weights have 128 bits and come from hashing the key's digest, all proofs and all
/// inputs, so nobody knows them before having chosen the proofs.
pub fn verify_batch(
	key: &PreparedVerifyingKey,
	batch: &[(&[Fr], [u8; PROOF_BYTES])],
) -> Result<(), VerifyError> {
	match batch {
		[] => return Err(VerifyError::NoProofs),
		[(inputs, proof)] => return verify(key, inputs, proof),
		_ => {},
	}
	for (inputs, _) in batch {
		check_count(key, inputs)?;
	}
	let proofs = batch
		.iter()
		.enumerate()
		.map(|(index, (_, bytes))| decode(index, bytes))
		.collect::<Result<Vec<_>, _>>()?;
	let weights = weights(key, batch);

	let fresh: Vec<_> = proofs
		.iter()
		.zip(&weights)
		.map(|(proof, weight)| Fresh {
			left: Selected::weighted(&proof.a, weight),
			right: &proof.b,
			lines: &proof.lines,
		})
		.collect();
	let c: Vec<_> = proofs
		.iter()
		.map(|proof| proof.c)
		.zip(weights.iter().copied())
		.collect();
	let fixed = [
		(accumulated_batch(key, batch, &weights), &key.minus_gamma),
		(Selected::weighted_sum(&c), &key.minus_delta),
	];
	let expected = Selected::power(&key.alpha_beta, &weight::total(&weights));
	check(&fresh, &fixed, &expected)
}

/// `IC₀ + Σ xᵢ·ICᵢ`; the caller has checked the number of inputs.
fn accumulated(key: &PreparedVerifyingKey, inputs: &[Fr]) -> Jacobian<Fp> {
	let Some((constant, points)) = key.inputs.split_first() else {
		return Jacobian::IDENTITY;
	};
	let scalars = scalars(inputs);
	let merged = Merged::new(points, core::slice::from_ref(&scalars));
	Selected::sum_of_multiples(merged.points(), &merged.pick(&scalars)).add_affine(constant)
}

/// The weighted sum of what each proof's inputs accumulate to, by the cheaper of two ways:
/// weighting the inputs before they meet the key's points, which makes short inputs long but passes
/// over the points once; or weighting the results.
fn accumulated_batch(
	key: &PreparedVerifyingKey,
	batch: &[(&[Fr], [u8; PROOF_BYTES])],
	weights: &[Weight],
) -> Jacobian<Fp> {
	let Some((constant, points)) = key.inputs.split_first() else {
		return Jacobian::IDENTITY;
	};
	let all_scalars: Vec<Vec<Scalar>> = batch.iter().map(|(inputs, _)| scalars(inputs)).collect();
	let merged = Merged::new(points, &all_scalars);

	// The constant's weight is the sum of all.
	let mut constant_weight = Fr::ZERO;
	let mut weighted = alloc::vec![Fr::ZERO; merged.points().len()];
	let mut weight_scalars = Vec::with_capacity(batch.len());
	let mut separate = Vec::with_capacity(batch.len());
	for (((inputs, _), scalars), weight) in batch.iter().zip(&all_scalars).zip(weights) {
		let weight = weight.scalar();
		weight_scalars.push(weight.into_bigint());
		constant_weight += weight;
		for (sum, input) in weighted.iter_mut().zip(merged.pick(inputs)) {
			*sum += weight * input;
		}
		separate.push(merged.pick(scalars));
	}
	let separate_cost = separate
		.iter()
		.chain([&weight_scalars])
		.map(|scalars| Selected::cost(scalars))
		.fold(0u64, u64::saturating_add);
	weighted.push(constant_weight);
	let weighted = scalars(&weighted);
	if Selected::cost(&weighted) <= separate_cost {
		let points: Vec<_> = merged.points().iter().chain([constant]).copied().collect();
		return Selected::sum_of_multiples(&points, &weighted);
	}
	let each: Vec<_> = separate
		.iter()
		.map(|scalars| Selected::sum_of_multiples(merged.points(), scalars).add_affine(constant))
		.collect();
	let (points, scalars): (Vec<_>, Vec<_>) = normalize(&each)
		.into_iter()
		.zip(weight_scalars)
		.filter_map(|(point, scalar)| Some((point?, scalar)))
		.unzip();
	Selected::sum_of_multiples(&points, &scalars)
}

fn scalars(inputs: &[Fr]) -> Vec<Scalar> {
	inputs.iter().map(|input| input.into_bigint()).collect()
}

fn check_count(key: &PreparedVerifyingKey, inputs: &[Fr]) -> Result<(), VerifyError> {
	let (expected, found) = (key.input_count(), inputs.len());
	if expected == found {
		Ok(())
	} else {
		Err(VerifyError::InputCount { expected, found })
	}
}

fn decode(index: usize, bytes: &[u8; PROOF_BYTES]) -> Result<Proof<Fp>, VerifyError> {
	Proof::decode(bytes).map_err(|(point, error)| VerifyError::Point {
		proof: index,
		point,
		error,
	})
}

fn check(
	fresh: &[Fresh<'_>],
	fixed: &[(Jacobian<Fp>, &FixedLines<Fp>)],
	expected: &Fq12,
) -> Result<(), VerifyError> {
	if Selected::product(fresh, fixed).as_ref() == Some(expected) {
		Ok(())
	} else {
		Err(VerifyError::Unsatisfied)
	}
}

/// One weight for each proof.
pub(crate) fn weights(
	key: &PreparedVerifyingKey,
	batch: &[(&[Fr], [u8; PROOF_BYTES])],
) -> Vec<Weight> {
	let mut transcript = Blake2b::<U32>::new();
	transcript.update(b"holdfast/groth16-batch/2");
	transcript.update(key.digest());
	transcript.update((batch.len() as u64).to_le_bytes());
	for (inputs, proof) in batch {
		transcript.update(proof);
		transcript.update((inputs.len() as u64).to_le_bytes());
		for input in *inputs {
			transcript.update(field_bytes(input));
		}
	}
	let seed = transcript.finalize();
	(0u64..)
		.take(batch.len())
		.map(|index| {
			let mut hasher = Blake2b::<U32>::new();
			hasher.update(seed);
			hasher.update(index.to_le_bytes());
			let hash = hasher.finalize();
			let mut bytes = [0; 16];
			for (byte, hashed) in bytes.iter_mut().zip(hash) {
				*byte = hashed;
			}
			Weight::of(&bytes)
		})
		.collect()
}
