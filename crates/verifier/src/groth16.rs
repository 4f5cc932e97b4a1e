//! The pairing check, for one proof and for many.

use alloc::vec::Vec;
use ark_bls12_381::{Fq12, G1Affine, G1Projective};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInt, CyclotomicMultSubgroup, PrimeField};
use blake2::{digest::consts::U32, Blake2b, Digest};

use crate::{
	encoding::{field_bytes, Proof, PROOF_BYTES},
	error::VerifyError,
	key::PreparedVerifyingKey,
	msm,
	pairing::{self, Lines},
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
	let accumulated = key.accumulate(inputs).into_affine();
	let lines = Lines::of(proof.b);
	check(
		&[
			(proof.a, &lines),
			(accumulated, &key.minus_gamma),
			(proof.c, &key.minus_delta),
		],
		&key.alpha_beta,
	)
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

	let limbs: Vec<_> = weights
		.iter()
		.map(|weight| Fr::from(*weight).into_bigint())
		.collect();
	let total = weights.iter().map(|weight| Fr::from(*weight)).sum::<Fr>();
	let c: Vec<G1Affine> = proofs.iter().map(|proof| proof.c).collect();

	let mut points: Vec<_> = proofs
		.iter()
		.zip(&limbs)
		.map(|(proof, weight)| msm::multiple(&proof.a, *weight))
		.collect();
	points.push(accumulate(key, batch, &weights, &limbs));
	points.push(msm::sum_of_multiples(&c, &limbs));

	let lines: Vec<Lines> = proofs.iter().map(|proof| Lines::of(proof.b)).collect();
	let pairs: Vec<_> = msm::normalize(&points)
		.into_iter()
		.zip(lines.iter().chain([&key.minus_gamma, &key.minus_delta]))
		.collect();
	check(&pairs, &key.alpha_beta.cyclotomic_exp(total.into_bigint()))
}

/// The weighted sum of what each proof's inputs accumulate to, by the cheaper of two ways:
/// weighting the inputs before they meet the key's points, which makes short inputs long but passes
/// over the points once; or weighting the results.
fn accumulate(
	key: &PreparedVerifyingKey,
	batch: &[(&[Fr], [u8; PROOF_BYTES])],
	weights: &[u128],
	limbs: &[BigInt<4>],
) -> G1Projective {
	let mut weighted = alloc::vec![Fr::ZERO; key.input_count() + 1];
	let mut separate_cost = msm::cost(limbs);
	for ((inputs, _), weight) in batch.iter().zip(weights) {
		let weight = Fr::from(*weight);
		if let Some((constant, rest)) = weighted.split_first_mut() {
			// The constant's weight is the sum of all.
			*constant += weight;
			for (scalar, input) in rest.iter_mut().zip(*inputs) {
				*scalar += weight * input;
			}
		}
		let scalars: Vec<_> = inputs.iter().map(|input| input.into_bigint()).collect();
		separate_cost = separate_cost.saturating_add(msm::cost(&scalars));
	}
	let weighted: Vec<_> = weighted.iter().map(|scalar| scalar.into_bigint()).collect();
	if msm::cost(&weighted) <= separate_cost {
		return msm::sum_of_multiples(&key.inputs, &weighted);
	}
	let each: Vec<_> = batch
		.iter()
		.map(|(inputs, _)| key.accumulate(inputs))
		.collect();
	msm::sum_of_multiples(&msm::normalize(&each), limbs)
}

fn check_count(key: &PreparedVerifyingKey, inputs: &[Fr]) -> Result<(), VerifyError> {
	let (expected, found) = (key.input_count(), inputs.len());
	if expected == found {
		Ok(())
	} else {
		Err(VerifyError::InputCount { expected, found })
	}
}

fn decode(index: usize, bytes: &[u8; PROOF_BYTES]) -> Result<Proof, VerifyError> {
	Proof::decode(bytes).map_err(|(point, error)| VerifyError::Point {
		proof: index,
		point,
		error,
	})
}

fn check(pairs: &[(G1Affine, &Lines)], expected: &Fq12) -> Result<(), VerifyError> {
	if pairing::product(pairs).as_ref() == Some(expected) {
		Ok(())
	} else {
		Err(VerifyError::Unsatisfied)
	}
}

/// One weight for each proof, none zero.
pub(crate) fn weights(
	key: &PreparedVerifyingKey,
	batch: &[(&[Fr], [u8; PROOF_BYTES])],
) -> Vec<u128> {
	let mut transcript = Blake2b::<U32>::new();
	transcript.update(b"holdfast/groth16-batch/1");
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
			let weight = hash
				.iter()
				.take(16)
				.fold(0u128, |value, byte| value << 8 | u128::from(*byte));
			weight.max(1)
		})
		.collect()
}
