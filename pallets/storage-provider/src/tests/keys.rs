//! Owner, worker and beneficiary.

use super::mock::*;
use crate::{Error, Event, Key, Providers, Role, Workers};
use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::SectorSize;
use sp_runtime::{traits::BadOrigin, AccountId32, DispatchResult};

fn worker() -> AccountId32 {
	account(3)
}

fn propose(role: Role, account: Option<AccountId32>) -> DispatchResult {
	StorageProvider::propose_key(signed(&alice()), role, account)
}

fn confirm(account: &AccountId32, role: Role) -> DispatchResult {
	StorageProvider::confirm_key(signed(account), role, alice())
}

/// Makes the account the worker of the provider that most tests use.
fn employ(account: &AccountId32) {
	assert_ok!(propose(Role::Worker, Some(account.clone())));
	assert_ok!(confirm(account, Role::Worker));
}

#[test]
fn a_worker_signs_from_its_confirmation_on() {
	new_chain().execute_with(|| {
		register(&alice());
		events();
		assert_ok!(propose(Role::Worker, Some(worker())));
		assert_eq!(
			events(),
			[Event::KeyProposed {
				provider: alice(),
				role: Role::Worker,
				account: worker()
			}]
		);
		assert_noop!(
			StorageProvider::set_free_space(signed(&worker()), 1),
			Error::<Test>::NotRegistered
		);
		assert_ok!(confirm(&worker(), Role::Worker));
		assert_eq!(
			events(),
			[Event::KeySet {
				provider: alice(),
				role: Role::Worker,
				account: Some(worker())
			}]
		);
		assert_ok!(StorageProvider::set_free_space(signed(&worker()), 1));
		assert_eq!(
			events(),
			[Event::FreeSpaceSet {
				provider: alice(),
				bytes: 1
			}]
		);
		assert_eq!(StorageProvider::provider_of(worker()), Some(alice()));
		assert_eq!(StorageProvider::provider_of(alice()), Some(alice()));
		assert_eq!(StorageProvider::provider_of(bob()), None);
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn a_worker_does_the_daily_work_with_the_owners_money() {
	new_chain().execute_with(|| {
		register(&alice());
		employ(&worker());
		let before = total(&worker());
		let who = signed(&worker());
		assert_ok!(StorageProvider::pre_commit_sectors(
			who.clone(),
			batch([sealed(1)])
		));
		assert!(deposited(&alice()) > 0);
		await_seed();
		// The replica is the provider's, whoever signs.
		let proofs = crate::Batch::truncate_from(vec![porep(&alice(), 1)]);
		assert_ok!(StorageProvider::prove_commit_sectors(who.clone(), proofs));
		assert!(pledged(&alice()) > 0);
		let key = key_of(&alice(), 1);
		while !window_of(&alice(), 1).is_mutable(now()) {
			run_for(1);
		}
		let (deadline, list) = declaration(&alice(), &[1]);
		assert_ok!(StorageProvider::declare_faults(
			who.clone(),
			deadline,
			list.clone()
		));
		assert_ok!(StorageProvider::declare_recoveries(
			who.clone(),
			deadline,
			list
		));
		run_to_window(&alice(), 1);
		assert_ok!(StorageProvider::submit_window_post(
			who.clone(),
			deadline,
			batch([post(&key)])
		));
		assert_eq!(partition_of(&alice(), 1).last_proof, now());
		let expiration = sector(&alice(), 1).expiration + 1;
		let extension = crate::SectorExtension {
			sector: 1,
			expiration,
		};
		assert_ok!(StorageProvider::extend_sectors(who, batch([extension])));
		assert_eq!((total(&worker()), pledged(&worker())), (before, 0));
		// The owner's key still can do all of it.
		assert_ok!(pre_commit(&alice(), sealed(2)));
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn what_only_the_owner_decides_no_worker_and_no_beneficiary_does() {
	new_chain().execute_with(|| {
		register(&alice());
		employ(&worker());
		let beneficiary = account(4);
		assert_ok!(propose(Role::Beneficiary, Some(beneficiary.clone())));
		assert_ok!(confirm(&beneficiary, Role::Beneficiary));
		activate(&alice(), &[1]);
		for who in [worker(), beneficiary.clone()] {
			let who = signed(&who);
			let refused: [DispatchResult; 6] = [
				StorageProvider::set_addresses(who.clone(), addresses(&["a"])),
				StorageProvider::set_ask(who.clone(), ask(SectorSize::KiB2)),
				StorageProvider::terminate_sectors(who.clone(), batch([1])),
				StorageProvider::deregister(who.clone()),
				StorageProvider::propose_key(who.clone(), Role::Worker, None),
				StorageProvider::propose_key(who.clone(), Role::Beneficiary, Some(bob())),
			];
			for result in refused {
				assert_eq!(result, Err(Error::<Test>::NotRegistered.into()));
			}
		}
		assert_noop!(
			StorageProvider::set_free_space(signed(&beneficiary), 1),
			Error::<Test>::NotRegistered
		);
	});
}

#[test]
fn a_mistyped_key_gets_nothing_and_the_right_one_is_proposed_after_it() {
	new_chain().execute_with(|| {
		register(&alice());
		employ(&worker());
		for (role, working) in [(Role::Worker, worker()), (Role::Beneficiary, bob())] {
			assert_ok!(propose(role, Some(account(77))));
			assert_noop!(confirm(&bob(), role), Error::<Test>::KeyNotProposed);
			// The key before still works.
			assert_ok!(StorageProvider::set_free_space(signed(&working), 1));
			assert_ok!(propose(role, Some(bob())));
			assert_noop!(confirm(&account(77), role), Error::<Test>::KeyNotProposed);
			assert_ok!(confirm(&bob(), role));
			assert_noop!(confirm(&bob(), role), Error::<Test>::KeyNotProposed);
		}
		assert_noop!(
			StorageProvider::set_free_space(signed(&worker()), 1),
			Error::<Test>::NotRegistered
		);
		assert_ok!(StorageProvider::set_free_space(signed(&bob()), 1));
		assert_eq!(Workers::<Test>::iter().count(), 1);
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn the_owner_takes_a_role_back_at_once_with_what_it_proposed() {
	new_chain().execute_with(|| {
		register(&alice());
		for role in [Role::Worker, Role::Beneficiary] {
			assert_ok!(propose(role, Some(worker())));
			assert_ok!(confirm(&worker(), role));
			assert_ok!(propose(role, Some(bob())));
			events();
			assert_ok!(propose(role, None));
			assert_eq!(
				events(),
				[Event::KeySet {
					provider: alice(),
					role,
					account: None
				}]
			);
			assert_noop!(confirm(&bob(), role), Error::<Test>::KeyNotProposed);
		}
		let keys = Providers::<Test>::get(alice()).unwrap().keys;
		assert_eq!(
			(keys.worker, keys.beneficiary),
			(Key::default(), Key::default())
		);
		assert_noop!(
			StorageProvider::set_free_space(signed(&worker()), 1),
			Error::<Test>::NotRegistered
		);
		assert_eq!(Workers::<Test>::iter().count(), 0);
		assert_eq!(StorageProvider::beneficiary(&alice()), alice());
	});
}

#[test]
fn an_account_acts_for_one_provider_only() {
	new_chain().execute_with(|| {
		register(&alice());
		register(&bob());
		for taken in [alice(), bob()] {
			assert_noop!(propose(Role::Worker, Some(taken)), Error::<Test>::KeyInUse);
		}
		// Proposed by both: the second cannot have it, and it cannot become a provider.
		assert_ok!(propose(Role::Worker, Some(worker())));
		assert_ok!(StorageProvider::propose_key(
			signed(&bob()),
			Role::Worker,
			Some(worker())
		));
		assert_ok!(confirm(&worker(), Role::Worker));
		assert_noop!(
			StorageProvider::confirm_key(signed(&worker()), Role::Worker, bob()),
			Error::<Test>::KeyInUse
		);
		assert_noop!(
			propose(Role::Worker, Some(worker())),
			Error::<Test>::KeyInUse
		);
		let register = StorageProvider::register(
			signed(&worker()),
			SectorSize::KiB2,
			addresses(&["a"]),
			ask(SectorSize::KiB2),
			0,
		);
		assert_eq!(register, Err(Error::<Test>::KeyInUse.into()));
		// Once it is free, it can.
		assert_ok!(propose(Role::Worker, None));
		assert_ok!(StorageProvider::confirm_key(
			signed(&worker()),
			Role::Worker,
			bob()
		));
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn who_becomes_a_provider_after_the_proposal_cannot_confirm() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(propose(Role::Worker, Some(bob())));
		register(&bob());
		assert_noop!(confirm(&bob(), Role::Worker), Error::<Test>::KeyInUse);
	});
}

#[test]
fn one_account_can_be_the_beneficiary_of_many_and_anything_else_besides() {
	new_chain().execute_with(|| {
		register(&alice());
		register(&bob());
		assert_eq!(StorageProvider::beneficiary(&alice()), alice());
		assert_ok!(propose(Role::Beneficiary, Some(bob())));
		assert_eq!(StorageProvider::beneficiary(&alice()), alice());
		assert_ok!(confirm(&bob(), Role::Beneficiary));
		assert_eq!(StorageProvider::beneficiary(&alice()), bob());
		assert_eq!(StorageProvider::beneficiary(&bob()), bob());
		// Who is no provider receives for itself.
		assert_eq!(StorageProvider::beneficiary(&worker()), worker());
	});
}

#[test]
fn a_worker_is_free_once_its_provider_has_left() {
	new_chain().execute_with(|| {
		register(&alice());
		employ(&worker());
		assert_ok!(StorageProvider::deregister(signed(&alice())));
		assert_eq!(StorageProvider::provider_of(worker()), None);
		register(&worker());
		assert_noop!(
			StorageProvider::propose_key(signed(&alice()), Role::Worker, None),
			Error::<Test>::NotRegistered
		);
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn keys_change_only_by_signed_calls() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_noop!(
			StorageProvider::propose_key(RuntimeOrigin::none(), Role::Worker, None),
			BadOrigin
		);
		assert_noop!(
			StorageProvider::confirm_key(RuntimeOrigin::root(), Role::Worker, alice()),
			BadOrigin
		);
		assert_noop!(
			StorageProvider::confirm_key(signed(&bob()), Role::Worker, worker()),
			Error::<Test>::NotRegistered
		);
	});
}
