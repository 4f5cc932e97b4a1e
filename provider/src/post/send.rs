//! Sending window PoSts, and noting what became of them.

use holdfast_chain_client::{Call, Event, Included, Partition, PostSubmission};
use holdfast_primitives::DeadlineIndex;
use tracing::{info, warn};

use super::{Progress, Ready, Slot, Slots};
use crate::{
	app::App,
	chain::{extrinsic, is_bad_proof, ChainError},
	database::{now, Post},
	hooks::Fault,
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
			accepted(app, slots, batch, &included).await
		},
		Err(ChainError::Refused {
			pallet,
			error,
			message,
			block,
		}) => {
			warn!(
				deadline,
				block, "the chain refused a window PoSt: {pallet}.{error}: {message}"
			);
			for (slot, ready) in batch {
				if !is_bad_proof(&error) {
					// Too early, too late, or there already: at the next block the chain is asked.
					slots.set(*slot, Progress::Ready(ready.clone()));
					continue;
				}
				// One bad proof refuses them all: each is then sent alone, and one that is refused alone
				// is made again.
				let next = if batch.len() > 1 {
					Progress::Ready(Ready {
						alone: true,
						..ready.clone()
					})
				} else {
					Progress::Failed(block)
				};
				slots.set(*slot, next);
				let subject = format!("deadline {} partition {}", slot.deadline, slot.partition);
				app.database
					.insert_refusal("post", &subject, &format!("{pallet}.{error}"), block, now())
					.await?;
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

async fn accepted(
	app: &App,
	slots: &Slots,
	batch: &[(Slot, Ready)],
	included: &Included,
) -> Result<(), TaskError> {
	for (slot, ready) in batch {
		let counted = included.events.iter().any(|event| {
			matches!(event, Event::WindowPoStAccepted { deadline, partition, .. }
				if *deadline == slot.deadline && *partition == slot.partition)
		});
		if !counted {
			slots.set(*slot, Progress::Ready(ready.clone()));
			continue;
		}
		slots.set(*slot, Progress::Done);
		info!(
			deadline = slot.deadline,
			partition = slot.partition,
			block = included.block,
			"window PoSt is accepted"
		);
		let post = Post {
			window_open: slot.open,
			deadline: slot.deadline,
			partition: slot.partition,
			sectors: ready.sectors.clone(),
			block: included.block,
			extrinsic: Some(extrinsic(included)),
			at: now(),
		};
		app.database.insert_post(&post).await?;
	}
	Ok(())
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
