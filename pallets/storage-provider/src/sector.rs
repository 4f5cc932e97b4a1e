//! Sectors: sealed, proven, and promised until their expiration.
//!
//! A sector's number is taken while a pre-commit or a sector with it exists. An ended sector stays on
//! chain until its last deal is settled, because the deal's payment is computed from it. After that the
//! number can be used again: a new replica is bound to a new ticket, so nothing old can be passed off.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use holdfast_primitives::{
	Balance, BlockNumber, CommD, CommR, DeadlineIndex, PartitionIndex, SectorNumber,
};
use scale_info::TypeInfo;

use crate::pallet::{Config, Pallet, Sectors};

/// The most gaps of a sector that are told apart.
pub const MAX_GAPS: u32 = 32;

/// Blocks for which a sector was not proven, although it was later: `from` until before `to`.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Gap {
	/// The first block.
	pub from: BlockNumber,
	/// The first block that is not in the gap.
	pub to: BlockNumber,
}

/// A proven sector.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Sector {
	/// The commitment to the replica.
	pub comm_r: CommR,
	/// The commitment to the data.
	pub comm_d: CommD,
	/// The block of the proof of replication.
	pub activated: BlockNumber,
	/// The block until which the sector is promised. It ends when its deadline closes next.
	pub expiration: BlockNumber,
	/// The deadline in which it is proven.
	pub deadline: DeadlineIndex,
	/// The partition within the deadline.
	pub partition: PartitionIndex,
	/// The position within the partition.
	pub position: u32,
	/// What the provider pledged for it.
	pub pledge: Balance,
	/// How many of its deals are not settled in full.
	pub deals_left: u32,
	/// When it was faulty, disjoint and ascending.
	pub gaps: BoundedVec<Gap, ConstU32<MAX_GAPS>>,
	/// Through which block it was proven when it ended; nothing while it is live.
	pub ended: Option<BlockNumber>,
	/// Whether it ended before its expiration.
	pub terminated: bool,
}

impl Sector {
	/// Adds a gap that does not begin before the last one. When the list is full, the last gap grows
	/// and the blocks between count as faulty.
	pub(crate) fn add_gap(&mut self, gap: Gap) {
		if let Some(last) = self.gaps.last_mut().filter(|last| gap.from <= last.to) {
			last.from = last.from.min(gap.from);
			last.to = last.to.max(gap.to);
			return;
		}
		if let Err(gap) = self.gaps.try_push(gap) {
			if let Some(last) = self.gaps.last_mut() {
				last.to = gap.to;
			}
		}
	}
}

impl<T: Config> Pallet<T> {
	/// Notes that one of the sector's deals is settled. The record of an ended sector without deals is
	/// removed.
	pub fn release_deal(provider: &T::AccountId, sector: SectorNumber) {
		Sectors::<T>::mutate_exists(provider, sector, |slot| {
			if let Some(sector) = slot {
				sector.deals_left = sector.deals_left.saturating_sub(1);
				if sector.deals_left == 0 && sector.ended.is_some() {
					*slot = None;
				}
			}
		});
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn sector() -> Sector {
		Sector {
			comm_r: CommR([1; 32]),
			comm_d: CommD([2; 32]),
			activated: 5,
			expiration: 1_000,
			deadline: 0,
			partition: 0,
			position: 0,
			pledge: 0,
			deals_left: 0,
			gaps: Default::default(),
			ended: None,
			terminated: false,
		}
	}

	#[test]
	fn gaps_that_meet_become_one() {
		let mut sector = sector();
		sector.add_gap(Gap { from: 10, to: 20 });
		sector.add_gap(Gap { from: 10, to: 40 });
		sector.add_gap(Gap { from: 40, to: 50 });
		sector.add_gap(Gap { from: 60, to: 70 });
		assert_eq!(
			sector.gaps.to_vec(),
			[Gap { from: 10, to: 50 }, Gap { from: 60, to: 70 }]
		);
	}

	#[test]
	fn a_full_list_of_gaps_counts_the_blocks_between_as_faulty() {
		let mut sector = sector();
		for index in 0..=MAX_GAPS {
			sector.add_gap(Gap {
				from: 10 * index,
				to: 10 * index + 1,
			});
		}
		assert_eq!(sector.gaps.len() as u32, MAX_GAPS);
		assert_eq!(
			sector.gaps.last(),
			Some(&Gap {
				from: 10 * (MAX_GAPS - 1),
				to: 10 * MAX_GAPS + 1
			})
		);
	}
}
