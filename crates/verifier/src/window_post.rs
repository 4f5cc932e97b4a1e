//! Window proofs of spacetime.

use alloc::vec::Vec;

use crate::{
	challenges,
	encoding::{field_element, PROOF_BYTES},
	error::{Commitment, StatementError, VerifyError},
	groth16,
	key::PreparedVerifyingKey,
	parameters::{Parameters, WINDOW_POST_CHALLENGES, WINDOW_POST_INPUTS_PER_SECTOR},
	porep::commitment,
	Fr,
};

/// "Whoever answered the challenges of `randomness` holds the replicas of these sectors."
///
/// The circuit does not bind the prover: `randomness` must depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
	/// The sectors' size in bytes.
	pub sector_bytes: u64,
	/// What the challenges are drawn from, a canonical field element.
	pub randomness: [u8; 32],
	/// Sector numbers, strictly ascending, and their commitments: at least one, at most a
	/// partition. A partition that is not full is filled up with its last sector.
	pub sectors: &'a [(u64, [u8; 32])],
}

impl Statement<'_> {
	/// The public inputs of the proof. (A vector of one, because a proof of replication has
	/// several.)
	pub fn public_inputs(&self) -> Result<Vec<Vec<Fr>>, StatementError> {
		let parameters = Parameters::of(self.sector_bytes)?;
		self.check_sectors(&parameters)?;
		field_element(&self.randomness)
			.ok_or(StatementError::NotCanonical(Commitment::Randomness))?;

		let mut inputs = Vec::with_capacity(parameters.window_post_inputs());
		for (number, comm_r) in self.sectors {
			inputs.push(commitment(comm_r, Commitment::CommR)?);
			inputs.extend((0..WINDOW_POST_CHALLENGES).map(|index| {
				Fr::from(challenges::window_post(
					&self.randomness,
					*number,
					index,
					parameters.nodes(),
				))
			}));
		}
		let last: Vec<Fr> = inputs
			.get(inputs.len().saturating_sub(WINDOW_POST_INPUTS_PER_SECTOR)..)
			.map(<[Fr]>::to_vec)
			.unwrap_or_default();
		for _ in self.sectors.len()..parameters.window_post_sectors {
			inputs.extend_from_slice(&last);
		}
		Ok(alloc::vec![inputs])
	}

	fn check_sectors(&self, parameters: &Parameters) -> Result<(), StatementError> {
		let (limit, found) = (parameters.window_post_sectors, self.sectors.len());
		if found == 0 {
			return Err(StatementError::NoSectors);
		}
		if found > limit {
			return Err(StatementError::TooManySectors { limit, found });
		}
		if self
			.sectors
			.windows(2)
			.any(|pair| matches!(pair, [(a, _), (b, _)] if a >= b))
		{
			return Err(StatementError::SectorsNotAscending);
		}
		Ok(())
	}
}

/// Checks the window PoSt of one partition.
pub fn verify(
	key: &PreparedVerifyingKey,
	statement: &Statement<'_>,
	proof: &[u8; PROOF_BYTES],
) -> Result<(), VerifyError> {
	verify_batch(key, &[(*statement, *proof)])
}

/// Checks the window PoSts of many partitions under one key, together. Succeeds if each of them
/// alone does; does not say which one fails.
pub fn verify_batch(
	key: &PreparedVerifyingKey,
	batch: &[(Statement<'_>, [u8; PROOF_BYTES])],
) -> Result<(), VerifyError> {
	for (statement, _) in batch {
		let parameters = Parameters::of(statement.sector_bytes)?;
		if parameters.window_post_inputs() != key.input_count() {
			return Err(VerifyError::InputCount {
				expected: key.input_count(),
				found: parameters.window_post_inputs(),
			});
		}
	}
	let mut inputs = Vec::new();
	for (statement, _) in batch {
		inputs.extend(statement.public_inputs()?);
	}
	let pairs: Vec<(&[Fr], _)> = inputs
		.iter()
		.map(Vec::as_slice)
		.zip(batch.iter().map(|(_, proof)| *proof))
		.collect();
	groth16::verify_batch(key, &pairs)
}
