//! What the chain can be asked.

use holdfast_primitives::{
	BlockNumber, DeadlineIndex, DealId, Digest, PartitionIndex, Policy, SectorNumber,
};
use subxt::{
	events::Phase,
	ext::{
		frame_decode::storage::{IntoDecodableValues, IntoEncodableValues},
		scale_decode::DecodeAsType,
	},
	utils::{Static, H256},
};

use crate::{
	client::AtBlock,
	dispatch::Failure,
	event::Event,
	shapes::{
		events,
		storage::{self, pallet},
		views,
	},
	AccountBalance, AccountId, ChainClient, Deal, Health, Partition, PreCommit, ProviderInfo,
	QueryError, Sector,
};

/// A key or value of the chain's storage that `holdfast-primitives` defines, or bytes.
type Raw<T> = Static<T>;

impl ChainClient {
	/// The protocol's constants.
	pub async fn policy(&self) -> Result<Policy, QueryError> {
		let at = self.at_best().await?;
		self.timed(async {
			let failed = |error: subxt::Error| self.error("the policy", error);
			let address =
				subxt::dynamic::storage::<(), Raw<Policy>>(pallet::PROVIDER, "PolicyValue");
			// A chain whose genesis sets none has the runtime's default.
			let policy = at
				.storage()
				.fetch(address, ())
				.await
				.map_err(|error| failed(error.into()))?;
			Ok(policy.decode().map_err(|error| failed(error.into()))?.0)
		})
		.await
	}

	/// A provider's record; none if the account is not registered.
	pub async fn provider(&self, provider: &AccountId) -> Result<Option<ProviderInfo>, QueryError> {
		let at = self.at_best().await?;
		let info = self
			.value::<_, storage::ProviderInfo>(
				&at,
				pallet::PROVIDER,
				"Providers",
				(Raw::from(*provider),),
			)
			.await?;
		Ok(info.map(Into::into))
	}

	/// All providers.
	pub async fn providers(&self) -> Result<Vec<(AccountId, ProviderInfo)>, QueryError> {
		let at = self.at_best().await?;
		self.timed(async {
			let address = subxt::dynamic::storage::<(Raw<AccountId>,), storage::ProviderInfo>(
				pallet::PROVIDER,
				"Providers",
			);
			let failed = |error: subxt::Error| self.error("the providers", error);
			let mut entries = at
				.storage()
				.iter(address, ())
				.await
				.map_err(|error| failed(error.into()))?;
			let mut providers = Vec::new();
			while let Some(entry) = entries.next().await {
				let entry = entry.map_err(|error| failed(error.into()))?;
				let (account,) = entry
					.key()
					.and_then(|key| key.decode())
					.map_err(|error| failed(error.into()))?;
				let info = entry
					.value()
					.decode()
					.map_err(|error| failed(error.into()))?;
				providers.push((account.0, info.into()));
			}
			Ok(providers)
		})
		.await
	}

	/// When the best block was made, in milliseconds since 1970, by its author's clock.
	pub async fn timestamp(&self) -> Result<Option<u64>, QueryError> {
		let at = self.at_best().await?;
		self.value(&at, "Timestamp", "Now", ()).await
	}

	/// The randomness of a block, from which tickets, seeds and challenges are drawn; none if the block is
	/// not there yet, or so old that the chain has forgotten.
	pub async fn randomness(&self, block: BlockNumber) -> Result<Option<Digest>, QueryError> {
		let at = self.at_best().await?;
		self.value(&at, pallet::RANDOMNESS, "History", (block,))
			.await
	}

	/// A deal; none if there was none with this number, or it is settled for good or expired.
	pub async fn deal(&self, deal: DealId) -> Result<Option<Deal>, QueryError> {
		let at = self.at_best().await?;
		let deal = self
			.value::<_, storage::Deal>(&at, pallet::MARKET, "Deals", (deal,))
			.await?;
		Ok(deal.map(Into::into))
	}

	/// The deal that the client's proposal with this nonce became, while it is on the chain.
	pub async fn deal_of_nonce(
		&self,
		client: &AccountId,
		nonce: u64,
	) -> Result<Option<DealId>, QueryError> {
		let at = self.at_best().await?;
		self.value(&at, pallet::MARKET, "Nonces", (Raw::from(*client), nonce))
			.await
	}

	/// Whether the client's proposal with this nonce is published; if so, no other can be.
	pub async fn nonce_used(&self, client: &AccountId, nonce: u64) -> Result<bool, QueryError> {
		Ok(self.deal_of_nonce(client, nonce).await?.is_some())
	}

	/// A proven sector; none if it is not proven, or has ended and nothing is owed for it.
	pub async fn sector(
		&self,
		provider: &AccountId,
		sector: SectorNumber,
	) -> Result<Option<Sector>, QueryError> {
		let at = self.at_best().await?;
		let key = (Raw::from(*provider), sector);
		let sector = self
			.value::<_, storage::Sector>(&at, pallet::PROVIDER, "Sectors", key)
			.await?;
		Ok(sector.map(Into::into))
	}

	/// A pre-committed sector that is not yet proven.
	pub async fn pre_commit(
		&self,
		provider: &AccountId,
		sector: SectorNumber,
	) -> Result<Option<PreCommit>, QueryError> {
		let at = self.at_best().await?;
		let key = (Raw::from(*provider), sector);
		let pre_commit = self
			.value::<_, storage::PreCommit>(&at, pallet::PROVIDER, "PreCommits", key)
			.await?;
		Ok(pre_commit.map(Into::into))
	}

	/// A partition and its sectors; none if the deadline has no such partition.
	pub async fn partition(
		&self,
		provider: &AccountId,
		deadline: DeadlineIndex,
		partition: PartitionIndex,
	) -> Result<Option<Partition>, QueryError> {
		let at = self.at_best().await?;
		let key = || (Raw::from(*provider), deadline, partition);
		let Some(record) = self
			.value::<_, storage::Partition>(&at, pallet::PROVIDER, "Partitions", key())
			.await?
		else {
			return Ok(None);
		};
		let sectors = self
			.value::<_, Vec<SectorNumber>>(&at, pallet::PROVIDER, "PartitionSectors", key())
			.await?
			.unwrap_or_default();
		Ok(Some(record.with_sectors(sectors)))
	}

	/// In how many of the blocks from `from` (inclusive) to `to` (exclusive) a sector was proven healthy;
	/// none if there is no such sector.
	pub async fn health(
		&self,
		provider: &AccountId,
		sector: SectorNumber,
		from: BlockNumber,
		to: BlockNumber,
	) -> Result<Option<Health>, QueryError> {
		let at = self.at_best().await?;
		let health: Option<storage::Health> = self
			.view(
				&at,
				pallet::PROVIDER,
				"health",
				(Raw::from(*provider), sector, from, to),
			)
			.await?;
		Ok(health.map(Into::into))
	}

	/// An account's money. All zero if there is no such account.
	pub async fn balance(&self, account: &AccountId) -> Result<AccountBalance, QueryError> {
		let at = self.at_best().await?;
		let record = self
			.value::<_, storage::Account>(&at, "System", "Account", (Raw::from(*account),))
			.await?;
		let holds = self
			.value::<_, Vec<storage::Hold>>(&at, "Balances", "Holds", (Raw::from(*account),))
			.await?
			.unwrap_or_default();
		Ok(storage::balance(record, holds))
	}

	/// All events of a block, each with the index of the extrinsic that caused it, if one did.
	pub async fn events_at(
		&self,
		block_hash: Digest,
	) -> Result<Vec<(Option<u32>, Event)>, QueryError> {
		let at = self.at(H256(block_hash)).await?;
		self.events(&at).await
	}

	/// Refuses a chain whose runtime this program does not understand. Ask once, after connecting.
	pub async fn verify_runtime(&self) -> Result<(), QueryError> {
		let at = self.at_best().await?;
		crate::shapes::verify(&at)
	}

	async fn events(&self, at: &AtBlock) -> Result<Vec<(Option<u32>, Event)>, QueryError> {
		self.timed(async {
			let failed = |error: subxt::error::EventsError| self.error("events", error.into());
			let records = at.events().fetch().await.map_err(failed)?;
			records
				.iter()
				.map(|record| {
					let record = record.map_err(failed)?;
					let event = events::decode(&record, at.metadata_ref()).map_err(failed)?;
					Ok((extrinsic_of(record.phase()), event))
				})
				.collect()
		})
		.await
	}

	/// The events that an extrinsic caused, and why it failed, if it did.
	pub(crate) async fn events_of(
		&self,
		at: &AtBlock,
		extrinsic: u32,
	) -> Result<(Option<Failure>, Vec<Event>), QueryError> {
		self.timed(async {
			let failed = |error: subxt::error::EventsError| self.error("events", error.into());
			let records = at.events().fetch().await.map_err(failed)?;
			let mut failure = None;
			let mut decoded = Vec::new();
			for record in records.iter() {
				let record = record.map_err(failed)?;
				if extrinsic_of(record.phase()) == Some(extrinsic) {
					failure =
						failure.or(events::failure(&record, at.metadata_ref()).map_err(failed)?);
					decoded.push(events::decode(&record, at.metadata_ref()).map_err(failed)?);
				}
			}
			Ok((failure, decoded))
		})
		.await
	}

	/// The answer of a view function.
	async fn view<A, V>(
		&self,
		at: &AtBlock,
		pallet: &str,
		function: &str,
		arguments: A,
	) -> Result<V, QueryError>
	where
		A: IntoEncodableValues,
		V: DecodeAsType,
	{
		let what = format!("{pallet}.{function}");
		let call = subxt::dynamic::view_function_call::<_, V>(pallet, function, arguments);
		let input = at
			.view_functions()
			.encode_args(call)
			.map_err(|error| self.error(&what, error.into()))?;
		let output = self
			.timed(async {
				at.runtime_apis()
					.call_raw(views::API, Some(&views::input(&input)))
					.await
					.map_err(|error| self.error(&what, error.into()))
			})
			.await?;
		views::output(at.metadata_ref(), pallet, function, &output)
			.map_err(|reason| QueryError::Incompatible { what, reason })
	}

	/// A value of the chain's storage; none if there is none, not even a default.
	pub(crate) async fn value<K, V>(
		&self,
		at: &AtBlock,
		pallet: &str,
		entry: &str,
		key: K,
	) -> Result<Option<V>, QueryError>
	where
		K: IntoEncodableValues + IntoDecodableValues,
		V: DecodeAsType,
	{
		self.timed(async {
			let what = format!("{pallet}.{entry}");
			let address = subxt::dynamic::storage::<K, V>(pallet, entry);
			let value = at
				.storage()
				.try_fetch(address, key)
				.await
				.map_err(|error| self.error(&what, error.into()))?;
			value
				.map(|value| value.decode())
				.transpose()
				.map_err(|error| self.error(&what, error.into()))
		})
		.await
	}
}

fn extrinsic_of(phase: Phase) -> Option<u32> {
	match phase {
		Phase::ApplyExtrinsic(index) => Some(index),
		Phase::Finalization | Phase::Initialization => None,
	}
}
