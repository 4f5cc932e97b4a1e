use std::{
	io::{self, Read, Write},
	path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use holdfast_data::{
	car::{CarFileWriter, CarReader, CarVersion, IndexKind},
	patch::{compile, debug},
};
use serde_json::json;

use super::{open, write_bytes, Bounds, Written};
use crate::output::Output;

/// Write a CAR as text that can be changed and compiled again.
#[derive(Debug, Args)]
pub struct Debug {
	/// The CAR.
	car: PathBuf,
	/// The text; without it: the standard output.
	#[arg(short, long)]
	output: Option<PathBuf>,
	#[command(flatten)]
	bounds: Bounds,
}

impl Debug {
	pub fn run(self, _: Output) -> anyhow::Result<()> {
		let car = CarReader::new(open(&self.car)?, self.bounds.limits())?;
		let mut text = Vec::new();
		debug(car, &self.car.display().to_string(), &mut text)?;
		write_bytes(self.output.as_deref(), &text)
	}
}

/// Make a CAR of the text that `debug` writes.
#[derive(Debug, Args)]
pub struct Compile {
	/// The text; without it: the standard input.
	text: Option<PathBuf>,
	/// The CAR; without it: what the text calls it.
	#[arg(short, long)]
	output: Option<PathBuf>,
}

impl Compile {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		let mut text = String::new();
		match &self.text {
			Some(path) => open(path)?.read_to_string(&mut text),
			None => io::stdin().lock().read_to_string(&mut text),
		}
		.context("the text cannot be read as UTF-8")?;
		let compiled = compile(&text)?;
		let target = self.output.unwrap_or_else(|| compiled.name.clone().into());
		anyhow::ensure!(target != Path::new("-"), "name the CAR with --output");
		let version = match compiled.is_v2 {
			true => CarVersion::Two(Some(IndexKind::default())),
			false => CarVersion::One,
		};
		let written = Written::new(&target)?;
		let mut out = CarFileWriter::new(written.stream()?, compiled.roots.clone(), version)?;
		for block in &compiled.blocks {
			out.write_block(&block.cid, &block.data)?;
		}
		let mut stream = out.finish()?;
		stream.flush()?;
		drop(stream);
		written.finish()?;
		let roots = super::texts(&compiled.roots);
		let blocks = compiled.blocks.len();
		let result = json!({ "file": target, "roots": roots, "blocks": blocks });
		output.result(&result, || roots.join("\n"));
		Ok(())
	}
}
