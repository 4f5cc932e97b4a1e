//! `holdfast-provider tasks`

use std::path::Path;

use holdfast_provider::{
	database::now,
	tasks::{Kind, TaskRow},
};

use super::{print_json, span, table, with_database};

/// Which tasks to show.
#[derive(clap::Args)]
pub struct Tasks {
	/// Only those in this state, such as queued or failed.
	#[arg(long, value_name = "STATE")]
	state: Option<String>,
	/// Only those of this kind, such as pre-commit-1.
	#[arg(long, value_name = "KIND", value_parser = kind)]
	kind: Option<Kind>,
	/// Only those for this subject, such as a sector's number.
	#[arg(long, value_name = "SUBJECT")]
	subject: Option<String>,
	/// For programs.
	#[arg(long)]
	json: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
	Kind::from_name(text).ok_or_else(|| "there is no such kind of task".to_owned())
}

impl Tasks {
	/// Shows them.
	pub fn run(&self, base: &Path) -> anyhow::Result<()> {
		let rows = with_database(base, |database| async move { Ok(database.tasks().await?) })?;
		let rows: Vec<_> = rows.into_iter().filter(|task| self.wants(task)).collect();
		if self.json {
			return print_json(&rows);
		}
		let mut table = table(&[
			"task", "kind", "subject", "state", "failures", "next", "error",
		]);
		let at = now();
		for task in &rows {
			let next = match task.lease_until {
				Some(_) => "being done".to_owned(),
				None if task.state == "failed" => "never".to_owned(),
				None if task.next_run_at <= at => "now".to_owned(),
				None => format!("in {}", span(task.next_run_at.saturating_sub(at))),
			};
			table.add_row([
				task.id.to_string(),
				task.kind.clone(),
				task.subject.clone(),
				task.state.clone(),
				task.attempts.to_string(),
				next,
				task.error.clone().unwrap_or_default(),
			]);
		}
		println!("{table}");
		Ok(())
	}

	fn wants(&self, task: &TaskRow) -> bool {
		self.state.as_ref().is_none_or(|state| *state == task.state)
			&& self.kind.is_none_or(|kind| kind.name() == task.kind)
			&& self
				.subject
				.as_ref()
				.is_none_or(|subject| *subject == task.subject)
	}
}
