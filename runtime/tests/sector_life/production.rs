//! A whole life of a sector under each preset's policy: the production one takes 30 days, of which the
//! blocks without anything due are left out.

use super::{
	agreement::{pre_commit, prove, publish, Terms},
	*,
};
use frame_support::traits::Hooks;
use holdfast_primitives::{KeyOrigin, Policy};

/// A chain with this policy from its beginning.
fn chain_with(policy: Policy) -> sp_io::TestExternalities {
	// These tests skip blocks.
	leave_unchecked();
	let mut chain = development();
	chain.execute_with(|| {
		pallet_storage_provider::PolicyValue::<Runtime>::put(policy);
		// A production network accepts none of the preset's keys.
		let _ = pallet_proofs::Keys::<Runtime>::clear(u32::MAX, None);
	});
	chain
}

/// Goes to this block. The hooks are run as often as they need to do all that was due in those between.
fn skip_to(block: BlockNumber) {
	System::set_block_number(block);
	while pallet_storage_provider::AgendaCursor::<Runtime>::get() <= block
		|| pallet_market::AgendaCursor::<Runtime>::get() <= Some(block)
	{
		StorageProvider::on_initialize(block);
		Market::on_initialize(block);
	}
}

/// The chain's randomness in every block up to this one; nothing is due in them.
fn draw_randomness_to(block: BlockNumber) {
	while System::block_number() + 1 < block {
		let number = System::block_number() + 1;
		System::set_block_number(number);
		Randomness::on_initialize(number);
		Randomness::record(&Default::default());
	}
	skip_to(block - 1);
	next_block();
}

struct Life {
	sealed: Sealed,
	/// When the deal starts.
	start: BlockNumber,
	duration: BlockNumber,
}

/// A sector of the shortest life with a deal of the shortest duration, proven with the oldest ticket, in the
/// last block in which it can be.
fn seal() -> Life {
	let policy = policy();
	let keys = Keys::install();
	run_to(2);
	register(provider());
	draw_randomness_to(2 + policy.ticket_max_age);
	let terms = Terms {
		delay: policy.pre_commit_lifetime + 2,
		duration: policy.min_deal_duration,
	};
	let deal = publish(Bob, terms);
	let now = System::block_number();
	let start = now + terms.delay;
	let needed = terms.delay + terms.duration + 2 * policy.proving_period;
	let lifetime = policy.min_sector_lifetime.max(needed);
	pre_commit(deal, now + lifetime, policy.ticket_max_age);
	draw_randomness_to(now + policy.pre_commit_lifetime);
	Life {
		sealed: prove(keys, deal),
		start,
		duration: terms.duration,
	}
}

/// The window of the sector that comes next: its challenge is drawn, it opens, and after `act` it closes.
fn next_window(sealed: &Sealed, act: impl FnOnce()) {
	let next = window(&provider(), sealed.deadline);
	skip_to(next.challenge - 1);
	next_block();
	skip_to(next.open);
	act();
	skip_to(next.close);
}

fn both_presets(test: impl Fn()) {
	for policy in [Policy::devnet(), Policy::production()] {
		chain_with(policy).execute_with(&test);
	}
}

#[test]
fn a_sector_lives_from_its_oldest_ticket_to_its_end_under_both_presets() {
	both_presets(|| {
		let parties = || [wealth(&provider()), wealth(&client())];
		let before = parties();
		let issuance = Balances::total_issuance();
		let life = seal();
		assert!(pledge() > 0);
		let mut windows = 0;
		let settle = || {
			if pallet_market::Deals::<Runtime>::contains_key(life.sealed.deal) {
				assert_ok!(life.sealed.settle());
			}
		};
		while !life.sealed.ended() {
			next_window(&life.sealed, || {
				assert_ok!(life.sealed.submit());
			});
			windows += 1;
			// Anybody settles at any time.
			if windows % 7 == 3 && System::block_number() >= life.start {
				settle();
			}
		}
		settle();
		let periods = policy().min_sector_lifetime / policy().proving_period;
		assert!(windows > 0 && windows + 4 >= periods, "{windows}");
		assert!(!pallet_market::Deals::<Runtime>::contains_key(
			life.sealed.deal
		));
		assert!(pallet_storage_provider::Sectors::<Runtime>::get(provider(), SECTOR).is_none());
		let price = PRICE * Balance::from(life.duration);
		assert_eq!(parties(), [before[0] + price, before[1] - price]);
		assert_eq!((pledge(), Balances::total_issuance()), (0, issuance));
	});
}

#[test]
fn a_sector_that_is_never_proven_ends_and_pays_its_client_under_both_presets() {
	both_presets(|| {
		let before = wealth(&client());
		let life = seal();
		let collateral = pallet_market::Deals::<Runtime>::get(life.sealed.deal)
			.unwrap()
			.provider_collateral;
		let issuance = Balances::total_issuance();
		while !life.sealed.ended() {
			next_window(&life.sealed, || ());
		}
		assert_ok!(life.sealed.settle());
		assert_eq!(wealth(&client()), before + collateral);
		assert!(Balances::total_issuance() < issuance);
		assert_eq!(pledge(), 0);
	});
}

#[test]
fn a_production_network_refuses_the_development_keys() {
	chain_with(Policy::production()).execute_with(|| {
		assert_eq!(Faucet::amount(), 0);
		let state = genesis::preset_state(&"development".into()).unwrap();
		let (id, version, key) = sp_io::TestExternalities::from(state).execute_with(|| {
			pallet_proofs::Keys::<Runtime>::iter()
				.next()
				.expect("the preset has keys")
		});
		assert_eq!(key.origin, KeyOrigin::Devnet);
		// Nor under a better name.
		for origin in [KeyOrigin::Devnet, KeyOrigin::Ceremony] {
			assert_err!(
				Proofs::set_verifying_key(
					RuntimeOrigin::root(),
					id,
					version,
					origin,
					Default::default(),
					key.digest
				),
				pallet_proofs::Error::<Runtime>::DevnetKeyRefused
			);
		}
	});
}
