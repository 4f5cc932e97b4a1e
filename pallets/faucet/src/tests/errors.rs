//! Every error is reached, and no account or amount at its limits harms the state.

use std::collections::BTreeSet;

use scale_info::{TypeDef, TypeInfo};
use sp_runtime::{DispatchError, DispatchResult};

use super::mock::*;
use crate::{Error, Pallet};

fn drip(account: u64) -> DispatchResult {
	Faucet::drip(RuntimeOrigin::none(), account)
}

/// Each is run on a chain of its own, and returns the error of its last drip.
const SCENARIOS: &[fn() -> DispatchResult] = &[
	|| {
		Amount::set(0);
		drip(7)
	},
	|| drip(7).and_then(|()| drip(7)),
	|| (0..=u64::from(MAX_DRIPS)).try_for_each(drip),
	|| {
		Amount::set(ED - 1);
		drip(7)
	},
];

#[test]
fn every_error_is_reached() {
	let mut reached = BTreeSet::new();
	for scenario in SCENARIOS {
		new_test_ext().execute_with(|| {
			let DispatchError::Module(error) = scenario().unwrap_err() else {
				panic!("an error of the faucet");
			};
			reached.insert(error.message.unwrap().to_string());
			Faucet::check_state().unwrap();
		});
	}
	let TypeDef::Variant(errors) = Error::<Test>::type_info().type_def else {
		panic!("it is an enum");
	};
	let all = errors.variants.iter().map(|error| error.name.to_string());
	assert_eq!(reached, all.collect());
}

#[test]
fn any_account_and_amount_is_served_or_refused_without_a_trace() {
	for amount in [0, 1, ED - 1, ED, u64::MAX] {
		for account in [0, 1, u64::MAX] {
			new_test_ext().execute_with(|| {
				Amount::set(amount);
				let served = drip(account).is_ok();
				assert_eq!(served, amount >= ED);
				assert_eq!(
					Balances::free_balance(account),
					if served { amount } else { 0 }
				);
				assert_eq!(Pallet::<Test>::available_from(account) > 0, served);
				Faucet::check_state().unwrap();
			});
		}
	}
}
