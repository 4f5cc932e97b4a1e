//! What validators spend on blocks full of proofs: `make bench-pvf`.
//!
//! A block is filled with calls until its weight limit refuses one, as a collator does it, and executed a few
//! times. The time is the executing thread's processor time, so that other work on the machine does not count
//! except for what it does to the caches.

use crate::{
	chain::Candidate,
	network::{Network, ProviderCall, BATCH},
	relay::{self, Pvf},
	runtime::Runtime,
	wasm,
};
use codec::Encode;
use cumulus_primitives_core::relay_chain::MAX_POV_SIZE;
use holdfast_primitives::{Policy, SectorSize};
use std::time::Duration;

/// What the relay chain gives to a block.
const BLOCK_TIME: Duration = Duration::from_secs(2);
/// How often each block is executed; the median counts.
const RUNS: usize = 5;
const PROVIDERS: usize = 8;
/// What polka-storage's weights (932.9 ms for one sector, 647.4 ms for one partition of two) admit in the 75 % of
/// two seconds that its block has for calls.
const POLKA_STORAGE_POREPS: usize = 1;
const POLKA_STORAGE_WINDOW_POSTS: usize = 2;

/// A way to fill a block.
struct Case {
	name: &'static str,
	sector_size: SectorSize,
	kind: Kind,
	/// How many sectors or partitions there are to be proven.
	available: usize,
	/// How many of them are in each call.
	batch: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
	PoRep,
	WindowPoSt,
}

const CASES: [Case; 4] = [
	Case {
		name: "PoRep 8 MiB, calls of 16",
		sector_size: SectorSize::MiB8,
		kind: Kind::PoRep,
		available: 256,
		batch: BATCH,
	},
	Case {
		name: "PoRep 8 MiB, calls of 1",
		sector_size: SectorSize::MiB8,
		kind: Kind::PoRep,
		available: 160,
		batch: 1,
	},
	Case {
		name: "PoRep 32 GiB, calls of 4",
		sector_size: SectorSize::GiB32,
		kind: Kind::PoRep,
		available: 32,
		batch: 4,
	},
	Case {
		name: "window PoSt 8 MiB, calls of 16",
		sector_size: SectorSize::MiB8,
		kind: Kind::WindowPoSt,
		available: 480,
		batch: BATCH,
	},
];

/// What a block costs.
struct Cost {
	time: Duration,
	/// The proof of validity as validators decode it, and as it is sent.
	pov_bytes: usize,
	sent_bytes: usize,
}

/// What a full block holds and costs, and what would fit if only the relay chain set the limit.
struct Full {
	proven: usize,
	cost: Cost,
	fit_by_time: usize,
	fit_by_size: usize,
}

impl Full {
	fn fit(&self) -> usize {
		self.fit_by_time.min(self.fit_by_size)
	}
}

/// A runtime and the validators that it runs on.
struct Variant {
	name: &'static str,
	runtime: Runtime,
	pvf: Pvf,
}

#[test]
#[ignore = "takes minutes and only measures: make bench-pvf"]
fn figures() {
	let mut records = Vec::new();
	for variant in variants() {
		let Variant { name, pvf, .. } = &variant;
		println!(
			"{name}: {:.2} MiB of code, {:.2} MiB compressed, prepared in {:.1} s",
			mebibytes(pvf.code_bytes),
			mebibytes(variant.runtime.code().len()),
			pvf.prepare_time.as_secs_f64(),
		);
		println!(
			"  {:32} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}",
			"a block full of",
			"proven",
			"time ms",
			"each ms",
			"PoV KiB",
			"sent KiB",
			"fit 2 s",
			"fit 10M",
			"polka"
		);
		records.push(record(
			name,
			"prepare",
			pvf.prepare_time.as_secs_f64(),
			None,
			"s",
		));
		for case in &CASES {
			let full = measure(&variant, case);
			let reference = match case.kind {
				Kind::PoRep => POLKA_STORAGE_POREPS,
				Kind::WindowPoSt => POLKA_STORAGE_WINDOW_POSTS,
			};
			println!(
				"  {:32} {:>7} {:>9.1} {:>9.3} {:>9.1} {:>8.1} {:>8} {:>8} {:>8}",
				case.name,
				full.proven,
				milliseconds(full.cost.time),
				milliseconds(full.cost.time) / full.proven as f64,
				full.cost.pov_bytes as f64 / 1024.0,
				full.cost.sent_bytes as f64 / 1024.0,
				full.fit_by_time,
				full.fit_by_size,
				reference,
			);
			let mut note = |what: &str, ours, reference, unit| {
				records.push(record(
					name,
					&format!("{}, {what}", case.name),
					ours,
					reference,
					unit,
				));
			};
			let reference = Some(reference as f64);
			note(
				"in a block by weight",
				full.proven as f64,
				reference,
				"proven",
			);
			note(
				"in a block by time and size",
				full.fit() as f64,
				reference,
				"proven",
			);
			note(
				"time of the block",
				milliseconds(full.cost.time),
				None,
				"ms",
			);
			note("PoV of the block", full.cost.pov_bytes as f64, None, "B");
		}
	}
	if let Some(path) = std::env::var_os("JSON") {
		let json = serde_json::to_vec_pretty(&records).unwrap();
		std::fs::write(path, json).unwrap();
	}
}

fn variants() -> Vec<Variant> {
	let variant = |name, code: Option<&[u8]>, params| {
		let code = code.expect("the node is built with its runtime");
		Variant {
			name,
			runtime: Runtime::new(code),
			pvf: Pvf::prepare(code, params).unwrap(),
		}
	};
	vec![
		variant("pure wasm", wasm::WASM_BINARY, relay::as_on_polkadot()),
		#[cfg(feature = "hostcalls-runtime")]
		variant(
			"host functions",
			crate::hostcalls_wasm::WASM_BINARY,
			relay::with_curve_functions(),
		),
	]
}

fn measure(variant: &Variant, case: &Case) -> Full {
	let (mut network, calls, proofs) = prepare(variant, case);
	let empty = network.clone().block_of(&[]).0;
	let (candidate, outcomes) = network.block_of(&calls);
	let proven = match case.kind {
		Kind::PoRep => network.proven_sectors(),
		Kind::WindowPoSt => network.partitions_proven_now(),
	};
	assert_eq!(proven, proofs[..outcomes.len()].iter().sum::<usize>());
	let (empty, full) = (cost(&variant.pvf, &empty), cost(&variant.pvf, &candidate));
	let fit = |limit: f64, empty: f64, full: f64| {
		((limit - empty) / ((full - empty) / proven as f64)).floor() as usize
	};
	Full {
		proven,
		fit_by_time: fit(
			BLOCK_TIME.as_secs_f64(),
			empty.time.as_secs_f64(),
			full.time.as_secs_f64(),
		),
		fit_by_size: fit(
			f64::from(MAX_POV_SIZE),
			empty.pov_bytes as f64,
			full.pov_bytes as f64,
		),
		cost: full,
	}
}

/// A network with enough to be proven in the next block, the calls, and how many sectors or partitions each
/// of them proves.
fn prepare(variant: &Variant, case: &Case) -> (Network, Vec<ProviderCall>, Vec<usize>) {
	// Half of all partitions are due at any time, and none before everything is set up.
	let policy = Policy {
		proving_period: 960,
		deadlines: 2,
		min_sector_lifetime: 960,
		..Policy::devnet()
	};
	let mut network = Network::new(variant.runtime.clone(), policy, case.sector_size, PROVIDERS);
	let sectors = match case.kind {
		Kind::PoRep => case.available,
		Kind::WindowPoSt => {
			let partition = case.sector_size.window_post_partition_sectors() as usize;
			2 * partition * case.available
		},
	};
	network.pre_commit(sectors / PROVIDERS);
	network.await_seeds();
	if case.kind == Kind::PoRep {
		let calls = network.prove_commit_calls(case.batch);
		let proofs = vec![case.batch; calls.len()];
		return (network, calls, proofs);
	}
	network.include(network.prove_commit_calls(BATCH));
	network.forget_pre_commits();
	network.await_windows();
	let calls = network.window_post_calls(case.batch);
	let proofs = network.window_post_sizes(case.batch);
	(network, calls, proofs)
}

fn cost(pvf: &Pvf, candidate: &Candidate) -> Cost {
	let block_data = candidate.block_data();
	let params = candidate.validation_params(&block_data);
	let mut times: Vec<_> = (0..RUNS)
		.map(|_| {
			let verdict = pvf.validate(&params);
			let time = verdict.time;
			assert_eq!(verdict.head(), candidate.head_data());
			time
		})
		.collect();
	times.sort();
	let pov = block_data.encode();
	let sent =
		sp_maybe_compressed_blob::compress_weakly(&pov, 2 * pov.len()).unwrap_or(pov.clone());
	Cost {
		time: times[RUNS / 2],
		pov_bytes: pov.len(),
		sent_bytes: sent.len(),
	}
}

fn record(
	variant: &str,
	name: &str,
	ours: f64,
	reference: Option<f64>,
	unit: &str,
) -> serde_json::Value {
	serde_json::json!({
		"name": format!("{variant}: {name}"),
		"ours": ours,
		"reference": reference,
		"unit": unit,
		"ratio": reference.map(|reference| ours / reference),
	})
}

fn milliseconds(time: Duration) -> f64 {
	time.as_secs_f64() * 1e3
}

fn mebibytes(bytes: usize) -> f64 {
	bytes as f64 / f64::from(1 << 20)
}
