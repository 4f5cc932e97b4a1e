//! Offers that are refused before anything costs money, and those that are taken.

#![allow(clippy::unwrap_used)]

mod common;

use common::{config, test_data, unreachable_node, Fixture, TestData, GENESIS};
use holdfast_primitives::{DealProposal, SectorSize};
use holdfast_provider::{
	api,
	database::DealState,
	deal::intake::{take, IntakeError, Offer},
};

type Proposal = DealProposal<[u8; 32]>;

async fn refused(fixture: &Fixture, change: impl FnOnce(&mut Proposal)) -> Result<(), IntakeError> {
	let data = test_data(200, 1);
	let mut proposal = fixture.proposal(&data, 1);
	change(&mut proposal);
	take(&fixture.app, &fixture.offer(&proposal, &data))
		.await
		.map(|_| ())
}

macro_rules! assert_refused {
	($result:expr, $pattern:pat) => {
		let result = $result;
		assert!(matches!(result, Err($pattern)), "{result:?}");
	};
}

#[tokio::test]
async fn a_good_offer_is_taken_once() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	let offer = fixture.offer(&fixture.proposal(&data, 1), &data);
	let first = take(&fixture.app, &offer).await.unwrap();
	assert_eq!((first.new, first.received, first.id.len()), (true, 0, 64));
	let second = take(&fixture.app, &offer).await.unwrap();
	assert_eq!((second.new, &second.id), (false, &first.id));
	assert!(fixture.chain.with(|state| state.calls.is_empty()));
}

#[tokio::test]
async fn a_signature_in_a_wallets_wrapping_is_taken() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	let proposal = fixture.proposal(&data, 1);
	let mut offer = fixture.offer(&proposal, &data);
	let wrapped = [
		b"<Bytes>".to_vec(),
		proposal.signing_bytes(&GENESIS),
		b"</Bytes>".to_vec(),
	]
	.concat();
	offer.signature = const_hex::encode(fixture.client.sign(&wrapped));
	assert!(take(&fixture.app, &offer).await.unwrap().new);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	let good = fixture.offer(&fixture.proposal(&data, 1), &data);
	let cases: [fn(&mut Offer); 8] = [
		|offer| offer.proposal = "zz".into(),
		|offer| offer.proposal.truncate(20),
		|offer| offer.proposal.push_str("00"),
		|offer| offer.proposal = "00".repeat(100_000),
		|offer| offer.signature = "00".into(),
		|offer| offer.signature.push_str("00"),
		|offer| offer.root = "not a cid".into(),
		|offer| offer.root = "b".repeat(10_000),
	];
	for change in cases {
		let mut offer = good.clone();
		change(&mut offer);
		assert_refused!(
			take(&fixture.app, &offer).await,
			IntakeError::Malformed { .. }
		);
	}
}

#[tokio::test]
async fn a_piece_size_that_is_none_is_refused() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	let mut offer = fixture.offer(&fixture.proposal(&data, 1), &data);
	// The size follows the 32 bytes of the commitment.
	let mut bytes = const_hex::decode(&offer.proposal).unwrap();
	bytes[32] = 3;
	offer.proposal = const_hex::encode(bytes);
	assert_refused!(
		take(&fixture.app, &offer).await,
		IntakeError::Malformed { .. }
	);
}

#[tokio::test]
async fn a_signature_for_something_else_is_refused() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	let proposal = fixture.proposal(&data, 1);
	for signed in [
		// Another chain.
		proposal.signing_bytes(&[8; 32]),
		// Another proposal.
		Proposal {
			nonce: 2,
			..proposal.clone()
		}
		.signing_bytes(&GENESIS),
	] {
		let mut offer = fixture.offer(&proposal, &data);
		offer.signature = const_hex::encode(fixture.client.sign(&signed));
		assert_refused!(take(&fixture.app, &offer).await, IntakeError::BadSignature);
	}
	// Another signer.
	let mut offer = fixture.offer(&proposal, &data);
	let signature = fixture.chain.signer.sign(&proposal.signing_bytes(&GENESIS));
	offer.signature = const_hex::encode(signature);
	assert_refused!(take(&fixture.app, &offer).await, IntakeError::BadSignature);
}

#[tokio::test]
async fn a_proposal_for_another_provider_is_refused() {
	let fixture = Fixture::new().await;
	assert_refused!(
		refused(&fixture, |proposal| proposal.provider = [9; 32]).await,
		IntakeError::OtherProvider { .. }
	);
}

#[tokio::test]
async fn terms_below_the_ask_are_refused() {
	let fixture = Fixture::new().await;
	assert_refused!(
		refused(&fixture, |proposal| proposal.price_per_block -= 1).await,
		IntakeError::PriceTooLow { .. }
	);
	assert_refused!(
		refused(&fixture, |proposal| proposal.price_per_block = u128::MAX).await,
		IntakeError::PriceOverflow
	);
	assert_refused!(
		refused(&fixture, |proposal| proposal.provider_collateral /= 2).await,
		IntakeError::Collateral { .. }
	);
	assert_refused!(
		refused(&fixture, |proposal| proposal.provider_collateral *= 11).await,
		IntakeError::Collateral { .. }
	);
	let mut config = config();
	config.ask.accepting = false;
	let closed = Fixture::with(config, "/nonexistent".as_ref()).await;
	assert_refused!(refused(&closed, |_| ()).await, IntakeError::NotAccepting);
}

#[tokio::test]
async fn pieces_outside_the_ask_are_refused() {
	let mut config = config();
	config.ask.min_piece_bytes = 512;
	config.ask.max_piece_bytes = Some(1024);
	let fixture = Fixture::with(config, "/nonexistent".as_ref()).await;
	for (length, taken) in [(200, false), (400, true), (900, true), (1500, false)] {
		let data = test_data(length, 1);
		let proposal = fixture.proposal(&data, length as u64);
		let result = take(&fixture.app, &fixture.offer(&proposal, &data)).await;
		assert_eq!(result.is_ok(), taken, "{length}: {result:?}");
		if !taken {
			assert_refused!(result, IntakeError::PieceSize { .. });
		}
	}
}

#[tokio::test]
async fn a_payload_that_does_not_make_the_piece_is_refused() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	for payload_bytes in [0, 255, u64::MAX] {
		let mut offer = fixture.offer(&fixture.proposal(&data, 1), &data);
		offer.payload_bytes = payload_bytes;
		assert_refused!(
			take(&fixture.app, &offer).await,
			IntakeError::PayloadSize { .. }
		);
	}
}

#[tokio::test]
async fn times_that_cannot_work_are_refused() {
	let fixture = Fixture::new().await;
	let case = |change: fn(&mut Proposal)| refused(&fixture, change);
	assert_refused!(
		case(|p| p.start = 150).await,
		IntakeError::StartsTooSoon { .. }
	);
	assert_refused!(
		case(|p| p.start = 0).await,
		IntakeError::StartsTooSoon { .. }
	);
	assert_refused!(
		case(|p| {
			p.start = 4000;
			p.end = 4200;
		})
		.await,
		IntakeError::StartsTooLate { .. }
	);
	assert_refused!(case(|p| p.expires = 100).await, IntakeError::Expiry { .. });
	assert_refused!(
		case(|p| p.expires = p.start + 1).await,
		IntakeError::Expiry { .. }
	);
	assert_refused!(
		case(|p| p.end = p.start).await,
		IntakeError::Duration { .. }
	);
	assert_refused!(
		case(|p| p.end = p.start - 1).await,
		IntakeError::Duration { .. }
	);
	assert_refused!(
		case(|p| p.end = p.start + 19).await,
		IntakeError::Duration { .. }
	);
	assert_refused!(
		case(|p| p.end = p.start + 50_001).await,
		IntakeError::Duration { .. }
	);
}

#[tokio::test]
async fn a_client_that_cannot_pay_for_all_its_deals_is_refused() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	let proposal = fixture.proposal(&data, 1);
	let total = proposal.total_price().unwrap();
	let escrow = |amount| {
		fixture.chain.with(|state| {
			let account = fixture.client.account();
			state.balances.get_mut(&account).unwrap().escrow = amount;
		});
	};
	escrow(total - 1);
	assert_refused!(
		take(&fixture.app, &fixture.offer(&proposal, &data)).await,
		IntakeError::ClientEscrow { .. }
	);
	escrow(2 * total - 1);
	take(&fixture.app, &fixture.offer(&proposal, &data))
		.await
		.unwrap();
	let second = fixture.proposal(&data, 2);
	assert_refused!(
		take(&fixture.app, &fixture.offer(&second, &data)).await,
		IntakeError::ClientEscrow { .. }
	);
	escrow(2 * total);
	take(&fixture.app, &fixture.offer(&second, &data))
		.await
		.unwrap();
}

#[tokio::test]
async fn a_provider_without_money_takes_nothing() {
	let fixture = Fixture::new().await;
	fixture.chain.with(|state| {
		let account = fixture.chain.signer.account();
		state.balances.insert(account, Default::default());
	});
	assert_refused!(refused(&fixture, |_| ()).await, IntakeError::ProviderFunds);
}

#[tokio::test]
async fn a_used_nonce_is_refused() {
	let fixture = Fixture::new().await;
	let client = fixture.client.account();
	fixture
		.chain
		.with(|state| state.nonces.insert((client, 1), 0));
	assert_refused!(
		refused(&fixture, |_| ()).await,
		IntakeError::NonceUsed { .. }
	);
	// Used here, but not on the chain yet.
	let data = test_data(200, 1);
	let proposal = fixture.proposal(&data, 2);
	take(&fixture.app, &fixture.offer(&proposal, &data))
		.await
		.unwrap();
	assert_refused!(
		refused(&fixture, |other| {
			other.nonce = 2;
			other.expires -= 1;
		})
		.await,
		IntakeError::NonceUsed { .. }
	);
}

#[tokio::test]
async fn too_much_at_a_time_is_refused() {
	let mut config = config();
	config.deals.max_waiting_per_client = 2;
	let fixture = Fixture::with(config.clone(), "/nonexistent".as_ref()).await;
	for nonce in 1..=2 {
		refused(&fixture, |proposal| proposal.nonce = nonce)
			.await
			.unwrap();
	}
	assert_refused!(
		refused(&fixture, |proposal| proposal.nonce = 3).await,
		IntakeError::TooManyWaiting
	);
	config.deals.max_waiting = 0;
	let full = Fixture::with(config, "/nonexistent".as_ref()).await;
	assert_refused!(refused(&full, |_| ()).await, IntakeError::TooManyWaiting);
}

#[tokio::test]
async fn a_full_disk_is_said_so() {
	let mut config = config();
	config.storage.min_free_bytes = u64::MAX;
	let fixture = Fixture::with(config, "/nonexistent".as_ref()).await;
	assert_refused!(refused(&fixture, |_| ()).await, IntakeError::NoSpace { .. });
}

#[tokio::test]
async fn an_unregistered_provider_takes_nothing() {
	let fixture = Fixture::new().await;
	fixture.chain.with(|state| state.provider = None);
	assert_refused!(refused(&fixture, |_| ()).await, IntakeError::NotReady);
	fixture.chain.register();
	fixture.chain.with(|state| {
		state.provider.as_mut().unwrap().sector_size = SectorSize::MiB8;
	});
	assert_refused!(refused(&fixture, |_| ()).await, IntakeError::NotReady);
}

#[tokio::test]
async fn without_the_chain_nothing_is_taken() {
	let fixture = Fixture::new().await;
	fixture.chain.with(|state| state.silent = true);
	assert_refused!(refused(&fixture, |_| ()).await, IntakeError::Chain(_));
	assert_eq!(unreachable_node().to_string(), "the node does not answer");
}

#[tokio::test]
async fn a_deal_that_is_over_is_not_taken_again() {
	let fixture = Fixture::new().await;
	let data = test_data(200, 1);
	let offer = fixture.offer(&fixture.proposal(&data, 1), &data);
	let taken = take(&fixture.app, &offer).await.unwrap();
	fixture
		.app
		.database
		.end_deal(&taken.id, DealState::Failed, Some("broken"), 1)
		.await
		.unwrap();
	assert_refused!(take(&fixture.app, &offer).await, IntakeError::Over { .. });
}

/// The API over a socket, as a client sees it.
struct Server {
	url: String,
	task: tokio::task::JoinHandle<()>,
}

impl Server {
	async fn start(fixture: &Fixture) -> Self {
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
		let url = format!("http://{}", listener.local_addr().unwrap());
		let router = api::router(fixture.app.clone());
		let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
		Self { url, task }
	}
}

impl Drop for Server {
	fn drop(&mut self) {
		self.task.abort();
	}
}

fn body(fixture: &Fixture, data: &TestData, nonce: u64) -> serde_json::Value {
	let offer = fixture.offer(&fixture.proposal(data, nonce), data);
	serde_json::json!({
		"proposal": offer.proposal,
		"signature": offer.signature,
		"payloadBytes": offer.payload_bytes,
		"root": offer.root,
	})
}

async fn code(response: reqwest::Response) -> (u16, String) {
	let status = response.status().as_u16();
	let body: serde_json::Value = response.json().await.unwrap();
	assert!(
		body["error"].as_str().is_some_and(|text| !text.is_empty()),
		"{body}"
	);
	(status, body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_api_takes_offers_and_shows_them() {
	let fixture = Fixture::new().await;
	let server = Server::start(&fixture).await;
	let http = common::http();
	let data = test_data(200, 1);
	let url = format!("{}/v1/deals", server.url);
	let send = |nonce| http.post(&url).json(&body(&fixture, &data, nonce)).send();
	let first = send(1).await.unwrap();
	assert_eq!(first.status(), 201);
	let taken: serde_json::Value = first.json().await.unwrap();
	assert_eq!(taken["received"], 0);
	assert_eq!(send(1).await.unwrap().status(), 200);
	let id = taken["id"].as_str().unwrap();
	let shown: serde_json::Value = http
		.get(format!("{url}/{id}"))
		.send()
		.await
		.unwrap()
		.json()
		.await
		.unwrap();
	assert_eq!(shown["state"], "awaiting-data");
	assert_eq!(shown["payloadBytes"], 200);
	assert_eq!(shown["events"][0]["state"], "awaiting-data");
	let info: serde_json::Value = http
		.get(format!("{}/v1/info", server.url))
		.send()
		.await
		.unwrap()
		.json()
		.await
		.unwrap();
	assert_eq!(info["sectorSize"], "2KiB");
	assert_eq!(info["genesisHash"], format!("0x{}", "07".repeat(32)));
	assert_eq!(info["ask"]["pricePerGibBlock"], "1073741824");
	assert_eq!(info["minLeadBlocks"], 60);
	let status: serde_json::Value = http
		.get(format!("{}/v1/status", server.url))
		.send()
		.await
		.unwrap()
		.json()
		.await
		.unwrap();
	assert_eq!(status["deals"]["awaiting-data"], 1);
	assert_eq!(status["block"], 100);
}

#[tokio::test]
async fn the_api_names_the_reason() {
	let fixture = Fixture::new().await;
	let server = Server::start(&fixture).await;
	let http = common::http();
	let data = test_data(200, 1);
	let url = format!("{}/v1/deals", server.url);
	let mut bad = body(&fixture, &data, 1);
	bad["signature"] = "00".repeat(64).into();
	let response = http.post(&url).json(&bad).send().await.unwrap();
	assert_eq!(code(response).await, (403, "bad-signature".into()));
	bad["extra"] = 1.into();
	let response = http.post(&url).json(&bad).send().await.unwrap();
	assert_eq!(code(response).await, (422, "malformed-offer".into()));
	let long = "x".repeat(100_000);
	let response = http
		.post(&url)
		.header("content-type", "application/json")
		.body(format!("{{\"proposal\":\"{long}\"}}"))
		.send()
		.await
		.unwrap();
	assert_eq!(code(response).await, (413, "too-much-data".into()));
	let response = http.get(format!("{url}/ffff")).send().await.unwrap();
	assert_eq!(code(response).await, (404, "unknown-deal".into()));
	let response = http.get(format!("{}/v2", server.url)).send().await.unwrap();
	assert_eq!(code(response).await, (404, "not-found".into()));
	fixture.chain.with(|state| state.silent = true);
	let response = http
		.post(&url)
		.json(&body(&fixture, &data, 1))
		.send()
		.await
		.unwrap();
	assert_eq!(code(response).await, (503, "chain-unavailable".into()));
}
