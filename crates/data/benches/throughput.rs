//! How fast files are packed, hashed and unpacked, in MiB/s of the file. `cargo bench -p holdfast-data`.

use holdfast_data::{pack, Package, PieceHasher, Unpacker};
use std::{
	io::{self, Cursor, Read},
	time::Instant,
};

const FILE_MIB: usize = 256;
const RUNS: usize = 5;

fn main() {
	let file: Vec<u8> = (0..FILE_MIB << 20)
		.map(|index: usize| (index >> 3 ^ index).to_le_bytes()[0])
		.collect();
	measure("CommP", || {
		let mut hasher = PieceHasher::new();
		for part in file.chunks(1 << 20) {
			hasher.write(part);
		}
		hasher
			.finish()
			.map(|_| ())
			.map_err(|error| error.to_string())
	});
	measure("CommP, small writes (one core)", || {
		let mut hasher = PieceHasher::new();
		for part in file.chunks(64 << 10) {
			hasher.write(part);
		}
		hasher
			.finish()
			.map(|_| ())
			.map_err(|error| error.to_string())
	});
	measure("pack (CIDs, CARs and CommP)", || {
		pack_file(&file).map(|_| ())
	});
	let package = match pack_file(&file) {
		Ok(package) => package,
		Err(error) => return eprintln!("{error}"),
	};
	measure("CARs from the file", || {
		for shard in &package.shards {
			let mut reader = shard.layout.open_at(Cursor::new(&file), 0);
			io::copy(&mut reader, &mut io::sink()).map_err(|error| error.to_string())?;
		}
		Ok(())
	});
	let mut cars = Vec::new();
	for shard in &package.shards {
		let mut car = Vec::new();
		if shard
			.layout
			.open_at(Cursor::new(&file), 0)
			.read_to_end(&mut car)
			.is_ok()
		{
			cars.push(car);
		}
	}
	measure("unpack", || {
		let mut unpacker = Unpacker::new(package.root, package.file_bytes, io::sink());
		for car in &cars {
			unpacker
				.shard(&car[..])
				.map_err(|error| error.to_string())?;
		}
		unpacker
			.finish()
			.map(|_| ())
			.map_err(|error| error.to_string())
	});
}

fn pack_file(file: &[u8]) -> Result<Package, String> {
	pack(file, 32 << 20, &mut |_| {}).map_err(|error| error.to_string())
}

/// Prints the best and the median of a few runs.
fn measure(what: &str, mut run: impl FnMut() -> Result<(), String>) {
	let mut rates = Vec::new();
	for _ in 0..RUNS {
		let start = Instant::now();
		if let Err(error) = run() {
			return eprintln!("{what}: {error}");
		}
		rates.push(FILE_MIB as f64 / start.elapsed().as_secs_f64());
	}
	rates.sort_by(f64::total_cmp);
	println!(
		"{what}: {:.0} MiB/s (median {:.0})",
		rates[RUNS - 1],
		rates[RUNS / 2]
	);
}
