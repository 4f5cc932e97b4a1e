//! The provider is killed in every stage of its pipeline and started again: the sector is proven, and
//! nothing is paid or pre-committed twice.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
	fs,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::Duration,
};

use common::{bytes, options, Folder};
use holdfast_chain_client::{DealState, Event, Signer};
use holdfast_client::{
	devnet::{Devnet, DevnetError},
	put, PutEvent, PutOptions,
};
use tokio::time::sleep;

/// Where the provider kills itself with SIGKILL, in the order of the pipeline. What ends in `-sent` is in a
/// block, but the provider has not noted it yet.
const POINTS: [&str; 12] = [
	"data-stored",
	"accepted",
	"publishing",
	"publishing-sent",
	"adding-piece",
	"pre-commit-1",
	"pre-commit-2",
	"pre-committing-sent",
	"proving",
	"prove-committing-sent",
	"finalizing",
	"post-sent",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_killed_in_every_stage_proves_its_sector_and_pays_once() {
	let folder = Folder::new();
	let mut devnet = Devnet::start(options(folder.path()), &mut |_| ())
		.await
		.unwrap();
	let first_block = devnet.chain.best_block().await.unwrap().number;
	let file = folder.path().join("file");
	fs::write(&file, bytes(3 << 20, 11)).unwrap();

	// The first kill is in the middle of the upload.
	let halfway = Arc::new(AtomicBool::new(false));
	let storing = {
		let (chain, halfway) = (devnet.chain.clone(), Arc::clone(&halfway));
		let signer = Signer::from_file(&devnet.client_key).unwrap();
		let options = PutOptions {
			start_in: Some(600),
			..PutOptions::new(file)
		};
		tokio::spawn(async move {
			let report = move |event: PutEvent| {
				if matches!(event, PutEvent::Uploading { done, .. } if done > 0) {
					halfway.store(true, Ordering::SeqCst);
				}
			};
			put(&chain, &signer, &options, &report).await
		})
	};
	while !halfway.load(Ordering::SeqCst) {
		sleep(Duration::from_millis(5)).await;
	}
	devnet.kill_provider().await;

	for point in POINTS {
		eprintln!("the provider will be killed at {point}");
		devnet.set_provider_environment(vec![("HOLDFAST_STOP_AFTER".into(), point.into())]);
		match devnet.start_provider().await {
			// It may reach the point before it answers.
			Ok(()) | Err(DevnetError::Ended { .. }) => {},
			Err(error) => panic!("{error}"),
		}
		let mut waited = 0;
		while !devnet.provider_ended() {
			waited += 1;
			assert!(waited < 3000, "the provider never came to {point}");
			sleep(Duration::from_millis(100)).await;
		}
		devnet.kill_provider().await;
	}
	devnet.set_provider_environment(Vec::new());
	devnet.start_provider().await.unwrap();

	let stored = storing.await.unwrap().unwrap();
	let deal = stored.ticket.shards[0].deal;
	let on_chain = devnet.chain.deal(deal).await.unwrap().unwrap();
	assert!(
		matches!(on_chain.state, DealState::Active { .. }),
		"{on_chain:?}"
	);

	let (mut published, mut pre_committed, mut proven) = (0, 0, 0);
	let last_block = devnet.chain.best_block().await.unwrap().number;
	for block in first_block..=last_block {
		let hash = devnet.chain.block_hash(block).await.unwrap().unwrap();
		for (_, event) in devnet.chain.events_at(hash).await.unwrap() {
			match event {
				Event::DealPublished { .. } => published += 1,
				Event::SectorPreCommitted { .. } => pre_committed += 1,
				Event::SectorProven { .. } => proven += 1,
				Event::ProofRefused { error, .. } => panic!("a proof was refused: {error}"),
				Event::PartitionFaulty { .. } => panic!("a window PoSt was missed"),
				_ => {},
			}
		}
	}
	assert_eq!((published, pre_committed, proven), (1, 1, 1));
	let paid = devnet.chain.balance(&devnet.client).await.unwrap().payment;
	let price = on_chain.price_per_block * u128::from(on_chain.end - on_chain.start);
	assert_eq!(
		paid,
		price - on_chain.price_per_block * u128::from(on_chain.paid_blocks)
	);
	devnet.stop().await;
}
