//! Synthetic proofs of replication: challenges and inputs against those of storage-proofs.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use filecoin_hashers::Hasher;
use filecoin_proofs::{
	get_seal_inputs, with_shape, DefaultTreeHasher, MerkleTreeTrait, PoRepConfig,
};
use holdfast_verifier::{
	challenges::{synthetic_porep, SYNTHETIC_CANDIDATES},
	encoding::field_bytes,
	parameters::{self, Parameters},
	porep::{self, Challenges, Statement},
	VerifyError,
};
use proptest::prelude::*;
use storage_proofs_core::api_version::{ApiFeature, ApiVersion};
use storage_proofs_porep::stacked::Challenges as TheirChallenges;

type Domain = <DefaultTreeHasher as Hasher>::Domain;

fn domain(bytes: &[u8; 32]) -> Domain {
	blstrs::Scalar::from_bytes_le(bytes).unwrap().into()
}

fn statement(size: &Parameters, seed: u64) -> Statement {
	let mut rng = common::rng(seed);
	Statement {
		sector_bytes: size.sector_bytes,
		porep_id: common::any_bytes(&mut rng),
		prover_id: common::any_bytes(&mut rng),
		sector_number: seed,
		comm_d: common::field_bytes(&mut rng),
		comm_r: common::field_bytes(&mut rng),
		ticket: common::any_bytes(&mut rng),
		seed: common::any_bytes(&mut rng),
	}
}

fn oracle<Tree: 'static + MerkleTreeTrait>(statement: &Statement) -> Vec<Vec<[u8; 32]>> {
	let config = PoRepConfig::new_groth16_with_features(
		statement.sector_bytes,
		statement.porep_id,
		ApiVersion::V1_2_0,
		vec![ApiFeature::SyntheticPoRep],
	)
	.unwrap();
	get_seal_inputs::<Tree>(
		&config,
		statement.comm_r,
		statement.comm_d,
		statement.prover_id,
		statement.sector_number.into(),
		statement.ticket,
		statement.seed,
	)
	.unwrap()
	.iter()
	.map(|inputs| inputs.iter().map(blstrs::Scalar::to_bytes_le).collect())
	.collect()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(if common::exhaustive() { 2_000 } else { 60 }))]

	#[test]
	fn synthetic_challenges_are_filecoins(
		size in prop::sample::select(&parameters::ALL[..]),
		seed: u64,
		partition in any::<u8>(),
	) {
		let mut rng = common::rng(seed);
		let (replica_id, comm_r) = (common::field_bytes(&mut rng), common::field_bytes(&mut rng));
		let seed = common::any_bytes(&mut rng);
		let count = size.porep_challenges;
		let TheirChallenges::Synth(challenges) = TheirChallenges::new_synthetic(count as usize) else {
			panic!("another kind of challenges");
		};
		let theirs = challenges.derive(
			usize::try_from(size.nodes()).unwrap(),
			&domain(&replica_id),
			&domain(&comm_r),
			&seed,
			partition,
		);
		let first = u32::from(partition) * count;
		let ours: Vec<_> = (first..first + count)
			.map(|index| synthetic_porep(&replica_id, &comm_r, &seed, index, size.nodes()))
			.collect();
		let theirs: Vec<_> = theirs.into_iter().map(|node| node as u64).collect();
		prop_assert_eq!(ours, theirs);
	}

	#[test]
	fn synthetic_inputs_are_filecoins(size in prop::sample::select(&parameters::ALL[..]), seed: u64) {
		let statement = statement(&size, seed);
		let ours: Vec<Vec<[u8; 32]>> = statement
			.public_inputs_with(Challenges::Synthetic)
			.unwrap()
			.iter()
			.map(|inputs| inputs.iter().map(field_bytes).collect())
			.collect();
		prop_assert!(ours == with_shape!(size.sector_bytes, oracle, &statement));
	}
}

/// Of 2^30 nodes some thousands would hardly be challenged twice; of the candidates many are.
#[test]
fn whatever_the_seed_only_the_replicas_candidates_are_challenged() {
	let nodes = parameters::ALL[3].nodes();
	let draws = 60 * 180;
	let challenged: BTreeSet<u64> = (0..draws)
		.map(|draw| {
			let seed = [u8::try_from(draw / 180).unwrap(); 32];
			synthetic_porep(&[1; 32], &[2; 32], &seed, draw % 180, nodes)
		})
		.collect();
	let repeated = u64::from(draws) - challenged.len() as u64;
	let expected = u64::from(draws).pow(2) / 2 / SYNTHETIC_CANDIDATES;
	assert!(
		(expected / 2..2 * expected).contains(&repeated),
		"{repeated}"
	);
}

/// The keys are the same, so only the caller's word keeps the kinds apart.
#[test]
fn a_proof_of_one_kind_of_challenges_is_none_of_the_other() {
	let size = parameters::ALL[1];
	let (key, prepared) = common::trapdoor(size.porep_inputs(), b"synthetic");
	let statement = statement(&size, 5);
	for made in [Challenges::Interactive, Challenges::Synthetic] {
		let inputs = statement.public_inputs_with(made).unwrap();
		let proofs: Vec<_> = inputs
			.iter()
			.map(|inputs| key.forge(inputs, b"proof"))
			.collect();
		for asked in [Challenges::Interactive, Challenges::Synthetic] {
			let batch = [(&statement, &proofs[..])];
			let result = porep::verify_batch_with(&prepared, asked, &batch);
			let expected = if made == asked {
				Ok(())
			} else {
				Err(VerifyError::Unsatisfied)
			};
			assert_eq!(result, expected);
			if asked == Challenges::default() {
				assert_eq!(porep::verify(&prepared, &statement, &proofs), expected);
			}
		}
	}
}
