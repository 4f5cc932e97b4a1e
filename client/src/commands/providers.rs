//! `holdfast providers`.

use clap::Args;
use comfy_table::Table;
use serde_json::json;

use crate::{output::Output, Global};

/// List the providers.
#[derive(Debug, Args)]
pub struct Providers {}

impl Providers {
	/// Prints the providers.
	pub async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
		let providers = global.chain().await?.providers().await?;
		let list: Vec<_> = providers
			.iter()
			.map(|(account, info)| json!({ "account": account, "provider": info }))
			.collect();
		output.result(&list, || {
			let mut table = Table::new();
			table.load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
			table.set_header([
				"account",
				"addresses",
				"sector",
				"price/GiB/block",
				"free bytes",
				"sectors",
				"takes deals",
			]);
			for (account, info) in &providers {
				table.add_row([
					account.to_string(),
					info.addresses.join(", "),
					info.sector_size.to_string(),
					info.ask.price_per_gib_block.to_string(),
					info.free_space.to_string(),
					info.live_sectors.to_string(),
					if info.ask.accepting { "yes" } else { "no" }.into(),
				]);
			}
			table.to_string()
		});
		Ok(())
	}
}
