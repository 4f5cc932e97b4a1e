//! The daemon's side of what workers give to it: proven sectors, and what single steps have made.

use holdfast_primitives::SectorNumber;

use super::protocol::{Giving, Missing};
use crate::{
	app::App,
	pipeline::relocate::Target,
	store::{sector_name, FileType, SectorPart, StoreError},
	tasks::{Kind, TaskError},
};

/// A worker says what it gives of a sector. Answers what the daemon still needs; `None` if the task is not the
/// worker's any more.
pub async fn receive(
	app: &App,
	id: i64,
	giving: Giving,
) -> Result<Option<Vec<Missing>>, TaskError> {
	let Some((number, kind)) = sector_of_task(app, id, &giving.name).await? else {
		return Ok(None);
	};
	// After the daemon's start, the lock is taken when the worker shows itself.
	let holder = app
		.lending
		.holder(id)
		.ok_or_else(|| TaskError::later("the sector is not locked for it yet: try again"))?;
	let store = &app.store;
	let missing = if kind == Kind::Move {
		let to = match app.database.ordered_move(number).await? {
			Some(Target::Store(to)) => to,
			_ => None,
		};
		let to = to.as_deref();
		store.receive(number, giving.files, to, &holder).await?
	} else {
		for (part, _) in &giving.files {
			expect(app, number, *part).await?;
		}
		store.receive_back(number, giving.files).await?
	};
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
	let Some((number, kind)) = sector_of_task(app, id, name).await? else {
		return Ok(None);
	};
	let taken = if kind == Kind::Move {
		app.store.receive_part(number, part, bytes).await?
	} else {
		expect(app, number, part.kind).await?;
		app.store.receive_part_back(number, part, bytes).await?
	};
	Ok(Some(taken))
}

/// A sector that is at home with a worker has nothing here but what its steps hand to steps of others.
async fn expect(app: &App, number: SectorNumber, part: SectorPart) -> Result<(), TaskError> {
	if part != SectorPart::Work && app.database.home(number).await?.is_some() {
		return Err(TaskError::later("the sector's files are with a worker"));
	}
	Ok(())
}

async fn sector_of_task(
	app: &App,
	id: i64,
	worker: &str,
) -> Result<Option<(SectorNumber, Kind)>, TaskError> {
	let task = app.database.leased_task(id, worker).await?;
	Ok(task.and_then(|task| Some((task.subject.parse().ok()?, Kind::from_name(&task.kind)?))))
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
