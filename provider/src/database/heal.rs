//! Sectors that nobody would go on with: there is no task for them, for instance in a database that was put together
//! from backups. A step looks at what is there already, so queueing the one that a sector's state asks for is enough.

use holdfast_primitives::SectorNumber;

use super::{from_row, Database, DatabaseError, Millis, SectorState};
use crate::tasks::{queue, Kind};

/// Which sectors have no task, and in which state each is.
const WITHOUT_TASK: &str = "SELECT number, state FROM sectors \
	WHERE state NOT IN ('active', 'failed', 'expired') AND NOT EXISTS ( \
		SELECT 1 FROM tasks WHERE subject = CAST(number AS TEXT) AND kind <> 'move') \
	ORDER BY number";

impl SectorState {
	/// The task that brings a sector on; none if it has come to its end.
	const fn next_task(self) -> Option<Kind> {
		match self {
			Self::AddingPiece => Some(Kind::AddPiece),
			Self::PreCommit1 => Some(Kind::PreCommit1),
			Self::PreCommit2 => Some(Kind::PreCommit2),
			Self::PreCommitting => Some(Kind::PreCommit),
			Self::PreCommitted => Some(Kind::WaitSeed),
			Self::Proving => Some(Kind::Commit1),
			Self::ProveCommitting => Some(Kind::ProveCommit),
			Self::Finalizing => Some(Kind::Finalize),
			Self::Active | Self::Failed | Self::Expired => None,
		}
	}
}

impl Database {
	/// The sectors that have no task although they are not proven yet.
	pub async fn sectors_without_task(&self) -> Result<Vec<SectorNumber>, DatabaseError> {
		let rows: Vec<(i64, String)> = sqlx::query_as(WITHOUT_TASK).fetch_all(self.pool()).await?;
		rows.into_iter()
			.map(|(number, _)| from_row(number, "sector number"))
			.collect()
	}

	/// Queues what is missing, moves included. Returns the sectors. Nobody else may be working.
	pub async fn queue_missing_tasks(
		&self,
		now: Millis,
	) -> Result<Vec<SectorNumber>, DatabaseError> {
		let mut transaction = self.write().await?;
		let rows: Vec<(i64, String)> = sqlx::query_as(WITHOUT_TASK)
			.fetch_all(&mut *transaction)
			.await?;
		let mut missing: Vec<_> = rows
			.into_iter()
			.filter_map(|(number, state)| {
				Some((number, SectorState::from_name(&state)?.next_task()?))
			})
			.collect();
		let moves: Vec<i64> = sqlx::query_scalar(
			"SELECT sector FROM moves WHERE NOT EXISTS ( \
				SELECT 1 FROM tasks WHERE kind = 'move' AND subject = CAST(sector AS TEXT))",
		)
		.fetch_all(&mut *transaction)
		.await?;
		missing.extend(moves.into_iter().map(|number| (number, Kind::Move)));
		for (number, kind) in &missing {
			queue(&mut transaction, *kind, &number.to_string(), now, now).await?;
		}
		transaction.commit().await?;
		missing
			.into_iter()
			.map(|(number, _)| from_row(number, "sector number"))
			.collect()
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::database::scratch;

	#[tokio::test]
	async fn every_sector_that_is_not_at_its_end_gets_its_task_once() {
		let (_folder, database) = scratch().await;
		for (number, state) in SectorState::ALL.into_iter().enumerate() {
			sqlx::query(
				"INSERT INTO sectors (number, state, created_at, changed_at) VALUES (?, ?, 0, 0)",
			)
			.bind(i64::try_from(number).unwrap())
			.bind(state.name())
			.execute(database.pool())
			.await
			.unwrap();
		}
		// This one has another task already, which is given up: that is for a person.
		let number = |state| {
			SectorState::ALL
				.into_iter()
				.position(|other| other == state)
				.unwrap()
		};
		let kept = number(SectorState::Finalizing).to_string();
		database.queue_task(Kind::Finalize, &kept, 0).await.unwrap();
		sqlx::query("UPDATE tasks SET state = 'failed'")
			.execute(database.pool())
			.await
			.unwrap();
		let without = database.sectors_without_task().await.unwrap();
		let queued = database.queue_missing_tasks(5).await.unwrap();
		assert_eq!(queued, without);
		assert_eq!(queued.len(), SectorState::ALL.len() - 4);
		let tasks = database.tasks().await.unwrap();
		for (state, kind) in [
			(SectorState::AddingPiece, Kind::AddPiece),
			(SectorState::PreCommitted, Kind::WaitSeed),
			(SectorState::ProveCommitting, Kind::ProveCommit),
		] {
			let subject = number(state).to_string();
			let of: Vec<_> = tasks
				.iter()
				.filter(|task| task.subject == subject)
				.collect();
			assert_eq!((of.len(), of[0].kind.as_str()), (1, kind.name()));
		}
		assert!(database.queue_missing_tasks(6).await.unwrap().is_empty());
		assert!(database.sectors_without_task().await.unwrap().is_empty());
	}
}
