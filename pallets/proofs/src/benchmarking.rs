//! Benchmarks. The proofs are made with keys whose trapdoor is known, which cost exactly what real
//! ones do.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::BoundedVec;
use frame_system::RawOrigin;
use holdfast_primitives::{KeyId, KeyOrigin, ProofBytes, ProofKind, SectorSize};
use holdfast_verifier::{porep, trapdoor::TrapdoorKey, verify_batch, Fr};
use sp_runtime::traits::{BlakeTwo256, Hash};

use crate::{key, Call, Config, Keys, Pallet, StoredKey};

/// The most input points that a key of a call can have.
const MAX_INPUTS: u32 = 400;

const POREP: KeyId = KeyId {
	kind: ProofKind::PoRep,
	sector_size: SectorSize::GiB32,
};
const WINDOW_POST: KeyId = KeyId {
	kind: ProofKind::WindowPoSt,
	sector_size: SectorSize::KiB2,
};

/// Stores a key of any shape, which calls would not.
fn store<T: Config>(id: KeyId, key: &TrapdoorKey) {
	let prepared = holdfast_verifier::PreparedVerifyingKey::from_bytes(&key.verifying_key())
		.expect("a key with a trapdoor is well-formed; qed");
	let stored = StoredKey {
		digest: prepared.digest(),
		origin: KeyOrigin::Ceremony,
		prepared: BoundedVec::truncate_from(prepared.encode()),
	};
	Keys::<T>::insert(id, stored);
}

fn statement() -> porep::Statement {
	porep::Statement {
		sector_bytes: SectorSize::GiB32.bytes(),
		porep_id: SectorSize::GiB32.porep_id(),
		prover_id: [1; 32],
		sector_number: 2,
		comm_d: [3; 32],
		comm_r: [4; 32],
		ticket: [5; 32],
		seed: [6; 32],
	}
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn set_verifying_key(i: Linear<1, MAX_INPUTS>) {
		// The largest key replaces a key as large. Of the inputs only the right number is accepted
		// in the end, so the work is measured, not the call.
		let bytes = TrapdoorKey::new(i as usize, b"benchmark").verifying_key();
		let digest = BlakeTwo256::hash(&bytes).0;
		#[block]
		{
			assert_eq!(BlakeTwo256::hash(&bytes).0, digest);
			let prepared = holdfast_verifier::PreparedVerifyingKey::from_bytes(&bytes)
				.expect("a key with a trapdoor is well-formed; qed");
			let stored = StoredKey {
				digest,
				origin: KeyOrigin::Ceremony,
				prepared: BoundedVec::truncate_from(prepared.encode()),
			};
			Keys::<T>::insert(POREP, stored);
		}
		assert!(Keys::<T>::contains_key(POREP));
	}

	#[benchmark]
	fn remove_verifying_key() {
		let inputs = key::expected_inputs(POREP).expect("32 GiB has parameters; qed");
		store::<T>(POREP, &TrapdoorKey::new(inputs, b"benchmark"));
		#[extrinsic_call]
		_(RawOrigin::Root, POREP);
		assert!(!Keys::<T>::contains_key(POREP));
	}

	#[benchmark]
	fn verify_porep(n: Linear<1, 10>) {
		let inputs = key::expected_inputs(POREP).expect("32 GiB has parameters; qed");
		let trapdoor = TrapdoorKey::new(inputs, b"benchmark");
		store::<T>(POREP, &trapdoor);
		let statement = statement();
		let partition = |number| {
			statement
				.partition_inputs(number)
				.expect("the statement is possible; qed")
		};
		let proofs: Vec<ProofBytes> = (0..n)
			.map(|number| trapdoor.forge(&partition(number), b"proof"))
			.collect();
		let accepted;
		#[block]
		{
			let key = Pallet::<T>::prepared(POREP).expect("it was stored; qed");
			let inputs: Vec<Vec<Fr>> = (0..n).map(partition).collect();
			let batch: Vec<(&[Fr], ProofBytes)> =
				inputs.iter().map(Vec::as_slice).zip(proofs).collect();
			accepted = verify_batch(&key, &batch).is_ok();
		}
		assert!(accepted);
	}

	#[benchmark]
	fn verify_window_post(i: Linear<22, MAX_INPUTS>) {
		let trapdoor = TrapdoorKey::new(i as usize, b"benchmark");
		store::<T>(WINDOW_POST, &trapdoor);
		let sectors = [(1, [4; 32]), (2, [5; 32])];
		let statement = holdfast_verifier::window_post::Statement {
			sector_bytes: SectorSize::KiB2.bytes(),
			randomness: [3; 32],
			sectors: &sectors,
		};
		let fill = || -> Vec<Fr> {
			let inputs = statement
				.public_inputs()
				.expect("the statement is possible; qed");
			inputs
				.concat()
				.into_iter()
				.cycle()
				.take(i as usize)
				.collect()
		};
		let proof = trapdoor.forge(&fill(), b"proof");
		let accepted;
		#[block]
		{
			let key = Pallet::<T>::prepared(WINDOW_POST).expect("it was stored; qed");
			accepted = holdfast_verifier::verify(&key, &fill(), &proof).is_ok();
		}
		assert!(accepted);
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::new_test_ext(),
		crate::tests::mock::Test
	);
}
