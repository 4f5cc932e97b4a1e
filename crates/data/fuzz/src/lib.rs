//! DAGs that the fuzz targets put together of any links, names and messages.

#![deny(missing_docs)]

use holdfast_data::{
	block::{dag_pb_cid, raw_cid},
	dag_pb::{PbLink, PbNode},
	unixfs::{Kind, Message, MURMUR3},
	Cid,
};
use libfuzzer_sys::arbitrary;
use std::{fs, path::Path};

/// What a block is made of.
#[derive(arbitrary::Arbitrary, Debug)]
pub struct Block {
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

/// The blocks, each of which can link to those before it. The first is a file of one byte.
pub fn dag(blocks: Vec<Block>) -> Vec<(Cid, Vec<u8>)> {
	// What exists so far, and its bytes as a file.
	let mut made: Vec<(Cid, Vec<u8>)> = vec![(raw_cid(b"x"), b"x".to_vec())];
	let mut sizes = vec![1u64];
	for block in blocks.into_iter().take(40) {
		if block.raw {
			sizes.push(block.data.len() as u64);
			made.push((raw_cid(&block.data), block.data));
			continue;
		}
		let kinds = [Kind::File, Kind::Directory, Kind::Symlink, Kind::HamtShard];
		let kind = kinds[usize::from(block.kind) % kinds.len()];
		let mut message = Message::new(kind);
		message.data = Some(block.data.clone());
		let mut total = block.data.len() as u64;
		let mut links = Vec::new();
		for (target, name, odd) in block.links.iter().take(20) {
			let target = usize::from(*target) % made.len();
			let name = match usize::from(*odd) {
				odd if odd < ODD_NAMES.len() => ODD_NAMES[odd].to_owned(),
				_ => name.clone(),
			};
			let size = if block.sizes_are_right {
				sizes[target]
			} else {
				u64::from(*odd)
			};
			if kind == Kind::File {
				message.block_sizes.push(size);
				total = total.saturating_add(size);
			}
			links.push(PbLink {
				cid: made[target].0,
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
		made.push((dag_pb_cid(&node), node));
		sizes.push(total);
	}
	made
}

/// A folder with a file that must stay as it is, while something is written to `inner` beside it.
pub fn guarded(write: impl FnOnce(&Path)) {
	let temp = tempfile::tempdir().unwrap();
	fs::write(temp.path().join("victim"), "untouched").unwrap();
	write(&temp.path().join("inner"));
	assert_eq!(fs::read(temp.path().join("victim")).unwrap(), b"untouched");
	let mut names: Vec<_> = fs::read_dir(temp.path())
		.unwrap()
		.flatten()
		.map(|entry| entry.file_name())
		.collect();
	names.sort();
	assert!(
		names == ["inner", "victim"] || names == ["victim"],
		"{names:?}"
	);
	no_partial(temp.path());
}

/// Nothing is named like a partial file.
fn no_partial(folder: &Path) {
	for entry in fs::read_dir(folder).unwrap().flatten() {
		let name = entry.file_name();
		assert!(!name.to_string_lossy().ends_with(".partial"), "{name:?}");
		if entry.file_type().unwrap().is_dir() {
			no_partial(&entry.path());
		}
	}
}
