//! The numbers of `docs/protocol/economics.md`.

use holdfast_primitives::{policy::HOLD, Balance, Policy, SectorSize};
use pallet_storage_provider::monies as provider;

use crate::model::{signed, Case, Strategy};

const DOCUMENT: &str = include_str!("../../../docs/protocol/economics.md");

const DAY: u32 = 14_400;

/// Asserts that the document says this, however its lines are broken.
#[track_caller]
fn says(text: &str) {
	let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
	assert!(words(DOCUMENT).contains(&words(text)), "missing: {text}");
}

/// An amount as the document writes it.
fn hold(amount: i128) -> String {
	let unit = signed(HOLD);
	let whole = (amount / unit).to_string();
	let with_commas = whole
		.as_bytes()
		.rchunks(3)
		.rev()
		.map(|digits| std::str::from_utf8(digits).unwrap())
		.collect::<Vec<_>>()
		.join(",");
	let fraction = format!("{:012}", amount % unit);
	let fraction = fraction.trim_end_matches('0');
	if fraction.is_empty() {
		with_commas
	} else {
		format!("{with_commas}.{fraction}")
	}
}

fn amount(amount: Balance) -> String {
	hold(signed(amount))
}

/// 32 GiB for 180 days at 0.00032 HOLD a block, in a sector that is promised for 200 days.
fn example() -> Case {
	Case {
		policy: Policy::production(),
		size: SectorSize::GiB32,
		cost_per_gib_period: 0,
		price_per_block: 320_000_000,
		start: 0,
		duration: 180 * DAY,
		phase: 0,
	}
}

#[test]
fn the_table_of_parameters_is_that_of_the_presets() {
	let (devnet, production) = (Policy::devnet(), Policy::production());
	let row = |name: &str, of: &dyn Fn(&Policy) -> String| {
		says(&format!(
			"| `{name}` | {} | {} |",
			of(&devnet),
			of(&production)
		));
	};
	row("pre_commit_deposit", &|policy| {
		amount(policy.pre_commit_deposit)
	});
	row("pledge_per_gib", &|policy| amount(policy.pledge_per_gib));
	row("fault_fee_per_gib", &|policy| {
		amount(policy.fault_fee_per_gib)
	});
	row(
		"max_fault_age",
		&|policy| match policy.max_fault_age / DAY {
			0 => format!(
				"{} blocks",
				hold(i128::from(policy.max_fault_age) * signed(HOLD))
			),
			days => format!("{days} days"),
		},
	);
	row("max_termination_fee_periods", &|policy| {
		policy.max_termination_fee_periods.to_string()
	});
	row("min_collateral_basis_points", &|policy| {
		hold(i128::from(policy.min_collateral_basis_points) * signed(HOLD))
	});
	row("cancellation_fee_basis_points", &|policy| {
		policy.cancellation_fee_basis_points.to_string()
	});
}

#[test]
fn the_honest_example_is_what_the_formulas_give() {
	let case = example();
	let honest = case.outcome(Strategy::Honest, 0);
	assert_eq!(honest.client, -honest.provider);
	says(&format!(
		"**Honest.** {} HOLD go from the client to the provider",
		hold(honest.provider)
	));
	says(&format!(
		"Its collateral is {} HOLD; the pledge of the sector {} HOLD; its fault fee {} HOLD a day",
		amount(case.deal(0).provider_collateral),
		amount(case.pledge()),
		amount(provider::fault_fee(&case.policy, case.size, 1)),
	));
}

#[test]
fn the_example_of_two_missed_windows_is_what_the_formulas_give() {
	let case = example();
	let fees = provider::fault_fee(&case.policy, case.size, 2);
	let unpaid = 3 * DAY + case.policy.challenge_window();
	let lost = signed(case.price_per_block) * i128::from(unpaid);
	let deal = case.deal(case.duration - unpaid);
	let compensation = pallet_market::monies::compensation(&deal, false);
	says(&format!("2 · 3.2 = {} HOLD in fees", amount(fees)));
	says(&format!("43,500 blocks or {} HOLD", hold(lost)));
	says(&format!("of the collateral, {} HOLD", amount(compensation)));
	assert_eq!(unpaid, 43_500);
}

#[test]
fn the_example_of_a_provider_that_gives_up_is_what_the_formulas_give() {
	let case = example();
	let fee = provider::termination_fee(&case.policy, case.size, 200 * DAY);
	let earned = pallet_market::monies::due(&case.deal(0), 60 * DAY).1;
	let deal = case.deal(60 * DAY);
	let back = pallet_market::monies::outstanding(&deal);
	let compensation = pallet_market::monies::compensation(&deal, true);
	says(&format!("3.2 · min(201, 90) = {} HOLD", amount(fee)));
	says(&format!("for 60 days ({} HOLD)", amount(earned)));
	says(&format!("the other {} HOLD back", amount(back)));
	says(&format!(
		"all of the collateral, {} HOLD",
		amount(compensation)
	));
	says(&format!(
		"Going on would have earned {} HOLD more; giving up costs {} HOLD",
		amount(back),
		amount(fee + compensation)
	));
}

#[test]
fn the_example_of_a_provider_that_never_recovers_is_what_the_formulas_give() {
	let case = example();
	// Dropped right after a proof, and rich enough to pay all that is charged.
	let dropped = case.outcome(Strategy::Drop(60 * DAY), Balance::MAX / 4);
	let faults = provider::fault_fee(&case.policy, case.size, 43);
	let end = provider::termination_fee(&case.policy, case.size, case.expiration());
	assert_eq!(dropped.burned, signed(faults + end));
	says(&format!(
		"for 43 windows, that is 42 days ({} HOLD), and ended with a termination ({} HOLD)",
		amount(faults),
		amount(end)
	));
	let poor = case.outcome(Strategy::Drop(60 * DAY), 0);
	says(&format!(
		"whose account is empty loses its pledge, {} HOLD, and no more",
		hold(poor.burned)
	));
}
