//! What transactions cost.

#![allow(clippy::unwrap_used)]

use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo},
	weights::WeightToFee as _,
};
use holdfast_primitives::policy::HOLD;
use holdfast_runtime::{
	constants::{block, currency},
	money::WeightToFee,
	system::RuntimeBlockWeights,
	*,
};

#[test]
fn a_full_block_costs_what_the_constants_say_by_either_resource() {
	let full = block::MAXIMUM_WEIGHT;
	assert_eq!(WeightToFee::weight_to_fee(&full), currency::FULL_BLOCK_FEE);
	assert_eq!(
		WeightToFee::weight_to_fee(&full.set_proof_size(0)),
		currency::FULL_BLOCK_FEE
	);
	assert_eq!(
		WeightToFee::weight_to_fee(&full.set_ref_time(0)),
		currency::FULL_BLOCK_FEE
	);
}

#[test]
fn fees_do_not_overflow() {
	let most = frame_support::weights::Weight::MAX;
	assert!(WeightToFee::weight_to_fee(&most) > currency::FULL_BLOCK_FEE);
}

#[test]
fn a_transfer_costs_less_than_a_hundredth() {
	let call = RuntimeCall::Balances(pallet_balances::Call::transfer_keep_alive {
		dest: sp_keyring::Sr25519Keyring::Bob.to_account_id().into(),
		value: HOLD,
	});
	assert!(WeightToFee::weight_to_fee(&call.get_dispatch_info().call_weight) < HOLD / 100);
}

#[test]
fn proving_a_sector_costs_less_than_a_tenth() {
	let proof = pallet_storage_provider::ProveCommitSector {
		sector: 1,
		proofs: vec![[0; 192]].try_into().unwrap(),
	};
	let call = RuntimeCall::StorageProvider(pallet_storage_provider::Call::prove_commit_sectors {
		proofs: vec![proof].try_into().unwrap(),
	});
	let info = call.get_dispatch_info();
	assert!(
		WeightToFee::weight_to_fee(&info.call_weight) < HOLD / 10,
		"{info:?}"
	);
}

fn prove_commit(sectors: u64, proofs: usize) -> RuntimeCall {
	let sectors = (0..sectors)
		.map(|sector| pallet_storage_provider::ProveCommitSector {
			sector,
			proofs: vec![[0; 192]; proofs].try_into().unwrap(),
		})
		.collect::<Vec<_>>();
	RuntimeCall::StorageProvider(pallet_storage_provider::Call::prove_commit_sectors {
		proofs: sectors.try_into().unwrap(),
	})
}

#[test]
fn the_calls_that_the_daemon_sends_fit_a_block_even_if_their_last_proof_is_bad() {
	let most = RuntimeBlockWeights::get()
		.get(DispatchClass::Normal)
		.max_extrinsic
		.unwrap();
	for (sectors, proofs) in [(16, 1), (8, 10)] {
		let weight = prove_commit(sectors, proofs)
			.get_dispatch_info()
			.call_weight;
		assert!(weight.all_lte(most), "{sectors}: {weight:?} of {most:?}");
	}
}

#[test]
fn proofs_have_room_when_ordinary_transactions_fill_the_block() {
	// As many as a call can have.
	let submissions = (0..16)
		.map(|partition| pallet_storage_provider::PostSubmission {
			partition,
			skipped: Default::default(),
			proof: [0; 192],
		})
		.collect::<Vec<_>>();
	let call = RuntimeCall::StorageProvider(pallet_storage_provider::Call::submit_window_post {
		deadline: 0,
		submissions: submissions.try_into().unwrap(),
	});
	let info = call.get_dispatch_info();
	assert_eq!(info.class, DispatchClass::Operational);
	let weights = RuntimeBlockWeights::get();
	let reserved = weights.get(DispatchClass::Operational).reserved.unwrap();
	assert!(
		info.call_weight.all_lte(reserved),
		"{:?} {reserved:?}",
		info.call_weight
	);
}
