//! Blocks with proofs in them, judged by the relay chain's own executor: the runtime's wasm is prepared and
//! executed as validators do it, on proofs of validity as collators make them.

#![allow(clippy::unwrap_used)]

mod chain;
mod extrinsic;
mod figures;
mod network;
mod relay;
mod runtime;

use chain::Candidate;
use codec::Encode;
use cumulus_primitives_core::{relay_chain::MAX_POV_SIZE, ParachainBlockData};
use holdfast_primitives::{Policy, SectorSize};
use network::{Network, ProviderCall, BATCH};
use relay::{Pvf, Verdict};
use runtime::Runtime;
use sp_core::H256;
use sp_keyring::Sr25519Keyring::Bob;
use sp_runtime::{traits::Header as _, OpaqueExtrinsic};
use std::sync::OnceLock;

const PROOF_BYTES: usize = 192;

/// The runtime that the node embeds.
#[expect(
	dead_code,
	reason = "the wasm builder writes more constants than are used here"
)]
mod wasm {
	include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}

/// What takes long and is the same for all tests.
struct Fixture {
	pvf: Pvf,
	/// Two providers whose sectors can be proven in the next block.
	before_prove_commit: Network,
	/// The same with a partition of each provider due in the next block.
	before_window_post: Network,
}

fn fixture() -> &'static Fixture {
	static FIXTURE: OnceLock<Fixture> = OnceLock::new();
	FIXTURE.get_or_init(|| {
		let code = wasm::WASM_BINARY.expect("the node is built with its runtime");
		let runtime = Runtime::new(code);
		let mut network = Network::new(runtime, Policy::devnet(), SectorSize::MiB8, 2);
		network.pre_commit(6);
		network.await_seeds();
		let before_prove_commit = network.clone();
		network.include(network.prove_commit_calls(BATCH));
		network.forget_pre_commits();
		network.await_windows();
		Fixture {
			pvf: Pvf::prepare(code, relay::as_on_polkadot()).unwrap(),
			before_prove_commit,
			before_window_post: network,
		}
	})
}

/// A block of all the calls, which succeed.
fn block_of(mut network: Network, calls: &[ProviderCall]) -> Candidate {
	let (candidate, outcomes) = network.block_of(calls);
	assert!(!calls.is_empty());
	assert_eq!(outcomes, vec![Ok(()); calls.len()]);
	candidate
}

fn prove_commit_block() -> Candidate {
	let network = fixture().before_prove_commit.clone();
	let calls = network.prove_commit_calls(BATCH);
	block_of(network, &calls)
}

fn window_post_block() -> Candidate {
	let network = fixture().before_window_post.clone();
	let calls = network.window_post_calls(BATCH);
	block_of(network, &calls)
}

fn validate(candidate: &Candidate) -> Verdict {
	let params = candidate.validation_params(&candidate.block_data());
	fixture().pvf.validate(&params)
}

/// Why the candidate is refused after something was done to its block data.
fn refusal(
	candidate: &Candidate,
	tamper: impl FnOnce(&mut ParachainBlockData<chain::Block>),
) -> String {
	let mut block_data = candidate.block_data();
	tamper(&mut block_data);
	let params = candidate.validation_params(&block_data);
	fixture().pvf.validate(&params).refusal()
}

fn assert_says(refusal: &str, reason: &str) {
	assert!(refusal.contains(reason), "{refusal}");
}

#[test]
fn blocks_that_prove_sectors_and_partitions_are_validated() {
	for candidate in [prove_commit_block(), window_post_block()] {
		assert!(candidate.block_data().encoded_size() < MAX_POV_SIZE as usize);
		assert_eq!(validate(&candidate).head(), candidate.head_data());
	}
}

#[test]
fn a_block_with_bad_proofs_is_valid() {
	for mut network in [
		fixture().before_prove_commit.clone(),
		fixture().before_window_post.clone(),
	] {
		// The two providers hand in each other's proof.
		let mut calls = [network.prove_commit_calls(1), network.window_post_calls(1)].concat();
		calls.truncate(2);
		let [(_, first), (_, second)] = &mut calls[..] else {
			panic!("each provider has something to prove");
		};
		let start = first.len() - PROOF_BYTES;
		first[start..].swap_with_slice(&mut second[start..]);

		let (candidate, outcomes) = network.block_of(&calls);
		let errors: Vec<_> = outcomes
			.iter()
			.map(|outcome| network.failure(outcome))
			.collect();
		// The proofs are refused by events: a call with a bad proof does not fail.
		assert_eq!(errors, vec![None; 2]);
		assert_eq!(validate(&candidate).head(), candidate.head_data());
	}
}

#[test]
fn a_proof_of_validity_that_lacks_a_node_is_refused() {
	let candidate = prove_commit_block();
	let nodes = candidate.block_data().proof().encoded_nodes.len();
	for index in [0, nodes / 2, nodes - 1] {
		let refusal = refusal(&candidate, |block_data| {
			let ParachainBlockData::V1 { proof, .. } = block_data else {
				panic!("the block data has another version");
			};
			proof.encoded_nodes.remove(index);
		});
		assert_says(&refusal, "Compact proof decoding failure");
	}
}

#[test]
fn a_changed_node_of_the_state_is_refused() {
	let candidate = prove_commit_block();
	let refusal = refusal(&candidate, |block_data| {
		let ParachainBlockData::V1 { proof, .. } = block_data else {
			panic!("the block data has another version");
		};
		let node = proof.encoded_nodes.iter_mut().max_by_key(|node| node.len());
		*node.unwrap().last_mut().unwrap() ^= 1;
	});
	assert_says(&refusal, "Compact proof decoding failure");
}

#[test]
fn a_changed_proof_in_the_block_is_refused() {
	let candidate = prove_commit_block();
	let refusal = refusal(&candidate, |block_data| {
		let extrinsic = block_data.blocks_mut()[0].extrinsics.last_mut().unwrap();
		let mut bytes = extrinsic.inner().to_vec();
		*bytes.last_mut().unwrap() ^= 1;
		*extrinsic = OpaqueExtrinsic::from_blob(bytes);
	});
	assert_says(&refusal, "Transaction has a bad signature");
}

#[test]
fn a_left_out_proof_is_refused() {
	let candidate = prove_commit_block();
	let refusal = refusal(&candidate, |block_data| {
		block_data.blocks_mut()[0].extrinsics.pop();
	});
	assert_says(&refusal, "Storage root must match");
}

#[test]
fn a_claimed_state_is_refused_even_with_the_collators_seal() {
	let candidate = prove_commit_block();
	let refusal = refusal(&candidate, |block_data| {
		let header = &mut block_data.blocks_mut()[0].header;
		header.digest_mut().pop();
		header.set_state_root(H256::repeat_byte(7));
		chain::seal(header, chain::COLLATOR);
	});
	assert_says(&refusal, "Storage root must match");
}

#[test]
fn a_seal_that_is_not_the_collators_is_refused() {
	let candidate = prove_commit_block();
	let refusal = refusal(&candidate, |block_data| {
		let header = &mut block_data.blocks_mut()[0].header;
		header.digest_mut().pop();
		chain::seal(header, Bob);
	});
	assert_says(&refusal, "Invalid AuRa seal");
}

#[test]
fn a_block_on_another_relay_block_or_parent_is_refused() {
	let candidate = prove_commit_block();
	let params = candidate.validation_params(&candidate.block_data());
	let refused = |params| fixture().pvf.validate(&params).refusal();

	let mut other = params.clone();
	other.relay_parent_number += 1;
	assert_says(&refused(other), "Relay parent number doesn't match");

	let mut other = params.clone();
	other.relay_parent_storage_root = H256::repeat_byte(7);
	assert_says(&refused(other), "storage root doesn't match");

	let mut other = params;
	other.parent_head = candidate.head_data();
	assert_says(&refused(other), "needs to be the parent");
}

#[test]
fn a_validator_with_curve_functions_agrees() {
	let pvf = fixture().pvf.executed_with(relay::with_curve_functions());
	let candidate = prove_commit_block();
	let params = candidate.validation_params(&candidate.block_data());
	assert_eq!(pvf.validate(&params).head(), candidate.head_data());
}
