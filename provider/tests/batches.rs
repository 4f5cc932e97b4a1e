//! What goes to the chain together, and what becomes of each part of it.

#![allow(clippy::unwrap_used)]

mod common;

use common::{accepted, config, run, test_data, unreachable_node, Fixture};
use holdfast_chain_client::Call;
use holdfast_primitives::{piece::compute_comm_d, CommR};
use holdfast_provider::{
	post::PostLoop,
	tasks::{Kind, Outcome},
	worker::Response,
};
use tokio_util::sync::CancellationToken;

const STEPS: [Kind; 7] = [
	Kind::AddPiece,
	Kind::PreCommit1,
	Kind::PreCommit2,
	Kind::PreCommit,
	Kind::WaitSeed,
	Kind::Commit1,
	Kind::Commit2,
];

async fn pause() {
	tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

/// Two sectors with the same data, whose proofs are made.
async fn two_sectors_to_prove() -> Fixture {
	let fixture = Fixture::without_sealing(config()).await;
	let data = test_data(2000, 1);
	for nonce in [1, 2] {
		accepted(&fixture, &data, nonce).await;
	}
	run(&fixture, Kind::Publish, "").await.unwrap();
	for _ in 0..2 {
		run(&fixture, Kind::Pack, "").await.unwrap();
	}
	let sealed = Response::Sealed {
		comm_r: CommR([5; 32]),
		comm_d: compute_comm_d(fixture.chain.sector_size, &[data.piece]).unwrap(),
	};
	fixture.answer("pre-commit-2", &sealed);
	for sector in ["0", "1"] {
		for kind in &STEPS {
			while let Outcome::Again(_) = run(&fixture, *kind, sector).await.unwrap() {
				fixture.chain.with(|state| state.block += 1);
			}
		}
		let database = &fixture.app.database;
		database
			.queue_task(Kind::ProveCommit, sector, 0)
			.await
			.unwrap();
	}
	fixture
}

#[tokio::test]
async fn sectors_that_are_ready_together_are_proven_in_one_call() {
	let fixture = two_sectors_to_prove().await;
	let (first, second) = tokio::join!(
		run(&fixture, Kind::ProveCommit, "0"),
		run(&fixture, Kind::ProveCommit, "1")
	);
	assert_eq!(first.unwrap(), Outcome::Then(Kind::Finalize));
	assert_eq!(second.unwrap(), Outcome::Then(Kind::Finalize));
	assert_eq!(fixture.chain.count("prove_commit_sectors"), 1);
}

#[tokio::test]
async fn a_bad_proof_among_good_ones_is_made_again_alone() {
	let fixture = two_sectors_to_prove().await;
	fixture.chain.with(|state| {
		state
			.refused_proofs
			.insert(1, "Proofs.ProofRejected".into())
	});
	let (first, second) = tokio::join!(
		run(&fixture, Kind::ProveCommit, "0"),
		run(&fixture, Kind::ProveCommit, "1")
	);
	assert_eq!(first.unwrap(), Outcome::Then(Kind::Finalize));
	assert_eq!(second.unwrap(), Outcome::Then(Kind::Commit2));
	let refusals = fixture.app.database.refusals(10).await.unwrap();
	assert_eq!(refusals.len(), 1);
	assert!(refusals[0].subject.contains('1'));
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_is_asked_for_and_not_sent_again() {
	let fixture = two_sectors_to_prove().await;
	fixture
		.chain
		.with(|state| state.lost_answers.push_back(unreachable_node()));
	let (first, second) = tokio::join!(
		run(&fixture, Kind::ProveCommit, "0"),
		run(&fixture, Kind::ProveCommit, "1")
	);
	assert!(first.unwrap_err().is_outage() && second.unwrap_err().is_outage());
	for sector in ["0", "1"] {
		let again = run(&fixture, Kind::ProveCommit, sector).await.unwrap();
		assert_eq!(again, Outcome::Then(Kind::Finalize));
	}
	assert_eq!(fixture.chain.count("prove_commit_sectors"), 1);
}

#[tokio::test]
async fn a_sector_that_cannot_be_proven_is_skipped_and_the_other_one_is_proven() {
	let fixture = two_sectors_to_prove().await;
	for sector in ["0", "1"] {
		run(&fixture, Kind::ProveCommit, sector).await.unwrap();
		let paths = fixture
			.app
			.store
			.sector(sector.parse().unwrap())
			.await
			.unwrap();
		std::fs::create_dir_all(&paths.cache).unwrap();
		std::fs::create_dir_all(paths.sealed.parent().unwrap()).unwrap();
		std::fs::write(&paths.sealed, vec![0; 2048]).unwrap();
		for name in ["p_aux", "t_aux", "sc-02-data-tree-r-last.dat"] {
			std::fs::write(paths.cache.join(name), "x").unwrap();
		}
	}
	let failed = Response::Failed {
		message: "unreadable".into(),
		repeat: None,
		sector: Some(1),
	};
	fixture.answer("failed", &failed);
	let proofs = vec!["cd".repeat(192)];
	fixture.answer("window-post", &Response::Proofs { proofs });
	fixture.answer_by(
		"window-post",
		"case \"$1\" in *'\"sector\":1,'*) name=failed ;; *) name=window-post ;; esac\n\
		exec cat \"$HOLDFAST_KEYS/$name.json\"\n",
	);
	fixture.answer("check-sectors", &Response::Provable { sectors: vec![0] });
	fixture.chain.with(|state| state.block = 200);
	let stop = CancellationToken::new();
	let post = tokio::spawn(PostLoop::new(fixture.app.clone()).run(stop.clone()));
	while fixture.app.database.posts(10).await.unwrap().is_empty() {
		pause().await;
	}
	stop.cancel();
	post.await.unwrap();
	let posts = fixture.app.database.posts(10).await.unwrap();
	assert_eq!(posts[0].sectors, [0]);
	let (last, faulty) = fixture.chain.with(|state| {
		let faulty = state.partition.as_ref().unwrap().faulty.clone();
		(state.calls.last().cloned(), faulty)
	});
	let Some(Call::SubmitWindowPost { submissions, .. }) = last else {
		panic!("{last:?}");
	};
	assert_eq!(submissions[0].skipped, [1]);
	assert_eq!(submissions[0].proof, [0xcd; 192]);
	assert_eq!(faulty, [1]);
}
