//! What is measured.

use holdfast_data::{
	archive::create,
	blocks::StoredCar,
	car::{CarVersion, Limits},
	extract::{extract, ExtractOptions},
	import::ImportOptions,
	pack,
	pack::pack_into,
	sha256::Engine,
	Cid, PieceHasher, Unpacker,
};
use std::{
	error::Error,
	fs::{self, File},
	io::{self, Read},
	path::{Path, PathBuf},
	process::Command,
};

use crate::{
	measure::{least_cpu, least_time, print, Row},
	peer,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const MIB: f64 = 1_048_576.0;
const FILE_MIB: usize = 256;
const RUNS: usize = 7;
/// Larger than any file here: all shards are one.
const ONE_SHARD: u64 = 1 << 40;
const LARGE_FILE_BYTES: u64 = 4 << 30;

/// Everything, as a table.
pub fn all() -> Result<()> {
	let mut rows = memory_row()?;
	let folder = Folder::new()?;
	let file = folder.0.join("file");
	let bytes = write_file(&file)?;
	rows.extend(on_one_core(&file, bytes)?);
	rows.extend(scaling_row(&file)?);
	rows.extend(peer::row(&folder.0, &file, bytes)?);
	print(&rows)?;
	Ok(())
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
	fn new() -> io::Result<Self> {
		let path = std::env::temp_dir().join(format!("holdfast-bench-data-{}", std::process::id()));
		fs::create_dir(&path)?;
		Ok(Self(path))
	}
}

impl Drop for Folder {
	fn drop(&mut self) {
		// Nothing can be done about a folder that stays.
		let _ = fs::remove_dir_all(&self.0);
	}
}

/// Bytes that no one has seen before, as fast as memory.
struct Noise {
	left: u64,
	state: u64,
}

impl Read for Noise {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		let length = usize::try_from(self.left)
			.unwrap_or(usize::MAX)
			.min(buffer.len());
		for bytes in buffer[..length].chunks_mut(8) {
			self.state ^= self.state << 13;
			self.state ^= self.state >> 7;
			self.state ^= self.state << 17;
			bytes.copy_from_slice(&self.state.to_le_bytes()[..bytes.len()]);
		}
		self.left -= u64::try_from(length).map_err(io::Error::other)?;
		Ok(length)
	}
}

const fn noise(bytes: u64) -> Noise {
	Noise {
		left: bytes,
		state: 0x9e37_79b9_7f4a_7c15,
	}
}

fn write_file(path: &Path) -> Result<f64> {
	let bytes = u64::try_from(FILE_MIB << 20)?;
	io::copy(&mut noise(bytes), &mut File::create(path)?)?;
	Ok(bytes as f64)
}

fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> Result<T> {
	let pool = rayon::ThreadPoolBuilder::new()
		.num_threads(threads)
		.build()?;
	Ok(pool.install(run))
}

/// CommP of bytes in memory.
fn comm_p_of(bytes: &[u8]) -> Result<[u8; 32]> {
	let mut hasher = PieceHasher::new();
	// As much at a time as many threads can share.
	for part in bytes.chunks(32 << 20) {
		hasher.write(part);
	}
	Ok(hasher.finish()?.commitment)
}

/// CommP of a file and nothing else.
fn comm_p(path: &Path) -> Result<[u8; 32]> {
	let mut hasher = PieceHasher::new();
	hasher.read_from(File::open(path)?, &mut |_| {})?;
	Ok(hasher.finish()?.commitment)
}

/// The hashes of CommP's tree and nothing else: what no program of this engine can be faster than.
fn bound(bytes: f64) {
	const PAIRS: usize = 256;
	let pairs = [[0x5a; 64]; PAIRS];
	let mut hashes = [[0; 32]; PAIRS];
	let engine = Engine::fastest();
	// A node for each 31.75 bytes, and as many above.
	let mut left = bytes / 31.75;
	while left > 0.0 {
		engine.hash_pairs(std::hint::black_box(&pairs), &mut hashes);
		std::hint::black_box(&hashes);
		left -= PAIRS as f64;
	}
}

/// The DAG, the CAR and CommP of a file in one pass; the CAR goes nowhere.
fn everything(path: &Path) -> Result<Cid> {
	Ok(pack(File::open(path)?, ONE_SHARD, &mut |_| {})?.root)
}

/// Packs a file into a CAR file, without CommP.
pub fn pack_file(from: &Path, to: &Path) -> Result<Cid> {
	let options = ImportOptions::default();
	let out = File::create(to)?;
	let (_, created) = create(
		&[from.to_owned()],
		false,
		&options,
		out,
		CarVersion::One,
		&mut |_| {},
	)?;
	Ok(created.root.cid)
}

/// Makes a file of a CAR, as `holdfast car extract` does.
fn extract_file(car: &Path, to: &Path, root: Cid) -> Result<()> {
	let mut blocks = StoredCar::open(File::open(car)?, Limits::default())?;
	let options = ExtractOptions {
		overwrite: true,
		..ExtractOptions::default()
	};
	extract(&mut blocks, &root, to, &options, &mut |_| {})?;
	Ok(())
}

/// Makes a file of its shards while they stream by, as `holdfast get` does.
fn unpack(car: &Path, to: &Path, root: Cid, bytes: u64) -> Result<()> {
	let mut unpacker = Unpacker::new(root, bytes, File::create(to)?);
	unpacker.shard(File::open(car)?)?;
	unpacker.finish()?;
	Ok(())
}

fn on_one_core(file: &Path, bytes: f64) -> Result<Vec<Row>> {
	let (car, copy) = (file.with_extension("car"), file.with_extension("copy"));
	let unpacked = file.with_extension("unpacked");
	let size = fs::metadata(file)?.len();
	let root = pack_file(file, &car)?;
	let data = fs::read(file)?;
	let times = on_threads(1, || {
		least_cpu(
			RUNS,
			&mut [
				&mut || bound(bytes),
				&mut || drop(comm_p_of(&data)),
				&mut || drop(comm_p(file)),
				&mut || drop(everything(file)),
				&mut || drop(pack_file(file, &car)),
				&mut || drop(extract_file(&car, &copy, root)),
				&mut || drop(unpack(&car, &unpacked, root, size)),
			],
		)
	})?;
	let are_whole = fs::read(&copy)? == data && fs::read(&unpacked)? == data;
	if everything(file)? != root || !are_whole {
		return Err("the pass and the CAR do not agree".into());
	}
	let [bound, in_memory, comm_p, everything, pack, extract, unpack] = times[..] else {
		return Err("seven were measured".into());
	};
	let engine = Engine::fastest().name();
	Ok(vec![
		Row::new(
			"CommP, one core, against 800 MB/s",
			bytes / comm_p / 1e6,
			800.0,
			"MB/s",
			1.0,
		),
		Row::new(
			format!("CommP, one core, against bare hashes ({engine})"),
			bytes / in_memory / 1e6,
			bytes / bound / 1e6,
			"MB/s",
			0.8,
		),
		Row::new(
			"DAG, CAR and CommP in one pass against CommP, one core",
			bytes / everything / 1e6,
			bytes / comm_p / 1e6,
			"MB/s",
			0.75,
		),
		Row::new(
			"CAR pack, one core, against 1 GiB/s",
			bytes / pack / MIB,
			1024.0,
			"MiB/s",
			1.0,
		),
		Row::new(
			"Extract with verification, one core, against 1 GiB/s",
			bytes / extract / MIB,
			1024.0,
			"MiB/s",
			1.0,
		),
		Row::new(
			"Get: shards to a file, verified, one core, against 1 GiB/s",
			bytes / unpack / MIB,
			1024.0,
			"MiB/s",
			1.0,
		),
	])
}

/// In a process of its own, which goes before others for a short time: two cores can be compared with one
/// only while they are there.
pub fn scaling() -> Result<()> {
	// Without the right to do so it is measured as it is.
	let _ = fs::write("/proc/self/autogroup", "-20");
	let file = PathBuf::from(std::env::var_os("HOLDFAST_BENCH_FILE").ok_or("there is no file")?);
	let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
	let two = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
	let data = fs::read(&file)?;
	let times = least_time(
		RUNS,
		&mut [
			&mut || drop(one.install(|| comm_p_of(&data).map_err(|error| error.to_string()))),
			&mut || drop(two.install(|| comm_p_of(&data).map_err(|error| error.to_string()))),
			&mut || drop(two.install(|| comm_p(&file).map_err(|error| error.to_string()))),
			&mut || drop(two.install(|| everything(&file).map_err(|error| error.to_string()))),
		],
	);
	println!("{} {} {} {}", times[0], times[1], times[2], times[3]);
	Ok(())
}

fn scaling_row(file: &Path) -> Result<Vec<Row>> {
	let output = Command::new("setsid")
		.arg("--wait")
		.arg(std::env::current_exe()?)
		.arg("scaling")
		.env("HOLDFAST_BENCH_FILE", file)
		.output()?;
	let text = String::from_utf8(output.stdout)?;
	let times: std::result::Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
	let [one, two, from_file, everything] = times?[..] else {
		return Err(String::from_utf8_lossy(&output.stderr).into());
	};
	let bytes = (FILE_MIB << 20) as f64;
	Ok(vec![
		Row::new(
			"CommP, two cores against one",
			bytes / two / 1e6,
			bytes / one / 1e6,
			"MB/s",
			1.8,
		),
		Row::new(
			"DAG, CAR and CommP in one pass against CommP, two cores",
			bytes / everything / 1e6,
			bytes / from_file / 1e6,
			"MB/s",
			0.75,
		),
	])
}

/// Takes a CAR and forgets it.
struct Forget(u64);

impl pack::CarSink for Forget {
	fn write(&mut self, _: usize, bytes: &[u8]) -> io::Result<()> {
		self.0 += u64::try_from(bytes.len()).map_err(io::Error::other)?;
		Ok(())
	}

	fn write_header(&mut self, _: usize, _: &[u8]) -> io::Result<()> {
		Ok(())
	}
}

/// Packs a large stream and prints how much memory this process has ever had, in KiB.
pub fn memory() -> Result<()> {
	let mut cars = Forget(0);
	let package = pack_into(noise(LARGE_FILE_BYTES), ONE_SHARD, &mut cars, &mut |_| {})?;
	assert_eq!(package.shards[0].layout.car_bytes(), cars.0);
	let status = fs::read_to_string("/proc/self/status")?;
	let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
	let kib = line.and_then(|line| line.split_whitespace().next());
	println!(
		"{}",
		kib.ok_or("the kernel does not tell the memory's peak")?
	);
	Ok(())
}

fn memory_row() -> Result<Vec<Row>> {
	let output = Command::new(std::env::current_exe()?)
		.arg("memory")
		.output()?;
	let kib: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
	Ok(vec![Row {
		less_is_better: true,
		..Row::new(
			"Peak memory of one pass over 4 GiB, against 64 MiB",
			kib / 1024.0,
			64.0,
			"MiB",
			1.0,
		)
	}])
}
