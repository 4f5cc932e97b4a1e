//! Arkworks as it comes: what `ark-groth16` does with a prepared key, but with arkworks' own
//! multi-scalar multiplication where that crate multiplies one by one; and the usual random linear
//! combination for a batch.

use alloc::vec::Vec;
use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{
	pairing::{Pairing, PairingOutput},
	AffineRepr, CurveGroup, VariableBaseMSM,
};
use ark_ff::{Field, PrimeField, Zero};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};

use crate::{File, Verifier};

type Prepared = <Bls12_381 as Pairing>::G2Prepared;

struct Proof {
	a: G1Affine,
	b: G2Affine,
	c: G1Affine,
}

impl Proof {
	/// With every check that arkworks makes.
	fn read(bytes: &[u8; 192]) -> Option<Self> {
		Some(Self {
			a: G1Affine::deserialize_compressed(&bytes[..48]).ok()?,
			b: G2Affine::deserialize_compressed(&bytes[48..144]).ok()?,
			c: G1Affine::deserialize_compressed(&bytes[144..]).ok()?,
		})
	}
}

pub struct Arkworks {
	alpha_beta: PairingOutput<Bls12_381>,
	minus_gamma: Prepared,
	minus_delta: Prepared,
	inputs: Vec<G1Affine>,
	stored: Vec<u8>,
	proofs: Vec<([u8; 192], Vec<Fr>)>,
}

impl Arkworks {
	pub fn read(file: &File) -> Option<Self> {
		let g1 = |at: usize| G1Affine::deserialize_uncompressed(&file.key[at..at + 96]).ok();
		let g2 = |at: usize| G2Affine::deserialize_uncompressed(&file.key[at..at + 192]).ok();
		let (alpha, beta, gamma, delta) = (g1(0)?, g2(192)?, g2(384)?, g2(672)?);
		let inputs = file.key[868..]
			.chunks(96)
			.map(|point| G1Affine::deserialize_uncompressed(point).ok())
			.collect::<Option<Vec<_>>>()?;
		let mut key = Self {
			alpha_beta: Bls12_381::pairing(alpha, beta),
			minus_gamma: Prepared::from(-gamma),
			minus_delta: Prepared::from(-delta),
			inputs,
			stored: Vec::new(),
			proofs: file
				.proofs
				.iter()
				.map(|(proof, inputs)| {
					let inputs = inputs
						.iter()
						.map(|input| Fr::from_be_bytes_mod_order(&input[..]))
						.collect();
					(**proof, inputs)
				})
				.collect(),
		};
		let mut stored = Vec::new();
		key.alpha_beta.serialize_uncompressed(&mut stored).ok()?;
		key.minus_gamma.serialize_uncompressed(&mut stored).ok()?;
		key.minus_delta.serialize_uncompressed(&mut stored).ok()?;
		key.inputs.serialize_uncompressed(&mut stored).ok()?;
		key.stored = stored;
		Some(key)
	}

	fn single(&self) -> Option<bool> {
		let (proof, inputs) = &self.proofs[0];
		let proof = Proof::read(proof)?;
		let (constant, points) = self.inputs.split_first()?;
		let accumulated = G1Projective::msm(points, inputs).ok()? + constant;
		let loops = Bls12_381::multi_miller_loop(
			[proof.a, accumulated.into_affine(), proof.c],
			[
				Prepared::from(proof.b),
				self.minus_gamma.clone(),
				self.minus_delta.clone(),
			],
		);
		Some(Bls12_381::final_exponentiation(loops)? == self.alpha_beta)
	}

	fn batch(&self) -> Option<bool> {
		let proofs = self
			.proofs
			.iter()
			.map(|(proof, _)| Proof::read(proof))
			.collect::<Option<Vec<_>>>()?;
		// A real verifier hashes; what that costs is left out in arkworks' favour.
		let mut state = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835u128;
		let weights: Vec<Fr> = proofs
			.iter()
			.map(|_| {
				state = state.wrapping_mul(0xda94_2042_e4dd_58b5).rotate_left(41);
				Fr::from(state)
			})
			.collect();
		let mut scalars = alloc::vec![Fr::zero(); self.inputs.len()];
		for ((_, inputs), weight) in self.proofs.iter().zip(&weights) {
			scalars[0] += weight;
			for (scalar, input) in scalars[1..].iter_mut().zip(inputs) {
				*scalar += *weight * input;
			}
		}
		let accumulated = G1Projective::msm(&self.inputs, &scalars).ok()?;
		let c: Vec<_> = proofs.iter().map(|proof| proof.c).collect();
		let c = G1Projective::msm(&c, &weights).ok()?;
		let mut left: Vec<G1Projective> = proofs
			.iter()
			.zip(&weights)
			.map(|(proof, weight)| proof.a.mul_bigint(weight.into_bigint()))
			.collect();
		left.extend([accumulated, c]);
		let right = proofs
			.iter()
			.map(|proof| Prepared::from(proof.b))
			.chain([self.minus_gamma.clone(), self.minus_delta.clone()]);
		let loops = Bls12_381::multi_miller_loop(G1Projective::normalize_batch(&left), right);
		let total: Fr = weights.iter().sum();
		let expected = self.alpha_beta.0.pow(total.into_bigint());
		Some(Bls12_381::final_exponentiation(loops)?.0 == expected)
	}

	/// Unchecked, as a key from a trusted place may be.
	fn read_key(&self) -> Option<bool> {
		let mut reader = self.stored.as_slice();
		let expected = PairingOutput::<Bls12_381>::deserialize_uncompressed_unchecked(&mut reader);
		Prepared::deserialize_uncompressed_unchecked(&mut reader).ok()?;
		Prepared::deserialize_uncompressed_unchecked(&mut reader).ok()?;
		let inputs = Vec::<G1Affine>::deserialize_uncompressed_unchecked(&mut reader).ok()?;
		Some(expected.ok()? == self.alpha_beta && inputs.len() == self.inputs.len())
	}
}

impl Verifier for Arkworks {
	fn single(&self) -> bool {
		Arkworks::single(self).unwrap_or(false)
	}

	fn batch(&self) -> bool {
		Arkworks::batch(self).unwrap_or(false)
	}

	fn read_key(&self) -> bool {
		Arkworks::read_key(self).unwrap_or(false)
	}
}
