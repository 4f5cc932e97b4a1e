//! Writes the files that the fuzz targets of `fuzz/` start from: `fuzz-corpus FOLDER`, usually
//! `crates/verifier/fuzz/corpus`. Always the same ones.

// It is read elsewhere.
#[allow(dead_code)]
#[path = "../verify-prf/prf.rs"]
mod prf;

use std::{
	fs, io,
	path::{Path, PathBuf},
	process::ExitCode,
};

use holdfast_verifier::{
	encoding::field_bytes, parameters, trapdoor::TrapdoorKey, Fr, PreparedVerifyingKey,
};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha8Rng,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
	let Some(folder) = std::env::args_os().nth(1) else {
		eprintln!("usage: fuzz-corpus FOLDER");
		return ExitCode::FAILURE;
	};
	match write_all(Path::new(&folder)) {
		Ok(count) => {
			println!("{count} files in {}", PathBuf::from(folder).display());
			ExitCode::SUCCESS
		},
		Err(error) => {
			eprintln!("{error}");
			ExitCode::FAILURE
		},
	}
}

fn write_all(folder: &Path) -> Result<usize, Failure> {
	let mut count = 0;
	for (target, seeds) in [
		("proof_bytes", proofs()),
		("verifying_key", keys()),
		("prepared_key", prepared_keys()?),
		("public_inputs", statements()),
		("prf_file", prf_files()),
		("forge_and_mutate", choices()),
	] {
		count += seeds.len();
		write(&folder.join(target), &seeds)?;
	}
	Ok(count)
}

fn write(folder: &Path, seeds: &[Vec<u8>]) -> io::Result<()> {
	fs::create_dir_all(folder)?;
	for (index, seed) in seeds.iter().enumerate() {
		fs::write(folder.join(format!("seed-{index:02}")), seed)?;
	}
	Ok(())
}

fn inputs(count: u64) -> Vec<Fr> {
	(1..=count).map(Fr::from).collect()
}

/// Good proofs for the key and the inputs of the target, and some that are not.
fn proofs() -> Vec<Vec<u8>> {
	let key = TrapdoorKey::new(2, b"fuzz");
	let mut seeds: Vec<Vec<u8>> = (0..8u8)
		.map(|seed| key.forge(&inputs(2), &[seed]).to_vec())
		.collect();
	// The identity in place of each point, and A for C.
	for start in [0, 48, 144] {
		let mut seed = seeds[0].clone();
		let length = if start == 48 { 96 } else { 48 };
		seed[start..start + length].fill(0);
		seed[start] = 0xc0;
		seeds.push(seed);
	}
	let mut seed = seeds[0].clone();
	seed.copy_within(..48, 144);
	seeds.push(seed);
	seeds
}

fn keys() -> Vec<Vec<u8>> {
	[1, 2, 5]
		.into_iter()
		.map(|count| TrapdoorKey::new(count, b"fuzz").verifying_key())
		.collect()
}

fn prepared_keys() -> Result<Vec<Vec<u8>>, Failure> {
	keys()
		.iter()
		.map(|key| Ok(PreparedVerifyingKey::from_bytes(key)?.encode()))
		.collect()
}

/// A proof of replication's statement and a window PoSt's for every size, and for none.
fn statements() -> Vec<Vec<u8>> {
	let mut rng = ChaCha8Rng::seed_from_u64(1);
	let mut field = || {
		let mut bytes = [0; 32];
		rng.fill_bytes(&mut bytes);
		bytes[31] &= 0x3f;
		bytes
	};
	let mut seeds = Vec::new();
	for size in (0u8..).take(parameters::ALL.len() + 1) {
		let mut porep = vec![size, 0];
		porep.extend([field(), field()].concat());
		porep.extend(7u64.to_le_bytes());
		porep.extend([field(), field(), field(), field()].concat());
		seeds.push(porep);
		let mut window_post = vec![0x80 | size, 2];
		window_post.extend(field());
		for number in [3u64, 4] {
			window_post.extend(number.to_le_bytes());
			window_post.extend(field());
		}
		seeds.push(window_post);
	}
	seeds
}

fn prf_files() -> Vec<Vec<u8>> {
	let mut seeds = Vec::new();
	for (count, proofs) in [(1, 1u8), (2, 3)] {
		let key = TrapdoorKey::new(count, b"fuzz");
		let inputs = inputs(count as u64);
		let bytes: Vec<[u8; 32]> = inputs
			.iter()
			.map(|input| {
				let mut bytes = field_bytes(input);
				bytes.reverse();
				bytes
			})
			.collect();
		let proofs: Vec<_> = (0..proofs)
			.map(|seed| key.forge(&inputs, &[seed]))
			.collect();
		let file = prf::Prf {
			layout: prf::Layout::KeyFirst,
			key: &key.verifying_key(),
			records: proofs
				.iter()
				.map(|proof| prf::Record {
					proof,
					inputs: &bytes,
				})
				.collect(),
		};
		for layout in [
			prf::Layout::KeyFirst,
			prf::Layout::KeyLast,
			prf::Layout::Single,
		] {
			seeds.push(file.write(layout));
		}
	}
	seeds
}

fn choices() -> Vec<Vec<u8>> {
	let mut rng = ChaCha8Rng::seed_from_u64(2);
	(0..32)
		.map(|index| {
			let mut seed = vec![0; 24 + 8 * index];
			rng.fill_bytes(&mut seed);
			seed
		})
		.collect()
}
