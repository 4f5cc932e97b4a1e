//! Sectors that workers seal for a daemon that seals none.

use std::path::PathBuf;

use holdfast_provider::{
	config::Config,
	database::{Sector, SectorState},
};

use super::{
	accepted_for, config,
	manager::{log, until, Manager, WorkerProcess},
	test_data, Fixture,
};

/// A daemon that leaves all computing to workers.
pub fn idle() -> Config {
	let mut config = config();
	config.sealing.parallel = 0;
	config
}

/// Has the daemon take so many deals, each for a sector of its own.
pub async fn deals(fixture: &Fixture, count: u64) {
	for nonce in 1..=count {
		accepted_for(fixture, &test_data(2000, 1), nonce, 2_900).await;
	}
}

fn steps(fixture: &Fixture) -> PathBuf {
	fixture.keys().join("steps")
}

/// Starts a worker that does the fake steps.
pub fn worker(fixture: &Fixture, manager: &Manager, name: &str, more: &[&str]) -> WorkerProcess {
	let program = steps(fixture);
	let mut all = vec!["--program", program.to_str().unwrap(), "--name", name];
	all.extend(more);
	let base = fixture.folder.path().join(name);
	WorkerProcess::start(manager.address, &base, fixture.keys(), &all)
}

/// Makes a block if a sector waits for one.
pub async fn make_blocks(fixture: &Fixture) -> Vec<Sector> {
	let sectors = fixture.app.database.sectors().await.unwrap();
	let waits = |state| sectors.iter().any(|sector| sector.state == state);
	if waits(SectorState::PreCommitted) {
		fixture.chain.with(|state| state.block += 1);
	}
	assert!(!waits(SectorState::Failed), "{sectors:?}");
	sectors
}

/// Waits until all sectors are proven and finalized; blocks come while somebody waits for them.
pub async fn all_active(fixture: &Fixture, count: usize) {
	until("all sectors are active", async || {
		let sectors = make_blocks(fixture).await;
		sectors.len() == count
			&& sectors
				.iter()
				.all(|sector| sector.state == SectorState::Active)
	})
	.await;
}

/// The worker that has a sector.
pub async fn home(fixture: &Fixture, sector: u64) -> Option<String> {
	fixture.app.database.home(sector).await.unwrap()
}

/// How often a step was begun.
pub fn times(fixture: &Fixture, step: &str) -> usize {
	let begun = log(fixture);
	begun
		.iter()
		.filter(|line| line.split(' ').next() == Some(step))
		.count()
}
