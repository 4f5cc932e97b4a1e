//! Shards of files and folders that are put together of any blocks: a file is what its root says, or refused,
//! and a folder changes nothing beside its target.
#![no_main]

use holdfast_data::{
	car::{section_bytes, CarWriter},
	folder::Position,
	folder_fetch::{FolderPlan, FolderShards, ShardSource},
	import::{import_file, BlockSink, ImportError},
	unixfs::Child,
	Profile, Unpacker,
};
use holdfast_data_fuzz::{dag, guarded, Block};
use libfuzzer_sys::fuzz_target;
use std::io::{self, Cursor, Read};

struct Shards(Vec<Vec<u8>>);

impl ShardSource for Shards {
	fn open(&mut self, shard: usize, start: u64, end: u64) -> io::Result<Box<dyn Read>> {
		let car = &self.0[shard];
		let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(car.len());
		let (start, end) = (place(start), place(end));
		Ok(Box::new(Cursor::new(car[start.min(end)..end].to_vec())))
	}
}

struct Nothing;

impl BlockSink for Nothing {
	fn leaf(&mut self, _: &Child, _: &[u8], _: &[u8]) -> Result<(), ImportError> {
		Ok(())
	}

	fn node(&mut self, _: holdfast_data::block::Block) -> Result<(), ImportError> {
		Ok(())
	}
}

fuzz_target!(|input: (Vec<Block>, Vec<u8>, u64, u8, bool)| {
	let (blocks, order, file_bytes, cut, is_root_last) = input;
	let made = dag(blocks);
	let root = match is_root_last {
		true => made[made.len() - 1].0,
		false => made[usize::from(cut) % made.len()].0,
	};
	// The blocks in any order, or in theirs, in two shards.
	let order: Vec<usize> = match order.is_empty() {
		true => (0..made.len()).collect(),
		false => order
			.iter()
			.map(|index| usize::from(*index) % made.len())
			.collect(),
	};
	let cut = usize::from(cut) % (order.len() + 1);
	let mut cars = Vec::new();
	for part in [&order[..cut], &order[cut..]] {
		let mut car = CarWriter::new(Vec::new(), vec![root]).unwrap();
		for index in part {
			car.write_block(&made[*index].0, &made[*index].1).unwrap();
		}
		cars.push(car.finish().unwrap());
	}
	// Small numbers are more interesting.
	for claimed in [file_bytes, file_bytes % 100] {
		let mut unpacker = Unpacker::new(root, claimed, Vec::new());
		let taken = cars.iter().try_for_each(|car| unpacker.shard(&car[..]));
		let file = taken.and_then(|()| unpacker.finish());
		if let Ok(file) = file {
			assert_eq!(file.len() as u64, claimed);
			let profile = Profile::UNIXFS_V1_2025;
			let again = import_file(&file[..], &profile, &mut Nothing, &mut |_| {}).unwrap();
			// What is no DAG of the profile can still be the file that its root says.
			assert!(again.cid == root || file.len() > 1);
		}
	}
	// A place within the first shard, at a block or not.
	let before = order[..cut].iter().take(usize::try_from(file_bytes % 50).unwrap());
	let offset = before
		.map(|index| section_bytes(&made[*index].0, made[*index].1.len() as u64))
		.fold(59, u64::saturating_add);
	let shards = FolderShards {
		root,
		car_bytes: cars.iter().map(|car| car.len() as u64).collect(),
		nodes: Position { shard: 0, offset },
		file_bytes,
	};
	let mut source = Shards(cars);
	let Ok(mut plan) = FolderPlan::read(&shards, &mut source) else {
		return;
	};
	guarded(|inner| {
		for path in ["", "a", "a/b"] {
			let _ = plan.fetch(path, &inner.join("out"), &mut source, &mut |_, _| {});
		}
	});
});
