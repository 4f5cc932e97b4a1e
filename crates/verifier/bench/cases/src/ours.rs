//! This project's verifier.

use alloc::vec::Vec;
use holdfast_verifier::{encoding::field_element, verify, verify_batch, Fr, PreparedVerifyingKey};

use crate::{File, Verifier};

pub struct Ours {
	key: PreparedVerifyingKey,
	stored: Vec<u8>,
	proofs: Vec<([u8; 192], Vec<Fr>)>,
}

impl Ours {
	pub fn read(file: &File) -> Option<Self> {
		let key = PreparedVerifyingKey::from_bytes(file.key).ok()?;
		let proofs = file
			.proofs
			.iter()
			.map(|(proof, inputs)| {
				let inputs = inputs
					.iter()
					.map(|input| {
						let mut bytes = **input;
						bytes.reverse();
						field_element(&bytes)
					})
					.collect::<Option<_>>()?;
				Some((**proof, inputs))
			})
			.collect::<Option<_>>()?;
		Some(Self {
			stored: key.encode(),
			key,
			proofs,
		})
	}
}

impl Verifier for Ours {
	fn single(&self) -> bool {
		let (proof, inputs) = &self.proofs[0];
		verify(&self.key, inputs, proof).is_ok()
	}

	fn batch(&self) -> bool {
		let batch: Vec<_> = self
			.proofs
			.iter()
			.map(|(proof, inputs)| (inputs.as_slice(), *proof))
			.collect();
		verify_batch(&self.key, &batch).is_ok()
	}

	fn read_key(&self) -> bool {
		PreparedVerifyingKey::decode_trusted(&self.stored).is_ok_and(|key| key.input_count() > 0)
	}
}
