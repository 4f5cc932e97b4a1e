//! Proofs of replication: what they bind, and what a proven sector gets.

use super::mock::*;
use crate::{
	monies, Error, Event, PreCommitSector, PreCommits, ProveCommitSector, SectorDeals, Sectors,
	WeightInfo,
};
use frame_support::{
	assert_ok,
	dispatch::{GetDispatchInfo, Pays},
	weights::Weight,
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
		assert_refused!(
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
			assert_refused!(
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
		assert_refused!(prove(&alice(), &[]), Error::<Test>::EmptyBatch);
		assert_refused!(
			prove(&alice(), &[proof.clone()]),
			Error::<Test>::NoSuchPreCommit
		);
		assert_refused!(
			prove(&bob(), &[proof.clone()]),
			Error::<Test>::NotRegistered
		);
		assert_ok!(pre_commit(&alice(), sealed(1)));
		await_seed();
		assert_refused!(prove(&alice(), &[proof]), Error::<Test>::WrongProofCount);
	});
}

#[test]
fn an_old_pre_commit_is_refused_even_before_the_agenda_reaches_it() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		System::set_block_number(now() + Policy::devnet().pre_commit_lifetime + 1);
		assert_refused!(
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
		assert_refused!(
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
		assert_refused!(prove(&bob(), &[proof.clone()]), BAD_PROOF);
		assert_refused!(
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
		assert_refused!(prove(&alice(), &[short]), Error::<Test>::WrongProofCount);
		// 32 GiB need a pledge of 3,200.
		assert_refused!(
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

fn refused(sector: SectorNumber, error: impl Into<DispatchError>) -> Event<Test> {
	Event::ProofRefused {
		provider: alice(),
		sector,
		error: stored(error),
	}
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
		assert_eq!(
			prove_each(&alice(), &proofs),
			Ok(vec![
				Ok(()),
				Err(stored(DEAL_TAKEN)),
				Err(stored(BAD_PROOF)),
				Err(stored(Error::<Test>::DuplicateSector)),
			])
		);
		let seen = events();
		assert!(matches!(seen[0], Event::SectorProven { sector: 1, .. }));
		assert_eq!(
			seen[1..],
			[
				refused(2, DEAL_TAKEN),
				refused(3, BAD_PROOF),
				refused(1, Error::<Test>::DuplicateSector),
			]
		);
		StorageProvider::check_state().unwrap();
		assert!(PreCommits::<Test>::contains_key(alice(), 2));
		assert!(!Sectors::<Test>::contains_key(alice(), 2));
		assert_eq!(deposited(&alice()), 2 * Policy::devnet().pre_commit_deposit);
		// Also alone, and nothing but an event comes of it.
		assert_refused!(prove(&alice(), &[porep(&alice(), 2)]), DEAL_TAKEN);
	});
}

#[test]
fn every_sector_of_a_call_has_its_own_reason() {
	new_chain_with(Policy {
		pre_commit_lifetime: 100,
		..Policy::devnet()
	})
	.execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(
			&alice(),
			PreCommitSector {
				expiration: now() + 60,
				..sealed(1)
			}
		));
		run_for(60);
		assert_ok!(pre_commit(&alice(), sealed(2)));
		assert_ok!(pre_commit(&alice(), sealed(3)));
		assert_ok!(pre_commit(&alice(), sealed(4)));
		await_seed();
		assert_ok!(pre_commit(&alice(), sealed(5)));
		assert_ok!(pre_commit(&alice(), sealed(6)));
		let ticket = now() - 1;
		let mut long = porep(&alice(), 2);
		long.proofs.try_push([0; 192]).unwrap();
		let unknown = ProveCommitSector {
			sector: 99,
			..porep(&alice(), 2)
		};
		let mut bad = porep(&alice(), 3);
		bad.proofs[0][191] ^= 1;
		let proofs = [
			porep(&alice(), 1),
			long,
			unknown,
			bad,
			porep(&alice(), 5),
			porep(&alice(), 4),
		];
		events();
		assert_ok!(prove_each(&alice(), &proofs));
		let seen = events();
		assert_eq!(
			seen[..5],
			[
				refused(1, Error::<Test>::SectorLifetimeOver),
				refused(2, Error::<Test>::WrongProofCount),
				refused(99, Error::<Test>::NoSuchPreCommit),
				refused(3, BAD_PROOF),
				refused(5, Error::<Test>::TooEarlyToProve),
			]
		);
		assert!(matches!(seen[5], Event::SectorProven { sector: 4, .. }));
		await_seed();
		Forgotten::insert(ticket, ());
		assert_eq!(
			prove_each(&alice(), &[porep(&alice(), 5)]),
			Ok(vec![Err(stored(Error::<Test>::RandomnessUnavailable))])
		);
		System::set_block_number(now() + 100);
		assert_eq!(
			prove_each(&alice(), &[porep(&alice(), 2), porep(&alice(), 6)]),
			Ok(vec![Err(stored(Error::<Test>::PreCommitTooOld)); 2])
		);
	});
}

#[test]
fn a_bad_proof_at_any_place_of_a_full_call_fails_alone() {
	let count = u64::from(crate::MAX_BATCH);
	for bad in [0, count / 2, count - 1] {
		new_chain().execute_with(|| {
			register(&alice());
			for number in 0..count {
				assert_ok!(pre_commit(&alice(), sealed(number)));
			}
			await_seed();
			let mut proofs: Vec<_> = (0..count).map(|number| porep(&alice(), number)).collect();
			// The proof of another sector.
			proofs[bad as usize].proofs = porep(&alice(), (bad + 1) % count).proofs;
			let results = prove_each(&alice(), &proofs).unwrap();
			for (number, result) in (0..).zip(results) {
				let expected = if number == bad {
					Err(stored(BAD_PROOF))
				} else {
					Ok(())
				};
				assert_eq!(result, expected);
				assert_eq!(
					Sectors::<Test>::contains_key(alice(), number),
					number != bad
				);
			}
			run_for(1);
			assert_ok!(prove(&alice(), &[porep(&alice(), bad)]));
			run_for(1);
		});
	}
}

#[test]
fn a_pledge_that_lasts_for_some_sectors_only_proves_those() {
	new_chain().execute_with(|| {
		let policy = Policy::devnet();
		let pledge = monies::pledge(&policy, SectorSize::MiB512).unwrap();
		let poor = account(4);
		register_with(&poor, SectorSize::MiB512);
		for number in [1, 2] {
			assert_ok!(pre_commit(&poor, sealed(number)));
		}
		await_seed();
		// With the first deposit released there is enough for one pledge and no more.
		let keep = pledge + EXISTENTIAL_DEPOSIT;
		let spend = Balances::free_balance(&poor) - keep;
		assert_ok!(Balances::transfer_allow_death(signed(&poor), bob(), spend));
		assert_eq!(
			prove_each(&poor, &[porep(&poor, 1), porep(&poor, 2)]),
			Ok(vec![Ok(()), Err(stored(Error::<Test>::InsufficientPledge))])
		);
		assert_eq!(pledged(&poor), pledge);
		assert_eq!(deposited(&poor), policy.pre_commit_deposit);
		StorageProvider::check_state().unwrap();
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
		assert_refused!(
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
		assert_refused!(
			prove(&alice(), &[porep(&alice(), 1)]),
			Error::<Test>::NoMutableDeadline
		);
		while !mutable() {
			run_for(1);
		}
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
	});
}

/// What a call gives back of what is charged for it.
fn given_back(proofs: &[ProveCommitSector]) -> Weight {
	let proofs: crate::Batch<_> = proofs.to_vec().try_into().unwrap();
	let call = crate::Call::<Test>::prove_commit_sectors {
		proofs: proofs.clone(),
	};
	let charged = call.get_dispatch_info();
	let paid = StorageProvider::prove_commit_sectors(signed(&alice()), proofs).unwrap();
	assert_eq!((charged.pays_fee, paid.pays_fee), (Pays::Yes, Pays::Yes));
	charged.call_weight - paid.actual_weight.unwrap()
}

#[test]
fn the_weight_of_what_was_not_needed_is_given_back() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 512, 100);
		assert_ok!(pre_commit(&alice(), with_deals(1, &[1])));
		assert_ok!(pre_commit(&alice(), sealed(2)));
		assert_ok!(pre_commit(&alice(), sealed(3)));
		await_seed();
		let deals = |count| {
			let base = <() as WeightInfo>::prove_commit_sectors(1, 0);
			<() as WeightInfo>::prove_commit_sectors(1, count) - base
		};
		let unused = deals(crate::MAX_SECTOR_DEALS);
		// All is well: no bad proof was looked for.
		let proof = porep(&alice(), 1);
		assert_eq!(given_back(&[proof.clone()]), ONE_BY_ONE + unused - deals(1));
		// Nothing is verified of what is refused unseen.
		assert_eq!(given_back(&[proof]), TOGETHER + ONE_BY_ONE + unused);
		// A bad proof pays for being looked for.
		let mut bad = porep(&alice(), 3);
		bad.proofs[0][0] ^= 1;
		assert_eq!(given_back(&[porep(&alice(), 2), bad]), unused + unused);
	});
}

#[test]
fn a_call_that_looks_at_no_sector_costs_little() {
	new_chain().execute_with(|| {
		let proof = ProveCommitSector {
			sector: 1,
			proofs: Default::default(),
		};
		let error = StorageProvider::prove_commit_sectors(signed(&bob()), batch([proof]));
		let paid = error.unwrap_err().post_info.actual_weight.unwrap();
		assert_eq!(paid, <() as WeightInfo>::prove_commit_sectors(0, 0));
	});
}
