//! Sequences that make sense, from which others are made by changing them.

use codec::Encode;
use holdfast_primitives::{policy::HOLD, DealExtension};
use holdfast_runtime::*;
use pallet_storage_provider::{PostSubmission, ProveCommitSector, Role, SectorExtension, Sectors};
use sp_keyring::Sr25519Keyring::{self, Dave, Eve, Ferdie};

use crate::{
	chain::genesis_hash,
	sequence::{ask, pre_commit, proposal, register, Start, CLIENT, PROVIDER, SIGNERS},
};

type Provider = pallet_storage_provider::Call<Runtime>;
type Deals = pallet_market::Call<Runtime>;

/// A step in which a call is made.
fn call(signer: Sr25519Keyring, call: impl Into<RuntimeCall>) -> Vec<u8> {
	let index = SIGNERS.iter().position(|other| *other == signer).unwrap();
	let bytes = call.into().encode();
	let length = u16::try_from(bytes.len()).unwrap();
	let mut step = vec![u8::try_from(index).unwrap()];
	step.extend(length.encode());
	step.extend(bytes);
	step
}

fn blocks(count: u8) -> Vec<u8> {
	vec![0x80 | (count - 1)]
}

/// The sequences, each a list of steps.
pub fn all(start: &Start) -> Vec<Vec<Vec<u8>>> {
	start.with(|| {
		vec![
			a_providers_life(),
			a_sectors_end(),
			a_deals_changes(),
			money(),
		]
	})
}

fn a_providers_life() -> Vec<Vec<u8>> {
	let address = b"/dns/example/tcp/1".to_vec().try_into().unwrap();
	let addresses = vec![address].try_into().unwrap();
	let (role, account) = (Role::Worker, Some(Ferdie.to_account_id()));
	let provider = Eve.to_account_id();
	let proof = ProveCommitSector {
		sector: 5,
		proofs: vec![[0; 192]].try_into().unwrap(),
	};
	let proofs = vec![proof].try_into().unwrap();
	vec![
		call(Eve, register()),
		call(Eve, Provider::set_addresses { addresses }),
		call(Eve, Provider::set_ask { ask: ask() }),
		call(Eve, Provider::set_free_space { free_space: 9 }),
		call(Eve, Provider::propose_key { role, account }),
		call(Ferdie, Provider::confirm_key { role, provider }),
		call(Ferdie, pre_commit(&[(5, vec![])])),
		blocks(20),
		call(Ferdie, Provider::prove_commit_sectors { proofs }),
		call(Eve, Provider::deregister {}),
		blocks(100),
		call(Dave, register()),
		call(Dave, Provider::deregister {}),
	]
}

fn a_sectors_end() -> Vec<Vec<u8>> {
	let home = Sectors::<Runtime>::get(PROVIDER.to_account_id(), 1).unwrap();
	let (deadline, partition) = (home.deadline, home.partition);
	let declarations = || {
		let sectors = vec![1].try_into().unwrap();
		vec![(partition, sectors)].try_into().unwrap()
	};
	let (faults, recoveries) = (declarations(), declarations());
	let faults = Provider::declare_faults {
		deadline,
		declarations: faults,
	};
	let recoveries = Provider::declare_recoveries {
		deadline,
		declarations: recoveries,
	};
	let submission = PostSubmission {
		partition,
		skipped: Default::default(),
		proof: [0; 192],
	};
	let submissions = vec![submission].try_into().unwrap();
	let extension = SectorExtension {
		sector: 2,
		expiration: home.expiration + 50,
	};
	let extensions = vec![extension].try_into().unwrap();
	let sectors = vec![2].try_into().unwrap();
	vec![
		call(PROVIDER, Provider::extend_sectors { extensions }),
		call(PROVIDER, faults),
		call(PROVIDER, recoveries),
		blocks(30),
		call(
			PROVIDER,
			Provider::submit_window_post {
				deadline,
				submissions,
			},
		),
		blocks(40),
		call(PROVIDER, Provider::terminate_sectors { sectors }),
		call(
			PROVIDER,
			Provider::compact_partitions {
				deadline,
				from: 0,
				into: 1,
			},
		),
		blocks(128),
		blocks(128),
		call(
			Dave,
			Deals::settle_deals {
				deals: vec![0, 1].try_into().unwrap(),
			},
		),
	]
}

fn a_deals_changes() -> Vec<Vec<u8>> {
	let end = pallet_market::Deals::<Runtime>::get(0).unwrap().end;
	let extension = DealExtension {
		deal: 0,
		end,
		new_end: end + 10,
		expires: end,
	};
	let signature = CLIENT.sign(&extension.signing_bytes(&genesis_hash()));
	let extension = pallet_market::SignedExtension {
		signature: signature.into(),
		extension,
	};
	let proposals = vec![proposal(3), proposal(4)].try_into().unwrap();
	vec![
		call(PROVIDER, Deals::extend_deal { extension }),
		call(CLIENT, Deals::cancel_deal { deal: 1 }),
		call(PROVIDER, Deals::publish_deals { proposals }),
		call(PROVIDER, pre_commit(&[(8, vec![2, 3])])),
		blocks(90),
		call(
			Eve,
			Deals::settle_deals {
				deals: vec![0, 2].try_into().unwrap(),
			},
		),
		blocks(128),
		call(
			Eve,
			Deals::settle_deals {
				deals: vec![0].try_into().unwrap(),
			},
		),
	]
}

fn money() -> Vec<Vec<u8>> {
	let transfer = pallet_balances::Call::<Runtime>::transfer_allow_death {
		dest: Dave.to_account_id().into(),
		value: HOLD,
	};
	let everything = pallet_balances::Call::<Runtime>::transfer_all {
		dest: Dave.to_account_id().into(),
		keep_alive: false,
	};
	let both = vec![
		transfer.clone().into(),
		Deals::withdraw { amount: 1 }.into(),
	];
	let batch = pallet_utility::Call::<Runtime>::batch_all { calls: both };
	let drip = pallet_faucet::Call::<Runtime>::drip {
		account: Dave.to_account_id(),
	};
	vec![
		call(CLIENT, Deals::deposit { amount: 5 * HOLD }),
		call(CLIENT, Deals::withdraw { amount: HOLD }),
		call(CLIENT, transfer),
		call(CLIENT, batch),
		call(PROVIDER, everything),
		blocks(120),
		call(Dave, drip),
	]
}
