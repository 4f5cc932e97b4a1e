//! The rows of the tasks.

use std::time::Duration;

use serde::Serialize;
use sqlx::{Sqlite, SqliteConnection};

use super::{history::remember, Kind, Outcome};
use crate::database::{millis, Database, DatabaseError, Millis};

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// A task's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct TaskRow {
	/// Its number.
	pub id: i64,
	/// What it does.
	pub kind: String,
	/// What it does it to: a sector's number, or nothing.
	pub subject: String,
	/// `queued` or `failed`.
	pub state: String,
	/// How often it failed in a row.
	pub attempts: i64,
	/// Not before this time.
	pub next_run_at: Millis,
	/// Until when somebody works on it.
	pub lease_until: Option<Millis>,
	/// Who works on it, if the lease has not run out.
	pub owner: Option<String>,
	/// When somebody began with it last.
	pub started_at: Option<Millis>,
	/// Why it failed last.
	pub error: Option<String>,
}

/// The columns of a [`TaskRow`].
pub(super) const TASK: &str = "id, kind, subject, state, attempts, next_run_at, lease_until, \
	lease_owner AS owner, started_at, error";

/// Which queued tasks are due, given the time twice.
pub(super) const DUE: &str = "tasks.state = 'queued' AND next_run_at <= ? \
	AND (lease_until IS NULL OR lease_until <= ?)";

/// Which of them is the most urgent, given the time.
///
/// Of the heavy ones, the sector with the earliest published deal comes first: a deal that waited for others
/// to share its sector must not be overtaken by later ones until it is too late for it. Whatever waits gets
/// more urgent by the minute, so that nothing waits for ever.
pub(super) const URGENCY: &str = "CASE WHEN heavy THEN (SELECT MIN(deal_id) FROM deals \
	WHERE deals.sector = CAST(tasks.subject AS INTEGER)) END, \
	priority - (? - next_run_at) / 60000, next_run_at, tasks.id";

/// What the daemon leaves to the worker that has the sector's files, or is to have them.
const ELSEWHERE: &str =
	"((heavy OR kind IN ('finalize', 'move')) AND EXISTS (SELECT 1 FROM sectors \
	WHERE number = CAST(tasks.subject AS INTEGER) AND home IS NOT NULL)) \
	OR (kind = 'move' AND EXISTS (SELECT 1 FROM moves \
	WHERE sector = CAST(tasks.subject AS INTEGER) AND worker IS NOT NULL))";

/// How long to wait after so many failures in a row.
pub(super) fn pause(attempts: i64) -> Duration {
	let doublings = attempts.saturating_sub(1).clamp(0, 16);
	FIRST_PAUSE
		.saturating_mul(1u32 << doublings)
		.min(LONGEST_PAUSE)
}

impl Database {
	/// Queues a task, unless it is queued already.
	pub async fn queue_task(
		&self,
		kind: Kind,
		subject: &str,
		now: Millis,
	) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		queue(&mut transaction, kind, subject, now, now).await?;
		transaction.commit().await.map_err(Into::into)
	}

	/// Makes a queued task due at once, unless it is waiting after a failure.
	pub async fn hurry_task(&self, kind: Kind, now: Millis) -> Result<(), DatabaseError> {
		sqlx::query(
			"UPDATE tasks SET next_run_at = MIN(next_run_at, ?) \
			 WHERE kind = ? AND state = 'queued' AND attempts = 0 AND lease_owner IS NULL",
		)
		.bind(now)
		.bind(kind.name())
		.execute(self.pool())
		.await?;
		Ok(())
	}

	/// Takes the most urgent task that is due, for as long as the lease lasts.
	pub async fn claim_task(
		&self,
		heavy: bool,
		owner: &str,
		lease: Duration,
		now: Millis,
	) -> Result<Option<TaskRow>, DatabaseError> {
		self.claim("heavy = ?", heavy, owner, lease, now).await
	}

	/// Takes a due task of one kind, that of the sector with the earliest published deal first.
	pub async fn claim_task_of(
		&self,
		kind: Kind,
		owner: &str,
		lease: Duration,
		now: Millis,
	) -> Result<Option<TaskRow>, DatabaseError> {
		self.claim("kind = ?", kind.name(), owner, lease, now).await
	}

	async fn claim<'a>(
		&'a self,
		which: &'static str,
		value: impl sqlx::Encode<'a, Sqlite> + sqlx::Type<Sqlite> + Send + 'a,
		owner: &'a str,
		lease: Duration,
		now: Millis,
	) -> Result<Option<TaskRow>, DatabaseError> {
		// One statement, so that two workers cannot take the same row.
		Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
			"UPDATE tasks SET lease_owner = ?, lease_until = ?, started_at = ? WHERE id = ( \
				SELECT id FROM tasks WHERE {DUE} AND {which} AND NOT ({ELSEWHERE}) \
				ORDER BY {URGENCY} LIMIT 1) \
			 RETURNING {TASK}"
		)))
		.bind(owner)
		.bind(now.saturating_add(millis(lease)))
		.bind(now)
		.bind(now)
		.bind(now)
		.bind(value)
		.bind(now)
		.fetch_optional(self.pool())
		.await?)
	}

	/// Prolongs a lease. `false` if it is lost.
	pub async fn renew_lease(
		&self,
		id: i64,
		owner: &str,
		lease: Duration,
		now: Millis,
	) -> Result<bool, DatabaseError> {
		let changed =
			sqlx::query("UPDATE tasks SET lease_until = ? WHERE id = ? AND lease_owner = ?")
				.bind(now.saturating_add(millis(lease)))
				.bind(id)
				.bind(owner)
				.execute(self.pool())
				.await?;
		Ok(changed.rows_affected() == 1)
	}

	/// Gives leases back: those of an owner, or, when no other daemon can be running, all that are no worker's.
	pub async fn release_leases(&self, owner: Option<&str>) -> Result<u64, DatabaseError> {
		let changed = sqlx::query(
			"UPDATE tasks SET lease_owner = NULL, lease_until = NULL \
			 WHERE lease_owner IS NOT NULL AND (lease_owner = ? OR \
			 (? IS NULL AND lease_owner NOT IN (SELECT name FROM workers)))",
		)
		.bind(owner)
		.bind(owner)
		.execute(self.pool())
		.await?;
		Ok(changed.rows_affected())
	}

	/// Notes what became of a task, and queues what follows, in one transaction. `false`, and nothing
	/// is noted, if the lease was lost.
	pub async fn finish_task(
		&self,
		task: &TaskRow,
		owner: &str,
		outcome: &Outcome,
		now: Millis,
	) -> Result<bool, DatabaseError> {
		let mut transaction = self.write().await?;
		if !matches!(outcome, Outcome::Again(_)) {
			remember(&mut transaction, task.id, owner, None, now).await?;
		}
		let changed = match outcome {
			Outcome::Done | Outcome::Then(_) => {
				sqlx::query("DELETE FROM tasks WHERE id = ? AND lease_owner = ?")
					.bind(task.id)
					.bind(owner)
					.execute(&mut *transaction)
					.await?
			},
			Outcome::Again(wait) => {
				sqlx::query(
					"UPDATE tasks SET lease_owner = NULL, lease_until = NULL, attempts = 0, \
					 error = NULL, next_run_at = ? WHERE id = ? AND lease_owner = ?",
				)
				.bind(now.saturating_add(millis(*wait)))
				.bind(task.id)
				.bind(owner)
				.execute(&mut *transaction)
				.await?
			},
		};
		if changed.rows_affected() != 1 {
			return Ok(false);
		}
		if let Outcome::Then(next) = outcome {
			queue(&mut transaction, *next, &task.subject, now, now).await?;
		}
		transaction.commit().await?;
		Ok(true)
	}

	/// Notes that a task failed: it is tried again after a pause, or, if `give_up`, kept as failed. An
	/// outage counts for the pause but not as an attempt beyond the first.
	pub async fn fail_task(
		&self,
		task: &TaskRow,
		owner: &str,
		error: &str,
		give_up: bool,
		counts: bool,
		now: Millis,
	) -> Result<bool, DatabaseError> {
		let attempts = if counts {
			task.attempts.saturating_add(1)
		} else {
			task.attempts
		};
		let wait = pause(attempts.max(1));
		let mut transaction = self.write().await?;
		if counts {
			remember(&mut transaction, task.id, owner, Some(error), now).await?;
		}
		let changed = sqlx::query(
			"UPDATE tasks SET lease_owner = NULL, lease_until = NULL, attempts = ?, error = ?, \
			 next_run_at = ?, state = ? WHERE id = ? AND lease_owner = ?",
		)
		.bind(attempts)
		.bind(error)
		.bind(now.saturating_add(millis(wait)))
		.bind(if give_up { "failed" } else { "queued" })
		.bind(task.id)
		.bind(owner)
		.execute(&mut *transaction)
		.await?;
		transaction.commit().await?;
		Ok(changed.rows_affected() == 1)
	}

	/// Queues a task that was given up again, as if it were new. `false` if there is none of that number.
	pub async fn retry_task(&self, id: i64, now: Millis) -> Result<bool, DatabaseError> {
		let changed = sqlx::query(
			"UPDATE tasks SET state = 'queued', attempts = 0, error = NULL, next_run_at = ?, \
			 lease_owner = NULL, lease_until = NULL WHERE id = ? AND state = 'failed'",
		)
		.bind(now)
		.bind(id)
		.execute(self.pool())
		.await?;
		Ok(changed.rows_affected() == 1)
	}

	/// How many tasks of a kind are to be done now, those that are being done included.
	pub async fn due_tasks(&self, kind: Kind, now: Millis) -> Result<i64, DatabaseError> {
		Ok(sqlx::query_scalar(
			"SELECT COUNT(*) FROM tasks WHERE kind = ? AND state = 'queued' AND next_run_at <= ?",
		)
		.bind(kind.name())
		.bind(now)
		.fetch_one(self.pool())
		.await?)
	}

	/// All tasks, the most urgent first.
	pub async fn tasks(&self) -> Result<Vec<TaskRow>, DatabaseError> {
		Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
			"SELECT {TASK} FROM tasks ORDER BY state DESC, priority, next_run_at, id"
		)))
		.fetch_all(self.pool())
		.await?)
	}
}

/// Queues a task within a transaction, unless it is queued already.
pub(crate) async fn queue(
	connection: &mut SqliteConnection,
	kind: Kind,
	subject: &str,
	next_run_at: Millis,
	now: Millis,
) -> Result<(), DatabaseError> {
	// A failed row of the same task makes way: whoever queues it again has a reason.
	sqlx::query(
		"INSERT INTO tasks (kind, subject, heavy, priority, next_run_at, created_at) \
		 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, subject) DO UPDATE \
		 SET state = 'queued', attempts = 0, next_run_at = excluded.next_run_at, error = NULL \
		 WHERE state = 'failed'",
	)
	.bind(kind.name())
	.bind(subject)
	.bind(kind.is_heavy())
	.bind(kind.priority())
	.bind(next_run_at)
	.bind(now)
	.execute(connection)
	.await?;
	Ok(())
}

#[cfg(test)]
mod tests;
