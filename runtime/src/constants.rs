//! What the runtime is tuned by, in one place.

/// Time, and how blocks follow the relay chain.
pub mod consensus {
	use holdfast_primitives::BlockNumber;

	/// The length of an Aura slot, which is the target block time. It must be the relay chain's.
	pub const SLOT_DURATION_MILLIS: u64 = 6_000;
	/// The length of a relay-chain slot.
	pub const RELAY_CHAIN_SLOT_DURATION_MILLIS: u32 = 6_000;
	/// How many parachain blocks belong to one relay-chain block.
	pub const BLOCK_PROCESSING_VELOCITY: u32 = 1;
	/// How many blocks may be built before the relay chain includes the first of them.
	pub const UNINCLUDED_SEGMENT_CAPACITY: u32 = 3;
	/// How far behind the relay chain's tip a block's relay parent is.
	pub const RELAY_PARENT_OFFSET: u32 = 0;

	/// A minute in blocks.
	pub const MINUTES: BlockNumber = 10;
	/// An hour in blocks.
	pub const HOURS: BlockNumber = 60 * MINUTES;
	/// The length of a session, after which the set of collators can change.
	pub const SESSION_LENGTH: BlockNumber = 6 * HOURS;
	/// How many block hashes are kept, and therefore how long a mortal transaction can live.
	pub const BLOCK_HASH_COUNT: BlockNumber = 4_096;
	/// The most collators that Root can name.
	pub const MAX_INVULNERABLES: u32 = 20;
	/// The most collators that can apply.
	pub const MAX_CANDIDATES: u32 = 100;
}

/// Limits of a block.
pub mod block {
	use cumulus_primitives_core::relay_chain::MAX_POV_SIZE;
	use frame_support::weights::{constants::WEIGHT_REF_TIME_PER_SECOND, Weight};
	use sp_runtime::Perbill;

	/// What a block may cost at most: the two seconds of computation and the proof of validity that
	/// the relay chain gives to it.
	pub const MAXIMUM_WEIGHT: Weight = Weight::from_parts(
		WEIGHT_REF_TIME_PER_SECOND.saturating_mul(2),
		MAX_POV_SIZE as u64,
	);
	/// How many bytes the extrinsics of a block have at most.
	pub const MAXIMUM_LENGTH: u32 = 5 * 1024 * 1024;
	/// The part of a block that ordinary transactions can fill. The rest is for operational ones, so that
	/// a provider's proofs get through when the chain is busy.
	pub const NORMAL_RATIO: Perbill = Perbill::from_percent(75);
	/// What hooks are expected to take; it limits the largest transaction.
	pub const ON_INITIALIZE_RATIO: Perbill = Perbill::from_percent(5);
	/// The part of a block that incoming messages can take.
	pub const MESSAGE_QUEUE_RATIO: Perbill = Perbill::from_percent(35);
}

/// Money: one HOLD has 12 decimals.
pub mod currency {
	use holdfast_primitives::Balance;

	pub use holdfast_primitives::policy::HOLD;

	/// A thousandth of a HOLD.
	pub const MILLIHOLD: Balance = HOLD / 1_000;
	/// A millionth of a HOLD.
	pub const MICROHOLD: Balance = MILLIHOLD / 1_000;

	/// What an account must have to exist.
	pub const EXISTENTIAL_DEPOSIT: Balance = MILLIHOLD;
	/// The fee of a whole block's weight, before the multiplier that follows the demand.
	pub const FULL_BLOCK_FEE: Balance = HOLD / 2;
	/// The fee of each byte of a transaction.
	pub const TRANSACTION_BYTE_FEE: Balance = MICROHOLD;

	/// What is held for keeping `items` storage items of together `bytes` bytes.
	pub const fn deposit(items: u32, bytes: u32) -> Balance {
		(items as Balance)
			.saturating_mul(10 * MILLIHOLD)
			.saturating_add((bytes as Balance).saturating_mul(10 * MICROHOLD))
	}
}

/// The parachain's id in the presets.
pub const PARACHAIN_ID: u32 = 2000;

/// The storage network's own limits, beside the policy.
pub mod storage {
	use super::{consensus::HOURS, currency::HOLD};
	use holdfast_primitives::{Balance, BlockNumber};

	/// The most windows, sectors and pre-commits that a block settles; the rest waits for the next.
	pub const MAX_DUE_PER_BLOCK: u32 = 32;
	/// The most steps of the deals' start agenda in a block; the rest waits for the next.
	pub const MAX_STARTS_PER_BLOCK: u32 = 64;
	/// What the faucet of a development network gives.
	pub const FAUCET_AMOUNT: Balance = 1_000 * HOLD;
	/// After how many blocks it gives to the same account again.
	pub const FAUCET_PERIOD: BlockNumber = HOURS;
	/// How often it gives in a block.
	pub const FAUCET_DRIPS_PER_BLOCK: u32 = 10;
}
