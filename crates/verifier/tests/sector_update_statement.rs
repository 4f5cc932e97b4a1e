//! Updates of empty sectors: inputs against those of storage-proofs, and whose proofs they are.
#![allow(clippy::unwrap_used)]

mod common;

use filecoin_proofs::SectorShapeBase;
use holdfast_verifier::{
	encoding::field_bytes,
	error::Commitment,
	parameters::{self, Parameters, UPDATE_INPUTS},
	sector_update::{verify, verify_batch, Statement},
	StatementError, VerifyError,
};
use storage_proofs_core::compound_proof::CompoundProof;
use storage_proofs_update::{
	constants::{h_default, partition_count},
	EmptySectorUpdateCompound, PublicInputs, PublicParams,
};

fn statement(size: &Parameters, seed: u64) -> Statement {
	let mut rng = common::rng(seed);
	Statement {
		sector_bytes: size.sector_bytes,
		old_comm_r: common::field_bytes(&mut rng),
		new_comm_d: common::field_bytes(&mut rng),
		new_comm_r: common::field_bytes(&mut rng),
	}
}

fn oracle(statement: &Statement) -> Vec<Vec<[u8; 32]>> {
	let parameters = PublicParams::from_sector_size(statement.sector_bytes);
	let domain = |bytes: &[u8; 32]| blstrs::Scalar::from_bytes_le(bytes).unwrap();
	let inputs = PublicInputs {
		k: 0,
		comm_r_old: domain(&statement.old_comm_r).into(),
		comm_d_new: domain(&statement.new_comm_d).into(),
		comm_r_new: domain(&statement.new_comm_r).into(),
		h: h_default(parameters.sector_nodes),
	};
	(0..partition_count(parameters.sector_nodes))
		.map(|partition| {
			// The tree's shape makes no difference to the inputs.
			EmptySectorUpdateCompound::<SectorShapeBase>::generate_public_inputs(
				&inputs,
				&parameters,
				Some(partition),
			)
			.unwrap()
			.iter()
			.map(blstrs::Scalar::to_bytes_le)
			.collect()
		})
		.collect()
}

#[test]
fn public_inputs_are_filecoins_for_every_size() {
	for size in parameters::ALL {
		for seed in 0..20 {
			let statement = statement(&size, seed);
			let ours: Vec<Vec<[u8; 32]>> = statement
				.public_inputs()
				.unwrap()
				.iter()
				.map(|inputs| inputs.iter().map(field_bytes).collect())
				.collect();
			assert!(ours == oracle(&statement), "{} bytes", size.sector_bytes);
		}
	}
}

#[test]
fn proofs_verify_for_their_commitments_and_order_only() {
	let (key, prepared) = common::trapdoor(UPDATE_INPUTS, b"update");
	let statement = statement(&parameters::ALL[1], 1);
	let inputs = statement.public_inputs().unwrap();
	let proofs: Vec<_> = inputs
		.iter()
		.map(|inputs| key.forge(inputs, b"proof"))
		.collect();
	assert_eq!(verify(&prepared, &statement, &proofs), Ok(()));
	let other = Statement {
		new_comm_r: statement.old_comm_r,
		..statement
	};
	let batch = [(&statement, &proofs[..]), (&statement, &proofs[..])];
	assert_eq!(verify_batch(&prepared, &batch), Ok(()));
	let batch = [(&statement, &proofs[..]), (&other, &proofs[..])];
	let unsatisfied = Err(VerifyError::Unsatisfied);
	assert_eq!(verify_batch(&prepared, &batch), unsatisfied);

	let changes: [fn(&mut Statement); 5] = [
		|statement| statement.old_comm_r[0] ^= 1,
		|statement| statement.new_comm_d[9] ^= 1,
		|statement| statement.new_comm_r[31] ^= 1,
		|statement| std::mem::swap(&mut statement.old_comm_r, &mut statement.new_comm_r),
		|statement| std::mem::swap(&mut statement.new_comm_d, &mut statement.new_comm_r),
	];
	for change in changes {
		let mut changed = statement;
		change(&mut changed);
		assert_eq!(verify(&prepared, &changed, &proofs), unsatisfied);
	}
	let mut swapped = proofs.clone();
	swapped.swap(0, 3);
	assert_eq!(verify(&prepared, &statement, &swapped), unsatisfied);
}

#[test]
fn impossible_statements_wrong_counts_and_keys_are_refused() {
	let (_, prepared) = common::trapdoor(UPDATE_INPUTS, b"update");
	let good = statement(&parameters::ALL[0], 2);
	let ask = |statement: Statement| verify(&prepared, &statement, &[[0; 192]]);
	let values: [(fn(&mut Statement) -> &mut [u8; 32], Commitment); 3] = [
		(|statement| &mut statement.old_comm_r, Commitment::OldCommR),
		(|statement| &mut statement.new_comm_d, Commitment::CommD),
		(|statement| &mut statement.new_comm_r, Commitment::CommR),
	];
	for (value, what) in values {
		for (bytes, error) in [
			([0; 32], StatementError::Zero(what)),
			([0xff; 32], StatementError::NotCanonical(what)),
		] {
			let mut changed = good;
			*value(&mut changed) = bytes;
			assert_eq!(ask(changed), Err(VerifyError::Statement(error)));
		}
	}
	let unknown = Statement {
		sector_bytes: 4096,
		..good
	};
	let error = StatementError::UnknownSectorSize(4096);
	assert_eq!(ask(unknown), Err(VerifyError::Statement(error)));
	for found in [0, 2] {
		assert_eq!(
			verify(&prepared, &good, &vec![[0; 192]; found]),
			Err(VerifyError::ProofCount { expected: 1, found })
		);
	}
	assert_eq!(verify_batch(&prepared, &[]), Err(VerifyError::NoProofs));
	let (_, other) = common::trapdoor(5, b"update");
	assert_eq!(
		verify(&other, &good, &[[0; 192]]),
		Err(VerifyError::InputCount {
			expected: 5,
			found: UPDATE_INPUTS
		})
	);
}
