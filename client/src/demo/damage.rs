//! Damages a piece on the provider's disk, and repairs it.

use std::{
	fs, io,
	path::{Path, PathBuf},
};

use holdfast_primitives::CommP;

use super::DemoError;

/// A damaged file and its good bytes.
pub struct Damage {
	path: PathBuf,
	good: Vec<u8>,
}

impl Damage {
	/// Flips one bit in the middle of the stored piece.
	pub fn inflict(provider: &Path, piece: &CommP) -> Result<Self, DemoError> {
		let missing = || {
			io::Error::new(
				io::ErrorKind::NotFound,
				format!("no file of the provider holds piece {piece}"),
			)
		};
		let path = find(provider, &piece.to_hex())
			.map_err(|source| DemoError::File {
				path: provider.into(),
				source,
			})?
			.ok_or_else(|| DemoError::File {
				path: provider.into(),
				source: missing(),
			})?;
		let failed = |source| DemoError::File {
			path: path.clone(),
			source,
		};
		let good = fs::read(&path).map_err(failed)?;
		let mut bad = good.clone();
		let middle = bad.len() / 2;
		if let Some(byte) = bad.get_mut(middle) {
			*byte ^= 1;
		}
		fs::write(&path, bad).map_err(failed)?;
		Ok(Self { path, good })
	}

	/// Puts the good bytes back.
	pub fn heal(self) -> Result<(), DemoError> {
		fs::write(&self.path, &self.good).map_err(|source| DemoError::File {
			path: self.path.clone(),
			source,
		})
	}
}

/// The file below `folder` whose name begins with `name`.
fn find(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
	for entry in fs::read_dir(folder)? {
		let entry = entry?;
		let path = entry.path();
		if entry.file_type()?.is_dir() {
			if let Some(found) = find(&path, name)? {
				return Ok(Some(found));
			}
		} else if entry.file_name().to_string_lossy().starts_with(name) {
			return Ok(Some(path));
		}
	}
	Ok(None)
}
