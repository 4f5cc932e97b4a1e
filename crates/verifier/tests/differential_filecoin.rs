//! Challenges, parents and public inputs against those of storage-proofs, for every sector size.
#![allow(clippy::unwrap_used)]

mod common;

use filecoin_hashers::Hasher;
use filecoin_proofs::{
	get_seal_inputs, with_shape, DefaultTreeHasher, MerkleTreeTrait, PoRepConfig,
};
use holdfast_verifier::{
	challenges,
	encoding::field_bytes,
	graph::Graph,
	parameters::{self, Parameters},
	porep,
	window_post::{self, Statement},
};
use proptest::prelude::*;
use rand_chacha::rand_core::RngCore;
use storage_proofs_core::{api_version::ApiVersion, compound_proof::CompoundProof};
use storage_proofs_porep::stacked::{
	generate_replica_id, Challenges, StackedBucketGraph, EXP_DEGREE,
};
use storage_proofs_post::fallback::{
	generate_leaf_challenge, generate_leaf_challenges, FallbackPoStCompound, PublicInputs,
	PublicParams, PublicSector,
};

type Domain = <DefaultTreeHasher as Hasher>::Domain;

fn domain(bytes: &[u8; 32]) -> Option<Domain> {
	Some(Option::<blstrs::Scalar>::from(blstrs::Scalar::from_bytes_le(bytes))?.into())
}

fn size() -> impl Strategy<Value = Parameters> {
	prop::sample::select(&parameters::ALL[..])
}

/// 32 bytes: any, and those that somebody would try.
fn bytes32() -> impl Strategy<Value = [u8; 32]> {
	prop_oneof![
		8 => any::<[u8; 32]>(),
		1 => Just([0; 32]),
		1 => Just([0xff; 32]),
	]
}

/// Commitments: most canonical, some at the modulus, some beyond it or zero.
fn commitment() -> impl Strategy<Value = [u8; 32]> {
	const MODULUS: [u8; 32] = [
		0x01, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0x02, 0xa4, 0xbd,
		0x53, 0x05, 0xd8, 0xa1, 0x09, 0x08, 0xd8, 0x39, 0x33, 0x48, 0x7d, 0x9d, 0x29, 0x53, 0xa7,
		0xed, 0x73,
	];
	let canonical = any::<[u8; 32]>().prop_map(|mut bytes| {
		bytes[31] &= 0x3f;
		bytes
	});
	let below = {
		let mut bytes = MODULUS;
		bytes[0] = 0;
		bytes
	};
	prop_oneof![
		40 => canonical,
		1 => Just([0; 32]),
		1 => Just([0xff; 32]),
		1 => Just(MODULUS),
		1 => Just(below),
	]
}

fn statement() -> impl Strategy<Value = porep::Statement> {
	(
		size(),
		bytes32(),
		any::<[u8; 32]>(),
		prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)],
		(commitment(), commitment()),
		bytes32(),
		bytes32(),
	)
		.prop_map(
			|(size, porep_id, prover_id, sector_number, (comm_d, comm_r), ticket, seed)| {
				porep::Statement {
					sector_bytes: size.sector_bytes,
					porep_id,
					prover_id,
					sector_number,
					comm_d,
					comm_r,
					ticket,
					seed,
				}
			},
		)
}

fn seal_inputs<Tree: 'static + MerkleTreeTrait>(
	statement: &porep::Statement,
) -> Option<Vec<Vec<[u8; 32]>>> {
	let config = PoRepConfig::new_groth16(
		statement.sector_bytes,
		statement.porep_id,
		ApiVersion::V1_2_0,
	);
	let inputs = get_seal_inputs::<Tree>(
		&config,
		statement.comm_r,
		statement.comm_d,
		statement.prover_id,
		statement.sector_number.into(),
		statement.ticket,
		statement.seed,
	)
	.ok()?;
	Some(
		inputs
			.iter()
			.map(|inputs| inputs.iter().map(blstrs::Scalar::to_bytes_le).collect())
			.collect(),
	)
}

fn window_post_inputs<Tree: 'static + MerkleTreeTrait<Hasher = DefaultTreeHasher>>(
	statement: &Statement<'_>,
	size: &Parameters,
	prover_id: &[u8; 32],
) -> Option<Vec<[u8; 32]>> {
	let parameters = PublicParams {
		sector_size: size.sector_bytes,
		challenge_count: 10,
		sector_count: size.window_post_sectors,
		api_version: ApiVersion::V1_2_0,
	};
	let inputs = PublicInputs {
		randomness: domain(&statement.randomness)?,
		prover_id: domain(prover_id)?,
		sectors: statement
			.sectors
			.iter()
			.map(|(number, comm_r)| {
				Some(PublicSector {
					id: (*number).into(),
					comm_r: domain(comm_r)?,
				})
			})
			.collect::<Option<_>>()?,
		k: None,
	};
	Some(
		FallbackPoStCompound::<Tree>::generate_public_inputs(&inputs, &parameters, None)
			.ok()?
			.iter()
			.map(blstrs::Scalar::to_bytes_le)
			.collect(),
	)
}

fn assert_parents(size: &Parameters, porep_id: [u8; 32], nodes: impl IntoIterator<Item = u64>) {
	let ours = Graph::new(size.nodes(), &porep_id);
	let theirs = StackedBucketGraph::<DefaultTreeHasher>::new_stacked(
		usize::try_from(size.nodes()).unwrap(),
		parameters::DRG_PARENTS,
		EXP_DEGREE,
		porep_id,
		ApiVersion::V1_2_0,
	)
	.unwrap();
	for node in nodes {
		let index = usize::try_from(node).unwrap();
		let mut drg = [0; parameters::DRG_PARENTS];
		theirs.base_parents(index, &mut drg).unwrap();
		assert_eq!(ours.drg_parents(node), drg.map(u64::from), "node {node}");
		let mut expander = [0; parameters::EXPANDER_PARENTS];
		theirs.expanded_parents(index, &mut expander).unwrap();
		assert_eq!(
			ours.expander_parents(node).unwrap(),
			expander.map(u64::from),
			"node {node}"
		);
	}
}

#[test]
fn every_node_of_2_kib_and_the_edges_of_every_size_have_filecoins_parents() {
	for (index, size) in parameters::ALL.into_iter().enumerate() {
		let mut rng = common::rng(index as u64);
		let porep_ids = [[0; 32], [0xff; 32], common::any_bytes(&mut rng)];
		for porep_id in porep_ids {
			if index == 0 {
				assert_parents(&size, porep_id, 0..size.nodes());
			}
			// The number of metagraph buckets changes near powers of two.
			let powers = (1..size.nodes().ilog2()).flat_map(|bits| {
				let power = 1u64 << bits;
				[power - 1, power, power + 1, power / 5, power / 5 + 1]
			});
			assert_parents(&size, porep_id, powers);
			assert_parents(
				&size,
				porep_id,
				[size.nodes() / 2, size.nodes() - 2, size.nodes() - 1],
			);
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(if common::exhaustive() { 5_000 } else { 150 }))]

	#[test]
	fn parents_are_filecoins(size in size(), porep_id in bytes32(), nodes in prop::collection::vec(any::<u64>(), 1..20)) {
		assert_parents(&size, porep_id, nodes.into_iter().map(|node| node % size.nodes()));
	}

	#[test]
	fn porep_challenges_are_filecoins(size in size(), replica_id in commitment(), seed in bytes32(), partition: u8) {
		prop_assume!(domain(&replica_id).is_some());
		let count = size.porep_challenges;
		let Challenges::Interactive(challenges) = Challenges::new_interactive(count as usize) else {
			panic!("another kind of challenges");
		};
		let theirs = challenges.derive(
			usize::try_from(size.nodes()).unwrap(),
			&domain(&replica_id).unwrap(),
			&seed,
			partition,
		);
		let first = u32::from(partition) * count;
		let ours: Vec<_> = (first..first + count)
			.map(|index| challenges::porep(&replica_id, &seed, index, size.nodes()))
			.collect();
		let theirs: Vec<_> = theirs.into_iter().map(|node| node as u64).collect();
		prop_assert_eq!(ours, theirs);
	}

	#[test]
	fn window_post_challenges_are_filecoins(size in size(), randomness in commitment(), sector: u64, index: u64) {
		prop_assume!(domain(&randomness).is_some());
		let parameters = PublicParams {
			sector_size: size.sector_bytes,
			challenge_count: 10,
			sector_count: size.window_post_sectors,
			api_version: ApiVersion::V1_2_0,
		};
		let (domain, nodes) = (domain(&randomness).unwrap(), size.nodes());
		prop_assert_eq!(
			challenges::window_post(&randomness, sector, index, nodes),
			generate_leaf_challenge(&parameters, domain, sector, index)
		);
		let ours: Vec<_> = (0..10)
			.map(|index| challenges::window_post(&randomness, sector, index, nodes))
			.collect();
		prop_assert_eq!(ours, generate_leaf_challenges(&parameters, domain, sector, 10));
	}

	/// All partitions; and a statement is impossible for both or for neither.
	#[test]
	fn porep_inputs_are_filecoins(statement in statement()) {
		let ours = statement.public_inputs().ok().map(|partitions| {
			partitions
				.iter()
				.map(|inputs| inputs.iter().map(field_bytes).collect::<Vec<_>>())
				.collect::<Vec<_>>()
		});
		// They panic on data commitments that are not canonical.
		let theirs = domain(&statement.comm_d)
			.and_then(|_| with_shape!(statement.sector_bytes, seal_inputs, &statement,));
		prop_assert!(ours == theirs);
		if let Some(ours) = ours {
			let size = Parameters::of(statement.sector_bytes).unwrap();
			prop_assert_eq!(ours.len(), size.porep_partitions as usize);
			for (index, inputs) in (0u32..).zip(&ours) {
				let alone: Vec<_> = statement
					.partition_inputs(index)
					.unwrap()
					.iter()
					.map(field_bytes)
					.collect();
				prop_assert_eq!(&alone, inputs);
			}
		}
	}

	#[test]
	fn replica_ids_are_filecoins(statement in statement()) {
		prop_assume!(domain(&statement.comm_d).is_some());
		let theirs: [u8; 32] = generate_replica_id::<DefaultTreeHasher, _>(
			&statement.prover_id,
			statement.sector_number,
			&statement.ticket,
			statement.comm_d,
			&statement.porep_id,
		)
		.into();
		prop_assert_eq!(statement.replica_id(), theirs);
	}
}

proptest! {
	// The large sizes have 25,839 inputs.
	#![proptest_config(ProptestConfig::with_cases(if common::exhaustive() { 500 } else { 40 }))]

	/// Who proves makes no difference to them, which is why randomness must.
	#[test]
	fn window_post_inputs_are_filecoins(
		size in size(),
		randomness in commitment(),
		fill in any::<prop::sample::Index>(),
		first in prop_oneof![any::<u64>(), Just(0)],
		strange in prop::option::weighted(0.2, commitment()),
		seed: u64,
		prover_id in any::<[u8; 32]>(),
	) {
		let mut rng = common::rng(seed);
		let count = 1 + fill.index(size.window_post_sectors);
		let mut number = first >> 1;
		let mut sectors: Vec<_> = (0..count)
			.map(|_| {
				number += 1 + u64::from(rng.next_u32());
				(number, common::field_bytes(&mut rng))
			})
			.collect();
		if let Some(strange) = strange {
			sectors[count - 1].1 = strange;
		}
		let statement = Statement { sector_bytes: size.sector_bytes, randomness, sectors: &sectors };
		let mut prover_id = prover_id;
		prover_id[31] &= 0x3f;
		let theirs = with_shape!(size.sector_bytes, window_post_inputs, &statement, &size, &prover_id);
		let ours = window_post::Statement::public_inputs(&statement).ok().map(|inputs| {
			assert_eq!(inputs.len(), 1);
			inputs[0].iter().map(field_bytes).collect::<Vec<_>>()
		});
		// Only this crate refuses a commitment of zero here; filecoin-proofs does when it reads one.
		let zero = sectors.iter().any(|(_, comm_r)| comm_r == &[0; 32]);
		let expected = if zero { None } else { theirs };
		prop_assert!(ours == expected);
	}
}
