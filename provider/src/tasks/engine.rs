//! Who takes tasks, has their work done, and notes what became of it.

use std::{sync::Arc, time::Duration};

use tokio::{
	sync::{Notify, OwnedSemaphorePermit, Semaphore},
	task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
	memory::{available_units, needed_units},
	Companion, Handler, Kind, Outcome, TaskError, TaskRow,
};
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
	/// The memory of all running tasks together, in bytes. A task for which there is too little left waits.
	pub memory: u64,
}

/// Takes due tasks and has a [`Handler`] do them.
pub struct Engine<H> {
	database: Database,
	handler: Arc<H>,
	wake: Arc<Notify>,
	limits: Limits,
	/// What is left of the memory.
	memory: Arc<Semaphore>,
	owner: Arc<str>,
}

impl<H: Handler> Engine<H> {
	/// An engine under a new owner's name. `wake` is told when there are new tasks.
	pub fn new(database: Database, handler: Arc<H>, wake: Arc<Notify>, limits: Limits) -> Self {
		let owner = format!("{:016x}", rand::random::<u64>()).into();
		let memory =
			usize::try_from(available_units(limits.memory)).unwrap_or(Semaphore::MAX_PERMITS);
		Self {
			database,
			handler,
			wake,
			limits,
			memory: Arc::new(Semaphore::new(memory)),
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
				Some(task) if task.kind == Kind::PreCommit1.name() => {
					self.start_pre_commit1(task, slot, running).await?;
				},
				Some(task) => {
					running.spawn(self.clone_parts().execute(task, slot));
				},
				None => break,
			}
		}
		Ok(())
	}

	/// Starts the first sealing phase of a sector. If another sector is waiting for it, or for its data to be
	/// written just before, and there is memory for both, they go together, on one core.
	async fn start_pre_commit1(
		&self,
		task: TaskRow,
		slot: OwnedSemaphorePermit,
		running: &mut JoinSet<()>,
	) -> Result<(), DatabaseError> {
		let parts = self.clone_parts();
		let memory = [Kind::PreCommit1, Kind::AddPiece].map(|kind| self.handler.memory(kind));
		let [phase, other] = [memory[0], memory[0].max(memory[1])].map(needed_units);
		let Ok(memory) = self
			.memory
			.clone()
			.try_acquire_many_owned(phase.saturating_add(other))
		else {
			running.spawn(parts.execute(task, slot));
			return Ok(());
		};
		for kind in [Kind::PreCommit1, Kind::AddPiece] {
			if let Some(second) = parts.claim_of(kind).await? {
				running.spawn(parts.execute_pair([task, second], slot, memory));
				return Ok(());
			}
		}
		drop(memory);
		running.spawn(parts.execute(task, slot));
		Ok(())
	}

	fn clone_parts(&self) -> Parts<H> {
		Parts {
			database: self.database.clone(),
			handler: self.handler.clone(),
			wake: self.wake.clone(),
			memory: self.memory.clone(),
			all_memory: available_units(self.limits.memory),
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
	memory: Arc<Semaphore>,
	all_memory: u32,
	owner: Arc<str>,
	attempts: u32,
}

impl<H: Handler> Parts<H> {
	/// Does one task as soon as there is memory for it.
	async fn execute(self, task: TaskRow, slot: OwnedSemaphorePermit) {
		self.perform(task, None, false).await;
		drop(slot);
		self.wake.notify_one();
	}

	/// Does two tasks in one slot: the first sealing phase of the first one's sector, together with that of
	/// the second one's, whose data may have to be written before. Their memory is taken already.
	async fn execute_pair(
		self,
		[first, second]: [TaskRow; 2],
		slot: OwnedSemaphorePermit,
		memory: OwnedSemaphorePermit,
	) {
		let [leads, joins] = Companion::pair();
		let other = async {
			let second = if second.kind == Kind::PreCommit1.name() {
				Some(second)
			} else {
				self.perform(second, None, true).await;
				self.claim_of(Kind::PreCommit1)
					.await
					.unwrap_or_else(|error| {
						error!("cannot look for tasks: {error}");
						None
					})
			};
			match second {
				Some(second) => self.perform(second, Some(joins), true).await,
				None => drop(joins),
			}
		};
		tokio::join!(self.perform(first, Some(leads), true), other);
		drop((memory, slot));
		self.wake.notify_one();
	}

	async fn claim_of(&self, kind: Kind) -> Result<Option<TaskRow>, DatabaseError> {
		self.database
			.claim_task_of(kind, &self.owner, LEASE, now())
			.await
	}

	/// Does one task while keeping its lease. Unless it has its memory, it waits for that first.
	async fn perform(&self, task: TaskRow, companion: Option<Companion>, has_memory: bool) {
		let Some(kind) = Kind::from_name(&task.kind) else {
			warn!(kind = task.kind, "a task of an unknown kind is left alone");
			return;
		};
		let needed = if has_memory {
			0
		} else {
			// What is larger than everything has to run alone.
			needed_units(self.handler.memory(kind)).min(self.all_memory)
		};
		let work = async {
			// The semaphore is never closed. Who waits longest comes first, so that nothing large starves.
			let _memory = self.memory.acquire_many(needed).await;
			self.handler.run(kind, &task.subject, companion).await
		};
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
mod tests;
