//! Flaws of polka-storage's faucet that this one must not have. The names begin with the flaws' numbers in
//! `docs/protocol/compared.md`.

use frame_support::assert_ok;
use sp_runtime::DispatchResult;

use super::mock::*;

fn drip(account: u64) -> DispatchResult {
	Faucet::drip(RuntimeOrigin::none(), account)
}

#[test]
fn s_08_many_are_served_in_a_block_and_what_all_can_take_is_bounded() {
	new_test_ext().execute_with(|| {
		let blocks = 2 * PERIOD;
		let mut served = 0;
		// As many identities as anybody likes, every one of them in every block.
		for block in 1..=blocks {
			run_to(block);
			served += (0..200).filter(|account| drip(*account).is_ok()).count();
		}
		let most = u64::from(blocks * MAX_DRIPS);
		assert_eq!(served as u64, most.min(200 * 2));
		assert_eq!(Balances::total_issuance(), served as u64 * 1_000);
	});
}

#[test]
fn s_08_a_network_whose_token_has_a_value_has_no_faucet() {
	new_test_ext().execute_with(|| {
		assert_ok!(drip(1));
		Amount::set(0);
		assert!(drip(2).is_err());
	});
}
