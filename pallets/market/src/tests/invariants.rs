//! Random sequences of calls: money is conserved and the state is consistent after each.

use frame_support::storage::with_storage_layer;
use holdfast_primitives::{DealExtension, DealProposal, Policy};
use proptest::prelude::*;
use sp_core::Pair;

use super::mock::*;
use crate::{Deals, Health, NextDealId, SignedExtension};

#[derive(Clone, Debug)]
enum Step {
	Deposit(usize, u128),
	Withdraw(usize, u128),
	Publish(Vec<Offer>),
	Reserve(Vec<u64>, u64, u32),
	Activate(Vec<u64>, u64),
	Cancel(usize, u64),
	Extend(usize, u64, u32),
	Health(u64, Health),
	Settle(Vec<u64>),
	Empty(usize),
	Advance(u32),
}

#[derive(Clone, Debug)]
struct Offer {
	client: usize,
	delay: u32,
	duration: u32,
	price: u128,
	collateral: u128,
	nonce: u64,
	forged: bool,
}

const NAMES: [&str; 3] = ["Client", "Rich", "Provider"];

fn amount() -> impl Strategy<Value = u128> {
	prop_oneof![
		0u128..2_000,
		0u128..2 * FUNDS,
		Just(FUNDS - ED),
		Just(u128::MAX)
	]
}

fn offer() -> impl Strategy<Value = Offer> {
	(
		0usize..3,
		0u32..40,
		0u32..30,
		prop_oneof![
			6 => 0u128..50,
			1 => 0u128..FUNDS,
			1 => Just(u128::MAX)
		],
		prop_oneof![4 => 100u128..500, 1 => 0u128..FUNDS],
		0u64..30,
		prop::bool::weighted(0.1),
	)
		.prop_map(
			|(client, delay, duration, price, collateral, nonce, forged)| Offer {
				client,
				delay,
				duration,
				price,
				collateral,
				nonce,
				forged,
			},
		)
}

/// Numbers counted back from the newest deal, so that they often exist.
fn deals() -> impl Strategy<Value = Vec<u64>> {
	prop_oneof![
		3 => prop::collection::vec(0u64..4, 1),
		1 => prop::collection::vec(0u64..8, 0..4),
	]
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		2 => (0usize..3, amount()).prop_map(|(who, amount)| Step::Deposit(who, amount)),
		1 => (0usize..3, amount()).prop_map(|(who, amount)| Step::Withdraw(who, amount)),
		4 => prop::collection::vec(offer(), 0..5).prop_map(Step::Publish),
		3 => (deals(), 0u64..4, 0u32..30)
			.prop_map(|(deals, sector, time)| Step::Reserve(deals, sector, time)),
		8 => (deals(), 0u64..4).prop_map(|(deals, sector)| Step::Activate(deals, sector)),
		2 => (0usize..3, 0u64..4).prop_map(|(who, deal)| Step::Cancel(who, deal)),
		2 => (0usize..3, 0u64..4, 0u32..40)
			.prop_map(|(who, deal, blocks)| Step::Extend(who, deal, blocks)),
		4 => (
			0u64..4,
			0u32..40,
			prop_oneof![0u32..200, Just(u32::MAX)],
			prop::bool::weighted(0.2),
		)
			.prop_map(|(sector, healthy_blocks, decided_through, terminated)| {
				Step::Health(sector, Health { healthy_blocks, decided_through, terminated })
			}),
		6 => deals().prop_map(Step::Settle),
		1 => (0usize..3).prop_map(Step::Empty),
		3 => (1u32..12).prop_map(Step::Advance),
	]
}

fn newest(back: &[u64]) -> Vec<u64> {
	let next = NextDealId::<Test>::get();
	back.iter()
		.map(|back| next.wrapping_sub(1 + back))
		.collect()
}

fn offered(offer: &Offer) -> Signed {
	let now = System::block_number();
	let start = now + offer.delay;
	let mut signed = sign(DealProposal {
		client: account(NAMES[offer.client]),
		start,
		end: start + offer.duration,
		price_per_block: offer.price,
		provider_collateral: offer.collateral,
		nonce: offer.nonce,
		expires: start,
		..proposal()
	});
	if offer.forged {
		signed.proposal.nonce += 1;
	}
	signed
}

/// As a block executes it: what fails leaves nothing behind.
fn call(call: impl FnOnce() -> sp_runtime::DispatchResult) {
	let _ = with_storage_layer(call);
}

fn apply(step: Step) {
	let signed = |who: usize| RuntimeOrigin::signed(account(NAMES[who]));
	match step {
		Step::Deposit(who, amount) => call(|| Market::deposit(signed(who), amount)),
		Step::Withdraw(who, amount) => call(|| Market::withdraw(signed(who), amount)),
		Step::Publish(offers) => {
			let proposals = batch(offers.iter().map(offered).collect());
			let origin = RuntimeOrigin::signed(provider());
			call(|| Market::publish_deals(origin, proposals));
		},
		Step::Reserve(back, sector, time) => call(|| {
			let until = System::block_number() + time;
			Market::reserve(&provider(), sector, &newest(&back), u32::MAX, until).map(drop)
		}),
		Step::Cancel(who, back) => {
			call(|| Market::cancel_deal(signed(who), newest(&[back])[0]));
		},
		Step::Extend(who, back, blocks) => {
			let id = newest(&[back])[0];
			let end = Deals::<Test>::get(id).map_or(0, |deal| deal.end);
			let extension = DealExtension {
				deal: id,
				end,
				new_end: end + blocks,
				expires: System::block_number(),
			};
			let bytes = extension.signing_bytes(&Market::genesis_hash());
			let signature = pair(NAMES[who]).sign(&bytes).into();
			let extension = SignedExtension {
				extension,
				signature,
			};
			call(|| Market::extend_deal(RuntimeOrigin::signed(provider()), extension));
		},
		Step::Activate(back, sector) => {
			call(|| start_in(sector, &newest(&back)));
			call(|| Market::activate(&provider(), sector, &newest(&back)));
		},
		Step::Health(sector, health) => {
			if health.terminated {
				set_terminated(sector, health.healthy_blocks);
			} else {
				set_health(sector, health.healthy_blocks, health.decided_through);
			}
		},
		Step::Settle(back) => call(|| settle(&newest(&back))),
		Step::Empty(who) => {
			call(|| Balances::transfer_all(signed(who), account("Other"), false));
		},
		Step::Advance(blocks) => {
			for _ in 0..blocks {
				run_to(System::block_number() + 1);
				check_all();
			}
		},
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

	#[test]
	fn money_is_conserved_and_the_state_is_consistent(
		steps in prop::collection::vec(step(), 1..120)
	) {
		new_test_ext().execute_with(|| {
			CurrentPolicy::set(Policy { min_deal_duration: 1, ..Policy::devnet() });
			for name in NAMES {
				Market::deposit(RuntimeOrigin::signed(account(name)), FUNDS / 2).unwrap();
			}
			for sector in 0..4 {
				set_expiration(sector, u32::MAX);
			}
			for step in steps {
				apply(step);
				check_all();
			}
			// In the end every deal can be closed, and then all the money is free.
			for sector in 0..4 {
				set_health(sector, 10, u32::MAX);
			}
			run_to(System::block_number() + 400);
			for id in Deals::<Test>::iter_keys().collect::<Vec<_>>() {
				settle(&[id]).unwrap();
			}
			check_all();
			for name in NAMES {
				let held = Market::market_balance(&account(name));
				prop_assert_eq!((held.payment, held.collateral), (0, 0));
			}
			Ok(())
		})?;
	}
}
