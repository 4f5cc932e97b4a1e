//! Who takes tasks, has their work done, and notes what became of it.

use std::{sync::Arc, time::Duration};

use tokio::{
	sync::{Notify, OwnedSemaphorePermit, Semaphore},
	task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
	history::DAEMON, needs_of_pair, Budget, Companion, Handler, Kind, Outcome, Recorder, Share,
	TaskRow,
};
use crate::database::{now, Database, DatabaseError};

/// How long a task belongs to whom took it, unless it is prolonged.
pub const LEASE: Duration = Duration::from_secs(30);
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
	/// What the machine has. A task for which there is too little left waits.
	budget: Arc<Budget>,
	owner: Arc<str>,
}

impl<H: Handler> Engine<H> {
	/// An engine under a new owner's name. `wake` is told when there are new tasks.
	pub fn new(
		database: Database,
		handler: Arc<H>,
		wake: Arc<Notify>,
		limits: Limits,
		budget: Arc<Budget>,
	) -> Self {
		let owner = format!("{DAEMON}-{:016x}", rand::random::<u64>()).into();
		Self {
			database,
			handler,
			wake,
			limits,
			budget,
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
		if heavy && self.database.is_cordoned(DAEMON).await? {
			return Ok(());
		}
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
		let [phase, adding] =
			[Kind::PreCommit1, Kind::AddPiece].map(|kind| self.handler.needs(kind));
		let Some(share) = self.budget.try_take(needs_of_pair(&phase, &adding)) else {
			running.spawn(parts.execute(task, slot));
			return Ok(());
		};
		for kind in [Kind::PreCommit1, Kind::AddPiece] {
			if let Some(second) = parts.claim_of(kind).await? {
				running.spawn(parts.execute_pair([task, second], slot, share));
				return Ok(());
			}
		}
		drop(share);
		running.spawn(parts.execute(task, slot));
		Ok(())
	}

	fn clone_parts(&self) -> Parts<H> {
		Parts {
			database: self.database.clone(),
			handler: self.handler.clone(),
			wake: self.wake.clone(),
			budget: self.budget.clone(),
			owner: self.owner.clone(),
			recorder: Recorder::new(
				self.database.clone(),
				self.handler.clone(),
				self.limits.attempts,
			),
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
	recorder: Recorder<H>,
	wake: Arc<Notify>,
	budget: Arc<Budget>,
	owner: Arc<str>,
}

impl<H: Handler> Parts<H> {
	/// Does one task as soon as there is what it takes.
	async fn execute(self, task: TaskRow, slot: OwnedSemaphorePermit) {
		self.perform(task, None, false).await;
		drop(slot);
		self.wake.notify_one();
	}

	/// Does two tasks in one slot: the first sealing phase of the first one's sector, together with that of
	/// the second one's, whose data may have to be written before. What they need is taken already.
	async fn execute_pair(
		self,
		[first, second]: [TaskRow; 2],
		slot: OwnedSemaphorePermit,
		share: Share,
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
		drop((share, slot));
		self.wake.notify_one();
	}

	async fn claim_of(&self, kind: Kind) -> Result<Option<TaskRow>, DatabaseError> {
		self.database
			.claim_task_of(kind, &self.owner, LEASE, now())
			.await
	}

	/// Does one task while keeping its lease. Unless it has what it needs, it waits for that first.
	async fn perform(&self, task: TaskRow, companion: Option<Companion>, has_share: bool) {
		let Some(kind) = Kind::from_name(&task.kind) else {
			warn!(kind = task.kind, "a task of an unknown kind is left alone");
			return;
		};
		let work = async {
			let needs = self.handler.needs(kind);
			let _share = if has_share {
				None
			} else {
				Some(self.budget.take(needs).await)
			};
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
		self.recorder.record(&task, &self.owner, kind, result).await;
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
