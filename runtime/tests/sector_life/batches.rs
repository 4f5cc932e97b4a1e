//! Many proofs in one call, through the real verifier.

use super::*;
use frame_support::dispatch::{GetDispatchInfo, Pays};
use pallet_storage_provider::{Event, Positions};
use sp_runtime::DispatchError;

const COUNT: u8 = 9;

fn sealed(sector: SectorNumber) -> PreCommitSector {
	PreCommitSector {
		sector,
		comm_r: COMM_R,
		ticket_block: System::block_number() - 1,
		expiration: System::block_number() + 1_000,
		deals: Default::default(),
	}
}

/// What became of each sector or partition of this block's calls, in order.
fn results() -> Vec<Result<(), DispatchError>> {
	events()
		.into_iter()
		.filter_map(|event| match event {
			RuntimeEvent::StorageProvider(
				Event::SectorProven { .. } | Event::WindowPoStAccepted { .. },
			) => Some(Ok(())),
			RuntimeEvent::StorageProvider(
				Event::ProofRefused { error, .. } | Event::WindowPoStRefused { error, .. },
			) => Some(Err(error)),
			_ => None,
		})
		.collect()
}

fn rejected() -> DispatchError {
	pallet_proofs::Error::<Runtime>::ProofRejected.into()
}

/// Pre-commits sectors and returns the proof of each when it can be proven.
fn ready(keys: &Keys) -> Vec<ProveCommitSector> {
	run_to(20);
	register(provider());
	assert_ok!(StorageProvider::pre_commit_sectors(
		RuntimeOrigin::signed(provider()),
		(0..COUNT.into())
			.map(sealed)
			.collect::<Vec<_>>()
			.try_into()
			.unwrap(),
	));
	run_to(System::block_number() + policy().pre_commit_challenge_delay + 1);
	(0..COUNT.into())
		.map(|sector| ProveCommitSector {
			sector,
			proofs: vec![keys.prove_replica(&provider(), sector)]
				.try_into()
				.unwrap(),
		})
		.collect()
}

/// Proves sectors in one call. Returns what was charged for it and what it cost.
fn prove_all(proofs: Vec<ProveCommitSector>) -> (Weight, Weight) {
	let proofs: pallet_storage_provider::Batch<_> = proofs.try_into().unwrap();
	let call = pallet_storage_provider::Call::<Runtime>::prove_commit_sectors {
		proofs: proofs.clone(),
	};
	let info =
		StorageProvider::prove_commit_sectors(RuntimeOrigin::signed(provider()), proofs).unwrap();
	(
		call.get_dispatch_info().call_weight,
		info.actual_weight.unwrap(),
	)
}

#[test]
fn a_stolen_proof_in_a_batch_fails_alone_and_is_paid_for() {
	development().execute_with(|| {
		let keys = Keys::install();
		let mut proofs = ready(&keys);
		let good = proofs.clone();
		// The last is bad: everything before was verified twice.
		let last = proofs.len() - 1;
		proofs[last].proofs = proofs[0].proofs.clone();
		let (charged, cost) = prove_all(proofs);
		let mut expected = vec![Ok(()); usize::from(COUNT)];
		expected[last] = Err(rejected());
		assert_eq!(results(), expected);
		assert!(charged.all_gte(cost));
		next_block();
		let (charged_alone, cost_alone) = prove_all(vec![good[last].clone()]);
		assert_eq!(results(), [Ok(())]);
		assert!(charged_alone.all_gte(cost_alone));
		assert!(cost_alone.ref_time() < cost.ref_time());
	});
}

#[test]
fn a_good_batch_gives_back_what_looking_for_bad_proofs_would_have_cost() {
	development().execute_with(|| {
		let keys = Keys::install();
		let proofs = ready(&keys);
		let (charged, cost) = prove_all(proofs);
		assert_eq!(results(), vec![Ok(()); usize::from(COUNT)]);
		let count = u32::from(COUNT);
		let searching = Proofs::poreps_weight(count, count)
			- <<Runtime as pallet_proofs::Config>::WeightInfo as pallet_proofs::WeightInfo>::verify_poreps(count);
		assert!((charged - cost).all_gte(searching));
	});
}

#[test]
fn partitions_are_proven_in_one_call_without_their_damaged_sectors() {
	development().execute_with(|| {
		let keys = Keys::install();
		let proofs = ready(&keys);
		prove_all(proofs);
		let info = StorageProvider::provider(provider()).unwrap();
		let (deadline, load) = (0..)
			.zip(info.deadlines)
			.max_by_key(|(_, load)| load.partitions)
			.unwrap();
		assert!(load.partitions > 1);
		let window = window(&provider(), deadline);
		run_to(window.open);
		let due = StorageProvider::due_partitions(provider(), deadline);
		let skipped = |positions: &[u32]| {
			let mut set = Positions::default();
			for position in positions {
				set.insert(*position);
			}
			set
		};
		let submission = |index: usize, positions: &[u32]| {
			let sectors: Vec<_> = (0u32..)
				.zip(&due[index].sectors)
				.filter(|(position, _)| !positions.contains(position))
				.map(|(_, number)| (*number, COMM_R))
				.collect();
			PostSubmission {
				partition: due[index].partition,
				skipped: skipped(positions),
				proof: keys.prove_partition(&provider(), &window, &sectors),
			}
		};
		let mut lying = submission(1, &[]);
		lying.skipped = skipped(&[0]);
		let batch = vec![submission(0, &[1]), lying];
		let info = StorageProvider::submit_window_post(
			RuntimeOrigin::signed(provider()),
			deadline,
			batch.try_into().unwrap(),
		)
		.unwrap();
		assert_eq!(info.pays_fee, Pays::Yes);
		assert_eq!(results(), [Ok(()), Err(rejected())]);
		assert_eq!(
			StorageProvider::faulty_sectors(provider(), deadline, due[0].partition),
			[due[0].sectors[1]]
		);
		next_block();
		let info = StorageProvider::submit_window_post(
			RuntimeOrigin::signed(provider()),
			deadline,
			vec![submission(1, &[])].try_into().unwrap(),
		)
		.unwrap();
		assert_eq!((info.pays_fee, results()), (Pays::No, vec![Ok(())]));
	});
}
