//! The sender against a node that misbehaves on purpose.

#![allow(clippy::unwrap_used)]

mod node;

use std::collections::BTreeSet;

use codec::Encode;

use self::node::{Node, Then};
use crate::{drip, Call, Sender, Signer, SubmitError};

async fn sender(node: &Node) -> Sender {
	let client = node.connect().await;
	Sender::new(client, Signer::development("//Alice").unwrap())
}

fn call() -> Call {
	Call::Deposit(1_000)
}

#[tokio::test]
async fn an_included_call_reports_its_place_and_events() {
	let node = Node::new([Then::Include]);
	let sender = sender(&node).await;
	let before = node.best();
	let included = sender.submit(call()).await.unwrap();
	assert_eq!(included.block, before + 1);
	assert_eq!(included.block_hash, Node::hash(before + 1));
	assert_eq!(included.extrinsic_index, 1, "after the inherent");
	assert_eq!(included.events.len(), 1);
	assert_eq!(node.sent().len(), 1);
}

#[tokio::test]
async fn a_failed_call_says_why() {
	// `DispatchError::BadOrigin`.
	let node = Node::new([Then::Fail(2u8.encode())]);
	let sender = sender(&node).await;
	let error = sender.submit(call()).await.unwrap_err();
	assert!(!error.may_still_happen());
	assert!(
		matches!(&error, SubmitError::Dispatch { pallet, error, block, .. }
			if pallet == "System" && error == "BadOrigin" && block.number == node.best()),
		"{error:?}"
	);
	// The nonce is used, and the next call gets the next one.
	sender.submit(call()).await.unwrap();
	assert_eq!(node.nonces(), [0, 1]);
}

#[tokio::test]
async fn concurrent_calls_use_different_nonces() {
	let node = Node::new([]);
	let sender = sender(&node).await;
	let calls = (0..8).map(|_| sender.submit(call()));
	for result in futures::future::join_all(calls).await {
		result.unwrap();
	}
	let nonces: BTreeSet<u64> = node.nonces().into_iter().collect();
	assert_eq!(nonces, (0..8).collect());
	assert_eq!(node.sent().len(), 8);
}

#[tokio::test]
async fn a_pool_whose_count_lags_behind_is_not_given_a_nonce_twice() {
	let node = Node::new([]);
	node.lag();
	let sender = sender(&node).await;
	for _ in 0..3 {
		sender.submit(call()).await.unwrap();
	}
	assert_eq!(node.nonces(), [0, 1, 2]);
}

#[tokio::test]
async fn a_nonce_that_another_program_used_is_replaced() {
	let node = Node::new([Then::Usurp, Then::Include]);
	let sender = sender(&node).await;
	sender.submit(call()).await.unwrap();
	assert_eq!(node.nonces(), [0, 1]);
}

#[tokio::test]
async fn an_outdated_transaction_is_made_anew() {
	let node = Node::new([
		Then::Refuse(1010, "Transaction is outdated"),
		Then::Refuse(1014, "too low priority"),
		Then::Include,
	]);
	let sender = sender(&node).await;
	sender.submit(call()).await.unwrap();
	assert_eq!(node.included(), 1);
}

#[tokio::test]
async fn an_invalid_transaction_is_reported_and_not_repeated() {
	let node = Node::new([Then::Refuse(1010, "Inability to pay some fees")]);
	let sender = sender(&node).await;
	let error = sender.submit(call()).await.unwrap_err();
	assert!(
		error
			.to_string()
			.contains("cannot pay the transaction's fee"),
		"{error}"
	);
	assert!(!error.may_still_happen());
	assert_eq!(node.sent().len(), 1);
	// The nonce was not used.
	sender.submit(call()).await.unwrap();
	assert_eq!(node.nonces(), [0, 0]);
}

#[tokio::test]
async fn a_full_pool_is_reported_after_a_few_attempts() {
	let node = Node::new(vec![Then::Refuse(1016, "limit"); 5]);
	let sender = sender(&node).await;
	let error = sender.submit(call()).await.unwrap_err();
	assert!(matches!(error, SubmitError::Rejected { .. }), "{error:?}");
	assert_eq!(node.sent().len(), 5);
}

#[tokio::test]
async fn an_inclusion_that_the_lost_connection_hid_is_found_in_the_chain() {
	let node = Node::new([Then::IncludeUnseen]);
	let sender = sender(&node).await;
	let included = sender.submit(call()).await.unwrap();
	assert_eq!(included.block, node.best());
	assert_eq!(node.sent().len(), 1);
}

#[tokio::test]
async fn a_forgotten_transaction_is_sent_again_as_it_was() {
	let node = Node::new([Then::Forget, Then::Forget, Then::Include]);
	let sender = sender(&node).await;
	sender.submit(call()).await.unwrap();
	let sent = node.sent();
	assert_eq!(sent.len(), 3);
	assert!(sent.iter().all(|bytes| *bytes == sent[0]));
	assert_eq!(node.included(), 1);
}

#[tokio::test]
async fn an_expired_transaction_is_made_anew() {
	let node = Node::new([Then::Expire, Then::Include]);
	let sender = sender(&node).await;
	sender.submit(call()).await.unwrap();
	let sent = node.sent();
	assert_eq!(sent.len(), 2);
	assert_ne!(sent[0], sent[1]);
	// Nobody used the nonce in the meantime.
	assert_eq!(node.nonces(), [0, 0]);
}

#[tokio::test]
async fn a_transaction_that_expires_again_and_again_is_given_up() {
	let node = Node::new(vec![Then::Expire; 5]);
	let sender = sender(&node).await;
	let error = sender.submit(call()).await.unwrap_err();
	assert!(
		matches!(error, SubmitError::Expired { attempts: 5 }),
		"{error:?}"
	);
	assert!(!error.may_still_happen());
	assert_eq!(node.included(), 0);
}

#[tokio::test]
async fn a_call_that_is_too_large_is_not_sent() {
	let node = Node::new([]);
	let sender = sender(&node).await;
	let error = sender
		.submit(Call::SettleDeals(vec![0; 33]))
		.await
		.unwrap_err();
	assert!(matches!(error, SubmitError::Call(_)), "{error:?}");
	assert!(node.sent().is_empty());
}

#[tokio::test]
async fn the_faucet_needs_no_key() {
	let node = Node::new([Then::Include, Then::Refuse(1010, "Custom error: 1")]);
	let client = node.connect().await;
	let account = Signer::development("//Bob").unwrap().account();
	drip(&client, &account).await.unwrap();
	assert!(node.sent()[0].ends_with(&account.0));
	let error = drip(&client, &account).await.unwrap_err();
	assert!(matches!(error, SubmitError::Rejected { .. }), "{error:?}");
}

#[tokio::test]
async fn blocks_are_final_only_below_the_finalized_one() {
	let node = Node::new([]);
	let client = node.connect().await;
	let best = client.best_block().await.unwrap();
	assert_eq!(best.number, node.best());
	assert!(client.is_final(&best).await.unwrap());
	let replaced = crate::BlockRef {
		hash: [0xee; 32],
		..best
	};
	assert!(!client.is_final(&replaced).await.unwrap());
	let future = crate::BlockRef {
		number: best.number + 1,
		..best
	};
	assert!(!client.is_final(&future).await.unwrap());
}
