//! Files through shards and back.

#![allow(clippy::unwrap_used)]

use holdfast_data::{
	block::{cid_from_digest, dag_pb_cid, raw_cid, RAW},
	car::{CarIndex, CarWriter, Limits},
	pack,
	piece::{padded_size, PieceHasher},
	shard::FileChanged,
	unixfs::{Child, FileNode},
	unpack::resume_point,
	Cid, PackError, Package, UnpackError, Unpacker, CHUNK_BYTES,
};
use proptest::prelude::*;
use std::io::{Cursor, Read};

const MIB: usize = 1 << 20;
const SMALL_SHARD: u64 = 1_100_000;

/// Bytes that repeat nowhere near a chunk's length.
fn bytes(length: usize) -> Vec<u8> {
	let mut state = 0x9e37_79b9_7f4a_7c15u64;
	(0..length)
		.map(|_| {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			state.to_le_bytes()[3]
		})
		.collect()
}

fn package(file: &[u8], limit: u64) -> Package {
	pack(file, limit, &mut |_| {}).unwrap()
}

fn cars(package: &Package, file: &[u8]) -> Vec<Vec<u8>> {
	package
		.shards
		.iter()
		.map(|shard| {
			let mut car = Vec::new();
			shard
				.layout
				.open_at(Cursor::new(file), 0)
				.read_to_end(&mut car)
				.unwrap();
			car
		})
		.collect()
}

fn unpack(package: &Package, cars: &[Vec<u8>]) -> Result<Vec<u8>, UnpackError> {
	let mut unpacker = Unpacker::new(package.root, package.file_bytes, Vec::new());
	for car in cars {
		unpacker.shard(&car[..])?;
	}
	unpacker.finish()
}

/// Checks everything that must hold for a file and a shard size.
fn round_trip(file: &[u8], limit: u64) {
	let package = package(file, limit);
	let cars = cars(&package, file);
	for (shard, car) in package.shards.iter().zip(&cars) {
		let length = u64::try_from(car.len()).unwrap();
		assert!(length <= limit);
		assert_eq!(shard.layout.car_bytes(), length);
		assert_eq!(shard.piece.payload_bytes, length);
		assert_eq!(Some(shard.piece.padded_bytes), padded_size(length));
		let mut hasher = PieceHasher::new();
		hasher.write(car);
		assert_eq!(hasher.finish().unwrap(), shard.piece);
		let index = CarIndex::build(&car[..], Limits::default()).unwrap();
		assert_eq!(index.roots(), [package.root]);
	}
	assert_eq!(unpack(&package, &cars).unwrap(), file);
}

#[test]
fn files_of_every_size_round_trip() {
	for length in [
		1,
		2,
		127,
		MIB - 1,
		MIB,
		MIB + 1,
		2 * MIB,
		3 * MIB + 17,
		5 * MIB + 524_288,
	] {
		let file = bytes(length);
		for limit in [SMALL_SHARD, 2_200_000, 8_323_072] {
			round_trip(&file, limit);
		}
	}
}

#[test]
fn equal_chunks_round_trip() {
	round_trip(&vec![7; 4 * MIB + 5], SMALL_SHARD);
}

#[test]
fn a_file_of_one_chunk_is_one_raw_leaf() {
	let package = package(b"hello world", SMALL_SHARD);
	assert_eq!(
		package.root.to_string(),
		"bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
	);
	assert_eq!(package.shards.len(), 1);
	assert_eq!(package.shards[0].layout.car_bytes(), 59 + 1 + 36 + 11);
	let file = bytes(MIB);
	assert_eq!(self::package(&file, SMALL_SHARD).root, raw_cid(&file));
}

#[test]
fn the_reader_tells_how_far_it_is() {
	let mut seen = Vec::new();
	pack(&bytes(2 * MIB + 1)[..], SMALL_SHARD, &mut |done| {
		seen.push(done)
	})
	.unwrap();
	assert_eq!(seen, [CHUNK_BYTES, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 1]);
}

#[test]
fn what_cannot_be_packed_is_refused() {
	assert!(matches!(
		pack(&b""[..], SMALL_SHARD, &mut |_| {}),
		Err(PackError::Empty)
	));
	assert!(matches!(
		pack(&bytes(MIB)[..], 2032, &mut |_| {}),
		Err(PackError::ShardTooSmall { limit: 2032, needed }) if needed == 59 + 39 + CHUNK_BYTES
	));
	struct Broken;
	impl Read for Broken {
		fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
			Err(std::io::Error::other("broken"))
		}
	}
	assert!(matches!(
		pack(Broken, SMALL_SHARD, &mut |_| {}),
		Err(PackError::Read(_))
	));
}

#[test]
fn a_shard_can_be_made_from_any_offset_on() {
	let file = bytes(3 * MIB + 99);
	let package = package(&file, 2_200_000);
	for (shard, car) in package.shards.iter().zip(cars(&package, &file)) {
		let leaf = 3 + 36 + MIB;
		let end = car.len();
		for offset in [
			0,
			1,
			58,
			59,
			60,
			59 + leaf - 1,
			59 + leaf,
			end - 100,
			end - 1,
			end,
			end + 9,
		] {
			let mut part = Vec::new();
			let at = u64::try_from(offset).unwrap();
			shard
				.layout
				.open_at(Cursor::new(&file), at)
				.read_to_end(&mut part)
				.unwrap();
			assert_eq!(part, car[offset.min(end)..], "{offset}");
		}
	}
}

#[test]
fn a_file_that_changed_since_is_detected() {
	let mut file = bytes(2 * MIB);
	let package = package(&file, 8_323_072);
	let read = |file: &[u8]| {
		let mut car = Vec::new();
		package.shards[0]
			.layout
			.open_at(Cursor::new(file), 0)
			.read_to_end(&mut car)
	};
	assert!(read(&file).is_ok());
	let shortened = read(&file[..2 * MIB - 1]).unwrap_err();
	assert_eq!(
		shortened.get_ref().unwrap().downcast_ref(),
		Some(&FileChanged)
	);
	file[MIB + 3] ^= 1;
	assert!(read(&file).is_err());
}

/// A file of three leaves with one CAR, as blocks that a test can tamper with.
fn blocks() -> (Package, Vec<(Cid, Vec<u8>)>) {
	let file = bytes(3 * MIB - 10);
	let package = package(&file, 8_323_072);
	let car = &cars(&package, &file)[0];
	let index = CarIndex::build(&car[..], Limits::default()).unwrap();
	let mut places: Vec<_> = index
		.iter()
		.map(|(cid, place)| (place.offset, *cid))
		.collect();
	places.sort();
	let blocks = places
		.into_iter()
		.map(|(_, cid)| {
			(
				cid,
				index.read_block(Cursor::new(car), &cid).unwrap().unwrap(),
			)
		})
		.collect();
	(package, blocks)
}

fn unpack_blocks(package: &Package, blocks: &[(Cid, Vec<u8>)]) -> Result<Vec<u8>, UnpackError> {
	let mut writer = CarWriter::new(Vec::new(), vec![package.root]).unwrap();
	for (cid, data) in blocks {
		writer.write_block(cid, data).unwrap();
	}
	unpack(package, &[writer.finish().unwrap()])
}

#[test]
fn a_missing_block_is_named() {
	let (package, blocks) = blocks();
	assert_eq!(blocks.len(), 4);
	assert!(unpack_blocks(&package, &blocks).is_ok());
	for missing in 0..4 {
		let mut rest = blocks.clone();
		let (cid, _) = rest.remove(missing);
		let result = unpack_blocks(&package, &rest);
		assert!(
			matches!(result, Err(UnpackError::Missing { cid: named }) if named == cid),
			"{missing}: {result:?}"
		);
	}
}

#[test]
fn extra_blocks_are_refused() {
	let (package, blocks) = blocks();
	let small = b"more".to_vec();
	let extra = (raw_cid(&small), small);
	let with = |position: usize, block: (Cid, Vec<u8>)| {
		let mut all = blocks.clone();
		all.insert(position, block);
		unpack_blocks(&package, &all)
	};
	// Too many leaves, a second file's node, an empty leaf, a leaf after the nodes.
	assert!(
		matches!(with(3, extra.clone()), Err(UnpackError::Extra { cid, .. }) if cid == extra.0)
	);
	let child = Child {
		cid: extra.0,
		file_bytes: 4,
		cumulative_bytes: 4,
	};
	let node = FileNode {
		children: vec![child],
	}
	.encode();
	let node = (dag_pb_cid(&node), node);
	assert!(matches!(with(4, node.clone()), Err(UnpackError::Extra { cid, .. }) if cid == node.0));
	let empty = (raw_cid(b""), vec![]);
	assert!(
		matches!(with(0, empty.clone()), Err(UnpackError::Extra { cid, .. }) if cid == empty.0)
	);
	assert!(
		matches!(with(4, extra.clone()), Err(UnpackError::Misplaced { cid }) if cid == extra.0)
	);
	// A leaf in place of another.
	let mut replaced = blocks.clone();
	replaced[2] = extra;
	assert!(matches!(
		unpack_blocks(&package, &replaced),
		Err(UnpackError::Missing { cid }) if cid == blocks[2].0
	));
	// More nodes than the file can have.
	let mut many = blocks.clone();
	for byte in 0..20u8 {
		let child = Child {
			cid: raw_cid(&[byte]),
			file_bytes: 1,
			cumulative_bytes: 1,
		};
		let node = FileNode {
			children: vec![child],
		}
		.encode();
		many.push((dag_pb_cid(&node), node));
	}
	assert!(matches!(
		unpack_blocks(&package, &many),
		Err(UnpackError::Extra { .. })
	));
}

#[test]
fn an_extra_leaf_that_fits_the_size_is_named() {
	let file = bytes(2 * MIB);
	let package = package(&file, 8_323_072);
	let (first, second) = file.split_at(MIB);
	let other = vec![3; MIB];
	// The second leaf is announced before its turn, the first one is replaced.
	let result = unpack_blocks(
		&package,
		&[
			(raw_cid(second), second.to_vec()),
			(raw_cid(&other), other.clone()),
		],
	);
	assert!(matches!(result, Err(UnpackError::Missing { cid }) if cid == package.root));
	let node = package_root_node(&[first, second]);
	let result = unpack_blocks(
		&package,
		&[
			(raw_cid(first), first.to_vec()),
			(raw_cid(&other), other),
			(package.root, node),
		],
	);
	assert!(matches!(result, Err(UnpackError::Missing { cid }) if cid == raw_cid(second)));
}

fn package_root_node(leaves: &[&[u8]]) -> Vec<u8> {
	let children = leaves
		.iter()
		.map(|leaf| {
			let length = u64::try_from(leaf.len()).unwrap();
			Child {
				cid: raw_cid(leaf),
				file_bytes: length,
				cumulative_bytes: length,
			}
		})
		.collect();
	FileNode { children }.encode()
}

#[test]
fn reordered_leaves_are_named() {
	let (package, mut blocks) = blocks();
	blocks.swap(0, 1);
	let (first, second) = (blocks[1].0, blocks[0].0);
	assert!(matches!(
		unpack_blocks(&package, &blocks),
		Err(UnpackError::Reordered { position: 0, expected, found })
			if *expected == first && *found == second
	));
}

#[test]
fn reordered_shards_are_refused() {
	let file = bytes(3 * MIB);
	let package = package(&file, SMALL_SHARD);
	let mut cars = cars(&package, &file);
	assert!(cars.len() >= 3);
	cars.swap(0, 1);
	assert!(matches!(
		unpack(&package, &cars),
		Err(UnpackError::Reordered { position: 0, .. })
	));
}

#[test]
fn corrupt_and_truncated_shards_are_refused() {
	let file = bytes(2 * MIB);
	let package = package(&file, 8_323_072);
	let mut cars = cars(&package, &file);
	let end = cars[0].len();
	cars[0][end - 5] ^= 1;
	assert!(matches!(unpack(&package, &cars), Err(UnpackError::Car(_))));
	cars[0][end - 5] ^= 1;
	cars[0].truncate(end - 1);
	assert!(matches!(unpack(&package, &cars), Err(UnpackError::Car(_))));
}

#[test]
fn another_files_shard_is_refused() {
	let file = bytes(100);
	let package = package(&file, SMALL_SHARD);
	let other = self::package(b"other", SMALL_SHARD);
	let result = unpack(&package, &cars(&other, b"other"));
	assert!(matches!(result, Err(UnpackError::OtherFile { root }) if root == package.root));
}

/// A package with the given root and size, for DAGs that no honest packer makes.
fn claim(root: Cid, file_bytes: u64) -> Package {
	Package {
		root,
		file_bytes,
		shards: vec![],
	}
}

#[test]
fn dags_with_wrong_sizes_are_refused() {
	let (package, blocks) = blocks();
	// The ticket tells another size than the DAG.
	let larger = claim(package.root, package.file_bytes + 5);
	assert!(matches!(
		unpack_blocks(&larger, &blocks),
		Err(UnpackError::Size { found, .. }) if found == package.file_bytes
	));
	// A node tells another size than its leaf has; and the nodes' own sizes.
	let leaf = b"leaf".to_vec();
	let child = Child {
		cid: raw_cid(&leaf),
		file_bytes: 5,
		cumulative_bytes: 4,
	};
	let node = FileNode {
		children: vec![child],
	}
	.encode();
	let lying = vec![
		(raw_cid(&leaf), leaf.clone()),
		(dag_pb_cid(&node), node.clone()),
	];
	let result = unpack_blocks(&claim(dag_pb_cid(&node), 5), &lying);
	assert!(matches!(result, Err(UnpackError::Dag { .. })), "{result:?}");
	let inner = Child {
		cid: dag_pb_cid(&node),
		file_bytes: 6,
		cumulative_bytes: 9,
	};
	let outer = FileNode {
		children: vec![inner],
	}
	.encode();
	let mut nested = lying.clone();
	nested.push((dag_pb_cid(&outer), outer.clone()));
	let result = unpack_blocks(&claim(dag_pb_cid(&outer), 6), &nested);
	assert!(matches!(result, Err(UnpackError::Dag { .. })), "{result:?}");
	// A raw root of another size.
	let result = unpack_blocks(&claim(raw_cid(&leaf), 9), &[(raw_cid(&leaf), leaf)]);
	assert!(matches!(result, Err(UnpackError::Dag { .. })), "{result:?}");
}

#[test]
fn nodes_that_no_file_has_are_refused() {
	let directory = vec![0x0a, 0x02, 0x08, 0x01];
	let cid = dag_pb_cid(&directory);
	let result = unpack_blocks(&claim(cid, 5), &[(cid, directory)]);
	assert!(matches!(result, Err(UnpackError::Node { cid: named, .. }) if named == cid));
	let childless = FileNode { children: vec![] }.encode();
	let cid = dag_pb_cid(&childless);
	let result = unpack_blocks(&claim(cid, 5), &[(cid, childless)]);
	assert!(matches!(result, Err(UnpackError::Dag { .. })));
	// A chain of nodes that is deeper than any file's.
	let leaf = b"leaf".to_vec();
	let mut chain = vec![(raw_cid(&leaf), leaf)];
	for _ in 0..9 {
		let below = chain.last().unwrap().0;
		let child = Child {
			cid: below,
			file_bytes: 4,
			cumulative_bytes: 4,
		};
		let node = FileNode {
			children: vec![child],
		}
		.encode();
		chain.push((dag_pb_cid(&node), node));
	}
	let root = chain.last().unwrap().0;
	let result = unpack_blocks(&claim(root, 4), &chain);
	assert!(matches!(result, Err(UnpackError::Dag { .. })), "{result:?}");
}

#[test]
fn a_dag_that_repeats_itself_costs_no_more_than_the_files_size() {
	// Each node names the one below a thousand times: 10^15 leaves in five blocks.
	let leaf = b"x".to_vec();
	let mut chain = vec![(raw_cid(&leaf), leaf)];
	let mut bytes = 1;
	for _ in 0..5 {
		let below = chain.last().unwrap().0;
		let child = Child {
			cid: below,
			file_bytes: bytes,
			cumulative_bytes: 1,
		};
		let node = FileNode {
			children: vec![child; 1000],
		}
		.encode();
		bytes *= 1000;
		chain.push((dag_pb_cid(&node), node));
	}
	let root = chain.last().unwrap().0;
	let result = unpack_blocks(&claim(root, 4 * CHUNK_BYTES), &chain);
	assert!(matches!(result, Err(UnpackError::Dag { .. })), "{result:?}");
}

#[test]
fn getting_goes_on_where_it_stopped() {
	let file = bytes(4 * MIB + 77);
	for limit in [SMALL_SHARD, 2_200_000, 8_323_072] {
		let package = package(&file, limit);
		let cars = cars(&package, &file);
		let lengths: Vec<_> = package
			.shards
			.iter()
			.map(|s| s.layout.car_bytes())
			.collect();
		for kept in [0, 1, MIB - 1, MIB, 2 * MIB + 5, 4 * MIB, 4 * MIB + 70] {
			let mut unpacker = Unpacker::new(package.root, package.file_bytes, Vec::new());
			let taken = unpacker.resume(&file[..kept]).unwrap();
			assert_eq!(taken, u64::try_from(kept / MIB * MIB).unwrap());
			let (shard, offset) = resume_point(&lengths, taken).unwrap();
			let start = usize::try_from(offset).unwrap();
			unpacker.shard_from(&cars[shard][start..], offset).unwrap();
			for car in &cars[shard + 1..] {
				unpacker.shard(&car[..]).unwrap();
			}
			assert_eq!(unpacker.written(), package.file_bytes);
			let rest = unpacker.finish().unwrap();
			assert_eq!(
				rest,
				file[usize::try_from(taken).unwrap()..],
				"{limit}: {kept}"
			);
		}
	}
	assert_eq!(resume_point(&[59 + 39 + CHUNK_BYTES], CHUNK_BYTES), None);
}

#[test]
fn a_wrong_beginning_is_detected_at_the_end() {
	let file = bytes(2 * MIB);
	let package = package(&file, 8_323_072);
	let car = &cars(&package, &file)[0];
	let mut unpacker = Unpacker::new(package.root, package.file_bytes, Vec::new());
	let taken = unpacker.resume(&vec![1; MIB][..]).unwrap();
	let (_, offset) = resume_point(&[u64::try_from(car.len()).unwrap()], taken).unwrap();
	let start = usize::try_from(offset).unwrap();
	unpacker.shard_from(&car[start..], offset).unwrap();
	assert!(matches!(
		unpacker.finish(),
		Err(UnpackError::Missing { .. })
	));
}

#[test]
fn an_output_that_fails_is_an_error() {
	struct Full;
	impl std::io::Write for Full {
		fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
			Err(std::io::Error::other("disk full"))
		}
		fn flush(&mut self) -> std::io::Result<()> {
			Ok(())
		}
	}
	let package = package(b"file", SMALL_SHARD);
	let car = &cars(&package, b"file")[0];
	let mut unpacker = Unpacker::new(package.root, package.file_bytes, Full);
	assert!(matches!(
		unpacker.shard(&car[..]),
		Err(UnpackError::Output(_))
	));
}

#[test]
fn large_dags_have_the_cid_that_other_implementations_give() {
	// 1025 leaves of 1 MiB of zeros: a DAG of two levels, by its hashes alone.
	let zero = raw_cid(&vec![0; MIB]);
	let mut dag = holdfast_data::dag::DagBuilder::new();
	let mut nodes = Vec::new();
	for _ in 0..1025 {
		dag.push_leaf(zero, CHUNK_BYTES, &mut nodes);
	}
	let root = dag.finish(&mut nodes).unwrap();
	assert_eq!(
		root.to_string(),
		"bafybeigt7wofv4vnxbg3titijasuw4ptg5kfztec4smsk7opdt7z6djoxq"
	);
	assert_ne!(zero, cid_from_digest(RAW, &[0; 32]));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn any_length_and_shard_size_round_trips(
		length in 1usize..4_000_000,
		limit in SMALL_SHARD..9_000_000,
	) {
		round_trip(&bytes(length), limit);
	}

	#[test]
	fn any_damage_is_detected(at in 0usize..1000, length in 1usize..3_000_000, flip in 1u8..) {
		let file = bytes(length);
		let package = package(&file, SMALL_SHARD);
		let mut cars = cars(&package, &file);
		let shard = at % cars.len();
		let position = at * 7919 % cars[shard].len();
		cars[shard][position] ^= flip;
		prop_assert!(unpack(&package, &cars).is_err());
	}
}
