//! The server under the API: TLS, its limits, and how it stops.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
	net::SocketAddr,
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};

use axum::{routing::get, Router};
use common::{accepted, config, manager::until, test_data, Fixture, WORKER_TOKEN};
use holdfast_provider::{
	api::{
		self,
		server::{serve, tls, Options, TlsError},
	},
	remote::{
		client::{Client, ClientError},
		fetch::fetch,
	},
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
	sync::Notify,
	task::JoinHandle,
};
use tokio_rustls::{
	rustls::{
		self,
		pki_types::{pem::PemObject, CertificateDer, ServerName},
	},
	TlsConnector,
};
use tokio_util::sync::CancellationToken;

const REQUEST: &[u8] = b"GET /v1/info HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn options() -> Options {
	Options {
		tls: None,
		max_connections: 16,
		head_timeout: Duration::from_secs(30),
		idle_timeout: Duration::from_secs(30),
	}
}

struct Server {
	address: SocketAddr,
	stop: CancellationToken,
	task: JoinHandle<()>,
}

async fn start(router: Router, options: Options) -> Server {
	start_at("127.0.0.1", router, options).await
}

async fn start_at(address: &str, router: Router, options: Options) -> Server {
	let listener = TcpListener::bind((address, 0)).await.unwrap();
	let address = listener.local_addr().unwrap();
	let stop = CancellationToken::new();
	let task = tokio::spawn(serve(listener, router, options, stop.clone()));
	Server {
		address,
		stop,
		task,
	}
}

/// Sends a request and reads the answer to its end.
async fn ask(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> String {
	stream.write_all(REQUEST).await.unwrap();
	let mut answer = Vec::new();
	stream.read_to_end(&mut answer).await.unwrap();
	String::from_utf8(answer).unwrap()
}

/// The certificate and its key, which only its owner can read, as a checkout cannot say.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
	let [certificate, key] = ["test.pem", "test.key"].map(|name| folder.join(name));
	std::fs::write(&certificate, include_str!("tls/test.pem")).unwrap();
	std::fs::write(&key, include_str!("tls/test.key")).unwrap();
	std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
	(certificate, key)
}

/// The API there, behind that certificate.
async fn start_secure(address: &str, fixture: &Fixture, certificate: &Path, key: &Path) -> Server {
	let options = Options {
		tls: Some(tls(certificate, key).unwrap()),
		..options()
	};
	start_at(address, api::router(fixture.app.clone()), options).await
}

#[tokio::test]
async fn the_api_is_served_over_tls() {
	let fixture = Fixture::new().await;
	let (certificate, key) = certificate(fixture.folder.path());
	let server = start_secure("127.0.0.1", &fixture, &certificate, &key).await;
	let mut roots = rustls::RootCertStore::empty();
	roots
		.add(CertificateDer::from_pem_file(&certificate).unwrap())
		.unwrap();
	let provider = Arc::new(rustls::crypto::ring::default_provider());
	let config = rustls::ClientConfig::builder_with_provider(provider)
		.with_safe_default_protocol_versions()
		.unwrap()
		.with_root_certificates(roots)
		.with_no_client_auth();
	let connector = TlsConnector::from(Arc::new(config));
	let stream = TcpStream::connect(server.address).await.unwrap();
	let name = ServerName::try_from("localhost").unwrap();
	let stream = connector.connect(name, stream).await.unwrap();
	let answer = ask(stream).await;
	assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
	assert!(answer.contains("\"sectorSize\":\"2KiB\""));
	// Without TLS there is no answer, and the server goes on.
	let mut plain = TcpStream::connect(server.address).await.unwrap();
	plain.write_all(REQUEST).await.unwrap();
	let mut rest = Vec::new();
	let _ = plain.read_to_end(&mut rest).await;
	assert!(!rest.starts_with(b"HTTP"));
	server.stop.cancel();
	server.task.await.unwrap();
}

#[test]
fn keys_for_tls_that_cannot_be_used_are_refused() {
	let folder = tempfile::tempdir().unwrap();
	let (certificate, key) = certificate(folder.path());
	std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
	assert!(matches!(
		tls(&certificate, &key),
		Err(TlsError::OtherReaders { mode: 0o644, .. })
	));
	std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
	for (certificate, key) in [
		(&key, &key),
		(&certificate, &certificate),
		(&folder.path().join("none"), &key),
		(&certificate, &folder.path().join("none")),
	] {
		assert!(tls(certificate, key).is_err());
	}
	assert!(tls(&certificate, &key).is_ok());
}

/// Workers speak TLS, too, and to nobody whose certificate they do not trust.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_talks_to_the_daemon_over_tls() {
	let fixture = Fixture::new().await;
	let data = test_data(2000, 1);
	accepted(&fixture, &data, 1).await;
	let (certificate, key) = certificate(fixture.folder.path());
	let server = start_secure("127.0.0.1", &fixture, &certificate, &key).await;
	let port = server.address.port();
	let secure = format!("https://localhost:{port}");
	let client = Client::trusting(&secure, WORKER_TOKEN, Some(&certificate)).unwrap();
	let name = format!("{}.car", data.piece.commitment.to_hex());
	let target = fixture.folder.path().join("fetched");
	assert!(fetch(&client, "piece", &name, &target).await.unwrap());
	assert_eq!(std::fs::read(target).unwrap(), data.car);
	// The certificate is not for this one's address.
	let unnamed = start_secure("127.0.0.2", &fixture, &certificate, &key).await;
	for (address, authorities, why) in [
		(secure.clone(), None, "InvalidCertificate"),
		(
			format!("https://{}", unnamed.address),
			Some(certificate.as_path()),
			"NotValidForName",
		),
		(format!("http://localhost:{port}"), None, "Unreachable"),
	] {
		let client = Client::trusting(&address, WORKER_TOKEN, authorities).unwrap();
		let refused = client.manifest("piece", &name).await;
		assert!(
			matches!(refused, Err(ClientError::Unreachable(_))),
			"{address}: {refused:?}"
		);
		assert!(
			format!("{refused:?}").contains(why),
			"{address}: {refused:?}"
		);
	}
	unnamed.stop.cancel();
	let none = Client::trusting(&secure, WORKER_TOKEN, Some(&key));
	assert!(matches!(none, Err(ClientError::Authorities { .. })));

	// And so does the program.
	let base = fixture.folder.path().join("worker");
	std::fs::create_dir_all(&base).unwrap();
	let token = base.join("token");
	std::fs::write(&token, WORKER_TOKEN).unwrap();
	std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
	let mut worker = tokio::process::Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(["worker", "--manager", &secure, "--min-free-bytes", "0"])
		.arg("--ca")
		.arg(&certificate)
		.arg("--token-file")
		.arg(&token)
		.arg("--base")
		.arg(&base)
		.arg("--keys")
		.arg(fixture.keys())
		.kill_on_drop(true)
		.spawn()
		.unwrap();
	until("the worker shows itself", async || {
		assert!(worker.try_wait().unwrap().is_none(), "it ended");
		fixture.app.database.workers().await.unwrap().len() == 1
	})
	.await;
	server.stop.cancel();
}

#[tokio::test]
async fn one_address_that_asks_too_often_is_told_to_wait() {
	let mut config = config();
	config.api.requests_per_second = 1;
	let fixture = Fixture::with(config, Path::new("/nonexistent")).await;
	let server = start(api::router(fixture.app.clone()), options()).await;
	let mut refused = 0;
	for _ in 0..20 {
		let answer = ask(TcpStream::connect(server.address).await.unwrap()).await;
		if answer.starts_with("HTTP/1.1 429 ") {
			refused += 1;
			assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
			assert!(answer.contains("\"code\":\"too-many-requests\""));
		}
	}
	assert!(refused > 0);
	server.stop.cancel();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_others_to_end() {
	let fixture = Fixture::new().await;
	let server = start(
		api::router(fixture.app.clone()),
		Options {
			max_connections: 1,
			..options()
		},
	)
	.await;
	let first = TcpStream::connect(server.address).await.unwrap();
	let mut second = TcpStream::connect(server.address).await.unwrap();
	second.write_all(REQUEST).await.unwrap();
	// The first one is answered although the second one has asked before.
	assert!(ask(first).await.starts_with("HTTP/1.1 200 "));
	let mut answer = Vec::new();
	second.read_to_end(&mut answer).await.unwrap();
	assert!(answer.starts_with(b"HTTP/1.1 200 "));
	server.stop.cancel();
}

#[tokio::test]
async fn requests_under_way_are_answered_before_the_server_stops() {
	let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
	let router = Router::new().route(
		"/v1/info",
		get({
			let (begun, go_on) = (begun.clone(), go_on.clone());
			move || async move {
				begun.notify_one();
				go_on.notified().await;
				"done"
			}
		}),
	);
	let server = start(router, options()).await;
	let request = tokio::spawn(ask(TcpStream::connect(server.address).await.unwrap()));
	begun.notified().await;
	server.stop.cancel();
	go_on.notify_one();
	assert!(request.await.unwrap().ends_with("done"));
	server.task.await.unwrap();
	assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn bodies_and_heads_that_are_too_long_are_refused() {
	let fixture = Fixture::new().await;
	let server = start(api::router(fixture.app.clone()), options()).await;
	let http = common::http();
	let url = format!("http://{}", server.address);
	let long = http
		.post(format!("{url}/v1/deals"))
		.header("content-type", "application/json")
		.body("x".repeat(20_000))
		.send()
		.await
		.unwrap();
	assert_eq!(long.status(), 413);
	let mut stream = TcpStream::connect(server.address).await.unwrap();
	let head = format!(
		"GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
		"y".repeat(1 << 20)
	);
	let _ = stream.write_all(head.as_bytes()).await;
	let mut answer = Vec::new();
	let _ = stream.read_to_end(&mut answer).await;
	let text = String::from_utf8_lossy(&answer);
	assert!(
		text.is_empty() || text.starts_with("HTTP/1.1 431 "),
		"{text}"
	);
	server.stop.cancel();
}
