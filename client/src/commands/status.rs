//! `holdfast status`.

use clap::Args;
use comfy_table::Table;
use holdfast_chain_client::{ChainClient, DealState};
use holdfast_client::{api::ProviderApi, Ticket};
use holdfast_primitives::DealId;
use serde_json::json;

use crate::{output::Output, Global};

/// Say how deals are doing.
#[derive(Debug, Args)]
pub struct Status {
	/// A ticket, or a deal's number.
	#[arg(value_name = "TICKET|DEAL")]
	what: String,
}

impl Status {
	/// Prints where the deals stand on chain, and what their providers say.
	pub async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
		let deals: Vec<(DealId, Option<String>)> = match self.what.parse::<DealId>() {
			Ok(deal) => vec![(deal, None)],
			Err(_) => {
				let ticket: Ticket = self.what.parse()?;
				ticket
					.shards
					.into_iter()
					.map(|shard| (shard.deal, Some(shard.url)))
					.collect()
			},
		};
		let chain = global.chain().await?;
		let mut rows = Vec::with_capacity(deals.len());
		for (deal, url) in deals {
			rows.push(row(&chain, deal, url).await?);
		}
		output.result(&rows, || {
			let mut table = Table::new();
			table.load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
			table.set_header([
				"deal",
				"state",
				"sector",
				"start",
				"end",
				"healthy blocks",
				"paid blocks",
				"provider",
			]);
			for row in &rows {
				let cell = |key: &str| match &row[key] {
					serde_json::Value::Null => "–".to_owned(),
					serde_json::Value::String(text) => text.clone(),
					value => value.to_string(),
				};
				table.add_row(
					[
						"deal",
						"state",
						"sector",
						"start",
						"end",
						"healthyBlocks",
						"paidBlocks",
						"provider",
					]
					.map(cell),
				);
			}
			table.to_string()
		});
		Ok(())
	}
}

async fn row(
	chain: &ChainClient,
	id: DealId,
	url: Option<String>,
) -> anyhow::Result<serde_json::Value> {
	let Some(deal) = chain.deal(id).await? else {
		return Ok(json!({ "deal": id, "state": "gone: completed, expired or never published" }));
	};
	let (state, sector) = match &deal.state {
		DealState::Published => ("published", None),
		DealState::PreCommitted { .. } => ("pre-committed", None),
		DealState::Active { sector } => ("active", Some(*sector)),
		DealState::Cancelled => ("cancelled", None),
	};
	let healthy = match sector {
		Some(sector) => chain
			.health(&deal.provider, sector, deal.start, deal.end)
			.await?
			.map(|health| health.healthy_blocks),
		None => None,
	};
	let reachable = match url {
		Some(url) => match ProviderApi::new(&url)?.info().await {
			Ok(_) => format!("{url} answers"),
			Err(error) => error.to_string(),
		},
		None => deal.provider.to_string(),
	};
	Ok(json!({
		"deal": id,
		"state": state,
		"sector": sector,
		"start": deal.start,
		"end": deal.end,
		"healthyBlocks": healthy,
		"paidBlocks": deal.paid_blocks,
		"pricePerBlock": deal.price_per_block.to_string(),
		"provider": reachable,
	}))
}
