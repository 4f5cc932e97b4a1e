use std::{
	io::{self, Write},
	path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use holdfast_data::{
	blocks::{Blocks, StoredCar, StreamedCar},
	extract::{extract, read_file, ExtractOptions, Extracted},
	unixfs::Node,
	walk, Cid,
};
use serde_json::json;

use super::{open, Bounds, Progress};
use crate::output::Output;

/// How much of a stream may wait for its turn.
const KEPT_BYTES: usize = 64 << 20;

/// Write the files that a CAR holds to disk, checking every block.
#[derive(Debug, Args)]
pub struct Extract {
	/// The CAR; `-` for the standard input, which must have parents before their children.
	car: PathBuf,
	/// The folder to write into; `-` writes a file to the standard output.
	#[arg(default_value = ".")]
	output: PathBuf,
	/// Only what this path names.
	#[arg(short, long)]
	path: Option<String>,
	/// The root, if the CAR has none or several.
	#[arg(long)]
	root: Option<Cid>,
	/// Replace files that are there already.
	#[arg(long)]
	overwrite: bool,
	/// Pass over symbolic links that could lead out of the folder.
	#[arg(long)]
	skip_unsafe_links: bool,
	/// The most bytes to write.
	#[arg(long, value_name = "BYTES")]
	max_bytes: Option<u64>,
	#[command(flatten)]
	bounds: Bounds,
}

impl Extract {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let limits = self.bounds.limits();
		if self.car == Path::new("-") {
			let mut blocks = StreamedCar::new(io::stdin().lock(), limits, KEPT_BYTES)?;
			let roots = blocks.roots().to_vec();
			self.all(&mut blocks, &roots, 0, output)
		} else {
			let file = open(&self.car)?;
			let total = super::length(&file);
			let mut blocks = StoredCar::open(file, limits)?;
			let roots = blocks.index().roots().to_vec();
			self.all(&mut blocks, &roots, total, output)
		}
	}

	fn all(
		&self,
		blocks: &mut dyn Blocks,
		roots: &[Cid],
		total: u64,
		output: Output,
	) -> anyhow::Result<()> {
		let roots = match &self.root {
			Some(root) => vec![*root],
			None => roots.to_vec(),
		};
		anyhow::ensure!(
			!roots.is_empty(),
			"the CAR has no root: name one with --root"
		);
		let progress = Progress::new(output, "extract", total);
		let mut done = Extracted::default();
		for root in &roots {
			let cid = match &self.path {
				Some(path) => walk::resolve(blocks, root, path)?.0,
				None => *root,
			};
			if self.output == Path::new("-") {
				let mut out = io::stdout().lock();
				read_file(blocks, &cid, &mut out, &mut |bytes| progress.show(bytes))?;
				out.flush()?;
				continue;
			}
			let one = self.one(blocks, &cid, &progress)?;
			done.files = done.files.saturating_add(one.files);
			done.directories = done.directories.saturating_add(one.directories);
			done.links = done.links.saturating_add(one.links);
			done.skipped_links = done.skipped_links.saturating_add(one.skipped_links);
			done.bytes = done.bytes.saturating_add(one.bytes);
		}
		progress.finish();
		if self.output == Path::new("-") {
			return Ok(());
		}
		if done.skipped_links > 0 {
			let links = done.skipped_links;
			output.note(format!(
				"{links} symbolic links could lead outside and were passed over"
			));
		}
		let result = json!({
			"roots": super::texts(&roots),
			"files": done.files,
			"directories": done.directories,
			"links": done.links,
			"skippedLinks": done.skipped_links,
			"bytes": done.bytes,
		});
		output.result(&result, || {
			format!("{} files, {} bytes, verified", done.files, done.bytes)
		});
		Ok(())
	}

	fn one(
		&self,
		blocks: &mut dyn Blocks,
		cid: &Cid,
		progress: &Progress,
	) -> anyhow::Result<Extracted> {
		let options = ExtractOptions {
			overwrite: self.overwrite,
			skip_unsafe_links: self.skip_unsafe_links,
			max_bytes: self
				.max_bytes
				.unwrap_or(ExtractOptions::default().max_bytes),
			..ExtractOptions::default()
		};
		let block = blocks.block(cid)?;
		let node = Node::decode(cid, &block).with_context(|| format!("{cid} is no UnixFS"))?;
		let target = match node {
			Node::Directory(_) | Node::Shard(_) => self.output.clone(),
			// A file alone has no name but that of the path.
			Node::File { .. } | Node::Symlink(_) => {
				let path = self.path.as_deref().unwrap_or_default();
				match walk::path_names(path).last() {
					Some(name) => self.output.join(name),
					None => self.output.join(cid.to_string()),
				}
			},
		};
		Ok(extract(blocks, cid, &target, &options, &mut |bytes| {
			progress.show(bytes);
		})?)
	}
}
