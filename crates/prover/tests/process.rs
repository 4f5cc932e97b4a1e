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
	generate_window_post, seal_commit_phase1, seal_commit_phase2, seal_pre_commit_phase1, KeyError,
	KeyStore, PoStError, ProveError, SealError,
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

	// Files whose digests are right, but which no set-up has made.
	let whole = fs::read(only(store.directory(), "params")).unwrap();
	let mut damaged = whole.clone();
	damaged[whole.len() - 192..].fill(0xff);
	replace(store.directory(), "params", "parameters", &damaged);
	assert!(matches!(
		prove(),
		Err(PoStError::Prove(ProveError::Point(_)))
	));
	replace(
		store.directory(),
		"params",
		"parameters",
		&whole[..whole.len() - 1],
	);
	assert!(matches!(
		prove(),
		Err(PoStError::Key(KeyError::Damaged { .. }))
	));
	replace(store.directory(), "params", "parameters", &whole);
	prove().unwrap();

	// Another size's key has the same shape.
	let committed = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("../../runtime/keys/devnet/window-post-8MiB.vk");
	let other = fs::read(committed).unwrap();
	replace(store.directory(), "vk", "verifyingKey", &other);
	assert!(matches!(prove(), Err(PoStError::InvalidProof)));

	// A key of another circuit, where that of the PoRep should be.
	for (extension, bytes) in [("params", &whole), ("vk", &other)] {
		fs::write(
			store.directory().join(POREP).with_extension(extension),
			bytes,
		)
		.unwrap();
	}
	let digests = serde_json::json!({
		"name": "porep-2KiB",
		"parameters": digest(&whole),
		"verifyingKey": digest(&other),
	});
	fs::write(
		store.directory().join(POREP).with_extension("digest"),
		digests.to_string(),
	)
	.unwrap();
	let commit = seal_commit_phase1(&sector.subject, &sector.paths, comm_r, &[5; 32]).unwrap();
	assert!(matches!(
		seal_commit_phase2(&commit),
		Err(SealError::Prove {
			sector: 1,
			source: ProveError::OtherCircuit { .. }
		})
	));
}

/// The key's file, as filecoin-proofs names it.
const POREP: &str = "v28-stacked-proof-of-replication-merkletree-poseidon_hasher-8-0-0-sha256_hasher-032d3138d22506ec0082ed72b2dcba18df18477904e35bafee82b3793b06832f.params";

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

/// The directory's file with this extension.
fn only(directory: &Path, extension: &str) -> PathBuf {
	let paths: Vec<PathBuf> = fs::read_dir(directory)
		.unwrap()
		.map(|entry| entry.unwrap().path())
		.filter(|path| path.extension().is_some_and(|found| found == extension))
		.collect();
	assert_eq!(paths.len(), 1, "{paths:?}");
	paths.into_iter().next().unwrap()
}

fn digest(bytes: &[u8]) -> String {
	const_hex::encode(Blake2b::<U32>::digest(bytes))
}

/// Puts another file in the place of one of the key's, and its digest under the name where it belongs.
fn replace(directory: &Path, extension: &str, name: &str, bytes: &[u8]) {
	// The old file may be mapped: it must stay what it is.
	let path = only(directory, extension);
	fs::remove_file(&path).unwrap();
	fs::write(&path, bytes).unwrap();
	let path = only(directory, "digest");
	let text = fs::read_to_string(&path).unwrap();
	let mut digests: serde_json::Value = serde_json::from_str(&text).unwrap();
	digests[name] = digest(bytes).into();
	fs::write(&path, digests.to_string()).unwrap();
}
