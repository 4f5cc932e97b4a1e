//! Any bytes as a prepared key: no panic when it is read nor when it is used, whatever it holds, and
//! one encoding.
#![no_main]

use std::sync::OnceLock;

use holdfast_verifier::{trapdoor::TrapdoorKey, verify, verify_batch, Fr, PreparedVerifyingKey};
use libfuzzer_sys::fuzz_target;

fn proof() -> &'static [u8; 192] {
	static PROOF: OnceLock<[u8; 192]> = OnceLock::new();
	PROOF.get_or_init(|| {
		TrapdoorKey::new(2, b"fuzz").forge(&[Fr::from(1u8), Fr::from(2u8)], b"proof")
	})
}

fuzz_target!(|bytes: &[u8]| {
	let Ok(key) = PreparedVerifyingKey::decode_trusted(bytes) else {
		return;
	};
	assert_eq!(key.encode(), bytes);
	let count = key.input_count();
	let inputs: Vec<Fr> = (0..count as u64).map(|index| Fr::from(index + 1)).collect();
	let _ = verify(&key, &inputs, proof());
	let _ = verify_batch(&key, &[(&inputs, *proof()), (&inputs, *proof())]);
	assert!(verify(&key, &inputs[..count - 1], proof()).is_err());
});
