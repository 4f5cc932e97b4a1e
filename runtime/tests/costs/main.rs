//! What calls and hooks cost, by their weights and by the keys of the state that they touch, with few and with many
//! sectors and providers beside what is measured. `make costs` writes `docs/protocol/costs.md`; an ordinary test
//! compares smaller crowds, and the document with them.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../sector_life/chain.rs"]
mod chain;
mod document;
mod measure;
mod scenario;
mod state;

use std::collections::BTreeSet;

use frame_support::traits::GetCallName;
use holdfast_runtime::Runtime;
use measure::Row;
use state::Crowd;

/// Nobody but what is measured.
const ALONE: Crowd = Crowd {
	sectors: 0,
	providers: 0,
};

fn touched(rows: &[Row]) -> Vec<(&'static str, usize, usize)> {
	rows.iter()
		.map(|row| (row.name, row.reads, row.writes))
		.collect()
}

#[test]
fn the_keys_that_a_call_touches_do_not_grow_with_sectors_or_providers() {
	let alone = scenario::measure(ALONE);
	let few = scenario::measure(Crowd {
		sectors: 100,
		providers: 0,
	});
	let many = scenario::measure(Crowd {
		sectors: 1_000,
		providers: 200,
	});
	assert_eq!(touched(&few), touched(&many));
	for (alone, few) in alone.iter().zip(&few) {
		// Which partitions and neighbours are there already is a key more or less.
		assert_eq!(alone.name, few.name);
		let near = |alone: usize, few: usize| few.abs_diff(alone) <= 1;
		assert!(near(alone.reads, few.reads), "{alone:?} {few:?}");
		assert!(near(alone.writes, few.writes), "{alone:?} {few:?}");
	}
	document::check(&[&alone, &few]);
}

#[test]
fn every_call_of_the_storage_pallets_is_measured() {
	fn calls<Call: GetCallName>(pallet: &str) -> Vec<String> {
		let names = Call::get_call_names().iter();
		names.map(|name| format!("{pallet}.{name}")).collect()
	}
	let all = [
		calls::<pallet_storage_provider::Call<Runtime>>("storageProvider"),
		calls::<pallet_market::Call<Runtime>>("market"),
		calls::<pallet_proofs::Call<Runtime>>("proofs"),
		calls::<pallet_faucet::Call<Runtime>>("faucet"),
	];
	let all: BTreeSet<String> = all.into_iter().flatten().collect();
	let rows = scenario::measure(ALONE);
	let measured = rows.iter().map(|row| row.name.to_string());
	let measured: BTreeSet<_> = measured.filter(|name| !name.starts_with("hook")).collect();
	assert_eq!(measured, all);
}

/// Not a test: `make costs` runs it.
#[test]
#[ignore = "writes docs/protocol/costs.md; large states take minutes"]
fn write_the_document() {
	let crowds = [(0, 0), (100, 0), (100_000, 0), (0, 10_000)];
	let measured = crowds.map(|(sectors, providers)| {
		println!("beside {sectors} sectors and {providers} providers");
		scenario::measure(Crowd { sectors, providers })
	});
	document::write(&measured.each_ref().map(Vec::as_slice));
}
