//! The child process: does one computing step, answers, and ends. It ends, too, when its standard input
//! does, because then the daemon that wants the answer is gone.

use std::{
	fs::{self, File},
	io::{self, BufRead, Read, Write},
	path::{Path, PathBuf},
	process::ExitCode,
};

use holdfast_primitives::{Digest, ProofBytes, SectorNumber};
use holdfast_prover::{
	add_pieces, check_sealed_sector, clear_sealing_cache, generate_window_post, open_sector,
	prove_openings, read_piece, seal_commit_phase1, seal_commit_phase2, seal_pre_commit_phase1,
	seal_pre_commit_phase1_pair, seal_pre_commit_phase2, unseal, Commit1Output, KeyError, KeyStore,
	Opening, PoStError, PoStSector, PreCommit1Output, SealError, SealSubject,
};
use serde::{de::DeserializeOwned, Serialize};

use crate::{
	store::write_whole,
	worker::{Envelope, Job, OpenedSector, Proven, Repeat, Request, Response},
};

/// The exit code when the daemon is gone.
const ORPHANED: i32 = 3;
/// The longest request.
const MAX_REQUEST_BYTES: u64 = 512 << 20;

/// Reads a request from the standard input and writes the answer to the standard output.
pub fn main() -> ExitCode {
	// filecoin-proofs panics, once for each thread, where others return an error, for instance on a
	// damaged replica. The prover makes errors of that, and the answer has them.
	std::panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
	let response = match read_request() {
		Ok(envelope) => match open_keys() {
			Ok(()) => {
				// Threads that are made later inherit it.
				if let Err(error) = rustix::process::nice(envelope.nice.into()) {
					eprintln!("cannot be nice: {error}");
				}
				end_with_input();
				perform(envelope.request)
			},
			Err(error) => failed(error),
		},
		Err(error) => failed(error),
	};
	let ok = !matches!(response, Response::Failed { .. });
	match serde_json::to_vec(&response).map(|bytes| io::stdout().write_all(&bytes)) {
		Ok(Ok(())) if ok => ExitCode::SUCCESS,
		_ => ExitCode::FAILURE,
	}
}

fn read_request() -> io::Result<Envelope> {
	let mut line = String::new();
	io::stdin()
		.lock()
		.take(MAX_REQUEST_BYTES)
		.read_line(&mut line)?;
	Ok(serde_json::from_str(&line)?)
}

fn open_keys() -> Result<(), KeyError> {
	KeyStore::open(holdfast_prover::default_directory()?).map(|_| ())
}

/// Ends the process when its input ends.
fn end_with_input() {
	std::thread::spawn(|| {
		let mut buffer = [0; 64];
		loop {
			match io::stdin().lock().read(&mut buffer) {
				Ok(0) => std::process::exit(ORPHANED),
				Err(error) if error.kind() != io::ErrorKind::Interrupted => {
					std::process::exit(ORPHANED)
				},
				_ => {},
			}
		}
	});
}

fn perform(request: Request) -> Response {
	match request {
		Request::AddPieces {
			sector_size,
			pieces,
			unsealed,
		} => {
			let pieces: Vec<_> = pieces
				.iter()
				.map(|file| (file.piece, file.path.as_path()))
				.collect();
			add_pieces(sector_size, &pieces, &unsealed).map_or_else(failed, |_| Response::Done)
		},
		Request::PreCommit1 { job } => answer(pre_commit1(&job)),
		Request::PreCommit1Pair { jobs } => Response::Both {
			answers: Box::new(pre_commit1_pair(&jobs).map(answer)),
		},
		Request::PreCommit2 { job } => answer(pre_commit2(&job)),
		Request::Commit1 {
			job,
			seed,
			comm_r,
			comm_d: _,
		} => answer(locked(&job, || {
			let output = seal_commit_phase1(&subject(&job), &paths(&job), comm_r, &seed)?;
			save(&commit1_file(&job, &seed), &output)?;
			Ok(Response::Done)
		})),
		Request::Commit2 { job, seed } => answer(locked(&job, || {
			let output: Commit1Output = load(&commit1_file(&job, &seed), Repeat::Commit1)?;
			if output.subject != subject(&job) || output.seed != seed {
				return Err(StepError::Missing(Repeat::Commit1));
			}
			let proofs = seal_commit_phase2(&output)?;
			Ok(Response::Proofs {
				proofs: proofs.iter().map(const_hex::encode).collect(),
			})
		})),
		Request::Finalize { job } => answer(locked(&job, || {
			clear_sealing_cache(&subject(&job), &paths(&job))?;
			Ok(Response::Done)
		})),
		Request::Unseal { job } => answer(locked(&job, || {
			unseal(&subject(&job), &paths(&job))?;
			Ok(Response::Done)
		})),
		Request::ReadPiece {
			job,
			index,
			bytes,
			target,
		} => answer(
			read_piece(&subject(&job), index, bytes, &job.paths.unsealed, &target)
				.map(|()| Response::Done)
				.map_err(Into::into),
		),
		Request::WindowPost {
			sector_size,
			prover_id,
			randomness,
			sectors,
		} => {
			let sectors: Vec<_> = sectors.iter().map(post_sector).collect();
			window_post(generate_window_post(
				sector_size,
				&prover_id,
				&randomness,
				&sectors,
			))
		},
		Request::OpenSectors {
			sector_size,
			prover_id,
			randomness,
			sectors,
		} => Response::Opened {
			sectors: sectors
				.iter()
				.map(|proven| {
					let sector = post_sector(proven);
					let opened = open_sector(sector_size, &prover_id, &randomness, &sector)
						.map_err(|error| error.to_string())
						.and_then(|opening| {
							serde_json::to_value(opening).map_err(|error| error.to_string())
						});
					OpenedSector {
						sector: proven.sector,
						error: opened.as_ref().err().cloned(),
						opening: opened.ok(),
					}
				})
				.collect(),
		},
		Request::ProveOpenings {
			sector_size,
			prover_id,
			randomness,
			sectors,
			openings,
		} => {
			let openings: Result<Vec<Opening>, _> =
				openings.into_iter().map(serde_json::from_value).collect();
			match openings {
				Ok(openings) => window_post(prove_openings(
					sector_size,
					&prover_id,
					&randomness,
					&sectors,
					openings,
				)),
				Err(error) => failed(error),
			}
		},
		Request::CheckSectors {
			sector_size,
			prover_id,
			sectors,
		} => {
			// Challenges that nobody could prepare for.
			let mut randomness: Digest = rand::random();
			randomness[31] &= 0x3f;
			let provable: Vec<SectorNumber> = sectors
				.iter()
				.map(post_sector)
				.filter(|sector| {
					check_sealed_sector(sector_size, &prover_id, &randomness, sector).is_ok()
				})
				.map(|sector| sector.number)
				.collect();
			Response::Provable { sectors: provable }
		},
	}
}

fn window_post(proof: Result<ProofBytes, PoStError>) -> Response {
	match proof {
		Ok(proof) => Response::Proofs {
			proofs: vec![const_hex::encode(proof)],
		},
		Err(error) => Response::Failed {
			message: error.to_string(),
			repeat: None,
			sector: match error {
				PoStError::Sector { sector, .. } => Some(sector),
				_ => None,
			},
		},
	}
}

fn pre_commit1(job: &Job) -> Result<Response, StepError> {
	let _lock = lock(job)?;
	remove_pre_commit1(job)?;
	let output = seal_pre_commit_phase1(&subject(job), &paths(job))?;
	save(&pre_commit1_file(job), &output)?;
	Ok(Response::Done)
}

fn pre_commit1_pair(jobs: &[Job; 2]) -> [Result<Response, StepError>; 2] {
	let alone = || jobs.each_ref().map(pre_commit1);
	if jobs[0].sector == jobs[1].sector {
		return alone();
	}
	let ready = jobs
		.each_ref()
		.map(|job| lock(job).and_then(|lock| remove_pre_commit1(job).map(|()| lock)));
	if ready.iter().any(Result::is_err) {
		// What is wrong with one of them does not concern the other.
		drop(ready);
		return alone();
	}
	let subjects = jobs.each_ref().map(subject);
	let paths = jobs.each_ref().map(paths);
	let [first, second] =
		seal_pre_commit_phase1_pair([(&subjects[0], &paths[0]), (&subjects[1], &paths[1])]);
	let saved = |output: Result<PreCommit1Output, SealError>, job: &Job| {
		save(&pre_commit1_file(job), &output?)?;
		Ok(Response::Done)
	};
	let results = [saved(first, &jobs[0]), saved(second, &jobs[1])];
	drop(ready);
	results
}

/// The first phase starts over and deletes what is there, so what an earlier run left must not be used.
fn remove_pre_commit1(job: &Job) -> Result<(), StepError> {
	match fs::remove_file(pre_commit1_file(job)) {
		Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
		_ => Ok(()),
	}
}

fn pre_commit2(job: &Job) -> Result<Response, StepError> {
	locked(job, || {
		let output: PreCommit1Output = load(&pre_commit1_file(job), Repeat::PreCommit1)?;
		if output.subject != subject(job) {
			return Err(StepError::Missing(Repeat::PreCommit1));
		}
		let (comm_r, comm_d) = seal_pre_commit_phase2(&output, &paths(job))?;
		Ok(Response::Sealed { comm_r, comm_d })
	})
}

/// Works on a sector's files alone: a step of a daemon that was killed may take a moment to end.
fn locked(
	job: &Job,
	step: impl FnOnce() -> Result<Response, StepError>,
) -> Result<Response, StepError> {
	let _lock = lock(job)?;
	step()
}

fn lock(job: &Job) -> Result<File, StepError> {
	fs::create_dir_all(&job.paths.work)?;
	let lock = File::create(job.paths.work.join("lock"))?;
	lock.lock()?;
	Ok(lock)
}

fn subject(job: &Job) -> SealSubject {
	SealSubject {
		sector_size: job.sector_size,
		prover_id: job.prover_id,
		sector: job.sector,
		ticket: job.ticket,
		pieces: job.pieces.clone(),
	}
}

fn paths(job: &Job) -> holdfast_prover::SectorPaths {
	holdfast_prover::SectorPaths {
		unsealed: job.paths.unsealed.clone(),
		sealed: job.paths.sealed.clone(),
		cache: job.paths.cache.clone(),
	}
}

fn post_sector(proven: &Proven) -> PoStSector {
	PoStSector {
		number: proven.sector,
		comm_r: proven.comm_r,
		cache_dir: proven.paths.cache.clone(),
		sealed_path: proven.paths.sealed.clone(),
	}
}

fn pre_commit1_file(job: &Job) -> PathBuf {
	job.paths.work.join("pre-commit-1.json")
}

fn commit1_file(job: &Job, seed: &Digest) -> PathBuf {
	let name = format!("commit-1-{}.json", const_hex::encode(&seed[..8]));
	job.paths.work.join(name)
}

fn save(path: &Path, output: &impl Serialize) -> Result<(), StepError> {
	Ok(write_whole(path, &serde_json::to_vec(output)?)?)
}

fn load<T: DeserializeOwned>(path: &Path, repeat: Repeat) -> Result<T, StepError> {
	fs::read(path)
		.ok()
		.and_then(|bytes| serde_json::from_slice(&bytes).ok())
		.ok_or(StepError::Missing(repeat))
}

/// Why a sealing step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
	#[error("the output of an earlier step is missing")]
	Missing(Repeat),
	#[error(transparent)]
	Seal(#[from] SealError),
	#[error("cannot use the sector's files: {0}")]
	Files(#[from] io::Error),
	#[error("cannot write the step's output: {0}")]
	Output(#[from] serde_json::Error),
}

impl StepError {
	const fn repeat(&self) -> Option<Repeat> {
		match self {
			Self::Missing(repeat) => Some(*repeat),
			Self::Seal(SealError::UnsealedLength { .. } | SealError::UnsealedDamaged { .. }) => {
				Some(Repeat::AddPieces)
			},
			Self::Seal(SealError::RepeatPhase1 { .. } | SealError::OtherSector) => {
				Some(Repeat::PreCommit1)
			},
			Self::Seal(SealError::RepeatPhase2 { .. }) => Some(Repeat::PreCommit2),
			_ => None,
		}
	}
}

fn answer(result: Result<Response, StepError>) -> Response {
	result.unwrap_or_else(|error| Response::Failed {
		repeat: error.repeat(),
		message: error.to_string(),
		sector: None,
	})
}

fn failed(error: impl std::fmt::Display) -> Response {
	Response::Failed {
		message: error.to_string(),
		repeat: None,
		sector: None,
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::store::Folder;
	use holdfast_primitives::SectorSize;

	#[test]
	fn errors_say_which_step_helps() {
		let cases = [
			(
				SealError::UnsealedLength {
					path: "u".into(),
					expected: 1,
				},
				Some(Repeat::AddPieces),
			),
			(
				SealError::RepeatPhase1 {
					sector: 1,
					reason: String::new(),
				},
				Some(Repeat::PreCommit1),
			),
			(SealError::OtherSector, Some(Repeat::PreCommit1)),
			(
				SealError::RepeatPhase2 { sector: 1 },
				Some(Repeat::PreCommit2),
			),
			(SealError::Cleared { sector: 1 }, None),
		];
		for (error, repeat) in cases {
			assert_eq!(StepError::from(error).repeat(), repeat);
		}
	}

	#[test]
	fn a_phase_without_the_earlier_one_asks_for_it() {
		let folder = tempfile::tempdir().unwrap();
		let store = Folder::open(folder.path()).unwrap();
		let job = Job {
			sector_size: SectorSize::KiB2,
			prover_id: [1; 32],
			sector: 1,
			ticket: [2; 32],
			pieces: Vec::new(),
			paths: store.sector(1),
		};
		let repeat = |request| match perform(request) {
			Response::Failed { repeat, .. } => repeat,
			other => panic!("{other:?}"),
		};
		assert_eq!(
			repeat(Request::PreCommit2 { job: job.clone() }),
			Some(Repeat::PreCommit1)
		);
		assert_eq!(
			repeat(Request::Commit2 {
				job: job.clone(),
				seed: [3; 32]
			}),
			Some(Repeat::Commit1)
		);
		assert_eq!(repeat(Request::Finalize { job }), Some(Repeat::PreCommit2));
	}
}
