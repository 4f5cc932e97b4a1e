//! How fast the data path is, against a bound that is measured here, against its own parts, and against
//! `ipfs-car`. `make bench-data`; `JSON=FILE` writes the rows to a file.

#![allow(clippy::cast_precision_loss)]

mod measure;
mod peer;
mod rows;

fn main() -> Result<(), Box<dyn std::error::Error>> {
	let arguments: Vec<String> = std::env::args().skip(1).collect();
	// Cargo adds `--bench`.
	let words: Vec<&str> = arguments
		.iter()
		.map(String::as_str)
		.filter(|argument| !argument.starts_with("--"))
		.collect();
	match words[..] {
		[] => rows::all(),
		["memory"] => rows::memory(),
		["scaling"] => rows::scaling(),
		["pack", from, to] => {
			rows::pack_file(from.as_ref(), to.as_ref()).map(|root| println!("{root}"))
		},
		_ => Err("there are no such arguments".into()),
	}
}
