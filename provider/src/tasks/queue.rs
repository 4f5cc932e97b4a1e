//! The rows of the tasks.

use std::time::Duration;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::{Kind, Outcome};
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
	/// Why it failed last.
	pub error: Option<String>,
}

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
	///
	/// Of the heavy ones, the sector with the earliest published deal comes first: a deal that waited
	/// for others to share its sector must not be overtaken by later ones until it is too late for it.
	pub async fn claim_task(
		&self,
		heavy: bool,
		owner: &str,
		lease: Duration,
		now: Millis,
	) -> Result<Option<TaskRow>, DatabaseError> {
		// One statement, so that two workers cannot take the same row.
		Ok(sqlx::query_as(
			"UPDATE tasks SET lease_owner = ?, lease_until = ? WHERE id = ( \
				SELECT id FROM tasks WHERE state = 'queued' AND heavy = ? AND next_run_at <= ? \
				AND (lease_until IS NULL OR lease_until <= ?) \
				ORDER BY CASE WHEN heavy THEN (SELECT MIN(deal_id) FROM deals \
					WHERE deals.sector = CAST(tasks.subject AS INTEGER)) END, \
				priority, next_run_at, id LIMIT 1) \
			 RETURNING id, kind, subject, state, attempts, next_run_at, lease_until, error",
		)
		.bind(owner)
		.bind(now.saturating_add(millis(lease)))
		.bind(heavy)
		.bind(now)
		.bind(now)
		.fetch_optional(self.pool())
		.await?)
	}

	/// Takes a due task of one kind, that of the sector with the earliest published deal first.
	pub async fn claim_task_of(
		&self,
		kind: Kind,
		owner: &str,
		lease: Duration,
		now: Millis,
	) -> Result<Option<TaskRow>, DatabaseError> {
		Ok(sqlx::query_as(
			"UPDATE tasks SET lease_owner = ?, lease_until = ? WHERE id = ( \
				SELECT id FROM tasks WHERE state = 'queued' AND kind = ? AND next_run_at <= ? \
				AND (lease_until IS NULL OR lease_until <= ?) \
				ORDER BY (SELECT MIN(deal_id) FROM deals \
					WHERE deals.sector = CAST(tasks.subject AS INTEGER)), next_run_at, id LIMIT 1) \
			 RETURNING id, kind, subject, state, attempts, next_run_at, lease_until, error",
		)
		.bind(owner)
		.bind(now.saturating_add(millis(lease)))
		.bind(kind.name())
		.bind(now)
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

	/// Gives all leases back: those of an owner, or of everybody when no other daemon can be running.
	pub async fn release_leases(&self, owner: Option<&str>) -> Result<u64, DatabaseError> {
		let changed = sqlx::query(
			"UPDATE tasks SET lease_owner = NULL, lease_until = NULL \
			 WHERE lease_owner IS NOT NULL AND (? IS NULL OR lease_owner = ?)",
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
		Ok(sqlx::query_as(
			"SELECT id, kind, subject, state, attempts, next_run_at, lease_until, error FROM tasks \
			 ORDER BY state DESC, priority, next_run_at, id",
		)
		.fetch_all(self.pool())
		.await?)
	}
}

async fn queue(
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
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::database::scratch;
	use proptest::prelude::*;

	const LEASE: Duration = Duration::from_millis(100);

	#[tokio::test]
	async fn the_sector_with_the_earliest_deal_is_sealed_first() {
		let (_folder, database) = scratch().await;
		for (sector, deal) in [(0, 7), (1, 3)] {
			sqlx::query(
				"INSERT INTO sectors (number, state, created_at, changed_at) VALUES (?, '', 0, 0)",
			)
			.bind(sector)
			.execute(database.pool())
			.await
			.unwrap();
			sqlx::query(
				"INSERT INTO deals (id, proposal, signature, client, nonce, comm_p, piece_bytes, \
				 payload_bytes, root, state, deal_id, sector, created_at, changed_at) \
				 VALUES (?, '', '', '', ?, '', 0, 0, '', '', ?, ?, 0, 0)",
			)
			.bind(deal.to_string())
			.bind(deal.to_string())
			.bind(deal)
			.bind(sector)
			.execute(database.pool())
			.await
			.unwrap();
		}
		// The later sector is less far, and its task is younger.
		database.queue_task(Kind::Commit2, "0", 0).await.unwrap();
		database.queue_task(Kind::AddPiece, "1", 1).await.unwrap();
		let claim = async || {
			database
				.claim_task(true, "a", LEASE, 1)
				.await
				.unwrap()
				.unwrap()
		};
		assert_eq!(claim().await.subject, "1");
		assert_eq!(claim().await.subject, "0");
	}

	#[tokio::test]
	async fn a_task_can_be_taken_by_its_kind() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::Commit2, "1", 0).await.unwrap();
		database.queue_task(Kind::PreCommit1, "2", 0).await.unwrap();
		database.queue_task(Kind::PreCommit1, "3", 9).await.unwrap();
		let claim = async |now| {
			let task = database.claim_task_of(Kind::PreCommit1, "a", LEASE, now);
			task.await.unwrap().map(|task| task.subject)
		};
		assert_eq!(claim(0).await.as_deref(), Some("2"));
		assert_eq!(claim(0).await, None);
		assert_eq!(claim(9).await.as_deref(), Some("3"));
	}

	#[tokio::test]
	async fn a_task_is_worked_on_by_one_owner_at_a_time() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::Commit2, "1", 0).await.unwrap();
		database.queue_task(Kind::Commit2, "1", 0).await.unwrap();
		let task = database
			.claim_task(true, "a", LEASE, 0)
			.await
			.unwrap()
			.unwrap();
		assert_eq!(
			database.claim_task(true, "b", LEASE, 99).await.unwrap(),
			None
		);
		assert!(database.renew_lease(task.id, "a", LEASE, 90).await.unwrap());
		assert_eq!(
			database.claim_task(true, "b", LEASE, 150).await.unwrap(),
			None
		);
		// The lease ran out, so another one gets it, and what the first one says does not count.
		let again = database
			.claim_task(true, "b", LEASE, 190)
			.await
			.unwrap()
			.unwrap();
		assert_eq!(again.id, task.id);
		assert!(!database
			.renew_lease(task.id, "a", LEASE, 191)
			.await
			.unwrap());
		for outcome in [
			Outcome::Done,
			Outcome::Again(LEASE),
			Outcome::Then(Kind::ProveCommit),
		] {
			assert!(!database
				.finish_task(&task, "a", &outcome, 191)
				.await
				.unwrap());
		}
		assert!(!database
			.fail_task(&task, "a", "no", false, true, 191)
			.await
			.unwrap());
		assert!(database
			.finish_task(&again, "b", &Outcome::Done, 191)
			.await
			.unwrap());
		assert!(database.tasks().await.unwrap().is_empty());
	}

	#[tokio::test]
	async fn what_is_nearest_its_end_comes_first() {
		let (_folder, database) = scratch().await;
		for kind in [
			Kind::AddPiece,
			Kind::PreCommit1,
			Kind::Commit2,
			Kind::Commit1,
		] {
			database.queue_task(kind, "1", 0).await.unwrap();
		}
		let mut order = Vec::new();
		while let Some(task) = database.claim_task(true, "a", LEASE, 0).await.unwrap() {
			order.push(task.kind);
		}
		assert_eq!(order, ["commit-2", "commit-1", "pre-commit-1", "add-piece"]);
	}

	#[tokio::test]
	async fn light_tasks_do_not_wait_for_heavy_ones() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::PreCommit1, "1", 0).await.unwrap();
		assert_eq!(
			database.claim_task(false, "a", LEASE, 0).await.unwrap(),
			None
		);
		database.queue_task(Kind::Publish, "", 0).await.unwrap();
		assert!(database
			.claim_task(false, "a", LEASE, 0)
			.await
			.unwrap()
			.is_some());
	}

	#[tokio::test]
	async fn a_failed_task_waits_longer_each_time_and_is_given_up() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::Commit1, "1", 0).await.unwrap();
		let mut now = 0;
		let mut pauses = Vec::new();
		for _ in 0..4 {
			let task = database
				.claim_task(true, "a", LEASE, now)
				.await
				.unwrap()
				.unwrap();
			database
				.fail_task(&task, "a", "no", false, true, now)
				.await
				.unwrap();
			let row = &database.tasks().await.unwrap()[0];
			pauses.push(row.next_run_at - now);
			assert_eq!(
				database.claim_task(true, "a", LEASE, now).await.unwrap(),
				None
			);
			now = row.next_run_at;
		}
		assert_eq!(pauses, [2000, 4000, 8000, 16000]);
		let task = database
			.claim_task(true, "a", LEASE, now)
			.await
			.unwrap()
			.unwrap();
		assert_eq!(task.attempts, 4);
		database
			.fail_task(&task, "a", "no", true, true, now)
			.await
			.unwrap();
		assert_eq!(
			database
				.claim_task(true, "a", LEASE, i64::MAX / 2)
				.await
				.unwrap(),
			None
		);
		assert_eq!(database.tasks().await.unwrap()[0].state, "failed");
		// Queueing it again revives it.
		database.queue_task(Kind::Commit1, "1", now).await.unwrap();
		let task = database
			.claim_task(true, "a", LEASE, now)
			.await
			.unwrap()
			.unwrap();
		assert_eq!((task.attempts, task.error), (0, None));
	}

	#[tokio::test]
	async fn an_outage_costs_no_attempt() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::PreCommit, "1", 0).await.unwrap();
		let mut now = 0;
		for _ in 0..20 {
			let task = database
				.claim_task(false, "a", LEASE, now)
				.await
				.unwrap()
				.unwrap();
			assert_eq!(task.attempts, 0);
			database
				.fail_task(&task, "a", "gone", false, false, now)
				.await
				.unwrap();
			now += 2000;
		}
	}

	#[tokio::test]
	async fn the_next_step_follows_in_the_same_breath() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::PreCommit1, "7", 0).await.unwrap();
		let task = database
			.claim_task(true, "a", LEASE, 0)
			.await
			.unwrap()
			.unwrap();
		let then = Outcome::Then(Kind::PreCommit2);
		assert!(database.finish_task(&task, "a", &then, 5).await.unwrap());
		let tasks = database.tasks().await.unwrap();
		assert_eq!(tasks.len(), 1);
		assert_eq!(
			(tasks[0].kind.as_str(), tasks[0].subject.as_str()),
			("pre-commit-2", "7")
		);
	}

	#[tokio::test]
	async fn after_a_restart_leases_are_free_again() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::PreCommit1, "7", 0).await.unwrap();
		let task = database
			.claim_task(true, "a", Duration::from_secs(3600), 0)
			.await
			.unwrap()
			.unwrap();
		assert_eq!(database.release_leases(Some("b")).await.unwrap(), 0);
		assert_eq!(database.release_leases(None).await.unwrap(), 1);
		let again = database
			.claim_task(true, "b", LEASE, 1)
			.await
			.unwrap()
			.unwrap();
		assert_eq!(again.id, task.id);
	}

	#[tokio::test]
	async fn a_standing_task_can_be_hurried_unless_it_failed() {
		let (_folder, database) = scratch().await;
		database.queue_task(Kind::Publish, "", 0).await.unwrap();
		let task = database
			.claim_task(false, "a", LEASE, 0)
			.await
			.unwrap()
			.unwrap();
		let again = Outcome::Again(Duration::from_secs(60));
		database.finish_task(&task, "a", &again, 0).await.unwrap();
		assert_eq!(
			database.claim_task(false, "a", LEASE, 10).await.unwrap(),
			None
		);
		database.hurry_task(Kind::Publish, 10).await.unwrap();
		let task = database
			.claim_task(false, "a", LEASE, 10)
			.await
			.unwrap()
			.unwrap();
		database
			.fail_task(&task, "a", "no", false, true, 10)
			.await
			.unwrap();
		database.hurry_task(Kind::Publish, 11).await.unwrap();
		assert_eq!(
			database.claim_task(false, "a", LEASE, 11).await.unwrap(),
			None
		);
	}

	#[test]
	fn pauses_are_bounded() {
		assert_eq!(pause(-5), FIRST_PAUSE);
		assert_eq!(pause(i64::MAX), LONGEST_PAUSE);
	}

	#[derive(Clone, Debug)]
	enum Step {
		Queue(u8),
		Claim { owner: u8, wait: u8 },
		Finish { owner: u8 },
		Fail { owner: u8 },
		Restart,
	}

	fn steps() -> impl Strategy<Value = Vec<Step>> {
		let step = prop_oneof![
			(0u8..3).prop_map(Step::Queue),
			(0u8..2, 0u8..250).prop_map(|(owner, wait)| Step::Claim { owner, wait }),
			(0u8..2).prop_map(|owner| Step::Finish { owner }),
			(0u8..2).prop_map(|owner| Step::Fail { owner }),
			Just(Step::Restart),
		];
		proptest::collection::vec(step, 1..40)
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(32))]

		/// Whatever happens, no task is lost: each one that was queued and not finished by the owner of
		/// its lease is still there, and can be claimed once its lease and its pause are over.
		#[test]
		fn no_task_is_lost(steps in steps()) {
			let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
			runtime.block_on(async {
				let (_folder, database) = scratch().await;
				let mut now = 0;
				let mut alive = std::collections::BTreeSet::new();
				let mut held: [Option<TaskRow>; 2] = [None, None];
				for step in steps {
					match step {
						Step::Queue(subject) => {
							database
								.queue_task(Kind::Commit1, &subject.to_string(), now)
								.await
								.unwrap();
							alive.insert(subject.to_string());
						},
						Step::Claim { owner, wait } => {
							now += i64::from(wait);
							let name = owner.to_string();
							let task = database.claim_task(true, &name, LEASE, now).await.unwrap();
							if let Some(task) = task {
								prop_assert!(alive.contains(&task.subject));
								held[usize::from(owner)] = Some(task);
							}
						},
						Step::Finish { owner } => {
							if let Some(task) = held[usize::from(owner)].take() {
								let done = database
									.finish_task(&task, &owner.to_string(), &Outcome::Done, now)
									.await
									.unwrap();
								if done {
									prop_assert!(alive.remove(&task.subject));
								}
							}
						},
						Step::Fail { owner } => {
							if let Some(task) = held[usize::from(owner)].take() {
								database
									.fail_task(&task, &owner.to_string(), "no", false, true, now)
									.await
									.unwrap();
							}
						},
						Step::Restart => {
							database.release_leases(None).await.unwrap();
							held = [None, None];
						},
					}
				}
				now += millis(LONGEST_PAUSE) + millis(LEASE);
				let mut found = std::collections::BTreeSet::new();
				while let Some(task) = database.claim_task(true, "z", LEASE, now).await.unwrap() {
					found.insert(task.subject);
				}
				prop_assert_eq!(found, alive);
				Ok(())
			})?;
		}
	}
}
