//! `holdfast-provider sectors`

use std::path::Path;

use holdfast_provider::database::SectorState;

use super::{ago, or_dash, print_json, table, with_database};

/// Which sectors to show.
#[derive(clap::Args)]
pub struct Sectors {
	/// Only those in this state, such as proving or active.
	#[arg(long, value_name = "STATE", value_parser = state)]
	state: Option<SectorState>,
	/// So many at most, the newest first.
	#[arg(long, value_name = "COUNT", default_value_t = 100)]
	limit: u32,
	/// For programs.
	#[arg(long)]
	json: bool,
}

fn state(text: &str) -> Result<SectorState, String> {
	SectorState::from_name(text).ok_or_else(|| {
		let names = SectorState::ALL.map(SectorState::name).join(", ");
		format!("the states of a sector are {names}")
	})
}

impl Sectors {
	/// Shows them.
	pub fn run(&self, base: &Path) -> anyhow::Result<()> {
		let sectors = with_database(base, |database| async move {
			Ok(database.list_sectors(self.state, self.limit).await?)
		})?;
		if self.json {
			return print_json(&sectors);
		}
		let mut table = table(&[
			"sector",
			"state",
			"since",
			"deadline",
			"partition",
			"expires",
			"error",
		]);
		for sector in &sectors {
			table.add_row([
				sector.number.to_string(),
				sector.state.name().to_owned(),
				ago(sector.changed_at),
				or_dash(sector.deadline),
				or_dash(sector.partition),
				or_dash(sector.expiration),
				sector.error.clone().unwrap_or_default(),
			]);
		}
		println!("{table}");
		Ok(())
	}
}
