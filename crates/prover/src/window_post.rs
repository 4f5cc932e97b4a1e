//! Window proofs of spacetime.

use std::path::PathBuf;

use filecoin_hashers::{HashFunction, Hasher};
use filecoin_proofs::{
	as_safe_commitment, generate_fallback_sector_challenges, generate_single_vanilla_proof,
	parameters::window_post_public_params, single_partition_vanilla_proofs, DefaultTreeHasher,
	FallbackPoStSectorProof, PrivateReplicaInfo,
};
use holdfast_primitives::{CommR, Digest, KeyId, ProofBytes, ProofKind, SectorNumber, SectorSize};
use holdfast_verifier::{window_post, PreparedVerifyingKey};
use serde::{Deserialize, Serialize};
use storage_proofs_core::compound_proof::CompoundProof;
use storage_proofs_post::fallback::{
	self, FallbackPoSt, FallbackPoStCircuit, FallbackPoStCompound,
};

use crate::{
	error::PoStError,
	groth16::{prove, Blinding},
	guard::guarded,
	keys::KeyStore,
	parameters::{is_supported, window_post_config, Tree},
	proving_keys::proving_key,
};

/// A sealed sector that is to be proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoStSector {
	/// The sector's number.
	pub number: SectorNumber,
	/// The commitment to its replica.
	pub comm_r: CommR,
	/// Its cache folder.
	pub cache_dir: PathBuf,
	/// Its replica.
	pub sealed_path: PathBuf,
}

/// Proves that the sectors of one partition are held: 1 up to the size's
/// [`SectorSize::window_post_partition_sectors`], with rising numbers. The result has been verified the way
/// the chain does it.
///
/// Every sector is opened at its challenges first. If one cannot be, [`PoStError::Sector`] names it, and the
/// rest can be proven without it.
pub fn generate_window_post(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sectors: &[PoStSector],
) -> Result<ProofBytes, PoStError> {
	check_request(sector_size, prover_id, randomness, sectors)?;
	proving_key(KeyStore::opened()?, key_of(sector_size))?;
	let openings = sectors
		.iter()
		.map(|sector| open_sector(sector_size, prover_id, randomness, sector))
		.collect::<Result<Vec<_>, _>>()?;
	prove_openings(
		sector_size,
		prover_id,
		randomness,
		&statement(sectors),
		openings,
	)
}

/// A sector, opened at the challenges of a window PoSt: some kilobytes that stand for its files.
#[derive(Debug, Serialize, Deserialize)]
pub struct Opening(FallbackPoStSectorProof<Tree>);

/// Makes the proof of sectors that were opened, maybe on other machines. What does not fit the sectors is
/// refused; whether an opening is right shows when the proof is verified, the way the chain does it.
pub fn prove_openings(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sectors: &[(SectorNumber, CommR)],
	openings: Vec<Opening>,
) -> Result<ProofBytes, PoStError> {
	check_statement(sector_size, prover_id, randomness, sectors)?;
	if sectors.len() != openings.len() {
		return Err(PoStError::Filecoin("not every sector is opened".into()));
	}
	for ((number, comm_r), Opening(opening)) in sectors.iter().zip(&openings) {
		if u64::from(opening.sector_id) != *number || <[u8; 32]>::from(opening.comm_r) != comm_r.0 {
			return Err(PoStError::Sector {
				sector: *number,
				reason: "what was opened is another sector".into(),
			});
		}
	}
	let store = KeyStore::opened()?;
	let proving_key = proving_key(store, key_of(sector_size))?;
	let openings: Vec<_> = openings.into_iter().map(|opening| opening.0).collect();
	let proof = guarded(|| {
		let circuit = circuit(sector_size, prover_id, randomness, &openings)?;
		Ok(prove(circuit, &proving_key, Blinding::random()))
	})
	.map_err(PoStError::Filecoin)??;
	verify(store, sector_size, randomness, sectors, &proof)?;
	Ok(proof)
}

pub(crate) fn statement(sectors: &[PoStSector]) -> Vec<(SectorNumber, CommR)> {
	sectors
		.iter()
		.map(|sector| (sector.number, sector.comm_r))
		.collect()
}

/// The circuit of a partition, with its statement and its witness.
pub(crate) fn circuit(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	openings: &[FallbackPoStSectorProof<Tree>],
) -> anyhow::Result<FallbackPoStCircuit<Tree>> {
	let config = window_post_config(sector_size);
	let parameters = window_post_public_params::<Tree>(&config)?;
	let public_inputs = fallback::PublicInputs {
		randomness: as_safe_commitment(randomness, "randomness")?,
		prover_id: as_safe_commitment(prover_id, "prover_id")?,
		sectors: openings
			.iter()
			.map(|opening| fallback::PublicSector {
				id: opening.sector_id,
				comm_r: opening.comm_r,
			})
			.collect(),
		k: Some(0),
	};
	// Fewer sectors than a partition has: the last one stands for those that are missing.
	let witness =
		single_partition_vanilla_proofs::<Tree>(&config, &parameters, &public_inputs, openings)?;
	<FallbackPoStCompound<Tree> as CompoundProof<FallbackPoSt<'_, Tree>, _>>::circuit(
		&public_inputs,
		Default::default(),
		&witness,
		&parameters,
		Some(0),
	)
}

/// Whether the chain would accept the proof.
pub(crate) fn verify(
	store: &KeyStore,
	sector_size: SectorSize,
	randomness: &Digest,
	sectors: &[(SectorNumber, CommR)],
	proof: &ProofBytes,
) -> Result<(), PoStError> {
	let statement: Vec<(u64, Digest)> = sectors
		.iter()
		.map(|(number, comm_r)| (*number, comm_r.0))
		.collect();
	let statement = window_post::Statement {
		sector_bytes: sector_size.bytes(),
		randomness: *randomness,
		sectors: &statement,
	};
	PreparedVerifyingKey::from_bytes(&store.verifying_key(key_of(sector_size))?)
		.ok()
		.filter(|prepared| window_post::verify(prepared, &statement, proof).is_ok())
		.map(|_| ())
		.ok_or(PoStError::InvalidProof)
}

/// Opens a sector at the challenges of `randomness` without making a proof: what a sector that passes can
/// show, [`generate_window_post`] can prove. Quick; for finding damaged sectors before their deadline.
pub fn check_sealed_sector(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sector: &PoStSector,
) -> Result<(), PoStError> {
	check_request(
		sector_size,
		prover_id,
		randomness,
		std::slice::from_ref(sector),
	)?;
	open_sector(sector_size, prover_id, randomness, sector).map(|_| ())
}

pub(crate) fn check_request(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sectors: &[PoStSector],
) -> Result<(), PoStError> {
	check_statement(sector_size, prover_id, randomness, &statement(sectors))
}

fn check_statement(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sectors: &[(SectorNumber, CommR)],
) -> Result<(), PoStError> {
	if !is_supported(sector_size) {
		return Err(PoStError::UnsupportedSize(sector_size));
	}
	let most = sector_size.window_post_partition_sectors();
	let count = sectors.len();
	if count == 0 || u32::try_from(count).map_or(true, |count| count > most) {
		return Err(PoStError::SectorCount { count, most });
	}
	if let Some(pair) = sectors.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
		return Err(PoStError::NotAscending(pair[1].0));
	}
	for (name, value) in [("prover identity", prover_id), ("randomness", randomness)] {
		if value[31] & 0xc0 != 0 {
			return Err(PoStError::NotCanonical(name));
		}
	}
	Ok(())
}

pub(crate) const fn key_of(sector_size: SectorSize) -> KeyId {
	KeyId {
		kind: ProofKind::WindowPoSt,
		sector_size,
	}
}

pub(crate) fn open_sectors(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sectors: &[PoStSector],
) -> Result<Vec<FallbackPoStSectorProof<Tree>>, PoStError> {
	sectors
		.iter()
		.map(|sector| {
			open_sector(sector_size, prover_id, randomness, sector).map(|opening| opening.0)
		})
		.collect()
}

/// Opens a sector at its challenges, on the machine that has its files. [`KeyStore::open`] must come first.
pub fn open_sector(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sector: &PoStSector,
) -> Result<Opening, PoStError> {
	KeyStore::opened()?;
	let config = window_post_config(sector_size);
	let number = sector.number;
	guarded(|| {
		let length = std::fs::metadata(&sector.sealed_path)
			.map_err(|error| {
				anyhow::anyhow!("cannot read {}: {error}", sector.sealed_path.display())
			})?
			.len();
		anyhow::ensure!(
			length == sector_size.bytes(),
			"{} has {length} bytes instead of {}",
			sector.sealed_path.display(),
			sector_size.bytes()
		);
		let replica = PrivateReplicaInfo::<Tree>::new(
			sector.sealed_path.clone(),
			sector.comm_r.0,
			sector.cache_dir.clone(),
		)?;
		let comm_r = <DefaultTreeHasher as Hasher>::Function::hash2(
			&replica.safe_comm_c(),
			&replica.safe_comm_r_last(),
		);
		anyhow::ensure!(
			<[u8; 32]>::from(comm_r) == sector.comm_r.0,
			"its files belong to another CommR"
		);
		// A sector's challenges do not depend on its place in the partition.
		let mut challenges = generate_fallback_sector_challenges::<Tree>(
			&config,
			randomness,
			&[number.into()],
			*prover_id,
		)?;
		let challenges = challenges
			.remove(&number.into())
			.ok_or_else(|| anyhow::anyhow!("it has no challenges"))?;
		let opening = generate_single_vanilla_proof(&config, number.into(), &replica, &challenges)?;
		Ok(Opening(opening))
	})
	.map_err(|reason| PoStError::Sector {
		sector: number,
		reason,
	})
}
