//! Storage of older versions becomes what this version reads.

use super::mock::*;
use crate::{
	migrations::{v1, ToV2},
	Key, Partitions, Providers, Vacancies,
};
use codec::Encode;
use frame_support::{
	assert_ok,
	traits::{GetStorageVersion, OnRuntimeUpgrade, StorageVersion},
	weights::Weight,
};

/// Puts the chain back to version 1.
fn downgrade() -> Vec<(sp_runtime::AccountId32, v1::OldProviderInfo)> {
	let providers: Vec<_> = Providers::<Test>::iter().collect();
	let old = providers.into_iter().map(|(account, info)| {
		let old = v1::OldProviderInfo {
			sector_size: info.sector_size,
			addresses: info.addresses,
			ask: info.ask,
			free_space: info.free_space,
			period_offset: info.period_offset,
			live_sectors: info.live_sectors,
			pre_commits: info.pre_commits,
			pledge: info.pledge,
			deadlines: info.deadlines,
		};
		v1::Providers::<Test>::insert(&account, &old);
		(account, old)
	});
	let old = old.collect();
	let _ = Vacancies::<Test>::clear(u32::MAX, None);
	StorageVersion::new(1).put::<StorageProvider>();
	old
}

/// Two providers, one with a partition that has a vacant position.
fn busy_chain() {
	register(&alice());
	register(&bob());
	activate(&alice(), &[0, 1, 2, 3, 4, 5]);
	while !window_of(&alice(), 0).is_mutable(now()) {
		run_for(1);
	}
	assert_ok!(StorageProvider::terminate_sectors(
		signed(&alice()),
		batch([0])
	));
	assert_eq!(Vacancies::<Test>::iter().count(), 1);
	assert_ok!(pre_commit(&bob(), sealed(1)));
}

#[test]
fn version_2_gives_every_provider_its_owners_keys_and_finds_vacant_positions() {
	new_chain().execute_with(|| {
		busy_chain();
		let before = state_root();
		let old = downgrade();
		assert_eq!(old.len(), 2);
		// What the old code wrote the new code does not read.
		assert!(
			Providers::<Test>::get(alice()).is_none_or(|info| info.encode() != old[0].1.encode())
		);
		let weight = ToV2::<Test>::on_runtime_upgrade();
		assert!(weight.all_gt(Weight::zero()));
		assert_eq!(
			StorageProvider::on_chain_storage_version(),
			StorageVersion::new(2)
		);
		assert_eq!(state_root(), before);
		for (account, info) in old {
			let migrated = Providers::<Test>::get(account).unwrap();
			assert_eq!(migrated, info.with_keys());
			assert_eq!(migrated.keys.worker, Key::default());
			assert_eq!(migrated.keys.beneficiary, Key::default());
		}
		StorageProvider::check_state().unwrap();
		// And the chain goes on.
		run_for(200);
		assert!(Partitions::<Test>::iter().count() > 0);
		assert_ok!(StorageProvider::set_free_space(signed(&bob()), 1));
	});
}

#[test]
fn a_migration_is_made_once() {
	new_chain().execute_with(|| {
		busy_chain();
		downgrade();
		ToV2::<Test>::on_runtime_upgrade();
		let migrated = state_root();
		ToV2::<Test>::on_runtime_upgrade();
		assert_eq!(state_root(), migrated);
	});
}

#[test]
fn a_new_chain_has_the_present_version_and_needs_no_migration() {
	new_chain().execute_with(|| {
		assert_eq!(
			StorageProvider::on_chain_storage_version(),
			StorageProvider::in_code_storage_version()
		);
		register(&alice());
		let before = state_root();
		ToV2::<Test>::on_runtime_upgrade();
		assert_eq!(state_root(), before);
	});
}

#[cfg(feature = "try-runtime")]
#[test]
fn what_the_migration_promises_is_checked_before_and_after_it() {
	new_chain().execute_with(|| {
		busy_chain();
		downgrade();
		ToV2::<Test>::try_on_runtime_upgrade(true).unwrap();
	});
}
