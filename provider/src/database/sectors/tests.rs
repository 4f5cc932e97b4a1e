#![allow(clippy::unwrap_used)]
use super::*;
use crate::database::{deals::tests::deal, scratch, Deal};

async fn published(database: &Database, nonce: u64, start: BlockNumber) -> Deal {
	let mut one = deal(nonce);
	one.proposal.start = start;
	database.insert_deal(&one).await.unwrap();
	for (from, state) in [
		(DealState::AwaitingData, DealState::Accepted),
		(DealState::Accepted, DealState::Publishing),
	] {
		let event = DealEvent {
			state,
			at: 20,
			block: None,
			extrinsic: None,
		};
		database.move_deal(&one.id, from, &event).await.unwrap();
	}
	let event = DealEvent {
		state: DealState::Published,
		at: 20,
		block: None,
		extrinsic: None,
	};
	database
		.deal_published(&one.id, nonce, &event)
		.await
		.unwrap();
	one
}

#[test]
fn every_state_has_one_name_which_the_api_shows() {
	for state in SectorState::ALL {
		assert_eq!(SectorState::from_name(state.name()), Some(state));
		assert_eq!(
			serde_json::to_value(state).unwrap(),
			serde_json::Value::from(state.name())
		);
	}
}

#[tokio::test]
async fn numbers_are_never_used_twice() {
	let (_folder, database) = scratch().await;
	let mut numbers = Vec::new();
	for nonce in 0..3 {
		let one = published(&database, nonce, 100).await;
		let at_least = if nonce == 1 { 10 } else { 0 };
		numbers.push(
			database
				.create_sector(&[one.id], at_least, 1)
				.await
				.unwrap(),
		);
	}
	assert_eq!(numbers, [Some(0), Some(10), Some(11)]);
	// Each has its first task from its first moment on: without one it would wait for ever.
	let tasks = database.tasks().await.unwrap();
	let tasks: Vec<_> = tasks
		.iter()
		.map(|task| (task.kind.as_str(), task.subject.as_str()))
		.collect();
	assert_eq!(
		tasks,
		[("add-piece", "0"), ("add-piece", "10"), ("add-piece", "11")]
	);
}

#[tokio::test]
async fn a_deal_is_never_in_two_sectors() {
	let (_folder, database) = scratch().await;
	let one = published(&database, 1, 100).await;
	let other = published(&database, 2, 100).await;
	assert_eq!(
		database
			.create_sector(std::slice::from_ref(&one.id), 0, 1)
			.await
			.unwrap(),
		Some(0)
	);
	assert_eq!(
		database
			.create_sector(&[other.id.clone(), one.id.clone()], 0, 1)
			.await
			.unwrap(),
		None
	);
	let other = database.deal(&other.id).await.unwrap().unwrap();
	assert_eq!((other.state, other.sector), (DealState::Published, None));
	assert_eq!(database.sectors().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_sector_keeps_what_was_saved_and_its_deals_follow() {
	let (_folder, database) = scratch().await;
	let one = published(&database, 1, 100).await;
	let number = database
		.create_sector(std::slice::from_ref(&one.id), 0, 1)
		.await
		.unwrap()
		.unwrap();
	let mut sector = database.sector(number).await.unwrap().unwrap();
	sector.state = SectorState::PreCommitted;
	sector.ticket_block = Some(5);
	sector.ticket = Some([1; 32]);
	sector.comm_d = Some(CommD([2; 32]));
	sector.comm_r = Some(CommR([3; 32]));
	sector.expiration = Some(900);
	sector.pre_commit_block = Some(8);
	sector.pre_commit_extrinsic = Some("0x01".into());
	sector.seed = Some([4; 32]);
	sector.deadline = Some(1);
	sector.partition = Some(2);
	database
		.save_sector(&sector, Some(8), Some("0x01"), 99)
		.await
		.unwrap();
	sector.changed_at = 99;
	assert_eq!(database.sector(number).await.unwrap(), Some(sector.clone()));
	let events = database.deal_events(&one.id).await.unwrap();
	let last = events.last().unwrap();
	assert_eq!(last.state, DealState::PreCommitted);
	assert_eq!(
		(last.block, last.extrinsic.as_deref()),
		(Some(8), Some("0x01"))
	);
	// Saving the same state again adds no event.
	database
		.save_sector(&sector, None, None, 100)
		.await
		.unwrap();
	assert_eq!(
		database.deal_events(&one.id).await.unwrap().len(),
		events.len()
	);
}

#[tokio::test]
async fn a_failed_sector_gives_back_the_deals_that_have_time() {
	let (_folder, database) = scratch().await;
	let early = published(&database, 1, 100).await;
	let late = published(&database, 2, 500).await;
	let number = database
		.create_sector(&[early.id.clone(), late.id.clone()], 0, 1)
		.await
		.unwrap()
		.unwrap();
	database
		.fail_sector(number, "broken", 200, 50)
		.await
		.unwrap();
	let early = database.deal(&early.id).await.unwrap().unwrap();
	assert_eq!(early.state, DealState::Failed);
	assert_eq!(early.error.as_deref(), Some("broken"));
	let late = database.deal(&late.id).await.unwrap().unwrap();
	assert_eq!((late.state, late.sector), (DealState::Published, None));
	assert_eq!(
		database.create_sector(&[late.id], 0, 60).await.unwrap(),
		Some(number + 1)
	);
}

#[tokio::test]
async fn stages_keep_their_times() {
	let (_folder, database) = scratch().await;
	let one = published(&database, 1, 100).await;
	let number = database
		.create_sector(&[one.id], 0, 1)
		.await
		.unwrap()
		.unwrap();
	database
		.begin_stage(number, "pre-commit-1", 5)
		.await
		.unwrap();
	database
		.begin_stage(number, "pre-commit-1", 7)
		.await
		.unwrap();
	database.end_stage(number, "pre-commit-1", 9).await.unwrap();
	assert_eq!(
		database.stages(number).await.unwrap(),
		[Stage {
			stage: "pre-commit-1".into(),
			started_at: 7,
			finished_at: Some(9),
			runs: 2,
		}]
	);
}
