//! Sending window PoSts, and noting what became of them.

use holdfast_chain_client::{Call, Event, Included, Partition, PostSubmission};
use holdfast_primitives::{BlockNumber, DeadlineIndex};
use tracing::{info, warn};

use super::{alarm::subject, Progress, Ready, Slot, Slots, RETRY_BLOCKS};
use crate::{
	app::App,
	chain::{extrinsic, is_bad_proof, ChainError},
	database::{now, Post},
	hooks::Fault,
	monitor::{PostResult, Severity, Topic},
	tasks::TaskError,
};

/// Sends proofs and notes what became of them.
pub(super) async fn submit(
	app: &App,
	slots: &Slots,
	deadline: DeadlineIndex,
	batch: &[(Slot, Ready)],
) -> Result<(), TaskError> {
	let submissions = batch
		.iter()
		.map(|(slot, ready)| {
			let mut proof = ready.proof;
			app.hooks.spoil(Fault::Post, &mut proof);
			PostSubmission {
				partition: slot.partition,
				skipped: ready.skipped.clone(),
				proof,
			}
		})
		.collect();
	let call = Call::SubmitWindowPost {
		deadline,
		submissions,
	};
	match app.chain.submit(call).await {
		Ok(included) => {
			app.hooks.reached("post-sent");
			for (slot, ready) in batch {
				match verdict(&included, *slot) {
					Verdict::Accepted => accepted(app, slots, *slot, ready, &included).await?,
					Verdict::Refused(error) => {
						refused(app, slots, *slot, ready, &error, included.block).await?;
					},
					Verdict::Nothing => slots.set(*slot, Progress::Ready(ready.clone())),
				}
			}
			Ok(())
		},
		Err(ChainError::Refused {
			pallet,
			error,
			message,
			block,
		}) => {
			// Too early or too late: at the next block the chain is asked.
			warn!(
				deadline,
				block, "the chain refused window PoSts: {pallet}.{error}: {message}"
			);
			for (slot, ready) in batch {
				slots.set(*slot, Progress::Ready(ready.clone()));
			}
			Ok(())
		},
		Err(other) => {
			// It may still be included; at the next block the chain is asked.
			for (slot, ready) in batch {
				slots.set(*slot, Progress::Ready(ready.clone()));
			}
			Err(other.into())
		},
	}
}

/// What a call's events say of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
	Accepted,
	Refused(String),
	Nothing,
}

fn verdict(included: &Included, slot: Slot) -> Verdict {
	included
		.events
		.iter()
		.find_map(|event| match event {
			Event::WindowPoStAccepted {
				deadline,
				partition,
				..
			} if (*deadline, *partition) == (slot.deadline, slot.partition) => Some(Verdict::Accepted),
			Event::WindowPoStRefused {
				deadline,
				partition,
				error,
				..
			} if (*deadline, *partition) == (slot.deadline, slot.partition) => {
				Some(Verdict::Refused(error.clone()))
			},
			_ => None,
		})
		.unwrap_or(Verdict::Nothing)
}

async fn refused(
	app: &App,
	slots: &Slots,
	slot: Slot,
	ready: &Ready,
	error: &str,
	block: BlockNumber,
) -> Result<(), TaskError> {
	let Slot {
		deadline,
		partition,
		..
	} = slot;
	warn!(
		deadline,
		partition, block, "the chain refused a window PoSt: {error}"
	);
	let name = error.rsplit('.').next().unwrap_or(error);
	if name == "AlreadyProven" {
		// At the next block the chain is asked for it.
		slots.set(slot, Progress::Ready(ready.clone()));
		return Ok(());
	}
	app.monitor.post(PostResult::Refused);
	// A bad proof is made again at once; whatever else is wrong may be different a little later.
	let until = if is_bad_proof(name) {
		block
	} else {
		block.saturating_add(RETRY_BLOCKS)
	};
	slots.set(slot, Progress::Failed(until));
	let subject = subject(slot);
	let text = format!("the chain refused a proof at block {block}: {error}; another one is made");
	app.monitor
		.raise(Topic::PostRefused, &subject, Severity::Warning, text);
	app.database
		.insert_refusal("post", &subject, error, block, now())
		.await?;
	Ok(())
}

async fn accepted(
	app: &App,
	slots: &Slots,
	slot: Slot,
	ready: &Ready,
	included: &Included,
) -> Result<(), TaskError> {
	slots.set(slot, Progress::Done);
	app.monitor.post(PostResult::Accepted);
	for topic in [Topic::PostLate, Topic::PostMissed, Topic::PostRefused] {
		app.monitor.clear(topic, &subject(slot));
	}
	info!(
		deadline = slot.deadline,
		partition = slot.partition,
		skipped = ready.skipped.len(),
		block = included.block,
		"window PoSt is accepted"
	);
	let post = Post {
		window_open: slot.open,
		deadline: slot.deadline,
		partition: slot.partition,
		sectors: ready.proven.clone(),
		block: included.block,
		extrinsic: Some(extrinsic(included)),
		at: now(),
	};
	Ok(app.database.insert_post(&post).await?)
}

/// Notes a proof that the chain accepted while nobody was looking.
pub(super) async fn note_earlier(
	app: &App,
	slot: Slot,
	found: &Partition,
) -> Result<(), TaskError> {
	if app
		.database
		.has_post(slot.open, slot.deadline, slot.partition)
		.await?
	{
		return Ok(());
	}
	let post = Post {
		window_open: slot.open,
		deadline: slot.deadline,
		partition: slot.partition,
		sectors: found.to_prove(),
		block: found.last_proof,
		extrinsic: None,
		at: now(),
	};
	Ok(app.database.insert_post(&post).await?)
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn each_partition_finds_its_own_event() {
		let provider = holdfast_chain_client::AccountId([1; 32]);
		let included = Included {
			block: 7,
			block_hash: [0; 32],
			extrinsic_index: 1,
			extrinsic_hash: [2; 32],
			events: vec![
				Event::WindowPoStAccepted {
					provider,
					deadline: 1,
					partition: 0,
					recovered: 0,
					new_faults: 0,
					failed_recoveries: 0,
				},
				Event::WindowPoStRefused {
					provider,
					deadline: 1,
					partition: 1,
					error: "Proofs.ProofRejected".into(),
				},
			],
		};
		let of = |partition| {
			verdict(
				&included,
				Slot {
					open: 5,
					deadline: 1,
					partition,
				},
			)
		};
		assert_eq!(of(0), Verdict::Accepted);
		assert_eq!(of(1), Verdict::Refused("Proofs.ProofRejected".into()));
		assert_eq!(of(2), Verdict::Nothing);
	}
}
