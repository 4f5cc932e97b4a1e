//! The chain's events, block after block, none left out.

use holdfast_chain_client::{ChainClient, Event, QueryError};
use holdfast_primitives::BlockNumber;

use super::report::Place;

/// An event, and where it was.
#[derive(Clone, Debug)]
pub struct Seen {
	pub block: BlockNumber,
	pub extrinsic: Option<u32>,
	pub event: Event,
}

impl Seen {
	pub fn place(&self) -> Place {
		Place {
			block: self.block,
			extrinsic: self.extrinsic,
		}
	}
}

/// What the chain reported since the start.
#[derive(Debug)]
pub struct Watch {
	next: BlockNumber,
	events: Vec<Seen>,
}

impl Watch {
	/// Watches from the next block on.
	pub async fn start(chain: &ChainClient) -> Result<Self, QueryError> {
		let next = chain.best_block().await?.number.saturating_add(1);
		Ok(Self {
			next,
			events: Vec::new(),
		})
	}

	/// Reads the blocks that came since the last call.
	pub async fn advance(&mut self, chain: &ChainClient) -> Result<(), QueryError> {
		let best = chain.best_block().await?.number;
		while self.next <= best {
			let block = self.next;
			if let Some(hash) = chain.block_hash(block).await? {
				let records = chain.events_at(hash).await?;
				self.events
					.extend(records.into_iter().map(|(extrinsic, event)| Seen {
						block,
						extrinsic,
						event,
					}));
			}
			self.next = block.saturating_add(1);
		}
		Ok(())
	}

	/// Every event so far.
	pub fn events(&self) -> &[Seen] {
		&self.events
	}
}
