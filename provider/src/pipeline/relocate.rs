//! Moving proven sectors between the daemon's stores and workers. A worker gives its files to the daemon; another one
//! fetches them from there. Whoever has them keeps proving the sector until the next one has all of them.

use std::time::Duration;

use holdfast_primitives::SectorNumber;

use crate::{
	app::App,
	database::{now, to_row, Database, DatabaseError, Millis, Sector, SectorState},
	sealer::Step,
	store::{sector_name, FileType, Lock},
	tasks::{queue, Kind, Outcome, TaskError, DAEMON},
};

/// How often the daemon looks at a move that is not its own.
const POLL: Duration = Duration::from_secs(1);

/// Where a sector is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
	/// With this worker.
	Worker(String),
	/// In this store of the daemon's, or in the best one.
	Store(Option<String>),
}

impl Target {
	/// Its columns in the database: the worker and the store.
	fn columns(&self) -> (Option<&str>, Option<&str>) {
		match self {
			Self::Worker(name) => (Some(name), None),
			Self::Store(id) => (None, id.as_deref()),
		}
	}
}

/// Orders that a proven sector is moved, instead of wherever it was to go before.
pub async fn order(
	database: &Database,
	sector: SectorNumber,
	target: &Target,
) -> Result<(), TaskError> {
	let found = database.sector(sector).await?;
	if found.is_none_or(|found| found.state != SectorState::Active) {
		return Err(TaskError::never(format!(
			"sector {sector} is not proven: its files are where they are worked on"
		)));
	}
	let unknown = match target {
		Target::Worker(name) => {
			let workers = database.workers().await?;
			let is_known = name != DAEMON && workers.iter().any(|worker| worker.name == *name);
			(!is_known).then(|| format!("there is no worker {name}"))
		},
		Target::Store(Some(id)) => {
			let stores = database.stores().await?;
			let is_known = stores.iter().any(|store| store.attached && store.id == *id);
			(!is_known).then(|| format!("there is no store {id}"))
		},
		Target::Store(None) => None,
	};
	match unknown {
		Some(reason) => Err(TaskError::never(reason)),
		None => Ok(database.order_move(sector, target, now()).await?),
	}
}

/// What a worker has to do for a move; none if nothing has to be done any more.
pub(super) async fn step(app: &App, sector: &Sector) -> Result<Option<Step>, TaskError> {
	let Some(target) = app.database.ordered_move(sector.number).await? else {
		return Ok(None);
	};
	if has_arrived(app, sector.number, &target).await? {
		return Ok(None);
	}
	match (app.database.home(sector.number).await?, target) {
		(Some(_), _) => Ok(Some(Step::Give)),
		(None, Target::Worker(_)) => Ok(Some(Step::Take)),
		(None, Target::Store(_)) => Err(TaskError::later("the daemon does this itself")),
	}
}

/// What follows when somebody did a part of a move.
pub(super) async fn moved(app: &App, number: SectorNumber) -> Result<Outcome, TaskError> {
	let Some(target) = app.database.ordered_move(number).await? else {
		return Ok(Outcome::Done);
	};
	// If it is to go elsewhere by now, it goes on.
	let is_over = has_arrived(app, number, &target).await?
		&& app.database.forget_move(number, &target).await?;
	Ok(if is_over {
		Outcome::Done
	} else {
		Outcome::Again(Duration::ZERO)
	})
}

/// The daemon's own part: bringing a sector that it has to another of its stores.
pub(super) async fn run(
	app: &App,
	number: SectorNumber,
	lock: &Lock,
) -> Result<Outcome, TaskError> {
	let target = app.database.ordered_move(number).await?;
	match (app.database.home(number).await?, target) {
		(None, Some(Target::Store(Some(id)))) => {
			app.store.move_with(number, Some(&id), lock).await?;
			moved(app, number).await
		},
		(None, Some(Target::Worker(_))) | (Some(_), Some(_)) => Ok(Outcome::Again(POLL)),
		_ => moved(app, number).await,
	}
}

async fn has_arrived(
	app: &App,
	number: SectorNumber,
	target: &Target,
) -> Result<bool, DatabaseError> {
	let home = app.database.home(number).await?;
	Ok(match (home, target) {
		(Some(home), Target::Worker(worker)) => home == *worker,
		(None, Target::Store(None)) => true,
		(None, Target::Store(Some(id))) => {
			let name = sector_name(number);
			let mut is_there = true;
			for kind in FileType::KEPT {
				let copies = app.database.find_file(kind, &name).await?;
				let primary = copies.iter().find(|copy| copy.is_primary);
				is_there &= primary.is_some_and(|primary| primary.store == *id);
			}
			is_there
		},
		_ => false,
	})
}

impl Database {
	/// Notes where a sector is to go, and queues the task for it.
	async fn order_move(
		&self,
		sector: SectorNumber,
		target: &Target,
		now: Millis,
	) -> Result<(), DatabaseError> {
		let (worker, store) = target.columns();
		let mut transaction = self.write().await?;
		sqlx::query(
			"INSERT INTO moves (sector, worker, store) VALUES (?, ?, ?) ON CONFLICT (sector) \
			 DO UPDATE SET worker = excluded.worker, store = excluded.store",
		)
		.bind(to_row(sector, "the sector number")?)
		.bind(worker)
		.bind(store)
		.execute(&mut *transaction)
		.await?;
		queue(&mut transaction, Kind::Move, &sector.to_string(), now, now).await?;
		transaction.commit().await.map_err(Into::into)
	}

	/// Where a sector is to go.
	pub async fn ordered_move(
		&self,
		sector: SectorNumber,
	) -> Result<Option<Target>, DatabaseError> {
		let row: Option<(Option<String>, Option<String>)> =
			sqlx::query_as("SELECT worker, store FROM moves WHERE sector = ?")
				.bind(to_row(sector, "the sector number")?)
				.fetch_optional(self.pool())
				.await?;
		Ok(row.map(|(worker, store)| match worker {
			Some(name) => Target::Worker(name),
			None => Target::Store(store),
		}))
	}

	/// The move is over. `false` if the sector is to go elsewhere by now.
	async fn forget_move(
		&self,
		sector: SectorNumber,
		target: &Target,
	) -> Result<bool, DatabaseError> {
		let (worker, store) = target.columns();
		let changed =
			sqlx::query("DELETE FROM moves WHERE sector = ? AND worker IS ? AND store IS ?")
				.bind(to_row(sector, "the sector number")?)
				.bind(worker)
				.bind(store)
				.execute(self.pool())
				.await?;
		Ok(changed.rows_affected() == 1)
	}
}
