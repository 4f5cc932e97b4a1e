//! The end of sectors.

use super::mock::*;
use crate::{monies, Event, Partitions, PreCommitSector, SectorDeals, Sectors};
use frame_support::assert_ok;
use holdfast_primitives::{Policy, SectorSize};

fn pledge() -> u128 {
	monies::pledge(&Policy::devnet(), SectorSize::KiB2).unwrap()
}

/// Activates a sector with one deal that ends with it.
fn activate_with_deal(number: u64, expiration: u32) {
	publish(number, &alice(), 512, expiration);
	assert_ok!(pre_commit(
		&alice(),
		PreCommitSector {
			expiration,
			deals: SectorDeals::truncate_from(vec![number]),
			..sealed(number)
		}
	));
	await_seed();
	assert_ok!(prove(&alice(), &[porep(&alice(), number)]));
}

/// Proves all windows of a sector until it is gone or has ended; returns the last block proven.
fn keep_until_end(number: u64) -> u32 {
	let mut last = 0;
	while Sectors::<Test>::get(alice(), number).is_some_and(|sector| sector.ended.is_none()) {
		last = prove_window(&alice(), number).open;
		run_past_window(&alice(), number);
	}
	last
}

#[test]
fn a_sector_ends_when_its_deadline_closes_after_its_expiration() {
	new_chain().execute_with(|| {
		register(&alice());
		let expiration = now() + 200;
		activate_until(&alice(), &[1], expiration);
		assert_eq!(pledged(&alice()), pledge());
		events();
		keep_until_end(1);
		assert!(now() >= expiration && now() < expiration + 60);
		assert_eq!(
			events().last(),
			Some(&Event::SectorExpired {
				provider: alice(),
				sector: 1
			})
		);
		assert!(!Sectors::<Test>::contains_key(alice(), 1));
		assert_eq!((pledged(&alice()), total(&alice())), (0, FUNDS));
		let info = StorageProvider::provider(alice()).unwrap();
		assert_eq!((info.live_sectors, info.pledge), (0, 0));
		assert_eq!(Partitions::<Test>::iter().count(), 0);
		// Nothing is due any more.
		run_for(130);
		assert_eq!(events(), []);
	});
}

#[test]
fn an_ended_sector_stays_until_its_deals_are_settled() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_with_deal(1, now() + 200);
		let last = keep_until_end(1);
		assert_eq!(sector(&alice(), 1).ended, Some(last));
		assert_eq!(pledged(&alice()), 0);
		StorageProvider::release_deal(&alice(), 1);
		assert!(!Sectors::<Test>::contains_key(alice(), 1));
		// Once more changes nothing.
		StorageProvider::release_deal(&alice(), 1);
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn a_sector_whose_deals_are_settled_lives_on_until_its_end() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_with_deal(1, now() + 200);
		StorageProvider::release_deal(&alice(), 1);
		assert_eq!(sector(&alice(), 1).deals_left, 0);
		keep_until_end(1);
		assert!(!Sectors::<Test>::contains_key(alice(), 1));
	});
}

#[test]
fn a_faulty_sector_ends_too_and_its_fees_are_not_given_back() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_with_deal(1, now() + 100);
		let proven = prove_window(&alice(), 1).open;
		let mut missed = 0;
		run_past_window(&alice(), 1);
		while sector(&alice(), 1).ended.is_none() {
			run_past_window(&alice(), 1);
			missed += 1;
		}
		assert_eq!(sector(&alice(), 1).ended, Some(proven));
		let fee = monies::fault_fee(&Policy::devnet(), SectorSize::KiB2, missed);
		assert!(fee > 0);
		assert_eq!((pledged(&alice()), total(&alice())), (0, FUNDS - fee));
	});
}

#[test]
fn an_ending_sector_releases_only_what_the_others_do_not_need() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_until(&alice(), &[1], now() + 100);
		activate_until(&alice(), &[2], now() + 5_000);
		// Both miss every window, and fees eat into the pledge of both.
		while Sectors::<Test>::contains_key(alice(), 1) {
			run_for(1);
		}
		let lost = FUNDS - total(&alice());
		assert!(lost > 0 && lost < pledge());
		assert_eq!(pledged(&alice()), pledge());
		assert_eq!(StorageProvider::provider(alice()).unwrap().pledge, pledge());
	});
}

#[test]
fn the_rest_of_a_partition_is_proven_without_an_ended_sector() {
	new_chain().execute_with(|| {
		register(&alice());
		let numbers: Vec<_> = (0..6).collect();
		let expiration = now() + 90;
		for number in &numbers {
			let expiration = expiration + if number % 2 == 0 { 0 } else { 5_000 };
			assert_ok!(pre_commit(
				&alice(),
				PreCommitSector {
					expiration,
					..sealed(*number)
				}
			));
		}
		await_seed();
		let proofs: Vec<_> = numbers
			.iter()
			.map(|number| porep(&alice(), *number))
			.collect();
		assert_ok!(prove(&alice(), &proofs));
		for _ in 0..300 {
			run_for(1);
			for window in StorageProvider::windows(alice()) {
				for due in StorageProvider::due_partitions(alice(), window.deadline) {
					if window.is_open(now()) && !due.proven {
						assert_ok!(submit(&(alice(), window.deadline, due.partition)));
					}
				}
			}
		}
		assert_eq!(StorageProvider::provider(alice()).unwrap().live_sectors, 3);
		assert_eq!(total(&alice()), FUNDS);
	});
}

#[test]
fn the_index_of_a_removed_last_partition_is_used_again() {
	new_chain().execute_with(|| {
		register(&alice());
		activate_until(&alice(), &[1], now() + 100);
		let key = key_of(&alice(), 1);
		keep_until_end(1);
		for number in 2.. {
			activate(&alice(), &[number]);
			if key_of(&alice(), number) == key {
				break;
			}
			assert!(number < 9);
		}
		assert_eq!(Partitions::<Test>::get(&key).unwrap().count, 1);
		StorageProvider::check_state().unwrap();
	});
}
