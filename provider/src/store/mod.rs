//! Where files are: in one or several folders, each with a `sectorstore.json`, known to an index in the
//! database.
//!
//! - `meta` is the description of a store, `folder` a store's paths.
//! - `index` knows which file is where and which copy counts.
//! - `space` chooses a store and sees that there is room.
//! - `lock` keeps maintenance away from what others work on, and from what a proof reads.
//! - `attach` takes folders in and out of use, `copies` moves files between them, `incoming` takes what workers send.
//! - `check` looks whether files are right, `garbage` finds what nothing needs any more.

mod attach;
mod check;
mod copies;
mod files;
mod folder;
mod garbage;
mod incoming;
mod index;
mod lock;
mod meta;
mod space;

use std::{
	io,
	path::{Path, PathBuf},
	sync::{Arc, PoisonError, RwLock},
};

use holdfast_primitives::{CommP, SectorNumber, SectorSize};
use tracing::{error, info, warn};

use crate::database::{millis, now, Database, DatabaseError, SectorState};
pub use attach::Redeclared;
pub use check::{is_provable, Problem, Scrubbed};
pub use files::{digest, list, partial, remove_any, remove_file, sync_parent, write_whole};
pub use folder::{
	piece_name, piece_of, sector_name, sector_of, DiskStat, Disks, Folder, SectorPart, SectorPaths,
	SystemDisks,
};
pub use garbage::Garbage;
pub use index::{Declared, FileRow, StoreRow};
pub use lock::{Lock, LockMode};
pub use meta::{FileType, StoreMeta, META_FILE};
pub use space::{
	available, best_alloc, sealing_bytes, Candidate, Purpose, Reservation, Wanted, HEARTBEAT_MILLIS,
};

/// Under which name the database remembers the configured store.
pub const STORE_META: &str = "store";
/// Whose locks are freed when the daemon starts.
const DAEMON: &str = "daemon";
/// How often one tries to promise room that others are promised at the same time.
const RESERVE_ATTEMPTS: usize = 16;
/// How long the room for a copy is promised, unless it is prolonged with the copy's lock.
const COPY_LEASE: std::time::Duration = std::time::Duration::from_secs(60);

/// The files of a provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
	database: Database,
	/// The configured store; uploads and new pieces are in it.
	base: Folder,
	/// The stores that are in use and can be reached, the base among them.
	folders: Arc<RwLock<Vec<Folder>>>,
	disks: Arc<dyn Disks>,
	min_free_bytes: u64,
	/// Under which name locks are taken.
	who: &'static str,
}

/// The sectors that a proof reads.
#[derive(Debug)]
pub struct Pinned {
	holder: String,
	/// Their files, in the order in which they were asked for.
	pub paths: Vec<SectorPaths>,
}

impl Store {
	/// Opens the stores for the daemon: the one at `root`, which is made if there is none, and all that are
	/// attached. What the last run had locked is free, and what is on disk is in the index.
	pub async fn open(
		database: Database,
		root: &Path,
		min_free_bytes: u64,
	) -> Result<Self, StoreError> {
		let store = Self::open_with(
			database,
			root,
			min_free_bytes,
			Arc::new(SystemDisks),
			DAEMON,
		)
		.await?;
		store.database.free_locks(DAEMON).await?;
		store.tidy_copies().await?;
		let released = store.database.release_ended_sealing().await?;
		if released > 0 {
			info!(
				sectors = released,
				"room that was still promised is free again"
			);
		}
		store.redeclare(None, false).await?;
		Ok(store)
	}

	/// Opens the stores for a command that may run beside the daemon.
	pub async fn open_beside(
		database: Database,
		root: &Path,
		min_free_bytes: u64,
	) -> Result<Self, StoreError> {
		let disks = Arc::new(SystemDisks);
		Self::open_with(database, root, min_free_bytes, disks, "command").await
	}

	async fn open_with(
		database: Database,
		root: &Path,
		min_free_bytes: u64,
		disks: Arc<dyn Disks>,
		who: &'static str,
	) -> Result<Self, StoreError> {
		let mut base = Folder::open(root)?;
		base.make_staging()?;
		// Commands are run in other folders than the daemon.
		base.root = root.canonicalize().map_err(|source| StoreError::Files {
			path: root.to_owned(),
			source,
		})?;
		// Nothing is noted of a folder that is configured by mistake.
		if let Some(known) = database.meta(STORE_META).await? {
			if known != base.meta.id {
				return Err(StoreError::Other {
					known,
					found: base.meta.id,
				});
			}
		}
		let path = text(&base.root);
		if !database.attach_store(&base.meta.id, &path, now()).await? {
			// The configuration says where it is now.
			database.move_store(&base.meta.id, &path).await?;
		}
		let store = Self {
			database,
			folders: Arc::new(RwLock::new(vec![base.clone()])),
			base,
			disks,
			min_free_bytes,
			who,
		};
		store.refresh().await?;
		Ok(store)
	}

	/// The identity of the configured store.
	pub fn id(&self) -> &str {
		&self.base.meta.id
	}

	/// The stores that are in use and can be reached.
	pub fn folders(&self) -> Vec<Folder> {
		let folders = self.folders.read();
		folders.unwrap_or_else(PoisonError::into_inner).clone()
	}

	fn folder(&self, id: &str) -> Option<Folder> {
		self.folders()
			.into_iter()
			.find(|folder| folder.meta.id == id)
	}

	/// Looks at all stores in use, and notes which can be reached. What is wrong with the others is said once.
	pub async fn refresh(&self) -> Result<Vec<StoreRow>, StoreError> {
		let rows = self.database.stores().await?;
		let mut folders = Vec::new();
		for row in rows.iter().filter(|row| row.attached) {
			let problem = match self.look_at(row) {
				Ok(folder) => {
					folders.push(folder);
					None
				},
				Err(problem) => Some(problem),
			};
			if problem != row.error {
				match &problem {
					Some(problem) => {
						error!(store = row.id, path = row.path, "cannot be used: {problem}");
					},
					None => info!(store = row.id, path = row.path, "can be used again"),
				}
			}
			self.database
				.note_health(&row.id, problem.as_deref(), now())
				.await?;
		}
		*self.folders.write().unwrap_or_else(PoisonError::into_inner) = folders;
		Ok(self.database.stores().await?)
	}

	fn look_at(&self, row: &StoreRow) -> Result<Folder, String> {
		let root = row.root();
		let meta = StoreMeta::read(&root).map_err(|error| error.to_string())?;
		let meta = meta.ok_or("it has no sectorstore.json: is the disk mounted?")?;
		if meta.id != row.id {
			return Err(format!("another store is there: {}", meta.id));
		}
		self.disks.stat(&root).map_err(|error| error.to_string())?;
		Ok(Folder { root, meta })
	}

	/// The upload of a deal.
	pub fn staging(&self, deal: &str) -> PathBuf {
		self.base.staging(deal)
	}

	/// The CAR file of a piece: where it is, or, if it is nowhere, where a new one goes.
	pub fn piece(&self, comm_p: &CommP) -> PathBuf {
		let folders = self.folders();
		let found = folders.iter().map(|folder| folder.piece(comm_p));
		let found = found.into_iter().find(|path| path.is_file());
		found.unwrap_or_else(|| self.base.piece(comm_p))
	}

	/// The files of a sector: where the index has them, or else where the sector is sealed. That a file's
	/// store cannot be reached does not change its place.
	pub async fn sector(&self, number: SectorNumber) -> Result<SectorPaths, StoreError> {
		let name = sector_name(number);
		let places = self.database.places(&name).await?;
		let sealing = self.database.sealing_store(&name).await?;
		let of = |kind: FileType| {
			let found = places.iter().find(|(found, _)| found == kind.name());
			found.map(|(_, path)| PathBuf::from(path))
		};
		let home = sealing
			.map(|(_, path)| PathBuf::from(path))
			.or_else(|| of(FileType::Cache))
			.unwrap_or_else(|| self.base.root.clone());
		let folder = |root: PathBuf| Folder {
			root,
			meta: self.base.meta.clone(),
		};
		let place = |kind| folder(of(kind).unwrap_or_else(|| home.clone())).file(kind, &name);
		Ok(SectorPaths {
			unsealed: place(FileType::Unsealed),
			sealed: place(FileType::Sealed),
			cache: place(FileType::Cache),
			work: folder(home.clone()).work(&name),
		})
	}

	/// What is wrong with the stores that a sector's files are in, or should be. An unmounted disk must not be
	/// mistaken for an empty one.
	pub async fn trouble(&self, number: SectorNumber) -> Result<Option<String>, StoreError> {
		let paths = self.sector(number).await?;
		let paths = [&paths.unsealed, &paths.sealed, &paths.cache, &paths.work];
		for row in self.database.stores().await? {
			let root = row.root();
			if !(row.attached && paths.iter().any(|path| path.starts_with(&root))) {
				continue;
			}
			if let Err(problem) = self.look_at(&row) {
				return Ok(Some(format!(
					"the store {} at {} cannot be used: {problem}",
					row.id, row.path
				)));
			}
		}
		Ok(None)
	}

	/// The files of sectors that a proof is going to read. It waits for nobody, and until it is told that the
	/// proof is done, nothing of them is removed.
	pub async fn pin(&self, numbers: &[SectorNumber]) -> Result<Pinned, StoreError> {
		let holder = format!("{}-post-{:016x}", self.who, rand::random::<u64>());
		let names: Vec<_> = numbers.iter().copied().map(sector_name).collect();
		self.database.pin_files(&names, &holder, now()).await?;
		let mut paths = Vec::with_capacity(numbers.len());
		for number in numbers {
			paths.push(self.sector(*number).await?);
		}
		Ok(Pinned { holder, paths })
	}

	/// The proof is done.
	pub async fn unpin(&self, pinned: Pinned) -> Result<(), StoreError> {
		Ok(self.database.unpin_files(&pinned.holder).await?)
	}

	/// Locks a sector's files. `None` if somebody else works on them.
	pub async fn lock(
		&self,
		number: SectorNumber,
		mode: LockMode,
	) -> Result<Option<Lock>, StoreError> {
		let name = sector_name(number);
		Ok(self.database.lock(&name, mode, self.who).await?)
	}

	/// Chooses the store in which a sector is sealed, and promises it the room, once.
	pub async fn allocate(&self, number: SectorNumber, size: SectorSize) -> Result<(), StoreError> {
		self.allocate_in(number, size, None).await
	}

	/// The same, in one of these stores.
	pub async fn allocate_in(
		&self,
		number: SectorNumber,
		size: SectorSize,
		stores: Option<&[String]>,
	) -> Result<(), StoreError> {
		let name = sector_name(number);
		if self.database.sealing_store(&name).await?.is_some() {
			return Ok(());
		}
		let wanted = Wanted {
			purpose: Purpose::Sealing,
			kinds: &FileType::SEALING,
			bytes: sealing_bytes(size),
			from: None,
		};
		// What is there of it already is not moved.
		let places = self.database.places(&name).await?;
		let there = self.folders().into_iter().find(|folder| {
			let root = text(&folder.root);
			places.iter().any(|(_, path)| *path == root)
		});
		let there = there.map(|folder| [folder.meta.id]);
		let only = there.as_ref().map(|id| &id[..]).or(stores);
		let store = self.reserve(&name, wanted, only, None).await?;
		info!(sector = number, store, "has its room");
		Ok(())
	}

	/// The ID of the store in which a sector is sealed.
	pub async fn sealing_store(&self, number: SectorNumber) -> Result<Option<String>, StoreError> {
		let found = self.database.sealing_store(&sector_name(number)).await?;
		Ok(found.map(|(id, _)| id))
	}

	/// Promises room in the best store, or in the best one of `only`.
	async fn reserve(
		&self,
		name: &str,
		wanted: Wanted<'_>,
		only: Option<&[String]>,
		holder: Option<&str>,
	) -> Result<String, StoreError> {
		for _ in 0..RESERVE_ATTEMPTS {
			let rows = self.refresh().await?;
			let known = self.database.reservations(now()).await?;
			let candidates = self.candidates(&rows, &known).await?;
			let choice = best_alloc(&candidates, wanted, now())
				.into_iter()
				.find(|store| only.is_none_or(|only| only.contains(&store.meta.id)));
			let Some(choice) = choice else {
				let most = candidates.iter().map(|store| store.available).max();
				return Err(StoreError::NoRoom {
					needed: wanted.bytes,
					most: most.unwrap_or(0),
				});
			};
			let holder = holder.map(|holder| (holder, now().saturating_add(millis(COPY_LEASE))));
			let id = choice.meta.id.clone();
			if self
				.database
				.reserve(name, wanted, &id, holder, &known, now())
				.await?
			{
				return Ok(id);
			}
		}
		Err(StoreError::Busy {
			name: name.to_owned(),
		})
	}

	async fn candidates(
		&self,
		rows: &[StoreRow],
		reservations: &[Reservation],
	) -> Result<Vec<Candidate>, StoreError> {
		let folders = self.folders();
		let used = self.database.used_bytes().await?;
		let free = available(
			&folders,
			reservations,
			&used,
			&*self.disks,
			self.min_free_bytes,
		);
		Ok(folders
			.iter()
			.map(|folder| {
				let row = rows.iter().find(|row| row.id == folder.meta.id);
				Candidate {
					meta: folder.meta.clone(),
					available: free.get(&folder.meta.id).copied().unwrap_or(0),
					heard_at: row.and_then(|row| row.checked_at),
					broken: row.is_none_or(|row| row.error.is_some()),
				}
			})
			.collect())
	}

	/// How many bytes the stores' file systems still have, less what is to be left alone.
	pub fn free_bytes(&self) -> Result<u64, StoreError> {
		let mut systems = std::collections::BTreeMap::new();
		for folder in self.folders() {
			let stat = self.disks.stat(&folder.root);
			let stat = stat.map_err(|source| StoreError::Files {
				path: folder.root.clone(),
				source,
			})?;
			let mut free = stat.free.saturating_sub(self.min_free_bytes);
			if folder.meta.max_storage > 0 {
				free = free.min(folder.meta.max_storage);
			}
			if folder.meta.weight == 0 {
				free = 0;
			}
			let known = systems.entry(stat.file_system).or_insert(0u64);
			*known = free.max(*known);
		}
		Ok(systems.into_values().fold(0, u64::saturating_add))
	}

	/// Declares the files that a sector has in its places.
	pub async fn declare_sector(&self, number: SectorNumber) -> Result<(), StoreError> {
		let name = sector_name(number);
		let paths = self.sector(number).await?;
		for (kind, path) in [
			(FileType::Unsealed, &paths.unsealed),
			(FileType::Sealed, &paths.sealed),
			(FileType::Cache, &paths.cache),
		] {
			let owner = self
				.folders()
				.into_iter()
				.find(|folder| folder.file(kind, &name) == *path);
			if let (Some(folder), true) = (owner, path.exists()) {
				self.declare(&folder, kind, &name, None).await?;
			}
		}
		Ok(())
	}

	/// Declares the file of a piece.
	pub async fn declare_piece(&self, comm_p: &CommP) -> Result<(), StoreError> {
		let name = piece_name(comm_p);
		for folder in self.folders() {
			if folder.piece(comm_p).is_file() {
				self.declare(&folder, FileType::Piece, &name, None).await?;
			}
		}
		Ok(())
	}

	async fn declare(
		&self,
		folder: &Folder,
		kind: FileType,
		name: &str,
		digest: Option<&str>,
	) -> Result<(), StoreError> {
		let path = folder.file(kind, name);
		let bytes = files::length(&path).map_err(|source| StoreError::Files { path, source })?;
		let file = Declared {
			kind,
			name,
			store: &folder.meta.id,
			bytes,
			digest,
		};
		Ok(self.database.declare_file(file, now()).await?)
	}

	/// Removes the files of a sector that is not needed any more, wherever they are, and gives its room back.
	pub async fn remove_sector(&self, number: SectorNumber) -> Result<(), StoreError> {
		let name = sector_name(number);
		for folder in self.folders() {
			let paths = folder.sector(number);
			for path in [&paths.unsealed, &paths.sealed, &paths.cache, &paths.work] {
				files::remove_any(path)?;
				files::remove_any(&partial(path))?;
			}
			for kind in FileType::SEALING {
				files::remove_any(&folder.fetching(kind, &name))?;
				self.database
					.drop_file(kind.name(), &name, &folder.meta.id)
					.await?;
			}
		}
		Ok(self.database.release_sealing(&name).await?)
	}

	/// Removes what only the sealing of a sector needed, and gives its room back.
	pub async fn remove_sealing_files(&self, number: SectorNumber) -> Result<(), StoreError> {
		let name = sector_name(number);
		for folder in self.folders() {
			files::remove_any(&folder.file(FileType::Unsealed, &name))?;
			files::remove_any(&folder.work(&name))?;
			self.database
				.drop_file(FileType::Unsealed.name(), &name, &folder.meta.id)
				.await?;
		}
		Ok(self.database.release_sealing(&name).await?)
	}

	/// A worker has the sector's files: those that are here go, and so does the room that was promised for them.
	pub async fn hand_over(&self, number: SectorNumber) -> Result<(), StoreError> {
		let name = sector_name(number);
		for folder in self.folders() {
			for kind in FileType::SEALING {
				files::remove_any(&folder.file(kind, &name))?;
				self.database
					.drop_file(kind.name(), &name, &folder.meta.id)
					.await?;
			}
		}
		Ok(self.database.release_sealing(&name).await?)
	}

	/// Removes a piece's file, wherever it is.
	pub async fn remove_piece(&self, comm_p: &CommP) -> Result<(), StoreError> {
		let name = piece_name(comm_p);
		for folder in self.folders() {
			files::remove_any(&folder.piece(comm_p))?;
			self.database
				.drop_file(FileType::Piece.name(), &name, &folder.meta.id)
				.await?;
		}
		Ok(())
	}

	/// Does again what a crash may have interrupted: the files of sectors that were given up are removed, and
	/// the room of sectors that are not being sealed any more is given back.
	pub async fn tidy(&self) -> Result<(), StoreError> {
		self.database.release_ended_sealing().await?;
		for number in self.given_up_with_files().await? {
			warn!(
				sector = number,
				"was given up; removing the files that it left"
			);
			self.remove_sector(number).await?;
		}
		for folder in self.folders() {
			for number in folder.working()? {
				let sector = self.database.sector(number).await?;
				let over = sector.is_some_and(|sector| {
					matches!(
						sector.state,
						SectorState::Active | SectorState::Failed | SectorState::Expired
					)
				});
				if over {
					files::remove_any(&folder.sector(number).work)?;
				}
			}
		}
		Ok(())
	}
}

fn text(path: &Path) -> String {
	path.to_string_lossy().into_owned()
}

/// Whether an error says that a disk is full.
pub fn is_full_disk(message: &str) -> bool {
	// Sealing steps are other processes, and their errors are text.
	message.contains("No space left on device") || message.contains("os error 28")
}

/// Why files could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
	/// A file or folder cannot be read or written.
	#[error("cannot use {}: {source}", path.display())]
	Files {
		/// Which.
		path: PathBuf,
		/// What went wrong.
		source: io::Error,
	},
	/// The store's description is not usable.
	#[error("{} does not describe a usable store: {reason}", path.display())]
	Meta {
		/// The description.
		path: PathBuf,
		/// What is wrong with it.
		reason: String,
	},
	/// No store has so much room left.
	#[error("no store has room for {needed} bytes: the best has {most} left; free some, or attach another store")]
	NoRoom {
		/// How many bytes are needed.
		needed: u64,
		/// How many the best store can take.
		most: u64,
	},
	/// The database belongs to another folder.
	#[error("the configured store is {found}, but the database belongs to {known}; use another base folder")]
	Other {
		/// The ID that the database knows.
		known: String,
		/// The ID that was found.
		found: String,
	},
	/// Others were faster, many times.
	#[error("{name} is being worked on; try again")]
	Busy {
		/// What.
		name: String,
	},
	/// A store of that ID is in use at another place.
	#[error("the store {id} is in use at another place: a copied sectorstore.json must get an ID of its own")]
	InUse {
		/// Its ID.
		id: String,
	},
	/// A store has to stay.
	#[error("cannot detach the store {id}: {reason}")]
	Detach {
		/// Its ID.
		id: String,
		/// Why.
		reason: String,
	},
	/// There is nothing to move, or nowhere to.
	#[error("cannot move {name}: {reason}")]
	Move {
		/// What.
		name: String,
		/// Why.
		reason: String,
	},
	/// Work on files did not end.
	#[error("the work on files was interrupted: {reason}")]
	Interrupted {
		/// Why.
		reason: String,
	},
	/// The index failed.
	#[error(transparent)]
	Database(#[from] DatabaseError),
}

impl StoreError {
	/// Whether waiting may help: there is no room, or somebody else is at it.
	pub fn is_outage(&self) -> bool {
		match self {
			Self::NoRoom { .. } | Self::Busy { .. } | Self::Database(_) => true,
			Self::Files { source, .. } => source.kind() == io::ErrorKind::StorageFull,
			_ => false,
		}
	}
}

#[cfg(test)]
mod tests;
