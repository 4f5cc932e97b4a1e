//! Proofs against stored keys.

use frame_support::{assert_ok, weights::Weight};
use holdfast_primitives::{CommR, SectorSize};
use holdfast_verifier::{
	porep::Statement, trapdoor::TrapdoorKey, window_post::Statement as PoStStatement,
};
use sp_runtime::DispatchError;

use super::mock::*;
use crate::{ProofError, Verification, WeightInfo};

const SECTORS: [(u64, CommR); 2] = [(3, CommR([4; 32])), (9, CommR([5; 32]))];

fn statement(size: SectorSize) -> Statement {
	Statement {
		sector_bytes: size.bytes(),
		porep_id: size.porep_id(),
		prover_id: [1; 32],
		sector_number: 7,
		comm_d: [2; 32],
		comm_r: [3; 32],
		ticket: [0xff; 32],
		seed: [0xee; 32],
	}
}

fn prove(key: &TrapdoorKey, statement: &Statement) -> Vec<[u8; 192]> {
	statement
		.public_inputs()
		.unwrap()
		.iter()
		.map(|inputs| key.forge(inputs, b"proof"))
		.collect()
}

fn prove_window(key: &TrapdoorKey, size: SectorSize, randomness: [u8; 32]) -> [u8; 192] {
	let sectors = SECTORS.map(|(number, comm_r)| (number, comm_r.0));
	let statement = PoStStatement {
		sector_bytes: size.bytes(),
		randomness,
		sectors: &sectors,
	};
	key.forge(&statement.public_inputs().unwrap()[0], b"proof")
}

/// Verifies the proofs of one sector.
fn verify_porep(
	size: SectorSize,
	statement: &Statement,
	proofs: &[[u8; 192]],
) -> Result<(), ProofError> {
	Proofs::verify_poreps(size, &[(statement.clone(), proofs)]).results[0]
}

/// Verifies the proof of one partition.
fn verify_window_post(
	size: SectorSize,
	randomness: &[u8; 32],
	sectors: &[(u64, CommR)],
	proof: &[u8; 192],
) -> Result<(), ProofError> {
	Proofs::verify_window_posts(size, randomness, &[(sectors, *proof)]).results[0]
}

#[test]
fn proofs_of_replication_of_every_size_verify() {
	execute(|| {
		for size in SectorSize::ALL {
			let key = store(porep(size));
			let statement = statement(size);
			let proofs = prove(&key, &statement);
			assert_eq!(proofs.len(), size.porep_partitions() as usize);
			assert_ok!(verify_porep(size, &statement, &proofs));
		}
	});
}

#[test]
fn a_proof_of_another_statement_is_rejected() {
	execute(|| {
		let size = SectorSize::MiB8;
		let key = store(porep(size));
		let proofs = prove(&key, &statement(size));
		for other in [
			Statement {
				prover_id: [9; 32],
				..statement(size)
			},
			Statement {
				sector_number: 8,
				..statement(size)
			},
			Statement {
				comm_d: [9; 32],
				..statement(size)
			},
			Statement {
				comm_r: [9; 32],
				..statement(size)
			},
			Statement {
				ticket: [9; 32],
				..statement(size)
			},
			Statement {
				seed: [9; 32],
				..statement(size)
			},
		] {
			assert_eq!(
				verify_porep(size, &other, &proofs),
				Err(ProofError::ProofRejected)
			);
		}
	});
}

#[test]
fn a_proof_for_the_key_of_another_size_of_the_same_shape_is_rejected() {
	execute(|| {
		let key = store(porep(SectorSize::MiB8));
		store(porep(SectorSize::MiB512));
		// Even if its statement is made for the other size.
		let statement = statement(SectorSize::MiB512);
		let proofs = prove(&key, &statement);
		assert_eq!(
			verify_porep(SectorSize::MiB512, &statement, &proofs),
			Err(ProofError::ProofRejected)
		);
	});
}

#[test]
fn a_statement_for_another_size_or_network_is_refused() {
	execute(|| {
		let size = SectorSize::MiB8;
		let key = store(porep(size));
		let mut filecoin = statement(size);
		filecoin.porep_id[16..].fill(0);
		for foreign in [
			filecoin,
			Statement {
				sector_bytes: SectorSize::MiB512.bytes(),
				..statement(size)
			},
			statement(SectorSize::KiB2),
		] {
			let proofs = prove(&key, &foreign);
			assert_eq!(
				verify_porep(size, &foreign, &proofs),
				Err(ProofError::ForeignStatement)
			);
		}
	});
}

#[test]
fn the_number_of_proofs_must_be_the_number_of_partitions() {
	execute(|| {
		let size = SectorSize::MiB8;
		let key = store(porep(size));
		let statement = statement(size);
		let proof = prove(&key, &statement)[0];
		for proofs in [&[][..], &[proof, proof]] {
			assert_eq!(
				verify_porep(size, &statement, proofs),
				Err(ProofError::WrongProofCount)
			);
		}
	});
}

#[test]
fn impossible_statements_and_malformed_proofs_are_refused() {
	execute(|| {
		let size = SectorSize::MiB8;
		let key = store(porep(size));
		let proofs = prove(&key, &statement(size));
		for comm_d in [[0; 32], [0xff; 32]] {
			let impossible = Statement {
				comm_d,
				..statement(size)
			};
			assert_eq!(
				verify_porep(size, &impossible, &proofs),
				Err(ProofError::ImpossibleStatement)
			);
		}
		for malformed in [[0; 192], [0xff; 192]] {
			assert_eq!(
				verify_porep(size, &statement(size), &[malformed]),
				Err(ProofError::MalformedProof)
			);
		}
	});
}

#[test]
fn without_a_key_nothing_verifies() {
	execute(|| {
		let size = SectorSize::MiB8;
		assert_eq!(
			verify_porep(size, &statement(size), &[[0; 192]]),
			Err(ProofError::NoKey)
		);
		assert_eq!(
			verify_window_post(size, &[1; 32], &SECTORS, &[0; 192]),
			Err(ProofError::NoKey)
		);
		// Nor with the key of the other kind.
		store(porep(size));
		assert_eq!(
			verify_window_post(size, &[1; 32], &SECTORS, &[0; 192]),
			Err(ProofError::NoKey)
		);
	});
}

#[test]
fn window_posts_verify_for_their_randomness_and_sectors_only() {
	execute(|| {
		for size in [SectorSize::KiB2, SectorSize::MiB8, SectorSize::MiB512] {
			let key = store(window_post(size));
			let proof = prove_window(&key, size, [6; 32]);
			assert_ok!(verify_window_post(size, &[6; 32], &SECTORS, &proof));
			assert_eq!(
				verify_window_post(size, &[7; 32], &SECTORS, &proof),
				Err(ProofError::ProofRejected)
			);
			assert_eq!(
				verify_window_post(size, &[6; 32], &SECTORS[..1], &proof),
				Err(ProofError::ProofRejected)
			);
			assert_eq!(
				verify_window_post(size, &[6; 32], &[], &proof),
				Err(ProofError::ImpossibleStatement)
			);
			assert_eq!(
				verify_window_post(size, &[0xff; 32], &SECTORS, &proof),
				Err(ProofError::ImpossibleStatement)
			);
		}
	});
}

#[test]
fn a_key_of_another_shape_in_storage_counts_as_corrupt() {
	new_test_ext().execute_with(|| {
		let size = SectorSize::MiB8;
		store(window_post(size));
		let stored = crate::Keys::<Test>::get(window_post(size), VERSION).unwrap();
		crate::Keys::<Test>::insert(porep(size), VERSION, stored);
		assert_eq!(
			verify_porep(size, &statement(size), &[[0; 192]]),
			Err(ProofError::CorruptKey)
		);
	});
}

#[test]
fn every_proof_error_is_an_error_of_this_pallet() {
	let name = |error: ProofError| match error.dispatch::<Test>() {
		DispatchError::Module(error) => error.message.unwrap(),
		other => panic!("{other:?}"),
	};
	for error in [
		ProofError::NoKey,
		ProofError::CorruptKey,
		ProofError::ForeignStatement,
		ProofError::ImpossibleStatement,
		ProofError::WrongProofCount,
		ProofError::MalformedProof,
		ProofError::ProofRejected,
	] {
		assert_eq!(name(error), format!("{error:?}"));
	}
}

/// Statements of distinct sectors.
fn statements(size: SectorSize, count: u64) -> Vec<Statement> {
	(0..count)
		.map(|sector_number| Statement {
			sector_number,
			..statement(size)
		})
		.collect()
}

/// Verifies sectors of [`SMALL`] together.
fn verify_together(statements: &[Statement], proofs: &[Vec<[u8; 192]>]) -> Verification {
	let sectors: Vec<_> = statements
		.iter()
		.cloned()
		.zip(proofs.iter().map(Vec::as_slice))
		.collect();
	Proofs::verify_poreps(SMALL, &sectors)
}

const SMALL: SectorSize = SectorSize::KiB2;

#[test]
fn one_bad_proof_at_any_place_fails_alone() {
	execute(|| {
		let key = store(porep(SMALL));
		let statements = statements(SMALL, 4);
		let good: Vec<_> = statements
			.iter()
			.map(|statement| prove(&key, statement))
			.collect();
		let all = verify_together(&statements, &good);
		assert_eq!(all.results, [Ok(()); 4]);
		assert_eq!(all.weight, <()>::verify_poreps(4));
		for bad in 0..4 {
			let mut malformed = good.clone();
			malformed[bad][0][5] ^= 1;
			let mut stolen = good.clone();
			stolen[bad] = good[(bad + 1) % 4].clone();
			let mut short = good.clone();
			short[bad].clear();
			for proofs in [&malformed, &stolen] {
				let found = verify_together(&statements, proofs);
				for (index, result) in found.results.iter().enumerate() {
					assert_eq!(result.is_ok(), index != bad);
				}
				assert_eq!(found.weight, <()>::reject_poreps(4));
			}
			// What is refused unseen does not spoil the batch.
			let found = verify_together(&statements, &short);
			let mut expected = [Ok(()); 4];
			expected[bad] = Err(ProofError::WrongProofCount);
			assert_eq!(found.results, expected);
			assert_eq!(found.weight, <()>::verify_poreps(3));
		}
	});
}

#[test]
fn swapped_proofs_are_both_rejected_and_the_others_hold() {
	execute(|| {
		let key = store(porep(SMALL));
		let statements = statements(SMALL, 3);
		let mut proofs: Vec<_> = statements
			.iter()
			.map(|statement| prove(&key, statement))
			.collect();
		proofs.swap(0, 1);
		assert_eq!(
			verify_together(&statements, &proofs).results,
			[
				Err(ProofError::ProofRejected),
				Err(ProofError::ProofRejected),
				Ok(())
			]
		);
	});
}

#[test]
fn an_impossible_statement_fails_alone() {
	execute(|| {
		let key = store(porep(SMALL));
		let mut statements = statements(SMALL, 3);
		let proofs: Vec<_> = statements
			.iter()
			.map(|statement| prove(&key, statement))
			.collect();
		statements[1].comm_r = [0xff; 32];
		assert_eq!(
			verify_together(&statements, &proofs).results,
			[Ok(()), Err(ProofError::ImpossibleStatement), Ok(())]
		);
	});
}

#[test]
fn of_large_sectors_one_bad_proof_among_ten_rejects_its_sector_only() {
	execute(|| {
		let size = SectorSize::GiB32;
		let key = store(porep(size));
		let statements = statements(size, 2);
		let mut proofs: Vec<_> = statements
			.iter()
			.map(|statement| prove(&key, statement))
			.collect();
		proofs[1].swap(8, 9);
		let sectors: Vec<_> = statements
			.iter()
			.cloned()
			.zip(proofs.iter().map(Vec::as_slice))
			.collect();
		let found = Proofs::verify_poreps(size, &sectors);
		assert_eq!(found.results, [Ok(()), Err(ProofError::ProofRejected)]);
		assert_eq!(found.weight, <()>::reject_large_poreps(2));
	});
}

#[test]
fn of_window_posts_the_bad_one_fails_alone() {
	execute(|| {
		let key = store(window_post(SMALL));
		let partitions = [SECTORS, [(10, CommR([4; 32])), (11, CommR([5; 32]))]];
		let prove = |sectors: &[(u64, CommR)]| {
			let sectors: Vec<_> = sectors
				.iter()
				.map(|(number, comm_r)| (*number, comm_r.0))
				.collect();
			let statement = PoStStatement {
				sector_bytes: SMALL.bytes(),
				randomness: [6; 32],
				sectors: &sectors,
			};
			key.forge(&statement.public_inputs().unwrap()[0], b"proof")
		};
		let verify = |proofs: [[u8; 192]; 2]| {
			let partitions: Vec<_> = partitions
				.iter()
				.map(|list| &list[..])
				.zip(proofs)
				.collect();
			Proofs::verify_window_posts(SMALL, &[6; 32], &partitions)
		};
		let proofs = partitions.each_ref().map(|sectors| prove(sectors));
		let all = verify(proofs);
		assert_eq!(all.results, [Ok(()); 2]);
		assert_eq!(all.weight, <()>::verify_window_posts(2, 22));
		let found = verify([proofs[0], proofs[0]]);
		assert_eq!(found.results, [Ok(()), Err(ProofError::ProofRejected)]);
		assert_eq!(found.weight, <()>::reject_window_posts(2, 22));
		let found = verify([[0; 192], proofs[1]]);
		assert_eq!(found.results, [Err(ProofError::MalformedProof), Ok(())]);
	});
}

#[test]
fn of_nothing_nothing_is_verified_and_nothing_paid() {
	execute(|| {
		let nothing = Verification {
			results: vec![],
			weight: Weight::zero(),
		};
		assert_eq!(Proofs::verify_poreps(SMALL, &[]), nothing);
		assert_eq!(Proofs::verify_window_posts(SMALL, &[0; 32], &[]), nothing);
	});
}

#[test]
fn what_is_charged_before_covers_what_the_worst_batch_costs() {
	for sectors in 1..=16 {
		let small = Proofs::poreps_weight(sectors, sectors);
		assert_eq!(small, <()>::reject_poreps(sectors));
		let large = Proofs::poreps_weight(sectors, 10 * sectors);
		assert!(large.all_gte(<()>::reject_large_poreps(sectors)));
		// Whatever the mixture: the provider's sectors have one size, and only those are verified.
		for of_ten in 0..=sectors {
			let charged = Proofs::poreps_weight(sectors, 9 * of_ten + sectors);
			assert!(charged.all_gte(<()>::reject_poreps(sectors - of_ten)));
			if of_ten > 0 {
				assert!(charged.all_gte(<()>::reject_large_poreps(of_ten)));
			}
		}
		assert_eq!(
			Proofs::window_posts_weight(sectors),
			<()>::reject_window_posts(sectors, 22)
		);
	}
}

#[test]
fn the_inputs_that_are_charged_for_are_those_of_every_window_post_key_that_fits() {
	for size in SectorSize::ALL {
		let inputs = crate::key::expected_inputs(window_post(size)).unwrap();
		let fits = holdfast_verifier::PreparedVerifyingKey::encoded_len(inputs)
			<= crate::MAX_PREPARED_KEY_BYTES as usize;
		assert_eq!(fits, inputs <= 22);
	}
}

#[test]
fn weights_grow_with_proofs_inputs_and_proof_size() {
	fn grows(weight: impl Fn(u32) -> Weight) {
		assert!(weight(1).all_gt(Weight::zero()));
		assert!(weight(10).ref_time() > weight(1).ref_time());
	}
	grows(<()>::verify_poreps);
	grows(<()>::reject_poreps);
	grows(<()>::verify_large_poreps);
	grows(<()>::reject_large_poreps);
	grows(|partitions| <()>::verify_window_posts(partitions, 22));
	grows(|partitions| <()>::reject_window_posts(partitions, 22));
	grows(|inputs| <()>::verify_window_posts(1, inputs));
	grows(<()>::set_verifying_key);
}
