//! From accepted data to money, step by step, with crashes, refusals and lost answers in between.

#![allow(clippy::unwrap_used)]

mod common;

use std::{path::PathBuf, process::Command};

use common::{accepted, config, refusal, run, test_data, unreachable_node, Fixture};
use holdfast_chain_client::Call;
use holdfast_primitives::{piece::compute_comm_d, CommR};
use holdfast_provider::{
	config::Config,
	database::{DealState, SectorState},
	pipeline::Pipeline,
	post::PostLoop,
	store::is_provable,
	tasks::{Handler, Kind, Outcome, TaskError},
	worker::{Repeat, Response},
};
use tokio_util::sync::CancellationToken;

async fn state(fixture: &Fixture, id: &str) -> DealState {
	fixture.app.database.deal(id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn accepted_deals_are_published_together_and_paid_for_by_a_deposit() {
	let fixture = Fixture::new().await;
	let mut ids = Vec::new();
	for nonce in 1u8..=3 {
		ids.push(accepted(&fixture, &test_data(300, nonce), nonce.into()).await);
	}
	run(&fixture, Kind::Publish, "").await.unwrap();
	for id in &ids {
		assert_eq!(state(&fixture, id).await, DealState::Published);
		let events = fixture.app.database.deal_events(id).await.unwrap();
		let last = events.last().unwrap();
		assert_eq!(last.block, Some(102));
		assert_eq!(
			last.extrinsic.as_deref(),
			Some(format!("0x{}", "02".repeat(32)).as_str())
		);
	}
	assert_eq!(
		(
			fixture.chain.count("deposit"),
			fixture.chain.count("publish_deals")
		),
		(1, 1)
	);
	// There is nothing more to do.
	run(&fixture, Kind::Publish, "").await.unwrap();
	assert_eq!(fixture.chain.count("publish_deals"), 1);
}

#[tokio::test]
async fn a_deal_that_was_published_before_a_crash_is_not_published_again() {
	let mut fixture = Fixture::new().await;
	let id = accepted(&fixture, &test_data(300, 1), 1).await;
	fixture.chain.with(|state| {
		state
			.balances
			.get_mut(&fixture.chain.signer.account())
			.unwrap()
			.escrow = 1 << 50;
		state.lost_answers.push_back(unreachable_node());
	});
	assert!(run(&fixture, Kind::Publish, "").await.is_err());
	assert_eq!(state(&fixture, &id).await, DealState::Publishing);
	fixture.restart().await;
	run(&fixture, Kind::Publish, "").await.unwrap();
	assert_eq!(state(&fixture, &id).await, DealState::Published);
	assert_eq!(fixture.chain.count("publish_deals"), 1);
	let events = fixture.app.database.deal_events(&id).await.unwrap();
	assert_eq!(events.last().unwrap().block, Some(101));
}

#[tokio::test]
async fn a_deal_that_was_not_sent_before_a_crash_is_sent_after_it() {
	let mut fixture = Fixture::new().await;
	let id = accepted(&fixture, &test_data(300, 1), 1).await;
	fixture.chain.with(|state| {
		state
			.balances
			.get_mut(&fixture.chain.signer.account())
			.unwrap()
			.escrow = 1 << 50;
		state.failures.push_back(unreachable_node());
	});
	assert!(run(&fixture, Kind::Publish, "")
		.await
		.unwrap_err()
		.is_outage());
	fixture.restart().await;
	run(&fixture, Kind::Publish, "").await.unwrap();
	assert_eq!(state(&fixture, &id).await, DealState::Published);
}

#[tokio::test]
async fn one_bad_deal_does_not_spoil_the_batch() {
	let fixture = Fixture::new().await;
	let good = accepted(&fixture, &test_data(300, 1), 1).await;
	let bad = accepted(&fixture, &test_data(300, 2), 2).await;
	// The client used the nonce with another provider in the meantime.
	let client = fixture.client.account();
	fixture
		.chain
		.with(|state| state.nonces.insert((client, 2), 77));
	run(&fixture, Kind::Publish, "").await.unwrap();
	assert_eq!(state(&fixture, &good).await, DealState::Published);
	assert_eq!(state(&fixture, &bad).await, DealState::Failed);
	let bad = fixture.app.database.deal(&bad).await.unwrap().unwrap();
	assert!(bad.error.unwrap().contains("NonceUsed"));
}

#[tokio::test]
async fn a_wholly_refused_batch_is_told_apart_deal_by_deal() {
	let fixture = Fixture::new().await;
	let one = accepted(&fixture, &test_data(300, 1), 1).await;
	let two = accepted(&fixture, &test_data(300, 2), 2).await;
	fixture.chain.with(|state| {
		state
			.balances
			.get_mut(&fixture.chain.signer.account())
			.unwrap()
			.escrow = 1 << 50;
		state
			.failures
			.push_back(refusal("Market", "InsufficientClientEscrow"));
		state
			.failures
			.push_back(refusal("Market", "InsufficientClientEscrow"));
	});
	run(&fixture, Kind::Publish, "").await.unwrap();
	assert_eq!(state(&fixture, &one).await, DealState::Failed);
	assert_eq!(state(&fixture, &two).await, DealState::Published);
	assert_eq!(fixture.chain.count("publish_deals"), 3);
}

#[tokio::test]
async fn our_own_lack_of_escrow_fails_no_deal() {
	let fixture = Fixture::new().await;
	let id = accepted(&fixture, &test_data(300, 1), 1).await;
	fixture.chain.with(|state| {
		state
			.balances
			.get_mut(&fixture.chain.signer.account())
			.unwrap()
			.escrow = 1 << 50;
		state
			.failures
			.push_back(refusal("Market", "InsufficientProviderEscrow"));
	});
	assert!(run(&fixture, Kind::Publish, "")
		.await
		.unwrap_err()
		.is_outage());
	assert_eq!(state(&fixture, &id).await, DealState::Publishing);
}

#[tokio::test]
async fn what_is_too_late_costs_nothing() {
	let fixture = Fixture::new().await;
	let late = accepted(&fixture, &test_data(300, 1), 1).await;
	fixture.chain.with(|state| state.block = 189);
	run(&fixture, Kind::Publish, "").await.unwrap();
	assert_eq!(state(&fixture, &late).await, DealState::Failed);
	assert_eq!(fixture.chain.count("publish_deals"), 0);
}

#[tokio::test]
async fn several_pieces_share_a_sector() {
	let fixture = Fixture::new().await;
	for (nonce, length) in [(1u8, 200), (2, 1000), (3, 400), (4, 1000)] {
		accepted(&fixture, &test_data(length, nonce), nonce.into()).await;
	}
	run(&fixture, Kind::Publish, "").await.unwrap();
	run(&fixture, Kind::Pack, "").await.unwrap();
	let sizes = |deals: Vec<holdfast_provider::database::Deal>| -> Vec<u64> {
		deals
			.iter()
			.map(|deal| deal.proposal.piece.size.bytes())
			.collect()
	};
	let database = &fixture.app.database;
	assert_eq!(sizes(database.sector_deals(0).await.unwrap()), [1024, 1024]);
	run(&fixture, Kind::Pack, "").await.unwrap();
	assert_eq!(sizes(database.sector_deals(1).await.unwrap()), [512, 256]);
	run(&fixture, Kind::Pack, "").await.unwrap();
	assert_eq!(database.sectors().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_deal_whose_block_was_replaced_is_published_again() {
	let fixture = Fixture::new().await;
	let id = accepted(&fixture, &test_data(300, 1), 1).await;
	run(&fixture, Kind::Publish, "").await.unwrap();
	fixture.chain.with(|state| {
		state.deals.clear();
		state.nonces.clear();
	});
	run(&fixture, Kind::Pack, "").await.unwrap();
	assert_eq!(state(&fixture, &id).await, DealState::Publishing);
	run(&fixture, Kind::Publish, "").await.unwrap();
	run(&fixture, Kind::Pack, "").await.unwrap();
	assert_eq!(state(&fixture, &id).await, DealState::AddingPiece);
}

#[tokio::test]
async fn a_sector_number_that_the_chain_knows_is_not_used() {
	let fixture = Fixture::new().await;
	let id = accepted(&fixture, &test_data(300, 1), 1).await;
	run(&fixture, Kind::Publish, "").await.unwrap();
	fixture.chain.with(|state| {
		let pre_commit = holdfast_chain_client::PreCommit {
			comm_r: Default::default(),
			comm_d: Default::default(),
			ticket_block: 1,
			pre_commit_block: 2,
			expiration: 3,
			deals: Vec::new(),
			deposit: 1,
		};
		state.pre_commits.insert(0, pre_commit);
	});
	run(&fixture, Kind::Pack, "").await.unwrap();
	let deal = fixture.app.database.deal(&id).await.unwrap().unwrap();
	assert_eq!(deal.sector, Some(1));
}

#[tokio::test]
async fn a_sector_without_a_worker_fails_and_its_deal_gets_another_one() {
	let fixture = Fixture::new().await;
	let id = accepted(&fixture, &test_data(300, 1), 1).await;
	run(&fixture, Kind::Publish, "").await.unwrap();
	run(&fixture, Kind::Pack, "").await.unwrap();
	let error = TaskError::never("broken");
	let pipeline = Pipeline::new(fixture.app.clone());
	pipeline.gave_up(Kind::AddPiece, "0", &error).await.unwrap();
	let database = &fixture.app.database;
	assert_eq!(
		database.sector(0).await.unwrap().unwrap().state,
		SectorState::Failed
	);
	assert_eq!(state(&fixture, &id).await, DealState::Published);
	// What is left of the sector's tasks does nothing.
	assert_eq!(
		run(&fixture, Kind::PreCommit1, "0").await.unwrap(),
		Outcome::Done
	);
	run(&fixture, Kind::Pack, "").await.unwrap();
	assert_eq!(database.deal(&id).await.unwrap().unwrap().sector, Some(1));
}

#[tokio::test]
async fn the_record_on_the_chain_follows_the_configuration() {
	let fixture = Fixture::new().await;
	fixture.chain.with(|state| state.provider = None);
	run(&fixture, Kind::Register, "").await.unwrap();
	assert_eq!(fixture.chain.count("register"), 1);
	run(&fixture, Kind::Register, "").await.unwrap();
	assert_eq!(fixture.chain.count("register"), 1);
	fixture.chain.with(|state| {
		let info = state.provider.as_mut().unwrap();
		info.addresses = vec!["http://old".into()];
		info.ask.accepting = false;
		info.free_space = 1;
	});
	run(&fixture, Kind::Register, "").await.unwrap();
	for name in ["set_addresses", "set_ask", "set_free_space"] {
		assert_eq!(fixture.chain.count(name), 1, "{name}");
	}
	fixture.chain.with(|state| {
		let info = state.provider.as_mut().unwrap();
		info.sector_size = holdfast_primitives::SectorSize::MiB8;
	});
	let error = run(&fixture, Kind::Register, "").await.unwrap_err();
	assert!(error
		.to_string()
		.contains("registered with sectors of 8MiB"));
}

#[tokio::test]
async fn an_empty_account_says_what_it_needs() {
	let fixture = Fixture::new().await;
	fixture.chain.with(|state| {
		state.provider = None;
		state.balances.clear();
	});
	let error = run(&fixture, Kind::Register, "").await.unwrap_err();
	assert!(error.is_outage());
	let account = fixture.chain.signer.account().to_string();
	assert!(error.to_string().contains(&account));
}

/// The proving keys of 2 KiB sectors, made once for all tests of this machine.
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

async fn packed(fixture: &Fixture) -> Vec<String> {
	let mut ids = Vec::new();
	for (nonce, length) in [(1u8, 1000), (2, 300)] {
		ids.push(accepted(fixture, &test_data(length, nonce), nonce.into()).await);
	}
	run(fixture, Kind::Publish, "").await.unwrap();
	run(fixture, Kind::Pack, "").await.unwrap();
	ids
}

const ALL_STEPS: [Kind; 8] = [
	Kind::AddPiece,
	Kind::PreCommit1,
	Kind::PreCommit2,
	Kind::PreCommit,
	Kind::WaitSeed,
	Kind::Commit1,
	Kind::Commit2,
	Kind::ProveCommit,
];

/// A sector with two deals, whose sealing steps compute nothing.
async fn packed_without_sealing(config: Config) -> (Fixture, Vec<String>) {
	let fixture = Fixture::without_sealing(config).await;
	let ids = packed(&fixture).await;
	let pieces: Vec<_> = fixture
		.app
		.database
		.sector_deals(0)
		.await
		.unwrap()
		.iter()
		.map(|deal| deal.proposal.piece)
		.collect();
	let sealed = Response::Sealed {
		comm_r: CommR([5; 32]),
		comm_d: compute_comm_d(fixture.chain.sector_size, &pieces).unwrap(),
	};
	fixture.answer("pre-commit-2", &sealed);
	(fixture, ids)
}

/// Does a step until it is done; blocks come while it waits.
async fn finish(fixture: &Fixture, kind: Kind) -> Outcome {
	loop {
		match run(fixture, kind, "0").await.unwrap() {
			Outcome::Again(_) => fixture.chain.with(|state| state.block += 1),
			outcome => return outcome,
		}
	}
}

async fn steps(fixture: &Fixture, kinds: &[Kind]) {
	for kind in kinds {
		finish(fixture, *kind).await;
	}
}

#[tokio::test]
async fn every_step_can_be_done_again_after_a_crash() {
	let (mut fixture, ids) = packed_without_sealing(config()).await;
	for kind in ALL_STEPS {
		// The step is done, but the crash comes before its task is.
		finish(&fixture, kind).await;
		fixture.restart().await;
		let again = finish(&fixture, kind).await;
		assert!(matches!(again, Outcome::Then(_)), "{kind:?}: {again:?}");
	}
	for _ in 0..2 {
		assert_eq!(finish(&fixture, Kind::Finalize).await, Outcome::Done);
	}
	assert_eq!(state(&fixture, &ids[0]).await, DealState::Active);
	assert_eq!(fixture.chain.count("pre_commit_sectors"), 1);
	assert_eq!(fixture.chain.count("prove_commit_sectors"), 1);
	assert_eq!(fixture.chain.count("publish_deals"), 1);
}

#[tokio::test]
async fn answers_that_are_lost_cost_no_second_call() {
	let (fixture, _) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..3]).await;
	let lose = || {
		fixture
			.chain
			.with(|state| state.lost_answers.push_back(unreachable_node()));
	};
	lose();
	assert!(run(&fixture, Kind::PreCommit, "0")
		.await
		.unwrap_err()
		.is_outage());
	assert_eq!(
		finish(&fixture, Kind::PreCommit).await,
		Outcome::Then(Kind::WaitSeed)
	);
	steps(&fixture, &ALL_STEPS[4..7]).await;
	lose();
	assert!(run(&fixture, Kind::ProveCommit, "0")
		.await
		.unwrap_err()
		.is_outage());
	assert_eq!(
		finish(&fixture, Kind::ProveCommit).await,
		Outcome::Then(Kind::Finalize)
	);
	assert_eq!(fixture.chain.count("pre_commit_sectors"), 1);
	assert_eq!(fixture.chain.count("prove_commit_sectors"), 1);
	// The block of the proof was found on the chain.
	let sector = fixture.app.database.sector(0).await.unwrap().unwrap();
	let events = fixture.chain.with(|state| state.events.clone());
	assert!(events.contains_key(&sector.prove_commit_block.unwrap()));
}

/// Behind a relay chain a block can be replaced until it is final, and a proof with it.
#[tokio::test]
async fn what_proves_a_sector_is_kept_until_its_proof_is_final() {
	let (mut fixture, _) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..7]).await;
	let before = fixture.chain.with(|state| {
		state.finalized = Some(state.block);
		(state.pre_commits.clone(), state.block)
	});
	let waits = |outcome| matches!(outcome, Outcome::Again(_));
	assert!(waits(run(&fixture, Kind::ProveCommit, "0").await.unwrap()));
	fixture.restart().await;
	// To wait is no attempt, however long it takes.
	for _ in 0..100 {
		assert!(waits(run(&fixture, Kind::ProveCommit, "0").await.unwrap()));
	}
	let sector = fixture.app.database.sector(0).await.unwrap().unwrap();
	assert_eq!(sector.state, SectorState::ProveCommitting);
	// And whatever happens to its task, a sector that the chain has is not given up.
	Pipeline::new(fixture.app.clone())
		.gave_up(Kind::ProveCommit, "0", &TaskError::never("a fault"))
		.await
		.unwrap();
	let kept = fixture.app.database.sector(0).await.unwrap().unwrap();
	assert_eq!(kept.state, SectorState::ProveCommitting);
	let first = sector.prove_commit_block.unwrap();
	assert!(first > before.1);
	assert_eq!(fixture.chain.count("prove_commit_sectors"), 1);

	// Another block comes in its place, in which the proof is not: it is sent once more.
	fixture.chain.with(|state| {
		state.sectors.clear();
		state.pre_commits = before.0;
		state.block += 5;
	});
	assert!(waits(run(&fixture, Kind::ProveCommit, "0").await.unwrap()));
	assert_eq!(fixture.chain.count("prove_commit_sectors"), 2);
	fixture.chain.with(|state| state.finalized = Some(first));
	assert!(waits(run(&fixture, Kind::ProveCommit, "0").await.unwrap()));
	fixture.chain.with(|state| state.finalized = None);
	assert_eq!(
		run(&fixture, Kind::ProveCommit, "0").await.unwrap(),
		Outcome::Then(Kind::Finalize)
	);
	let sector = fixture.app.database.sector(0).await.unwrap().unwrap();
	assert_eq!(sector.state, SectorState::Finalizing);
	assert!(sector.prove_commit_block.unwrap() > first);
	assert_eq!(fixture.chain.count("prove_commit_sectors"), 2);
}

#[tokio::test]
async fn a_refused_proof_is_made_again_a_bounded_number_of_times() {
	let mut config = config();
	config.sealing.max_attempts = 2;
	let (fixture, _) = packed_without_sealing(config).await;
	steps(&fixture, &ALL_STEPS[..7]).await;
	let refuse = |error: &str| {
		fixture
			.chain
			.with(|state| state.refused_proofs.insert(0, error.into()));
	};
	refuse("Proofs.ProofRejected");
	assert_eq!(
		finish(&fixture, Kind::ProveCommit).await,
		Outcome::Then(Kind::Commit2)
	);
	let refusals = fixture.app.database.refusals(10).await.unwrap();
	assert_eq!(
		(refusals[0].kind.as_str(), refusals[0].error.as_str()),
		("porep", "Proofs.ProofRejected")
	);
	// There is no proof to be sent until a new one is made.
	assert_eq!(
		finish(&fixture, Kind::ProveCommit).await,
		Outcome::Then(Kind::Commit1)
	);
	finish(&fixture, Kind::Commit2).await;
	refuse("Proofs.ProofRejected");
	let error = run(&fixture, Kind::ProveCommit, "0").await.unwrap_err();
	assert!(error.is_final(), "{error}");
}

#[tokio::test]
async fn a_ticket_that_is_too_old_is_drawn_anew_before_the_pre_commit_only() {
	let (fixture, _) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..3]).await;
	fixture.chain.with(|state| {
		state.block += 700;
		for deal in state.deals.values_mut() {
			deal.start += 1000;
		}
	});
	assert_eq!(
		finish(&fixture, Kind::PreCommit).await,
		Outcome::Then(Kind::PreCommit1)
	);
	let database = &fixture.app.database;
	let old = database.sector(0).await.unwrap().unwrap();
	finish(&fixture, Kind::PreCommit1).await;
	let new = database.sector(0).await.unwrap().unwrap();
	assert_eq!(
		new.ticket_block,
		Some(fixture.chain.with(|state| state.block) - 5)
	);
	assert_ne!(new.ticket, old.ticket);
	// Once the chain has the replica, it must be made again as it was, however old its ticket is.
	let mut committed = new.clone();
	committed.pre_commit_block = Some(1);
	database
		.save_sector(&committed, None, None, 1)
		.await
		.unwrap();
	fixture.chain.with(|state| state.block += 700);
	finish(&fixture, Kind::PreCommit1).await;
	assert_eq!(
		database.sector(0).await.unwrap().unwrap().ticket,
		new.ticket
	);
}

#[tokio::test]
async fn a_step_that_lost_its_files_goes_back() {
	let (fixture, _) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..2]).await;
	let lost = Response::Failed {
		message: "the files are gone".into(),
		repeat: Some(Repeat::PreCommit1),
		sector: None,
	};
	fixture.answer("pre-commit-2", &lost);
	assert_eq!(
		finish(&fixture, Kind::PreCommit2).await,
		Outcome::Then(Kind::PreCommit1)
	);
	// That has its limit.
	let error = loop {
		match run(&fixture, Kind::PreCommit2, "0").await {
			Ok(outcome) => assert_eq!(outcome, Outcome::Then(Kind::PreCommit1)),
			Err(error) => break error,
		}
	};
	assert!(error.is_final());
}

#[tokio::test]
async fn an_hour_without_the_node_costs_no_sector() {
	let (fixture, _) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..3]).await;
	for kind in [Kind::PreCommit1, Kind::PreCommit] {
		fixture.chain.with(|state| state.silent = true);
		for _ in 0..100 {
			assert!(run(&fixture, kind, "0").await.unwrap_err().is_outage());
		}
		fixture.chain.with(|state| state.silent = false);
		assert!(matches!(finish(&fixture, kind).await, Outcome::Then(_)));
	}
}

#[tokio::test]
async fn sealed_data_with_another_commitment_is_never_committed() {
	let (fixture, _) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..2]).await;
	let other = Response::Sealed {
		comm_r: CommR([5; 32]),
		comm_d: Default::default(),
	};
	fixture.answer("pre-commit-2", &other);
	assert!(run(&fixture, Kind::PreCommit2, "0")
		.await
		.unwrap_err()
		.is_final());
}

#[tokio::test]
async fn a_sector_whose_deals_are_gone_is_given_up_before_it_costs_money() {
	let (fixture, ids) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..3]).await;
	fixture.chain.with(|state| {
		state.deals.remove(&0);
	});
	let error = run(&fixture, Kind::PreCommit, "0").await.unwrap_err();
	assert!(error.is_final());
	assert_eq!(fixture.chain.count("pre_commit_sectors"), 0);
	// Its start passes, and the deal is over; so is the sector.
	fixture.chain.with(|state| state.block = 300);
	run(&fixture, Kind::Watch, "").await.unwrap();
	let database = &fixture.app.database;
	let states: Vec<_> = [
		state(&fixture, &ids[0]).await,
		state(&fixture, &ids[1]).await,
	]
	.into();
	assert!(states.contains(&DealState::Expired), "{states:?}");
	assert!(run(&fixture, Kind::PreCommit1, "0")
		.await
		.unwrap_err()
		.is_final());
	assert!(database.sector(0).await.unwrap().is_some());
}

#[tokio::test]
async fn a_pre_commit_that_vanished_is_sent_again_and_one_that_expired_is_not() {
	let (fixture, _) = packed_without_sealing(config()).await;
	steps(&fixture, &ALL_STEPS[..4]).await;
	fixture.chain.with(|state| state.pre_commits.clear());
	assert_eq!(
		finish(&fixture, Kind::WaitSeed).await,
		Outcome::Then(Kind::PreCommit)
	);
	finish(&fixture, Kind::PreCommit).await;
	assert_eq!(fixture.chain.count("pre_commit_sectors"), 2);
	fixture.chain.with(|state| {
		state.pre_commits.clear();
		state.block += 1000;
	});
	assert!(run(&fixture, Kind::WaitSeed, "0")
		.await
		.unwrap_err()
		.is_final());
}

/// The real thing: 2 KiB of data, sealed and proven with real proofs by the real child processes.
#[tokio::test(flavor = "multi_thread")]
async fn a_sector_is_sealed_proven_damaged_repaired_and_paid() {
	let mut fixture = Fixture::with(config(), &keys()).await;
	let ids = packed(&fixture).await;
	for kind in ALL_STEPS {
		finish(&fixture, kind).await;
		fixture.restart().await;
		finish(&fixture, kind).await;
	}
	assert_eq!(finish(&fixture, Kind::Finalize).await, Outcome::Done);
	let database = &fixture.app.database;
	let sector = database.sector(0).await.unwrap().unwrap();
	assert_eq!(sector.state, SectorState::Active);
	assert_eq!((sector.deadline, sector.partition), (Some(1), Some(0)));
	assert!(sector.pre_commit_extrinsic.is_some() && sector.prove_commit_extrinsic.is_some());
	assert_eq!(database.stages(0).await.unwrap().len(), 9);
	for id in &ids {
		assert_eq!(state(&fixture, id).await, DealState::Active);
	}
	let paths = fixture.app.store.sector(0).await.unwrap();
	assert!(paths.sealed.exists() && !paths.unsealed.exists() && !paths.work.exists());
	assert!(is_provable(&paths, fixture.chain.sector_size));

	prove_windows(&fixture).await;

	// What was earned is collected, once.
	fixture.chain.with(|state| state.healthy = 40);
	run(&fixture, Kind::Settle, "").await.unwrap();
	run(&fixture, Kind::Settle, "").await.unwrap();
	assert_eq!(fixture.chain.count("settle_deals"), 1);
	let settlements = database.settlements(10).await.unwrap();
	assert_eq!(settlements.len(), 2);
	assert_eq!(settlements[0].blocks, 40);

	// The deals end: they are completed and their data is removed.
	let piece = fixture.app.store.piece(&test_data(300, 2).piece.commitment);
	assert!(piece.exists());
	fixture.chain.with(|state| {
		state.block = 1000;
		state.deals.clear();
		state.sectors.clear();
	});
	run(&fixture, Kind::Watch, "").await.unwrap();
	for id in &ids {
		assert_eq!(state(&fixture, id).await, DealState::Completed);
	}
	assert!(!piece.exists() && !paths.sealed.exists());
	let sector = database.sector(0).await.unwrap().unwrap();
	assert_eq!(sector.state, SectorState::Expired);
}

/// A window whose first proof is refused, one before which the replica is damaged, and one before which
/// it is repaired.
async fn prove_windows(fixture: &Fixture) {
	let database = &fixture.app.database;
	fixture.chain.with(|state| {
		state.block = 200;
		state.refused_posts.insert(0, "Proofs.ProofRejected".into());
	});
	let stop = CancellationToken::new();
	let post = tokio::spawn(PostLoop::new(fixture.app.clone()).run(stop.clone()));
	while database.refusals(10).await.unwrap().is_empty() {
		pause().await;
	}
	fixture.chain.with(|state| state.block = 203);
	while database.posts(10).await.unwrap().is_empty() {
		pause().await;
	}
	assert_eq!(database.refusals(10).await.unwrap()[0].kind, "post");
	let posts = database.posts(10).await.unwrap();
	assert_eq!((posts[0].deadline, posts[0].window_open), (1, 200));
	assert_eq!(posts[0].sectors, [0]);
	assert!(posts[0].extrinsic.is_some());

	let sealed = fixture.app.store.sector(0).await.unwrap().sealed;
	let good = std::fs::read(&sealed).unwrap();
	std::fs::write(&sealed, vec![0xee; good.len()]).unwrap();
	fixture.chain.with(|state| state.block = 250);
	while fixture.chain.count("declare_faults") == 0 {
		pause().await;
	}
	std::fs::write(&sealed, good).unwrap();
	fixture.chain.with(|state| state.block = 310);
	while fixture.chain.count("declare_recoveries") == 0 {
		pause().await;
	}
	fixture.chain.with(|state| state.block = 320);
	while database.posts(10).await.unwrap().len() < 2 {
		pause().await;
	}
	stop.cancel();
	post.await.unwrap();
	let last = fixture.chain.with(|state| state.calls.last().cloned());
	assert!(matches!(
		last,
		Some(Call::SubmitWindowPost { deadline: 1, .. })
	));
}

async fn pause() {
	tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}
