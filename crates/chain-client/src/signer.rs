//! Keys that sign: from a file or an environment variable, never from a command line.

use std::{
	fmt, fs,
	io::{Read, Write},
	path::{Path, PathBuf},
	str::FromStr,
	sync::Arc,
};

use rand::{rngs::OsRng, RngCore};
use subxt_signer::{
	bip39::Mnemonic,
	sr25519::{verify, Keypair, PublicKey, Signature},
	SecretUri,
};

use crate::AccountId;

/// A key file longer than this is none.
const MAX_KEY_FILE_BYTES: u64 = 4096;

/// An sr25519 key pair. Cheap to clone; its secret is never shown.
#[derive(Clone)]
pub struct Signer {
	keypair: Arc<Keypair>,
	account: AccountId,
}

impl Signer {
	/// Reads a file that holds one secret: a mnemonic, a `0x` seed of 32 bytes, or either followed by a
	/// derivation path (`…//provider`). The file must be readable by its owner only.
	pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SignerError> {
		let path = path.as_ref();
		let unreadable = |source| SignerError::Unreadable {
			path: path.to_owned(),
			source,
		};
		let file = fs::File::open(path).map_err(unreadable)?;
		let metadata = file.metadata().map_err(unreadable)?;
		refuse_other_readers(path, &metadata)?;
		if !metadata.is_file() || metadata.len() > MAX_KEY_FILE_BYTES {
			return Err(SignerError::NotAKeyFile {
				path: path.to_owned(),
			});
		}
		let mut text = String::new();
		file.take(MAX_KEY_FILE_BYTES)
			.read_to_string(&mut text)
			.map_err(unreadable)?;
		Self::from_secret(&text)
	}

	/// Reads the secret, in the same forms as [`Signer::from_file`], from an environment variable.
	pub fn from_environment(variable: &str) -> Result<Self, SignerError> {
		let text = std::env::var(variable).map_err(|_| SignerError::NoVariable {
			variable: variable.to_owned(),
		})?;
		Self::from_secret(&text)
	}

	/// A well-known account of development networks, such as `//Alice`. Its secret is public.
	pub fn development(path: &str) -> Result<Self, SignerError> {
		if !path.starts_with("//") {
			return Err(SignerError::NotADevelopmentAccount);
		}
		Self::from_uri(path)
	}

	/// Makes a new key and writes its secret, a mnemonic of 12 words, to a new file that only its owner
	/// can read. A file that is there already is never overwritten.
	pub fn create_file(path: impl AsRef<Path>) -> Result<Self, SignerError> {
		let path = path.as_ref();
		let (signer, phrase) = Self::generate()?;
		let unwritable = |source| SignerError::Unwritable {
			path: path.to_owned(),
			source,
		};
		let mut options = fs::OpenOptions::new();
		options.write(true).create_new(true);
		#[cfg(unix)]
		{
			use std::os::unix::fs::OpenOptionsExt;
			options.mode(0o600);
		}
		let mut file = options.open(path).map_err(unwritable)?;
		writeln!(file, "{phrase}")
			.and_then(|()| file.sync_all())
			.map_err(unwritable)?;
		Ok(signer)
	}

	fn generate() -> Result<(Self, String), SignerError> {
		let mut entropy = [0; 16];
		OsRng
			.try_fill_bytes(&mut entropy)
			.map_err(|_| SignerError::NoRandomness)?;
		let mnemonic = Mnemonic::from_entropy(&entropy).map_err(|_| SignerError::BadSecret)?;
		let phrase = mnemonic.to_string();
		Ok((Self::from_uri(&phrase)?, phrase))
	}

	/// The account whose key this is.
	pub fn account(&self) -> AccountId {
		self.account
	}

	/// An sr25519 signature of `message`, in Substrate's signing context.
	pub fn sign(&self, message: &[u8]) -> [u8; 64] {
		self.keypair.sign(message).0
	}

	pub(crate) fn keypair(&self) -> &Keypair {
		&self.keypair
	}

	/// A path alone would mean the well-known development mnemonic, whose accounts anybody can empty;
	/// a file that holds `//Alice` is accepted, because that is what it says.
	fn from_secret(text: &str) -> Result<Self, SignerError> {
		let text = text.trim();
		if text.is_empty() {
			return Err(SignerError::BadSecret);
		}
		Self::from_uri(text)
	}

	// The underlying errors can quote parts of the secret, so they are dropped.
	fn from_uri(text: &str) -> Result<Self, SignerError> {
		let uri = SecretUri::from_str(text).map_err(|_| SignerError::BadSecret)?;
		let keypair = Keypair::from_uri(&uri).map_err(|_| SignerError::BadSecret)?;
		let account = AccountId(keypair.public_key().0);
		Ok(Self {
			keypair: Arc::new(keypair),
			account,
		})
	}
}

impl fmt::Debug for Signer {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Signer")
			.field("account", &self.account)
			.finish_non_exhaustive()
	}
}

/// Whether `signature` is `account`'s signature of `message`.
pub fn verify_signature(account: &AccountId, message: &[u8], signature: &[u8; 64]) -> bool {
	verify(&Signature(*signature), message, &PublicKey(account.0))
}

#[cfg(unix)]
fn refuse_other_readers(path: &Path, metadata: &fs::Metadata) -> Result<(), SignerError> {
	use std::os::unix::fs::PermissionsExt;
	if metadata.permissions().mode() & 0o077 != 0 {
		return Err(SignerError::ReadableByOthers {
			path: path.to_owned(),
		});
	}
	Ok(())
}

#[cfg(not(unix))]
fn refuse_other_readers(_: &Path, _: &fs::Metadata) -> Result<(), SignerError> {
	Ok(())
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
	/// The key file cannot be read.
	#[error("cannot read the key file {}: {source}", path.display())]
	Unreadable {
		/// The file.
		path: PathBuf,
		/// What went wrong.
		source: std::io::Error,
	},
	/// The new key file cannot be written.
	#[error("cannot write the key file {}: {source}", path.display())]
	Unwritable {
		/// The file.
		path: PathBuf,
		/// What went wrong; `AlreadyExists` if there is such a file.
		source: std::io::Error,
	},
	/// The system gives no random bytes.
	#[error("the operating system gives no random bytes, so no key can be made")]
	NoRandomness,
	/// Others than its owner may read the key file.
	#[error("the key file {0} can be read by others: run `chmod 600 {0}`", path.display())]
	ReadableByOthers {
		/// The file.
		path: PathBuf,
	},
	/// It is a folder or a device, or far too long.
	#[error("{} is not a key file: it must be a small file that holds one secret", path.display())]
	NotAKeyFile {
		/// The file.
		path: PathBuf,
	},
	/// The environment variable is not set.
	#[error("the environment variable {variable} is not set: it must hold the secret")]
	NoVariable {
		/// Its name.
		variable: String,
	},
	/// The text is not a secret in any of the forms.
	#[error("not a secret: expected a mnemonic or a 0x seed of 32 bytes, perhaps with a //path")]
	BadSecret,
	/// A development account is a path alone.
	#[error("not a development account: expected a path such as //Alice")]
	NotADevelopmentAccount,
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
	const ALICE_SEED: &str = "0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a";

	fn key_file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
		use std::os::unix::fs::PermissionsExt;
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("key");
		let mut file = fs::File::create(&path).unwrap();
		file.write_all(content).unwrap();
		fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
		(folder, path)
	}

	#[test]
	fn a_private_file_gives_its_key() {
		for (content, mode) in [
			(format!("{ALICE_SEED}\n"), 0o600),
			("//Alice".to_owned(), 0o400),
			(
				"bottom drive obey lake curtain smoke basket hold race lonely fit walk//Alice\n"
					.to_owned(),
				0o600,
			),
		] {
			let (_folder, path) = key_file(content.as_bytes(), mode);
			assert_eq!(
				Signer::from_file(&path).unwrap().account().to_string(),
				ALICE
			);
		}
	}

	#[test]
	fn a_file_that_others_can_read_is_refused() {
		for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
			let (_folder, path) = key_file(b"//Alice", mode);
			assert!(matches!(
				Signer::from_file(&path),
				Err(SignerError::ReadableByOthers { .. })
			));
		}
	}

	#[test]
	fn what_is_not_a_key_file_is_refused() {
		use std::os::unix::fs::PermissionsExt;
		assert!(matches!(
			Signer::from_file("/no/such/file"),
			Err(SignerError::Unreadable { .. })
		));
		let folder = tempfile::tempdir().unwrap();
		fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
		assert!(matches!(
			Signer::from_file(folder.path()),
			Err(SignerError::NotAKeyFile { .. })
		));
		let (_folder, long) = key_file(&[b'a'; 5000], 0o600);
		assert!(matches!(
			Signer::from_file(&long),
			Err(SignerError::NotAKeyFile { .. })
		));
		let (_folder, binary) = key_file(&[0xff; 16], 0o600);
		assert!(matches!(
			Signer::from_file(&binary),
			Err(SignerError::Unreadable { .. })
		));
		for content in ["", " \n", "0x12", "one two three", "0xzz"] {
			let (_folder, path) = key_file(content.as_bytes(), 0o600);
			assert!(
				matches!(Signer::from_file(&path), Err(SignerError::BadSecret)),
				"{content}"
			);
		}
	}

	#[test]
	fn an_unset_variable_is_named() {
		let error = Signer::from_environment("HOLDFAST_NO_SUCH_KEY").unwrap_err();
		assert!(error.to_string().contains("HOLDFAST_NO_SUCH_KEY"));
	}

	#[test]
	fn development_accounts_are_paths_alone() {
		assert_eq!(
			Signer::development("//Alice")
				.unwrap()
				.account()
				.to_string(),
			ALICE
		);
		for text in ["Alice", "/Alice", ALICE_SEED, ""] {
			assert!(matches!(
				Signer::development(text),
				Err(SignerError::NotADevelopmentAccount)
			));
		}
	}

	#[test]
	fn secrets_are_never_shown() {
		let (signer, phrase) = Signer::generate().unwrap();
		let shown = format!("{signer:?}");
		assert!(shown.contains(&signer.account().to_string()));
		for word in phrase.split(' ') {
			assert!(!shown.contains(word));
		}
		let error = Signer::from_secret("abandon secretword about").unwrap_err();
		assert!(!format!("{error:?} {error}").contains("secretword"));
	}

	#[test]
	fn signatures_verify_for_their_message_and_account_only() {
		let alice = Signer::development("//Alice").unwrap();
		let bob = Signer::development("//Bob").unwrap();
		let signature = alice.sign(b"message");
		assert!(verify_signature(&alice.account(), b"message", &signature));
		assert!(!verify_signature(&alice.account(), b"massage", &signature));
		assert!(!verify_signature(&bob.account(), b"message", &signature));
		assert!(!verify_signature(&alice.account(), b"message", &[0xff; 64]));
		assert!(!verify_signature(
			&AccountId([0xff; 32]),
			b"message",
			&signature
		));
	}

	#[test]
	fn a_new_key_file_is_private_and_never_overwritten() {
		use std::os::unix::fs::PermissionsExt;
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("key");
		let signer = Signer::create_file(&path).unwrap();
		let mode = fs::metadata(&path).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
		assert_eq!(
			Signer::from_file(&path).unwrap().account(),
			signer.account()
		);
		assert!(matches!(
			Signer::create_file(&path),
			Err(SignerError::Unwritable { .. })
		));
		assert_eq!(
			Signer::from_file(&path).unwrap().account(),
			signer.account()
		);
		let other = Signer::create_file(folder.path().join("other")).unwrap();
		assert_ne!(other.account(), signer.account());
	}
}
