//! Noting what became of tasks.

use std::sync::Arc;

use tracing::{error, info, warn};

use super::{Handler, Kind, Outcome, TaskError, TaskRow};
use crate::database::{now, Database, DatabaseError};

/// Notes what became of tasks: what follows, when they are tried again, and when they are given up.
pub struct Recorder<H> {
	database: Database,
	handler: Arc<H>,
	/// How often a task is tried.
	attempts: u32,
}

impl<H: Handler> Recorder<H> {
	/// Gives tasks up after so many attempts, of which the handler is told.
	pub const fn new(database: Database, handler: Arc<H>, attempts: u32) -> Self {
		Self {
			database,
			handler,
			attempts,
		}
	}

	/// Notes the result of a task whose lease is `owner`'s. If that cannot be done, the lease runs out and the
	/// task is done again: every one can be.
	pub async fn record(
		&self,
		task: &TaskRow,
		owner: &str,
		kind: Kind,
		result: Result<Outcome, TaskError>,
	) {
		let noted = match result {
			Ok(outcome) => {
				self.database
					.finish_task(task, owner, &outcome, now())
					.await
			},
			Err(error) => self.failed(kind, task, owner, &error).await,
		};
		if let Err(error) = noted {
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
		owner: &str,
		error: &TaskError,
	) -> Result<bool, DatabaseError> {
		let counts = !error.is_outage();
		let last = task.attempts.saturating_add(1) >= self.attempts.into();
		let give_up = !kind.is_standing() && (error.is_final() || (counts && last));
		let text = error.to_string();
		if counts {
			warn!(task = task.kind, subject = task.subject, "failed: {text}");
		} else if task.error.as_ref() != Some(&text) {
			// Said once: a node can be away for hours.
			info!(
				task = task.kind,
				subject = task.subject,
				"has to wait: {text}"
			);
		}
		let (given_up, counts) = if give_up {
			match self.handler.gave_up(kind, &task.subject, error).await {
				Ok(()) => (true, true),
				// Whatever prevents the clean-up, the task stays and is given up again later.
				Err(second) => {
					warn!(
						task = task.kind,
						subject = task.subject,
						"cannot be given up: {second}"
					);
					(false, false)
				},
			}
		} else {
			(false, counts)
		};
		self.database
			.fail_task(task, owner, &text, given_up, counts, now())
			.await
	}
}
