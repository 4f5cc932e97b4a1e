//! From accepted data to a proven sector: the tasks' work. Each step looks at what is there already, in
//! the database, on the disk and on the chain, so that it can be done again after a crash at any point.

mod batch;
mod compute;
mod finalize;
mod pack;
mod pre_commit;
mod prove;
mod prove_commit;
mod publish;
mod register;
pub mod relocate;
mod seal;
pub mod settle;
mod watch;

use std::sync::Arc;

use futures::future::BoxFuture;
use holdfast_primitives::{PieceInfo, SectorNumber};
use holdfast_prover::SealSubject;
use tracing::{info, warn};

use crate::{
	app::App,
	database::{now, Deal, Sector, SectorState},
	deal::intake,
	store::{Lock, LockMode},
	tasks::{Companion, Handler, Kind, Outcome, Resources, TaskError},
	worker::{Repeat, Response, WorkerError},
};

pub use batch::ProofBatcher;
pub(crate) use compute::Prepared;

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

	/// The sector that a task is for; `None` if nothing is to be done for it any more.
	async fn sector_of(&self, subject: &str) -> Result<Option<Sector>, TaskError> {
		let number: SectorNumber = subject
			.parse()
			.map_err(|_| TaskError::never("the task names no sector"))?;
		let sector = self.app.database.sector(number).await?;
		let sector = sector.ok_or_else(|| TaskError::never("the sector is not in the database"))?;
		let over = matches!(sector.state, SectorState::Failed | SectorState::Expired);
		Ok((!over).then_some(sector))
	}

	async fn sector_step(
		&self,
		kind: Kind,
		subject: &str,
		companion: Option<Companion>,
	) -> Result<Outcome, TaskError> {
		let app = &*self.app;
		let Some(sector) = self.sector_of(subject).await? else {
			return Ok(Outcome::Done);
		};
		if kind == Kind::WaitSeed {
			return prove::wait_seed(app, sector).await;
		}
		if kind == Kind::ProveCommit && prove_commit::waits(app, &sector).await? {
			return Ok(Outcome::Again(prove_commit::POLL));
		}
		let lock = self.lock(sector.number).await?;
		let outcome = self.locked_step(kind, sector, companion, &lock).await;
		lock.release().await?;
		let outcome = outcome?;
		app.hooks.reached(kind.stage());
		Ok(outcome)
	}

	async fn lock(&self, number: SectorNumber) -> Result<Lock, TaskError> {
		// A sector has one task at a time, and whoever asks has taken it.
		self.app.lending.forget(number).await?;
		let lock = self.app.store.lock(number, LockMode::Write).await?;
		lock.ok_or_else(|| TaskError::later("the sector's files are being moved or looked at"))
	}

	/// Does a step of a sector whose files nobody else touches meanwhile.
	async fn locked_step(
		&self,
		kind: Kind,
		sector: Sector,
		companion: Option<Companion>,
		lock: &Lock,
	) -> Result<Outcome, TaskError> {
		let (app, number) = (&*self.app, sector.number);
		self.begin(kind, number).await?;
		let outcome = match kind {
			Kind::PreCommit => pre_commit::run(app, sector).await,
			Kind::ProveCommit => prove_commit::run(app, sector).await,
			Kind::Move => relocate::run(app, number, lock).await,
			_ => compute::run(app, kind, sector, companion, lock).await,
		};
		self.end(kind, number, outcome).await
	}

	/// Notes that a step begins, unless its files cannot be reached or it began too often.
	async fn begin(&self, kind: Kind, number: SectorNumber) -> Result<(), TaskError> {
		let (app, stage) = (&*self.app, kind.stage());
		if let Some(trouble) = app.store.trouble(number).await? {
			return Err(TaskError::later(trouble));
		}
		if kind == Kind::Move {
			// It may be moved any number of times in its life.
			return Ok(());
		}
		let runs = app.database.begin_stage(number, stage, now()).await?;
		if runs > RUNS_PER_ATTEMPT.saturating_mul(app.config.sealing.max_attempts) {
			return Err(TaskError::never(format!(
				"{stage} was begun {runs} times without success"
			)));
		}
		info!(sector = number, stage, "begins");
		Ok(())
	}

	/// Notes that a step ended, and finds out what its failure means.
	async fn end(
		&self,
		kind: Kind,
		number: SectorNumber,
		outcome: Result<Outcome, TaskError>,
	) -> Result<Outcome, TaskError> {
		let (app, stage) = (&*self.app, kind.stage());
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
		app.database.end_stage(number, stage, now()).await?;
		info!(sector = number, stage, "done");
		Ok(outcome)
	}

	/// Prepares a computing step that a worker is going to do. The sector stays locked meanwhile.
	pub(crate) async fn lend(
		&self,
		kind: Kind,
		subject: &str,
	) -> Result<(Prepared, Option<Lock>), TaskError> {
		let Some(mut sector) = self.sector_of(subject).await? else {
			return Ok((Prepared::Instead(Outcome::Done), None));
		};
		let (lock, number) = (self.lock(sector.number).await?, sector.number);
		self.begin(kind, number).await?;
		match compute::prepare(&self.app, kind, &mut sector).await {
			Ok(prepared @ Prepared::Order(_)) => Ok((prepared, Some(lock))),
			Ok(Prepared::Instead(outcome)) => {
				let outcome = self.end(kind, number, Ok(outcome)).await?;
				Ok((Prepared::Instead(outcome), None))
			},
			Err(error) => {
				let outcome = self.end(kind, number, Err(error)).await?;
				Ok((Prepared::Instead(outcome), None))
			},
		}
	}

	/// Takes what a worker made of a step.
	pub(crate) async fn take_back(
		&self,
		kind: Kind,
		subject: &str,
		result: Result<Response, TaskError>,
	) -> Result<Outcome, TaskError> {
		let Some(sector) = self.sector_of(subject).await? else {
			return Ok(Outcome::Done);
		};
		let number = sector.number;
		let outcome = match result {
			Ok(response) => compute::complete(&self.app, kind, sector, &response).await,
			Err(error) => Err(error),
		};
		let outcome = self.end(kind, number, outcome).await?;
		self.app.hooks.reached(kind.stage());
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

	fn needs(&self, kind: Kind) -> Resources {
		let config = &self.app.config;
		config.sealing.needs(kind, config.storage.sector_size)
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
			if matches!(sector.state, SectorState::Finalizing | SectorState::Active)
				|| app.chain.sector(number).await?.is_some()
			{
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
fn subject(app: &App, sector: &Sector, deals: &[Deal]) -> SealSubject {
	SealSubject {
		sector_size: app.config.storage.sector_size,
		prover_id: app.prover_id(),
		sector: sector.number,
		ticket: sector.ticket.unwrap_or_default(),
		pieces: pieces(deals),
	}
}

/// Moves a sector, and its deals with it, to another state.
async fn enter(app: &App, sector: &mut Sector, state: SectorState) -> Result<(), TaskError> {
	if sector.state != state {
		sector.state = state;
		app.database.save_sector(sector, None, None, now()).await?;
	}
	Ok(())
}
