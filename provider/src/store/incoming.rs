//! Files of sectors on their way from workers: they arrive bit by bit under another name, are compared, and count
//! once all is there.

use std::{
	io::{self, Write},
	path::{Component, Path, PathBuf},
};

use holdfast_primitives::SectorNumber;
use tracing::{info, warn};

use super::{
	copies::{blocking, digest},
	files::{self, partial},
	sector_name, Declared, FileType, Folder, Lock, Purpose, SectorPart, Store, StoreError, Wanted,
};
use crate::{
	database::{now, Database, DatabaseError, Millis},
	remote::protocol::{Manifest, ManifestFile, Missing},
};

/// What has no promised room is no longer than this.
const MAX_WORK_BYTES: u64 = 1 << 30;

/// The files of one part that a sector brings along.
pub type Bundle = (SectorPart, Manifest);

impl Store {
	/// What is still missing of the files that a sector brings along. Once nothing is, they are where they are
	/// kept: in the store `to`, or in the best one. `holder` is whose lock the sector has.
	pub async fn receive(
		&self,
		number: SectorNumber,
		bundles: Vec<Bundle>,
		to: Option<&str>,
		holder: &str,
	) -> Result<Vec<Missing>, StoreError> {
		let name = sector_name(number);
		plain(&name, &bundles)?;
		if !is_complete(&bundles) {
			return Err(StoreError::Move {
				name,
				reason: "what is kept of it is not all there".into(),
			});
		}
		let mut new = Vec::new();
		for bundle in bundles {
			if !self.has(&name, &bundle, to).await? {
				new.push(bundle);
			}
		}
		let bytes = new
			.iter()
			.flat_map(|(_, manifest)| &manifest.files)
			.fold(0u64, |sum, file| sum.saturating_add(file.bytes));
		let wanted = Wanted {
			purpose: Purpose::Storing,
			kinds: &FileType::KEPT,
			bytes,
			from: None,
		};
		if new.is_empty() {
			return Ok(Vec::new());
		}
		// What has begun to arrive goes on where it is, unless it is to go elsewhere by now.
		let begun = self.arriving_at(&name).map(|folder| folder.meta.id);
		let begun = begun.filter(|id| to.is_none_or(|to| to == id));
		let only = to.map(str::to_owned).or(begun).map(|id| [id]);
		let only = only.as_ref().map(|id| &id[..]);
		let promised = self.database.promised_to(&name, holder).await?;
		let promised = promised.filter(|(id, promised)| {
			*promised >= bytes && only.is_none_or(|only| only.contains(id))
		});
		let id = match promised {
			Some((id, _)) => id,
			None => self.reserve(&name, wanted, only, Some(holder)).await?,
		};
		let target = self.folder(&id).ok_or_else(|| StoreError::Move {
			name: name.clone(),
			reason: format!("the store {id} cannot be reached"),
		})?;
		for folder in self.folders().iter().filter(|folder| folder.meta.id != id) {
			for place in FileType::KEPT.map(|kind| folder.fetching(kind, &name)) {
				files::remove_any(&place)?;
				files::remove_any(&partial(&place))?;
			}
		}
		let mut missing = Vec::new();
		for (kind, manifest) in &new {
			if let Some(file_type) = kind.file_type() {
				let place = target.fetching(file_type, &name);
				missing.extend(missing_of(*kind, place, manifest).await?);
			}
		}
		if missing.is_empty() {
			for kind in new.iter().filter_map(|(kind, _)| kind.file_type()) {
				self.arrived(kind, &name, &target).await?;
			}
			info!(sector = number, store = id, "has arrived");
		}
		Ok(missing)
	}

	/// What is still missing of what a worker made of a sector that is sealed here, where it belongs. Once nothing
	/// is, it is in the index.
	pub async fn receive_back(
		&self,
		number: SectorNumber,
		bundles: Vec<Bundle>,
	) -> Result<Vec<Missing>, StoreError> {
		plain(&sector_name(number), &bundles)?;
		let paths = self.sector(number).await?;
		let mut missing = Vec::new();
		for (kind, manifest) in &bundles {
			missing.extend(missing_of(*kind, kind.of(&paths).to_owned(), manifest).await?);
		}
		if missing.is_empty() {
			self.declare_sector(number).await?;
		}
		Ok(missing)
	}

	/// Adds bytes to a file of a sector that moves here. `false` if it is not as long as that, or not expected.
	pub async fn receive_part(
		&self,
		number: SectorNumber,
		part: &Missing,
		bytes: Vec<u8>,
	) -> Result<bool, StoreError> {
		let name = sector_name(number);
		match (self.arriving_at(&name), part.kind.file_type()) {
			(Some(folder), Some(kind)) => {
				let promised = self.database.promised(&name, Purpose::Storing).await?;
				append(folder.fetching(kind, &name), part, bytes, promised).await
			},
			_ => Ok(false),
		}
	}

	/// The same, of a sector that is sealed here.
	pub async fn receive_part_back(
		&self,
		number: SectorNumber,
		part: &Missing,
		bytes: Vec<u8>,
	) -> Result<bool, StoreError> {
		let place = part.kind.of(&self.sector(number).await?).to_owned();
		let limit = match part.kind {
			SectorPart::Work => MAX_WORK_BYTES,
			_ => {
				let name = sector_name(number);
				self.database.promised(&name, Purpose::Sealing).await?
			},
		};
		append(place, part, bytes, limit).await
	}

	/// The store in which a sector's files are arriving.
	fn arriving_at(&self, name: &str) -> Option<Folder> {
		self.folders().into_iter().find(|folder| {
			let mut places = FileType::KEPT
				.map(|kind| folder.fetching(kind, name))
				.into_iter();
			places.any(|place| place.exists() || partial(&place).exists())
		})
	}

	/// Whether a file that counts is what a worker has.
	async fn has(
		&self,
		name: &str,
		(kind, manifest): &Bundle,
		to: Option<&str>,
	) -> Result<bool, StoreError> {
		let Some(kind) = kind.file_type() else {
			return Ok(false);
		};
		for row in self.database.find_file(kind, name).await? {
			let Some(folder) = self.folder(&row.store) else {
				continue;
			};
			let place = folder.file(kind, name);
			if row.is_primary && to.is_none_or(|to| to == row.store) && place.exists() {
				let found = blocking(move || {
					Manifest::of(&place).map_err(|source| StoreError::Files {
						path: place.clone(),
						source,
					})
				});
				return Ok(found.await? == *manifest);
			}
		}
		Ok(false)
	}

	/// Puts a file that is whole where it is kept, and declares it.
	async fn arrived(&self, kind: FileType, name: &str, target: &Folder) -> Result<(), StoreError> {
		let (arrived, place) = (target.fetching(kind, name), target.file(kind, name));
		let failed = |source| StoreError::Files {
			path: place.clone(),
			source,
		};
		// What an earlier stay of the sector's left here does not count: the sector was with a worker.
		files::remove_any(&place)?;
		std::fs::rename(&arrived, &place)
			.and_then(|()| files::sync_parent(&place))
			.map_err(failed)?;
		let bytes = files::length(&place).map_err(failed)?;
		let digest = digest(place.clone()).await?;
		let file = Declared {
			kind,
			name,
			store: &target.meta.id,
			bytes,
			digest: Some(&digest),
		};
		Ok(self.database.declare_primary(file, now()).await?)
	}

	/// A worker has what was kept of a sector here. What a proof still reads is left to `store gc`.
	pub async fn release_sector(&self, number: SectorNumber) -> Result<(), StoreError> {
		let name = sector_name(number);
		for folder in self.folders() {
			for kind in FileType::SEALING {
				let store = &folder.meta.id;
				let released = self
					.database
					.release_file(kind.name(), &name, store, true, now());
				if released.await? {
					files::remove_any(&folder.file(kind, &name))?;
				} else {
					warn!(name, store, "a proof reads it; `store gc` removes it later");
				}
			}
		}
		Ok(())
	}

	/// Whether a proof reads a sector's files now.
	pub async fn is_read(&self, number: SectorNumber) -> Result<bool, StoreError> {
		Ok(self.database.is_pinned(&sector_name(number), now()).await?)
	}

	/// Moves what is kept of a sector whose lock the caller has.
	pub async fn move_with(
		&self,
		number: SectorNumber,
		to: Option<&str>,
		lock: &Lock,
	) -> Result<String, StoreError> {
		self.move_locked(number, to, lock, &|_| false).await
	}
}

/// Refuses paths that lead elsewhere.
fn plain(name: &str, bundles: &[Bundle]) -> Result<(), StoreError> {
	let mut files = bundles.iter().flat_map(|(_, manifest)| &manifest.files);
	match files.find(|file| !leads_down(&file.path)) {
		Some(odd) => Err(StoreError::Move {
			name: name.to_owned(),
			reason: format!("{:?} is no path within it", odd.path),
		}),
		None => Ok(()),
	}
}

/// Whether a path of a file that arrives stays below where it should be, and is no unfinished file's.
fn leads_down(path: &str) -> bool {
	let mut parts = Path::new(path).components();
	parts.all(|part| matches!(part, Component::Normal(_))) && !path.ends_with(".part")
}

/// Whether there is a replica and something of the cache.
fn is_complete(bundles: &[Bundle]) -> bool {
	let of = |kind| bundles.iter().filter(move |(found, _)| *found == kind);
	let is_file =
		|manifest: &Manifest| matches!(&manifest.files[..], [file] if file.path.is_empty());
	let is_folder = |manifest: &Manifest| {
		!manifest.files.is_empty() && manifest.files.iter().all(|file| !file.path.is_empty())
	};
	bundles.len() == SectorPart::KEPT.len()
		&& of(SectorPart::Sealed).any(|(_, manifest)| is_file(manifest))
		&& of(SectorPart::Cache).any(|(_, manifest)| is_folder(manifest))
}

fn within(root: &Path, relative: &str) -> PathBuf {
	if relative.is_empty() {
		root.to_owned()
	} else {
		root.join(relative)
	}
}

/// Adds bytes to a file below `place`, if it is as long as they say and does not get longer than `limit`.
async fn append(
	place: PathBuf,
	part: &Missing,
	bytes: Vec<u8>,
	limit: u64,
) -> Result<bool, StoreError> {
	let end = part.from.saturating_add(bytes.len() as u64);
	if !leads_down(&part.path) || end > limit {
		return Ok(false);
	}
	let (path, from) = (partial(&within(&place, &part.path)), part.from);
	blocking(move || {
		let failed = |source| StoreError::Files {
			path: path.clone(),
			source,
		};
		// It was made when it was found missing.
		let mut file = match std::fs::OpenOptions::new().append(true).open(&path) {
			Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
			file => file.map_err(failed)?,
		};
		if file.metadata().map_err(failed)?.len() != from {
			return Ok(false);
		}
		file.write_all(&bytes).map_err(failed)?;
		Ok(true)
	})
	.await
}

/// Looks at what has arrived below `place`, and takes away what is not as it should be. With nothing missing, what
/// does not belong there goes, too.
async fn missing_of(
	kind: SectorPart,
	place: PathBuf,
	manifest: &Manifest,
) -> Result<Vec<Missing>, StoreError> {
	let manifest = manifest.clone();
	blocking(move || {
		let mut missing = Vec::new();
		for file in &manifest.files {
			let path = within(&place, &file.path);
			let from = arrived_of(&path, file).map_err(|source| StoreError::Files {
				path: path.clone(),
				source,
			})?;
			missing.extend(from.map(|from| Missing {
				kind,
				path: file.path.clone(),
				from,
			}));
		}
		// The daemon keeps files of its own beside what the steps hand to each other.
		if missing.is_empty() && kind != SectorPart::Work {
			let found = files::list(&place).map_err(|source| StoreError::Files {
				path: place.clone(),
				source,
			})?;
			for (relative, _) in found {
				let is_listed = |file: &ManifestFile| Path::new(&file.path) == relative;
				if !manifest.files.iter().any(is_listed) {
					files::remove_any(&place.join(relative))?;
				}
			}
		}
		Ok(missing)
	})
	.await
}

/// How much of a file has arrived; none if it is whole and in its place.
fn arrived_of(path: &Path, file: &ManifestFile) -> io::Result<Option<u64>> {
	if is_it(path, file) {
		return Ok(None);
	}
	let part = partial(path);
	if let Some(folder) = part.parent() {
		std::fs::create_dir_all(folder)?;
	}
	let arrived = part.metadata().map_or(0, |meta| meta.len());
	if arrived == file.bytes {
		let output = std::fs::OpenOptions::new()
			.create(true)
			.append(true)
			.open(&part)?;
		if is_it(&part, file) {
			output.sync_all()?;
			std::fs::rename(&part, path)?;
			files::sync_parent(path)?;
			return Ok(None);
		}
	}
	let output = std::fs::OpenOptions::new()
		.create(true)
		.append(true)
		.open(&part)?;
	if arrived >= file.bytes {
		output.set_len(0)?;
	}
	Ok(Some(output.metadata()?.len()))
}

fn is_it(path: &Path, file: &ManifestFile) -> bool {
	path.metadata()
		.is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes)
		&& files::digest(path).is_ok_and(|found| found == file.digest)
}

impl Database {
	/// How much room a sector is promised.
	async fn promised(&self, name: &str, purpose: Purpose) -> Result<u64, DatabaseError> {
		let bytes: Option<i64> = sqlx::query_scalar(
			"SELECT bytes FROM store_reservations WHERE name = ? AND purpose = ?",
		)
		.bind(name)
		.bind(purpose.name())
		.fetch_optional(self.pool())
		.await?;
		Ok(bytes
			.and_then(|bytes| u64::try_from(bytes).ok())
			.unwrap_or(0))
	}

	/// Where, and how much, whoever has this lock was promised for it.
	async fn promised_to(
		&self,
		name: &str,
		holder: &str,
	) -> Result<Option<(String, u64)>, DatabaseError> {
		let found: Option<(String, i64)> = sqlx::query_as(
			"SELECT store, bytes FROM store_reservations \
			 WHERE name = ? AND purpose = 'storing' AND holder = ?",
		)
		.bind(name)
		.bind(holder)
		.fetch_optional(self.pool())
		.await?;
		Ok(found.and_then(|(store, bytes)| Some((store, u64::try_from(bytes).ok()?))))
	}

	async fn is_pinned(&self, name: &str, now: Millis) -> Result<bool, DatabaseError> {
		Ok(sqlx::query_scalar(
			"SELECT EXISTS (SELECT 1 FROM store_locks WHERE name = ? AND mode = 'pin' AND until > ?)",
		)
		.bind(name)
		.bind(now)
		.fetch_one(self.pool())
		.await?)
	}

	/// The names of sectors that are to be moved.
	pub(super) async fn moving_names(&self) -> Result<Vec<String>, DatabaseError> {
		let names = sqlx::query_scalar("SELECT 's-' || sector FROM moves");
		Ok(names.fetch_all(self.pool()).await?)
	}
}
