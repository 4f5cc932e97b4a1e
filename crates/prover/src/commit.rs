//! Commit phase 2: the Groth16 proofs of replication.

use filecoin_hashers::Domain;
use filecoin_proofs::{
	as_safe_commitment,
	constants::{DefaultPieceDomain, DefaultPieceHasher},
	parameters::setup_params,
};
use holdfast_primitives::{CommD, KeyId, ProofBytes, ProofKind};
use holdfast_verifier::{porep, PreparedVerifyingKey};
use storage_proofs_core::compound_proof::{self, CompoundProof};
use storage_proofs_porep::stacked::{self, StackedCircuit, StackedCompound, StackedDrg};

use crate::{
	error::SealError,
	groth16::{prove, Blinding},
	guard::guarded,
	keys::KeyStore,
	parameters::{porep_config, Tree},
	proving_keys::proving_key,
	seal::Commit1Output,
};

/// Commit phase 2: the Groth16 proofs, one for each of the size's PoRep partitions, in order. Needs the
/// proving key and none of the sector's files. The result has been verified the way the chain does it.
///
/// It uses all threads of rayon's pool and [`crate::c2_memory`] bytes of memory.
pub fn seal_commit_phase2(phase1: &Commit1Output) -> Result<Vec<ProofBytes>, SealError> {
	let subject = &phase1.subject;
	let comm_d = subject.check()?;
	let store = KeyStore::opened()?;
	let key = proving_key(store, key_of(phase1))?;
	let partitions = phase1.proofs.vanilla_proofs.len();
	let mut proofs = Vec::with_capacity(partitions);
	// One after the other: each of them uses all cores.
	for partition in 0..partitions {
		let proof = guarded(|| Ok(prove(circuit(phase1, partition)?, &key, Blinding::random())))
			.map_err(subject.filecoin_error("commit phase 2"))?
			.map_err(|source| SealError::Prove {
				sector: subject.sector,
				source,
			})?;
		proofs.push(proof);
	}
	verify(store, phase1, comm_d, &proofs)?;
	Ok(proofs)
}

/// The circuit of a partition, with its statement and its witness.
pub(crate) fn circuit(
	phase1: &Commit1Output,
	partition: usize,
) -> anyhow::Result<StackedCircuit<Tree, DefaultPieceHasher>> {
	let config = porep_config(phase1.subject.sector_size);
	let proofs = &phase1.proofs;
	let vanilla = proofs
		.vanilla_proofs
		.get(partition)
		.ok_or_else(|| anyhow::anyhow!("there is no partition {partition}"))?;
	let public_inputs = stacked::PublicInputs {
		replica_id: proofs.replica_id,
		tau: Some(stacked::Tau {
			comm_d: DefaultPieceDomain::try_from_bytes(&proofs.comm_d)?,
			comm_r: as_safe_commitment(&proofs.comm_r, "comm_r")?,
		}),
		k: None,
		seed: Some(proofs.seed),
	};
	let setup = compound_proof::SetupParams {
		vanilla_params: setup_params(&config)?,
		partitions: Some(usize::from(config.partitions)),
		priority: false,
	};
	let parameters =
		<Compound as CompoundProof<StackedDrg<'_, Tree, DefaultPieceHasher>, _>>::setup(&setup)?;
	<Compound as CompoundProof<
		StackedDrg<'_, Tree, DefaultPieceHasher>,
		StackedCircuit<Tree, DefaultPieceHasher>,
	>>::circuit(
		&public_inputs,
		(),
		vanilla,
		&parameters.vanilla_params,
		Some(partition),
	)
}

type Compound = StackedCompound<Tree, DefaultPieceHasher>;

pub(crate) const fn key_of(phase1: &Commit1Output) -> KeyId {
	KeyId {
		kind: ProofKind::PoRep,
		sector_size: phase1.subject.sector_size,
	}
}

/// Whether the chain would accept the proofs.
pub(crate) fn verify(
	store: &KeyStore,
	phase1: &Commit1Output,
	comm_d: CommD,
	proofs: &[ProofBytes],
) -> Result<(), SealError> {
	let subject = &phase1.subject;
	let statement = porep::Statement {
		sector_bytes: subject.sector_size.bytes(),
		porep_id: subject.sector_size.porep_id(),
		prover_id: subject.prover_id,
		sector_number: subject.sector,
		comm_d: comm_d.0,
		comm_r: phase1.comm_r.0,
		ticket: subject.ticket,
		seed: phase1.seed,
	};
	PreparedVerifyingKey::from_bytes(&store.verifying_key(key_of(phase1))?)
		.ok()
		.filter(|prepared| porep::verify(prepared, &statement, proofs).is_ok())
		.map(|_| ())
		.ok_or(SealError::InvalidProof {
			sector: subject.sector,
		})
}
