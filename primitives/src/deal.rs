//! Storage deals: what a client offers and signs.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

use crate::{Balance, BlockNumber, Digest, PieceInfo};

/// A published deal's number; never used twice.
pub type DealId = u64;

/// What a client offers to a provider. Signed by the client over [`DealProposal::signing_bytes`].
#[derive(
	Clone,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
pub struct DealProposal<AccountId> {
	/// The data to store.
	pub piece: PieceInfo,
	/// Who pays.
	pub client: AccountId,
	/// Who stores.
	pub provider: AccountId,
	/// The first block that is paid for; the sector with the piece must be proven before it.
	pub start: BlockNumber,
	/// The first block that is not paid for any more.
	pub end: BlockNumber,
	/// The price of each healthy block, for the whole piece.
	pub price_per_block: Balance,
	/// What the provider locks, and loses if the deal does not start.
	pub provider_collateral: Balance,
	/// Chosen by the client; together with the client's account it can be used once.
	pub nonce: u64,
	/// The last block in which the proposal may be published; not after `start`.
	pub expires: BlockNumber,
}

impl<AccountId: Encode> DealProposal<AccountId> {
	/// What the client signs: `"holdfast/deal/1" ‖ genesis hash ‖ SCALE(proposal)`. The genesis hash
	/// makes it worthless on any other chain.
	pub fn signing_bytes(&self, genesis_hash: &Digest) -> Vec<u8> {
		let mut bytes = Vec::from(&b"holdfast/deal/1"[..]);
		bytes.extend_from_slice(genesis_hash);
		self.encode_to(&mut bytes);
		bytes
	}
}

impl<AccountId> DealProposal<AccountId> {
	/// How many blocks the deal pays for at most; zero if it ends before it starts.
	pub fn duration(&self) -> BlockNumber {
		self.end.saturating_sub(self.start)
	}

	/// What the client locks: the price of every block. `None` if that overflows.
	pub fn total_price(&self) -> Option<Balance> {
		self.price_per_block.checked_mul(self.duration().into())
	}
}

/// What a client agrees to when an active deal shall go on for longer, at the same price for each
/// block. Signed by the client over [`DealExtension::signing_bytes`].
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
pub struct DealExtension {
	/// The deal.
	pub deal: DealId,
	/// The deal's end that is replaced, so that an extension can be used once.
	pub end: BlockNumber,
	/// The new end, later than that.
	pub new_end: BlockNumber,
	/// The last block in which the extension may be used.
	pub expires: BlockNumber,
}

impl DealExtension {
	/// What the client signs: `"holdfast/deal-extension/1" ‖ genesis hash ‖ SCALE(extension)`.
	pub fn signing_bytes(&self, genesis_hash: &Digest) -> Vec<u8> {
		let mut bytes = Vec::from(&b"holdfast/deal-extension/1"[..]);
		bytes.extend_from_slice(genesis_hash);
		self.encode_to(&mut bytes);
		bytes
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{CommP, PaddedPieceSize};

	fn proposal() -> DealProposal<[u8; 32]> {
		DealProposal {
			piece: PieceInfo {
				commitment: CommP([1; 32]),
				size: PaddedPieceSize::new(256).expect("a power of two"),
			},
			client: [2; 32],
			provider: [3; 32],
			start: 10,
			end: 30,
			price_per_block: 5,
			provider_collateral: 7,
			nonce: 9,
			expires: 10,
		}
	}

	#[test]
	fn the_price_covers_every_block() {
		assert_eq!(proposal().total_price(), Some(100));
		assert_eq!(
			DealProposal {
				price_per_block: u128::MAX,
				..proposal()
			}
			.total_price(),
			None
		);
		assert_eq!(
			DealProposal {
				end: 5,
				..proposal()
			}
			.total_price(),
			Some(0)
		);
	}

	#[test]
	fn signing_bytes_bind_the_chain_and_every_field() {
		let base = proposal().signing_bytes(&[0; 32]);
		assert_ne!(base, proposal().signing_bytes(&[1; 32]));
		assert_ne!(
			base,
			DealProposal {
				nonce: 10,
				..proposal()
			}
			.signing_bytes(&[0; 32])
		);
	}
}
