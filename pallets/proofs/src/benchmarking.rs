//! Benchmarks. The proofs are made with keys whose trapdoor is known, which cost exactly what real
//! ones do.

use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::BoundedVec;
use frame_system::RawOrigin;
use holdfast_primitives::{KeyId, KeyOrigin, ProofBytes, ProofKind, SectorSize};
use holdfast_verifier::{porep, trapdoor::TrapdoorKey, verify_batch, Fr};
use sp_runtime::traits::{BlakeTwo256, Hash};

use crate::{key, verification::VERSION, Call, Config, Keys, Pallet, ProofError, StoredKey};

/// The most input points that a key of a call can have.
const MAX_INPUTS: u32 = 400;

/// The most sectors or partitions of a call.
const MAX_BATCH: u32 = 16;

/// The small sizes have one circuit; so have the large ones.
const SMALL: SectorSize = SectorSize::MiB512;
const LARGE: SectorSize = SectorSize::GiB64;

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
	Keys::<T>::insert(id, VERSION, stored);
}

/// What proofs of sectors of this size speak of; each of another sector.
fn make_statements(size: SectorSize, count: u32) -> Vec<porep::Statement> {
	(0..u64::from(count))
		.map(|number| porep::Statement {
			sector_bytes: size.bytes(),
			porep_id: size.porep_id(),
			prover_id: [1; 32],
			sector_number: number,
			comm_d: [3; 32],
			comm_r: [4; 32],
			ticket: [5; 32],
			seed: [6; 32],
		})
		.collect()
}

/// A key for sectors of this size and proofs of the statements under it; the last is bad if asked.
fn forge_poreps<T: Config>(
	size: SectorSize,
	statements: &[porep::Statement],
	last_is_bad: bool,
) -> Vec<Vec<ProofBytes>> {
	let id = KeyId {
		kind: ProofKind::PoRep,
		sector_size: size,
	};
	let inputs = key::expected_inputs(id).expect("every size has parameters; qed");
	let trapdoor = TrapdoorKey::new(inputs, b"benchmark");
	store::<T>(id, &trapdoor);
	let mut proofs: Vec<Vec<ProofBytes>> = statements
		.iter()
		.map(|statement| {
			let inputs = statement
				.public_inputs()
				.expect("the statement is possible; qed");
			inputs
				.iter()
				.map(|inputs| trapdoor.forge(inputs, b"proof"))
				.collect()
		})
		.collect();
	if last_is_bad {
		// A proof of something else: well-formed, so that it is found out at the very end.
		let other = trapdoor.forge(&[], b"other");
		if let Some(last) = proofs.last_mut().and_then(|proofs| proofs.last_mut()) {
			*last = other;
		}
	}
	proofs
}

fn check_poreps<T: Config>(
	size: SectorSize,
	statements: Vec<porep::Statement>,
	proofs: &[Vec<ProofBytes>],
) -> Vec<Result<(), ProofError>> {
	let sectors: Vec<_> = statements
		.into_iter()
		.zip(proofs.iter().map(Vec::as_slice))
		.collect();
	Pallet::<T>::verify_poreps(size, &sectors).results
}

/// The results that are expected of `count` items whose last is bad if asked.
fn expected_results(count: u32, last_is_bad: bool) -> Vec<Result<(), ProofError>> {
	let mut results = vec![Ok(()); count as usize];
	if let Some(last) = results.last_mut().filter(|_| last_is_bad) {
		*last = Err(ProofError::ProofRejected);
	}
	results
}

/// A key with `i` inputs and proofs of `n` partitions under it; the last is bad if asked.
fn forge_window_posts<T: Config>(n: u32, i: u32, last_is_bad: bool) -> Vec<ProofBytes> {
	let trapdoor = TrapdoorKey::new(i as usize, b"benchmark");
	store::<T>(WINDOW_POST, &trapdoor);
	let mut proofs: Vec<_> = (0..u64::from(n))
		.map(|number| trapdoor.forge(&window_post_inputs(number, i), b"proof"))
		.collect();
	if let Some(last) = proofs.last_mut().filter(|_| last_is_bad) {
		*last = trapdoor.forge(&[], b"other");
	}
	proofs
}

/// The inputs of partitions of two sectors, one after the other, as many as there are to be. Of a size with many
/// leaves, so that they are long and different: points of equal inputs are added before they are multiplied.
fn window_post_inputs(number: u64, i: u32) -> Vec<Fr> {
	let sector = |number: u64| {
		let mut comm_r = [4; 32];
		comm_r[..8].copy_from_slice(&number.to_le_bytes());
		(number, comm_r)
	};
	(0u64..)
		.flat_map(|partition| {
			let first = 2 * (u64::from(MAX_BATCH) * partition + number);
			let sectors = [sector(first), sector(first + 1)];
			let statement = holdfast_verifier::window_post::Statement {
				sector_bytes: SMALL.bytes(),
				randomness: [3; 32],
				sectors: &sectors,
			};
			let inputs = statement
				.public_inputs()
				.expect("the statement is possible; qed");
			inputs.concat()
		})
		.take(i as usize)
		.collect()
}

/// What verifying window PoSts does, for keys of any number of inputs. Returns how many hold.
fn check_window_posts<T: Config>(n: u32, i: u32, proofs: &[ProofBytes]) -> usize {
	let key = Pallet::<T>::prepared(WINDOW_POST).expect("it was stored; qed");
	let make = |numbers: core::ops::Range<u64>| -> Vec<Vec<Fr>> {
		numbers
			.map(|number| window_post_inputs(number, i))
			.collect()
	};
	let inputs = make(0..n.into());
	let batch: Vec<(&[Fr], ProofBytes)> = inputs
		.iter()
		.map(Vec::as_slice)
		.zip(proofs.iter().copied())
		.collect();
	if verify_batch(&key, &batch).is_ok() {
		return proofs.len();
	}
	if n == 1 {
		return 0;
	}
	(0u64..)
		.zip(proofs)
		.filter(|(number, proof)| {
			let inputs = make(*number..number + 1);
			inputs
				.iter()
				.all(|inputs| holdfast_verifier::verify(&key, inputs, proof).is_ok())
		})
		.count()
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
			Keys::<T>::insert(POREP, VERSION, stored);
		}
		assert!(Keys::<T>::contains_key(POREP, VERSION));
	}

	#[benchmark]
	fn remove_verifying_key() {
		let inputs = key::expected_inputs(POREP).expect("32 GiB has parameters; qed");
		store::<T>(POREP, &TrapdoorKey::new(inputs, b"benchmark"));
		#[extrinsic_call]
		_(RawOrigin::Root, POREP, VERSION);
		assert!(!Keys::<T>::contains_key(POREP, VERSION));
	}

	#[benchmark]
	fn verify_poreps(n: Linear<1, MAX_BATCH>) {
		let statements = make_statements(SMALL, n);
		let proofs = forge_poreps::<T>(SMALL, &statements, false);
		let results;
		#[block]
		{
			results = check_poreps::<T>(SMALL, statements, &proofs);
		}
		assert_eq!(results, expected_results(n, false));
	}

	#[benchmark]
	fn reject_poreps(n: Linear<1, MAX_BATCH>) {
		let statements = make_statements(SMALL, n);
		let proofs = forge_poreps::<T>(SMALL, &statements, true);
		let results;
		#[block]
		{
			results = check_poreps::<T>(SMALL, statements, &proofs);
		}
		assert_eq!(results, expected_results(n, true));
	}

	#[benchmark]
	fn verify_large_poreps(n: Linear<1, MAX_BATCH>) {
		let statements = make_statements(LARGE, n);
		let proofs = forge_poreps::<T>(LARGE, &statements, false);
		let results;
		#[block]
		{
			results = check_poreps::<T>(LARGE, statements, &proofs);
		}
		assert_eq!(results, expected_results(n, false));
	}

	#[benchmark]
	fn reject_large_poreps(n: Linear<1, MAX_BATCH>) {
		let statements = make_statements(LARGE, n);
		let proofs = forge_poreps::<T>(LARGE, &statements, true);
		let results;
		#[block]
		{
			results = check_poreps::<T>(LARGE, statements, &proofs);
		}
		assert_eq!(results, expected_results(n, true));
	}

	#[benchmark]
	fn verify_window_posts(n: Linear<1, MAX_BATCH>, i: Linear<22, MAX_INPUTS>) {
		let proofs = forge_window_posts::<T>(n, i, false);
		let accepted;
		#[block]
		{
			accepted = check_window_posts::<T>(n, i, &proofs);
		}
		assert_eq!(accepted, n as usize);
	}

	#[benchmark]
	fn reject_window_posts(n: Linear<1, MAX_BATCH>, i: Linear<22, MAX_INPUTS>) {
		let proofs = forge_window_posts::<T>(n, i, true);
		let accepted;
		#[block]
		{
			accepted = check_window_posts::<T>(n, i, &proofs);
		}
		assert_eq!(accepted, n as usize - 1);
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::new_test_ext(),
		crate::tests::mock::Test
	);
}
