//! Folders: into CARs and out of them, into shards and back, and what hostile ones try.

#![allow(clippy::unwrap_used)]

mod common;

use common::{
	made::{listing, Made, Shards},
	seeded,
};
use holdfast_data::{
	archive::{create, verify},
	block::raw_cid,
	blocks::{StoredCar, StreamedCar},
	car::{CarFileWriter, CarVersion, IndexKind, Limits},
	dag_pb::{PbLink, PbNode},
	directory::DirectoryBuilder,
	extract::{extract, read_file, ExtractError, ExtractOptions, Extracted},
	folder::{pack_folder, FolderPackage},
	folder_fetch::{FolderFetchError, FolderPlan, FolderShards},
	import::ImportOptions,
	unixfs::{Kind, Message},
	walk, Cid, PieceHasher, Profile,
};
use std::{
	fs,
	io::{Cursor, Read},
	os::unix::fs::symlink as link,
	path::{Path, PathBuf},
};

/// A folder with files of many sizes, an empty one, folders within folders and links.
fn sample() -> tempfile::TempDir {
	let folder = tempfile::tempdir().unwrap();
	let at = |name: &str| folder.path().join(name);
	fs::create_dir_all(at("a/deep/er")).unwrap();
	fs::create_dir(at("empty")).unwrap();
	for (name, bytes) in [
		("nothing", 0),
		("one", 1),
		("a/exact", 1 << 20),
		("a/two", 2 << 20),
		("a/deep/odd", (3 << 20) + 12_345),
		("a/deep/er/last", 70_000),
		("z", 5),
	] {
		fs::write(at(name), seeded(name, bytes)).unwrap();
	}
	link("a/two", at("link")).unwrap();
	link("../one", at("a/up")).unwrap();
	fs::write(at(".hidden"), "secret").unwrap();
	folder
}

fn car_of(path: &Path, profile: Profile, version: CarVersion) -> (Vec<u8>, Cid) {
	let options = ImportOptions {
		profile,
		..ImportOptions::default()
	};
	let paths = [path.to_owned()];
	let out = Cursor::new(Vec::new());
	let (out, created) = create(&paths, false, &options, out, version, &mut |_| {}).unwrap();
	(out.into_inner(), created.root.cid)
}

#[test]
fn folders_come_back_whatever_the_profile_and_version() {
	let source = sample();
	for profile in [Profile::UNIXFS_V1_2025, Profile::UNIXFS_V0_2015] {
		for version in [
			CarVersion::One,
			CarVersion::Two(Some(IndexKind::MultihashSorted)),
			CarVersion::Two(Some(IndexKind::Sorted)),
		] {
			let (car, root) = car_of(source.path(), profile, version);
			let report = verify(Cursor::new(&car), Limits::default(), &mut |_| {}).unwrap();
			assert_eq!(report.roots, [root]);
			assert!(report.roots_present);
			let target = tempfile::tempdir().unwrap();
			let mut blocks = StoredCar::open(Cursor::new(&car), Limits::default()).unwrap();
			let options = ExtractOptions::default();
			let into = target.path().join("out");
			let done = extract(&mut blocks, &root, &into, &options, &mut |_| {}).unwrap();
			let expected = Extracted {
				files: 7,
				directories: 5,
				links: 2,
				skipped_links: 0,
				bytes: 6 * (1 << 20) + 12_345 + 70_000 + 6,
			};
			assert_eq!(done, expected);
			fs::remove_file(source.path().join(".hidden")).unwrap_or_default();
			assert_eq!(listing(&into), listing(source.path()));
			// Nothing is replaced unasked.
			let again = extract(&mut blocks, &root, &into, &options, &mut |_| {});
			assert!(matches!(again, Err(ExtractError::Exists(_))));
			let options = ExtractOptions {
				overwrite: true,
				..options
			};
			extract(&mut blocks, &root, &into, &options, &mut |_| {}).unwrap();
			assert_eq!(listing(&into), listing(source.path()));
		}
	}
}

#[test]
fn a_stream_with_parents_first_is_extracted_as_it_comes() {
	let source = sample();
	let (car, root) = car_of(source.path(), Profile::default(), CarVersion::One);
	let mut stored = StoredCar::open(Cursor::new(&car), Limits::default()).unwrap();
	let out = Cursor::new(Vec::new());
	let mut sorted = CarFileWriter::new(out, vec![root], CarVersion::One).unwrap();
	holdfast_data::archive::copy_dag(&mut stored, &root, true, &mut sorted).unwrap();
	let sorted = sorted.finish().unwrap().into_inner();
	assert_eq!(sorted.len(), car.len());
	// Two MiB are enough: nothing but the block at hand is needed.
	let mut blocks = StreamedCar::new(&sorted[..], Limits::default(), 2 << 20).unwrap();
	let target = tempfile::tempdir().unwrap();
	let into = target.path().join("out");
	extract(
		&mut blocks,
		&root,
		&into,
		&ExtractOptions::default(),
		&mut |_| {},
	)
	.unwrap();
	fs::remove_file(source.path().join(".hidden")).unwrap();
	assert_eq!(listing(&into), listing(source.path()));
}

#[test]
fn paths_are_found_in_basic_directories_and_hamts() {
	let folder = tempfile::tempdir().unwrap();
	fs::create_dir(folder.path().join("many")).unwrap();
	for index in 0..6000 {
		let name = format!("many/file number {index}");
		fs::write(folder.path().join(name), index.to_string()).unwrap();
	}
	let (car, root) = car_of(folder.path(), Profile::default(), CarVersion::One);
	let mut blocks = StoredCar::open(Cursor::new(&car), Limits::default()).unwrap();
	let (directory, trail) = walk::resolve(&mut blocks, &root, "/many/").unwrap();
	assert_eq!(trail, [root]);
	for index in [0, 17, 5999] {
		let path = format!("many/file number {index}");
		let (cid, trail) = walk::resolve(&mut blocks, &root, &path).unwrap();
		assert_eq!(cid, raw_cid(index.to_string().as_bytes()));
		assert!(trail.len() > 2 && trail[1] == directory);
	}
	for path in ["many/absent", "absent", "many/file number 1/below"] {
		let error = walk::resolve(&mut blocks, &root, path).unwrap_err();
		assert!(error.to_string().contains("there is no"), "{error}");
	}
	let target = tempfile::tempdir().unwrap();
	let into = target.path().join("out");
	let done = extract(
		&mut blocks,
		&root,
		&into,
		&ExtractOptions::default(),
		&mut |_| {},
	)
	.unwrap();
	assert_eq!((done.files, done.directories), (6000, 2));
	assert_eq!(listing(&into), listing(folder.path()));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
	for name in ["..", ".", "", "../victim", "/tmp/x", "a/b", "nul\0", "/"] {
		let mut made = Made::new();
		let file = made.raw(b"evil");
		let root = made.directory(&[(name, file)]);
		let error = made.refused(&root, ExtractOptions::default());
		assert!(
			matches!(error, ExtractError::Name { .. }),
			"{name:?}: {error}"
		);
	}
	// The same within a HAMT, where the name has one place, and all others are refused for that.
	let mut refused = 0;
	for place in 0..256 {
		let mut made = Made::new();
		let file = made.raw(b"evil");
		let root = made.shard(256, &[(&format!("{place:02X}../victim"), file)]);
		let error = made.refused(&root, ExtractOptions::default());
		let text = error.to_string();
		match error {
			ExtractError::Name { .. } => refused += 1,
			_ => assert!(text.contains("not where its name belongs"), "{text}"),
		}
	}
	assert_eq!(refused, 1);
}

#[test]
fn links_that_lead_out_are_refused_or_passed_over() {
	for target in ["/etc/passwd", "../victim", "a/../../victim", ""] {
		let mut made = Made::new();
		let evil = made.link(target);
		let root = made.directory(&[("evil", evil)]);
		let error = made.refused(&root, ExtractOptions::default());
		assert!(
			matches!(error, ExtractError::UnsafeLink { .. }),
			"{target}: {error}"
		);
	}
	let mut made = Made::new();
	let evil = made.link("/etc/passwd");
	let file = made.raw(b"good");
	let root = made.directory(&[("evil", evil), ("file", file)]);
	let car = made.car.finish().unwrap();
	let mut blocks = StoredCar::open(Cursor::new(car), Limits::default()).unwrap();
	let options = ExtractOptions {
		skip_unsafe_links: true,
		..ExtractOptions::default()
	};
	let temp = tempfile::tempdir().unwrap();
	let done = extract(&mut blocks, &root, temp.path(), &options, &mut |_| {}).unwrap();
	assert_eq!((done.files, done.skipped_links), (1, 1));
}

#[test]
fn nothing_is_written_through_a_link_of_the_same_name() {
	// First a link to a folder outside, then a folder of that name with a file in it.
	let mut made = Made::new();
	let inner = made.link("sub");
	let file = made.raw(b"evil");
	let folder = made.directory(&[("victim", file)]);
	let root = made.directory(&[("sub", folder), ("x", inner), ("x", folder)]);
	let error = made.refused(&root, ExtractOptions::default());
	assert!(matches!(error, ExtractError::Duplicate { .. }), "{error}");
	// A link that is there already.
	let temp = tempfile::tempdir().unwrap();
	let outside = tempfile::tempdir().unwrap();
	link(outside.path(), temp.path().join("sub")).unwrap();
	let mut made = Made::new();
	let file = made.raw(b"evil");
	let folder = made.directory(&[("victim", file)]);
	let root = made.directory(&[("sub", folder)]);
	let car = made.car.finish().unwrap();
	let mut blocks = StoredCar::open(Cursor::new(car), Limits::default()).unwrap();
	for overwrite in [false, true] {
		let options = ExtractOptions {
			overwrite,
			..ExtractOptions::default()
		};
		let result = extract(&mut blocks, &root, temp.path(), &options, &mut |_| {});
		assert!(matches!(result, Err(ExtractError::Output { .. })));
	}
	assert!(listing(outside.path()).is_empty());
}

#[test]
fn a_missing_or_corrupt_block_leaves_no_partial_file() {
	let mut made = Made::new();
	let first = made.raw(&[1; 1000]);
	let file = made.file(&[(first, 1000), (raw_cid(b"gone"), 4)]);
	let root = made.directory(&[("file", file)]);
	let error = made.refused(&root, ExtractOptions::default());
	assert!(error.to_string().contains("is missing"), "{error}");
	let mut made = Made::new();
	let wrong = raw_cid(b"right");
	made.car.write_block(&wrong, b"wrong").unwrap();
	let file = made.file(&[(wrong, 5)]);
	let root = made.directory(&[("file", file)]);
	let error = made.refused(&root, ExtractOptions::default());
	assert!(error.to_string().contains("corrupt"), "{error}");
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
	let mut made = Made::new();
	let leaf = made.raw(b"four");
	let file = made.file(&[(leaf, 5)]);
	let error = made.refused(&file, ExtractOptions::default());
	assert!(error.to_string().contains("another size"), "{error}");
	let mut made = Made::new();
	let leaf = made.raw(b"four");
	let inner = made.file(&[(leaf, 4)]);
	let file = made.file(&[(inner, 5)]);
	let error = made.refused(&file, ExtractOptions::default());
	assert!(error.to_string().contains("another size"), "{error}");
	// A directory, or a link, as a part of a file.
	let mut made = Made::new();
	let inner = made.directory(&[]);
	let file = made.file(&[(inner, 5)]);
	let error = made.refused(&file, ExtractOptions::default());
	assert!(error.to_string().contains("part of a file"), "{error}");
}

#[test]
fn small_dags_that_are_large_folders_are_stopped() {
	// Each level names the one below twenty times.
	let mut made = Made::new();
	let names: Vec<String> = (0..20).map(|index| format!("n{index}")).collect();
	let mut below = made.raw(b"x");
	for _ in 0..30 {
		let entries: Vec<_> = names.iter().map(|name| (name.as_str(), below)).collect();
		below = made.directory(&entries);
	}
	let options = ExtractOptions {
		max_entries: 500,
		..ExtractOptions::default()
	};
	let error = made.refused(&below, options);
	assert!(
		matches!(error, ExtractError::Limit { limit: 500, .. }),
		"{error}"
	);
	// A file that names the same leaf again and again.
	let mut made = Made::new();
	let mut below = (made.raw(&[7; 1000]), 1000);
	for _ in 0..5 {
		below = (made.file(&[below; 100]), below.1 * 100);
	}
	let options = ExtractOptions {
		max_bytes: 100_000,
		..ExtractOptions::default()
	};
	let error = made.refused(&below.0, options);
	assert!(
		matches!(error, ExtractError::Limit { limit: 100_000, .. }),
		"{error}"
	);
	// One that never has a byte costs nothing.
	let mut made = Made::new();
	let mut below = (made.raw(b""), 0);
	for _ in 0..40 {
		below = (made.file(&[below; 100]), 0);
	}
	let car = made.car.finish().unwrap();
	let mut blocks = StoredCar::open(Cursor::new(car), Limits::default()).unwrap();
	let mut out = Vec::new();
	assert_eq!(
		read_file(&mut blocks, &below.0, &mut out, &mut |_| {}).unwrap(),
		0
	);
}

#[test]
fn what_is_nested_too_deep_is_refused() {
	let mut made = Made::new();
	let mut below = made.directory(&[]);
	for _ in 0..300 {
		below = made.directory(&[("d", below)]);
	}
	let error = made.refused(&below, ExtractOptions::default());
	assert!(
		matches!(error, ExtractError::Limit { limit: 256, .. }),
		"{error}"
	);
	let mut made = Made::new();
	let mut below = made.raw(b"leaf");
	for _ in 0..100 {
		below = made.file(&[(below, 4)]);
	}
	let error = made.refused(&below, ExtractOptions::default());
	assert!(
		matches!(error, ExtractError::Limit { limit: 64, .. }),
		"{error}"
	);
}

#[test]
fn modes_times_and_bytes_of_inner_nodes_are_read() {
	let mut made = Made::new();
	let leaf = made.raw(b"tail");
	let message = Message {
		data: Some(b"head ".to_vec()),
		file_bytes: Some(9),
		block_sizes: vec![4],
		mode: Some(0o644),
		mtime: Some(holdfast_data::unixfs::Mtime {
			seconds: -5,
			nanoseconds: Some(7),
		}),
		..Message::new(Kind::File)
	};
	let node = PbNode {
		links: vec![PbLink {
			cid: leaf,
			name: None,
			cumulative_bytes: None,
		}],
		data: Some(message.encode()),
	};
	let file = made.node(node.encode());
	let car = made.car.finish().unwrap();
	let mut blocks = StoredCar::open(Cursor::new(car), Limits::default()).unwrap();
	let mut out = Vec::new();
	read_file(&mut blocks, &file, &mut out, &mut |_| {}).unwrap();
	assert_eq!(out, b"head tail");
}

fn packed(folder: &Path, limit: u64) -> (FolderPackage, FolderShards, Shards) {
	let package = pack_folder(folder, false, limit, &mut |_| {}).unwrap();
	let mut cars = Vec::new();
	for shard in &package.shards {
		let mut car = Vec::new();
		shard.layout.open_at(0).read_to_end(&mut car).unwrap();
		assert_eq!(u64::try_from(car.len()).unwrap(), shard.layout.car_bytes());
		assert!(shard.layout.car_bytes() <= limit);
		let mut hasher = PieceHasher::new();
		hasher.write(&car);
		assert_eq!(hasher.finish().unwrap(), shard.piece);
		for offset in [1, 59, 60, 100, car.len() / 2, car.len()] {
			let mut rest = Vec::new();
			let at = u64::try_from(offset).unwrap();
			shard.layout.open_at(at).read_to_end(&mut rest).unwrap();
			assert_eq!(rest, car[offset..], "{offset}");
		}
		cars.push(car);
	}
	let shards = FolderShards {
		root: package.root,
		car_bytes: package
			.shards
			.iter()
			.map(|shard| shard.layout.car_bytes())
			.collect(),
		nodes: package.nodes,
		file_bytes: package.file_bytes,
	};
	let source = Shards {
		cars,
		read: Vec::new(),
	};
	(package, shards, source)
}

#[test]
fn a_folder_in_shards_comes_back_and_has_the_cid_of_its_car() {
	let source = sample();
	let (_, root) = car_of(source.path(), Profile::default(), CarVersion::One);
	fs::remove_file(source.path().join(".hidden")).unwrap();
	for limit in [1_100_000, 2_200_000, 100 << 20] {
		let (package, shards, mut cars) = packed(source.path(), limit);
		assert_eq!(package.root, root);
		let temp = tempfile::tempdir().unwrap();
		let into = temp.path().join("out");
		let mut plan = FolderPlan::read(&shards, &mut cars).unwrap();
		let mut seen = Vec::new();
		let done = plan
			.fetch("", &into, &mut cars, &mut |done, total| {
				seen.push((done, total))
			})
			.unwrap();
		assert_eq!((done.files, done.kept), (7, 0));
		assert_eq!(done.bytes, package.file_bytes);
		assert_eq!(seen.last(), Some(&(package.file_bytes, package.file_bytes)));
		assert_eq!(listing(&into), listing(source.path()));
		// One stream for each shard's leaves, and the nodes before.
		assert!(cars.read.len() <= 2 * cars.cars.len(), "{:?}", cars.read);
		// What is there and right is kept, what is wrong is fetched.
		fs::write(into.join("one"), "?").unwrap();
		fs::remove_file(into.join("a/two")).unwrap();
		cars.read.clear();
		let done = plan.fetch("", &into, &mut cars, &mut |_, _| {}).unwrap();
		assert_eq!((done.files, done.kept), (7, 5));
		assert_eq!(listing(&into), listing(source.path()));
	}
}

#[test]
fn of_a_folder_only_what_a_path_names_is_read() {
	let source = sample();
	let (_, shards, mut cars) = packed(source.path(), 2_200_000);
	let temp = tempfile::tempdir().unwrap();
	let mut plan = FolderPlan::read(&shards, &mut cars).unwrap();
	for (path, name) in [
		("a/deep", "deep"),
		("a/deep/odd", "odd"),
		("a/deep/er/last", "last"),
	] {
		cars.read.clear();
		let into = temp.path().join(name);
		plan.fetch(path, &into, &mut cars, &mut |_, _| {}).unwrap();
		let original = source.path().join(path);
		if original.is_dir() {
			assert_eq!(listing(&into), listing(&original));
		} else {
			assert_eq!(fs::read(&into).unwrap(), fs::read(&original).unwrap());
		}
		let read: u64 = cars.read.iter().map(|(_, start, end)| end - start).sum();
		let bytes = if name == "last" {
			71_000
		} else {
			(3 << 20) + 84_000
		};
		assert!(read < bytes, "{path}: {read}");
	}
	let absent = plan.fetch("a/absent", temp.path(), &mut cars, &mut |_, _| {});
	assert!(matches!(absent, Err(FolderFetchError::Walk(_))));
}

#[test]
fn damaged_shards_of_a_folder_are_refused() {
	let source = sample();
	let (_, shards, mut cars) = packed(source.path(), 2_200_000);
	let whole = cars.cars.clone();
	let temp = tempfile::tempdir().unwrap();
	let attempt = |cars: &mut Shards, shards: &FolderShards| {
		let into = temp.path().join("out");
		fs::remove_dir_all(&into).unwrap_or_default();
		let mut plan = FolderPlan::read(shards, cars)?;
		plan.fetch("", &into, cars, &mut |_, _| {})
	};
	assert!(attempt(&mut cars, &shards).is_ok());
	for shard in 0..whole.len() {
		cars.cars[shard][500] ^= 1;
		assert!(attempt(&mut cars, &shards).is_err(), "{shard}");
		cars.cars = whole.clone();
	}
	let mut other = shards.clone();
	other.root = raw_cid(b"other");
	assert!(attempt(&mut cars, &other).is_err());
	let mut other = shards.clone();
	other.nodes.offset += 1;
	assert!(attempt(&mut cars, &other).is_err());
	cars.cars.swap(0, 1);
	assert!(attempt(&mut cars, &shards).is_err());
}

#[test]
fn a_folders_file_that_changed_is_noticed() {
	let source = sample();
	let package = pack_folder(source.path(), false, 100 << 20, &mut |_| {}).unwrap();
	fs::write(source.path().join("one"), "x").unwrap();
	let mut reader = package.shards[0].layout.open_at(0);
	let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
	assert!(error.to_string().contains("changed"), "{error}");
}

#[test]
fn wrapped_files_keep_their_names() {
	let source = sample();
	let paths: Vec<PathBuf> = ["one", "a"]
		.iter()
		.map(|name| source.path().join(name))
		.collect();
	let options = ImportOptions::default();
	let out = Cursor::new(Vec::new());
	let (out, created) = create(&paths, true, &options, out, CarVersion::One, &mut |_| {}).unwrap();
	let mut blocks = StoredCar::open(out, Limits::default()).unwrap();
	let (one, _) = walk::resolve(&mut blocks, &created.root.cid, "one").unwrap();
	assert_eq!(one, raw_cid(&fs::read(&paths[0]).unwrap()));
	let mut twice = DirectoryBuilder::new(Profile::default());
	twice.insert("a".into(), created.root).unwrap();
	assert!(twice.insert("a".into(), created.root).is_err());
}
