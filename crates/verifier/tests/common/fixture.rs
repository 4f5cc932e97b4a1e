//! Reads `fixtures/`, whose README describes the format.

use std::path::Path;

use holdfast_verifier::{
	porep, verify_batch, window_post, Fr, PreparedVerifyingKey, StatementError, VerifyError,
};
use serde_json::Value;

use super::Proof;

/// What a fixture's proofs prove.
#[derive(Clone)]
pub enum Statement {
	PoRep(porep::Statement),
	WindowPoSt {
		sector_bytes: u64,
		randomness: [u8; 32],
		sectors: Vec<(u64, [u8; 32])>,
	},
}

/// Real proofs with their statement and key.
pub struct Fixture {
	pub name: String,
	pub key_bytes: Vec<u8>,
	pub key: PreparedVerifyingKey,
	pub statement: Statement,
	pub proofs: Vec<[u8; 192]>,
}

impl Statement {
	pub fn public_inputs(&self) -> Vec<Vec<Fr>> {
		self.try_public_inputs().unwrap()
	}

	fn try_public_inputs(&self) -> Result<Vec<Vec<Fr>>, StatementError> {
		match self {
			Self::PoRep(statement) => statement.public_inputs(),
			Self::WindowPoSt { .. } => self.window_post().public_inputs(),
		}
	}

	fn window_post(&self) -> window_post::Statement<'_> {
		match self {
			Self::PoRep(_) => panic!("not a window PoSt"),
			Self::WindowPoSt {
				sector_bytes,
				randomness,
				sectors,
			} => window_post::Statement {
				sector_bytes: *sector_bytes,
				randomness: *randomness,
				sectors,
			},
		}
	}

	/// Verifies the proofs as those of the statement, and as those of its inputs, which must come to
	/// the same.
	pub fn verify(&self, key: &PreparedVerifyingKey, proofs: &[Proof]) -> Result<(), VerifyError> {
		let result = match self {
			Self::PoRep(statement) => porep::verify(key, statement, proofs),
			Self::WindowPoSt { .. } => {
				assert_eq!(proofs.len(), 1);
				window_post::verify(key, &self.window_post(), &proofs[0])
			},
		};
		match self.try_public_inputs() {
			Ok(inputs) if inputs.len() == proofs.len() => {
				let batch: Vec<_> = inputs
					.iter()
					.map(Vec::as_slice)
					.zip(proofs.iter().copied())
					.collect();
				assert_eq!(verify_batch(key, &batch).is_ok(), result.is_ok());
			},
			_ => assert!(result.is_err()),
		}
		result
	}
}

fn bytes<const N: usize>(value: &Value, field: &str) -> [u8; N] {
	decode(
		value[field]
			.as_str()
			.unwrap_or_else(|| panic!("no text in {field}")),
	)
}

fn decode<const N: usize>(text: &str) -> [u8; N] {
	const_hex::decode(text).unwrap().try_into().unwrap()
}

fn sector_bytes(value: &Value) -> u64 {
	if let Some(bytes) = value.as_u64() {
		return bytes;
	}
	let name = value.as_str().unwrap();
	let (number, shift) = ["KiB", "MiB", "GiB"]
		.into_iter()
		.zip([10, 20, 30])
		.find_map(|(unit, shift)| Some((name.strip_suffix(unit)?, shift)))
		.unwrap();
	number.parse::<u64>().unwrap() << shift
}

fn read(path: &Path) -> Fixture {
	let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
	let key = match json["key"].as_str() {
		Some(name) => path.with_file_name(name),
		None => path.with_extension("vk"),
	};
	let key = std::fs::read(&key).unwrap_or_else(|error| panic!("{}: {error}", key.display()));
	let sector_bytes = sector_bytes(&json["sectorSize"]);
	let statement = match json["kind"].as_str().unwrap() {
		"porep" => Statement::PoRep(porep::Statement {
			sector_bytes,
			porep_id: bytes(&json, "porepId"),
			prover_id: bytes(&json, "proverId"),
			sector_number: json["sectorNumber"].as_u64().unwrap(),
			comm_d: bytes(&json, "commD"),
			comm_r: bytes(&json, "commR"),
			ticket: bytes(&json, "ticket"),
			seed: bytes(&json, "seed"),
		}),
		"window-post" => Statement::WindowPoSt {
			sector_bytes,
			randomness: bytes(&json, "randomness"),
			sectors: json["sectors"]
				.as_array()
				.unwrap()
				.iter()
				.map(|sector| (sector["number"].as_u64().unwrap(), bytes(sector, "commR")))
				.collect(),
		},
		other => panic!("unknown kind {other}"),
	};
	Fixture {
		name: path.display().to_string(),
		key: PreparedVerifyingKey::from_bytes(&key).unwrap(),
		key_bytes: key,
		statement,
		proofs: json["proofs"]
			.as_array()
			.unwrap()
			.iter()
			.map(|proof| decode(proof.as_str().unwrap()))
			.collect(),
	}
}

/// Every fixture of the package.
pub fn all() -> Vec<Fixture> {
	let mut paths: Vec<_> = std::fs::read_dir(super::fixtures())
		.unwrap()
		.map(|entry| entry.unwrap().path())
		.filter(|path| {
			path.extension()
				.is_some_and(|extension| extension == "json")
		})
		.collect();
	paths.sort();
	assert!(!paths.is_empty(), "there are no fixtures");
	paths.iter().map(|path| read(path)).collect()
}
