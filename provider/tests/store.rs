//! Disks that are full, damaged or gone, under the pipeline and under real proofs.

#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::Path, process::Command};

use common::{accepted, config, run, test_data, Fixture};
use holdfast_chain_client::Call;
use holdfast_primitives::SectorNumber;
use holdfast_provider::{
	post::PostLoop,
	store::{SectorPaths, StoreMeta},
	tasks::{Kind, Outcome},
	worker::Response,
};
use tokio_util::sync::CancellationToken;

async fn packed(fixture: &Fixture, sectors: u8) {
	for nonce in 1..=sectors {
		accepted(fixture, &test_data(2000, nonce), nonce.into()).await;
	}
	run(fixture, Kind::Publish, "").await.unwrap();
	for _ in 0..sectors {
		run(fixture, Kind::Pack, "").await.unwrap();
	}
}

async fn finish(fixture: &Fixture, kind: Kind, sector: SectorNumber) -> Outcome {
	loop {
		match run(fixture, kind, &sector.to_string()).await.unwrap() {
			Outcome::Again(_) => fixture.chain.with(|state| state.block += 1),
			outcome => return outcome,
		}
	}
}

/// A disk that others fill while a sector is sealed costs time and no sector.
#[tokio::test]
async fn a_full_disk_during_pre_commit_1_costs_no_sector() {
	let fixture = Fixture::without_sealing(config()).await;
	packed(&fixture, 1).await;
	finish(&fixture, Kind::AddPiece, 0).await;
	let full = Response::Failed {
		message: "cannot write the layer: No space left on device (os error 28)".into(),
		repeat: None,
		sector: None,
	};
	fixture.answer("pre-commit-1", &full);
	for _ in 0..50 {
		let error = run(&fixture, Kind::PreCommit1, "0").await.unwrap_err();
		assert!(error.is_outage(), "{error}");
		assert!(error.to_string().contains("No space left"), "{error}");
	}
	fixture.answer("pre-commit-1", &Response::Done);
	assert_eq!(
		finish(&fixture, Kind::PreCommit1, 0).await,
		Outcome::Then(Kind::PreCommit2)
	);
}

/// Row 61: a sector for which no store has room waits, and says for what; it is begun when there is some, and
/// keeps its place through a crash.
#[tokio::test]
async fn a_sector_waits_for_a_store_with_room() {
	let mut fixture = Fixture::without_sealing(config()).await;
	packed(&fixture, 1).await;
	let base = fixture.folder.path().join("store");
	let mut meta = StoreMeta::read(&base).unwrap().unwrap();
	meta.can_seal = false;
	meta.write(&base).unwrap();
	for _ in 0..50 {
		let error = run(&fixture, Kind::AddPiece, "0").await.unwrap_err();
		assert!(error.is_outage(), "{error}");
		assert!(error.to_string().contains("no store has room"), "{error}");
	}
	let fast = fixture.folder.path().join("fast");
	let meta = StoreMeta {
		can_store: false,
		..StoreMeta::default()
	};
	fixture.app.store.attach(&fast, meta).await.unwrap();
	for _ in 0..2 {
		finish(&fixture, Kind::AddPiece, 0).await;
		let paths = fixture.app.store.sector(0).await.unwrap();
		assert!(paths.unsealed.starts_with(&fast) && paths.work.starts_with(&fast));
		fixture.restart().await;
	}
}

/// A store that goes away while a sector is sealed in it costs time and no sector, and nothing is written where
/// its disk should be.
#[tokio::test]
async fn a_store_that_goes_away_costs_no_sector() {
	let fixture = Fixture::without_sealing(config()).await;
	let fast = fixture.folder.path().join("fast");
	let meta = StoreMeta {
		weight: 1 << 40,
		..StoreMeta::default()
	};
	fixture.app.store.attach(&fast, meta).await.unwrap();
	packed(&fixture, 1).await;
	finish(&fixture, Kind::AddPiece, 0).await;
	let away = fixture.folder.path().join("away");
	fs::rename(&fast, &away).unwrap();
	fs::create_dir(&fast).unwrap();
	for _ in 0..50 {
		let error = run(&fixture, Kind::PreCommit1, "0").await.unwrap_err();
		assert!(error.is_outage(), "{error}");
		assert!(error.to_string().contains("mounted"), "{error}");
	}
	assert_eq!(fs::read_dir(&fast).unwrap().count(), 0);
	fs::remove_dir(&fast).unwrap();
	fs::rename(&away, &fast).unwrap();
	assert_eq!(
		finish(&fixture, Kind::PreCommit1, 0).await,
		Outcome::Then(Kind::PreCommit2)
	);
}

/// The window PoSt's keys for 2 KiB sectors, made once for all tests of this machine.
fn keys() -> std::path::PathBuf {
	let directory = holdfast_prover::default_directory().unwrap();
	let made = Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(["keys", "--sector-size", "2KiB", "--only", "window-post"])
		.arg("--directory")
		.arg(&directory)
		.status()
		.unwrap();
	assert!(made.success());
	directory
}

/// Two sectors with real replicas. Their proofs of replication are none, which the chain of these tests does
/// not look at.
async fn two_replicas() -> Fixture {
	let fixture = Fixture::with(config(), &keys()).await;
	packed(&fixture, 2).await;
	for sector in [0, 1] {
		for kind in [
			Kind::AddPiece,
			Kind::PreCommit1,
			Kind::PreCommit2,
			Kind::PreCommit,
			Kind::WaitSeed,
		] {
			finish(&fixture, kind, sector).await;
		}
		let database = &fixture.app.database;
		let seed = database
			.sector(sector)
			.await
			.unwrap()
			.unwrap()
			.seed
			.unwrap();
		let work = fixture.app.store.sector(sector).await.unwrap().work;
		let name = format!("proofs-{}.txt", const_hex::encode(&seed[..8]));
		fs::write(work.join(name), "ab".repeat(192)).unwrap();
		finish(&fixture, Kind::ProveCommit, sector).await;
		finish(&fixture, Kind::Finalize, sector).await;
	}
	fixture
}

fn copy(from: &Path, to: &Path) {
	if from.is_dir() {
		fs::create_dir_all(to).unwrap();
		for entry in fs::read_dir(from).unwrap() {
			let entry = entry.unwrap();
			copy(&entry.path(), &to.join(entry.file_name()));
		}
	} else {
		fs::copy(from, to).unwrap();
	}
}

fn remove(path: &Path) {
	if path.is_dir() {
		fs::remove_dir_all(path).unwrap();
	} else if path.exists() {
		fs::remove_file(path).unwrap();
	}
}

/// Has the window that is open at `block` proven. Returns the positions that were left out.
async fn skipped(fixture: &Fixture, block: u32) -> Vec<u32> {
	let before = fixture.chain.count("submit_window_post");
	fixture.chain.with(|state| {
		state.block = block;
		let partition = state.partition.as_mut().unwrap();
		partition.faulty.clear();
		partition.recovering.clear();
	});
	let stop = CancellationToken::new();
	let post = tokio::spawn(PostLoop::new(fixture.app.clone()).run(stop.clone()));
	while fixture.chain.count("submit_window_post") == before {
		tokio::time::sleep(std::time::Duration::from_millis(50)).await;
	}
	stop.cancel();
	post.await.unwrap();
	let calls = fixture.chain.with(|state| state.calls.clone());
	let last = calls.into_iter().rev().find_map(|call| match call {
		Call::SubmitWindowPost { submissions, .. } => Some(submissions),
		_ => None,
	});
	let submissions = last.unwrap();
	assert_eq!(submissions.len(), 1);
	let faulty = fixture
		.chain
		.with(|state| state.partition.as_ref().unwrap().faulty.clone());
	assert_eq!(faulty.len(), submissions[0].skipped.len());
	submissions[0].skipped.clone()
}

type Damage = fn(&SectorPaths);

/// Whatever is wrong with one sector's files when the window opens, that sector is left out and the other one
/// is proven, with real proofs; repaired, and moved to another store, both are.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_sector_is_left_out_and_the_other_one_is_proven() {
	let fixture = two_replicas().await;
	let mut block = 200;
	assert!(skipped(&fixture, block).await.is_empty());
	let paths = fixture.app.store.sector(1).await.unwrap();
	let safe = fixture.folder.path().join("safe");
	fs::create_dir(&safe).unwrap();
	copy(&paths.sealed, &safe.join("sealed"));
	copy(&paths.cache, &safe.join("cache"));
	let damages: [(&str, Damage); 4] = [
		("flipped bytes", |paths| {
			// One in every node, since a proof reads only some of them.
			let mut bytes = fs::read(&paths.sealed).unwrap();
			bytes.iter_mut().step_by(32).for_each(|byte| *byte ^= 1);
			fs::write(&paths.sealed, bytes).unwrap();
		}),
		("missing cache", |paths| remove(&paths.cache)),
		("unreadable file", |paths| {
			remove(&paths.sealed);
			fs::create_dir(&paths.sealed).unwrap();
		}),
		("missing file", |paths| remove(&paths.sealed)),
	];
	for (what, damage) in damages {
		damage(&paths);
		block += 60;
		assert_eq!(skipped(&fixture, block).await, [1], "{what}");
		for (from, to) in [("sealed", &paths.sealed), ("cache", &paths.cache)] {
			remove(to);
			copy(&safe.join(from), to);
		}
	}
	let other = fixture.folder.path().join("other");
	let id = fixture.app.store.attach(&other, StoreMeta::default()).await;
	let id = id.unwrap().meta.id;
	fixture.app.store.move_sector(1, Some(&id)).await.unwrap();
	assert!(!paths.sealed.exists() && !paths.cache.exists());
	block += 60;
	assert!(skipped(&fixture, block).await.is_empty());
	// The disk is gone: the store says so, and the sector is left out until it is back.
	let away = fixture.folder.path().join("away");
	fs::rename(&other, &away).unwrap();
	block += 60;
	assert_eq!(skipped(&fixture, block).await, [1]);
	let rows = fixture.app.store.refresh().await.unwrap();
	let row = rows.iter().find(|row| row.id == id).unwrap();
	assert!(row.error.is_some());
	fs::rename(&away, &other).unwrap();
	block += 60;
	assert!(skipped(&fixture, block).await.is_empty());
}
