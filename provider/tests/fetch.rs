//! Row 63: transfers that are cut go on where they stopped, and what arrives damaged is fetched again.

#![allow(clippy::unwrap_used)]

use std::{
	fs,
	path::Path,
	sync::{Arc, Mutex},
};

use axum::{
	body::Body,
	extract::{Query, State},
	http::{HeaderMap, StatusCode},
	response::{IntoResponse, Response},
	routing::get,
	Json, Router,
};
use bytes::Bytes;
use futures::{stream, StreamExt};
use holdfast_provider::{
	remote::{
		client::Client,
		fetch::fetch,
		protocol::{Manifest, ManifestFile},
	},
	store,
};
use serde::Deserialize;
use tokio::net::TcpListener;

/// What goes wrong with the next answers.
#[derive(Clone, Copy, Debug)]
enum Trouble {
	/// The connection breaks after so many bytes.
	Cut(usize),
	/// This byte of the answer is another one.
	Flip(usize),
	/// The range is ignored.
	Whole,
	/// There is no answer.
	Refuse,
}

#[derive(Default)]
struct Daemon {
	files: Vec<(String, Vec<u8>)>,
	digests: Vec<String>,
	troubles: Mutex<Vec<Trouble>>,
	/// From which byte each answer went on.
	asked: Mutex<Vec<usize>>,
}

#[derive(Deserialize)]
struct Which {
	path: String,
}

async fn manifest(State(daemon): State<Arc<Daemon>>) -> Json<Manifest> {
	let files = daemon.files.iter().zip(&daemon.digests);
	let files = files.map(|((path, bytes), digest)| ManifestFile {
		path: path.clone(),
		bytes: bytes.len() as u64,
		digest: digest.clone(),
	});
	Json(Manifest {
		files: files.collect(),
	})
}

async fn content(
	State(daemon): State<Arc<Daemon>>,
	Query(which): Query<Which>,
	headers: HeaderMap,
) -> Response {
	let found = daemon.files.iter().find(|(path, _)| *path == which.path);
	let bytes = &found.unwrap().1;
	let range = headers["range"].to_str().unwrap();
	let from = range.strip_prefix("bytes=").unwrap();
	let mut from: usize = from.strip_suffix('-').unwrap().parse().unwrap();
	let trouble = {
		let mut troubles = daemon.troubles.lock().unwrap();
		(!troubles.is_empty()).then(|| troubles.remove(0))
	};
	daemon.asked.lock().unwrap().push(from);
	let mut status = StatusCode::PARTIAL_CONTENT;
	if let Some(Trouble::Whole) = trouble {
		(from, status) = (0, StatusCode::OK);
	}
	let mut part = bytes[from..].to_vec();
	match trouble {
		Some(Trouble::Refuse) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
		Some(Trouble::Flip(at)) => part[at] ^= 1,
		Some(Trouble::Cut(at)) => {
			part.truncate(at);
			let first = stream::iter([Ok(Bytes::from(part))]);
			let broken = stream::once(async {
				// What was sent before has to arrive.
				tokio::time::sleep(std::time::Duration::from_millis(100)).await;
				Err(std::io::Error::other("cut"))
			});
			return (status, Body::from_stream(first.chain(broken))).into_response();
		},
		_ => {},
	}
	(status, part).into_response()
}

/// A daemon that has these files below a name.
async fn daemon(
	folder: &Path,
	files: &[(&str, usize)],
	troubles: &[Trouble],
) -> (Arc<Daemon>, Client) {
	let mut daemon = Daemon {
		troubles: Mutex::new(troubles.to_vec()),
		..Daemon::default()
	};
	for (path, length) in files {
		let bytes: Vec<u8> = (0..*length).map(|at| at.to_le_bytes()[0]).collect();
		let copy = folder.join("original");
		fs::write(&copy, &bytes).unwrap();
		daemon.digests.push(store::digest(&copy).unwrap());
		daemon.files.push(((*path).to_owned(), bytes));
	}
	let daemon = Arc::new(daemon);
	let router = Router::new()
		.route("/v1/worker/files/sealed/s-1", get(manifest))
		.route("/v1/worker/files/sealed/s-1/content", get(content))
		.with_state(daemon.clone());
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let address = listener.local_addr().unwrap();
	tokio::spawn(async move { axum::serve(listener, router).await });
	let client = Client::new(&format!("http://{address}"), "token").unwrap();
	(daemon, client)
}

const LENGTH: usize = 1_000_000;

#[tokio::test]
async fn a_cut_transfer_goes_on_where_it_stopped() {
	for percent in [10, 50, 99] {
		let folder = tempfile::tempdir().unwrap();
		let at = LENGTH * percent / 100;
		let troubles = [Trouble::Cut(at), Trouble::Refuse];
		let (daemon, client) = daemon(folder.path(), &[("", LENGTH)], &troubles).await;
		let target = folder.path().join("target");
		assert!(fetch(&client, "sealed", "s-1", &target).await.unwrap());
		assert_eq!(fs::read(&target).unwrap(), daemon.files[0].1);
		let asked = daemon.asked.lock().unwrap().clone();
		assert_eq!(asked.len(), 3, "{asked:?}");
		assert_eq!(asked[0], 0);
		// What had arrived is not sent again.
		assert!(asked[1] > 0 && asked[1] <= at, "{asked:?}");
		assert_eq!(asked[2], asked[1]);
		let names = fs::read_dir(folder.path()).unwrap();
		assert_eq!(names.count(), 2);
	}
}

#[tokio::test]
async fn a_transfer_outlasts_the_worker() {
	let folder = tempfile::tempdir().unwrap();
	let mut troubles = vec![Trouble::Cut(LENGTH / 2)];
	troubles.extend([Trouble::Refuse; 4]);
	let (daemon, client) = daemon(folder.path(), &[("", LENGTH)], &troubles).await;
	let target = folder.path().join("target");
	let error = fetch(&client, "sealed", "s-1", &target).await.unwrap_err();
	assert!(error.is_outage(), "{error}");
	assert!(!target.exists());
	assert!(fetch(&client, "sealed", "s-1", &target).await.unwrap());
	assert_eq!(fs::read(&target).unwrap(), daemon.files[0].1);
	assert!(daemon.asked.lock().unwrap().last() > Some(&0));
	// What is there is not fetched again.
	let before = daemon.asked.lock().unwrap().len();
	assert!(fetch(&client, "sealed", "s-1", &target).await.unwrap());
	assert_eq!(daemon.asked.lock().unwrap().len(), before);
}

#[tokio::test]
async fn what_arrives_damaged_is_fetched_again() {
	let folder = tempfile::tempdir().unwrap();
	let troubles = [Trouble::Flip(LENGTH / 3), Trouble::Cut(7), Trouble::Whole];
	let files = [("t_aux", LENGTH), ("tree/p_aux", 3), ("empty", 0)];
	let (daemon, client) = daemon(folder.path(), &files, &troubles).await;
	let target = folder.path().join("target");
	assert!(fetch(&client, "sealed", "s-1", &target).await.unwrap());
	for (path, bytes) in &daemon.files {
		assert_eq!(fs::read(target.join(path)).unwrap(), *bytes, "{path}");
	}
}

#[tokio::test]
async fn what_is_always_damaged_is_not_taken() {
	let folder = tempfile::tempdir().unwrap();
	let troubles = [Trouble::Flip(0); 4];
	let (_daemon, client) = daemon(folder.path(), &[("", LENGTH)], &troubles).await;
	let target = folder.path().join("target");
	let error = fetch(&client, "sealed", "s-1", &target).await.unwrap_err();
	assert!(
		error.to_string().contains("does not arrive as it is"),
		"{error}"
	);
	assert!(!target.exists());
	assert!(!fetch(&client, "sealed", "s-2", &target).await.unwrap());
}
