//! Verifies every proof in `fixtures/`, whose README describes the format.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use holdfast_verifier::{porep, verify_batch, window_post, Fr, PreparedVerifyingKey, VerifyError};
use serde_json::Value;

enum Statement {
	PoRep(porep::Statement),
	WindowPoSt {
		sector_bytes: u64,
		randomness: [u8; 32],
		sectors: Vec<(u64, [u8; 32])>,
	},
}

struct Fixture {
	name: String,
	key: PreparedVerifyingKey,
	statement: Statement,
	proofs: Vec<[u8; 192]>,
}

impl Statement {
	fn public_inputs(&self) -> Vec<Vec<Fr>> {
		match self {
			Self::PoRep(statement) => statement.public_inputs(),
			Self::WindowPoSt {
				sector_bytes,
				randomness,
				sectors,
			} => window_post::Statement {
				sector_bytes: *sector_bytes,
				randomness: *randomness,
				sectors,
			}
			.public_inputs(),
		}
		.unwrap()
	}

	fn verify(&self, key: &PreparedVerifyingKey, proofs: &[[u8; 192]]) -> Result<(), VerifyError> {
		match self {
			Self::PoRep(statement) => porep::verify(key, statement, proofs),
			Self::WindowPoSt {
				sector_bytes,
				randomness,
				sectors,
			} => {
				let statement = window_post::Statement {
					sector_bytes: *sector_bytes,
					randomness: *randomness,
					sectors,
				};
				assert_eq!(proofs.len(), 1);
				window_post::verify(key, &statement, &proofs[0])
			},
		}
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
		statement,
		proofs: json["proofs"]
			.as_array()
			.unwrap()
			.iter()
			.map(|proof| decode(proof.as_str().unwrap()))
			.collect(),
	}
}

fn all() -> Vec<Fixture> {
	let mut paths: Vec<_> = std::fs::read_dir(common::fixtures())
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

#[test]
fn every_fixture_verifies_with_its_key_as_read_and_as_stored() {
	for fixture in all() {
		assert_eq!(
			fixture.statement.verify(&fixture.key, &fixture.proofs),
			Ok(()),
			"{}",
			fixture.name
		);
		let stored = PreparedVerifyingKey::decode_trusted(&fixture.key.encode()).unwrap();
		assert_eq!(
			fixture.statement.verify(&stored, &fixture.proofs),
			Ok(()),
			"{}",
			fixture.name
		);
		let inputs = fixture.statement.public_inputs();
		let batch: Vec<_> = inputs
			.iter()
			.chain(&inputs)
			.map(Vec::as_slice)
			.zip(fixture.proofs.iter().chain(&fixture.proofs).copied())
			.collect();
		assert_eq!(verify_batch(&stored, &batch), Ok(()), "{}", fixture.name);
	}
}

#[test]
fn no_fixture_verifies_with_a_changed_statement() {
	for fixture in all() {
		let changed: Vec<Statement> = match &fixture.statement {
			Statement::PoRep(statement) => {
				let changes: [fn(&mut porep::Statement); 7] = [
					|statement| statement.porep_id[0] ^= 1,
					|statement| statement.prover_id[0] ^= 1,
					|statement| statement.sector_number ^= 1,
					|statement| statement.comm_d[0] ^= 1,
					|statement| statement.comm_r[0] ^= 1,
					|statement| statement.ticket[0] ^= 1,
					|statement| statement.seed[0] ^= 1,
				];
				changes
					.into_iter()
					.map(|change| {
						let mut changed = statement.clone();
						change(&mut changed);
						Statement::PoRep(changed)
					})
					.collect()
			},
			Statement::WindowPoSt {
				sector_bytes,
				randomness,
				sectors,
			} => {
				let mut other_randomness = *randomness;
				other_randomness[0] ^= 1;
				let mut other_comm = sectors.clone();
				other_comm[0].1[0] ^= 1;
				let mut other_number = sectors.clone();
				other_number.last_mut().unwrap().0 += 1;
				[
					(other_randomness, sectors.clone()),
					(*randomness, other_comm),
					(*randomness, other_number),
				]
				.map(|(randomness, sectors)| Statement::WindowPoSt {
					sector_bytes: *sector_bytes,
					randomness,
					sectors,
				})
				.into()
			},
		};
		for statement in changed {
			assert_eq!(
				statement.verify(&fixture.key, &fixture.proofs),
				Err(VerifyError::Unsatisfied),
				"{}",
				fixture.name
			);
		}
	}
}

#[test]
fn no_fixture_verifies_under_the_key_of_another() {
	let fixtures = all();
	for fixture in &fixtures {
		for other in &fixtures {
			if other.key.digest() != fixture.key.digest() {
				assert!(fixture
					.statement
					.verify(&other.key, &fixture.proofs)
					.is_err());
			}
		}
	}
}
