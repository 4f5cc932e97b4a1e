#![allow(clippy::unwrap_used)]
use super::*;
use crate::database::scratch;
use holdfast_primitives::{CommP, PaddedPieceSize, PieceInfo};

pub(crate) fn deal(nonce: u64) -> Deal {
	let proposal = DealProposal {
		piece: PieceInfo {
			commitment: CommP([7; 32]),
			size: PaddedPieceSize::new(256).unwrap(),
		},
		client: [1; 32],
		provider: [2; 32],
		start: 100,
		end: 200,
		price_per_block: 5,
		provider_collateral: 50,
		nonce,
		expires: 90,
	};
	Deal {
		id: format!("{nonce:064x}"),
		proposal,
		signature: [3; 64],
		payload_bytes: 254,
		root: "bafyroot".into(),
		state: DealState::AwaitingData,
		received: 0,
		deal_id: None,
		sector: None,
		error: None,
		created_at: 10,
		changed_at: 10,
	}
}

fn event(state: DealState) -> DealEvent {
	DealEvent {
		state,
		at: 20,
		block: Some(7),
		extrinsic: Some("0xab".into()),
	}
}

#[test]
fn every_state_has_one_name_which_the_api_shows() {
	for state in DealState::ALL {
		assert_eq!(DealState::from_name(state.name()), Some(state));
		assert_eq!(
			serde_json::to_value(state).unwrap(),
			serde_json::Value::from(state.name())
		);
	}
	assert_eq!(DealState::from_name("sealed"), None);
}

#[tokio::test]
async fn a_deal_is_stored_once_and_its_nonce_with_it() {
	let (_folder, database) = scratch().await;
	let first = deal(u64::MAX);
	assert_eq!(database.insert_deal(&first).await.unwrap(), Inserted::New);
	assert_eq!(
		database.insert_deal(&first).await.unwrap(),
		Inserted::Existing(Box::new(first.clone()))
	);
	let mut other = first.clone();
	other.id = "f".repeat(64);
	other.proposal.end = 300;
	assert_eq!(
		database.insert_deal(&other).await.unwrap(),
		Inserted::NonceTaken
	);
	assert_eq!(database.deal(&first.id).await.unwrap(), Some(first));
	assert_eq!(database.deal(&other.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_deal_moves_only_from_the_state_that_it_is_in() {
	let (_folder, database) = scratch().await;
	let one = deal(1);
	database.insert_deal(&one).await.unwrap();
	let accepted = event(DealState::Accepted);
	assert!(!database
		.move_deal(&one.id, DealState::Published, &accepted)
		.await
		.unwrap());
	assert!(database
		.move_deal(&one.id, DealState::AwaitingData, &accepted)
		.await
		.unwrap());
	assert!(!database
		.move_deal(&one.id, DealState::AwaitingData, &accepted)
		.await
		.unwrap());
	let events = database.deal_events(&one.id).await.unwrap();
	assert_eq!(events.len(), 2);
	assert_eq!(events.last(), Some(&accepted));
}

#[tokio::test]
async fn publishing_is_noted_once_and_can_be_taken_back() {
	let (_folder, database) = scratch().await;
	let one = deal(1);
	database.insert_deal(&one).await.unwrap();
	database
		.move_deal(
			&one.id,
			DealState::AwaitingData,
			&event(DealState::Publishing),
		)
		.await
		.unwrap();
	for _ in 0..2 {
		database
			.deal_published(&one.id, 9, &event(DealState::Published))
			.await
			.unwrap();
	}
	assert_eq!(database.deal_events(&one.id).await.unwrap().len(), 3);
	assert_eq!(database.chain_deals().await.unwrap().len(), 1);
	database.unpublish_deal(&one.id, 30).await.unwrap();
	let back = database.deal(&one.id).await.unwrap().unwrap();
	assert_eq!((back.state, back.deal_id), (DealState::Publishing, None));
	assert_eq!(database.unpublished_deals(&[1; 32]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_ended_deal_stays_ended() {
	let (_folder, database) = scratch().await;
	let one = deal(1);
	database.insert_deal(&one).await.unwrap();
	database
		.end_deal(&one.id, DealState::Failed, Some("no"), 30)
		.await
		.unwrap();
	database
		.end_deal(&one.id, DealState::Expired, None, 40)
		.await
		.unwrap();
	let over = database.deal(&one.id).await.unwrap().unwrap();
	assert_eq!(over.state, DealState::Failed);
	assert_eq!(over.error.as_deref(), Some("no"));
	assert_eq!(database.deal_events(&one.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_waits_is_counted_by_client() {
	let (_folder, database) = scratch().await;
	for nonce in 0..3 {
		let mut one = deal(nonce);
		if nonce == 2 {
			one.proposal.client = [9; 32];
		}
		database.insert_deal(&one).await.unwrap();
	}
	database.set_received(&deal(0).id, 54).await.unwrap();
	assert_eq!(
		database.waiting(&[1; 32]).await.unwrap(),
		Waiting {
			all: 3,
			of_client: 2,
			missing_bytes: 708,
			unsealed_bytes: 768,
		}
	);
}
