//! The connection to a node.

use std::{
	fmt,
	future::Future,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};

use futures::{Stream, StreamExt};
use holdfast_primitives::{BlockNumber, Digest};
use subxt::{
	backend::LegacyBackend,
	config::RpcConfigFor,
	rpcs::{
		client::{reconnecting_rpc_client::ExponentialBackoff, ReconnectingRpcClient, RpcClient},
		methods::legacy::LegacyRpcMethods,
	},
	utils::H256,
	OnlineClient, OnlineClientAtBlock, PolkadotConfig,
};

use crate::{BlockRef, ConnectError, QueryError};

/// How long [`ChainClient::connect`] waits for a node.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a query waits for its answer, reconnecting included.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait before a request is repeated that a lost connection has cut off.
const RETRY_DELAY: Duration = Duration::from_millis(250);
const RECONNECT_DELAY_FIRST_MS: u64 = 100;
const RECONNECT_DELAY_MOST: Duration = Duration::from_secs(5);

pub(crate) type Config = PolkadotConfig;
pub(crate) type AtBlock = OnlineClientAtBlock<Config>;
pub(crate) type Rpc = LegacyRpcMethods<RpcConfigFor<Config>>;

/// A connection to a node of a Holdfast chain. Cheap to clone; clones share the connection, which is
/// restored when it is lost.
#[derive(Clone)]
pub struct ChainClient {
	inner: Arc<Inner>,
}

struct Inner {
	url: String,
	online: OnlineClient<Config>,
	rpc: Rpc,
	/// Where queries were last answered from, so that several queries between two blocks ask for the
	/// runtime's version once.
	recent: Mutex<Option<AtBlock>>,
}

impl fmt::Debug for ChainClient {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("ChainClient")
			.field("url", &self.inner.url)
			.finish_non_exhaustive()
	}
}

impl ChainClient {
	/// Connects to the node at `url`, such as `ws://127.0.0.1:9944`. Fails at once if nothing listens
	/// there; later on, a lost connection is restored.
	pub async fn connect(url: &str) -> Result<Self, ConnectError> {
		if !(url.starts_with("ws://") || url.starts_with("wss://")) {
			return Err(ConnectError::InvalidUrl {
				url: url.to_owned(),
			});
		}
		tokio::time::timeout(CONNECT_TIMEOUT, Self::open(url))
			.await
			.unwrap_or_else(|_| {
				Err(ConnectError::Timeout {
					url: url.to_owned(),
					seconds: CONNECT_TIMEOUT.as_secs(),
				})
			})
	}

	/// Connects as soon as a node answers at `url`, for programs that are started together with it. After
	/// `patience` the last error is returned.
	pub async fn connect_within(url: &str, patience: Duration) -> Result<Self, ConnectError> {
		let deadline = tokio::time::Instant::now() + patience;
		loop {
			match Self::connect(url).await {
				Err(error @ (ConnectError::Unreachable { .. } | ConnectError::Timeout { .. }))
					if tokio::time::Instant::now() < deadline =>
				{
					tracing::debug!(%error, "no node yet");
					tokio::time::sleep(RETRY_DELAY).await;
				},
				result => return result,
			}
		}
	}

	async fn open(url: &str) -> Result<Self, ConnectError> {
		let unreachable = |reason: String| ConnectError::Unreachable {
			url: url.to_owned(),
			reason,
		};
		// The reconnecting client never gives up, not even the first time: so try once without it.
		RpcClient::from_insecure_url(url)
			.await
			.map_err(|error| unreachable(innermost(&error)))?;
		let backoff = ExponentialBackoff::from_millis(RECONNECT_DELAY_FIRST_MS)
			.max_delay(RECONNECT_DELAY_MOST);
		let transport = ReconnectingRpcClient::builder()
			.retry_policy(backoff)
			.request_timeout(QUERY_TIMEOUT)
			.build(url)
			.await
			.map_err(|error| unreachable(innermost(&error)))?;
		Self::over(url, RpcClient::new(transport)).await
	}

	/// Talks to a node over a transport that is there already.
	pub(crate) async fn over(url: &str, rpc_client: RpcClient) -> Result<Self, ConnectError> {
		let rpc = Rpc::new(rpc_client.clone());
		let backend = LegacyBackend::builder().build(rpc_client);
		let config = Config::builder().use_historic_types(false).build();
		let online = OnlineClient::from_backend_with_config(config, Arc::new(backend))
			.await
			.map_err(|error| ConnectError::Unreachable {
				url: url.to_owned(),
				reason: innermost(&error),
			})?;
		Ok(Self {
			inner: Arc::new(Inner {
				url: url.to_owned(),
				online,
				rpc,
				recent: Mutex::new(None),
			}),
		})
	}

	/// The node's address.
	pub fn url(&self) -> &str {
		&self.inner.url
	}

	/// The chain's identity.
	pub fn genesis_hash(&self) -> Digest {
		self.inner.online.genesis_hash().0
	}

	/// The newest block of the best fork.
	pub async fn best_block(&self) -> Result<BlockRef, QueryError> {
		block_ref(&self.at_best().await?)
	}

	/// The newest block that cannot be replaced any more.
	pub async fn finalized_block(&self) -> Result<BlockRef, QueryError> {
		let hash = self
			.request("the finalized block", || {
				self.inner.rpc.chain_get_finalized_head()
			})
			.await?;
		block_ref(&self.at(hash).await?)
	}

	/// Whether `block` is finalized: part of the chain for good.
	pub async fn is_final(&self, block: &BlockRef) -> Result<bool, QueryError> {
		if self.finalized_block().await?.number < block.number {
			return Ok(false);
		}
		Ok(self.block_hash(block.number).await? == Some(block.hash))
	}

	/// The hash of the best fork's block with this number, if there is one.
	pub async fn block_hash(&self, number: BlockNumber) -> Result<Option<Digest>, QueryError> {
		let hash = self
			.request("a block's hash", || {
				self.inner.rpc.chain_get_block_hash(Some(number.into()))
			})
			.await?;
		Ok(hash.map(|hash| hash.0))
	}

	/// The best blocks as they come. A lost connection shows as one error, after which the stream goes on;
	/// blocks that came in between are left out, so look at the numbers.
	pub async fn subscribe_blocks(
		&self,
	) -> Result<impl Stream<Item = Result<BlockRef, QueryError>> + Send + Unpin, QueryError> {
		let blocks = self
			.timed(async {
				self.inner
					.online
					.stream_best_blocks()
					.await
					.map_err(|error| self.error("the stream of blocks", error.into()))
			})
			.await?;
		let client = self.clone();
		Ok(Box::pin(blocks.map(move |block| {
			let block =
				block.map_err(|error| client.error("the stream of blocks", error.into()))?;
			Ok(BlockRef {
				number: number(block.number())?,
				hash: block.hash().0,
			})
		})))
	}

	pub(crate) fn rpc(&self) -> &Rpc {
		&self.inner.rpc
	}

	/// The chain's state at its best block.
	pub(crate) async fn at_best(&self) -> Result<AtBlock, QueryError> {
		let hash = self
			.request("the best block", || {
				self.inner.rpc.chain_get_block_hash(None)
			})
			.await?
			.ok_or_else(|| QueryError::NoBlock {
				block: "best".to_owned(),
			})?;
		self.at(hash).await
	}

	/// The chain's state at a block.
	pub(crate) async fn at(&self, hash: H256) -> Result<AtBlock, QueryError> {
		let recent = self.recent().clone();
		if let Some(at) = recent.filter(|at| at.block_hash() == hash) {
			return Ok(at);
		}
		let at = self
			.timed(async {
				self.inner
					.online
					.at_block(hash)
					.await
					.map_err(|error| self.error(&format!("the block {hash:?}"), error.into()))
			})
			.await?;
		*self.recent() = Some(at.clone());
		Ok(at)
	}

	fn recent(&self) -> std::sync::MutexGuard<'_, Option<AtBlock>> {
		// The value is replaced as a whole, so a panic elsewhere cannot have left it half-written.
		self.inner
			.recent
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
	}

	/// Makes a request, and repeats it while the connection is being restored.
	pub(crate) async fn request<T, F, R>(&self, what: &str, mut request: F) -> Result<T, QueryError>
	where
		F: FnMut() -> R,
		R: Future<Output = Result<T, subxt::rpcs::Error>>,
	{
		self.timed(async {
			loop {
				match request().await {
					Err(error) if error.is_disconnected_will_reconnect() => {
						tokio::time::sleep(RETRY_DELAY).await;
					},
					result => return result.map_err(|error| self.error(what, error.into())),
				}
			}
		})
		.await
	}

	/// Bounds the time of a query.
	pub(crate) async fn timed<T>(
		&self,
		query: impl Future<Output = Result<T, QueryError>>,
	) -> Result<T, QueryError> {
		tokio::time::timeout(QUERY_TIMEOUT, query)
			.await
			.unwrap_or_else(|_| {
				Err(QueryError::Timeout {
					url: self.inner.url.clone(),
					seconds: QUERY_TIMEOUT.as_secs(),
				})
			})
	}

	/// Says what an error of the library means to the user.
	pub(crate) fn error(&self, what: &str, error: subxt::Error) -> QueryError {
		use subxt::error::{
			BlockError, EventsError, OnlineClientAtBlockError, RuntimeApiError, StorageError,
		};
		let reason = error.to_string();
		match &error {
			subxt::Error::OnlineClientAtBlockError(
				OnlineClientAtBlockError::BlockHeaderNotFound { .. }
				| OnlineClientAtBlockError::BlockNotFound { .. },
			)
			| subxt::Error::BlockError(BlockError::BlockNotFound { .. }) => QueryError::NoBlock {
				block: what.to_owned(),
			},
			subxt::Error::StorageError(
				StorageError::CannotFetchValue(_)
				| StorageError::CannotIterateValues(_)
				| StorageError::StreamFailure(_),
			)
			| subxt::Error::EventsError(EventsError::CannotFetchEventBytes(_))
			| subxt::Error::RuntimeApiError(RuntimeApiError::CannotCallApi(_))
			| subxt::Error::OtherRpcClientError(_)
			| subxt::Error::BackendError(_)
			| subxt::Error::BlocksError(_)
			| subxt::Error::OnlineClientAtBlockError(_) => {
				if reason.contains("UnknownBlock") || reason.contains("State already discarded") {
					QueryError::NoBlock {
						block: what.to_owned(),
					}
				} else if reason.contains("The client was dropped") {
					QueryError::Closed {
						url: self.inner.url.clone(),
						reason,
					}
				} else {
					QueryError::Refused {
						what: what.to_owned(),
						reason,
					}
				}
			},
			_ => QueryError::Incompatible {
				what: what.to_owned(),
				reason,
			},
		}
	}
}

pub(crate) fn block_ref(at: &AtBlock) -> Result<BlockRef, QueryError> {
	Ok(BlockRef {
		number: number(at.block_number())?,
		hash: at.block_hash().0,
	})
}

pub(crate) fn number(number: u64) -> Result<BlockNumber, QueryError> {
	BlockNumber::try_from(number).map_err(|_| QueryError::Incompatible {
		what: "a block's number".to_owned(),
		reason: "it does not fit 32 bits".to_owned(),
	})
}

/// The cause of the causes: what a user can act on.
fn innermost(error: &dyn std::error::Error) -> String {
	let mut error = error;
	while let Some(source) = error.source() {
		error = source;
	}
	error.to_string()
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[tokio::test]
	async fn only_web_socket_addresses_are_nodes() {
		for url in [
			"",
			"localhost:9944",
			"http://localhost",
			"file:///etc/passwd",
		] {
			assert!(matches!(
				ChainClient::connect(url).await,
				Err(ConnectError::InvalidUrl { .. })
			));
		}
	}

	#[tokio::test]
	async fn a_node_that_is_not_there_is_said_so_at_once() {
		// A port that was free a moment ago.
		let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
		let url = format!("ws://{}", listener.local_addr().unwrap());
		drop(listener);
		let error = ChainClient::connect(&url).await.unwrap_err();
		assert!(matches!(error, ConnectError::Unreachable { .. }));
		let message = error.to_string();
		assert!(
			message.starts_with(&format!(
				"cannot reach the node at {url}: is holdfast-node running?"
			)),
			"{message}"
		);
		let patience = Duration::from_millis(10);
		assert!(matches!(
			ChainClient::connect_within(&url, patience).await,
			Err(ConnectError::Unreachable { .. })
		));
	}

	#[tokio::test]
	async fn what_is_no_node_is_refused() {
		use tokio::io::AsyncWriteExt;
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
		let url = format!("ws://{}", listener.local_addr().unwrap());
		let server = tokio::spawn(async move {
			while let Ok((mut socket, _)) = listener.accept().await {
				let _ = socket
					.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
					.await;
			}
		});
		assert!(matches!(
			ChainClient::connect(&url).await,
			Err(ConnectError::Unreachable { .. })
		));
		server.abort();
	}
}
