//! Proven sectors move between workers and the daemon's stores. The steps compute nothing; that what was moved still
//! proves is shown with the real node.

#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::Path, time::Duration};

use common::{
	manager::{files, until, Manager, WorkerProcess},
	sealing::{all_active, deals, home, idle, worker},
	Fixture, WORKER_TOKEN,
};
use holdfast_provider::{
	database::now,
	pipeline::relocate::{order, Target},
	remote::{
		client::{Client, ClientError},
		protocol::{Claim, Giving, Hello, Manifest, Missing, Returned},
	},
	store::{SectorPart, StoreMeta},
	tasks::{About, Place},
	worker::Response,
};

/// What is kept of a sector.
fn kept(sector: u64) -> Vec<String> {
	let cache = ["p_aux", "sc-02-data-tree-r-last.dat", "t_aux"];
	let cache = cache.map(|name| format!("cache/s-{sector}/{name}"));
	let replica = format!("sealed/s-{sector}");
	cache.into_iter().chain([replica]).collect()
}

/// A daemon, and a worker that has sealed a sector.
async fn sealed() -> (Fixture, Manager, WorkerProcess) {
	let fixture = Fixture::with_fake_steps(idle()).await;
	deals(&fixture, 1).await;
	let manager = Manager::start(&fixture.app, None).await;
	let one = worker(&fixture, &manager, "one", &[]);
	all_active(&fixture, 1).await;
	fixture.app.store.tidy().await.unwrap();
	until("only what is kept is left", async || one.files() == kept(0)).await;
	(fixture, manager, one)
}

async fn is_over(fixture: &Fixture) {
	let database = &fixture.app.database;
	until("the move is over", async || {
		database.ordered_move(0).await.unwrap().is_none()
			&& database.reservations(now()).await.unwrap().is_empty()
	})
	.await;
}

/// The files of sectors in a store.
fn sectors(root: &Path) -> Vec<String> {
	let mut files = files(root);
	files.retain(|name| !name.starts_with("pieces/"));
	files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sector_goes_from_a_worker_to_the_daemon_and_to_another_worker() {
	let (fixture, manager, one) = sealed().await;
	let (database, store) = (&fixture.app.database, &fixture.app.store);
	let replica = fs::read(one.base.join("store/sealed/s-0")).unwrap();
	let second = fixture.folder.path().join("second");
	let attached = store.attach(&second, StoreMeta::default()).await.unwrap();
	let target = Target::Store(Some(attached.meta.id.clone()));
	order(database, 0, &target).await.unwrap();
	is_over(&fixture).await;
	assert_eq!(home(&fixture, 0).await, None);
	assert_eq!(files(&second), kept(0));
	assert_eq!(fs::read(second.join("sealed/s-0")).unwrap(), replica);
	assert!(store
		.check(fixture.app.config.storage.sector_size)
		.await
		.unwrap()
		.is_empty());
	assert!(store.scrub().await.unwrap().problems.is_empty());
	until("the worker removes its copy", async || {
		one.files().is_empty()
	})
	.await;

	// While a proof reads the daemon's copy, it stays.
	let two = worker(&fixture, &manager, "two", &[]);
	until("the other one is known", async || {
		database.workers().await.unwrap().len() == 2
	})
	.await;
	let pinned = store.pin(&[0]).await.unwrap();
	order(database, 0, &Target::Worker("two".into()))
		.await
		.unwrap();
	is_over(&fixture).await;
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("two"));
	assert_eq!(two.files(), kept(0));
	assert_eq!(files(&second), kept(0));
	store.unpin(pinned).await.unwrap();
	let marked = store.mark_garbage(now()).await.unwrap();
	assert_eq!(marked.len(), 2, "{marked:?}");
	// Until the task's lock is given back, nothing is swept.
	until("the garbage is removed", async || {
		store.sweep_garbage(Duration::ZERO, now()).await.unwrap();
		files(&second).is_empty()
	})
	.await;

	// From one worker to another it goes through the daemon, and nothing stays there.
	order(database, 0, &Target::Worker("one".into()))
		.await
		.unwrap();
	is_over(&fixture).await;
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("one"));
	assert_eq!(one.files(), kept(0));
	assert_eq!(
		fs::read(one.base.join("store/sealed/s-0")).unwrap(),
		replica
	);
	until("the other one removes its copy", async || {
		two.files().is_empty()
	})
	.await;
	assert!(sectors(&fixture.folder.path().join("store")).is_empty());
	assert!(files(&second).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_proven_sectors_go_and_only_to_where_somebody_is() {
	let (fixture, _manager, one) = sealed().await;
	let database = &fixture.app.database;
	for (sector, target, reason) in [
		(7, Target::Store(None), "sector 7 is not proven"),
		(
			0,
			Target::Store(Some("none".into())),
			"there is no store none",
		),
		(
			0,
			Target::Worker("nobody".into()),
			"there is no worker nobody",
		),
		(
			0,
			Target::Worker("daemon".into()),
			"there is no worker daemon",
		),
	] {
		let error = order(database, sector, &target).await.unwrap_err();
		assert!(error.to_string().starts_with(reason), "{error}");
	}
	// Where it is already, it stays.
	order(database, 0, &Target::Worker("one".into()))
		.await
		.unwrap();
	is_over(&fixture).await;
	assert_eq!(one.files(), kept(0));
}

/// The worker's side by hand, so that it can stop anywhere.
struct Hand {
	client: Client,
	giving: Giving,
	task: i64,
}

impl Hand {
	fn new(manager: &Manager) -> Client {
		Client::new(&format!("http://{}", manager.address), WORKER_TOKEN).unwrap()
	}

	async fn show(client: &Client, session: &str, tasks: Vec<i64>) {
		let hello = Hello {
			name: "one".into(),
			session: session.into(),
			about: About::default(),
			tasks,
			sectors: vec![0],
		};
		client.hello(&hello).await.unwrap();
	}

	async fn missing(&self) -> Vec<Missing> {
		let wanted = self.client.give(self.task, &self.giving).await;
		wanted.unwrap().unwrap().missing
	}

	async fn send(&self, path: &str, kind: SectorPart, from: u64, bytes: &[u8]) -> bool {
		let part = Missing {
			kind,
			path: path.into(),
			from,
		};
		let sent = self.client.send(self.task, "one", &part, bytes.to_vec());
		match sent.await {
			Ok(()) => true,
			Err(ClientError::Refused { status, .. }) => {
				assert_eq!(status, 409);
				false
			},
			Err(error) => panic!("{error}"),
		}
	}
}

/// Row 63, the other way: what is cut goes on where it stopped, even when the daemon was killed meanwhile, and what
/// arrives damaged does not count.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_sends_goes_on_where_it_stopped_and_is_compared() {
	let (mut fixture, manager, one) = sealed().await;
	let root = one.base.join("store");
	drop(one);
	let client = Hand::new(&manager);
	Hand::show(&client, "by hand", Vec::new()).await;
	let order = order(&fixture.app.database, 0, &Target::Store(None));
	order.await.unwrap();
	let claim = Claim {
		name: "one".into(),
		about: About::default(),
		kind: None,
	};
	let lent = client.claim(&claim).await.unwrap().task.unwrap();
	assert_eq!((lent.kind.as_str(), &lent.place), ("move", &Place::Own));
	let read = |kind: &str| Manifest::of(&root.join(kind).join("s-0")).unwrap();
	let mut hand = Hand {
		client,
		giving: Giving {
			name: "one".into(),
			files: vec![
				(SectorPart::Sealed, read("sealed")),
				(SectorPart::Cache, read("cache")),
			],
		},
		task: lent.id,
	};
	// Nothing is taken that is not expected, or leads elsewhere.
	assert!(!hand.send("", SectorPart::Sealed, 0, b"early").await);
	let mut odd = hand.giving.clone();
	odd.files[1].1.files[0].path = "../../../evil".into();
	assert!(hand.client.give(hand.task, &odd).await.is_err());
	odd = hand.giving.clone();
	odd.files.pop();
	assert!(hand.client.give(hand.task, &odd).await.is_err());
	assert_eq!(hand.missing().await.len(), 4);
	assert!(!hand.send("../evil", SectorPart::Cache, 0, b"evil").await);
	assert!(!hand.send("", SectorPart::Sealed, 0, &[b' '; 1 << 16]).await);

	let replica = fs::read(root.join("sealed/s-0")).unwrap();
	assert!(hand.send("", SectorPart::Sealed, 0, &replica[..1000]).await);
	assert!(
		!hand
			.send("", SectorPart::Sealed, 999, &replica[999..])
			.await
	);
	let address = manager.kill().await;
	fixture.restart().await;
	let manager = Manager::start(&fixture.app, Some(address)).await;
	hand.client = Hand::new(&manager);
	Hand::show(&hand.client, "by hand", vec![hand.task]).await;
	let missing = hand.missing().await;
	let sealed = missing.iter().find(|part| part.kind == SectorPart::Sealed);
	assert_eq!(sealed.unwrap().from, 1000);

	// The rest of it is not what it was.
	assert!(hand.send("", SectorPart::Sealed, 1000, &[1; 1048]).await);
	for part in hand.missing().await {
		assert_eq!(part.from, 0, "{part:?}");
		let path = match part.kind {
			SectorPart::Sealed => root.join("sealed/s-0"),
			_ => root.join("cache/s-0").join(&part.path),
		};
		let bytes = fs::read(path).unwrap();
		assert!(hand.send(&part.path, part.kind, 0, &bytes).await);
	}
	assert!(hand.missing().await.is_empty());
	let here = sectors(&fixture.folder.path().join("store"));
	assert_eq!(here, kept(0));
	// Until the task is returned, the worker proves it.
	assert_eq!(home(&fixture, 0).await.as_deref(), Some("one"));
	let returned = Returned {
		name: "one".into(),
		place: Place::Own,
		response: Response::Done,
		outage: false,
	};
	assert!(hand.client.take_back(hand.task, &returned).await.unwrap());
	is_over(&fixture).await;
	assert_eq!(home(&fixture, 0).await, None);
	let late = hand.client.give(hand.task, &hand.giving).await;
	assert!(late.unwrap().is_none());
}
