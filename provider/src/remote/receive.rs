//! The daemon's side of a sector that a worker gives to it.

use holdfast_primitives::SectorNumber;

use super::protocol::{Giving, Missing};
use crate::{
	app::App,
	pipeline::relocate::Target,
	store::{sector_name, FileType, StoreError},
	tasks::{Kind, TaskError},
};

/// A worker says what it has of a sector. Answers what the daemon still needs; `None` if the task is not the
/// worker's any more.
pub async fn receive(
	app: &App,
	id: i64,
	giving: Giving,
) -> Result<Option<Vec<Missing>>, TaskError> {
	let Some(number) = sector_of_task(app, id, &giving.name).await? else {
		return Ok(None);
	};
	// After the daemon's start, the lock is taken when the worker shows itself.
	let holder = app
		.lending
		.holder(id)
		.ok_or_else(|| TaskError::later("the sector is not locked for it yet: try again"))?;
	let to = match app.database.ordered_move(number).await? {
		Some(Target::Store(to)) => to,
		_ => None,
	};
	let missing = app
		.store
		.receive(number, giving.files, to.as_deref(), &holder)
		.await?;
	Ok(Some(missing))
}

/// Bytes of a file arrive. `None` if the task is not the worker's any more, `false` if they are not the next ones.
pub async fn receive_part(
	app: &App,
	id: i64,
	name: &str,
	part: &Missing,
	bytes: Vec<u8>,
) -> Result<Option<bool>, TaskError> {
	let Some(number) = sector_of_task(app, id, name).await? else {
		return Ok(None);
	};
	Ok(Some(app.store.receive_part(number, part, bytes).await?))
}

async fn sector_of_task(
	app: &App,
	id: i64,
	worker: &str,
) -> Result<Option<SectorNumber>, TaskError> {
	let task = app.database.leased_task(id, worker).await?;
	let task = task.filter(|task| task.kind == Kind::Move.name());
	Ok(task.and_then(|task| task.subject.parse().ok()))
}

/// All that is kept of a sector must be here before its worker forgets it.
pub async fn has_all(app: &App, number: SectorNumber) -> Result<bool, StoreError> {
	for kind in FileType::KEPT {
		let copies = app.database.find_file(kind, &sector_name(number)).await?;
		if !copies.iter().any(|copy| copy.is_primary) {
			return Ok(false);
		}
	}
	Ok(true)
}
