//! The sectors and how long each of their stages took.

use holdfast_primitives::{
	BlockNumber, CommD, CommR, DeadlineIndex, Digest, PartitionIndex, SectorNumber,
};
use serde::Serialize;

use super::{
	deals::{move_deal, move_sector_deals},
	from_optional_row, from_row, to_row, Database, DatabaseError, DealEvent, DealState, Millis,
};
use crate::tasks::{queue, Kind};

/// How far a sector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SectorState {
	/// Its pieces are being written.
	AddingPiece,
	/// It is being sealed, first phase.
	#[serde(rename = "pre-commit-1")]
	PreCommit1,
	/// It is being sealed, second phase.
	#[serde(rename = "pre-commit-2")]
	PreCommit2,
	/// Its pre-commit is on its way to the chain.
	PreCommitting,
	/// The seed is awaited.
	PreCommitted,
	/// Its proof is being made.
	Proving,
	/// Its proof is on its way to the chain.
	ProveCommitting,
	/// The chain accepted the proof; what is not needed any more is being removed.
	Finalizing,
	/// It is proven in every period.
	Active,
	/// It was given up before it was proven; the error says why.
	Failed,
	/// Its time is over and its files are removed.
	Expired,
}

impl SectorState {
	/// Every state.
	pub const ALL: [Self; 11] = [
		Self::AddingPiece,
		Self::PreCommit1,
		Self::PreCommit2,
		Self::PreCommitting,
		Self::PreCommitted,
		Self::Proving,
		Self::ProveCommitting,
		Self::Finalizing,
		Self::Active,
		Self::Failed,
		Self::Expired,
	];

	/// The name in the database and in the API.
	pub const fn name(self) -> &'static str {
		match self {
			Self::AddingPiece => "adding-piece",
			Self::PreCommit1 => "pre-commit-1",
			Self::PreCommit2 => "pre-commit-2",
			Self::PreCommitting => "pre-committing",
			Self::PreCommitted => "pre-committed",
			Self::Proving => "proving",
			Self::ProveCommitting => "prove-committing",
			Self::Finalizing => "finalizing",
			Self::Active => "active",
			Self::Failed => "failed",
			Self::Expired => "expired",
		}
	}

	/// The state of that name.
	pub fn from_name(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|state| state.name() == name)
	}

	/// The state of the deals in a sector of this state, while they are not over. `None` leaves them
	/// as they are.
	const fn of_deals(self) -> Option<DealState> {
		Some(match self {
			Self::AddingPiece => DealState::AddingPiece,
			Self::PreCommit1 => DealState::PreCommit1,
			Self::PreCommit2 => DealState::PreCommit2,
			Self::PreCommitting => DealState::PreCommitting,
			Self::PreCommitted => DealState::PreCommitted,
			Self::Proving => DealState::Proving,
			Self::ProveCommitting => DealState::ProveCommitting,
			Self::Finalizing | Self::Active => DealState::Active,
			Self::Failed | Self::Expired => return None,
		})
	}
}

/// A sector.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sector {
	/// Its number.
	pub number: SectorNumber,
	/// How far it is.
	pub state: SectorState,
	/// When it was begun.
	pub created_at: Millis,
	/// When its state changed.
	pub changed_at: Millis,
	/// The block that the ticket is of.
	pub ticket_block: Option<BlockNumber>,
	/// The ticket that the replica is bound to.
	#[serde(skip)]
	pub ticket: Option<Digest>,
	/// The commitment to its data.
	pub comm_d: Option<CommD>,
	/// The commitment to its replica.
	pub comm_r: Option<CommR>,
	/// When it expires.
	pub expiration: Option<BlockNumber>,
	/// The block of its pre-commit.
	pub pre_commit_block: Option<BlockNumber>,
	/// The extrinsic of its pre-commit.
	pub pre_commit_extrinsic: Option<String>,
	/// The seed of its proof's challenges.
	#[serde(skip)]
	pub seed: Option<Digest>,
	/// The block of its prove-commit.
	pub prove_commit_block: Option<BlockNumber>,
	/// The extrinsic of its prove-commit.
	pub prove_commit_extrinsic: Option<String>,
	/// The deadline that proves it.
	pub deadline: Option<DeadlineIndex>,
	/// The partition that proves it.
	pub partition: Option<PartitionIndex>,
	/// Why it was given up.
	pub error: Option<String>,
}

/// How long a stage of a sector took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
	/// The stage.
	pub stage: String,
	/// When it began last.
	pub started_at: Millis,
	/// When it ended.
	pub finished_at: Option<Millis>,
	/// How often it began.
	pub runs: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
	number: i64,
	state: String,
	created_at: i64,
	changed_at: i64,
	ticket_block: Option<i64>,
	ticket: Option<String>,
	comm_d: Option<String>,
	comm_r: Option<String>,
	expiration: Option<i64>,
	pre_commit_block: Option<i64>,
	pre_commit_extrinsic: Option<String>,
	seed: Option<String>,
	prove_commit_block: Option<i64>,
	prove_commit_extrinsic: Option<String>,
	deadline: Option<i64>,
	partition: Option<i64>,
	error: Option<String>,
}

fn digest(text: Option<String>, what: &'static str) -> Result<Option<Digest>, DatabaseError> {
	text.map(|text| {
		let mut bytes = [0; 32];
		const_hex::decode_to_slice(text, &mut bytes)
			.map_err(|_| DatabaseError::Unreadable { what })?;
		Ok(bytes)
	})
	.transpose()
}

impl TryFrom<Row> for Sector {
	type Error = DatabaseError;

	fn try_from(row: Row) -> Result<Self, DatabaseError> {
		Ok(Self {
			number: from_row(row.number, "sector number")?,
			state: SectorState::from_name(&row.state).ok_or(DatabaseError::Unreadable {
				what: "sector state",
			})?,
			created_at: row.created_at,
			changed_at: row.changed_at,
			ticket_block: from_optional_row(row.ticket_block, "block number")?,
			ticket: digest(row.ticket, "ticket")?,
			comm_d: digest(row.comm_d, "commitment")?.map(CommD),
			comm_r: digest(row.comm_r, "commitment")?.map(CommR),
			expiration: from_optional_row(row.expiration, "block number")?,
			pre_commit_block: from_optional_row(row.pre_commit_block, "block number")?,
			pre_commit_extrinsic: row.pre_commit_extrinsic,
			seed: digest(row.seed, "seed")?,
			prove_commit_block: from_optional_row(row.prove_commit_block, "block number")?,
			prove_commit_extrinsic: row.prove_commit_extrinsic,
			deadline: from_optional_row(row.deadline, "deadline")?,
			partition: from_optional_row(row.partition, "partition")?,
			error: row.error,
		})
	}
}

impl Database {
	/// Begins a sector with the pieces of `deals`, in this order, and its first task, under a number that was never used:
	/// above all in the database and at least `at_least`. `None` if one of the deals is not waiting for
	/// a sector any more.
	pub async fn create_sector(
		&self,
		deals: &[String],
		at_least: SectorNumber,
		at: Millis,
	) -> Result<Option<SectorNumber>, DatabaseError> {
		let mut transaction = self.write().await?;
		let (number,): (i64,) =
			sqlx::query_as("SELECT MAX(COALESCE(MAX(number) + 1, 0), ?) FROM sectors")
				.bind(to_row(at_least, "the sector number")?)
				.fetch_one(&mut *transaction)
				.await?;
		sqlx::query(
			"INSERT INTO sectors (number, state, created_at, changed_at) VALUES (?, ?, ?, ?)",
		)
		.bind(number)
		.bind(SectorState::AddingPiece.name())
		.bind(at)
		.bind(at)
		.execute(&mut *transaction)
		.await?;
		let event = DealEvent {
			state: DealState::AddingPiece,
			at,
			block: None,
			extrinsic: None,
		};
		for (position, deal) in (0i64..).zip(deals) {
			if !move_deal(&mut transaction, deal, DealState::Published, &event).await? {
				return Ok(None);
			}
			sqlx::query("UPDATE deals SET sector = ? WHERE id = ?")
				.bind(number)
				.bind(deal)
				.execute(&mut *transaction)
				.await?;
			sqlx::query("INSERT INTO sector_pieces (sector, position, deal) VALUES (?, ?, ?)")
				.bind(number)
				.bind(position)
				.bind(deal)
				.execute(&mut *transaction)
				.await?;
		}
		// A sector without a task would wait for ever.
		queue(
			&mut transaction,
			Kind::AddPiece,
			&number.to_string(),
			at,
			at,
		)
		.await?;
		transaction.commit().await?;
		from_row(number, "sector number").map(Some)
	}

	/// The least number above all that were ever used here.
	pub async fn next_sector(&self) -> Result<SectorNumber, DatabaseError> {
		let (number,): (i64,) = sqlx::query_as("SELECT COALESCE(MAX(number) + 1, 0) FROM sectors")
			.fetch_one(self.pool())
			.await?;
		from_row(number, "sector number")
	}

	/// The sector of that number.
	pub async fn sector(&self, number: SectorNumber) -> Result<Option<Sector>, DatabaseError> {
		let row: Option<Row> = sqlx::query_as("SELECT * FROM sectors WHERE number = ?")
			.bind(to_row(number, "the sector number")?)
			.fetch_optional(self.pool())
			.await?;
		row.map(Sector::try_from).transpose()
	}

	/// All sectors, the newest first.
	pub async fn sectors(&self) -> Result<Vec<Sector>, DatabaseError> {
		let rows: Vec<Row> = sqlx::query_as("SELECT * FROM sectors ORDER BY number DESC")
			.fetch_all(self.pool())
			.await?;
		rows.into_iter().map(Sector::try_from).collect()
	}

	/// Sectors, the newest first: those in a state, or all, and so many at most.
	pub async fn list_sectors(
		&self,
		state: Option<SectorState>,
		limit: u32,
	) -> Result<Vec<Sector>, DatabaseError> {
		let rows: Vec<Row> = sqlx::query_as(
			"SELECT * FROM sectors WHERE (?1 IS NULL OR state = ?1) ORDER BY number DESC LIMIT ?2",
		)
		.bind(state.map(SectorState::name))
		.bind(limit)
		.fetch_all(self.pool())
		.await?;
		rows.into_iter().map(Sector::try_from).collect()
	}

	/// How many sectors are in each state.
	pub async fn sector_counts(&self) -> Result<Vec<(String, u64)>, DatabaseError> {
		let rows: Vec<(String, i64)> =
			sqlx::query_as("SELECT state, COUNT(*) FROM sectors GROUP BY state ORDER BY state")
				.fetch_all(self.pool())
				.await?;
		rows.into_iter()
			.map(|(state, count)| Ok((state, from_row(count, "count")?)))
			.collect()
	}

	/// Writes everything that is known of a sector, and moves its deals along with its state; the
	/// events of the deals carry the block and extrinsic.
	pub async fn save_sector(
		&self,
		sector: &Sector,
		block: Option<BlockNumber>,
		extrinsic: Option<&str>,
		at: Millis,
	) -> Result<(), DatabaseError> {
		let number = to_row(sector.number, "the sector number")?;
		let mut transaction = self.write().await?;
		sqlx::query(
			"UPDATE sectors SET changed_at = CASE WHEN state = ? THEN changed_at ELSE ? END, \
			 state = ?, ticket_block = ?, ticket = ?, comm_d = ?, comm_r = ?, expiration = ?, \
			 pre_commit_block = ?, pre_commit_extrinsic = ?, seed = ?, prove_commit_block = ?, \
			 prove_commit_extrinsic = ?, deadline = ?, partition = ?, error = ? WHERE number = ?",
		)
		.bind(sector.state.name())
		.bind(at)
		.bind(sector.state.name())
		.bind(sector.ticket_block)
		.bind(sector.ticket.map(const_hex::encode))
		.bind(sector.comm_d.map(|comm_d| comm_d.to_hex()))
		.bind(sector.comm_r.map(|comm_r| comm_r.to_hex()))
		.bind(sector.expiration)
		.bind(sector.pre_commit_block)
		.bind(sector.pre_commit_extrinsic.as_deref())
		.bind(sector.seed.map(const_hex::encode))
		.bind(sector.prove_commit_block)
		.bind(sector.prove_commit_extrinsic.as_deref())
		.bind(sector.deadline)
		.bind(sector.partition)
		.bind(sector.error.as_deref())
		.bind(number)
		.execute(&mut *transaction)
		.await?;
		if let Some(state) = sector.state.of_deals() {
			let event = DealEvent {
				state,
				at,
				block,
				extrinsic: extrinsic.map(str::to_owned),
			};
			move_sector_deals(&mut transaction, number, &event).await?;
		}
		transaction.commit().await?;
		Ok(())
	}

	/// Gives a sector up: deals for which there is still time go back to those that wait for a
	/// sector, the others end with the error.
	pub async fn fail_sector(
		&self,
		number: SectorNumber,
		error: &str,
		keep_deals_from: BlockNumber,
		at: Millis,
	) -> Result<(), DatabaseError> {
		let deals = self.sector_deals(number).await?;
		let row_number = to_row(number, "the sector number")?;
		let mut transaction = self.write().await?;
		sqlx::query(
			"UPDATE sectors SET state = 'failed', error = ?, changed_at = ? WHERE number = ?",
		)
		.bind(error)
		.bind(at)
		.bind(row_number)
		.execute(&mut *transaction)
		.await?;
		for deal in deals.iter().filter(|deal| !deal.state.is_over()) {
			let again = deal.proposal.start >= keep_deals_from;
			let state = if again {
				DealState::Published
			} else {
				DealState::Failed
			};
			let event = DealEvent {
				state,
				at,
				block: None,
				extrinsic: None,
			};
			move_deal(&mut transaction, &deal.id, deal.state, &event).await?;
			if again {
				sqlx::query("DELETE FROM sector_pieces WHERE deal = ?")
					.bind(&deal.id)
					.execute(&mut *transaction)
					.await?;
				sqlx::query("UPDATE deals SET sector = NULL WHERE id = ?")
					.bind(&deal.id)
					.execute(&mut *transaction)
					.await?;
			} else {
				sqlx::query("UPDATE deals SET error = ? WHERE id = ?")
					.bind(error)
					.bind(&deal.id)
					.execute(&mut *transaction)
					.await?;
			}
		}
		transaction.commit().await?;
		Ok(())
	}

	/// Notes that a stage of a sector begins. Returns how often it began, this time included.
	pub async fn begin_stage(
		&self,
		sector: SectorNumber,
		stage: &str,
		at: Millis,
	) -> Result<u32, DatabaseError> {
		let (runs,): (i64,) = sqlx::query_as(
			"INSERT INTO sector_stages (sector, stage, started_at) VALUES (?, ?, ?) \
			 ON CONFLICT (sector, stage) DO UPDATE \
			 SET started_at = excluded.started_at, finished_at = NULL, runs = runs + 1 \
			 RETURNING runs",
		)
		.bind(to_row(sector, "the sector number")?)
		.bind(stage)
		.bind(at)
		.fetch_one(self.pool())
		.await?;
		from_row(runs, "count")
	}

	/// The stage's last beginning does not count: it could do nothing, through no fault of its own.
	pub async fn uncount_stage(
		&self,
		sector: SectorNumber,
		stage: &str,
	) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE sector_stages SET runs = runs - 1 WHERE sector = ? AND stage = ?")
			.bind(to_row(sector, "the sector number")?)
			.bind(stage)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// Notes that a stage of a sector ended.
	pub async fn end_stage(
		&self,
		sector: SectorNumber,
		stage: &str,
		at: Millis,
	) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE sector_stages SET finished_at = ? WHERE sector = ? AND stage = ?")
			.bind(at)
			.bind(to_row(sector, "the sector number")?)
			.bind(stage)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// The stages of a sector, in the order in which they began.
	pub async fn stages(&self, sector: SectorNumber) -> Result<Vec<Stage>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT stage, started_at, finished_at, runs FROM sector_stages WHERE sector = ? \
			 ORDER BY started_at, rowid",
		)
		.bind(to_row(sector, "the sector number")?)
		.fetch_all(self.pool())
		.await?)
	}
}

#[cfg(test)]
mod tests;
