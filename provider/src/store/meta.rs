//! `sectorstore.json`: the file that makes a folder a store.

use std::{collections::BTreeSet, fs, io, path::Path};

use serde::{Deserialize, Deserializer, Serialize};

use super::{files::write_whole, StoreError};

/// The name of the file that makes a folder a store.
pub const META_FILE: &str = "sectorstore.json";
/// How much a store is preferred if nobody says.
pub const DEFAULT_WEIGHT: u64 = 10;

/// What a file of the store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileType {
	/// A sector's data.
	Unsealed,
	/// A sector's replica.
	Sealed,
	/// The folder of a sector's trees and layers.
	Cache,
	/// The CAR file of a piece.
	Piece,
	/// Reserved: the replica of an updated sector.
	Update,
	/// Reserved: the trees of an updated sector.
	UpdateCache,
}

impl FileType {
	/// All of them.
	pub const ALL: [Self; 6] = [
		Self::Unsealed,
		Self::Sealed,
		Self::Cache,
		Self::Piece,
		Self::Update,
		Self::UpdateCache,
	];
	/// What sealing a sector makes.
	pub const SEALING: [Self; 3] = [Self::Unsealed, Self::Sealed, Self::Cache];
	/// What of a sector is kept.
	pub const KEPT: [Self; 2] = [Self::Sealed, Self::Cache];

	/// The name in `sectorstore.json` and in the database.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Unsealed => "unsealed",
			Self::Sealed => "sealed",
			Self::Cache => "cache",
			Self::Piece => "piece",
			Self::Update => "update",
			Self::UpdateCache => "update-cache",
		}
	}

	/// The type of that name.
	pub fn from_name(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|kind| kind.name() == name)
	}

	/// The folder within a store.
	pub const fn folder(self) -> &'static str {
		match self {
			Self::Piece => "pieces",
			other => other.name(),
		}
	}
}

/// What a store's `sectorstore.json` says. The names are Lotus's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoreMeta {
	/// The store's identity, which the database remembers.
	#[serde(rename = "ID")]
	pub id: String,
	/// How much it is preferred; nothing is written to a store of weight 0.
	pub weight: u64,
	/// Whether sectors are sealed in it.
	pub can_seal: bool,
	/// Whether sectors are kept in it.
	pub can_store: bool,
	/// The most bytes that it may hold; 0 for all that the disk has.
	#[serde(default)]
	pub max_storage: u64,
	/// The groups that it belongs to.
	#[serde(default, deserialize_with = "list")]
	pub groups: Vec<String>,
	/// Its files may be moved only to stores of these groups; none means to all.
	#[serde(default, deserialize_with = "list")]
	pub allow_to: Vec<String>,
	/// It takes only these types; none means all.
	#[serde(default, deserialize_with = "list")]
	pub allow_types: Vec<FileType>,
	/// It does not take these types.
	#[serde(default, deserialize_with = "list")]
	pub deny_types: Vec<FileType>,
}

/// Lotus writes `null` for a list that is empty.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<Vec<T>, D::Error> {
	Ok(Option::<Vec<T>>::deserialize(input)?.unwrap_or_default())
}

impl Default for StoreMeta {
	/// A store with a new identity, for everything.
	fn default() -> Self {
		Self {
			id: const_hex::encode(rand::random::<[u8; 16]>()),
			weight: DEFAULT_WEIGHT,
			can_seal: true,
			can_store: true,
			max_storage: 0,
			groups: Vec::new(),
			allow_to: Vec::new(),
			allow_types: Vec::new(),
			deny_types: Vec::new(),
		}
	}
}

impl StoreMeta {
	/// Reads the description of the store at `root`. `None` if the folder is no store.
	pub fn read(root: &Path) -> Result<Option<Self>, StoreError> {
		let path = root.join(META_FILE);
		let unusable = |reason: String| StoreError::Meta {
			path: path.clone(),
			reason,
		};
		let bytes = match fs::read(&path) {
			Ok(bytes) => bytes,
			Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
			Err(source) => return Err(StoreError::Files { path, source }),
		};
		let meta: Self =
			serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
		let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
		if meta.id.is_empty() || meta.id.len() > 64 || !meta.id.bytes().all(named) {
			return Err(unusable(
				"its ID must be 1 to 64 letters, digits or hyphens".into(),
			));
		}
		Ok(Some(meta))
	}

	/// Writes the description of the store at `root`.
	pub fn write(&self, root: &Path) -> Result<(), StoreError> {
		let path = root.join(META_FILE);
		let text =
			serde_json::to_vec_pretty(self).expect("strings and numbers are valid JSON; qed");
		write_whole(&path, &text).map_err(|source| StoreError::Files { path, source })
	}

	/// Whether files of that type may be written to it.
	pub fn takes(&self, kind: FileType) -> bool {
		self.weight > 0
			&& (self.allow_types.is_empty() || self.allow_types.contains(&kind))
			&& !self.deny_types.contains(&kind)
	}

	/// Whether its files may be moved to `other`.
	pub fn may_move_to(&self, other: &Self) -> bool {
		let groups: BTreeSet<_> = other.groups.iter().collect();
		self.allow_to.is_empty() || self.allow_to.iter().any(|group| groups.contains(group))
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn every_type_has_one_name_and_one_folder() {
		let folders: BTreeSet<_> = FileType::ALL.map(FileType::folder).into();
		assert_eq!(folders.len(), FileType::ALL.len());
		for kind in FileType::ALL {
			assert_eq!(FileType::from_name(kind.name()), Some(kind));
			let json = serde_json::to_value(kind).unwrap();
			assert_eq!(json, kind.name());
		}
		assert_eq!(FileType::from_name("staging"), None);
	}

	/// Row 58: a description as Lotus writes it.
	#[test]
	fn a_description_of_lotus_is_understood() {
		let folder = tempfile::tempdir().unwrap();
		fs::write(
			folder.path().join(META_FILE),
			r#"{"ID":"1f9fe85a-1b3c-4b05-8f06-ccb9a9d1d2a5","Weight":10,"CanSeal":false,"CanStore":true,
			"MaxStorage":7,"Groups":["cold"],"AllowTo":null,"AllowTypes":["sealed","update-cache"],
			"DenyTypes":null,"AllowMiners":null}"#,
		)
		.unwrap();
		let meta = StoreMeta::read(folder.path()).unwrap().unwrap();
		assert_eq!((meta.max_storage, meta.groups.len()), (7, 1));
		assert_eq!(meta.allow_types, [FileType::Sealed, FileType::UpdateCache]);
		assert!(meta.allow_to.is_empty() && !meta.can_seal);
		meta.write(folder.path()).unwrap();
		assert_eq!(StoreMeta::read(folder.path()).unwrap(), Some(meta));
	}

	#[test]
	fn a_broken_description_is_refused() {
		let folder = tempfile::tempdir().unwrap();
		assert_eq!(StoreMeta::read(folder.path()).unwrap(), None);
		for text in [
			"{",
			r#"{"ID":"","Weight":1,"CanSeal":true,"CanStore":true}"#,
			r#"{"ID":"../up","Weight":1,"CanSeal":true,"CanStore":true}"#,
			r#"{"ID":"a","Weight":1,"CanSeal":true,"CanStore":true,"DenyTypes":["staging"]}"#,
		] {
			fs::write(folder.path().join(META_FILE), text).unwrap();
			assert!(
				matches!(StoreMeta::read(folder.path()), Err(StoreError::Meta { .. })),
				"{text}"
			);
		}
	}

	/// Row 58: weight 0 is read-only, and the lists of types and groups are kept to.
	#[test]
	fn weight_types_and_groups_say_what_a_store_takes() {
		let mut meta = StoreMeta::default();
		assert!(FileType::ALL.into_iter().all(|kind| meta.takes(kind)));
		meta.deny_types = vec![FileType::Piece];
		assert!(!meta.takes(FileType::Piece) && meta.takes(FileType::Sealed));
		meta.allow_types = vec![FileType::Piece, FileType::Cache];
		assert!(!meta.takes(FileType::Piece) && !meta.takes(FileType::Sealed));
		assert!(meta.takes(FileType::Cache));
		meta.weight = 0;
		assert!(!meta.takes(FileType::Cache));

		let mut other = StoreMeta::default();
		assert!(meta.may_move_to(&other));
		meta.allow_to = vec!["cold".into(), "attic".into()];
		assert!(!meta.may_move_to(&other));
		other.groups = vec!["cold".into()];
		assert!(meta.may_move_to(&other));
	}
}
