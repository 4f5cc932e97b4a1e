//! Uploads that break, continue, lie, and what is served of them afterwards.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{test_data, Fixture, TestData};
use futures::stream;
use holdfast_data::car::{CarIndex, Limits};
use holdfast_provider::{
	api,
	database::DealState,
	deal::{
		check::CheckError,
		intake::take,
		upload::{receive, tidy, UploadError},
	},
};

type Chunk = Result<Bytes, std::io::Error>;

async fn offered(fixture: &Fixture, data: &TestData, nonce: u64) -> String {
	let offer = fixture.offer(&fixture.proposal(data, nonce), data);
	take(&fixture.app, &offer).await.unwrap().id
}

fn body(bytes: &[u8]) -> impl futures::Stream<Item = Chunk> + Unpin {
	let chunks: Vec<Chunk> = bytes
		.chunks(50)
		.map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
		.collect();
	stream::iter(chunks)
}

/// A connection that breaks after these bytes.
fn broken(bytes: &[u8]) -> impl futures::Stream<Item = Chunk> + Unpin {
	stream::iter([
		Ok(Bytes::copy_from_slice(bytes)),
		Err(std::io::Error::other("the connection broke")),
	])
}

async fn state(fixture: &Fixture, id: &str) -> (DealState, u64) {
	let deal = fixture.app.database.deal(id).await.unwrap().unwrap();
	(deal.state, deal.received)
}

#[tokio::test]
async fn an_upload_in_one_go_is_accepted() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	assert_eq!(
		receive(&fixture.app, &id, 0, body(&data.car))
			.await
			.unwrap(),
		1000
	);
	assert_eq!(state(&fixture, &id).await, (DealState::Accepted, 1000));
	let stored = std::fs::read(fixture.app.store.piece(&data.piece.commitment)).unwrap();
	assert_eq!(stored, data.car);
	assert!(!fixture.app.store.staging(&id).exists());
	// The client did not hear the answer and asks again.
	assert_eq!(
		receive(&fixture.app, &id, 1000, body(&[])).await.unwrap(),
		1000
	);
}

#[tokio::test]
async fn an_upload_continues_where_it_broke() {
	let mut fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	assert!(matches!(
		receive(&fixture.app, &id, 0, broken(&data.car[..300])).await,
		Err(UploadError::Interrupted { received: 300, .. })
	));
	for offset in [0, 299, 301, 1000] {
		assert!(matches!(
			receive(&fixture.app, &id, offset, body(&data.car)).await,
			Err(UploadError::WrongOffset { received: 300 })
		));
	}
	fixture.restart().await;
	assert_eq!(
		receive(&fixture.app, &id, 300, body(&data.car[300..700]))
			.await
			.unwrap(),
		700
	);
	assert_eq!(
		receive(&fixture.app, &id, 700, body(&data.car[700..]))
			.await
			.unwrap(),
		1000
	);
	assert_eq!(state(&fixture, &id).await, (DealState::Accepted, 1000));
}

#[tokio::test]
async fn bytes_that_were_never_acknowledged_do_not_count() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	receive(&fixture.app, &id, 0, body(&data.car[..300]))
		.await
		.unwrap();
	// The crash came after more bytes were written and before they were noted.
	let path = fixture.app.store.staging(&id);
	let mut bytes = std::fs::read(&path).unwrap();
	bytes.extend_from_slice(&[0xee; 100]);
	std::fs::write(&path, bytes).unwrap();
	assert_eq!(
		receive(&fixture.app, &id, 300, body(&data.car[300..]))
			.await
			.unwrap(),
		1000
	);
}

#[tokio::test]
async fn a_file_that_lost_bytes_is_continued_there() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	receive(&fixture.app, &id, 0, body(&data.car[..300]))
		.await
		.unwrap();
	std::fs::write(fixture.app.store.staging(&id), &data.car[..200]).unwrap();
	assert!(matches!(
		receive(&fixture.app, &id, 300, body(&data.car[300..])).await,
		Err(UploadError::WrongOffset { received: 200 })
	));
	assert_eq!(
		receive(&fixture.app, &id, 200, body(&data.car[200..]))
			.await
			.unwrap(),
		1000
	);
}

#[tokio::test]
async fn wrong_data_is_dropped_and_can_be_sent_again() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	let mut wrong = data.car.clone();
	wrong[500] ^= 1;
	assert!(matches!(
		receive(&fixture.app, &id, 0, body(&wrong)).await,
		Err(UploadError::Check(CheckError::Mismatch { .. }))
	));
	assert_eq!(state(&fixture, &id).await, (DealState::AwaitingData, 0));
	assert!(!fixture.app.store.staging(&id).exists());
	assert_eq!(
		receive(&fixture.app, &id, 0, body(&data.car))
			.await
			.unwrap(),
		1000
	);
	assert_eq!(state(&fixture, &id).await, (DealState::Accepted, 1000));
}

#[tokio::test]
async fn data_that_is_signed_but_no_car_is_refused() {
	let fixture = Fixture::new().await;
	let mut data = test_data(1000, 1);
	data.car[500] ^= 1;
	let mut hasher = holdfast_data::PieceHasher::new();
	hasher.write(&data.car);
	data.piece.commitment.0 = hasher.finish().unwrap().commitment;
	let id = offered(&fixture, &data, 1).await;
	assert!(matches!(
		receive(&fixture.app, &id, 0, body(&data.car)).await,
		Err(UploadError::Check(CheckError::NotACar { .. }))
	));
	// A CAR with another root.
	let mut data = test_data(1000, 2);
	data.root = test_data(500, 3).root;
	let id = offered(&fixture, &data, 2).await;
	assert!(matches!(
		receive(&fixture.app, &id, 0, body(&data.car)).await,
		Err(UploadError::Check(CheckError::NotACar { .. }))
	));
	assert_eq!(state(&fixture, &id).await, (DealState::AwaitingData, 0));
}

#[tokio::test]
async fn more_than_was_promised_is_refused() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	receive(&fixture.app, &id, 0, body(&data.car[..300]))
		.await
		.unwrap();
	let mut long = data.car[300..].to_vec();
	long.push(0);
	assert!(matches!(
		receive(&fixture.app, &id, 300, body(&long)).await,
		Err(UploadError::TooMuch { payload: 1000 })
	));
	assert_eq!(state(&fixture, &id).await, (DealState::AwaitingData, 300));
	assert_eq!(
		receive(&fixture.app, &id, 300, body(&data.car[300..]))
			.await
			.unwrap(),
		1000
	);
}

#[tokio::test]
async fn deals_that_take_no_data_say_so() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	assert!(matches!(
		receive(&fixture.app, "ffff", 0, body(&data.car)).await,
		Err(UploadError::UnknownDeal)
	));
	let id = offered(&fixture, &data, 1).await;
	receive(&fixture.app, &id, 0, body(&data.car))
		.await
		.unwrap();
	assert!(matches!(
		receive(&fixture.app, &id, 0, body(&data.car)).await,
		Err(UploadError::NotWaiting {
			state: DealState::Accepted
		})
	));
}

#[tokio::test]
async fn two_uploads_of_one_deal_do_not_mix() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	fixture.app.uploads.lock().unwrap().insert(id.clone());
	assert!(matches!(
		receive(&fixture.app, &id, 0, body(&data.car)).await,
		Err(UploadError::Busy)
	));
	fixture.app.uploads.lock().unwrap().clear();
	receive(&fixture.app, &id, 0, body(&data.car))
		.await
		.unwrap();
	assert!(fixture.app.uploads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_crash_after_the_last_byte_loses_nothing() {
	let mut fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	// Complete, but not yet checked.
	std::fs::write(fixture.app.store.staging(&id), &data.car).unwrap();
	fixture.app.database.set_received(&id, 1000).await.unwrap();
	fixture.restart().await;
	tidy(&fixture.app, 0).await.unwrap();
	assert_eq!(state(&fixture, &id).await, (DealState::Accepted, 1000));
	// In its place, but not yet noted.
	let other = test_data(1000, 2);
	let id = offered(&fixture, &other, 2).await;
	std::fs::write(fixture.app.store.piece(&other.piece.commitment), &other.car).unwrap();
	fixture.app.database.set_received(&id, 1000).await.unwrap();
	fixture.restart().await;
	assert_eq!(
		receive(&fixture.app, &id, 1000, body(&[])).await.unwrap(),
		1000
	);
	assert_eq!(state(&fixture, &id).await, (DealState::Accepted, 1000));
}

#[tokio::test]
async fn a_deal_whose_data_comes_too_late_is_dropped() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	receive(&fixture.app, &id, 0, body(&data.car[..300]))
		.await
		.unwrap();
	tidy(&fixture.app, 200).await.unwrap();
	assert_eq!(state(&fixture, &id).await.0, DealState::AwaitingData);
	tidy(&fixture.app, 201).await.unwrap();
	assert_eq!(state(&fixture, &id).await.0, DealState::Expired);
	assert!(!fixture.app.store.staging(&id).exists());
}

#[tokio::test]
async fn what_was_uploaded_is_served() {
	let fixture = Fixture::new().await;
	let data = test_data(1000, 1);
	let id = offered(&fixture, &data, 1).await;
	let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
	let url = format!("http://{}", listener.local_addr().unwrap());
	let router = api::router(fixture.app.clone());
	let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
	let http = common::http();
	let offer = fixture.offer(&fixture.proposal(&data, 1), &data);
	let taken: serde_json::Value = http
		.post(format!("{url}/v1/deals"))
		.json(&serde_json::json!({
			"proposal": offer.proposal,
			"signature": offer.signature,
			"payloadBytes": offer.payload_bytes,
			"root": offer.root,
		}))
		.send()
		.await
		.unwrap()
		.json()
		.await
		.unwrap();
	assert_eq!(taken["id"], id.as_str());
	let token = taken["uploadToken"].as_str().unwrap();
	for stranger in [None, Some("Bearer 00"), Some(token)] {
		let mut request = http.patch(format!("{url}/v1/deals/{id}/data"));
		if let Some(stranger) = stranger {
			request = request.header("Authorization", stranger);
		}
		let refused = request
			.header("Upload-Offset", "0")
			.body(data.car.clone())
			.send()
			.await
			.unwrap();
		assert_eq!(refused.status(), 401);
	}
	assert_eq!(state(&fixture, &id).await, (DealState::AwaitingData, 0));
	let patch = |offset: Option<&str>, bytes: Vec<u8>| {
		let mut request = http
			.patch(format!("{url}/v1/deals/{id}/data"))
			.bearer_auth(token)
			.body(bytes);
		if let Some(offset) = offset {
			request = request.header("Upload-Offset", offset);
		}
		request.send()
	};
	let bad = patch(None, data.car.clone()).await.unwrap();
	assert_eq!(bad.status(), 400);
	let bad = patch(Some("7"), data.car.clone()).await.unwrap();
	assert_eq!(bad.status(), 409);
	let answer: serde_json::Value = bad.json().await.unwrap();
	assert_eq!(
		(&answer["received"], &answer["code"]),
		(&0.into(), &"wrong-offset".into())
	);
	let good = patch(Some("0"), data.car.clone()).await.unwrap();
	assert_eq!(good.status(), 200);
	let answer: serde_json::Value = good.json().await.unwrap();
	assert_eq!(answer["received"], 1000);

	let piece = format!("{url}/v1/pieces/{}", data.piece.commitment);
	let whole = http.get(&piece).send().await.unwrap();
	assert_eq!(whole.headers()["accept-ranges"], "bytes");
	assert_eq!(whole.bytes().await.unwrap(), data.car);
	let part = http
		.get(&piece)
		.header("Range", "bytes=990-")
		.send()
		.await
		.unwrap();
	assert_eq!(part.status(), 206);
	assert_eq!(part.headers()["content-range"], "bytes 990-999/1000");
	assert_eq!(part.bytes().await.unwrap(), data.car[990..]);
	let none = http
		.get(&piece)
		.header("Range", "bytes=1000-")
		.send()
		.await
		.unwrap();
	assert_eq!(none.status(), 416);
	assert_eq!(none.headers()["content-range"], "bytes */1000");
	for (path, status) in [
		(format!("/v1/pieces/{}", "00".repeat(32)), 404),
		("/v1/pieces/zz".into(), 400),
		("/ipfs/zz?format=raw".into(), 400),
		(format!("/ipfs/{}", data.root), 406),
		(format!("/ipfs/{}?format=tar", data.root), 400),
		(format!("/ipfs/{}?format=raw", test_data(300, 9).root), 404),
	] {
		let response = http.get(format!("{url}{path}")).send().await.unwrap();
		assert_eq!(response.status(), status, "{path}");
	}

	let raw = http
		.get(format!("{url}/ipfs/{}?format=raw", data.root))
		.send()
		.await
		.unwrap();
	assert_eq!(raw.headers()["content-type"], "application/vnd.ipld.raw");
	assert_eq!(raw.bytes().await.unwrap(), data.block);
	let car = http
		.get(format!("{url}/ipfs/{}?format=car", data.root))
		.send()
		.await
		.unwrap();
	let index = CarIndex::build(&car.bytes().await.unwrap()[..], Limits::default()).unwrap();
	assert_eq!(index.roots()[0].to_string(), data.root);
	assert_eq!(index.len(), 1);
	server.abort();
}
