//! Moving files between stores. At every point of it exactly one whole copy is the primary.

use std::path::PathBuf;

use holdfast_primitives::SectorNumber;
use tracing::{info, warn};

use super::{
	files, sector_name, Declared, FileRow, FileType, Folder, Lock, LockMode, Purpose, Store,
	StoreError, Wanted,
};
use crate::database::now;

/// Where a move can be interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
	/// Room is promised.
	Reserved,
	/// The copy is complete, under another name.
	Copied,
	/// The copy is in its place, and not in the index.
	Placed,
	/// The copy is the primary.
	Declared,
	/// The old copy is out of the index, and still on disk.
	Released,
}

impl Step {
	#[cfg(test)]
	pub(super) const ALL: [Self; 5] = [
		Self::Reserved,
		Self::Copied,
		Self::Placed,
		Self::Declared,
		Self::Released,
	];
}

impl Store {
	/// Moves what is kept of a sector to the store `to`, or to the best one that may keep it. Proofs go on
	/// meanwhile. Returns the store.
	pub async fn move_sector(
		&self,
		number: SectorNumber,
		to: Option<&str>,
	) -> Result<String, StoreError> {
		let Some(lock) = self.lock(number, LockMode::Write).await? else {
			return Err(StoreError::Busy {
				name: sector_name(number),
			});
		};
		let moved = self.move_locked(number, to, &lock, &|_| false).await;
		lock.release().await?;
		moved
	}

	/// Brings what is kept of a proven sector to a store that may keep it, and notes what it is. Whoever
	/// calls it has the sector locked.
	pub async fn keep(&self, number: SectorNumber, lock: &Lock) -> Result<(), StoreError> {
		self.declare_sector(number).await?;
		let name = sector_name(number);
		let mut homeless = false;
		for kind in FileType::KEPT {
			for row in self.database.find_file(kind, &name).await? {
				let folder = self.folder(&row.store);
				homeless |= row.is_primary && folder.is_some_and(|folder| !folder.meta.can_store);
			}
		}
		if homeless {
			self.move_locked(number, None, lock, &|_| false).await?;
		}
		for kind in FileType::KEPT {
			for row in self.database.find_file(kind, &name).await? {
				if row.digest.is_some() {
					continue;
				}
				if let Some(folder) = self.folder(&row.store) {
					let digest = digest(folder.file(kind, &name)).await?;
					self.database.set_file_digest(&row, &digest).await?;
				}
			}
		}
		Ok(())
	}

	/// Moves a sector whose lock the caller has. `stops` says where to stop, as a crash would.
	pub(super) async fn move_locked(
		&self,
		number: SectorNumber,
		to: Option<&str>,
		lock: &Lock,
		stops: &(dyn Fn(Step) -> bool + Send + Sync),
	) -> Result<String, StoreError> {
		let name = sector_name(number);
		let refused = |reason: String| StoreError::Move {
			name: name.clone(),
			reason,
		};
		let reached = |step| {
			if stops(step) {
				Err(refused(format!("stopped after {step:?}")))
			} else {
				Ok(())
			}
		};
		let mut sources = Vec::new();
		for kind in FileType::KEPT {
			let rows = self.database.find_file(kind, &name).await?;
			let primary = rows.into_iter().find(|row| row.is_primary);
			let primary = primary
				.ok_or_else(|| refused(format!("its {} file is in no store", kind.name())))?;
			let folder = self
				.folder(&primary.store)
				.ok_or_else(|| refused(format!("the store {} cannot be reached", primary.store)))?;
			sources.push((kind, primary, folder));
		}
		sources.retain(|(_, row, _)| to.is_none_or(|to| to != row.store));
		let Some((_, _, first)) = sources.first() else {
			return Ok(to.unwrap_or_default().to_owned());
		};
		let bytes = sources
			.iter()
			.try_fold(0u64, |sum, (_, row, _)| {
				sum.checked_add(u64::try_from(row.bytes).ok()?)
			})
			.unwrap_or(u64::MAX);
		let from = first.meta.clone();
		let wanted = Wanted {
			purpose: Purpose::Storing,
			kinds: &FileType::KEPT,
			bytes,
			from: Some(&from),
		};
		let only = to.map(|to| [to.to_owned()]);
		let only = only.as_ref().map(|id| &id[..]);
		let id = self
			.reserve(&name, wanted, only, Some(lock.holder()))
			.await?;
		let target = self
			.folder(&id)
			.ok_or_else(|| refused(format!("the store {id} cannot be reached")))?;
		reached(Step::Reserved)?;
		for (kind, row, folder) in &sources {
			if row.store == id {
				continue;
			}
			let digest = self
				.place_copy(*kind, row, folder, &target, &reached)
				.await?;
			let file = Declared {
				kind: *kind,
				name: &name,
				store: &id,
				bytes: u64::try_from(row.bytes).unwrap_or(0),
				digest: Some(&digest),
			};
			self.database.declare_primary(file, now()).await?;
			reached(Step::Declared)?;
		}
		for (kind, row, folder) in &sources {
			if row.store != id {
				self.remove_copy(*kind, &row.name, folder, &reached).await?;
			}
		}
		info!(sector = number, store = id, "is moved");
		Ok(id)
	}

	/// Makes a whole copy in its place. Returns its digest.
	async fn place_copy(
		&self,
		kind: FileType,
		row: &FileRow,
		from: &Folder,
		target: &Folder,
		reached: &(dyn Fn(Step) -> Result<(), StoreError> + Send + Sync),
	) -> Result<String, StoreError> {
		let source = from.file(kind, &row.name);
		let (partial, place) = (
			target.fetching(kind, &row.name),
			target.file(kind, &row.name),
		);
		let original = digest(source.clone()).await?;
		if row.digest.as_ref().is_some_and(|known| *known != original) {
			return Err(StoreError::Move {
				name: row.name.clone(),
				reason: format!(
					"its {} file is damaged in the store {}",
					kind.name(),
					row.store
				),
			});
		}
		files::remove_any(&partial)?;
		if place.exists() {
			// An earlier move left it there.
			if digest(place.clone()).await? == original {
				return Ok(original);
			}
			let (kind, store) = (kind.name(), &target.meta.id);
			if !self
				.database
				.release_file(kind, &row.name, store, false, now())
				.await?
			{
				return Err(StoreError::Busy {
					name: row.name.clone(),
				});
			}
			files::remove_any(&place)?;
		}
		blocking({
			let (source, partial) = (source, partial.clone());
			move || {
				files::copy(&source, &partial).map_err(|error| StoreError::Files {
					path: partial,
					source: error,
				})
			}
		})
		.await?;
		let copied = digest(partial.clone()).await?;
		if copied != original {
			return Err(StoreError::Move {
				name: row.name.clone(),
				reason: "the copy is not equal to the original".into(),
			});
		}
		reached(Step::Copied)?;
		let failed = |source| StoreError::Files {
			path: place.clone(),
			source,
		};
		std::fs::rename(&partial, &place).map_err(failed)?;
		files::sync_parent(&place).map_err(failed)?;
		reached(Step::Placed)?;
		Ok(original)
	}

	/// Removes a copy that is not the primary, unless a proof is reading it.
	async fn remove_copy(
		&self,
		kind: FileType,
		name: &str,
		folder: &Folder,
		reached: &(dyn Fn(Step) -> Result<(), StoreError> + Send + Sync),
	) -> Result<(), StoreError> {
		let released = self
			.database
			.release_file(kind.name(), name, &folder.meta.id, false, now())
			.await?;
		if !released {
			warn!(
				name,
				store = folder.meta.id,
				"a proof reads the old copy; `store gc` removes it later"
			);
			return Ok(());
		}
		reached(Step::Released)?;
		files::remove_any(&folder.file(kind, name))
	}

	/// Removes the parts of copies that nobody is making any more.
	pub(super) async fn tidy_copies(&self) -> Result<(), StoreError> {
		let mut busy = self.database.locked_names(now()).await?;
		// What workers send goes on where it stopped.
		busy.extend(self.database.moving_names().await?);
		for folder in self.folders() {
			for kind in FileType::ALL {
				for (path, name) in folder.partial_copies(kind)? {
					let whole = name.strip_suffix(".part").unwrap_or(&name);
					if !busy.iter().any(|busy| busy == whole) {
						files::remove_any(&path)?;
					}
				}
			}
		}
		Ok(())
	}
}

/// A file's or folder's digest, computed where it does not keep others waiting.
pub(super) async fn digest(path: PathBuf) -> Result<String, StoreError> {
	blocking(move || {
		files::digest(&path).map_err(|source| StoreError::Files {
			path: path.clone(),
			source,
		})
	})
	.await
}

pub(super) async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
	tokio::task::spawn_blocking(work)
		.await
		.map_err(|error| StoreError::Interrupted {
			reason: error.to_string(),
		})?
}
