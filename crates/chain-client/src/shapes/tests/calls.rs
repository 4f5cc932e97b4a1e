use codec::{Compact, Encode};
use holdfast_primitives::{CommR, DealProposal, SectorSize};

use super::{ask, chain, piece, ALICE, BOB};
use crate::{
	shapes::calls, AccountId, Call, PostSubmission, PreCommitSector, ProveCommitSector,
	SignedProposal,
};

fn proposal() -> DealProposal<AccountId> {
	DealProposal {
		piece: piece(),
		client: ALICE,
		provider: BOB,
		start: 100,
		end: 200,
		price_per_block: 5,
		provider_collateral: 50,
		nonce: 9,
		expires: 90,
	}
}

/// Checks the bytes of a call's arguments, which are `expected`'s, in the chain's order.
#[track_caller]
fn assert_encodes(call: Call, expected: impl Encode) {
	let chain = chain();
	let (pallet, name) = call.name();
	let bytes = chain.tx().call_data(&calls::payload(&call)).unwrap();
	let pallet = chain.metadata_ref().pallet_by_name(pallet).unwrap();
	let index = pallet.call_variant_by_name(name).unwrap().index;
	assert_eq!(bytes[..2], [pallet.call_index(), index], "{name}");
	assert_eq!(bytes[2..], expected.encode()[..], "{name}");
}

#[test]
fn market_calls_encode_as_the_chain_expects() {
	assert_encodes(Call::Deposit(1_000), Compact(1_000u128));
	assert_encodes(Call::Withdraw(u128::MAX), Compact(u128::MAX));
	assert_encodes(Call::SettleDeals(vec![3, 4]), vec![3u64, 4]);
	let signed = SignedProposal {
		proposal: proposal(),
		signature: [8; 64],
	};
	// The signature is a `MultiSignature`, of which sr25519 is the second.
	assert_encodes(
		Call::PublishDeals(vec![signed.clone(), signed]),
		vec![(proposal(), 1u8, [8u8; 64]), (proposal(), 1u8, [8u8; 64])],
	);
}

#[test]
fn provider_calls_encode_as_the_chain_expects() {
	let ask_bytes = (11u128, 128u64, 8u64 << 20, true);
	let addresses = vec!["http://a.example".to_owned(), "http://b.example".to_owned()];
	assert_encodes(
		Call::Register {
			sector_size: SectorSize::MiB8,
			addresses: addresses.clone(),
			ask: ask(),
			free_space: 77,
		},
		(SectorSize::MiB8, &addresses, ask_bytes, 77u64),
	);
	assert_encodes(Call::SetAddresses(addresses.clone()), &addresses);
	assert_encodes(Call::SetAsk(ask()), ask_bytes);
	assert_encodes(Call::SetFreeSpace(5), 5u64);
	assert_encodes(
		Call::PreCommitSectors(vec![PreCommitSector {
			sector: 1,
			comm_r: CommR([3; 32]),
			ticket_block: 10,
			expiration: 1_000,
			deals: vec![5, 6],
		}]),
		vec![(1u64, CommR([3; 32]), 10u32, 1_000u32, vec![5u64, 6])],
	);
	assert_encodes(
		Call::ProveCommitSectors(vec![ProveCommitSector {
			sector: 1,
			proofs: vec![[4; 192], [5; 192]],
		}]),
		vec![(1u64, vec![[4u8; 192], [5; 192]])],
	);
	assert_encodes(
		Call::SubmitWindowPost {
			deadline: 2,
			submissions: vec![
				PostSubmission {
					partition: 1,
					skipped: vec![],
					proof: [6; 192],
				},
				PostSubmission {
					partition: 3,
					skipped: vec![17, 0, 9],
					proof: [7; 192],
				},
			],
		},
		(
			2u32,
			vec![
				(1u32, vec![], [6u8; 192]),
				(3, vec![0b1u8, 0b10, 0b10], [7; 192]),
			],
		),
	);
	assert_encodes(
		Call::DeclareFaults {
			deadline: 1,
			declarations: vec![(3, vec![9])],
		},
		(1u32, vec![(3u32, vec![9u64])]),
	);
	assert_encodes(
		Call::DeclareRecoveries {
			deadline: 2,
			declarations: vec![(0, vec![1, 2])],
		},
		(2u32, vec![(0u32, vec![1u64, 2])]),
	);
}

#[test]
fn transfers_encode_as_the_chain_expects() {
	// The destination is a `MultiAddress`, of which an account is the first.
	assert_encodes(
		Call::Transfer { to: BOB, amount: 3 },
		(0u8, BOB, Compact(3u128)),
	);
}

#[test]
fn the_faucet_encodes_as_the_chain_expects() {
	let chain = chain();
	let extrinsic = chain.tx().create_unsigned(&calls::drip(&ALICE)).unwrap();
	assert!(extrinsic.encoded().ends_with(&ALICE.0));
}
