//! Looking at sealed sectors before they are challenged: damage is declared before it spoils the proof of
//! others, and repair so that it counts.

use holdfast_chain_client::{Call, Partition};
use holdfast_primitives::SectorNumber;
use tracing::{error, info};

use super::{proven, Slot};
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
	let size = app.config.storage.sector_size;
	let live: Vec<_> = found
		.sectors
		.iter()
		.copied()
		.filter(|sector| !found.terminated.contains(sector))
		.collect();
	let mut sectors = proven(app, &live).await?;
	sectors.retain(|sector| is_provable(&sector.paths, size));
	let mut provable = Vec::new();
	if !sectors.is_empty() {
		let request = Request::CheckSectors {
			sector_size: size,
			prover_id: app.prover_id(),
			sectors,
		};
		// If the check itself fails, nothing is known of the sectors, and nothing is declared.
		let Response::Provable { sectors } = app.worker.run(request, 0).await? else {
			return Err(TaskError::later("the check gave another step's result"));
		};
		provable = sectors;
	}
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
