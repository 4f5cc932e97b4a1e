//! What the operator is told of window PoSts that are late, and what the daemon does about it by itself.

#![allow(clippy::unwrap_used)]

mod common;

use common::{config, unreachable_node, Fixture};
use holdfast_chain_client::{DeadlineLoad, Partition, Sector};
use holdfast_primitives::{CommD, CommR};
use holdfast_provider::{
	monitor::{Severity, Topic},
	post::PostLoop,
	worker::Response,
};
use tokio_util::sync::CancellationToken;

/// Waits until something is so.
async fn until(condition: impl Fn() -> bool) {
	while !condition() {
		tokio::time::sleep(std::time::Duration::from_millis(20)).await;
	}
}

/// A provider with one proven sector in deadline 1, which is open from block 140 to 160.
async fn one_sector() -> Fixture {
	let fixture = Fixture::without_sealing(config()).await;
	fixture.chain.with(|state| {
		let sector = Sector {
			comm_r: CommR([5; 32]),
			comm_d: CommD([6; 32]),
			activated: 50,
			expiration: 10_000,
			deadline: 1,
			partition: 0,
			position: 0,
			pledge: 1,
			deals_left: 1,
			gaps: Vec::new(),
			ended: None,
		};
		state.sectors.insert(0, sector);
		state.partition = Some(Partition {
			last_proof: 0,
			sectors: vec![0],
			faulty: Vec::new(),
			recovering: Vec::new(),
			terminated: Vec::new(),
		});
		state.provider.as_mut().unwrap().deadlines[1] = DeadlineLoad {
			partitions: 1,
			live_sectors: 1,
		};
		state.block = 140;
	});
	fixture
}

fn alert(fixture: &Fixture, topic: Topic) -> Option<Severity> {
	let alerts = fixture.app.monitor.alerts();
	let found = alerts.iter().find(|alert| alert.topic == topic);
	found.map(|alert| {
		assert_eq!(alert.subject, "deadline 1 partition 0");
		alert.severity
	})
}

#[tokio::test]
async fn a_late_proof_is_told_before_the_penalty_and_tried_to_the_last_block() {
	let fixture = one_sector().await;
	let broken = Response::Failed {
		message: "no memory".into(),
		repeat: None,
		sector: None,
	};
	fixture.answer("window-post", &broken);
	let stop = CancellationToken::new();
	let post = tokio::spawn(PostLoop::new(fixture.app.clone()).run(stop.clone()));
	let monitor = &fixture.app.monitor;
	let at = |block| fixture.chain.with(|state| state.block = block);
	let failed = |count| move || monitor.counts().posts_failed >= count;
	until(failed(1)).await;
	assert_eq!(alert(&fixture, Topic::PostLate), None);
	at(147);
	until(failed(2)).await;
	until(|| alert(&fixture, Topic::PostLate) == Some(Severity::Warning)).await;
	at(154);
	until(failed(3)).await;
	until(|| alert(&fixture, Topic::PostLate) == Some(Severity::Critical)).await;
	// The last two blocks of the window both see an attempt.
	at(158);
	until(failed(4)).await;
	at(159);
	until(failed(5)).await;
	at(160);
	until(|| alert(&fixture, Topic::PostMissed) == Some(Severity::Critical)).await;
	assert_eq!(alert(&fixture, Topic::PostLate), None);
	assert_eq!(monitor.counts().posts_missed, 1);
	// In the next period it is proven, and the alert is over.
	let proofs = vec!["cd".repeat(192)];
	fixture.answer("window-post", &Response::Proofs { proofs });
	at(200);
	until(|| monitor.counts().posts_accepted == 1).await;
	until(|| monitor.alerts().is_empty()).await;
	stop.cancel();
	post.await.unwrap();
}

#[tokio::test]
async fn a_refused_proof_and_a_silent_node_do_not_end_the_loop() {
	let fixture = one_sector().await;
	let proofs = vec!["cd".repeat(192)];
	fixture.answer("window-post", &Response::Proofs { proofs });
	fixture.chain.with(|state| {
		state.refused_posts.insert(0, "Proofs.ProofRejected".into());
		state.failures.push_back(unreachable_node());
	});
	let stop = CancellationToken::new();
	let post = tokio::spawn(PostLoop::new(fixture.app.clone()).run(stop.clone()));
	let monitor = &fixture.app.monitor;
	let calls = || fixture.chain.count("submit_window_post");
	// Not included, refused, accepted: each block brings another attempt.
	for attempt in 1..=3 {
		until(|| calls() >= attempt).await;
		fixture.chain.with(|state| state.block += 1);
	}
	until(|| monitor.counts().posts_accepted == 1).await;
	assert_eq!(monitor.counts().posts_refused, 1);
	assert!(monitor.alerts().is_empty());
	stop.cancel();
	post.await.unwrap();
}
