//! Which worker gets what.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::database::scratch;

const LEASE: Duration = Duration::from_secs(30);

fn memory(bytes: u64) -> Resources {
	Resources {
		memory: bytes,
		..Resources::default()
	}
}

/// A worker that does everything, with 10 bytes of memory.
fn about() -> About {
	About {
		kinds: Kind::COMPUTING.map(|kind| kind.name().to_owned()).into(),
		shared: Vec::new(),
		resources: memory(10),
		free: memory(10),
	}
}

async fn sector(database: &Database, number: i64, home: Option<&str>, store: Option<&str>) {
	sqlx::query(
		"INSERT INTO sectors (number, state, created_at, changed_at, home) \
		 VALUES (?, 'pre-commit-1', 0, 0, ?)",
	)
	.bind(number)
	.bind(home)
	.execute(database.pool())
	.await
	.unwrap();
	if let Some(store) = store {
		database.attach_store(store, store, 0).await.unwrap();
		sqlx::query(
			"INSERT INTO store_reservations (name, purpose, store, bytes) VALUES (?, 'sealing', ?, 1)",
		)
		.bind(format!("s-{number}"))
		.bind(store)
		.execute(database.pool())
		.await
		.unwrap();
	}
}

async fn claim(database: &Database, name: &str, about: &About) -> Option<(String, Place)> {
	let claimed = database
		.claim_for_worker(name, about, None, true, |_| memory(4), 0)
		.await
		.unwrap();
	claimed.map(|(task, place)| (format!("{} {}", task.kind, task.subject), place))
}

/// Row 71: a task is done where its sector's files are.
#[tokio::test]
async fn a_task_goes_where_the_files_are() {
	let (_folder, database) = scratch().await;
	for name in ["one", "two"] {
		database
			.hear_worker(name, "a", &about(), &[], LEASE, 0)
			.await
			.unwrap();
	}
	sector(&database, 1, Some("one"), None).await;
	sector(&database, 2, None, Some("disk")).await;
	sector(&database, 3, None, None).await;
	for (kind, sector) in [
		(Kind::PreCommit2, "1"),
		(Kind::PreCommit2, "2"),
		(Kind::AddPiece, "3"),
		(Kind::PreCommit, "1"),
	] {
		database.queue_task(kind, sector, 0).await.unwrap();
	}
	// Nobody but its home, nobody without the disk; a sector without files is anybody's.
	assert_eq!(
		claim(&database, "two", &about()).await,
		Some(("add-piece 3".into(), Place::Own))
	);
	assert_eq!(claim(&database, "two", &about()).await, None);
	let shared = About {
		shared: vec!["disk".into()],
		kinds: vec!["pre-commit-2".into()],
		..about()
	};
	assert_eq!(
		claim(&database, "two", &shared).await,
		Some(("pre-commit-2 2".into(), Place::Shared("disk".into())))
	);
	assert_eq!(
		claim(&database, "one", &about()).await,
		Some(("pre-commit-2 1".into(), Place::Own))
	);
	// Asking the chain is the daemon's business.
	assert_eq!(claim(&database, "one", &about()).await, None);
}

/// Row 71: only after its worker was away for long a sector is begun anew by others, and one that is proven
/// never.
#[tokio::test]
async fn a_sector_leaves_a_worker_that_is_gone() {
	let (_folder, database) = scratch().await;
	database
		.hear_worker("one", "a", &about(), &[], LEASE, 1000)
		.await
		.unwrap();
	sector(&database, 1, Some("one"), None).await;
	sector(&database, 2, Some("one"), None).await;
	sqlx::query("UPDATE sectors SET state = 'active' WHERE number = 2")
		.execute(database.pool())
		.await
		.unwrap();
	assert_eq!(database.abandon_dead_workers(1000).await.unwrap(), 0);
	assert_eq!(database.abandon_dead_workers(1001).await.unwrap(), 1);
	// When it comes back, it has no reason to keep the one that is not its own any more.
	let unneeded = database.unneeded_at("one", &[1, 2, 3]).await.unwrap();
	assert_eq!(unneeded, [1]);
}

/// A daemon that computes nothing lets workers fetch what it has.
#[tokio::test]
async fn files_are_fetched_from_a_daemon_that_does_not_compute() {
	let (_folder, database) = scratch().await;
	sector(&database, 2, None, Some("disk")).await;
	database.queue_task(Kind::PreCommit2, "2", 0).await.unwrap();
	let claim = async |about: &About, computes| {
		let claimed = database.claim_for_worker("w", about, None, computes, |_| memory(1), 0);
		claimed.await.unwrap().map(|(_, place)| place)
	};
	assert_eq!(claim(&about(), true).await, None);
	assert_eq!(claim(&about(), false).await, Some(Place::Fetched));
}

/// Row 71: who does single steps visits a sector; who leaves only the Groth16 proofs to others is at home with it.
#[tokio::test]
async fn single_steps_are_done_with_copies() {
	let (_folder, database) = scratch().await;
	let only = |kinds: &[Kind]| About {
		kinds: kinds.iter().map(|kind| kind.name().to_owned()).collect(),
		..about()
	};
	let prover = only(&[Kind::Commit2]);
	let sealer = only(&[
		Kind::AddPiece,
		Kind::PreCommit1,
		Kind::PreCommit2,
		Kind::Commit1,
		Kind::Finalize,
	]);
	for (name, about) in [("all", &about()), ("seals", &sealer), ("proves", &prover)] {
		database
			.hear_worker(name, "a", about, &[], LEASE, 0)
			.await
			.unwrap();
	}
	for (number, home, store) in [
		(1, Some("all"), None),
		(2, Some("seals"), None),
		(3, None, Some("disk")),
	] {
		sector(&database, number, home, store).await;
		let subject = number.to_string();
		database
			.queue_task(Kind::Commit2, &subject, 0)
			.await
			.unwrap();
	}
	assert_eq!(claim(&database, "seals", &sealer).await, None);
	for sector in [2, 3] {
		assert_eq!(
			claim(&database, "proves", &prover).await,
			Some((format!("commit-2 {sector}"), Place::Visit))
		);
	}
	// That one's home makes them itself.
	assert_eq!(claim(&database, "proves", &prover).await, None);
	sector(&database, 4, None, None).await;
	database.queue_task(Kind::AddPiece, "4", 0).await.unwrap();
	assert_eq!(
		claim(&database, "seals", &sealer).await,
		Some(("add-piece 4".into(), Place::Own))
	);
	sector(&database, 5, None, None).await;
	database.queue_task(Kind::AddPiece, "5", 0).await.unwrap();
	let adds = only(&[Kind::AddPiece]);
	assert_eq!(
		claim(&database, "adds", &adds).await,
		Some(("add-piece 5".into(), Place::Visit))
	);
}

/// Row 67: a worker gets nothing that it has too little left for, and nothing overtakes that.
#[tokio::test]
async fn a_worker_gets_what_it_has_room_for() {
	let (_folder, database) = scratch().await;
	for number in [1, 2] {
		sector(&database, number, None, None).await;
		database
			.queue_task(Kind::AddPiece, &number.to_string(), 0)
			.await
			.unwrap();
	}
	let with = |free| About {
		free: memory(free),
		..about()
	};
	assert_eq!(claim(&database, "w", &with(3)).await, None);
	assert!(claim(&database, "w", &with(4)).await.is_some());
	// What is larger than all that it has runs alone.
	let small = About {
		resources: memory(3),
		free: memory(3),
		..about()
	};
	assert!(claim(&database, "w", &small).await.is_some());
}

/// Row 70: leases are prolonged while the worker lives, outlast a daemon that was away, and end with the
/// worker's session, except for results that it still has.
#[tokio::test]
async fn leases_follow_the_workers_life() {
	let (_folder, database) = scratch().await;
	let hear = async |session, tasks: &[i64], now| {
		let about = about();
		let heard = database.hear_worker("w", session, &about, tasks, LEASE, now);
		heard.await.unwrap()
	};
	assert!(hear("a", &[], 0).await.is_empty());
	let mut ids = Vec::new();
	for number in [1, 2] {
		sector(&database, number, None, None).await;
		database
			.queue_task(Kind::AddPiece, &number.to_string(), 0)
			.await
			.unwrap();
		let about = about();
		let claimed = database.claim_for_worker("w", &about, None, true, |_| memory(1), 0);
		ids.push(claimed.await.unwrap().unwrap().0.id);
	}
	let lease = millis(LEASE);
	let daemon = async |now| {
		database
			.claim_task(true, "daemon-1", LEASE, now)
			.await
			.unwrap()
	};
	assert!(hear("a", &ids, lease - 1).await.is_empty());
	assert_eq!(daemon(lease).await, None);
	// The daemon was away for long, and starts again.
	let late = 100 * lease;
	assert_eq!(database.release_leases(None).await.unwrap(), 0);
	assert_eq!(database.spare_workers(LEASE, late).await.unwrap(), 2);
	assert_eq!(daemon(late + lease - 1).await, None);
	assert!(hear("a", &ids, late + lease - 1).await.is_empty());
	// The worker starts again, and has one result.
	assert!(hear("b", &ids[..1], late + lease).await.is_empty());
	assert!(database.leased_task(ids[0], "w").await.unwrap().is_some());
	let taken = daemon(late + lease).await.unwrap();
	assert_eq!(taken.id, ids[1]);
	assert_eq!(hear("b", &ids, late + lease).await, [ids[1]]);
}

/// Row 72: who is cordoned keeps what it has; it is forgotten only without tasks and sectors.
#[tokio::test]
async fn workers_are_cordoned_and_forgotten() {
	let (_folder, database) = scratch().await;
	assert!(!database.cordon("w", true, 0).await.unwrap());
	assert!(database.cordon(DAEMON, true, 0).await.unwrap());
	assert!(database.is_cordoned(DAEMON).await.unwrap());
	assert!(database.cordon(DAEMON, false, 0).await.unwrap());
	assert!(!database.is_cordoned(DAEMON).await.unwrap());
	let all = about();
	let hear = database.hear_worker("w", "a", &all, &[], LEASE, 5);
	hear.await.unwrap();
	assert!(database.cordon("w", true, 0).await.unwrap());
	sector(&database, 1, Some("w"), None).await;
	let rows = database.workers().await.unwrap();
	let row = rows.iter().find(|row| row.name == "w").unwrap();
	assert_eq!((row.seen_at, row.cordoned, row.sectors), (5, true, 1));
	assert_eq!(row.about, about());
	assert!(!database.forget_worker("w").await.unwrap());
	sqlx::query("UPDATE sectors SET state = 'expired'")
		.execute(database.pool())
		.await
		.unwrap();
	assert!(database.forget_worker("w").await.unwrap());
	assert!(!database.forget_worker("w").await.unwrap());
}
