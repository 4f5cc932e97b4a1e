//! Looking at sealed sectors before they are challenged: damage is declared before it spoils the proof of
//! others, and repair so that it counts.

use holdfast_chain_client::{Call, Partition};
use holdfast_primitives::SectorNumber;
use tracing::{error, info};

use super::{gather, proven, read, Slot};
use crate::{
	app::App,
	store::is_provable,
	tasks::TaskError,
	worker::{Request, Response},
};

/// The most sectors of a partition in one declaration.
const MOST_DECLARED: usize = holdfast_chain_client::call::MAX_DECLARED_PER_PARTITION;

/// What is to be declared of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declarations {
	/// Damaged, but not faulty yet.
	pub faults: Vec<SectorNumber>,
	/// Faulty, but intact.
	pub recoveries: Vec<SectorNumber>,
}

/// Compares what the chain says of a partition with what could be proven of it.
pub(super) fn declarations(found: &Partition, provable: &[SectorNumber]) -> Declarations {
	let mut declarations = Declarations::default();
	for sector in &found.sectors {
		if found.terminated.contains(sector) {
			continue;
		}
		match (found.faulty.contains(sector), provable.contains(sector)) {
			(false, false) => declarations.faults.push(*sector),
			(true, true) if !found.recovering.contains(sector) => {
				declarations.recoveries.push(*sector);
			},
			_ => {},
		}
	}
	declarations
}

/// What is known of sectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
	/// They could be proven now.
	provable: Vec<SectorNumber>,
	/// They are with workers that do not answer.
	unknown: Vec<SectorNumber>,
}

/// Which of the sectors could be proven now, in the same order.
pub(super) async fn provable(
	app: &App,
	sectors: &[SectorNumber],
) -> Result<Vec<SectorNumber>, TaskError> {
	Ok(look_at(app, sectors).await?.provable)
}

async fn look_at(app: &App, sectors: &[SectorNumber]) -> Result<Known, TaskError> {
	let places = gather::places(app, sectors).await?;
	let mut found = provable_here(app, &places.here).await?;
	let mut unknown = Vec::new();
	for (worker, numbers) in &places.away {
		match gather::check(app, worker, numbers).await? {
			Some(provable) => found.extend(provable),
			None => unknown.extend(numbers),
		}
	}
	let provable = sectors.iter().copied();
	Ok(Known {
		provable: provable.filter(|sector| found.contains(sector)).collect(),
		unknown,
	})
}

async fn provable_here(
	app: &App,
	sectors: &[SectorNumber],
) -> Result<Vec<SectorNumber>, TaskError> {
	let size = app.config.storage.sector_size;
	let (mut intact, pinned) = proven(app, sectors).await?;
	intact.retain(|sector| is_provable(&sector.paths, size));
	if intact.is_empty() {
		read(app, pinned).await;
		return Ok(Vec::new());
	}
	let request = Request::CheckSectors {
		sector_size: size,
		prover_id: app.prover_id(),
		sectors: intact,
	};
	let answer = app.worker.run(request, 0).await;
	read(app, pinned).await;
	match answer? {
		Response::Provable { sectors } => Ok(sectors),
		_ => Err(TaskError::later("the check gave another step's result")),
	}
}

/// Looks at a partition's sectors and declares what changed.
pub(super) async fn inspect(app: &App, slot: Slot) -> Result<(), TaskError> {
	let Slot {
		deadline,
		partition,
		..
	} = slot;
	let Some(found) = app.chain.partition(deadline, partition).await? else {
		return Ok(());
	};
	let live: Vec<_> = found
		.sectors
		.iter()
		.copied()
		.filter(|sector| !found.terminated.contains(sector))
		.collect();
	// If the check itself fails, nothing is known of the sectors, and nothing is declared.
	let Known {
		mut provable,
		unknown,
	} = look_at(app, &live).await?;
	// What is not known stays as it is.
	provable.extend(
		unknown
			.iter()
			.filter(|sector| !found.faulty.contains(sector)),
	);
	let Declarations { faults, recoveries } = declarations(&found, &provable);
	for chunk in faults.chunks(MOST_DECLARED) {
		error!(
			deadline,
			partition,
			sectors = ?chunk,
			"these sectors are damaged: declaring them faulty, so that the others can be proven"
		);
		let declarations = vec![(partition, chunk.to_vec())];
		app.chain
			.submit(Call::DeclareFaults {
				deadline,
				declarations,
			})
			.await?;
	}
	for chunk in recoveries.chunks(MOST_DECLARED) {
		info!(deadline, partition, sectors = ?chunk, "declaring recoveries");
		let declarations = vec![(partition, chunk.to_vec())];
		app.chain
			.submit(Call::DeclareRecoveries {
				deadline,
				declarations,
			})
			.await?;
	}
	Ok(())
}
