//! Everything that an operator wants to know at a glance, from the chain, the database and the disks.

use std::{collections::BTreeMap, path::Path};

use holdfast_chain_client::{AccountBalance, AccountId, Partition, ProviderInfo};
use holdfast_primitives::{
	deadline::window_at, Balance, BlockNumber, DeadlineIndex, Policy, SectorSize,
};
use serde::Serialize;

use crate::{
	chain::{Chain, ChainError},
	config::Config,
	database::{now, Database, DatabaseError, Millis, Post, Refusal},
	monitor::Alert,
	tasks::TaskRow,
};

/// How many entries of each history are shown.
const HISTORY: u32 = 20;
/// How many given-up tasks are shown.
const FAILED_TASKS: usize = 50;
/// How many partitions the chain is asked about at most.
const MAX_PARTITIONS: usize = 256;
/// Under which name the account's money in the past is remembered.
const SAMPLES: &str = "balance_samples";
/// So many blocks lie between two samples at least.
const SAMPLE_BLOCKS: BlockNumber = 20;
/// So many samples are kept.
const MAX_SAMPLES: usize = 64;

/// Everything at a glance.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
	/// The program's version.
	pub version: &'static str,
	/// The provider's account.
	pub account: AccountId,
	/// The size of its sectors.
	pub sector_size: SectorSize,
	/// When this was written.
	pub at: Millis,
	/// The chain.
	pub chain: ChainView,
	/// The account's money.
	pub balance: Option<AccountBalance>,
	/// How many blocks the free money lasts if it goes on like in the past. `None` if it does not shrink,
	/// or too little is known.
	pub runway_blocks: Option<u64>,
	/// The disks.
	pub disks: Vec<Disk>,
	/// How many sectors are in each state.
	pub sectors: BTreeMap<String, u64>,
	/// How many deals are in each state.
	pub deals: BTreeMap<String, u64>,
	/// How many tasks there are.
	pub tasks: Vec<TaskCount>,
	/// The tasks that were given up.
	pub failed_tasks: Vec<TaskRow>,
	/// The deadlines with sectors, the next to close first.
	pub deadlines: Vec<DeadlineView>,
	/// What the faulty sectors cost in the next period if nothing changes.
	#[serde(with = "decimal")]
	pub predicted_penalty: Balance,
	/// What is wrong.
	pub alerts: Vec<Alert>,
	/// The accepted window PoSts, the newest first.
	pub posts: Vec<Post>,
	/// The proofs that the chain refused, the newest first.
	pub refusals: Vec<Refusal>,
}

/// The chain as the node shows it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainView {
	/// The best block.
	pub block: Option<BlockNumber>,
	/// When it was made, by its author's clock.
	pub block_at: Option<Millis>,
	/// How old it is by this machine's clock.
	pub lag_millis: Option<Millis>,
	/// Whether the provider is registered.
	pub registered: bool,
	/// Why nothing is known.
	pub error: Option<String>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
	/// A folder on it.
	pub path: String,
	/// Its size.
	pub total_bytes: u64,
	/// What can be written.
	pub free_bytes: u64,
	/// What is to be left alone.
	pub reserved_bytes: u64,
}

/// How many tasks of a kind are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCount {
	/// The kind.
	pub kind: String,
	/// `queued`, `running` or `failed`.
	pub state: String,
	/// How many.
	pub count: u64,
}

/// A deadline with sectors, in its current or next opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadlineView {
	/// Which.
	pub deadline: DeadlineIndex,
	/// When its challenge is known.
	pub challenge: BlockNumber,
	/// The first block that takes proofs.
	pub open: BlockNumber,
	/// The first one that does not any more.
	pub close: BlockNumber,
	/// Whether it is open.
	pub is_open: bool,
	/// Its partitions.
	pub partitions: u32,
	/// Those that have nothing to prove in this opening any more.
	pub proven: u32,
	/// Its sectors.
	pub live_sectors: u32,
	/// Those that are faulty.
	pub faulty: u32,
	/// Those of them that are to recover.
	pub recovering: u32,
	/// What a missed window would cost.
	#[serde(with = "decimal")]
	pub penalty_if_missed: Balance,
}

/// Amounts as decimal text, because JSON's numbers lose precision above 2^53.
mod decimal {
	use holdfast_primitives::Balance;
	use serde::Serializer;

	pub fn serialize<S: Serializer>(amount: &Balance, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.collect_str(amount)
	}
}

/// Collects everything. What the chain does not answer is left out; the database must answer.
pub async fn collect(
	config: &Config,
	database: &Database,
	chain: &dyn Chain,
	alerts: Vec<Alert>,
) -> Result<Overview, DatabaseError> {
	let rows = database.tasks().await?;
	let at = now();
	let mut overview = Overview {
		version: env!("CARGO_PKG_VERSION"),
		account: chain.account(),
		sector_size: config.storage.sector_size,
		at,
		chain: ChainView::default(),
		balance: None,
		runway_blocks: None,
		disks: disks(config),
		sectors: database.sector_counts().await?.into_iter().collect(),
		deals: database
			.deal_counts()
			.await?
			.into_iter()
			.map(|(state, count)| (state, u64::try_from(count).unwrap_or_default()))
			.collect(),
		tasks: count_tasks(&rows),
		failed_tasks: rows
			.into_iter()
			.filter(|task| task.state == "failed")
			.take(FAILED_TASKS)
			.collect(),
		deadlines: Vec::new(),
		predicted_penalty: 0,
		alerts,
		posts: database.posts(HISTORY).await?,
		refusals: database.refusals(HISTORY).await?,
	};
	if let Err(error) = ask(chain, config.storage.sector_size, &mut overview).await {
		overview.chain.error = Some(error.to_string());
	}
	if let Some(balance) = &overview.balance {
		overview.runway_blocks = runway(&samples(database).await?, balance.free);
	}
	Ok(overview)
}

async fn ask(
	chain: &dyn Chain,
	sector_size: SectorSize,
	overview: &mut Overview,
) -> Result<(), ChainError> {
	let best = chain.best_block().await?.number;
	overview.chain.block = Some(best);
	if let Some(stamp) = chain.timestamp().await? {
		let stamp = Millis::try_from(stamp).unwrap_or(Millis::MAX);
		overview.chain.block_at = Some(stamp);
		overview.chain.lag_millis = Some(overview.at.saturating_sub(stamp));
	}
	overview.balance = Some(chain.balance(chain.account()).await?);
	let Some(info) = chain.provider().await? else {
		return Ok(());
	};
	overview.chain.registered = true;
	let policy = chain.policy().await?;
	let fee = Policy::per_sector(policy.fault_fee_per_gib, sector_size).unwrap_or(Balance::MAX);
	overview.deadlines = calendar(chain, &policy, &info, fee, best).await?;
	let faulty: u32 = overview
		.deadlines
		.iter()
		.map(|view| view.faulty.saturating_sub(view.recovering))
		.fold(0, u32::saturating_add);
	overview.predicted_penalty = fee.saturating_mul(faulty.into());
	Ok(())
}

async fn calendar(
	chain: &dyn Chain,
	policy: &Policy,
	info: &ProviderInfo,
	fee: Balance,
	best: BlockNumber,
) -> Result<Vec<DeadlineView>, ChainError> {
	let mut views = Vec::new();
	let mut asked = 0;
	for (deadline, load) in (0..policy.deadlines).zip(&info.deadlines) {
		let window = window_at(policy, info.period_offset, deadline, best);
		let Some(window) = window.filter(|_| load.live_sectors > 0) else {
			continue;
		};
		let mut view = DeadlineView {
			deadline,
			challenge: window.challenge,
			open: window.open,
			close: window.close,
			is_open: window.is_open(best),
			partitions: load.partitions,
			proven: 0,
			live_sectors: load.live_sectors,
			faulty: 0,
			recovering: 0,
			penalty_if_missed: fee.saturating_mul(load.live_sectors.into()),
		};
		for partition in 0..load.partitions {
			asked += 1;
			if asked > MAX_PARTITIONS {
				break;
			}
			if let Some(found) = chain.partition(deadline, partition).await? {
				view.add(&found);
			}
		}
		views.push(view);
	}
	views.sort_by_key(|view| (view.close, view.deadline));
	Ok(views)
}

impl DeadlineView {
	fn add(&mut self, partition: &Partition) {
		let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
		let live = |sector: &&u64| !partition.terminated.contains(sector);
		let faulty = partition.faulty.iter().filter(live).count();
		let recovering = partition.recovering.iter().filter(live).count();
		self.faulty = self.faulty.saturating_add(count(faulty));
		self.recovering = self.recovering.saturating_add(count(recovering));
		if partition.last_proof >= self.open || partition.to_prove().is_empty() {
			self.proven = self.proven.saturating_add(1);
		}
	}
}

fn count_tasks(rows: &[TaskRow]) -> Vec<TaskCount> {
	let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
	for row in rows {
		let state = match row.lease_until {
			Some(_) if row.state == "queued" => "running",
			_ => row.state.as_str(),
		};
		let count = counts.entry((row.kind.as_str(), state)).or_default();
		*count = count.saturating_add(1);
	}
	counts
		.into_iter()
		.map(|((kind, state), count)| TaskCount {
			kind: kind.to_owned(),
			state: state.to_owned(),
			count,
		})
		.collect()
}

/// The disks that the configuration names. A folder that is not there has none.
pub fn disks(config: &Config) -> Vec<Disk> {
	disk(&config.storage.path, config.storage.min_free_bytes)
		.into_iter()
		.collect()
}

fn disk(path: &Path, reserved_bytes: u64) -> Option<Disk> {
	let stat = rustix::fs::statvfs(path).ok()?;
	Some(Disk {
		path: path.display().to_string(),
		total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
		free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
		reserved_bytes,
	})
}

/// The account's money in the past: blocks, and all that was its own then, held or not.
type Samples = Vec<(BlockNumber, Balance)>;

async fn samples(database: &Database) -> Result<Samples, DatabaseError> {
	Ok(database
		.meta(SAMPLES)
		.await?
		.map(|text| read_samples(&text))
		.unwrap_or_default())
}

fn read_samples(text: &str) -> Samples {
	text.split_whitespace()
		.filter_map(|sample| {
			let (block, amount) = sample.split_once(':')?;
			Some((block.parse().ok()?, amount.parse().ok()?))
		})
		.collect()
}

/// Remembers the account's money now and then.
pub async fn remember_balance(
	database: &Database,
	block: BlockNumber,
	balance: &AccountBalance,
) -> Result<(), DatabaseError> {
	let mut samples = samples(database).await?;
	if samples
		.last()
		.is_some_and(|(last, _)| block < last.saturating_add(SAMPLE_BLOCKS))
	{
		return Ok(());
	}
	samples.push((block, own_money(balance)));
	let surplus = samples.len().saturating_sub(MAX_SAMPLES);
	let text: Vec<_> = samples
		.iter()
		.skip(surplus)
		.map(|(block, amount)| format!("{block}:{amount}"))
		.collect();
	database.set_meta(SAMPLES, &text.join(" ")).await
}

/// What belongs to the account. Money that moves into a hold or back is not spent.
fn own_money(balance: &AccountBalance) -> Balance {
	[
		balance.free,
		balance.escrow,
		balance.payment,
		balance.collateral,
		balance.pledge,
		balance.pre_commit_deposit,
	]
	.into_iter()
	.fold(0, Balance::saturating_add)
}

fn runway(samples: &[(BlockNumber, Balance)], free: Balance) -> Option<u64> {
	let (first, last) = (samples.first()?, samples.last()?);
	let blocks = last.0.checked_sub(first.0).filter(|blocks| *blocks > 0)?;
	let spent = first.1.checked_sub(last.1).filter(|spent| *spent > 0)?;
	// free / (spent / blocks), without losing what is behind the point.
	let left = free.checked_mul(blocks.into())? / spent;
	Some(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::database::scratch;

	#[test]
	fn money_lasts_as_long_as_the_past_says() {
		assert_eq!(runway(&[], 100), None);
		assert_eq!(runway(&[(10, 1000)], 100), None);
		// 3 in 20 blocks.
		assert_eq!(runway(&[(10, 1000), (30, 997)], 100), Some(666));
		assert_eq!(runway(&[(10, 1000), (30, 1000)], 100), None);
		assert_eq!(runway(&[(10, 1000), (30, 1001)], 100), None);
		assert_eq!(runway(&[(30, 1000), (10, 900)], 100), None);
	}

	#[tokio::test]
	async fn samples_are_few_and_survive() {
		let (_folder, database) = scratch().await;
		let mut balance = AccountBalance {
			free: 500,
			pledge: 500,
			..AccountBalance::default()
		};
		remember_balance(&database, 100, &balance).await.unwrap();
		// What is held is not spent.
		balance.free = 400;
		balance.pledge = 600;
		remember_balance(&database, 110, &balance).await.unwrap();
		remember_balance(&database, 120, &balance).await.unwrap();
		let kept = samples(&database).await.unwrap();
		assert_eq!(kept, [(100, 1000), (120, 1000)]);
		for block in 0..200u32 {
			remember_balance(&database, 200 + block * 20, &balance)
				.await
				.unwrap();
		}
		let kept = samples(&database).await.unwrap();
		assert_eq!(kept.len(), MAX_SAMPLES);
		assert_eq!(kept.last().unwrap().0, 200 + 199 * 20);
		assert_eq!(read_samples("1:2 x 3: 4:5"), [(1, 2), (4, 5)]);
	}

	#[test]
	fn leased_tasks_are_running() {
		let task = |kind: &str, state: &str, lease_until| TaskRow {
			id: 1,
			kind: kind.into(),
			subject: String::new(),
			state: state.into(),
			attempts: 0,
			next_run_at: 0,
			lease_until,
			owner: None,
			started_at: None,
			error: None,
		};
		let counts = count_tasks(&[
			task("pack", "queued", None),
			task("pack", "queued", Some(5)),
			task("pack", "queued", Some(6)),
			task("settle", "failed", None),
		]);
		let shown: Vec<_> = counts
			.iter()
			.map(|task| (task.kind.as_str(), task.state.as_str(), task.count))
			.collect();
		assert_eq!(
			shown,
			[
				("pack", "queued", 1),
				("pack", "running", 2),
				("settle", "failed", 1)
			]
		);
	}
}
