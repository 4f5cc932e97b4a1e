//! Proofs against stored keys.

use frame_support::{assert_ok, weights::Weight};
use holdfast_primitives::{CommR, SectorSize};
use holdfast_verifier::{
	porep::Statement, trapdoor::TrapdoorKey, window_post::Statement as PoStStatement,
};
use sp_runtime::DispatchError;

use super::mock::*;
use crate::{ProofError, WeightInfo};

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

#[test]
fn proofs_of_replication_of_every_size_verify() {
	execute(|| {
		for size in SectorSize::ALL {
			let key = store(porep(size));
			let statement = statement(size);
			let proofs = prove(&key, &statement);
			assert_eq!(proofs.len(), size.porep_partitions() as usize);
			assert_ok!(Proofs::verify_porep(size, &statement, &proofs));
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
				Proofs::verify_porep(size, &other, &proofs),
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
			Proofs::verify_porep(SectorSize::MiB512, &statement, &proofs),
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
				Proofs::verify_porep(size, &foreign, &proofs),
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
				Proofs::verify_porep(size, &statement, proofs),
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
				Proofs::verify_porep(size, &impossible, &proofs),
				Err(ProofError::ImpossibleStatement)
			);
		}
		for malformed in [[0; 192], [0xff; 192]] {
			assert_eq!(
				Proofs::verify_porep(size, &statement(size), &[malformed]),
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
			Proofs::verify_porep(size, &statement(size), &[[0; 192]]),
			Err(ProofError::NoKey)
		);
		assert_eq!(
			Proofs::verify_window_post(size, &[1; 32], &SECTORS, &[0; 192]),
			Err(ProofError::NoKey)
		);
		// Nor with the key of the other kind.
		store(porep(size));
		assert_eq!(
			Proofs::verify_window_post(size, &[1; 32], &SECTORS, &[0; 192]),
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
			assert_ok!(Proofs::verify_window_post(size, &[6; 32], &SECTORS, &proof));
			assert_eq!(
				Proofs::verify_window_post(size, &[7; 32], &SECTORS, &proof),
				Err(ProofError::ProofRejected)
			);
			assert_eq!(
				Proofs::verify_window_post(size, &[6; 32], &SECTORS[..1], &proof),
				Err(ProofError::ProofRejected)
			);
			assert_eq!(
				Proofs::verify_window_post(size, &[6; 32], &[], &proof),
				Err(ProofError::ImpossibleStatement)
			);
			assert_eq!(
				Proofs::verify_window_post(size, &[0xff; 32], &SECTORS, &proof),
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
		let stored = crate::Keys::<Test>::get(window_post(size)).unwrap();
		crate::Keys::<Test>::insert(porep(size), stored);
		assert_eq!(
			Proofs::verify_porep(size, &statement(size), &[[0; 192]]),
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

#[test]
fn weights_grow_with_proofs_inputs_and_proof_size() {
	fn grows(weight: impl Fn(u32) -> Weight) {
		assert!(weight(1).all_gt(Weight::zero()));
		assert!(weight(10).ref_time() > weight(1).ref_time());
	}
	grows(<()>::verify_porep);
	grows(<()>::verify_window_post);
	grows(<()>::set_verifying_key);
}
