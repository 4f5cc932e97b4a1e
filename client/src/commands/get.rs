//! `holdfast get`.

use std::{
	path::{Path, PathBuf},
	sync::Mutex,
};

use anyhow::Context;
use clap::Args;
use holdfast_client::{get, get_dag, GetEvent, GetOptions, Ticket};
use holdfast_data::Cid;
use indicatif::ProgressBar;
use serde_json::json;

use crate::{output::Output, Global};

/// Fetch a file or folder, checking every block on the way. Needs no key and no node.
#[derive(Debug, Args)]
pub struct Get {
	/// The ticket that `holdfast put` printed, or a CID with --from; then perhaps `/` and a path in the folder.
	#[arg(value_name = "TICKET|CID[/PATH]")]
	what: String,
	/// Fetch by CID from this provider's gateway.
	#[arg(long, value_name = "URL")]
	from: Option<String>,
	/// Where to write it. Without it: its own name, in the current folder.
	#[arg(short, long, value_name = "FILE")]
	output: Option<PathBuf>,
	/// Replace what is there already.
	#[arg(long)]
	overwrite: bool,
}

impl Get {
	/// Fetches the file or folder.
	pub async fn run(self, _: &Global, output: Output) -> anyhow::Result<()> {
		let (name, path) = self.what.split_once('/').unwrap_or((&self.what, ""));
		let options = GetOptions {
			path: path.to_owned(),
			output: self.output,
			overwrite: self.overwrite,
		};
		let bar: Mutex<Option<ProgressBar>> = Mutex::new(None);
		let report = |event| match event {
			GetEvent::Resumed { bytes } => output.note(format!("going on after {bytes} bytes")),
			GetEvent::Fetching { done, total } => {
				if let Ok(mut bar) = bar.lock() {
					bar.get_or_insert_with(|| output.bytes("fetch", total))
						.set_position(done);
				}
			},
			GetEvent::Retrying { reason } => output.note(format!("trying again: {reason}")),
		};
		let (path, root) = match &self.from {
			Some(url) => {
				let root: Cid = name
					.parse()
					.with_context(|| format!("`{name}` is no CID"))?;
				(get_dag(url, &root, &options, &report).await?, root)
			},
			None => {
				let ticket: Ticket = name.parse()?;
				(get(&ticket, &options, &report).await?, ticket.root)
			},
		};
		if let Ok(Some(bar)) = bar.lock().map(|mut bar| bar.take()) {
			bar.finish();
		}
		let size = size_of(&path);
		let result = json!({ "file": path, "size": size, "root": root.to_string() });
		output.result(&result, || {
			format!("{} ({size} bytes, verified)", path.display())
		});
		Ok(())
	}
}

/// The bytes of a file, or of all files in a folder.
fn size_of(path: &Path) -> u64 {
	match std::fs::symlink_metadata(path) {
		Ok(metadata) if metadata.is_dir() => std::fs::read_dir(path).map_or(0, |entries| {
			entries
				.flatten()
				.map(|entry| size_of(&entry.path()))
				.fold(0, u64::saturating_add)
		}),
		Ok(metadata) if metadata.is_file() => metadata.len(),
		_ => 0,
	}
}
