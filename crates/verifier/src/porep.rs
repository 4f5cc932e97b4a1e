//! Proofs of replication.

use alloc::vec::Vec;
use sha2::{Digest, Sha256};

use crate::{
	challenges,
	encoding::{field_element, PROOF_BYTES},
	error::{Commitment, StatementError, VerifyError},
	graph::Graph,
	groth16,
	key::PreparedVerifyingKey,
	parameters::Parameters,
	Fr,
};

/// Which protocol chooses the challenges. The circuits and keys are the same.
///
/// This is for a verifier to decide, not for a prover: a chain that accepts one kind must not let a
/// proof of the other one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Challenges {
	/// Each from the replica's id and the seed.
	#[default]
	Interactive,
	/// By the seed, from nodes that follow from the replica's id and commitment (FIP-0059).
	Synthetic,
}

/// "The prover made, from the data behind `comm_d`, the replica behind `comm_r`, for this sector
/// and ticket."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
	/// The sector's size in bytes.
	pub sector_bytes: u64,
	/// Which family of graphs the replica was made with.
	pub porep_id: [u8; 32],
	/// Who made it.
	pub prover_id: [u8; 32],
	/// The sector's number with that prover.
	pub sector_number: u64,
	/// The commitment to the data.
	pub comm_d: [u8; 32],
	/// The commitment to the replica.
	pub comm_r: [u8; 32],
	/// Randomness from before sealing, which the replica depends on.
	pub ticket: [u8; 32],
	/// Randomness from after the commitment, which chooses the challenges.
	pub seed: [u8; 32],
}

impl Statement {
	/// The public inputs of each Groth16 proof, in order, with interactive challenges.
	pub fn public_inputs(&self) -> Result<Vec<Vec<Fr>>, StatementError> {
		self.public_inputs_with(Challenges::Interactive)
	}

	/// The public inputs of each Groth16 proof, in order.
	pub fn public_inputs_with(
		&self,
		challenges: Challenges,
	) -> Result<Vec<Vec<Fr>>, StatementError> {
		let parameters = Parameters::of(self.sector_bytes)?;
		(0..parameters.porep_partitions)
			.map(|partition| self.partition_inputs_with(challenges, partition))
			.collect()
	}

	/// The public inputs of the Groth16 proof of one partition, the first is 0, with interactive
	/// challenges.
	pub fn partition_inputs(&self, partition: u32) -> Result<Vec<Fr>, StatementError> {
		self.partition_inputs_with(Challenges::Interactive, partition)
	}

	/// The public inputs of the Groth16 proof of one partition, the first is 0.
	pub fn partition_inputs_with(
		&self,
		challenges: Challenges,
		partition: u32,
	) -> Result<Vec<Fr>, StatementError> {
		let parameters = Parameters::of(self.sector_bytes)?;
		if partition >= parameters.porep_partitions {
			return Err(StatementError::UnknownPartition(partition));
		}
		let nodes = parameters.nodes();
		let comm_d = commitment(&self.comm_d, Commitment::CommD)?;
		let comm_r = commitment(&self.comm_r, Commitment::CommR)?;
		let replica_id_bytes = self.replica_id();
		// Two bits are cleared, so it is always below the modulus.
		let replica_id = field_element(&replica_id_bytes).unwrap_or_default();
		let graph = Graph::new(nodes, &self.porep_id);

		let mut inputs = Vec::with_capacity(parameters.porep_inputs());
		inputs.extend([replica_id, comm_d, comm_r]);
		let first = partition * parameters.porep_challenges;
		for index in first..first + parameters.porep_challenges {
			let node = match challenges {
				Challenges::Interactive => {
					challenges::porep(&replica_id_bytes, &self.seed, index, nodes)
				},
				Challenges::Synthetic => challenges::synthetic_porep(
					&replica_id_bytes,
					&self.comm_r,
					&self.seed,
					index,
					nodes,
				),
			};
			// The path in the data's tree, the parents' columns, the label, and the paths in the
			// replica's and the columns' trees.
			inputs.push(Fr::from(node));
			inputs.extend(graph.drg_parents(node).map(Fr::from));
			inputs.extend(graph.expander_parents(node)?.map(Fr::from));
			inputs.extend([Fr::from(node); 3]);
		}
		Ok(inputs)
	}

	/// What ties a replica to its prover, sector, ticket, data and graph.
	pub fn replica_id(&self) -> [u8; 32] {
		let mut hasher = Sha256::new();
		hasher.update(self.prover_id);
		hasher.update(self.sector_number.to_be_bytes());
		hasher.update(self.ticket);
		hasher.update(self.comm_d);
		hasher.update(self.porep_id);
		let mut id: [u8; 32] = hasher.finalize().into();
		id[31] &= 0x3f;
		id
	}
}

/// Checks a whole proof of replication with interactive challenges: one Groth16 proof for each
/// partition, in order.
pub fn verify(
	key: &PreparedVerifyingKey,
	statement: &Statement,
	proofs: &[[u8; PROOF_BYTES]],
) -> Result<(), VerifyError> {
	verify_batch(key, &[(statement, proofs)])
}

/// Checks many proofs of replication under one key, together. Succeeds if each of them alone does;
/// does not say which one fails. Challenges are interactive.
pub fn verify_batch(
	key: &PreparedVerifyingKey,
	batch: &[(&Statement, &[[u8; PROOF_BYTES]])],
) -> Result<(), VerifyError> {
	verify_batch_with(key, Challenges::Interactive, batch)
}

/// The same for either kind of challenges.
pub fn verify_batch_with(
	key: &PreparedVerifyingKey,
	challenges: Challenges,
	batch: &[(&Statement, &[[u8; PROOF_BYTES]])],
) -> Result<(), VerifyError> {
	// What is cheap to refuse comes first: no hashing before the counts are right.
	for (statement, proofs) in batch {
		let parameters = Parameters::of(statement.sector_bytes)?;
		if parameters.porep_inputs() != key.input_count() {
			return Err(VerifyError::InputCount {
				expected: key.input_count(),
				found: parameters.porep_inputs(),
			});
		}
		if u32::try_from(proofs.len()) != Ok(parameters.porep_partitions) {
			return Err(VerifyError::ProofCount {
				expected: parameters.porep_partitions as usize,
				found: proofs.len(),
			});
		}
	}
	let mut inputs = Vec::new();
	let mut all_proofs = Vec::new();
	for (statement, proofs) in batch {
		inputs.extend(statement.public_inputs_with(challenges)?);
		all_proofs.extend_from_slice(proofs);
	}
	let pairs: Vec<(&[Fr], _)> = inputs.iter().map(Vec::as_slice).zip(all_proofs).collect();
	groth16::verify_batch(key, &pairs)
}

/// A commitment as a field element. All zero stands for "none" everywhere, so it is refused.
pub(crate) fn commitment(bytes: &[u8; 32], what: Commitment) -> Result<Fr, StatementError> {
	if bytes == &[0; 32] {
		return Err(StatementError::Zero(what));
	}
	field_element(bytes).ok_or(StatementError::NotCanonical(what))
}
