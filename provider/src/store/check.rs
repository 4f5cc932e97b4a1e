//! Whether the files are there and are what they were.

use std::{
	fs::{self, File},
	io,
	path::{Path, PathBuf},
};

use holdfast_data::PieceReader;
use holdfast_primitives::{CommP, SectorSize};
use serde::Serialize;

use super::{
	copies::{blocking, digest},
	piece_of, sector_name, sector_of, FileRow, FileType, LockMode, SectorPaths, Store, StoreError,
};
use crate::database::{Database, DatabaseError, SectorState};

/// What is wrong with a file or a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
	/// `store`, or the type of a file.
	pub kind: String,
	/// The store's ID, or the file's name.
	pub name: String,
	/// Where it is, or should be.
	pub path: PathBuf,
	/// What is wrong.
	pub problem: String,
}

/// What reading all files gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scrubbed {
	/// Files that were read and are what they were.
	pub intact: u64,
	/// Files whose digest was not known and is now.
	pub recorded: u64,
	/// Files that somebody was working on.
	pub busy: u64,
	/// The others.
	pub problems: Vec<Problem>,
}

/// Whether a sealed sector's files are there and have the right sizes. It says nothing of their
/// content: only a proof does.
pub fn is_provable(paths: &SectorPaths, size: SectorSize) -> bool {
	missing(paths, size).is_empty()
}

/// What a sealed sector lacks.
fn missing(paths: &SectorPaths, size: SectorSize) -> Vec<(FileType, PathBuf, String)> {
	let mut found = Vec::new();
	let replica = match fs::metadata(&paths.sealed) {
		Ok(meta) if !meta.is_file() => Some("is no file".into()),
		Ok(meta) if meta.len() != size.bytes() => Some(format!(
			"has {} bytes instead of {}",
			meta.len(),
			size.bytes()
		)),
		Ok(_) => None,
		Err(error) => Some(reason(&error)),
	};
	if let Some(problem) = replica {
		found.push((FileType::Sealed, paths.sealed.clone(), problem));
	}
	for name in ["p_aux", "t_aux"] {
		let path = paths.cache.join(name);
		if !path.is_file() {
			found.push((FileType::Cache, path, "is missing".into()));
		}
	}
	let has_tree = fs::read_dir(&paths.cache).is_ok_and(|entries| {
		entries
			.flatten()
			.any(|entry| entry.file_name().to_string_lossy().contains("tree-r-last"))
	});
	if !has_tree {
		let problem = "has no tree of the replica".into();
		found.push((FileType::Cache, paths.cache.clone(), problem));
	}
	found
}

fn reason(error: &io::Error) -> String {
	match error.kind() {
		io::ErrorKind::NotFound => "is missing".into(),
		_ => format!("cannot be read: {error}"),
	}
}

/// Whether a sector of that state has been sealed.
const fn is_sealed(state: SectorState) -> bool {
	matches!(
		state,
		SectorState::PreCommitting
			| SectorState::PreCommitted
			| SectorState::Proving
			| SectorState::ProveCommitting
			| SectorState::Finalizing
			| SectorState::Active
	)
}

impl Store {
	/// Looks whether all stores can be used and whether what is needed is there, with the right lengths.
	pub async fn check(&self, size: SectorSize) -> Result<Vec<Problem>, StoreError> {
		let mut problems = Vec::new();
		for row in self.refresh().await? {
			if let (true, Some(error)) = (row.attached, &row.error) {
				problems.push(Problem {
					kind: "store".into(),
					name: row.id.clone(),
					path: row.root(),
					problem: error.clone(),
				});
			}
		}
		for sector in self.database.sectors().await? {
			// What a worker has, the worker checks before each proof.
			if !is_sealed(sector.state) || self.database.home(sector.number).await?.is_some() {
				continue;
			}
			let paths = self.sector(sector.number).await?;
			for (kind, path, problem) in missing(&paths, size) {
				problems.push(Problem {
					kind: kind.name().into(),
					name: sector_name(sector.number),
					path,
					problem,
				});
			}
		}
		for (comm_p, bytes) in self.database.needed_pieces().await? {
			let path = self.piece(&comm_p);
			let problem = match fs::metadata(&path) {
				Ok(meta) if meta.len() == bytes => continue,
				Ok(meta) => format!("has {} bytes instead of {bytes}", meta.len()),
				Err(error) => reason(&error),
			};
			problems.push(Problem {
				kind: FileType::Piece.name().into(),
				name: super::piece_name(&comm_p),
				path,
				problem,
			});
		}
		Ok(problems)
	}

	/// Reads what is kept, and compares it with what it was: a piece with its commitment, other files with
	/// the digest that was noted when they were put in their places.
	pub async fn scrub(&self) -> Result<Scrubbed, StoreError> {
		self.refresh().await?;
		let mut result = Scrubbed::default();
		for row in self.database.store_files(None).await? {
			let Some(kind) = FileType::from_name(&row.kind) else {
				continue;
			};
			let Some(folder) = self.folder(&row.store) else {
				continue;
			};
			if kind != FileType::Piece && !self.is_kept(kind, &row.name).await? {
				continue;
			}
			let locked = self
				.database
				.lock(&row.name, LockMode::Read, self.who)
				.await?;
			let Some(lock) = locked else {
				result.busy = result.busy.saturating_add(1);
				continue;
			};
			let path = folder.file(kind, &row.name);
			let problem = match piece_of(&row.name) {
				Some(comm_p) if kind == FileType::Piece => self.damaged_piece(&path, comm_p).await,
				_ => self.damaged(&row, &path, &mut result).await,
			};
			lock.release().await?;
			match problem? {
				None => result.intact = result.intact.saturating_add(1),
				Some(problem) => result.problems.push(Problem {
					kind: row.kind.clone(),
					name: row.name.clone(),
					path,
					problem,
				}),
			}
		}
		Ok(result)
	}

	/// Whether a file does not have the data of a piece.
	pub(crate) async fn damaged_piece(
		&self,
		path: &Path,
		comm_p: CommP,
	) -> Result<Option<String>, StoreError> {
		let padded = self.database.padded_bytes(&comm_p).await?;
		damaged_piece(path, comm_p, padded).await
	}

	/// Whether it is a file of a proven sector.
	async fn is_kept(&self, kind: FileType, name: &str) -> Result<bool, StoreError> {
		let Some(number) = sector_of(name) else {
			return Ok(false);
		};
		let sector = self.database.sector(number).await?;
		let active = sector.is_some_and(|sector| sector.state == SectorState::Active);
		Ok(active && FileType::KEPT.contains(&kind))
	}

	async fn damaged(
		&self,
		row: &FileRow,
		path: &Path,
		result: &mut Scrubbed,
	) -> Result<Option<String>, StoreError> {
		let found = match digest(path.to_owned()).await {
			Ok(found) => found,
			Err(StoreError::Files { source, .. }) => return Ok(Some(reason(&source))),
			Err(other) => return Err(other),
		};
		match &row.digest {
			None => {
				self.database.set_file_digest(row, &found).await?;
				result.recorded = result.recorded.saturating_add(1);
				Ok(None)
			},
			Some(known) if *known == found => Ok(None),
			Some(_) => Ok(Some("is not what it was: bytes have changed".into())),
		}
	}
}

async fn damaged_piece(
	path: &Path,
	comm_p: CommP,
	padded: Option<u64>,
) -> Result<Option<String>, StoreError> {
	let path = path.to_owned();
	blocking(move || {
		let computed: io::Result<CommP> = (|| {
			let mut reader = PieceReader::new(File::open(&path)?);
			io::copy(&mut reader, &mut io::sink())?;
			let hasher = reader.finish()?;
			let piece = match padded {
				Some(padded) => hasher.finish_padded_to(padded),
				None => hasher.finish(),
			};
			Ok(CommP(piece.map_err(io::Error::other)?.commitment))
		})();
		Ok(match computed {
			Ok(found) if found == comm_p => None,
			Ok(found) => Some(format!("has the commitment {found}")),
			Err(error) => Some(reason(&error)),
		})
	})
	.await
}

impl Database {
	/// The padded length that deals say a piece has.
	async fn padded_bytes(&self, comm_p: &CommP) -> Result<Option<u64>, DatabaseError> {
		let (bytes,): (Option<i64>,) =
			sqlx::query_as("SELECT MAX(piece_bytes) FROM deals WHERE comm_p = ?")
				.bind(comm_p.to_hex())
				.fetch_one(self.pool())
				.await?;
		crate::database::from_optional_row(bytes, "size")
	}

	/// The pieces that deals need, and their lengths.
	pub(crate) async fn needed_pieces(&self) -> Result<Vec<(CommP, u64)>, DatabaseError> {
		let rows: Vec<(String, i64)> = sqlx::query_as(
			"SELECT comm_p, MIN(payload_bytes) FROM deals WHERE state NOT IN \
			 ('awaiting-data', 'completed', 'failed', 'expired') GROUP BY comm_p ORDER BY comm_p",
		)
		.fetch_all(self.pool())
		.await?;
		rows.into_iter()
			.map(|(name, bytes)| {
				let comm_p = CommP::from_hex(&name);
				let comm_p = comm_p.ok_or(DatabaseError::Unreadable { what: "piece" })?;
				Ok((comm_p, crate::database::from_row(bytes, "size")?))
			})
			.collect()
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::store::Folder;

	#[test]
	fn only_whole_sectors_are_provable() {
		let folder = tempfile::tempdir().unwrap();
		let paths = Folder::open(folder.path()).unwrap().sector(1);
		assert_eq!(missing(&paths, SectorSize::KiB2).len(), 4);
		fs::create_dir(&paths.cache).unwrap();
		fs::write(&paths.sealed, vec![0; 2048]).unwrap();
		for name in ["p_aux", "t_aux", "sc-02-data-tree-r-last.dat"] {
			assert!(!is_provable(&paths, SectorSize::KiB2));
			fs::write(paths.cache.join(name), "x").unwrap();
		}
		assert!(is_provable(&paths, SectorSize::KiB2));
		fs::write(&paths.sealed, vec![0; 2047]).unwrap();
		let found = missing(&paths, SectorSize::KiB2);
		assert_eq!(found[0].2, "has 2047 bytes instead of 2048");
	}
}
