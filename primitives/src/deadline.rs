//! The calendar of deadlines: when a provider's partitions are proven.
//!
//! Block 0 lies in a provider's period -1 unless its offset is 0: period *k* begins at `offset + k · P`,
//! and deadline *i* of it is open in `[begin + i · W, begin + (i + 1) · W)`, with *P* the policy's proving
//! period and *W* its challenge window.

use codec::{Decode, Encode};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

use crate::{BlockNumber, DeadlineIndex, Policy};

/// One opening of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub struct Window {
	/// The deadline's index within its period.
	pub deadline: DeadlineIndex,
	/// The first block that accepts its proofs.
	pub open: BlockNumber,
	/// The first block that accepts them no more.
	pub close: BlockNumber,
	/// The block whose randomness the challenge is drawn from. From this block on until the window
	/// closes, the deadline's partitions do not change.
	pub challenge: BlockNumber,
}

impl Window {
	/// Whether proofs are accepted in the block `now`.
	pub const fn is_open(&self, now: BlockNumber) -> bool {
		self.open <= now && now < self.close
	}

	/// Whether sectors can be added to the deadline's partitions, or recoveries declared, in the block `now`.
	pub const fn is_mutable(&self, now: BlockNumber) -> bool {
		now < self.challenge
	}
}

/// The opening of `deadline` that is open at `now`, or else the next one. Saturates at the last block
/// number. `None` if the policy has no such deadline, or no valid period.
pub fn window_at(
	policy: &Policy,
	offset: BlockNumber,
	deadline: DeadlineIndex,
	now: BlockNumber,
) -> Option<Window> {
	let length = policy.challenge_window();
	if deadline >= policy.deadlines || length == 0 || policy.proving_period == 0 {
		return None;
	}
	let first_open = u64::from(offset % policy.proving_period)
		.saturating_add(u64::from(length).saturating_mul(deadline.into()));
	let first_close = first_open.saturating_add(length.into());
	let period = u64::from(policy.proving_period);
	// The first opening whose close is after now.
	let periods = if u64::from(now) < first_close {
		0
	} else {
		u64::from(now).saturating_sub(first_close) / period + 1
	};
	let open = first_open.saturating_add(periods.saturating_mul(period));
	let clamp = |block: u64| BlockNumber::try_from(block).unwrap_or(BlockNumber::MAX);
	Some(Window {
		deadline,
		open: clamp(open),
		close: clamp(open.saturating_add(length.into())),
		challenge: clamp(open).saturating_sub(policy.challenge_lookback),
	})
}

/// The first opening of `deadline` whose partitions can still be changed in the block `now`.
pub fn next_mutable_window(
	policy: &Policy,
	offset: BlockNumber,
	deadline: DeadlineIndex,
	now: BlockNumber,
) -> Option<Window> {
	let window = window_at(policy, offset, deadline, now)?;
	if window.is_mutable(now) {
		Some(window)
	} else {
		window_at(policy, offset, deadline, window.close)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn a_deadline_opens_once_in_each_period() {
		let policy = Policy::devnet();
		let window = window_at(&policy, 7, 1, 0).expect("it exists");
		assert_eq!((window.open, window.close, window.challenge), (27, 47, 23));
		assert_eq!(window_at(&policy, 7, 1, 46), Some(window));
		assert_eq!(window_at(&policy, 7, 1, 47).map(|next| next.open), Some(87));
		assert_eq!(window_at(&policy, 7, 3, 0), None);
	}

	#[test]
	fn a_challenged_deadline_is_not_mutable() {
		let policy = Policy::devnet();
		assert_eq!(
			next_mutable_window(&policy, 7, 1, 22).map(|window| window.open),
			Some(27)
		);
		assert_eq!(
			next_mutable_window(&policy, 7, 1, 23).map(|window| window.open),
			Some(87)
		);
		assert_eq!(
			next_mutable_window(&policy, 7, 1, 46).map(|window| window.open),
			Some(87)
		);
	}

	proptest! {
		#[test]
		fn some_deadline_is_open_from_the_first_period_on(offset in 0u32..60, now in 60u32..u32::MAX / 2) {
			let policy = Policy::devnet();
			let open = (0..policy.deadlines)
				.filter_map(|index| window_at(&policy, offset, index, now))
				.filter(|window| window.is_open(now))
				.count();
			prop_assert_eq!(open, 1);
		}

		#[test]
		fn windows_never_lie_in_the_past(offset: u32, deadline in 0u32..3, now: u32) {
			let policy = Policy::devnet();
			let window = window_at(&policy, offset, deadline, now).expect("it exists");
			prop_assert!(window.close > now || window.close == u32::MAX);
			prop_assert!(window.open <= window.close);
		}
	}
}
