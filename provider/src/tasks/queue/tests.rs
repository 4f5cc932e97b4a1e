//! The rows of the tasks, one operation after another.
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

/// Row 68: what waits gets more urgent, so that a stream of better ones does not keep it waiting for ever.
#[tokio::test]
async fn nothing_starves() {
	let (_folder, database) = scratch().await;
	database.queue_task(Kind::Watch, "", 0).await.unwrap();
	let minute = 60_000;
	let mut now = 0;
	let mut turns = 0;
	loop {
		// There is always something of the best priority.
		let subject = now.to_string();
		database
			.queue_task(Kind::ProveCommit, &subject, now)
			.await
			.unwrap();
		let claimed = database.claim_task(false, "a", LEASE, now).await.unwrap();
		let task = claimed.unwrap();
		if task.kind == Kind::Watch.name() {
			break;
		}
		let done = database.finish_task(&task, "a", &Outcome::Done, now);
		assert!(done.await.unwrap());
		turns += 1;
		now += minute;
	}
	assert_eq!(turns, Kind::Watch.priority());
}

#[tokio::test]
async fn a_task_that_was_given_up_can_be_tried_again() {
	let (_folder, database) = scratch().await;
	database.queue_task(Kind::Commit1, "1", 0).await.unwrap();
	let claim = async |now| database.claim_task(true, "a", LEASE, now).await.unwrap();
	let task = claim(0).await.unwrap();
	assert!(!database.retry_task(task.id, 1).await.unwrap());
	let failed = database.fail_task(&task, "a", "no", true, true, 1);
	assert!(failed.await.unwrap());
	assert_eq!(claim(1 << 40).await, None);
	assert!(database.retry_task(task.id, 2).await.unwrap());
	let again = claim(2).await.unwrap();
	assert_eq!((again.id, again.attempts, again.error), (task.id, 0, None));
}

/// What has its files with a worker is that worker's; what only asks the chain is not.
#[tokio::test]
async fn the_daemon_leaves_a_workers_sectors_alone() {
	let (_folder, database) = scratch().await;
	sqlx::query(
		"INSERT INTO sectors (number, state, created_at, changed_at, home) VALUES (7, '', 0, 0, 'w')",
	)
	.execute(database.pool())
	.await
	.unwrap();
	for kind in [Kind::PreCommit2, Kind::Finalize, Kind::PreCommit] {
		database.queue_task(kind, "7", 0).await.unwrap();
	}
	assert_eq!(
		database.claim_task(true, "a", LEASE, 0).await.unwrap(),
		None
	);
	let light = database.claim_task(false, "a", LEASE, 0).await.unwrap();
	assert_eq!(light.unwrap().kind, "pre-commit");
	assert_eq!(
		database.claim_task(false, "a", LEASE, 0).await.unwrap(),
		None
	);
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
