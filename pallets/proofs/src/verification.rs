//! Proofs against the stored keys: all of a call in one batch.
//!
//! A batch says only that all of its proofs hold, or not. If it does not, each sector or partition is
//! verified alone, so that one bad proof costs nobody else anything but time. Who sent the batch is charged
//! for that before ([`Pallet::poreps_weight`], [`Pallet::window_posts_weight`]) and gets back what was not
//! needed.

use alloc::{vec, vec::Vec};
use frame_support::weights::Weight;
use holdfast_primitives::{
	CommR, Digest, KeyId, ProofBytes, ProofKind, ProofVersion, SectorNumber, SectorSize,
};
use holdfast_verifier::{porep, window_post, PreparedVerifyingKey, VerifyError};
use sp_runtime::DispatchError;

use crate::{Config, Error, Keys, Pallet, WeightInfo};

/// The circuits whose statements the verifier makes.
pub(crate) const VERSION: ProofVersion = ProofVersion::V1_2_0;
/// The Groth16 proofs of a sector of 32 GiB or 64 GiB.
const LARGE_POREP_PROOFS: u32 = 10;
/// The public inputs of the window PoSts whose keys fit the chain's state.
const WINDOW_POST_INPUTS: u32 = 22;

/// What became of proofs that were verified together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
	/// The result of each sector or partition, in order.
	pub results: Vec<Result<(), ProofError>>,
	/// What the verification cost.
	pub weight: Weight,
}

/// A sector's statement with its proofs, one for each partition of the circuit.
pub type PoRep<'a> = (porep::Statement, &'a [ProofBytes]);

/// The sectors of a partition, strictly ascending by number, with their window PoSt.
pub type WindowPoSt<'a> = (&'a [(SectorNumber, CommR)], ProofBytes);

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
	/// Verifies the proofs of replication of sectors of one size, all in one batch, and each sector
	/// alone if the batch fails.
	///
	/// A statement must be for sectors of `sector_size` and for this network's replicas. The caller
	/// charges [`poreps_weight`](Self::poreps_weight) before.
	pub fn verify_poreps(sector_size: SectorSize, sectors: &[PoRep<'_>]) -> Verification {
		let large = sector_size.porep_partitions() > 1;
		let key = KeyId {
			kind: ProofKind::PoRep,
			sector_size,
		};
		Self::verify_all(
			key,
			sectors,
			|(statement, proofs)| check_porep(sector_size, statement, proofs),
			|key, batch| {
				let batch: Vec<_> = batch
					.iter()
					.map(|(statement, proofs)| (statement, *proofs))
					.collect();
				porep::verify_batch(key, &batch)
			},
			|count, alone| match (large, alone) {
				(false, false) => T::WeightInfo::verify_poreps(count),
				(false, true) => T::WeightInfo::reject_poreps(count),
				(true, false) => T::WeightInfo::verify_large_poreps(count),
				(true, true) => T::WeightInfo::reject_large_poreps(count),
			},
		)
	}

	/// Verifies the window PoSts of partitions, all in one batch, and each alone if the batch fails.
	///
	/// `randomness` must depend on the provider, because a proof does not. The caller charges
	/// [`window_posts_weight`](Self::window_posts_weight) before.
	pub fn verify_window_posts(
		sector_size: SectorSize,
		randomness: &Digest,
		partitions: &[WindowPoSt<'_>],
	) -> Verification {
		let key = KeyId {
			kind: ProofKind::WindowPoSt,
			sector_size,
		};
		Self::verify_all(
			key,
			partitions,
			|_| Ok(()),
			|key, batch| {
				let sectors: Vec<Vec<(u64, [u8; 32])>> = batch
					.iter()
					.map(|(sectors, _)| {
						let pair = |(number, comm_r): &(SectorNumber, CommR)| (*number, comm_r.0);
						sectors.iter().map(pair).collect()
					})
					.collect();
				let batch: Vec<_> = sectors
					.iter()
					.zip(batch)
					.map(|(sectors, (_, proof))| {
						let statement = window_post::Statement {
							sector_bytes: sector_size.bytes(),
							randomness: *randomness,
							sectors,
						};
						(statement, *proof)
					})
					.collect();
				window_post::verify_batch(key, &batch)
			},
			|count, alone| {
				if alone {
					T::WeightInfo::reject_window_posts(count, WINDOW_POST_INPUTS)
				} else {
					T::WeightInfo::verify_window_posts(count, WINDOW_POST_INPUTS)
				}
			},
		)
	}

	/// What verifying the proofs of replication of so many sectors, with so many proofs in all, costs at
	/// most: when the last is bad. The sectors' size need not be known: small ones have one proof each,
	/// large ones ten, and those with another number are refused unseen.
	pub fn poreps_weight(sectors: u32, proofs: u32) -> Weight {
		let small = T::WeightInfo::reject_poreps(sectors);
		match proofs / LARGE_POREP_PROOFS {
			0 => small,
			large => small.max(T::WeightInfo::reject_large_poreps(large)),
		}
	}

	/// What verifying the window PoSts of so many partitions costs at most: when the last is bad.
	pub fn window_posts_weight(partitions: u32) -> Weight {
		T::WeightInfo::reject_window_posts(partitions, WINDOW_POST_INPUTS)
	}

	/// Verifies together what passes `check`, and alone if that fails. `weight` says what verifying so
	/// many together costs and, if asked, each of them alone afterwards.
	fn verify_all<Item: Clone>(
		key: KeyId,
		items: &[Item],
		check: impl Fn(&Item) -> Result<(), ProofError>,
		verify: impl Fn(&PreparedVerifyingKey, &[Item]) -> Result<(), VerifyError>,
		weight: impl Fn(u32, bool) -> Weight,
	) -> Verification {
		let mut results: Vec<_> = items.iter().map(check).collect();
		let batch: Vec<Item> = items
			.iter()
			.zip(&results)
			.filter(|(_, result)| result.is_ok())
			.map(|(item, _)| item.clone())
			.collect();
		if batch.is_empty() {
			return Verification {
				results,
				weight: Weight::zero(),
			};
		}
		let (verified, alone) = match Self::prepared(key) {
			Ok(key) => verify_batch(&batch, |items| verify(&key, items)),
			Err(error) => (vec![Err(error); batch.len()], false),
		};
		let open = results.iter_mut().filter(|result| result.is_ok());
		for (result, verdict) in open.zip(verified) {
			*result = verdict;
		}
		let count = u32::try_from(batch.len()).unwrap_or(u32::MAX);
		Verification {
			results,
			weight: weight(count, alone),
		}
	}

	/// A key from storage, where only [`install`](Self::install) writes.
	pub(crate) fn prepared(id: KeyId) -> Result<PreparedVerifyingKey, ProofError> {
		let stored = Keys::<T>::get(id, VERSION).ok_or(ProofError::NoKey)?;
		PreparedVerifyingKey::decode_trusted(&stored.prepared).map_err(|_| ProofError::CorruptKey)
	}
}

/// Refuses what the verifier need not see.
fn check_porep(
	sector_size: SectorSize,
	statement: &porep::Statement,
	proofs: &[ProofBytes],
) -> Result<(), ProofError> {
	// Keys of the small sizes have one shape: only this keeps a statement from being read for
	// another size.
	if statement.sector_bytes != sector_size.bytes() || statement.porep_id != sector_size.porep_id()
	{
		return Err(ProofError::ForeignStatement);
	}
	if u32::try_from(proofs.len()) != Ok(sector_size.porep_partitions()) {
		return Err(ProofError::WrongProofCount);
	}
	Ok(())
}

/// The result of each item, and whether each had to be verified alone.
fn verify_batch<Item>(
	items: &[Item],
	verify: impl Fn(&[Item]) -> Result<(), VerifyError>,
) -> (Vec<Result<(), ProofError>>, bool) {
	let alone = |item| verify(core::slice::from_ref(item)).map_err(Into::into);
	match items {
		[one] => (vec![alone(one)], false),
		_ if verify(items).is_ok() => (vec![Ok(()); items.len()], false),
		_ => (items.iter().map(alone).collect(), true),
	}
}
