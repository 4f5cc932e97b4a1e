//! What depends on the whole process: which key store it has opened, and what lies in it.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
	fs,
	path::{Path, PathBuf},
};

use blake2::{digest::consts::U32, Blake2b, Digest as _};
use common::{unsealed, PROVER};
use holdfast_primitives::{KeyId, ProofKind, SectorSize};
use holdfast_prover::{
	generate_window_post, seal_pre_commit_phase1, KeyError, KeyStore, PoStError, SealError,
};

// One test, because the steps share the process's one key store.
#[test]
fn a_process_has_one_key_store_and_trusts_neither_unfinished_files_nor_wrong_keys() {
	let sector = unsealed(1);
	assert!(matches!(KeyStore::opened(), Err(KeyError::NotOpened)));
	assert!(matches!(
		seal_pre_commit_phase1(&sector.subject, &sector.paths),
		Err(SealError::Key(KeyError::NotOpened))
	));

	let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
	let store = KeyStore::open(directory.path()).unwrap();
	assert_eq!(
		KeyStore::open(directory.path()).unwrap().directory(),
		store.directory()
	);
	assert!(matches!(
		KeyStore::open(other.path()),
		Err(KeyError::OtherDirectory { bound, .. }) if bound == store.directory()
	));
	assert_eq!(KeyStore::opened().unwrap().directory(), store.directory());

	let key = KeyId {
		kind: ProofKind::WindowPoSt,
		sector_size: SectorSize::KiB2,
	};
	store.ensure(key, &|_| {}).unwrap();
	let comm_r = sector.seal();
	let prove = || {
		generate_window_post(
			SectorSize::KiB2,
			&PROVER,
			&[2; 32],
			&[sector.to_prove(comm_r)],
		)
	};
	prove().unwrap();

	damage_parents(&store.directory().join("parents"));
	assert_eq!(sector.seal(), comm_r);

	// Another size's key has the same shape.
	replace_verifying_key(store.directory(), "window-post-8MiB.vk");
	assert!(matches!(prove(), Err(PoStError::InvalidProof)));
}

/// As if another process had died while it wrote the parents.
fn damage_parents(parents: &Path) {
	fs::remove_file(parents.join("2KiB.complete")).unwrap();
	let mut damaged = 0;
	for entry in fs::read_dir(parents).unwrap() {
		let path = entry.unwrap().path();
		if path
			.extension()
			.is_some_and(|extension| extension == "cache")
		{
			let length = fs::metadata(&path).unwrap().len();
			fs::remove_file(&path).unwrap();
			fs::write(&path, vec![0; usize::try_from(length).unwrap()]).unwrap();
			damaged += 1;
		}
	}
	assert_eq!(damaged, 1);
}

fn replace_verifying_key(directory: &Path, name: &str) {
	let committed = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("../../runtime/keys/devnet");
	let bytes = fs::read(committed.join(name)).unwrap();
	for entry in fs::read_dir(directory).unwrap() {
		let path = entry.unwrap().path();
		match path.extension().and_then(|text| text.to_str()) {
			Some("vk") => fs::write(&path, &bytes).unwrap(),
			Some("digest") => {
				let text = fs::read_to_string(&path).unwrap();
				let mut digests: serde_json::Value = serde_json::from_str(&text).unwrap();
				let digest = const_hex::encode(Blake2b::<U32>::digest(&bytes));
				digests["verifyingKey"] = digest.into();
				fs::write(&path, digests.to_string()).unwrap();
			},
			_ => {},
		}
	}
}
