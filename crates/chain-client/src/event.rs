//! What the chain reports.

use holdfast_primitives::{
	Balance, BlockNumber, DeadlineIndex, DealId, Digest, PartitionIndex, SectorNumber,
};
use serde::Serialize;

use crate::{types::amount, AccountId};

/// An event of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
	rename_all = "kebab-case",
	rename_all_fields = "camelCase",
	tag = "event"
)]
pub enum Event {
	/// A proposal was published; the money is held.
	DealPublished {
		/// The deal's new number.
		deal: DealId,
		/// Who pays.
		client: AccountId,
		/// Who stores.
		provider: AccountId,
		/// The proposal's place in the call.
		index: u32,
	},
	/// A proposal was refused.
	DealRefused {
		/// The proposal's place in the call.
		index: u32,
		/// The chain's name of the reason.
		reason: String,
	},
	/// A deal's piece is in a proven sector.
	DealActivated {
		/// The deal.
		deal: DealId,
		/// Who stores.
		provider: AccountId,
		/// The sector.
		sector: SectorNumber,
	},
	/// A deal's healthy blocks were paid.
	DealSettled {
		/// The deal.
		deal: DealId,
		/// How many blocks were paid now.
		blocks: u32,
		/// How much was paid now.
		#[serde(with = "amount")]
		amount: Balance,
	},
	/// A deal of a [`Call::SettleDeals`](crate::Call::SettleDeals) could not be settled.
	SettlementRefused {
		/// The deal.
		deal: DealId,
		/// `Pallet.Error`, or the chain's name of the error.
		reason: String,
	},
	/// A deal is settled for good and gone.
	DealCompleted {
		/// The deal.
		deal: DealId,
		/// What went back to the client's escrow.
		#[serde(with = "amount")]
		refunded: Balance,
	},
	/// A published deal was not in a proven sector at its start and is gone.
	DealExpired {
		/// The deal.
		deal: DealId,
	},
	/// A sector was pre-committed.
	SectorPreCommitted {
		/// Whose.
		provider: AccountId,
		/// The sector.
		sector: SectorNumber,
	},
	/// A sector was proven.
	SectorProven {
		/// Whose.
		provider: AccountId,
		/// The sector.
		sector: SectorNumber,
		/// The deadline that proves it from now on.
		deadline: DeadlineIndex,
		/// The partition in that deadline.
		partition: PartitionIndex,
	},
	/// A sector's proof was refused.
	ProofRefused {
		/// Whose.
		provider: AccountId,
		/// The sector.
		sector: SectorNumber,
		/// `Pallet.Error`, or the chain's name of the error.
		error: String,
	},
	/// A partition's window PoSt was accepted.
	WindowPoStAccepted {
		/// Whose.
		provider: AccountId,
		/// The deadline.
		deadline: DeadlineIndex,
		/// The partition.
		partition: PartitionIndex,
		/// How many sectors recovered by it.
		recovered: u32,
		/// How many sectors became faulty, because it skips them.
		new_faults: u32,
		/// How many were to recover and did not, because it skips them.
		failed_recoveries: u32,
	},
	/// A partition's window PoSt was refused.
	WindowPoStRefused {
		/// Whose.
		provider: AccountId,
		/// The deadline.
		deadline: DeadlineIndex,
		/// The partition.
		partition: PartitionIndex,
		/// `Pallet.Error`, or the chain's name of the error.
		error: String,
	},
	/// A partition was not proven in time.
	PartitionFaulty {
		/// Whose.
		provider: AccountId,
		/// The deadline.
		deadline: DeadlineIndex,
		/// The partition.
		partition: PartitionIndex,
		/// How many sectors became faulty.
		new_faults: u32,
		/// How many were to recover and did not.
		failed_recoveries: u32,
	},
	/// Sectors were declared faulty by their provider.
	FaultsDeclared {
		/// Whose.
		provider: AccountId,
		/// The deadline.
		deadline: DeadlineIndex,
		/// The partition.
		partition: PartitionIndex,
		/// How many sectors.
		sectors: u32,
	},
	/// A partition's faulty sectors cost their fee.
	FaultFeeCharged {
		/// Whose.
		provider: AccountId,
		/// The deadline.
		deadline: DeadlineIndex,
		/// The partition.
		partition: PartitionIndex,
		/// The fee.
		#[serde(with = "amount")]
		fee: Balance,
		/// How much of it the provider could pay.
		#[serde(with = "amount")]
		burned: Balance,
	},
	/// Recoveries were declared.
	RecoveriesDeclared {
		/// Whose.
		provider: AccountId,
		/// The deadline.
		deadline: DeadlineIndex,
		/// The partition.
		partition: PartitionIndex,
		/// How many sectors.
		sectors: u32,
	},
	/// A sector ended.
	SectorExpired {
		/// Whose.
		provider: AccountId,
		/// The sector.
		sector: SectorNumber,
	},
	/// A pre-commit was not proven in time; its deposit is lost.
	PreCommitExpired {
		/// Whose.
		provider: AccountId,
		/// The sector.
		sector: SectorNumber,
	},
	/// Anything else.
	Other {
		/// The pallet.
		pallet: String,
		/// The event's name.
		variant: String,
	},
}

/// Where an extrinsic was included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Included {
	/// The block's number.
	pub block: BlockNumber,
	/// The block's hash.
	#[serde(serialize_with = "crate::types::hexadecimal")]
	pub block_hash: Digest,
	/// The extrinsic's place in the block.
	pub extrinsic_index: u32,
	/// The extrinsic's hash.
	#[serde(serialize_with = "crate::types::hexadecimal")]
	pub extrinsic_hash: Digest,
	/// The events that it caused.
	pub events: Vec<Event>,
}
