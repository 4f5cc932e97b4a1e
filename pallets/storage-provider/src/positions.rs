//! A bounded set of positions within a partition, as a bit field.

use alloc::{vec, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode, Input, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;

/// The most positions of any partition: that of 32 GiB sectors.
pub const MAX_POSITIONS: u32 = 2349;

const MAX_BYTES: u32 = MAX_POSITIONS.div_ceil(8);

/// Positions of sectors within a partition. Position `p` is bit `p % 8` (the lowest first) of byte
/// `p / 8`; the last byte is never zero, so that equal sets are equal values.
/// Bytes that are not of this form do not decode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, MaxEncodedLen, TypeInfo)]
pub struct Positions(BoundedVec<u8, ConstU32<MAX_BYTES>>);

impl Decode for Positions {
	fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
		let set = Self(BoundedVec::decode(input)?);
		let (byte, first_beyond) = address(MAX_POSITIONS);
		if set.0.get(byte).is_some_and(|bits| *bits >= first_beyond) {
			return Err("a position is beyond every partition".into());
		}
		if set.0.last() == Some(&0) {
			return Err("a set of positions ends with an empty byte".into());
		}
		Ok(set)
	}
}

impl DecodeWithMemTracking for Positions {}

impl Positions {
	/// The positions below `count`, which is at most [`MAX_POSITIONS`].
	pub fn first(count: u32) -> Self {
		let count = count.min(MAX_POSITIONS);
		let mut bytes = vec![u8::MAX; (count / 8) as usize];
		if !count.is_multiple_of(8) {
			bytes.push((1 << (count % 8)) - 1);
		}
		Self::from_bytes(bytes)
	}

	/// Whether `position` is in the set.
	pub fn contains(&self, position: u32) -> bool {
		let (byte, bit) = address(position);
		self.0.get(byte).is_some_and(|bits| bits & bit != 0)
	}

	/// Adds `position`. `false` if it was in the set, or can be in none.
	pub fn insert(&mut self, position: u32) -> bool {
		if position >= MAX_POSITIONS || self.contains(position) {
			return false;
		}
		let (byte, bit) = address(position);
		let mut bytes = core::mem::take(&mut self.0).into_inner();
		if bytes.len() <= byte {
			bytes.resize(byte.saturating_add(1), 0);
		}
		if let Some(bits) = bytes.get_mut(byte) {
			*bits |= bit;
		}
		*self = Self::from_bytes(bytes);
		true
	}

	/// Removes `position`. `false` if it was not in the set.
	pub fn remove(&mut self, position: u32) -> bool {
		if !self.contains(position) {
			return false;
		}
		let (byte, bit) = address(position);
		let mut bytes = core::mem::take(&mut self.0).into_inner();
		if let Some(bits) = bytes.get_mut(byte) {
			*bits &= !bit;
		}
		*self = Self::from_bytes(bytes);
		true
	}

	/// How many positions are in the set.
	pub fn count(&self) -> u32 {
		self.0.iter().map(|bits| bits.count_ones()).sum()
	}

	/// Whether no position is in the set.
	pub fn is_empty(&self) -> bool {
		self.0.is_empty()
	}

	/// The positions, ascending.
	pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
		(0..MAX_POSITIONS)
			.take(self.0.len().saturating_mul(8))
			.filter(|position| self.contains(*position))
	}

	/// What is in either set.
	pub fn union(&self, other: &Self) -> Self {
		self.combine(other, |ours, theirs| ours | theirs)
	}

	/// What is in both sets.
	pub fn intersection(&self, other: &Self) -> Self {
		self.combine(other, |ours, theirs| ours & theirs)
	}

	/// What is in this set but not in the other.
	pub fn difference(&self, other: &Self) -> Self {
		self.combine(other, |ours, theirs| ours & !theirs)
	}

	/// The lowest `count` positions and the others.
	pub fn split(&self, count: u32) -> (Self, Self) {
		let mut lowest = Self::default();
		for position in self.iter().take(count as usize) {
			lowest.insert(position);
		}
		let others = self.difference(&lowest);
		(lowest, others)
	}

	fn combine(&self, other: &Self, operation: impl Fn(u8, u8) -> u8) -> Self {
		let length = self.0.len().max(other.0.len());
		let byte = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or(0);
		Self::from_bytes(
			(0..length)
				.map(|index| operation(byte(&self.0, index), byte(&other.0, index)))
				.collect(),
		)
	}

	fn from_bytes(mut bytes: Vec<u8>) -> Self {
		while bytes.last() == Some(&0) {
			bytes.pop();
		}
		Self(BoundedVec::truncate_from(bytes))
	}
}

/// The index of a position's byte, and its bit.
const fn address(position: u32) -> (usize, u8) {
	((position / 8) as usize, 1 << (position % 8))
}

#[cfg(test)]
mod tests {
	use super::*;
	use holdfast_primitives::SectorSize;
	use proptest::prelude::*;
	use std::collections::BTreeSet;

	fn set(positions: &BTreeSet<u32>) -> Positions {
		let mut set = Positions::default();
		for position in positions {
			assert!(set.insert(*position));
		}
		set
	}

	#[test]
	fn every_partition_fits() {
		for size in SectorSize::ALL {
			assert!(size.window_post_partition_sectors() <= MAX_POSITIONS);
		}
	}

	#[test]
	fn positions_outside_are_refused() {
		let mut set = Positions::default();
		assert!(set.insert(MAX_POSITIONS - 1));
		assert!(!set.insert(MAX_POSITIONS - 1));
		assert!(!set.insert(MAX_POSITIONS));
		assert!(!set.insert(u32::MAX));
		assert!(!set.contains(u32::MAX));
		assert!(!set.remove(u32::MAX));
		assert_eq!(set.count(), 1);
		assert_eq!(Positions::first(u32::MAX).count(), MAX_POSITIONS);
	}

	#[test]
	fn only_the_one_form_of_a_set_decodes() {
		let decode = |bytes: Vec<u8>| Positions::decode(&mut &bytes.encode()[..]);
		let full = Positions::first(MAX_POSITIONS);
		assert_eq!(Positions::decode(&mut &full.encode()[..]), Ok(full.clone()));
		assert!(decode(vec![1, 0]).is_err());
		assert!(decode(vec![0]).is_err());
		let mut beyond = full.0.into_inner();
		*beyond.last_mut().unwrap() |= address(MAX_POSITIONS).1;
		assert!(decode(beyond.clone()).is_err());
		beyond.push(1);
		assert!(decode(beyond).is_err());
	}

	proptest! {
		#[test]
		fn any_bytes_decode_to_a_usable_set_or_not_at_all(
			bytes in proptest::collection::vec(any::<u8>(), 0..300),
		) {
			if let Ok(set) = Positions::decode(&mut &bytes.encode()[..]) {
				prop_assert_eq!(set.encode(), bytes.encode());
				prop_assert_eq!(set.iter().count(), set.count() as usize);
				prop_assert!(set.difference(&Positions::first(MAX_POSITIONS)).is_empty());
			}
		}

		#[test]
		fn it_is_a_set(
			a in proptest::collection::btree_set(0..MAX_POSITIONS, 0..40),
			b in proptest::collection::btree_set(0..MAX_POSITIONS, 0..40),
			count in 0u32..50,
		) {
			let (first, second) = (set(&a), set(&b));
			prop_assert_eq!(first.iter().collect::<BTreeSet<_>>(), a.clone());
			prop_assert_eq!(first.count() as usize, a.len());
			prop_assert_eq!(first.is_empty(), a.is_empty());
			prop_assert_eq!(first.union(&second), set(&a.union(&b).copied().collect()));
			prop_assert_eq!(first.intersection(&second), set(&a.intersection(&b).copied().collect()));
			prop_assert_eq!(first.difference(&second), set(&a.difference(&b).copied().collect()));
			let (lowest, others) = first.split(count);
			prop_assert_eq!(lowest, set(&a.iter().take(count as usize).copied().collect()));
			prop_assert_eq!(others, set(&a.iter().skip(count as usize).copied().collect()));
			let mut emptied = first;
			for position in &a {
				prop_assert!(emptied.remove(*position));
			}
			prop_assert_eq!(emptied, Positions::default());
			prop_assert_eq!(Positions::first(count), set(&(0..count).collect()));
		}
	}
}
