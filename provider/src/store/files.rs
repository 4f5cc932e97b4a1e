//! Writing and removing files so that a crash leaves nothing half done.

use std::{
	fs, io,
	os::unix::fs::MetadataExt,
	path::{Path, PathBuf},
};

use blake2::{digest::consts::U32, Blake2b, Digest as _};

use super::StoreError;

/// The unit of `st_blocks`.
const BLOCK_BYTES: u64 = 512;
/// How much is read at a time.
const BUFFER_BYTES: usize = 1 << 20;

type Blake2b256 = Blake2b<U32>;

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

/// Where a file is until all of it has arrived.
pub fn partial(place: &Path) -> PathBuf {
	let mut name = place.as_os_str().to_owned();
	name.push(".part");
	PathBuf::from(name)
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

/// Removes a file or folder. A symbolic link is removed and not followed.
pub fn remove_any(path: &Path) -> Result<(), StoreError> {
	match fs::symlink_metadata(path) {
		Ok(meta) if meta.is_dir() => remove_folder(path),
		_ => remove_file(path),
	}
}

/// The files below a path, relative to it, in order; for a file only itself, as an empty path. Symbolic
/// links are not followed and do not count.
pub fn list(path: &Path) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
	let mut found = Vec::new();
	let mut waiting = vec![PathBuf::new()];
	while let Some(relative) = waiting.pop() {
		let whole = if relative.as_os_str().is_empty() {
			path.to_owned()
		} else {
			path.join(&relative)
		};
		let meta = fs::symlink_metadata(&whole)?;
		if meta.is_file() {
			found.push((relative, meta));
		} else if meta.is_dir() {
			for entry in fs::read_dir(&whole)? {
				waiting.push(relative.join(entry?.file_name()));
			}
		}
	}
	found.sort_by(|(one, _), (other, _)| one.cmp(other));
	Ok(found)
}

/// How many bytes a file or the files of a folder have.
pub fn length(path: &Path) -> io::Result<u64> {
	Ok(list(path)?
		.iter()
		.fold(0u64, |sum, (_, meta)| sum.saturating_add(meta.len())))
}

/// How many bytes of the disk a file or folder takes; none if there is none.
pub fn occupied(path: &Path) -> u64 {
	list(path).map_or(0, |files| {
		files.iter().fold(0u64, |sum, (_, meta)| {
			sum.saturating_add(meta.blocks().saturating_mul(BLOCK_BYTES))
		})
	})
}

/// The BLAKE2b-256 digest of a file, or of a folder's files with their names and lengths, in hexadecimal.
pub fn digest(path: &Path) -> io::Result<String> {
	let files = list(path)?;
	let mut whole = Blake2b256::new();
	for (relative, meta) in &files {
		let place = if relative.as_os_str().is_empty() {
			path.to_owned()
		} else {
			path.join(relative)
		};
		whole.update(relative.as_os_str().as_encoded_bytes());
		whole.update([0]);
		whole.update(meta.len().to_le_bytes());
		let mut one = Blake2b256::new();
		let mut file = fs::File::open(&place)?;
		let mut buffer = vec![0; BUFFER_BYTES];
		loop {
			match io::Read::read(&mut file, &mut buffer)? {
				0 => break,
				count => one.update(buffer.get(..count).unwrap_or_default()),
			}
		}
		whole.update(one.finalize());
	}
	Ok(const_hex::encode(whole.finalize()))
}

/// Copies a file or folder to a place where there is nothing yet, and makes the copy durable.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
	for (relative, _) in list(from)? {
		let (source, target) = if relative.as_os_str().is_empty() {
			(from.to_owned(), to.to_owned())
		} else {
			(from.join(&relative), to.join(&relative))
		};
		if let Some(parent) = target.parent() {
			fs::create_dir_all(parent)?;
		}
		fs::copy(&source, &target)?;
		fs::File::open(&target)?.sync_all()?;
		sync_parent(&target)?;
	}
	// A folder without files is a folder, too.
	if from.is_dir() {
		fs::create_dir_all(to)?;
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn files_are_written_whole() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.json");
		write_whole(&path, b"one").unwrap();
		write_whole(&path, b"two").unwrap();
		assert_eq!(fs::read(&path).unwrap(), b"two");
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
	}

	#[test]
	fn a_copy_has_the_same_digest_and_any_change_another_one() {
		let folder = tempfile::tempdir().unwrap();
		let (from, to) = (folder.path().join("from"), folder.path().join("to"));
		fs::create_dir_all(from.join("inner")).unwrap();
		fs::write(from.join("a"), "12").unwrap();
		fs::write(from.join("inner/b"), "3").unwrap();
		copy(&from, &to).unwrap();
		assert_eq!(digest(&from).unwrap(), digest(&to).unwrap());
		assert_eq!((length(&to).unwrap(), list(&to).unwrap().len()), (3, 2));
		// The same bytes in other files, another name, a flipped bit, an empty file more.
		let original = digest(&from).unwrap();
		for change in [
			|to: &Path| {
				fs::write(to.join("a"), "1").and_then(|()| fs::write(to.join("inner/b"), "23"))
			},
			|to: &Path| fs::rename(to.join("a"), to.join("c")),
			|to: &Path| fs::write(to.join("a"), "13"),
			|to: &Path| fs::write(to.join("d"), ""),
		] {
			remove_any(&to).unwrap();
			copy(&from, &to).unwrap();
			change(&to).unwrap();
			assert_ne!(digest(&to).unwrap(), original);
		}
		assert_ne!(
			digest(&from.join("a")).unwrap(),
			digest(&from.join("inner/b")).unwrap()
		);
		assert!(digest(&folder.path().join("none")).is_err());
	}

	#[test]
	fn links_are_removed_and_not_followed() {
		let folder = tempfile::tempdir().unwrap();
		let outside = folder.path().join("outside");
		fs::create_dir(&outside).unwrap();
		fs::write(outside.join("precious"), "x").unwrap();
		let link = folder.path().join("link");
		std::os::unix::fs::symlink(&outside, &link).unwrap();
		assert!(list(&link).unwrap().is_empty());
		assert_eq!(occupied(&link), 0);
		remove_any(&link).unwrap();
		remove_any(&link).unwrap();
		assert!(!link.exists() && outside.join("precious").exists());
	}

	#[test]
	fn holes_take_no_space() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("sparse");
		fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
		assert_eq!(length(&path).unwrap(), 1 << 30);
		assert!(occupied(&path) < 1 << 20);
		assert_eq!(occupied(&folder.path().join("none")), 0);
	}
}
