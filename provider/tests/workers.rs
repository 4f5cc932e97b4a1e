//! Workers in processes of their own, and a daemon that lends them tasks. Where it is about who does what, the
//! steps compute nothing; where it is about data, they are real.

#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::PathBuf, process::Command, time::Duration};

use common::{
	accepted_for, config,
	manager::{files, gate, log, until, Manager, WorkerProcess},
	sealing::{all_active, deals, home, idle, make_blocks, times, worker},
	test_data, Fixture, WORKER_TOKEN,
};
use holdfast_chain_client::Call;
use holdfast_provider::{
	database::{now, SectorState},
	post::PostLoop,
	remote::{client::Client, protocol::Claim},
	tasks::About,
};
use tokio_util::sync::CancellationToken;

/// Row 72: a worker takes sectors from one end to the other, and keeps them; the daemon keeps the pieces.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_seals_sectors_in_its_own_store() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 2).await;
	let manager = Manager::start(&fixture.app, None).await;
	let one = worker(&fixture, &manager, "one", &[]);
	all_active(&fixture, 2).await;
	for sector in [0, 1] {
		assert_eq!(home(&fixture, sector).await.as_deref(), Some("one"));
	}
	let kept = |sector| {
		let cache = ["p_aux", "sc-02-data-tree-r-last.dat", "t_aux"];
		let cache = cache.map(|name| format!("cache/s-{sector}/{name}"));
		cache.into_iter().chain([format!("sealed/s-{sector}")])
	};
	let mut expected: Vec<_> = kept(0).chain(kept(1)).collect();
	expected.sort();
	until("only what is kept is left", async || {
		one.files() == expected
	})
	.await;
	assert!(files(&one.base.join("pieces")).is_empty());
	until("the results are taken", async || {
		files(&one.base.join("results")).is_empty()
	})
	.await;
	// Here are the pieces, and what the proofs left until they are tidied.
	fixture.app.store.tidy().await.unwrap();
	let here = files(&fixture.folder.path().join("store"));
	assert!(
		here.iter().all(|name| name.starts_with("pieces/")),
		"{here:?}"
	);
	let database = &fixture.app.database;
	assert!(database.reservations(now()).await.unwrap().is_empty());
	// The worker removes what has ended.
	for mut sector in database.sectors().await.unwrap() {
		sector.state = SectorState::Expired;
		database.save_sector(&sector, None, None, 1).await.unwrap();
	}
	until("what has ended is removed", async || one.files().is_empty()).await;
}

/// Row 70: the daemon is killed while a worker is in the first sealing phase. That goes on, its result is kept and
/// taken by the next daemon, and nothing is done twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_waits_for_the_next_daemon() {
	let mut fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 1).await;
	let closed = gate(&fixture, "pre-commit-1");
	fs::write(&closed, "").unwrap();
	let manager = Manager::start(&fixture.app, None).await;
	let one = worker(&fixture, &manager, "one", &[]);
	until("the phase has begun", async || {
		times(&fixture, "pre-commit-1") == 1
	})
	.await;
	let address = manager.kill().await;
	fs::remove_file(&closed).unwrap();
	until("the result is kept", async || {
		files(&one.base.join("results")).len() == 1
	})
	.await;
	fixture.restart().await;
	let _manager = Manager::start(&fixture.app, Some(address)).await;
	all_active(&fixture, 1).await;
	for step in [
		"add-pieces",
		"pre-commit-1",
		"pre-commit-2",
		"commit-1",
		"commit-2",
	] {
		assert_eq!(times(&fixture, step), 1, "{step}");
	}
}

/// Row 70: a worker is killed in the middle of a phase, and starts again: its task is free at once, and the sector
/// stays where its files are.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_goes_on_where_it_was() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 1).await;
	let closed = gate(&fixture, "pre-commit-2");
	fs::write(&closed, "").unwrap();
	let manager = Manager::start(&fixture.app, None).await;
	let one = worker(&fixture, &manager, "one", &[]);
	until("the phase has begun", async || {
		times(&fixture, "pre-commit-2") == 1
	})
	.await;
	drop(one);
	// Another one does not get what is the first one's.
	let _two = worker(&fixture, &manager, "two", &[]);
	fs::remove_file(&closed).unwrap();
	let _one = worker(&fixture, &manager, "one", &[]);
	all_active(&fixture, 1).await;
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("one"));
	assert_eq!(times(&fixture, "pre-commit-1"), 1);
	assert_eq!(times(&fixture, "pre-commit-2"), 2);
}

/// Row 71: a worker that is gone for good loses its sector, and another one begins it anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_sector_of_a_lost_worker_is_sealed_by_another_one() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 1).await;
	let closed = gate(&fixture, "pre-commit-2");
	fs::write(&closed, "").unwrap();
	let manager = Manager::start(&fixture.app, None).await;
	let one = worker(&fixture, &manager, "one", &[]);
	until("the phase has begun", async || {
		times(&fixture, "pre-commit-2") == 1
	})
	.await;
	drop(one);
	fs::remove_file(&closed).unwrap();
	let database = &fixture.app.database;
	database.abandon_dead_workers(now() + 1).await.unwrap();
	database.release_leases(Some("one")).await.unwrap();
	let missing = holdfast_provider::worker::Response::Failed {
		message: "the output of an earlier step is missing".into(),
		repeat: Some(holdfast_provider::worker::Repeat::AddPieces),
		sector: None,
	};
	let sealed = fs::read(fixture.keys().join("pre-commit-2.json")).unwrap();
	let mut text = serde_json::to_vec(&missing).unwrap();
	text.push(b'\n');
	fs::write(fixture.keys().join("pre-commit-2.json"), text).unwrap();
	let _two = worker(&fixture, &manager, "two", &[]);
	until("the sector is begun anew", async || {
		times(&fixture, "add-pieces") == 2
	})
	.await;
	fs::write(fixture.keys().join("pre-commit-2.json"), sealed).unwrap();
	all_active(&fixture, 1).await;
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("two"));
}

/// Row 65: of a store that both reach, nothing is copied.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_both_reach_are_not_copied() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 1).await;
	let manager = Manager::start(&fixture.app, None).await;
	let shared = fixture.folder.path().join("store");
	let one = worker(
		&fixture,
		&manager,
		"one",
		&["--shared", shared.to_str().unwrap()],
	);
	until("the proofs are made", async || {
		make_blocks(&fixture).await;
		times(&fixture, "commit-2") == 1
	})
	.await;
	assert!(one.files().is_empty(), "{:?}", one.files());
	assert_eq!(home(&fixture, 0).await, None);
	// Finalizing is the store's owner's business.
	all_active(&fixture, 1).await;
	assert!(one.files().is_empty() && files(&one.base.join("pieces")).is_empty());
	let here = files(&shared);
	assert!(here.contains(&"sealed/s-0".to_owned()), "{here:?}");
	assert!(
		!here.iter().any(|name| name.starts_with("work/")),
		"{here:?}"
	);
}

/// Row 63: what the daemon has begun goes on at a worker that fetches the files; no phase is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_fetches_what_the_daemon_began() {
	let mut fixture = Fixture::with_fake_steps(config()).await;
	deals(&fixture, 1).await;
	let closed = gate(&fixture, "pre-commit-2");
	fs::write(&closed, "").unwrap();
	let manager = Manager::start(&fixture.app, None).await;
	until("the daemon came so far", async || {
		times(&fixture, "pre-commit-2") == 1
	})
	.await;
	manager.kill().await;
	fs::remove_file(&closed).unwrap();
	fixture.reconfigure(idle()).await;
	let manager = Manager::start(&fixture.app, None).await;
	let _one = worker(&fixture, &manager, "one", &[]);
	all_active(&fixture, 1).await;
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("one"));
	assert_eq!(
		(
			times(&fixture, "add-pieces"),
			times(&fixture, "pre-commit-1")
		),
		(1, 1)
	);
	fixture.app.store.tidy().await.unwrap();
	let here = files(&fixture.folder.path().join("store"));
	assert!(
		here.iter().all(|name| name.starts_with("pieces/")),
		"{here:?}"
	);
	let database = &fixture.app.database;
	assert!(database.reservations(now()).await.unwrap().is_empty());
}

/// Row 72: who is cordoned ends what it has and gets nothing new.
#[tokio::test(flavor = "multi_thread")]
async fn a_cordoned_worker_gets_nothing_new() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	let database = &fixture.app.database;
	let closed = gate(&fixture, "add-pieces");
	fs::write(&closed, "").unwrap();
	deals(&fixture, 2).await;
	let manager = Manager::start(&fixture.app, None).await;
	let _one = worker(&fixture, &manager, "one", &[]);
	until("the first one is begun", async || {
		times(&fixture, "add-pieces") == 1
	})
	.await;
	assert!(database.cordon("one", true, now()).await.unwrap());
	fs::remove_file(&closed).unwrap();
	until("it has ended what it had", async || {
		let rows = database.workers().await.unwrap();
		rows[0].tasks == 0 && times(&fixture, "add-pieces") == 1
	})
	.await;
	tokio::time::sleep(Duration::from_secs(2)).await;
	assert_eq!(log(&fixture).len(), 1);
	assert!(database.cordon("one", false, now()).await.unwrap());
	all_active(&fixture, 2).await;
	let history = database.task_history(None, 100).await.unwrap();
	let by = |kind: &str| {
		let ended = history.iter().filter(move |ended| ended.kind == kind);
		ended.map(|ended| ended.worker.as_str()).collect::<Vec<_>>()
	};
	assert_eq!(by("commit-2"), ["one", "one"]);
	assert_eq!(by("pre-commit"), ["daemon", "daemon"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_workers_get_tasks_and_files() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 1).await;
	let manager = Manager::start(&fixture.app, None).await;
	let address = format!("http://{}", manager.address);
	let claim = |name: &str| Claim {
		name: name.into(),
		about: About::default(),
		kind: None,
	};
	for token in ["", "wrong", common::TOKEN, &WORKER_TOKEN[1..]] {
		let client = Client::new(&address, token).unwrap();
		assert!(client.claim(&claim("one")).await.is_err(), "{token}");
	}
	let client = Client::new(&address, WORKER_TOKEN).unwrap();
	assert!(client.claim(&claim("one")).await.unwrap().task.is_none());
	assert!(client.claim(&claim("daemon-1")).await.is_err());
	let name = format!("{}.car", test_data(2000, 1).piece.commitment.to_hex());
	let manifest = client.manifest("piece", &name).await.unwrap().unwrap();
	assert_eq!(manifest.files[0].bytes, 2000);
	for (kind, name) in [
		("piece", "s-0"),
		("sealed", "s-7"),
		("sealed", "..%2F..%2Ftest.sqlite"),
		("work", "s-0"),
		("staging", "x"),
	] {
		assert_eq!(
			client.manifest(kind, name).await.unwrap(),
			None,
			"{kind} {name}"
		);
	}
	for path in ["../../test.sqlite", "/etc/passwd", "x"] {
		assert!(
			client.content("piece", &name, path, 0).await.is_err(),
			"{path}"
		);
	}
}

fn keys() -> PathBuf {
	let directory = holdfast_prover::default_directory().unwrap();
	let made = Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(["keys", "--sector-size", "2KiB", "--directory"])
		.arg(&directory)
		.status()
		.unwrap();
	assert!(made.success());
	directory
}

/// Two sectors go through the first phase side by side, in one slot, as the daemon does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_a_second_sector_along() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 2).await;
	let manager = Manager::start(&fixture.app, None).await;
	until("both sectors wait", async || {
		fixture.app.database.sectors().await.unwrap().len() == 2
	})
	.await;
	let _one = worker(&fixture, &manager, "one", &[]);
	all_active(&fixture, 2).await;
	assert_eq!(
		times(&fixture, "pre-commit-1-pair"),
		1,
		"{:?}",
		log(&fixture)
	);
	assert_eq!(times(&fixture, "pre-commit-1"), 0);
	assert_eq!(times(&fixture, "add-pieces"), 2);
}

/// A database in which a sector has lost its task, as one that was put together from backups may have: `doctor` says
/// so, and the daemon goes on with it when it starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_sector_without_its_task_is_gone_on_with() {
	let mut fixture = Fixture::with_fake_steps(config()).await;
	deals(&fixture, 1).await;
	let closed = gate(&fixture, "pre-commit-2");
	fs::write(&closed, "").unwrap();
	let manager = Manager::start(&fixture.app, None).await;
	until("it came so far", async || {
		times(&fixture, "pre-commit-2") == 1
	})
	.await;
	manager.kill().await;
	fs::remove_file(&closed).unwrap();
	let path = fixture.folder.path().join("test.sqlite");
	let pool = sqlx::SqlitePool::connect(path.to_str().unwrap())
		.await
		.unwrap();
	let lost = sqlx::query("DELETE FROM tasks WHERE subject = '0'").execute(&pool);
	assert_eq!(lost.await.unwrap().rows_affected(), 1);
	pool.close().await;
	let without = fixture.app.database.sectors_without_task().await;
	assert_eq!(without.unwrap(), [0]);
	fixture.reconfigure(config()).await;
	let _manager = Manager::start(&fixture.app, None).await;
	all_active(&fixture, 1).await;
	assert_eq!(times(&fixture, "pre-commit-1"), 1);
}

const STEPS: [&str; 5] = [
	"add-piece",
	"pre-commit-1",
	"pre-commit-2",
	"commit-1",
	"commit-2",
];

/// Who did the last task of each kind.
async fn who(fixture: &Fixture) -> Vec<(String, String)> {
	let history = fixture.app.database.task_history(None, 100).await.unwrap();
	let by = |kind: &str| history.iter().find(|ended| ended.kind == kind);
	let found = STEPS.iter().filter_map(|kind| by(kind));
	found
		.map(|ended| (ended.kind.clone(), ended.worker.clone()))
		.collect()
}

/// Row 72: workers that do one step each fetch what it needs from the daemon and give back what it made.
#[tokio::test(flavor = "multi_thread")]
async fn workers_for_single_steps_keep_nothing() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 2).await;
	let manager = Manager::start(&fixture.app, None).await;
	let workers: Vec<_> = STEPS
		.iter()
		.map(|step| worker(&fixture, &manager, step, &["--task", step]))
		.collect();
	all_active(&fixture, 2).await;
	let each: Vec<_> = STEPS.map(|step| (step.to_owned(), step.to_owned())).into();
	assert_eq!(who(&fixture).await, each);
	assert_eq!(home(&fixture, 0).await, None);
	for worker in &workers {
		assert!(worker.files().is_empty(), "{:?}", worker.files());
		assert!(files(&worker.base.join("visits")).is_empty());
	}
	let size = fixture.app.config.storage.sector_size;
	assert!(fixture.app.store.check(size).await.unwrap().is_empty());
	let database = &fixture.app.database;
	assert!(database.reservations(now()).await.unwrap().is_empty());
}

/// Row 72: a worker that seals leaves the Groth16 proofs to one that gets nothing but what they take.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_leaves_the_proofs_to_another_one() {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 1).await;
	let manager = Manager::start(&fixture.app, None).await;
	let mut kinds: Vec<_> = STEPS[..4]
		.iter()
		.flat_map(|step| ["--task", step])
		.collect();
	kinds.extend(["--task", "finalize"]);
	let one = worker(&fixture, &manager, "one", &kinds);
	let two = worker(&fixture, &manager, "two", &["--task", "commit-2"]);
	all_active(&fixture, 1).await;
	let by = who(&fixture).await;
	assert!(by[..4].iter().all(|(_, worker)| worker == "one"), "{by:?}");
	assert_eq!(by[4].1, "two");
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("one"));
	assert!(!one.files().is_empty() && two.files().is_empty());
}

/// Row 72: the same with real steps, so that what each reads and makes is what it really reads and makes.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_sector_goes_from_worker_to_worker() {
	let fixture = Fixture::with(idle(), &keys()).await;
	deals(&fixture, 1).await;
	let manager = Manager::start(&fixture.app, None).await;
	let _workers = STEPS.map(|step| {
		let base = fixture.folder.path().join(step);
		let more = ["--name", step, "--task", step];
		WorkerProcess::start(manager.address, &base, fixture.keys(), &more)
	});
	all_active(&fixture, 1).await;
	let each: Vec<_> = STEPS.map(|step| (step.to_owned(), step.to_owned())).into();
	assert_eq!(who(&fixture).await, each);
	let stop = CancellationToken::new();
	let post = tokio::spawn(PostLoop::new(fixture.app.clone()).run(stop.clone()));
	fixture.chain.with(|state| state.block = 200);
	until("a window is proven", async || {
		let posts = fixture.app.database.posts(10).await.unwrap();
		posts.first().is_some_and(|post| post.sectors == [0])
	})
	.await;
	stop.cancel();
	post.await.unwrap();
}

/// Rows 72 and 76: two workers with stores of their own seal real sectors, and open them where they are for one
/// window PoSt. Without one of them, the other one's sector is proven, and nothing is declared of those that
/// nobody could look at.
#[tokio::test(flavor = "multi_thread")]
async fn sectors_on_two_workers_are_sealed_and_proven() {
	let fixture = Fixture::with(idle(), &keys()).await;
	let manager = Manager::start(&fixture.app, None).await;
	let start = |name: &str| {
		let base = fixture.folder.path().join(name);
		WorkerProcess::start(manager.address, &base, fixture.keys(), &["--name", name])
	};
	let database = &fixture.app.database;
	// One after the other, so that each gets one.
	deals(&fixture, 1).await;
	let one = start("one");
	all_active(&fixture, 1).await;
	database.cordon("one", true, now()).await.unwrap();
	accepted_for(&fixture, &test_data(2000, 1), 2, 2_900).await;
	let two = start("two");
	all_active(&fixture, 2).await;
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("one"));
	assert_eq!(home(&fixture, 1).await.as_deref(), Some("two"));
	let stop = CancellationToken::new();
	let post = tokio::spawn(PostLoop::new(fixture.app.clone()).run(stop.clone()));
	let proven = async |count: usize| {
		until("a window is proven", async || {
			database.posts(10).await.unwrap().len() == count
		})
		.await;
		database.posts(10).await.unwrap()[0].sectors.clone()
	};
	fixture.chain.with(|state| state.block = 200);
	assert_eq!(proven(1).await, [0, 1]);
	drop(one);
	fixture.chain.with(|state| state.block = 320);
	assert_eq!(proven(2).await, [1]);
	assert_eq!(fixture.chain.count("declare_faults"), 0);
	let skipped = fixture.chain.with(|state| match state.calls.last() {
		Some(Call::SubmitWindowPost { submissions, .. }) => submissions[0].skipped.clone(),
		other => panic!("{other:?}"),
	});
	assert_eq!(skipped, [0]);
	stop.cancel();
	post.await.unwrap();
	drop(two);
}
