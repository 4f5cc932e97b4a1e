//! `holdfast-provider deals`

use std::path::Path;

use holdfast_chain_client::AccountId;
use holdfast_provider::{api::operator::deal_json, database::DealState, doctor::bytes};

use super::{ago, or_dash, print_json, table, with_database};

/// Which deals to show.
#[derive(clap::Args)]
pub struct Deals {
	/// Only those in this state, such as awaiting-data or active.
	#[arg(long, value_name = "STATE", value_parser = state)]
	state: Option<DealState>,
	/// Only those in this sector.
	#[arg(long, value_name = "NUMBER")]
	sector: Option<u64>,
	/// Only those of this client.
	#[arg(long, value_name = "ACCOUNT")]
	client: Option<AccountId>,
	/// So many at most, the newest first.
	#[arg(long, value_name = "COUNT", default_value_t = 100)]
	limit: u32,
	/// For programs.
	#[arg(long)]
	json: bool,
}

fn state(text: &str) -> Result<DealState, String> {
	DealState::from_name(text).ok_or_else(|| {
		let names = DealState::ALL.map(DealState::name).join(", ");
		format!("the states of a deal are {names}")
	})
}

impl Deals {
	/// Shows them.
	pub fn run(&self, base: &Path) -> anyhow::Result<()> {
		let client = self.client.map(|client| client.0);
		let deals = with_database(base, |database| async move {
			Ok(database
				.list_deals(self.state, self.sector, client.as_ref(), self.limit)
				.await?)
		})?;
		if self.json {
			return print_json(&deals.iter().map(deal_json).collect::<Vec<_>>());
		}
		let mut table = table(&[
			"deal", "on chain", "state", "since", "sector", "size", "blocks", "client", "error",
		]);
		for deal in &deals {
			let short: String = deal.id.chars().take(12).collect();
			table.add_row([
				short,
				or_dash(deal.deal_id),
				deal.state.name().to_owned(),
				ago(deal.changed_at),
				or_dash(deal.sector),
				bytes(deal.payload_bytes),
				format!("{}–{}", deal.proposal.start, deal.proposal.end),
				AccountId(deal.proposal.client).to_string(),
				deal.error.clone().unwrap_or_default(),
			]);
		}
		println!("{table}");
		Ok(())
	}
}
