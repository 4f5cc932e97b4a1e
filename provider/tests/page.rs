//! The status page in a real browser. It needs Chromium, so it only runs when it is asked for:
//! `cargo test --release -p holdfast-provider --test page -- --ignored`. Pictures of the page in two widths are
//! written to the folder that `HOLDFAST_PICTURES` names, if there is one.

#![allow(clippy::unwrap_used)]

mod common;

use std::{path::Path, time::Duration};

use common::{accepted, config, test_data, Fixture, TOKEN};
use holdfast_chain_client::{DeadlineLoad, Partition};
use holdfast_primitives::SectorNumber;
use holdfast_provider::{
	api::{
		self,
		server::{serve, Options},
	},
	database::{now, DealEvent, DealState, Post, SectorState},
	monitor::{Severity, Topic},
	tasks::Kind,
	watch,
};
use tokio::{net::TcpListener, process::Command};
use tokio_util::sync::CancellationToken;

const STATES: [SectorState; 14] = [
	SectorState::Active,
	SectorState::Active,
	SectorState::Active,
	SectorState::Active,
	SectorState::Active,
	SectorState::Active,
	SectorState::Active,
	SectorState::Proving,
	SectorState::PreCommitted,
	SectorState::PreCommit2,
	SectorState::PreCommit1,
	SectorState::PreCommit1,
	SectorState::Failed,
	SectorState::Expired,
];

/// A provider in the middle of its work.
async fn busy() -> Fixture {
	let mut config = config();
	config.storage.min_free_bytes = 1 << 30;
	let fixture = Fixture::with(config, Path::new("/nonexistent")).await;
	let database = &fixture.app.database;
	for (number, state) in (0u64..).zip(STATES) {
		let data = test_data(1200, u8::try_from(number).unwrap());
		let id = accepted(&fixture, &data, number).await;
		let event = DealEvent {
			state: DealState::Publishing,
			at: now(),
			block: Some(90),
			extrinsic: None,
		};
		database
			.move_deal(&id, DealState::Accepted, &event)
			.await
			.unwrap();
		database.deal_published(&id, number, &event).await.unwrap();
		let sector = database.create_sector(&[id], 0, now()).await.unwrap();
		let mut sector = database.sector(sector.unwrap()).await.unwrap().unwrap();
		sector.state = state;
		database
			.save_sector(&sector, None, None, now())
			.await
			.unwrap();
	}
	for nonce in 100..103 {
		accepted(&fixture, &test_data(900, 99), nonce).await;
	}
	for kind in Kind::STANDING {
		database.queue_task(kind, "", now()).await.unwrap();
	}
	for sector in ["9", "10", "11"] {
		database
			.queue_task(Kind::PreCommit1, sector, now())
			.await
			.unwrap();
	}
	for block in [42, 84, 88] {
		let post = Post {
			window_open: block,
			deadline: block % 3,
			partition: 0,
			sectors: (0..7).collect(),
			block: block + 2,
			extrinsic: Some("0x00".into()),
			at: now() - i64::from(100 - block) * 6000,
		};
		database.insert_post(&post).await.unwrap();
	}
	database
		.insert_refusal(
			"post",
			"deadline 2 partition 0",
			"Proofs.ProofRejected",
			86,
			now(),
		)
		.await
		.unwrap();
	fixture.chain.with(|state| {
		let sectors: Vec<SectorNumber> = (0..7).collect();
		state.partition = Some(Partition {
			last_proof: 0,
			sectors,
			faulty: vec![3, 4],
			recovering: vec![4],
			terminated: Vec::new(),
		});
		for deadline in &mut state.provider.as_mut().unwrap().deadlines {
			*deadline = DeadlineLoad {
				partitions: 2,
				live_sectors: 7,
			};
		}
		state.block = 90;
		for balance in state.balances.values_mut() {
			balance.free = 1234 * holdfast_primitives::policy::HOLD;
			balance.pledge = 700 * holdfast_primitives::policy::HOLD;
		}
	});
	watch::look(&fixture.app).await.unwrap();
	fixture.app.monitor.raise(
		Topic::PostLate,
		"deadline 1 partition 0",
		Severity::Warning,
		"it is still being proven: 10 blocks are left before the penalty",
	);
	fixture
}

/// What the browser prints.
async fn browse(arguments: &[&str], url: &str) -> (String, String) {
	let profile = tempfile::tempdir().unwrap();
	let output = Command::new("chromium")
		.args([
			"--headless",
			"--no-sandbox",
			"--disable-gpu",
			"--hide-scrollbars",
		])
		.args(["--enable-logging=stderr", "--virtual-time-budget=4000"])
		.arg(format!("--user-data-dir={}", profile.path().display()))
		.args(arguments)
		.arg(url)
		.output()
		.await
		.expect("Chromium is installed");
	(
		String::from_utf8_lossy(&output.stdout).into_owned(),
		String::from_utf8_lossy(&output.stderr).into_owned(),
	)
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn a_browser_shows_the_page_without_errors() {
	let fixture = busy().await;
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let url = format!("http://{}/", listener.local_addr().unwrap());
	let stop = CancellationToken::new();
	let limit = Duration::from_secs(30);
	let options = Options {
		tls: None,
		max_connections: 64,
		head_timeout: limit,
		idle_timeout: limit,
	};
	let router = api::router(fixture.app.clone());
	let server = tokio::spawn(serve(listener, router, options, stop.clone()));
	let signed_in = format!(
		"{url}#token={}",
		TOKEN.replace(' ', "%20").replace('\'', "%27")
	);
	let console = |log: &str| {
		log.lines()
			.filter(|line| line.contains("CONSOLE"))
			.map(str::to_owned)
			.collect::<Vec<_>>()
	};
	let (page, log) = browse(&["--dump-dom"], &signed_in).await;
	assert_eq!(console(&log), Vec::<String>::new());
	for text in [
		"pre-commit-1",
		"deadline 1",
		"of 2 partitions done",
		"1,234.000",
		"post-late",
		"Proofs.ProofRejected",
		"GiB",
	] {
		assert!(page.contains(text), "{text} is not in {page}");
	}
	assert!(
		!page.contains("undefined") && !page.contains("NaN"),
		"{page}"
	);
	let (page, log) = browse(&["--dump-dom"], &url).await;
	assert_eq!(console(&log), Vec::<String>::new());
	assert!(page.contains("<main id=\"overview\" hidden"), "{page}");
	if let Ok(folder) = std::env::var("HOLDFAST_PICTURES") {
		for (name, size) in [("wide", "1280,1500"), ("narrow", "500,2600")] {
			let picture = format!("--screenshot={folder}/status-{name}.png");
			browse(&[&picture, &format!("--window-size={size}")], &signed_in).await;
		}
	}
	stop.cancel();
	server.await.unwrap();
}
