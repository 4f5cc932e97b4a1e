//! The same steps, done by filecoin-proofs as it comes: what ours are measured against and compared with.
//!
//! They keep no state file and check nothing, so they cannot take the place of the steps in the pipeline. The
//! proofs are in [`crate::reference`].

use std::{fs, path::Path};

use bellperson::groth16::generate_random_parameters;
use blstrs::Bls12;
use filecoin_proofs::{SealPreCommitOutput, SealPreCommitPhase1Output};
use holdfast_primitives::{CommR, Digest, KeyId, ProofBytes, ProofKind, SectorSize};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use crate::{
	error::SealError,
	guard::guarded,
	keys::{seed, KeyStore},
	parameters::{porep_circuit, porep_config, window_post_circuit, Tree},
	parents::ensure_parents,
	seal::{Commit1Output, PreCommit1Output, SealSubject, SectorPaths},
};

/// Makes what all sectors of a size share, if it is not there: the parents of the graph's nodes.
pub fn prepare_parents(sector_size: SectorSize) -> Result<(), SealError> {
	ensure_parents(KeyStore::opened()?, sector_size)?;
	Ok(())
}

/// Pre-commit phase 1.
pub fn pre_commit_phase1(
	subject: &SealSubject,
	paths: &SectorPaths,
) -> Result<PreCommit1Output, SealError> {
	let failed = subject.filecoin_error("pre-commit phase 1");
	let comm_d = subject.comm_d()?;
	ensure_parents(KeyStore::opened()?, subject.sector_size)?;
	let labels = guarded(|| {
		fs::create_dir_all(&paths.cache)?;
		fs::File::create(&paths.sealed)?;
		let output = filecoin_proofs::seal_pre_commit_phase1::<_, _, _, Tree>(
			&porep_config(subject.sector_size),
			&paths.cache,
			&paths.unsealed,
			&paths.sealed,
			subject.prover_id,
			subject.sector.into(),
			subject.ticket,
			&subject.whole(comm_d),
		)?;
		Ok(serde_json::to_value(output)?)
	})
	.map_err(failed)?;
	Ok(PreCommit1Output {
		subject: subject.clone(),
		labels,
	})
}

/// Pre-commit phase 2.
pub fn pre_commit_phase2(
	phase1: &PreCommit1Output,
	paths: &SectorPaths,
) -> Result<CommR, SealError> {
	KeyStore::opened()?;
	guarded(|| {
		let labels: SealPreCommitPhase1Output<Tree> =
			serde_json::from_value(phase1.labels.clone())?;
		filecoin_proofs::seal_pre_commit_phase2::<_, _, Tree>(
			&porep_config(phase1.subject.sector_size),
			labels,
			&paths.cache,
			&paths.sealed,
		)
	})
	.map(|output| CommR(output.comm_r))
	.map_err(phase1.subject.filecoin_error("pre-commit phase 2"))
}

/// Commit phase 1.
pub fn commit_phase1(
	subject: &SealSubject,
	paths: &SectorPaths,
	comm_r: CommR,
	seed: &Digest,
) -> Result<Commit1Output, SealError> {
	KeyStore::opened()?;
	let comm_d = subject.comm_d()?;
	let proofs = guarded(|| {
		filecoin_proofs::seal_commit_phase1::<_, Tree>(
			&porep_config(subject.sector_size),
			&paths.cache,
			&paths.sealed,
			subject.prover_id,
			subject.sector.into(),
			subject.ticket,
			*seed,
			SealPreCommitOutput {
				comm_r: comm_r.0,
				comm_d: comm_d.0,
			},
			&subject.whole(comm_d),
		)
	})
	.map_err(subject.filecoin_error("commit phase 1"))?;
	Ok(Commit1Output {
		subject: subject.clone(),
		comm_r,
		seed: *seed,
		proofs,
	})
}

/// Whether filecoin-proofs' own verifier accepts a sector's proofs.
pub fn verify_seal(phase1: &Commit1Output, proofs: &[ProofBytes]) -> Result<bool, SealError> {
	let subject = &phase1.subject;
	KeyStore::opened()?;
	let comm_d = subject.comm_d()?;
	guarded(|| {
		filecoin_proofs::verify_seal::<Tree>(
			&porep_config(subject.sector_size),
			phase1.comm_r.0,
			comm_d.0,
			subject.prover_id,
			subject.sector.into(),
			subject.ticket,
			phase1.seed,
			proofs.as_flattened(),
		)
	})
	.map_err(subject.filecoin_error("verifying the proofs"))
}

/// A key's parameters from its seed, made by bellperson. It takes many minutes for a proof of replication.
pub fn parameters(key: KeyId, output: &Path) -> Result<(), String> {
	let rng = &mut ChaCha20Rng::from_seed(seed(key));
	guarded(|| {
		let parameters = match key.kind {
			ProofKind::PoRep => {
				generate_random_parameters::<Bls12, _, _>(porep_circuit(key.sector_size)?, rng)
			},
			ProofKind::WindowPoSt => {
				generate_random_parameters(window_post_circuit(key.sector_size)?, rng)
			},
		}?;
		let mut file = std::io::BufWriter::new(fs::File::create(output)?);
		parameters.write(&mut file)?;
		Ok(file.into_inner().map(drop)?)
	})
}
