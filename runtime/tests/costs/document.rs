//! `docs/protocol/costs.md`.

use std::{fmt::Write, path::PathBuf};

use crate::measure::Row;

const INTRODUCTION: &str = "\
# What calls cost

Written by `make costs`: do not edit. Each call, and each kind of work that a hook does, is done once in the runtime's own pallets, with one sector, one partition or one deal, beside a crowd that has nothing to do with it. The crowds are, from left to right: nobody, so that the provider has about one sector; 100 sectors of the provider; 100,000 sectors of the provider, in 50,000 partitions; 10,000 providers.

- **Weight** is what is charged before the call: reference time and proof size, by the benchmarks in the chain's wasm (`make weights`), the worst case of the proofs' verification included. It is the same whatever is stored.
- **Reads** and **writes** are keys of the state, each counted once, without those that every block touches anyway (the block's number, its events, the total issuance and the like). One number says that it is the same beside all four crowds.
- **Proof** is the compact storage proof, as a validator gets it, of everything that was read and of what the new state root needs. A trie's depth grows with the logarithm of what is in it, so these grow a little with any state, whoever's it is.

`runtime/tests/costs/` measures, and compares the crowds in the ordinary tests: no call's and no hook's reads or writes grow. Where the provider has other partitions already, some calls read a key more or less than without them, and never another one however many there are.

";

const HEADER: &str = "\
| | ref. time, ms | proof size, KB | reads | writes | proof, bytes: nobody | 100 sectors | 100,000 sectors | 10,000 providers |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

fn path() -> PathBuf {
	let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
	PathBuf::from(package).join("../docs/protocol/costs.md")
}

/// One number if they are all the same.
fn together(numbers: impl Iterator<Item = usize> + Clone) -> String {
	let mut distinct: Vec<_> = numbers.clone().collect();
	distinct.dedup();
	match distinct[..] {
		[number] => number.to_string(),
		_ => numbers
			.map(|number| number.to_string())
			.collect::<Vec<_>>()
			.join(" / "),
	}
}

fn thousandths(value: u64, unit: u64) -> String {
	let scaled = value / (unit / 1_000);
	format!("{}.{:03}", scaled / 1_000, scaled % 1_000)
}

/// Writes what was measured beside each crowd.
pub fn write(crowds: &[&[Row]]) {
	let mut text = format!("{INTRODUCTION}{HEADER}");
	for (index, row) in crowds[0].iter().enumerate() {
		let same: Vec<&Row> = crowds.iter().map(|rows| &rows[index]).collect();
		assert!(same.iter().all(|other| other.name == row.name));
		let proofs: Vec<_> = same.iter().map(|row| row.proof_bytes.to_string()).collect();
		writeln!(
			text,
			"| {} | {} | {} | {} | {} | {} |",
			row.name,
			thousandths(row.weight.ref_time(), 1_000_000_000),
			thousandths(row.weight.proof_size(), 1_000),
			together(same.iter().map(|row| row.reads)),
			together(same.iter().map(|row| row.writes)),
			proofs.join(" | "),
		)
		.unwrap();
	}
	std::fs::write(path(), text).unwrap();
}

/// Asserts that the document says what was measured beside the first crowds.
pub fn check(crowds: &[&[Row]]) {
	let text = std::fs::read_to_string(path()).unwrap();
	for (index, row) in crowds[0].iter().enumerate() {
		let line = text
			.lines()
			.find(|line| line.starts_with(&format!("| {} |", row.name)))
			.unwrap_or_else(|| panic!("{} is not in the document: run `make costs`", row.name));
		let cells: Vec<_> = line.split('|').map(str::trim).collect();
		for (crowd, rows) in crowds.iter().enumerate() {
			let said = |cell: &str| {
				let numbers: Vec<_> = cell.split(" / ").collect();
				numbers.get(crowd).or(numbers.first()).unwrap().to_string()
			};
			let (reads, writes) = (said(cells[4]), said(cells[5]));
			let Row {
				reads: r,
				writes: w,
				..
			} = rows[index];
			assert_eq!(
				(reads, writes),
				(r.to_string(), w.to_string()),
				"{}: run `make costs`",
				row.name
			);
		}
	}
}
