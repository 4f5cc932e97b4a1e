//! What was sent to the chain, what it refused, what it paid, and where the stored blocks are.

use holdfast_primitives::{BlockNumber, DeadlineIndex, DealId, PartitionIndex, SectorNumber};
use serde::Serialize;

use super::{from_optional_row, from_row, to_row, Database, DatabaseError, Millis};

/// Something that was sent to the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
	/// Its row.
	pub id: i64,
	/// The best block before it was sent: it is in none before.
	pub from_block: BlockNumber,
	/// The block that it is in, if that was seen.
	pub block: Option<BlockNumber>,
	/// The extrinsic in that block.
	pub extrinsic: Option<String>,
}

/// A window PoSt that the chain accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
	/// The first block of the window.
	pub window_open: BlockNumber,
	/// The deadline.
	pub deadline: DeadlineIndex,
	/// The partition.
	pub partition: PartitionIndex,
	/// The sectors that it proved.
	pub sectors: Vec<SectorNumber>,
	/// The block that accepted it.
	pub block: BlockNumber,
	/// The extrinsic in that block, unless a crash came before it was noted.
	pub extrinsic: Option<String>,
	/// When.
	pub at: Millis,
}

/// A proof that the chain refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Refusal {
	/// `porep` or `post`.
	pub kind: String,
	/// The sector, or the deadline and partition.
	pub subject: String,
	/// What the chain said.
	pub error: String,
	/// The block at which it said so.
	pub block: i64,
	/// When.
	pub at: Millis,
}

/// A payment for a deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
	/// The deal.
	pub deal_id: DealId,
	/// How many blocks were paid.
	pub blocks: u32,
	/// The amount, in the smallest unit.
	pub amount: String,
	/// The block that paid.
	pub block: BlockNumber,
	/// The extrinsic in that block.
	pub extrinsic: String,
	/// When.
	pub at: Millis,
}

/// Where a stored block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLocation {
	/// The piece whose CAR file has it.
	pub comm_p: String,
	/// Its first byte in the file.
	pub position: u64,
	/// Its length.
	pub length: u64,
}

impl Database {
	/// Notes that something will be sent, before it is.
	pub async fn begin_submission(
		&self,
		kind: &str,
		subject: &str,
		from_block: BlockNumber,
		at: Millis,
	) -> Result<i64, DatabaseError> {
		let done = sqlx::query(
			"INSERT INTO submissions (kind, subject, from_block, at) VALUES (?, ?, ?, ?)",
		)
		.bind(kind)
		.bind(subject)
		.bind(from_block)
		.bind(at)
		.execute(self.pool())
		.await?;
		Ok(done.last_insert_rowid())
	}

	/// Notes what became of it.
	pub async fn end_submission(
		&self,
		id: i64,
		block: Option<BlockNumber>,
		extrinsic: Option<&str>,
		outcome: &str,
	) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE submissions SET block = ?, extrinsic = ?, outcome = ? WHERE id = ?")
			.bind(block)
			.bind(extrinsic)
			.bind(outcome)
			.bind(id)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// The first submission for a subject: nothing of it is on the chain before its block.
	pub async fn first_submission(
		&self,
		kind: &str,
		subject: &str,
	) -> Result<Option<Submission>, DatabaseError> {
		let row: Option<(i64, i64, Option<i64>, Option<String>)> = sqlx::query_as(
			"SELECT id, from_block, block, extrinsic FROM submissions \
			 WHERE kind = ? AND subject = ? ORDER BY id LIMIT 1",
		)
		.bind(kind)
		.bind(subject)
		.fetch_optional(self.pool())
		.await?;
		row.map(|(id, from_block, block, extrinsic)| {
			Ok(Submission {
				id,
				from_block: from_row(from_block, "block number")?,
				block: from_optional_row(block, "block number")?,
				extrinsic,
			})
		})
		.transpose()
	}

	/// Notes an accepted window PoSt.
	pub async fn insert_post(&self, post: &Post) -> Result<(), DatabaseError> {
		let sectors: Vec<String> = post.sectors.iter().map(u64::to_string).collect();
		sqlx::query(
			"INSERT INTO posts (window_open, deadline, partition, sectors, block, extrinsic, at) \
			 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE \
			 SET block = excluded.block, at = excluded.at, \
			 extrinsic = COALESCE(excluded.extrinsic, extrinsic)",
		)
		.bind(post.window_open)
		.bind(post.deadline)
		.bind(post.partition)
		.bind(sectors.join(","))
		.bind(post.block)
		.bind(post.extrinsic.as_deref())
		.bind(post.at)
		.execute(self.pool())
		.await?;
		Ok(())
	}

	/// Whether that window PoSt is noted.
	pub async fn has_post(
		&self,
		window_open: BlockNumber,
		deadline: DeadlineIndex,
		partition: PartitionIndex,
	) -> Result<bool, DatabaseError> {
		let row: Option<(i64,)> = sqlx::query_as(
			"SELECT 1 FROM posts WHERE window_open = ? AND deadline = ? AND partition = ?",
		)
		.bind(window_open)
		.bind(deadline)
		.bind(partition)
		.fetch_optional(self.pool())
		.await?;
		Ok(row.is_some())
	}

	/// The latest accepted window PoSts, the newest first.
	pub async fn posts(&self, limit: u32) -> Result<Vec<Post>, DatabaseError> {
		type Row = (i64, i64, i64, String, i64, Option<String>, i64);
		let rows: Vec<Row> = sqlx::query_as(
			"SELECT window_open, deadline, partition, sectors, block, extrinsic, at FROM posts \
			 ORDER BY window_open DESC, deadline, partition LIMIT ?",
		)
		.bind(limit)
		.fetch_all(self.pool())
		.await?;
		rows.into_iter()
			.map(
				|(window_open, deadline, partition, sectors, block, extrinsic, at)| {
					Ok(Post {
						window_open: from_row(window_open, "block number")?,
						deadline: from_row(deadline, "deadline")?,
						partition: from_row(partition, "partition")?,
						sectors: sectors
							.split(',')
							.filter(|number| !number.is_empty())
							.map(|number| {
								number.parse().map_err(|_| DatabaseError::Unreadable {
									what: "list of sectors",
								})
							})
							.collect::<Result<_, _>>()?,
						block: from_row(block, "block number")?,
						extrinsic,
						at,
					})
				},
			)
			.collect()
	}

	/// Notes a refused proof.
	pub async fn insert_refusal(
		&self,
		kind: &str,
		subject: &str,
		error: &str,
		block: BlockNumber,
		at: Millis,
	) -> Result<(), DatabaseError> {
		sqlx::query(
			"INSERT INTO refusals (kind, subject, error, block, at) VALUES (?, ?, ?, ?, ?)",
		)
		.bind(kind)
		.bind(subject)
		.bind(error)
		.bind(block)
		.bind(at)
		.execute(self.pool())
		.await?;
		Ok(())
	}

	/// The latest refused proofs, the newest first.
	pub async fn refusals(&self, limit: u32) -> Result<Vec<Refusal>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT kind, subject, error, block, at FROM refusals ORDER BY id DESC LIMIT ?",
		)
		.bind(limit)
		.fetch_all(self.pool())
		.await?)
	}

	/// How often a subject's proof was refused.
	pub async fn refusal_count(&self, kind: &str, subject: &str) -> Result<u64, DatabaseError> {
		let (count,): (i64,) =
			sqlx::query_as("SELECT COUNT(*) FROM refusals WHERE kind = ? AND subject = ?")
				.bind(kind)
				.bind(subject)
				.fetch_one(self.pool())
				.await?;
		from_row(count, "count")
	}

	/// Notes a payment, once.
	pub async fn insert_settlement(&self, settlement: &Settlement) -> Result<(), DatabaseError> {
		sqlx::query(
			"INSERT OR IGNORE INTO settlements (deal_id, blocks, amount, block, extrinsic, at) \
			 VALUES (?, ?, ?, ?, ?, ?)",
		)
		.bind(to_row(settlement.deal_id, "the deal number")?)
		.bind(settlement.blocks)
		.bind(&settlement.amount)
		.bind(settlement.block)
		.bind(&settlement.extrinsic)
		.bind(settlement.at)
		.execute(self.pool())
		.await?;
		Ok(())
	}

	/// The latest payments, the newest first.
	pub async fn settlements(&self, limit: u32) -> Result<Vec<Settlement>, DatabaseError> {
		type Row = (i64, i64, String, i64, String, i64);
		let rows: Vec<Row> = sqlx::query_as(
			"SELECT deal_id, blocks, amount, block, extrinsic, at FROM settlements \
			 ORDER BY id DESC LIMIT ?",
		)
		.bind(limit)
		.fetch_all(self.pool())
		.await?;
		rows.into_iter()
			.map(|(deal_id, blocks, amount, block, extrinsic, at)| {
				Ok(Settlement {
					deal_id: from_row(deal_id, "deal number")?,
					blocks: from_row(blocks, "count")?,
					amount,
					block: from_row(block, "block number")?,
					extrinsic,
					at,
				})
			})
			.collect()
	}

	/// Replaces the index of a piece's blocks.
	pub async fn index_blocks(
		&self,
		comm_p: &str,
		blocks: &[(String, u64, u64)],
	) -> Result<(), DatabaseError> {
		let mut transaction = self.write().await?;
		sqlx::query("DELETE FROM blocks WHERE comm_p = ?")
			.bind(comm_p)
			.execute(&mut *transaction)
			.await?;
		for (cid, position, length) in blocks {
			// A CAR file may hold a block twice; either place will do.
			sqlx::query(
				"INSERT OR IGNORE INTO blocks (cid, comm_p, position, length) VALUES (?, ?, ?, ?)",
			)
			.bind(cid)
			.bind(comm_p)
			.bind(to_row(*position, "the position")?)
			.bind(to_row(*length, "the length")?)
			.execute(&mut *transaction)
			.await?;
		}
		transaction.commit().await?;
		Ok(())
	}

	/// Forgets the blocks of a piece whose file is removed.
	pub async fn forget_blocks(&self, comm_p: &str) -> Result<(), DatabaseError> {
		sqlx::query("DELETE FROM blocks WHERE comm_p = ?")
			.bind(comm_p)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// The stored pieces that no deal wants any more.
	pub async fn unwanted_pieces(&self) -> Result<Vec<String>, DatabaseError> {
		let rows: Vec<(String,)> = sqlx::query_as(
			"SELECT DISTINCT comm_p FROM blocks WHERE comm_p NOT IN (SELECT comm_p FROM deals \
			 WHERE state NOT IN ('completed', 'failed', 'expired'))",
		)
		.fetch_all(self.pool())
		.await?;
		Ok(rows.into_iter().map(|(comm_p,)| comm_p).collect())
	}

	/// Whether a deal with that root was on the chain and is over.
	pub async fn was_served(&self, root: &str) -> Result<bool, DatabaseError> {
		Ok(sqlx::query_scalar(
			"SELECT EXISTS (SELECT 1 FROM deals WHERE root = ? AND deal_id IS NOT NULL \
			 AND state IN ('completed', 'failed', 'expired'))",
		)
		.bind(root)
		.fetch_one(self.pool())
		.await?)
	}

	/// Whether a deal with that piece was on the chain and is over.
	pub async fn was_stored(&self, comm_p: &str) -> Result<bool, DatabaseError> {
		Ok(sqlx::query_scalar(
			"SELECT EXISTS (SELECT 1 FROM deals WHERE comm_p = ? AND deal_id IS NOT NULL \
			 AND state IN ('completed', 'failed', 'expired'))",
		)
		.bind(comm_p)
		.fetch_one(self.pool())
		.await?)
	}

	/// Where the blocks with that CID are.
	pub async fn find_block(&self, cid: &str) -> Result<Vec<BlockLocation>, DatabaseError> {
		let rows: Vec<(String, i64, i64)> =
			sqlx::query_as("SELECT comm_p, position, length FROM blocks WHERE cid = ? LIMIT 8")
				.bind(cid)
				.fetch_all(self.pool())
				.await?;
		rows.into_iter()
			.map(|(comm_p, position, length)| {
				Ok(BlockLocation {
					comm_p,
					position: from_row(position, "position")?,
					length: from_row(length, "length")?,
				})
			})
			.collect()
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::database::scratch;

	#[tokio::test]
	async fn the_first_submission_is_found_again() {
		let (_folder, database) = scratch().await;
		assert_eq!(
			database.first_submission("publish", "a").await.unwrap(),
			None
		);
		let first = database
			.begin_submission("publish", "a", 5, 1)
			.await
			.unwrap();
		database
			.begin_submission("publish", "a", 9, 2)
			.await
			.unwrap();
		database
			.end_submission(first, Some(6), Some("0x1"), "included")
			.await
			.unwrap();
		assert_eq!(
			database.first_submission("publish", "a").await.unwrap(),
			Some(Submission {
				id: first,
				from_block: 5,
				block: Some(6),
				extrinsic: Some("0x1".into()),
			})
		);
	}

	#[tokio::test]
	async fn a_post_is_kept_once_for_its_window() {
		let (_folder, database) = scratch().await;
		let mut post = Post {
			window_open: 100,
			deadline: 1,
			partition: 0,
			sectors: vec![3, 5],
			block: 104,
			extrinsic: Some("0x1".into()),
			at: 1,
		};
		database.insert_post(&post).await.unwrap();
		post.block = 105;
		database.insert_post(&post).await.unwrap();
		assert_eq!(database.posts(10).await.unwrap(), [post]);
	}

	#[tokio::test]
	async fn refusals_are_counted_by_subject() {
		let (_folder, database) = scratch().await;
		for block in 0..3 {
			database
				.insert_refusal("porep", "7", "no", block, 1)
				.await
				.unwrap();
		}
		assert_eq!(database.refusal_count("porep", "7").await.unwrap(), 3);
		assert_eq!(database.refusal_count("post", "7").await.unwrap(), 0);
		assert_eq!(database.refusals(1).await.unwrap()[0].block, 2);
	}

	#[tokio::test]
	async fn a_payment_is_noted_once() {
		let (_folder, database) = scratch().await;
		let payment = Settlement {
			deal_id: 4,
			blocks: 10,
			amount: u128::MAX.to_string(),
			block: 9,
			extrinsic: "0x1".into(),
			at: 1,
		};
		database.insert_settlement(&payment).await.unwrap();
		database.insert_settlement(&payment).await.unwrap();
		assert_eq!(database.settlements(10).await.unwrap(), [payment]);
	}

	#[tokio::test]
	async fn blocks_are_found_until_they_are_forgotten() {
		let (_folder, database) = scratch().await;
		let blocks = [("bafy".into(), 7, 9), ("bafy".into(), 70, 9)];
		database.index_blocks("aa", &blocks).await.unwrap();
		database.index_blocks("bb", &blocks).await.unwrap();
		assert_eq!(
			database.find_block("bafy").await.unwrap()[0],
			BlockLocation {
				comm_p: "aa".into(),
				position: 7,
				length: 9,
			}
		);
		database.forget_blocks("aa").await.unwrap();
		let left = database.find_block("bafy").await.unwrap();
		assert_eq!(left.len(), 1);
		assert_eq!(left[0].comm_p, "bb");
	}
}
