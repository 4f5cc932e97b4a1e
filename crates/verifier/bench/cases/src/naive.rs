//! How polka-storage verified on chain: zkcrypto's `bls12_381`, the key decoded and checked at each
//! call, the inputs multiplied one by one.

use alloc::vec::Vec;
use bls12_381::{
	multi_miller_loop, pairing, G1Affine, G1Projective, G2Affine, G2Prepared, Scalar,
};

use crate::{File, Verifier};

pub struct Naive {
	key: Vec<u8>,
	proofs: Vec<([u8; 192], Vec<[u8; 32]>)>,
}

impl Naive {
	pub fn read(file: &File) -> Self {
		Self {
			key: file.key.to_vec(),
			proofs: file
				.proofs
				.iter()
				.map(|(proof, inputs)| {
					let inputs = inputs
						.iter()
						.map(|input| {
							let mut bytes = **input;
							bytes.reverse();
							bytes
						})
						.collect();
					(**proof, inputs)
				})
				.collect(),
		}
	}

	fn verify(&self, proof: &[u8; 192], inputs: &[[u8; 32]]) -> Option<bool> {
		let g1 = |at: usize| {
			let bytes = self.key.get(at..at + 96)?.try_into().ok()?;
			Option::<G1Affine>::from(G1Affine::from_uncompressed(bytes))
		};
		let g2 = |at: usize| {
			let bytes = self.key.get(at..at + 192)?.try_into().ok()?;
			Option::<G2Affine>::from(G2Affine::from_uncompressed(bytes))
		};
		let (alpha, _, beta, gamma) = (g1(0)?, g1(96)?, g2(192)?, g2(384)?);
		let (_, delta) = (g1(576)?, g2(672)?);
		let points = (868..self.key.len())
			.step_by(96)
			.map(g1)
			.collect::<Option<Vec<_>>>()?;

		let a = Option::from(G1Affine::from_compressed(proof[..48].try_into().ok()?))?;
		let b: G2Affine = Option::from(G2Affine::from_compressed(proof[48..144].try_into().ok()?))?;
		let c = Option::from(G1Affine::from_compressed(proof[144..].try_into().ok()?))?;

		let mut accumulated = G1Projective::from(points[0]);
		for (input, point) in inputs.iter().zip(&points[1..]) {
			accumulated += point * Option::<Scalar>::from(Scalar::from_bytes(input))?;
		}
		let loops = multi_miller_loop(&[
			(&a, &G2Prepared::from(b)),
			(&G1Affine::from(accumulated), &G2Prepared::from(-gamma)),
			(&c, &G2Prepared::from(-delta)),
		]);
		Some(loops.final_exponentiation() == pairing(&alpha, &beta))
	}
}

impl Verifier for Naive {
	fn single(&self) -> bool {
		let (proof, inputs) = &self.proofs[0];
		self.verify(proof, inputs).unwrap_or(false)
	}

	fn batch(&self) -> bool {
		self.proofs
			.iter()
			.all(|(proof, inputs)| self.verify(proof, inputs).unwrap_or(false))
	}

	fn read_key(&self) -> bool {
		true
	}
}
