//! The rows of the stores and of their files.

use std::path::PathBuf;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::FileType;
use crate::database::{to_row, Database, DatabaseError, Millis};

/// A store that the database knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct StoreRow {
	/// The ID in its `sectorstore.json`.
	pub id: String,
	/// Where it is.
	pub path: String,
	/// Whether it is in use.
	pub attached: bool,
	/// When it was looked at last.
	pub checked_at: Option<Millis>,
	/// What was wrong with it then.
	pub error: Option<String>,
}

impl StoreRow {
	/// Where it is.
	pub fn root(&self) -> PathBuf {
		PathBuf::from(&self.path)
	}
}

/// A file that the index knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct FileRow {
	/// Its [`FileType`].
	pub kind: String,
	/// Its name.
	pub name: String,
	/// The store that it is in.
	pub store: String,
	/// Whether it is the copy that counts.
	pub is_primary: bool,
	/// Its length.
	pub bytes: i64,
	/// Its BLAKE2b-256 digest when it was put there for good.
	pub digest: Option<String>,
}

/// The columns of a [`FileRow`].
pub(super) const FILE: &str =
	"store_files.kind, store_files.name, store_files.store, is_primary, bytes, digest";

/// A file that is to be in the index.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
	/// Its type.
	pub kind: FileType,
	/// Its name.
	pub name: &'a str,
	/// The store that it is in.
	pub store: &'a str,
	/// Its length.
	pub bytes: u64,
	/// Its digest, if it is known.
	pub digest: Option<&'a str>,
}

impl Database {
	/// Notes where a store is, and that it is in use. `false` if a store of that ID is in use elsewhere.
	pub async fn attach_store(
		&self,
		id: &str,
		path: &str,
		now: Millis,
	) -> Result<bool, DatabaseError> {
		let changed = sqlx::query(
			"INSERT INTO stores (id, path, attached, attached_at) VALUES (?, ?, 1, ?) \
			 ON CONFLICT (id) DO UPDATE SET path = excluded.path, attached = 1, error = NULL \
			 WHERE stores.attached = 0 OR stores.path = excluded.path",
		)
		.bind(id)
		.bind(path)
		.bind(now)
		.execute(self.pool())
		.await?;
		Ok(changed.rows_affected() == 1)
	}

	/// Notes that the configured store is at another place now.
	pub(super) async fn move_store(&self, id: &str, path: &str) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE stores SET path = ? WHERE id = ?")
			.bind(path)
			.bind(id)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// Notes that a store is not in use any more. What is known of its files is kept.
	pub async fn detach_store(&self, id: &str) -> Result<bool, DatabaseError> {
		let changed = sqlx::query("UPDATE stores SET attached = 0 WHERE id = ? AND attached = 1")
			.bind(id)
			.execute(self.pool())
			.await?;
		Ok(changed.rows_affected() == 1)
	}

	/// All stores, in the order in which they were attached first.
	pub async fn stores(&self) -> Result<Vec<StoreRow>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT id, path, attached, checked_at, error FROM stores ORDER BY attached_at, id",
		)
		.fetch_all(self.pool())
		.await?)
	}

	/// Notes that a store was looked at, and what is wrong with it.
	pub async fn note_health(
		&self,
		id: &str,
		error: Option<&str>,
		now: Millis,
	) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE stores SET checked_at = ?, error = ? WHERE id = ?")
			.bind(now)
			.bind(error)
			.bind(id)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// Declares a file. It becomes the primary unless another copy in use is. A digest that is known stays
	/// known as long as the length does not change.
	pub async fn declare_file(&self, file: Declared<'_>, now: Millis) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		declare(&mut transaction, file, now).await?;
		transaction.commit().await.map_err(Into::into)
	}

	/// Declares a copy and makes it the primary, in one breath: there is always exactly one.
	pub async fn declare_primary(
		&self,
		file: Declared<'_>,
		now: Millis,
	) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		sqlx::query("UPDATE store_files SET is_primary = 0 WHERE kind = ? AND name = ?")
			.bind(file.kind.name())
			.bind(file.name)
			.execute(&mut *transaction)
			.await?;
		declare(&mut transaction, file, now).await?;
		transaction.commit().await.map_err(Into::into)
	}

	/// Takes a file out of the index. Another copy in use, if there is one, becomes the primary.
	pub async fn drop_file(
		&self,
		kind: &str,
		name: &str,
		store: &str,
	) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		drop_row(&mut transaction, kind, name, store).await?;
		transaction.commit().await.map_err(Into::into)
	}

	/// The copies of a file in stores that are in use, the primary first.
	pub async fn find_file(
		&self,
		kind: FileType,
		name: &str,
	) -> Result<Vec<FileRow>, DatabaseError> {
		Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
			"SELECT {FILE} FROM store_files JOIN stores ON stores.id = store_files.store \
			 WHERE kind = ? AND name = ? AND attached = 1 ORDER BY is_primary DESC, store"
		)))
		.bind(kind.name())
		.bind(name)
		.fetch_all(self.pool())
		.await?)
	}

	/// The files of a name and where each is, in stores that are in use, the primaries first.
	pub(super) async fn places(&self, name: &str) -> Result<Vec<(String, String)>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT kind, path FROM store_files JOIN stores ON stores.id = store_files.store \
			 WHERE name = ? AND attached = 1 ORDER BY is_primary DESC, store",
		)
		.bind(name)
		.fetch_all(self.pool())
		.await?)
	}

	/// All files of stores that are in use, or of one store.
	pub async fn store_files(&self, store: Option<&str>) -> Result<Vec<FileRow>, DatabaseError> {
		Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
			"SELECT {FILE} FROM store_files JOIN stores ON stores.id = store_files.store \
			 WHERE attached = 1 AND (? IS NULL OR store = ?) ORDER BY kind, name, store"
		)))
		.bind(store)
		.bind(store)
		.fetch_all(self.pool())
		.await?)
	}

	/// Notes a file's digest.
	pub async fn set_file_digest(&self, file: &FileRow, digest: &str) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE store_files SET digest = ? WHERE kind = ? AND name = ? AND store = ?")
			.bind(digest)
			.bind(&file.kind)
			.bind(&file.name)
			.bind(&file.store)
			.execute(self.pool())
			.await?;
		Ok(())
	}
}

async fn declare(
	connection: &mut SqliteConnection,
	file: Declared<'_>,
	now: Millis,
) -> Result<(), DatabaseError> {
	// A primary in a store that is not in use makes way.
	sqlx::query(
		"UPDATE store_files SET is_primary = 0 WHERE kind = ? AND name = ? AND store <> ? \
		 AND store IN (SELECT id FROM stores WHERE attached = 0)",
	)
	.bind(file.kind.name())
	.bind(file.name)
	.bind(file.store)
	.execute(&mut *connection)
	.await?;
	let (others,): (i64,) = sqlx::query_as(
		"SELECT COUNT(*) FROM store_files WHERE kind = ? AND name = ? AND store <> ? AND is_primary",
	)
	.bind(file.kind.name())
	.bind(file.name)
	.bind(file.store)
	.fetch_one(&mut *connection)
	.await?;
	sqlx::query(
		"INSERT INTO store_files (kind, name, store, is_primary, bytes, digest, declared_at) \
		 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name, store) DO UPDATE SET \
		 is_primary = excluded.is_primary, digest = CASE WHEN excluded.digest IS NOT NULL \
		 THEN excluded.digest WHEN excluded.bytes = store_files.bytes THEN store_files.digest END, \
		 bytes = excluded.bytes, declared_at = excluded.declared_at",
	)
	.bind(file.kind.name())
	.bind(file.name)
	.bind(file.store)
	.bind(others == 0)
	.bind(to_row(file.bytes, "the length")?)
	.bind(file.digest)
	.bind(now)
	.execute(&mut *connection)
	.await?;
	Ok(())
}

/// Removes a row; of the copies that are left in use, the first becomes the primary if none is.
pub(super) async fn drop_row(
	connection: &mut SqliteConnection,
	kind: &str,
	name: &str,
	store: &str,
) -> Result<(), DatabaseError> {
	sqlx::query("DELETE FROM store_files WHERE kind = ? AND name = ? AND store = ?")
		.bind(kind)
		.bind(name)
		.bind(store)
		.execute(&mut *connection)
		.await?;
	sqlx::query(
		"UPDATE store_files SET is_primary = 1 WHERE kind = ? AND name = ? AND store = \
		 (SELECT MIN(store) FROM store_files JOIN stores ON stores.id = store_files.store \
		 WHERE kind = ? AND name = ? AND attached = 1) AND NOT EXISTS \
		 (SELECT 1 FROM store_files WHERE kind = ? AND name = ? AND is_primary)",
	)
	.bind(kind)
	.bind(name)
	.bind(kind)
	.bind(name)
	.bind(kind)
	.bind(name)
	.execute(&mut *connection)
	.await?;
	Ok(())
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::database::scratch;

	fn file<'a>(name: &'a str, store: &'a str, bytes: u64) -> Declared<'a> {
		Declared {
			kind: FileType::Sealed,
			name,
			store,
			bytes,
			digest: None,
		}
	}

	async fn primaries(database: &Database, name: &str) -> Vec<String> {
		let found = database.find_file(FileType::Sealed, name).await.unwrap();
		let primaries = found.into_iter().filter(|row| row.is_primary);
		primaries.map(|row| row.store).collect()
	}

	/// Row 58: the same ID cannot be in use at two places.
	#[tokio::test]
	async fn an_identity_is_in_use_at_one_place() {
		let (_folder, database) = scratch().await;
		assert!(database.attach_store("a", "/one", 1).await.unwrap());
		assert!(database.attach_store("a", "/one", 2).await.unwrap());
		assert!(!database.attach_store("a", "/two", 3).await.unwrap());
		assert!(database.detach_store("a").await.unwrap());
		assert!(!database.detach_store("a").await.unwrap());
		assert!(database.attach_store("a", "/two", 4).await.unwrap());
		assert_eq!(database.stores().await.unwrap()[0].path, "/two");
	}

	/// Row 59: of all copies in use exactly one is the primary.
	#[tokio::test]
	async fn one_copy_is_the_primary() {
		let (_folder, database) = scratch().await;
		for id in ["a", "b"] {
			database.attach_store(id, id, 1).await.unwrap();
		}
		database.declare_file(file("s-1", "b", 7), 1).await.unwrap();
		database.declare_file(file("s-1", "a", 7), 2).await.unwrap();
		assert_eq!(primaries(&database, "s-1").await, ["b"]);
		database
			.declare_primary(file("s-1", "a", 7), 3)
			.await
			.unwrap();
		assert_eq!(primaries(&database, "s-1").await, ["a"]);
		database.drop_file("sealed", "s-1", "a").await.unwrap();
		assert_eq!(primaries(&database, "s-1").await, ["b"]);
		// What is in a store that is not in use is not found, and makes way.
		database.detach_store("b").await.unwrap();
		assert!(primaries(&database, "s-1").await.is_empty());
		database.declare_file(file("s-1", "a", 7), 4).await.unwrap();
		assert_eq!(primaries(&database, "s-1").await, ["a"]);
		database.attach_store("b", "b", 5).await.unwrap();
		database.declare_file(file("s-1", "b", 7), 5).await.unwrap();
		assert_eq!(primaries(&database, "s-1").await, ["a"]);
		let found = database.find_file(FileType::Sealed, "s-1").await.unwrap();
		assert_eq!((found.len(), found[0].store.as_str()), (2, "a"));
	}

	#[tokio::test]
	async fn a_digest_is_kept_while_the_length_is_the_same() {
		let (_folder, database) = scratch().await;
		database.attach_store("a", "a", 1).await.unwrap();
		database.declare_file(file("s-1", "a", 7), 1).await.unwrap();
		let row = database.store_files(None).await.unwrap().remove(0);
		database.set_file_digest(&row, "ab").await.unwrap();
		database.declare_file(file("s-1", "a", 7), 2).await.unwrap();
		let digest = async || database.store_files(None).await.unwrap()[0].digest.clone();
		assert_eq!(digest().await.as_deref(), Some("ab"));
		database.declare_file(file("s-1", "a", 8), 3).await.unwrap();
		assert_eq!(digest().await, None);
	}
}
