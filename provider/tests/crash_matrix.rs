//! The daemon and a worker are processes, and are killed with SIGKILL: at the boundaries of tasks and in the middle
//! of them, again and again, until all deals are proven. Nothing is done twice, no room stays promised, and no file
//! is left over. Steps compute nothing but leave their files; the chain is one that a file outlasts.
//! `HOLDFAST_CRASH_RUNS` says how many runs there are.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
	fs,
	net::SocketAddr,
	path::Path,
	process::{Child, Command, Stdio},
	time::Duration,
};

use common::{
	accepted_for, config,
	manager::{files, until, Manager, WorkerProcess},
	test_data, Fixture,
};
use futures::StreamExt;
use holdfast_chain_client::Call;
use holdfast_provider::{
	config::Config,
	database::{now, Database, DealState, SectorState},
	hooks::STOP_VARIABLE,
	store::sector_of,
};
use rand::{rngs::StdRng, seq::SliceRandom, Rng, SeedableRng};

/// Where the daemon's process finds its folder, and where it listens.
const FOLDER: &str = "HOLDFAST_TEST_FOLDER";
const ADDRESS: &str = "HOLDFAST_TEST_ADDRESS";
/// How many runs go at once.
const AT_ONCE: usize = 4;
/// How many sectors there are.
const SECTORS: usize = 3;
/// How often processes are started in one run before that counts as stuck.
const MOST_STARTS: usize = 300;

/// After these the daemon kills itself.
const DAEMON_POINTS: [&str; 14] = [
	"publishing",
	"publishing-sent",
	"published",
	"adding-piece",
	"pre-commit-1",
	"pre-commit-2",
	"pre-committing",
	"pre-committing-sent",
	"waiting-seed",
	"vanilla-proof",
	"proving",
	"prove-committing",
	"prove-committing-sent",
	"finalizing",
];
/// After these the worker does.
const WORKER_POINTS: [&str; 6] = [
	"worker-add-piece",
	"worker-pre-commit-1",
	"worker-pre-commit-2",
	"worker-commit-1",
	"worker-commit-2",
	"worker-finalize",
];

fn settings() -> Config {
	let mut config = config();
	// Each start counts as a beginning of the stages that it interrupts.
	config.sealing.max_attempts = 200;
	config
}

/// The daemon's process. Only the test below starts it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of the other test"]
async fn daemon_process() {
	let Ok(folder) = std::env::var(FOLDER) else {
		return;
	};
	let address: SocketAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
	let fixture = Fixture::reopen(Path::new(&folder), settings()).await;
	let _manager = Manager::start(&fixture.app, Some(address)).await;
	loop {
		tokio::time::sleep(Duration::from_millis(50)).await;
		let sectors = fixture.app.database.sectors().await.unwrap();
		let waits = |sector: &holdfast_provider::database::Sector| {
			sector.state == SectorState::PreCommitted
		};
		// Blocks come while somebody waits for them.
		if sectors.iter().any(waits) {
			fixture.chain.make_block();
		}
	}
}

/// A process that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
	fn drop(&mut self) {
		drop(self.0.kill());
		drop(self.0.wait());
	}
}

fn start_daemon(folder: &Path, address: SocketAddr, point: Option<&str>) -> Killed {
	let mut command = Command::new(std::env::current_exe().unwrap());
	command
		.args(["--exact", "daemon_process", "--ignored", "--nocapture"])
		.env(FOLDER, folder)
		.env(ADDRESS, address.to_string())
		.env("RUST_LOG", "error")
		.stdin(Stdio::null())
		.stdout(Stdio::null())
		.stderr(Stdio::null());
	if let Some(point) = point {
		command.env(STOP_VARIABLE, point);
	}
	Killed(command.spawn().unwrap())
}

fn start_worker(
	address: SocketAddr,
	base: &Path,
	keys: &Path,
	point: Option<&str>,
) -> WorkerProcess {
	let program = keys.join("steps");
	let more = ["--program", program.to_str().unwrap(), "--name", "one"];
	let variables: Vec<_> = point.iter().map(|point| (STOP_VARIABLE, *point)).collect();
	WorkerProcess::start_with(address, base, keys, &more, &variables)
}

async fn is_done(database: &Database, ids: &[String]) -> bool {
	for id in ids {
		if database.deal(id).await.unwrap().unwrap().state != DealState::Active {
			return false;
		}
	}
	let sectors = database.sectors().await.unwrap();
	for sector in &sectors {
		assert_ne!(sector.state, SectorState::Failed, "{sector:?}");
	}
	sectors
		.iter()
		.all(|sector| sector.state == SectorState::Active)
}

/// A point to die at, or none: then the process is killed some time.
fn point<'a>(dice: &mut StdRng, points: &[&'a str]) -> Option<&'a str> {
	if dice.gen_bool(0.5) {
		points.choose(dice).copied()
	} else {
		None
	}
}

async fn run(seed: u64) {
	let mut dice = StdRng::seed_from_u64(seed);
	let fixture = Fixture::with_fake_steps(settings()).await;
	fs::write(fixture.keys().join("pause"), "0.02\n").unwrap();
	let mut ids = Vec::new();
	for nonce in 1..=SECTORS {
		let data = test_data(2000, 1);
		ids.push(accepted_for(&fixture, &data, nonce as u64, 2_900).await);
	}
	let (folder, keys) = (fixture.folder.path().to_owned(), fixture.keys().to_owned());
	fixture.app.database.close().await;
	let base = folder.join("worker-one");
	let address = free_address(seed);
	let database = Database::open(&folder.join("test.sqlite")).await.unwrap();
	let mut starts = 0;
	let mut daemon = None;
	let mut worker = None;
	while !is_done(&database, &ids).await {
		starts += 1;
		assert!(starts < MOST_STARTS, "run {seed} is stuck");
		if daemon.is_none() {
			let point = point(&mut dice, &DAEMON_POINTS);
			daemon = Some(start_daemon(&folder, address, point));
		}
		if worker.is_none() {
			let point = point(&mut dice, &WORKER_POINTS);
			worker = Some(start_worker(address, &base, &keys, point));
		}
		tokio::time::sleep(Duration::from_millis(dice.gen_range(50..1500))).await;
		match dice.gen_range(0..3) {
			0 => daemon = None,
			1 => worker = None,
			_ => (daemon, worker) = (None, None),
		}
	}
	// What is under way comes to its end.
	drop((daemon, worker));
	let daemon = start_daemon(&folder, address, None);
	let worker = start_worker(address, &base, &keys, None);
	until("the worker is up to date", async || {
		let rows = database.workers().await.unwrap();
		let idle = rows.iter().all(|row| row.tasks == 0);
		idle && files(&base.join("results")).is_empty() && tidy(&database, &worker).await
	})
	.await;
	drop((daemon, worker));
	database.close().await;
	check(&folder, &base, &ids, seed).await;
	println!("run {seed}: {starts} rounds");
}

/// Whether the worker has files of its own sectors only.
async fn tidy(database: &Database, worker: &WorkerProcess) -> bool {
	for name in worker.files() {
		let number = name.split('/').nth(1).and_then(sector_of);
		let home = match number {
			Some(number) => database.home(number).await.unwrap(),
			None => None,
		};
		if home.is_none() || name.starts_with("unsealed") || name.starts_with("work") {
			return false;
		}
	}
	true
}

/// Below the ports that the system gives to connections, and another one for each run.
fn free_address(seed: u64) -> SocketAddr {
	let first = 20_000 + u16::try_from(seed % 10_000).unwrap();
	let addresses = (first..32_000).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
	let mut free = addresses.filter(|address| std::net::TcpListener::bind(address).is_ok());
	free.next().unwrap()
}

async fn check(folder: &Path, base: &Path, ids: &[String], seed: u64) {
	let fixture = Fixture::reopen(folder, settings()).await;
	let (database, store) = (&fixture.app.database, &fixture.app.store);
	assert!(is_done(database, ids).await);
	// Nothing twice: neither deals nor sectors, and no call for a sector that was made before.
	let (deals, sectors) = fixture
		.chain
		.with(|state| (state.deals.len(), state.sectors.len()));
	assert_eq!((deals, sectors), (SECTORS, SECTORS), "run {seed}");
	let (mut committed, mut proven) = (0, 0);
	fixture.chain.with(|state| {
		for call in &state.calls {
			match call {
				Call::PreCommitSectors(sectors) => committed += sectors.len(),
				Call::ProveCommitSectors(sectors) => proven += sectors.len(),
				_ => {},
			}
		}
	});
	assert_eq!((committed, proven), (SECTORS, SECTORS), "run {seed}");
	// Nothing is promised, and nothing is left but what is kept, each in one place.
	store.tidy().await.unwrap();
	assert!(database.reservations(now()).await.unwrap().is_empty());
	let own = Database::open(&base.join("worker.sqlite")).await.unwrap();
	assert!(own.reservations(now()).await.unwrap().is_empty());
	own.close().await;
	let here = files(&folder.join("store"));
	let there = files(&base.join("store"));
	let kept = |number: u64| {
		let cache = ["p_aux", "sc-02-data-tree-r-last.dat", "t_aux"];
		let cache = cache.map(|name| format!("cache/s-{number}/{name}"));
		cache.into_iter().chain([format!("sealed/s-{number}")])
	};
	let (mut expected_here, mut expected_there) = (Vec::new(), Vec::new());
	for sector in database.sectors().await.unwrap() {
		match database.home(sector.number).await.unwrap() {
			None => expected_here.extend(kept(sector.number)),
			Some(_) => expected_there.extend(kept(sector.number)),
		}
	}
	let piece = test_data(2000, 1).piece.commitment.to_hex();
	expected_here.push(format!("pieces/{piece}.car"));
	expected_here.sort();
	expected_there.sort();
	assert_eq!(here, expected_here, "run {seed}");
	assert_eq!(there, expected_there, "run {seed}");
	assert!(files(&base.join("pieces")).is_empty());
	let size = fixture.chain.sector_size;
	assert!(store.check(size).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_are_killed_do_everything_once() {
	let runs: u64 = std::env::var("HOLDFAST_CRASH_RUNS")
		.ok()
		.map_or(2, |text| text.parse().unwrap());
	// They wait most of the time, so several go at once.
	futures::stream::iter(0..runs)
		.map(run)
		.buffer_unordered(AT_ONCE)
		.collect::<Vec<()>>()
		.await;
}
