//! Every error is reached by a call.

use super::mock::*;
use crate::{Error, PartitionKey, PreCommitSector, Role, SectorDeals, SectorExtension};
use holdfast_primitives::{Policy, SectorSize};
use scale_info::{TypeDef, TypeInfo};
use sp_runtime::{AccountId32, DispatchError, DispatchResult, ModuleError};
use std::collections::BTreeMap;

/// The names of the errors, by their numbers.
fn variants() -> BTreeMap<u8, String> {
	let TypeDef::Variant(variants) = Error::<Test>::type_info().type_def else {
		panic!("it is an enum");
	};
	let named = |variant: &scale_info::Variant| (variant.index, variant.name.to_string());
	variants.variants.iter().map(named).collect()
}

/// A provider with the sector 1.
fn one_sector() {
	register(&alice());
	activate(&alice(), &[1]);
}

fn key() -> PartitionKey<AccountId32> {
	key_of(&alice(), 1)
}

/// Waits until the deadline of sector 1 can be changed.
fn run_to_mutable() {
	while !window_of(&alice(), 1).is_mutable(now()) {
		run_for(1);
	}
}

fn register_as(address: &str, max_piece_bytes: u64) -> DispatchResult {
	let ask = crate::Ask {
		max_piece_bytes,
		..ask(SectorSize::KiB2)
	};
	StorageProvider::register(
		signed(&alice()),
		SectorSize::KiB2,
		addresses(&[address]),
		ask,
		0,
	)
}

/// Registers and pre-commits one sector that is changed before.
fn pre_commit_with(change: impl FnOnce(&mut PreCommitSector)) -> DispatchResult {
	register(&alice());
	let mut sector = sealed(1);
	change(&mut sector);
	pre_commit(&alice(), sector)
}

/// Registers, pre-commits one sector and proves it `blocks` later.
fn prove_after(blocks: u32, change: impl FnOnce(&mut PreCommitSector)) -> DispatchResult {
	pre_commit_with(change)?;
	System::set_block_number(now() + blocks);
	prove(&alice(), &[porep(&alice(), 1)])
}

fn terminate() -> DispatchResult {
	StorageProvider::terminate_sectors(signed(&alice()), batch([1]))
}

fn extend() -> DispatchResult {
	let expiration = sector(&alice(), 1).expiration + 1;
	let extension = SectorExtension {
		sector: 1,
		expiration,
	};
	StorageProvider::extend_sectors(signed(&alice()), batch([extension]))
}

fn compact(from: u32, into: u32) -> DispatchResult {
	StorageProvider::compact_partitions(signed(&alice()), key().1, from, into)
		.map(|_| ())
		.map_err(|error| error.error)
}

fn leave_the_last_hold_with(provider: &AccountId32, rest: u128) {
	let spent = Balances::free_balance(provider) - rest;
	Balances::transfer_allow_death(signed(provider), bob(), spent).unwrap();
}

/// Two partitions of one deadline, proven in different blocks; the first has room.
fn two_partitions() -> DispatchResult {
	register(&alice());
	activate(&alice(), &(0..12).collect::<Vec<_>>());
	let (_, deadline, _) = key();
	let open = window(&alice(), deadline).open;
	for (block, partition) in [(open, 1), (open + 1, 0)] {
		run_to(block);
		submit(&(alice(), deadline, partition))?;
	}
	run_to(open + 20);
	let second = crate::PartitionSectors::<Test>::get((alice(), deadline, 0))[1];
	StorageProvider::terminate_sectors(signed(&alice()), batch([second]))
}

/// Each is run on a chain of its own, and returns the error of its last call.
const SCENARIOS: &[fn() -> DispatchResult] = &[
	|| {
		register(&alice());
		register_as("a", 512)
	},
	|| StorageProvider::deregister(signed(&alice())),
	|| register_as("", 512),
	|| register_as("a", 4096),
	|| {
		register(&alice());
		StorageProvider::pre_commit_sectors(signed(&alice()), batch([]))
	},
	|| {
		pre_commit_with(|_| ())?;
		pre_commit(&alice(), sealed(1))
	},
	|| pre_commit_with(|sector| sector.expiration = now() + 59),
	|| pre_commit_with(|sector| sector.expiration = u32::MAX),
	|| pre_commit_with(|sector| sector.ticket_block = now()),
	|| {
		run_to(700);
		pre_commit_with(|sector| sector.ticket_block = 0)
	},
	|| {
		Forgotten::insert(now() - 1, ());
		pre_commit_with(|_| ())
	},
	|| pre_commit_with(|sector| sector.deals = SectorDeals::truncate_from(vec![1, 1])),
	|| {
		publish(1, &alice(), 4096, 100);
		pre_commit_with(|sector| sector.deals = SectorDeals::truncate_from(vec![1]))
	},
	|| {
		leave_the_last_hold_with(&alice(), EXISTENTIAL_DEPOSIT);
		pre_commit_with(|_| ())
	},
	|| {
		pre_commit_with(|_| ())?;
		await_seed();
		let mut proof = porep(&alice(), 1);
		proof.sector = 2;
		prove(&alice(), &[proof])
	},
	|| {
		pre_commit_with(|_| ())?;
		await_seed();
		let proof = porep(&alice(), 1);
		prove(&alice(), &[proof.clone(), proof])
	},
	|| prove_after(Policy::devnet().pre_commit_lifetime + 1, |_| ()),
	|| prove_after(1, |_| ()),
	|| prove_after(60, |sector| sector.expiration = now() + 60),
	|| {
		pre_commit_with(|_| ())?;
		await_seed();
		let mut proof = porep(&alice(), 1);
		proof.proofs = Default::default();
		prove(&alice(), &[proof])
	},
	|| {
		// With two deadlines each is challenged when the other closes.
		let policy = Policy {
			deadlines: 2,
			..Policy::devnet()
		};
		crate::PolicyValue::<Test>::put(policy);
		pre_commit_with(|_| ())?;
		await_seed();
		while StorageProvider::windows(alice())
			.iter()
			.any(|window| window.is_mutable(now()))
		{
			run_for(1);
		}
		prove(&alice(), &[porep(&alice(), 1)])
	},
	|| {
		register_with(&alice(), SectorSize::GiB32);
		pre_commit(&alice(), sealed(1))?;
		await_seed();
		prove(&alice(), &[porep(&alice(), 1)])
	},
	|| {
		one_sector();
		submit_each(&alice(), 3, &[post(&key())]).map(|_| ())
	},
	|| {
		one_sector();
		run_to_mutable();
		submit(&key())
	},
	|| {
		one_sector();
		run_to_window(&alice(), 1);
		declare_faults(&alice(), &[1])
	},
	|| {
		one_sector();
		run_to_window(&alice(), 1);
		let mut post = post(&key());
		post.partition = 9;
		submit_post(&alice(), key().1, post)
	},
	|| {
		one_sector();
		let close = window_of(&alice(), 1).close;
		run_to(close - 1);
		System::set_block_number(close);
		terminate()
	},
	|| {
		one_sector();
		prove_window(&alice(), 1);
		submit(&key())
	},
	|| {
		one_sector();
		run_to_window(&alice(), 1);
		let post = post(&key());
		let results = submit_each(&alice(), key().1, &[post.clone(), post])?;
		results.into_iter().collect()
	},
	|| {
		one_sector();
		run_to_window(&alice(), 1);
		let mut post = post(&key());
		post.skipped = positions(&[1]);
		submit_post(&alice(), key().1, post)
	},
	|| {
		one_sector();
		run_to_window(&alice(), 1);
		let mut post = post(&key());
		post.skipped = positions(&[0]);
		submit_post(&alice(), key().1, post)
	},
	|| {
		register(&alice());
		terminate()
	},
	|| {
		one_sector();
		activate(&alice(), &[2, 3]);
		let other = (2..=3)
			.find(|number| key_of(&alice(), *number) != key())
			.unwrap();
		run_to_mutable();
		declare_faults(&alice(), &[1, other])
	},
	|| {
		one_sector();
		run_to_mutable();
		declare_recoveries(&alice(), &[1])
	},
	|| {
		one_sector();
		run_to_mutable();
		declare_faults(&alice(), &[1, 1])
	},
	|| {
		one_sector();
		run_past_window(&alice(), 1);
		declare_recoveries(&alice(), &[1, 1])
	},
	|| {
		one_sector();
		run_past_window(&alice(), 1);
		extend()
	},
	|| {
		one_sector();
		StorageProvider::deregister(signed(&alice()))
	},
	|| {
		register(&alice());
		StorageProvider::propose_key(signed(&alice()), Role::Worker, Some(alice()))
	},
	|| {
		register(&alice());
		StorageProvider::confirm_key(signed(&bob()), Role::Worker, alice())
	},
	|| {
		two_partitions()?;
		compact(0, 1)
	},
	|| {
		two_partitions()?;
		compact(1, 0)?;
		compact(1, 0)
	},
];

#[test]
fn every_error_is_reached() {
	let names = variants();
	let mut missing: BTreeMap<u8, String> = names.clone();
	for (index, scenario) in SCENARIOS.iter().enumerate() {
		let result = new_chain().execute_with(scenario);
		let Err(DispatchError::Module(ModuleError { error, .. })) = result else {
			panic!("scenario {index} ends with {result:?}");
		};
		let name = &names[&error[0]];
		assert!(
			missing.remove(&error[0]).is_some(),
			"scenario {index} reaches {name}, as another one does"
		);
	}
	assert!(missing.is_empty(), "no scenario reaches {missing:?}");
}
