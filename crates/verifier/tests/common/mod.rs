//! What several test files need.
#![allow(dead_code, clippy::unwrap_used)]

pub mod fixture;
pub mod points;
#[path = "../../examples/verify-prf/prf.rs"]
pub mod prf;
pub mod subject;

use std::path::PathBuf;

use holdfast_verifier::{
	encoding::field_element, trapdoor::TrapdoorKey, verify, verify_batch, Fr, PreparedVerifyingKey,
	PROOF_BYTES,
};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha8Rng,
};

pub fn rng(seed: u64) -> ChaCha8Rng {
	ChaCha8Rng::seed_from_u64(seed)
}

/// 32 random bytes below the scalar field's modulus, not zero.
pub fn field_bytes(rng: &mut ChaCha8Rng) -> [u8; 32] {
	let mut bytes = any_bytes(rng);
	bytes[31] &= 0x3f;
	bytes
}

pub fn any_bytes(rng: &mut ChaCha8Rng) -> [u8; 32] {
	let mut bytes = [0; 32];
	rng.fill_bytes(&mut bytes);
	bytes
}

/// Asked for at run time, because clones may share what is compiled.
pub fn package_folder() -> PathBuf {
	std::env::var_os("CARGO_MANIFEST_DIR")
		.expect("cargo sets it for tests")
		.into()
}

pub fn fixtures() -> PathBuf {
	package_folder().join("fixtures")
}

/// Ten real proofs of Filecoin's 32 GiB circuit with their key.
pub struct Seal32 {
	pub key: Vec<u8>,
	pub proofs: Vec<([u8; 192], Vec<[u8; 32]>)>,
}

pub fn seal32_path() -> PathBuf {
	package_folder().join("../../../shared/vectors/seal32_x10.prf")
}

/// Reads the vector, or says that it is not there. It is not part of the repository.
pub fn seal32() -> Option<Seal32> {
	let path = seal32_path();
	let Ok(bytes) = std::fs::read(&path) else {
		println!("NOTICE: skipped, there is no {}", path.display());
		return None;
	};
	let vector = prf::Prf::parse(&bytes).unwrap();
	let proofs = vector
		.records
		.iter()
		.map(|record| {
			let mut inputs = record.inputs.to_vec();
			inputs.iter_mut().for_each(|input| input.reverse());
			(*record.proof, inputs)
		})
		.collect();
	Some(Seal32 {
		key: vector.key.to_vec(),
		proofs,
	})
}

/// Whether everything is to be tried, for minutes, instead of a sample.
pub fn exhaustive() -> bool {
	std::env::var_os("HOLDFAST_EXHAUSTIVE").is_some_and(|value| value == "1")
}

/// Every item if everything is to be tried, else one in `step`, at least the first.
pub fn sample<T>(items: impl IntoIterator<Item = T>, step: usize) -> impl Iterator<Item = T> {
	items
		.into_iter()
		.step_by(if exhaustive() { 1 } else { step })
}

/// A key whose trapdoor is known, and as it is prepared.
pub fn trapdoor(inputs: usize, seed: &[u8]) -> (TrapdoorKey, PreparedVerifyingKey) {
	let key = TrapdoorKey::new(inputs, seed);
	let prepared = PreparedVerifyingKey::from_bytes(&key.verifying_key()).unwrap();
	(key, prepared)
}

/// Different inputs for every `seed`, short and long ones.
pub fn inputs(count: usize, seed: u64) -> Vec<Fr> {
	let mut rng = rng(seed);
	(0..count)
		.map(|index| {
			if index < 3 {
				field_element(&field_bytes(&mut rng)).unwrap()
			} else {
				Fr::from(rng.next_u32() >> 2)
			}
		})
		.collect()
}

pub type Proof = [u8; PROOF_BYTES];

/// Whether a batch of these proofs is accepted, which must be said by all ways to ask.
pub fn accepts(key: &PreparedVerifyingKey, inputs: &[Fr], proof: &Proof) -> bool {
	let alone = verify(key, inputs, proof);
	assert_eq!(verify_batch(key, &[(inputs, *proof)]), alone);
	alone.is_ok()
}
