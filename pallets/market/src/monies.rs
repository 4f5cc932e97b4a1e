//! Every formula for money in the market. Nothing here reads or writes storage.

use holdfast_primitives::Balance;

use crate::deal::Deal;

const BASIS_POINTS: Balance = 10_000;

/// The least collateral for a deal: a share of the total price in hundredths of a percent, rounded up,
/// and never zero.
///
/// A provider without any hold could empty its account, and then could not be paid a sum below the
/// existential deposit.
pub fn least_collateral(total_price: Balance, basis_points: u32) -> Balance {
	let share = Balance::from(basis_points);
	// Split, so that no product is larger than the result or 10^8.
	let whole = (total_price / BASIS_POINTS).saturating_mul(share);
	let rest = (total_price % BASIS_POINTS)
		.saturating_mul(share)
		.div_ceil(BASIS_POINTS);
	whole.saturating_add(rest).max(1)
}

/// How many blocks of a deal can be paid for.
pub fn duration<AccountId>(deal: &Deal<AccountId>) -> u32 {
	deal.end.saturating_sub(deal.start)
}

/// What the client locked in the beginning. Publishing refuses a total that overflows.
pub fn total<AccountId>(deal: &Deal<AccountId>) -> Balance {
	deal.price_per_block.saturating_mul(duration(deal).into())
}

/// What the client still has locked for the deal.
pub fn outstanding<AccountId>(deal: &Deal<AccountId>) -> Balance {
	let unpaid = duration(deal).saturating_sub(deal.paid_blocks);
	deal.price_per_block.saturating_mul(unpaid.into())
}

/// How many blocks are to be paid for, if `healthy` of the deal's blocks were healthy, and their price.
pub fn due<AccountId>(deal: &Deal<AccountId>, healthy: u32) -> (u32, Balance) {
	let blocks = healthy.min(duration(deal)).saturating_sub(deal.paid_blocks);
	(blocks, deal.price_per_block.saturating_mul(blocks.into()))
}
