//! Benchmarks of the faucet: the call with its validation, and the hook.

// What replaces unsigned validation needs an extrinsic format that bare transactions do not have.
#![allow(deprecated)]

use frame_benchmarking::v2::*;
use frame_support::{
	pallet_prelude::{TransactionSource, ValidateUnsigned},
	traits::Get,
};
use frame_system::RawOrigin;
use sp_runtime::SaturatedConversion;

use crate::pallet::{Call, Config, DripsAt, ForgetCursor, LastDrip, Pallet};

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn drip() -> Result<(), BenchmarkError> {
		frame_system::Pallet::<T>::set_block_number(1u32.into());
		let who: T::AccountId = account("user", 0, 0);
		let call = Call::<T>::drip {
			account: who.clone(),
		};

		#[block]
		{
			Pallet::<T>::validate_unsigned(TransactionSource::InBlock, &call)
				.map_err(|_| BenchmarkError::Stop("the drip is valid"))?;
			Pallet::<T>::drip(RawOrigin::None.into(), who.clone())?;
		}

		assert_eq!(LastDrip::<T>::get(&who), Some(1));
		Ok(())
	}

	#[benchmark]
	fn on_initialize(n: Linear<1, { T::MaxDripsPerBlock::get().saturating_add(1) }>) {
		let block = 1;
		let drips = n.saturating_sub(1);
		for index in 0..drips {
			let who: T::AccountId = account("user", index, 0);
			LastDrip::<T>::insert(&who, block);
			DripsAt::<T>::insert(block, &who, ());
		}
		ForgetCursor::<T>::put(block);
		let now = T::Period::get().saturating_add(block);
		frame_system::Pallet::<T>::set_block_number(now.saturated_into());
		let steps;

		#[block]
		{
			steps = Pallet::<T>::forget_old_drips(now);
		}

		assert_eq!(steps, n);
		assert_eq!(LastDrip::<T>::iter_keys().count(), 0);
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::new_test_ext(),
		crate::tests::mock::Test
	);
}
