//! Directories and HAMTs that are made of any names: every name is found again, and no other.
#![no_main]

use holdfast_data::{
	block::raw_cid,
	blocks::StoredCar,
	car::{CarWriter, Limits},
	directory::DirectoryBuilder,
	unixfs::Child,
	walk, Profile,
};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|names: Vec<String>| {
	let mut profile = Profile::UNIXFS_V1_2025;
	// Small enough that many become HAMTs.
	profile.directory_bytes = 300;
	let mut builder = DirectoryBuilder::new(profile);
	let mut taken = Vec::new();
	for name in names {
		let cid = raw_cid(name.as_bytes());
		let child = Child {
			cid,
			file_bytes: name.len() as u64,
			cumulative_bytes: name.len() as u64,
		};
		if builder.insert(name.clone(), child).is_ok() {
			taken.push((name, cid));
		}
	}
	let mut nodes = Vec::new();
	let Ok(root) = builder.finish(&mut nodes) else {
		return;
	};
	let mut car = CarWriter::new(Vec::new(), vec![root.cid]).unwrap();
	for node in nodes {
		car.write_block(&node.cid, &node.data).unwrap();
	}
	let car = Cursor::new(car.finish().unwrap());
	let mut blocks = StoredCar::open(car, Limits::default()).unwrap();
	for (name, cid) in taken {
		assert_eq!(walk::resolve(&mut blocks, &root.cid, &name).unwrap().0, cid);
		let absent = format!("{name}?");
		if let Ok((found, _)) = walk::resolve(&mut blocks, &root.cid, &absent) {
			assert_eq!(found, raw_cid(absent.as_bytes()));
		}
	}
});
