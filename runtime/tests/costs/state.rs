//! Large states, written into storage directly: making a hundred thousand sectors by calls would take hours, and
//! what a call touches depends on what is stored, not on how it came there.

use codec::Encode;
use frame_support::BoundedVec;
use holdfast_primitives::{BlockNumber, CommD, CommR, SectorNumber};
use holdfast_runtime::*;
use pallet_storage_provider::{
	Agenda, DeadlineLoad, Expirations, Partition, PartitionReplicas, PartitionSectors, Partitions,
	Positions, Providers, Sector, Sectors,
};
use sp_io::hashing::blake2_256;

use crate::chain::{policy, SIZE};

/// When the windows of the sectors that are only there to be many close: after whatever is measured.
const LATER: BlockNumber = 10_000_000;

/// The first number of such a sector.
pub const FIRST: SectorNumber = 1_000_000;

/// A state beside what is measured.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
	/// How many more sectors the measured providers have, each.
	pub sectors: u32,
	/// How many more providers there are.
	pub providers: u32,
}

/// Gives a registered provider as many more live and proven sectors, spread over its deadlines, in full partitions if
/// the number is even, so that what is measured joins none of them.
pub fn add_sectors(provider: &AccountId, count: u32) {
	let Some(mut info) = Providers::<Runtime>::get(provider) else {
		panic!("the provider is registered");
	};
	let room = SIZE.window_post_partition_sectors();
	let deadlines = policy().deadlines;
	let mut made = 0;
	for deadline in (0..deadlines).cycle() {
		if made == count {
			break;
		}
		let size = room.min(count - made);
		let load = &mut info.deadlines[deadline as usize];
		let key = (provider.clone(), deadline, load.partitions);
		add_partition(&key, FIRST + u64::from(made), size);
		*load = DeadlineLoad {
			partitions: load.partitions + 1,
			live_sectors: load.live_sectors + size,
		};
		made += size;
	}
	info.live_sectors += count;
	Providers::<Runtime>::insert(provider, info);
}

fn add_partition(key: &(AccountId, u32, u32), first: SectorNumber, size: u32) {
	let numbers: Vec<_> = (first..).take(size as usize).collect();
	let replicas: Vec<_> = numbers.iter().map(|number| replica(*number)).collect();
	for (position, number) in (0..).zip(&numbers) {
		let sector = Sector {
			comm_r: replica(*number),
			comm_d: CommD([1; 32]),
			activated: 1,
			expiration: LATER,
			deadline: key.1,
			partition: key.2,
			position,
			pledge: 0,
			deals_left: 0,
			gaps: Default::default(),
			ended: None,
			terminated: false,
		};
		Sectors::<Runtime>::insert(&key.0, number, sector);
	}
	let partition = Partition {
		last_proof: LATER,
		count: size,
		..Default::default()
	};
	Partitions::<Runtime>::insert(key, partition);
	PartitionSectors::<Runtime>::insert(key, BoundedVec::truncate_from(numbers));
	PartitionReplicas::<Runtime>::insert(key, BoundedVec::truncate_from(replicas));
	Expirations::<Runtime>::insert(LATER, key, Positions::first(size));
	Agenda::<Runtime>::insert(LATER, key, ());
}

/// A replica that is like no other: a field element.
fn replica(number: SectorNumber) -> CommR {
	let mut hash = blake2_256(&number.to_le_bytes());
	hash[31] &= 0x3f;
	CommR(hash)
}

/// Adds as many providers like one that has no sectors, each with a partition of its own.
pub fn add_providers(like: &AccountId, count: u32) {
	let Some(info) = Providers::<Runtime>::get(like) else {
		panic!("the provider is registered");
	};
	for number in 0..count {
		let account = AccountId::new(blake2_256(&(b"provider", number).encode()));
		Providers::<Runtime>::insert(&account, info.clone());
		add_sectors(&account, SIZE.window_post_partition_sectors());
	}
}
