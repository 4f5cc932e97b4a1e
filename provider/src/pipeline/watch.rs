//! Noticing what ended, on the chain or by time, and removing what is not needed any more.

use std::time::Duration;

use holdfast_primitives::CommP;
use tracing::{info, warn};

use crate::{
	app::App,
	database::{millis, now, DealState, SectorState},
	deal::{intake, upload},
	store,
	tasks::{Outcome, TaskError, KEPT_ENTRIES, KEPT_FOR},
};

/// How often one looks.
const POLL: Duration = Duration::from_secs(15);

/// Looks at everything that may have ended.
pub async fn run(app: &App) -> Result<Outcome, TaskError> {
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	let earliest = best.saturating_add(policy.pre_commit_challenge_delay);
	upload::tidy(
		app,
		earliest.min(best.saturating_add(intake::lead(app, &policy))),
	)
	.await
	.map_err(|error| TaskError::later(error.to_string()))?;
	deals(app, best).await?;
	sectors(app, best).await?;
	pieces(app).await?;
	app.store.refresh().await?;
	app.store.tidy().await?;
	let patience = Duration::from_secs(app.config.sealing.worker_timeout_seconds);
	let abandoned = app
		.database
		.abandon_dead_workers(now().saturating_sub(millis(patience)))
		.await?;
	if abandoned > 0 {
		warn!(
			sectors = abandoned,
			"their workers were not heard of for long: others begin them anew"
		);
	}
	app.database
		.trim_task_history(KEPT_ENTRIES, KEPT_FOR, now())
		.await?;
	Ok(Outcome::Again(POLL))
}

/// Deals that are gone from the chain are settled for good, or did not start.
async fn deals(app: &App, best: u32) -> Result<(), TaskError> {
	for deal in app.database.chain_deals().await? {
		let Some(id) = deal.deal_id else { continue };
		let earliest = if deal.state == DealState::Active {
			deal.proposal.end
		} else {
			deal.proposal.start
		};
		if best < earliest || app.chain.deal(id).await?.is_some() {
			continue;
		}
		let (state, error) = if deal.state == DealState::Active {
			(DealState::Completed, None)
		} else {
			(
				DealState::Expired,
				Some("its sector was not proven before the deal's start"),
			)
		};
		info!(deal = deal.id, id, "is {}", state.name());
		app.database.end_deal(&deal.id, state, error, now()).await?;
		store::remove_file(&app.store.staging(&deal.id))?;
	}
	Ok(())
}

/// Sectors that have ended on the chain are not proven any more: their files can go.
async fn sectors(app: &App, best: u32) -> Result<(), TaskError> {
	for mut sector in app.database.sectors().await? {
		if sector.state != SectorState::Active {
			continue;
		}
		// Not before its expiration: a node that lags behind does not know it yet.
		if sector
			.expiration
			.is_some_and(|expiration| best < expiration)
		{
			continue;
		}
		let ended = match app.chain.sector(sector.number).await? {
			Some(found) => found.ended.is_some(),
			None => true,
		};
		if ended {
			info!(sector = sector.number, "has ended; its files are removed");
			sector.state = SectorState::Expired;
			app.database.save_sector(&sector, None, None, now()).await?;
			app.store.remove_sector(sector.number).await?;
		}
	}
	Ok(())
}

/// Pieces that no deal wants any more.
async fn pieces(app: &App) -> Result<(), TaskError> {
	for name in app.database.unwanted_pieces().await? {
		let Some(comm_p) = CommP::from_hex(&name) else {
			warn!(name, "is no piece");
			continue;
		};
		app.store.remove_piece(&comm_p).await?;
		app.database.forget_blocks(&name).await?;
		info!(piece = name, "is not needed any more");
	}
	Ok(())
}
