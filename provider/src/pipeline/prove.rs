//! Waiting for the seed and making the proof of replication.

use std::{path::PathBuf, time::Duration};

use holdfast_primitives::{
	randomness::{draw, Domain},
	ProofBytes,
};

use crate::{
	app::App,
	database::{now, Sector, SectorState},
	store::{self, StoreError},
	tasks::{Kind, Outcome, TaskError},
};

/// How often one looks whether the seed is known.
const POLL: Duration = Duration::from_secs(1);

/// Waits until the seed is known.
pub async fn wait_seed(app: &App, mut sector: Sector) -> Result<Outcome, TaskError> {
	if app.chain.sector(sector.number).await?.is_some() {
		return Ok(Outcome::Then(Kind::ProveCommit));
	}
	let Some(found) = app.chain.pre_commit(sector.number).await? else {
		return gone(app, &sector).await;
	};
	if sector.pre_commit_block != Some(found.pre_commit_block) {
		// Another block has it now, so the seed is another one too.
		sector.pre_commit_block = Some(found.pre_commit_block);
		sector.seed = None;
		app.database.save_sector(&sector, None, None, now()).await?;
	}
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	let block = found
		.pre_commit_block
		.saturating_add(policy.pre_commit_challenge_delay);
	if best < block {
		return Ok(Outcome::Again(POLL));
	}
	let Some(value) = app.chain.randomness(block).await? else {
		return Ok(Outcome::Again(POLL));
	};
	sector.seed = Some(draw(Domain::PoRepSeed, &value, block, &app.entropy()));
	sector.state = SectorState::Proving;
	app.database.save_sector(&sector, None, None, now()).await?;
	app.database
		.end_stage(sector.number, Kind::WaitSeed.stage(), now())
		.await?;
	app.hooks.reached(Kind::WaitSeed.stage());
	Ok(Outcome::Then(Kind::Commit1))
}

/// A pre-commit that is not on the chain was in a block that another one replaced, or has expired.
pub async fn gone(app: &App, sector: &Sector) -> Result<Outcome, TaskError> {
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	let committed = sector.pre_commit_block.unwrap_or_default();
	if best > committed.saturating_add(policy.pre_commit_lifetime) {
		Err(TaskError::never(
			"the pre-commit expired before it was proven; its deposit is lost",
		))
	} else {
		tracing::warn!(
			sector = sector.number,
			"the pre-commit's block was replaced"
		);
		Ok(Outcome::Then(Kind::PreCommit))
	}
}

/// The Groth16 proofs are made: they are kept until the chain has them.
pub async fn keep_proofs(
	app: &App,
	sector: &Sector,
	proofs: &[ProofBytes],
) -> Result<Outcome, TaskError> {
	let path = proofs_file(app, sector).await?;
	if let Some(folder) = path.parent() {
		// The sector's other files may be with a worker.
		std::fs::create_dir_all(folder).map_err(|source| StoreError::Files {
			path: folder.to_owned(),
			source,
		})?;
	}
	let text: Vec<String> = proofs.iter().map(const_hex::encode).collect();
	store::write_whole(&path, text.join("\n").as_bytes())
		.map_err(|source| StoreError::Files { path, source })?;
	Ok(Outcome::Then(Kind::ProveCommit))
}

/// Where the proofs for the sector's seed are kept until the chain has them.
async fn proofs_file(app: &App, sector: &Sector) -> Result<PathBuf, StoreError> {
	let seed = sector.seed.unwrap_or_default();
	let name = format!("proofs-{}.txt", const_hex::encode(&seed[..8]));
	Ok(app.store.sector(sector.number).await?.work.join(name))
}

/// The proofs for the sector's seed, if they are made.
pub async fn read_proofs(
	app: &App,
	sector: &Sector,
) -> Result<Option<Vec<ProofBytes>>, StoreError> {
	let Ok(text) = std::fs::read_to_string(proofs_file(app, sector).await?) else {
		return Ok(None);
	};
	Ok(text
		.lines()
		.map(|line| {
			let mut proof = [0; 192];
			const_hex::decode_to_slice(line, &mut proof).ok()?;
			Some(proof)
		})
		.collect())
}

/// Forgets the proofs, so that new ones are made.
pub async fn drop_proofs(app: &App, sector: &Sector) -> Result<(), StoreError> {
	store::remove_file(&proofs_file(app, sector).await?)
}
