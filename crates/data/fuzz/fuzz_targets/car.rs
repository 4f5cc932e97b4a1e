//! CARs of both versions as streams and as files: reading, scanning, inspecting, verifying, copying.
#![no_main]

use holdfast_data::{
	archive::{copy, index_of, inspect, verify},
	blocks::StoredCar,
	car::{CarFileWriter, CarReader, CarVersion, IndexKind, Limits},
};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|bytes: &[u8]| {
	let limits = Limits::default();
	let sound = verify(Cursor::new(bytes), limits, &mut |_| {});
	let seen = inspect(Cursor::new(bytes), limits, false, &mut |_| {});
	let _ = index_of(Cursor::new(bytes), limits);
	let stored = StoredCar::open(Cursor::new(bytes), limits);
	let Ok(sound) = sound else { return };
	// What verifies can be read in every other way, and copied.
	assert_eq!(seen.unwrap().blocks, sound.blocks);
	assert!(stored.unwrap().index().len() as u64 <= sound.blocks);
	let mut reader = CarReader::new(bytes, limits).unwrap();
	let version = CarVersion::Two(Some(IndexKind::MultihashSorted));
	let out = Cursor::new(Vec::new());
	let mut out = CarFileWriter::new(out, sound.roots.clone(), version).unwrap();
	let copied = copy(&mut reader, &mut out, &mut |_| true, &mut |_| {}).unwrap();
	assert_eq!(copied, sound.blocks);
	let again = out.finish().unwrap();
	let again = verify(again, limits, &mut |_| {}).unwrap();
	assert_eq!((again.blocks, again.roots), (sound.blocks, sound.roots));
});
