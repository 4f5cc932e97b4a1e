//! Sealing a sector step by step, in this machine's stores: what specs-storage calls the sealer. The daemon
//! uses it, and so does a worker on another machine. An [`Order`] says what to do and names no path: files are
//! where this machine's index has them.
//!
//! Every step can be done again after a crash. Whoever calls one has the sector locked.

use std::path::{Path, PathBuf};

use holdfast_primitives::{CommD, CommP, CommR, Digest, SectorNumber};
use holdfast_prover::SealSubject;
use serde::{Deserialize, Serialize};

use crate::{
	store::{piece_name, Lock, SectorPaths, Store, StoreError},
	tasks::{Companion, TaskError},
	worker::{Job, PieceFile, Request, Response, Worker},
};

/// A step of the sealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
	/// Writes the pieces into the unsealed sector. Answers [`Response::Done`].
	AddPieces,
	/// The first sealing phase. Answers [`Response::Done`].
	#[serde(rename = "pre-commit-1")]
	PreCommit1,
	/// The second sealing phase. Answers [`Response::Sealed`].
	#[serde(rename = "pre-commit-2")]
	PreCommit2,
	/// The vanilla proof. Answers [`Response::Done`].
	#[serde(rename = "commit-1")]
	Commit1 {
		/// The challenges' seed.
		seed: Digest,
		/// What the sector was sealed to.
		comm_r: CommR,
		/// Its data.
		comm_d: CommD,
	},
	/// The Groth16 proofs. Answers [`Response::Proofs`].
	#[serde(rename = "commit-2")]
	Commit2 {
		/// The challenges' seed.
		seed: Digest,
	},
	/// Removes what only the sealing needed, and brings the rest to a store that keeps it. Answers
	/// [`Response::Done`].
	Finalize,
	/// Brings what is kept of a proven sector to the daemon. Answers [`Response::Done`].
	Give,
	/// Keeps a proven sector whose files were fetched. Answers [`Response::Done`].
	Take,
}

/// A step of a sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
	/// Which sector, and what is in it. Before the first sealing phase its ticket is zero.
	pub subject: SealSubject,
	/// What to do.
	#[serde(flatten)]
	pub step: Step,
}

/// Does the steps.
#[derive(Clone, Debug)]
pub struct Sealer {
	store: Store,
	worker: Worker,
	nice: u8,
	/// Where pieces are, if not in the store.
	pieces: Option<PathBuf>,
}

impl Sealer {
	/// Works on the files in `store`, in child processes that are `nice`.
	pub const fn new(store: Store, worker: Worker, nice: u8) -> Self {
		Self {
			store,
			worker,
			nice,
			pieces: None,
		}
	}

	/// With pieces from this folder instead of the store.
	#[must_use]
	pub fn with_pieces(&self, folder: PathBuf) -> Self {
		Self {
			pieces: Some(folder),
			..self.clone()
		}
	}

	/// Does a step. With a companion, its first phase is done together with another sector's.
	pub async fn perform(
		&self,
		order: &Order,
		companion: Option<Companion>,
		lock: &Lock,
	) -> Result<Response, TaskError> {
		let subject = &order.subject;
		if matches!(order.step, Step::Finalize | Step::Take) {
			return self.finalize(subject, lock).await;
		}
		if order.step == Step::AddPieces {
			self.store
				.allocate(subject.sector, subject.sector_size)
				.await?;
		}
		let job = self.job(subject).await?;
		let pieces = |piece: &CommP| match &self.pieces {
			Some(folder) => folder.join(piece_name(piece)),
			None => self.store.piece(piece),
		};
		let response = compute(&self.worker, self.nice, job, order.step, pieces, companion).await?;
		self.store.declare_sector(subject.sector).await?;
		Ok(response)
	}

	async fn finalize(&self, subject: &SealSubject, lock: &Lock) -> Result<Response, TaskError> {
		let job = self.job(subject).await?;
		// A sector whose work folder is gone was cleared before a crash.
		if job.paths.work.exists() {
			self.run(Request::Finalize { job }).await?;
		}
		// The crash may have come before the index was told.
		self.store.remove_sealing_files(subject.sector).await?;
		self.store.keep(subject.sector, lock).await?;
		Ok(Response::Done)
	}

	/// Writes the data of a piece, `bytes` of it at most, to `target`: from the unsealed sector, or, if that is
	/// not kept any more, from the replica, which takes as long as sealing it.
	pub async fn read_piece(
		&self,
		subject: &SealSubject,
		index: usize,
		bytes: u64,
		target: &Path,
		lock: &Lock,
	) -> Result<(), TaskError> {
		let unsealed = self.store.sector(subject.sector).await?.unsealed;
		let is_there = is_unsealed(subject, &unsealed);
		if !is_there {
			self.unseal(subject, lock).await?;
		}
		let request = Request::ReadPiece {
			job: self.job(subject).await?,
			index,
			bytes,
			target: target.to_owned(),
		};
		let read = self.run(request).await;
		if !is_there {
			self.store.remove_sealing_files(subject.sector).await?;
		}
		read.map(|_| ())
	}

	/// Makes the unsealed sector from the replica, unless it is there.
	pub async fn unseal(&self, subject: &SealSubject, _: &Lock) -> Result<(), TaskError> {
		let paths = self.store.sector(subject.sector).await?;
		if is_unsealed(subject, &paths.unsealed) {
			return Ok(());
		}
		self.store
			.allocate(subject.sector, subject.sector_size)
			.await?;
		let job = self.job(subject).await?;
		self.run(Request::Unseal { job }).await?;
		Ok(self.store.declare_sector(subject.sector).await?)
	}

	/// Removes all files of a sector.
	pub async fn remove(&self, sector: SectorNumber, _: &Lock) -> Result<(), TaskError> {
		Ok(self.store.remove_sector(sector).await?)
	}

	async fn run(&self, request: Request) -> Result<Response, TaskError> {
		Ok(self.worker.run(request, self.nice).await?)
	}

	async fn job(&self, subject: &SealSubject) -> Result<Job, StoreError> {
		let paths = self.store.sector(subject.sector).await?;
		Ok(job(subject, paths))
	}
}

fn is_unsealed(subject: &SealSubject, path: &Path) -> bool {
	path.metadata()
		.is_ok_and(|meta| meta.len() == subject.sector_size.bytes())
}

/// Does a step that computes, on the files in the places that `job` has. `pieces` says where pieces are.
pub async fn compute(
	worker: &Worker,
	nice: u8,
	job: Job,
	step: Step,
	pieces: impl Fn(&CommP) -> PathBuf,
	companion: Option<Companion>,
) -> Result<Response, TaskError> {
	let request = match step {
		Step::AddPieces => Request::AddPieces {
			sector_size: job.sector_size,
			pieces: job
				.pieces
				.iter()
				.map(|piece| PieceFile {
					path: pieces(&piece.commitment),
					piece: *piece,
				})
				.collect(),
			unsealed: job.paths.unsealed,
		},
		Step::PreCommit1 => {
			for folder in [&job.paths.cache, &job.paths.work] {
				std::fs::create_dir_all(folder).map_err(|source| StoreError::Files {
					path: folder.clone(),
					source,
				})?;
			}
			Companion::pre_commit1(companion, worker, job, nice)
				.await
				.ok_or_else(|| {
					TaskError::later("the step that it shared with another sector was stopped")
				})??;
			return Ok(Response::Done);
		},
		Step::PreCommit2 => Request::PreCommit2 { job },
		Step::Commit1 {
			seed,
			comm_r,
			comm_d,
		} => Request::Commit1 {
			job,
			seed,
			comm_r,
			comm_d,
		},
		Step::Commit2 { seed } => Request::Commit2 { job, seed },
		Step::Finalize => Request::Finalize { job },
		Step::Give | Step::Take => {
			return Err(TaskError::never("moving a sector computes nothing"))
		},
	};
	Ok(worker.run(request, nice).await?)
}

/// A sector with its files in these places.
pub fn job(subject: &SealSubject, paths: SectorPaths) -> Job {
	Job {
		sector_size: subject.sector_size,
		prover_id: subject.prover_id,
		sector: subject.sector,
		ticket: subject.ticket,
		pieces: subject.pieces.clone(),
		paths,
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use holdfast_primitives::SectorSize;

	#[test]
	fn an_order_is_the_same_on_the_other_machine() {
		let subject = SealSubject {
			sector_size: SectorSize::KiB2,
			prover_id: [1; 32],
			sector: 7,
			ticket: [2; 32],
			pieces: Vec::new(),
		};
		for step in [
			Step::AddPieces,
			Step::PreCommit1,
			Step::PreCommit2,
			Step::Commit1 {
				seed: [3; 32],
				comm_r: CommR([4; 32]),
				comm_d: CommD([5; 32]),
			},
			Step::Commit2 { seed: [3; 32] },
			Step::Finalize,
			Step::Give,
			Step::Take,
		] {
			let order = Order {
				subject: subject.clone(),
				step,
			};
			let text = serde_json::to_string(&order).unwrap();
			assert_eq!(
				serde_json::from_str::<Order>(&text).unwrap(),
				order,
				"{text}"
			);
		}
	}
}
