//! Proofs of replication: what they bind, and what a proven sector gets.

use super::mock::*;
use crate::{
	monies, Error, Event, PreCommitSector, PreCommits, ProveCommitSector, SectorDeals, Sectors,
};
use codec::{Decode, Encode};
use frame_support::{
	assert_noop, assert_ok,
	dispatch::{GetDispatchInfo, Pays},
};
use holdfast_primitives::{Policy, SectorNumber, SectorSize};
use sp_runtime::DispatchError;

fn with_deals(sector: SectorNumber, list: &[u64]) -> PreCommitSector {
	PreCommitSector {
		deals: SectorDeals::truncate_from(list.to_vec()),
		..sealed(sector)
	}
}

#[test]
fn a_proven_sector_is_active_with_its_deals() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 512, 100);
		publish(2, &alice(), 512, 100);
		assert_ok!(pre_commit(&alice(), with_deals(7, &[1, 2])));
		let stored = PreCommits::<Test>::get(alice(), 7).unwrap();
		await_seed();
		events();
		assert_ok!(prove(&alice(), &[porep(&alice(), 7)]));

		let sector = sector(&alice(), 7);
		assert_eq!(
			(sector.comm_r, sector.comm_d),
			(stored.comm_r, stored.comm_d)
		);
		assert_eq!(
			(sector.activated, sector.expiration),
			(now(), stored.expiration)
		);
		assert_eq!((sector.deals_left, sector.ended), (2, None));
		let pledge = monies::pledge(&Policy::devnet(), SectorSize::KiB2).unwrap();
		assert_eq!(
			(sector.pledge, pledged(&alice()), deposited(&alice())),
			(pledge, pledge, 0)
		);
		assert_eq!(Deals::get(1).unwrap().sector, Some(7));
		assert_eq!(Deals::get(2).unwrap().sector, Some(7));
		assert!(!PreCommits::<Test>::contains_key(alice(), 7));
		let info = StorageProvider::provider(alice()).unwrap();
		assert_eq!((info.live_sectors, info.pre_commits), (1, 0));
		assert_eq!(
			events(),
			[Event::SectorProven {
				provider: alice(),
				sector: 7,
				deadline: sector.deadline,
				partition: 0
			}]
		);
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn the_seed_must_be_of_a_past_block() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		run_for(Policy::devnet().pre_commit_challenge_delay);
		assert_noop!(
			prove(&alice(), &[porep(&alice(), 1)]),
			Error::<Test>::TooEarlyToProve
		);
		run_for(1);
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
	});
}

#[test]
fn randomness_that_is_not_known_proves_nothing() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		await_seed();
		for block in [9, 18] {
			Forgotten::insert(block, ());
			assert_noop!(
				prove(&alice(), &[porep(&alice(), 1)]),
				Error::<Test>::RandomnessUnavailable
			);
			Forgotten::remove(block);
		}
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
	});
}

#[test]
fn only_what_was_pre_committed_can_be_proven() {
	new_chain().execute_with(|| {
		register(&alice());
		let proof = ProveCommitSector {
			sector: 1,
			proofs: Default::default(),
		};
		assert_noop!(prove(&alice(), &[]), Error::<Test>::EmptyBatch);
		assert_noop!(
			prove(&alice(), &[proof.clone()]),
			Error::<Test>::NoSuchPreCommit
		);
		assert_noop!(
			prove(&bob(), &[proof.clone()]),
			Error::<Test>::NotRegistered
		);
		assert_ok!(pre_commit(&alice(), sealed(1)));
		await_seed();
		assert_noop!(prove(&alice(), &[proof]), Error::<Test>::WrongProofCount);
	});
}

#[test]
fn an_old_pre_commit_is_refused_even_before_the_agenda_reaches_it() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		System::set_block_number(now() + Policy::devnet().pre_commit_lifetime + 1);
		assert_noop!(
			prove(&alice(), &[porep(&alice(), 1)]),
			Error::<Test>::PreCommitTooOld
		);
	});
}

#[test]
fn a_sector_whose_time_has_passed_is_refused() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(
			&alice(),
			PreCommitSector {
				expiration: now() + 60,
				..sealed(1)
			}
		));
		run_for(60);
		assert_noop!(
			prove(&alice(), &[porep(&alice(), 1)]),
			Error::<Test>::SectorLifetimeOver
		);
	});
}

#[test]
fn a_proof_is_of_one_provider_and_one_sector() {
	new_chain().execute_with(|| {
		register(&alice());
		register(&bob());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		assert_ok!(pre_commit(
			&alice(),
			PreCommitSector {
				sector: 2,
				..sealed(1)
			}
		));
		assert_ok!(pre_commit(&bob(), sealed(1)));
		await_seed();
		let proof = porep(&alice(), 1);
		assert_noop!(prove(&bob(), &[proof.clone()]), BAD_PROOF);
		assert_noop!(
			prove(
				&alice(),
				&[ProveCommitSector {
					sector: 2,
					..proof.clone()
				}]
			),
			BAD_PROOF
		);
		assert_ok!(prove(&alice(), &[proof]));
	});
}

#[test]
fn a_large_sector_needs_ten_proofs() {
	new_chain().execute_with(|| {
		register_with(&alice(), SectorSize::GiB32);
		assert_ok!(pre_commit(&alice(), sealed(1)));
		await_seed();
		let proof = porep(&alice(), 1);
		assert_eq!(proof.proofs.len(), 10);
		let mut short = proof.clone();
		short.proofs.pop();
		assert_noop!(prove(&alice(), &[short]), Error::<Test>::WrongProofCount);
		// 32 GiB need a pledge of 3,200.
		assert_noop!(
			prove(&alice(), &[proof.clone()]),
			Error::<Test>::InsufficientPledge
		);
		for donor in [2, 3, 4] {
			assert_ok!(Balances::transfer_allow_death(
				signed(&account(donor)),
				alice(),
				FUNDS - EXISTENTIAL_DEPOSIT
			));
		}
		assert_ok!(prove(&alice(), &[proof]));
	});
}

#[test]
fn a_failing_sector_leaves_nothing_behind_and_the_others_succeed() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 512, 100);
		// Both sectors hold deal 1: the second cannot be activated.
		assert_ok!(pre_commit(&alice(), with_deals(1, &[1])));
		assert_ok!(pre_commit(&alice(), with_deals(2, &[1])));
		assert_ok!(pre_commit(&alice(), sealed(3)));
		await_seed();
		let mut invalid = porep(&alice(), 3);
		invalid.proofs[0][0] ^= 1;
		let proofs = [
			porep(&alice(), 1),
			porep(&alice(), 2),
			invalid,
			porep(&alice(), 1),
		];
		events();
		assert_ok!(prove(&alice(), &proofs));
		let refused = |sector, error: DispatchError| Event::ProofRefused {
			provider: alice(),
			sector,
			// Events are stored without messages.
			error: DispatchError::decode(&mut &error.encode()[..]).unwrap(),
		};
		let seen = events();
		assert!(matches!(seen[0], Event::SectorProven { sector: 1, .. }));
		assert_eq!(
			seen[1..],
			[
				refused(2, DEAL_TAKEN),
				refused(3, BAD_PROOF),
				refused(1, Error::<Test>::NoSuchPreCommit.into()),
			]
		);
		StorageProvider::check_state().unwrap();
		assert!(PreCommits::<Test>::contains_key(alice(), 2));
		assert!(!Sectors::<Test>::contains_key(alice(), 2));
		assert_eq!(deposited(&alice()), 2 * Policy::devnet().pre_commit_deposit);
		// If none succeeds the call fails.
		assert_noop!(prove(&alice(), &[porep(&alice(), 2)]), DEAL_TAKEN);
	});
}

#[test]
fn a_pledge_that_cannot_be_paid_refuses_the_sector() {
	new_chain().execute_with(|| {
		let poor = account(4);
		register(&poor);
		assert_ok!(pre_commit(&poor, sealed(1)));
		await_seed();
		let pledge = monies::pledge(&Policy::devnet(), SectorSize::KiB2).unwrap();
		let deposit = Policy::devnet().pre_commit_deposit;
		assert!(pledge < deposit);
		// The deposit, once released, would pay the pledge: take that into account.
		assert_ok!(Balances::transfer_allow_death(
			signed(&poor),
			bob(),
			FUNDS - deposit - EXISTENTIAL_DEPOSIT
		));
		assert_ok!(prove(&poor, &[porep(&poor, 1)]));

		let rich = account(3);
		register_with(&rich, SectorSize::GiB32);
		assert_ok!(pre_commit(&rich, sealed(1)));
		await_seed();
		assert_noop!(
			prove(&rich, &[porep(&rich, 1)]),
			Error::<Test>::InsufficientPledge
		);
	});
}

#[test]
fn sectors_spread_over_the_deadlines_that_can_change() {
	new_chain().execute_with(|| {
		register(&alice());
		let numbers: Vec<_> = (0..12).collect();
		activate(&alice(), &numbers);
		let info = StorageProvider::provider(alice()).unwrap();
		let mut mutable = 0;
		for window in StorageProvider::windows(alice()) {
			let load = info.deadlines[window.deadline as usize];
			if window.is_mutable(now()) {
				mutable += 1;
				assert_eq!(load.partitions, load.live_sectors.div_ceil(2));
			} else {
				assert_eq!(load.live_sectors, 0);
			}
		}
		assert!(mutable >= 2);
		assert_eq!(
			info.deadlines
				.iter()
				.map(|load| load.live_sectors)
				.sum::<u32>(),
			12
		);
		assert!(info
			.deadlines
			.iter()
			.all(|load| load.live_sectors <= 12 / mutable));
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn the_first_sector_joins_the_deadline_that_opens_soonest() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let soonest = StorageProvider::windows(alice())
			.into_iter()
			.filter(|window| window.is_mutable(now()))
			.min_by_key(|window| window.open)
			.unwrap();
		assert_eq!(sector(&alice(), 1).deadline, soonest.deadline);
	});
}

#[test]
fn while_every_challenge_is_known_no_sector_is_added() {
	new_chain_with(Policy {
		deadlines: 2,
		..Policy::devnet()
	})
	.execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		await_seed();
		let mutable = || {
			StorageProvider::windows(alice())
				.iter()
				.any(|window| window.is_mutable(now()))
		};
		while mutable() {
			run_for(1);
		}
		assert_noop!(
			prove(&alice(), &[porep(&alice(), 1)]),
			Error::<Test>::NoMutableDeadline
		);
		while !mutable() {
			run_for(1);
		}
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
	});
}

#[test]
fn the_weight_of_deals_that_are_not_there_is_given_back() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		await_seed();
		let call = crate::Call::<Test>::prove_commit_sectors {
			proofs: batch([porep(&alice(), 1)]),
		};
		let charged = call.get_dispatch_info();
		let paid =
			StorageProvider::prove_commit_sectors(signed(&alice()), batch([porep(&alice(), 1)]))
				.unwrap();
		assert_eq!((charged.pays_fee, paid.pays_fee), (Pays::Yes, Pays::Yes));
		assert!(paid.actual_weight.unwrap().all_lt(charged.call_weight));
	});
}
