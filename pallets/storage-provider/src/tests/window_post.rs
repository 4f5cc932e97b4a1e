//! Window PoSt: when it is due, what it speaks of, and what it refuses.

use super::mock::*;
use crate::{Call, Error, Event, PostSubmission, PreCommitSector};
use frame_support::{
	assert_noop, assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo, Pays},
};
use holdfast_primitives::SectorSize;

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
				recovered: 0
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
		assert_noop!(submit(&key), Error::<Test>::DeadlineNotOpen);
		run_to(first.open);
		assert_ok!(submit(&key));
		assert_noop!(submit(&key), Error::<Test>::AlreadyProven);
		run_to(first.close);
		assert_noop!(submit(&key), Error::<Test>::DeadlineNotOpen);
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
			proof: [0; 192],
		};
		let submit = |who, deadline, submissions| {
			StorageProvider::submit_window_post(signed(&who), deadline, submissions)
		};
		assert_noop!(submit(alice(), 0, batch([])), Error::<Test>::EmptyBatch);
		assert_noop!(
			submit(alice(), 0, batch([proof.clone()])),
			Error::<Test>::NotRegistered
		);
		register(&alice());
		assert_noop!(
			submit(alice(), 3, batch([proof.clone()])),
			Error::<Test>::NoSuchDeadline
		);
		run_to(window(&alice(), 1).open);
		assert_noop!(
			submit(alice(), 1, batch([proof])),
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
		let replay = StorageProvider::submit_window_post(signed(&alice()), key.1, batch([old]));
		assert_eq!(replay.unwrap_err().error, BAD_PROOF);
		let mut flipped = post(&key);
		flipped.proof[5] ^= 1;
		assert_noop!(
			StorageProvider::submit_window_post(signed(&alice()), key.1, batch([flipped])),
			BAD_PROOF
		);
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
		assert_noop!(
			submit(&key_of(&alice(), 1)),
			Error::<Test>::RandomnessUnavailable
		);
	});
}

#[test]
fn partitions_of_a_call_are_accepted_together_or_not_at_all() {
	new_chain().execute_with(|| {
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
		let proofs = [0, 1].map(|index| post(&(alice(), deadline, index)));
		let mut swapped = proofs.clone();
		(swapped[0].partition, swapped[1].partition) = (1, 0);
		let submit = |submissions| {
			StorageProvider::submit_window_post(signed(&alice()), deadline, submissions)
		};
		assert_noop!(submit(batch(swapped)), BAD_PROOF);
		assert_noop!(
			submit(batch([proofs[0].clone(), proofs[0].clone()])),
			Error::<Test>::AlreadyProven
		);
		assert_ok!(submit(batch(proofs)));
		let due = StorageProvider::due_partitions(alice(), deadline);
		assert_eq!(due.len() as u32, load.partitions);
		assert!(due[..2].iter().all(|partition| partition.proven));
		assert!(due[2..].iter().all(|partition| !partition.proven));
	});
}

#[test]
fn a_partition_with_only_faults_needs_no_proof() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		run_past_window(&alice(), 1);
		run_to_window(&alice(), 1);
		assert_noop!(submit(&key_of(&alice(), 1)), Error::<Test>::NothingToProve);
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
