//! Any bytes as a sequence of transactions: no panic, and every rule of the storage pallets holds afterwards.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/sector_life/chain.rs"]
mod chain;
#[allow(dead_code)]
#[path = "../../tests/extrinsics/sequence.rs"]
mod sequence;

use libfuzzer_sys::fuzz_target;
use std::cell::OnceCell;

thread_local! {
	static START: OnceCell<sequence::Start> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
	START.with(|start| {
		start.get_or_init(sequence::Start::new).apply(bytes);
	});
});
