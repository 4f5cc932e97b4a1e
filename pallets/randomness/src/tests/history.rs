//! How values are made, kept and removed.

use super::mock::*;
use crate::*;

const VRF: RelayValues = RelayValues {
	vrf: Some([1; 32]),
	epoch: Some([2; 32]),
};
const EPOCH: RelayValues = RelayValues {
	vrf: None,
	epoch: Some([2; 32]),
};
const NOTHING: RelayValues = RelayValues {
	vrf: None,
	epoch: None,
};

fn value_after(first: &RelayValues, second: &RelayValues, parent: [u8; 32]) -> [u8; 32] {
	new_test_ext().execute_with(|| {
		block(1, [0; 32], first);
		block(2, parent, second);
		Randomness::value_at(2).unwrap()
	})
}

#[test]
fn a_value_is_known_in_its_block_and_not_before() {
	new_test_ext().execute_with(|| {
		assert_eq!(Randomness::value_at(1), None);
		block(1, [0; 32], &VRF);
		assert!(Randomness::value_at(1).is_some());
		assert_eq!(Randomness::value_at(2), None);
	});
}

#[test]
fn a_value_depends_on_everything_before_it() {
	let base = value_after(&VRF, &VRF, [9; 32]);
	assert_eq!(base, value_after(&VRF, &VRF, [9; 32]));
	assert_ne!(base, value_after(&EPOCH, &VRF, [9; 32]));
	let other_epoch = RelayValues {
		epoch: Some([3; 32]),
		..VRF
	};
	assert_ne!(base, value_after(&VRF, &other_epoch, [9; 32]));
	let other_vrf = RelayValues {
		vrf: Some([3; 32]),
		..VRF
	};
	assert_ne!(base, value_after(&VRF, &other_vrf, [9; 32]));
}

#[test]
fn the_parent_hash_counts_only_where_there_is_no_vrf() {
	assert_eq!(
		value_after(&VRF, &VRF, [8; 32]),
		value_after(&VRF, &VRF, [9; 32])
	);
	assert_ne!(
		value_after(&VRF, &EPOCH, [8; 32]),
		value_after(&VRF, &EPOCH, [9; 32])
	);
	assert_ne!(
		value_after(&VRF, &NOTHING, [8; 32]),
		value_after(&VRF, &NOTHING, [9; 32])
	);
}

#[test]
fn values_differ_in_consecutive_blocks_of_one_relay_block() {
	new_test_ext().execute_with(|| {
		block(1, [0; 32], &VRF);
		block(2, [0; 32], &VRF);
		assert_ne!(Randomness::value_at(1), Randomness::value_at(2));
	});
}

#[test]
fn the_source_is_the_best_that_there_was() {
	new_test_ext().execute_with(|| {
		for (number, values, source) in [
			(1, VRF, Source::RelayVrf),
			(2, EPOCH, Source::RelayEpoch),
			(3, NOTHING, Source::ParentHash),
		] {
			block(number, [0; 32], &values);
			assert_eq!(Randomness::source(), Some(source));
		}
	});
}

#[test]
fn as_many_values_are_kept_as_asked_for() {
	new_test_ext().execute_with(|| {
		for number in 1..=50 {
			block(number, [0; 32], &VRF);
		}
		assert_eq!(Randomness::value_at(40), None);
		for number in 41..=50 {
			assert!(Randomness::value_at(number).is_some());
		}
		assert_eq!(History::<Test>::iter_keys().count(), 10);
	});
}

#[test]
fn a_shorter_history_is_reached_a_few_values_at_a_time() {
	new_test_ext().execute_with(|| {
		for number in 1..=10 {
			block(number, [0; 32], &VRF);
		}
		KeepBlocks::set(2);
		block(11, [0; 32], &VRF);
		assert_eq!(OldestKept::<Test>::get(), 1 + MAX_PRUNED_PER_BLOCK);
		block(12, [0; 32], &VRF);
		block(13, [0; 32], &VRF);
		let mut kept: Vec<_> = History::<Test>::iter_keys().collect();
		kept.sort();
		assert_eq!(kept, [12, 13]);
	});
}

#[test]
fn a_chain_that_starts_late_has_nothing_to_remove() {
	new_test_ext().execute_with(|| {
		System::set_block_number(999);
		block(1_000, [0; 32], &VRF);
		assert_eq!(OldestKept::<Test>::get(), 1_000);
		block(1_001, [0; 32], &VRF);
		assert!(Randomness::value_at(1_000).is_some());
	});
}

#[test]
fn broken_invariants_are_found() {
	new_test_ext().execute_with(|| {
		block(1, [0; 32], &VRF);
		block(2, [0; 32], &VRF);
		let good = Latest::<Test>::get();

		Latest::<Test>::put([7; 32]);
		assert!(Randomness::do_try_state(2).is_err());
		Latest::<Test>::set(good);

		History::<Test>::insert(0, [7; 32]);
		assert!(Randomness::do_try_state(2).is_err());
		History::<Test>::remove(0);

		History::<Test>::insert(4, [7; 32]);
		assert!(Randomness::do_try_state(3).is_err());
		assert!(Randomness::do_try_state(4).is_err());
		History::<Test>::remove(4);

		LatestSource::<Test>::kill();
		assert!(Randomness::do_try_state(2).is_err());
	});
}
