//! From a sealed 2 KiB sector back to its data, and window PoSt of sectors that others opened.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, sync::OnceLock};

use common::{unsealed, PROVER};
use holdfast_primitives::{KeyId, ProofKind, SectorSize};
use holdfast_prover::{
	clear_sealing_cache, open_sector, prove_openings, read_piece, unseal, KeyStore, Opening,
	PoStError, SealError,
};
use tempfile::TempDir;

const RANDOMNESS: [u8; 32] = [6; 32];

fn keys() {
	static KEYS: OnceLock<TempDir> = OnceLock::new();
	KEYS.get_or_init(|| {
		let directory = tempfile::tempdir().unwrap();
		let store = KeyStore::open(directory.path()).unwrap();
		let key = KeyId {
			kind: ProofKind::WindowPoSt,
			sector_size: SectorSize::KiB2,
		};
		store.ensure(key, &|_| {}).unwrap();
		directory
	});
}

#[test]
fn a_replica_gives_the_data_back() {
	keys();
	let sector = unsealed(41);
	let data = fs::read(&sector.paths.unsealed).unwrap();
	sector.seal();
	clear_sealing_cache(&sector.subject, &sector.paths).unwrap();
	fs::remove_file(&sector.paths.unsealed).unwrap();
	unseal(&sector.subject, &sector.paths).unwrap();
	assert_eq!(fs::read(&sector.paths.unsealed).unwrap(), data);
	// Each piece, in full, in part, and with its zeros.
	for (index, source) in sector.sources.iter().enumerate() {
		let bytes = fs::read(source).unwrap();
		let target = sector.directory.path().join("piece");
		let length = bytes.len() as u64;
		for asked in [length, 1, length / 2, u64::MAX] {
			read_piece(
				&sector.subject,
				index,
				asked,
				&sector.paths.unsealed,
				&target,
			)
			.unwrap();
			let room = sector.subject.pieces[index].size.unpadded_bytes();
			let mut expected = bytes.clone();
			expected.resize(usize::try_from(asked.min(room)).unwrap(), 0);
			assert_eq!(fs::read(&target).unwrap(), expected);
		}
	}
	let none = read_piece(
		&sector.subject,
		3,
		1,
		&sector.paths.unsealed,
		&sector.directory.path().join("none"),
	);
	assert!(matches!(none, Err(SealError::OtherSector)));
	let names: Vec<_> = fs::read_dir(sector.directory.path())
		.unwrap()
		.map(|entry| entry.unwrap().file_name().into_string().unwrap())
		.filter(|name| name.contains("partial") || name.contains("tree"))
		.collect();
	assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_damaged_replica_or_another_ticket_gives_no_data() {
	keys();
	let sector = unsealed(42);
	sector.seal();
	fs::remove_file(&sector.paths.unsealed).unwrap();
	let mut other = sector.subject.clone();
	other.ticket[0] ^= 1;
	assert!(matches!(
		unseal(&other, &sector.paths),
		Err(SealError::ReplicaDamaged { .. })
	));
	for damage in [0, 31, 2047] {
		let good = fs::read(&sector.paths.sealed).unwrap();
		let mut bad = good.clone();
		// In the last byte of a node this makes it no field element.
		bad[damage] ^= 0xc0;
		fs::write(&sector.paths.sealed, bad).unwrap();
		assert!(matches!(
			unseal(&sector.subject, &sector.paths),
			Err(SealError::ReplicaDamaged { .. })
		));
		fs::write(&sector.paths.sealed, good).unwrap();
	}
	fs::write(&sector.paths.sealed, "short").unwrap();
	assert!(matches!(
		unseal(&sector.subject, &sector.paths),
		Err(SealError::File { .. })
	));
	assert!(!sector.paths.unsealed.exists());
}

#[test]
fn sectors_that_others_opened_are_proven() {
	keys();
	let sectors = [unsealed(43), unsealed(44)];
	let sealed: Vec<_> = sectors
		.iter()
		.map(|sector| sector.to_prove(sector.seal()))
		.collect();
	let statement: Vec<_> = sealed
		.iter()
		.map(|sector| (sector.number, sector.comm_r))
		.collect();
	let opened: Vec<String> = sealed
		.iter()
		.map(|sector| {
			let opening = open_sector(SectorSize::KiB2, &PROVER, &RANDOMNESS, sector).unwrap();
			serde_json::to_string(&opening).unwrap()
		})
		.collect();
	// As they come from another machine, much smaller than what may be moved for them.
	assert!(opened.iter().all(|text| text.len() < 1 << 18));
	// The files are not needed any more.
	drop(sectors);
	let prove = |randomness: &[u8; 32], statement: &[_], opened: &[&String]| {
		let openings = opened
			.iter()
			.map(|text| serde_json::from_str(text).unwrap());
		let openings: Vec<Opening> = openings.collect();
		prove_openings(SectorSize::KiB2, &PROVER, randomness, statement, openings)
	};
	let [first, second] = [&opened[0], &opened[1]];
	prove(&RANDOMNESS, &statement, &[first, second]).unwrap();
	prove(&RANDOMNESS, &statement[1..], &[second]).unwrap();
	assert!(matches!(
		prove(&RANDOMNESS, &statement, &[second]),
		Err(PoStError::Filecoin(_))
	));
	assert!(matches!(
		prove(&RANDOMNESS, &statement, &[second, first]),
		Err(PoStError::Sector { sector: 43, .. })
	));
	// Opened at another window's challenges.
	assert!(prove(&[7; 32], &statement, &[first, second]).is_err());
}
