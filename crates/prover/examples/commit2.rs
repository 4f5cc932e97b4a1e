//! Commit phase 2 alone, for measuring it in a process of its own.
//!
//! ```text
//! cargo run --release -p holdfast-prover --example commit2 -- prepare 8MiB FILE
//! cargo run --release -p holdfast-prover --example commit2 -- ours FILE [TIMES]
//! cargo run --release -p holdfast-prover --example commit2 -- bellperson FILE [TIMES]
//! cargo run --release -p holdfast-prover --example commit2 -- compare FILE
//! ```
//!
//! `prepare` seals a sector of zeros and writes the output of commit phase 1; the others prove it and print
//! wall time, processor time and the process' peak memory. `compare` makes the first partition's proof with both
//! provers from the same randomness, and fails if they differ.

use std::{fs, process::ExitCode, time::Instant};

use holdfast_primitives::{KeyId, ProofKind, SectorSize};
use holdfast_prover::{
	add_pieces, default_directory, reference, seal_commit_phase1, seal_commit_phase2,
	seal_pre_commit_phase1, seal_pre_commit_phase2, Commit1Output, KeyStore, SealSubject,
	SectorPaths,
};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str =
	"usage: commit2 prepare SIZE FILE | ours FILE [TIMES] | bellperson FILE [TIMES] | compare FILE";

fn main() -> ExitCode {
	match run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("{error}");
			ExitCode::FAILURE
		},
	}
}

fn run() -> Result<(), Failure> {
	let arguments: Vec<String> = std::env::args().skip(1).collect();
	let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
	let store = KeyStore::open(default_directory()?)?;
	match arguments[..] {
		["prepare", size, file] => {
			let size: SectorSize = size.parse()?;
			let key = KeyId {
				kind: ProofKind::PoRep,
				sector_size: size,
			};
			store.ensure(key, &|_| {})?;
			fs::write(file, serde_json::to_vec(&prepare(size)?)?)?;
			Ok(())
		},
		["compare", file] => {
			let commit: Commit1Output = serde_json::from_slice(&fs::read(file)?)?;
			let [ours, theirs] = reference::commit_with_both(&commit, 0, [1; 32])?;
			if ours != theirs {
				return Err("the proofs differ".into());
			}
			println!("the proofs are the same: {}", const_hex::encode(ours));
			Ok(())
		},
		["ours", file] => prove(file, 1, seal_commit_phase2),
		["ours", file, times] => prove(file, times.parse()?, seal_commit_phase2),
		["bellperson", file] => prove(file, 1, reference::seal_commit_phase2),
		["bellperson", file, times] => prove(file, times.parse()?, reference::seal_commit_phase2),
		_ => Err(USAGE.into()),
	}
}

fn prepare(sector_size: SectorSize) -> Result<Commit1Output, Failure> {
	let work = tempfile::tempdir()?;
	let paths = SectorPaths {
		unsealed: work.path().join("unsealed"),
		sealed: work.path().join("sealed"),
		cache: work.path().join("cache"),
	};
	let subject = SealSubject {
		sector_size,
		prover_id: [9; 32],
		sector: 7,
		ticket: [3; 32],
		pieces: Vec::new(),
	};
	add_pieces(sector_size, &[], &paths.unsealed)?;
	let labels = seal_pre_commit_phase1(&subject, &paths)?;
	let (comm_r, _) = seal_pre_commit_phase2(&labels, &paths)?;
	Ok(seal_commit_phase1(&subject, &paths, comm_r, &[5; 32])?)
}

fn prove<T, E: std::error::Error + 'static>(
	file: &str,
	times: usize,
	prover: impl Fn(&Commit1Output) -> Result<T, E>,
) -> Result<(), Failure> {
	let commit: Commit1Output = serde_json::from_slice(&fs::read(file)?)?;
	for _ in 0..times {
		let (start, before) = (Instant::now(), usage("stat"));
		prover(&commit)?;
		let cpu = usage("stat")? - before?;
		println!(
			"{:.2} s, {cpu:.2} CPU-s, {} MiB at most",
			start.elapsed().as_secs_f64(),
			peak()?
		);
	}
	Ok(())
}

/// The processor time of this process so far.
fn usage(name: &str) -> Result<f64, Failure> {
	let text = fs::read_to_string(format!("/proc/self/{name}"))?;
	// After the name in parentheses: state, 10 more fields, then user and system time in 1/100 s.
	let rest = text.rsplit_once(')').ok_or("no process name")?.1;
	let mut fields = rest.split_whitespace().skip(11);
	let mut next = || -> Result<f64, Failure> { Ok(fields.next().ok_or("too short")?.parse()?) };
	Ok((next()? + next()?) / 100.0)
}

/// The most memory that this process has had resident, in MiB.
fn peak() -> Result<u64, Failure> {
	let text = fs::read_to_string("/proc/self/status")?;
	let line = text
		.lines()
		.find_map(|line| line.strip_prefix("VmHWM:"))
		.ok_or("no VmHWM")?;
	Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
