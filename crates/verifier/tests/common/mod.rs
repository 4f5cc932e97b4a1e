//! What several test files need.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;

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
fn package_folder() -> PathBuf {
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

/// Reads the vector, or says that it is not there. It is not part of the repository.
pub fn seal32() -> Option<Seal32> {
	let path = package_folder().join("../../../shared/vectors/seal32_x10.prf");
	let Ok(bytes) = std::fs::read(&path) else {
		println!("NOTICE: skipped, there is no {}", path.display());
		return None;
	};
	let mut rest = bytes.as_slice();
	let mut take = |count: usize| {
		let (taken, after) = rest.split_at(count);
		rest = after;
		taken
	};
	let count = u64::from_be_bytes(take(8).try_into().unwrap()) as usize;
	let inputs = u64::from_be_bytes(take(8).try_into().unwrap()) as usize;
	let key = take(868 + 96 * (inputs + 1)).to_vec();
	let proofs = (0..count)
		.map(|_| {
			let proof = take(192).try_into().unwrap();
			let inputs = (0..inputs)
				.map(|_| {
					let mut value: [u8; 32] = take(32).try_into().unwrap();
					value.reverse();
					value
				})
				.collect();
			(proof, inputs)
		})
		.collect();
	assert!(rest.is_empty());
	Some(Seal32 { key, proofs })
}
