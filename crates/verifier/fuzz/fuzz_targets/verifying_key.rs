//! Any bytes as a verifying key: no panic, and a key that is read has one encoding, comes back from
//! its prepared form, and verifies nothing that is made up.
#![no_main]

use holdfast_verifier::{verify, verify_batch, Fr, PreparedVerifyingKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
	let Ok(key) = PreparedVerifyingKey::from_bytes(bytes) else {
		return;
	};
	assert_eq!(bytes.len(), 868 + 96 * (key.input_count() + 1));
	let encoded = key.encode();
	assert_eq!(
		encoded.len(),
		PreparedVerifyingKey::encoded_len(key.input_count())
	);
	assert!(PreparedVerifyingKey::decode_trusted(&encoded).as_ref() == Ok(&key));
	let mut longer = bytes.to_vec();
	longer.push(0);
	assert!(PreparedVerifyingKey::from_bytes(&longer).is_err());
	let inputs = vec![Fr::from(7u8); key.input_count()];
	let mut proof = [0; 192];
	for (to, from) in proof.iter_mut().zip(bytes) {
		*to = *from;
	}
	assert!(verify(&key, &inputs, &proof).is_err());
	assert!(verify_batch(&key, &[(&inputs, proof), (&inputs, proof)]).is_err());
});
