//! What the daemon remembers, in SQLite: a crash at any point loses none of it.

mod deals;
mod heal;
mod history;
mod sectors;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{
	sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
	Sqlite, SqlitePool, Transaction,
};

pub use deals::{Deal, DealEvent, DealState, Inserted, Waiting};
pub use history::{BlockLocation, Post, Refusal, Settlement, Submission};
pub use sectors::{Sector, SectorState, Stage};

/// Milliseconds since 1970, as rows have them.
pub type Millis = i64;

/// The time now.
pub fn now() -> Millis {
	let since = std::time::SystemTime::now()
		.duration_since(std::time::UNIX_EPOCH)
		.unwrap_or_default();
	Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// A duration in milliseconds.
pub fn millis(duration: Duration) -> Millis {
	Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// The daemon's database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
	pool: SqlitePool,
}

impl Database {
	/// Opens the database file, makes it if there is none, and brings its tables up to date.
	pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
		let unusable = |message: String| DatabaseError::Unusable {
			path: path.to_owned(),
			message,
		};
		let options = SqliteConnectOptions::new()
			.filename(path)
			.create_if_missing(true)
			.journal_mode(SqliteJournalMode::Wal)
			// With WAL, `NORMAL` can lose the last transactions in a power cut; a deal that was
			// answered with 201 must not be lost.
			.synchronous(SqliteSynchronous::Full)
			.foreign_keys(true)
			.busy_timeout(Duration::from_secs(15));
		let pool = SqlitePoolOptions::new()
			.max_connections(8)
			.connect_with(options)
			.await
			.map_err(|error| unusable(error.to_string()))?;
		sqlx::migrate!("./migrations")
			.run(&pool)
			.await
			.map_err(|error| unusable(error.to_string()))?;
		Ok(Self { pool })
	}

	/// Opens an existing database for reading only, while a daemon may be writing.
	pub async fn open_read_only(path: &Path) -> Result<Self, DatabaseError> {
		let options = SqliteConnectOptions::new()
			.filename(path)
			.read_only(true)
			.busy_timeout(Duration::from_secs(15));
		let pool = SqlitePoolOptions::new()
			.max_connections(1)
			.connect_with(options)
			.await
			.map_err(|error| DatabaseError::Unusable {
				path: path.to_owned(),
				message: error.to_string(),
			})?;
		Ok(Self { pool })
	}

	/// Closes it in an orderly way.
	pub async fn close(&self) {
		self.pool.close().await;
	}

	pub(crate) fn pool(&self) -> &SqlitePool {
		&self.pool
	}

	/// A transaction that has the write lock from its beginning, so that it cannot fail half way
	/// because another writer came first.
	pub(crate) async fn write(&self) -> Result<Transaction<'_, Sqlite>, DatabaseError> {
		Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
	}

	/// How many bytes its content takes: pages that are free to be used again do not count.
	pub async fn bytes(&self) -> Result<u64, DatabaseError> {
		let bytes: i64 = sqlx::query_scalar(
			"SELECT (page_count - freelist_count) * page_size \
			 FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
		)
		.fetch_one(&self.pool)
		.await?;
		from_row(bytes, "size")
	}

	/// A remembered setting.
	pub async fn meta(&self, name: &str) -> Result<Option<String>, DatabaseError> {
		let row: Option<(String,)> = sqlx::query_as("SELECT value FROM meta WHERE name = ?")
			.bind(name)
			.fetch_optional(&self.pool)
			.await?;
		Ok(row.map(|(value,)| value))
	}

	/// A remembered setting, or this value, which is then remembered.
	pub async fn meta_or_insert(&self, name: &str, value: &str) -> Result<String, DatabaseError> {
		sqlx::query("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
			.bind(name)
			.bind(value)
			.execute(&self.pool)
			.await?;
		Ok(self.meta(name).await?.unwrap_or_else(|| value.to_owned()))
	}

	/// Remembers a setting.
	pub async fn set_meta(&self, name: &str, value: &str) -> Result<(), DatabaseError> {
		sqlx::query(
			"INSERT INTO meta (name, value) VALUES (?, ?) \
			 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		)
		.bind(name)
		.bind(value)
		.execute(&self.pool)
		.await?;
		Ok(())
	}
}

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
	/// It cannot be opened.
	#[error("cannot use the database {}: {message}", path.display())]
	Unusable {
		/// The file.
		path: PathBuf,
		/// What went wrong.
		message: String,
	},
	/// A statement failed.
	#[error("the database failed: {0}")]
	Statement(#[from] sqlx::Error),
	/// A row holds what this program never writes.
	#[error(
		"the database holds an unreadable {what}: it was written by another version or is damaged"
	)]
	Unreadable {
		/// Which value.
		what: &'static str,
	},
	/// A number is too large for a row.
	#[error("{what} is too large to be stored")]
	TooLarge {
		/// Which number.
		what: &'static str,
	},
}

/// An unsigned number as a row has it.
pub(crate) fn to_row(value: u64, what: &'static str) -> Result<i64, DatabaseError> {
	i64::try_from(value).map_err(|_| DatabaseError::TooLarge { what })
}

/// A row's number as the unsigned one that was stored.
pub(crate) fn from_row<T: TryFrom<i64>>(
	value: i64,
	what: &'static str,
) -> Result<T, DatabaseError> {
	T::try_from(value).map_err(|_| DatabaseError::Unreadable { what })
}

/// A row's optional number.
pub(crate) fn from_optional_row<T: TryFrom<i64>>(
	value: Option<i64>,
	what: &'static str,
) -> Result<Option<T>, DatabaseError> {
	value.map(|value| from_row(value, what)).transpose()
}

#[cfg(test)]
pub(crate) async fn scratch() -> (tempfile::TempDir, Database) {
	let folder = tempfile::tempdir().expect("a temporary folder can be made; qed");
	let database = Database::open(&folder.path().join("test.sqlite"))
		.await
		.expect("an empty folder is usable; qed");
	(folder, database)
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[tokio::test]
	async fn what_was_written_is_there_after_opening_again() {
		let (folder, database) = scratch().await;
		assert_eq!(database.meta("a").await.unwrap(), None);
		database.set_meta("a", "1").await.unwrap();
		database.set_meta("a", "2").await.unwrap();
		for (value, kept) in [("3", "2"), ("4", "2")] {
			assert_eq!(database.meta_or_insert("a", value).await.unwrap(), kept);
		}
		assert_eq!(database.meta_or_insert("b", "5").await.unwrap(), "5");
		database.close().await;
		let path = folder.path().join("test.sqlite");
		let reader = Database::open_read_only(&path).await.unwrap();
		assert_eq!(reader.meta("a").await.unwrap(), Some("2".into()));
		assert!(reader.set_meta("a", "3").await.is_err());
		let again = Database::open(&path).await.unwrap();
		assert_eq!(again.meta("a").await.unwrap(), Some("2".into()));
	}

	#[tokio::test]
	async fn a_file_that_is_no_database_is_refused() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("test.sqlite");
		std::fs::write(
			&path,
			"this is not a database, but it is long enough to be looked at",
		)
		.unwrap();
		assert!(matches!(
			Database::open(&path).await,
			Err(DatabaseError::Unusable { .. })
		));
		assert!(matches!(
			Database::open_read_only(&folder.path().join("none")).await,
			Err(DatabaseError::Unusable { .. })
		));
	}

	#[test]
	fn numbers_outside_a_row_are_refused() {
		assert!(to_row(u64::MAX, "size").is_err());
		assert!(from_row::<u64>(-1, "size").is_err());
		assert_eq!(from_optional_row::<u32>(None, "size").unwrap(), None);
	}
}
