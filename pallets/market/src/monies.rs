//! Every formula for money in the market. Nothing here reads or writes storage.

use holdfast_primitives::{policy::GIB, Balance, PaddedPieceSize};

use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, Rounding};

use crate::deal::{Deal, DealState};

const BASIS_POINTS: Balance = 10_000;

/// A share, in hundredths of a percent, of an amount, rounded up.
fn share(amount: Balance, basis_points: u32) -> Balance {
	let points = Balance::from(basis_points);
	// Split, so that no product is larger than the result or 10^8.
	let whole = (amount / BASIS_POINTS).saturating_mul(points);
	let rest = (amount % BASIS_POINTS)
		.saturating_mul(points)
		.div_ceil(BASIS_POINTS);
	whole.saturating_add(rest)
}

/// The least price per block that a provider asks for a piece: the piece's share of the price of a GiB,
/// rounded up. `None` if it overflows.
pub fn asked_price_per_block(
	price_per_gib_block: Balance,
	size: PaddedPieceSize,
) -> Option<Balance> {
	let scaled = price_per_gib_block.checked_mul(size.bytes().into())?;
	Some(scaled.div_ceil(GIB.into()))
}

/// The least collateral for a deal: a share of the total price in hundredths of a percent, rounded up,
/// and never zero.
///
/// A provider without any hold could empty its account, and then could not be paid a sum below the
/// existential deposit.
pub fn least_collateral(total_price: Balance, basis_points: u32) -> Balance {
	share(total_price, basis_points).max(1)
}

/// What a client that cancels pays to the provider, who has published and perhaps sealed for nothing: a
/// share of the total price in hundredths of a percent, rounded up.
pub fn cancellation_fee(total_price: Balance, basis_points: u32) -> Balance {
	share(total_price, basis_points).min(total_price)
}

/// What the client gets out of the provider's collateral when the deal is over: all of it if the sector
/// was terminated before it was promised to end, else the share of the blocks that were not healthy, rounded up.
pub fn compensation<AccountId>(deal: &Deal<AccountId>, terminated: bool) -> Balance {
	let duration = duration(deal);
	let unhealthy = duration.saturating_sub(deal.paid_blocks);
	if unhealthy == 0 {
		return 0;
	}
	if terminated {
		return deal.provider_collateral;
	}
	// The rational is at most one, so that the product cannot overflow.
	multiply_by_rational_with_rounding(
		deal.provider_collateral,
		unhealthy.into(),
		duration.into(),
		Rounding::Up,
	)
	.unwrap_or(deal.provider_collateral)
}

/// How many blocks of a deal can be paid for.
pub fn duration<AccountId>(deal: &Deal<AccountId>) -> u32 {
	deal.end.saturating_sub(deal.start)
}

/// What the client locked in the beginning. Publishing refuses a total that overflows.
pub fn total<AccountId>(deal: &Deal<AccountId>) -> Balance {
	deal.price_per_block.saturating_mul(duration(deal).into())
}

/// What the provider was paid.
pub fn paid<AccountId>(deal: &Deal<AccountId>) -> Balance {
	deal.price_per_block.saturating_mul(deal.paid_blocks.into())
}

/// What the client still has locked for the deal.
pub fn outstanding<AccountId>(deal: &Deal<AccountId>) -> Balance {
	if deal.state == DealState::Cancelled {
		return 0;
	}
	let unpaid = duration(deal).saturating_sub(deal.paid_blocks);
	deal.price_per_block.saturating_mul(unpaid.into())
}

/// How many blocks are to be paid for, if `healthy` of the deal's blocks were healthy, and their price.
pub fn due<AccountId>(deal: &Deal<AccountId>, healthy: u32) -> (u32, Balance) {
	let blocks = healthy.min(duration(deal)).saturating_sub(deal.paid_blocks);
	(blocks, deal.price_per_block.saturating_mul(blocks.into()))
}

/// What the provider still has locked for the deal.
pub fn locked_collateral<AccountId>(deal: &Deal<AccountId>) -> Balance {
	match deal.state {
		DealState::Cancelled => 0,
		_ => deal.provider_collateral,
	}
}
