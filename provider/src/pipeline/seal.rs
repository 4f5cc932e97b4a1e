//! Writing a sector's data and sealing it.

use holdfast_primitives::{
	piece::compute_comm_d,
	randomness::{draw, Domain},
	BlockNumber, Policy,
};

use super::{enter, job, pieces, sector_deals};
use crate::{
	app::App,
	database::{now, Sector, SectorState},
	store::StoreError,
	tasks::{Companion, Kind, Outcome, TaskError},
	worker::{PieceFile, Request, Response},
};

/// A ticket is drawn anew when it has less than this part of its greatest age left before sealing.
const TICKET_RESERVE: u32 = 4;

/// Writes the pieces into the unsealed sector.
pub async fn add_piece(app: &App, mut sector: Sector) -> Result<Outcome, TaskError> {
	let deals = sector_deals(app, &sector).await?;
	enter(app, &mut sector, SectorState::AddingPiece).await?;
	app.store
		.allocate(sector.number, app.config.storage.sector_size)
		.await?;
	let files = deals
		.iter()
		.map(|deal| PieceFile {
			path: app.store.piece(&deal.proposal.piece.commitment),
			piece: deal.proposal.piece,
		})
		.collect();
	let paths = app.store.sector(sector.number).await?;
	let request = Request::AddPieces {
		sector_size: app.config.storage.sector_size,
		pieces: files,
		unsealed: paths.unsealed.clone(),
	};
	app.worker.done(request, app.config.sealing.nice).await?;
	Ok(Outcome::Then(Kind::PreCommit1))
}

/// The first sealing phase. The ticket is fixed before it and kept through crashes.
pub async fn pre_commit1(
	app: &App,
	mut sector: Sector,
	companion: Option<Companion>,
) -> Result<Outcome, TaskError> {
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	let usable = match sector.ticket_block {
		// The chain has the replica of this ticket: it must be made again as it was.
		Some(_) if sector.pre_commit_block.is_some() => true,
		Some(block) => {
			let reserve = policy.ticket_max_age / TICKET_RESERVE;
			is_fresh(&policy, block, best.saturating_add(reserve))
				&& ticket(app, block).await? == sector.ticket
		},
		None => false,
	};
	if !usable {
		let block = best.saturating_sub(app.config.sealing.ticket_depth).max(1);
		sector.ticket = ticket(app, block).await?;
		if sector.ticket.is_none() {
			return Err(TaskError::later(format!(
				"the chain has no randomness of block {block} for the ticket"
			)));
		}
		sector.ticket_block = Some(block);
		sector.comm_r = None;
		sector.comm_d = None;
	}
	sector.state = SectorState::PreCommit1;
	app.database.save_sector(&sector, None, None, now()).await?;
	let paths = app.store.sector(sector.number).await?;
	for folder in [&paths.cache, &paths.work] {
		std::fs::create_dir_all(folder).map_err(|source| StoreError::Files {
			path: folder.clone(),
			source,
		})?;
	}
	let job = job(app, &sector).await?;
	Companion::pre_commit1(companion, &app.worker, job, app.config.sealing.nice)
		.await
		.ok_or_else(|| {
			TaskError::later("the step that it shared with another sector was stopped")
		})??;
	Ok(Outcome::Then(Kind::PreCommit2))
}

/// The second sealing phase.
pub async fn pre_commit2(app: &App, mut sector: Sector) -> Result<Outcome, TaskError> {
	enter(app, &mut sector, SectorState::PreCommit2).await?;
	let job = job(app, &sector).await?;
	let expected = compute_comm_d(job.sector_size, &job.pieces)
		.map_err(|error| TaskError::never(error.to_string()))?;
	let response = app
		.worker
		.run(Request::PreCommit2 { job }, app.config.sealing.nice)
		.await?;
	let Response::Sealed { comm_r, comm_d } = response else {
		return Err(TaskError::later(
			"the sealing step gave another step's result",
		));
	};
	if comm_d != expected {
		return Err(TaskError::never(format!(
			"the sealed data has the commitment {comm_d} instead of {expected}"
		)));
	}
	sector.comm_r = Some(comm_r);
	sector.comm_d = Some(comm_d);
	app.database.save_sector(&sector, None, None, now()).await?;
	Ok(Outcome::Then(Kind::PreCommit))
}

/// The ticket of a block. `None` if the chain does not know its randomness.
pub async fn ticket(app: &App, block: BlockNumber) -> Result<Option<[u8; 32]>, TaskError> {
	Ok(app
		.chain
		.randomness(block)
		.await?
		.map(|value| draw(Domain::SealTicket, &value, block, &app.entropy())))
}

/// Whether a ticket of that block can be used in the block `at`.
pub fn is_fresh(policy: &Policy, ticket_block: BlockNumber, at: BlockNumber) -> bool {
	at.saturating_sub(ticket_block) <= policy.ticket_max_age
}

/// The expiration of a sector whose latest deal ends at `latest_end`: two periods later, within what
/// the chain allows to a sector that is pre-committed at `now`.
pub fn expiration(
	policy: &Policy,
	latest_end: BlockNumber,
	now: BlockNumber,
) -> Option<BlockNumber> {
	// The extrinsic is included in a later block than the one that is best now.
	const LATENESS: BlockNumber = 20;
	let wanted = latest_end.saturating_add(policy.proving_period.saturating_mul(2));
	let least = now
		.saturating_add(policy.min_sector_lifetime)
		.saturating_add(LATENESS);
	let most = now.saturating_add(policy.max_sector_lifetime);
	let expiration = wanted.max(least).min(most);
	(expiration >= latest_end).then_some(expiration)
}

/// The expiration of a sector with these deals' pieces, if it is pre-committed at `now`.
pub async fn sector_expiration(
	app: &App,
	sector: &Sector,
	policy: &Policy,
	now: BlockNumber,
) -> Result<BlockNumber, TaskError> {
	let deals = sector_deals(app, sector).await?;
	debug_assert_eq!(pieces(&deals).len(), deals.len());
	let latest = deals
		.iter()
		.map(|deal| deal.proposal.end)
		.max()
		.unwrap_or_default();
	expiration(policy, latest, now)
		.ok_or_else(|| TaskError::never("the deals end after the longest lifetime of a sector"))
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn a_sector_outlives_its_deals_by_two_periods() {
		let policy = Policy::devnet();
		assert_eq!(expiration(&policy, 500, 100), Some(620));
		// No shorter than the policy's minimum.
		assert_eq!(expiration(&policy, 10, 1000), Some(1080));
		assert_eq!(expiration(&policy, 200_000, 0), None);
	}

	#[test]
	fn tickets_age() {
		let policy = Policy::devnet();
		assert!(is_fresh(&policy, 100, 700));
		assert!(!is_fresh(&policy, 100, 701));
		assert!(is_fresh(&policy, 100, 50));
	}

	proptest! {
		#[test]
		fn an_expiration_is_within_the_policy(end in 0u32..300_000, now in 0u32..1_000_000) {
			let policy = Policy::devnet();
			if let Some(expiration) = expiration(&policy, end, now) {
				prop_assert!(expiration >= end);
				prop_assert!(expiration >= now + policy.min_sector_lifetime);
				prop_assert!(expiration <= now + policy.max_sector_lifetime);
			}
		}
	}
}
