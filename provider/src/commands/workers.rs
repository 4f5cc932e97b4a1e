//! `holdfast-provider workers`

use std::{path::Path, time::Duration};

use anyhow::bail;
use clap::Subcommand;
use holdfast_provider::{
	database::{now, Database},
	tasks::WorkerRow,
};
use serde_json::json;

use super::{ago, print_json, table, with_database, with_writable_database};

/// How often one looks whether a machine has nothing to do any more.
const LOOK: Duration = Duration::from_secs(1);

/// What to do with the machines, and how to report it.
#[derive(clap::Args)]
pub struct Workers {
	/// For programs.
	#[arg(long, global = true)]
	json: bool,
	#[command(subcommand)]
	action: Action,
}

#[derive(Subcommand)]
enum Action {
	/// Show them. The daemon itself is shown once it was cordoned.
	List,
	/// Give a machine nothing new; `daemon` is the daemon's own machine.
	Cordon {
		/// Its name.
		name: String,
	},
	/// Give it new tasks again.
	Uncordon {
		/// Its name.
		name: String,
	},
	/// Give it nothing new, and wait until it has ended what it has.
	Drain {
		/// Its name.
		name: String,
	},
	/// Forget one that has no task and no sector.
	Forget {
		/// Its name.
		name: String,
	},
}

impl Workers {
	/// Does what the command says.
	pub fn run(self, base: &Path) -> anyhow::Result<()> {
		let (name, cordoned) = match self.action {
			Action::List => {
				let rows = with_database(
					base,
					|database| async move { Ok(database.workers().await?) },
				)?;
				return show(&rows, self.json);
			},
			Action::Forget { name } => {
				let forgotten = with_writable_database(base, |database| async move {
					if !database.forget_worker(&name).await? {
						bail!("there is no worker {name}, or it has tasks or sectors");
					}
					Ok(name)
				})?;
				return report(&forgotten, "forgotten", self.json);
			},
			Action::Drain { name } => {
				let name = with_writable_database(base, |database| async move {
					cordon(&database, &name, true).await?;
					while busy(&database, &name).await? {
						tokio::time::sleep(LOOK).await;
					}
					Ok(name)
				})?;
				return report(&name, "drained", self.json);
			},
			Action::Cordon { name } => (name, true),
			Action::Uncordon { name } => (name, false),
		};
		let name = with_writable_database(base, |database| async move {
			cordon(&database, &name, cordoned).await?;
			Ok(name)
		})?;
		let what = if cordoned { "cordoned" } else { "uncordoned" };
		report(&name, what, self.json)
	}
}

async fn cordon(database: &Database, name: &str, cordoned: bool) -> anyhow::Result<()> {
	if !database.cordon(name, cordoned, now()).await? {
		bail!("there is no worker {name}");
	}
	Ok(())
}

async fn busy(database: &Database, name: &str) -> anyhow::Result<bool> {
	let rows = database.workers().await?;
	Ok(rows.iter().any(|row| row.name == name && row.tasks > 0))
}

fn report(name: &str, what: &str, json: bool) -> anyhow::Result<()> {
	if json {
		return print_json(&json!({ "name": name, "state": what }));
	}
	println!("{name} is {what}");
	Ok(())
}

fn show(rows: &[WorkerRow], json: bool) -> anyhow::Result<()> {
	if json {
		return print_json(&rows);
	}
	let mut table = table(&[
		"name",
		"heard of",
		"cordoned",
		"tasks",
		"sectors",
		"processors free",
		"memory free",
	]);
	for row in rows {
		table.add_row([
			row.name.clone(),
			format!("{} ago", ago(row.seen_at)),
			if row.cordoned { "yes" } else { "no" }.to_owned(),
			row.tasks.to_string(),
			row.sectors.to_string(),
			format!("{}/{}", row.about.free.cpus, row.about.resources.cpus),
			format!("{}/{}", row.about.free.memory, row.about.resources.memory),
		]);
	}
	println!("{table}");
	Ok(())
}
