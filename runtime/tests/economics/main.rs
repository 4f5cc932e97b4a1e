//! Whether cheating pays, by the chain's own formulas; and whether `docs/protocol/economics.md` tells the
//! truth. `sector_life/economics.rs` compares the same model with the pallets.

#![allow(clippy::unwrap_used)]

mod document;
mod model;

use holdfast_primitives::{Balance, BlockNumber, Policy, SectorSize};
use model::{signed, Case, Outcome, Strategy};

/// Storage costs up to this share of the fault fee, in percent: what the parameters are made for.
const COSTS: [Balance; 3] = [10, 40, 70];
/// Prices in percent of what the storage costs: a provider that loses by honesty would not have agreed.
const MARKUPS: [Balance; 3] = [100, 120, 300];

/// Every sector size, cost, price, duration and place of the window in the period.
fn grid(policy: Policy) -> impl Iterator<Item = Case> {
	let durations = [
		policy.min_deal_duration,
		3 * policy.min_deal_duration,
		policy.max_deal_duration / 6,
		policy.max_deal_duration,
	];
	let phases = [1, 2, 3].map(|part| part * policy.proving_period / 4);
	let mut cases = Vec::new();
	for size in SectorSize::ALL {
		for cost in COSTS {
			for markup in MARKUPS {
				for duration in durations {
					for phase in phases {
						let cost_per_gib_period = policy.fault_fee_per_gib * cost / 100;
						cases.push(
							Case {
								policy,
								size,
								cost_per_gib_period,
								price_per_block: 0,
								start: policy.proving_period / 2,
								duration,
								phase,
							}
							.priced(markup),
						);
					}
				}
			}
		}
	}
	cases.into_iter()
}

/// Moments from the activation until just before the deal's end, and beside the last proofs.
fn moments(case: &Case) -> Vec<BlockNumber> {
	let last = case.end() - 1;
	let period = case.policy.proving_period;
	let mut moments: Vec<_> = [0, 1, 10, 50, 90, 99]
		.map(|percent| u64::from(last) * percent / 100)
		.map(|moment| BlockNumber::try_from(moment).unwrap())
		.into();
	let round = (last - case.phase.min(last)) / period;
	let proof = case.phase + round * period;
	moments.extend([proof.saturating_sub(1), proof, proof + 1, last]);
	moments.retain(|moment| *moment <= last);
	moments
}

fn presets() -> [Policy; 2] {
	[Policy::devnet(), Policy::production()]
}

/// Calls `check` with every case, strategy and pocket: a provider that can pay every fee, and one that has
/// nothing but its pledge.
fn for_each(strategies: impl Fn(&Case) -> Vec<Strategy>, check: impl Fn(&Case, Strategy, Outcome)) {
	let mut count = 0;
	for policy in presets() {
		for case in grid(policy) {
			for strategy in strategies(&case) {
				for pocket in [0, Balance::MAX / 4] {
					check(&case, strategy, case.outcome(strategy, pocket));
					count += 1;
				}
			}
		}
	}
	assert!(count > 1_000, "{count}");
}

fn cheats(case: &Case) -> Vec<Strategy> {
	let moments = moments(case);
	let drops = moments.iter().copied().map(Strategy::Drop);
	let terminations = moments.iter().copied().map(Strategy::Terminate);
	drops
		.chain(terminations)
		.chain([Strategy::NeverSeal])
		.collect()
}

#[test]
fn honesty_earns_the_whole_price_and_costs_the_client_no_more() {
	for_each(
		|_| vec![Strategy::Honest],
		|case, _, outcome| {
			let price = signed(case.price_per_block) * i128::from(case.duration);
			assert_eq!(outcome.provider, price, "{case:?}");
			assert_eq!(outcome.client, -price, "{case:?}");
			assert_eq!(outcome.burned, 0, "{case:?}");
		},
	);
}

#[test]
fn every_way_to_cheat_a_client_earns_less_than_honesty() {
	for_each(cheats, |case, strategy, outcome| {
		let honest = case.outcome(Strategy::Honest, 0);
		assert!(
			outcome.profit() < honest.profit(),
			"{strategy:?} earns {} and honesty {}: {case:?}",
			outcome.profit(),
			honest.profit()
		);
	});
}

#[test]
fn a_cheated_client_pays_for_healthy_blocks_only_and_is_compensated_for_the_others() {
	for_each(cheats, |case, strategy, outcome| {
		let paid = signed(case.price_per_block) * i128::from(outcome.paid_blocks);
		assert_eq!(outcome.client, outcome.compensation - paid);
		let collateral = signed(case.deal(0).provider_collateral);
		assert!(outcome.compensation <= collateral);
		if outcome.paid_blocks < case.duration {
			assert!(outcome.compensation > 0, "{strategy:?}: {case:?}");
			let unhealthy = i128::from(case.duration - outcome.paid_blocks);
			let share = collateral * unhealthy / i128::from(case.duration);
			assert!(outcome.compensation >= share, "{strategy:?}: {case:?}");
		}
	});
}

#[test]
fn nothing_comes_from_nowhere() {
	for_each(
		|case| {
			let mut all = cheats(case);
			all.push(Strategy::Honest);
			all
		},
		|_, _, outcome| assert_eq!(outcome.provider + outcome.client + outcome.burned, 0),
	);
}

#[test]
fn a_provider_that_is_its_own_client_gains_nothing_whatever_it_does() {
	for_each(
		|case| {
			let mut all = cheats(case);
			all.push(Strategy::Honest);
			all
		},
		|case, strategy, outcome| {
			// What both have together, without the cost of their storage.
			let together = outcome.provider + outcome.client;
			if strategy == Strategy::Honest {
				assert_eq!(together, 0);
			} else {
				assert!(together <= 0, "{strategy:?}: {case:?}");
				// Who was caught paid for it.
				let caught = outcome.paid_blocks < case.duration;
				assert!(!caught || together < 0, "{strategy:?}: {case:?}");
			}
		},
	);
}

#[test]
fn a_fault_costs_more_than_the_storage_that_it_saves() {
	// For a period: the fee, against the storage of a sector at the highest cost of the grid.
	for policy in presets() {
		for case in grid(policy) {
			let saved = case.storage(policy.proving_period);
			let fee = pallet_storage_provider::monies::fault_fee(&policy, case.size, 1);
			assert!(saved < signed(fee), "{case:?}");
		}
	}
}

#[test]
fn where_storage_costs_more_than_the_fee_cheating_can_pay() {
	// The limit that the documentation names: the grid ends where it does for a reason.
	let policy = Policy::production();
	let base = grid(policy).next().unwrap();
	let case = Case {
		cost_per_gib_period: 5 * policy.fault_fee_per_gib,
		..base
	}
	.priced(100);
	let honest = case.outcome(Strategy::Honest, 0).profit();
	let pays = moments(&case)
		.into_iter()
		.any(|moment| case.outcome(Strategy::Drop(moment), 0).profit() > honest);
	assert!(pays);
}
