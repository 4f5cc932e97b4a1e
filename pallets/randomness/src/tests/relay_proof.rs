//! What is read from a relay chain's state proof, honest or not.

use super::mock::*;
use crate::*;
use codec::Encode;
use cumulus_pallet_parachain_system::{OnSystemEvent, RelayChainStateProof};
use cumulus_primitives_core::relay_chain::well_known_keys::{
	CURRENT_BLOCK_RANDOMNESS, ONE_EPOCH_AGO_RANDOMNESS,
};
use cumulus_test_relay_sproof_builder::RelayStateSproofBuilder;

fn proof(entries: Vec<(&[u8], Vec<u8>)>) -> RelayChainStateProof {
	let builder = RelayStateSproofBuilder {
		additional_key_values: entries
			.into_iter()
			.map(|(key, value)| (key.to_vec(), value))
			.collect(),
		..Default::default()
	};
	let para_id = builder.para_id;
	let (root, proof) = builder.into_state_root_and_proof();
	RelayChainStateProof::new(para_id, root, proof).unwrap()
}

#[test]
fn both_values_are_read() {
	let proof = proof(vec![
		(CURRENT_BLOCK_RANDOMNESS, Some([1u8; 32]).encode()),
		(ONE_EPOCH_AGO_RANDOMNESS, [2u8; 32].encode()),
	]);
	assert_eq!(
		RelayValues::read(&proof),
		RelayValues {
			vrf: Some([1; 32]),
			epoch: Some([2; 32])
		}
	);
}

#[test]
fn a_relay_block_without_a_vrf_output_has_none() {
	let proof = proof(vec![(CURRENT_BLOCK_RANDOMNESS, None::<[u8; 32]>.encode())]);
	assert_eq!(RelayValues::read(&proof).vrf, None);
}

#[test]
fn a_proof_without_the_keys_is_no_error() {
	// As on a development chain, whose mocked proof has no VRF output.
	let values = RelayValues::read(&proof(Vec::new()));
	assert_eq!(values.vrf, None);
	new_test_ext().execute_with(|| {
		block(1, [0; 32], &RelayValues::default());
		System::set_block_number(2);
		Randomness::on_relay_state_proof(&proof(Vec::new()));
		assert!(Randomness::value_at(2).is_some());
	});
}

#[test]
fn values_of_another_form_are_absent() {
	let proof = proof(vec![
		(CURRENT_BLOCK_RANDOMNESS, vec![1; 7]),
		(ONE_EPOCH_AGO_RANDOMNESS, vec![2; 31]),
	]);
	assert_eq!(RelayValues::read(&proof), RelayValues::default());
}
