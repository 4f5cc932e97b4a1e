//! Window PoSt of sectors on several machines. Each opens its own sectors, and only what was opened is moved.

use std::{collections::BTreeMap, time::Duration};

use holdfast_primitives::{CommR, Digest, ProofBytes, SectorNumber};
use serde_json::Value;

use super::{proven, read, replica};
use crate::{
	app::App,
	remote::protocol::Question,
	tasks::TaskError,
	worker::{OpenedSector, Request, Response, WorkerError},
};

/// How long a worker may take to answer: a fraction of the shortest window.
const LIMIT: Duration = Duration::from_secs(30);

/// Where sectors are.
#[derive(Debug, Default)]
pub(super) struct Places {
	/// In stores that the daemon has.
	pub here: Vec<SectorNumber>,
	/// With workers, by their names.
	pub away: BTreeMap<String, Vec<SectorNumber>>,
}

pub(super) async fn places(app: &App, sectors: &[SectorNumber]) -> Result<Places, TaskError> {
	let mut places = Places::default();
	for sector in sectors {
		match app.database.home(*sector).await? {
			None => places.here.push(*sector),
			Some(worker) => places.away.entry(worker).or_default().push(*sector),
		}
	}
	Ok(places)
}

async fn replicas(
	app: &App,
	sectors: &[SectorNumber],
) -> Result<Vec<(SectorNumber, CommR)>, TaskError> {
	let mut replicas = Vec::with_capacity(sectors.len());
	for sector in sectors {
		replicas.push((*sector, replica(app, *sector).await?));
	}
	Ok(replicas)
}

/// Proves sectors some of which are with workers.
pub(super) async fn prove(
	app: &App,
	sectors: &[SectorNumber],
	randomness: Digest,
) -> Result<ProofBytes, TaskError> {
	let mut opened = open(app, sectors, randomness).await?;
	let mut openings = Vec::with_capacity(sectors.len());
	for sector in sectors {
		match opened.remove(sector) {
			Some(Ok(opening)) => openings.push(opening),
			found => {
				let message = match found {
					Some(Err(error)) => error,
					_ => "its worker does not answer".into(),
				};
				return Err(TaskError::Worker(WorkerError::Failed {
					step: "open-sectors",
					message,
					repeat: None,
					sector: Some(*sector),
				}));
			},
		}
	}
	let request = Request::ProveOpenings {
		sector_size: app.config.storage.sector_size,
		prover_id: app.prover_id(),
		randomness,
		sectors: replicas(app, sectors).await?,
		openings,
	};
	match app.worker.proofs(request, 0).await?[..] {
		[proof] => Ok(proof),
		_ => Err(TaskError::Worker(WorkerError::OtherAnswer {
			step: "prove-openings",
		})),
	}
}

type Opened = BTreeMap<SectorNumber, Result<Value, String>>;

async fn open(
	app: &App,
	sectors: &[SectorNumber],
	randomness: Digest,
) -> Result<Opened, TaskError> {
	let Places { here, away } = places(app, sectors).await?;
	let (sector_size, prover_id) = (app.config.storage.sector_size, app.prover_id());
	let at_home = async {
		if here.is_empty() {
			return Ok(None);
		}
		let (sectors, pinned) = proven(app, &here).await?;
		let request = Request::OpenSectors {
			sector_size,
			prover_id,
			randomness,
			sectors,
		};
		let answer = app.worker.run(request, 0).await;
		read(app, pinned).await;
		Ok::<_, TaskError>(Some(answer?))
	};
	let asked = away.iter().map(|(worker, numbers)| async move {
		let question = Question::Open {
			sector_size,
			prover_id,
			randomness,
			sectors: replicas(app, numbers).await?,
		};
		Ok::<_, TaskError>(app.lending.ask(worker, question, LIMIT).await)
	});
	let (at_home, asked) = futures::join!(at_home, futures::future::join_all(asked));
	let mut opened = Opened::new();
	for response in std::iter::once(at_home).chain(asked) {
		if let Some(Response::Opened { sectors }) = response? {
			opened.extend(sectors.into_iter().map(result_of));
		}
	}
	Ok(opened)
}

fn result_of(sector: OpenedSector) -> (SectorNumber, Result<Value, String>) {
	let failed = sector.error.unwrap_or_else(|| "it was not opened".into());
	(sector.sector, sector.opening.ok_or(failed))
}

/// Which of a worker's sectors could be proven. `None` if the worker does not say.
pub(super) async fn check(
	app: &App,
	worker: &str,
	sectors: &[SectorNumber],
) -> Result<Option<Vec<SectorNumber>>, TaskError> {
	let question = Question::Check {
		sector_size: app.config.storage.sector_size,
		prover_id: app.prover_id(),
		sectors: replicas(app, sectors).await?,
	};
	Ok(match app.lending.ask(worker, question, LIMIT).await {
		Some(Response::Provable { sectors }) => Some(sectors),
		_ => None,
	})
}
