//! Sealing, phase by phase.
//!
//! Every phase may be repeated after a crash. A state file in the cache folder says how far a sector is:
//! phase 1 starts over from the unsealed sector whenever it is called; phase 2, which encodes the replica in
//! place, starts over from the unsealed sector and phase 1's labels; the commit phases only read.

use std::{
	fs::{self, File},
	io::{self, Write},
	path::{Path, PathBuf},
};

use filecoin_proofs::{
	clear_cache, validate_cache_for_commit, validate_cache_for_precommit_phase2,
	SealCommitPhase1Output, SealPreCommitOutput, SealPreCommitPhase1Output, UnpaddedBytesAmount,
};
use holdfast_primitives::{
	piece::compute_comm_d, CommD, CommR, Digest, PieceInfo, SectorNumber, SectorSize,
};
use serde::{Deserialize, Serialize};

use crate::{
	error::SealError,
	guard::guarded,
	keys::KeyStore,
	parameters::{is_supported, porep_config, Tree},
};

/// The state file's name within a sector's cache folder.
const STATE_FILE: &str = "holdfast-sealing.json";

/// What a replica is made of; a change of anything here makes another replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealSubject {
	/// The sector's size.
	pub sector_size: SectorSize,
	/// The provider, as [`holdfast_primitives::randomness::prover_id`] names it.
	pub prover_id: Digest,
	/// The sector's number.
	pub sector: SectorNumber,
	/// The ticket that the chain drew.
	pub ticket: Digest,
	/// The sector's pieces, in order.
	pub pieces: Vec<PieceInfo>,
}

impl SealSubject {
	/// The commitment to the sector's data.
	pub fn comm_d(&self) -> Result<CommD, SealError> {
		compute_comm_d(self.sector_size, &self.pieces).map_err(SealError::Layout)
	}

	pub(crate) fn check(&self) -> Result<CommD, SealError> {
		if !is_supported(self.sector_size) {
			return Err(SealError::UnsupportedSize(self.sector_size));
		}
		canonical("prover identity", &self.prover_id)?;
		canonical("ticket", &self.ticket)?;
		self.comm_d()
	}

	/// filecoin-proofs' list of pieces. One that fills the sector stands for all of them, because
	/// filecoin-proofs, given pieces that do not fill it, computes the commitment of a smaller tree.
	pub(crate) fn whole(&self, comm_d: CommD) -> Vec<filecoin_proofs::PieceInfo> {
		vec![filecoin_proofs::PieceInfo {
			commitment: comm_d.0,
			size: UnpaddedBytesAmount(self.sector_size.unpadded_bytes()),
		}]
	}

	pub(crate) fn filecoin_error(&self, phase: &'static str) -> impl Fn(String) -> SealError {
		let sector = self.sector;
		move |reason| SealError::Filecoin {
			phase,
			sector,
			reason,
		}
	}
}

fn canonical(name: &'static str, value: &Digest) -> Result<(), SealError> {
	if value[31] & 0xc0 == 0 {
		Ok(())
	} else {
		Err(SealError::NotCanonical(name))
	}
}

/// Where a sector's files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SectorPaths {
	/// The file that [`crate::add_pieces`] writes. Needed until phase 2 is complete.
	pub unsealed: PathBuf,
	/// The replica.
	pub sealed: PathBuf,
	/// The folder with labels, trees and the state file. It belongs to this sector alone: phase 1 deletes
	/// all of it.
	pub cache: PathBuf,
}

/// What phase 1 leaves to phase 2, besides files.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreCommit1Output {
	/// What was sealed.
	pub subject: SealSubject,
	/// filecoin-proofs' description of the labels; paths in it are replaced by those given to phase 2.
	pub(crate) labels: serde_json::Value,
}

/// The vanilla proofs, from which phase 2 makes Groth16 proofs without any of the sector's files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit1Output {
	/// What was sealed.
	pub subject: SealSubject,
	/// The commitment to the replica.
	pub comm_r: CommR,
	/// The seed of the challenges.
	pub seed: Digest,
	pub(crate) proofs: SealCommitPhase1Output<Tree>,
}

/// How far a sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Stage {
	/// Phase 1 is complete; the replica's file holds the unsealed data.
	Labelled,
	/// Phase 2 has begun; the replica's file may hold anything.
	Encoding,
	/// Phase 2 is complete.
	Sealed,
	/// What only the proof of replication needs is deleted.
	Cleared,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
	pub(crate) subject: SealSubject,
	pub(crate) stage: Stage,
	pub(crate) comm_r: Option<CommR>,
}

impl State {
	/// The state of a cache folder; `None` if it has none that can be read.
	pub(crate) fn read(paths: &SectorPaths) -> Option<Self> {
		serde_json::from_slice(&fs::read(paths.cache.join(STATE_FILE)).ok()?).ok()
	}

	/// Makes the sector's files durable, then the state that speaks of them.
	pub(crate) fn write(&self, paths: &SectorPaths) -> Result<(), SealError> {
		let path = paths.cache.join(STATE_FILE);
		let temporary = paths.cache.join(format!("{STATE_FILE}.new"));
		let write = || -> io::Result<()> {
			rustix::fs::syncfs(File::open(&paths.sealed)?)?;
			rustix::fs::syncfs(File::open(&paths.cache)?)?;
			let mut file = File::create(&temporary)?;
			file.write_all(&serde_json::to_vec(self)?)?;
			file.sync_all()?;
			fs::rename(&temporary, &path)
		};
		write().map_err(|source| file_error("write", &path, source))
	}
}

pub(crate) fn file_error(action: &'static str, path: &Path, source: io::Error) -> SealError {
	SealError::File {
		action,
		path: path.to_owned(),
		source,
	}
}

pub(crate) fn check_unsealed(subject: &SealSubject, paths: &SectorPaths) -> Result<(), SealError> {
	let expected = subject.sector_size.bytes();
	match fs::metadata(&paths.unsealed) {
		Ok(metadata) if metadata.is_file() && metadata.len() == expected => Ok(()),
		_ => Err(SealError::UnsealedLength {
			path: paths.unsealed.clone(),
			expected,
		}),
	}
}

/// Pre-commit phase 2: builds the trees and encodes the replica. Uses all cores.
///
/// If it was interrupted it starts over: the unsealed sector is copied to the replica's place again. If it
/// was completed before, it returns the same at once.
pub fn seal_pre_commit_phase2(
	phase1: &PreCommit1Output,
	paths: &SectorPaths,
) -> Result<(CommR, CommD), SealError> {
	let subject = &phase1.subject;
	let comm_d = subject.check()?;
	let repeat = |reason: &str| SealError::RepeatPhase1 {
		sector: subject.sector,
		reason: reason.to_owned(),
	};
	let state = State::read(paths).ok_or_else(|| repeat("there is no state file"))?;
	if state.subject != *subject {
		return Err(SealError::OtherSector);
	}
	match (state.stage, state.comm_r) {
		(Stage::Sealed | Stage::Cleared, Some(comm_r)) => return Ok((comm_r, comm_d)),
		(Stage::Sealed | Stage::Cleared, None) => {
			return Err(repeat("the state file has no CommR"))
		},
		(Stage::Encoding, _) => restore_unsealed(subject, paths)?,
		(Stage::Labelled, _) => {},
	}
	let labels: SealPreCommitPhase1Output<Tree> = serde_json::from_value(phase1.labels.clone())
		.map_err(|error| repeat(&error.to_string()))?;
	guarded(|| {
		validate_cache_for_precommit_phase2::<_, _, Tree>(&paths.cache, &paths.sealed, &labels)
	})
	.map_err(|reason| repeat(&reason))?;
	match fs::metadata(&paths.sealed) {
		Ok(metadata) if metadata.len() == subject.sector_size.bytes() => {},
		_ => return Err(repeat("the replica's file has another length")),
	}

	State {
		stage: Stage::Encoding,
		..state.clone()
	}
	.write(paths)?;
	let output = guarded(|| {
		filecoin_proofs::seal_pre_commit_phase2::<_, _, Tree>(
			&porep_config(subject.sector_size),
			labels,
			&paths.cache,
			&paths.sealed,
		)
	})
	.map_err(subject.filecoin_error("pre-commit phase 2"))?;
	if output.comm_d != comm_d.0 {
		return Err(SealError::OtherSector);
	}
	let comm_r = CommR(output.comm_r);
	State {
		stage: Stage::Sealed,
		comm_r: Some(comm_r),
		..state
	}
	.write(paths)?;
	Ok((comm_r, comm_d))
}

/// Brings a half-encoded replica back to where phase 1 left it.
fn restore_unsealed(subject: &SealSubject, paths: &SectorPaths) -> Result<(), SealError> {
	check_unsealed(subject, paths)?;
	let entries =
		fs::read_dir(&paths.cache).map_err(|source| file_error("read", &paths.cache, source))?;
	for entry in entries {
		let entry = entry.map_err(|source| file_error("read", &paths.cache, source))?;
		let name = entry.file_name();
		let made_by_phase2 = [
			"sc-02-data-tree-c",
			"sc-02-data-tree-r-last",
			"p_aux",
			"t_aux",
		]
		.iter()
		.any(|prefix| name.to_string_lossy().starts_with(prefix));
		if made_by_phase2 {
			fs::remove_file(entry.path())
				.map_err(|source| file_error("delete", &entry.path(), source))?;
		}
	}
	fs::copy(&paths.unsealed, &paths.sealed)
		.map(|_| ())
		.map_err(|source| file_error("write", &paths.sealed, source))
}

/// Commit phase 1: opens the replica at the seed's challenges. Reads only.
pub fn seal_commit_phase1(
	subject: &SealSubject,
	paths: &SectorPaths,
	comm_r: CommR,
	seed: &Digest,
) -> Result<Commit1Output, SealError> {
	let comm_d = subject.check()?;
	canonical("seed", seed)?;
	// The graph's parents are computed here, not read, but filecoin-proofs reads its settings.
	KeyStore::opened()?;
	let sector = subject.sector;
	let state = State::read(paths).ok_or(SealError::RepeatPhase2 { sector })?;
	if state.subject != *subject {
		return Err(SealError::OtherSector);
	}
	match state.stage {
		Stage::Labelled | Stage::Encoding => return Err(SealError::RepeatPhase2 { sector }),
		Stage::Cleared => return Err(SealError::Cleared { sector }),
		Stage::Sealed if state.comm_r != Some(comm_r) => return Err(SealError::OtherSector),
		Stage::Sealed => {},
	}
	guarded(|| validate_cache_for_commit::<_, _, Tree>(&paths.cache, &paths.sealed))
		.map_err(|reason| SealError::RepeatPhase1 { sector, reason })?;
	let proofs = guarded(|| {
		filecoin_proofs::seal_commit_phase1::<_, Tree>(
			&porep_config(subject.sector_size),
			&paths.cache,
			&paths.sealed,
			subject.prover_id,
			sector.into(),
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

/// Deletes what only the proof of replication needs: labels, the data's tree, the columns' tree. The replica
/// and what window PoSt reads stay. Call it when the chain has accepted the sector; it may be repeated.
pub fn clear_sealing_cache(subject: &SealSubject, paths: &SectorPaths) -> Result<(), SealError> {
	let sector = subject.sector;
	let state = State::read(paths).ok_or(SealError::RepeatPhase2 { sector })?;
	if state.subject != *subject {
		return Err(SealError::OtherSector);
	}
	if !matches!(state.stage, Stage::Sealed | Stage::Cleared) {
		return Err(SealError::RepeatPhase2 { sector });
	}
	State {
		stage: Stage::Cleared,
		..state
	}
	.write(paths)?;
	guarded(|| clear_cache(&paths.cache))
		.map_err(subject.filecoin_error("clearing the sealing files"))
}
