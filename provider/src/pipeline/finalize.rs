//! Keeping of a proven sector what proving and retrieval need, and nothing else.

use super::job;
use crate::{
	app::App,
	database::{now, Sector, SectorState},
	store::{self, Lock},
	tasks::{Outcome, TaskError},
	worker::Request,
};

/// Clears the sealing files of a proven sector, and brings the rest to a store that may keep it. The pieces'
/// CAR files stay, for retrieval.
pub async fn run(app: &App, mut sector: Sector, lock: &Lock) -> Result<Outcome, TaskError> {
	let paths = app.store.sector(sector.number).await?;
	// A sector whose work folder is gone was cleared before a crash.
	if paths.work.exists() {
		let job = job(app, &sector).await?;
		app.worker
			.done(Request::Finalize { job }, app.config.sealing.nice)
			.await?;
		app.store.remove_sealing_files(sector.number).await?;
	}
	app.store.keep(sector.number, lock).await?;
	for deal in app.database.sector_deals(sector.number).await? {
		store::remove_file(&app.store.staging(&deal.id))?;
	}
	sector.state = SectorState::Active;
	app.database.save_sector(&sector, None, None, now()).await?;
	Ok(Outcome::Done)
}
