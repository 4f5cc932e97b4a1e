//! What the daemon asks of the chain, as one trait, so that its decisions can be tested without a node.

use futures::future::BoxFuture;
use holdfast_chain_client::{
	drip, AccountBalance, AccountId, BlockRef, Call, ChainClient, Deal, Event, Health, Included,
	Partition, PreCommit, ProviderInfo, QueryError, Sector, Sender, SubmitError,
};
use holdfast_primitives::{
	BlockNumber, DeadlineIndex, DealId, Digest, PartitionIndex, Policy, SectorNumber,
};

/// An answer of the chain that is on its way.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ChainError>>;

/// The chain, as seen by one provider. Everything but [`finalized_block`](Self::finalized_block) answers from
/// the best block.
pub trait Chain: Send + Sync {
	/// The provider's account.
	fn account(&self) -> AccountId;
	/// The chain's identity.
	fn genesis_hash(&self) -> Digest;
	/// The protocol's constants.
	fn policy(&self) -> Answer<'_, Policy>;
	/// The best block.
	fn best_block(&self) -> Answer<'_, BlockRef>;
	/// The newest block that cannot be replaced any more.
	fn finalized_block(&self) -> Answer<'_, BlockRef>;
	/// When the best block was made, in milliseconds since 1970, by its author's clock.
	fn timestamp(&self) -> Answer<'_, Option<u64>>;
	/// The hash of a block of the best fork.
	fn block_hash(&self, block: BlockNumber) -> Answer<'_, Option<Digest>>;
	/// The events of a block.
	fn events_at(&self, hash: Digest) -> Answer<'_, Vec<(Option<u32>, Event)>>;
	/// A block's randomness.
	fn randomness(&self, block: BlockNumber) -> Answer<'_, Option<Digest>>;
	/// The provider's own record.
	fn provider(&self) -> Answer<'_, Option<ProviderInfo>>;
	/// An account's money.
	fn balance(&self, account: AccountId) -> Answer<'_, AccountBalance>;
	/// The deal that a proposal became.
	fn deal_of_nonce(&self, client: AccountId, nonce: u64) -> Answer<'_, Option<DealId>>;
	/// A deal.
	fn deal(&self, deal: DealId) -> Answer<'_, Option<Deal>>;
	/// One of the provider's proven sectors.
	fn sector(&self, sector: SectorNumber) -> Answer<'_, Option<Sector>>;
	/// One of the provider's pre-committed sectors.
	fn pre_commit(&self, sector: SectorNumber) -> Answer<'_, Option<PreCommit>>;
	/// One of the provider's partitions.
	fn partition(
		&self,
		deadline: DeadlineIndex,
		partition: PartitionIndex,
	) -> Answer<'_, Option<Partition>>;
	/// The healthy blocks of one of the provider's sectors.
	fn health(
		&self,
		sector: SectorNumber,
		from: BlockNumber,
		to: BlockNumber,
	) -> Answer<'_, Option<Health>>;
	/// Sends a call and waits until a block includes it.
	fn submit(&self, call: Call) -> Answer<'_, Included>;
	/// Asks the test network's faucet for money.
	fn drip(&self) -> Answer<'_, ()>;
}

/// The chain did not answer or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
	/// A question has no answer.
	#[error(transparent)]
	Query(#[from] QueryError),
	/// A call was not included, or its fate is not known.
	#[error("{reason}")]
	NotIncluded {
		/// What the chain client says.
		reason: String,
	},
	/// A call was included and refused.
	#[error("the chain refused: {pallet}.{error}: {message}")]
	Refused {
		/// The pallet.
		pallet: String,
		/// The error's name.
		error: String,
		/// What it means.
		message: String,
		/// The block that refused it.
		block: BlockNumber,
	},
}

impl From<SubmitError> for ChainError {
	fn from(error: SubmitError) -> Self {
		match error {
			SubmitError::Query(error) => Self::Query(error),
			SubmitError::Dispatch {
				pallet,
				error,
				message,
				block,
				..
			} => Self::Refused {
				pallet,
				error,
				message,
				block: block.number,
			},
			other => Self::NotIncluded {
				reason: other.to_string(),
			},
		}
	}
}

impl ChainError {
	/// The chain's name of the error, if the chain refused.
	pub fn refusal(&self) -> Option<&str> {
		match self {
			Self::Refused { error, .. } => Some(error),
			_ => None,
		}
	}
}

/// Whether the chain's name of an error, without its pallet, says that a proof is bad.
pub fn is_bad_proof(error: &str) -> bool {
	matches!(
		error,
		"MalformedProof" | "ProofRejected" | "WrongProofCount"
	)
}

/// An extrinsic's hash as it is stored and shown.
pub fn extrinsic(included: &Included) -> String {
	format!("0x{}", const_hex::encode(included.extrinsic_hash))
}

/// The chain behind a node.
#[derive(Clone)]
pub struct NodeChain {
	client: ChainClient,
	sender: Sender,
	account: AccountId,
}

impl NodeChain {
	/// Asks and sends through `client`, on behalf of the sender's account.
	pub fn new(client: ChainClient, sender: Sender, account: AccountId) -> Self {
		Self {
			client,
			sender,
			account,
		}
	}
}

impl Chain for NodeChain {
	fn account(&self) -> AccountId {
		self.account
	}

	fn genesis_hash(&self) -> Digest {
		self.client.genesis_hash()
	}

	fn policy(&self) -> Answer<'_, Policy> {
		Box::pin(async { Ok(self.client.policy().await?) })
	}

	fn best_block(&self) -> Answer<'_, BlockRef> {
		Box::pin(async { Ok(self.client.best_block().await?) })
	}

	fn finalized_block(&self) -> Answer<'_, BlockRef> {
		Box::pin(async { Ok(self.client.finalized_block().await?) })
	}

	fn timestamp(&self) -> Answer<'_, Option<u64>> {
		Box::pin(async { Ok(self.client.timestamp().await?) })
	}

	fn block_hash(&self, block: BlockNumber) -> Answer<'_, Option<Digest>> {
		Box::pin(async move { Ok(self.client.block_hash(block).await?) })
	}

	fn events_at(&self, hash: Digest) -> Answer<'_, Vec<(Option<u32>, Event)>> {
		Box::pin(async move { Ok(self.client.events_at(hash).await?) })
	}

	fn randomness(&self, block: BlockNumber) -> Answer<'_, Option<Digest>> {
		Box::pin(async move { Ok(self.client.randomness(block).await?) })
	}

	fn provider(&self) -> Answer<'_, Option<ProviderInfo>> {
		Box::pin(async { Ok(self.client.provider(&self.account).await?) })
	}

	fn balance(&self, account: AccountId) -> Answer<'_, AccountBalance> {
		Box::pin(async move { Ok(self.client.balance(&account).await?) })
	}

	fn deal_of_nonce(&self, client: AccountId, nonce: u64) -> Answer<'_, Option<DealId>> {
		Box::pin(async move { Ok(self.client.deal_of_nonce(&client, nonce).await?) })
	}

	fn deal(&self, deal: DealId) -> Answer<'_, Option<Deal>> {
		Box::pin(async move { Ok(self.client.deal(deal).await?) })
	}

	fn sector(&self, sector: SectorNumber) -> Answer<'_, Option<Sector>> {
		Box::pin(async move { Ok(self.client.sector(&self.account, sector).await?) })
	}

	fn pre_commit(&self, sector: SectorNumber) -> Answer<'_, Option<PreCommit>> {
		Box::pin(async move { Ok(self.client.pre_commit(&self.account, sector).await?) })
	}

	fn partition(
		&self,
		deadline: DeadlineIndex,
		partition: PartitionIndex,
	) -> Answer<'_, Option<Partition>> {
		Box::pin(async move {
			Ok(self
				.client
				.partition(&self.account, deadline, partition)
				.await?)
		})
	}

	fn health(
		&self,
		sector: SectorNumber,
		from: BlockNumber,
		to: BlockNumber,
	) -> Answer<'_, Option<Health>> {
		Box::pin(async move { Ok(self.client.health(&self.account, sector, from, to).await?) })
	}

	fn submit(&self, call: Call) -> Answer<'_, Included> {
		Box::pin(async move { Ok(self.sender.submit(call).await?) })
	}

	fn drip(&self) -> Answer<'_, ()> {
		Box::pin(async move {
			drip(&self.client, &self.account).await?;
			Ok(())
		})
	}
}
