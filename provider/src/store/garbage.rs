//! Files that nothing needs any more. They are marked first, and removed only if they are still not needed
//! a while later; a file of which this database knows nothing is never marked.

use std::time::Duration;

use holdfast_primitives::SectorNumber;
use serde::Serialize;
use tracing::info;

use super::{
	files::remove_any, piece_of, sector_of, FileRow, FileType, LockMode, Store, StoreError,
};
use crate::database::{millis, Database, DatabaseError, Millis, SectorState};

/// A file that is not needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Garbage {
	/// Its type.
	pub kind: String,
	/// Its name.
	pub name: String,
	/// The store that it is in.
	pub store: String,
	/// Why it is not needed.
	pub reason: String,
	/// Its length.
	pub bytes: i64,
	/// When that was noticed.
	pub marked_at: Millis,
}

/// Who needs a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
	Needed,
	/// Nobody, for a reason.
	Not(&'static str),
	/// The database does not know what it is of.
	Unknown,
}

impl Store {
	/// Marks what is not needed now, and takes the marks from what is. Returns all marks.
	pub async fn mark_garbage(&self, now: Millis) -> Result<Vec<Garbage>, StoreError> {
		self.refresh().await?;
		self.redeclare(None, false).await?;
		let found = self.garbage(now).await?;
		self.database.mark(&found).await?;
		Ok(self.database.marked().await?)
	}

	/// Removes what was marked at least `grace` ago and is still not needed. Returns what was removed.
	pub async fn sweep_garbage(
		&self,
		grace: Duration,
		now: Millis,
	) -> Result<Vec<Garbage>, StoreError> {
		self.refresh().await?;
		let still = self.garbage(now).await?;
		let mut removed = Vec::new();
		for marked in self.database.marked().await? {
			if marked.marked_at.saturating_add(millis(grace)) > now {
				continue;
			}
			let is_same = |other: &Garbage| {
				(&other.kind, &other.name, &other.store)
					== (&marked.kind, &marked.name, &marked.store)
			};
			if still.iter().any(is_same) {
				if self.remove_garbage(&marked, now).await? {
					removed.push(marked);
				}
			} else {
				self.database.unmark(&marked).await?;
			}
		}
		Ok(removed)
	}

	/// Removes one copy, and only that. `false` if somebody works on it or a proof reads it.
	async fn remove_garbage(&self, garbage: &Garbage, now: Millis) -> Result<bool, StoreError> {
		let (Some(folder), Some(kind)) = (
			self.folder(&garbage.store),
			FileType::from_name(&garbage.kind),
		) else {
			return Ok(false);
		};
		let locked = self
			.database
			.lock(&garbage.name, LockMode::Write, self.who)
			.await?;
		let Some(lock) = locked else {
			return Ok(false);
		};
		// With the lock nobody begins to need it, so this is the last look.
		let primaries = matches!(self.need(kind, &garbage.name).await?, Need::Not(_));
		let released = self
			.database
			.release_file(&garbage.kind, &garbage.name, &garbage.store, primaries, now)
			.await?;
		if released {
			remove_any(&folder.file(kind, &garbage.name))?;
			self.database.unmark(garbage).await?;
			info!(
				name = garbage.name,
				store = garbage.store,
				kind = garbage.kind,
				"garbage is removed: {}",
				garbage.reason
			);
		}
		lock.release().await?;
		Ok(released)
	}

	async fn garbage(&self, now: Millis) -> Result<Vec<Garbage>, StoreError> {
		let mut found = Vec::new();
		for row in self.database.store_files(None).await? {
			let Some(kind) = FileType::from_name(&row.kind) else {
				continue;
			};
			let reason = match self.need(kind, &row.name).await? {
				Need::Not(reason) => reason,
				// The copy that counts is there and is as long.
				Need::Needed if !row.is_primary && self.primary_is_there(kind, &row).await? => {
					"another copy is the one that counts"
				},
				Need::Needed | Need::Unknown => continue,
			};
			found.push(Garbage {
				kind: row.kind,
				name: row.name,
				store: row.store,
				reason: reason.into(),
				bytes: row.bytes,
				marked_at: now,
			});
		}
		Ok(found)
	}

	async fn need(&self, kind: FileType, name: &str) -> Result<Need, StoreError> {
		if kind == FileType::Piece {
			let Some(comm_p) = piece_of(name) else {
				return Ok(Need::Unknown);
			};
			let wanted = self.database.is_piece_wanted(&comm_p.to_hex()).await?;
			return Ok(if wanted {
				Need::Needed
			} else {
				Need::Not("no deal needs the piece")
			});
		}
		let Some(number) = sector_of(name) else {
			return Ok(Need::Unknown);
		};
		let Some(sector) = self.database.sector(number).await? else {
			return Ok(Need::Unknown);
		};
		if self.database.home(number).await?.is_some() {
			return Ok(Need::Not("a worker has the sector's files"));
		}
		Ok(match (sector.state, kind) {
			(SectorState::Failed, _) => Need::Not("the sector was given up"),
			(SectorState::Expired, _) => Need::Not("the sector has ended"),
			(SectorState::Active, FileType::Unsealed) => {
				Need::Not("the sector is proven and its pieces are kept apart")
			},
			_ => Need::Needed,
		})
	}

	async fn primary_is_there(&self, kind: FileType, row: &FileRow) -> Result<bool, StoreError> {
		let copies = self.database.find_file(kind, &row.name).await?;
		let Some(primary) = copies.into_iter().find(|copy| copy.is_primary) else {
			return Ok(false);
		};
		Ok(self.folder(&primary.store).is_some_and(|folder| {
			super::files::length(&folder.file(kind, &row.name))
				.is_ok_and(|bytes| i64::try_from(bytes) == Ok(row.bytes))
		}))
	}

	/// The files that are needed and in no other store in use.
	pub(super) async fn needed_only_in(&self, id: &str) -> Result<Vec<String>, StoreError> {
		let mut needed = Vec::new();
		for row in self.database.store_files(Some(id)).await? {
			let Some(kind) = FileType::from_name(&row.kind) else {
				continue;
			};
			let copies = self.database.find_file(kind, &row.name).await?;
			let need = self.need(kind, &row.name).await?;
			if copies.len() == 1 && !matches!(need, Need::Not(_)) {
				needed.push(format!("{} {}", row.kind, row.name));
			}
		}
		Ok(needed)
	}

	/// The sectors that were given up or have ended and still have files in stores that can be reached.
	pub(super) async fn given_up_with_files(&self) -> Result<Vec<SectorNumber>, StoreError> {
		let mut found = std::collections::BTreeSet::new();
		for (name, store) in self.database.over_files().await? {
			let reachable = self.folder(&store).is_some();
			if let (true, Some(number)) = (reachable, sector_of(&name)) {
				found.insert(number);
			}
		}
		Ok(found.into_iter().collect())
	}
}

impl Database {
	/// The marks become these; what is marked already keeps its time.
	async fn mark(&self, garbage: &[Garbage]) -> Result<(), DatabaseError> {
		let before = self.marked().await?;
		let key = |one: &Garbage| (one.kind.clone(), one.name.clone(), one.store.clone());
		let now: Vec<_> = garbage.iter().map(key).collect();
		for old in before.iter().filter(|old| !now.contains(&key(old))) {
			self.unmark(old).await?;
		}
		let mut transaction = self.write().await?;
		for one in garbage {
			sqlx::query(
				"INSERT INTO store_garbage (kind, name, store, reason, bytes, marked_at) \
				 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name, store) DO UPDATE \
				 SET reason = excluded.reason, bytes = excluded.bytes",
			)
			.bind(&one.kind)
			.bind(&one.name)
			.bind(&one.store)
			.bind(&one.reason)
			.bind(one.bytes)
			.bind(one.marked_at)
			.execute(&mut *transaction)
			.await?;
		}
		transaction.commit().await.map_err(Into::into)
	}

	async fn marked(&self) -> Result<Vec<Garbage>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT kind, name, store, reason, bytes, marked_at FROM store_garbage \
			 ORDER BY marked_at, kind, name, store",
		)
		.fetch_all(self.pool())
		.await?)
	}

	async fn unmark(&self, garbage: &Garbage) -> Result<(), DatabaseError> {
		sqlx::query("DELETE FROM store_garbage WHERE kind = ? AND name = ? AND store = ?")
			.bind(&garbage.kind)
			.bind(&garbage.name)
			.bind(&garbage.store)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	async fn is_piece_wanted(&self, comm_p: &str) -> Result<bool, DatabaseError> {
		let (deals,): (i64,) = sqlx::query_as(
			"SELECT COUNT(*) FROM deals WHERE comm_p = ? AND state NOT IN \
			 ('completed', 'failed', 'expired')",
		)
		.bind(comm_p)
		.fetch_one(self.pool())
		.await?;
		Ok(deals > 0)
	}

	/// The files of sectors that were given up or have ended: their names and stores.
	async fn over_files(&self) -> Result<Vec<(String, String)>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT name, store FROM store_files JOIN stores ON stores.id = store_files.store \
			 JOIN sectors ON store_files.name = 's-' || sectors.number \
			 WHERE attached = 1 AND state IN ('failed', 'expired')",
		)
		.fetch_all(self.pool())
		.await?)
	}
}
