//! What is stored: a hashed file or folder, and the CARs that are made of it.

use std::{
	fs::File,
	io::{self, Read},
	path::Path,
};

use holdfast_data::{
	folder::{pack_folder, FolderPackage},
	Cid, Package, Piece,
};
use holdfast_primitives::{CommP, PaddedPieceSize, PieceInfo};

use super::{PutError, PutEvent, PutOptions};
use crate::ticket::FolderNodes;

/// What is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
	File { bytes: u64 },
	Folder,
}

pub(super) fn check_source(path: &Path) -> Result<Source, PutError> {
	let metadata = std::fs::metadata(path).map_err(|source| PutError::File {
		path: path.into(),
		source,
	})?;
	if metadata.is_dir() {
		return Ok(Source::Folder);
	}
	if !metadata.is_file() {
		return Err(PutError::NotAFile(path.into()));
	}
	if metadata.len() == 0 {
		return Err(PutError::Empty(path.into()));
	}
	Ok(Source::File {
		bytes: metadata.len(),
	})
}

/// A hashed file or folder.
#[derive(Clone, Debug)]
pub(super) enum Packed {
	File(Package),
	Folder(FolderPackage),
}

impl Packed {
	pub(super) const fn root(&self) -> Cid {
		match self {
			Self::File(package) => package.root,
			Self::Folder(package) => package.root,
		}
	}

	pub(super) const fn file_bytes(&self) -> u64 {
		match self {
			Self::File(package) => package.file_bytes,
			Self::Folder(package) => package.file_bytes,
		}
	}

	pub(super) const fn shards(&self) -> usize {
		match self {
			Self::File(package) => package.shards.len(),
			Self::Folder(package) => package.shards.len(),
		}
	}

	pub(super) fn piece(&self, index: usize) -> Result<PieceInfo, PutError> {
		let Piece {
			commitment,
			padded_bytes,
			..
		} = match self {
			Self::File(package) => package.shards[index].piece,
			Self::Folder(package) => package.shards[index].piece,
		};
		let size = PaddedPieceSize::new(padded_bytes).ok_or(PutError::Overflow)?;
		Ok(PieceInfo {
			commitment: CommP(commitment),
			size,
		})
	}

	pub(super) fn car_bytes(&self, index: usize) -> u64 {
		match self {
			Self::File(package) => package.shards[index].layout.car_bytes(),
			Self::Folder(package) => package.shards[index].layout.car_bytes(),
		}
	}

	/// The CAR of a shard from a byte on, made of the file or folder at `path`.
	pub(super) fn open_at(
		&self,
		index: usize,
		path: &Path,
		offset: u64,
	) -> io::Result<Box<dyn Read>> {
		Ok(match self {
			Self::File(package) => {
				let file = File::open(path)?;
				Box::new(package.shards[index].layout.open_at(file, offset))
			},
			Self::Folder(package) => Box::new(package.shards[index].layout.open_at(offset)),
		})
	}

	pub(super) fn folder_nodes(&self) -> Option<FolderNodes> {
		match self {
			Self::File(_) => None,
			Self::Folder(package) => Some(FolderNodes {
				shard: u32::try_from(package.nodes.shard).unwrap_or(u32::MAX),
				offset: package.nodes.offset,
			}),
		}
	}
}

pub(super) async fn hash(
	options: &PutOptions,
	source: Source,
	capacity: u64,
	report: &(dyn Fn(PutEvent) + Send + Sync),
) -> Result<Packed, PutError> {
	let (path, hidden) = (options.file.clone(), options.hidden);
	let (progress, mut steps) = tokio::sync::mpsc::unbounded_channel();
	let hashing = tokio::task::spawn_blocking(move || {
		// Nobody listening only means that nobody is shown the progress.
		let mut show = |done| {
			let _ = progress.send(done);
		};
		if source == Source::Folder {
			let package = pack_folder(&path, hidden, capacity, &mut show)?;
			return Ok::<_, PutError>(Packed::Folder(package));
		}
		let file = File::open(&path).map_err(|source| PutError::File {
			path: path.clone(),
			source,
		})?;
		let package = holdfast_data::pack(file, capacity, &mut show)?;
		Ok(Packed::File(package))
	});
	while let Some(done) = steps.recv().await {
		// How much a folder has is known when it was read.
		let total = match source {
			Source::File { bytes } => bytes,
			Source::Folder => done,
		};
		report(PutEvent::Hashing { done, total });
	}
	let package = hashing
		.await
		.map_err(|_| PutError::Changed(options.file.clone()))??;
	if matches!(source, Source::File { bytes } if bytes != package.file_bytes()) {
		return Err(PutError::Changed(options.file.clone()));
	}
	Ok(package)
}
