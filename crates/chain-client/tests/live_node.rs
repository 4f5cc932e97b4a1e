//! Against a node of a development chain: `holdfast-node --dev`, then
//! `HOLDFAST_NODE=ws://127.0.0.1:9944 cargo test -p holdfast-chain-client --test live_node -- --ignored`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use futures::{future::join_all, StreamExt};
use holdfast_chain_client::{
	drip, AccountId, Ask, Call, ChainClient, Event, Included, Sender, Signer, SubmitError,
};
use holdfast_primitives::SectorSize;

const UNIT: u128 = 1_000_000_000_000;

async fn chain() -> ChainClient {
	let url = std::env::var("HOLDFAST_NODE").unwrap_or_else(|_| "ws://127.0.0.1:9944".to_owned());
	let chain = ChainClient::connect(&url).await.unwrap();
	chain.verify_runtime().await.unwrap();
	chain
}

/// An account that nobody used before, with some money.
async fn somebody(chain: &ChainClient, free: u128) -> Sender {
	let folder = tempfile::tempdir().unwrap();
	let signer = Signer::create_file(folder.path().join("key")).unwrap();
	let bank = Sender::new(chain.clone(), Signer::development("//Alice").unwrap());
	bank.submit(Call::Transfer {
		to: signer.account(),
		amount: free,
	})
	.await
	.unwrap();
	Sender::new(chain.clone(), signer)
}

fn ask() -> Ask {
	Ask {
		price_per_gib_block: 1_000,
		min_piece_bytes: 128,
		max_piece_bytes: 2_048,
		accepting: true,
	}
}

#[tokio::test]
#[ignore = "needs a node"]
async fn concurrent_calls_all_take_effect_once() {
	let chain = chain().await;
	let sender = somebody(&chain, 100 * UNIT).await;
	let calls = (0..20).map(|_| sender.submit(Call::Deposit(UNIT)));
	let included: Vec<Included> = join_all(calls)
		.await
		.into_iter()
		.collect::<Result<_, _>>()
		.unwrap();
	let places: BTreeSet<(u32, u32)> = included
		.iter()
		.map(|included| (included.block, included.extrinsic_index))
		.collect();
	assert_eq!(places.len(), 20);
	let balance = chain.balance(&sender.account()).await.unwrap();
	assert_eq!(balance.escrow, 20 * UNIT);
	assert!(balance.free < 80 * UNIT);
	sender.submit(Call::Withdraw(5 * UNIT)).await.unwrap();
	let balance = chain.balance(&sender.account()).await.unwrap();
	assert_eq!(balance.escrow, 15 * UNIT);
}

#[tokio::test]
#[ignore = "needs a node"]
async fn two_programs_can_use_one_account() {
	let chain = chain().await;
	let first = somebody(&chain, 100 * UNIT).await;
	let second = Sender::new(chain.clone(), first.signer().clone());
	let calls = (0..10).map(|index| {
		let sender = if index % 2 == 0 { &first } else { &second };
		sender.submit(Call::Deposit(UNIT))
	});
	for result in join_all(calls).await {
		result.unwrap();
	}
	let balance = chain.balance(&first.account()).await.unwrap();
	assert_eq!(balance.escrow, 10 * UNIT);
}

#[tokio::test]
#[ignore = "needs a node"]
async fn refusals_are_explained() {
	let chain = chain().await;
	let sender = somebody(&chain, 10 * UNIT).await;
	let error = sender.submit(Call::Withdraw(UNIT)).await.unwrap_err();
	assert!(
		matches!(&error, SubmitError::Dispatch { pallet, error, .. }
			if pallet == "Market" && error == "InsufficientEscrow"),
		"{error:?}"
	);
	let folder = tempfile::tempdir().unwrap();
	let poor = Signer::create_file(folder.path().join("key")).unwrap();
	let poor = Sender::new(chain.clone(), poor);
	let error = poor.submit(Call::Deposit(UNIT)).await.unwrap_err();
	assert!(error.to_string().contains("cannot pay"), "{error}");
}

#[tokio::test]
#[ignore = "needs a node"]
async fn a_provider_registers_and_is_found() {
	let chain = chain().await;
	let sender = somebody(&chain, 100 * UNIT).await;
	let account = sender.account();
	assert_eq!(chain.provider(&account).await.unwrap(), None);
	sender
		.submit(Call::Register {
			sector_size: SectorSize::KiB2,
			addresses: vec!["http://127.0.0.1:1".to_owned()],
			ask: ask(),
			free_space: 77,
		})
		.await
		.unwrap();
	let info = chain.provider(&account).await.unwrap().unwrap();
	assert_eq!(info.sector_size, SectorSize::KiB2);
	assert_eq!(info.addresses, ["http://127.0.0.1:1"]);
	assert_eq!(info.ask, ask());
	assert_eq!(info.free_space, 77);
	let providers = chain.providers().await.unwrap();
	assert!(providers.contains(&(account, info)));

	let other = Ask {
		accepting: false,
		..ask()
	};
	sender.submit(Call::SetAsk(other)).await.unwrap();
	sender.submit(Call::SetFreeSpace(1)).await.unwrap();
	let moved = vec!["http://127.0.0.1:2".to_owned()];
	sender
		.submit(Call::SetAddresses(moved.clone()))
		.await
		.unwrap();
	let info = chain.provider(&account).await.unwrap().unwrap();
	assert_eq!((info.ask, info.free_space), (other, 1));
	assert_eq!(info.addresses, moved);

	assert_eq!(chain.sector(&account, 1).await.unwrap(), None);
	assert_eq!(chain.pre_commit(&account, 1).await.unwrap(), None);
	assert_eq!(chain.partition(&account, 0, 0).await.unwrap(), None);
	assert_eq!(chain.health(&account, 1, 0, 10).await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs a node"]
async fn blocks_come_and_have_randomness() {
	let chain = chain().await;
	let mut blocks = chain.subscribe_blocks().await.unwrap();
	let first = blocks.next().await.unwrap().unwrap();
	let second = blocks.next().await.unwrap().unwrap();
	assert!(second.number > first.number);
	assert_eq!(
		chain.block_hash(first.number).await.unwrap(),
		Some(first.hash)
	);
	assert!(chain.is_final(&first).await.unwrap());
	assert!(chain.randomness(second.number).await.unwrap().is_some());
	assert_eq!(chain.randomness(second.number + 1_000).await.unwrap(), None);
	assert_eq!(chain.policy().await.unwrap().validate(), Ok(()));
	assert_eq!(chain.deal(u64::MAX).await.unwrap(), None);
	assert!(!chain.nonce_used(&AccountId([9; 32]), 1).await.unwrap());
	let events = chain.events_at(first.hash).await.unwrap();
	assert!(events.iter().any(|(extrinsic, event)| {
		extrinsic.is_some() && matches!(event, Event::Other { pallet, .. } if pallet == "System")
	}));
	assert!(chain.events_at([0xee; 32]).await.is_err());
}

#[tokio::test]
#[ignore = "needs a node"]
async fn the_faucet_gives_once() {
	let chain = chain().await;
	let folder = tempfile::tempdir().unwrap();
	let account = Signer::create_file(folder.path().join("key"))
		.unwrap()
		.account();
	drip(&chain, &account).await.unwrap();
	assert!(chain.balance(&account).await.unwrap().free > 0);
	let error = drip(&chain, &account).await.unwrap_err();
	assert!(matches!(error, SubmitError::Rejected { .. }), "{error:?}");
}

/// Passes as well when the node is stopped and started again meanwhile, with its data kept.
#[tokio::test]
#[ignore = "needs a node"]
async fn a_series_of_calls_takes_effect_exactly() {
	let chain = chain().await;
	let sender = somebody(&chain, 100 * UNIT).await;
	for done in 1..=20 {
		sender.submit(Call::Deposit(UNIT)).await.unwrap();
		let balance = chain.balance(&sender.account()).await.unwrap();
		assert_eq!(balance.escrow, done * UNIT);
	}
}
