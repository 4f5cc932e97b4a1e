//! Verifies every proof in `fixtures/`, whose README describes the format.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture::{all, Statement};
use holdfast_verifier::{porep, verify_batch, PreparedVerifyingKey, VerifyError};

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
