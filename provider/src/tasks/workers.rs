//! The machines that do computing tasks: which there are, and which task one of them gets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
	history::DAEMON,
	queue::{DUE, TASK, URGENCY},
	Kind, Resources, TaskRow, LEASE,
};
use crate::database::{millis, Database, DatabaseError, Millis};

/// How many tasks are looked at for a worker.
const LOOKED_AT: u32 = 256;

/// What a worker tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
	/// The tasks that it does.
	pub kinds: Vec<String>,
	/// The IDs of the daemon's stores that it reaches, too.
	pub shared: Vec<String>,
	/// What it has.
	pub resources: Resources,
	/// What of it nobody uses.
	pub free: Resources,
}

impl About {
	fn does(&self, kind: Kind) -> bool {
		self.kinds.iter().any(|name| name == kind.name())
	}

	/// Whether it can have sectors of its own: the Groth16 proofs can be made elsewhere.
	fn seals(&self) -> bool {
		let mut kinds = Kind::COMPUTING.into_iter();
		kinds.all(|kind| kind == Kind::Commit2 || self.does(kind))
	}
}

/// A machine that does computing tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerRow {
	/// Its name.
	pub name: String,
	/// When it was heard of last.
	pub seen_at: Millis,
	/// Whether it gets no new tasks.
	pub cordoned: bool,
	/// What it told of itself.
	pub about: About,
	/// How many tasks it has.
	pub tasks: i64,
	/// How many sectors have their files with it.
	pub sectors: i64,
}

/// Where a worker does a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
	/// In this one of the daemon's stores, which it reaches, too.
	Shared(String),
	/// In its own store, where the sector's files are, or are to be.
	Own,
	/// In its own store, once it has fetched the sector's files from the daemon.
	Fetched,
	/// With copies of what the step reads; what it makes goes back to the daemon.
	Visit,
}

/// A due task, and where its sector's files are.
#[derive(sqlx::FromRow)]
struct Candidate {
	id: i64,
	kind: String,
	home: Option<String>,
	/// The daemon's store in which the sector is sealed or kept.
	store: Option<String>,
	/// The worker that the sector is to be moved to.
	target: Option<String>,
	/// What the worker that has the sector's files told of itself.
	home_about: Option<String>,
}

impl Candidate {
	/// Where the worker would do it; `None` if it is not for it.
	fn place(&self, worker: &str, about: &About, daemon_computes: bool) -> Option<Place> {
		let kind = Kind::from_name(&self.kind)?;
		if kind == Kind::Move {
			return match (&self.home, &self.target) {
				(Some(home), _) => (home == worker).then_some(Place::Own),
				(None, Some(target)) => (target == worker).then_some(Place::Fetched),
				(None, None) => None,
			};
		}
		if !about.does(kind) {
			return None;
		}
		match (&self.home, &self.store) {
			// In stores that the daemon has, it does the rest itself.
			(None, _) if !kind.is_heavy() => None,
			(Some(home), _) if home == worker => Some(Place::Own),
			(Some(_), _) => (kind == Kind::Commit2 && self.needs_proofs()).then_some(Place::Visit),
			(None, Some(store)) if about.shared.contains(store) => {
				Some(Place::Shared(store.clone()))
			},
			(None, _) if !about.seals() => Some(Place::Visit),
			// What the daemon began, it goes on with, unless it computes nothing.
			(None, Some(_)) => (!daemon_computes).then_some(Place::Fetched),
			// A later step finds nothing, and has the sector begun anew.
			(None, None) => Some(Place::Own),
		}
	}

	/// Whether the worker that has the sector leaves the Groth16 proofs to others.
	fn needs_proofs(&self) -> bool {
		let about = self
			.home_about
			.as_deref()
			.map(serde_json::from_str::<About>);
		matches!(about, Some(Ok(about)) if about.seals() && !about.does(Kind::Commit2))
	}
}

impl Database {
	/// Whether a machine is to begin nothing new.
	pub async fn is_cordoned(&self, name: &str) -> Result<bool, DatabaseError> {
		let cordoned: Option<bool> =
			sqlx::query_scalar("SELECT cordoned FROM workers WHERE name = ?")
				.bind(name)
				.fetch_optional(self.pool())
				.await?;
		Ok(cordoned.unwrap_or(false))
	}

	/// Says whether a machine may begin something new. `false` if there is none of that name.
	pub async fn cordon(
		&self,
		name: &str,
		cordoned: bool,
		now: Millis,
	) -> Result<bool, DatabaseError> {
		if name == DAEMON {
			sqlx::query(
				"INSERT INTO workers (name, session, seen_at) VALUES (?, '', ?) \
				 ON CONFLICT (name) DO NOTHING",
			)
			.bind(name)
			.bind(now)
			.execute(self.pool())
			.await?;
		}
		let changed = sqlx::query("UPDATE workers SET cordoned = ? WHERE name = ?")
			.bind(cordoned)
			.bind(name)
			.execute(self.pool())
			.await?;
		Ok(changed.rows_affected() == 1)
	}

	/// The machines that were heard of, the daemon among them if it was ever cordoned.
	pub async fn workers(&self) -> Result<Vec<WorkerRow>, DatabaseError> {
		type Row = (String, i64, bool, String, i64, i64);
		let rows: Vec<Row> = sqlx::query_as(
			"SELECT name, seen_at, cordoned, about, \
			 (SELECT COUNT(*) FROM tasks WHERE lease_owner = name OR \
				(name = 'daemon' AND heavy AND lease_owner LIKE 'daemon-%')), \
			 (SELECT COUNT(*) FROM sectors WHERE home = name AND state NOT IN ('failed', 'expired')) \
			 FROM workers ORDER BY name",
		)
		.fetch_all(self.pool())
		.await?;
		Ok(rows
			.into_iter()
			.map(
				|(name, seen_at, cordoned, about, tasks, sectors)| WorkerRow {
					name,
					seen_at,
					cordoned,
					about: serde_json::from_str(&about).unwrap_or_default(),
					tasks,
					sectors,
				},
			)
			.collect())
	}

	/// Forgets a worker that has no task and no sector. `false` if it has one, or is not known.
	pub async fn forget_worker(&self, name: &str) -> Result<bool, DatabaseError> {
		let changed = sqlx::query(
			"DELETE FROM workers WHERE name = ?1 \
			 AND NOT EXISTS (SELECT 1 FROM tasks WHERE lease_owner = ?1) \
			 AND NOT EXISTS (SELECT 1 FROM sectors WHERE home = ?1 \
				AND state NOT IN ('failed', 'expired'))",
		)
		.bind(name)
		.execute(self.pool())
		.await?;
		Ok(changed.rows_affected() == 1)
	}

	/// A worker shows that it lives. The leases of the tasks that it works on are prolonged; in a new session,
	/// what it does not work on any more is free again. Returns the tasks that are not its own any more.
	pub async fn hear_worker(
		&self,
		name: &str,
		session: &str,
		about: &About,
		tasks: &[i64],
		lease: Duration,
		now: Millis,
	) -> Result<Vec<i64>, DatabaseError> {
		let about = serde_json::to_string(about).unwrap_or_default();
		let mut transaction = self.write().await?;
		let known: Option<String> =
			sqlx::query_scalar("SELECT session FROM workers WHERE name = ?")
				.bind(name)
				.fetch_optional(&mut *transaction)
				.await?;
		sqlx::query(
			"INSERT INTO workers (name, session, seen_at, about) VALUES (?, ?, ?, ?) \
			 ON CONFLICT (name) DO UPDATE SET session = excluded.session, \
			 seen_at = excluded.seen_at, about = excluded.about",
		)
		.bind(name)
		.bind(session)
		.bind(now)
		.bind(about)
		.execute(&mut *transaction)
		.await?;
		let mut lost = Vec::new();
		for task in tasks {
			let kept =
				sqlx::query("UPDATE tasks SET lease_until = ? WHERE id = ? AND lease_owner = ?")
					.bind(now.saturating_add(millis(lease)))
					.bind(task)
					.bind(name)
					.execute(&mut *transaction)
					.await?;
			if kept.rows_affected() == 0 {
				lost.push(*task);
			}
		}
		if known.is_some_and(|known| known != session) {
			let leased: Vec<i64> = sqlx::query_scalar("SELECT id FROM tasks WHERE lease_owner = ?")
				.bind(name)
				.fetch_all(&mut *transaction)
				.await?;
			for task in leased.iter().filter(|task| !tasks.contains(task)) {
				sqlx::query("UPDATE tasks SET lease_owner = NULL, lease_until = NULL WHERE id = ?")
					.bind(task)
					.execute(&mut *transaction)
					.await?;
			}
		}
		transaction.commit().await?;
		Ok(lost)
	}

	/// While the daemon was away, workers could not prolong their leases: they get another term.
	pub async fn spare_workers(&self, lease: Duration, now: Millis) -> Result<u64, DatabaseError> {
		let changed = sqlx::query(
			"UPDATE tasks SET lease_until = MAX(lease_until, ?) \
			 WHERE lease_owner IN (SELECT name FROM workers)",
		)
		.bind(now.saturating_add(millis(lease)))
		.execute(self.pool())
		.await?;
		Ok(changed.rows_affected())
	}

	/// Takes the most urgent due task that a worker can do, of one kind if that is said, and says where. If there is
	/// not enough left of its resources for that one, it gets none: nothing overtakes what is large.
	pub async fn claim_for_worker(
		&self,
		name: &str,
		about: &About,
		only: Option<Kind>,
		daemon_computes: bool,
		needs: impl Fn(Kind) -> Resources,
		now: Millis,
	) -> Result<Option<(TaskRow, Place)>, DatabaseError> {
		let mut transaction = self.write().await?;
		let candidates: Vec<Candidate> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
			"SELECT tasks.id, tasks.kind, home, COALESCE( \
				(SELECT store FROM store_reservations \
					WHERE name = 's-' || subject AND purpose = 'sealing'), \
				(SELECT MIN(store) FROM store_files \
					WHERE name = 's-' || subject AND is_primary)) AS store, \
				(SELECT worker FROM moves WHERE moves.sector = sectors.number) AS target, \
				(SELECT about FROM workers WHERE workers.name = home) AS home_about \
			 FROM tasks JOIN sectors ON number = CAST(subject AS INTEGER) \
			 WHERE {DUE} AND (heavy OR tasks.kind IN ('finalize', 'move')) \
			 ORDER BY {URGENCY} LIMIT ?"
		)))
		.bind(now)
		.bind(now)
		.bind(now)
		.bind(LOOKED_AT)
		.fetch_all(&mut *transaction)
		.await?;
		let wanted = |candidate: &&Candidate| only.is_none_or(|kind| kind.name() == candidate.kind);
		let chosen = candidates.iter().filter(wanted).find_map(|candidate| {
			let place = candidate.place(name, about, daemon_computes)?;
			Some((candidate, place))
		});
		let Some((candidate, place)) = chosen else {
			return Ok(None);
		};
		let fits = Kind::from_name(&candidate.kind)
			.is_some_and(|kind| needs(kind).at_most(&about.resources).fits(&about.free));
		if !fits {
			return Ok(None);
		}
		let task = sqlx::query_as(sqlx::AssertSqlSafe(format!(
			"UPDATE tasks SET lease_owner = ?, lease_until = ?, started_at = ? WHERE id = ? \
			 RETURNING {TASK}"
		)))
		.bind(name)
		.bind(now.saturating_add(millis(LEASE)))
		.bind(now)
		.bind(candidate.id)
		.fetch_one(&mut *transaction)
		.await?;
		transaction.commit().await?;
		Ok(Some((task, place)))
	}

	/// The task of that number, if its lease is this owner's.
	pub async fn leased_task(
		&self,
		id: i64,
		owner: &str,
	) -> Result<Option<TaskRow>, DatabaseError> {
		Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
			"SELECT {TASK} FROM tasks WHERE id = ? AND lease_owner = ?"
		)))
		.bind(id)
		.bind(owner)
		.fetch_optional(self.pool())
		.await?)
	}

	/// Which of these sectors a worker has no reason to keep: they have ended, or are another one's by now. What
	/// it works on, what it is about to get, and what is not known here, it keeps.
	pub async fn unneeded_at(
		&self,
		worker: &str,
		sectors: &[u64],
	) -> Result<Vec<u64>, DatabaseError> {
		let mut unneeded = Vec::new();
		for sector in sectors {
			let number = crate::database::to_row(*sector, "the sector number")?;
			let found: bool = sqlx::query_scalar(
				"SELECT EXISTS (SELECT 1 FROM sectors WHERE number = ?1 \
				 AND (home IS NOT ?2 OR state IN ('failed', 'expired')) \
				 AND NOT EXISTS (SELECT 1 FROM moves WHERE sector = ?1 AND worker = ?2) \
				 AND NOT EXISTS (SELECT 1 FROM tasks WHERE lease_owner = ?2 AND subject = ?3))",
			)
			.bind(number)
			.bind(worker)
			.bind(sector.to_string())
			.fetch_one(self.pool())
			.await?;
			if found {
				unneeded.push(*sector);
			}
		}
		Ok(unneeded)
	}

	/// Takes the sectors that are not finished from workers that were not heard of since `since`: others begin
	/// them anew. Returns how many.
	pub async fn abandon_dead_workers(&self, since: Millis) -> Result<u64, DatabaseError> {
		let changed = sqlx::query(
			"UPDATE sectors SET home = NULL WHERE home IN \
			 (SELECT name FROM workers WHERE seen_at < ?) AND state IN ('adding-piece', 'pre-commit-1', \
			 'pre-commit-2', 'pre-committing', 'pre-committed', 'proving')",
		)
		.bind(since)
		.execute(self.pool())
		.await?;
		Ok(changed.rows_affected())
	}
}

#[cfg(test)]
mod tests;
