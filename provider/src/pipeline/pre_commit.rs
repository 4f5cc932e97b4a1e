//! Pre-committing a sealed sector, once.

use holdfast_chain_client::{Call, DealState, PreCommit, PreCommitSector};
use tracing::{info, warn};

use super::{enter, seal, sector_deals};
use crate::{
	app::App,
	chain::{extrinsic, ChainError},
	database::{now, Sector, SectorState},
	tasks::{Kind, Outcome, TaskError},
};

/// Pre-commits a sector, unless the chain has it already.
pub async fn run(app: &App, mut sector: Sector) -> Result<Outcome, TaskError> {
	let comm_r = sector
		.comm_r
		.ok_or_else(|| TaskError::never("the sector is not sealed"))?;
	enter(app, &mut sector, SectorState::PreCommitting).await?;
	if app.chain.sector(sector.number).await?.is_some() {
		return Ok(Outcome::Then(Kind::ProveCommit));
	}
	if let Some(found) = app.chain.pre_commit(sector.number).await? {
		return already(app, sector, &found).await;
	}
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	let ticket_block = sector.ticket_block.unwrap_or_default();
	if !seal::is_fresh(&policy, ticket_block, best.saturating_add(1))
		|| seal::ticket(app, ticket_block).await? != sector.ticket
	{
		warn!(
			sector = sector.number,
			"the ticket is too old or was replaced; sealing again"
		);
		return Ok(Outcome::Then(Kind::PreCommit1));
	}
	let deals = ready_deals(app, &sector, best).await?;
	let expiration = seal::sector_expiration(app, &sector, &policy, best).await?;
	let subject = App::subject(sector.number);
	app.database
		.begin_submission("pre-commit", &subject, best, now())
		.await?;
	let call = Call::PreCommitSectors(vec![PreCommitSector {
		sector: sector.number,
		comm_r,
		ticket_block,
		expiration,
		deals,
	}]);
	let included = match app.chain.submit(call).await {
		Ok(included) => included,
		Err(refused @ ChainError::Refused { .. }) => {
			// The one that was sent before a crash may have come first.
			if let Some(found) = app.chain.pre_commit(sector.number).await? {
				return already(app, sector, &found).await;
			}
			return match refused.refusal() {
				Some("TicketTooOld" | "TicketNotPast" | "RandomnessUnavailable") => {
					Ok(Outcome::Then(Kind::PreCommit1))
				},
				Some("InsufficientDeposit") => Err(TaskError::later(format!(
					"the account cannot pay the deposit of a pre-commit ({refused}): send it money"
				))),
				_ => Err(refused.into()),
			};
		},
		Err(other) => return Err(other.into()),
	};
	app.hooks.reached("pre-committing-sent");
	let hash = extrinsic(&included);
	info!(
		sector = sector.number,
		block = included.block,
		"is pre-committed"
	);
	sector.expiration = Some(expiration);
	committed(app, sector, included.block, Some(hash)).await
}

/// The chain has the pre-commit: it must be of this replica.
async fn already(app: &App, mut sector: Sector, found: &PreCommit) -> Result<Outcome, TaskError> {
	if Some(found.comm_r) != sector.comm_r {
		return Err(TaskError::never(
			"the chain has a pre-commit of another replica under this number",
		));
	}
	sector.expiration = Some(found.expiration);
	let known = sector.pre_commit_extrinsic.clone();
	if sector.pre_commit_block.is_none() {
		info!(
			sector = sector.number,
			"was pre-committed before the daemon stopped"
		);
	}
	committed(app, sector, found.pre_commit_block, known).await
}

async fn committed(
	app: &App,
	mut sector: Sector,
	block: u32,
	hash: Option<String>,
) -> Result<Outcome, TaskError> {
	sector.state = SectorState::PreCommitted;
	sector.pre_commit_block = Some(block);
	sector.pre_commit_extrinsic.clone_from(&hash);
	app.database
		.save_sector(&sector, Some(block), hash.as_deref(), now())
		.await?;
	app.database
		.begin_stage(sector.number, Kind::WaitSeed.stage(), now())
		.await?;
	Ok(Outcome::Then(Kind::WaitSeed))
}

/// The numbers of the sector's deals, all of which must still wait for a sector on the chain.
async fn ready_deals(app: &App, sector: &Sector, best: u32) -> Result<Vec<u64>, TaskError> {
	let mut ids = Vec::new();
	for deal in sector_deals(app, sector).await? {
		let id = deal
			.deal_id
			.ok_or_else(|| TaskError::never("a published deal has no number"))?;
		let waits = app
			.chain
			.deal(id)
			.await?
			.is_some_and(|found| found.state == DealState::Published);
		if !waits || deal.proposal.start <= best {
			return Err(TaskError::never(format!(
				"deal {id} does not wait for a sector on the chain any more"
			)));
		}
		ids.push(id);
	}
	Ok(ids)
}
