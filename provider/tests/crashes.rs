//! The daemon's parts are killed at random moments, again and again, until all deals are proven: nothing is
//! done twice, no room stays promised, and no file is left over. Sealing steps compute nothing but leave their
//! files; the chain is one in memory. `HOLDFAST_CRASH_RUNS` says how many runs there are.

#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, sync::Arc, time::Duration};

use common::{accepted, config, test_data, Fixture};
use holdfast_primitives::{piece::compute_comm_d, CommR, SectorNumber};
use holdfast_provider::{
	database::{now, DealState, SectorState},
	pipeline::Pipeline,
	store::{sector_of, FileType},
	tasks::{Budget, Engine, Kind, Limits, Resources},
	worker::Response,
};
use rand::{rngs::StdRng, Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

/// How often the daemon may be started in one run before that counts as stuck.
const MOST_STARTS: usize = 400;

/// The values of a field of the request, one a line.
const FIELD: &str = "field() { printf '%s' \"$1\" | grep -o \"\\\"$2\\\":\\\"[^\\\"]*\\\"\" | \
	cut -d'\"' -f4; }\n";

/// A daemon whose steps leave the files that real ones leave, and the deals that it took.
async fn prepared() -> (Fixture, Vec<String>) {
	let mut config = config();
	config.sealing.parallel = 2;
	// Each start counts as a beginning of the stages that it interrupts.
	config.sealing.max_attempts = 200;
	let fixture = Fixture::without_sealing(config).await;
	let add = format!(
		"{FIELD}for file in $(field \"$1\" unsealed); do printf data > \"$file\"; done\n\
		exec cat \"$HOLDFAST_KEYS/add-pieces.json\"\n"
	);
	fixture.answer_by("add-pieces", &add);
	let seal = format!(
		"{FIELD}for file in $(field \"$1\" sealed); do head -c 2048 /dev/zero > \"$file\"; done\n\
		for file in $(field \"$1\" cache); do mkdir -p \"$file\"; printf a > \"$file/p_aux\"; \
		printf b > \"$file/t_aux\"; printf c > \"$file/sc-02-data-tree-r-last.dat\"; done\n"
	);
	for step in ["pre-commit-1", "pre-commit-1-pair"] {
		let script = format!("{seal}exec cat \"$HOLDFAST_KEYS/{step}.json\"\n");
		fixture.answer_by(step, &script);
	}
	let both = Response::Both {
		answers: Box::new([Response::Done, Response::Done]),
	};
	fixture.answer("pre-commit-1-pair", &both);
	// All sectors have the same piece, so they have the same commitment.
	let data = test_data(2000, 1);
	let sealed = Response::Sealed {
		comm_r: CommR([5; 32]),
		comm_d: compute_comm_d(fixture.chain.sector_size, &[data.piece]).unwrap(),
	};
	fixture.answer("pre-commit-2", &sealed);
	let mut ids = Vec::new();
	for nonce in 1..=3 {
		ids.push(accepted(&fixture, &data, nonce).await);
	}
	(fixture, ids)
}

/// Runs the task engine for a while and kills it.
async fn run_for(fixture: &Fixture, time: Duration) {
	let app = &fixture.app;
	for kind in Kind::STANDING {
		app.database.queue_task(kind, "", now()).await.unwrap();
	}
	for task in app.database.tasks().await.unwrap() {
		let kind = Kind::from_name(&task.kind).unwrap();
		app.database.hurry_task(kind, now()).await.unwrap();
	}
	let limits = Limits {
		heavy: 2,
		light: 8,
		attempts: 8,
	};
	let budget = Budget::new(Resources {
		cpus: 8,
		..app.budget.all()
	});
	let pipeline = Arc::new(Pipeline::new(app.clone()));
	let engine = Engine::new(
		app.database.clone(),
		pipeline,
		app.wake.clone(),
		limits,
		budget,
	);
	let running = tokio::spawn(async move { engine.run(CancellationToken::new()).await });
	tokio::time::sleep(time).await;
	running.abort();
	assert!(running.await.is_err(), "the engine ended by itself");
}

async fn is_done(fixture: &Fixture, ids: &[String]) -> bool {
	let database = &fixture.app.database;
	for id in ids {
		if database.deal(id).await.unwrap().unwrap().state != DealState::Active {
			return false;
		}
	}
	let sectors = database.sectors().await.unwrap();
	sectors
		.iter()
		.all(|sector| sector.state == SectorState::Active)
}

async fn check_leftovers(fixture: &Fixture) {
	let (store, database) = (&fixture.app.store, &fixture.app.database);
	store.tidy().await.unwrap();
	assert!(database.reservations(now()).await.unwrap().is_empty());
	let root = fixture.folder.path().join("store");
	for folder in ["staging", "unsealed", "work", "fetching"] {
		let left: Vec<_> = fs::read_dir(root.join(folder))
			.unwrap()
			.map(|entry| entry.unwrap().path())
			.collect();
		assert!(left.is_empty(), "{left:?}");
	}
	let mut kept: Vec<(String, SectorNumber)> = Vec::new();
	for row in database.store_files(None).await.unwrap() {
		assert!(row.is_primary, "{row:?}");
		if let Some(number) = sector_of(&row.name) {
			kept.push((row.kind, number));
		}
	}
	kept.sort();
	let expected = ["cache", "sealed"]
		.into_iter()
		.flat_map(|kind| (0..3).map(move |number| (kind.to_owned(), number)));
	assert_eq!(kept, expected.collect::<Vec<_>>());
	assert!(store
		.check(fixture.chain.sector_size)
		.await
		.unwrap()
		.is_empty());
	for kind in FileType::KEPT {
		let count = fs::read_dir(root.join(kind.folder())).unwrap().count();
		assert_eq!(count, 3, "{kind:?}");
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_at_random_moments_does_everything_once() {
	let runs: u64 = std::env::var("HOLDFAST_CRASH_RUNS")
		.ok()
		.map_or(2, |text| text.parse().unwrap());
	for seed in 0..runs {
		let mut dice = StdRng::seed_from_u64(seed);
		let (mut fixture, ids) = prepared().await;
		let mut starts = 0;
		while !is_done(&fixture, &ids).await {
			starts += 1;
			assert!(starts < MOST_STARTS, "run {seed} is stuck");
			run_for(&fixture, Duration::from_millis(dice.gen_range(1..400))).await;
			fixture.restart().await;
			let sectors = fixture.app.database.sectors().await.unwrap();
			assert!(
				sectors
					.iter()
					.all(|sector| sector.state != SectorState::Failed),
				"run {seed}: {sectors:?}"
			);
			// Blocks come while somebody waits for them.
			if sectors
				.iter()
				.any(|sector| sector.state == SectorState::PreCommitted)
			{
				fixture.chain.with(|state| state.block += 1);
			}
		}
		// Nothing twice: neither deals nor sectors, and no call for a sector that was made before.
		let (deals, sectors) = fixture
			.chain
			.with(|state| (state.deals.len(), state.sectors.len()));
		assert_eq!((deals, sectors), (3, 3), "run {seed}");
		assert_eq!(fixture.chain.count("pre_commit_sectors"), 3, "run {seed}");
		let proven: usize = fixture.chain.with(|state| {
			let calls = state.calls.iter();
			calls
				.map(|call| match call {
					holdfast_chain_client::Call::ProveCommitSectors(sectors) => sectors.len(),
					_ => 0,
				})
				.sum()
		});
		assert_eq!(proven, 3, "run {seed}");
		check_leftovers(&fixture).await;
		println!("run {seed}: {starts} starts");
	}
}
