use std::{fmt::Write as _, path::PathBuf, rc::Rc};

use clap::Args;
use holdfast_data::{
	archive::{inspect, verify, Inspection, Spread},
	blocks::{Blocks, StoredCar},
	car::CarReader,
	unixfs::Node,
	walk, Cid,
};
use serde_json::{json, Value};

use super::{codec_name, open, texts, Bounds, Progress};
use crate::output::Output;

/// How many files are listed at most.
const MAX_ROWS: u64 = 10_000_000;
/// How long a file's path may be.
const MAX_PATH_BYTES: usize = 16 << 10;

/// List the blocks of a CAR, or its files.
#[derive(Debug, Args)]
pub struct List {
	/// The CAR.
	car: PathBuf,
	/// Say where each block is, how long, and of which codec.
	#[arg(short, long)]
	verbose: bool,
	/// List the files below the roots instead of blocks.
	#[arg(long)]
	unixfs: bool,
	#[command(flatten)]
	bounds: Bounds,
}

impl List {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		if self.unixfs {
			return self.files(output);
		}
		let mut car = CarReader::new(open(&self.car)?, self.bounds.limits())?;
		let mut rows = output.rows();
		while let Some(section) = car.next_section()? {
			car.seek_past_data()?;
			let codec = codec_name(section.cid.codec());
			let (cid, at, bytes) = (section.cid, section.offset, section.data_bytes);
			rows.row(
				|| {
					json!({
						"cid": cid.to_string(),
						"offset": at,
						"dataOffset": section.data_offset,
						"bytes": bytes,
						"codec": codec,
					})
				},
				|| match self.verbose {
					true => format!("{cid} {codec} {at} {bytes}"),
					false => cid.to_string(),
				},
			);
		}
		Ok(())
	}

	fn files(self, output: Output) -> anyhow::Result<()> {
		let mut blocks = StoredCar::open(open(&self.car)?, self.bounds.limits())?;
		let roots = blocks.index().roots().to_vec();
		let mut rows = output.rows();
		let mut listed = 0u64;
		// What is still to be listed, the next on top: its folder's path, its name and its block.
		let mut pending: Vec<(Rc<str>, String, Cid)> = roots
			.into_iter()
			.rev()
			.map(|root| (Rc::from(""), String::new(), root))
			.collect();
		while let Some((folder, name, cid)) = pending.pop() {
			let path = format!("{folder}{name}");
			// A small DAG can be a large folder.
			anyhow::ensure!(
				path.len() <= MAX_PATH_BYTES,
				"a path has more than {MAX_PATH_BYTES} bytes"
			);
			anyhow::ensure!(listed < MAX_ROWS, "there are more than {MAX_ROWS} entries");
			let block = blocks.block(&cid)?;
			let node = Node::decode(&cid, &block)?;
			let (kind, size) = match &node {
				Node::File { data, children } => {
					let own = u64::try_from(data.len())?;
					let below = children.iter().map(|child| child.file_bytes);
					("file", below.fold(own, u64::saturating_add))
				},
				Node::Symlink(_) => ("link", 0),
				Node::Directory(_) | Node::Shard(_) => ("directory", 0),
			};
			if !name.is_empty() {
				listed += 1;
				let cid = cid.to_string();
				rows.row(
					|| json!({ "path": path, "cid": cid, "type": kind, "bytes": size }),
					|| match self.verbose {
						true => format!("{cid} {kind} {size} {path}"),
						false => path.clone(),
					},
				);
			}
			let mut entries = walk::entries(&mut blocks, &cid, node)?.unwrap_or_default();
			entries.sort_by(|one, two| two.name.cmp(&one.name));
			let folder: Rc<str> = match path.is_empty() {
				true => path.into(),
				false => format!("{path}/").into(),
			};
			for entry in entries {
				anyhow::ensure!(
					!entry.name.is_empty(),
					"{folder} has an entry without a name"
				);
				pending.push((Rc::clone(&folder), entry.name, entry.cid));
			}
		}
		Ok(())
	}
}

/// Say what a CAR has.
#[derive(Debug, Args)]
pub struct Inspect {
	/// The CAR.
	car: PathBuf,
	/// Check every block, too.
	#[arg(long)]
	full: bool,
	#[command(flatten)]
	bounds: Bounds,
}

impl Inspect {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let file = open(&self.car)?;
		let progress = Progress::new(output, "inspect", super::length(&file));
		let limits = self.bounds.limits();
		let inspection = inspect(file, limits, self.full, &mut |at| progress.show(at))?;
		progress.finish();
		output.result(&as_json(&inspection), || as_text(&inspection));
		Ok(())
	}
}

/// Check everything in a CAR: headers, blocks, roots and index.
#[derive(Debug, Args)]
pub struct Verify {
	/// The CAR.
	car: PathBuf,
	#[command(flatten)]
	bounds: Bounds,
}

impl Verify {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let file = open(&self.car)?;
		let progress = Progress::new(output, "verify", super::length(&file));
		let inspection = verify(file, self.bounds.limits(), &mut |at| progress.show(at))?;
		progress.finish();
		output.result(&as_json(&inspection), || {
			let (blocks, bytes) = (inspection.blocks, inspection.block_bytes.sum);
			format!("{blocks} blocks, {bytes} bytes, verified")
		});
		Ok(())
	}
}

/// Print the roots of a CAR.
#[derive(Debug, Args)]
pub struct Root {
	/// The CAR.
	car: PathBuf,
	#[command(flatten)]
	bounds: Bounds,
}

impl Root {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let car = CarReader::new(open(&self.car)?, self.bounds.limits())?;
		let roots = texts(car.roots());
		if output.is_json() || !roots.is_empty() {
			output.result(&roots, || roots.join("\n"));
		}
		Ok(())
	}
}

fn as_json(inspection: &Inspection) -> Value {
	let spread = |spread: Spread| {
		let Spread { least, most, sum } = spread;
		json!({ "least": least, "most": most, "sum": sum })
	};
	let named = |counts: &std::collections::BTreeMap<u64, u64>| {
		let named = counts
			.iter()
			.map(|(code, count)| (codec_name(*code), json!(count)));
		Value::Object(named.collect())
	};
	json!({
		"version": inspection.version,
		"roots": texts(&inspection.roots),
		"rootsPresent": inspection.roots_present,
		"characteristics": inspection.v2.map(|v2| const_hex::encode(v2.characteristics)),
		"dataOffset": inspection.v2.map(|v2| v2.data_offset),
		"dataBytes": inspection.v2.map(|v2| v2.data_bytes),
		"indexOffset": inspection.v2.map(|v2| v2.index_offset),
		"index": inspection.index.map(|(kind, _)| kind.to_string()),
		"indexEntries": inspection.index.map(|(_, entries)| entries),
		"blocks": inspection.blocks,
		"blockBytes": spread(inspection.block_bytes),
		"cidBytes": spread(inspection.cid_bytes),
		"codecs": named(&inspection.codecs),
		"hashes": named(&inspection.hashes),
	})
}

fn as_text(inspection: &Inspection) -> String {
	let mut text = format!("version: {}\n", inspection.version);
	let mut line = |name: &str, value: String| {
		// Writing to a string does not fail.
		let _ = writeln!(text, "{name}: {value}");
	};
	if let Some(v2) = &inspection.v2 {
		line("characteristics", const_hex::encode(v2.characteristics));
		line("data offset", v2.data_offset.to_string());
		line("data bytes", v2.data_bytes.to_string());
		line("index offset", v2.index_offset.to_string());
	}
	if let Some((kind, entries)) = inspection.index {
		line("index", format!("{kind}, {entries} entries"));
	}
	line("roots", texts(&inspection.roots).join(" "));
	let present = if inspection.roots_present {
		"yes"
	} else {
		"no"
	};
	line("roots are there", present.into());
	line("blocks", inspection.blocks.to_string());
	let spread = |spread: Spread| {
		let mean = spread.sum / inspection.blocks.max(1);
		format!("{} / {mean} / {}", spread.least, spread.most)
	};
	line(
		"block bytes (least / mean / most)",
		spread(inspection.block_bytes),
	);
	line(
		"CID bytes (least / mean / most)",
		spread(inspection.cid_bytes),
	);
	for (code, count) in &inspection.codecs {
		line(&format!("codec {}", codec_name(*code)), count.to_string());
	}
	for (code, count) in &inspection.hashes {
		line(&format!("hash {}", codec_name(*code)), count.to_string());
	}
	text.trim_end().to_owned()
}
