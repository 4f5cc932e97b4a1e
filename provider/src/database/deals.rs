//! The deals and what happened to them.

use codec::{Decode, Encode};
use holdfast_primitives::{BlockNumber, DealId, DealProposal, SectorNumber};
use serde::Serialize;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::{from_optional_row, from_row, to_row, Database, DatabaseError, Millis};

/// How far a deal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DealState {
	/// Some or all of its data is missing.
	AwaitingData,
	/// The data is here and is what the client signed.
	Accepted,
	/// The proposal is on its way to the chain.
	Publishing,
	/// The chain holds the money.
	Published,
	/// The piece is being written into a sector.
	AddingPiece,
	/// The sector is being sealed, first phase.
	#[serde(rename = "pre-commit-1")]
	PreCommit1,
	/// The sector is being sealed, second phase.
	#[serde(rename = "pre-commit-2")]
	PreCommit2,
	/// The sealed sector is on its way to the chain.
	PreCommitting,
	/// The chain knows the sealed sector; the seed is awaited.
	PreCommitted,
	/// The proof of replication is being made.
	Proving,
	/// The proof is on its way to the chain.
	ProveCommitting,
	/// The chain accepted the proof.
	Active,
	/// The deal ended and is settled.
	Completed,
	/// It cannot be kept; the error says why.
	Failed,
	/// It did not start in time.
	Expired,
}

impl DealState {
	/// Every state.
	pub const ALL: [Self; 15] = [
		Self::AwaitingData,
		Self::Accepted,
		Self::Publishing,
		Self::Published,
		Self::AddingPiece,
		Self::PreCommit1,
		Self::PreCommit2,
		Self::PreCommitting,
		Self::PreCommitted,
		Self::Proving,
		Self::ProveCommitting,
		Self::Active,
		Self::Completed,
		Self::Failed,
		Self::Expired,
	];

	/// The name in the database and in the API.
	pub const fn name(self) -> &'static str {
		match self {
			Self::AwaitingData => "awaiting-data",
			Self::Accepted => "accepted",
			Self::Publishing => "publishing",
			Self::Published => "published",
			Self::AddingPiece => "adding-piece",
			Self::PreCommit1 => "pre-commit-1",
			Self::PreCommit2 => "pre-commit-2",
			Self::PreCommitting => "pre-committing",
			Self::PreCommitted => "pre-committed",
			Self::Proving => "proving",
			Self::ProveCommitting => "prove-committing",
			Self::Active => "active",
			Self::Completed => "completed",
			Self::Failed => "failed",
			Self::Expired => "expired",
		}
	}

	/// The state of that name.
	pub fn from_name(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|state| state.name() == name)
	}

	/// Whether nothing will happen to the deal any more.
	pub const fn is_over(self) -> bool {
		matches!(self, Self::Completed | Self::Failed | Self::Expired)
	}
}

/// A deal.
#[derive(Clone, Debug, PartialEq)]
pub struct Deal {
	/// BLAKE2b-256 of the SCALE-encoded proposal, in hexadecimal.
	pub id: String,
	/// What the client signed.
	pub proposal: DealProposal<[u8; 32]>,
	/// The client's signature.
	pub signature: [u8; 64],
	/// The length of the CAR file.
	pub payload_bytes: u64,
	/// The CAR file's root.
	pub root: String,
	/// How far it is.
	pub state: DealState,
	/// How much of the CAR file is here.
	pub received: u64,
	/// Its number on the chain.
	pub deal_id: Option<DealId>,
	/// The sector that it is in.
	pub sector: Option<SectorNumber>,
	/// Why it failed.
	pub error: Option<String>,
	/// When it was offered.
	pub created_at: Millis,
	/// When its state changed.
	pub changed_at: Millis,
}

/// A change of a deal's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DealEvent {
	/// The new state.
	pub state: DealState,
	/// When.
	pub at: Millis,
	/// The block that made it so.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub block: Option<BlockNumber>,
	/// The extrinsic in that block.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub extrinsic: Option<String>,
}

/// What became of a new deal.
#[derive(Clone, Debug, PartialEq)]
pub enum Inserted {
	/// It is new.
	New,
	/// The same proposal is here already.
	Existing(Box<Deal>),
	/// The client has used the nonce for another proposal.
	NonceTaken,
}

/// How many deals wait for their data, and how much of it is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
	/// Of all clients.
	pub all: u64,
	/// Of the client that was asked for.
	pub of_client: u64,
	/// The bytes that are still to come.
	pub missing_bytes: u64,
	/// The padded bytes of all deals that are not in a proven sector yet.
	pub unsealed_bytes: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
	id: String,
	proposal: Vec<u8>,
	signature: Vec<u8>,
	payload_bytes: i64,
	root: String,
	state: String,
	received: i64,
	deal_id: Option<i64>,
	sector: Option<i64>,
	error: Option<String>,
	created_at: i64,
	changed_at: i64,
}

impl TryFrom<Row> for Deal {
	type Error = DatabaseError;

	fn try_from(row: Row) -> Result<Self, DatabaseError> {
		let unreadable = |what| DatabaseError::Unreadable { what };
		Ok(Self {
			id: row.id,
			proposal: DealProposal::decode(&mut &row.proposal[..])
				.map_err(|_| unreadable("proposal"))?,
			signature: row
				.signature
				.try_into()
				.map_err(|_| unreadable("signature"))?,
			payload_bytes: from_row(row.payload_bytes, "payload length")?,
			root: row.root,
			state: DealState::from_name(&row.state).ok_or(unreadable("deal state"))?,
			received: from_row(row.received, "received length")?,
			deal_id: from_optional_row(row.deal_id, "deal number")?,
			sector: from_optional_row(row.sector, "sector number")?,
			error: row.error,
			created_at: row.created_at,
			changed_at: row.changed_at,
		})
	}
}

fn all(rows: Vec<Row>) -> Result<Vec<Deal>, DatabaseError> {
	rows.into_iter().map(Deal::try_from).collect()
}

impl Database {
	/// Adds a deal, unless it or another one with its nonce is here. Deals that are over do not take
	/// their nonce with them only when they never reached the chain and are offered again unchanged.
	pub async fn insert_deal(&self, deal: &Deal) -> Result<Inserted, DatabaseError> {
		let mut transaction = self.write().await?;
		let client = const_hex::encode(deal.proposal.client);
		let nonce = deal.proposal.nonce.to_string();
		let existing: Option<Row> =
			sqlx::query_as("SELECT * FROM deals WHERE client = ? AND nonce = ?")
				.bind(&client)
				.bind(&nonce)
				.fetch_optional(&mut *transaction)
				.await?;
		if let Some(row) = existing {
			return Ok(if row.id == deal.id {
				Inserted::Existing(Box::new(row.try_into()?))
			} else {
				Inserted::NonceTaken
			});
		}
		sqlx::query(
			"INSERT INTO deals (id, proposal, signature, client, nonce, comm_p, piece_bytes, \
			 payload_bytes, root, state, received, created_at, changed_at) \
			 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
		)
		.bind(&deal.id)
		.bind(deal.proposal.encode())
		.bind(&deal.signature[..])
		.bind(&client)
		.bind(&nonce)
		.bind(deal.proposal.piece.commitment.to_hex())
		.bind(to_row(deal.proposal.piece.size.bytes(), "the piece")?)
		.bind(to_row(deal.payload_bytes, "the payload")?)
		.bind(&deal.root)
		.bind(DealState::AwaitingData.name())
		.bind(deal.created_at)
		.bind(deal.created_at)
		.execute(&mut *transaction)
		.await?;
		let event = DealEvent {
			state: DealState::AwaitingData,
			at: deal.created_at,
			block: None,
			extrinsic: None,
		};
		insert_event(&mut transaction, &deal.id, &event).await?;
		transaction.commit().await?;
		Ok(Inserted::New)
	}

	/// The deal of that id.
	pub async fn deal(&self, id: &str) -> Result<Option<Deal>, DatabaseError> {
		let row: Option<Row> = sqlx::query_as("SELECT * FROM deals WHERE id = ?")
			.bind(id)
			.fetch_optional(self.pool())
			.await?;
		row.map(Deal::try_from).transpose()
	}

	/// All deals in a state, the one that is longest in it first.
	pub async fn deals_in(&self, state: DealState) -> Result<Vec<Deal>, DatabaseError> {
		let rows = sqlx::query_as("SELECT * FROM deals WHERE state = ? ORDER BY changed_at, id")
			.bind(state.name())
			.fetch_all(self.pool())
			.await?;
		all(rows)
	}

	/// Deals, the newest first: those in a state, in a sector, of a client, or all, and so many at most.
	pub async fn list_deals(
		&self,
		state: Option<DealState>,
		sector: Option<SectorNumber>,
		client: Option<&[u8; 32]>,
		limit: u32,
	) -> Result<Vec<Deal>, DatabaseError> {
		let sector = sector
			.map(|sector| to_row(sector, "the sector number"))
			.transpose()?;
		let rows = sqlx::query_as(
			"SELECT * FROM deals WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR sector = ?2) \
			 AND (?3 IS NULL OR client = ?3) ORDER BY created_at DESC, id LIMIT ?4",
		)
		.bind(state.map(DealState::name))
		.bind(sector)
		.bind(client.map(const_hex::encode))
		.bind(limit)
		.fetch_all(self.pool())
		.await?;
		all(rows)
	}

	/// The deals of a client that the chain does not hold money for yet.
	pub async fn unpublished_deals(&self, client: &[u8; 32]) -> Result<Vec<Deal>, DatabaseError> {
		let rows = sqlx::query_as(
			"SELECT * FROM deals WHERE client = ? AND deal_id IS NULL \
			 AND state IN ('awaiting-data', 'accepted', 'publishing')",
		)
		.bind(const_hex::encode(client))
		.fetch_all(self.pool())
		.await?;
		all(rows)
	}

	/// The deals of a sector, in the order of their pieces.
	pub async fn sector_deals(&self, sector: SectorNumber) -> Result<Vec<Deal>, DatabaseError> {
		let rows = sqlx::query_as(
			"SELECT deals.* FROM sector_pieces JOIN deals ON deals.id = sector_pieces.deal \
			 WHERE sector_pieces.sector = ? ORDER BY sector_pieces.position",
		)
		.bind(to_row(sector, "the sector number")?)
		.fetch_all(self.pool())
		.await?;
		all(rows)
	}

	/// The deals that are on the chain or in a sector and not over.
	pub async fn chain_deals(&self) -> Result<Vec<Deal>, DatabaseError> {
		let rows = sqlx::query_as(
			"SELECT * FROM deals WHERE deal_id IS NOT NULL \
			 AND state NOT IN ('completed', 'failed', 'expired') ORDER BY deal_id",
		)
		.fetch_all(self.pool())
		.await?;
		all(rows)
	}

	/// A deal with that piece whose CAR file is kept.
	pub async fn deal_of_piece(&self, comm_p: &str) -> Result<Option<Deal>, DatabaseError> {
		let row: Option<Row> = sqlx::query_as(
			"SELECT * FROM deals WHERE comm_p = ? \
			 AND state NOT IN ('awaiting-data', 'completed', 'failed', 'expired') LIMIT 1",
		)
		.bind(comm_p)
		.fetch_optional(self.pool())
		.await?;
		row.map(Deal::try_from).transpose()
	}

	/// What waits for data, in all and of one client.
	pub async fn waiting(&self, client: &[u8; 32]) -> Result<Waiting, DatabaseError> {
		let (all, of_client, missing): (i64, i64, i64) = sqlx::query_as(
			"SELECT COUNT(*), COALESCE(SUM(client = ?), 0), \
			 COALESCE(SUM(payload_bytes - received), 0) FROM deals WHERE state = 'awaiting-data'",
		)
		.bind(const_hex::encode(client))
		.fetch_one(self.pool())
		.await?;
		let (unsealed,): (i64,) = sqlx::query_as(
			"SELECT COALESCE(SUM(piece_bytes), 0) FROM deals \
			 WHERE state NOT IN ('active', 'completed', 'failed', 'expired')",
		)
		.fetch_one(self.pool())
		.await?;
		Ok(Waiting {
			all: from_row(all, "count")?,
			of_client: from_row(of_client, "count")?,
			missing_bytes: from_row(missing, "size")?,
			unsealed_bytes: from_row(unsealed, "size")?,
		})
	}

	/// Notes how much of a deal's data is safely on disk.
	pub async fn set_received(&self, id: &str, received: u64) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE deals SET received = ? WHERE id = ? AND state = 'awaiting-data'")
			.bind(to_row(received, "the length")?)
			.bind(id)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// Moves a deal from one state to another. `false` if it is not in the first.
	pub async fn move_deal(
		&self,
		id: &str,
		from: DealState,
		event: &DealEvent,
	) -> Result<bool, DatabaseError> {
		let mut transaction = self.write().await?;
		let moved = move_deal(&mut transaction, id, from, event).await?;
		transaction.commit().await?;
		Ok(moved)
	}

	/// Notes a deal's number on the chain and that it is published.
	pub async fn deal_published(
		&self,
		id: &str,
		deal_id: DealId,
		event: &DealEvent,
	) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		let changed = sqlx::query(
			"UPDATE deals SET state = 'published', deal_id = ?, changed_at = ?, error = NULL \
			 WHERE id = ? AND state IN ('accepted', 'publishing')",
		)
		.bind(to_row(deal_id, "the deal number")?)
		.bind(event.at)
		.bind(id)
		.execute(&mut *transaction)
		.await?;
		if changed.rows_affected() == 1 {
			insert_event(&mut transaction, id, event).await?;
		}
		transaction.commit().await?;
		Ok(())
	}

	/// Takes a deal's number away again, because the block that published it is not in the chain.
	pub async fn unpublish_deal(&self, id: &str, at: Millis) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		let event = DealEvent {
			state: DealState::Publishing,
			at,
			block: None,
			extrinsic: None,
		};
		if move_deal(&mut transaction, id, DealState::Published, &event).await? {
			sqlx::query("UPDATE deals SET deal_id = NULL WHERE id = ?")
				.bind(id)
				.execute(&mut *transaction)
				.await?;
		}
		transaction.commit().await?;
		Ok(())
	}

	/// Ends a deal, with the reason. Does nothing to one that is over.
	pub async fn end_deal(
		&self,
		id: &str,
		state: DealState,
		error: Option<&str>,
		at: Millis,
	) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		let changed = sqlx::query(
			"UPDATE deals SET state = ?, error = ?, changed_at = ? \
			 WHERE id = ? AND state NOT IN ('completed', 'failed', 'expired')",
		)
		.bind(state.name())
		.bind(error)
		.bind(at)
		.bind(id)
		.execute(&mut *transaction)
		.await?;
		if changed.rows_affected() == 1 {
			let event = DealEvent {
				state,
				at,
				block: None,
				extrinsic: None,
			};
			insert_event(&mut transaction, id, &event).await?;
		}
		transaction.commit().await?;
		Ok(())
	}

	/// What happened to a deal, in order.
	pub async fn deal_events(&self, id: &str) -> Result<Vec<DealEvent>, DatabaseError> {
		let rows: Vec<(String, i64, Option<i64>, Option<String>)> = sqlx::query_as(
			"SELECT state, at, block, extrinsic FROM deal_events WHERE deal = ? ORDER BY id",
		)
		.bind(id)
		.fetch_all(self.pool())
		.await?;
		rows.into_iter()
			.map(|(state, at, block, extrinsic)| {
				Ok(DealEvent {
					state: DealState::from_name(&state)
						.ok_or(DatabaseError::Unreadable { what: "deal state" })?,
					at,
					block: from_optional_row(block, "block number")?,
					extrinsic,
				})
			})
			.collect()
	}

	/// How many deals are in each state.
	pub async fn deal_counts(&self) -> Result<Vec<(String, i64)>, DatabaseError> {
		Ok(
			sqlx::query_as("SELECT state, COUNT(*) FROM deals GROUP BY state ORDER BY state")
				.fetch_all(self.pool())
				.await?,
		)
	}
}

/// Moves a deal within a transaction. `false` if it is not in the state `from`.
pub(super) async fn move_deal(
	connection: &mut SqliteConnection,
	id: &str,
	from: DealState,
	event: &DealEvent,
) -> Result<bool, DatabaseError> {
	let changed =
		sqlx::query("UPDATE deals SET state = ?, changed_at = ? WHERE id = ? AND state = ?")
			.bind(event.state.name())
			.bind(event.at)
			.bind(id)
			.bind(from.name())
			.execute(&mut *connection)
			.await?;
	let moved = changed.rows_affected() == 1;
	if moved {
		insert_event(connection, id, event).await?;
	}
	Ok(moved)
}

/// Adds to a deal's history within a transaction.
pub(super) async fn insert_event(
	connection: &mut SqliteConnection,
	id: &str,
	event: &DealEvent,
) -> Result<(), DatabaseError> {
	sqlx::query(
		"INSERT INTO deal_events (deal, state, at, block, extrinsic) VALUES (?, ?, ?, ?, ?)",
	)
	.bind(id)
	.bind(event.state.name())
	.bind(event.at)
	.bind(event.block)
	.bind(event.extrinsic.as_deref())
	.execute(connection)
	.await?;
	Ok(())
}

/// The unfinished deals of a sector move along with it.
pub(super) async fn move_sector_deals(
	transaction: &mut Transaction<'_, Sqlite>,
	sector: i64,
	event: &DealEvent,
) -> Result<(), DatabaseError> {
	let deals: Vec<(String, String)> = sqlx::query_as(
		"SELECT id, state FROM deals WHERE sector = ? \
		 AND state NOT IN ('completed', 'failed', 'expired')",
	)
	.bind(sector)
	.fetch_all(&mut **transaction)
	.await?;
	for (id, state) in deals {
		let from =
			DealState::from_name(&state).ok_or(DatabaseError::Unreadable { what: "deal state" })?;
		if from != event.state {
			move_deal(transaction, &id, from, event).await?;
		}
	}
	Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
