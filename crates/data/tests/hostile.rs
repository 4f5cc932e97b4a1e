//! What hostile input may cost: an error, and memory within bounds; and what it may not change.

// The allocator below hands everything on to the system's.
#![allow(clippy::unwrap_used, unsafe_code)]

mod common;

use common::{
	made::{listing, Made, Shards},
	seeded,
};
use holdfast_data::{
	archive::{copy_dag, create, inspect, verify, VerifyError},
	block::{cid_from_digest, raw_cid, sha256, DAG_PB, IDENTITY, RAW},
	blocks::{Blocks, FetchError, StoredCar, StreamedCar},
	car::{
		CarError, CarFileWriter, CarIndex, CarReader, CarV2Header, CarVersion, CarWriter,
		IndexKind, Limits, SortedIndex, PRAGMA,
	},
	dag_cbor,
	dag_pb::{PbLink, PbNode},
	extract::{extract, read_file, ExtractError, ExtractOptions},
	folder::Position,
	folder_fetch::{FolderFetchError, FolderPlan, FolderShards},
	import::{ImportError, ImportOptions},
	patch::{compile, PatchError},
	unixfs::{Kind, Message, Node},
	walk, Cid, PieceCid, UnpackError, Unpacker,
};
use std::{
	alloc::{GlobalAlloc, Layout, System},
	cell::Cell,
	fs,
	io::{self, Cursor},
	os::unix::fs::symlink,
};

/// Counts what each thread has, and the most that it ever had.
struct Counting;

thread_local! {
	static NOW: Cell<isize> = const { Cell::new(0) };
	static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
	// A thread that ends has no counters any more.
	let _ = NOW.try_with(|now| {
		now.set(now.get() + bytes);
		let _ = MOST.try_with(|most| most.set(most.get().max(now.get())));
	});
}

fn size(layout: Layout) -> isize {
	isize::try_from(layout.size()).unwrap_or(isize::MAX)
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		count(size(layout));
		// SAFETY: as the caller promised.
		unsafe { System.alloc(layout) }
	}

	unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
		count(-size(layout));
		// SAFETY: as the caller promised.
		unsafe { System.dealloc(place, layout) }
	}
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs something on this thread alone, and says how many bytes it had at most, besides what was there.
fn memory<T>(run: impl FnOnce() -> T) -> (T, isize) {
	let before = NOW.get();
	MOST.set(before);
	let result = run();
	(result, MOST.get() - before)
}

/// No hostile input of a few KiB may cost more.
const MOST_BYTES: isize = 1 << 20;

fn cheaply<T>(what: &str, run: impl FnOnce() -> T) -> T {
	let (result, bytes) = memory(run);
	assert!(bytes < MOST_BYTES, "{what}: {bytes} bytes");
	result
}

/// 2^63, and what lies around it and at the end, as varints.
fn huge() -> Vec<(u64, Vec<u8>)> {
	[
		(1 << 32) - 1,
		1 << 40,
		(1 << 63) - 1,
		1 << 63,
		(1 << 63) + 1,
		u64::MAX - 40,
		u64::MAX,
	]
	.into_iter()
	.map(|value| {
		let (mut left, mut bytes) = (value, Vec::new());
		while left >= 0x80 {
			bytes.push(left.to_le_bytes()[0] | 0x80);
			left >>= 7;
		}
		bytes.push(left.to_le_bytes()[0]);
		(value, bytes)
	})
	.collect()
}

fn car(blocks: &[&[u8]]) -> Vec<u8> {
	let mut writer = CarWriter::new(Vec::new(), vec![raw_cid(blocks[0])]).unwrap();
	for data in blocks {
		writer.write_block(&raw_cid(data), data).unwrap();
	}
	writer.finish().unwrap()
}

/// Everything that reads a CAR refuses this one.
fn refused(what: &str, bytes: &[u8]) {
	let limits = Limits::default();
	let root = raw_cid(b"one");
	cheaply(what, || {
		assert!(
			verify(Cursor::new(bytes), limits, &mut |_| {}).is_err(),
			"{what}: verify"
		);
		assert!(CarIndex::build(bytes, limits).is_err(), "{what}: build");
		let unpacked = Unpacker::new(root, 3, io::sink()).shard(bytes);
		assert!(unpacked.is_err(), "{what}: unpack");
		let streamed = StreamedCar::new(bytes, limits, 1 << 16);
		let found = streamed.map(|mut blocks| blocks.block(&raw_cid(b"absent")));
		assert!(!matches!(found, Ok(Ok(_))), "{what}: stream");
	});
}

#[test]
fn lengths_around_2_to_the_63_are_refused_in_cars_of_both_versions() {
	let sound = car(&[b"one"]);
	for (value, varint) in huge() {
		refused(&format!("header of {value}"), &varint);
		refused(
			&format!("header of {value}, with bytes"),
			&[&varint[..], &sound].concat(),
		);
		refused(
			&format!("section of {value}"),
			&[&sound[..], &varint].concat(),
		);
		let with_cid = [&sound[..], &varint, &raw_cid(b"two").to_bytes(), b"two"].concat();
		refused(&format!("section of {value}, with a CID"), &with_cid);
		// A CID whose hash claims so many bytes.
		let hash = [&sound[..], &[60, 1, 0x55, 0x12], &varint, &[0; 60]].concat();
		refused(&format!("hash of {value}"), &hash);
		for field in 0..3 {
			let mut header = CarV2Header {
				characteristics: [0; 16],
				data_offset: 51,
				data_bytes: u64::try_from(sound.len()).unwrap(),
				index_offset: 0,
			};
			*[
				&mut header.data_offset,
				&mut header.data_bytes,
				&mut header.index_offset,
			][field] = value;
			let bytes = [&PRAGMA[..], &header.encode(), &sound].concat();
			let result = cheaply("v2", || {
				verify(Cursor::new(&bytes), Limits::default(), &mut |_| {})
			});
			// More data than there is is data that was cut short, or ends where the file does.
			assert!(result.is_err() || field == 1, "{field} {value}: {result:?}");
		}
	}
}

#[test]
fn lengths_around_2_to_the_63_are_refused_in_indexes() {
	let cids = [raw_cid(b"one"), raw_cid(b"two")];
	let sections = cids.iter().zip([59u64, 99]);
	for kind in [IndexKind::Sorted, IndexKind::MultihashSorted] {
		let mut sound = Vec::new();
		SortedIndex::build(kind, sections.clone())
			.write(&mut sound)
			.unwrap();
		assert!(SortedIndex::read(&sound[..], 1 << 20).is_ok());
		// Whatever number is at a place, the index is refused or read within bounds.
		for place in 0..sound.len() {
			for (value, varint) in huge() {
				let mut changed = sound.clone();
				let bytes = value.to_le_bytes();
				let end = (place + 8).min(changed.len());
				changed[place..end].copy_from_slice(&bytes[..end - place]);
				cheaply("number", || drop(SortedIndex::read(&changed[..], 1 << 20)));
				let spliced = [&sound[..place], &varint, &sound[place..]].concat();
				cheaply("varint", || drop(SortedIndex::read(&spliced[..], 1 << 20)));
			}
		}
	}
}

#[test]
fn lengths_around_2_to_the_63_are_refused_in_blocks() {
	let leaf = raw_cid(b"leaf");
	for (value, varint) in huge() {
		let what = format!("{value}");
		// dag-pb: a link and data that claim so many bytes.
		for field in [0x12, 0x0a] {
			let block = [&[field][..], &varint, b"rest"].concat();
			cheaply(&what, || assert!(PbNode::decode(&block).is_err(), "{what}"));
		}
		// UnixFS: bytes, the file's size and its parts' sizes.
		let message = [&[0x08, 0x02, 0x12][..], &varint, b"rest"].concat();
		cheaply(&what, || {
			assert!(Message::decode(&message).is_err(), "{what}")
		});
		let file = |sizes: &[u64], total| {
			let message = Message {
				file_bytes: Some(total),
				block_sizes: sizes.to_vec(),
				..Message::new(Kind::File)
			};
			let links = sizes.iter().map(|size| PbLink {
				cid: leaf,
				name: None,
				cumulative_bytes: Some(*size),
			});
			PbNode {
				links: links.collect(),
				data: Some(message.encode()),
			}
			.encode()
		};
		for (sizes, total) in [
			(vec![value], value),
			(vec![value, value], value.wrapping_mul(2)),
			(vec![value, value.wrapping_neg()], 0),
			(vec![4], value),
		] {
			let mut made = Made::new();
			made.raw(b"leaf");
			let root = made.node(file(&sizes, total));
			let error = cheaply(&what, || made.refused(&root, ExtractOptions::default()));
			let refused = matches!(
				error,
				ExtractError::Node { .. } | ExtractError::Limit { .. }
			);
			assert!(refused, "{value} {sizes:?}: {error}");
		}
		// A HAMT of so many places.
		let mut made = Made::new();
		let file = made.raw(b"leaf");
		let root = made.shard(value, &[("00leaf", file)]);
		let error = cheaply(&what, || made.refused(&root, ExtractOptions::default()));
		assert!(matches!(error, ExtractError::Node { .. }), "{error}");
		// DAG-CBOR: bytes, text, lists and maps of such lengths.
		for major in [0x40u8, 0x60, 0x80, 0xa0] {
			let block = [&[major | 27][..], &value.to_be_bytes(), b"rest"].concat();
			cheaply(&what, || {
				assert!(dag_cbor::links(&block).is_err(), "{what}")
			});
			let cid = cid_from_digest(0x71, &sha256(&block));
			assert_eq!(walk::links(&cid, &block), []);
			let json = holdfast_data::dag_json::to_json(0x71, &block);
			assert!(json.is_err(), "{what}");
		}
		// A piece's CID whose padding claims so much.
		let cid = [&[1, 0x55, 0x91, 0x20, 34][..], &varint, &[10], &[0; 32]].concat();
		if let Ok(cid) = Cid::try_from(&cid[..]) {
			cheaply(&what, || {
				assert!(PieceCid::try_from(&cid).is_err(), "{what}")
			});
		}
	}
}

#[test]
fn what_is_nested_costs_little() {
	let deep = 200_000;
	let cbor = vec![0x81; deep];
	assert!(dag_cbor::links(&cbor).is_err());
	assert!(holdfast_data::dag_json::to_json(0x71, &cbor).is_err());
	let header = [vec![0x81; 30_000], vec![0]].concat();
	assert!(holdfast_data::car::CarHeader::decode(&header).is_err());
	let text = "[".repeat(deep);
	assert!(holdfast_data::dag_json::to_json(0x0129, text.as_bytes()).is_err());
	let cid = cid_from_digest(0x71, &sha256(b"x"));
	let patch = format!("car compile x\n--- {cid}\n+++ json {cid}\n@@ -0,0 +0,0 @@\n{text}\n");
	assert!(matches!(compile(&patch), Err(PatchError::Block { .. })));
	// dag-pb within dag-pb is only bytes.
	let mut node = b"x".to_vec();
	for _ in 0..1000 {
		node = PbNode {
			links: vec![],
			data: Some(node),
		}
		.encode();
	}
	assert!(Message::decode(&PbNode::decode(&node).unwrap().data.unwrap()).is_err());
	// A HAMT that names one part again and again, without an entry, or with one; at each place, or at one.
	let places: Vec<String> = (0..256).map(|place| format!("{place:02X}")).collect();
	let leaf = "entry";
	for (leaf, places) in places
		.iter()
		.map(|place| (Some(format!("{place}{leaf}")), vec![place.clone(); 256]))
		.chain([
			(None, places.clone()),
			(Some(format!("00{leaf}")), places.clone()),
		]) {
		let mut made = Made::new();
		let file = made.raw(b"x");
		let children: Vec<_> = leaf.iter().map(|name| (name.as_str(), file)).collect();
		let mut below = made.shard(256, &children);
		for _ in 0..7 {
			let children: Vec<_> = places.iter().map(|name| (name.as_str(), below)).collect();
			below = made.shard(256, &children);
		}
		let bytes = made.car.finish().unwrap();
		let mut blocks = StoredCar::open(Cursor::new(&bytes), Limits::default()).unwrap();
		let block = blocks.block(&below).unwrap();
		let entries = cheaply("HAMT", || {
			let node = Node::decode(&below, &block).map_err(|error| error.to_string())?;
			walk::entries(&mut blocks, &below, node).map_err(|error| error.to_string())
		});
		assert!(entries.is_err());
		let temp = tempfile::tempdir().unwrap();
		let options = ExtractOptions::default();
		let result = extract(&mut blocks, &below, temp.path(), &options, &mut |_| {});
		assert!(matches!(result, Err(ExtractError::Node { .. })));
		assert!(listing(temp.path()).is_empty());
	}
}

/// A CAR in which blocks name each other in a circle, which only blocks can that are not what their CIDs say.
fn circle(length: u8) -> (Vec<u8>, Cid) {
	let cid = |index: u8| cid_from_digest(DAG_PB, &[index; 32]);
	let mut writer = CarWriter::new(Vec::new(), vec![cid(0)]).unwrap();
	for index in 0..length {
		let node = PbNode {
			links: vec![PbLink {
				cid: cid((index + 1) % length),
				name: Some("next".into()),
				cumulative_bytes: Some(1),
			}],
			data: Some(Message::new(Kind::Directory).encode()),
		};
		writer.write_block(&cid(index), &node.encode()).unwrap();
	}
	(writer.finish().unwrap(), cid(0))
}

#[test]
fn circles_are_corrupt_blocks_and_end() {
	for length in [1, 2, 5] {
		let (bytes, root) = circle(length);
		refused("circle", &bytes);
		let limits = Limits::default();
		let mut stored = StoredCar::open(Cursor::new(&bytes), limits).unwrap();
		let mut streamed = StreamedCar::new(&bytes[..], limits, 1 << 16).unwrap();
		for blocks in [&mut stored as &mut dyn Blocks, &mut streamed] {
			let temp = tempfile::tempdir().unwrap();
			let options = ExtractOptions::default();
			let result = extract(blocks, &root, temp.path(), &options, &mut |_| {});
			assert!(
				matches!(result, Err(ExtractError::Fetch { .. })),
				"{result:?}"
			);
			assert!(listing(temp.path()).is_empty());
		}
		assert!(walk::resolve(&mut stored, &root, "next/next/next").is_err());
		let out = Cursor::new(Vec::new());
		let mut out = CarFileWriter::new(out, vec![root], CarVersion::One).unwrap();
		assert!(copy_dag(&mut stored, &root, false, &mut out).is_err());
		// Without any check everything is read once, and only once.
		let seen = inspect(Cursor::new(&bytes), limits, false, &mut |_| {}).unwrap();
		assert_eq!(seen.blocks, u64::from(length));
	}
	// A source that checks nothing: each block is visited once all the same.
	struct Unchecked(Vec<u8>);
	impl Blocks for Unchecked {
		fn block(&mut self, cid: &Cid) -> Result<std::sync::Arc<Vec<u8>>, FetchError> {
			let mut car = CarReader::new(&self.0[..], Limits::default())?.without_verification();
			while let Some(found) = car.next_block()? {
				if found.block.cid == *cid {
					return Ok(found.block.data.into());
				}
			}
			Err(FetchError::Missing { cid: *cid })
		}
	}
	let (bytes, root) = circle(5);
	let mut visited = 0;
	walk::dag(&mut Unchecked(bytes.clone()), &root, true, |_, _| {
		visited += 1;
		Ok::<_, FetchError>(())
	})
	.unwrap();
	assert_eq!(visited, 5);
	// Folders within each other without end are stopped by their depth.
	let temp = tempfile::tempdir().unwrap();
	let options = ExtractOptions {
		max_depth: 20,
		..ExtractOptions::default()
	};
	let result = extract(
		&mut Unchecked(bytes),
		&root,
		temp.path(),
		&options,
		&mut |_| {},
	);
	assert!(matches!(result, Err(ExtractError::Limit { limit: 20, .. })));
}

#[test]
fn links_on_disk_that_lead_in_a_circle_are_refused_or_stored_as_links() {
	let temp = tempfile::tempdir().unwrap();
	fs::create_dir(temp.path().join("a")).unwrap();
	symlink("..", temp.path().join("a/up")).unwrap();
	let import = |follow_links| {
		let options = ImportOptions {
			follow_links,
			..ImportOptions::default()
		};
		let paths = [temp.path().to_owned()];
		let out = Cursor::new(Vec::new());
		create(&paths, false, &options, out, CarVersion::One, &mut |_| {}).map(|_| ())
	};
	assert!(import(false).is_ok());
	let error = import(true).unwrap_err();
	// The system counts links, too.
	assert!(
		matches!(error, ImportError::Depth(_) | ImportError::Read { .. }),
		"{error}"
	);
}

/// A folder's CAR, parents first, with a file of two leaves and one of few bytes.
fn folder_car(write_twice: bool) -> (Vec<u8>, Cid) {
	let mut made = Made::new();
	let leaf = seeded("leaf", 1 << 20);
	let (first, second) = (raw_cid(&leaf), made.raw(b"end"));
	made.raw(&leaf);
	let large = made.file(&[(first, 1 << 20), (second, 3)]);
	let small = made.raw(b"small");
	let root = made.directory(&[("large", large), ("small", small)]);
	let bytes = made.car.finish().unwrap();
	let mut blocks = StoredCar::open(Cursor::new(bytes), Limits::default()).unwrap();
	let mut writer = CarWriter::new(Vec::new(), vec![root]).unwrap();
	walk::dag::<FetchError>(&mut blocks, &root, true, |cid, data| {
		for _ in 0..1 + usize::from(write_twice) {
			writer.write_block(cid, data).map_err(CarError::Write)?;
		}
		Ok(())
	})
	.unwrap();
	(writer.finish().unwrap(), root)
}

fn extracted(bytes: &[u8], root: &Cid, streams: bool) -> (Result<u64, String>, Vec<String>) {
	let temp = tempfile::tempdir().unwrap();
	let limits = Limits::default();
	let blocks: Result<Box<dyn Blocks + '_>, CarError> = match streams {
		true => StreamedCar::new(bytes, limits, 4 << 20).map(|blocks| Box::new(blocks) as _),
		false => StoredCar::open(Cursor::new(bytes), limits).map(|blocks| Box::new(blocks) as _),
	};
	let result = blocks
		.map_err(|error| error.to_string())
		.and_then(|mut blocks| {
			let options = ExtractOptions::default();
			extract(blocks.as_mut(), root, temp.path(), &options, &mut |_| {})
				.map(|done| done.files)
				.map_err(|error| error.to_string())
		});
	(result, listing(temp.path()))
}

#[test]
fn a_car_that_is_cut_anywhere_leaves_whole_files_or_none() {
	let (bytes, root) = folder_car(false);
	let (whole, names) = extracted(&bytes, &root, false);
	assert_eq!((whole, names.len()), (Ok(2), 2));
	let ends = (0..400)
		.chain((400..bytes.len()).step_by(100_003))
		.chain(bytes.len() - 60..bytes.len());
	for end in ends {
		for streams in [false, true] {
			let (result, found) = extracted(&bytes[..end], &root, streams);
			assert!(result.is_err(), "{end}");
			// What has its name is as it is in the whole folder.
			assert!(
				found.iter().all(|line| names.contains(line)),
				"{end}: {found:?}"
			);
		}
	}
}

#[test]
fn blocks_that_are_there_twice_are_harmless() {
	let (once, root) = folder_car(false);
	let (twice, _) = folder_car(true);
	let (_, names) = extracted(&once, &root, false);
	for streams in [false, true] {
		assert_eq!(extracted(&twice, &root, streams), (Ok(2), names.clone()));
	}
	let limits = Limits::default();
	let sound = verify(Cursor::new(&twice), limits, &mut |_| {}).unwrap();
	assert_eq!(sound.blocks, 10);
	assert_eq!(CarIndex::build(&twice[..], limits).unwrap().len(), 5);
	// A second block of the same CID that is not what it says is no way around the check.
	let mut wrong = CarReader::new(&once[..], limits).unwrap();
	let mut writer = CarWriter::new(Vec::new(), vec![root]).unwrap();
	while let Some(found) = wrong.next_block().unwrap() {
		writer.write_block(&found.block.cid, b"wrong").unwrap();
		writer
			.write_block(&found.block.cid, &found.block.data)
			.unwrap();
	}
	let bytes = writer.finish().unwrap();
	for streams in [false, true] {
		let (result, found) = extracted(&bytes, &root, streams);
		assert!(result.unwrap_err().contains("corrupt"));
		assert!(found.is_empty());
	}
	assert!(matches!(
		verify(Cursor::new(&bytes), limits, &mut |_| {}),
		Err(VerifyError::Car(CarError::Block(_)))
	));
}

#[test]
fn each_missing_block_is_named() {
	let (bytes, root) = folder_car(false);
	let mut all = Vec::new();
	let mut car = CarReader::new(&bytes[..], Limits::default()).unwrap();
	while let Some(found) = car.next_block().unwrap() {
		all.push(found.block);
	}
	for missing in &all {
		let mut writer = CarWriter::new(Vec::new(), vec![root]).unwrap();
		for block in all.iter().filter(|block| *block != missing) {
			writer.write_block(&block.cid, &block.data).unwrap();
		}
		let bytes = writer.finish().unwrap();
		for streams in [false, true] {
			let (result, _) = extracted(&bytes, &root, streams);
			let error = result.unwrap_err();
			assert!(error.contains(&missing.cid.to_string()), "{error}");
			assert!(error.contains("is missing"), "{error}");
		}
	}
}

/// A folder's shards that a hostile ticket names: the leaves, then the nodes.
fn shards(leaves: &[&[u8]], made: Made, root: Cid) -> (FolderShards, Shards) {
	let mut writer = CarWriter::new(Vec::new(), vec![root]).unwrap();
	for leaf in leaves {
		writer.write_block(&raw_cid(leaf), leaf).unwrap();
	}
	let offset = writer.written();
	let nodes = made.car.finish().unwrap();
	let mut car = CarReader::new(&nodes[..], Limits::default()).unwrap();
	while let Some(found) = car.next_block().unwrap() {
		writer
			.write_block(&found.block.cid, &found.block.data)
			.unwrap();
	}
	let bytes = writer.finish().unwrap();
	let shards = FolderShards {
		root,
		car_bytes: vec![u64::try_from(bytes.len()).unwrap()],
		nodes: Position { shard: 0, offset },
		file_bytes: 1,
	};
	let source = Shards {
		cars: vec![bytes],
		read: Vec::new(),
	};
	(shards, source)
}

fn fetched(leaves: &[&[u8]], made: Made, root: Cid) -> Result<(), FolderFetchError> {
	let (shards, mut source) = shards(leaves, made, root);
	let temp = tempfile::tempdir().unwrap();
	fs::write(temp.path().join("victim"), "untouched").unwrap();
	let into = temp.path().join("out");
	let result = FolderPlan::read(&shards, &mut source)
		.and_then(|mut plan| plan.fetch("", &into, &mut source, &mut |_, _| {}));
	let lines = listing(temp.path());
	let beside = lines.iter().filter(|line| !line.starts_with("/out"));
	assert!(beside.eq(&[format!("/victim {}", raw_cid(b"untouched"))]));
	assert!(
		!lines.iter().any(|line| line.contains("partial")),
		"{lines:?}"
	);
	result.map(|_| ())
}

#[test]
fn a_folder_of_a_hostile_ticket_is_refused() {
	for name in ["..", ".", "", "../victim", "/tmp/x", "a/b", "nul\0"] {
		let mut made = Made::new();
		let root = made.directory(&[(name, raw_cid(b"x"))]);
		let result = fetched(&[b"x"], made, root);
		assert!(matches!(result, Err(FolderFetchError::Name(_))), "{name:?}");
	}
	let mut made = Made::new();
	let root = made.directory(&[("a", raw_cid(b"x")), ("a", raw_cid(b"y"))]);
	let result = fetched(&[b"x", b"y"], made, root);
	assert!(matches!(result, Err(FolderFetchError::Name(_))));
	for target in ["/etc/passwd", "../victim", "a/../../victim"] {
		let mut made = Made::new();
		let evil = made.link(target);
		let root = made.directory(&[("evil", evil)]);
		let result = fetched(&[], made, root);
		assert!(
			matches!(result, Err(FolderFetchError::UnsafeLink(..))),
			"{target}"
		);
	}
	// Leaves that are not there, others than belong there, and in another order.
	let two = |leaves: &[&[u8]]| {
		let mut made = Made::new();
		let root = made.directory(&[("a", raw_cid(b"x")), ("b", raw_cid(b"y"))]);
		fetched(leaves, made, root)
	};
	assert!(two(&[b"x", b"y"]).is_ok());
	assert!(two(&[b"x"]).is_err() && two(&[]).is_err());
	assert!(two(&[b"y", b"x"]).is_err() && two(&[b"x", b"z"]).is_err());
	// Few nodes that are many folders, with files in them and without.
	for leaf in [None, Some(raw_cid(b"x"))] {
		let mut made = Made::new();
		let mut below = made.directory(
			&leaf
				.map(|leaf| ("file", leaf))
				.into_iter()
				.collect::<Vec<_>>(),
		);
		let names: Vec<String> = (0..20).map(|index| format!("n{index}")).collect();
		for _ in 0..30 {
			let entries: Vec<_> = names.iter().map(|name| (name.as_str(), below)).collect();
			below = made.directory(&entries);
		}
		let result = fetched(&[b"x"], made, below);
		assert!(
			matches!(result, Err(FolderFetchError::Layout(_))),
			"{result:?}"
		);
	}
}

#[test]
fn a_cid_that_holds_its_bytes_is_no_way_around_a_check() {
	// A directory's block within its CID, of which the entry leads elsewhere.
	let mut made = Made::new();
	let file = made.raw(b"evil");
	let link = PbLink {
		cid: file,
		name: Some("..".into()),
		cumulative_bytes: Some(1),
	};
	let node = PbNode {
		links: vec![link],
		data: Some(Message::new(Kind::Directory).encode()),
	};
	let node = node.encode();
	if let Ok(hash) = cid::multihash::Multihash::wrap(IDENTITY, &node) {
		let root = Cid::new_v1(DAG_PB, hash);
		let error = made.refused(&root, ExtractOptions::default());
		assert!(matches!(error, ExtractError::Name { .. }), "{error}");
	}
	let raw = cid::multihash::Multihash::wrap(IDENTITY, b"bytes").unwrap();
	let raw = Cid::new_v1(RAW, raw);
	let bytes = car(&[b"one"]);
	let mut blocks = StoredCar::open(Cursor::new(bytes), Limits::default()).unwrap();
	let mut out = Vec::new();
	read_file(&mut blocks, &raw, &mut out, &mut |_| {}).unwrap();
	assert_eq!(out, b"bytes");
}

#[test]
fn a_ticket_that_claims_a_huge_file_costs_no_more_than_its_shards() {
	// A ticket that claims a file of 2^63 bytes, and a shard of a few.
	for claimed in [1 << 40, 1 << 63, u64::MAX] {
		let bytes = car(&[b"one"]);
		let mut unpacker = Unpacker::new(raw_cid(b"one"), claimed, io::sink());
		let result = cheaply("unpacker", || {
			unpacker.shard(&bytes[..])?;
			unpacker.finish().map(|_| ())
		});
		assert!(
			matches!(
				result,
				Err(UnpackError::Dag { .. } | UnpackError::Size { .. })
			),
			"{result:?}"
		);
	}
}
