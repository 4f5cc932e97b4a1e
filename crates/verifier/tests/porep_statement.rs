//! Public inputs of proofs of replication, against those of filecoin-proofs.
#![allow(clippy::unwrap_used)]

mod common;

use filecoin_proofs::{
	get_seal_inputs, with_shape, MerkleTreeTrait, PoRepConfig, SECTOR_SIZE_8_MIB,
};
use holdfast_verifier::{
	encoding::field_bytes, error::Commitment, parameters, porep, porep::Statement,
	trapdoor::TrapdoorKey, Fr, PreparedVerifyingKey, StatementError, VerifyError,
};
use rand_chacha::{rand_core::RngCore, ChaCha8Rng};
use storage_proofs_core::api_version::ApiVersion;

fn random_statement(rng: &mut ChaCha8Rng, sector_bytes: u64) -> Statement {
	Statement {
		sector_bytes,
		porep_id: common::any_bytes(rng),
		prover_id: common::field_bytes(rng),
		sector_number: rng.next_u64(),
		comm_d: common::field_bytes(rng),
		comm_r: common::field_bytes(rng),
		ticket: common::any_bytes(rng),
		seed: common::any_bytes(rng),
	}
}

fn oracle<Tree: 'static + MerkleTreeTrait>(statement: &Statement) -> Vec<Vec<[u8; 32]>> {
	let config = PoRepConfig::new_groth16(
		statement.sector_bytes,
		statement.porep_id,
		ApiVersion::V1_2_0,
	);
	get_seal_inputs::<Tree>(
		&config,
		statement.comm_r,
		statement.comm_d,
		statement.prover_id,
		statement.sector_number.into(),
		statement.ticket,
		statement.seed,
	)
	.unwrap()
	.iter()
	.map(|inputs| inputs.iter().map(blstrs::Scalar::to_bytes_le).collect())
	.collect()
}

fn statement_of_8_mib() -> Statement {
	random_statement(&mut common::rng(9), SECTOR_SIZE_8_MIB)
}

#[test]
fn public_inputs_equal_filecoins_for_every_size() {
	let mut rng = common::rng(1);
	for size in parameters::ALL {
		for _ in 0..8 {
			let statement = random_statement(&mut rng, size.sector_bytes);
			let ours: Vec<Vec<[u8; 32]>> = statement
				.public_inputs()
				.unwrap()
				.iter()
				.map(|inputs| inputs.iter().map(field_bytes).collect())
				.collect();
			let theirs = with_shape!(size.sector_bytes, oracle, &statement,);
			assert!(ours == theirs, "{} bytes", size.sector_bytes);
			assert_eq!(ours.len(), size.porep_partitions as usize);
			assert!(ours
				.iter()
				.all(|inputs| inputs.len() == size.porep_inputs()));
		}
	}
}

#[test]
fn every_part_of_a_statement_changes_its_inputs() {
	let statement = statement_of_8_mib();
	let inputs = statement.public_inputs().unwrap();
	let changes: [fn(&mut Statement); 8] = [
		|statement| statement.sector_bytes = 512 << 20,
		|statement| statement.porep_id[20] ^= 1,
		|statement| statement.prover_id[0] ^= 1,
		|statement| statement.sector_number ^= 1,
		|statement| statement.comm_d[0] ^= 1,
		|statement| statement.comm_r[0] ^= 1,
		|statement| statement.ticket[0] ^= 1,
		|statement| statement.seed[0] ^= 1,
	];
	for change in changes {
		let mut changed = statement.clone();
		change(&mut changed);
		assert_ne!(changed.public_inputs().unwrap(), inputs);
	}
}

#[test]
fn commitments_that_are_zero_or_not_canonical_are_refused() {
	let statement = statement_of_8_mib();
	for (bytes, error) in [
		(
			[0; 32],
			StatementError::Zero as fn(Commitment) -> StatementError,
		),
		([0xff; 32], StatementError::NotCanonical),
	] {
		let comm_d = Statement {
			comm_d: bytes,
			..statement.clone()
		};
		assert_eq!(comm_d.public_inputs(), Err(error(Commitment::CommD)));
		let comm_r = Statement {
			comm_r: bytes,
			..statement.clone()
		};
		assert_eq!(comm_r.public_inputs(), Err(error(Commitment::CommR)));
	}
}

#[test]
fn a_sector_size_without_circuits_is_refused() {
	let statement = Statement {
		sector_bytes: 4096,
		..statement_of_8_mib()
	};
	let error = StatementError::UnknownSectorSize(4096);
	assert_eq!(statement.public_inputs(), Err(error));
	let key =
		PreparedVerifyingKey::from_bytes(&TrapdoorKey::new(39, b"k").verifying_key()).unwrap();
	assert_eq!(
		porep::verify(&key, &statement, &[[0; 192]]),
		Err(VerifyError::Statement(error))
	);
}

#[test]
fn a_partition_that_the_size_does_not_have_is_refused() {
	let statement = statement_of_8_mib();
	assert_eq!(
		statement.partition_inputs(0).unwrap(),
		statement.public_inputs().unwrap()[0]
	);
	for partition in [1, u32::MAX] {
		let error = StatementError::UnknownPartition(partition);
		assert_eq!(statement.partition_inputs(partition), Err(error));
	}
}

#[test]
fn a_whole_proof_of_ten_partitions_verifies_in_order_only() {
	let key = TrapdoorKey::new(327, b"32 GiB");
	let prepared = PreparedVerifyingKey::from_bytes(&key.verifying_key()).unwrap();
	let statement = random_statement(&mut common::rng(2), 32 << 30);
	let proofs: Vec<[u8; 192]> = statement
		.public_inputs()
		.unwrap()
		.iter()
		.map(|inputs: &Vec<Fr>| key.forge(inputs, b"proof"))
		.collect();
	assert_eq!(porep::verify(&prepared, &statement, &proofs), Ok(()));

	let mut swapped = proofs.clone();
	swapped.swap(4, 5);
	assert_eq!(
		porep::verify(&prepared, &statement, &swapped),
		Err(VerifyError::Unsatisfied)
	);
	let mut repeated = proofs.clone();
	repeated[9] = repeated[0];
	assert_eq!(
		porep::verify(&prepared, &statement, &repeated),
		Err(VerifyError::Unsatisfied)
	);
	for count in [0, 1, 9] {
		assert_eq!(
			porep::verify(&prepared, &statement, &proofs[..count]),
			Err(VerifyError::ProofCount {
				expected: 10,
				found: count
			})
		);
	}
	let mut longer = proofs.clone();
	longer.push(proofs[0]);
	assert_eq!(
		porep::verify(&prepared, &statement, &longer),
		Err(VerifyError::ProofCount {
			expected: 10,
			found: 11
		})
	);
	// The same proofs for another seed, sector or prover.
	for changed in [
		Statement {
			seed: [1; 32],
			..statement.clone()
		},
		Statement {
			sector_number: statement.sector_number ^ 1,
			..statement.clone()
		},
		Statement {
			prover_id: [1; 32],
			..statement.clone()
		},
	] {
		assert_eq!(
			porep::verify(&prepared, &changed, &proofs),
			Err(VerifyError::Unsatisfied)
		);
	}
}

#[test]
fn a_key_of_another_shape_is_refused_before_the_statement_is_made() {
	let key =
		PreparedVerifyingKey::from_bytes(&TrapdoorKey::new(22, b"k").verifying_key()).unwrap();
	assert_eq!(
		porep::verify(&key, &statement_of_8_mib(), &[[0; 192]]),
		Err(VerifyError::InputCount {
			expected: 22,
			found: 39
		})
	);
}

#[test]
fn sectors_verify_together_exactly_if_each_does() {
	let key = TrapdoorKey::new(39, b"8 MiB");
	let prepared = PreparedVerifyingKey::from_bytes(&key.verifying_key()).unwrap();
	let mut rng = common::rng(3);
	let sectors: Vec<(Statement, [[u8; 192]; 1])> = (0..4)
		.map(|_| {
			let statement = random_statement(&mut rng, SECTOR_SIZE_8_MIB);
			let proof = key.forge(&statement.public_inputs().unwrap()[0], b"proof");
			(statement, [proof])
		})
		.collect();
	let batch: Vec<(&Statement, &[[u8; 192]])> = sectors
		.iter()
		.map(|(statement, proofs)| (statement, proofs.as_slice()))
		.collect();
	assert_eq!(porep::verify_batch(&prepared, &batch), Ok(()));
	assert_eq!(
		porep::verify_batch(&prepared, &[]),
		Err(VerifyError::NoProofs)
	);
	for (bad, _) in batch.iter().enumerate() {
		let mut changed = batch.clone();
		changed[bad].1 = batch[(bad + 1) % batch.len()].1;
		assert_eq!(
			porep::verify_batch(&prepared, &changed),
			Err(VerifyError::Unsatisfied)
		);
	}
}
