//! The protocol's constants as one value, set at genesis, readable by anybody.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

use crate::{Balance, BlockNumber, SectorSize};

/// The most deadlines that a proving period can have.
pub const MAX_DEADLINES: u32 = 48;

/// Bytes in a GiB, the unit of pledges and fees.
pub const GIB: u64 = 1 << 30;

/// Periods, windows, delays, lifetimes and fees. Times are in blocks.
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
	/// Every sector is proven once in this time.
	pub proving_period: BlockNumber,
	/// Into how many deadlines, of equal length, a period is divided.
	pub deadlines: u32,
	/// A deadline's challenge is drawn from the randomness of this many blocks before it opens; from
	/// then on its partitions do not change.
	pub challenge_lookback: BlockNumber,
	/// A pre-commit's ticket is of a block at most this old.
	pub ticket_max_age: BlockNumber,
	/// The proof of replication's seed is drawn this many blocks after the pre-commit.
	pub pre_commit_challenge_delay: BlockNumber,
	/// A pre-commit that is this old expires, and its deposit is lost.
	pub pre_commit_lifetime: BlockNumber,
	/// The least and the most time from a pre-commit to its sector's expiration.
	pub min_sector_lifetime: BlockNumber,
	/// See `min_sector_lifetime`.
	pub max_sector_lifetime: BlockNumber,
	/// The least and the most blocks that a deal can pay for.
	pub min_deal_duration: BlockNumber,
	/// See `min_deal_duration`.
	pub max_deal_duration: BlockNumber,
	/// How far ahead of its publication a deal may start at most.
	pub max_deal_start_delay: BlockNumber,
	/// What is held for each pre-committed sector.
	pub pre_commit_deposit: Balance,
	/// What is held for each GiB of an active sector; a smaller sector holds its share, rounded up.
	pub pledge_per_gib: Balance,
	/// What each GiB of a faulty sector costs in every period, out of the pledge and then the balance.
	pub fault_fee_per_gib: Balance,
	/// A sector whose fault was found this long ago is terminated when its window closes next.
	pub max_fault_age: BlockNumber,
	/// A terminated sector costs the fault fee of as many periods as it was promised for, but of no more
	/// than these.
	pub max_termination_fee_periods: u32,
	/// The least collateral of a provider for a deal, in hundredths of a percent of its total price.
	pub min_collateral_basis_points: u32,
	/// What a client pays to the provider of a deal that it cancels, in hundredths of a percent of its
	/// total price.
	pub cancellation_fee_basis_points: u32,
	/// Whether verifying keys whose trapdoor is public are accepted: on development networks only.
	pub accept_devnet_keys: bool,
}

/// One HOLD in the smallest unit.
pub const HOLD: Balance = 1_000_000_000_000;

const MINUTE: BlockNumber = 10;
const HOUR: BlockNumber = 60 * MINUTE;
const DAY: BlockNumber = 24 * HOUR;

impl Policy {
	/// Short periods, for one machine: a sector is proven once in 60 blocks.
	pub const fn devnet() -> Self {
		Self {
			proving_period: 60,
			deadlines: 3,
			challenge_lookback: 4,
			ticket_max_age: 600,
			pre_commit_challenge_delay: 8,
			pre_commit_lifetime: 900,
			min_sector_lifetime: 60,
			max_sector_lifetime: 100_000,
			min_deal_duration: 20,
			max_deal_duration: 50_000,
			max_deal_start_delay: 3_000,
			pre_commit_deposit: HOLD / 100,
			pledge_per_gib: 100 * HOLD,
			fault_fee_per_gib: 5 * HOLD,
			max_fault_age: 3_000,
			max_termination_fee_periods: 15,
			min_collateral_basis_points: 1_000,
			cancellation_fee_basis_points: 100,
			accept_devnet_keys: true,
		}
	}

	/// Filecoin's rhythm in blocks of six seconds: a period of a day with 48 deadlines.
	pub const fn production() -> Self {
		Self {
			proving_period: DAY,
			deadlines: 48,
			challenge_lookback: 10 * MINUTE,
			ticket_max_age: DAY,
			pre_commit_challenge_delay: 75 * MINUTE,
			pre_commit_lifetime: 2 * DAY,
			min_sector_lifetime: 30 * DAY,
			max_sector_lifetime: 1_278 * DAY,
			min_deal_duration: 20 * DAY,
			max_deal_duration: 1_200 * DAY,
			max_deal_start_delay: 30 * DAY,
			pre_commit_deposit: HOLD,
			pledge_per_gib: 10 * HOLD,
			fault_fee_per_gib: HOLD / 10,
			max_fault_age: 42 * DAY,
			max_termination_fee_periods: 90,
			min_collateral_basis_points: 1_000,
			cancellation_fee_basis_points: 100,
			accept_devnet_keys: false,
		}
	}

	/// How long a deadline is open.
	pub const fn challenge_window(&self) -> BlockNumber {
		match self.proving_period.checked_div(self.deadlines) {
			Some(window) => window,
			None => 0,
		}
	}

	/// How many blocks back randomness can be asked for.
	pub fn randomness_history(&self) -> BlockNumber {
		// A ticket is checked at pre-commit and drawn again at prove-commit; a window PoSt's challenge
		// is asked for until its window closes.
		let seal = self.ticket_max_age.saturating_add(self.pre_commit_lifetime);
		let post = self
			.challenge_lookback
			.saturating_add(self.challenge_window());
		seal.max(post).saturating_add(1)
	}

	/// A sector's share, rounded up, of an amount per GiB. `None` if it overflows.
	pub fn per_sector(amount_per_gib: Balance, sector_size: SectorSize) -> Option<Balance> {
		let scaled = amount_per_gib.checked_mul(sector_size.bytes().into())?;
		Some(scaled.div_ceil(GIB.into()))
	}

	/// Whether the highest termination fee of a sector is no more than its pledge. A small sector's fee is
	/// rounded up, so that this does not follow from the amounts per GiB.
	fn pledge_covers_termination(&self, size: SectorSize) -> bool {
		let fee = Self::per_sector(self.fault_fee_per_gib, size)
			.and_then(|fee| fee.checked_mul(self.max_termination_fee_periods.into()));
		let pledge = Self::per_sector(self.pledge_per_gib, size);
		fee.zip(pledge).is_some_and(|(fee, pledge)| fee <= pledge)
	}

	/// Refuses a set of constants that cannot work together.
	pub fn validate(&self) -> Result<(), PolicyError> {
		let rules = [
			(
				self.deadlines >= 2 && self.deadlines <= MAX_DEADLINES,
				PolicyError::DeadlineCount,
			),
			(
				self.deadlines > 0 && self.proving_period.is_multiple_of(self.deadlines),
				PolicyError::UnevenDeadlines,
			),
			(
				self.challenge_lookback >= 1 && self.challenge_lookback < self.challenge_window(),
				PolicyError::ChallengeLookback,
			),
			(self.ticket_max_age >= 1, PolicyError::TicketAge),
			(
				self.pre_commit_challenge_delay >= 1,
				PolicyError::ChallengeDelay,
			),
			(
				self.pre_commit_lifetime > self.pre_commit_challenge_delay,
				PolicyError::PreCommitLifetime,
			),
			(
				self.min_sector_lifetime >= self.proving_period
					&& self.min_sector_lifetime < self.max_sector_lifetime
					&& self.pre_commit_lifetime < self.max_sector_lifetime,
				PolicyError::SectorLifetime,
			),
			(
				self.min_deal_duration >= 1
					&& self.min_deal_duration <= self.max_deal_duration
					&& self.max_deal_duration < self.max_sector_lifetime,
				PolicyError::DealDuration,
			),
			(
				self.max_deal_start_delay > self.pre_commit_challenge_delay,
				PolicyError::DealStartDelay,
			),
			(
				self.pre_commit_deposit > 0
					&& self.pledge_per_gib > 0
					&& self.fault_fee_per_gib > 0
					&& Self::per_sector(self.pledge_per_gib, SectorSize::GiB64).is_some()
					&& Self::per_sector(self.fault_fee_per_gib, SectorSize::GiB64).is_some(),
				PolicyError::Fees,
			),
			(
				self.max_fault_age >= self.proving_period,
				PolicyError::FaultAge,
			),
			(
				self.max_termination_fee_periods >= 1
					&& SectorSize::ALL
						.into_iter()
						.all(|size| self.pledge_covers_termination(size)),
				PolicyError::TerminationFee,
			),
			(
				self.min_collateral_basis_points <= 10_000,
				PolicyError::Collateral,
			),
			(
				self.cancellation_fee_basis_points <= 10_000,
				PolicyError::CancellationFee,
			),
		];
		rules
			.into_iter()
			.find(|(holds, _)| !holds)
			.map_or(Ok(()), |(_, error)| Err(error))
	}
}

/// The rule that a policy breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TypeInfo)]
pub enum PolicyError {
	/// There are fewer than 2 or more than [`MAX_DEADLINES`] deadlines.
	DeadlineCount,
	/// The deadlines do not divide the period evenly.
	UnevenDeadlines,
	/// The challenge lookback is zero or not shorter than a deadline.
	ChallengeLookback,
	/// Tickets have no age.
	TicketAge,
	/// The seed would be known at the pre-commit.
	ChallengeDelay,
	/// A pre-commit would expire before it can be proven.
	PreCommitLifetime,
	/// Sector lifetimes contradict each other, the proving period or the pre-commit's lifetime.
	SectorLifetime,
	/// Deal durations contradict each other or the sector lifetime.
	DealDuration,
	/// A deal could not start after its sector is sealed.
	DealStartDelay,
	/// A deposit, pledge or fee is zero or overflows for the largest sector.
	Fees,
	/// A sector would be terminated before it could recover.
	FaultAge,
	/// A termination costs nothing, or more than the pledge of a sector of some size.
	TerminationFee,
	/// The least collateral is more than the price.
	Collateral,
	/// A cancellation costs more than the price.
	CancellationFee,
}

impl fmt::Display for PolicyError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::DeadlineCount => "a period has 2 to 48 deadlines",
			Self::UnevenDeadlines => "the deadlines must divide the proving period evenly",
			Self::ChallengeLookback => {
				"the challenge lookback must be within 1 and a deadline's length"
			},
			Self::TicketAge => "the greatest ticket age must be at least 1",
			Self::ChallengeDelay => "the pre-commit challenge delay must be at least 1",
			Self::PreCommitLifetime => "a pre-commit must live longer than its challenge delay",
			Self::SectorLifetime => "the sector lifetimes contradict the other periods",
			Self::DealDuration => "the deal durations contradict the sector lifetimes",
			Self::DealStartDelay => "deals must be able to start after their sector is proven",
			Self::Fees => "deposits, pledges and fees must be positive and must not overflow",
			Self::FaultAge => "the greatest fault age must be at least a proving period",
			Self::TerminationFee => "the highest termination fee must be within 1 and the pledge",
			Self::CancellationFee => "the cancellation fee cannot be more than the price",
			Self::Collateral => "the least collateral cannot be more than the price",
		})
	}
}

impl core::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
	use std::collections::BTreeSet;

	use proptest::prelude::{Just, Strategy};
	use scale_info::TypeDef;

	use super::*;

	#[test]
	fn both_presets_are_valid() {
		assert_eq!(Policy::devnet().validate(), Ok(()));
		assert_eq!(Policy::production().validate(), Ok(()));
	}

	#[test]
	fn each_rule_refuses_a_policy_that_breaks_it() {
		let base = Policy::devnet();
		let broken = [
			(
				Policy {
					deadlines: 1,
					..base
				},
				PolicyError::DeadlineCount,
			),
			(
				Policy {
					deadlines: 0,
					..base
				},
				PolicyError::DeadlineCount,
			),
			(
				Policy {
					deadlines: 49,
					..base
				},
				PolicyError::DeadlineCount,
			),
			(
				Policy {
					proving_period: 61,
					..base
				},
				PolicyError::UnevenDeadlines,
			),
			(
				Policy {
					challenge_lookback: 0,
					..base
				},
				PolicyError::ChallengeLookback,
			),
			(
				Policy {
					challenge_lookback: 20,
					..base
				},
				PolicyError::ChallengeLookback,
			),
			(
				Policy {
					ticket_max_age: 0,
					..base
				},
				PolicyError::TicketAge,
			),
			(
				Policy {
					pre_commit_challenge_delay: 0,
					..base
				},
				PolicyError::ChallengeDelay,
			),
			(
				Policy {
					pre_commit_lifetime: 8,
					..base
				},
				PolicyError::PreCommitLifetime,
			),
			(
				Policy {
					min_sector_lifetime: 59,
					..base
				},
				PolicyError::SectorLifetime,
			),
			(
				Policy {
					max_sector_lifetime: 60,
					..base
				},
				PolicyError::SectorLifetime,
			),
			(
				Policy {
					pre_commit_lifetime: 100_000,
					..base
				},
				PolicyError::SectorLifetime,
			),
			(
				Policy {
					min_deal_duration: 0,
					..base
				},
				PolicyError::DealDuration,
			),
			(
				Policy {
					min_deal_duration: 50_001,
					..base
				},
				PolicyError::DealDuration,
			),
			(
				Policy {
					max_deal_duration: 100_000,
					..base
				},
				PolicyError::DealDuration,
			),
			(
				Policy {
					max_deal_start_delay: 8,
					..base
				},
				PolicyError::DealStartDelay,
			),
			(
				Policy {
					pre_commit_deposit: 0,
					..base
				},
				PolicyError::Fees,
			),
			(
				Policy {
					pledge_per_gib: 0,
					..base
				},
				PolicyError::Fees,
			),
			(
				Policy {
					pledge_per_gib: u128::MAX,
					..base
				},
				PolicyError::Fees,
			),
			(
				Policy {
					fault_fee_per_gib: 0,
					..base
				},
				PolicyError::Fees,
			),
			(
				Policy {
					fault_fee_per_gib: u128::MAX / 32,
					..base
				},
				PolicyError::Fees,
			),
			(
				Policy {
					max_fault_age: 59,
					..base
				},
				PolicyError::FaultAge,
			),
			(
				Policy {
					max_termination_fee_periods: 0,
					..base
				},
				PolicyError::TerminationFee,
			),
			(
				Policy {
					max_termination_fee_periods: 21,
					..base
				},
				PolicyError::TerminationFee,
			),
			(
				// Enough for a GiB, but a sector of 2 KiB would pledge 1 and pay 2.
				Policy {
					pledge_per_gib: 2,
					fault_fee_per_gib: 1,
					max_termination_fee_periods: 2,
					..base
				},
				PolicyError::TerminationFee,
			),
			(
				Policy {
					cancellation_fee_basis_points: 10_001,
					..base
				},
				PolicyError::CancellationFee,
			),
			(
				Policy {
					min_collateral_basis_points: 10_001,
					..base
				},
				PolicyError::Collateral,
			),
		];
		let mut names = BTreeSet::new();
		for (policy, error) in broken {
			assert_eq!(policy.validate(), Err(error), "{policy:?}");
			names.insert(format!("{error:?}"));
			// Each says what is wrong in words of its own.
			assert_ne!(error.to_string(), "");
		}
		let TypeDef::Variant(errors) = PolicyError::type_info().type_def else {
			panic!("it is an enum");
		};
		let all = errors.variants.iter().map(|error| error.name.to_string());
		assert_eq!(names, all.collect(), "a rule is broken by no policy");
	}

	#[test]
	fn policies_at_the_limits_of_the_rules_are_valid() {
		let base = Policy::devnet();
		for policy in [
			Policy {
				deadlines: 2,
				..base
			},
			Policy {
				proving_period: 48 * 5,
				deadlines: 48,
				min_sector_lifetime: 48 * 5,
				..base
			},
			Policy {
				challenge_lookback: 1,
				ticket_max_age: 1,
				pre_commit_challenge_delay: 1,
				pre_commit_lifetime: 2,
				max_deal_start_delay: 2,
				..base
			},
			Policy {
				challenge_lookback: 19,
				..base
			},
			Policy {
				ticket_max_age: u32::MAX,
				max_sector_lifetime: u32::MAX,
				pre_commit_lifetime: u32::MAX - 1,
				max_deal_duration: u32::MAX - 1,
				max_deal_start_delay: u32::MAX,
				max_fault_age: u32::MAX,
				..base
			},
			Policy {
				max_fault_age: 60,
				max_termination_fee_periods: 19,
				min_collateral_basis_points: 10_000,
				cancellation_fee_basis_points: 10_000,
				..base
			},
			Policy {
				max_termination_fee_periods: 1,
				min_collateral_basis_points: 0,
				cancellation_fee_basis_points: 0,
				..base
			},
		] {
			assert_eq!(policy.validate(), Ok(()), "{policy:?}");
			// Nothing that is derived from it overflows.
			assert!(policy.randomness_history() > policy.challenge_lookback);
		}
	}

	/// How many blocks of randomness, the current one's among them, are needed to look back to `oldest`.
	fn needed(now: BlockNumber, oldest: BlockNumber) -> BlockNumber {
		now.saturating_sub(oldest).saturating_add(1)
	}

	proptest::proptest! {
		#[test]
		fn any_policy_is_validated_without_a_panic(
			bytes in proptest::collection::vec(proptest::num::u8::ANY, Policy::max_encoded_len()),
			flag in proptest::bool::ANY,
		) {
			let mut bytes = bytes;
			if let Some(last) = bytes.last_mut() {
				*last = flag.into();
			}
			let policy = Policy::decode(&mut &bytes[..]).expect("only its last byte could be bad");
			let _ = (policy.validate(), policy.randomness_history(), policy.challenge_window());
		}

		#[test]
		fn no_rule_looks_back_further_than_the_history(
			deadlines in 2..=MAX_DEADLINES,
			(window, lookback) in (2u32..500).prop_flat_map(|window| (Just(window), 1..window)),
			ticket_max_age in 1u32..20_000,
			(delay, lifetime) in (1u32..2_000).prop_flat_map(|delay| (Just(delay), delay + 1..40_000)),
			age in 1u32..20_000,
			proven_after in 1u32..40_000,
		) {
			let policy = Policy {
				proving_period: deadlines * window,
				deadlines,
				challenge_lookback: lookback,
				ticket_max_age,
				pre_commit_challenge_delay: delay,
				pre_commit_lifetime: lifetime,
				min_sector_lifetime: deadlines * window,
				max_deal_start_delay: delay + 1,
				max_fault_age: deadlines * window,
				..Policy::devnet()
			};
			proptest::prop_assert_eq!(policy.validate(), Ok(()));
			let history = policy.randomness_history();
			// A ticket of the greatest age or less, drawn again at any time at which the pre-commit lives.
			let ticket = 100_000;
			let pre_commit = ticket + age.min(ticket_max_age);
			let proven = pre_commit + proven_after.min(lifetime);
			proptest::prop_assert!(needed(proven, ticket) <= history);
			proptest::prop_assert!(needed(proven, pre_commit + delay.min(proven_after)) <= history);
			// A challenge in the last block of its window.
			let opening = crate::deadline::window_at(&policy, 0, 0, 100_000);
			let opening = opening.expect("the policy is valid");
			proptest::prop_assert!(needed(opening.close - 1, opening.challenge) <= history);
		}
	}

	#[test]
	fn a_small_sector_pays_its_share_rounded_up() {
		assert_eq!(Policy::per_sector(1 << 30, SectorSize::MiB8), Some(8 << 20));
		assert_eq!(Policy::per_sector(1, SectorSize::KiB2), Some(1));
		assert_eq!(Policy::per_sector(u128::MAX, SectorSize::GiB64), None);
	}
}
