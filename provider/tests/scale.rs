//! Many sectors, and workers that join, leave and die: none is stuck, and every step is done. Also what the engine
//! itself costs for each task.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};

use common::{accepted_for, config, manager::Manager, test_data, Fixture, WORKER_TOKEN};
use futures::future::BoxFuture;
use holdfast_provider::{
	config::SealingConfig,
	database::{now, Database, SectorState},
	hooks::Hooks,
	remote::{
		agent::{self, Options},
		client::Client,
	},
	tasks::{Budget, Companion, Engine, Handler, Kind, Limits, Outcome, Resources, TaskError},
	worker::Worker,
};
use rand::{rngs::StdRng, Rng, SeedableRng};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A worker within this process.
struct Agent {
	stop: CancellationToken,
	task: JoinHandle<()>,
}

fn start(fixture: &Fixture, manager: &Manager, number: usize) -> Agent {
	let name = format!("w-{number}");
	let options = Options {
		base: fixture.folder.path().join(&name),
		name: Some(name),
		shared: Vec::new(),
		kinds: Kind::COMPUTING.into(),
		sealing: SealingConfig {
			parallel: 2,
			nice: 0,
			cpus: Some(8),
			..SealingConfig::default()
		},
		memory: 1 << 40,
		min_free_bytes: 0,
	};
	let client = Client::new(&format!("http://{}", manager.address), WORKER_TOKEN).unwrap();
	let worker = Worker::new(fixture.keys().join("steps"), fixture.keys().to_owned());
	let stop = CancellationToken::new();
	let stopping = stop.clone();
	let task = tokio::spawn(async move {
		std::fs::create_dir_all(&options.base).unwrap();
		agent::run(options, client, worker, Hooks::default(), stopping)
			.await
			.unwrap();
	});
	Agent { stop, task }
}

impl Agent {
	/// It leaves in an orderly way, or dies.
	async fn end(self, orderly: bool) {
		if orderly {
			self.stop.cancel();
		} else {
			self.task.abort();
		}
		drop(self.task.await);
	}
}

/// Seals so many sectors with up to so many workers, which come and go. Returns how often one came.
async fn seal(count: u64, workers: usize, seed: u64) -> usize {
	let mut config = config();
	config.sealing.max_attempts = 1000;
	config.deals.max_waiting = u32::MAX;
	config.deals.max_waiting_per_client = u32::MAX;
	let fixture = Fixture::with_fake_steps(config).await;
	let data = test_data(2000, 1);
	for nonce in 1..=count {
		accepted_for(&fixture, &data, nonce, 2_990).await;
	}
	let manager = Manager::start(&fixture.app, None).await;
	let mut dice = StdRng::seed_from_u64(seed);
	let mut agents: Vec<Option<Agent>> = (0..workers).map(|_| None).collect();
	let (mut came, mut seen, mut quiet) = (0, 0, 0);
	loop {
		let sectors = fixture.app.database.sector_counts().await.unwrap();
		let of = |state: SectorState| {
			let found = sectors.iter().find(|(name, _)| name == state.name());
			found.map_or(0, |(_, number)| *number)
		};
		assert_eq!(of(SectorState::Failed), 0);
		let deals = fixture.app.database.deal_counts().await.unwrap();
		assert!(deals.iter().all(|(name, _)| name != "failed"), "{deals:?}");
		if of(SectorState::Active) == count {
			break;
		}
		// A chain that stands still makes a block for those that wait for one.
		let block = fixture.chain.with(|state| state.block);
		quiet = if block == seen { quiet + 1 } else { 0 };
		seen = block;
		if quiet >= 2 && of(SectorState::PreCommitted) > 0 {
			fixture.chain.make_block();
		}
		let place = dice.gen_range(0..workers);
		match agents[place].take() {
			None => {
				came += 1;
				agents[place] = Some(start(&fixture, &manager, place));
			},
			Some(agent) if dice.gen_bool(0.1) => agent.end(dice.gen_bool(0.5)).await,
			agent => agents[place] = agent,
		}
		tokio::time::sleep(Duration::from_millis(100)).await;
	}
	for agent in agents.into_iter().flatten() {
		agent.end(true).await;
	}
	let (proven, committed) = fixture.chain.with(|state| {
		let named = |name: &str| {
			state
				.calls
				.iter()
				.filter(|call| call.name().1 == name)
				.count()
		};
		(
			state.sectors.len() as u64,
			named("pre_commit_sectors") as u64,
		)
	});
	assert_eq!((proven, committed), (count, count));
	let database = &fixture.app.database;
	assert!(database.reservations(now()).await.unwrap().is_empty());
	manager.kill().await;
	came
}

/// Row 69: nothing is stuck.
#[tokio::test(flavor = "multi_thread")]
async fn no_sector_is_stuck_while_workers_come_and_go() {
	let came = seal(16, 3, 1).await;
	assert!(came >= 3);
}

/// The full size: `make test-scale`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn no_sector_of_a_thousand_is_stuck() {
	let begin = Instant::now();
	let came = seal(1000, 8, 2).await;
	println!(
		"1000 sectors in {:?}; workers came {came} times",
		begin.elapsed()
	);
}

/// Each task is followed by the next one, and none does anything.
struct Nothing {
	done: AtomicU64,
	ended: Notify,
	tasks: u64,
}

impl Handler for Nothing {
	fn run<'a>(
		&'a self,
		kind: Kind,
		_: &'a str,
		_: Option<Companion>,
	) -> BoxFuture<'a, Result<Outcome, TaskError>> {
		Box::pin(async move {
			if self.done.fetch_add(1, Ordering::SeqCst) + 1 == self.tasks {
				self.ended.notify_one();
			}
			Ok(match kind {
				Kind::PreCommit2 => Outcome::Then(Kind::PreCommit),
				Kind::PreCommit => Outcome::Then(Kind::Commit1),
				Kind::Commit1 => Outcome::Then(Kind::Commit2),
				_ => Outcome::Done,
			})
		})
	}

	fn needs(&self, _: Kind) -> Resources {
		Resources {
			memory: 1,
			..Resources::default()
		}
	}

	fn gave_up<'a>(
		&'a self,
		_: Kind,
		_: &'a str,
		_: &'a TaskError,
	) -> BoxFuture<'a, Result<(), TaskError>> {
		Box::pin(async { Ok(()) })
	}
}

/// Does four tasks for each of so many sectors. Returns the time, and the database's bytes after its history was
/// trimmed to so many entries.
async fn load(sectors: u64, kept: u32) -> (Duration, u64) {
	let folder = tempfile::tempdir().unwrap();
	let database = Database::open(&folder.path().join("test.sqlite"))
		.await
		.unwrap();
	let tasks = sectors * 4;
	for sector in 0..sectors {
		let subject = sector.to_string();
		database
			.queue_task(Kind::PreCommit2, &subject, 0)
			.await
			.unwrap();
	}
	let handler = Arc::new(Nothing {
		done: AtomicU64::new(0),
		ended: Notify::new(),
		tasks,
	});
	let limits = Limits {
		heavy: 2,
		light: 8,
		attempts: 1,
	};
	let budget = Budget::new(Resources {
		memory: 4,
		..Resources::default()
	});
	let wake = Arc::new(Notify::new());
	let engine = Engine::new(database.clone(), handler.clone(), wake, limits, budget);
	let begin = Instant::now();
	let stop = CancellationToken::new();
	let stopping = stop.clone();
	let running = tokio::spawn(async move { engine.run(stopping).await });
	if tasks > 0 {
		handler.ended.notified().await;
	}
	while !database.tasks().await.unwrap().is_empty() {
		tokio::time::sleep(Duration::from_millis(1)).await;
	}
	let took = begin.elapsed();
	stop.cancel();
	running.await.unwrap().unwrap();
	let month = Duration::from_secs(30 * 86_400);
	let history = database.task_history(None, u32::MAX).await.unwrap();
	assert_eq!(history.len() as u64, tasks);
	database
		.trim_task_history(kept, month, now())
		.await
		.unwrap();
	(took, database.bytes().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trimmed_history_takes_less_than_two_kibibytes_for_each_task() {
	let (_, empty) = load(0, 0).await;
	let (_, bytes) = load(250, 500).await;
	assert!(bytes / 1000 < 2048, "{bytes}");
	// What is left does not grow with what was done.
	let (_, more) = load(500, 500).await;
	assert!(more - empty < 500 * 512, "{more} {empty}");
}

/// The engine's own time for each task: `make bench-tasks`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures time"]
async fn the_engines_own_time() {
	for sectors in [250, 2500] {
		let (took, bytes) = load(sectors, 1000).await;
		let tasks = sectors * 4;
		println!(
			"{tasks} tasks: {:.2} ms for each, {} bytes of the database for each after trimming to 1000 entries",
			took.as_secs_f64() * 1000.0 / tasks as f64,
			bytes / tasks
		);
	}
}
