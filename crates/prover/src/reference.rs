//! The same proofs, made by bellperson through filecoin-proofs as it comes: what benchmarks and tests
//! compare with. Nothing else should call these.

use bellperson::groth16::{create_proof, Parameters};
use blstrs::{Bls12, Scalar};
use ff::Field;
use filecoin_proofs::{generate_window_post_with_vanilla, SealCommitPhase1Output};
use holdfast_primitives::{proof::PROOF_BYTES, Digest, KeyId, ProofBytes, SectorSize};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use crate::{
	commit::{self, key_of, verify},
	error::{PoStError, SealError},
	groth16::{prove, Blinding},
	guard::guarded,
	keys::KeyStore,
	parameters::{porep_config, window_post_config, Tree},
	proving_keys::proving_key,
	seal::Commit1Output,
	window_post::{self, PoStSector},
};

/// What [`crate::seal_commit_phase2`] does, with bellperson's prover.
pub fn seal_commit_phase2(phase1: &Commit1Output) -> Result<Vec<ProofBytes>, SealError> {
	let subject = &phase1.subject;
	let comm_d = subject.check()?;
	let store = KeyStore::opened()?;
	store.check(key_of(phase1))?;
	let output = guarded(|| {
		filecoin_proofs::seal_commit_phase2::<Tree>(
			&porep_config(subject.sector_size),
			SealCommitPhase1Output {
				vanilla_proofs: phase1.proofs.vanilla_proofs.clone(),
				..phase1.proofs
			},
			subject.prover_id,
			subject.sector.into(),
		)
	})
	.map_err(subject.filecoin_error("commit phase 2"))?;
	let (proofs, rest) = output.proof.as_chunks();
	if !rest.is_empty() {
		return Err(SealError::InvalidProof {
			sector: subject.sector,
		});
	}
	verify(store, phase1, comm_d, proofs)?;
	Ok(proofs.to_vec())
}

/// What [`crate::generate_window_post`] does, with bellperson's prover.
pub fn generate_window_post(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sectors: &[PoStSector],
) -> Result<ProofBytes, PoStError> {
	window_post::check_request(sector_size, prover_id, randomness, sectors)?;
	let store = KeyStore::opened()?;
	store.check(window_post::key_of(sector_size))?;
	let openings = window_post::open_sectors(sector_size, prover_id, randomness, sectors)?;
	let bytes = guarded(|| {
		generate_window_post_with_vanilla::<Tree>(
			&window_post_config(sector_size),
			randomness,
			*prover_id,
			openings,
		)
	})
	.map_err(PoStError::Filecoin)?;
	let proof = ProofBytes::try_from(bytes).map_err(|bytes| {
		PoStError::Filecoin(format!("{} bytes instead of {PROOF_BYTES}", bytes.len()))
	})?;
	let statement = window_post::statement(sectors);
	window_post::verify(store, sector_size, randomness, &statement, &proof)?;
	Ok(proof)
}

/// The proof of a partition by this crate's prover, then by bellperson's, both with the randomness that `seed`
/// stands for: they are the same.
pub fn commit_with_both(
	phase1: &Commit1Output,
	partition: usize,
	seed: Digest,
) -> Result<[Vec<u8>; 2], SealError> {
	let store = KeyStore::opened()?;
	let key = key_of(phase1);
	proving_key(store, key)?;
	guarded(|| {
		let circuits = [
			commit::circuit(phase1, partition)?,
			commit::circuit(phase1, partition)?,
		];
		with_both(store, key, circuits, seed)
	})
	.map_err(phase1.subject.filecoin_error("commit phase 2"))
}

/// The window PoSt by this crate's prover, then by bellperson's, both with the randomness that `seed` stands
/// for: they are the same.
pub fn window_post_with_both(
	sector_size: SectorSize,
	prover_id: &Digest,
	randomness: &Digest,
	sectors: &[PoStSector],
	seed: Digest,
) -> Result<[Vec<u8>; 2], PoStError> {
	window_post::check_request(sector_size, prover_id, randomness, sectors)?;
	let store = KeyStore::opened()?;
	let key = window_post::key_of(sector_size);
	proving_key(store, key)?;
	let openings = window_post::open_sectors(sector_size, prover_id, randomness, sectors)?;
	let circuit = || window_post::circuit(sector_size, prover_id, randomness, &openings);
	guarded(|| with_both(store, key, [circuit()?, circuit()?], seed)).map_err(PoStError::Filecoin)
}

fn with_both<C: bellperson::Circuit<Scalar> + Send>(
	store: &KeyStore,
	key: KeyId,
	[first, second]: [C; 2],
	seed: Digest,
) -> anyhow::Result<[Vec<u8>; 2]> {
	let mut random = ChaCha20Rng::from_seed(seed);
	let (r, s) = (Scalar::random(&mut random), Scalar::random(&mut random));
	let ours = prove(first, &*proving_key(store, key)?, Blinding { r, s })?;
	let (path, _) = store.checked_parameters(key)?;
	let parameters = Parameters::<Bls12>::build_mapped_parameters(path, false)?;
	let mut theirs = Vec::new();
	create_proof::<Bls12, _, _>(second, &parameters, r, s)?.write(&mut theirs)?;
	Ok([ours.to_vec(), theirs])
}
