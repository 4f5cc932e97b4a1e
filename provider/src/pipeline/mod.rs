//! From accepted data to a proven sector: the tasks' work. Each step looks at what is there already, in
//! the database, on the disk and on the chain, so that it can be done again after a crash at any point.

mod batch;
mod finalize;
mod pack;
mod pre_commit;
mod prove;
mod prove_commit;
mod publish;
mod register;
mod seal;
pub mod settle;
mod watch;

use std::sync::Arc;

use futures::future::BoxFuture;
use holdfast_primitives::{BlockNumber, PieceInfo, SectorNumber};
use tracing::{info, warn};

use crate::{
	app::App,
	chain::ChainError,
	database::{now, Deal, Sector, SectorState},
	deal::intake,
	store::{Lock, LockMode},
	tasks::{memory_of_kind, Companion, Handler, Kind, Outcome, TaskError},
	worker::{Job, Repeat, WorkerError},
};

pub use batch::ProofBatcher;

/// A stage that begins this many times the configured attempts, crashes and repetitions included, is
/// given up.
const RUNS_PER_ATTEMPT: u32 = 4;

/// Does the tasks' work.
pub struct Pipeline {
	app: Arc<App>,
}

impl Pipeline {
	/// Works on what `app` has.
	pub fn new(app: Arc<App>) -> Self {
		Self { app }
	}

	async fn sector_step(
		&self,
		kind: Kind,
		subject: &str,
		companion: Option<Companion>,
	) -> Result<Outcome, TaskError> {
		let app = &*self.app;
		let number: SectorNumber = subject
			.parse()
			.map_err(|_| TaskError::never("the task names no sector"))?;
		let sector = app
			.database
			.sector(number)
			.await?
			.ok_or_else(|| TaskError::never("the sector is not in the database"))?;
		if matches!(sector.state, SectorState::Failed | SectorState::Expired) {
			return Ok(Outcome::Done);
		}
		if kind == Kind::WaitSeed {
			return prove::wait_seed(app, sector).await;
		}
		let Some(lock) = app.store.lock(number, LockMode::Write).await? else {
			return Err(TaskError::later(
				"the sector's files are being moved or looked at",
			));
		};
		let outcome = self.locked_step(kind, sector, companion, &lock).await;
		lock.release().await?;
		let outcome = outcome?;
		app.hooks.reached(kind.stage());
		Ok(outcome)
	}

	/// Does a step of a sector whose files nobody else touches meanwhile.
	async fn locked_step(
		&self,
		kind: Kind,
		sector: Sector,
		companion: Option<Companion>,
		lock: &Lock,
	) -> Result<Outcome, TaskError> {
		let app = &*self.app;
		let (number, stage) = (sector.number, kind.stage());
		if let Some(trouble) = app.store.trouble(number).await? {
			return Err(TaskError::later(trouble));
		}
		let runs = app.database.begin_stage(number, stage, now()).await?;
		if runs > RUNS_PER_ATTEMPT.saturating_mul(app.config.sealing.max_attempts) {
			return Err(TaskError::never(format!(
				"{stage} was begun {runs} times without success"
			)));
		}
		info!(sector = number, stage, "begins");
		let started = std::time::Instant::now();
		let outcome = match kind {
			Kind::AddPiece => seal::add_piece(app, sector).await,
			Kind::PreCommit1 => seal::pre_commit1(app, sector, companion).await,
			Kind::PreCommit2 => seal::pre_commit2(app, sector).await,
			Kind::PreCommit => pre_commit::run(app, sector).await,
			Kind::Commit1 => prove::commit1(app, sector).await,
			Kind::Commit2 => prove::commit2(app, sector).await,
			Kind::ProveCommit => prove_commit::run(app, sector).await,
			Kind::Finalize => finalize::run(app, sector, lock).await,
			other => Err(TaskError::never(format!(
				"{} is for no sector",
				other.name()
			))),
		};
		// A disk that went away meanwhile is no fault of the sector's.
		let outcome = match (outcome, app.store.trouble(number).await?) {
			(Err(_), Some(trouble)) => Err(TaskError::later(trouble)),
			(outcome, _) => outcome,
		};
		let outcome = match outcome {
			Err(TaskError::Worker(WorkerError::Failed {
				repeat: Some(repeat),
				message,
				..
			})) => {
				warn!(
					sector = number,
					stage, "an earlier step has to be repeated: {message}"
				);
				Ok(Outcome::Then(match repeat {
					Repeat::AddPieces => Kind::AddPiece,
					Repeat::PreCommit1 => Kind::PreCommit1,
					Repeat::PreCommit2 => Kind::PreCommit2,
					Repeat::Commit1 => Kind::Commit1,
				}))
			},
			Err(error) if error.is_outage() => {
				app.database.uncount_stage(number, stage).await?;
				Err(error)
			},
			other => other,
		}?;
		if kind.is_heavy() {
			app.store.declare_sector(number).await?;
		}
		app.database.end_stage(number, stage, now()).await?;
		info!(sector = number, stage, elapsed = ?started.elapsed(), "done");
		Ok(outcome)
	}
}

impl Handler for Pipeline {
	fn run<'a>(
		&'a self,
		kind: Kind,
		subject: &'a str,
		companion: Option<Companion>,
	) -> BoxFuture<'a, Result<Outcome, TaskError>> {
		Box::pin(async move {
			match kind {
				Kind::Register => register::run(&self.app).await,
				Kind::Publish => publish::run(&self.app).await,
				Kind::Pack => pack::run(&self.app).await,
				Kind::Settle => settle::run(&self.app).await,
				Kind::Watch => watch::run(&self.app).await,
				_ => self.sector_step(kind, subject, companion).await,
			}
		})
	}

	fn memory(&self, kind: Kind) -> u64 {
		memory_of_kind(kind, self.app.config.storage.sector_size)
	}

	fn gave_up<'a>(
		&'a self,
		_: Kind,
		subject: &'a str,
		error: &'a TaskError,
	) -> BoxFuture<'a, Result<(), TaskError>> {
		Box::pin(async move {
			let Ok(number) = subject.parse::<SectorNumber>() else {
				return Ok(());
			};
			let app = &*self.app;
			let Some(sector) = app.database.sector(number).await? else {
				return Ok(());
			};
			if matches!(sector.state, SectorState::Finalizing | SectorState::Active) {
				// It is proven on the chain: its files are all that counts, so nothing is removed.
				return Ok(());
			}
			warn!(sector = number, "is given up: {error}");
			let policy = app.chain.policy().await?;
			let best = app.chain.best_block().await?.number;
			let earliest = best.saturating_add(intake::lead(app, &policy));
			app.database
				.fail_sector(number, &error.to_string(), earliest, now())
				.await?;
			app.store.remove_sector(number).await?;
			app.database.hurry_task(Kind::Pack, now()).await?;
			Ok(())
		})
	}
}

/// The deals of a sector; an error if one of them is over, because then its pieces make no sector any
/// more.
async fn sector_deals(app: &App, sector: &Sector) -> Result<Vec<Deal>, TaskError> {
	let deals = app.database.sector_deals(sector.number).await?;
	if deals.is_empty() {
		return Err(TaskError::never("no deals are left in the sector"));
	}
	match deals.iter().find(|deal| deal.state.is_over()) {
		Some(over) => Err(TaskError::never(format!(
			"deal {} in the sector is {}",
			over.id,
			over.state.name()
		))),
		None => Ok(deals),
	}
}

fn pieces(deals: &[Deal]) -> Vec<PieceInfo> {
	deals.iter().map(|deal| deal.proposal.piece).collect()
}

/// What the sealing steps of a sector need to know.
async fn job(app: &App, sector: &Sector) -> Result<Job, TaskError> {
	let deals = sector_deals(app, sector).await?;
	Ok(Job {
		sector_size: app.config.storage.sector_size,
		prover_id: app.prover_id(),
		sector: sector.number,
		ticket: sector
			.ticket
			.ok_or_else(|| TaskError::never("the sector has no ticket"))?,
		pieces: pieces(&deals),
		paths: app.store.sector(sector.number).await?,
	})
}

/// Moves a sector, and its deals with it, to another state.
async fn enter(app: &App, sector: &mut Sector, state: SectorState) -> Result<(), TaskError> {
	if sector.state != state {
		sector.state = state;
		app.database.save_sector(sector, None, None, now()).await?;
	}
	Ok(())
}

/// The block, not before `from`, whose events have `wanted`. Searches a bounded number of blocks.
async fn find_event(
	app: &App,
	from: BlockNumber,
	wanted: impl Fn(&holdfast_chain_client::Event) -> bool,
) -> Result<Option<BlockNumber>, ChainError> {
	const MOST_BLOCKS: u32 = 100;
	let best = app.chain.best_block().await?.number;
	for block in (from..=best).take(usize::try_from(MOST_BLOCKS).unwrap_or(usize::MAX)) {
		let Some(hash) = app.chain.block_hash(block).await? else {
			return Ok(None);
		};
		let events = app.chain.events_at(hash).await?;
		if events.iter().any(|(_, event)| wanted(event)) {
			return Ok(Some(block));
		}
	}
	Ok(None)
}
