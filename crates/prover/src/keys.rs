//! The proving and verifying keys on disk.
//!
//! The directory is filecoin-proofs' parameter cache: `v28-….params`, `.vk` and `.meta` have the names and
//! encodings that it expects. Next to them, `.digest` has the digests of what the set-up wrote, and
//! `.checked` remembers for which sizes and times of change they were last compared.
//!
//! The set-up is deterministic: its trapdoor is drawn by ChaCha20 from
//! `BLAKE2b-256("holdfast/devnet-key/1" ‖ name)`, with a name like `porep-8MiB`. **The seed is public on
//! purpose**, so that everybody gets the same keys and nobody mistakes them for safe ones.

use std::{
	cell::Cell,
	fs::{self, File},
	io::{self, BufWriter, ErrorKind, Read, Write},
	path::{Path, PathBuf},
	sync::{Mutex, OnceLock},
	time::{Duration, Instant, UNIX_EPOCH},
};

use blake2::{digest::consts::U32, Blake2b, Digest as _};
use holdfast_primitives::{Digest, KeyId, ProofKind};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};
use rustix::fs::{flock, FlockOperation};
use serde::{Deserialize, Serialize};

use crate::{
	error::KeyError,
	parameters::{
		expected_bytes, expected_constraints, file_names, is_supported, porep_circuit,
		window_post_circuit, FileNames,
	},
	setup::{write_parameters, Outcome, SetupError, Trapdoor, Work},
};

type Blake2b256 = Blake2b<U32>;

/// The environment variable with the keys' directory.
const DIRECTORY_VARIABLE: &str = "HOLDFAST_KEYS";
/// The name of the file that says what the keys are.
const NOTICE_FILE: &str = "DEVNET-KEYS.txt";
/// What it says.
const NOTICE: &str =
	"These are proving keys for development networks. Their trapdoor comes from a public seed: \
	anybody can forge proofs with it. A chain with the production policy refuses them.\n";
/// How often a waiting process looks whether the other one is done.
const WAIT: Duration = Duration::from_millis(500);
/// The least time between two reports.
const REPORT: Duration = Duration::from_millis(500);

/// The store that this process has bound filecoin-proofs to.
static BOUND: OnceLock<KeyStore> = OnceLock::new();
/// Held while the environment is set and filecoin-proofs reads it.
static BINDING: Mutex<()> = Mutex::new(());

/// What a key's set-up is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStage {
	/// Another process is making keys in the same directory.
	Waiting,
	/// The key is being made.
	Generating,
	/// The key is complete.
	Done,
}

/// How far a key's set-up is.
#[derive(Clone, Copy, Debug)]
pub struct KeyProgress {
	/// The key.
	pub key: KeyId,
	/// What is being done.
	pub stage: KeyStage,
	/// The part that is done, from 0 to 1.
	pub fraction: f64,
	/// The time since the beginning.
	pub elapsed: Duration,
	/// The estimated time to the end, once there is enough to estimate from.
	pub remaining: Option<Duration>,
}

/// A key's common name, such as `porep-8MiB` or `window-post-2KiB`.
pub fn key_name(key: KeyId) -> String {
	let kind = match key.kind {
		ProofKind::PoRep => "porep",
		ProofKind::WindowPoSt => "window-post",
	};
	format!("{kind}-{}", key.sector_size)
}

/// The directory for keys: `$HOLDFAST_KEYS`, or else `$HOME/.cache/holdfast/keys`.
pub fn default_directory() -> Result<PathBuf, KeyError> {
	directory_from(
		std::env::var_os(DIRECTORY_VARIABLE),
		std::env::var_os("HOME"),
	)
}

fn directory_from(
	keys: Option<std::ffi::OsString>,
	home: Option<std::ffi::OsString>,
) -> Result<PathBuf, KeyError> {
	keys.filter(|path| !path.is_empty())
		.map(PathBuf::from)
		.or_else(|| {
			home.filter(|path| !path.is_empty())
				.map(|home| Path::new(&home).join(".cache/holdfast/keys"))
		})
		.ok_or(KeyError::NoDirectory)
}

/// A directory of keys.
#[derive(Clone, Debug)]
pub struct KeyStore {
	directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Digests {
	name: String,
	parameters: String,
	verifying_key: String,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Checked {
	length: u64,
	modified: u128,
	digest: String,
}

impl KeyStore {
	/// Opens a directory, which is created if need be, and binds filecoin-proofs to it for the life of
	/// the process: the environment variables `FIL_PROOFS_PARAMETER_CACHE` and `FIL_PROOFS_PARENT_CACHE`
	/// are set to it and its folder `parents`. Call it early, while the process has one thread.
	///
	/// Opening the same directory again is fine; another one is refused.
	pub fn open(directory: impl AsRef<Path>) -> Result<Self, KeyError> {
		let store = Self::in_directory(directory.as_ref())?;
		let parents = store.parents();
		fs::create_dir_all(&parents).map_err(|source| file_error("create", &parents, source))?;
		let _guard = BINDING
			.lock()
			.unwrap_or_else(|poisoned| poisoned.into_inner());
		if BOUND.get().is_none() {
			std::env::set_var("FIL_PROOFS_PARAMETER_CACHE", &store.directory);
			std::env::set_var("FIL_PROOFS_PARENT_CACHE", &parents);
			// This reads the settings, unless somebody did so before.
			let bound = storage_proofs_core::parameter_cache::parameter_cache_dir();
			if bound != store.directory {
				return Err(KeyError::OtherDirectory {
					bound,
					wanted: store.directory,
				});
			}
		}
		let bound = BOUND.get_or_init(|| store.clone());
		if bound.directory != store.directory {
			return Err(KeyError::OtherDirectory {
				bound: bound.directory.clone(),
				wanted: store.directory,
			});
		}
		Ok(store)
	}

	/// The store that this process has opened.
	pub fn opened() -> Result<&'static Self, KeyError> {
		BOUND.get().ok_or(KeyError::NotOpened)
	}

	/// A store that can make and read keys, but that filecoin-proofs does not use.
	pub(crate) fn in_directory(directory: &Path) -> Result<Self, KeyError> {
		fs::create_dir_all(directory).map_err(|source| file_error("create", directory, source))?;
		let directory = directory
			.canonicalize()
			.map_err(|source| file_error("find", directory, source))?;
		Ok(Self { directory })
	}

	/// The keys' directory.
	pub fn directory(&self) -> &Path {
		&self.directory
	}

	/// Where filecoin-proofs keeps the graphs' parents.
	pub(crate) fn parents(&self) -> PathBuf {
		self.directory.join("parents")
	}

	/// Makes the devnet key if it is not there, and checks it if it is. Blocks for as long as another
	/// process makes keys in the same directory. What an interrupted set-up left is deleted.
	pub fn ensure(&self, key: KeyId, progress: &dyn Fn(KeyProgress)) -> Result<(), KeyError> {
		match self.check(key) {
			Err(KeyError::Missing { .. }) => {},
			result => return result,
		}
		let start = Instant::now();
		let report = |stage, fraction: f64, remaining| {
			progress(KeyProgress {
				key,
				stage,
				fraction,
				elapsed: start.elapsed(),
				remaining,
			})
		};
		let _lock = self.lock(&|| report(KeyStage::Waiting, 0.0, None))?;
		match self.check(key) {
			Err(KeyError::Missing { .. }) => {},
			result => return result,
		}

		let start = Instant::now();
		let last = Cell::new(None::<Instant>);
		self.generate(key, &|work| {
			let due = last.get().is_none_or(|last| last.elapsed() >= REPORT);
			if due {
				last.set(Some(Instant::now()));
				let (fraction, remaining) = estimate(work, start.elapsed());
				report(KeyStage::Generating, fraction, remaining);
			}
		})?;
		report(KeyStage::Done, 1.0, Some(Duration::ZERO));
		Ok(())
	}

	/// Checks that the key is there and is what the set-up wrote. The large file is read in full only if
	/// its size or time of change differ from those of the last check.
	pub fn check(&self, key: KeyId) -> Result<(), KeyError> {
		self.checked_parameters(key).map(|_| ())
	}

	/// What [`Self::check`] does; the path of the large file and its digest.
	pub(crate) fn checked_parameters(&self, key: KeyId) -> Result<(PathBuf, String), KeyError> {
		let files = self.files(key)?;
		let digests = self.digests(key, &files)?;
		self.verifying_key_of(&files, &digests)?;
		let metadata = fs::metadata(&files.parameters)
			.map_err(|source| file_error("read", &files.parameters, source))?;
		let modified = metadata
			.modified()
			.ok()
			.and_then(|time| time.duration_since(UNIX_EPOCH).ok())
			.map_or(0, |time| time.as_nanos());
		let now = Checked {
			length: metadata.len(),
			modified,
			digest: digests.parameters.clone(),
		};
		if read_json::<Checked>(&files.checked).is_ok_and(|before| before == now) {
			return Ok((files.parameters, digests.parameters));
		}
		if digest_of_file(&files.parameters)? != digests.parameters {
			return Err(KeyError::Damaged {
				path: files.parameters,
			});
		}
		write_json(&files.checked, &now)?;
		Ok((files.parameters, digests.parameters))
	}

	/// The verifying key in bellperson's uncompressed encoding.
	pub fn verifying_key(&self, key: KeyId) -> Result<Vec<u8>, KeyError> {
		let files = self.files(key)?;
		let digests = self.digests(key, &files)?;
		self.verifying_key_of(&files, &digests)
	}

	fn verifying_key_of(&self, files: &Files, digests: &Digests) -> Result<Vec<u8>, KeyError> {
		let bytes = fs::read(&files.verifying_key)
			.map_err(|source| file_error("read", &files.verifying_key, source))?;
		if const_hex::encode(Blake2b256::digest(&bytes)) != digests.verifying_key {
			return Err(KeyError::Damaged {
				path: files.verifying_key.clone(),
			});
		}
		Ok(bytes)
	}

	/// The digests are written last: without them, or without a file that they speak of, there is no key.
	fn digests(&self, key: KeyId, files: &Files) -> Result<Digests, KeyError> {
		let complete = [&files.digest, &files.parameters, &files.verifying_key]
			.into_iter()
			.all(|path| path.exists());
		if !complete {
			return Err(KeyError::Missing {
				key,
				directory: self.directory.clone(),
			});
		}
		match read_json::<Digests>(&files.digest) {
			Ok(digests) if digests.name == key_name(key) => Ok(digests),
			Ok(_) => Err(KeyError::Damaged {
				path: files.digest.clone(),
			}),
			Err(error) if error.kind() == ErrorKind::InvalidData => Err(KeyError::Damaged {
				path: files.digest.clone(),
			}),
			Err(source) => Err(file_error("read", &files.digest, source)),
		}
	}

	fn files(&self, key: KeyId) -> Result<Files, KeyError> {
		if !is_supported(key.sector_size) {
			return Err(KeyError::UnsupportedSize(key.sector_size));
		}
		let FileNames {
			parameters,
			verifying_key,
			metadata,
		} = file_names(key).map_err(|error| KeyError::Setup {
			key,
			reason: format!("{error:#}"),
		})?;
		let parameters = self.directory.join(parameters);
		Ok(Files {
			digest: parameters.with_extension("digest"),
			checked: parameters.with_extension("checked"),
			partial: parameters.with_extension("partial"),
			verifying_key: self.directory.join(verifying_key),
			metadata: self.directory.join(metadata),
			parameters,
		})
	}

	/// Waits for the directory's lock; it is freed when the file is dropped or the process ends.
	fn lock(&self, waiting: &dyn Fn()) -> Result<File, KeyError> {
		lock_file(&self.directory.join(".lock"), waiting)
	}

	fn generate(&self, key: KeyId, progress: &dyn Fn(Work)) -> Result<(), KeyError> {
		let files = self.files(key)?;
		for path in files.all() {
			remove_if_present(path)?;
		}
		let disk = rustix::fs::statvfs(&self.directory)
			.map_err(|error| file_error("examine", &self.directory, error.into()))?;
		let available = disk.f_bavail.saturating_mul(disk.f_frsize);
		check_room(&files.partial, available, expected_bytes(key))?;
		write_whole(&self.directory.join(NOTICE_FILE), NOTICE.as_bytes())?;
		let made = self.write(key, &files, progress);
		if made.is_err() {
			// What is half made is of no use, and its room may be needed.
			remove_if_present(&files.partial)?;
		}
		made
	}

	fn write(&self, key: KeyId, files: &Files, progress: &dyn Fn(Work)) -> Result<(), KeyError> {
		let failed = |error: SetupError| setup_error(key, &files.partial, error);
		let invalid = |error: anyhow::Error| KeyError::Setup {
			key,
			reason: format!("{error:#}"),
		};
		let file = File::create(&files.partial)
			.map_err(|source| file_error("create", &files.partial, source))?;
		let mut output = HashingWriter {
			inner: BufWriter::with_capacity(1 << 20, file),
			hasher: Blake2b256::new(),
		};
		let trapdoor = Trapdoor::draw(ChaCha20Rng::from_seed(seed(key)));
		let constraints = expected_constraints(key);
		// Whether the circuit can be made is found out here; later calls do the same again.
		let outcome: Outcome = match key.kind {
			ProofKind::PoRep => {
				let circuits = [
					porep_circuit(key.sector_size),
					porep_circuit(key.sector_size),
				];
				let circuits = all(circuits).map_err(invalid)?;
				write_parameters(circuits, &trapdoor, constraints, &mut output, progress)
			},
			ProofKind::WindowPoSt => {
				let circuits = [
					window_post_circuit(key.sector_size),
					window_post_circuit(key.sector_size),
				];
				let circuits = all(circuits).map_err(invalid)?;
				write_parameters(circuits, &trapdoor, constraints, &mut output, progress)
			},
		}
		.map_err(failed)?;
		let digest: Digest = output.hasher.finalize().into();
		let file = output
			.inner
			.into_inner()
			.map_err(|error| file_error("write", &files.partial, error.into_error()))?;
		file.sync_all()
			.map_err(|source| file_error("write", &files.partial, source))?;

		write_whole(&files.verifying_key, &outcome.verifying_key)?;
		#[derive(Serialize)]
		struct Metadata {
			sector_size: u64,
		}
		write_json(
			&files.metadata,
			&Metadata {
				sector_size: key.sector_size.bytes(),
			},
		)?;
		fs::rename(&files.partial, &files.parameters)
			.map_err(|source| file_error("rename", &files.partial, source))?;
		write_json(
			&files.digest,
			&Digests {
				name: key_name(key),
				parameters: const_hex::encode(digest),
				verifying_key: const_hex::encode(Blake2b256::digest(&outcome.verifying_key)),
			},
		)?;
		tracing::info!(key = key_name(key), "devnet key made");
		self.check(key)
	}
}

struct Files {
	parameters: PathBuf,
	verifying_key: PathBuf,
	metadata: PathBuf,
	digest: PathBuf,
	checked: PathBuf,
	partial: PathBuf,
}

impl Files {
	/// The digest first: once it is gone, the key counts as missing.
	fn all(&self) -> [&Path; 6] {
		[
			&self.digest,
			&self.checked,
			&self.partial,
			&self.metadata,
			&self.verifying_key,
			&self.parameters,
		]
	}
}

/// The public seed of a key's set-up.
pub(crate) fn seed(key: KeyId) -> Digest {
	let mut hasher = Blake2b256::new();
	hasher.update(b"holdfast/devnet-key/1");
	hasher.update(key_name(key));
	hasher.finalize().into()
}

fn all<T>(results: [anyhow::Result<T>; 2]) -> anyhow::Result<[T; 2]> {
	let [first, second] = results;
	Ok([first?, second?])
}

fn estimate(work: Work, elapsed: Duration) -> (f64, Option<Duration>) {
	// Both are far below 2^53: no precision is lost.
	let fraction = (work.done as f64 / work.total.max(1) as f64).clamp(0.0, 1.0);
	let remaining = (fraction > 0.01)
		.then(|| Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - fraction) / fraction))
		.and_then(Result::ok);
	(fraction, remaining)
}

fn file_error(action: &'static str, path: &Path, source: io::Error) -> KeyError {
	let path = path.to_owned();
	match source.kind() {
		ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => {
			KeyError::NoRoom { path, source }
		},
		ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem if action != "read" => {
			KeyError::NotWritable { path, source }
		},
		_ => KeyError::File {
			action,
			path,
			source,
		},
	}
}

fn setup_error(key: KeyId, partial: &Path, error: SetupError) -> KeyError {
	match error {
		SetupError::Write(source) => file_error("write", partial, source),
		error => KeyError::Setup {
			key,
			reason: error.to_string(),
		},
	}
}

/// Whether there is room for a key's parameters, so that it is not found out after minutes of work.
fn check_room(path: &Path, available: u64, needed: u64) -> Result<(), KeyError> {
	if available >= needed {
		return Ok(());
	}
	let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
	let missing = format!(
		"it takes about {} MiB, and {} MiB are free",
		mebibytes(needed),
		mebibytes(available)
	);
	Err(file_error(
		"write",
		path,
		io::Error::new(ErrorKind::StorageFull, missing),
	))
}

/// Takes an exclusive lock on a file, calling `waiting` from time to time for as long as another holder has it.
pub(crate) fn lock_file(path: &Path, waiting: &dyn Fn()) -> Result<File, KeyError> {
	let file = File::options()
		.create(true)
		.truncate(false)
		.write(true)
		.open(path)
		.map_err(|source| file_error("open", path, source))?;
	loop {
		match flock(&file, FlockOperation::NonBlockingLockExclusive) {
			Ok(()) => return Ok(file),
			Err(rustix::io::Errno::WOULDBLOCK) => {
				waiting();
				std::thread::sleep(WAIT);
			},
			Err(rustix::io::Errno::INTR) => {},
			Err(error) => return Err(file_error("lock", path, error.into())),
		}
	}
}

fn remove_if_present(path: &Path) -> Result<(), KeyError> {
	match fs::remove_file(path) {
		Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error("delete", path, error)),
		_ => Ok(()),
	}
}

/// Writes a small file so that it is there in full or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
	let mut name = path.as_os_str().to_owned();
	name.push(".new");
	let temporary = PathBuf::from(name);
	let write = || {
		let mut file = File::create(&temporary)?;
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&temporary, path)
	};
	write().map_err(|source| file_error("write", path, source))
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), KeyError> {
	let bytes =
		serde_json::to_vec(value).map_err(|error| file_error("write", path, error.into()))?;
	write_whole(path, &bytes)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<T> {
	let bytes = fs::read(path)?;
	serde_json::from_slice(&bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn digest_of_file(path: &Path) -> Result<String, KeyError> {
	let digest = || -> io::Result<String> {
		let mut file = File::open(path)?;
		let mut hasher = Blake2b256::new();
		let mut buffer = vec![0; 1 << 20];
		loop {
			let count = file.read(&mut buffer)?;
			if count == 0 {
				return Ok(const_hex::encode(hasher.finalize()));
			}
			hasher.update(&buffer[..count]);
		}
	};
	digest().map_err(|source| file_error("read", path, source))
}

struct HashingWriter<W> {
	inner: W,
	hasher: Blake2b256,
}

impl<W: Write> Write for HashingWriter<W> {
	fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
		let count = self.inner.write(bytes)?;
		self.hasher.update(&bytes[..count]);
		Ok(count)
	}

	fn flush(&mut self) -> io::Result<()> {
		self.inner.flush()
	}
}

#[cfg(test)]
mod tests;
