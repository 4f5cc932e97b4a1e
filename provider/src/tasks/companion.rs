//! Two tasks that are done as one: the first sealing phase of two sectors takes hardly longer than that of
//! one.

use tokio::sync::oneshot;

use crate::worker::{Job, Worker, WorkerError};

/// A task's half of a piece of work that it shares with another task.
pub enum Companion {
	/// It does the work of both, once the other one is ready or has left.
	Leads(oneshot::Receiver<Offer>),
	/// It has its work done by the other one, or does it alone if that one has left.
	Joins(oneshot::Sender<Offer>),
}

/// What the joining task wants to have done, and where it waits for the result.
pub struct Offer {
	job: Job,
	result: oneshot::Sender<Result<(), WorkerError>>,
}

impl Companion {
	/// The halves of one piece of work. A task that leaves drops its half.
	pub fn pair() -> [Self; 2] {
		let (joins, leads) = oneshot::channel();
		[Self::Leads(leads), Self::Joins(joins)]
	}

	/// Does the first sealing phase of `job`, together with the other task's if there is one. `None` if the
	/// other task was to do it and stopped.
	pub async fn pre_commit1(
		companion: Option<Self>,
		worker: &Worker,
		job: Job,
		nice: u8,
	) -> Option<Result<(), WorkerError>> {
		match companion {
			None => {},
			Some(Self::Leads(offers)) => {
				if let Ok(Offer { job: other, result }) = offers.await {
					return match worker.pre_commit1_pair([job, other], nice).await {
						Ok([first, second]) => {
							// If it does not wait any more, its work is done again.
							drop(result.send(second));
							Some(first)
						},
						// The other one learns of it by losing its answer.
						Err(error) => Some(Err(error)),
					};
				}
			},
			Some(Self::Joins(offers)) => {
				let (result, answer) = oneshot::channel();
				let offer = Offer {
					job: job.clone(),
					result,
				};
				if offers.send(offer).is_ok() {
					return answer.await.ok();
				}
			},
		}
		let request = crate::worker::Request::PreCommit1 { job };
		Some(worker.done(request, nice).await)
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use holdfast_primitives::SectorSize;

	fn job(sector: u64) -> Job {
		Job {
			sector_size: SectorSize::KiB2,
			prover_id: [1; 32],
			sector,
			ticket: [2; 32],
			pieces: Vec::new(),
			paths: crate::store::SectorPaths {
				unsealed: "u".into(),
				sealed: "s".into(),
				cache: "c".into(),
				work: "w".into(),
			},
		}
	}

	/// A worker that notes the names of its steps, and answers.
	fn worker() -> (tempfile::TempDir, Worker) {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("worker");
		let text = "#!/bin/sh\nread line\ncase \"$line\" in\n\
			*pre-commit-1-pair*) echo pair >> \"$HOLDFAST_KEYS/steps\"; echo '{\"result\":\"both\",\
			\"answers\":[{\"result\":\"done\"},{\"result\":\"failed\",\"message\":\"no\"}]}';;\n\
			*) echo one >> \"$HOLDFAST_KEYS/steps\"; echo '{\"result\":\"done\"}';;\nesac\n";
		crate::program::write_program(&path, text);
		let worker = Worker::new(path, folder.path().into());
		(folder, worker)
	}

	fn steps(folder: &tempfile::TempDir) -> String {
		std::fs::read_to_string(folder.path().join("steps")).unwrap_or_default()
	}

	#[tokio::test]
	async fn two_are_done_in_one_step_and_each_gets_its_own_result() {
		let (folder, worker) = worker();
		let [leads, joins] = Companion::pair();
		let (first, second) = tokio::join!(
			Companion::pre_commit1(Some(leads), &worker, job(1), 0),
			Companion::pre_commit1(Some(joins), &worker, job(2), 0),
		);
		first.unwrap().unwrap();
		assert!(
			matches!(second.unwrap(), Err(WorkerError::Failed { message, .. }) if message == "no")
		);
		assert_eq!(steps(&folder), "pair\n");
	}

	#[tokio::test]
	async fn whoever_is_left_alone_goes_alone() {
		let (folder, worker) = worker();
		for first in [true, false] {
			let [leads, joins] = Companion::pair();
			let (stays, leaves) = if first {
				(leads, joins)
			} else {
				(joins, leads)
			};
			drop(leaves);
			let done = Companion::pre_commit1(Some(stays), &worker, job(1), 0).await;
			done.unwrap().unwrap();
		}
		let done = Companion::pre_commit1(None, &worker, job(1), 0).await;
		done.unwrap().unwrap();
		assert_eq!(steps(&folder), "one\none\none\n");
	}

	#[tokio::test]
	async fn who_joined_learns_that_the_other_one_was_stopped() {
		let (_folder, worker) = worker();
		let [leads, joins] = Companion::pair();
		let Companion::Leads(offers) = leads else {
			panic!("the first half leads");
		};
		let joining = Companion::pre_commit1(Some(joins), &worker, job(2), 0);
		let (result, ()) = tokio::join!(joining, async { drop(offers.await) });
		assert!(result.is_none());
	}
}
