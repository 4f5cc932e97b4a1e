//! `holdfast demo`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use comfy_table::Table;
use holdfast_client::{
	amount::format_amount,
	demo::{demo, Corruption, DemoOptions, Report, StageTime},
	devnet::{DevnetOptions, Programs},
};
use holdfast_primitives::SectorSize;

use crate::output::Output;

/// Show the whole way of a file on a network of its own.
#[derive(Debug, Args)]
pub struct Demo {
	/// The file; without it, one of about 5.5 MiB is made.
	#[arg(long)]
	file: Option<PathBuf>,
	/// Corrupt something on the way, to see it refused (porep, post, data or upload; several with commas).
	#[arg(long, value_delimiter = ',', value_name = "WHAT")]
	corrupt: Vec<Corruption>,
	/// Milliseconds between two blocks.
	#[arg(long, value_name = "MILLISECONDS", default_value_t = 1000)]
	block_time: u64,
	/// Keep the network's data and logs in this folder. Without it they are removed.
	#[arg(long, value_name = "FOLDER")]
	keep: Option<PathBuf>,
	/// The node's program, if it is not beside this one.
	#[arg(long, value_name = "FILE")]
	node_binary: Option<PathBuf>,
	/// The provider's program, if it is not beside this one.
	#[arg(long, value_name = "FILE")]
	provider_binary: Option<PathBuf>,
}

impl Demo {
	/// Runs the demonstration and prints its summary.
	pub async fn run(self, output: Output) -> anyhow::Result<()> {
		if let Some(file) = &self.file {
			let metadata = std::fs::metadata(file)
				.map_err(|error| anyhow::anyhow!("cannot read {}: {error}", file.display()))?;
			anyhow::ensure!(metadata.is_file(), "{} is not a file", file.display());
			anyhow::ensure!(
				metadata.len() > 0,
				"{} is empty: there is nothing to store",
				file.display()
			);
		}
		let temporary = tempfile::Builder::new()
			.prefix("holdfast-demo-")
			.tempdir()?;
		let options = DemoOptions {
			devnet: DevnetOptions {
				base: self.keep.unwrap_or_else(|| temporary.path().into()),
				programs: Programs::find(self.node_binary, self.provider_binary)?,
				block_time: Duration::from_millis(self.block_time),
				sector_size: SectorSize::MiB8,
				provider_environment: Vec::new(),
				settlement_interval: Some(u32::MAX),
				node_port: None,
				provider_port: None,
			},
			file: self.file,
			corruptions: self.corrupt,
		};
		let mut say = |stage: &StageTime| {
			let detail = stage.detail.as_deref().unwrap_or_default();
			output.note(format!(
				"{:7.1} s  {:36} {detail}",
				stage.seconds, stage.stage
			));
		};
		let report = tokio::select! {
			report = demo(options, &mut say) => report,
			interrupted = tokio::signal::ctrl_c() => {
				interrupted?;
				anyhow::bail!("interrupted");
			},
		};
		if report.is_err() {
			// The logs are what a failure is understood by.
			let kept = temporary.keep();
			output.note(format!("the logs are in {}", kept.display()));
		}
		let report = report?;
		output.result(&report, || summary(&report));
		Ok(())
	}
}

fn summary(report: &Report) -> String {
	let mut table = Table::new();
	table.load_preset(comfy_table::presets::UTF8_FULL_CONDENSED);
	let lines = |items: Vec<String>| items.join("\n");
	table.add_row([
		"deals",
		&lines(report.deals.iter().map(ToString::to_string).collect()),
	]);
	table.add_row([
		"PoRep accepted",
		&lines(report.sectors.iter().map(ToString::to_string).collect()),
	]);
	table.add_row([
		"window PoSt accepted",
		&lines(report.posts.iter().map(ToString::to_string).collect()),
	]);
	table.add_row([
		"paid",
		&lines(report.payments.iter().map(ToString::to_string).collect()),
	]);
	table.add_row([
		"provider's balance change",
		&format_amount(report.provider_balance_change),
	]);
	table.add_row(["SHA-256 before", &report.sha256_before]);
	table.add_row(["SHA-256 after", &report.sha256_after]);
	for refusal in &report.refusals {
		let refused = format!("corrupted {} refused by {}", refusal.corruption, refusal.by);
		table.add_row([&refused, &refusal.reason]);
	}
	table.to_string()
}
