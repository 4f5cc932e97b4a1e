//! Extraction of DAGs that are put together of any links, names and messages into a folder: nothing beside
//! the target changes, and no partial file is left.
#![no_main]

use holdfast_data::{
	blocks::{StoredCar, StreamedCar},
	car::{CarWriter, Limits},
	extract::{extract, ExtractOptions},
	walk,
};
use holdfast_data_fuzz::{dag, guarded, Block};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|blocks: Vec<Block>| {
	let made = dag(blocks);
	let root = made[made.len() - 1].0;
	let mut car = CarWriter::new(Vec::new(), vec![]).unwrap();
	for (cid, data) in &made {
		car.write_block(cid, data).unwrap();
	}
	let bytes = car.finish().unwrap();
	let options = ExtractOptions {
		max_entries: 200,
		max_bytes: 1 << 16,
		..ExtractOptions::default()
	};
	let mut stored = StoredCar::open(Cursor::new(&bytes), Limits::default()).unwrap();
	let _ = walk::resolve(&mut stored, &root, "a/b/a/b");
	guarded(|inner| {
		let _ = extract(&mut stored, &root, &inner.join("out"), &options, &mut |_| {});
		let mut streamed = StreamedCar::new(&bytes[..], Limits::default(), 1 << 16).unwrap();
		let _ = extract(&mut streamed, &root, &inner.join("again"), &options, &mut |_| {});
	});
});
