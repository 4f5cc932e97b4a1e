//! Ten real proofs of replication of 32 GiB sectors, under a key of Filecoin's public ceremony.
//!
//! The vector's replicas were sealed with API version 1.0.0, whose order of parents differs, so its
//! inputs are taken as they are; what is comparable of the graph is compared.
#![allow(clippy::unwrap_used)]

mod common;

use blake2::{Blake2b512, Digest};
use holdfast_verifier::{
	encoding::field_element, graph::Graph, verify, verify_batch, Fr, PreparedVerifyingKey,
	VerifyError,
};

struct Vector {
	bytes: Vec<u8>,
	key: PreparedVerifyingKey,
	proofs: Vec<([u8; 192], Vec<Fr>)>,
}

fn vector() -> Option<Vector> {
	let vector = common::seal32()?;
	let proofs = vector
		.proofs
		.iter()
		.map(|(proof, inputs)| {
			(
				*proof,
				inputs
					.iter()
					.map(|input| field_element(input).unwrap())
					.collect(),
			)
		})
		.collect();
	let key = PreparedVerifyingKey::from_bytes(&vector.key).unwrap();
	Some(Vector {
		bytes: vector.key,
		key,
		proofs,
	})
}

#[test]
fn the_key_is_the_published_one() {
	let Some(vector) = vector() else { return };
	let digest = Blake2b512::digest(&vector.bytes);
	assert_eq!(
		const_hex::encode(&digest[..16]),
		"7a139d82b8a02e35279d657e197f5c1f"
	);
	assert_eq!(vector.key.input_count(), 327);
}

#[test]
fn every_proof_verifies_alone_and_all_verify_together() {
	let Some(vector) = vector() else { return };
	assert_eq!(vector.proofs.len(), 10);
	let batch: Vec<_> = vector
		.proofs
		.iter()
		.map(|(proof, inputs)| {
			assert_eq!(verify(&vector.key, inputs, proof), Ok(()));
			(inputs.as_slice(), *proof)
		})
		.collect();
	assert_eq!(verify_batch(&vector.key, &batch), Ok(()));
	let trusted = PreparedVerifyingKey::decode_trusted(&vector.key.encode()).unwrap();
	assert_eq!(verify_batch(&trusted, &batch), Ok(()));
}

#[test]
fn a_changed_proof_or_input_is_refused_at_every_position_of_the_batch() {
	let Some(vector) = vector() else { return };
	for changed in 0..vector.proofs.len() {
		let mut proofs = vector.proofs.clone();
		// A different valid point: the other root of A.
		proofs[changed].0[0] ^= 0x20;
		let (proof, inputs) = &proofs[changed];
		assert_eq!(
			verify(&vector.key, inputs, proof),
			Err(VerifyError::Unsatisfied)
		);
		let batch: Vec<_> = proofs
			.iter()
			.map(|(proof, inputs)| (inputs.as_slice(), *proof))
			.collect();
		assert_eq!(
			verify_batch(&vector.key, &batch),
			Err(VerifyError::Unsatisfied)
		);

		let mut proofs = vector.proofs.clone();
		proofs[changed].1[17 * changed] += Fr::from(1u8);
		let (proof, inputs) = &proofs[changed];
		assert_eq!(
			verify(&vector.key, inputs, proof),
			Err(VerifyError::Unsatisfied)
		);
		let batch: Vec<_> = proofs
			.iter()
			.map(|(proof, inputs)| (inputs.as_slice(), *proof))
			.collect();
		assert_eq!(
			verify_batch(&vector.key, &batch),
			Err(VerifyError::Unsatisfied)
		);
	}
}

#[test]
fn no_changed_byte_of_a_proof_verifies() {
	let Some(vector) = vector() else { return };
	let (proof, inputs) = &vector.proofs[3];
	for index in 0..proof.len() {
		let mut changed = *proof;
		changed[index] ^= 1;
		assert!(verify(&vector.key, inputs, &changed).is_err());
	}
}

#[test]
fn a_changed_byte_of_the_key_is_refused_or_verifies_nothing() {
	let Some(vector) = vector() else { return };
	let (proof, inputs) = &vector.proofs[0];
	for index in (0..vector.bytes.len()).step_by(997) {
		let mut bytes = vector.bytes.clone();
		bytes[index] ^= 1;
		if let Ok(key) = PreparedVerifyingKey::from_bytes(&bytes) {
			assert!(verify(&key, inputs, proof).is_err());
		}
	}
}

#[test]
fn swapped_partitions_are_refused() {
	let Some(vector) = vector() else { return };
	let mut proofs = vector.proofs.clone();
	let first = proofs[0].0;
	proofs[0].0 = proofs[1].0;
	proofs[1].0 = first;
	let batch: Vec<_> = proofs
		.iter()
		.map(|(proof, inputs)| (inputs.as_slice(), *proof))
		.collect();
	assert_eq!(
		verify_batch(&vector.key, &batch),
		Err(VerifyError::Unsatisfied)
	);
}

#[test]
fn the_graph_of_32_gib_has_the_vectors_parents() {
	let Some(vector) = vector() else { return };
	let mut porep_id = [0; 32];
	porep_id[0] = 3;
	let graph = Graph::new(1 << 30, &porep_id);
	let node_of = |input: &Fr| {
		let bytes = holdfast_verifier::encoding::field_bytes(input);
		u64::from_le_bytes(bytes[..8].try_into().unwrap())
	};
	for (_, inputs) in &vector.proofs {
		for challenge in inputs[3..].chunks(18) {
			let challenge: Vec<u64> = challenge.iter().map(node_of).collect();
			let node = challenge[0];
			assert_eq!(challenge[15..], [node; 3]);
			// Version 1.0.0 put the predecessor last and cut the expander's index to 32 bits.
			let mut drg = graph.drg_parents(node);
			drg.rotate_left(1);
			assert_eq!(challenge[1..7], drg);
			let expander = graph
				.expander_parents(node)
				.unwrap()
				.map(|parent| parent % (1 << 29));
			assert_eq!(challenge[7..15], expander);
		}
	}
}
