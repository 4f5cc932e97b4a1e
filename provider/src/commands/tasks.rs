//! `holdfast-provider tasks`

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use holdfast_provider::{
	database::{now, Database, SectorState},
	tasks::{why, Kind, TaskRow},
};
use serde_json::json;

use super::{print_json, span, table, with_database, with_writable_database};

/// Which tasks to show.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
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
	#[command(subcommand)]
	action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
	/// Try tasks that were given up again.
	Retry {
		/// Their numbers.
		#[arg(required_unless_present = "all")]
		ids: Vec<i64>,
		/// All of them.
		#[arg(long, conflicts_with = "ids")]
		all: bool,
		/// For programs.
		#[arg(long)]
		json: bool,
	},
	/// Show the attempts that ended, the newest first.
	History {
		/// Only those for this subject, such as a sector's number.
		#[arg(long, value_name = "SUBJECT")]
		subject: Option<String>,
		/// So many at most.
		#[arg(long, default_value_t = 50)]
		limit: u32,
		/// For programs.
		#[arg(long)]
		json: bool,
	},
}

fn kind(text: &str) -> Result<Kind, String> {
	Kind::from_name(text).ok_or_else(|| "there is no such kind of task".to_owned())
}

impl Tasks {
	/// Does what the command says.
	pub fn run(mut self, base: &Path) -> anyhow::Result<()> {
		match self.action.take() {
			None => self.show(base),
			Some(Action::Retry { ids, all, json }) => {
				let retried = with_writable_database(base, |database| async move {
					retry(&database, (!all).then_some(ids)).await
				})?;
				if json {
					return print_json(&json!({ "retried": retried }));
				}
				for task in &retried {
					println!("task {task} is queued again");
				}
				if retried.is_empty() {
					println!("no task was given up");
				}
				Ok(())
			},
			Some(Action::History {
				subject,
				limit,
				json,
			}) => history(base, subject, limit, json),
		}
	}

	fn show(&self, base: &Path) -> anyhow::Result<()> {
		let (rows, workers) = with_database(base, |database| async move {
			let mut rows = Vec::new();
			for task in database.tasks().await? {
				let home = match task.subject.parse() {
					Ok(sector) => database.home(sector).await?,
					Err(_) => None,
				};
				rows.push((task, home));
			}
			Ok((rows, database.workers().await?))
		})?;
		let at = now();
		let rows: Vec<_> = rows
			.into_iter()
			.filter(|(task, _)| self.wants(task))
			.map(|(task, home)| {
				let why = why(&task, home.as_deref(), &workers, at);
				(task, why)
			})
			.collect();
		if self.json {
			let rows: Vec<_> = rows
				.iter()
				.map(|(task, why)| {
					let mut value = json!(task);
					value["why"] = json!(why);
					value
				})
				.collect();
			return print_json(&rows);
		}
		let mut table = table(&[
			"task", "kind", "subject", "state", "failures", "next", "why",
		]);
		for (task, why) in &rows {
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
				why.clone(),
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

/// Queues given-up tasks again: these, or all whose sector was not given up with them.
async fn retry(database: &Database, ids: Option<Vec<i64>>) -> anyhow::Result<Vec<i64>> {
	let failed = database.tasks().await?;
	let failed: Vec<_> = failed
		.into_iter()
		.filter(|task| task.state == "failed")
		.collect();
	let mut retried = Vec::new();
	if let Some(unknown) = ids
		.iter()
		.flatten()
		.find(|id| !failed.iter().any(|task| task.id == **id))
	{
		bail!("no task {unknown} was given up");
	}
	for task in failed {
		let named = ids.as_ref().is_some_and(|ids| ids.contains(&task.id));
		if ids.is_some() && !named {
			continue;
		}
		let sector = match task.subject.parse() {
			Ok(number) => database.sector(number).await?,
			Err(_) => None,
		};
		let over = |state| matches!(state, SectorState::Failed | SectorState::Expired);
		if sector.is_some_and(|sector| over(sector.state)) {
			if named {
				bail!(
					"task {} cannot be tried again: its sector {} was given up, and its deals that still had time \
					 went to others",
					task.id,
					task.subject
				);
			}
			continue;
		}
		if database.retry_task(task.id, now()).await? {
			retried.push(task.id);
		}
	}
	Ok(retried)
}

fn history(base: &Path, subject: Option<String>, limit: u32, json: bool) -> anyhow::Result<()> {
	let rows = with_database(base, |database| async move {
		Ok(database.task_history(subject.as_deref(), limit).await?)
	})?;
	if json {
		return print_json(&rows);
	}
	let mut table = table(&["kind", "subject", "by", "ended", "took", "error"]);
	for row in &rows {
		table.add_row([
			row.kind.clone(),
			row.subject.clone(),
			row.worker.clone(),
			format!("{} ago", super::ago(row.finished_at)),
			format!("{} ms", row.finished_at.saturating_sub(row.started_at)),
			row.error.clone().unwrap_or_default(),
		]);
	}
	println!("{table}");
	Ok(())
}
