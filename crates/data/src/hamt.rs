//! Where HAMTs put names: 64 bits of murmur3-x64-128, some more of them on each level.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The bits that decide a name's place on all levels, the first level's on top.
pub(crate) fn name_bits(name: &str) -> u64 {
	let bytes = name.as_bytes();
	let (mut h1, mut h2) = (0u64, 0u64);
	let (blocks, tail) = bytes.as_chunks::<16>();
	for block in blocks {
		let (words, _) = block.as_chunks::<8>();
		h1 ^= mix_first(u64::from_le_bytes(words[0]));
		h1 = h1
			.rotate_left(27)
			.wrapping_add(h2)
			.wrapping_mul(5)
			.wrapping_add(0x52dc_e729);
		h2 ^= mix_second(u64::from_le_bytes(words[1]));
		h2 = h2
			.rotate_left(31)
			.wrapping_add(h1)
			.wrapping_mul(5)
			.wrapping_add(0x3849_5ab5);
	}
	let mut last = [0; 16];
	last[..tail.len()].copy_from_slice(tail);
	let (words, _) = last.as_chunks::<8>();
	// A part of the tail that has no bytes mixes to zero.
	h2 ^= mix_second(u64::from_le_bytes(words[1]));
	h1 ^= mix_first(u64::from_le_bytes(words[0]));
	let length = crate::count(bytes.len());
	h1 ^= length;
	h2 ^= length;
	h1 = h1.wrapping_add(h2);
	h2 = h2.wrapping_add(h1);
	finalise(h1).wrapping_add(finalise(h2))
}

/// The place on level `level` of a HAMT whose nodes have 2^`bits` places. `None` below the last level.
pub(crate) fn place(name_bits: u64, level: u32, bits: u32) -> Option<u64> {
	let end = level.checked_add(1)?.checked_mul(bits)?;
	let below = 64u32.checked_sub(end)?;
	Some((name_bits >> below) & ((1u64 << bits) - 1))
}

/// The way to a node of a HAMT: the places on the levels above it, which are the first bits of its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShardPath {
	places: u64,
	bits: u32,
}

impl ShardPath {
	/// The way to the child at `place` of a node with 2^`bits` places. `None` below the last level.
	pub(crate) fn child(self, place: u64, bits: u32) -> Option<Self> {
		let together = self.bits.checked_add(bits).filter(|bits| *bits <= 64)?;
		Some(Self {
			places: self.places.unbounded_shl(bits) | place,
			bits: together,
		})
	}

	/// Whether a name belongs to an entry here.
	pub(crate) fn leads_to(self, name: &str) -> bool {
		name_bits(name).unbounded_shr(64u32.saturating_sub(self.bits)) == self.places
	}
}

fn mix_first(word: u64) -> u64 {
	word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix_second(word: u64) -> u64 {
	word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finalise(mut word: u64) -> u64 {
	word ^= word >> 33;
	word = word.wrapping_mul(0xff51_afd7_ed55_8ccd);
	word ^= word >> 33;
	word = word.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
	word ^ word >> 33
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_hash_is_murmur3() {
		// The first halves of published murmur3-x64-128 hashes.
		for (text, hash) in [
			("", 0),
			("hello", 0xcbd8_a7b3_41bd_9b02),
			("hello, world", 0x342f_ac62_3a5e_bc8e),
			(
				"The quick brown fox jumps over the lazy dog",
				0xe34b_bc7b_bc07_1b6c,
			),
		] {
			assert_eq!(name_bits(text), hash, "{text}");
		}
	}

	#[test]
	fn a_way_leads_to_the_names_that_have_its_bits() {
		let bits = name_bits("hello");
		let mut way = ShardPath::default();
		assert!(way.leads_to("hello"));
		for level in 0..8 {
			let right = place(bits, level, 8).unwrap();
			assert!(!way.child(right ^ 1, 8).unwrap().leads_to("hello"));
			way = way.child(right, 8).unwrap();
			assert!(way.leads_to("hello") && !way.leads_to("hello, world"));
		}
		assert_eq!(way.child(0, 1), None);
		assert_eq!(way.child(0, u32::MAX), None);
	}

	#[test]
	fn places_are_taken_from_the_top() {
		let bits = 0x0102_0304_0506_0708;
		assert_eq!(place(bits, 0, 8), Some(1));
		assert_eq!(place(bits, 7, 8), Some(8));
		assert_eq!(place(bits, 8, 8), None);
		assert_eq!(place(bits, 1, 4), Some(1));
		assert_eq!(place(bits, 6, 10), None);
		assert_eq!(place(bits, u32::MAX, 10), None);
	}
}
