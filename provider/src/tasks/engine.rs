//! Who takes tasks, has their work done, and notes what became of it.

use std::{sync::Arc, time::Duration};

use tokio::{
	sync::{Notify, OwnedSemaphorePermit, Semaphore},
	task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Handler, Kind, Outcome, TaskError, TaskRow};
use crate::database::{now, Database, DatabaseError};

/// How long a task belongs to whom took it, unless it is prolonged.
const LEASE: Duration = Duration::from_secs(30);
/// How often one looks for due tasks when nobody says that there are new ones.
const POLL: Duration = Duration::from_millis(500);
/// How long running light tasks may take to end when the daemon stops.
const GRACE: Duration = Duration::from_secs(20);

/// How much runs at a time, and how often it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// Tasks that compute.
	pub heavy: usize,
	/// Tasks that wait for the chain or the disk.
	pub light: usize,
	/// Attempts of a task that is not standing.
	pub attempts: u32,
}

/// Takes due tasks and has a [`Handler`] do them.
pub struct Engine<H> {
	database: Database,
	handler: Arc<H>,
	wake: Arc<Notify>,
	limits: Limits,
	owner: Arc<str>,
}

impl<H: Handler> Engine<H> {
	/// An engine under a new owner's name. `wake` is told when there are new tasks.
	pub fn new(database: Database, handler: Arc<H>, wake: Arc<Notify>, limits: Limits) -> Self {
		let owner = format!("{:016x}", rand::random::<u64>()).into();
		Self {
			database,
			handler,
			wake,
			limits,
			owner,
		}
	}

	/// Works until it is told to stop. Heavy tasks are then dropped, which is as good as a crash; light
	/// ones get some time to end.
	pub async fn run(&self, stop: CancellationToken) -> Result<(), DatabaseError> {
		let heavy = Arc::new(Semaphore::new(self.limits.heavy));
		let light = Arc::new(Semaphore::new(self.limits.light));
		let mut heavy_running = JoinSet::new();
		let mut light_running = JoinSet::new();
		while !stop.is_cancelled() {
			for (is_heavy, slots, running) in [
				(true, &heavy, &mut heavy_running),
				(false, &light, &mut light_running),
			] {
				if let Err(error) = self.start_due(is_heavy, slots, running).await {
					error!("cannot look for tasks: {error}");
				}
				while running.try_join_next().is_some() {}
			}
			tokio::select! {
				() = self.wake.notified() => {},
				() = tokio::time::sleep(POLL) => {},
				() = stop.cancelled() => {},
			}
		}
		heavy_running.shutdown().await;
		let ended = tokio::time::timeout(GRACE, async {
			while light_running.join_next().await.is_some() {}
		});
		if ended.await.is_err() {
			warn!("some tasks did not end in time; they are taken up again at the next start");
		}
		light_running.shutdown().await;
		self.database.release_leases(Some(&self.owner)).await?;
		Ok(())
	}

	async fn start_due(
		&self,
		heavy: bool,
		slots: &Arc<Semaphore>,
		running: &mut JoinSet<()>,
	) -> Result<(), DatabaseError> {
		while let Ok(slot) = slots.clone().try_acquire_owned() {
			let claimed = self
				.database
				.claim_task(heavy, &self.owner, LEASE, now())
				.await?;
			match claimed {
				Some(task) => {
					running.spawn(self.clone_parts().execute(task, slot));
				},
				None => break,
			}
		}
		Ok(())
	}

	fn clone_parts(&self) -> Parts<H> {
		Parts {
			database: self.database.clone(),
			handler: self.handler.clone(),
			wake: self.wake.clone(),
			owner: self.owner.clone(),
			attempts: self.limits.attempts,
		}
	}

	/// Does all tasks that are due now, one after another, and those that follow from them.
	#[cfg(test)]
	pub(crate) async fn run_due(&self) -> Result<usize, DatabaseError> {
		let slots = Arc::new(Semaphore::new(1));
		let mut count = 0;
		for heavy in [false, true, false, true, false, true] {
			while let Some(task) = self
				.database
				.claim_task(heavy, &self.owner, LEASE, now())
				.await?
			{
				let slot = slots
					.clone()
					.acquire_owned()
					.await
					.expect("the semaphore is never closed; qed");
				self.clone_parts().execute(task, slot).await;
				count += 1;
			}
		}
		Ok(count)
	}
}

struct Parts<H> {
	database: Database,
	handler: Arc<H>,
	wake: Arc<Notify>,
	owner: Arc<str>,
	attempts: u32,
}

impl<H: Handler> Parts<H> {
	/// Does one task while keeping its lease.
	async fn execute(self, task: TaskRow, slot: OwnedSemaphorePermit) {
		let Some(kind) = Kind::from_name(&task.kind) else {
			warn!(kind = task.kind, "a task of an unknown kind is left alone");
			return;
		};
		let work = self.handler.run(kind, &task.subject);
		tokio::pin!(work);
		let result = loop {
			tokio::select! {
				result = &mut work => break result,
				() = tokio::time::sleep(LEASE / 3) => {
					match self.database.renew_lease(task.id, &self.owner, LEASE, now()).await {
						Ok(true) => {},
						Ok(false) => {
							warn!(task = task.kind, subject = task.subject, "the lease is lost");
							return;
						},
						Err(error) => warn!("cannot prolong a lease: {error}"),
					}
				},
			}
		};
		let noted = match result {
			Ok(outcome) => {
				self.database
					.finish_task(&task, &self.owner, &outcome, now())
					.await
			},
			Err(error) => self.failed(kind, &task, &error).await,
		};
		if let Err(error) = noted {
			// The lease runs out and the task is done again: every one can be.
			error!(
				task = task.kind,
				"cannot note what became of a task: {error}"
			);
		}
		drop(slot);
		self.wake.notify_one();
	}

	async fn failed(
		&self,
		kind: Kind,
		task: &TaskRow,
		error: &TaskError,
	) -> Result<bool, DatabaseError> {
		let counts = !error.is_outage();
		let last = task.attempts.saturating_add(1) >= self.attempts.into();
		let give_up = !kind.is_standing() && (error.is_final() || (counts && last));
		if counts {
			warn!(task = task.kind, subject = task.subject, "failed: {error}");
		} else if task.error.as_deref() != Some(error.to_string().as_str()) {
			// Said once: a node can be away for hours.
			info!(
				task = task.kind,
				subject = task.subject,
				"has to wait: {error}"
			);
		}
		if !give_up {
			return self
				.database
				.fail_task(task, &self.owner, &error.to_string(), false, counts, now())
				.await;
		}
		match self.handler.gave_up(kind, &task.subject, error).await {
			Ok(()) => {
				self.database
					.fail_task(task, &self.owner, &error.to_string(), true, true, now())
					.await
			},
			// Whatever prevents the clean-up, the task stays and is given up again later.
			Err(second) => {
				warn!(
					task = task.kind,
					subject = task.subject,
					"cannot be given up: {second}"
				);
				self.database
					.fail_task(task, &self.owner, &error.to_string(), false, false, now())
					.await
			},
		}
	}
}

impl Outcome {
	/// The pause of a standing task.
	pub const fn after_seconds(seconds: u64) -> Self {
		Self::Again(Duration::from_secs(seconds))
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::database::scratch;
	use futures::future::BoxFuture;
	use std::sync::Mutex;

	type Script = Box<dyn Fn(Kind, usize) -> Result<Outcome, TaskError> + Send + Sync>;

	struct Scripted {
		script: Script,
		runs: Mutex<Vec<Kind>>,
		given_up: Mutex<Vec<String>>,
		clean_up_fails: bool,
	}

	impl Handler for Scripted {
		fn run<'a>(&'a self, kind: Kind, _: &'a str) -> BoxFuture<'a, Result<Outcome, TaskError>> {
			Box::pin(async move {
				let count = {
					let mut runs = self.runs.lock().unwrap();
					runs.push(kind);
					runs.len()
				};
				(self.script)(kind, count)
			})
		}

		fn gave_up<'a>(
			&'a self,
			_: Kind,
			_: &'a str,
			error: &'a TaskError,
		) -> BoxFuture<'a, Result<(), TaskError>> {
			Box::pin(async move {
				self.given_up.lock().unwrap().push(error.to_string());
				if self.clean_up_fails {
					Err(TaskError::later("disk"))
				} else {
					Ok(())
				}
			})
		}
	}

	async fn engine(
		script: impl Fn(Kind, usize) -> Result<Outcome, TaskError> + Send + Sync + 'static,
	) -> (tempfile::TempDir, Engine<Scripted>) {
		let (folder, database) = scratch().await;
		let handler = Arc::new(Scripted {
			script: Box::new(script),
			runs: Mutex::default(),
			given_up: Mutex::default(),
			clean_up_fails: false,
		});
		let limits = Limits {
			heavy: 1,
			light: 2,
			attempts: 1,
		};
		(
			folder,
			Engine::new(database, handler, Arc::default(), limits),
		)
	}

	#[tokio::test]
	async fn steps_follow_each_other() {
		let (_folder, engine) = engine(|kind, _| {
			Ok(match kind {
				Kind::PreCommit1 => Outcome::Then(Kind::PreCommit2),
				_ => Outcome::Done,
			})
		})
		.await;
		engine
			.database
			.queue_task(Kind::PreCommit1, "1", 0)
			.await
			.unwrap();
		assert_eq!(engine.run_due().await.unwrap(), 2);
		assert_eq!(
			*engine.handler.runs.lock().unwrap(),
			[Kind::PreCommit1, Kind::PreCommit2]
		);
		assert!(engine.database.tasks().await.unwrap().is_empty());
	}

	#[tokio::test]
	async fn a_task_that_fails_too_often_is_given_up() {
		let (_folder, engine) = engine(|_, _| Err(StoreFailure::error())).await;
		engine
			.database
			.queue_task(Kind::PreCommit1, "1", 0)
			.await
			.unwrap();
		engine.run_due().await.unwrap();
		assert_eq!(engine.handler.given_up.lock().unwrap().len(), 1);
		assert_eq!(engine.database.tasks().await.unwrap()[0].state, "failed");
	}

	#[tokio::test]
	async fn a_standing_task_is_never_given_up() {
		let (_folder, engine) = engine(|_, _| Err(TaskError::never("no"))).await;
		engine
			.database
			.queue_task(Kind::Settle, "", 0)
			.await
			.unwrap();
		engine.run_due().await.unwrap();
		assert!(engine.handler.given_up.lock().unwrap().is_empty());
		let tasks = engine.database.tasks().await.unwrap();
		assert_eq!((tasks[0].state.as_str(), tasks[0].attempts), ("queued", 1));
	}

	#[tokio::test]
	async fn an_outage_gives_nothing_up() {
		let (_folder, engine) = engine(|_, _| Err(TaskError::later("no node"))).await;
		engine
			.database
			.queue_task(Kind::PreCommit, "1", 0)
			.await
			.unwrap();
		engine.run_due().await.unwrap();
		let tasks = engine.database.tasks().await.unwrap();
		assert_eq!((tasks[0].state.as_str(), tasks[0].attempts), ("queued", 0));
		assert_eq!(tasks[0].error.as_deref(), Some("no node"));
	}

	#[tokio::test]
	async fn a_clean_up_that_fails_is_done_again() {
		let (_folder, mut engine) = engine(|_, _| Err(TaskError::never("no"))).await;
		Arc::get_mut(&mut engine.handler).unwrap().clean_up_fails = true;
		engine
			.database
			.queue_task(Kind::PreCommit, "1", 0)
			.await
			.unwrap();
		engine.run_due().await.unwrap();
		assert_eq!(engine.database.tasks().await.unwrap()[0].state, "queued");
	}

	#[tokio::test]
	async fn stopping_frees_what_was_taken() {
		struct Endless;
		impl Handler for Endless {
			fn run<'a>(&'a self, _: Kind, _: &'a str) -> BoxFuture<'a, Result<Outcome, TaskError>> {
				Box::pin(std::future::pending())
			}
			fn gave_up<'a>(
				&'a self,
				_: Kind,
				_: &'a str,
				_: &'a TaskError,
			) -> BoxFuture<'a, Result<(), TaskError>> {
				Box::pin(async { Ok(()) })
			}
		}
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::PreCommit1, "1", 0).await.unwrap();
		let limits = Limits {
			heavy: 1,
			light: 1,
			attempts: 1,
		};
		let engine = Engine::new(database.clone(), Arc::new(Endless), Arc::default(), limits);
		let stop = CancellationToken::new();
		let running = tokio::spawn({
			let stop = stop.clone();
			async move { engine.run(stop).await }
		});
		while database.tasks().await.unwrap()[0].lease_until.is_none() {
			tokio::task::yield_now().await;
		}
		stop.cancel();
		running.await.unwrap().unwrap();
		assert_eq!(database.tasks().await.unwrap()[0].lease_until, None);
	}

	struct StoreFailure;

	impl StoreFailure {
		fn error() -> TaskError {
			TaskError::Store(crate::store::StoreError::Files {
				path: "/x".into(),
				source: std::io::Error::other("broken"),
			})
		}
	}
}
