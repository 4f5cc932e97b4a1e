use std::{
	collections::HashSet,
	io::{self, BufRead, BufReader, Write},
	path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use holdfast_data::{
	archive::{copy, index_of},
	car::{CarFileWriter, CarReader, CarVersion, IndexKind},
	Cid,
};
use serde_json::json;

use super::{open, write_bytes, Bounds, Kind, Progress, Written};
use crate::output::Output;

/// Copy a CAR, with an index or without.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct Index {
	/// The CAR.
	car: PathBuf,
	/// The copy.
	output: PathBuf,
	/// The version of the copy: 1 or 2.
	#[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
	version: u8,
	/// The index: car-multihash-index-sorted, car-index-sorted or none.
	#[arg(
		long,
		value_name = "INDEX",
		default_value = "car-multihash-index-sorted"
	)]
	codec: String,
	#[command(flatten)]
	bounds: Bounds,
}

impl Index {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let kind = Kind {
			version: self.version,
			codec: self.codec,
		};
		let file = open(&self.car)?;
		let progress = Progress::new(output, "index", super::length(&file));
		let mut car = CarReader::new(file, self.bounds.limits())?;
		let written = Written::new(&self.output)?;
		let roots = car.roots().to_vec();
		let mut out = CarFileWriter::new(written.stream()?, roots, kind.version()?)?;
		let blocks = copy(&mut car, &mut out, &mut |_| true, &mut |at| {
			progress.show(at)
		})?;
		drop(out.finish()?);
		progress.finish();
		written.finish()?;
		let result = json!({ "file": self.output, "blocks": blocks });
		output.result(&result, || format!("{blocks} blocks"));
		Ok(())
	}
}

/// Copy those blocks of a CAR whose CIDs are named.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct Filter {
	/// The CAR.
	car: PathBuf,
	/// The copy.
	output: PathBuf,
	/// A file with a CID on each line. Without it: the standard input.
	#[arg(long, value_name = "FILE")]
	cid_file: Option<PathBuf>,
	/// Copy the other blocks.
	#[arg(short, long)]
	inverse: bool,
	/// Add to a copy that is there already.
	#[arg(long)]
	append: bool,
	#[command(flatten)]
	kind: Kind,
	#[command(flatten)]
	bounds: Bounds,
}

impl Filter {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let named = self.named()?;
		let keeps = |cid: &Cid| named.contains(cid) != self.inverse;
		let limits = self.bounds.limits();
		let file = open(&self.car)?;
		let progress = Progress::new(output, "filter", super::length(&file));
		let mut car = CarReader::new(file, limits)?;
		let mut roots: Vec<Cid> = car.roots().iter().copied().filter(keeps).collect();
		let mut before = match self.append {
			true => Some(CarReader::new(open(&self.output)?, limits)?),
			false => None,
		};
		if let Some(before) = &before {
			let more = before.roots().iter().filter(|root| !roots.contains(root));
			roots = more.copied().chain(roots.iter().copied()).collect();
		}
		if roots.is_empty() {
			output.note("warning: none of the roots is left");
		}
		let written = Written::new(&self.output)?;
		let mut out = CarFileWriter::new(written.stream()?, roots.clone(), self.kind.version()?)?;
		let mut there = HashSet::new();
		let mut blocks = 0;
		if let Some(before) = &mut before {
			blocks = copy(before, &mut out, &mut |cid| there.insert(*cid), &mut |_| {})?;
		}
		let mut keep = |cid: &Cid| keeps(cid) && there.insert(*cid);
		let added = copy(&mut car, &mut out, &mut keep, &mut |at| progress.show(at))?;
		blocks += added;
		drop(out.finish()?);
		progress.finish();
		written.finish()?;
		let result = json!({
			"file": self.output,
			"roots": super::texts(&roots),
			"blocks": blocks,
			"added": added,
		});
		output.result(&result, || format!("{added} blocks"));
		Ok(())
	}

	fn named(&self) -> anyhow::Result<HashSet<Cid>> {
		let lines: Box<dyn BufRead> = match &self.cid_file {
			Some(path) => Box::new(BufReader::new(open(path)?)),
			None => Box::new(io::stdin().lock()),
		};
		let mut named = HashSet::new();
		for line in lines.lines() {
			let line = line?;
			let text = line.trim();
			if !text.is_empty() {
				let cid = text
					.parse()
					.with_context(|| format!("`{text}` is no CID"))?;
				named.insert(cid);
			}
		}
		Ok(named)
	}
}

/// Write a CAR's index, or one that is made for it, to a file.
#[derive(Debug, Args)]
pub struct DetachIndex {
	/// The CAR.
	car: PathBuf,
	/// The file; `-`, or none, for the standard output.
	output: Option<PathBuf>,
	/// List the entries instead.
	#[arg(long)]
	list: bool,
	#[command(flatten)]
	bounds: Bounds,
}

impl DetachIndex {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let index = index_of(open(&self.car)?, self.bounds.limits())?;
		if self.list {
			let mut rows = output.rows();
			for entry in index.iter() {
				let digest = const_hex::encode(entry.digest);
				rows.row(
					|| {
						json!({
							"hash": entry.hash.map(super::codec_name),
							"digest": digest,
							"offset": entry.offset,
						})
					},
					|| format!("{digest} {}", entry.offset),
				);
			}
			return Ok(());
		}
		let mut bytes = Vec::new();
		index.write(&mut bytes)?;
		write_bytes(self.output.as_deref(), &bytes)?;
		if let Some(path) = self.output.filter(|path| path != Path::new("-")) {
			let (kind, entries) = (index.kind().to_string(), index.len());
			let result = json!({ "file": path, "index": kind, "entries": entries });
			output.result(&result, || format!("{kind}, {entries} entries"));
		}
		Ok(())
	}
}

/// Rewrites a CAR in place with one block more. The version and the kind of index stay.
pub(super) fn append(path: &Path, bounds: Bounds, cid: &Cid, data: &[u8]) -> anyhow::Result<()> {
	let limits = bounds.limits();
	let file = open(path)?;
	let mut car = CarReader::new(file.try_clone()?, limits)?;
	let version = match car.v2().copied() {
		None => CarVersion::One,
		Some(header) if header.index_offset == 0 => CarVersion::Two(None),
		Some(_) => {
			let kind: IndexKind = index_of(open(path)?, limits)?.kind();
			CarVersion::Two(Some(kind))
		},
	};
	let written = Written::new(path)?;
	let mut out = CarFileWriter::new(written.stream()?, car.roots().to_vec(), version)?;
	copy(&mut car, &mut out, &mut |_| true, &mut |_| {})?;
	out.write_block(cid, data)?;
	let mut stream = out.finish()?;
	stream.flush()?;
	drop(stream);
	written.finish()
}
