//! In which deadline a new sector is proven, and the provider's calendar.

use holdfast_primitives::{
	deadline::{window_at, Window},
	BlockNumber, DeadlineIndex, Policy,
};

use crate::{
	pallet::{Config, Error, Pallet},
	provider::ProviderInfo,
};

/// The next window of the deadline that a new sector joins: the one with the fewest live sectors, and
/// among those the one that opens soonest. Only a deadline whose next challenge is not yet known can
/// change, so that a partition's proof speaks of the same sectors whenever it is made.
pub(crate) fn assign<AccountId>(
	policy: &Policy,
	info: &ProviderInfo<AccountId>,
	now: BlockNumber,
) -> Option<Window> {
	(0..policy.deadlines)
		.zip(info.deadlines.iter())
		.filter_map(|(index, load)| {
			let window = window_at(policy, info.period_offset, index, now)?;
			window
				.is_mutable(now)
				.then_some((load.live_sectors, window))
		})
		.min_by_key(|(live_sectors, window)| (*live_sectors, window.open))
		.map(|(_, window)| window)
}

/// The close of the deadline at which a sector with this expiration ends: the first not before it.
pub(crate) fn last_close<AccountId>(
	policy: &Policy,
	info: &ProviderInfo<AccountId>,
	deadline: DeadlineIndex,
	expiration: BlockNumber,
) -> Option<BlockNumber> {
	window_at(
		policy,
		info.period_offset,
		deadline,
		expiration.saturating_sub(1),
	)
	.map(|window| window.close)
}

impl<T: Config> Pallet<T> {
	/// The window of the deadline that is open now, or else its next one.
	pub(crate) fn current_window(
		policy: &Policy,
		info: &ProviderInfo<T::AccountId>,
		deadline: DeadlineIndex,
		now: BlockNumber,
	) -> Result<Window, Error<T>> {
		window_at(policy, info.period_offset, deadline, now).ok_or(Error::<T>::NoSuchDeadline)
	}
}
