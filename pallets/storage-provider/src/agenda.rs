//! What is due in which block: windows that close, sectors that end, pre-commits that expire.
//!
//! Due work is found by its block, never searched. A block does a bounded amount of it, in the order of
//! the blocks in which it was due, and leaves the rest to the next ones; nothing is skipped.

use alloc::vec::Vec;
use frame_support::{traits::Get, weights::Weight};
use holdfast_primitives::BlockNumber;

use crate::{
	pallet::{Agenda, AgendaCursor, Config, Expirations, Pallet, PreCommitAgenda},
	weights::WeightInfo,
};

/// How much more a block may do, and what it has cost so far.
struct Meter {
	left: u32,
	weight: Weight,
}

impl Meter {
	fn spend(&mut self, items: u32, each: Weight) {
		self.left = self.left.saturating_sub(items);
		self.weight = self
			.weight
			.saturating_add(each.saturating_mul(items.into()));
	}
}

impl<T: Config> Pallet<T> {
	/// Does what is due up to the block `now`. Returns its weight.
	pub(crate) fn service_agenda(now: BlockNumber) -> Weight {
		let budget = T::MaxDuePerBlock::get();
		let mut meter = Meter {
			left: budget,
			weight: Weight::zero(),
		};
		let mut cursor = AgendaCursor::<T>::get();
		// Blocks with nothing due cost something too, so they are bounded as well.
		for _ in 0..budget {
			if cursor > now {
				break;
			}
			meter.weight = meter.weight.saturating_add(T::WeightInfo::service_block());
			Self::service_block(cursor, &mut meter);
			if meter.left == 0 {
				break;
			}
			cursor = cursor.saturating_add(1);
		}
		AgendaCursor::<T>::put(cursor);
		meter.weight
	}

	/// Does what was due in `block`, as far as the meter allows. It is done if the meter has some left.
	fn service_block(block: BlockNumber, meter: &mut Meter) {
		let keys: Vec<_> = PreCommitAgenda::<T>::iter_key_prefix(block)
			.take(meter.left as usize)
			.collect();
		for key in keys {
			PreCommitAgenda::<T>::remove(block, &key);
			Self::expire_pre_commit(&key.0, key.1);
			meter.spend(1, T::WeightInfo::expire_pre_commit());
		}
		// A window closes before its sectors end: they had to be proven in it.
		let keys: Vec<_> = Agenda::<T>::iter_key_prefix(block)
			.take(meter.left as usize)
			.collect();
		for key in keys {
			Agenda::<T>::remove(block, &key);
			Self::close_window(block, &key);
			meter.spend(1, T::WeightInfo::close_window());
		}
		let keys: Vec<_> = Expirations::<T>::iter_key_prefix(block)
			.take(meter.left as usize)
			.collect();
		for key in keys {
			if meter.left == 0 {
				break;
			}
			let ended = Self::expire_sectors(block, &key, meter.left);
			meter.spend(ended.max(1), T::WeightInfo::expire_sector());
		}
	}
}
