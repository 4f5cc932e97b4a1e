//! `holdfast get`.

use std::{
	path::{Path, PathBuf},
	str::FromStr,
	sync::Mutex,
};

use anyhow::bail;
use clap::Args;
use holdfast_client::{get, get_dag, GetEvent, GetOptions, Ticket, TicketError};
use holdfast_data::Cid;
use indicatif::ProgressBar;
use serde_json::json;

use crate::{output::Output, Global};

/// Fetch a file or folder, checking every block on the way. Needs no key and no node.
#[derive(Debug, Args)]
pub struct Get {
	/// The ticket that `holdfast put` printed, or a CID with --from; then perhaps `/` and a path in the folder.
	#[arg(value_name = "TICKET|CID[/PATH]")]
	what: What,
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

/// What holds the file.
#[derive(Clone, Debug)]
enum Root {
	Ticket(Ticket),
	Cid(Cid),
}

/// What is fetched.
#[derive(Clone, Debug)]
struct What {
	root: Root,
	/// Below it; empty for all of it.
	path: String,
}

impl FromStr for What {
	type Err = TicketError;

	fn from_str(text: &str) -> Result<Self, TicketError> {
		let (name, path) = text.split_once('/').unwrap_or((text, ""));
		let root = match name.parse() {
			Ok(cid) => Root::Cid(cid),
			Err(_) => Root::Ticket(name.parse()?),
		};
		Ok(Self {
			root,
			path: path.to_owned(),
		})
	}
}

impl Get {
	/// Fetches the file or folder.
	pub async fn run(self, _: &Global, output: Output) -> anyhow::Result<()> {
		let What { root, path } = self.what;
		let options = GetOptions {
			path,
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
		let (path, root) = match (root, &self.from) {
			(Root::Cid(root), Some(url)) => (get_dag(url, &root, &options, &report).await?, root),
			(Root::Ticket(ticket), None) => (get(&ticket, &options, &report).await?, ticket.root),
			(Root::Cid(_), None) => {
				bail!("a CID does not say who has it: name a provider with --from, or use a ticket")
			},
			(Root::Ticket(_), Some(_)) => {
				bail!("a ticket names its providers: --from goes with a CID")
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
