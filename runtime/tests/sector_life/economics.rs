//! The model of `economics/` beside the pallets: what everybody has in the end is what it says.

#[allow(dead_code)]
#[path = "../economics/model.rs"]
mod model;

use super::{
	agreement::{pre_commit, prove, publish, Terms},
	*,
};
use holdfast_primitives::Policy;
use model::{signed, Case, Outcome, Strategy};
use sp_keyring::Sr25519Keyring;

/// What the parties have, and all that there is.
fn money(client: Sr25519Keyring) -> [i128; 3] {
	[
		wealth(&provider()),
		wealth(&client.to_account_id()),
		Balances::total_issuance(),
	]
	.map(signed)
}

/// The change of [`money`] that a strategy makes on the chain, and the model's outcome of it.
fn play(
	client: Sr25519Keyring,
	duration: BlockNumber,
	strategy: impl FnOnce(&Case) -> Strategy,
) -> ([i128; 3], Outcome) {
	let mut played = None;
	development().execute_with(|| {
		let before = money(client);
		let keys = Keys::install();
		run_to(20);
		register(provider());
		let terms = Terms {
			delay: START_DELAY,
			duration,
		};
		let deal = publish(client, terms);
		let start = System::block_number() + START_DELAY;
		let policy = policy();
		pre_commit(deal, start + duration + policy.challenge_window(), 1);
		run_to(System::block_number() + policy.pre_commit_challenge_delay + 1);
		let sealed = prove(keys, deal);
		let activated = System::block_number();
		let case = Case {
			policy,
			size: SIZE,
			cost_per_gib_period: 0,
			price_per_block: PRICE,
			start: start - activated,
			duration,
			phase: window(&provider(), sealed.deadline).open - activated,
		};
		let strategy = strategy(&case);
		match strategy {
			Strategy::Honest => sealed.prove_until(activated + case.last_close()),
			Strategy::Drop(block) => sealed.prove_until(activated + block),
			Strategy::Terminate(block) => {
				sealed.prove_until(activated + block);
				assert_ok!(StorageProvider::terminate_sectors(
					RuntimeOrigin::signed(provider()),
					vec![SECTOR].try_into().unwrap()
				));
			},
			Strategy::NeverSeal => unreachable!("it has a test of its own"),
		}
		run_to(activated + case.last_close() + 1);
		assert_ok!(sealed.settle());
		let after = money(client);
		let change = [0, 1, 2].map(|index: usize| after[index] - before[index]);
		played = Some((change, case.outcome(strategy, Balance::MAX / 4)));
	});
	played.unwrap()
}

#[track_caller]
fn compare(duration: BlockNumber, strategy: impl FnOnce(&Case) -> Strategy) -> Outcome {
	let (change, outcome) = play(Bob, duration, strategy);
	assert_eq!(change, [outcome.provider, outcome.client, -outcome.burned]);
	outcome
}

#[test]
fn honesty_is_worth_on_the_chain_what_the_model_says() {
	let outcome = compare(DURATION, |_| Strategy::Honest);
	assert_eq!(outcome.provider, signed(PRICE) * i128::from(DURATION));
}

#[test]
fn dropping_the_data_is_worth_on_the_chain_what_the_model_says() {
	// Never proving, right after a proof, just before one, and near the end.
	compare(DURATION, |_| Strategy::Drop(0));
	compare(DURATION, |case| Strategy::Drop(case.phase));
	compare(DURATION, |case| {
		Strategy::Drop(case.phase + case.policy.proving_period - 1)
	});
	let late = compare(DURATION, |case| Strategy::Drop(case.end() - 1));
	assert!(late.burned > 0);
}

#[test]
fn a_fault_that_is_never_recovered_ends_on_the_chain_as_the_model_says() {
	let duration = 2 * Policy::devnet().max_fault_age;
	let outcome = compare(duration, |case| Strategy::Drop(case.phase + 200));
	// Terminated, so that all of the collateral is the client's.
	assert_eq!(
		outcome.compensation * 10,
		signed(PRICE) * i128::from(duration)
	);
}

#[test]
fn terminating_early_is_worth_on_the_chain_what_the_model_says() {
	for round in [0, 1] {
		compare(DURATION, |case| {
			let open = case.phase + round * case.policy.proving_period;
			Strategy::Terminate(open + case.policy.challenge_window() + 1)
		});
	}
}

#[test]
fn never_sealing_is_worth_on_the_chain_what_the_model_says() {
	development().execute_with(|| {
		let before = money(Bob);
		Keys::install();
		run_to(20);
		register(provider());
		let terms = Terms {
			delay: START_DELAY,
			duration: DURATION,
		};
		let deal = publish(Bob, terms);
		pre_commit(deal, System::block_number() + 300, 1);
		run_to(20 + policy().pre_commit_lifetime + 2);
		let case = Case {
			policy: policy(),
			size: SIZE,
			cost_per_gib_period: 0,
			price_per_block: PRICE,
			start: START_DELAY,
			duration: DURATION,
			phase: 0,
		};
		let outcome = case.outcome(Strategy::NeverSeal, 0);
		let after = money(Bob);
		assert_eq!(
			[0, 1, 2].map(|index: usize| after[index] - before[index]),
			[outcome.provider, outcome.client, -outcome.burned]
		);
	});
}

#[test]
fn a_provider_that_is_its_own_client_ends_with_what_it_had_less_the_fees() {
	let cheats: [fn(&Case) -> Strategy; 3] = [
		|_| Strategy::Honest,
		|case| Strategy::Drop(case.phase),
		|case| Strategy::Terminate(case.phase + case.policy.challenge_window() + 1),
	];
	for strategy in cheats {
		let ([together, same, issuance], outcome) = play(Alice, DURATION, strategy);
		assert_eq!(together, outcome.provider + outcome.client);
		assert_eq!([same, issuance], [together; 2]);
		assert_eq!(together, -outcome.burned);
	}
}
