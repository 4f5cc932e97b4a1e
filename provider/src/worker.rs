//! Computing steps in child processes: `holdfast-provider work` reads one request from its standard
//! input and answers on its standard output. A step can thus be niced, killed, or crash, without harm to
//! the daemon and its window PoSt.

use std::{path::PathBuf, process::Stdio};

use holdfast_primitives::{CommD, CommR, Digest, PieceInfo, ProofBytes, SectorNumber, SectorSize};
use serde::{Deserialize, Serialize};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	process::Command,
};

use crate::store::SectorPaths;

/// The environment variable with the proving keys' folder.
pub const KEYS_VARIABLE: &str = "HOLDFAST_KEYS";

/// An answer longer than this is none.
const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// A piece and the file that holds its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceFile {
	/// The data, unpadded.
	pub path: PathBuf,
	/// What it has to be.
	pub piece: PieceInfo,
}

/// A sector that is being sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
	/// Its size.
	pub sector_size: SectorSize,
	/// Whose replica it is.
	pub prover_id: Digest,
	/// Its number.
	pub sector: SectorNumber,
	/// What the replica is bound to.
	pub ticket: Digest,
	/// Its pieces, in order.
	pub pieces: Vec<PieceInfo>,
	/// Its files.
	pub paths: SectorPaths,
}

/// A sector in a window PoSt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
	/// Its number.
	pub sector: SectorNumber,
	/// What it was sealed to.
	pub comm_r: CommR,
	/// Its files.
	pub paths: SectorPaths,
}

/// A computing step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Request {
	/// Writes a sector's data. Answers [`Response::Done`].
	AddPieces {
		/// The sector's size.
		sector_size: SectorSize,
		/// Its pieces, in order.
		pieces: Vec<PieceFile>,
		/// The file to write.
		unsealed: PathBuf,
	},
	/// The first sealing phase. Answers [`Response::Done`].
	#[serde(rename = "pre-commit-1")]
	PreCommit1 {
		/// The sector.
		job: Job,
	},
	/// The first sealing phase of two sectors side by side. Answers [`Response::Both`].
	#[serde(rename = "pre-commit-1-pair")]
	PreCommit1Pair {
		/// The sectors.
		jobs: [Job; 2],
	},
	/// The second sealing phase. Answers [`Response::Sealed`].
	#[serde(rename = "pre-commit-2")]
	PreCommit2 {
		/// The sector.
		job: Job,
	},
	/// The vanilla proof. Answers [`Response::Done`].
	#[serde(rename = "commit-1")]
	Commit1 {
		/// The sector.
		job: Job,
		/// The challenges' seed.
		seed: Digest,
		/// What it was sealed to.
		comm_r: CommR,
		/// Its data.
		comm_d: CommD,
	},
	/// The Groth16 proofs. Answers [`Response::Proofs`].
	#[serde(rename = "commit-2")]
	Commit2 {
		/// The sector.
		job: Job,
		/// The challenges' seed.
		seed: Digest,
	},
	/// Removes what only the sealing needed from the cache. Answers [`Response::Done`].
	Finalize {
		/// The sector.
		job: Job,
	},
	/// Makes the unsealed sector from the replica. Answers [`Response::Done`].
	Unseal {
		/// The sector.
		job: Job,
	},
	/// Copies a piece's data from the unsealed sector. Answers [`Response::Done`].
	ReadPiece {
		/// The sector.
		job: Job,
		/// Which of its pieces.
		index: usize,
		/// How much of it at most.
		bytes: u64,
		/// Where to.
		target: PathBuf,
	},
	/// A window PoSt. Answers [`Response::Proofs`] with one proof.
	WindowPost {
		/// The sectors' size.
		sector_size: SectorSize,
		/// Whose replicas they are.
		prover_id: Digest,
		/// The challenges' randomness.
		randomness: Digest,
		/// The sectors, their numbers rising.
		sectors: Vec<Proven>,
	},
	/// Opens sectors at the challenges of a window PoSt, for whoever makes it. Answers [`Response::Opened`].
	OpenSectors {
		/// The sectors' size.
		sector_size: SectorSize,
		/// Whose replicas they are.
		prover_id: Digest,
		/// The challenges' randomness.
		randomness: Digest,
		/// The sectors.
		sectors: Vec<Proven>,
	},
	/// A window PoSt of sectors that were opened. Answers [`Response::Proofs`] with one proof.
	ProveOpenings {
		/// The sectors' size.
		sector_size: SectorSize,
		/// Whose replicas they are.
		prover_id: Digest,
		/// The challenges' randomness.
		randomness: Digest,
		/// The sectors and their replicas, their numbers rising.
		sectors: Vec<(SectorNumber, CommR)>,
		/// What was opened, in the same order.
		openings: Vec<serde_json::Value>,
	},
	/// Looks which sectors could be proven. Answers [`Response::Provable`].
	CheckSectors {
		/// The sectors' size.
		sector_size: SectorSize,
		/// Whose replicas they are.
		prover_id: Digest,
		/// The sectors.
		sectors: Vec<Proven>,
	},
}

impl Request {
	const fn name(&self) -> &'static str {
		match self {
			Self::AddPieces { .. } => "add-pieces",
			Self::PreCommit1 { .. } => "pre-commit-1",
			Self::PreCommit1Pair { .. } => "pre-commit-1-pair",
			Self::PreCommit2 { .. } => "pre-commit-2",
			Self::Commit1 { .. } => "commit-1",
			Self::Commit2 { .. } => "commit-2",
			Self::Finalize { .. } => "finalize",
			Self::Unseal { .. } => "unseal",
			Self::ReadPiece { .. } => "read-piece",
			Self::WindowPost { .. } => "window-post",
			Self::OpenSectors { .. } => "open-sectors",
			Self::ProveOpenings { .. } => "prove-openings",
			Self::CheckSectors { .. } => "check-sectors",
		}
	}
}

/// What the child reads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
	/// How nice it is to be.
	pub nice: u8,
	/// What to do.
	pub request: Request,
}

/// Which step has to be done again before this one can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
	/// The pieces.
	AddPieces,
	/// The first sealing phase.
	#[serde(rename = "pre-commit-1")]
	PreCommit1,
	/// The second sealing phase.
	#[serde(rename = "pre-commit-2")]
	PreCommit2,
	/// The vanilla proof.
	#[serde(rename = "commit-1")]
	Commit1,
}

/// A sector that was to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedSector {
	/// Its number.
	pub sector: SectorNumber,
	/// What was opened.
	pub opening: Option<serde_json::Value>,
	/// Why it cannot be opened.
	pub error: Option<String>,
}

/// What the child answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Response {
	/// The step is done, its output on disk.
	Done,
	/// The sector is sealed.
	Sealed {
		/// Its replica.
		comm_r: CommR,
		/// Its data.
		comm_d: CommD,
	},
	/// The proofs, in hexadecimal.
	Proofs {
		/// One for each partition.
		proofs: Vec<String>,
	},
	/// What became of each of two sectors.
	Both {
		/// Their answers, in order.
		answers: Box<[Response; 2]>,
	},
	/// What was opened of each sector.
	Opened {
		/// The sectors, as they were asked for.
		sectors: Vec<OpenedSector>,
	},
	/// These sectors could be proven.
	Provable {
		/// Their numbers.
		sectors: Vec<SectorNumber>,
	},
	/// The step failed.
	Failed {
		/// Why.
		message: String,
		/// What may help.
		repeat: Option<Repeat>,
		/// The sector that cannot be proven, if it is known.
		sector: Option<SectorNumber>,
	},
}

/// Runs computing steps.
#[derive(Clone, Debug)]
pub struct Worker {
	/// This program.
	executable: PathBuf,
	/// The proving keys' folder.
	keys: PathBuf,
}

impl Worker {
	/// Steps run as `executable work`, with the proving keys in `keys`.
	pub fn new(executable: PathBuf, keys: PathBuf) -> Self {
		Self { executable, keys }
	}

	/// Runs one step. Dropping the future kills it.
	pub async fn run(&self, request: Request, nice: u8) -> Result<Response, WorkerError> {
		let step = request.name();
		let started = std::time::Instant::now();
		let failed = |action: &'static str| {
			move |source| WorkerError::Process {
				step,
				action,
				source,
			}
		};
		let mut line = serde_json::to_vec(&Envelope { nice, request })
			.expect("requests have string keys only; qed");
		line.push(b'\n');
		let mut child = Command::new(&self.executable)
			.arg("work")
			.env(KEYS_VARIABLE, &self.keys)
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.kill_on_drop(true)
			.spawn()
			.map_err(failed("start"))?;
		// The child ends when its input does: it is kept open until the answer is here, and the kernel
		// closes it when the daemon dies.
		let mut input = child.stdin.take().ok_or(WorkerError::NoAnswer {
			step,
			status: String::new(),
		})?;
		let output = child.stdout.take().ok_or(WorkerError::NoAnswer {
			step,
			status: String::new(),
		})?;
		match input.write_all(&line).await {
			// A child that ended early may have said why.
			Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
				return Err(failed("write to")(error))
			},
			_ => {},
		}
		let mut answer = Vec::new();
		output
			.take(MAX_ANSWER_BYTES)
			.read_to_end(&mut answer)
			.await
			.map_err(failed("read from"))?;
		let status = child.wait().await.map_err(failed("wait for"))?;
		drop(input);
		let response = serde_json::from_slice(&answer).map_err(|_| WorkerError::NoAnswer {
			step,
			status: status.to_string(),
		})?;
		tracing::debug!(step, elapsed = ?started.elapsed(), "computed");
		succeeded(step, response)
	}

	/// Runs the first sealing phase of two sectors side by side: what became of each.
	pub async fn pre_commit1_pair(
		&self,
		jobs: [Job; 2],
		nice: u8,
	) -> Result<[Result<(), WorkerError>; 2], WorkerError> {
		let request = Request::PreCommit1Pair { jobs };
		let step = request.name();
		let Response::Both { answers } = self.run(request, nice).await? else {
			return Err(WorkerError::OtherAnswer { step });
		};
		Ok((*answers).map(|answer| match succeeded(step, answer)? {
			Response::Done => Ok(()),
			_ => Err(WorkerError::OtherAnswer { step }),
		}))
	}

	/// Runs a step that answers [`Response::Done`].
	pub async fn done(&self, request: Request, nice: u8) -> Result<(), WorkerError> {
		let step = request.name();
		match self.run(request, nice).await? {
			Response::Done => Ok(()),
			_ => Err(WorkerError::OtherAnswer { step }),
		}
	}

	/// Runs a step that answers [`Response::Proofs`].
	pub async fn proofs(&self, request: Request, nice: u8) -> Result<Vec<ProofBytes>, WorkerError> {
		let step = request.name();
		let Response::Proofs { proofs } = self.run(request, nice).await? else {
			return Err(WorkerError::OtherAnswer { step });
		};
		parse_proofs(step, &proofs)
	}
}

/// The proofs in a [`Response::Proofs`].
pub(crate) fn parse_proofs(
	step: &'static str,
	proofs: &[String],
) -> Result<Vec<ProofBytes>, WorkerError> {
	proofs
		.iter()
		.map(|text| {
			let mut proof = [0; 192];
			const_hex::decode_to_slice(text, &mut proof)
				.map_err(|_| WorkerError::OtherAnswer { step })?;
			Ok(proof)
		})
		.collect()
}

pub(crate) fn succeeded(step: &'static str, response: Response) -> Result<Response, WorkerError> {
	match response {
		Response::Failed {
			message,
			repeat,
			sector,
		} => Err(WorkerError::Failed {
			step,
			message,
			repeat,
			sector,
		}),
		response => Ok(response),
	}
}

/// Why a step has no result.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
	/// The step itself failed.
	#[error("{step} failed: {message}")]
	Failed {
		/// Which step.
		step: &'static str,
		/// Why.
		message: String,
		/// What may help.
		repeat: Option<Repeat>,
		/// The sector that cannot be proven, if it is known.
		sector: Option<SectorNumber>,
	},
	/// The process ended without an answer.
	#[error("{step} ended without a result ({status}): was it killed, or out of memory?")]
	NoAnswer {
		/// Which step.
		step: &'static str,
		/// How it ended.
		status: String,
	},
	/// The answer belongs to another step.
	#[error(
		"{step} gave the result of another step: the program changed while it ran; restart it"
	)]
	OtherAnswer {
		/// Which step.
		step: &'static str,
	},
	/// The process could not be used.
	#[error("cannot {action} the process for {step}: {source}")]
	Process {
		/// Which step.
		step: &'static str,
		/// What was tried.
		action: &'static str,
		/// Why it failed.
		source: std::io::Error,
	},
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	fn script(text: &str) -> (tempfile::TempDir, Worker) {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("worker");
		crate::program::write_program(&path, &format!("#!/bin/sh\n{text}\n"));
		let worker = Worker::new(path, folder.path().into());
		(folder, worker)
	}

	#[test]
	fn steps_have_one_name() {
		let job = Job {
			sector_size: SectorSize::KiB2,
			prover_id: [1; 32],
			sector: 1,
			ticket: [2; 32],
			pieces: Vec::new(),
			paths: crate::store::SectorPaths {
				unsealed: "u".into(),
				sealed: "s".into(),
				cache: "c".into(),
				work: "w".into(),
			},
		};
		let requests = [
			request(),
			Request::PreCommit1 { job: job.clone() },
			Request::PreCommit1Pair {
				jobs: [job.clone(), job.clone()],
			},
			Request::PreCommit2 { job: job.clone() },
			Request::Commit1 {
				job: job.clone(),
				seed: [3; 32],
				comm_r: CommR::default(),
				comm_d: CommD::default(),
			},
			Request::Commit2 {
				job: job.clone(),
				seed: [3; 32],
			},
			Request::Finalize { job: job.clone() },
			Request::Unseal { job: job.clone() },
			Request::ReadPiece {
				job,
				index: 1,
				bytes: 2,
				target: "t".into(),
			},
			Request::WindowPost {
				sector_size: SectorSize::KiB2,
				prover_id: [1; 32],
				randomness: [4; 32],
				sectors: Vec::new(),
			},
			Request::CheckSectors {
				sector_size: SectorSize::KiB2,
				prover_id: [1; 32],
				sectors: Vec::new(),
			},
			Request::OpenSectors {
				sector_size: SectorSize::KiB2,
				prover_id: [1; 32],
				randomness: [4; 32],
				sectors: Vec::new(),
			},
			Request::ProveOpenings {
				sector_size: SectorSize::KiB2,
				prover_id: [1; 32],
				randomness: [4; 32],
				sectors: vec![(1, CommR::default())],
				openings: vec![serde_json::Value::Null],
			},
		];
		for request in requests {
			let value = serde_json::to_value(&request).unwrap();
			assert_eq!(value["step"], request.name());
			assert_eq!(serde_json::from_value::<Request>(value).unwrap(), request);
		}
	}

	fn request() -> Request {
		Request::AddPieces {
			sector_size: SectorSize::KiB2,
			pieces: Vec::new(),
			unsealed: "u".into(),
		}
	}

	#[tokio::test]
	async fn a_step_gets_its_request_and_its_answer_is_read() {
		let (folder, worker) = script(
			"read line; echo \"$line\" > \"$HOLDFAST_KEYS/request\"; echo '{\"result\":\"done\"}'",
		);
		worker.done(request(), 7).await.unwrap();
		let text = std::fs::read_to_string(folder.path().join("request")).unwrap();
		let envelope: Envelope = serde_json::from_str(&text).unwrap();
		assert_eq!((envelope.nice, envelope.request), (7, request()));
	}

	#[tokio::test]
	async fn failures_are_told_apart() {
		let (_folder, worker) =
			script("echo '{\"result\":\"failed\",\"message\":\"no\",\"repeat\":\"pre-commit-1\"}'");
		assert!(matches!(
			worker.done(request(), 0).await,
			Err(WorkerError::Failed {
				repeat: Some(Repeat::PreCommit1),
				..
			})
		));
		let (_folder, worker) = script("kill -9 $$");
		assert!(matches!(
			worker.done(request(), 0).await,
			Err(WorkerError::NoAnswer { .. })
		));
		let (_folder, worker) = script("read line; echo '{\"result\":\"done\"}'");
		assert!(matches!(
			worker.proofs(request(), 0).await,
			Err(WorkerError::OtherAnswer { .. })
		));
		let (_folder, worker) =
			script("read line; echo '{\"result\":\"proofs\",\"proofs\":[\"00\"]}'");
		assert!(matches!(
			worker.proofs(request(), 0).await,
			Err(WorkerError::OtherAnswer { .. })
		));
		let worker = Worker::new("/no/such/program".into(), "/".into());
		assert!(matches!(
			worker.done(request(), 0).await,
			Err(WorkerError::Process { .. })
		));
	}

	#[tokio::test]
	async fn each_of_a_pair_has_its_own_answer() {
		let job = Job {
			sector_size: SectorSize::KiB2,
			prover_id: [1; 32],
			sector: 1,
			ticket: [2; 32],
			pieces: Vec::new(),
			paths: crate::store::SectorPaths {
				unsealed: "u".into(),
				sealed: "s".into(),
				cache: "c".into(),
				work: "w".into(),
			},
		};
		let (_folder, worker) = script(
			"read line; echo '{\"result\":\"both\",\"answers\":[{\"result\":\"done\"},\
			{\"result\":\"failed\",\"message\":\"no\",\"repeat\":\"add-pieces\"}]}'",
		);
		let [first, second] = worker
			.pre_commit1_pair([job.clone(), job.clone()], 0)
			.await
			.unwrap();
		first.unwrap();
		assert!(matches!(
			second,
			Err(WorkerError::Failed {
				repeat: Some(Repeat::AddPieces),
				..
			})
		));
		let (_folder, worker) = script("read line; echo '{\"result\":\"done\"}'");
		assert!(matches!(
			worker.pre_commit1_pair([job.clone(), job], 0).await,
			Err(WorkerError::OtherAnswer { .. })
		));
	}

	#[tokio::test]
	async fn proofs_are_read_back() {
		let proof = [0xab; 192];
		let text = const_hex::encode(proof);
		let (_folder, worker) = script(&format!(
			"read line; echo '{{\"result\":\"proofs\",\"proofs\":[\"{text}\"]}}'"
		));
		assert_eq!(worker.proofs(request(), 0).await.unwrap(), [proof]);
	}
}
