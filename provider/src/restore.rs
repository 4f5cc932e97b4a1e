//! Getting pieces whose files are lost back from the sectors that they are sealed in.

use std::path::Path;

use holdfast_primitives::{CommP, Digest, SectorNumber, SectorSize};
use holdfast_prover::SealSubject;
use serde::Serialize;
use tracing::info;

use crate::{
	database::{Database, SectorState},
	sealer::Sealer,
	store::{remove_file, LockMode, Store},
	tasks::TaskError,
};

/// What became of a piece whose file was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
	/// The piece.
	pub piece: String,
	/// The sector that it was read from.
	pub sector: Option<SectorNumber>,
	/// Why it is still lost.
	pub error: Option<String>,
}

/// Reads every piece that a deal needs and whose file is missing or cut from a sector. A sector that keeps no
/// unsealed data is unsealed for it, which takes as long as sealing it.
pub async fn restore_pieces(
	database: &Database,
	store: &Store,
	sealer: &Sealer,
	size: SectorSize,
	prover_id: Digest,
) -> Result<Vec<Restored>, TaskError> {
	let mut restored = Vec::new();
	for (comm_p, bytes) in database.needed_pieces().await? {
		let path = store.piece(&comm_p);
		if path.metadata().is_ok_and(|meta| meta.len() == bytes) {
			continue;
		}
		let mut result = Restored {
			piece: comm_p.to_hex(),
			sector: None,
			error: None,
		};
		match sealed_in(database, &comm_p, size, prover_id).await? {
			None => result.error = Some("no sector of this provider has it".into()),
			Some((subject, index)) => {
				result.sector = Some(subject.sector);
				let read = read(store, sealer, &subject, index, bytes, &path).await;
				result.error = read.err().map(|error| error.to_string());
			},
		}
		if result.error.is_none() {
			store.declare_piece(&comm_p).await?;
			info!(piece = result.piece, sector = result.sector, "is restored");
		}
		restored.push(result);
	}
	Ok(restored)
}

async fn read(
	store: &Store,
	sealer: &Sealer,
	subject: &SealSubject,
	index: usize,
	bytes: u64,
	path: &Path,
) -> Result<(), TaskError> {
	let lock = store.lock(subject.sector, LockMode::Write).await?;
	let lock = lock.ok_or_else(|| TaskError::later("somebody works on the sector; try again"))?;
	let read = sealer.read_piece(subject, index, bytes, path, &lock).await;
	lock.release().await?;
	read?;
	let comm_p = subject.pieces.get(index).map(|piece| piece.commitment);
	if let Some(comm_p) = comm_p {
		if let Some(problem) = store.damaged_piece(path, comm_p).await? {
			remove_file(path)?;
			return Err(TaskError::never(format!("what the sector has {problem}")));
		}
	}
	Ok(())
}

/// A sealed sector with that piece, and which of its pieces it is.
async fn sealed_in(
	database: &Database,
	comm_p: &CommP,
	sector_size: SectorSize,
	prover_id: Digest,
) -> Result<Option<(SealSubject, usize)>, TaskError> {
	for sector in database.sectors().await? {
		let (SectorState::Active, Some(ticket)) = (sector.state, sector.ticket) else {
			continue;
		};
		let deals = database.sector_deals(sector.number).await?;
		let pieces: Vec<_> = deals.iter().map(|deal| deal.proposal.piece).collect();
		if let Some(index) = pieces.iter().position(|piece| piece.commitment == *comm_p) {
			let subject = SealSubject {
				sector_size,
				prover_id,
				sector: sector.number,
				ticket,
				pieces,
			};
			return Ok(Some((subject, index)));
		}
	}
	Ok(None)
}
