//! Times this project's verifier beside others, natively and in wasm.
//!
//! `runner GUEST.wasm [VECTOR.prf]`; `ROUNDS` is the number of rounds (9), `ONLY` a part of the
//! names of the cases to run, `JSON` a file for the figures.

mod blst_verifier;
mod engine;
mod files;

use std::{env, fs, hint::black_box, path::Path, time::Duration};

use anyhow::{ensure, Context, Result};
use cases::{Verifier, NAMES};
use rustix::time::{clock_gettime, ClockId};
use serde_json::json;

const SINGLE: u32 = 0;
const BATCH: u32 = 1;
const READ_KEY: u32 = 2;

/// What is timed of a file.
struct Case {
	name: &'static str,
	file: usize,
	what: u32,
	/// How many proofs that is.
	proofs: f64,
	/// Whether the naive method is timed too, which is slow.
	naive: bool,
}

/// The times of one case, in milliseconds, by place and verifier.
type Times = Vec<(String, Vec<f64>)>;

fn main() -> Result<()> {
	let mut arguments = env::args().skip(1);
	let guest = arguments.next().context("the guest's path is missing")?;
	let guest = fs::read(&guest).with_context(|| format!("cannot read {guest}"))?;
	let vector = arguments.next().filter(|path| Path::new(path).exists());
	let rounds: usize = env::var("ROUNDS").map_or(Ok(9), |rounds| rounds.parse())?;
	let only = env::var("ONLY").unwrap_or_default();

	let case = |name, file, what, proofs, naive| Case {
		name,
		file,
		what,
		proofs,
		naive,
	};
	let mut cases = vec![
		case("PoRep, 39 inputs", 0, SINGLE, 1.0, true),
		case("PoRep, 39 inputs, batch of 16, each", 0, BATCH, 16.0, false),
		case("PoRep, 327 inputs", 1, SINGLE, 1.0, true),
		case("ten 32 GiB partitions", 1, BATCH, 1.0, false),
		case("window PoSt, 25,839 inputs", 2, SINGLE, 1.0, false),
		case("read the key of 39 inputs", 0, READ_KEY, 1.0, false),
		case("read the key of 327 inputs", 1, READ_KEY, 1.0, false),
		case("read the key of 25,839 inputs", 2, READ_KEY, 1.0, false),
	];
	let mut files = vec![
		files::small_poreps(16)?,
		files::large_porep()?,
		files::window_post()?,
	];
	match &vector {
		Some(path) => {
			cases.insert(4, case("ten 32 GiB partitions, real", 3, BATCH, 1.0, false));
			files.push(fs::read(path)?);
		},
		None => println!("No seal32_x10.prf: the rows with real proofs are left out."),
	}
	cases.retain(|case| case.name.contains(&only));

	let mut rows = Vec::new();
	for case in &cases {
		let file = files.get(case.file).context("a case without a file")?;
		let times = time(case, file, &guest, rounds)?;
		report(case, &times, &mut rows);
	}
	if let Ok(path) = env::var("JSON") {
		fs::write(path, serde_json::to_string_pretty(&rows)?)?;
	}
	Ok(())
}

/// Medians of all verifiers, which take turns.
fn time(case: &Case, file: &[u8], guest: &[u8], rounds: usize) -> Result<Times> {
	let mut engine = engine::Guest::new(guest)?;
	let mut native: Vec<(String, Box<dyn Verifier>)> = Vec::new();
	let mut wasm = Vec::new();
	for (number, name) in NAMES.iter().enumerate() {
		if *name == "naive" && !case.naive {
			continue;
		}
		wasm.push((format!("wasm {name}"), engine.read(number, file)?));
		let verifier = cases::verifier(number, file).context("the file is unusable")?;
		native.push((format!("native {name}"), verifier));
	}
	if case.what != READ_KEY {
		let verifier = blst_verifier::Blst::read(file).context("the file is unusable")?;
		native.push(("native blst".into(), Box::new(verifier)));
	}
	let mut times: Times = wasm
		.iter()
		.map(|(name, _)| name)
		.chain(native.iter().map(|(name, _)| name))
		.map(|name| (name.clone(), Vec::new()))
		.collect();
	for round in 0..=rounds {
		let mut measured = Vec::new();
		for (_, verifier) in &wasm {
			measured.push(milliseconds(|| engine.run(*verifier, case.what))?);
		}
		for (_, verifier) in &native {
			measured.push(milliseconds(|| {
				Ok(match case.what {
					SINGLE => verifier.single(),
					BATCH => verifier.batch(),
					_ => verifier.read_key(),
				})
			})?);
		}
		// The first round warms up.
		if round > 0 {
			for ((_, times), time) in times.iter_mut().zip(measured) {
				times.push(time / case.proofs);
			}
		}
	}
	Ok(times)
}

/// The CPU time of one call, from as many as take a few milliseconds.
fn milliseconds(mut call: impl FnMut() -> Result<bool>) -> Result<f64> {
	let mut calls = 0.0;
	let start = cpu_time();
	loop {
		ensure!(black_box(call()?), "a valid proof was rejected");
		calls += 1.0;
		let elapsed = cpu_time() - start;
		if elapsed > Duration::from_millis(4) {
			return Ok(elapsed.as_secs_f64() * 1e3 / calls);
		}
	}
}

fn cpu_time() -> Duration {
	let time = clock_gettime(ClockId::ThreadCPUTime);
	Duration::new(
		u64::try_from(time.tv_sec).unwrap_or(0),
		u32::try_from(time.tv_nsec).unwrap_or(0),
	)
}

fn median(times: &[f64]) -> f64 {
	let mut sorted = times.to_vec();
	sorted.sort_by(f64::total_cmp);
	sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a case, and adds its comparisons to the rows.
fn report(case: &Case, times: &Times, rows: &mut Vec<serde_json::Value>) {
	println!("{}", case.name);
	for place in ["wasm", "native"] {
		let of = |verifier: &str| {
			let name = format!("{place} {verifier}");
			times
				.iter()
				.find(|(other, _)| *other == name)
				.map(|(_, times)| median(times))
		};
		let Some(ours) = of("ours") else { continue };
		print!("  {place:<7} ours {ours:>9.3} ms");
		for reference in ["arkworks", "naive", "blst"] {
			let Some(time) = of(reference) else { continue };
			let ratio = ours / time;
			print!("   {reference} {time:>9.3} ms (ours / it: {ratio:.3})");
			rows.push(json!({
				"name": format!("verifier: {}, {place}, against {reference}", case.name),
				"ours": ours,
				"reference": time,
				"unit": "ms",
				"ratio": ratio,
			}));
		}
		println!();
	}
}
