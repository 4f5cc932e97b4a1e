//! Extensions of sectors.

use super::mock::*;
use crate::{Error, Event, SectorExtension, Sectors};
use frame_support::{assert_noop, assert_ok};

fn extend(extensions: &[(u64, u32)]) -> sp_runtime::DispatchResult {
	let extensions = extensions
		.iter()
		.map(|(sector, expiration)| SectorExtension {
			sector: *sector,
			expiration: *expiration,
		})
		.collect::<Vec<_>>();
	StorageProvider::extend_sectors(signed(&alice()), crate::Batch::truncate_from(extensions))
}

#[test]
fn an_extended_sector_lives_for_longer() {
	new_chain().execute_with(|| {
		register(&alice());
		let first = now() + 100;
		activate_until(&alice(), &[1], first);
		events();
		let second = first + 200;
		assert_ok!(extend(&[(1, second)]));
		assert_eq!(
			events(),
			[Event::SectorExtended {
				provider: alice(),
				sector: 1,
				expiration: second
			}]
		);
		StorageProvider::check_state().unwrap();
		while now() < second {
			prove_window(&alice(), 1);
			run_past_window(&alice(), 1);
			assert_eq!(Sectors::<Test>::contains_key(alice(), 1), now() < second);
		}
		assert_eq!(total(&alice()), FUNDS);
	});
}

#[test]
fn an_extension_within_the_last_window_changes_nothing_but_the_promise() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_until(&alice(), &[1], now() + 100);
		let expiration = sector(&alice(), 1).expiration;
		assert_ok!(extend(&[(1, expiration + 1)]));
		StorageProvider::check_state().unwrap();
		assert_eq!(sector(&alice(), 1).expiration, expiration + 1);
	});
}

#[test]
fn what_cannot_be_extended_is_refused() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_until(&alice(), &[1], now() + 100);
		let expiration = sector(&alice(), 1).expiration;
		let most = StorageProvider::policy().max_sector_lifetime;
		assert_noop!(extend(&[]), Error::<Test>::EmptyBatch);
		assert_noop!(extend(&[(2, 5_000)]), Error::<Test>::NoSuchSector);
		for soon in [0, expiration - 1, expiration] {
			assert_noop!(extend(&[(1, soon)]), Error::<Test>::ExpirationTooSoon);
		}
		for late in [now() + most + 1, u32::MAX] {
			assert_noop!(extend(&[(1, late)]), Error::<Test>::ExpirationTooLate);
		}
		assert_noop!(
			StorageProvider::extend_sectors(signed(&bob()), batch([])),
			Error::<Test>::NotRegistered
		);
		run_past_window(&alice(), 1);
		assert_noop!(
			extend(&[(1, expiration + 100)]),
			Error::<Test>::SectorIsFaulty
		);
		run_to(expiration);
		if Sectors::<Test>::contains_key(alice(), 1) {
			assert_noop!(
				extend(&[(1, expiration + 100)]),
				Error::<Test>::SectorLifetimeOver
			);
		}
	});
}
