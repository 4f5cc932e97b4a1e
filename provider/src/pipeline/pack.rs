//! Putting published deals into sectors.

use std::time::Duration;

use holdfast_chain_client::AccountId;
use holdfast_primitives::{BlockNumber, SectorNumber};
use tracing::{info, warn};

use crate::{
	app::App,
	chain::ChainError,
	database::{millis, now, Deal, DealState},
	deal::intake,
	tasks::{Kind, Outcome, TaskError},
};

/// The most deals in a sector.
const MOST_DEALS: usize = holdfast_chain_client::call::MAX_DEALS_PER_SECTOR;
/// How often one looks for deals that nobody announced.
const POLL: Duration = Duration::from_secs(5);

/// Begins a sector if there is enough to fill one, or if something has waited long enough.
pub async fn run(app: &App) -> Result<Outcome, TaskError> {
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	// Closer to its start than this, a deal cannot be proven in time.
	let horizon = best.saturating_add(policy.pre_commit_challenge_delay);
	let mut waiting = Vec::new();
	for deal in app.database.deals_in(DealState::Published).await? {
		if deal.proposal.start > horizon && is_on_chain(app, &deal, best).await? {
			waiting.push(deal);
		}
	}
	let Some(oldest) = waiting.iter().map(|deal| deal.changed_at).min() else {
		return Ok(Outcome::Again(POLL));
	};
	let sector_bytes = app.config.storage.sector_size.bytes();
	let total = waiting.iter().fold(0u64, |sum, deal| {
		sum.saturating_add(deal.proposal.piece.size.bytes())
	});
	let window = millis(Duration::from_secs(app.config.sealing.pack_wait_seconds));
	let left = oldest.saturating_add(window).saturating_sub(now());
	let urgent = best.saturating_add(intake::lead(app, &policy));
	let full = total >= sector_bytes || waiting.len() >= MOST_DEALS;
	if !full && left > 0 && waiting.iter().all(|deal| deal.proposal.start > urgent) {
		let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
		return Ok(Outcome::Again(left.min(POLL)));
	}
	let sizes: Vec<_> = waiting
		.iter()
		.map(|deal| (deal.proposal.piece.size.bytes(), deal.proposal.start))
		.collect();
	let chosen: Vec<_> = choose(&sizes, sector_bytes, MOST_DEALS)
		.into_iter()
		.filter_map(|index| waiting.get(index))
		.map(|deal| deal.id.clone())
		.collect();
	if chosen.is_empty() {
		return Err(TaskError::never(
			"a published piece is larger than a sector",
		));
	}
	let number = unused_number(app).await?;
	match app.database.create_sector(&chosen, number, now()).await? {
		Some(number) => {
			info!(sector = number, deals = chosen.len(), "begins a sector");
			app.wake.notify_one();
		},
		None => warn!("a deal left while its sector was being made; trying again"),
	}
	Ok(Outcome::Again(Duration::from_millis(100)))
}

/// Whether a deal is on the chain, where it was published. One that is gone before its start was in a
/// block that another one replaced: it is published again.
async fn is_on_chain(app: &App, deal: &Deal, best: BlockNumber) -> Result<bool, TaskError> {
	let id = deal
		.deal_id
		.ok_or_else(|| TaskError::never("a published deal has no number"))?;
	let found = app.chain.deal(id).await?;
	if found.is_some_and(|found| {
		found.client == AccountId(deal.proposal.client) && found.nonce == deal.proposal.nonce
	}) {
		return Ok(true);
	}
	if best < deal.proposal.start {
		warn!(
			deal = deal.id,
			"its block was replaced; publishing it again"
		);
		app.database.unpublish_deal(&deal.id, now()).await?;
		app.database.hurry_task(Kind::Publish, now()).await?;
	}
	Ok(false)
}

/// A number that neither the database nor the chain has ever seen.
async fn unused_number(app: &App) -> Result<SectorNumber, TaskError> {
	let mut number = app.database.next_sector().await?;
	while is_taken(app, number).await? {
		number = number
			.checked_add(1)
			.ok_or_else(|| TaskError::never("there are no sector numbers left"))?;
	}
	Ok(number)
}

async fn is_taken(app: &App, number: SectorNumber) -> Result<bool, ChainError> {
	Ok(app.chain.sector(number).await?.is_some() || app.chain.pre_commit(number).await?.is_some())
}

/// Which pieces, given by size and start, go into a sector, in their order within it: the largest
/// first, so that each lies at a multiple of its size without gaps; of equal ones, those that start
/// first.
fn choose(pieces: &[(u64, BlockNumber)], sector_bytes: u64, most: usize) -> Vec<usize> {
	let mut order: Vec<usize> = (0..pieces.len()).collect();
	order.sort_by_key(|index| {
		let (size, start) = pieces.get(*index).copied().unwrap_or_default();
		(std::cmp::Reverse(size), start, *index)
	});
	let mut left = sector_bytes;
	let mut chosen = Vec::new();
	for index in order {
		let size = pieces.get(index).map_or(u64::MAX, |(size, _)| *size);
		if chosen.len() < most && size <= left {
			left = left.saturating_sub(size);
			chosen.push(index);
		}
	}
	chosen
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use holdfast_primitives::{
		piece::piece_offsets, CommP, PaddedPieceSize, PieceInfo, SectorSize,
	};
	use proptest::prelude::*;

	#[test]
	fn the_largest_come_first_and_then_the_most_urgent() {
		let pieces = [(128, 9), (512, 5), (128, 3), (512, 4)];
		assert_eq!(choose(&pieces, 2048, 64), [3, 1, 2, 0]);
	}

	#[test]
	fn what_does_not_fit_is_left_for_the_next_sector() {
		let pieces = [(2048, 1), (2048, 2), (128, 0)];
		assert_eq!(choose(&pieces, 2048, 64), [0]);
		assert_eq!(choose(&[(4096, 1)], 2048, 64), [0usize; 0]);
		assert_eq!(choose(&pieces, 1 << 20, 2), [0, 1]);
	}

	proptest! {
		/// The chosen pieces fit without a gap, each once, and nothing that would still fit is left.
		#[test]
		fn a_sector_is_filled_without_waste(
			logs in proptest::collection::vec((0u32..6, 0u32..100), 0..40),
		) {
			let size = SectorSize::KiB2;
			let pieces: Vec<_> = logs.iter().map(|(log, start)| (128u64 << log, *start)).collect();
			let chosen = choose(&pieces, size.bytes(), MOST_DEALS);
			let infos: Vec<_> = chosen
				.iter()
				.map(|index| PieceInfo {
					commitment: CommP::default(),
					size: PaddedPieceSize::new(pieces[*index].0).unwrap(),
				})
				.collect();
			let offsets = piece_offsets(size, &infos).unwrap();
			let mut end = 0;
			for (offset, info) in offsets.iter().zip(&infos) {
				prop_assert_eq!(*offset, end);
				end += info.size.bytes();
			}
			let mut sorted = chosen.clone();
			sorted.sort_unstable();
			sorted.dedup();
			prop_assert_eq!(sorted.len(), chosen.len());
			for (index, (bytes, _)) in pieces.iter().enumerate() {
				prop_assert!(chosen.contains(&index) || end + bytes > size.bytes());
			}
		}
	}
}
