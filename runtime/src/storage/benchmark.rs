//! What the pallets' benchmarks ask of each other.

use crate::*;
use frame_support::storage::unhashed;
use holdfast_primitives::{
	piece::MIN_PIECE_BYTES, CommD, CommP, CommR, DealId, PaddedPieceSize, PieceInfo, SectorNumber,
	SectorSize,
};
use pallet_market::{Deal, DealState};
use pallet_storage_provider::{Ask, Sector};

use super::ChainPolicy;
use frame_support::traits::Get;

/// A benchmark cannot make proofs. Under this key it says that it wants none to be checked.
const ACCEPT_ALL_PROOFS: &[u8] = b":holdfast:benchmark:accept-all-proofs";

pub fn accept_all_proofs() {
	unhashed::put(ACCEPT_ALL_PROOFS, &true);
}

pub fn accepts_all_proofs() -> bool {
	unhashed::exists(ACCEPT_ALL_PROOFS)
}

/// Registers a provider with sectors of `size`.
pub fn register(provider: &AccountId, size: SectorSize) {
	let address = b"http://127.0.0.1:8080"
		.to_vec()
		.try_into()
		.expect("it is short; qed");
	let ask = Ask {
		price_per_gib_block: 1,
		min_piece_bytes: MIN_PIECE_BYTES,
		max_piece_bytes: size.bytes(),
		accepting: true,
	};
	StorageProvider::register(
		RuntimeOrigin::signed(provider.clone()),
		size,
		alloc::vec![address].try_into().expect("it is one; qed"),
		ask,
		0,
	)
	.expect("the values are valid; qed");
}

/// Publishes deals of the smallest piece size. No money is behind them: none moves when they start.
pub fn publish_deals(provider: &AccountId, count: u32) -> Vec<DealId> {
	let policy = ChainPolicy::get();
	let start = System::block_number().saturating_add(policy.max_deal_start_delay);
	let end = start.saturating_add(policy.min_deal_duration);
	(0..count)
		.map(|index| {
			let id = pallet_market::NextDealId::<Runtime>::mutate(|next| {
				let id = *next;
				*next = next.saturating_add(1);
				id
			});
			let piece = PieceInfo {
				commitment: CommP([1; 32]),
				size: PaddedPieceSize::new(MIN_PIECE_BYTES).expect("it is the smallest; qed"),
			};
			let deal = Deal {
				piece,
				client: provider.clone(),
				provider: provider.clone(),
				start,
				end,
				price_per_block: 1,
				provider_collateral: 0,
				nonce: index.into(),
				paid_blocks: 0,
				state: DealState::Published,
			};
			pallet_market::Deals::<Runtime>::insert(id, deal);
			pallet_market::StartAgenda::<Runtime>::insert(start, id, ());
			id
		})
		.collect()
}

/// Makes a sector with one deal that is promised from `from` to, and without, `to`, and healthy until it
/// ended, if it has.
pub fn put_sector(
	provider: &AccountId,
	number: SectorNumber,
	from: BlockNumber,
	to: BlockNumber,
	ended: Option<BlockNumber>,
) {
	let sector = Sector {
		comm_r: CommR([1; 32]),
		comm_d: CommD([1; 32]),
		activated: from,
		expiration: to,
		deadline: 0,
		partition: 0,
		position: 0,
		pledge: 0,
		deals_left: 1,
		gaps: Default::default(),
		ended,
		terminated: false,
	};
	pallet_storage_provider::Sectors::<Runtime>::insert(provider, number, sector);
}
