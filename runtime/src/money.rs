//! Balances and transaction fees.

use crate::{
	constants::{block, currency},
	*,
};
use frame_support::{
	parameter_types,
	traits::{ConstU32, ConstU8, VariantCountOf},
	weights::{ConstantMultiplier, Weight},
};
use parachains_common::impls::DealWithFees;
use polkadot_runtime_common::SlowAdjustingFeeUpdate;

parameter_types! {
	pub const ExistentialDeposit: Balance = currency::EXISTENTIAL_DEPOSIT;
	pub const TransactionByteFee: Balance = currency::TRANSACTION_BYTE_FEE;
}

impl pallet_balances::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeHoldReason = RuntimeHoldReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
	type Balance = Balance;
	type DustRemoval = ();
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
	type ReserveIdentifier = [u8; 8];
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxLocks = ConstU32<50>;
	type MaxReserves = ConstU32<50>;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type DoneSlashHandler = ();
}

/// The fee of a weight: the scarcer of computation and proof size, as its share of a full block.
pub struct WeightToFee;

impl frame_support::weights::WeightToFee for WeightToFee {
	type Balance = Balance;

	fn weight_to_fee(weight: &Weight) -> Balance {
		// A product of a 64-bit weight and the fee of a block, below 2^39, fits.
		let share = |part: u64, whole: u64| {
			Balance::from(part)
				.saturating_mul(currency::FULL_BLOCK_FEE)
				.checked_div(whole.into())
				.unwrap_or_default()
		};
		share(weight.ref_time(), block::MAXIMUM_WEIGHT.ref_time()).max(share(
			weight.proof_size(),
			block::MAXIMUM_WEIGHT.proof_size(),
		))
	}
}

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	// Fees and tips go to the pot that the blocks' authors are paid from.
	type OnChargeTransaction =
		pallet_transaction_payment::FungibleAdapter<Balances, DealWithFees<Runtime>>;
	type WeightToFee = WeightToFee;
	type LengthToFee = ConstantMultiplier<Balance, TransactionByteFee>;
	type FeeMultiplierUpdate = SlowAdjustingFeeUpdate<Self>;
	type OperationalFeeMultiplier = ConstU8<5>;
	type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
}
