//! Publishing accepted deals in batches. A deal is published once: before anything is sent, the chain is
//! asked whether it has the proposal's nonce, and a proposal sent twice is refused by the chain.

use std::time::Duration;

use holdfast_chain_client::{AccountId, Call, Event, SignedProposal};
use holdfast_primitives::{BlockNumber, DealId, DealProposal};
use tracing::{info, warn};

use crate::{
	app::App,
	chain::{extrinsic, ChainError},
	database::{millis, now, Deal, DealEvent, DealState},
	store,
	tasks::{Kind, Outcome, TaskError},
};

/// How many proposals are sent together.
const BATCH: usize = holdfast_chain_client::call::MAX_DEALS_PER_CALL;
/// How often one looks for deals that nobody announced.
const POLL: Duration = Duration::from_secs(5);
/// A deal is not published this close to its expiry.
const MARGIN: u32 = 2;

/// Publishes what is accepted.
pub async fn run(app: &App) -> Result<Outcome, TaskError> {
	let mut batch = Vec::new();
	for deal in app.database.deals_in(DealState::Publishing).await? {
		// It was sent before, by this daemon or the one before the crash.
		match find(app, &deal).await? {
			Some(id) => recovered(app, &deal, id).await?,
			None => batch.push(deal),
		}
	}
	let resumed = !batch.is_empty();
	batch.extend(app.database.deals_in(DealState::Accepted).await?);
	let Some(oldest) = batch.iter().map(|deal| deal.changed_at).min() else {
		return Ok(Outcome::Again(POLL));
	};
	let window = millis(Duration::from_secs(app.config.deals.publish_wait_seconds));
	let left = oldest.saturating_add(window).saturating_sub(now());
	if !resumed && left > 0 && batch.len() < BATCH {
		let left = u64::try_from(left).unwrap_or(0);
		return Ok(Outcome::Again(Duration::from_millis(left)));
	}
	let more = batch.len() > BATCH;
	batch.truncate(BATCH);
	let batch = still_possible(app, batch).await?;
	if !batch.is_empty() {
		lock_collateral(app, &batch).await?;
		send(app, batch).await?;
	}
	Ok(Outcome::Again(if more { Duration::ZERO } else { POLL }))
}

/// The chain's deal that a proposal became.
async fn find(app: &App, deal: &Deal) -> Result<Option<DealId>, ChainError> {
	let proposal = &deal.proposal;
	let client = AccountId(proposal.client);
	let Some(id) = app.chain.deal_of_nonce(client, proposal.nonce).await? else {
		return Ok(None);
	};
	let same = app.chain.deal(id).await?.is_some_and(|found| {
		found.provider == app.chain.account()
			&& found.piece == proposal.piece
			&& found.start == proposal.start
			&& found.end == proposal.end
	});
	Ok(same.then_some(id))
}

async fn recovered(app: &App, deal: &Deal, id: DealId) -> Result<(), TaskError> {
	let block = match app.database.first_submission("publish", &deal.id).await? {
		Some(submission) => {
			find_event(
				app,
				submission.from_block,
				|event| matches!(event, Event::DealPublished { deal, .. } if *deal == id),
			)
			.await?
		},
		None => None,
	};
	info!(
		deal = deal.id,
		id, "was published before the daemon stopped"
	);
	note_published(app, deal, id, block, None).await
}

async fn note_published(
	app: &App,
	deal: &Deal,
	id: DealId,
	block: Option<u32>,
	extrinsic: Option<String>,
) -> Result<(), TaskError> {
	let event = DealEvent {
		state: DealState::Published,
		at: now(),
		block,
		extrinsic,
	};
	app.database.deal_published(&deal.id, id, &event).await?;
	app.database.hurry_task(Kind::Pack, now()).await?;
	app.hooks.reached("published");
	Ok(())
}

/// Ends the deals for which it is too late, and returns the others.
async fn still_possible(app: &App, batch: Vec<Deal>) -> Result<Vec<Deal>, TaskError> {
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	let least_lead = policy.pre_commit_challenge_delay.saturating_add(MARGIN);
	let mut possible = Vec::new();
	for deal in batch {
		let proposal = &deal.proposal;
		if best.saturating_add(MARGIN) > proposal.expires {
			fail(
				app,
				&deal,
				"the proposal expired before it could be published",
			)
			.await?;
		} else if best.saturating_add(least_lead) > proposal.start {
			fail(
				app,
				&deal,
				"it is too late to seal the data before the deal's start",
			)
			.await?;
		} else {
			possible.push(deal);
		}
	}
	Ok(possible)
}

async fn fail(app: &App, deal: &Deal, error: &str) -> Result<(), TaskError> {
	warn!(deal = deal.id, "fails: {error}");
	app.database
		.end_deal(&deal.id, DealState::Failed, Some(error), now())
		.await?;
	store::remove_file(&app.store.staging(&deal.id))?;
	Ok(())
}

/// Sees to it that the escrow holds the batch's collateral.
async fn lock_collateral(app: &App, batch: &[Deal]) -> Result<(), TaskError> {
	let needed = batch
		.iter()
		.try_fold(0u128, |sum, deal| {
			sum.checked_add(deal.proposal.provider_collateral)
		})
		.ok_or_else(|| TaskError::never("the collateral is too large a number"))?;
	let escrow = app.chain.balance(app.chain.account()).await?.escrow;
	let missing = needed.saturating_sub(escrow);
	if missing == 0 {
		return Ok(());
	}
	if !app.config.chain.auto_deposit {
		return Err(TaskError::later(format!(
			"the escrow lacks {missing} for the deals' collateral: deposit it, or set auto_deposit"
		)));
	}
	info!(amount = missing, "depositing collateral");
	app.chain.submit(Call::Deposit(missing)).await?;
	Ok(())
}

fn signed(deal: &Deal) -> SignedProposal {
	let proposal = deal.proposal.clone();
	SignedProposal {
		proposal: DealProposal {
			piece: proposal.piece,
			client: AccountId(proposal.client),
			provider: AccountId(proposal.provider),
			start: proposal.start,
			end: proposal.end,
			price_per_block: proposal.price_per_block,
			provider_collateral: proposal.provider_collateral,
			nonce: proposal.nonce,
			expires: proposal.expires,
		},
		signature: deal.signature,
	}
}

async fn send(app: &App, batch: Vec<Deal>) -> Result<(), TaskError> {
	let best = app.chain.best_block().await?.number;
	let mut submissions = Vec::new();
	for deal in &batch {
		// Before it is sent, so that it is looked for after a crash.
		let id = app
			.database
			.begin_submission("publish", &deal.id, best, now())
			.await?;
		submissions.push(id);
		let event = DealEvent {
			state: DealState::Publishing,
			at: now(),
			block: None,
			extrinsic: None,
		};
		app.database
			.move_deal(&deal.id, DealState::Accepted, &event)
			.await?;
	}
	app.hooks.reached("publishing");
	let call = Call::PublishDeals(batch.iter().map(signed).collect());
	let included = match app.chain.submit(call).await {
		Ok(included) => included,
		Err(ChainError::Refused {
			pallet,
			error,
			message,
			..
		}) if pallet == "Market" => {
			return all_refused(app, batch, &error, &message).await;
		},
		Err(other) => return Err(other.into()),
	};
	app.hooks.reached("publishing-sent");
	let hash = extrinsic(&included);
	for id in submissions {
		app.database
			.end_submission(id, Some(included.block), Some(&hash), "included")
			.await?;
	}
	for event in &included.events {
		match event {
			Event::DealPublished {
				deal: id, index, ..
			} => {
				if let Some(deal) = at(&batch, *index) {
					info!(deal = deal.id, id, block = included.block, "is published");
					note_published(app, deal, *id, Some(included.block), Some(hash.clone()))
						.await?;
				}
			},
			Event::DealRefused { index, reason } => {
				if let Some(deal) = at(&batch, *index) {
					refused(app, deal, reason).await?;
				}
			},
			_ => {},
		}
	}
	Ok(())
}

fn at(batch: &[Deal], index: u32) -> Option<&Deal> {
	batch.get(usize::try_from(index).ok()?)
}

/// The chain tells only the first reason when it refuses a whole batch, so each deal is sent alone.
async fn all_refused(
	app: &App,
	batch: Vec<Deal>,
	error: &str,
	message: &str,
) -> Result<(), TaskError> {
	if let [deal] = &batch[..] {
		let reason = if message.is_empty() {
			error.to_owned()
		} else {
			format!("{error}: {message}")
		};
		return refused(app, deal, &reason).await;
	}
	for deal in batch {
		Box::pin(send(app, vec![deal])).await?;
	}
	Ok(())
}

async fn refused(app: &App, deal: &Deal, reason: &str) -> Result<(), TaskError> {
	// It may be there already: an earlier extrinsic with it was included late.
	if let Some(id) = find(app, deal).await? {
		return recovered(app, deal, id).await;
	}
	// Ours to mend: the deal stays and is sent again.
	if ["InsufficientProviderEscrow", "ProviderNotRegistered"]
		.iter()
		.any(|name| reason.contains(name))
	{
		return Err(TaskError::later(format!(
			"the chain refused a deal: {reason}"
		)));
	}
	fail(
		app,
		deal,
		&format!("the chain refused the proposal: {reason}"),
	)
	.await
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
