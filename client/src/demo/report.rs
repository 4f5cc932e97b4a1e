//! What the demonstration found out, so that it can be checked.

use std::fmt;

use holdfast_chain_client::{AccountBalance, ChainClient, DealState, QueryError};
use holdfast_primitives::{
	Balance, BlockNumber, DeadlineIndex, DealId, PartitionIndex, SectorNumber,
};
use serde::Serialize;

/// A stage, and when it came.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageTime {
	/// What came.
	pub stage: String,
	/// More about it.
	pub detail: Option<String>,
	/// Seconds since the beginning.
	pub seconds: f64,
}

/// Where something is on chain: an extrinsic's block and its index there, as block explorers write it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
	/// The block.
	pub block: BlockNumber,
	/// The extrinsic; none for what the chain did by itself.
	pub extrinsic: Option<u32>,
}

impl fmt::Display for Place {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self.extrinsic {
			Some(extrinsic) => write!(f, "block {} extrinsic {extrinsic}", self.block),
			None => write!(f, "block {}", self.block),
		}
	}
}

/// A sector's accepted proof of replication.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectorProof {
	/// The sector.
	pub sector: SectorNumber,
	/// The deadline that it is proven in from now on.
	pub deadline: DeadlineIndex,
	/// The partition in that deadline.
	pub partition: PartitionIndex,
	/// Where the proof is.
	pub at: Place,
}

impl fmt::Display for SectorProof {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(
			f,
			"sector {} in {}, deadline {} partition {}",
			self.sector, self.at, self.deadline, self.partition
		)
	}
}

/// An accepted window PoSt.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostAccepted {
	/// The deadline.
	pub deadline: DeadlineIndex,
	/// The partition in that deadline.
	pub partition: PartitionIndex,
	/// Where the proof is.
	pub at: Place,
}

impl fmt::Display for PostAccepted {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(
			f,
			"deadline {} partition {} in {}",
			self.deadline, self.partition, self.at
		)
	}
}

/// What a deal earned.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
	/// The deal.
	pub deal: DealId,
	/// Its price for each healthy block.
	pub price_per_block: Balance,
	/// The healthy blocks that were paid.
	pub healthy_blocks: u32,
	/// What was paid.
	pub amount: Balance,
}

impl fmt::Display for Payment {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(
			f,
			"deal {}: {} x {} healthy blocks = {}",
			self.deal, self.price_per_block, self.healthy_blocks, self.amount
		)
	}
}

/// Something corrupt that was refused.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
	/// What was corrupted.
	pub corruption: String,
	/// Who refused it.
	pub by: String,
	/// In which words.
	pub reason: String,
}

/// What the demonstration found out.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
	/// The stages with their times.
	pub stages: Vec<StageTime>,
	/// What was refused.
	pub refusals: Vec<Refusal>,
	/// The ticket.
	pub ticket: String,
	/// The deals.
	pub deals: Vec<DealId>,
	/// The sectors and their proofs of replication.
	pub sectors: Vec<SectorProof>,
	/// The window PoSts.
	pub posts: Vec<PostAccepted>,
	/// What the deals earned.
	pub payments: Vec<Payment>,
	/// By how much the provider's balance grew in the settlement.
	pub provider_balance_change: Balance,
	/// The file's SHA-256 before.
	pub sha256_before: String,
	/// The file's SHA-256 after.
	pub sha256_after: String,
}

/// What a provider's stage is called here; none for stages that the demonstration tells of otherwise.
pub(super) fn stage_name(state: &str) -> Option<&'static str> {
	Some(match state {
		"adding-piece" => "packing the sector",
		"pre-commit-1" => "sealing: PC1",
		"pre-commit-2" => "sealing: PC2",
		"pre-committing" => "pre-committing",
		"pre-committed" => "pre-committed, waiting for the seed",
		"proving" => "proving: C1, C2",
		"prove-committing" => "prove-committing",
		"active" => "proven, the deal is active",
		_ => return None,
	})
}

/// Everything that an account has, held or not.
pub(super) fn total(balance: &AccountBalance) -> Balance {
	[
		balance.free,
		balance.escrow,
		balance.payment,
		balance.collateral,
		balance.pledge,
		balance.pre_commit_deposit,
	]
	.into_iter()
	.fold(0, Balance::saturating_add)
}

/// The blocks that a deal has earned for so far.
pub(super) async fn healthy_blocks(chain: &ChainClient, id: DealId) -> Result<u32, QueryError> {
	let Some(deal) = chain.deal(id).await? else {
		return Ok(0);
	};
	let DealState::Active { sector } = deal.state else {
		return Ok(0);
	};
	let health = chain
		.health(&deal.provider, sector, deal.start, deal.end)
		.await?;
	Ok(health.map_or(0, |health| health.healthy_blocks))
}
