//! Benchmarks of the hooks.

use super::*;
use frame_benchmarking::v2::*;
use frame_support::traits::{Get, Hooks};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::SaturatedConversion;

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn record() {
		let values = RelayValues {
			vrf: Some([1; 32]),
			epoch: Some([2; 32]),
		};

		#[block]
		{
			Pallet::<T>::record(&values);
		}

		assert_eq!(LatestSource::<T>::get(), Some(Source::RelayVrf));
	}

	#[benchmark]
	fn prune(n: Linear<0, MAX_PRUNED_PER_BLOCK>) {
		for block in 0..n {
			History::<T>::insert(block, [3; 32]);
		}
		let now: BlockNumberFor<T> = T::KeepBlocks::get()
			.saturating_add(n)
			.saturating_sub(1)
			.saturated_into();

		#[block]
		{
			Pallet::<T>::on_initialize(now);
		}

		assert_eq!(OldestKept::<T>::get(), n);
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::new_test_ext(),
		crate::tests::mock::Test
	);
}
