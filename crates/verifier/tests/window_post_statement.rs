//! Public inputs of window PoSts, against those of storage-proofs-post.
#![allow(clippy::unwrap_used)]

mod common;

use filecoin_hashers::Hasher;
use filecoin_proofs::{with_shape, DefaultTreeHasher, MerkleTreeTrait};
use holdfast_verifier::{
	encoding::field_bytes,
	error::Commitment,
	parameters::{self, Parameters},
	trapdoor::TrapdoorKey,
	window_post::{self, Statement},
	PreparedVerifyingKey, StatementError, VerifyError,
};
use rand_chacha::{rand_core::RngCore, ChaCha8Rng};
use storage_proofs_core::{api_version::ApiVersion, compound_proof::CompoundProof};
use storage_proofs_post::fallback::{
	FallbackPoStCompound, PublicInputs, PublicParams, PublicSector,
};

type Domain = <DefaultTreeHasher as Hasher>::Domain;

fn domain(bytes: &[u8; 32]) -> Domain {
	blstrs::Scalar::from_bytes_le(bytes).unwrap().into()
}

fn random_sectors(rng: &mut ChaCha8Rng, count: usize) -> Vec<(u64, [u8; 32])> {
	let mut number = rng.next_u64() >> 32;
	(0..count)
		.map(|_| {
			number += 1 + u64::from(rng.next_u32() % 1000);
			(number, common::field_bytes(rng))
		})
		.collect()
}

fn oracle<Tree: 'static + MerkleTreeTrait<Hasher = DefaultTreeHasher>>(
	statement: &Statement<'_>,
	sectors_per_partition: usize,
) -> Vec<[u8; 32]> {
	let parameters = PublicParams {
		sector_size: statement.sector_bytes,
		challenge_count: 10,
		sector_count: sectors_per_partition,
		api_version: ApiVersion::V1_2_0,
	};
	let inputs = PublicInputs {
		randomness: domain(&statement.randomness),
		prover_id: domain(&[1; 32]),
		sectors: statement
			.sectors
			.iter()
			.map(|(number, comm_r)| PublicSector {
				id: (*number).into(),
				comm_r: domain(comm_r),
			})
			.collect(),
		k: None,
	};
	FallbackPoStCompound::<Tree>::generate_public_inputs(&inputs, &parameters, None)
		.unwrap()
		.iter()
		.map(blstrs::Scalar::to_bytes_le)
		.collect()
}

fn assert_equal_to_oracle(rng: &mut ChaCha8Rng, size: Parameters, count: usize) {
	let sectors = random_sectors(rng, count);
	let statement = Statement {
		sector_bytes: size.sector_bytes,
		randomness: common::field_bytes(rng),
		sectors: &sectors,
	};
	let ours = statement.public_inputs().unwrap();
	assert_eq!(ours.len(), 1);
	assert_eq!(ours[0].len(), size.window_post_inputs());
	let ours: Vec<[u8; 32]> = ours[0].iter().map(field_bytes).collect();
	let theirs = with_shape!(
		size.sector_bytes,
		oracle,
		&statement,
		size.window_post_sectors,
	);
	assert!(
		ours == theirs,
		"{} bytes, {count} sectors",
		size.sector_bytes
	);
}

#[test]
fn public_inputs_equal_filecoins_for_every_size_and_fill() {
	let mut rng = common::rng(1);
	for size in parameters::ALL {
		let limit = size.window_post_sectors;
		for count in [1, 2, limit / 2, limit - 1, limit] {
			assert_equal_to_oracle(&mut rng, size, count.max(1));
		}
	}
}

#[test]
fn the_sector_list_must_be_ascending_and_fit() {
	let comm = [1; 32];
	let error = |sectors: &[(u64, [u8; 32])]| {
		Statement {
			sector_bytes: 8 << 20,
			randomness: [1; 32],
			sectors,
		}
		.public_inputs()
		.unwrap_err()
	};
	assert_eq!(error(&[]), StatementError::NoSectors);
	assert_eq!(
		error(&[(2, comm), (1, comm)]),
		StatementError::SectorsNotAscending
	);
	assert_eq!(
		error(&[(1, comm), (1, comm)]),
		StatementError::SectorsNotAscending
	);
	assert_eq!(
		error(&[(1, comm), (2, comm), (3, comm)]),
		StatementError::TooManySectors { limit: 2, found: 3 }
	);
	assert_eq!(
		error(&[(1, [0; 32])]),
		StatementError::Zero(Commitment::CommR)
	);
	assert_eq!(
		error(&[(1, [0xff; 32])]),
		StatementError::NotCanonical(Commitment::CommR)
	);
}

#[test]
fn randomness_that_is_not_canonical_and_unknown_sizes_are_refused() {
	let sectors = [(1, [1; 32])];
	let statement = Statement {
		sector_bytes: 8 << 20,
		randomness: [0xff; 32],
		sectors: &sectors,
	};
	assert_eq!(
		statement.public_inputs(),
		Err(StatementError::NotCanonical(Commitment::Randomness))
	);
	let statement = Statement {
		sector_bytes: 1,
		randomness: [1; 32],
		sectors: &sectors,
	};
	assert_eq!(
		statement.public_inputs(),
		Err(StatementError::UnknownSectorSize(1))
	);
}

#[test]
fn proofs_verify_for_their_randomness_sectors_and_order_only() {
	let key = TrapdoorKey::new(22, b"8 MiB");
	let prepared = PreparedVerifyingKey::from_bytes(&key.verifying_key()).unwrap();
	let sectors = random_sectors(&mut common::rng(4), 2);
	let statement = Statement {
		sector_bytes: 8 << 20,
		randomness: [2; 32],
		sectors: &sectors,
	};
	let proof = key.forge(&statement.public_inputs().unwrap()[0], b"proof");
	assert_eq!(window_post::verify(&prepared, &statement, &proof), Ok(()));

	let renumbered = [
		(sectors[0].0, sectors[0].1),
		(sectors[1].0 + 1, sectors[1].1),
	];
	let recommitted = [(sectors[0].0, sectors[1].1), (sectors[1].0, sectors[0].1)];
	for changed in [
		Statement {
			randomness: [3; 32],
			..statement
		},
		Statement {
			sectors: &sectors[..1],
			..statement
		},
		Statement {
			sectors: &sectors[1..],
			..statement
		},
		Statement {
			sectors: &renumbered,
			..statement
		},
		Statement {
			sectors: &recommitted,
			..statement
		},
		Statement {
			sector_bytes: 512 << 20,
			..statement
		},
	] {
		assert_eq!(
			window_post::verify(&prepared, &changed, &proof),
			Err(VerifyError::Unsatisfied)
		);
	}
}

#[test]
fn a_key_of_another_shape_is_refused() {
	let key =
		PreparedVerifyingKey::from_bytes(&TrapdoorKey::new(39, b"k").verifying_key()).unwrap();
	let sectors = [(1, [1; 32])];
	let statement = Statement {
		sector_bytes: 8 << 20,
		randomness: [1; 32],
		sectors: &sectors,
	};
	assert_eq!(
		window_post::verify(&key, &statement, &[0; 192]),
		Err(VerifyError::InputCount {
			expected: 39,
			found: 22
		})
	);
}

#[test]
fn partitions_verify_together_exactly_if_each_does() {
	let key = TrapdoorKey::new(22, b"8 MiB");
	let prepared = PreparedVerifyingKey::from_bytes(&key.verifying_key()).unwrap();
	let mut rng = common::rng(5);
	let partitions: Vec<_> = (0..3).map(|_| random_sectors(&mut rng, 2)).collect();
	let batch: Vec<(Statement<'_>, [u8; 192])> = partitions
		.iter()
		.map(|sectors| {
			let statement = Statement {
				sector_bytes: 8 << 20,
				randomness: [2; 32],
				sectors,
			};
			(
				statement,
				key.forge(&statement.public_inputs().unwrap()[0], b"proof"),
			)
		})
		.collect();
	assert_eq!(window_post::verify_batch(&prepared, &batch), Ok(()));
	assert_eq!(
		window_post::verify_batch(&prepared, &[]),
		Err(VerifyError::NoProofs)
	);
	for bad in 0..batch.len() {
		let mut changed = batch.clone();
		changed[bad].1 = batch[(bad + 1) % batch.len()].1;
		assert_eq!(
			window_post::verify_batch(&prepared, &changed),
			Err(VerifyError::Unsatisfied)
		);
	}
}
