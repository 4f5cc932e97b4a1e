//! Writing below a folder and nowhere else: every step goes through an open folder, never through a
//! symbolic link, and a file gets its name only when it is whole.

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::{
	fs::File,
	io,
	os::fd::OwnedFd,
	path::{Path, PathBuf},
	sync::atomic::{AtomicU64, Ordering},
};

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
	fd: OwnedFd,
	path: PathBuf,
	depth: usize,
}

impl Folder {
	/// Opens the folder that the user named, and makes it if it is not there.
	pub(crate) fn open(path: &Path) -> io::Result<Self> {
		std::fs::create_dir_all(path)?;
		let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
		Ok(Self {
			fd: rustix::fs::open(path, flags, Mode::empty())?,
			path: path.to_owned(),
			depth: 0,
		})
	}

	/// Where it is, for messages.
	pub(crate) fn path(&self) -> &Path {
		&self.path
	}

	/// How many folders below the first it is.
	pub(crate) const fn depth(&self) -> usize {
		self.depth
	}

	/// Opens a folder in this one, and makes it if it is not there.
	pub(crate) fn enter(&self, name: &str) -> io::Result<Self> {
		match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o777)) {
			Ok(()) | Err(rustix::io::Errno::EXIST) => {},
			Err(error) => return Err(error.into()),
		}
		let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
		Ok(Self {
			fd: rustix::fs::openat(&self.fd, name, flags, Mode::empty())?,
			path: self.path.join(name),
			depth: self.depth.saturating_add(1),
		})
	}

	/// Whether something has this name.
	pub(crate) fn has(&self, name: &str) -> io::Result<bool> {
		match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
			Ok(_) => Ok(true),
			Err(rustix::io::Errno::NOENT) => Ok(false),
			Err(error) => Err(error.into()),
		}
	}

	/// Opens a file for reading, if it is one.
	pub(crate) fn read(&self, name: &str) -> io::Result<Option<File>> {
		match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
			Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {},
			Ok(_) | Err(rustix::io::Errno::NOENT) => return Ok(None),
			Err(error) => return Err(error.into()),
		}
		let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
		let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
		Ok(Some(File::from(fd)))
	}

	/// Begins a file that has no name of its own yet.
	pub(crate) fn create<'a>(&'a self, name: &'a str) -> io::Result<PartialFile<'a>> {
		static NUMBER: AtomicU64 = AtomicU64::new(0);
		let number = NUMBER.fetch_add(1, Ordering::Relaxed);
		let temporary = format!(".holdfast-{}-{number}.partial", std::process::id());
		let flags =
			OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
		let fd = rustix::fs::openat(&self.fd, &temporary, flags, Mode::from_raw_mode(0o666))?;
		Ok(PartialFile {
			folder: self,
			name,
			temporary: Some(temporary),
			file: File::from(fd),
		})
	}

	/// Makes a symbolic link in place of whatever has the name, unless that is a folder.
	pub(crate) fn link(&self, name: &str, target: &str) -> io::Result<()> {
		match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
			Ok(()) | Err(rustix::io::Errno::NOENT) => {},
			Err(error) => return Err(error.into()),
		}
		Ok(rustix::fs::symlinkat(target, &self.fd, name)?)
	}
}

/// A file without its name. It is removed unless it gets it.
#[derive(Debug)]
pub(crate) struct PartialFile<'a> {
	folder: &'a Folder,
	name: &'a str,
	temporary: Option<String>,
	pub(crate) file: File,
}

impl PartialFile<'_> {
	/// Gives the file its name, in place of what has it, unless that is a folder.
	pub(crate) fn finish(mut self) -> io::Result<()> {
		if let Some(temporary) = &self.temporary {
			rustix::fs::renameat(&self.folder.fd, temporary, &self.folder.fd, self.name)?;
			self.temporary = None;
		}
		Ok(())
	}
}

impl Drop for PartialFile<'_> {
	fn drop(&mut self) {
		if let Some(temporary) = self.temporary.take() {
			// Nothing can be done about a file that cannot be removed; it has no name that matters.
			let _ = rustix::fs::unlinkat(&self.folder.fd, temporary, AtFlags::empty());
		}
	}
}

/// Whether a symbolic link `depth` folders below the first leads to something below the first, whatever
/// other such links there are. Only a beginning of `..` is followed upwards: behind a name there may be a
/// link.
pub(crate) fn stays_inside(depth: usize, target: &str) -> bool {
	if target.is_empty() || target.starts_with('/') || target.contains('\0') {
		return false;
	}
	let mut names = target
		.split('/')
		.filter(|name| !name.is_empty() && *name != ".")
		.peekable();
	let mut up = 0usize;
	while names.next_if(|name| *name == "..").is_some() {
		up = up.saturating_add(1);
	}
	up <= depth && names.all(|name| name != "..")
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{fs, io::Write, os::unix::fs::symlink};

	#[test]
	fn a_file_appears_only_when_it_is_whole() {
		let temp = tempfile::tempdir().unwrap();
		let folder = Folder::open(&temp.path().join("a/b")).unwrap();
		let mut partial = folder.create("file").unwrap();
		partial.file.write_all(b"half").unwrap();
		assert!(!folder.has("file").unwrap());
		drop(partial);
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
		let mut partial = folder.create("file").unwrap();
		partial.file.write_all(b"whole").unwrap();
		partial.finish().unwrap();
		assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"whole");
		assert!(folder.read("file").unwrap().is_some());
		assert!(folder.read("other").unwrap().is_none());
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
	}

	#[test]
	fn nothing_goes_through_a_link() {
		let temp = tempfile::tempdir().unwrap();
		let outside = tempfile::tempdir().unwrap();
		symlink(outside.path(), temp.path().join("link")).unwrap();
		fs::write(outside.path().join("file"), "theirs").unwrap();
		symlink(outside.path().join("file"), temp.path().join("file")).unwrap();
		let folder = Folder::open(temp.path()).unwrap();
		assert!(folder.enter("link").is_err());
		assert!(folder.read("file").unwrap().is_none());
		let mut partial = folder.create("file").unwrap();
		partial.file.write_all(b"ours").unwrap();
		partial.finish().unwrap();
		assert_eq!(fs::read(outside.path().join("file")).unwrap(), b"theirs");
		assert_eq!(fs::read(temp.path().join("file")).unwrap(), b"ours");
		folder.link("file", "elsewhere").unwrap();
		assert_eq!(folder.enter("sub").unwrap().depth(), 1);
	}

	#[test]
	fn links_that_could_lead_out_are_told() {
		for target in ["a", "a/b", "./a", "a//b/", "...", "..a"] {
			assert!(stays_inside(0, target), "{target}");
		}
		for target in [
			"", "/", "/etc", "..", "../a", "a/..", "a/../b", "./../a", "a\0",
		] {
			assert!(!stays_inside(0, target), "{target}");
		}
		assert!(stays_inside(2, "../../a"));
		assert!(!stays_inside(2, "../../../a"));
		assert!(!stays_inside(2, "../a/../b"));
	}
}
