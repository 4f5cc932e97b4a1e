//! A provider that is reached over TLS: by whom the system trusts, and by nobody else.

#![allow(clippy::unwrap_used)]

use std::{
	fs,
	path::Path,
	process::{Command, Output},
	sync::Arc,
};

use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpListener,
};
use tokio_rustls::{
	rustls::{
		crypto::ring,
		pki_types::{pem::PemObject, CertificateDer, PrivateKeyDer},
		ServerConfig,
	},
	TlsAcceptor,
};

const CERTIFICATE: &str = include_str!("../../provider/tests/tls/test.pem");
const KEY: &str = include_str!("../../provider/tests/tls/test.key");

fn acceptor() -> TlsAcceptor {
	let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
	let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
	let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
		.with_safe_default_protocol_versions()
		.unwrap()
		.with_no_client_auth()
		.with_single_cert(vec![certificate], key)
		.unwrap();
	TlsAcceptor::from(Arc::new(config))
}

/// A gateway there that answers whatever it is asked with that CAR. Returns its port.
async fn gateway(address: &str, car: Vec<u8>) -> u16 {
	let listener = TcpListener::bind((address, 0)).await.unwrap();
	let port = listener.local_addr().unwrap().port();
	let acceptor = acceptor();
	tokio::spawn(async move {
		loop {
			let (stream, _) = listener.accept().await.unwrap();
			let Ok(mut stream) = acceptor.accept(stream).await else {
				continue;
			};
			let mut request = Vec::new();
			while !request.ends_with(b"\r\n\r\n") {
				request.push(stream.read_u8().await.unwrap());
			}
			let head = format!(
				"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.ipld.car\r\ncontent-length: {}\r\n\
				 connection: close\r\n\r\n",
				car.len()
			);
			stream.write_all(head.as_bytes()).await.unwrap();
			stream.write_all(&car).await.unwrap();
			stream.shutdown().await.unwrap();
		}
	});
	port
}

fn holdfast(folder: &Path, arguments: &[&str]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_holdfast"))
		.args(arguments)
		.current_dir(folder)
		.env("SSL_CERT_FILE", folder.join("trusted.pem"))
		.env_remove("SSL_CERT_DIR")
		.output()
		.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_trusted_over_tls_by_its_certificate_and_name() {
	let folder = tempfile::tempdir().unwrap();
	let at = |name: &str| folder.path().join(name);
	fs::write(at("note"), "hold fast").unwrap();
	let made = holdfast(
		folder.path(),
		&["car", "create", "--no-wrap", "-f", "note.car", "note"],
	);
	assert!(made.status.success(), "{made:?}");
	let root = holdfast(folder.path(), &["car", "root", "note.car"]);
	let root = String::from_utf8(root.stdout).unwrap();
	let car = fs::read(at("note.car")).unwrap();
	let named = gateway("127.0.0.1", car.clone()).await;
	let unnamed = gateway("127.0.0.2", car).await;
	let get = |from: String| {
		let arguments = ["get", root.trim(), "--from", &from, "--output", "got"];
		holdfast(folder.path(), &arguments)
	};

	fs::write(at("trusted.pem"), CERTIFICATE).unwrap();
	let got = get(format!("https://localhost:{named}"));
	assert!(got.status.success(), "{got:?}");
	assert_eq!(fs::read(at("got")).unwrap(), b"hold fast");
	fs::remove_file(at("got")).unwrap();

	let refused = |from: String, why: &str| {
		let refused = get(from);
		assert!(!refused.status.success(), "{refused:?}");
		let error = String::from_utf8(refused.stderr).unwrap();
		assert!(error.contains(why), "{error}");
		assert!(!at("got").exists());
	};
	refused(format!("https://127.0.0.2:{unnamed}"), "not valid for name");
	fs::write(at("trusted.pem"), "").unwrap();
	refused(format!("https://localhost:{named}"), "certificate");
}
