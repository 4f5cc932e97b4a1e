//! Transactions of any bytes: no panic, and every rule of the storage pallets holds afterwards. `make fuzz-runtime`
//! looks for sequences that break one, with the compiler's coverage; here are random ones.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../sector_life/chain.rs"]
mod chain;
mod seeds;
mod sequence;

use rand::{rngs::StdRng, seq::SliceRandom, Rng, SeedableRng};
use sequence::{Start, Summary};

/// How many sequences of each sort are tried.
const SEQUENCES: u64 = 150;

fn add(sum: &mut Summary, other: Summary) {
	sum.accepted += other.accepted;
	sum.refused += other.refused;
	sum.invalid += other.invalid;
	sum.blocks += other.blocks;
}

/// Applies a sequence, and says which it was if that fails.
fn apply(start: &Start, bytes: &[u8]) -> Summary {
	let apply = std::panic::AssertUnwindSafe(|| start.apply(bytes));
	std::panic::catch_unwind(apply).unwrap_or_else(|cause| {
		println!("the sequence {}", const_hex::encode(bytes));
		std::panic::resume_unwind(cause)
	})
}

#[test]
fn the_seeds_make_sense() {
	let start = Start::new();
	for steps in seeds::all(&start) {
		let summary = apply(&start, &steps.concat());
		assert_eq!(summary.invalid, 0, "{summary:?}");
		assert!(summary.accepted >= 4, "{summary:?}");
	}
}

#[test]
fn random_bytes_break_nothing() {
	let start = Start::new();
	let mut rng = StdRng::seed_from_u64(1);
	for _ in 0..SEQUENCES {
		let mut bytes = vec![0; rng.gen_range(0..400)];
		rng.fill(&mut bytes[..]);
		apply(&start, &bytes);
	}
}

/// Steps of any seeds in any order, some of whose bytes are others.
fn changed(seeds: &[Vec<Vec<u8>>], rng: &mut StdRng) -> Vec<u8> {
	let mut steps: Vec<Vec<u8>> = Vec::new();
	for _ in 0..rng.gen_range(1..4) {
		let mut seed = seeds.choose(rng).unwrap().clone();
		if rng.gen_bool(0.5) {
			seed.shuffle(rng);
		}
		steps.extend(seed);
	}
	for step in &mut steps {
		if rng.gen_bool(0.4) {
			// Not the length, or all that follows would be something else.
			let from = 3.min(step.len() - 1);
			let place = rng.gen_range(from..step.len());
			step[place] = match rng.gen_range(0..4) {
				0 => 0,
				1 => u8::MAX,
				2 => step[place] ^ (1 << rng.gen_range(0..8)),
				_ => rng.gen(),
			};
		}
	}
	let mut bytes = steps.concat();
	if rng.gen_bool(0.1) {
		let cut = rng.gen_range(0..bytes.len());
		bytes.remove(cut);
	}
	bytes
}

#[test]
fn changed_sequences_break_nothing() {
	let start = Start::new();
	let seeds = seeds::all(&start);
	let mut rng = StdRng::seed_from_u64(2);
	let mut sum = Summary::default();
	for _ in 0..SEQUENCES {
		add(&mut sum, apply(&start, &changed(&seeds, &mut rng)));
	}
	// Or nothing was tried.
	let Summary {
		accepted,
		refused,
		invalid,
		blocks,
	} = sum;
	assert!(accepted > 300 && refused > 300, "{sum:?}");
	assert!(invalid > 10 && blocks > 1_000, "{sum:?}");
}

/// Not a test: `make fuzz-runtime` runs it.
#[test]
#[ignore = "writes the fuzz target's corpus"]
fn write_the_corpus() {
	let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/extrinsics");
	std::fs::create_dir_all(folder).unwrap();
	for (index, steps) in seeds::all(&Start::new()).iter().enumerate() {
		std::fs::write(format!("{folder}/seed-{index}"), steps.concat()).unwrap();
	}
}
