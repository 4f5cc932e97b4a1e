use std::{
	io::{self, Read},
	path::PathBuf,
};

use clap::Args;
use holdfast_data::{
	archive::copy_dag,
	block::{cid_from_digest, sha256},
	blocks::{Blocks, StoredCar},
	car::CarFileWriter,
	walk, Cid,
};
use serde_json::json;

use super::{codec_code, open, write_bytes, Bounds, Kind, Written};
use crate::output::Output;

/// Take a block out of a CAR.
#[derive(Debug, Args)]
pub struct GetBlock {
	/// The CAR.
	car: PathBuf,
	/// The block.
	cid: Cid,
	/// The file to write; without it: the standard output.
	output: Option<PathBuf>,
	#[command(flatten)]
	bounds: Bounds,
}

impl GetBlock {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let mut blocks = StoredCar::open(open(&self.car)?, self.bounds.limits())?;
		let data = blocks.block(&self.cid)?;
		write_bytes(self.output.as_deref(), &data)?;
		if let Some(path) = self.output {
			let bytes = data.len();
			output.result(&json!({ "file": path, "bytes": bytes }), || {
				format!("{bytes} bytes")
			});
		}
		Ok(())
	}
}

/// Copy everything below a block, or a path, into a CAR of its own.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct GetDag {
	/// The CAR.
	car: PathBuf,
	/// The block, and perhaps a path below it: CID or CID/PATH.
	root: String,
	/// The copy.
	output: PathBuf,
	/// Fail if a block is missing.
	#[arg(long)]
	strict: bool,
	#[command(flatten)]
	kind: Kind,
	#[command(flatten)]
	bounds: Bounds,
}

impl GetDag {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let mut blocks = StoredCar::open(open(&self.car)?, self.bounds.limits())?;
		let (root, path) = self.root.split_once('/').unwrap_or((&self.root, ""));
		let root: Cid = root.parse()?;
		let (root, _) = walk::resolve(&mut blocks, &root, path)?;
		let written = Written::new(&self.output)?;
		let mut out = CarFileWriter::new(written.stream()?, vec![root], self.kind.version()?)?;
		let copied = copy_dag(&mut blocks, &root, self.strict, &mut out)?;
		drop(out.finish()?);
		written.finish()?;
		let root = root.to_string();
		let result = json!({ "file": self.output, "root": root, "blocks": copied });
		output.result(&result, || root);
		Ok(())
	}
}

/// Add a block to a CAR.
#[derive(Debug, Args)]
pub struct PutBlock {
	/// The CAR.
	car: PathBuf,
	/// A file with the block; without it: the standard input.
	block: Option<PathBuf>,
	/// The block's codec: raw, dag-pb, dag-cbor or dag-json.
	#[arg(long, default_value = "raw", value_parser = codec_code)]
	codec: u64,
	#[command(flatten)]
	bounds: Bounds,
}

impl PutBlock {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let source: Box<dyn Read> = match &self.block {
			Some(path) => Box::new(open(path)?),
			None => Box::new(io::stdin().lock()),
		};
		let mut data = Vec::new();
		let most = self.bounds.max_block;
		source.take(most.saturating_add(1)).read_to_end(&mut data)?;
		anyhow::ensure!(
			u64::try_from(data.len())? <= most,
			"the block has more than {most} bytes: see --max-block"
		);
		let cid = cid_from_digest(self.codec, &sha256(&data));
		super::copy::append(&self.car, self.bounds, &cid, &data)?;
		let cid = cid.to_string();
		output.result(&json!({ "cid": cid, "bytes": data.len() }), || cid.clone());
		Ok(())
	}
}
