//! The steps that compute: what to order of a sealer, and what its answer means.

use super::{enter, finalize, prove, relocate, seal, sector_deals, subject};
use crate::{
	app::App,
	database::{Sector, SectorState},
	sealer::{Order, Step},
	store::Lock,
	tasks::{Companion, Kind, Outcome, TaskError},
	worker::{Response, WorkerError},
};

/// What is to be done for a task.
pub enum Prepared {
	/// A sealer has to do this.
	Order(Order),
	/// Nothing any more, and this follows.
	Instead(Outcome),
}

/// Does a computing step on this machine.
pub async fn run(
	app: &App,
	kind: Kind,
	mut sector: Sector,
	companion: Option<Companion>,
	lock: &Lock,
) -> Result<Outcome, TaskError> {
	match prepare(app, kind, &mut sector).await? {
		Prepared::Instead(outcome) => Ok(outcome),
		Prepared::Order(order) => {
			let response = app.sealer.perform(&order, companion, lock).await?;
			complete(app, kind, sector, &response).await
		},
	}
}

/// Brings a sector to where the step can be done.
pub async fn prepare(app: &App, kind: Kind, sector: &mut Sector) -> Result<Prepared, TaskError> {
	let step = match kind {
		Kind::AddPiece => {
			enter(app, sector, SectorState::AddingPiece).await?;
			Step::AddPieces
		},
		Kind::PreCommit1 => {
			seal::draw_ticket(app, sector).await?;
			Step::PreCommit1
		},
		Kind::PreCommit2 => {
			enter(app, sector, SectorState::PreCommit2).await?;
			Step::PreCommit2
		},
		Kind::Commit1 => {
			enter(app, sector, SectorState::Proving).await?;
			let (Some(seed), Some(comm_r), Some(comm_d)) =
				(sector.seed, sector.comm_r, sector.comm_d)
			else {
				return Ok(Prepared::Instead(Outcome::Then(Kind::WaitSeed)));
			};
			Step::Commit1 {
				seed,
				comm_r,
				comm_d,
			}
		},
		Kind::Commit2 => {
			enter(app, sector, SectorState::Proving).await?;
			let Some(seed) = sector.seed else {
				return Ok(Prepared::Instead(Outcome::Then(Kind::WaitSeed)));
			};
			if prove::read_proofs(app, sector).await?.is_some() {
				return Ok(Prepared::Instead(Outcome::Then(Kind::ProveCommit)));
			}
			Step::Commit2 { seed }
		},
		Kind::Finalize => Step::Finalize,
		Kind::Move => match relocate::step(app, sector).await? {
			Some(step) => step,
			None => {
				return Ok(Prepared::Instead(
					relocate::moved(app, sector.number).await?,
				))
			},
		},
		other => {
			return Err(TaskError::never(format!(
				"{} is for no sector",
				other.name()
			)))
		},
	};
	let has_ticket = sector.ticket.is_some() || step == Step::AddPieces;
	if !has_ticket {
		return Err(TaskError::never("the sector has no ticket"));
	}
	let deals = match kind {
		// It is proven: that a deal has ended meanwhile changes nothing.
		Kind::Finalize | Kind::Move => app.database.sector_deals(sector.number).await?,
		_ => sector_deals(app, sector).await?,
	};
	let subject = subject(app, sector, &deals);
	Ok(Prepared::Order(Order { subject, step }))
}

/// Notes what a step gave.
pub async fn complete(
	app: &App,
	kind: Kind,
	sector: Sector,
	response: &Response,
) -> Result<Outcome, TaskError> {
	match (kind, response) {
		(Kind::AddPiece, Response::Done) => Ok(Outcome::Then(Kind::PreCommit1)),
		(Kind::PreCommit1, Response::Done) => Ok(Outcome::Then(Kind::PreCommit2)),
		(Kind::PreCommit2, response) => seal::sealed(app, sector, response).await,
		(Kind::Commit1, Response::Done) => Ok(Outcome::Then(Kind::Commit2)),
		(Kind::Commit2, Response::Proofs { proofs }) => {
			let proofs = crate::worker::parse_proofs("commit-2", proofs)?;
			prove::keep_proofs(app, &sector, &proofs).await
		},
		(Kind::Finalize, Response::Done) => finalize::finalized(app, sector).await,
		(Kind::Move, Response::Done) => relocate::moved(app, sector.number).await,
		_ => Err(WorkerError::OtherAnswer { step: kind.name() }.into()),
	}
}
