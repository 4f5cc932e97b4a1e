//! Who may touch which files: locks under a lease, and the pins of proofs. A proof waits for no lock, and
//! nothing that a pin is on is removed.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::index::drop_row;
use crate::database::{millis, now, Database, DatabaseError, Millis};

/// How long a lock lasts, unless it is prolonged.
const LEASE: Duration = Duration::from_secs(60);
/// How long a pin lasts if whoever set it crashed.
const PIN: Duration = Duration::from_secs(3600);

/// What a lock is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
	/// Others may read, too.
	Read,
	/// Nobody else may have a lock.
	Write,
}

impl LockMode {
	const fn name(self) -> &'static str {
		match self {
			Self::Read => "read",
			Self::Write => "write",
		}
	}
}

/// A lock on the files of a name. It is prolonged until it is dropped.
#[derive(Debug)]
pub struct Lock {
	database: Database,
	name: String,
	holder: Arc<str>,
	renewal: JoinHandle<()>,
}

impl Lock {
	/// The name under which reservations are made that end with this lock.
	pub(crate) fn holder(&self) -> &str {
		&self.holder
	}

	/// Gives it back.
	pub async fn release(self) -> Result<(), DatabaseError> {
		self.renewal.abort();
		self.database.unlock_files(&self.name, &self.holder).await
	}
}

impl Drop for Lock {
	fn drop(&mut self) {
		self.renewal.abort();
		// A second release does no harm; without a runtime the lease ends it.
		if let Ok(runtime) = tokio::runtime::Handle::try_current() {
			let (database, name, holder) = (
				self.database.clone(),
				self.name.clone(),
				self.holder.clone(),
			);
			runtime.spawn(async move { database.unlock_files(&name, &holder).await });
		}
	}
}

impl Database {
	/// Locks the files of a name, or says that somebody else has them.
	pub(super) async fn lock(
		&self,
		name: &str,
		mode: LockMode,
		who: &str,
	) -> Result<Option<Lock>, DatabaseError> {
		let holder: Arc<str> = format!("{who}-{:016x}", rand::random::<u64>()).into();
		if !self.lock_files(name, &holder, mode, now()).await? {
			return Ok(None);
		}
		let renewal = tokio::spawn({
			let (database, holder) = (self.clone(), holder.clone());
			async move {
				loop {
					tokio::time::sleep(LEASE / 3).await;
					if let Err(error) = database.prolong_locks(&holder, now()).await {
						tracing::warn!("cannot prolong a lock: {error}");
					}
				}
			}
		});
		Ok(Some(Lock {
			database: self.clone(),
			name: name.to_owned(),
			holder,
			renewal,
		}))
	}

	async fn lock_files(
		&self,
		name: &str,
		holder: &str,
		mode: LockMode,
		now: Millis,
	) -> Result<bool, DatabaseError> {
		let mut transaction = self.write().await?;
		sqlx::query("DELETE FROM store_locks WHERE until <= ?")
			.bind(now)
			.execute(&mut *transaction)
			.await?;
		let (others,): (i64,) = sqlx::query_as(
			"SELECT COUNT(*) FROM store_locks WHERE name = ? AND holder <> ? \
			 AND (mode = 'write' OR (mode = 'read' AND ? = 'write'))",
		)
		.bind(name)
		.bind(holder)
		.bind(mode.name())
		.fetch_one(&mut *transaction)
		.await?;
		if others > 0 {
			return Ok(false);
		}
		sqlx::query("INSERT INTO store_locks (name, holder, mode, until) VALUES (?, ?, ?, ?)")
			.bind(name)
			.bind(holder)
			.bind(mode.name())
			.bind(now.saturating_add(millis(LEASE)))
			.execute(&mut *transaction)
			.await?;
		transaction.commit().await?;
		Ok(true)
	}

	async fn prolong_locks(&self, holder: &str, now: Millis) -> Result<(), DatabaseError> {
		let until = now.saturating_add(millis(LEASE));
		for table in [
			"UPDATE store_locks SET until = ? WHERE holder = ?",
			"UPDATE store_reservations SET until = ? WHERE holder = ?",
		] {
			sqlx::query(table)
				.bind(until)
				.bind(holder)
				.execute(self.pool())
				.await?;
		}
		Ok(())
	}

	async fn unlock_files(&self, name: &str, holder: &str) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		sqlx::query("DELETE FROM store_locks WHERE name = ? AND holder = ?")
			.bind(name)
			.bind(holder)
			.execute(&mut *transaction)
			.await?;
		sqlx::query("DELETE FROM store_reservations WHERE holder = ?")
			.bind(holder)
			.execute(&mut *transaction)
			.await?;
		transaction.commit().await.map_err(Into::into)
	}

	/// The names on which somebody has a lock.
	pub(super) async fn locked_names(&self, now: Millis) -> Result<Vec<String>, DatabaseError> {
		let rows: Vec<(String,)> =
			sqlx::query_as("SELECT DISTINCT name FROM store_locks WHERE until > ?")
				.bind(now)
				.fetch_all(self.pool())
				.await?;
		Ok(rows.into_iter().map(|(name,)| name).collect())
	}

	/// Frees what the last run of the daemon left locked, pinned and reserved for copies.
	pub(super) async fn free_locks(&self, who: &str) -> Result<(), DatabaseError> {
		let pattern = format!("{who}-%");
		let mut transaction = self.write().await?;
		for table in [
			"DELETE FROM store_locks WHERE holder LIKE ?",
			"DELETE FROM store_reservations WHERE holder LIKE ?",
		] {
			sqlx::query(table)
				.bind(&pattern)
				.execute(&mut *transaction)
				.await?;
		}
		transaction.commit().await.map_err(Into::into)
	}

	/// Pins the files of these names, whoever has them locked.
	pub(super) async fn pin_files(
		&self,
		names: &[String],
		holder: &str,
		now: Millis,
	) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		for name in names {
			sqlx::query(
				"INSERT INTO store_locks (name, holder, mode, until) VALUES (?, ?, 'pin', ?) \
				 ON CONFLICT (name, holder) DO UPDATE SET until = excluded.until",
			)
			.bind(name)
			.bind(holder)
			.bind(now.saturating_add(millis(PIN)))
			.execute(&mut *transaction)
			.await?;
		}
		transaction.commit().await.map_err(Into::into)
	}

	/// Removes all pins of a holder.
	pub(super) async fn unpin_files(&self, holder: &str) -> Result<(), DatabaseError> {
		sqlx::query("DELETE FROM store_locks WHERE holder = ?")
			.bind(holder)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// Takes a copy out of the index so that it can be removed. `false` if a proof may be reading it, or if it
	/// is the primary and `primaries` is not said. A proof that comes later does not find it any more.
	pub(super) async fn release_file(
		&self,
		kind: &str,
		name: &str,
		store: &str,
		primaries: bool,
		now: Millis,
	) -> Result<bool, DatabaseError> {
		let mut transaction = self.write().await?;
		let (pins,): (i64,) = sqlx::query_as(
			"SELECT COUNT(*) FROM store_locks WHERE name = ? AND mode = 'pin' AND until > ?",
		)
		.bind(name)
		.bind(now)
		.fetch_one(&mut *transaction)
		.await?;
		let (primary,): (i64,) = sqlx::query_as(
			"SELECT COUNT(*) FROM store_files WHERE kind = ? AND name = ? AND store = ? AND is_primary",
		)
		.bind(kind)
		.bind(name)
		.bind(store)
		.fetch_one(&mut *transaction)
		.await?;
		if pins > 0 || (primary > 0 && !primaries) {
			return Ok(false);
		}
		drop_row(&mut transaction, kind, name, store).await?;
		transaction.commit().await?;
		Ok(true)
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::{
		database::scratch,
		store::{index::Declared, FileType},
	};

	#[tokio::test]
	async fn readers_share_and_writers_do_not() {
		let (_folder, database) = scratch().await;
		let lock = async |mode| database.lock("s-1", mode, "test").await.unwrap();
		let one = lock(LockMode::Read).await.unwrap();
		let two = lock(LockMode::Read).await.unwrap();
		assert!(lock(LockMode::Write).await.is_none());
		one.release().await.unwrap();
		assert!(lock(LockMode::Write).await.is_none());
		two.release().await.unwrap();
		let writer = lock(LockMode::Write).await.unwrap();
		assert!(lock(LockMode::Read).await.is_none());
		assert!(database
			.lock("s-2", LockMode::Write, "test")
			.await
			.unwrap()
			.is_some());
		writer.release().await.unwrap();
		assert!(lock(LockMode::Read).await.is_some());
	}

	#[tokio::test]
	async fn a_lock_of_a_crashed_holder_ends_with_its_lease() {
		let (_folder, database) = scratch().await;
		let lease = millis(LEASE);
		let lock = async |holder, at| {
			database
				.lock_files("s-1", holder, LockMode::Write, at)
				.await
				.unwrap()
		};
		assert!(lock("a", 0).await);
		assert!(!lock("b", lease - 1).await);
		database.prolong_locks("a", lease - 1).await.unwrap();
		assert!(!lock("b", lease).await);
		assert!(lock("b", 2 * lease).await);
		// At its start the daemon frees what its last run held, and nothing else.
		assert!(!lock("daemon-1", 2 * lease).await);
		database.free_locks("b").await.unwrap();
		assert!(!lock("daemon-1", 2 * lease).await);
		database.unlock_files("s-1", "b").await.unwrap();
		assert!(lock("daemon-1", 2 * lease).await);
		database.free_locks("daemon").await.unwrap();
		assert!(lock("c", 2 * lease).await);
	}

	/// Row 66: a proof waits for no lock, and while it reads nothing is taken away.
	#[tokio::test]
	async fn a_pin_waits_for_no_lock_and_removal_waits_for_the_pin() {
		let (_folder, database) = scratch().await;
		for id in ["a", "b"] {
			database.attach_store(id, id, 1).await.unwrap();
			let file = Declared {
				kind: FileType::Sealed,
				name: "s-1",
				store: id,
				bytes: 1,
				digest: None,
			};
			database.declare_file(file, 1).await.unwrap();
		}
		let _held = database
			.lock("s-1", LockMode::Write, "test")
			.await
			.unwrap()
			.unwrap();
		database
			.pin_files(&["s-1".into()], "post-1", 5)
			.await
			.unwrap();
		let release = async |store, primaries, at| {
			database
				.release_file("sealed", "s-1", store, primaries, at)
				.await
				.unwrap()
		};
		assert!(!release("b", true, 6).await);
		database.unpin_files("post-1").await.unwrap();
		// Row 64: never the primary, unless the file is not needed at all.
		assert!(!release("a", false, 6).await);
		assert!(release("b", false, 6).await);
		assert!(!release("a", false, 6).await);
		assert!(release("a", true, 6).await);
		// A pin that a crash left ends, too.
		let file = Declared {
			kind: FileType::Sealed,
			name: "s-1",
			store: "a",
			bytes: 1,
			digest: None,
		};
		database.declare_file(file, 1).await.unwrap();
		database
			.pin_files(&["s-1".into()], "post-2", 5)
			.await
			.unwrap();
		assert!(release("a", true, 5 + millis(PIN)).await);
	}
}
