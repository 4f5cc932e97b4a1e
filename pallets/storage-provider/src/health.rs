//! For which blocks a sector was healthy: what deals are paid by.
//!
//! A block counts once a later proof covers it: a sector is proven until its partition's last proof, or,
//! while it is faulty, until the last proof before the fault. What lies in a gap never counts. The answer
//! costs two reads, whatever the sector's age.

use codec::{Decode, Encode};
use holdfast_primitives::{BlockNumber, SectorNumber};
use scale_info::TypeInfo;

use crate::{
	pallet::{Config, Pallet, Partitions, Sectors},
	partition::Partition,
	sector::Sector,
};

/// How healthy a sector was in a range of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct Health {
	/// How many blocks of the range the sector was proven for.
	pub healthy_blocks: u32,
	/// Before which block nothing will change any more; the greatest block number once the sector has
	/// ended.
	pub decided_through: BlockNumber,
	/// Whether the sector ended before its expiration.
	pub terminated: bool,
}

/// Until which block the sector is proven.
pub(crate) fn proven_until(sector: &Sector, partition: Option<&Partition>) -> BlockNumber {
	if let Some(ended) = sector.ended {
		return ended;
	}
	partition.map_or(0, |partition| {
		partition
			.fault_since(sector.position)
			.unwrap_or(partition.last_proof)
	})
}

/// How many blocks of `[from, to)` the sector was healthy for, if it is proven until `proven`.
fn healthy_blocks(sector: &Sector, proven: BlockNumber, from: BlockNumber, to: BlockNumber) -> u32 {
	let from = from.max(sector.activated);
	let to = to.min(proven);
	let faulty = sector.gaps.iter().fold(0u32, |sum, gap| {
		sum.saturating_add(gap.to.min(to).saturating_sub(gap.from.max(from)))
	});
	to.saturating_sub(from).saturating_sub(faulty)
}

impl<T: Config> Pallet<T> {
	/// The health of a sector in the blocks from `from` until before `to`. Nothing if there is no such
	/// sector.
	pub fn sector_health(
		provider: &T::AccountId,
		number: SectorNumber,
		from: BlockNumber,
		to: BlockNumber,
	) -> Option<Health> {
		let sector = Sectors::<T>::get(provider, number)?;
		let partition = match sector.ended {
			Some(_) => None,
			None => Partitions::<T>::get((provider, sector.deadline, sector.partition)),
		};
		let proven = proven_until(&sector, partition.as_ref());
		Some(Health {
			healthy_blocks: healthy_blocks(&sector, proven, from, to),
			decided_through: if sector.ended.is_some() {
				BlockNumber::MAX
			} else {
				proven
			},
			terminated: sector.terminated,
		})
	}
}
