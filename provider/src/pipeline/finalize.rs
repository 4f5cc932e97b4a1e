//! Keeping of a proven sector what proving and retrieval need, and nothing else.

use crate::{
	app::App,
	database::{now, Sector, SectorState},
	store,
	tasks::{Outcome, TaskError},
};

/// The sector's files are cleared and where they are kept. The pieces' CAR files stay, for retrieval.
pub async fn finalized(app: &App, mut sector: Sector) -> Result<Outcome, TaskError> {
	for deal in app.database.sector_deals(sector.number).await? {
		store::remove_file(&app.store.staging(&deal.id))?;
	}
	sector.state = SectorState::Active;
	app.database.save_sector(&sector, None, None, now()).await?;
	Ok(Outcome::Done)
}
