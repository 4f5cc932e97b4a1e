//! Window PoSt: when it is due, what it speaks of, and what it refuses.

use super::mock::*;
use crate::{monies, Call, Error, Event, PostSubmission, PreCommitSector};
use frame_support::{
	assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo, Pays},
	weights::Weight,
};
use holdfast_primitives::{Policy, SectorSize};

#[test]
fn a_valid_proof_is_free_operational_and_noted() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let window = run_to_window(&alice(), 1);
		let key = key_of(&alice(), 1);
		let call = Call::<Test>::submit_window_post {
			deadline: key.1,
			submissions: batch([post(&key)]),
		};
		assert_eq!(call.get_dispatch_info().class, DispatchClass::Operational);
		events();
		let paid =
			StorageProvider::submit_window_post(signed(&alice()), key.1, batch([post(&key)]))
				.unwrap();
		assert_eq!(paid.pays_fee, Pays::No);
		assert_eq!(partition_of(&alice(), 1).last_proof, now());
		assert_eq!(
			events(),
			[Event::WindowPoStAccepted {
				provider: alice(),
				deadline: key.1,
				partition: key.2,
				recovered: 0,
				new_faults: 0,
				failed_recoveries: 0,
			}]
		);
		run_to(window.close);
		assert_eq!(events(), []);
	});
}

#[test]
fn a_proof_is_accepted_in_the_first_and_the_last_block_of_its_window_only() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let key = key_of(&alice(), 1);
		let first = window_of(&alice(), 1);
		run_to(first.open - 1);
		assert_refused!(submit(&key), Error::<Test>::DeadlineNotOpen);
		run_to(first.open);
		assert_ok!(submit(&key));
		assert_refused!(submit(&key), Error::<Test>::AlreadyProven);
		run_to(first.close);
		assert_refused!(submit(&key), Error::<Test>::DeadlineNotOpen);
		let second = window_of(&alice(), 1);
		assert_eq!(second.open, first.open + 60);
		run_to(second.close - 1);
		assert_ok!(submit(&key));
		run_for(1);
		assert!(partition_of(&alice(), 1).faults.is_empty());
	});
}

#[test]
fn what_does_not_exist_cannot_be_proven() {
	new_chain().execute_with(|| {
		let proof = PostSubmission {
			partition: 0,
			skipped: Default::default(),
			proof: [0; 192],
		};
		assert_refused!(submit_each(&alice(), 0, &[]), Error::<Test>::NotRegistered);
		assert_refused!(
			submit_post(&alice(), 0, proof.clone()),
			Error::<Test>::NotRegistered
		);
		register(&alice());
		assert_refused!(
			submit_post(&alice(), 3, proof.clone()),
			Error::<Test>::NoSuchDeadline
		);
		run_to(window(&alice(), 1).open);
		assert_refused!(
			submit_post(&alice(), 1, proof),
			Error::<Test>::NoSuchPartition
		);
	});
}

#[test]
fn a_proof_is_of_one_window_and_one_provider() {
	new_chain().execute_with(|| {
		register(&alice());
		register(&bob());
		activate(&alice(), &[1]);
		run_to_window(&alice(), 1);
		let key = key_of(&alice(), 1);
		let old = post(&key);
		assert_ok!(submit(&key));
		run_past_window(&alice(), 1);
		run_to_window(&alice(), 1);
		assert_refused!(submit_post(&alice(), key.1, old), BAD_PROOF);
		let mut flipped = post(&key);
		flipped.proof[5] ^= 1;
		assert_refused!(submit_post(&alice(), key.1, flipped), BAD_PROOF);
		assert_ok!(submit(&key));
	});
}

#[test]
fn the_challenge_must_be_known() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let window = run_to_window(&alice(), 1);
		Forgotten::insert(window.challenge, ());
		assert_refused!(
			submit(&key_of(&alice(), 1)),
			Error::<Test>::RandomnessUnavailable
		);
	});
}

/// Twelve sectors; the deadline with the most partitions, and how many it has, when it is open.
fn open_deadline() -> (u32, u32) {
	register(&alice());
	activate(&alice(), &(0..12).collect::<Vec<_>>());
	let (deadline, load) = StorageProvider::provider(alice())
		.unwrap()
		.deadlines
		.into_iter()
		.enumerate()
		.max_by_key(|(_, load)| load.partitions)
		.map(|(index, load)| (index as u32, load))
		.unwrap();
	assert!(load.partitions >= 2);
	run_to(window(&alice(), deadline).open);
	(deadline, load.partitions)
}

#[test]
fn partitions_of_one_call_are_proven_together() {
	new_chain().execute_with(|| {
		let (deadline, count) = open_deadline();
		let proofs: Vec<_> = (0..count)
			.map(|index| post(&(alice(), deadline, index)))
			.collect();
		let paid = StorageProvider::submit_window_post(
			signed(&alice()),
			deadline,
			proofs.try_into().unwrap(),
		)
		.unwrap();
		assert_eq!(paid.pays_fee, Pays::No);
		let due = StorageProvider::due_partitions(alice(), deadline);
		assert_eq!(due.len() as u32, count);
		assert!(due.iter().all(|partition| partition.proven));
		run_past_window_of(deadline);
		assert!(events().iter().all(
			|event| !matches!(event, Event::PartitionFaulty { deadline: found, .. } if *found == deadline)
		));
	});
}

fn run_past_window_of(deadline: u32) {
	events();
	run_to(window(&alice(), deadline).close);
}

#[test]
fn a_bad_proof_of_a_call_fails_alone_and_makes_the_call_pay() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let [first, second] = [0, 1].map(|index| post(&(alice(), deadline, index)));
		let mut bad = first.clone();
		bad.proof[7] ^= 1;
		let before = partition_of_key(deadline, 0);
		events();
		let paid = StorageProvider::submit_window_post(
			signed(&alice()),
			deadline,
			batch([bad, second.clone()]),
		)
		.unwrap();
		assert_eq!(paid.pays_fee, Pays::Yes);
		assert_eq!(
			events(),
			[
				Event::WindowPoStRefused {
					provider: alice(),
					deadline,
					partition: 0,
					error: stored(BAD_PROOF),
				},
				Event::WindowPoStAccepted {
					provider: alice(),
					deadline,
					partition: 1,
					recovered: 0,
					new_faults: 0,
					failed_recoveries: 0,
				}
			]
		);
		assert_eq!(partition_of_key(deadline, 0), before);
		// The good one of the bad one's partition is accepted afterwards; the other is there already.
		assert_eq!(
			submit_each(&alice(), deadline, &[first, second]),
			Ok(vec![Ok(()), Err(stored(Error::<Test>::AlreadyProven))])
		);
	});
}

fn partition_of_key(deadline: u32, index: u32) -> crate::Partition {
	crate::Partitions::<Test>::get((alice(), deadline, index)).unwrap()
}

#[test]
fn swapped_proofs_of_a_call_are_both_refused() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let mut proofs = [0, 1].map(|index| post(&(alice(), deadline, index)));
		(proofs[0].partition, proofs[1].partition) = (1, 0);
		assert_eq!(
			submit_each(&alice(), deadline, &proofs),
			Ok(vec![Err(stored(BAD_PROOF)); 2])
		);
	});
}

#[test]
fn a_partition_counts_once_in_a_call() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let proof = post(&(alice(), deadline, 0));
		let paid = StorageProvider::submit_window_post(
			signed(&alice()),
			deadline,
			batch([proof.clone(), proof.clone()]),
		)
		.unwrap();
		assert_eq!(paid.pays_fee, Pays::Yes);
		assert!(matches!(
			&events()[..],
			[
				..,
				Event::WindowPoStAccepted { partition: 0, .. },
				Event::WindowPoStRefused {
					partition: 0,
					error,
					..
				}
			] if *error == stored(Error::<Test>::DuplicatePartition)
		));
		// Not even when the first of them is bad.
		let mut bad = post(&(alice(), deadline, 1));
		let good = bad.clone();
		bad.proof[0] ^= 1;
		assert_eq!(
			submit_each(&alice(), deadline, &[bad, good]),
			Ok(vec![
				Err(stored(BAD_PROOF)),
				Err(stored(Error::<Test>::DuplicatePartition))
			])
		);
	});
}

#[test]
fn what_does_not_exist_does_not_spoil_what_does() {
	new_chain().execute_with(|| {
		let (deadline, count) = open_deadline();
		let mut unknown = post(&(alice(), deadline, 0));
		unknown.partition = count;
		assert_eq!(
			submit_each(
				&alice(),
				deadline,
				&[unknown, post(&(alice(), deadline, 0))]
			),
			Ok(vec![Err(stored(Error::<Test>::NoSuchPartition)), Ok(())])
		);
	});
}

#[test]
fn the_weight_of_looking_for_bad_proofs_is_given_back_if_there_is_none() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let submit = |proofs: crate::Batch<PostSubmission>| {
			let call = Call::<Test>::submit_window_post {
				deadline,
				submissions: proofs.clone(),
			};
			let charged = call.get_dispatch_info().call_weight;
			let paid =
				StorageProvider::submit_window_post(signed(&alice()), deadline, proofs).unwrap();
			charged - paid.actual_weight.unwrap()
		};
		let [good, mut bad] = [0, 1].map(|index| post(&(alice(), deadline, index)));
		bad.proof[0] ^= 1;
		assert_eq!(submit(batch([good, bad.clone()])), Weight::zero());
		bad.proof[0] ^= 1;
		assert_eq!(submit(batch([bad.clone()])), ONE_BY_ONE);
		// Nothing was verified of what is refused unseen.
		assert_eq!(submit(batch([bad])), TOGETHER + ONE_BY_ONE);
	});
}

#[test]
fn a_skipped_sector_is_faulty_at_once_and_the_others_are_proven() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let key = (alice(), deadline, 0);
		let pledge = pledged(&alice());
		let earlier = partition_of_key(deadline, 0).last_proof;
		let sectors = crate::PartitionSectors::<Test>::get(&key);
		events();
		assert_ok!(submit_post(&alice(), deadline, post_without(&key, &[1])));
		assert_eq!(
			events(),
			[Event::WindowPoStAccepted {
				provider: alice(),
				deadline,
				partition: 0,
				recovered: 0,
				new_faults: 1,
				failed_recoveries: 0,
			}]
		);
		let partition = partition_of_key(deadline, 0);
		assert_eq!(partition.faulty(), positions(&[1]));
		assert_eq!(partition.fault_since(1), Some(earlier));
		assert_eq!(partition.last_proof, now());
		let health = |sector: u64| {
			StorageProvider::sector_health(&alice(), sector, 0, u32::MAX)
				.unwrap()
				.healthy_blocks
		};
		assert!(health(sectors[0]) > 0);
		assert_eq!(health(sectors[1]), 0);
		// It costs the fee of a faulty sector when the window closes, and in every further one.
		run_past_window_of(deadline);
		let fee = monies::fault_fee(&Policy::devnet(), SectorSize::KiB2, 1);
		let charged = Event::FaultFeeCharged {
			provider: alice(),
			deadline,
			partition: 0,
			fee,
			burned: fee,
		};
		assert!(events().contains(&charged));
		assert!(pledged(&alice()) < pledge);
		// It recovers like any other fault.
		let number = sectors[1];
		assert_ok!(declare_recoveries(&alice(), &[number]));
		run_to(window(&alice(), deadline).open);
		events();
		assert_ok!(submit(&key));
		assert!(matches!(
			events()[..],
			[Event::WindowPoStAccepted { recovered: 1, .. }]
		));
		assert!(partition_of_key(deadline, 0).faulty().is_empty());
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn a_skipped_recovery_has_failed() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let key = (alice(), deadline, 0);
		let number = crate::PartitionSectors::<Test>::get(&key)[0];
		assert_ok!(submit_post(&alice(), deadline, post_without(&key, &[0])));
		run_past_window_of(deadline);
		assert_ok!(declare_recoveries(&alice(), &[number]));
		run_to(window(&alice(), deadline).open);
		events();
		assert_ok!(submit_post(&alice(), deadline, post_without(&key, &[0])));
		assert!(matches!(
			events()[..],
			[Event::WindowPoStAccepted {
				recovered: 0,
				new_faults: 0,
				failed_recoveries: 1,
				..
			}]
		));
		let partition = partition_of_key(deadline, 0);
		assert!(partition.recovering.is_empty());
		assert_eq!(partition.faulty(), positions(&[0]));
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn only_sectors_that_are_due_can_be_skipped_and_not_all_of_them() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let key = (alice(), deadline, 0);
		for beyond in [2, crate::MAX_POSITIONS - 1] {
			let mut skipping = post(&key);
			skipping.skipped = positions(&[0, beyond]);
			assert_refused!(
				submit_post(&alice(), deadline, skipping),
				Error::<Test>::SkippedNotDue
			);
		}
		assert_refused!(
			submit_post(&alice(), deadline, post_without(&key, &[0, 1])),
			Error::<Test>::NothingToProve
		);
		// What the proof speaks of is what is not skipped.
		let mut silent = post_without(&key, &[0]);
		silent.skipped = Default::default();
		assert_refused!(submit_post(&alice(), deadline, silent), BAD_PROOF);
		let mut denying = post(&key);
		denying.skipped = positions(&[0]);
		assert_refused!(submit_post(&alice(), deadline, denying), BAD_PROOF);
		// A faulty sector is not due, so skipping it again overlaps with what is known.
		assert_ok!(submit_post(&alice(), deadline, post_without(&key, &[0])));
		run_past_window_of(deadline);
		run_to(window(&alice(), deadline).open);
		let mut again = post(&key);
		again.skipped = positions(&[0]);
		assert_refused!(
			submit_post(&alice(), deadline, again),
			Error::<Test>::SkippedNotDue
		);
	});
}

#[test]
fn a_refused_proof_skips_nothing() {
	new_chain().execute_with(|| {
		let (deadline, _) = open_deadline();
		let key = (alice(), deadline, 0);
		let mut bad = post_without(&key, &[1]);
		bad.proof[3] ^= 1;
		assert_refused!(submit_post(&alice(), deadline, bad), BAD_PROOF);
		assert!(partition_of_key(deadline, 0).faults.is_empty());
	});
}

#[test]
fn a_partition_with_only_faults_needs_no_proof() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_past_window(&alice(), 1);
		run_to_window(&alice(), 1);
		assert_refused!(submit(&key_of(&alice(), 1)), Error::<Test>::NothingToProve);
		let key = key_of(&alice(), 1);
		assert!(StorageProvider::due_partitions(alice(), key.1)[0]
			.sectors
			.is_empty());
		assert_eq!(StorageProvider::faulty_sectors(key.0, key.1, key.2), [1]);
	});
}

#[test]
fn sectors_are_proven_in_the_order_of_their_numbers() {
	// The stand-in for the verifier asserts the order as well.
	new_chain().execute_with(|| {
		for donor in [2, 3, 4] {
			assert_ok!(Balances::transfer_allow_death(
				signed(&account(donor)),
				alice(),
				FUNDS - EXISTENTIAL_DEPOSIT
			));
		}
		register_with(&alice(), SectorSize::MiB512);
		for number in [9, 2] {
			assert_ok!(pre_commit(
				&alice(),
				PreCommitSector {
					sector: number,
					..sealed(1)
				}
			));
		}
		await_seed();
		let mut deadlines = vec![];
		for number in [9, 2] {
			assert_ok!(prove(&alice(), &[porep(&alice(), number)]));
			deadlines.push(sector(&alice(), number).deadline);
		}
		// More sectors until one deadline has two in one partition.
		activate(&alice(), &[8, 1, 7]);
		let key = key_of(&alice(), 7);
		let due = StorageProvider::due_partitions(alice(), key.1);
		assert!(due.iter().all(|partition| partition.sectors.is_sorted()));
		run_to_window(&alice(), 7);
		assert_ok!(submit(&key));
	});
}

/// How many bytes of state a validator must be given to check one partition's proof.
fn state_touched(sectors: u64) -> usize {
	let mut chain = new_chain();
	chain.execute_with(|| {
		register(&alice());
		activate(&alice(), &(0..sectors).collect::<Vec<_>>());
		run_to_window(&alice(), 0);
		// A real block begins without events.
		System::reset_events();
	});
	chain.commit_all().unwrap();
	let (submitted, proof) = chain.execute_and_prove(|| submit(&key_of(&alice(), 0)));
	assert_ok!(submitted);
	proof.iter_nodes().map(|node| node.len()).sum()
}

#[test]
fn a_proof_costs_the_same_however_much_the_provider_stores() {
	// Only the paths to the same items grow, with the logarithm of the state.
	let (little, much) = (state_touched(8), state_touched(160));
	assert!(much < 2 * little, "{little} bytes became {much}");
}

#[test]
fn a_proof_does_not_hide_that_the_window_before_was_missed() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let missed = window_of(&alice(), 1);
		run_to(missed.close - 1);
		// No block has time for the agenda until the next window opens.
		System::set_block_number(missed.open + Policy::devnet().proving_period);
		let key = key_of(&alice(), 1);
		assert_refused!(submit(&key), Error::<Test>::PartitionUnsettled);
		run_for(1);
		let fault = &partition_of(&alice(), 1).faults[0];
		assert_eq!((fault.since, fault.found), (0, missed.close - 1));
		assert_refused!(submit(&key), Error::<Test>::NothingToProve);
	});
}

#[test]
fn a_proof_does_not_hide_missed_windows_when_the_agenda_is_more_than_a_period_behind() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let missed = window_of(&alice(), 1);
		let key = key_of(&alice(), 1);
		run_to(missed.close - 1);
		System::set_block_number(missed.open + 2 * Policy::devnet().proving_period);
		assert_refused!(submit(&key), Error::<Test>::PartitionUnsettled);
		run_for(2);
		let fault = &partition_of(&alice(), 1).faults[0];
		assert_eq!((fault.since, fault.found), (0, missed.close - 1));
		assert_refused!(submit(&key), Error::<Test>::NothingToProve);
	});
}
