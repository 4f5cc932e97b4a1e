//! What the market stores and what it is given.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use holdfast_primitives::{
	Balance, BlockNumber, DealExtension, DealProposal, PieceInfo, SectorNumber,
};
use scale_info::TypeInfo;

use crate::pallet::{Config, Error};

/// The most deals in one call.
pub const MAX_BATCH: u32 = 32;

/// A proposal with its client's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SignedProposal<AccountId, Signature> {
	/// What the client offers.
	pub proposal: DealProposal<AccountId>,
	/// The client's signature on [`DealProposal::signing_bytes`], or on these between `<Bytes>` and
	/// `</Bytes>`, as wallets sign that show what they sign.
	pub signature: Signature,
}

/// An extension with its client's signature.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct SignedExtension<Signature> {
	/// What the client agrees to.
	pub extension: DealExtension,
	/// The client's signature on [`DealExtension::signing_bytes`], or on these between `<Bytes>` and
	/// `</Bytes>`.
	pub signature: Signature,
}

/// A deal's progress.
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
)]
pub enum DealState {
	/// The money is locked; the piece is in no proven sector yet.
	Published,
	/// The piece is in a sector that waits for its proof; before the block `until`, no other sector can
	/// have it and the client cannot cancel. From then on it is as if it were published.
	PreCommitted {
		/// The provider's sector with the piece.
		sector: SectorNumber,
		/// The first block in which the sector cannot be proven any more.
		until: BlockNumber,
	},
	/// The piece is in a proven sector.
	Active {
		/// The provider's sector with the piece.
		sector: SectorNumber,
	},
	/// The client cancelled. Nothing is locked any more; the record keeps the nonce in use until the start,
	/// when the proposal has expired.
	Cancelled,
}

impl DealState {
	/// Whether the deal waits for a sector in the block `now`.
	pub fn is_waiting(&self, now: BlockNumber) -> bool {
		match self {
			Self::Published => true,
			Self::PreCommitted { until, .. } => *until <= now,
			Self::Active { .. } | Self::Cancelled => false,
		}
	}

	/// Whether the deal has not begun: its place in the start agenda is taken.
	pub fn is_before_start(&self) -> bool {
		!matches!(self, Self::Active { .. })
	}
}

/// A deal that is not over.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Deal<AccountId> {
	/// The data.
	pub piece: PieceInfo,
	/// Who pays.
	pub client: AccountId,
	/// Who stores.
	pub provider: AccountId,
	/// The first block that is paid for.
	pub start: u32,
	/// The first block that is not paid for any more.
	pub end: u32,
	/// The price of each healthy block.
	pub price_per_block: Balance,
	/// What the provider locked.
	pub provider_collateral: Balance,
	/// The client's nonce.
	pub nonce: u64,
	/// How many blocks were paid for.
	pub paid_blocks: u32,
	/// How far it is.
	pub state: DealState,
}

impl<AccountId> Deal<AccountId> {
	/// A deal that is published now.
	pub(crate) fn published(proposal: DealProposal<AccountId>) -> Self {
		Self {
			piece: proposal.piece,
			client: proposal.client,
			provider: proposal.provider,
			start: proposal.start,
			end: proposal.end,
			price_per_block: proposal.price_per_block,
			provider_collateral: proposal.provider_collateral,
			nonce: proposal.nonce,
			paid_blocks: 0,
			state: DealState::Published,
		}
	}
}

/// What the market holds on an account.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo,
)]
pub struct MarketBalance {
	/// Free to be withdrawn or promised.
	pub escrow: Balance,
	/// Still to be paid for the account's deals as a client.
	pub payment: Balance,
	/// Locked for the account's deals as a provider.
	pub collateral: Balance,
}

macro_rules! refusals {
	($($(#[$doc:meta])* $name:ident,)*) => {
		/// Why a proposal is refused. Each is also an error, for a call in which nothing could be
		/// published.
		#[derive(
			Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo,
		)]
		pub enum Refusal {
			$($(#[$doc])* $name,)*
		}

		impl<T: Config> From<Refusal> for Error<T> {
			fn from(refusal: Refusal) -> Self {
				match refusal {
					$(Refusal::$name => Self::$name,)*
				}
			}
		}
	};
}

refusals! {
	/// It names another provider.
	WrongProvider,
	/// The piece's size is no power of two of at least 128 bytes.
	InvalidPieceSize,
	/// The piece's commitment is not a canonical field element, so that no sector can hold it.
	InvalidCommitment,
	/// The piece is larger than the provider's sectors.
	PieceTooLarge,
	/// It has expired.
	ProposalExpired,
	/// It could be published after its start, and again after its end.
	ExpiresAfterStart,
	/// Its start is not in the future.
	StartPassed,
	/// It starts later than the policy allows.
	StartTooFar,
	/// It ends before it starts, or is shorter or longer than the policy allows.
	InvalidDuration,
	/// The price for each block is zero.
	ZeroPrice,
	/// The total price overflows.
	PriceOverflow,
	/// The collateral is below the policy's least share of the total price.
	CollateralTooLow,
	/// The client's nonce is in use.
	NonceUsed,
	/// The signature is not the client's on this proposal and this chain.
	InvalidSignature,
	/// The client's escrow does not cover the total price.
	InsufficientClientEscrow,
	/// The provider's escrow does not cover the collateral.
	InsufficientProviderEscrow,
	/// Every deal number has been used.
	DealIdsExhausted,
}
