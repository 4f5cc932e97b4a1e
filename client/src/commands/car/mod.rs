//! `holdfast car`: CARs on this machine. Needs no key and no node.

mod blocks;
mod copy;
mod create;
mod extract;
mod report;
mod text;

use std::{
	fs::File,
	io::{self, BufWriter, Write},
	path::{Path, PathBuf},
	sync::Mutex,
	time::{Duration, Instant},
};

use anyhow::Context;
use clap::{Args, Subcommand};
use holdfast_data::{
	car::{CarVersion, IndexKind, Limits},
	Cid,
};
use indicatif::ProgressBar;

use crate::output::Output;

/// From this time on, progress is shown.
const QUIET: Duration = Duration::from_secs(2);

/// Work with CARs: archives of blocks that are named by their hashes.
#[derive(Debug, Subcommand)]
pub enum Car {
	/// Make a CAR of files and folders.
	Create(create::Create),
	/// Write the files that a CAR holds to disk, checking every block.
	#[command(visible_alias = "x")]
	Extract(extract::Extract),
	/// List the blocks of a CAR, or its files.
	#[command(visible_alias = "ls")]
	List(report::List),
	/// Say what a CAR has.
	Inspect(report::Inspect),
	/// Check everything in a CAR: headers, blocks, roots and index.
	Verify(report::Verify),
	/// Copy a CAR, with an index or without.
	Index(copy::Index),
	/// Print the roots of a CAR.
	Root(report::Root),
	/// Copy those blocks of a CAR whose CIDs are named.
	Filter(copy::Filter),
	/// Take a block out of a CAR.
	GetBlock(blocks::GetBlock),
	/// Copy everything below a block, or a path, into a CAR of its own.
	GetDag(blocks::GetDag),
	/// Add a block to a CAR.
	PutBlock(blocks::PutBlock),
	/// Write a CAR's index, or one that is made for it, to a file.
	DetachIndex(copy::DetachIndex),
	/// Write a CAR as text that can be changed and compiled again.
	Debug(text::Debug),
	/// Make a CAR of the text that `debug` writes.
	Compile(text::Compile),
}

impl Car {
	/// Does it.
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		match self {
			Self::Create(command) => command.run(output),
			Self::Extract(command) => command.run(output),
			Self::List(command) => command.run(output),
			Self::Inspect(command) => command.run(output),
			Self::Verify(command) => command.run(output),
			Self::Index(command) => command.run(output),
			Self::Root(command) => command.run(output),
			Self::Filter(command) => command.run(output),
			Self::GetBlock(command) => command.run(output),
			Self::GetDag(command) => command.run(output),
			Self::PutBlock(command) => command.run(output),
			Self::DetachIndex(command) => command.run(output),
			Self::Debug(command) => command.run(output),
			Self::Compile(command) => command.run(output),
		}
	}
}

/// How much of a CAR is accepted.
#[derive(Clone, Copy, Debug, Args)]
struct Bounds {
	/// The largest block that is accepted, in bytes.
	#[arg(long, value_name = "BYTES", default_value_t = 8 << 20)]
	max_block: u64,
}

impl Bounds {
	fn limits(self) -> Limits {
		Limits {
			block_bytes: self.max_block,
			..Limits::default()
		}
	}
}

/// Which kind of CAR is written.
#[derive(Clone, Debug, Args)]
struct Kind {
	/// The version of the CAR: 1 or 2.
	#[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
	version: u8,
	/// The index of a CAR of version 2: car-multihash-index-sorted, car-index-sorted or none.
	#[arg(
		long,
		value_name = "INDEX",
		default_value = "car-multihash-index-sorted"
	)]
	codec: String,
}

impl Kind {
	fn version(&self) -> anyhow::Result<CarVersion> {
		if self.version == 1 {
			return Ok(CarVersion::One);
		}
		if self.codec == "none" {
			return Ok(CarVersion::Two(None));
		}
		Ok(CarVersion::Two(Some(self.codec.parse::<IndexKind>()?)))
	}
}

fn open(path: &Path) -> anyhow::Result<File> {
	File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

fn length(file: &File) -> u64 {
	file.metadata().map_or(0, |metadata| metadata.len())
}

/// A file that gets its name when it is whole.
struct Written {
	path: PathBuf,
	temporary: tempfile::NamedTempFile,
}

impl Written {
	fn new(path: &Path) -> anyhow::Result<Self> {
		let folder = match path.parent() {
			Some(folder) if !folder.as_os_str().is_empty() => folder,
			_ => Path::new("."),
		};
		let temporary = tempfile::Builder::new()
			.prefix(".holdfast-")
			.suffix(".partial")
			.tempfile_in(folder)
			.with_context(|| format!("cannot write into {}", folder.display()))?;
		Ok(Self {
			path: path.to_owned(),
			temporary,
		})
	}

	fn stream(&self) -> anyhow::Result<BufWriter<File>> {
		Ok(BufWriter::with_capacity(
			256 << 10,
			self.temporary.as_file().try_clone()?,
		))
	}

	fn finish(self) -> anyhow::Result<()> {
		// Temporary files are for their owner alone; what a user makes is as the user's mask says.
		#[cfg(unix)]
		{
			use std::os::unix::fs::PermissionsExt;
			let mask = rustix::process::umask(rustix::fs::Mode::empty());
			rustix::process::umask(mask);
			let mode = 0o666 & !mask.as_raw_mode();
			self.temporary
				.as_file()
				.set_permissions(std::fs::Permissions::from_mode(mode))?;
		}
		self.temporary
			.persist(&self.path)
			.with_context(|| format!("cannot write {}", self.path.display()))?;
		Ok(())
	}
}

/// Shows how far something is, once it takes a while.
struct Progress {
	output: Output,
	what: &'static str,
	total: u64,
	start: Instant,
	bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
	fn new(output: Output, what: &'static str, total: u64) -> Self {
		Self {
			output,
			what,
			total,
			start: Instant::now(),
			bar: Mutex::new(None),
		}
	}

	fn show(&self, done: u64) {
		if self.start.elapsed() < QUIET {
			return;
		}
		if let Ok(mut bar) = self.bar.lock() {
			bar.get_or_insert_with(|| self.output.bytes(self.what, self.total))
				.set_position(done);
		}
	}

	fn finish(&self) {
		if let Ok(Some(bar)) = self.bar.lock().map(|mut bar| bar.take()) {
			bar.finish_and_clear();
		}
	}
}

/// Writes bytes to a file, or to the standard output if it is `-` or none.
fn write_bytes(path: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
	match path.filter(|path| *path != Path::new("-")) {
		Some(path) => {
			let written = Written::new(path)?;
			let mut stream = written.stream()?;
			stream.write_all(bytes)?;
			stream.flush()?;
			drop(stream);
			written.finish()
		},
		None => {
			let mut out = io::stdout().lock();
			out.write_all(bytes)?;
			Ok(out.flush()?)
		},
	}
}

fn texts<'a>(cids: impl IntoIterator<Item = &'a Cid>) -> Vec<String> {
	cids.into_iter().map(ToString::to_string).collect()
}

/// What multicodecs are called.
fn codec_name(code: u64) -> String {
	match code {
		0x00 => "identity".into(),
		0x12 => "sha2-256".into(),
		0x13 => "sha2-512".into(),
		0x55 => "raw".into(),
		0x70 => "dag-pb".into(),
		0x71 => "dag-cbor".into(),
		0x0129 => "dag-json".into(),
		0xb220 => "blake2b-256".into(),
		code => format!("{code:#x}"),
	}
}

/// The multicodec of a name.
fn codec_code(name: &str) -> Result<u64, String> {
	match name {
		"raw" => Ok(0x55),
		"dag-pb" => Ok(0x70),
		"dag-cbor" => Ok(0x71),
		"dag-json" => Ok(0x0129),
		_ => Err(format!(
			"`{name}` is none of raw, dag-pb, dag-cbor and dag-json"
		)),
	}
}
