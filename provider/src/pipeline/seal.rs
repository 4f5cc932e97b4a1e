//! What the chain has to do with sealing: tickets, commitments and expirations.

use holdfast_primitives::{
	piece::compute_comm_d,
	randomness::{draw, Domain},
	BlockNumber, Policy,
};

use super::{pieces, sector_deals};
use crate::{
	app::App,
	database::{now, Sector, SectorState},
	tasks::{Kind, Outcome, TaskError},
	worker::Response,
};

/// A ticket is drawn anew when it has less than this part of its greatest age left before sealing.
const TICKET_RESERVE: u32 = 4;

/// The ticket of the first sealing phase. It is fixed before the phase and kept through crashes.
pub async fn draw_ticket(app: &App, sector: &mut Sector) -> Result<(), TaskError> {
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
	app.database.save_sector(sector, None, None, now()).await?;
	Ok(())
}

/// The second sealing phase gave its commitments, of which that to the data must be the pieces'.
pub async fn sealed(
	app: &App,
	mut sector: Sector,
	response: &Response,
) -> Result<Outcome, TaskError> {
	let deals = sector_deals(app, &sector).await?;
	let expected = compute_comm_d(app.config.storage.sector_size, &pieces(&deals))
		.map_err(|error| TaskError::never(error.to_string()))?;
	let Response::Sealed { comm_r, comm_d } = *response else {
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
