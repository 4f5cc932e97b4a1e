//! Good proofs for chosen inputs, then a few changes: each proof alone and all together must get the
//! same answer, and a batch without changes must be accepted.
#![no_main]

use std::sync::OnceLock;

use ark_bls12_381::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use holdfast_verifier::{
	encoding::field_element, trapdoor::TrapdoorKey, verify, verify_batch, Fr, PreparedVerifyingKey,
	VerifyError,
};
use libfuzzer_sys::fuzz_target;

/// Some keys, made once: that takes longer than many proofs.
const INPUT_COUNTS: [usize; 4] = [1, 2, 5, 12];

fn keys() -> &'static [(TrapdoorKey, PreparedVerifyingKey)] {
	static KEYS: OnceLock<Vec<(TrapdoorKey, PreparedVerifyingKey)>> = OnceLock::new();
	KEYS.get_or_init(|| {
		INPUT_COUNTS
			.iter()
			.map(|count| {
				let key = TrapdoorKey::new(*count, b"fuzz");
				let prepared =
					PreparedVerifyingKey::from_bytes(&key.verifying_key()).expect("a good key");
				(key, prepared)
			})
			.collect()
	})
}

/// Bytes that decide, zeros when there are none left.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
	fn next(&mut self) -> u8 {
		self.0.next().copied().unwrap_or(0)
	}

	fn below(&mut self, limit: usize) -> usize {
		(usize::from(self.next()) << 8 | usize::from(self.next())) % limit
	}

	/// Short inputs, long ones, and the ends of the field.
	fn input(&mut self) -> Fr {
		match self.next() % 6 {
			0 => Fr::from(self.next()),
			1 => -Fr::from(self.next()),
			2 => Fr::from(u32::from_le_bytes([0; 4].map(|_: u8| self.next()))),
			3 => Fr::from(u64::from_le_bytes([0; 8].map(|_: u8| self.next()))),
			_ => {
				let mut bytes = [0; 32].map(|_: u8| self.next());
				bytes[31] &= 0x3f;
				field_element(&bytes).expect("short enough")
			},
		}
	}
}

fn shift_g1(bytes: &mut [u8], by: &G1Affine) {
	if let Ok(point) = G1Affine::deserialize_compressed_unchecked(&*bytes) {
		let mut shifted = Vec::new();
		let _ = (point + by)
			.into_affine()
			.serialize_compressed(&mut shifted);
		bytes.copy_from_slice(&shifted);
	}
}

fn shift_g2(bytes: &mut [u8], by: &G2Affine) {
	if let Ok(point) = G2Affine::deserialize_compressed_unchecked(&*bytes) {
		let mut shifted = Vec::new();
		let _ = (point + by)
			.into_affine()
			.serialize_compressed(&mut shifted);
		bytes.copy_from_slice(&shifted);
	}
}

fuzz_target!(|bytes: &[u8]| {
	let mut choices = Choices(bytes.iter());
	let which = choices.below(INPUT_COUNTS.len());
	let (input_count, (key, prepared)) = (INPUT_COUNTS[which], &keys()[which]);
	let proof_count = 1 + choices.below(4);
	let good: Vec<(Vec<Fr>, [u8; 192])> = (0..proof_count)
		.map(|_| {
			let inputs: Vec<Fr> = (0..input_count).map(|_| choices.input()).collect();
			// Often the same randomness as before, so that points coincide.
			let proof = key.forge(&inputs, &[choices.next() % 3]);
			(inputs, proof)
		})
		.collect();
	let mut batch = good.clone();
	for _ in 0..choices.next() % 5 {
		let (at, other) = (choices.below(proof_count), choices.below(proof_count));
		let (inputs, proof) = &mut batch[at];
		match choices.next() % 10 {
			0 => {
				let bit = choices.below(8 * 192);
				proof[bit / 8] ^= 1 << (bit % 8);
			},
			1 => proof[choices.below(192)] = choices.next(),
			2 => inputs[choices.below(input_count)] += choices.input(),
			3 => inputs.swap(choices.below(input_count), 0),
			4 => {
				let g = G1Affine::generator();
				let by = if choices.next() % 2 == 0 { g } else { -g };
				let start = if choices.next() % 2 == 0 { 0 } else { 144 };
				shift_g1(&mut proof[start..start + 48], &by);
			},
			5 => {
				let g = G2Affine::generator();
				let by = if choices.next() % 2 == 0 { g } else { -g };
				shift_g2(&mut proof[48..144], &by);
			},
			6 => {
				let proof = batch[other].1;
				batch[at].1 = proof;
			},
			7 => {
				let inputs = batch[other].0.clone();
				batch[at].0 = inputs;
			},
			8 => batch.swap(at, other),
			_ => {
				// The same error with the opposite sign in two places.
				let g = G1Affine::generator();
				shift_g1(&mut batch[at].1[144..], &g);
				shift_g1(&mut batch[other].1[144..], &-g);
			},
		}
	}
	let pairs: Vec<_> = batch
		.iter()
		.map(|(inputs, proof)| (inputs.as_slice(), *proof))
		.collect();
	let alone: Vec<_> = pairs
		.iter()
		.map(|(inputs, proof)| verify(prepared, inputs, proof))
		.collect();
	let together = verify_batch(prepared, &pairs);
	assert_eq!(together.is_ok(), alone.iter().all(Result::is_ok));
	if batch == good {
		assert_eq!(together, Ok(()));
	}
	// An unusable point is named, with the position of the proof.
	if let Err(VerifyError::Point { proof, .. }) = together {
		assert!(matches!(alone[proof], Err(VerifyError::Point { .. })));
	}
});
