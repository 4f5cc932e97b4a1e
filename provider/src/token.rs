//! The operator's token: who has it may see what is not for everybody.

use std::{
	fs, io,
	io::{Read, Write},
	os::unix::fs::{OpenOptionsExt, PermissionsExt},
	path::{Path, PathBuf},
};

use blake2::{digest::consts::U32, Blake2b, Digest as _};

/// A token file longer than this is none.
const MAX_FILE_BYTES: u64 = 1024;
/// A token shorter than this can be guessed.
const MIN_LENGTH: usize = 32;

/// A secret text. It is never shown.
#[derive(Clone)]
pub struct Token {
	digest: [u8; 32],
}

impl Token {
	/// The token with that text.
	pub fn new(text: &str) -> Self {
		Self {
			digest: digest(text),
		}
	}

	/// Reads the token in the file. The file must be readable by its owner only.
	pub fn read(path: &Path) -> Result<Self, TokenError> {
		Ok(Self::new(&read_token(path)?))
	}

	/// Reads the token in the file, and makes a file with a new one if there is none.
	pub fn read_or_create(path: &Path) -> Result<Self, TokenError> {
		let text = format!("{}\n", const_hex::encode(rand::random::<[u8; 32]>()));
		let created = fs::OpenOptions::new()
			.write(true)
			.create_new(true)
			.mode(0o600)
			.open(path)
			.and_then(|mut file| {
				file.write_all(text.as_bytes())?;
				file.sync_all()
			});
		match created {
			Ok(()) => Self::read(path),
			Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
			Err(source) => Err(TokenError::Files {
				path: path.to_owned(),
				source,
			}),
		}
	}

	/// Whether that is the token. What is compared are hashes, so that the time it takes tells nothing.
	pub fn matches(&self, text: &str) -> bool {
		digest(text) == self.digest
	}
}

/// The text of the token in a file that must be readable by its owner only, to be shown to somebody else.
pub fn read_token(path: &Path) -> Result<String, TokenError> {
	let text = read_private(path)?;
	let text = text.trim();
	if text.len() < MIN_LENGTH {
		return Err(TokenError::NoToken {
			path: path.to_owned(),
		});
	}
	Ok(text.to_owned())
}

fn digest(text: &str) -> [u8; 32] {
	Blake2b::<U32>::digest(text.as_bytes()).into()
}

/// The text of a small file that nobody but its owner can read.
fn read_private(path: &Path) -> Result<String, TokenError> {
	let failed = |source| TokenError::Files {
		path: path.to_owned(),
		source,
	};
	let file = fs::File::open(path).map_err(failed)?;
	let metadata = file.metadata().map_err(failed)?;
	let mode = metadata.permissions().mode() & 0o777;
	if mode & 0o077 != 0 {
		return Err(TokenError::OtherReaders {
			path: path.to_owned(),
			mode,
		});
	}
	let mut text = String::new();
	file.take(MAX_FILE_BYTES)
		.read_to_string(&mut text)
		.map_err(failed)?;
	Ok(text)
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
	/// A file cannot be used.
	#[error("cannot use the token file {}: {source}", path.display())]
	Files {
		/// Which.
		path: PathBuf,
		/// What went wrong.
		source: io::Error,
	},
	/// Others could use it.
	#[error("others than its owner can read {} (mode {mode:o}): run `chmod 600 {}`", path.display(), path.display())]
	OtherReaders {
		/// The file.
		path: PathBuf,
		/// Its mode.
		mode: u32,
	},
	/// What it holds is none.
	#[error("{} holds no token: remove it, and a new one is made", path.display())]
	NoToken {
		/// The file.
		path: PathBuf,
	},
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn a_new_token_is_kept_and_only_its_owner_can_read_it() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("api.token");
		assert!(matches!(Token::read(&path), Err(TokenError::Files { .. })));
		Token::read_or_create(&path).unwrap();
		let mode = fs::metadata(&path).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
		let text = fs::read_to_string(&path).unwrap();
		let again = Token::read_or_create(&path).unwrap();
		assert!(again.matches(text.trim()));
		assert!(!again.matches(&text));
		assert!(!again.matches(""));
	}

	#[test]
	fn a_token_that_others_can_read_or_guess_is_refused() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("api.token");
		fs::write(&path, "x".repeat(40)).unwrap();
		fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
		let error = Token::read(&path).err().unwrap();
		assert!(error.to_string().contains("chmod 600"), "{error}");
		fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
		Token::read(&path).unwrap();
		fs::write(&path, "short\n").unwrap();
		assert!(matches!(
			Token::read(&path),
			Err(TokenError::NoToken { .. })
		));
	}
}
