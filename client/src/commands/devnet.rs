//! `holdfast devnet`.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use holdfast_client::devnet::{Devnet, DevnetOptions, Programs};
use holdfast_primitives::SectorSize;
use serde_json::json;

use crate::output::Output;

/// Start a chain, a provider and a funded client on this machine, and keep them running until Ctrl-C.
#[derive(Debug, Args)]
pub struct DevnetCommand {
	/// Where the network keeps its data.
	#[arg(long, value_name = "FOLDER", default_value = "holdfast-devnet")]
	base: PathBuf,
	/// Forget what an earlier run left there.
	#[arg(long)]
	fresh: bool,
	/// Milliseconds between two blocks.
	#[arg(long, value_name = "MILLISECONDS", default_value_t = 1000)]
	block_time: u64,
	/// The size of the provider's sectors.
	#[arg(long, default_value_t = SectorSize::MiB8)]
	sector_size: SectorSize,
	/// The node's port.
	#[arg(long, default_value_t = 9944)]
	node_port: u16,
	/// The provider's port.
	#[arg(long, default_value_t = 8400)]
	provider_port: u16,
	/// The node's program, if it is not beside this one.
	#[arg(long, value_name = "FILE")]
	node_binary: Option<PathBuf>,
	/// The provider's program, if it is not beside this one.
	#[arg(long, value_name = "FILE")]
	provider_binary: Option<PathBuf>,
}

impl DevnetCommand {
	/// Runs the network until it is interrupted.
	pub async fn run(self, output: Output) -> anyhow::Result<()> {
		if self.fresh && self.base.exists() {
			anyhow::ensure!(
				self.base.join("node.log").exists(),
				"{} is not a development network's folder: not removing it",
				self.base.display()
			);
			std::fs::remove_dir_all(&self.base)
				.with_context(|| format!("cannot remove {}", self.base.display()))?;
		}
		let options = DevnetOptions {
			base: self.base,
			programs: Programs::find(self.node_binary, self.provider_binary)?,
			block_time: Duration::from_millis(self.block_time),
			sector_size: self.sector_size,
			provider_environment: Vec::new(),
			settlement_interval: None,
			node_port: Some(self.node_port),
			provider_port: Some(self.provider_port),
		};
		let mut devnet =
			Devnet::start(options, &mut |line| output.note(format!("==> {line}"))).await?;
		let key = std::path::absolute(&devnet.client_key)?;
		let result = json!({
			"node": devnet.node_url,
			"provider": devnet.provider_url,
			"providerAccount": devnet.provider_account,
			"client": devnet.client,
			"key": key,
		});
		output.result(&result, || {
			format!(
				"\nThe network is up.\n\n  node      {}\n  provider  {} ({})\n  client    {}\n\n\
				 In another terminal:\n\n  export HOLDFAST_NODE={} HOLDFAST_KEY={}\n  \
				 holdfast put FILE\n  holdfast status TICKET\n  holdfast get TICKET\n\nCtrl-C ends it.",
				devnet.node_url,
				devnet.provider_url,
				devnet.provider_account,
				devnet.client,
				devnet.node_url,
				key.display(),
			)
		});
		let ended = until_interrupted(&mut devnet).await;
		output.note("==> ending the network");
		devnet.stop().await;
		ended
	}
}

/// Returns when Ctrl-C is pressed or a termination is asked for; fails if a part ends before.
async fn until_interrupted(devnet: &mut Devnet) -> anyhow::Result<()> {
	let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
	loop {
		tokio::select! {
			interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
			_ = terminated.recv() => return Ok(()),
			() = tokio::time::sleep(Duration::from_secs(1)) => devnet.check()?,
		}
	}
}
