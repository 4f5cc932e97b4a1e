//! Keys whose trapdoor is known, so that proofs can be made up for any statement, true or not.
//!
//! For tests and benchmarks of code that verifies: such a proof goes through exactly the same
//! checks as a real one, and nothing has to be sealed for it. A network that accepts such a key is
//! worthless.

use alloc::vec::Vec;
use ark_bls12_381::{Fr, G1Affine, G1Projective, G2Projective};
use ark_ec::{scalar_mul::BatchMulPreprocessing, CurveGroup, PrimeGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use ark_serialize::CanonicalSerialize;
use blake2::{Blake2b512, Digest};

use crate::{encoding::PROOF_BYTES, groth16, key::PreparedVerifyingKey};

/// A key together with the secrets that it was made from.
#[derive(Clone, Debug)]
pub struct TrapdoorKey {
	alpha: Fr,
	beta: Fr,
	gamma: Fr,
	delta: Fr,
	/// The discrete logarithms of the input points.
	inputs: Vec<Fr>,
}

impl TrapdoorKey {
	/// A key for `input_count` public inputs, the same one for the same seed.
	pub fn new(input_count: usize, seed: &[u8]) -> Self {
		let mut scalars = (0u64..).map(|index| scalar(seed, index));
		// The iterator does not end, so the fallback is never taken.
		let mut next = || scalars.next().unwrap_or(Fr::ONE);
		Self {
			alpha: next(),
			beta: next(),
			gamma: next(),
			delta: next(),
			inputs: (0..=input_count).map(|_| next()).collect(),
		}
	}

	/// The verifying key in the form that
	/// [`PreparedVerifyingKey::from_bytes`](crate::PreparedVerifyingKey::from_bytes) reads.
	pub fn verifying_key(&self) -> Vec<u8> {
		let g1 = |scalar: &Fr| (G1Projective::generator() * scalar).into_affine();
		let g2 = |scalar: &Fr| (G2Projective::generator() * scalar).into_affine();
		let mut bytes = Vec::new();
		write(&mut bytes, &g1(&self.alpha));
		write(&mut bytes, &g1(&self.beta));
		write(&mut bytes, &g2(&self.beta));
		write(&mut bytes, &g2(&self.gamma));
		write(&mut bytes, &g1(&self.delta));
		write(&mut bytes, &g2(&self.delta));
		let count = u32::try_from(self.inputs.len()).unwrap_or(u32::MAX);
		bytes.extend_from_slice(&count.to_be_bytes());
		let table = BatchMulPreprocessing::new(G1Projective::generator(), self.inputs.len());
		let points: Vec<G1Affine> = table.batch_mul(&self.inputs);
		for point in &points {
			write(&mut bytes, point);
		}
		bytes
	}

	/// A proof of `inputs` that verifies, whatever they say. Another `seed` gives another proof.
	pub fn forge(&self, inputs: &[Fr], seed: &[u8]) -> [u8; PROOF_BYTES] {
		let (a, b) = (scalar(seed, 0), scalar(seed, 1));
		let (constant, rest) = self.inputs.split_first().unwrap_or((&Fr::ZERO, &[]));
		let accumulated = inputs
			.iter()
			.zip(rest)
			.fold(*constant, |sum, (input, point)| sum + *input * point);
		let delta_inverse = self.delta.inverse().unwrap_or(Fr::ZERO);
		let c = (a * b - self.alpha * self.beta - accumulated * self.gamma) * delta_inverse;
		let mut bytes = Vec::with_capacity(PROOF_BYTES);
		write_compressed(&mut bytes, &(G1Projective::generator() * a).into_affine());
		write_compressed(&mut bytes, &(G2Projective::generator() * b).into_affine());
		write_compressed(&mut bytes, &(G1Projective::generator() * c).into_affine());
		let mut proof = [0; PROOF_BYTES];
		proof
			.iter_mut()
			.zip(bytes)
			.for_each(|(to, from)| *to = from);
		proof
	}
}

/// The weights that [`verify_batch`](crate::verify_batch) gives to these proofs. Proofs that are bad
/// cancel in a batch if they can be chosen after its weights are known, which tests try.
pub fn batch_weights(key: &PreparedVerifyingKey, batch: &[(&[Fr], [u8; PROOF_BYTES])]) -> Vec<Fr> {
	groth16::weights(key, batch)
		.into_iter()
		.map(|weight| weight.scalar())
		.collect()
}

fn scalar(seed: &[u8], index: u64) -> Fr {
	let mut hasher = Blake2b512::new();
	hasher.update(b"holdfast/trapdoor/1");
	hasher.update(index.to_le_bytes());
	hasher.update(seed);
	Fr::from_le_bytes_mod_order(&hasher.finalize())
}

fn write(bytes: &mut Vec<u8>, point: &impl CanonicalSerialize) {
	// Writing to a vector does not fail.
	let _ = point.serialize_uncompressed(&mut *bytes);
}

fn write_compressed(bytes: &mut Vec<u8>, point: &impl CanonicalSerialize) {
	let _ = point.serialize_compressed(&mut *bytes);
}
