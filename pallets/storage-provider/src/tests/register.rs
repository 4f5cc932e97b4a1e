//! Registration, and what a provider says about itself.

use super::mock::*;
use crate::{Ask, Error, Event, Providers};
use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::{Policy, SectorSize};

#[test]
fn a_provider_registers_once() {
	new_chain().execute_with(|| {
		events();
		register_with(&alice(), SectorSize::MiB8);
		let info = Providers::<Test>::get(alice()).unwrap();
		assert_eq!(info.sector_size, SectorSize::MiB8);
		assert_eq!(info.addresses, addresses(&["http://127.0.0.1:7000"]));
		assert_eq!(info.ask, ask(SectorSize::MiB8));
		assert_eq!(info.free_space, 1 << 40);
		assert_eq!(info.deadlines.len(), 3);
		assert!(info.period_offset < 60);
		assert_eq!(
			StorageProvider::sector_size(&alice()),
			Some(SectorSize::MiB8)
		);
		assert_eq!(
			events(),
			[Event::ProviderRegistered {
				provider: alice(),
				sector_size: SectorSize::MiB8
			}]
		);
		assert_noop!(
			StorageProvider::register(
				signed(&alice()),
				SectorSize::KiB2,
				addresses(&["x"]),
				ask(SectorSize::KiB2),
				0
			),
			Error::<Test>::AlreadyRegistered
		);
	});
}

#[test]
fn providers_periods_begin_at_different_blocks() {
	new_chain().execute_with(|| {
		let offsets: std::collections::BTreeSet<_> = (1..=4)
			.map(|number| {
				register(&account(number));
				Providers::<Test>::get(account(number))
					.unwrap()
					.period_offset
			})
			.collect();
		assert!(offsets.len() > 1);
	});
}

#[test]
fn addresses_must_be_readable() {
	new_chain().execute_with(|| {
		for bad in [
			&[][..],
			&[""],
			&["http://a", ""],
			&["a b"],
			&["\u{e4}"],
			&["a\n"],
		] {
			assert_noop!(
				StorageProvider::register(
					signed(&alice()),
					SectorSize::KiB2,
					addresses(bad),
					ask(SectorSize::KiB2),
					0
				),
				Error::<Test>::InvalidAddress
			);
		}
		register(&alice());
		assert_noop!(
			StorageProvider::set_addresses(signed(&alice()), addresses(&[])),
			Error::<Test>::InvalidAddress
		);
	});
}

#[test]
fn an_ask_must_fit_the_sector() {
	new_chain().execute_with(|| {
		let base = ask(SectorSize::KiB2);
		let bad = [
			Ask {
				max_piece_bytes: 4096,
				..base
			},
			Ask {
				min_piece_bytes: 1024,
				max_piece_bytes: 512,
				..base
			},
		];
		for ask in bad {
			assert_noop!(
				StorageProvider::register(
					signed(&alice()),
					SectorSize::KiB2,
					addresses(&["x"]),
					ask,
					0
				),
				Error::<Test>::InvalidAsk
			);
		}
		register(&alice());
		for ask in bad {
			assert_noop!(
				StorageProvider::set_ask(signed(&alice()), ask),
				Error::<Test>::InvalidAsk
			);
		}
	});
}

#[test]
fn a_provider_changes_what_it_says() {
	new_chain().execute_with(|| {
		register(&alice());
		events();
		let ask = Ask {
			accepting: false,
			price_per_gib_block: 9,
			..ask(SectorSize::KiB2)
		};
		assert_ok!(StorageProvider::set_addresses(
			signed(&alice()),
			addresses(&["a", "b"])
		));
		assert_ok!(StorageProvider::set_ask(signed(&alice()), ask));
		assert_ok!(StorageProvider::set_free_space(signed(&alice()), 7));
		let info = StorageProvider::provider(alice()).unwrap();
		assert_eq!(info.addresses, addresses(&["a", "b"]));
		assert_eq!((info.ask, info.free_space), (ask, 7));
		assert_eq!(
			events(),
			[
				Event::AddressesSet { provider: alice() },
				Event::AskSet {
					provider: alice(),
					ask
				},
				Event::FreeSpaceSet {
					provider: alice(),
					bytes: 7
				},
			]
		);
	});
}

#[test]
fn only_providers_change_their_record() {
	new_chain().execute_with(|| {
		assert_noop!(
			StorageProvider::set_addresses(signed(&bob()), addresses(&["a"])),
			Error::<Test>::NotRegistered
		);
		assert_noop!(
			StorageProvider::set_ask(signed(&bob()), ask(SectorSize::KiB2)),
			Error::<Test>::NotRegistered
		);
		assert_noop!(
			StorageProvider::set_free_space(signed(&bob()), 1),
			Error::<Test>::NotRegistered
		);
		assert_eq!(StorageProvider::sector_size(&bob()), None);
		assert!(StorageProvider::windows(bob()).is_empty());
		assert!(StorageProvider::due_partitions(bob(), 0).is_empty());
	});
}

#[test]
#[should_panic(expected = "a period has 2 to 48 deadlines")]
fn a_policy_that_cannot_work_stops_the_genesis() {
	new_chain_with(Policy {
		deadlines: 1,
		..Policy::devnet()
	});
}

#[test]
fn the_production_policy_is_the_default() {
	assert_eq!(
		crate::GenesisConfig::<Test>::default().policy,
		Policy::production()
	);
	new_chain_with(Policy::production()).execute_with(|| {
		assert_eq!(StorageProvider::policy(), Policy::production());
		register(&alice());
		assert_eq!(StorageProvider::windows(alice()).len(), 48);
	});
}

#[test]
fn a_provider_leaves_when_everything_has_ended() {
	new_chain().execute_with(|| {
		let leave = || StorageProvider::deregister(signed(&alice()));
		assert_noop!(leave(), Error::<Test>::NotRegistered);
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		assert_noop!(leave(), Error::<Test>::StillStoring);
		await_seed();
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		assert_noop!(leave(), Error::<Test>::StillStoring);
		while !window_of(&alice(), 1).is_mutable(now()) {
			run_for(1);
		}
		assert_ok!(StorageProvider::terminate_sectors(
			signed(&alice()),
			batch([1])
		));
		events();
		assert_ok!(leave());
		assert_eq!(
			events(),
			[Event::ProviderDeregistered { provider: alice() }]
		);
		assert_eq!((pledged(&alice()), deposited(&alice())), (0, 0));
		run_for(130);
		// And comes back.
		register(&alice());
		activate(&alice(), &[1]);
	});
}
