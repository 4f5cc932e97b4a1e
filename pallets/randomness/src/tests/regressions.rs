//! Flaws of polka-storage's randomness that this pallet must not have. The names begin with the flaws'
//! numbers in `docs/protocol/compared.md`.

use super::mock::*;
use crate::*;

const RELAY: RelayValues = RelayValues {
	vrf: Some([1; 32]),
	epoch: Some([2; 32]),
};
const NO_RELAY: RelayValues = RelayValues {
	vrf: None,
	epoch: None,
};

#[test]
fn s_09_blocks_on_one_relay_block_differ_and_their_authors_choose_nothing() {
	let values = |parent: u8| {
		new_test_ext().execute_with(|| {
			block(1, [0; 32], &RELAY);
			block(2, [parent; 32], &RELAY);
			(Randomness::value_at(1), Randomness::value_at(2))
		})
	};
	let (first, second) = values(1);
	assert_ne!(first, second);
	// What a collator puts into its block, and so its hash, does not count.
	assert_eq!(values(1), values(2));
}

#[test]
fn c_19_as_much_is_kept_as_the_policy_asks_for() {
	new_test_ext().execute_with(|| {
		for keep in [7, 12] {
			KeepBlocks::set(keep);
			let from = System::block_number() + 1;
			for number in from..from + 30 {
				block(number, [0; 32], &RELAY);
			}
			let now = System::block_number();
			assert!(Randomness::value_at(now + 1 - keep).is_some());
			assert_eq!(Randomness::value_at(now - keep), None);
		}
	});
}

#[test]
fn c_20_a_block_without_a_vrf_output_has_a_value_and_does_not_stop_the_pruning() {
	new_test_ext().execute_with(|| {
		for number in 1..=40 {
			let relay = if number % 3 == 0 { &NO_RELAY } else { &RELAY };
			block(number, [0; 32], relay);
			assert!(Randomness::value_at(number).is_some());
		}
		assert_eq!(History::<Test>::iter_keys().count(), 10);
	});
}
