//! What became of tasks.

use std::time::Duration;

use serde::Serialize;
use sqlx::SqliteConnection;

use crate::database::{millis, Database, DatabaseError, Millis};

/// So many entries are kept at most.
pub const KEPT_ENTRIES: u32 = 10_000;
/// So long an entry is kept at most.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
/// How daemons call themselves as owners of leases; the rest of the name is another one for each.
pub const DAEMON: &str = "daemon";

/// An ended attempt of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
	/// What it did.
	pub kind: String,
	/// What it did it to.
	pub subject: String,
	/// Who did it: a worker's name, or `daemon`.
	pub worker: String,
	/// When it began.
	pub started_at: Millis,
	/// When it ended.
	pub finished_at: Millis,
	/// Why it failed, if it did.
	pub error: Option<String>,
}

/// Notes that somebody's attempt of a task has ended, if it is his.
pub(super) async fn remember(
	connection: &mut SqliteConnection,
	task: i64,
	owner: &str,
	error: Option<&str>,
	now: Millis,
) -> Result<(), DatabaseError> {
	let worker = match owner.split_once('-') {
		Some((DAEMON, _)) => DAEMON,
		_ => owner,
	};
	sqlx::query(
		"INSERT INTO task_history (kind, subject, worker, started_at, finished_at, error) \
		 SELECT kind, subject, ?, COALESCE(started_at, ?), ?, ? FROM tasks \
		 WHERE id = ? AND lease_owner = ?",
	)
	.bind(worker)
	.bind(now)
	.bind(now)
	.bind(error)
	.bind(task)
	.bind(owner)
	.execute(connection)
	.await?;
	Ok(())
}

impl Database {
	/// The latest ended attempts, the newest first.
	pub async fn task_history(
		&self,
		subject: Option<&str>,
		limit: u32,
	) -> Result<Vec<Ended>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT kind, subject, worker, started_at, finished_at, error FROM task_history \
			 WHERE (?1 IS NULL OR subject = ?1) ORDER BY id DESC LIMIT ?2",
		)
		.bind(subject)
		.bind(limit)
		.fetch_all(self.pool())
		.await?)
	}

	/// Forgets the oldest entries: those beyond so many, and those that ended so long ago.
	pub async fn trim_task_history(
		&self,
		entries: u32,
		age: Duration,
		now: Millis,
	) -> Result<u64, DatabaseError> {
		let changed = sqlx::query(
			"DELETE FROM task_history WHERE finished_at < ? \
			 OR id <= (SELECT COALESCE(MAX(id), 0) FROM task_history) - ?",
		)
		.bind(now.saturating_sub(millis(age)))
		.bind(entries)
		.execute(self.pool())
		.await?;
		Ok(changed.rows_affected())
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::{
		database::scratch,
		tasks::{Kind, Outcome},
	};

	const LEASE: Duration = Duration::from_secs(30);

	#[tokio::test]
	async fn every_attempt_is_remembered_and_waiting_is_none() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::Commit1, "1", 0).await.unwrap();
		let claim = async |owner, now| {
			let task = database.claim_task(true, owner, LEASE, now).await.unwrap();
			task.unwrap()
		};
		let task = claim("daemon-07", 5).await;
		let fail = database.fail_task(&task, "daemon-07", "no", false, true, 9);
		assert!(fail.await.unwrap());
		let task = claim("far", 5000).await;
		// An outage is no attempt, and neither is what somebody without the lease says.
		let outage = database.fail_task(&task, "far", "away", false, false, 5001);
		assert!(outage.await.unwrap());
		let stale = database.finish_task(&task, "far", &Outcome::Done, 5002);
		assert!(!stale.await.unwrap());
		let task = claim("far", 9000).await;
		let again = Outcome::Again(Duration::ZERO);
		database
			.finish_task(&task, "far", &again, 9001)
			.await
			.unwrap();
		let task = claim("far", 9002).await;
		let then = Outcome::Then(Kind::Commit2);
		database
			.finish_task(&task, "far", &then, 9004)
			.await
			.unwrap();
		let history = database.task_history(Some("1"), 10).await.unwrap();
		let seen: Vec<_> = history
			.iter()
			.map(|one| {
				(
					one.worker.as_str(),
					one.started_at,
					one.finished_at,
					one.error.as_deref(),
				)
			})
			.collect();
		assert_eq!(
			seen,
			[("far", 9002, 9004, None), ("daemon", 5, 9, Some("no"))]
		);
		assert!(database
			.task_history(Some("2"), 10)
			.await
			.unwrap()
			.is_empty());
	}

	#[tokio::test]
	async fn history_is_trimmed_by_number_and_age() {
		let (_folder, database) = scratch().await;
		for number in 0..10 {
			let subject = number.to_string();
			database
				.queue_task(Kind::Commit1, &subject, 0)
				.await
				.unwrap();
			let task = database.claim_task(true, "a", LEASE, number).await.unwrap();
			let task = task.unwrap();
			let done = database.finish_task(&task, "a", &Outcome::Done, number);
			assert!(done.await.unwrap());
		}
		let second = Duration::from_millis(1);
		assert_eq!(
			database
				.trim_task_history(8, 100 * second, 9)
				.await
				.unwrap(),
			2
		);
		assert_eq!(
			database.trim_task_history(8, 3 * second, 9).await.unwrap(),
			4
		);
		let left = database.task_history(None, 100).await.unwrap();
		let ends: Vec<_> = left.iter().map(|one| one.finished_at).collect();
		assert_eq!(ends, [9, 8, 7, 6]);
	}
}
