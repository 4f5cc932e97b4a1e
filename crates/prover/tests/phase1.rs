//! Pre-commit phase 1 against filecoin-proofs: every file that it leaves, byte for byte.
#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use common::{unsealed, Sector};
use holdfast_primitives::SectorSize;
use holdfast_prover::{
	add_pieces, filecoin, seal_pre_commit_phase1, seal_pre_commit_phase1_pair,
	seal_pre_commit_phase2, KeyStore, PreCommit1Output, SealError, SealSubject, SectorPaths,
};
use tempfile::TempDir;

fn keys() {
	static KEYS: OnceLock<(TempDir, KeyStore)> = OnceLock::new();
	KEYS.get_or_init(|| {
		let directory = tempfile::tempdir().unwrap();
		let store = KeyStore::open(directory.path()).unwrap();
		(directory, store)
	});
}

/// The replica and all files of the cache folder, but for the state file, which is ours alone.
fn files(paths: &SectorPaths) -> BTreeMap<String, Vec<u8>> {
	let mut files: BTreeMap<_, _> = fs::read_dir(&paths.cache)
		.unwrap()
		.map(|entry| {
			let path = entry.unwrap().path();
			let name = path.file_name().unwrap().to_str().unwrap().to_owned();
			(name, fs::read(&path).unwrap())
		})
		.collect();
	files.remove("holdfast-sealing.json");
	files.insert("replica".into(), fs::read(&paths.sealed).unwrap());
	files
}

/// The output without the folder's name.
fn output(output: &PreCommit1Output, paths: &SectorPaths) -> String {
	let text = serde_json::to_string(output).unwrap();
	assert!(text.contains(paths.cache.to_str().unwrap()));
	text.replace(paths.cache.to_str().unwrap(), "cache")
}

fn elsewhere(paths: &SectorPaths, name: &str) -> SectorPaths {
	SectorPaths {
		unsealed: paths.unsealed.clone(),
		sealed: paths.sealed.with_extension(name),
		cache: paths.cache.with_extension(name),
	}
}

/// A sector of 8 MiB whose data is not all zeros.
fn large(directory: &Path) -> (SealSubject, SectorPaths) {
	let (info, source) = common::piece(directory, 90, 4_000_000, 4 << 20);
	let subject = SealSubject {
		sector_size: SectorSize::MiB8,
		pieces: vec![info],
		..unsealed(1).subject
	};
	let paths = SectorPaths {
		unsealed: directory.join("unsealed"),
		sealed: directory.join("sealed"),
		cache: directory.join("cache"),
	};
	add_pieces(SectorSize::MiB8, &[(info, &source)], &paths.unsealed).unwrap();
	(subject, paths)
}

/// Seals two sectors alone, together and with filecoin-proofs, and compares.
fn compare(subjects: &[SealSubject; 2], paths: &[SectorPaths; 2]) {
	let together = paths.each_ref().map(|paths| elsewhere(paths, "together"));
	let [first, second] =
		seal_pre_commit_phase1_pair([(&subjects[0], &together[0]), (&subjects[1], &together[1])]);
	let outputs = [first.unwrap(), second.unwrap()];
	for at in 0..2 {
		let reference = elsewhere(&paths[at], "reference");
		let theirs = filecoin::pre_commit_phase1(&subjects[at], &reference).unwrap();
		let alone = seal_pre_commit_phase1(&subjects[at], &paths[at]).unwrap();
		let expected = files(&reference);
		assert_eq!(expected.len(), 4, "{:?}", expected.keys());
		assert!(files(&paths[at]) == expected);
		assert!(files(&together[at]) == expected);
		let text = output(&theirs, &reference);
		assert_eq!(output(&alone, &paths[at]), text);
		assert_eq!(output(&outputs[at], &together[at]), text);
	}
}

#[test]
fn small_sectors_have_the_files_of_filecoin_proofs() {
	keys();
	let sectors = [unsealed(1), unsealed(2)];
	let subjects = sectors.each_ref().map(|sector| sector.subject.clone());
	let paths = sectors.each_ref().map(|sector| sector.paths.clone());
	compare(&subjects, &paths);
	let reference = elsewhere(&paths[0], "second");
	let phase1 = filecoin::pre_commit_phase1(&subjects[0], &reference).unwrap();
	let expected = filecoin::pre_commit_phase2(&phase1, &reference).unwrap();
	assert_eq!(sectors[0].seal(), expected);
	let [ours, theirs] = [&paths[0], &reference].map(|paths| {
		let mut files = files(paths);
		// It names the folder.
		assert!(files.remove("t_aux").is_some());
		files
	});
	assert!(ours == theirs);
}

#[test]
fn larger_sectors_have_the_files_of_filecoin_proofs() {
	keys();
	let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
	let [first, mut second] = directories
		.each_ref()
		.map(|directory| large(directory.path()));
	second.0.sector = 2;
	second.0.ticket = [7; 32];
	compare(&[first.0, second.0], &[first.1, second.1]);
}

#[test]
fn of_two_sectors_the_one_that_is_all_right_is_sealed() {
	keys();
	let (good, bad) = (unsealed(3), unsealed(4));
	let expected = good.seal();
	let pair = |other: &Sector| {
		seal_pre_commit_phase1_pair([(&good.subject, &good.paths), (&other.subject, &other.paths)])
	};
	let sealed = |phase1: &PreCommit1Output| {
		let (comm_r, _) = seal_pre_commit_phase2(phase1, &good.paths).unwrap();
		assert_eq!(comm_r, expected);
	};
	// One that cannot even begin.
	fs::write(&bad.paths.unsealed, [1; 5]).unwrap();
	let [first, second] = pair(&bad);
	sealed(&first.unwrap());
	assert!(matches!(second, Err(SealError::UnsealedLength { .. })));
	// One whose data turns out to be wrong.
	fs::write(&bad.paths.unsealed, [1; 2048]).unwrap();
	let [first, second] = pair(&bad);
	sealed(&first.unwrap());
	assert!(matches!(second, Err(SealError::UnsealedDamaged { .. })));
	// One of another size.
	let directory = tempfile::tempdir().unwrap();
	let (subject, paths) = large(directory.path());
	let [second, first] =
		seal_pre_commit_phase1_pair([(&subject, &paths), (&good.subject, &good.paths)]);
	sealed(&first.unwrap());
	assert_eq!(second.unwrap().subject, subject);
}

#[test]
fn files_that_cannot_be_written_are_named() {
	keys();
	let sector = unsealed(5);
	let mut paths = sector.paths.clone();
	paths.cache = paths.unsealed.join("cache");
	assert!(matches!(
		seal_pre_commit_phase1(&sector.subject, &paths),
		Err(SealError::File { path, .. }) if path == paths.cache
	));
	paths = sector.paths.clone();
	paths.sealed = paths.unsealed.join("sealed");
	assert!(matches!(
		seal_pre_commit_phase1(&sector.subject, &paths),
		Err(SealError::File { path, .. }) if path == paths.sealed
	));
}

#[test]
fn a_label_that_changed_later_is_found_when_the_replica_is_opened() {
	keys();
	let sector = unsealed(6);
	let comm_r = sector.seal();
	let path = sector.paths.cache.join("sc-02-data-layer-1.dat");
	fs::write(&path, [1; 2048]).unwrap();
	assert!(matches!(
		holdfast_prover::seal_commit_phase1(&sector.subject, &sector.paths, comm_r, &[5; 32]),
		Err(SealError::Filecoin {
			phase: "commit phase 1",
			sector: 6,
			..
		})
	));
}
