//! The commands that show things, and those for the stores.

mod deals;
mod doctor;
mod sectors;
mod store;
mod tasks;
pub mod wizard;
mod worker;
mod workers;

use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use comfy_table::{presets, Table};
use holdfast_provider::{
	daemon::DATABASE_FILE,
	database::{now, Database, Millis},
};
use serde::Serialize;

pub use deals::Deals;
pub use doctor::Doctor;
pub use sectors::Sectors;
pub use store::Store;
pub use tasks::Tasks;
pub use worker::RunWorker;
pub use workers::Workers;

/// Opens the database in the base folder for reading, and does something with it.
fn with_database<T, F>(base: &Path, act: impl FnOnce(Database) -> F) -> anyhow::Result<T>
where
	F: std::future::Future<Output = anyhow::Result<T>>,
{
	let path = database_file(base)?;
	let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
	runtime.block_on(async {
		let database = Database::open_read_only(&path).await?;
		act(database).await
	})
}

/// Opens the database in the base folder for writing, while a daemon may be running, and does something with it.
fn with_writable_database<T, F>(base: &Path, act: impl FnOnce(Database) -> F) -> anyhow::Result<T>
where
	F: std::future::Future<Output = anyhow::Result<T>>,
{
	let path = database_file(base)?;
	let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
	runtime.block_on(async {
		let database = Database::open(&path).await?;
		let result = act(database.clone()).await;
		database.close().await;
		result
	})
}

fn database_file(base: &Path) -> anyhow::Result<PathBuf> {
	let path = base.join(DATABASE_FILE);
	if !path.exists() {
		bail!(
			"there is no {}: has the daemon run with --base {} before?",
			path.display(),
			base.display()
		);
	}
	Ok(path)
}

/// Prints a value for programs.
fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
	println!("{}", serde_json::to_string_pretty(value)?);
	Ok(())
}

/// A table with these headings.
fn table(headings: &[&str]) -> Table {
	let mut table = Table::new();
	table
		.load_preset(presets::UTF8_HORIZONTAL_ONLY)
		.set_header(headings);
	table
}

/// A value, or a dash.
fn or_dash(value: Option<impl ToString>) -> String {
	value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

/// How long ago that was.
fn ago(at: Millis) -> String {
	span(now().saturating_sub(at))
}

/// A time for people.
fn span(millis: Millis) -> String {
	let seconds = millis / 1000;
	match seconds.saturating_abs() {
		0..=119 => format!("{seconds} s"),
		120..=7_199 => format!("{} min", seconds / 60),
		7_200..=172_799 => format!("{} h", seconds / 3600),
		_ => format!("{} d", seconds / 86_400),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn times_are_readable() {
		assert_eq!(span(0), "0 s");
		assert_eq!(span(119_999), "119 s");
		assert_eq!(span(120_000), "2 min");
		assert_eq!(span(7_200_000), "2 h");
		assert_eq!(span(172_800_000), "2 d");
		assert_eq!(span(-5_000), "-5 s");
	}

	#[test]
	fn what_is_not_known_is_a_dash() {
		assert_eq!(or_dash(Some(7)), "7");
		assert_eq!(or_dash(None::<u32>), "–");
	}
}
