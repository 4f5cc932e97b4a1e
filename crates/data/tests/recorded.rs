//! The CIDs that `make conformance-data` recorded of the JavaScript importer, for what is quick to make.

#![allow(clippy::unwrap_used)]

mod common;

use common::Seeded;
use holdfast_data::{
	block::Block,
	directory::DirectoryBuilder,
	import::{import_file, BlockSink, ImportError},
	unixfs::Child,
	Profile,
};
use std::io::Read;

struct Discard;

impl BlockSink for Discard {
	fn leaf(&mut self, _: &Child, _: &[u8], _: &[u8]) -> Result<(), ImportError> {
		Ok(())
	}

	fn node(&mut self, _: Block) -> Result<(), ImportError> {
		Ok(())
	}
}

fn file(profile: &Profile, bytes: impl Read) -> Child {
	import_file(bytes, profile, &mut Discard, &mut |_| {}).unwrap()
}

#[test]
fn files_and_directories_have_the_cids_of_another_implementation() {
	let recorded = include_str!("fixtures/recorded-cids.txt");
	assert!(recorded.lines().count() > 30);
	for line in recorded.lines() {
		let [profile, kind, size, cid] = line.split(' ').collect::<Vec<_>>()[..] else {
			panic!("{line}");
		};
		let profile: Profile = profile.parse().unwrap();
		let size: u64 = size.parse().unwrap();
		let ours = if kind == "file" {
			file(&profile, Seeded::new(&format!("file-{size}"), size))
		} else {
			let mut builder = DirectoryBuilder::new(profile);
			for index in 0..size {
				let entry = file(&profile, index.to_string().as_bytes());
				builder.insert(format!("entry-{index:05}"), entry).unwrap();
			}
			builder.finish(&mut Vec::new()).unwrap()
		};
		assert_eq!(ours.cid.to_string(), cid, "{line}");
	}
}
