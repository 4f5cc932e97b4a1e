//! CARs and indexes of other writers, sound and broken.

#![allow(clippy::unwrap_used)]

use holdfast_data::{
	archive::{index_of, inspect, read_index, verify, VerifyError},
	blocks::StoredCar,
	car::{CarReader, Limits, SortedIndex},
	extract::{extract, ExtractOptions},
	Cid,
};
use std::{fs, io::Cursor, path::PathBuf};

fn fixtures() -> PathBuf {
	let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
	root.unwrap_or_default().join("tests/fixtures")
}

fn fixture(name: &str) -> Vec<u8> {
	fs::read(fixtures().join(name)).unwrap()
}

fn cid(text: &str) -> Cid {
	text.parse().unwrap()
}

#[test]
fn the_specifications_cars_hold_what_they_should() {
	let roots = [
		cid("bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm"),
		cid("bafyreidj5idub6mapiupjwjsyyxhyhedxycv4vihfsicm2vt46o7morwlm"),
	];
	let bytes = fixture("carv1-basic.car");
	let report = verify(Cursor::new(&bytes), Limits::default(), &mut |_| {}).unwrap();
	assert_eq!((report.version, report.blocks), (1, 8));
	assert_eq!(report.roots, roots);
	assert!(report.roots_present);
	let mut car = CarReader::new(&bytes[..], Limits::default()).unwrap();
	let first = car.next_section().unwrap().unwrap();
	assert_eq!(
		(first.offset, first.data_offset, first.data_bytes),
		(100, 137, 55)
	);
	assert_eq!(first.cid, roots[0]);

	let bytes = fixture("carv2-basic.car");
	let mut car = CarReader::new(&bytes[..], Limits::default()).unwrap();
	let header = *car.v2().unwrap();
	assert_eq!((header.data_offset, header.data_bytes), (51, 448));
	assert_eq!(
		car.roots(),
		[cid("QmfEoLyB5NndqeKieExd1rtJzTduQUPEV8TwAYcUiy3H5Z")]
	);
	let mut blocks = 0;
	while car.next_block().unwrap().is_some() {
		blocks += 1;
	}
	assert_eq!(blocks, 5);
	let index = read_index(Cursor::new(&bytes), &header).unwrap();
	assert_eq!(index.len(), 5);
	let report = verify(Cursor::new(&bytes), Limits::default(), &mut |_| {}).unwrap();
	assert_eq!((report.version, report.blocks), (2, 5));
}

#[test]
fn other_writers_cars_verify() {
	for (name, blocks, roots) in [
		("helloworld.car", 1, 1),
		("testv1.car", 35, 1),
		("sample-rw-bs-v2.car", 3, 3),
		("sample-unixfs-v2.car", 3, 1),
		("multi-root.car", 1, 2),
	] {
		let bytes = fixture(name);
		let report = inspect(Cursor::new(&bytes), Limits::default(), true, &mut |_| {});
		let report = report.unwrap_or_else(|error| panic!("{name}: {error}"));
		assert_eq!(
			(report.blocks, report.roots.len()),
			(blocks, roots),
			"{name}"
		);
	}
}

#[test]
fn a_missing_root_is_noticed() {
	let bytes = fixture("missing-root-block.car");
	let result = verify(Cursor::new(&bytes), Limits::default(), &mut |_| {});
	assert!(
		matches!(result, Err(VerifyError::RootMissing(_))),
		"{result:?}"
	);
	let report = inspect(Cursor::new(&bytes), Limits::default(), true, &mut |_| {}).unwrap();
	assert!(!report.roots_present);
}

#[test]
fn indexes_of_other_writers_are_read_and_written_byte_for_byte() {
	for name in [
		"sample-index.carindex",
		"sample-multihash-index-sorted.carindex",
	] {
		let bytes = fixture(name);
		let index = SortedIndex::read(&bytes[..], 1 << 20).unwrap();
		assert!(index.len() > 1000, "{name}: {}", index.len());
		let mut written = Vec::new();
		index.write(&mut written).unwrap();
		assert_eq!(written, bytes, "{name}");
	}
	for name in [
		"sample-rw-bs-v2.car",
		"sample-unixfs-v2.car",
		"carv2-basic.car",
	] {
		let bytes = fixture(name);
		let mut car = CarReader::new(&bytes[..], Limits::default()).unwrap();
		let header = *car.v2().unwrap();
		let theirs = read_index(Cursor::new(&bytes), &header).unwrap();
		let mut sections = Vec::new();
		while let Some(section) = car.next_section().unwrap() {
			sections.push((section.cid, section.offset - header.data_offset));
		}
		let places = sections.iter().map(|(cid, offset)| (cid, *offset));
		assert_eq!(SortedIndex::build(theirs.kind(), places), theirs, "{name}");
		assert_eq!(
			index_of(Cursor::new(&bytes), Limits::default()).unwrap(),
			theirs
		);
	}
}

#[test]
fn files_of_other_writers_are_extracted() {
	let bytes = fixture("sample-unixfs-v2.car");
	let mut blocks = StoredCar::open(Cursor::new(bytes), Limits::default()).unwrap();
	let root = blocks.index().roots()[0];
	let folder = tempfile::tempdir().unwrap();
	let target = folder.path().join("out");
	let done = extract(
		&mut blocks,
		&root,
		&target,
		&ExtractOptions::default(),
		&mut |_| {},
	);
	let done = done.unwrap();
	assert!(done.files > 0, "{done:?}");
}

#[test]
fn broken_cars_are_refused() {
	let mut seen = 0;
	for entry in fs::read_dir(fixtures().join("broken")).unwrap() {
		let path = entry.unwrap().path();
		let bytes = fs::read(&path).unwrap();
		let result = verify(Cursor::new(&bytes), Limits::default(), &mut |_| {});
		assert!(result.is_err(), "{}: {result:?}", path.display());
		seen += 1;
	}
	assert!(seen >= 6);
}

#[test]
fn no_cut_and_no_flipped_bit_makes_a_reader_panic() {
	for name in ["carv2-basic.car", "sample-unixfs-v2.car", "carv1-basic.car"] {
		let whole = fixture(name);
		for end in 0..whole.len() {
			let cut = &whole[..end];
			let _ = verify(Cursor::new(cut), Limits::default(), &mut |_| {});
		}
		for bit in 0..whole.len() * 8 {
			let mut changed = whole.clone();
			changed[bit / 8] ^= 1 << (bit % 8);
			let _ = verify(Cursor::new(&changed), Limits::default(), &mut |_| {});
		}
	}
}
