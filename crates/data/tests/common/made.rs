//! DAGs and shards that tests put together as they like, and what came of them.

use super::*;
use holdfast_data::{
	block::{dag_pb_cid, raw_cid, Block},
	blocks::StoredCar,
	car::{CarWriter, Limits},
	dag_pb::{PbLink, PbNode},
	directory::symlink,
	extract::{extract, ExtractError, ExtractOptions},
	folder_fetch::ShardSource,
	unixfs::{Child, FileNode, Kind, Message, MURMUR3},
	Profile,
};
use std::{fs, io::Cursor, path::Path};

/// Everything in a folder, as text: paths, and contents' hashes or links' targets.
pub fn listing(folder: &Path) -> Vec<String> {
	fn list(folder: &Path, prefix: &str, lines: &mut Vec<String>) {
		for entry in fs::read_dir(folder).unwrap() {
			let entry = entry.unwrap();
			let name = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
			let kind = entry.file_type().unwrap();
			if kind.is_dir() {
				lines.push(format!("{name}/"));
				list(&entry.path(), &name, lines);
			} else if kind.is_symlink() {
				let target = fs::read_link(entry.path()).unwrap();
				lines.push(format!("{name} -> {}", target.display()));
			} else {
				lines.push(format!(
					"{name} {}",
					raw_cid(&fs::read(entry.path()).unwrap())
				));
			}
		}
	}
	let mut lines = Vec::new();
	list(folder, "", &mut lines);
	lines.sort();
	lines
}

/// A source of blocks that a test puts together.
pub struct Made {
	pub car: CarWriter<Vec<u8>>,
}

impl Made {
	pub fn new() -> Self {
		Self {
			car: CarWriter::new(Vec::new(), vec![]).unwrap(),
		}
	}

	pub fn raw(&mut self, data: &[u8]) -> Cid {
		self.car.write_block(&raw_cid(data), data).unwrap();
		raw_cid(data)
	}

	pub fn node(&mut self, data: Vec<u8>) -> Cid {
		let cid = dag_pb_cid(&data);
		self.car.write_block(&cid, &data).unwrap();
		cid
	}

	/// A directory without any checks.
	pub fn directory(&mut self, entries: &[(&str, Cid)]) -> Cid {
		let links = entries.iter().map(|(name, cid)| PbLink {
			cid: *cid,
			name: Some((*name).to_owned()),
			cumulative_bytes: Some(1),
		});
		let node = PbNode {
			links: links.collect(),
			data: Some(Message::new(Kind::Directory).encode()),
		};
		self.node(node.encode())
	}

	/// A node of a HAMT without any checks. Names come with the digits of their place.
	pub fn shard(&mut self, fanout: u64, children: &[(&str, Cid)]) -> Cid {
		let links = children.iter().map(|(name, cid)| PbLink {
			cid: *cid,
			name: Some((*name).to_owned()),
			cumulative_bytes: Some(1),
		});
		let message = Message {
			data: Some(vec![1]),
			hash_type: Some(MURMUR3),
			fanout: Some(fanout),
			..Message::new(Kind::HamtShard)
		};
		let node = PbNode {
			links: links.collect(),
			data: Some(message.encode()),
		};
		self.node(node.encode())
	}

	pub fn link(&mut self, target: &str) -> Cid {
		let mut nodes = Vec::new();
		symlink(&Profile::default(), target.as_bytes(), &mut nodes);
		let Block { data, .. } = nodes.remove(0);
		self.node(data)
	}

	pub fn file(&mut self, children: &[(Cid, u64)]) -> Cid {
		let children = children.iter().map(|(cid, file_bytes)| Child {
			cid: *cid,
			file_bytes: *file_bytes,
			cumulative_bytes: 0,
		});
		let node = FileNode {
			children: children.collect(),
		};
		self.node(node.encode())
	}

	/// Extracts into a folder within a folder, of which nothing else may change. Returns the error.
	pub fn refused(self, root: &Cid, options: ExtractOptions) -> ExtractError {
		let temp = tempfile::tempdir().unwrap();
		fs::write(temp.path().join("victim"), "untouched").unwrap();
		let into = temp.path().join("out");
		let car = self.car.finish().unwrap();
		let mut blocks = StoredCar::open(Cursor::new(car), Limits::default()).unwrap();
		let error = extract(&mut blocks, root, &into, &options, &mut |_| {}).unwrap_err();
		let beside: Vec<_> = listing(temp.path())
			.into_iter()
			.filter(|line| !line.starts_with("/out"))
			.collect();
		assert_eq!(beside, [format!("/victim {}", raw_cid(b"untouched"))]);
		if into.is_dir() {
			let partial = listing(&into)
				.into_iter()
				.find(|line| line.contains("partial"));
			assert_eq!(partial, None);
		}
		error
	}
}

/// Shards in memory; notes which parts were read.
pub struct Shards {
	pub cars: Vec<Vec<u8>>,
	pub read: Vec<(usize, u64, u64)>,
}

impl ShardSource for Shards {
	fn open(&mut self, shard: usize, start: u64, end: u64) -> io::Result<Box<dyn Read>> {
		self.read.push((shard, start, end));
		let (start, end) = (
			usize::try_from(start).unwrap(),
			usize::try_from(end).unwrap(),
		);
		let car = &self.cars[shard];
		let part = &car[start.min(car.len())..end.min(car.len())];
		Ok(Box::new(Cursor::new(part.to_vec())))
	}
}
