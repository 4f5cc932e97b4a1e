//! Random calls of many accounts over many blocks, against a model: the chain accepts what the rules allow and
//! nothing else, and afterwards every balance, sector, partition, deal and agenda is what the model says, to
//! the last unit.
//!
//! `make invariants CALLS=1000000` makes a million calls. A run has episodes, each a chain of its own with a seed
//! of its own, from `SEED` on; what fails says how its episode is repeated alone.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod chain;
mod compare;
mod driver;
mod encode;
mod model;

use std::{
	collections::BTreeMap,
	io::Write,
	time::{Duration, Instant},
};

use chain::{MaxDuePerBlock, MaxStartsPerBlock, Outcome};
use driver::{Driver, Step};
use holdfast_primitives::{policy::HOLD, Policy};
use model::{Call, Expected, Ledger, Model, Who, ACCOUNTS};
use rand::{rngs::StdRng, Rng, SeedableRng};

/// How many calls an episode has at most.
const EPISODE: u64 = 5_000;
/// How many calls a test makes that nobody asked for more.
const FEW: u64 = 10_000;
/// How often everything is compared, in blocks.
const COMPARE_EVERY: u32 = 3;

/// Short periods, so that much happens in few blocks.
fn policy(rng: &mut StdRng) -> Policy {
	let deadlines = rng.gen_range(2..=5);
	let proving_period = deadlines * rng.gen_range(7..=12);
	let pre_commit_challenge_delay = rng.gen_range(1..=6);
	let policy = Policy {
		proving_period,
		deadlines,
		challenge_lookback: rng.gen_range(1..=5),
		ticket_max_age: rng.gen_range(5..=40),
		pre_commit_challenge_delay,
		pre_commit_lifetime: pre_commit_challenge_delay + rng.gen_range(5..=30),
		min_sector_lifetime: proving_period,
		max_sector_lifetime: 6 * proving_period,
		min_deal_duration: rng.gen_range(1..=10),
		max_deal_duration: 4 * proving_period,
		max_deal_start_delay: rng.gen_range(20..=80),
		max_fault_age: proving_period * rng.gen_range(1..=3),
		..Policy::devnet()
	};
	policy.validate().unwrap();
	policy
}

fn funds(who: Who) -> u128 {
	// From poor to rich.
	(10 * HOLD) << (who % 12)
}

/// What happened in a run.
#[derive(Default)]
struct Tally {
	/// Accepted and refused, by kind of call.
	calls: BTreeMap<&'static str, (u64, u64)>,
	/// Refused items of batches, by rule.
	refusals: BTreeMap<String, u64>,
	blocks: u64,
	ledger: Ledger,
	proofs: u64,
}

impl Tally {
	fn total(&self) -> u64 {
		self.calls
			.values()
			.map(|(accepted, refused)| accepted + refused)
			.sum()
	}

	fn print(&self) {
		println!("{:<20} {:>10} {:>10}", "call", "accepted", "refused");
		for (kind, (accepted, refused)) in &self.calls {
			println!("{kind:<20} {accepted:>10} {refused:>10}");
		}
		println!("refusals, those of items of a batch among them:");
		for (rule, count) in &self.refusals {
			println!("  {rule:<28} {count:>10}");
		}
		let Ledger {
			dripped,
			fault_fees,
			termination_fees,
			lost_deposits,
			dust,
		} = self.ledger;
		println!("{} blocks, {} proofs verified", self.blocks, self.proofs);
		println!("minted by the faucet    {dripped:>26}");
		println!("burned: fault fees      {fault_fees:>26}");
		println!("        terminations    {termination_fees:>26}");
		println!("        lost deposits   {lost_deposits:>26}");
		println!("        dust            {dust:>26}");
		println!(
			"the issuance of every chain was what this leaves, to the last unit, at every step"
		);
	}
}

/// The name of a call's kind.
fn kind(call: &Call) -> &'static str {
	match call {
		Call::Register(..) => "register",
		Call::SetAddresses(..) => "set_addresses",
		Call::SetAsk(..) => "set_ask",
		Call::SetFreeSpace(..) => "set_free_space",
		Call::Deregister => "deregister",
		Call::ProposeKey(..) => "propose_key",
		Call::ConfirmKey(..) => "confirm_key",
		Call::PreCommit(..) => "pre_commit_sectors",
		Call::Prove(..) => "prove_commit_sectors",
		Call::Post(..) => "submit_window_post",
		Call::DeclareFaults(..) => "declare_faults",
		Call::DeclareRecoveries(..) => "declare_recoveries",
		Call::Terminate(..) => "terminate_sectors",
		Call::Extend(..) => "extend_sectors",
		Call::Compact(..) => "compact_partitions",
		Call::Deposit(..) => "deposit",
		Call::Withdraw(..) => "withdraw",
		Call::Publish(..) => "publish_deals",
		Call::Settle(..) => "settle_deals",
		Call::Cancel(..) => "cancel_deal",
		Call::ExtendDeal(..) => "extend_deal",
		Call::Transfer(..) => "transfer_keep_alive",
		Call::TransferAllowDeath(..) => "transfer_allow_death",
		Call::Drip(..) => "drip",
	}
}

/// Whether the chain did what was expected, and refused for a rule that is broken.
fn agree(outcome: &Outcome, expected: &Expected) -> bool {
	let named = |result: &Result<(), String>, broken: &model::Broken| match result {
		Ok(()) => broken.is_empty(),
		Err(error) => broken.contains(error.as_str()),
	};
	if !named(&outcome.result, &expected.call) {
		return false;
	}
	// The events of a call that failed are gone.
	outcome.result.is_err()
		|| outcome.items.len() == expected.items.len()
			&& outcome.free == expected.free
			&& outcome
				.items
				.iter()
				.zip(&expected.items)
				.all(|(item, broken)| named(item, broken))
}

/// One chain, for so many calls.
struct Episode<'a> {
	model: Model,
	driver: Driver,
	initial: u128,
	tally: &'a mut Tally,
	progress: &'a mut dyn FnMut(&Tally),
}

impl Episode<'_> {
	fn call(&mut self, who: Who, call: Call) {
		let (origin, encoded) = encode::encode(&self.model, who, &call);
		let outcome = chain::dispatch(origin, encoded);
		let expected = self.model.call(who, &call);
		assert!(
			agree(&outcome, &expected),
			"in block {} {who} calls {call:?}\n  chain: {outcome:?}\n  model: {expected:?}",
			self.model.now
		);
		if let Err(difference) = compare::check_money(&self.model, self.initial) {
			panic!(
				"in block {} {who} calls {call:?}: {difference}",
				self.model.now
			);
		}
		let counts = self.tally.calls.entry(kind(&call)).or_default();
		match outcome.result {
			Ok(()) => counts.0 += 1,
			Err(_) => counts.1 += 1,
		}
		let refused = std::iter::once(outcome.result).chain(outcome.items);
		for rule in refused.filter_map(Result::err) {
			*self.tally.refusals.entry(rule).or_default() += 1;
		}
	}

	fn block(&mut self) {
		// What the calls left.
		if self.model.now % COMPARE_EVERY == 0 {
			self.compare("before");
		}
		chain::next_block();
		self.model.begin_block();
		self.tally.blocks += 1;
		self.compare("of");
	}

	fn compare(&self, when: &str) {
		let money = compare::check_money(&self.model, self.initial);
		let state = match self.model.now % COMPARE_EVERY {
			0 => compare::check_state(&self.model),
			_ => Ok(()),
		};
		if let Err(difference) = money.and(state) {
			panic!("{when} the hooks of block {}: {difference}", self.model.now);
		}
	}

	fn run(&mut self, calls: u64) {
		let until = self.tally.total() + calls;
		while self.tally.total() < until {
			match self.driver.step(&self.model) {
				Step::Call(who, call) => self.call(who, call),
				Step::Blocks(count) => (0..count).for_each(|_| self.block()),
				Step::Limits(due, starts) => self.limit(due, starts),
			}
			(self.progress)(self.tally);
		}
		// Everything that is promised is kept: in the end nothing waits any more.
		self.limit(32, 64);
		let rest = 20 * self.model.policy().proving_period;
		(0..rest).for_each(|_| self.block());
		let state = compare::check_state(&self.model);
		assert_eq!(state, Ok(()));
		let live = self
			.model
			.sectors
			.values()
			.filter(|sector| sector.ended.is_none());
		assert_eq!(
			(
				live.count(),
				self.model.pre_commits.len(),
				self.model.starts.len()
			),
			(0, 0, 0)
		);
		let deals: Vec<_> = self.model.deals.keys().copied().collect();
		for chunk in deals.chunks(32) {
			self.call(1, Call::Settle(chunk.to_vec()));
		}
		assert!(self.model.deals.is_empty() && self.model.sectors.is_empty());
		for (who, account) in &self.model.accounts {
			assert_eq!(account.held(), account.escrow + account.pledge, "of {who}");
		}
	}

	fn limit(&mut self, due: u32, starts: u32) {
		MaxDuePerBlock::set(due);
		MaxStartsPerBlock::set(starts);
		self.model.due_limit = due;
		self.model.start_limit = starts;
	}
}

fn episode(seed: u64, calls: u64, tally: &mut Tally, progress: &mut dyn FnMut(&Tally)) {
	let mut rng = StdRng::seed_from_u64(seed);
	let policy = policy(&mut rng);
	chain::genesis(policy, funds).execute_with(|| {
		let money = |who| model::Account {
			free: funds(who),
			..Default::default()
		};
		let mut episode = Episode {
			model: Model {
				policy: Some(policy),
				accounts: ACCOUNTS.map(|who| (who, money(who))).collect(),
				..Default::default()
			},
			driver: Driver::new(rng),
			initial: ACCOUNTS.map(funds).sum(),
			tally,
			progress,
		};
		episode.limit(32, 64);
		episode.block();
		episode.run(calls);
		let Ledger {
			dripped,
			fault_fees,
			termination_fees,
			lost_deposits,
			dust,
		} = episode.model.ledger;
		let sum = &mut episode.tally.ledger;
		sum.dripped += dripped;
		sum.fault_fees += fault_fees;
		sum.termination_fees += termination_fees;
		sum.lost_deposits += lost_deposits;
		sum.dust += dust;
	});
	tally.proofs = chain::verified();
}

fn number(name: &str) -> Option<u64> {
	let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
	Some(
		text.parse()
			.unwrap_or_else(|_| panic!("{name} must be a number")),
	)
}

#[test]
fn the_chain_does_what_the_model_says() {
	let calls = number("CALLS").unwrap_or(FEW);
	let first = number("SEED").unwrap_or(1);
	let mut tally = Tally::default();
	let begun = Instant::now();
	let mut shown = Instant::now();
	let mut done = 0;
	for seed in first.. {
		let count = EPISODE.min(calls - done);
		let mut progress = |tally: &Tally| {
			if shown.elapsed() > Duration::from_secs(5) {
				shown = Instant::now();
				let total = tally.total();
				print!(
					"\r{total} of {calls} calls, {} blocks, seed {seed}   ",
					tally.blocks
				);
				let _ = std::io::stdout().flush();
			}
		};
		let run = std::panic::AssertUnwindSafe(|| episode(seed, count, &mut tally, &mut progress));
		if let Err(cause) = std::panic::catch_unwind(run) {
			println!("\nfailed: repeat with `make invariants SEED={seed} CALLS={count}`");
			std::panic::resume_unwind(cause);
		}
		done += count;
		if done >= calls {
			println!(
				"\nseeds {first} to {seed}, {:.0} s",
				begun.elapsed().as_secs_f64()
			);
			break;
		}
	}
	tally.print();
	assert!(tally.calls.values().all(|(accepted, _)| *accepted > 0) || calls < FEW);
}
