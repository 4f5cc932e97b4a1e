//! Proofs that data was put into a sector that had been sealed empty (FIP-0019), instead of sealing
//! another one.

use alloc::vec::Vec;

use crate::{
	encoding::PROOF_BYTES,
	error::{Commitment, StatementError, VerifyError},
	groth16,
	key::PreparedVerifyingKey,
	parameters::{Parameters, UPDATE_INPUTS},
	porep::commitment,
	Fr,
};

/// "The replica behind `new_comm_r` is the empty sector's behind `old_comm_r` with the data behind
/// `new_comm_d` encoded in it."
///
/// Challenges are drawn inside the circuit, which binds neither prover nor sector: the old commitment
/// must come from the caller's record of this prover's sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
	/// The sector's size in bytes.
	pub sector_bytes: u64,
	/// The commitment to the replica of the empty sector.
	pub old_comm_r: [u8; 32],
	/// The commitment to the data.
	pub new_comm_d: [u8; 32],
	/// The commitment to the replica with the data.
	pub new_comm_r: [u8; 32],
}

impl Statement {
	/// The public inputs of each Groth16 proof, in order.
	pub fn public_inputs(&self) -> Result<Vec<[Fr; UPDATE_INPUTS]>, StatementError> {
		let parameters = Parameters::of(self.sector_bytes)?;
		let old_comm_r = commitment(&self.old_comm_r, Commitment::OldCommR)?;
		let new_comm_d = commitment(&self.new_comm_d, Commitment::CommD)?;
		let new_comm_r = commitment(&self.new_comm_r, Commitment::CommR)?;
		let partitions = u64::from(parameters.update_partitions);
		// The partition's number in as many bits as it needs, the selection above them.
		let selection = partitions * parameters.update_selection;
		Ok((0..partitions)
			.map(|partition| {
				[
					Fr::from(selection | partition),
					old_comm_r,
					new_comm_d,
					new_comm_r,
				]
			})
			.collect())
	}
}

/// Checks a whole proof of an update: one Groth16 proof for each partition, in order.
pub fn verify(
	key: &PreparedVerifyingKey,
	statement: &Statement,
	proofs: &[[u8; PROOF_BYTES]],
) -> Result<(), VerifyError> {
	verify_batch(key, &[(statement, proofs)])
}

/// Checks many proofs of updates under one key, together. Succeeds if each of them alone does; does
/// not say which one fails.
pub fn verify_batch(
	key: &PreparedVerifyingKey,
	batch: &[(&Statement, &[[u8; PROOF_BYTES]])],
) -> Result<(), VerifyError> {
	if key.input_count() != UPDATE_INPUTS {
		return Err(VerifyError::InputCount {
			expected: key.input_count(),
			found: UPDATE_INPUTS,
		});
	}
	let mut inputs = Vec::new();
	let mut all_proofs = Vec::new();
	for (statement, proofs) in batch {
		let expected = statement.public_inputs()?;
		if expected.len() != proofs.len() {
			return Err(VerifyError::ProofCount {
				expected: expected.len(),
				found: proofs.len(),
			});
		}
		inputs.extend(expected);
		all_proofs.extend_from_slice(proofs);
	}
	let pairs: Vec<(&[Fr], _)> = inputs
		.iter()
		.map(<[Fr; UPDATE_INPUTS]>::as_slice)
		.zip(all_proofs)
		.collect();
	groth16::verify_batch(key, &pairs)
}
