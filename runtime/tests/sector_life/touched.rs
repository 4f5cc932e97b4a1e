//! Which keys of the state a call reads and writes: as many as its own deal, sector or partition needs,
//! however many there are of others.

use super::*;
use sp_io::TestExternalities;
use sp_trie::recorder::Recorder;
use std::collections::{BTreeMap, BTreeSet};

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// All that is stored.
fn state() -> State {
	let mut all = State::new();
	let mut key = Vec::new();
	while let Some(next) = sp_io::storage::next_key(&key) {
		all.insert(next.clone(), sp_io::storage::get(&next).unwrap().to_vec());
		key = next;
	}
	all
}

/// The keys that `call` read from the state and those whose values it changed.
fn touched(
	chain: &mut TestExternalities,
	call: impl FnOnce(),
) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
	chain.commit_all().unwrap();
	let before = chain.execute_with(state);
	let recorder = Recorder::default();
	chain.execute_with_recorder(recorder.clone(), call);
	let read = recorder
		.recorded_keys()
		.into_values()
		.flat_map(|keys| keys.into_keys())
		.map(|key| key.to_vec())
		.collect();
	let after = chain.execute_with(state);
	let changed = before
		.keys()
		.chain(after.keys())
		.filter(|key| before.get(*key) != after.get(*key))
		.cloned()
		.collect();
	(read, changed)
}

/// A chain with a proven sector, and `others` deals, sectors and providers beside it.
fn chain_with(others: u64) -> (TestExternalities, Sealed) {
	leave_unchecked();
	let mut chain = development();
	let mut sealed = None;
	chain.execute_with(|| {
		let life = Sealed::new();
		let deal = pallet_market::Deals::<Runtime>::get(life.deal).unwrap();
		let sector = pallet_storage_provider::Sectors::<Runtime>::get(provider(), SECTOR).unwrap();
		let info = pallet_storage_provider::Providers::<Runtime>::get(provider()).unwrap();
		for number in 1..=others {
			pallet_market::Deals::<Runtime>::insert(life.deal + number, deal.clone());
			pallet_storage_provider::Sectors::<Runtime>::insert(
				provider(),
				SECTOR + number,
				sector.clone(),
			);
			let stranger = AccountId::from(sp_io::hashing::blake2_256(&number.to_le_bytes()));
			pallet_storage_provider::Providers::<Runtime>::insert(&stranger, info.clone());
			pallet_storage_provider::Sectors::<Runtime>::insert(stranger, SECTOR, sector.clone());
		}
		sealed = Some(life);
	});
	(chain, sealed.unwrap())
}

/// What a call touches with nobody else on the chain, and with many.
fn alone_and_among_many(
	prepare: impl Fn(&Sealed),
	call: impl Fn(&Sealed),
) -> [(BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>); 2] {
	[0, 500].map(|others| {
		let (mut chain, sealed) = chain_with(others);
		chain.execute_with(|| prepare(&sealed));
		touched(&mut chain, || call(&sealed))
	})
}

#[test]
fn settling_a_deal_touches_its_own_keys_only() {
	let [alone, among_many] = alone_and_among_many(
		|sealed| sealed.prove_until(sealed.end() - DURATION / 2),
		|sealed| {
			assert_ok!(sealed.settle());
		},
	);
	assert_eq!(alone, among_many);
	let (read, changed) = alone;
	// The deal, its sector and partition; two accounts and their holds; what every call reads.
	assert!(read.len() <= 16, "{} keys are read", read.len());
	assert!(changed.len() <= 8, "{} keys are changed", changed.len());
}

#[test]
fn a_window_post_of_one_partition_touches_its_own_keys_only() {
	let [alone, among_many] = alone_and_among_many(
		|sealed| run_to(window(&provider(), sealed.deadline).open),
		|sealed| {
			assert_ok!(sealed.submit());
		},
	);
	assert_eq!(alone, among_many);
	let (read, changed) = alone;
	assert!(read.len() <= 16, "{} keys are read", read.len());
	assert!(changed.len() <= 8, "{} keys are changed", changed.len());
}
