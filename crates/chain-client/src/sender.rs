//! Sending extrinsics, and finding out what became of them.
//!
//! A signed extrinsic is valid for [`LIFETIME`] blocks, so that its fate can always be known: once that
//! time is over, or once another extrinsic has used its nonce, it is either in a block or will never be.
//! Only then is it made and sent anew. Sending the very same bytes again is always harmless, and is
//! what happens when the connection was lost.

use std::{sync::Arc, time::Duration};

use holdfast_primitives::BlockNumber;
use subxt::{
	config::{DefaultExtrinsicParamsBuilder, Hasher},
	rpcs::{client::RpcSubscription, methods::legacy::TransactionStatus},
	utils::{AccountId32, H256},
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
	client::{block_ref, number, AtBlock, Config},
	pool::{refusal, Refusal},
	shapes::calls,
	AccountId, Call, ChainClient, Included, QueryError, Signer, SubmitError,
};

/// For how many blocks a signed extrinsic is valid.
pub const LIFETIME: BlockNumber = 64;
/// How long [`Sender::submit`] waits for the chain to make the blocks that decide.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// How often an extrinsic is made anew.
const MAX_ATTEMPTS: u32 = 5;
/// A lifetime begins this many blocks before the best one, where a fork is unlikely, or at the finalized
/// block if that is newer.
const BIRTH_DEPTH: BlockNumber = 8;
/// After this time without news, the chain itself is asked.
const NEWS_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait before the pool or the chain is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends a signer's extrinsics. Cheap to clone; clones share the nonce, so use clones of one sender rather
/// than several senders for one account.
#[derive(Clone, Debug)]
pub struct Sender {
	client: ChainClient,
	signer: Signer,
	/// The nonce after the last one that was used here. The pool's own count can lag behind it.
	next_nonce: Arc<Mutex<Option<u64>>>,
}

/// An extrinsic that was handed to the pool.
struct Sent {
	bytes: Vec<u8>,
	hash: H256,
	/// The best block when it was made. It can be in another block of about that height, on another fork.
	after: BlockNumber,
	/// The last block that can include it.
	valid_until: BlockNumber,
	/// Whose nonce it uses; none if it is unsigned.
	nonce: Option<(AccountId, u64)>,
}

type Watch = RpcSubscription<TransactionStatus<H256>>;

/// What became of an extrinsic.
enum Fate {
	Included(Included),
	/// It is not in the chain and cannot be any more.
	Never,
	/// It may yet be included.
	Open,
}

impl Sender {
	/// A sender for `signer`'s account.
	pub fn new(client: ChainClient, signer: Signer) -> Self {
		Self {
			client,
			signer,
			next_nonce: Arc::default(),
		}
	}

	/// The account that signs and pays.
	pub fn account(&self) -> AccountId {
		self.signer.account()
	}

	/// The key that signs.
	pub fn signer(&self) -> &Signer {
		&self.signer
	}

	/// The chain.
	pub fn client(&self) -> &ChainClient {
		&self.client
	}

	/// Sends a call and waits until it is in a best block. That it is there means that it succeeded, apart
	/// from the calls whose parts have results of their own. A best block can still be replaced on a chain
	/// with forks: ask [`ChainClient::is_final`] before doing what cannot be undone.
	pub async fn submit(&self, call: Call) -> Result<Included, SubmitError> {
		call.check()?;
		let deadline = Instant::now() + SUBMIT_TIMEOUT;
		for attempt in 1..=MAX_ATTEMPTS {
			let (sent, watch) = self.send(&call).await?;
			tracing::debug!(hash = ?sent.hash, ?attempt, call = ?call.name(), "sent");
			match follow(&self.client, &sent, watch, deadline).await {
				Ok(Some(included)) => return Ok(included),
				Ok(None) => {
					tracing::debug!(hash = ?sent.hash, "not included, and never will be");
					*self.next_nonce.lock().await = None;
				},
				Err(error) => {
					if !matches!(error, SubmitError::Dispatch { .. }) {
						*self.next_nonce.lock().await = None;
					}
					return Err(error);
				},
			}
		}
		Err(SubmitError::Expired {
			attempts: MAX_ATTEMPTS,
		})
	}

	/// Signs a call with the next nonce and hands it to the pool. The nonce is locked meanwhile, so that
	/// extrinsics enter the pool in the order of their nonces.
	async fn send(&self, call: &Call) -> Result<(Sent, Option<Watch>), SubmitError> {
		let mut next_nonce = self.next_nonce.lock().await;
		let mut attempt = 1;
		loop {
			let nonce = self.pool_nonce().await?.max(next_nonce.unwrap_or_default());
			let sent = self.sign(call, nonce).await?;
			match hand_over(&self.client, &sent).await? {
				Ok(watch) => {
					*next_nonce = nonce.checked_add(1);
					return Ok((sent, watch));
				},
				Err(Refusal::Never(reason)) => return Err(SubmitError::Rejected { reason }),
				Err(Refusal::Later(reason)) if attempt == MAX_ATTEMPTS => {
					return Err(SubmitError::Rejected { reason });
				},
				Err(Refusal::Later(reason)) => {
					tracing::debug!(reason, nonce, "the pool wants another try");
					// Another program may use the account, or the pool forgot what was sent here.
					*next_nonce = None;
					attempt += 1;
					tokio::time::sleep(PAUSE).await;
				},
			}
		}
	}

	async fn pool_nonce(&self) -> Result<u64, QueryError> {
		let account = AccountId32::from(self.account());
		self.client
			.request("the account's nonce", || {
				self.client.rpc().system_account_next_index(&account)
			})
			.await
	}

	async fn sign(&self, call: &Call, nonce: u64) -> Result<Sent, QueryError> {
		let client = &self.client;
		let best = client.at_best().await?;
		let best_number = number(best.block_number())?;
		let finalized = client.finalized_block().await?;
		let birth = best_number
			.saturating_sub(BIRTH_DEPTH)
			.max(finalized.number.min(best_number));
		let birth_hash = client
			.block_hash(birth)
			.await?
			.ok_or_else(|| QueryError::NoBlock {
				block: birth.to_string(),
			})?;
		let parameters = DefaultExtrinsicParamsBuilder::<Config>::new()
			.nonce(nonce)
			.mortal_from_unchecked(LIFETIME.into(), birth.into(), H256(birth_hash))
			.build();
		let bytes = best
			.tx()
			.create_signable_offline(&calls::payload(call), parameters)
			.and_then(|mut extrinsic| extrinsic.sign(self.signer.keypair()))
			.map_err(|error| client.error("the call", error.into()))?
			.into_encoded();
		Ok(Sent {
			hash: best.hasher().hash(&bytes),
			bytes,
			after: best_number,
			valid_until: birth.saturating_add(LIFETIME - 1),
			nonce: Some((self.account(), nonce)),
		})
	}
}

/// Asks the faucet of a test network for money for `account`, and waits until it is there. The faucet
/// gives to an account once in a period.
pub async fn drip(client: &ChainClient, account: &AccountId) -> Result<Included, SubmitError> {
	let best = client.at_best().await?;
	let bytes = best
		.tx()
		.create_unsigned(&calls::drip(account))
		.map_err(|error| client.error("the faucet", error.into()))?
		.into_encoded();
	let after = number(best.block_number())?;
	let sent = Sent {
		hash: best.hasher().hash(&bytes),
		bytes,
		after,
		valid_until: after.saturating_add(LIFETIME),
		nonce: None,
	};
	let watch = match hand_over(client, &sent).await? {
		Ok(watch) => watch,
		Err(Refusal::Never(reason) | Refusal::Later(reason)) => {
			return Err(SubmitError::Rejected { reason });
		},
	};
	let included = follow(client, &sent, watch, Instant::now() + SUBMIT_TIMEOUT)
		.await?
		.ok_or(SubmitError::Expired { attempts: 1 })?;
	// Unsigned calls for one account are the same bytes, so this may be an earlier one.
	if included.block <= after {
		return Err(SubmitError::Rejected {
			reason: "the faucet gave to this account a moment ago: it does so once in a while only"
				.to_owned(),
		});
	}
	Ok(included)
}

/// Hands an extrinsic to the pool. Without a subscription, the pool had it already.
async fn hand_over(
	client: &ChainClient,
	sent: &Sent,
) -> Result<Result<Option<Watch>, Refusal>, QueryError> {
	let handed = client
		.timed(async {
			loop {
				match client
					.rpc()
					.author_submit_and_watch_extrinsic(&sent.bytes)
					.await
				{
					// The same bytes again: if they did arrive, the pool says that it has them.
					Err(error) if error.is_disconnected_will_reconnect() => {
						tokio::time::sleep(PAUSE).await;
					},
					result => return Ok(result),
				}
			}
		})
		.await?;
	match handed {
		Ok(watch) => Ok(Ok(Some(watch))),
		Err(subxt::rpcs::Error::User(error)) => match refusal(&error) {
			None => Ok(Ok(None)),
			Some(refusal) => Ok(Err(refusal)),
		},
		Err(error) => Err(client.error("sending an extrinsic", error.into())),
	}
}

/// Waits until an extrinsic's fate is decided. None if it is not in the chain and never will be.
async fn follow(
	client: &ChainClient,
	sent: &Sent,
	mut watch: Option<Watch>,
	deadline: Instant,
) -> Result<Option<Included>, SubmitError> {
	// The first block that was not searched yet.
	let mut from = sent.after.saturating_sub(BIRTH_DEPTH);
	loop {
		if let Some(block) = news(&mut watch).await {
			match outcome(client, sent, block).await {
				Ok(Some(included)) => return Ok(Some(included)),
				Ok(None) | Err(SubmitError::Query(_)) => {},
				Err(error) => return Err(error),
			}
		}
		// No subscription, no news, bad news, or a block that was replaced meanwhile: ask the chain.
		match fate(client, sent, &mut from).await {
			Ok(Fate::Included(included)) => return Ok(Some(included)),
			Ok(Fate::Never) => return Ok(None),
			Ok(Fate::Open) => {},
			// The node is away for now: what was sent is still in its pool, or in other nodes'.
			Err(SubmitError::Query(error)) if Instant::now() < deadline => {
				tracing::warn!(%error, "waiting for the node");
			},
			Err(SubmitError::Query(_)) => return Err(unknown(sent)),
			Err(error) => return Err(error),
		}
		if Instant::now() >= deadline {
			return Err(unknown(sent));
		}
		if watch.is_none() {
			tokio::time::sleep(PAUSE).await;
			// If the pool has lost it, this puts it back. A refusal is decided by the chain, above.
			if let Ok(Ok(again)) = hand_over(client, sent).await {
				watch = again;
			}
		}
	}
}

fn unknown(sent: &Sent) -> SubmitError {
	SubmitError::Unknown {
		extrinsic_hash: sent.hash.0,
		valid_until: sent.valid_until,
		seconds: SUBMIT_TIMEOUT.as_secs(),
	}
}

/// The next block that the pool says to include the extrinsic; none if it says anything else of
/// importance, or nothing in time. A subscription that has ended is dropped.
async fn news(watch: &mut Option<Watch>) -> Option<H256> {
	let subscription = watch.as_mut()?;
	loop {
		let Ok(status) = tokio::time::timeout(NEWS_TIMEOUT, subscription.next()).await else {
			return None;
		};
		match status {
			Some(Ok(TransactionStatus::InBlock(block) | TransactionStatus::Finalized(block))) => {
				return Some(block);
			},
			Some(Ok(
				TransactionStatus::Future
				| TransactionStatus::Ready
				| TransactionStatus::Broadcast(_)
				| TransactionStatus::Retracted(_),
			)) => {},
			Some(Ok(
				TransactionStatus::FinalityTimeout(_)
				| TransactionStatus::Usurped(_)
				| TransactionStatus::Dropped
				| TransactionStatus::Invalid,
			))
			| Some(Err(_))
			| None => {
				*watch = None;
				return None;
			},
		}
	}
}

/// Looks for an extrinsic in the best fork's blocks from `from` on, and decides whether it can still come.
async fn fate(
	client: &ChainClient,
	sent: &Sent,
	from: &mut BlockNumber,
) -> Result<Fate, SubmitError> {
	let best = client.best_block().await?;
	// Read before the search, so that a nonce that is used means a block that is searched.
	let nonce_used = match sent.nonce {
		Some((account, nonce)) => {
			let at = client.at(H256(best.hash)).await?;
			account_nonce(client, &at, &account).await? > nonce
		},
		None => false,
	};
	let last = best.number.min(sent.valid_until);
	for block in *from..=last {
		let Some(hash) = client.block_hash(block).await? else {
			// The best fork has become shorter meanwhile.
			return Ok(Fate::Open);
		};
		if let Some(included) = outcome(client, sent, H256(hash)).await? {
			return Ok(Fate::Included(included));
		}
	}
	if client.block_hash(best.number).await? != Some(best.hash) {
		// The best fork is another one now, so what was read belongs to two forks.
		return Ok(Fate::Open);
	}
	if nonce_used || best.number > sent.valid_until {
		return Ok(Fate::Never);
	}
	// Blocks close to the best one can be replaced, so they are searched again.
	*from = (*from).max(last.saturating_sub(BIRTH_DEPTH));
	Ok(Fate::Open)
}

async fn account_nonce(
	client: &ChainClient,
	at: &AtBlock,
	account: &AccountId,
) -> Result<u64, QueryError> {
	client
		.timed(async {
			at.tx()
				.account_nonce(&AccountId32::from(*account))
				.await
				.map_err(|error| client.error("the account's nonce", error.into()))
		})
		.await
}

/// What an extrinsic did in a block; none if it is not there, or the block is not known.
async fn outcome(
	client: &ChainClient,
	sent: &Sent,
	block: H256,
) -> Result<Option<Included>, SubmitError> {
	let Some(details) = client
		.request("a block", || client.rpc().chain_get_block(Some(block)))
		.await?
	else {
		return Ok(None);
	};
	let Some(index) = details
		.block
		.extrinsics
		.iter()
		.position(|extrinsic| extrinsic.0 == sent.bytes)
	else {
		return Ok(None);
	};
	let extrinsic_index = u32::try_from(index).map_err(|_| QueryError::Incompatible {
		what: "a block".to_owned(),
		reason: "it has more than 2^32 extrinsics".to_owned(),
	})?;
	let at = client.at(block).await?;
	let place = block_ref(&at)?;
	let (failure, events) = client.events_of(&at, extrinsic_index).await?;
	if let Some(failure) = failure {
		return Err(SubmitError::Dispatch {
			pallet: failure.pallet,
			error: failure.error,
			message: failure.message,
			block: place,
			extrinsic_hash: sent.hash.0,
		});
	}
	Ok(Some(Included {
		block: place.number,
		block_hash: place.hash,
		extrinsic_index,
		extrinsic_hash: sent.hash.0,
		events,
	}))
}

#[cfg(test)]
mod tests;
