//! Taking stores in and out of use, and bringing the index in line with the disks.

use std::path::Path;

use super::{text, FileRow, Folder, Store, StoreError, StoreMeta};
use crate::database::now;

/// What a look at the disks changed in the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Redeclared {
	/// Files that were not in the index.
	pub added: u64,
	/// Files that are not on disk.
	pub missing: u64,
}

impl Store {
	/// Declares what is on disk and not in the index, in all stores or one. What is in the index and not on
	/// disk is counted, and dropped if `drop_missing` is said.
	pub async fn redeclare(
		&self,
		only: Option<&str>,
		drop_missing: bool,
	) -> Result<Redeclared, StoreError> {
		let mut result = Redeclared::default();
		for folder in self.folders() {
			if only.is_some_and(|only| only != folder.meta.id) {
				continue;
			}
			let known = self.database.store_files(Some(&folder.meta.id)).await?;
			let found = folder.scan()?;
			for (kind, name) in &found {
				let is_known = |row: &FileRow| row.kind == kind.name() && row.name == *name;
				if !known.iter().any(is_known) {
					self.declare(&folder, *kind, name, None).await?;
					result.added = result.added.saturating_add(1);
				}
			}
			for row in &known {
				let there = found
					.iter()
					.any(|(kind, name)| row.kind == kind.name() && row.name == *name);
				if there {
					continue;
				}
				result.missing = result.missing.saturating_add(1);
				if drop_missing {
					self.database
						.drop_file(&row.kind, &row.name, &row.store)
						.await?;
				}
			}
		}
		Ok(result)
	}

	/// Makes a folder a store, or takes one that is, and uses it. Its files are declared.
	pub async fn attach(&self, root: &Path, meta: StoreMeta) -> Result<Folder, StoreError> {
		let folder = Folder::open_with(root, meta)?;
		let root = root.canonicalize().map_err(|source| StoreError::Files {
			path: root.to_owned(),
			source,
		})?;
		if !self
			.database
			.attach_store(&folder.meta.id, &text(&root), now())
			.await?
		{
			return Err(StoreError::InUse {
				id: folder.meta.id.clone(),
			});
		}
		self.refresh().await?;
		self.redeclare(Some(&folder.meta.id), false).await?;
		Ok(Folder { root, ..folder })
	}

	/// Uses a store no more. Its files stay, but are not found. Unless `force` is said, that is refused while
	/// sectors that are needed have their only copy in it.
	pub async fn detach(&self, id: &str, force: bool) -> Result<(), StoreError> {
		let refused = |reason: String| StoreError::Detach {
			id: id.to_owned(),
			reason,
		};
		if id == self.id() {
			return Err(refused("it is the configured one".into()));
		}
		let sealing = self.database.reservations(now()).await?;
		if let Some(found) = sealing.iter().find(|found| found.store == id) {
			return Err(refused(format!("{} is being written to it", found.name)));
		}
		let needed = self.needed_only_in(id).await?;
		if let (Some(first), false) = (needed.first(), force) {
			return Err(refused(format!(
				"{first} and {} others are needed and nowhere else",
				needed.len().saturating_sub(1)
			)));
		}
		if !self.database.detach_store(id).await? {
			return Err(refused("there is no such store".into()));
		}
		self.refresh().await?;
		Ok(())
	}
}
