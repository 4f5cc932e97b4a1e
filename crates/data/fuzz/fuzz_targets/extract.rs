//! Extraction of DAGs that are put together of any links, names and messages into a folder: nothing beside
//! the target changes, and no partial file is left.
#![no_main]

use holdfast_data::{
	block::{dag_pb_cid, raw_cid},
	blocks::{StoredCar, StreamedCar},
	car::{CarWriter, Limits},
	dag_pb::{PbLink, PbNode},
	extract::{extract, ExtractOptions},
	unixfs::{Kind, Message, MURMUR3},
	Cid,
};
use libfuzzer_sys::{arbitrary, fuzz_target};
use std::{fs, io::Cursor, path::Path};

#[derive(arbitrary::Arbitrary, Debug)]
struct Block {
	kind: u8,
	links: Vec<(u8, String, u8)>,
	data: Vec<u8>,
	sizes_are_right: bool,
	raw: bool,
}

const ODD_NAMES: [&str; 8] = [
	"..",
	".",
	"a",
	"b",
	"../victim",
	"/tmp/victim",
	"a/b",
	"00a",
];

fuzz_target!(|blocks: Vec<Block>| {
	let mut car = CarWriter::new(Vec::new(), vec![]).unwrap();
	// What exists so far: its CID and its bytes as a file.
	let mut made: Vec<(Cid, u64)> = vec![(raw_cid(b"x"), 1)];
	car.write_block(&made[0].0, b"x").unwrap();
	for block in blocks.into_iter().take(40) {
		if block.raw {
			let cid = raw_cid(&block.data);
			car.write_block(&cid, &block.data).unwrap();
			made.push((cid, block.data.len() as u64));
			continue;
		}
		let kinds = [Kind::File, Kind::Directory, Kind::Symlink, Kind::HamtShard];
		let kind = kinds[usize::from(block.kind) % kinds.len()];
		let mut message = Message::new(kind);
		message.data = Some(block.data.clone());
		let mut total = block.data.len() as u64;
		let mut links = Vec::new();
		for (target, name, odd) in block.links.iter().take(20) {
			let (cid, bytes) = made[usize::from(*target) % made.len()];
			let name = match usize::from(*odd) {
				odd if odd < ODD_NAMES.len() => ODD_NAMES[odd].to_owned(),
				_ => name.clone(),
			};
			let size = if block.sizes_are_right {
				bytes
			} else {
				u64::from(*odd)
			};
			if kind == Kind::File {
				message.block_sizes.push(size);
				total = total.saturating_add(size);
			}
			links.push(PbLink {
				cid,
				name: Some(name),
				cumulative_bytes: Some(size),
			});
		}
		if kind == Kind::HamtShard {
			message.hash_type = Some(MURMUR3);
			message.fanout = Some(256);
		}
		let node = PbNode {
			links,
			data: Some(message.encode()),
		}
		.encode();
		let cid = dag_pb_cid(&node);
		car.write_block(&cid, &node).unwrap();
		made.push((cid, total));
	}
	let root = made[made.len() - 1].0;
	let bytes = car.finish().unwrap();
	let options = ExtractOptions {
		max_entries: 200,
		max_bytes: 1 << 16,
		..ExtractOptions::default()
	};
	let temp = tempfile::tempdir().unwrap();
	fs::write(temp.path().join("victim"), "untouched").unwrap();
	let target = temp.path().join("inner/out");
	let mut stored = StoredCar::open(Cursor::new(&bytes), Limits::default()).unwrap();
	let _ = extract(&mut stored, &root, &target, &options, &mut |_| {});
	let mut streamed = StreamedCar::new(&bytes[..], Limits::default(), 1 << 16).unwrap();
	let again = temp.path().join("inner/again");
	let _ = extract(&mut streamed, &root, &again, &options, &mut |_| {});
	assert_eq!(fs::read(temp.path().join("victim")).unwrap(), b"untouched");
	let mut names: Vec<_> = fs::read_dir(temp.path())
		.unwrap()
		.flatten()
		.map(|e| e.file_name())
		.collect();
	names.sort();
	assert!(
		names == ["inner", "victim"] || names == ["victim"],
		"{names:?}"
	);
	no_partial(temp.path());
});

/// Every link leads inside, and nothing is named like a partial file.
fn no_partial(folder: &Path) {
	for entry in fs::read_dir(folder).unwrap().flatten() {
		let name = entry.file_name();
		assert!(!name.to_string_lossy().ends_with(".partial"), "{name:?}");
		if entry.file_type().unwrap().is_dir() {
			no_partial(&entry.path());
		}
	}
}
