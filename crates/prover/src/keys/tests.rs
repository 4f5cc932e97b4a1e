//! Keys in temporary directories, and the committed ones.
#![allow(clippy::unwrap_used)]

use super::*;
use bellperson::groth16::generate_random_parameters;
use blstrs::Bls12;
use holdfast_primitives::SectorSize;
use tempfile::TempDir;

const SMALL: KeyId = KeyId {
	kind: ProofKind::WindowPoSt,
	sector_size: SectorSize::KiB2,
};

fn store() -> (TempDir, KeyStore) {
	let directory = tempfile::tempdir().unwrap();
	let store = KeyStore::in_directory(directory.path()).unwrap();
	(directory, store)
}

fn committed(key: KeyId) -> PathBuf {
	PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("../../runtime/keys/devnet")
		.join(format!("{}.vk", key_name(key)))
}

/// Pretends that a key was made: right digests over other contents.
fn pretend(store: &KeyStore, key: KeyId) -> Files {
	let files = store.files(key).unwrap();
	fs::write(&files.parameters, b"parameters").unwrap();
	fs::write(&files.verifying_key, b"key").unwrap();
	let digests = Digests {
		name: key_name(key),
		parameters: const_hex::encode(Blake2b256::digest(b"parameters")),
		verifying_key: const_hex::encode(Blake2b256::digest(b"key")),
	};
	write_json(&files.digest, &digests).unwrap();
	files
}

#[test]
fn the_small_key_is_made_from_its_seed_as_bellperson_makes_it() {
	let (_directory, store) = store();
	let stages = Mutex::new(Vec::new());
	store
		.ensure(SMALL, &|progress| {
			stages.lock().unwrap().push(progress.stage)
		})
		.unwrap();
	assert_eq!(stages.lock().unwrap().first(), Some(&KeyStage::Generating));
	assert_eq!(stages.lock().unwrap().last(), Some(&KeyStage::Done));
	let key = store.verifying_key(SMALL).unwrap();
	assert!(
		key == fs::read(committed(SMALL)).unwrap(),
		"the committed key differs"
	);

	let reference = generate_random_parameters::<Bls12, _, _>(
		window_post_circuit(SMALL.sector_size).unwrap(),
		&mut ChaCha20Rng::from_seed(seed(SMALL)),
	)
	.unwrap();
	let mut parameters = Vec::new();
	reference.write(&mut parameters).unwrap();
	let files = store.files(SMALL).unwrap();
	assert!(fs::read(&files.parameters).unwrap() == parameters);
	assert_eq!(
		fs::read(&files.metadata).unwrap(),
		br#"{"sector_size":2048}"#
	);

	// What is there is not made again.
	stages.lock().unwrap().clear();
	store
		.ensure(SMALL, &|progress| {
			stages.lock().unwrap().push(progress.stage)
		})
		.unwrap();
	assert!(stages.lock().unwrap().is_empty());
}

#[test]
fn keys_in_the_cache_are_the_committed_ones() {
	let Ok(store) = default_directory().and_then(|path| KeyStore::in_directory(&path)) else {
		println!("skipped: there is no directory for keys");
		return;
	};
	for kind in [ProofKind::PoRep, ProofKind::WindowPoSt] {
		for sector_size in [SectorSize::KiB2, SectorSize::MiB8] {
			let key = KeyId { kind, sector_size };
			match (store.verifying_key(key), fs::read(committed(key))) {
				(Ok(made), Ok(committed)) => assert!(made == committed, "{}", key_name(key)),
				_ => println!("skipped: {} is not cached", key_name(key)),
			}
		}
	}
}

#[test]
fn an_interrupted_set_up_leaves_nothing_and_the_next_one_cleans_up() {
	let (_directory, store) = store();
	let files = store.files(SMALL).unwrap();
	fs::write(&files.partial, b"half").unwrap();
	fs::write(&files.verifying_key, b"old").unwrap();
	fs::write(&files.parameters, b"old").unwrap();
	assert!(matches!(store.check(SMALL), Err(KeyError::Missing { .. })));
	assert!(matches!(
		store.verifying_key(SMALL),
		Err(KeyError::Missing { .. })
	));
	store.ensure(SMALL, &|_| {}).unwrap();
	assert!(!files.partial.exists());
	assert!(store.verifying_key(SMALL).unwrap() == fs::read(committed(SMALL)).unwrap());
}

#[test]
fn damage_is_found_and_named() {
	let (_directory, store) = store();
	let damaged = |path: &Path| matches!(store.ensure(SMALL, &|_| {}), Err(KeyError::Damaged { path: found }) if found == path);
	let files = pretend(&store, SMALL);
	store.check(SMALL).unwrap();
	fs::write(&files.parameters, b"parameterz").unwrap();
	assert!(damaged(&files.parameters));
	let files = pretend(&store, SMALL);
	fs::write(&files.verifying_key, b"kez").unwrap();
	assert!(damaged(&files.verifying_key));
	let files = pretend(&store, SMALL);
	fs::write(&files.digest, b"{").unwrap();
	assert!(damaged(&files.digest));
	let other = KeyId {
		sector_size: SectorSize::MiB8,
		..SMALL
	};
	let other = pretend(&store, other);
	fs::copy(&other.digest, &files.digest).unwrap();
	assert!(damaged(&files.digest));
}

#[test]
fn parameters_of_another_length_are_damaged() {
	let (_directory, store) = store();
	let files = pretend(&store, SMALL);
	store.check(SMALL).unwrap();
	for contents in [&b"paramete"[..], b"parameters and more", b""] {
		fs::write(&files.parameters, contents).unwrap();
		let error = store.check(SMALL).unwrap_err();
		assert!(matches!(&error, KeyError::Damaged { path } if *path == files.parameters));
		assert!(error
			.to_string()
			.contains("delete it, then make the key again"));
	}
}

#[test]
fn a_full_disk_is_found_before_the_work_begins() {
	let path = Path::new("keys/some.partial");
	check_room(path, 100, 100).unwrap();
	let error = check_room(path, 99 << 20, 100 << 20).unwrap_err();
	assert!(matches!(&error, KeyError::NoRoom { path: found, .. } if found == path));
	let text = error.to_string();
	assert!(
		text.contains("it takes about 100 MiB, and 99 MiB are free"),
		"{text}"
	);
	assert!(
		text.contains("make room there or choose another folder"),
		"{text}"
	);
}

#[test]
fn what_the_system_refuses_says_what_to_do() {
	let error = |action, kind: ErrorKind| file_error(action, Path::new("keys"), kind.into());
	for kind in [
		ErrorKind::StorageFull,
		ErrorKind::FileTooLarge,
		ErrorKind::QuotaExceeded,
	] {
		assert!(matches!(error("write", kind), KeyError::NoRoom { .. }));
	}
	for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
		let error = error("create", kind);
		assert!(matches!(error, KeyError::NotWritable { .. }));
		assert!(error.to_string().contains("allow it to this user"));
	}
	let unreadable = error("read", ErrorKind::PermissionDenied);
	assert!(matches!(unreadable, KeyError::File { action: "read", .. }));
	let setup = setup_error(SMALL, Path::new("keys"), SetupError::Trapdoor);
	assert!(matches!(setup, KeyError::Setup { key: SMALL, .. }));
	let full = SetupError::Write(ErrorKind::StorageFull.into());
	assert!(matches!(
		setup_error(SMALL, Path::new("keys"), full),
		KeyError::NoRoom { .. }
	));
}

#[test]
fn a_folder_of_devnet_keys_says_so() {
	let (directory, store) = store();
	store.ensure(SMALL, &|_| {}).unwrap();
	let text = fs::read_to_string(directory.path().join("DEVNET-KEYS.txt")).unwrap();
	assert!(text.contains("anybody can forge proofs"));
}

#[test]
fn an_unchanged_file_is_not_read_again() {
	let (_directory, store) = store();
	let files = pretend(&store, SMALL);
	store.check(SMALL).unwrap();
	let modified = fs::metadata(&files.parameters).unwrap().modified().unwrap();
	// Same length, same time: taken for the file that was checked.
	fs::write(&files.parameters, b"parameterz").unwrap();
	File::options()
		.write(true)
		.open(&files.parameters)
		.unwrap()
		.set_modified(modified)
		.unwrap();
	store.check(SMALL).unwrap();
	fs::remove_file(&files.checked).unwrap();
	assert!(matches!(store.check(SMALL), Err(KeyError::Damaged { .. })));
}

#[test]
fn two_processes_do_not_make_keys_at_once() {
	let (_directory, store) = store();
	let held = Mutex::new(Some(store.lock(&|| {}).unwrap()));
	let waited = Cell::new(false);
	store
		.ensure(SMALL, &|progress| {
			if progress.stage == KeyStage::Waiting {
				waited.set(true);
				// Meanwhile the other one finishes.
				pretend(&store, SMALL);
				held.lock().unwrap().take();
			}
		})
		.unwrap();
	assert!(waited.get());
	assert_eq!(store.verifying_key(SMALL).unwrap(), b"key");
}

#[test]
fn sizes_that_need_a_ceremony_are_refused() {
	let (_directory, store) = store();
	let key = KeyId {
		kind: ProofKind::PoRep,
		sector_size: SectorSize::GiB32,
	};
	assert!(matches!(
		store.ensure(key, &|_| {}),
		Err(KeyError::UnsupportedSize(SectorSize::GiB32))
	));
}

#[test]
fn a_directory_that_cannot_be_made_is_reported() {
	let (directory, _store) = store();
	let file = directory.path().join("file");
	fs::write(&file, b"").unwrap();
	assert!(matches!(
		KeyStore::in_directory(&file.join("keys")),
		Err(KeyError::File { .. })
	));
}

#[test]
fn the_directory_comes_from_the_environment() {
	let path = |keys: Option<&str>, home: Option<&str>| {
		directory_from(keys.map(Into::into), home.map(Into::into))
	};
	assert_eq!(
		path(Some("/keys"), Some("/home")).unwrap(),
		Path::new("/keys")
	);
	assert_eq!(
		path(Some(""), Some("/home")).unwrap(),
		Path::new("/home/.cache/holdfast/keys")
	);
	assert!(matches!(path(None, None), Err(KeyError::NoDirectory)));
}

#[test]
fn names_and_seeds_differ_by_kind_and_size() {
	let big = KeyId {
		sector_size: SectorSize::MiB8,
		..SMALL
	};
	let porep = KeyId {
		kind: ProofKind::PoRep,
		..SMALL
	};
	assert_eq!(key_name(SMALL), "window-post-2KiB");
	assert_eq!(key_name(porep), "porep-2KiB");
	assert_ne!(seed(SMALL), seed(big));
	assert_ne!(seed(SMALL), seed(porep));
}

#[test]
fn the_estimate_needs_some_work_first() {
	let at = |done| estimate(Work { done, total: 100 }, Duration::from_secs(10));
	assert_eq!(at(1), (0.01, None));
	assert_eq!(at(50), (0.5, Some(Duration::from_secs(10))));
	assert_eq!(at(100), (1.0, Some(Duration::ZERO)));
}
