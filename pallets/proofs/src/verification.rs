//! Proofs against the stored keys.

use alloc::vec::Vec;
use holdfast_primitives::{CommR, Digest, KeyId, ProofBytes, ProofKind, SectorNumber, SectorSize};
use holdfast_verifier::{porep, window_post, PreparedVerifyingKey, VerifyError};
use sp_runtime::DispatchError;

use crate::{Config, Error, Keys, Pallet};

/// Why a proof was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
	/// There is no key for this proof kind and sector size.
	NoKey,
	/// The stored key cannot be read.
	CorruptKey,
	/// The statement is for another sector size, or for replicas of another network.
	ForeignStatement,
	/// The statement can never be true.
	ImpossibleStatement,
	/// The statement needs another number of proofs.
	WrongProofCount,
	/// The proof's bytes are not those of a proof.
	MalformedProof,
	/// The proof does not prove the statement.
	ProofRejected,
}

impl ProofError {
	/// The same as an error that a call can return.
	pub fn dispatch<T: Config>(self) -> DispatchError {
		Error::<T>::from(self).into()
	}
}

impl<T: Config> From<ProofError> for Error<T> {
	fn from(error: ProofError) -> Self {
		match error {
			ProofError::NoKey => Self::NoKey,
			ProofError::CorruptKey => Self::CorruptKey,
			ProofError::ForeignStatement => Self::ForeignStatement,
			ProofError::ImpossibleStatement => Self::ImpossibleStatement,
			ProofError::WrongProofCount => Self::WrongProofCount,
			ProofError::MalformedProof => Self::MalformedProof,
			ProofError::ProofRejected => Self::ProofRejected,
		}
	}
}

impl From<VerifyError> for ProofError {
	fn from(error: VerifyError) -> Self {
		match error {
			VerifyError::Statement(_) => Self::ImpossibleStatement,
			// The key's input count was checked when it was stored.
			VerifyError::InputCount { .. } => Self::CorruptKey,
			VerifyError::ProofCount { .. } | VerifyError::NoProofs => Self::WrongProofCount,
			VerifyError::Point { .. } => Self::MalformedProof,
			VerifyError::Unsatisfied => Self::ProofRejected,
		}
	}
}

impl<T: Config> Pallet<T> {
	/// Verifies a proof of replication: one Groth16 proof for each partition, in order, as one
	/// batch.
	///
	/// The statement must be for sectors of `sector_size` and for this network's replicas. The
	/// caller charges [`WeightInfo::verify_porep`](crate::WeightInfo::verify_porep) before.
	pub fn verify_porep(
		sector_size: SectorSize,
		statement: &porep::Statement,
		proofs: &[ProofBytes],
	) -> Result<(), ProofError> {
		// Keys of the small sizes have one shape: only this keeps a statement from being read for
		// another size.
		if statement.sector_bytes != sector_size.bytes()
			|| statement.porep_id != sector_size.porep_id()
		{
			return Err(ProofError::ForeignStatement);
		}
		let key = Self::prepared(KeyId {
			kind: ProofKind::PoRep,
			sector_size,
		})?;
		Ok(porep::verify(&key, statement, proofs)?)
	}

	/// Verifies the window PoSt of one partition, whose sectors are strictly ascending by number.
	/// `randomness` must depend on the provider, because the proof does not. The caller charges
	/// [`WeightInfo::verify_window_post`](crate::WeightInfo::verify_window_post) before.
	pub fn verify_window_post(
		sector_size: SectorSize,
		randomness: &Digest,
		sectors: &[(SectorNumber, CommR)],
		proof: &ProofBytes,
	) -> Result<(), ProofError> {
		let key = Self::prepared(KeyId {
			kind: ProofKind::WindowPoSt,
			sector_size,
		})?;
		let sectors: Vec<(u64, [u8; 32])> = sectors
			.iter()
			.map(|(number, comm_r)| (*number, comm_r.0))
			.collect();
		let statement = window_post::Statement {
			sector_bytes: sector_size.bytes(),
			randomness: *randomness,
			sectors: &sectors,
		};
		Ok(window_post::verify(&key, &statement, proof)?)
	}

	/// A key from storage, where only [`install`](Self::install) writes.
	pub(crate) fn prepared(id: KeyId) -> Result<PreparedVerifyingKey, ProofError> {
		let stored = Keys::<T>::get(id).ok_or(ProofError::NoKey)?;
		PreparedVerifyingKey::decode_trusted(&stored.prepared).map_err(|_| ProofError::CorruptKey)
	}
}
