//! What verification costs: `cargo bench -p holdfast-verifier --features trapdoor`.
//!
//! Prints the fastest of many runs, which other work on the machine disturbs least. The keys have a
//! known trapdoor, so that statements of any size can be proven here; verifying costs what it costs
//! with any other key.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
	hint::black_box,
	time::{Duration, Instant},
};

use holdfast_verifier::{
	porep::Statement, trapdoor::TrapdoorKey, verify, verify_batch, Fr, PreparedVerifyingKey,
};

const RUNS: usize = 60;

fn statement(sector_bytes: u64, sector_number: u64) -> Statement {
	Statement {
		sector_bytes,
		porep_id: [1; 32],
		prover_id: [2; 32],
		sector_number,
		comm_d: [3; 32],
		comm_r: [4; 32],
		ticket: [5; 32],
		seed: [6; 32],
	}
}

fn measure<T>(name: &str, mut run: impl FnMut() -> T) {
	let fastest = (0..RUNS)
		.map(|_| {
			let start = Instant::now();
			black_box(run());
			start.elapsed()
		})
		.min()
		.unwrap_or(Duration::ZERO);
	println!("{name:<32} {:>10.1} µs", fastest.as_secs_f64() * 1e6);
}

fn main() {
	for (name, bytes, inputs) in [("8 MiB", 8u64 << 20, 39), ("32 GiB", 32 << 30, 327)] {
		let key = TrapdoorKey::new(inputs, b"bench");
		let prepared = PreparedVerifyingKey::from_bytes(&key.verifying_key()).unwrap();
		let encoded = prepared.encode();
		let partitions: Vec<Vec<Fr>> = (0..16)
			.flat_map(|number| statement(bytes, number).public_inputs().unwrap())
			.take(16)
			.collect();
		let proofs: Vec<(&[Fr], [u8; 192])> = partitions
			.iter()
			.map(|inputs| (inputs.as_slice(), key.forge(inputs, b"proof")))
			.collect();
		measure(&format!("{name}: read the stored key"), || {
			PreparedVerifyingKey::decode_trusted(black_box(&encoded)).unwrap()
		});
		measure(&format!("{name}: public inputs"), || {
			statement(bytes, black_box(7)).public_inputs().unwrap()
		});
		measure(&format!("{name}: one proof"), || {
			verify(&prepared, proofs[0].0, black_box(&proofs[0].1)).unwrap()
		});
		for count in [2, 3, 4, 6, 10, 16] {
			measure(&format!("{name}: batch of {count}"), || {
				verify_batch(&prepared, black_box(&proofs[..count])).unwrap()
			});
		}
	}
}
