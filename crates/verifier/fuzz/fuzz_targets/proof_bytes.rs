//! Any 192 bytes as a proof: they decode for this crate exactly if they do for blst (the identity
//! aside), and verify only if they are one of the good proofs, made into another.
#![no_main]

use std::sync::OnceLock;

use blstrs::{G1Affine, G2Affine};
use holdfast_verifier::{
	trapdoor::TrapdoorKey, verify, verify_batch, Fr, PreparedVerifyingKey, ProofPoint, VerifyError,
};
use libfuzzer_sys::fuzz_target;

fn key() -> &'static (TrapdoorKey, PreparedVerifyingKey) {
	static KEY: OnceLock<(TrapdoorKey, PreparedVerifyingKey)> = OnceLock::new();
	KEY.get_or_init(|| {
		// The one that the seed corpus is made for.
		let key = TrapdoorKey::new(2, b"fuzz");
		let prepared = PreparedVerifyingKey::from_bytes(&key.verifying_key()).expect("a good key");
		(key, prepared)
	})
}

fn blst_takes(proof: &[u8; 192], point: ProofPoint) -> bool {
	let g1 = |bytes: &[u8]| {
		let bytes = bytes.try_into().expect("48 bytes");
		Option::<G1Affine>::from(G1Affine::from_compressed(bytes))
			.is_some_and(|point| point != G1Affine::default())
	};
	match point {
		ProofPoint::A => g1(&proof[..48]),
		ProofPoint::C => g1(&proof[144..]),
		ProofPoint::B => {
			let bytes = proof[48..144].try_into().expect("96 bytes");
			Option::<G2Affine>::from(G2Affine::from_compressed(bytes))
				.is_some_and(|point| point != G2Affine::default())
		},
	}
}

fuzz_target!(|proof: [u8; 192]| {
	let inputs = [Fr::from(1u8), Fr::from(2u8)];
	let (_, key) = key();
	let alone = verify(key, &inputs, &proof);
	assert_eq!(verify_batch(key, &[(&inputs, proof)]), alone);
	let points = [ProofPoint::A, ProofPoint::B, ProofPoint::C];
	match alone {
		Err(VerifyError::Point {
			proof: 0, point, ..
		}) => assert!(!blst_takes(&proof, point)),
		Err(VerifyError::Unsatisfied) | Ok(()) => {
			assert!(points.iter().all(|point| blst_takes(&proof, *point)));
		},
		Err(other) => panic!("{other}"),
	}
});
