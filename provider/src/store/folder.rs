//! One store: a folder with a `sectorstore.json` and a folder for each type of file.

use std::{
	fmt, fs, io,
	os::unix::fs::MetadataExt,
	path::{Path, PathBuf},
};

use holdfast_primitives::{CommP, SectorNumber};
use serde::{Deserialize, Serialize};

use super::{FileType, StoreError, StoreMeta};

/// The folder for what the sealing steps hand to each other.
const WORK: &str = "work";
/// The folder for uploads.
const STAGING: &str = "staging";
/// The folder for copies that are not complete yet.
const FETCHING: &str = "fetching";

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

/// What a sector consists of while it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SectorPart {
	/// Its data, unsealed.
	Unsealed,
	/// Its replica.
	Sealed,
	/// Its trees and layers.
	Cache,
	/// What the sealing steps hand to each other.
	Work,
}

impl SectorPart {
	/// All of them.
	pub const ALL: [Self; 4] = [Self::Unsealed, Self::Sealed, Self::Cache, Self::Work];
	/// What of a sector is kept.
	pub const KEPT: [Self; 2] = [Self::Sealed, Self::Cache];

	/// Its name in requests.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Unsealed => "unsealed",
			Self::Sealed => "sealed",
			Self::Cache => "cache",
			Self::Work => "work",
		}
	}

	/// Where it is.
	pub fn of(self, paths: &SectorPaths) -> &Path {
		match self {
			Self::Unsealed => &paths.unsealed,
			Self::Sealed => &paths.sealed,
			Self::Cache => &paths.cache,
			Self::Work => &paths.work,
		}
	}

	/// As what the index knows it. What the steps hand to each other it does not know.
	pub const fn file_type(self) -> Option<FileType> {
		match self {
			Self::Unsealed => Some(FileType::Unsealed),
			Self::Sealed => Some(FileType::Sealed),
			Self::Cache => Some(FileType::Cache),
			Self::Work => None,
		}
	}
}

/// A folder that is a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
	/// Where it is.
	pub root: PathBuf,
	/// What it is for.
	pub meta: StoreMeta,
}

/// The name of a sector's files.
pub fn sector_name(number: SectorNumber) -> String {
	format!("s-{number}")
}

/// The sector whose files have that name.
pub fn sector_of(name: &str) -> Option<SectorNumber> {
	let number = name.strip_prefix("s-")?.parse().ok()?;
	(sector_name(number) == name).then_some(number)
}

/// The name of a piece's file.
pub fn piece_name(comm_p: &CommP) -> String {
	format!("{}.car", comm_p.to_hex())
}

/// The piece whose file has that name.
pub fn piece_of(name: &str) -> Option<CommP> {
	let comm_p = CommP::from_hex(name.strip_suffix(".car")?)?;
	(piece_name(&comm_p) == name).then_some(comm_p)
}

impl Folder {
	/// Opens the store at `root`, or makes one of it.
	pub fn open(root: &Path) -> Result<Self, StoreError> {
		Self::open_with(root, StoreMeta::default())
	}

	/// Opens the store at `root`, or makes one as `meta` says.
	pub fn open_with(root: &Path, meta: StoreMeta) -> Result<Self, StoreError> {
		make_folder(root)?;
		let meta = match StoreMeta::read(root)? {
			Some(meta) => meta,
			None => {
				meta.write(root)?;
				meta
			},
		};
		let folder = Self {
			root: root.to_owned(),
			meta,
		};
		let types = FileType::SEALING.map(FileType::folder);
		for name in types
			.into_iter()
			.chain([FileType::Piece.folder(), WORK, FETCHING])
		{
			make_folder(&root.join(name))?;
		}
		Ok(folder)
	}

	/// The file of that type and name.
	pub fn file(&self, kind: FileType, name: &str) -> PathBuf {
		self.root.join(kind.folder()).join(name)
	}

	/// The CAR file of a piece.
	pub fn piece(&self, comm_p: &CommP) -> PathBuf {
		self.file(FileType::Piece, &piece_name(comm_p))
	}

	/// The upload of a deal.
	pub fn staging(&self, deal: &str) -> PathBuf {
		self.root.join(STAGING).join(format!("{deal}.part"))
	}

	/// Makes the folder for uploads.
	pub(super) fn make_staging(&self) -> Result<(), StoreError> {
		make_folder(&self.root.join(STAGING))
	}

	/// The folder for what the sealing steps of a sector hand to each other.
	pub fn work(&self, name: &str) -> PathBuf {
		self.root.join(WORK).join(name)
	}

	/// Where a copy is until it is complete.
	pub(super) fn fetching(&self, kind: FileType, name: &str) -> PathBuf {
		self.root
			.join(FETCHING)
			.join(format!("{}-{name}", kind.name()))
	}

	/// The copies of a type that are not complete, and what each is of.
	pub(super) fn partial_copies(
		&self,
		kind: FileType,
	) -> Result<Vec<(PathBuf, String)>, StoreError> {
		let folder = self.root.join(FETCHING);
		let names = names_in(&folder).map_err(|source| StoreError::Files {
			path: folder.clone(),
			source,
		})?;
		Ok(names
			.into_iter()
			.filter_map(|name| {
				let of = name.strip_prefix(kind.name())?.strip_prefix('-')?;
				Some((folder.join(&name), of.to_owned()))
			})
			.collect())
	}

	/// The sectors whose sealing steps have left something for each other.
	pub(super) fn working(&self) -> Result<Vec<SectorNumber>, StoreError> {
		let folder = self.root.join(WORK);
		let names = names_in(&folder).map_err(|source| StoreError::Files {
			path: folder,
			source,
		})?;
		Ok(names.iter().filter_map(|name| sector_of(name)).collect())
	}

	/// The files of a sector that is in this store alone.
	pub fn sector(&self, number: SectorNumber) -> SectorPaths {
		let name = sector_name(number);
		SectorPaths {
			unsealed: self.file(FileType::Unsealed, &name),
			sealed: self.file(FileType::Sealed, &name),
			cache: self.file(FileType::Cache, &name),
			work: self.work(&name),
		}
	}

	/// The files that are there: their types and names. What has a name that is never given is left out.
	pub(super) fn scan(&self) -> Result<Vec<(FileType, String)>, StoreError> {
		let mut found = Vec::new();
		for kind in FileType::ALL {
			let folder = self.root.join(kind.folder());
			let names = names_in(&folder).map_err(|source| StoreError::Files {
				path: folder.clone(),
				source,
			})?;
			for name in names {
				let known = match kind {
					FileType::Piece => piece_of(&name).is_some(),
					_ => sector_of(&name).is_some(),
				};
				if known {
					found.push((kind, name));
				}
			}
		}
		found.sort();
		Ok(found)
	}
}

/// The names in a folder; none if there is no folder.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
	let entries = match fs::read_dir(folder) {
		Ok(entries) => entries,
		Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
		Err(error) => return Err(error),
	};
	let mut names = Vec::new();
	for entry in entries {
		if let Ok(name) = entry?.file_name().into_string() {
			names.push(name);
		}
	}
	Ok(names)
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
	fs::create_dir_all(path).map_err(|source| StoreError::Files {
		path: path.to_owned(),
		source,
	})
}

/// What a file system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskStat {
	/// Which file system it is.
	pub file_system: u64,
	/// How many bytes can be written.
	pub free: u64,
	/// How many bytes it has in all.
	pub total: u64,
}

/// Who knows what file systems have.
pub trait Disks: fmt::Debug + Send + Sync {
	/// The file system that a path is on.
	fn stat(&self, path: &Path) -> io::Result<DiskStat>;
}

/// What the kernel says.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisks;

impl Disks for SystemDisks {
	fn stat(&self, path: &Path) -> io::Result<DiskStat> {
		let file_system = fs::metadata(path)?.dev();
		let stat = rustix::fs::statvfs(path)?;
		Ok(DiskStat {
			file_system,
			free: stat.f_bavail.saturating_mul(stat.f_frsize),
			total: stat.f_blocks.saturating_mul(stat.f_frsize),
		})
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn a_store_keeps_its_identity() {
		let folder = tempfile::tempdir().unwrap();
		let first = Folder::open(folder.path()).unwrap();
		let second = Folder::open(folder.path()).unwrap();
		assert_eq!(first, second);
		let other = tempfile::tempdir().unwrap();
		assert_ne!(first.meta.id, Folder::open(other.path()).unwrap().meta.id);
	}

	#[test]
	fn a_store_that_cannot_be_made_says_where() {
		let folder = tempfile::tempdir().unwrap();
		let file = folder.path().join("file");
		fs::write(&file, "").unwrap();
		assert!(matches!(Folder::open(&file), Err(StoreError::Files { .. })));
	}

	#[test]
	fn names_lead_back_to_what_they_are_of() {
		assert_eq!(sector_of(&sector_name(17)), Some(17));
		let piece = CommP([7; 32]);
		assert_eq!(piece_of(&piece_name(&piece)), Some(piece));
		for name in ["s-", "s-01", "s-+1", "s--1", "17", "s-1.tmp", "s-../1"] {
			assert_eq!(sector_of(name), None, "{name}");
		}
		for name in ["", ".car", "07.car", "s-1"] {
			assert_eq!(piece_of(name), None, "{name}");
		}
	}

	#[test]
	fn a_scan_finds_what_is_there_and_nothing_else() {
		let folder = tempfile::tempdir().unwrap();
		let store = Folder::open(folder.path()).unwrap();
		fs::write(store.file(FileType::Sealed, "s-3"), "x").unwrap();
		fs::create_dir(store.file(FileType::Cache, "s-3")).unwrap();
		fs::write(store.file(FileType::Cache, "notes.txt"), "x").unwrap();
		fs::write(store.piece(&CommP([1; 32])), "x").unwrap();
		fs::write(store.fetching(FileType::Sealed, "s-4"), "x").unwrap();
		assert_eq!(
			store.scan().unwrap(),
			[
				(FileType::Sealed, "s-3".to_owned()),
				(FileType::Cache, "s-3".to_owned()),
				(FileType::Piece, piece_name(&CommP([1; 32]))),
			]
		);
	}

	#[test]
	fn paths_on_one_disk_share_a_file_system() {
		let folder = tempfile::tempdir().unwrap();
		fs::create_dir(folder.path().join("inner")).unwrap();
		let outer = SystemDisks.stat(folder.path()).unwrap();
		let inner = SystemDisks.stat(&folder.path().join("inner")).unwrap();
		assert_eq!(outer.file_system, inner.file_system);
		assert!(outer.total >= outer.free && outer.total > 0);
		assert!(SystemDisks.stat(&folder.path().join("none")).is_err());
	}
}
