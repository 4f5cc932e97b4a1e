//! What is kept of a sector, on its way from a worker: it arrives in parts under another name, is compared, and
//! counts once all of it is there.

use std::{
	io::Write,
	path::{Component, Path, PathBuf},
};

use holdfast_primitives::SectorNumber;
use tracing::{info, warn};

use super::{
	copies::{blocking, digest},
	files, sector_name, Declared, FileType, Folder, Lock, Purpose, Store, StoreError, Wanted,
};
use crate::{
	database::{now, Database, DatabaseError, Millis},
	remote::{
		fetch::partial,
		protocol::{Manifest, ManifestFile, Missing},
	},
};

/// The files of one type that a sector brings along.
pub type Bundle = (FileType, Manifest);

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
		let reason = match bundles.iter().find_map(|(_, manifest)| oddity(manifest)) {
			Some(oddity) => Some(oddity),
			None if !is_complete(&bundles) => Some("what is kept of it is not all there".into()),
			None => None,
		};
		if let Some(reason) = reason {
			return Err(StoreError::Move { name, reason });
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
			let (place, manifest) = (target.fetching(*kind, &name), manifest.clone());
			let kind = *kind;
			missing.extend(blocking(move || missing_of(kind, &place, &manifest)).await?);
		}
		if missing.is_empty() {
			for (kind, _) in &new {
				self.arrived(*kind, &name, &target).await?;
			}
			info!(sector = number, store = id, "has arrived");
		}
		Ok(missing)
	}

	/// Adds bytes to a file that is arriving. `false` if it is not as long as `from`, or not expected.
	pub async fn receive_part(
		&self,
		number: SectorNumber,
		part: &Missing,
		bytes: Vec<u8>,
	) -> Result<bool, StoreError> {
		let name = sector_name(number);
		let Some(folder) = self.arriving_at(&name) else {
			return Ok(false);
		};
		let end = part.from.saturating_add(bytes.len() as u64);
		let promised = self.database.promised(&name).await?;
		if !leads_down(&part.path) || end > promised {
			return Ok(false);
		}
		let place = partial(&within(&folder.fetching(part.kind, &name), &part.path));
		let from = part.from;
		blocking(move || {
			let failed = |source| StoreError::Files {
				path: place.clone(),
				source,
			};
			let mut file = std::fs::OpenOptions::new()
				.append(true)
				.open(&place)
				.map_err(failed)?;
			if file.metadata().map_err(failed)?.len() != from {
				return Ok(false);
			}
			file.write_all(&bytes).map_err(failed)?;
			Ok(true)
		})
		.await
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
		for row in self.database.find_file(*kind, name).await? {
			let Some(folder) = self.folder(&row.store) else {
				continue;
			};
			let place = folder.file(*kind, name);
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

/// What is wrong with a manifest's paths.
fn oddity(manifest: &Manifest) -> Option<String> {
	let odd = manifest.files.iter().find(|file| !leads_down(&file.path));
	odd.map(|file| format!("{:?} is no path within it", file.path))
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
	bundles.len() == FileType::KEPT.len()
		&& of(FileType::Sealed).any(|(_, manifest)| is_file(manifest))
		&& of(FileType::Cache).any(|(_, manifest)| is_folder(manifest))
}

fn within(root: &Path, relative: &str) -> PathBuf {
	if relative.is_empty() {
		root.to_owned()
	} else {
		root.join(relative)
	}
}

/// Looks at what has arrived below `place`, and takes away what does not belong there or is not as it should be.
fn missing_of(
	kind: FileType,
	place: &Path,
	manifest: &Manifest,
) -> Result<Vec<Missing>, StoreError> {
	let mut missing = Vec::new();
	for file in &manifest.files {
		let path = within(place, &file.path);
		let failed = |source| StoreError::Files {
			path: path.clone(),
			source,
		};
		if is_it(&path, file) {
			continue;
		}
		files::remove_any(&path)?;
		let part = partial(&path);
		let arrived = part.metadata().map_or(0, |meta| meta.len());
		if arrived == file.bytes && is_it(&part, file) {
			std::fs::File::open(&part)
				.and_then(|file| file.sync_all())
				.and_then(|()| std::fs::rename(&part, &path))
				.and_then(|()| files::sync_parent(&path))
				.map_err(failed)?;
			continue;
		}
		if arrived >= file.bytes {
			files::remove_any(&part)?;
		}
		if let Some(folder) = part.parent() {
			std::fs::create_dir_all(folder).map_err(failed)?;
		}
		let begun = std::fs::OpenOptions::new()
			.create(true)
			.append(true)
			.open(&part);
		let from = begun
			.and_then(|file| file.metadata())
			.map_err(failed)?
			.len();
		if file.bytes == 0 {
			std::fs::rename(&part, &path).map_err(failed)?;
			continue;
		}
		missing.push(Missing {
			kind,
			path: file.path.clone(),
			from,
		});
	}
	if missing.is_empty() {
		let found = files::list(place).map_err(|source| StoreError::Files {
			path: place.to_owned(),
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
}

fn is_it(path: &Path, file: &ManifestFile) -> bool {
	path.metadata()
		.is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes)
		&& files::digest(path).is_ok_and(|found| found == file.digest)
}

impl Database {
	/// How much room a sector that is to be kept is promised.
	async fn promised(&self, name: &str) -> Result<u64, DatabaseError> {
		let bytes: Option<i64> = sqlx::query_scalar(
			"SELECT bytes FROM store_reservations WHERE name = ? AND purpose = 'storing'",
		)
		.bind(name)
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
