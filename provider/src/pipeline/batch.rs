//! Prove-commits of many sectors in one call: what is ready when a call can be sent goes with it. While a
//! call is under way more become ready, so under load the calls fill by themselves and nothing waits for
//! its own sake; only sectors that are known to be ready are waited for, and only for a moment.

use std::{
	sync::{Mutex, PoisonError},
	time::Duration,
};

use holdfast_chain_client::{Call, Event, Included, ProveCommitSector};
use holdfast_primitives::SectorNumber;
use tokio::sync::oneshot;
use tracing::info;

use crate::{
	app::App,
	chain::{extrinsic, ChainError},
	database::now,
	tasks::{Kind, TaskError},
};

/// The most sectors in one call.
const MOST_SECTORS: usize = holdfast_chain_client::call::MAX_SECTORS_PER_CALL;
/// The most proofs in one call: those of eight sectors of 32 GiB, so that it fits a block together with
/// others' calls even if one of them is bad.
const MOST_PROOFS: usize = 80;
/// How long one waits at most for sectors that are known to be ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often one looks whether they have come.
const POLL: Duration = Duration::from_millis(50);

/// What the chain says of one sector's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
	/// It is proven.
	Proven {
		/// In this block.
		block: u32,
		/// By this extrinsic.
		extrinsic: String,
	},
	/// It is refused.
	Refused {
		/// In this block.
		block: u32,
		/// The chain's name of the error.
		error: String,
	},
	/// The call says nothing of it.
	Nothing,
}

struct Waiting {
	sector: ProveCommitSector,
	answer: oneshot::Sender<Result<Answer, ChainError>>,
}

/// The sectors that wait for the next call.
#[derive(Default)]
pub struct ProofBatcher {
	queue: Mutex<Vec<Waiting>>,
	sending: tokio::sync::Mutex<()>,
}

impl ProofBatcher {
	/// Proves a sector together with the others that are ready. It may be dropped at any await: what was
	/// sent by then is sent, and whoever waited for the same call tries again.
	pub async fn prove(&self, app: &App, sector: ProveCommitSector) -> Result<Answer, TaskError> {
		let (answer, mut result) = oneshot::channel();
		self.lock().push(Waiting { sector, answer });
		loop {
			// Whoever comes first sends for all; the others find their answer when it is their turn.
			let _sending = self.sending.lock().await;
			match result.try_recv() {
				Ok(answer) => return Ok(answer?),
				Err(oneshot::error::TryRecvError::Closed) => {
					return Err(TaskError::later("the call with the proof was abandoned"));
				},
				Err(oneshot::error::TryRecvError::Empty) => {},
			}
			self.await_others(app).await?;
			send(app, self.take()).await;
		}
	}

	/// Waits a moment for sectors whose task is to be done now.
	async fn await_others(&self, app: &App) -> Result<(), TaskError> {
		let ready = app.database.due_tasks(Kind::ProveCommit, now()).await?;
		let wanted = usize::try_from(ready)
			.unwrap_or(usize::MAX)
			.min(MOST_SECTORS);
		let come = async {
			while self.lock().len() < wanted {
				tokio::time::sleep(POLL).await;
			}
		};
		// Those that do not come go with the next call.
		let _ = tokio::time::timeout(PATIENCE, come).await;
		Ok(())
	}

	/// The sectors for one call, the first ones first.
	fn take(&self) -> Vec<Waiting> {
		let mut queue = self.lock();
		queue.retain(|waiting| !waiting.answer.is_closed());
		let mut proofs = 0;
		let fitting = queue
			.iter()
			.take(MOST_SECTORS)
			.take_while(|waiting| {
				proofs += waiting.sector.proofs.len();
				proofs <= MOST_PROOFS
			})
			.count();
		// One that fits no call at all is sent alone, for the chain to say so.
		let count = fitting.max(1).min(queue.len());
		let rest = queue.split_off(count);
		std::mem::replace(&mut queue, rest)
	}

	fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
		// Every change is one call, so a panic leaves nothing half done.
		self.queue.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

async fn send(app: &App, batch: Vec<Waiting>) {
	if batch.is_empty() {
		return;
	}
	let sectors: Vec<_> = batch.iter().map(|waiting| waiting.sector.clone()).collect();
	if sectors.len() > 1 {
		info!(count = sectors.len(), "proving sectors together");
	}
	let sent = app.chain.submit(Call::ProveCommitSectors(sectors)).await;
	for Waiting { sector, answer } in batch {
		let result = match &sent {
			Ok(included) => Ok(find(included, sector.sector)),
			Err(error) => Err(same(error)),
		};
		// Nobody waits for it any more if the daemon stops.
		let _ = answer.send(result);
	}
}

/// What a call's events say of a sector.
fn find(included: &Included, number: SectorNumber) -> Answer {
	included
		.events
		.iter()
		.find_map(|event| match event {
			Event::SectorProven { sector, .. } if *sector == number => Some(Answer::Proven {
				block: included.block,
				extrinsic: extrinsic(included),
			}),
			Event::ProofRefused { sector, error, .. } if *sector == number => {
				Some(Answer::Refused {
					block: included.block,
					error: error.clone(),
				})
			},
			_ => None,
		})
		.unwrap_or(Answer::Nothing)
}

/// The error once more, for another sector of the call.
fn same(error: &ChainError) -> ChainError {
	match error {
		ChainError::Refused {
			pallet,
			error,
			message,
			block,
		} => ChainError::Refused {
			pallet: pallet.clone(),
			error: error.clone(),
			message: message.clone(),
			block: *block,
		},
		other => ChainError::NotIncluded {
			reason: other.to_string(),
		},
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	type Receiver = oneshot::Receiver<Result<Answer, ChainError>>;

	fn waiting(batcher: &ProofBatcher, sector: SectorNumber, proofs: usize) -> Receiver {
		let (answer, result) = oneshot::channel();
		let sector = ProveCommitSector {
			sector,
			proofs: vec![[0; 192]; proofs],
		};
		batcher.lock().push(Waiting { sector, answer });
		result
	}

	fn numbers(batch: &[Waiting]) -> Vec<SectorNumber> {
		batch.iter().map(|waiting| waiting.sector.sector).collect()
	}

	#[test]
	fn a_call_takes_what_fits_in_the_order_of_coming() {
		let batcher = ProofBatcher::default();
		let _small: Vec<_> = (0..20).map(|number| waiting(&batcher, number, 1)).collect();
		assert_eq!(numbers(&batcher.take()), (0..16).collect::<Vec<_>>());
		assert_eq!(numbers(&batcher.take()), (16..20).collect::<Vec<_>>());
		assert!(batcher.take().is_empty());
		let _large: Vec<_> = (0..10)
			.map(|number| waiting(&batcher, number, 10))
			.collect();
		assert_eq!(numbers(&batcher.take()), (0..8).collect::<Vec<_>>());
		assert_eq!(numbers(&batcher.take()), [8, 9]);
	}

	#[test]
	fn a_sector_that_fits_no_call_blocks_no_other() {
		let batcher = ProofBatcher::default();
		let _kept = [waiting(&batcher, 1, 81), waiting(&batcher, 2, 1)];
		assert_eq!(numbers(&batcher.take()), [1]);
		assert_eq!(numbers(&batcher.take()), [2]);
	}

	#[test]
	fn nobody_proves_what_nobody_waits_for() {
		let batcher = ProofBatcher::default();
		drop(waiting(&batcher, 1, 1));
		let _kept = waiting(&batcher, 2, 1);
		assert_eq!(numbers(&batcher.take()), [2]);
	}

	#[test]
	fn each_sector_finds_its_own_event() {
		let provider = holdfast_chain_client::AccountId([1; 32]);
		let included = Included {
			block: 7,
			block_hash: [0; 32],
			extrinsic_index: 1,
			extrinsic_hash: [2; 32],
			events: vec![
				Event::ProofRefused {
					provider,
					sector: 1,
					error: "Proofs.ProofRejected".into(),
				},
				Event::SectorProven {
					provider,
					sector: 2,
					deadline: 0,
					partition: 0,
				},
			],
		};
		assert_eq!(
			find(&included, 1),
			Answer::Refused {
				block: 7,
				error: "Proofs.ProofRejected".into()
			}
		);
		assert_eq!(
			find(&included, 2),
			Answer::Proven {
				block: 7,
				extrinsic: format!("0x{}", "02".repeat(32))
			}
		);
		assert_eq!(find(&included, 3), Answer::Nothing);
	}
}
