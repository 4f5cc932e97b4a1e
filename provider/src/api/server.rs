//! Serving the router: how many connections there may be, how long each may stand still, and TLS.

use std::{
	future::Future,
	io,
	net::IpAddr,
	path::{Path, PathBuf},
	pin::Pin,
	sync::Arc,
	task::{Context, Poll},
	time::Duration,
};

use axum::{body::Body, extract::Request, Router};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
	rt::{TokioIo, TokioTimer},
	server::graceful::{GracefulShutdown, Watcher},
	service::TowerToHyperService,
};
use tokio::{
	io::{AsyncRead, AsyncWrite, ReadBuf},
	net::{TcpListener, TcpStream},
	sync::Semaphore,
	time::Sleep,
};
use tokio_rustls::{
	rustls::{
		self,
		pki_types::{pem::PemObject, CertificateDer, PrivateKeyDer},
	},
	TlsAcceptor,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

/// How long open requests may go on when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long one waits after a connection could not be taken, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// How to serve.
#[derive(Clone)]
pub struct Options {
	/// How to encrypt; without it connections are plain.
	pub tls: Option<TlsAcceptor>,
	/// How many connections there may be; further ones wait.
	pub max_connections: usize,
	/// How long a request's head, or the start of TLS, may take.
	pub head_timeout: Duration,
	/// How long a client may take nothing of what is sent to it.
	pub idle_timeout: Duration,
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
	/// A file is not what it should be.
	#[error("cannot read {what} in {}: {reason}", path.display())]
	File {
		/// What should be in it.
		what: &'static str,
		/// The file.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},
	/// The certificate and the key do not go together.
	#[error("the certificate and the key cannot be used: {0}")]
	Unusable(#[from] rustls::Error),
	/// Others could use the key.
	#[error("others than its owner can read {} (mode {mode:o}): run `chmod 600 {}`", path.display(), path.display())]
	OtherReaders {
		/// The file.
		path: PathBuf,
		/// Its mode.
		mode: u32,
	},
}

/// Reads a certificate chain and its key, both in PEM. The key must be readable by its owner only.
pub fn tls(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
	use std::os::unix::fs::PermissionsExt;
	let unreadable = |what, path: &Path| {
		let path = path.to_owned();
		move |error: rustls::pki_types::pem::Error| TlsError::File {
			what,
			path,
			reason: error.to_string(),
		}
	};
	let chain = CertificateDer::pem_file_iter(certificate)
		.and_then(Iterator::collect::<Result<Vec<_>, _>>)
		.map_err(unreadable("a certificate", certificate))?;
	if let Ok(metadata) = std::fs::metadata(key) {
		let mode = metadata.permissions().mode() & 0o777;
		if mode & 0o077 != 0 {
			return Err(TlsError::OtherReaders {
				path: key.to_owned(),
				mode,
			});
		}
	}
	let secret = PrivateKeyDer::from_pem_file(key).map_err(unreadable("a private key", key))?;
	let provider = Arc::new(rustls::crypto::ring::default_provider());
	let mut config = rustls::ServerConfig::builder_with_provider(provider)
		.with_safe_default_protocol_versions()?
		.with_no_client_auth()
		.with_single_cert(chain, secret)?;
	config.alpn_protocols = vec![b"http/1.1".to_vec()];
	Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until it is told to stop, and then lets open requests end for a short time.
pub async fn serve(
	listener: TcpListener,
	router: Router,
	options: Options,
	stop: CancellationToken,
) {
	let connections = Arc::new(Semaphore::new(options.max_connections));
	let graceful = GracefulShutdown::new();
	loop {
		let accepted = async {
			let permit = connections.clone().acquire_owned().await;
			(listener.accept().await, permit)
		};
		let (accepted, permit) = tokio::select! {
			accepted = accepted => accepted,
			() = stop.cancelled() => break,
		};
		match accepted {
			Ok((stream, address)) => {
				let connection = connection(
					stream,
					Peer(address.ip()),
					router.clone(),
					options.clone(),
					graceful.watcher(),
				);
				tokio::spawn(async move {
					let _permit = permit;
					connection.await;
				});
			},
			Err(error) => {
				warn!("cannot take a connection: {error}");
				tokio::time::sleep(PAUSE).await;
			},
		}
	}
	drop(listener);
	// Open downloads do not keep the daemon from stopping.
	if tokio::time::timeout(GRACE, graceful.shutdown())
		.await
		.is_err()
	{
		debug!("some requests did not end in time");
	}
}

async fn connection(
	stream: TcpStream,
	peer: Peer,
	router: Router,
	options: Options,
	watcher: Watcher,
) {
	// Small answers are not held back.
	let _ = stream.set_nodelay(true);
	let stream = Moving::new(stream, options.idle_timeout);
	match &options.tls {
		None => http(stream, peer, router, &options, watcher).await,
		Some(acceptor) => {
			match tokio::time::timeout(options.head_timeout, acceptor.accept(stream)).await {
				Ok(Ok(stream)) => http(stream, peer, router, &options, watcher).await,
				Ok(Err(error)) => debug!(?peer, "no TLS: {error}"),
				Err(_) => debug!(?peer, "TLS took too long"),
			}
		},
	}
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
	stream: S,
	peer: Peer,
	router: Router,
	options: &Options,
	watcher: Watcher,
) {
	let service = router.map_request(move |mut request: Request<Incoming>| {
		request.extensions_mut().insert(peer);
		request.map(Body::new)
	});
	let connection = http1::Builder::new()
		.timer(TokioTimer::new())
		.header_read_timeout(options.head_timeout)
		.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
	if let Err(error) = watcher.watch(connection).await {
		debug!(?peer, "a connection ended: {error}");
	}
}

/// A stream that breaks when the other side takes nothing for too long, so that it holds no memory for ever.
struct Moving<S> {
	inner: S,
	limit: Duration,
	/// Since a write could not go on.
	stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Moving<S> {
	const fn new(inner: S, limit: Duration) -> Self {
		Self {
			inner,
			limit,
			stuck: None,
		}
	}

	fn watch<T>(
		&mut self,
		context: &mut Context<'_>,
		result: Poll<io::Result<T>>,
	) -> Poll<io::Result<T>> {
		if result.is_ready() {
			self.stuck = None;
			return result;
		}
		let limit = self.limit;
		let stuck = self
			.stuck
			.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
		match stuck.as_mut().poll(context) {
			Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
				io::ErrorKind::TimedOut,
				"the client takes nothing",
			))),
			Poll::Pending => Poll::Pending,
		}
	}
}

impl<S: AsyncRead + Unpin> AsyncRead for Moving<S> {
	fn poll_read(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		buffer: &mut ReadBuf<'_>,
	) -> Poll<io::Result<()>> {
		Pin::new(&mut self.inner).poll_read(context, buffer)
	}
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Moving<S> {
	fn poll_write(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		bytes: &[u8],
	) -> Poll<io::Result<usize>> {
		let result = Pin::new(&mut self.inner).poll_write(context, bytes);
		self.watch(context, result)
	}

	fn poll_write_vectored(
		mut self: Pin<&mut Self>,
		context: &mut Context<'_>,
		slices: &[io::IoSlice<'_>],
	) -> Poll<io::Result<usize>> {
		let result = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
		self.watch(context, result)
	}

	fn is_write_vectored(&self) -> bool {
		self.inner.is_write_vectored()
	}

	fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
		let result = Pin::new(&mut self.inner).poll_flush(context);
		self.watch(context, result)
	}

	fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
		let result = Pin::new(&mut self.inner).poll_shutdown(context);
		self.watch(context, result)
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use tokio::io::{AsyncReadExt, AsyncWriteExt};

	#[tokio::test]
	async fn a_client_that_takes_nothing_is_dropped() {
		let (near, _far) = tokio::io::duplex(64);
		let mut near = Moving::new(near, Duration::from_millis(20));
		near.write_all(&[7; 64]).await.unwrap();
		let error = near.write_all(&[7; 64]).await.unwrap_err();
		assert_eq!(error.kind(), io::ErrorKind::TimedOut);
	}

	#[tokio::test]
	async fn every_byte_that_is_taken_gives_time_again() {
		let (near, mut far) = tokio::io::duplex(64);
		let mut near = Moving::new(near, Duration::from_secs(3600));
		near.write_all(&[7; 64]).await.unwrap();
		let mut context = Context::from_waker(futures::task::noop_waker_ref());
		let mut write = |near: &mut Moving<_>| Pin::new(near).poll_write(&mut context, &[7; 8]);
		assert!(write(&mut near).is_pending());
		assert!(near.stuck.is_some());
		far.read_exact(&mut [0; 8]).await.unwrap();
		assert!(write(&mut near).is_ready());
		assert!(near.stuck.is_none());
	}
}
