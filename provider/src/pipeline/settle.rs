//! Collecting what the deals have earned.

use std::time::Duration;

use holdfast_chain_client::{Call, DealState as OnChain, Event};
use holdfast_primitives::{BlockNumber, DealId};
use tracing::info;

use crate::{
	app::App,
	chain::extrinsic,
	database::{now, Deal, DealState, Settlement},
	tasks::{Outcome, TaskError},
};

/// How many deals are settled in one call.
const BATCH: usize = holdfast_chain_client::call::MAX_DEALS_PER_CALL;
/// How often one looks whether it is time.
const POLL: Duration = Duration::from_secs(6);
/// Where the block of the last settlement is remembered.
const LAST: &str = "last-settlement-block";

/// Settles every so many blocks, and as soon as a deal has ended.
pub async fn run(app: &App) -> Result<Outcome, TaskError> {
	let best = app.chain.best_block().await?.number;
	let last: BlockNumber = app
		.database
		.meta(LAST)
		.await?
		.and_then(|text| text.parse().ok())
		.unwrap_or_default();
	// A chain that was started anew begins at zero again.
	let periodic =
		best < last || best.saturating_sub(last) >= app.config.settlement.interval_blocks;
	settle(app, best, periodic).await?;
	if periodic {
		app.database.set_meta(LAST, &best.to_string()).await?;
	}
	Ok(Outcome::Again(POLL))
}

/// Settles the active deals that have something due: all of them, or only those that have ended.
pub async fn settle(app: &App, best: BlockNumber, all: bool) -> Result<(), TaskError> {
	let mut due = Vec::new();
	for deal in app.database.deals_in(DealState::Active).await? {
		let ended = best >= deal.proposal.end;
		if (all || ended) && best >= deal.proposal.start {
			if let Some(id) = due_deal(app, &deal).await? {
				due.push(id);
			}
		}
	}
	for batch in due.chunks(BATCH) {
		let included = app.chain.submit(Call::SettleDeals(batch.to_vec())).await?;
		app.hooks.reached("settling-sent");
		let hash = extrinsic(&included);
		for event in &included.events {
			if let Event::DealSettled {
				deal,
				blocks,
				amount,
			} = event
			{
				info!(deal, blocks, amount, "was paid");
				let settlement = Settlement {
					deal_id: *deal,
					blocks: *blocks,
					amount: amount.to_string(),
					block: included.block,
					extrinsic: hash.clone(),
					at: now(),
				};
				app.database.insert_settlement(&settlement).await?;
			}
		}
	}
	Ok(())
}

/// The deal's number, if settling it would pay or end it.
async fn due_deal(app: &App, deal: &Deal) -> Result<Option<DealId>, TaskError> {
	let Some(id) = deal.deal_id else {
		return Ok(None);
	};
	let Some(found) = app.chain.deal(id).await? else {
		return Ok(None);
	};
	let OnChain::Active { sector } = found.state else {
		return Ok(None);
	};
	let health = app.chain.health(sector, found.start, found.end).await?;
	let due = health.is_some_and(|health| {
		health.healthy_blocks > found.paid_blocks || health.decided_through >= found.end
	});
	Ok(due.then_some(id))
}
