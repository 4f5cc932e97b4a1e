//! What the chain knows, as plain values.

use holdfast_primitives::{
	Balance, BlockNumber, CommD, CommR, DeadlineIndex, DealId, Digest, PartitionIndex, PieceInfo,
	SectorNumber, SectorSize,
};
use serde::{Deserialize, Serialize, Serializer};

use crate::AccountId;

/// A block's number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockRef {
	/// Its number.
	pub number: BlockNumber,
	/// Its hash.
	#[serde(serialize_with = "hexadecimal")]
	pub hash: Digest,
}

/// What a provider asks for, announced on the chain. Nothing enforces it: each deal has its own price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
	/// The price of storing one GiB for one block.
	#[serde(with = "amount")]
	pub price_per_gib_block: Balance,
	/// The smallest piece that is accepted, in padded bytes.
	pub min_piece_bytes: u64,
	/// The largest piece that is accepted, in padded bytes.
	pub max_piece_bytes: u64,
	/// Whether new deals are accepted at all.
	pub accepting: bool,
}

/// How much a deadline has to prove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadlineLoad {
	/// Its partitions.
	pub partitions: u32,
	/// The live sectors in them.
	pub live_sectors: u32,
}

/// A registered provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderInfo {
	/// The size of all its sectors.
	pub sector_size: SectorSize,
	/// Where its HTTP API is announced to be. Anybody can announce anything; entries that are not
	/// printable text are left out.
	pub addresses: Vec<String>,
	/// What it asks for.
	pub ask: Ask,
	/// The bytes that it announces to have free.
	pub free_space: u64,
	/// Where its proving period begins; see `holdfast_primitives::deadline`.
	pub period_offset: BlockNumber,
	/// Its sectors that are proven and not ended.
	pub live_sectors: u32,
	/// Its sectors that are pre-committed and not yet proven.
	pub pre_commits: u32,
	/// The load of each deadline of the policy.
	pub deadlines: Vec<DeadlineLoad>,
}

/// How far a deal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum DealState {
	/// The money is held; no sector is proven yet.
	Published,
	/// The piece is in a sector that waits for its proof.
	PreCommitted {
		/// The sector's number.
		sector: SectorNumber,
		/// The first block in which the sector cannot be proven any more.
		until: BlockNumber,
	},
	/// The piece is in a proven sector.
	Active {
		/// The sector's number.
		sector: SectorNumber,
	},
	/// The client cancelled it; the record goes at the deal's start.
	Cancelled,
}

/// A published deal that is not settled for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deal {
	/// The data.
	pub piece: PieceInfo,
	/// Who pays.
	pub client: AccountId,
	/// Who stores.
	pub provider: AccountId,
	/// The first block that is paid for.
	pub start: BlockNumber,
	/// The first block that is not paid for any more.
	pub end: BlockNumber,
	/// The price of each healthy block.
	#[serde(with = "amount")]
	pub price_per_block: Balance,
	/// What the provider has locked.
	#[serde(with = "amount")]
	pub provider_collateral: Balance,
	/// The nonce of the client's proposal.
	pub nonce: u64,
	/// How many blocks are paid already.
	pub paid_blocks: u32,
	/// How far it is.
	#[serde(flatten)]
	pub state: DealState,
}

/// A sector that is sealed and waits to be proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreCommit {
	/// The commitment to the sealed sector.
	pub comm_r: CommR,
	/// The commitment to its data, which the chain computed from the deals' pieces.
	pub comm_d: CommD,
	/// The block that the ticket is of.
	pub ticket_block: BlockNumber,
	/// The block that the pre-commit is in.
	pub pre_commit_block: BlockNumber,
	/// When the sector will expire.
	pub expiration: BlockNumber,
	/// The deals whose pieces are in it, in order.
	pub deals: Vec<DealId>,
	/// What is held until it is proven.
	#[serde(with = "amount")]
	pub deposit: Balance,
}

/// A proven sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sector {
	/// The commitment to the sealed sector.
	pub comm_r: CommR,
	/// The commitment to its data.
	pub comm_d: CommD,
	/// The block in which it was proven.
	pub activated: BlockNumber,
	/// When it expires.
	pub expiration: BlockNumber,
	/// The deadline that proves it.
	pub deadline: DeadlineIndex,
	/// The partition in that deadline.
	pub partition: PartitionIndex,
	/// Its position in that partition.
	pub position: u32,
	/// What is held for it.
	#[serde(with = "amount")]
	pub pledge: Balance,
	/// The deals in it that are not settled for good.
	pub deals_left: u32,
	/// The times, from the first block to the one after the last, in which it was faulty.
	pub gaps: Vec<(BlockNumber, BlockNumber)>,
	/// When it ended; after that it is not proven any more.
	pub ended: Option<BlockNumber>,
}

/// A partition of a deadline. Its sectors are listed by position, the others in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
	/// The block of its last accepted window PoSt.
	pub last_proof: BlockNumber,
	/// All its sectors, ended ones too.
	pub sectors: Vec<SectorNumber>,
	/// The faulty ones.
	pub faulty: Vec<SectorNumber>,
	/// Those of the faulty ones whose recovery is declared.
	pub recovering: Vec<SectorNumber>,
	/// The ended ones.
	pub terminated: Vec<SectorNumber>,
}

impl Partition {
	/// The sectors that the next window PoSt has to prove, in the order of its statement: all that have
	/// not ended and are healthy or recovering. With none there is nothing to submit.
	pub fn to_prove(&self) -> Vec<SectorNumber> {
		let mut due: Vec<SectorNumber> = self
			.sectors
			.iter()
			.copied()
			.filter(|sector| !self.terminated.contains(sector))
			.filter(|sector| !self.faulty.contains(sector) || self.recovering.contains(sector))
			.collect();
		due.sort_unstable();
		due
	}

	/// Where a sector is in the partition.
	pub fn position(&self, sector: SectorNumber) -> Option<u32> {
		let found = self.sectors.iter().position(|number| *number == sector)?;
		u32::try_from(found).ok()
	}
}

/// In how many blocks a sector was healthy, as the chain counts for payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
	/// The blocks of the asked range that are proven healthy.
	pub healthy_blocks: u32,
	/// Up to which block (exclusive) the answer is final.
	pub decided_through: BlockNumber,
}

/// An account's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountBalance {
	/// What it can spend.
	#[serde(with = "amount")]
	pub free: Balance,
	/// Deposited in the market, for deals to come.
	#[serde(with = "amount")]
	pub escrow: Balance,
	/// Locked as a client for the price of published deals.
	#[serde(with = "amount")]
	pub payment: Balance,
	/// Locked as a provider for published deals.
	#[serde(with = "amount")]
	pub collateral: Balance,
	/// Locked for proven sectors.
	#[serde(with = "amount")]
	pub pledge: Balance,
	/// Locked for pre-committed sectors.
	#[serde(with = "amount")]
	pub pre_commit_deposit: Balance,
}

/// Serialises amounts as decimal text, because JSON's numbers lose precision above 2^53.
pub(crate) mod amount {
	use holdfast_primitives::Balance;
	use serde::{Deserialize, Deserializer, Serializer};

	pub fn serialize<S: Serializer>(amount: &Balance, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.collect_str(amount)
	}

	pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Balance, D::Error> {
		let text = String::deserialize(deserializer)?;
		if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
			return Err(serde::de::Error::custom(
				"expected an amount as decimal digits in quotes",
			));
		}
		text.parse()
			.map_err(|_| serde::de::Error::custom("the amount is too large"))
	}
}

pub(crate) fn hexadecimal<S: Serializer>(hash: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
	serializer.collect_str(&format_args!("0x{}", const_hex::encode(hash)))
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn healthy_and_recovering_sectors_are_proven_in_order() {
		let partition = Partition {
			last_proof: 5,
			sectors: vec![9, 2, 7, 4, 1],
			faulty: vec![2, 4],
			recovering: vec![4],
			terminated: vec![1],
		};
		assert_eq!(partition.to_prove(), [4, 7, 9]);
	}

	#[test]
	fn a_fully_faulty_partition_has_nothing_to_prove() {
		let partition = Partition {
			last_proof: 5,
			sectors: vec![1, 2, 3],
			faulty: vec![1, 2],
			recovering: vec![],
			terminated: vec![3],
		};
		assert!(partition.to_prove().is_empty());
	}

	#[test]
	fn amounts_are_text() {
		let ask = Ask {
			price_per_gib_block: u128::MAX,
			min_piece_bytes: 128,
			max_piece_bytes: 1 << 20,
			accepting: true,
		};
		let json = serde_json::to_string(&ask).unwrap();
		assert!(json.contains(&format!("\"{}\"", u128::MAX)), "{json}");
		assert_eq!(serde_json::from_str::<Ask>(&json).unwrap(), ask);
		for bad in [
			"",
			"-1",
			"+1",
			"1e3",
			"340282366920938463463374607431768211456",
		] {
			let json = json.replace(&u128::MAX.to_string(), bad);
			assert!(serde_json::from_str::<Ask>(&json).is_err(), "{bad}");
		}
	}

	#[test]
	fn hashes_are_prefixed_hexadecimal() {
		let block = BlockRef {
			number: 3,
			hash: [0xab; 32],
		};
		assert_eq!(
			serde_json::to_string(&block).unwrap(),
			format!("{{\"number\":3,\"hash\":\"0x{}\"}}", "ab".repeat(32))
		);
	}
}
