use frame_support::assert_ok;

use super::mock::*;
use crate::{DealStatus, Health};

fn status(deal: u64) -> DealStatus<AccountId> {
	Market::deal_status(deal).unwrap()
}

/// Earned, paid, held on the client, held on the provider.
fn amounts(deal: u64) -> [u128; 4] {
	let DealStatus {
		earned,
		paid,
		payment,
		collateral,
		..
	} = status(deal);
	[earned, paid, payment, collateral]
}

#[test]
fn a_deals_status_follows_it_from_its_publication_to_its_end() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_eq!(status(id).health, None);
		assert_eq!(amounts(id), [0, 0, 1_000, 200]);

		assert_ok!(start_in(7, &[id]));
		run_to(80);
		set_health(7, 20, 75);
		assert_eq!(
			status(id).health,
			Some(Health {
				healthy_blocks: 20,
				decided_through: 75,
				terminated: false
			})
		);
		assert_eq!(amounts(id), [200, 0, 1_000, 200]);
		assert_ok!(settle(&[id]));
		assert_eq!(amounts(id), [200, 200, 800, 200]);
		assert_eq!(Some(status(id).deal), Market::deal(id));

		set_health(7, 100, u32::MAX);
		assert_eq!(amounts(id), [1_000, 200, 800, 200]);
		assert_ok!(settle(&[id]));
		assert_eq!(Market::deal_status(id), None);
	});
}

#[test]
fn settling_pays_what_the_status_says_is_earned() {
	with_deposits(|| {
		let id = active_deal();
		for (healthy, decided) in [(0, 50), (7, 60), (7, 70), (33, 90)] {
			set_health(7, healthy, decided);
			let before = Balances::free_balance(provider());
			let [earned, paid, ..] = amounts(id);
			assert_ok!(settle(&[id]));
			assert_eq!(Balances::free_balance(provider()), before + earned - paid);
			assert_eq!(amounts(id)[1], earned);
		}
	});
}

#[test]
fn nothing_is_held_for_a_cancelled_deal() {
	with_deposits(|| {
		let id = publish(proposal());
		assert_ok!(Market::cancel_deal(RuntimeOrigin::signed(client()), id));
		assert_eq!(amounts(id), [0, 0, 0, 0]);
	});
}
