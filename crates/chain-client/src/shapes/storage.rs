//! Storage, and its conversion to our types.

use holdfast_primitives::{
	Balance, BlockNumber, CommD, CommR, DealId, PieceInfo, SectorNumber, SectorSize,
};
use subxt::{
	dynamic::Value,
	ext::{scale_decode::DecodeAsType, scale_value},
	utils::Static,
};

use crate::{types, AccountBalance, AccountId};

/// The names of the pallets in the runtime.
pub(crate) mod pallet {
	pub(crate) const FAUCET: &str = "Faucet";
	pub(crate) const MARKET: &str = "Market";
	pub(crate) const PROVIDER: &str = "StorageProvider";
	pub(crate) const RANDOMNESS: &str = "Randomness";
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Ask {
	price_per_gib_block: Balance,
	min_piece_bytes: u64,
	max_piece_bytes: u64,
	accepting: bool,
}

impl From<Ask> for types::Ask {
	fn from(ask: Ask) -> Self {
		Self {
			price_per_gib_block: ask.price_per_gib_block,
			min_piece_bytes: ask.min_piece_bytes,
			max_piece_bytes: ask.max_piece_bytes,
			accepting: ask.accepting,
		}
	}
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct DeadlineLoad {
	partitions: u32,
	live_sectors: u32,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct ProviderInfo {
	sector_size: Static<SectorSize>,
	addresses: Vec<Vec<u8>>,
	ask: Ask,
	free_space: u64,
	period_offset: BlockNumber,
	live_sectors: u32,
	pre_commits: u32,
	deadlines: Vec<DeadlineLoad>,
}

impl From<ProviderInfo> for types::ProviderInfo {
	fn from(info: ProviderInfo) -> Self {
		Self {
			sector_size: info.sector_size.0,
			addresses: info.addresses.into_iter().filter_map(printable).collect(),
			ask: info.ask.into(),
			free_space: info.free_space,
			period_offset: info.period_offset,
			live_sectors: info.live_sectors,
			pre_commits: info.pre_commits,
			deadlines: info
				.deadlines
				.into_iter()
				.map(|load| types::DeadlineLoad {
					partitions: load.partitions,
					live_sectors: load.live_sectors,
				})
				.collect(),
		}
	}
}

/// Anybody can register any bytes, and terminals obey control characters.
fn printable(bytes: Vec<u8>) -> Option<String> {
	String::from_utf8(bytes)
		.ok()
		.filter(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()))
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) enum DealState {
	Published,
	PreCommitted {
		sector: SectorNumber,
		until: BlockNumber,
	},
	Active {
		sector: SectorNumber,
	},
	Cancelled,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Deal {
	piece: Static<PieceInfo>,
	client: Static<AccountId>,
	provider: Static<AccountId>,
	start: BlockNumber,
	end: BlockNumber,
	price_per_block: Balance,
	provider_collateral: Balance,
	nonce: u64,
	paid_blocks: u32,
	state: DealState,
}

impl From<Deal> for types::Deal {
	fn from(deal: Deal) -> Self {
		Self {
			piece: deal.piece.0,
			client: deal.client.0,
			provider: deal.provider.0,
			start: deal.start,
			end: deal.end,
			price_per_block: deal.price_per_block,
			provider_collateral: deal.provider_collateral,
			nonce: deal.nonce,
			paid_blocks: deal.paid_blocks,
			state: match deal.state {
				DealState::Published => types::DealState::Published,
				DealState::PreCommitted { sector, until } => {
					types::DealState::PreCommitted { sector, until }
				},
				DealState::Cancelled => types::DealState::Cancelled,
				DealState::Active { sector } => types::DealState::Active { sector },
			},
		}
	}
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct PreCommit {
	comm_r: Static<CommR>,
	comm_d: Static<CommD>,
	ticket_block: BlockNumber,
	pre_commit_block: BlockNumber,
	expiration: BlockNumber,
	deals: Vec<DealId>,
	deposit: Balance,
}

impl From<PreCommit> for types::PreCommit {
	fn from(pre_commit: PreCommit) -> Self {
		Self {
			comm_r: pre_commit.comm_r.0,
			comm_d: pre_commit.comm_d.0,
			ticket_block: pre_commit.ticket_block,
			pre_commit_block: pre_commit.pre_commit_block,
			expiration: pre_commit.expiration,
			deals: pre_commit.deals,
			deposit: pre_commit.deposit,
		}
	}
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Sector {
	comm_r: Static<CommR>,
	comm_d: Static<CommD>,
	activated: BlockNumber,
	expiration: BlockNumber,
	deadline: u32,
	partition: u32,
	position: u32,
	pledge: Balance,
	deals_left: u32,
	gaps: Vec<(BlockNumber, BlockNumber)>,
	ended: Option<BlockNumber>,
}

impl From<Sector> for types::Sector {
	fn from(sector: Sector) -> Self {
		Self {
			comm_r: sector.comm_r.0,
			comm_d: sector.comm_d.0,
			activated: sector.activated,
			expiration: sector.expiration,
			deadline: sector.deadline,
			partition: sector.partition,
			position: sector.position,
			pledge: sector.pledge,
			deals_left: sector.deals_left,
			gaps: sector.gaps,
			ended: sector.ended,
		}
	}
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct FaultGroup {
	positions: Vec<u8>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Partition {
	last_proof: BlockNumber,
	faults: Vec<FaultGroup>,
	recovering: Vec<u8>,
	terminated: Vec<u8>,
}

impl Partition {
	/// Translates positions into sector numbers.
	pub(crate) fn with_sectors(self, sectors: Vec<SectorNumber>) -> types::Partition {
		let select = |fields: &[&[u8]]| {
			let mut selected: Vec<SectorNumber> = sectors
				.iter()
				.enumerate()
				.filter(|(position, _)| fields.iter().any(|field| has_bit(field, *position)))
				.map(|(_, sector)| *sector)
				.collect();
			selected.sort_unstable();
			selected
		};
		let faults: Vec<&[u8]> = self
			.faults
			.iter()
			.map(|group| group.positions.as_slice())
			.collect();
		types::Partition {
			last_proof: self.last_proof,
			faulty: select(&faults),
			recovering: select(&[&self.recovering]),
			terminated: select(&[&self.terminated]),
			sectors,
		}
	}
}

/// Bit `position` of a bit field, the lowest bit of each byte first.
fn has_bit(field: &[u8], position: usize) -> bool {
	field
		.get(position / 8)
		.is_some_and(|byte| byte >> (position % 8) & 1 == 1)
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Health {
	healthy_blocks: u32,
	decided_through: BlockNumber,
}

impl From<Health> for types::Health {
	fn from(health: Health) -> Self {
		Self {
			healthy_blocks: health.healthy_blocks,
			decided_through: health.decided_through,
		}
	}
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct AccountData {
	free: Balance,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Account {
	data: AccountData,
}

/// A hold of any pallet: the reason is an enum of enums that grows with the runtime.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Hold {
	id: Value,
	amount: Balance,
}

/// Sums what an account has. Amounts saturate, which no supply can reach.
pub(crate) fn balance(account: Option<Account>, holds: Vec<Hold>) -> AccountBalance {
	let mut balance = AccountBalance {
		free: account.map_or(0, |account| account.data.free),
		..Default::default()
	};
	for hold in holds {
		let Some((pallet, reason)) = nested_variant(&hold.id) else {
			continue;
		};
		let field = match (pallet, reason) {
			(pallet::MARKET, "Escrow") => &mut balance.escrow,
			(pallet::MARKET, "Payment") => &mut balance.payment,
			(pallet::MARKET, "Collateral") => &mut balance.collateral,
			(pallet::PROVIDER, "Pledge") => &mut balance.pledge,
			(pallet::PROVIDER, "PreCommitDeposit") => &mut balance.pre_commit_deposit,
			_ => continue,
		};
		*field = field.saturating_add(hold.amount);
	}
	balance
}

/// The names of a variant and of the variant in it.
pub(crate) fn nested_variant(value: &Value) -> Option<(&str, &str)> {
	let outer = variant(value)?;
	let inner = variant(outer.values.values().next()?)?;
	Some((&outer.name, &inner.name))
}

pub(crate) fn variant<T>(value: &scale_value::Value<T>) -> Option<&scale_value::Variant<T>> {
	match &value.value {
		scale_value::ValueDef::Variant(variant) => Some(variant),
		_ => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn hold(pallet: &str, reason: &str, amount: Balance) -> Hold {
		Hold {
			id: Value::unnamed_variant(pallet, [Value::unnamed_variant(reason, [])]),
			amount,
		}
	}

	#[test]
	fn holds_are_told_apart_by_pallet_and_reason() {
		let account = Account {
			data: AccountData { free: 1 },
		};
		let holds = vec![
			hold("Market", "Escrow", 2),
			hold("Market", "Payment", 3),
			hold("Market", "Collateral", 4),
			hold("StorageProvider", "Pledge", 5),
			hold("StorageProvider", "PreCommitDeposit", 6),
			hold("Other", "Escrow", 100),
			hold("Market", "Unheard", 100),
			Hold {
				id: Value::u128(7),
				amount: 100,
			},
		];
		assert_eq!(
			balance(Some(account), holds),
			AccountBalance {
				free: 1,
				escrow: 2,
				payment: 3,
				collateral: 4,
				pledge: 5,
				pre_commit_deposit: 6,
			}
		);
		assert_eq!(balance(None, Vec::new()), AccountBalance::default());
	}

	#[test]
	fn positions_become_sector_numbers() {
		let partition = Partition {
			last_proof: 9,
			faults: vec![
				FaultGroup {
					positions: vec![0b1],
				},
				FaultGroup {
					positions: vec![0, 0b10],
				},
			],
			recovering: vec![0, 0b10],
			terminated: vec![0b100],
		};
		let sectors: Vec<u64> = (0..10).rev().collect();
		let partition = partition.with_sectors(sectors.clone());
		assert_eq!(partition.sectors, sectors);
		assert_eq!(partition.faulty, [0, 9]);
		assert_eq!(partition.recovering, [0]);
		assert_eq!(partition.terminated, [7]);
	}

	#[test]
	fn addresses_that_could_harm_a_terminal_are_left_out() {
		assert_eq!(
			printable(b"http://a.example:8080".to_vec()).as_deref(),
			Some("http://a.example:8080")
		);
		for bytes in [
			&b""[..],
			b"\xff",
			b"http://a\x1b[2J",
			b"http://a\n",
			b"http://a b",
			"http://\u{202e}a".as_bytes(),
		] {
			assert_eq!(printable(bytes.to_vec()), None);
		}
	}
}
