//! The first sealing phase of two sectors side by side, in one slot.

use std::{
	sync::{atomic::Ordering, Arc},
	time::Duration,
};

use super::{Agent, Task};
use crate::tasks::{needs_of_pair, Companion, Kind, Resources};

/// How long one waits until the daemon has a result, before one goes on without.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often one looks whether it has.
const LOOK: Duration = Duration::from_millis(20);

impl Agent {
	/// Does a task. If it is the first phase of a sector, and another sector waits for it or for its data to be
	/// written just before, and there is memory for both, they go together.
	pub(super) async fn start(self: Arc<Self>, task: Task) {
		let lent = &task.lent;
		let size = lent.order.subject.sector_size;
		let [phase, adding] =
			[Kind::PreCommit1, Kind::AddPiece].map(|kind| self.sealing.needs(kind, size));
		let both = needs_of_pair(&phase, &adding);
		let share = if lent.kind == Kind::PreCommit1.name() {
			self.budget.try_take(both)
		} else {
			None
		};
		let id = lent.id;
		let Some(share) = share else {
			self.work_on(task, None, false).await;
			// What follows for its sector is due before another sector is begun.
			return self.until_taken(id).await;
		};
		let [leads, joins] = Companion::pair();
		let other = async {
			match self.second(both).await {
				Some(second) => self.work_on(second, Some(joins), true).await,
				None => drop(joins),
			}
		};
		tokio::join!(self.work_on(task, Some(leads), true), other);
		drop(share);
		self.until_taken(id).await;
	}

	/// Another sector whose first phase is due, or is once its data is written.
	async fn second(&self, held: Resources) -> Option<Task> {
		if self.cordoned.load(Ordering::Relaxed) {
			return None;
		}
		if let Some(second) = self.claim(Some(Kind::PreCommit1), held).await {
			return Some(second);
		}
		let adding = self.claim(Some(Kind::AddPiece), held).await?;
		let id = adding.lent.id;
		self.work_on(adding, None, true).await;
		self.until_taken(id).await;
		self.claim(Some(Kind::PreCommit1), held).await
	}

	/// Waits until the daemon has a task's result, unless it is away.
	async fn until_taken(&self, id: i64) {
		let taken = async {
			while self.result_file(id).exists() {
				tokio::time::sleep(LOOK).await;
			}
		};
		drop(tokio::time::timeout(PATIENCE, taken).await);
		self.room.notify_one();
	}
}
