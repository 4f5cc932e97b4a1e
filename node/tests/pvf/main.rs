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
const PROVIDERS: usize = 2;
/// The sectors of each provider.
const SECTORS: usize = 6;

/// The runtime that the node embeds.
#[expect(
	dead_code,
	reason = "the wasm builder writes more constants than are used here"
)]
mod wasm {
	include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}

/// The runtime built with `ec-hostcalls`.
#[cfg(feature = "hostcalls-runtime")]
#[expect(
	dead_code,
	reason = "the wasm builder writes more constants than are used here"
)]
mod hostcalls_wasm {
	include!(concat!(env!("OUT_DIR"), "/hostcalls_binary.rs"));
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
		Fixture::new(code)
	})
}

impl Fixture {
	fn new(code: &[u8]) -> Self {
		let runtime = Runtime::new(code);
		let mut network = Network::new(runtime, Policy::devnet(), SectorSize::MiB8, PROVIDERS);
		network.pre_commit(SECTORS);
		network.await_seeds();
		let before_prove_commit = network.clone();
		network.include(network.prove_commit_calls(BATCH));
		network.forget_pre_commits();
		network.await_windows();
		Self {
			pvf: Pvf::prepare(code, relay::as_on_polkadot()).unwrap(),
			before_prove_commit,
			before_window_post: network,
		}
	}

	/// A block in which the providers prove all their sectors.
	fn prove_commit_block(&self) -> Candidate {
		let mut network = self.before_prove_commit.clone();
		let calls = network.prove_commit_calls(BATCH);
		let (candidate, outcomes) = network.block_of(&calls);
		assert_eq!(outcomes, vec![Ok(()); PROVIDERS]);
		assert_eq!(network.proven_sectors(), PROVIDERS * SECTORS);
		candidate
	}

	/// A block in which the providers prove all partitions that are due.
	fn window_post_block(&self) -> Candidate {
		let mut network = self.before_window_post.clone();
		let partitions = network.window_post_calls(1).len();
		let calls = network.window_post_calls(BATCH);
		let (candidate, outcomes) = network.block_of(&calls);
		assert_eq!(outcomes, vec![Ok(()); calls.len()]);
		assert_eq!(network.partitions_proven_now(), partitions);
		candidate
	}

	/// Blocks that prove nothing: the two providers hand in each other's proof.
	fn bad_blocks(&self) -> [Candidate; 2] {
		let swapped = |mut calls: Vec<ProviderCall>| {
			let [(_, first), (_, second), ..] = &mut calls[..] else {
				panic!("each provider has something to prove");
			};
			let start = first.len() - PROOF_BYTES;
			first[start..].swap_with_slice(&mut second[start..]);
			calls.truncate(2);
			calls
		};
		let mut network = self.before_prove_commit.clone();
		let calls = swapped(network.prove_commit_calls(1));
		let (prove_commit, outcomes) = network.block_of(&calls);
		assert_eq!((outcomes.len(), network.proven_sectors()), (2, 0));

		let mut network = self.before_window_post.clone();
		let calls = swapped(network.window_post_calls(1));
		let (window_post, outcomes) = network.block_of(&calls);
		assert_eq!((outcomes.len(), network.partitions_proven_now()), (2, 0));
		[prove_commit, window_post]
	}
}

fn prove_commit_block() -> Candidate {
	fixture().prove_commit_block()
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
	for candidate in [prove_commit_block(), fixture().window_post_block()] {
		assert!(candidate.block_data().encoded_size() < MAX_POV_SIZE as usize);
		assert_eq!(validate(&candidate).head(), candidate.head_data());
	}
}

#[test]
fn a_block_with_bad_proofs_is_valid_and_proves_nothing() {
	for candidate in fixture().bad_blocks() {
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

/// The runtime that verifies with host functions.
#[cfg(feature = "hostcalls-runtime")]
mod hostcalls {
	use super::*;

	fn fixture() -> &'static Fixture {
		static FIXTURE: OnceLock<Fixture> = OnceLock::new();
		FIXTURE.get_or_init(|| {
			let code = hostcalls_wasm::WASM_BINARY.expect("the node is built with its runtime");
			Fixture::new(code)
		})
	}

	#[test]
	fn validators_with_curve_functions_accept_what_the_collator_made() {
		let fixture = fixture();
		let pvf = fixture.pvf.executed_with(relay::with_curve_functions());
		let good = [fixture.prove_commit_block(), fixture.window_post_block()];
		for candidate in fixture.bad_blocks().iter().chain(&good) {
			let params = candidate.validation_params(&candidate.block_data());
			assert_eq!(pvf.validate(&params).head(), candidate.head_data());
		}
	}

	#[test]
	fn validators_without_curve_functions_refuse_blocks_with_proofs_and_no_others() {
		let fixture = fixture();
		let empty = fixture.before_prove_commit.clone().chain.make_block(|_| ());
		let validate = |candidate: &Candidate| {
			let params = candidate.validation_params(&candidate.block_data());
			fixture.pvf.validate(&params)
		};
		assert_eq!(validate(&empty).head(), empty.head_data());
		let mut with_proofs = fixture.bad_blocks().to_vec();
		with_proofs.extend([fixture.prove_commit_block(), fixture.window_post_block()]);
		for candidate in &with_proofs {
			assert_says(&validate(candidate).refusal(), "bls12_381");
		}
	}
}
