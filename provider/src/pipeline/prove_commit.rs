//! Proving a sector to the chain, once.

use std::time::Duration;

use holdfast_chain_client::{self as on_chain, ProveCommitSector};
use holdfast_primitives::randomness::{draw, Domain};
use tracing::{info, warn};

use super::{
	batch::Answer,
	enter,
	prove::{drop_proofs, gone, read_proofs},
};
use crate::{
	app::App,
	chain::{is_bad_proof, ChainError},
	database::{now, Sector, SectorState},
	hooks::Fault,
	tasks::{Kind, Outcome, TaskError},
};

/// How often one looks whether the proof's block is final.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// Whether there is nothing to do but to wait: the sector is proven, in a block that is not final yet.
pub(super) async fn waits(app: &App, sector: &Sector) -> Result<bool, TaskError> {
	let Some(block) = sector.prove_commit_block else {
		return Ok(false);
	};
	let found = app.chain.sector(sector.number).await?;
	Ok(found.is_some_and(|found| found.activated == block)
		&& app.chain.finalized_block().await?.number < block)
}

/// Proves a sector, unless the chain has accepted its proof already, and waits until that is final.
pub async fn run(app: &App, mut sector: Sector) -> Result<Outcome, TaskError> {
	enter(app, &mut sector, SectorState::ProveCommitting).await?;
	if let Some(found) = app.chain.sector(sector.number).await? {
		if sector.prove_commit_block.is_none() {
			info!(
				sector = sector.number,
				"was proven before the daemon stopped"
			);
		}
		return proven(app, sector, &found, None).await;
	}
	let Some(found) = app.chain.pre_commit(sector.number).await? else {
		return gone(app, &sector).await;
	};
	let policy = app.chain.policy().await?;
	let seed_block = found
		.pre_commit_block
		.saturating_add(policy.pre_commit_challenge_delay);
	let seed = app
		.chain
		.randomness(seed_block)
		.await?
		.map(|value| draw(Domain::PoRepSeed, &value, seed_block, &app.entropy()));
	if seed.is_none() || seed != sector.seed {
		warn!(sector = sector.number, "the seed changed; proving again");
		return Ok(Outcome::Then(Kind::WaitSeed));
	}
	let Some(mut proofs) = read_proofs(app, &sector).await? else {
		return Ok(Outcome::Then(Kind::Commit1));
	};
	if let Some(proof) = proofs.first_mut() {
		app.hooks.spoil(Fault::PoRep, proof);
	}
	let subject = App::subject(sector.number);
	let best = app.chain.best_block().await?.number;
	app.database
		.begin_submission("prove-commit", &subject, best, now())
		.await?;
	let proof = ProveCommitSector {
		sector: sector.number,
		proofs,
	};
	let answer = match app.proofs.prove(app, proof).await {
		Ok(answer) => answer,
		Err(TaskError::Chain(refusal @ ChainError::Refused { .. })) => {
			if let Some(found) = app.chain.sector(sector.number).await? {
				return proven(app, sector, &found, None).await;
			}
			let ChainError::Refused {
				pallet,
				error,
				block,
				..
			} = &refusal
			else {
				return Err(refusal.into());
			};
			return refused(app, &sector, &format!("{pallet}.{error}"), *block).await;
		},
		Err(other) => return Err(other),
	};
	app.hooks.reached("prove-committing-sent");
	match answer {
		Answer::Proven { block, extrinsic } => {
			info!(sector = sector.number, block, "is proven");
			let found = app.chain.sector(sector.number).await?.ok_or_else(|| {
				TaskError::later("the sector's proof is not in the best block any more")
			})?;
			proven(app, sector, &found, Some(extrinsic)).await
		},
		Answer::Refused { block, error } => {
			// The one that was sent before a crash may have come first.
			if let Some(found) = app.chain.sector(sector.number).await? {
				return proven(app, sector, &found, None).await;
			}
			refused(app, &sector, &error, block).await
		},
		Answer::Nothing => Err(TaskError::later(
			"the chain says nothing of the sector's proof",
		)),
	}
}

/// The chain has the sector. What another proof would need is kept until the proof's block is final: before, the
/// chain can come to have another block in its place.
async fn proven(
	app: &App,
	mut sector: Sector,
	found: &on_chain::Sector,
	extrinsic: Option<String>,
) -> Result<Outcome, TaskError> {
	let block = found.activated;
	let is_final = app.chain.finalized_block().await?.number >= block;
	if is_final {
		sector.state = SectorState::Finalizing;
	}
	sector.prove_commit_block = Some(block);
	if extrinsic.is_some() {
		sector.prove_commit_extrinsic = extrinsic;
	}
	sector.deadline = Some(found.deadline);
	sector.partition = Some(found.partition);
	sector.expiration = Some(found.expiration);
	let extrinsic = sector.prove_commit_extrinsic.clone();
	app.database
		.save_sector(&sector, Some(block), extrinsic.as_deref(), now())
		.await?;
	Ok(if is_final {
		Outcome::Then(Kind::Finalize)
	} else {
		Outcome::Again(POLL)
	})
}

/// What the chain's refusal of a prove-commit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
	/// The proof is bad.
	BadProof,
	/// It works in a later block.
	Later,
	/// It cannot work any more.
	Never,
}

/// Reads a refusal: `Pallet.Error`, or an error's name alone.
fn judge(error: &str) -> Verdict {
	let (pallet, name) = error.split_once('.').unwrap_or(("", error));
	match (pallet, name) {
		_ if is_bad_proof(name) => Verdict::BadProof,
		("Proofs", "ForeignStatement" | "ImpossibleStatement") => Verdict::Never,
		(_, "PreCommitTooOld" | "SectorLifetimeOver" | "NoSuchPreCommit") => Verdict::Never,
		// The deals cannot be activated any more.
		("Market", _) => Verdict::Never,
		// A deadline, money or Root's key is missing.
		_ => Verdict::Later,
	}
}

/// The chain did not accept the proof. If that is the proof's fault, it is made again, a bounded number
/// of times.
async fn refused(
	app: &App,
	sector: &Sector,
	error: &str,
	block: u32,
) -> Result<Outcome, TaskError> {
	let reason = || format!("the chain refused the sector's proof: {error}");
	match judge(error) {
		Verdict::Later => return Err(TaskError::later(reason())),
		Verdict::Never => return Err(TaskError::never(reason())),
		Verdict::BadProof => {},
	}
	let subject = App::subject(sector.number);
	warn!(
		sector = sector.number,
		block, "the chain refused the proof of replication: {error}"
	);
	app.database
		.insert_refusal("porep", &subject, error, block, now())
		.await?;
	drop_proofs(app, sector).await?;
	let count = app.database.refusal_count("porep", &subject).await?;
	if count >= app.config.sealing.max_attempts.into() {
		return Err(TaskError::never(format!(
			"the chain refused the proof {count} times: {error}"
		)));
	}
	Ok(Outcome::Then(Kind::Commit2))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_a_bad_proof_is_made_again() {
		let cases = [
			("Proofs.ProofRejected", Verdict::BadProof),
			("Proofs.MalformedProof", Verdict::BadProof),
			("Proofs.NoKey", Verdict::Later),
			("Proofs.ImpossibleStatement", Verdict::Never),
			("StorageProvider.WrongProofCount", Verdict::BadProof),
			("StorageProvider.NoMutableDeadline", Verdict::Later),
			("StorageProvider.TooEarlyToProve", Verdict::Later),
			("StorageProvider.InsufficientPledge", Verdict::Later),
			("StorageProvider.PreCommitTooOld", Verdict::Never),
			("Market.DealStartPassed", Verdict::Never),
			("System.CallFiltered", Verdict::Later),
			("BadOrigin", Verdict::Later),
		];
		for (error, verdict) in cases {
			assert_eq!(judge(error), verdict, "{error}");
		}
	}
}
