//! Where files are: uploads, pieces and sectors below one folder that carries a `sectorstore.json`.

use std::{
	fs, io,
	path::{Path, PathBuf},
};

use holdfast_primitives::{CommP, SectorNumber, SectorSize};
use serde::{Deserialize, Serialize};

/// The name of the file that makes a folder a store.
pub const META_FILE: &str = "sectorstore.json";

/// What a store's `sectorstore.json` says. The names are Lotus's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoreMeta {
	/// The store's identity, which the database remembers.
	#[serde(rename = "ID")]
	pub id: String,
	/// How much it is preferred; one store alone has no use for it.
	pub weight: u64,
	/// Whether sectors are sealed in it.
	pub can_seal: bool,
	/// Whether sectors are kept in it.
	pub can_store: bool,
	/// The most bytes that it may hold; 0 for all that the disk has.
	pub max_storage: u64,
}

/// The files of a provider.
#[derive(Clone, Debug)]
pub struct Store {
	root: PathBuf,
	meta: StoreMeta,
	min_free_bytes: u64,
}

/// The files of one sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectorPaths {
	/// Its data, unsealed.
	pub unsealed: PathBuf,
	/// Its replica.
	pub sealed: PathBuf,
	/// The folder of its trees and layers.
	pub cache: PathBuf,
	/// The folder for what the sealing steps hand to each other.
	pub work: PathBuf,
}

impl Store {
	/// Opens the store at `root`, or makes one.
	pub fn open(root: &Path, min_free_bytes: u64) -> Result<Self, StoreError> {
		let failed = |path: &Path| {
			let path = path.to_owned();
			move |source| StoreError::Files { path, source }
		};
		for folder in ["staging", "pieces", "unsealed", "sealed", "cache", "work"] {
			let path = root.join(folder);
			fs::create_dir_all(&path).map_err(failed(&path))?;
		}
		let path = root.join(META_FILE);
		let meta = match fs::read(&path) {
			Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| StoreError::Meta {
				path: path.clone(),
				reason: error.to_string(),
			})?,
			Err(error) if error.kind() == io::ErrorKind::NotFound => {
				let meta = StoreMeta {
					id: const_hex::encode(rand::random::<[u8; 16]>()),
					weight: 10,
					can_seal: true,
					can_store: true,
					max_storage: 0,
				};
				let text = serde_json::to_vec_pretty(&meta)
					.expect("strings and numbers are valid JSON; qed");
				write_whole(&path, &text).map_err(failed(&path))?;
				meta
			},
			Err(source) => return Err(StoreError::Files { path, source }),
		};
		if !(meta.can_seal && meta.can_store) {
			return Err(StoreError::Meta {
				path,
				reason: "the only store must be able to seal and to store".into(),
			});
		}
		Ok(Self {
			root: root.to_owned(),
			meta,
			min_free_bytes,
		})
	}

	/// The store's identity.
	pub fn id(&self) -> &str {
		&self.meta.id
	}

	/// The upload of a deal.
	pub fn staging(&self, deal: &str) -> PathBuf {
		self.root.join("staging").join(format!("{deal}.part"))
	}

	/// The CAR file of a piece.
	pub fn piece(&self, comm_p: &CommP) -> PathBuf {
		self.root
			.join("pieces")
			.join(format!("{}.car", comm_p.to_hex()))
	}

	/// The files of a sector.
	pub fn sector(&self, number: SectorNumber) -> SectorPaths {
		let name = format!("s-{number}");
		SectorPaths {
			unsealed: self.root.join("unsealed").join(&name),
			sealed: self.root.join("sealed").join(&name),
			cache: self.root.join("cache").join(&name),
			work: self.root.join("work").join(&name),
		}
	}

	/// How many bytes can still be taken: what the disk has, less what is to be left alone.
	pub fn free_bytes(&self) -> Result<u64, StoreError> {
		let stat = rustix::fs::statvfs(&self.root).map_err(|error| StoreError::Files {
			path: self.root.clone(),
			source: error.into(),
		})?;
		let mut free = stat
			.f_bavail
			.saturating_mul(stat.f_frsize)
			.saturating_sub(self.min_free_bytes);
		if self.meta.max_storage > 0 {
			free = free.min(self.meta.max_storage);
		}
		Ok(free)
	}

	/// Removes the files of a sector that is not needed any more.
	pub fn remove_sector(&self, number: SectorNumber) -> Result<(), StoreError> {
		let paths = self.sector(number);
		for file in [&paths.unsealed, &paths.sealed] {
			remove_file(file)?;
		}
		for folder in [&paths.cache, &paths.work] {
			remove_folder(folder)?;
		}
		Ok(())
	}

	/// Removes what only the sealing of a sector needed.
	pub fn remove_sealing_files(&self, number: SectorNumber) -> Result<(), StoreError> {
		let paths = self.sector(number);
		remove_file(&paths.unsealed)?;
		remove_folder(&paths.work)
	}
}

/// How many bytes the sealing of a sector takes at most, its unsealed data and replica included.
pub fn sealing_bytes(size: SectorSize) -> u64 {
	let layers = if size.is_sound() { 11 } else { 2 };
	// Unsealed data, replica, layers, the data tree (twice the data), and the two trees of arity eight
	// (together a little over 8/7 of the data each; 3 is enough for both).
	size.bytes().saturating_mul(1 + 1 + layers + 2 + 3)
}

/// Whether a sealed sector's files are there and have the right sizes. It says nothing of their
/// content: only a proof does.
pub fn is_provable(paths: &SectorPaths, size: SectorSize) -> bool {
	let replica =
		fs::metadata(&paths.sealed).is_ok_and(|meta| meta.is_file() && meta.len() == size.bytes());
	let has = |name: &str| paths.cache.join(name).is_file();
	let has_tree = fs::read_dir(&paths.cache).is_ok_and(|entries| {
		entries
			.flatten()
			.any(|entry| entry.file_name().to_string_lossy().contains("tree-r-last"))
	});
	replica && has("p_aux") && has("t_aux") && has_tree
}

/// Writes a file so that after a crash there is either all of it or what was there before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
	let temporary = path.with_extension("tmp");
	{
		use io::Write;
		let mut file = fs::File::create(&temporary)?;
		file.write_all(bytes)?;
		file.sync_all()?;
	}
	fs::rename(&temporary, path)?;
	sync_parent(path)
}

/// Makes a rename or removal in a file's folder durable.
pub fn sync_parent(path: &Path) -> io::Result<()> {
	match path.parent() {
		Some(folder) => fs::File::open(folder)?.sync_all(),
		None => Ok(()),
	}
}

/// Removes a file; none is there afterwards either way.
pub fn remove_file(path: &Path) -> Result<(), StoreError> {
	match fs::remove_file(path) {
		Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Files {
			path: path.to_owned(),
			source,
		}),
		_ => Ok(()),
	}
}

/// Removes a folder and what is in it; none is there afterwards either way.
pub fn remove_folder(path: &Path) -> Result<(), StoreError> {
	match fs::remove_dir_all(path) {
		Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Files {
			path: path.to_owned(),
			source,
		}),
		_ => Ok(()),
	}
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
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn a_store_keeps_its_identity() {
		let folder = tempfile::tempdir().unwrap();
		let first = Store::open(folder.path(), 0).unwrap();
		let second = Store::open(folder.path(), 0).unwrap();
		assert_eq!(first.id(), second.id());
		assert_ne!(
			first.id(),
			Store::open(tempfile::tempdir().unwrap().path(), 0)
				.unwrap()
				.id()
		);
	}

	#[test]
	fn a_broken_description_is_refused() {
		let folder = tempfile::tempdir().unwrap();
		for text in [
			"{",
			"{\"ID\":\"a\",\"Weight\":1,\"CanSeal\":false,\"CanStore\":true,\"MaxStorage\":0}",
		] {
			fs::write(folder.path().join(META_FILE), text).unwrap();
			assert!(matches!(
				Store::open(folder.path(), 0),
				Err(StoreError::Meta { .. })
			));
		}
	}

	#[test]
	fn a_store_that_cannot_be_made_says_where() {
		let folder = tempfile::tempdir().unwrap();
		let file = folder.path().join("file");
		fs::write(&file, "").unwrap();
		assert!(matches!(
			Store::open(&file, 0),
			Err(StoreError::Files { .. })
		));
	}

	#[test]
	fn free_space_leaves_the_reserve_alone() {
		let folder = tempfile::tempdir().unwrap();
		assert!(Store::open(folder.path(), 0).unwrap().free_bytes().unwrap() > 0);
		let reserved = Store::open(folder.path(), u64::MAX).unwrap();
		assert_eq!(reserved.free_bytes().unwrap(), 0);
		let mut bounded = Store::open(folder.path(), 0).unwrap();
		bounded.meta.max_storage = 7;
		assert_eq!(bounded.free_bytes().unwrap(), 7);
	}

	#[test]
	fn removing_takes_exactly_the_sector() {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::open(folder.path(), 0).unwrap();
		for number in [1, 11] {
			let paths = store.sector(number);
			fs::write(&paths.unsealed, "u").unwrap();
			fs::write(&paths.sealed, "s").unwrap();
			fs::create_dir(&paths.cache).unwrap();
			fs::write(paths.cache.join("p_aux"), "p").unwrap();
			fs::create_dir(&paths.work).unwrap();
		}
		store.remove_sealing_files(1).unwrap();
		assert!(store.sector(1).sealed.exists());
		assert!(!store.sector(1).unsealed.exists());
		store.remove_sector(1).unwrap();
		store.remove_sector(1).unwrap();
		assert!(!store.sector(1).sealed.exists());
		assert!(!store.sector(1).cache.exists());
		assert!(store.sector(11).cache.join("p_aux").exists());
	}

	#[test]
	fn only_whole_sectors_are_provable() {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::open(folder.path(), 0).unwrap();
		let paths = store.sector(1);
		assert!(!is_provable(&paths, SectorSize::KiB2));
		fs::create_dir(&paths.cache).unwrap();
		fs::write(&paths.sealed, vec![0; 2048]).unwrap();
		for name in ["p_aux", "t_aux", "sc-02-data-tree-r-last.dat"] {
			assert!(!is_provable(&paths, SectorSize::KiB2));
			fs::write(paths.cache.join(name), "x").unwrap();
		}
		assert!(is_provable(&paths, SectorSize::KiB2));
		fs::write(&paths.sealed, vec![0; 2047]).unwrap();
		assert!(!is_provable(&paths, SectorSize::KiB2));
	}

	#[test]
	fn files_are_written_whole() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.json");
		write_whole(&path, b"one").unwrap();
		write_whole(&path, b"two").unwrap();
		assert_eq!(fs::read(&path).unwrap(), b"two");
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
	}
}
