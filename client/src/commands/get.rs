//! `holdfast get`.

use std::{path::PathBuf, sync::Mutex};

use clap::Args;
use holdfast_client::{get, GetEvent, GetOptions, Ticket};
use indicatif::ProgressBar;
use serde_json::json;

use crate::{output::Output, Global};

/// Fetch a file, checking every block on the way. Needs no key and no node.
#[derive(Debug, Args)]
pub struct Get {
	/// The ticket that `holdfast put` printed.
	ticket: Ticket,
	/// Where to write the file. Without it: its own name, in the current folder.
	#[arg(short, long, value_name = "FILE")]
	output: Option<PathBuf>,
	/// Replace a file that is there already.
	#[arg(long)]
	overwrite: bool,
}

impl Get {
	/// Fetches the file.
	pub async fn run(self, _: &Global, output: Output) -> anyhow::Result<()> {
		let options = GetOptions {
			output: self.output,
			overwrite: self.overwrite,
		};
		let bar: Mutex<Option<ProgressBar>> = Mutex::new(None);
		let path = get(&self.ticket, &options, &|event| match event {
			GetEvent::Resumed { bytes } => output.note(format!("going on after {bytes} bytes")),
			GetEvent::Fetching { done, total } => {
				if let Ok(mut bar) = bar.lock() {
					bar.get_or_insert_with(|| output.bytes("fetch", total))
						.set_position(done);
				}
			},
			GetEvent::Retrying { reason } => output.note(format!("trying again: {reason}")),
		})
		.await?;
		if let Ok(Some(bar)) = bar.lock().map(|mut bar| bar.take()) {
			bar.finish();
		}
		let root = self.ticket.root.to_string();
		let result = json!({ "file": path, "size": self.ticket.size, "root": root });
		output.result(&result, || {
			format!("{} ({} bytes, verified)", path.display(), self.ticket.size)
		});
		Ok(())
	}
}
