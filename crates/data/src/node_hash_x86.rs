//! Two hashes of 64 bytes at once on processors with the SHA extensions.
//!
//! One hash leaves the SHA unit idle most of the time, because each step waits for the one before;
//! two independent hashes fill the gaps. The second block of a 64-byte message is constant, so its
//! message schedule is computed at compile time.

#[cfg(not(target_arch = "x86_64"))]
pub use portable::{available, hash_two};
#[cfg(target_arch = "x86_64")]
pub use x86_64::{available, hash_two};

#[cfg(not(target_arch = "x86_64"))]
mod portable {
	/// Whether [`hash_two`] can be used.
	pub fn available() -> bool {
		false
	}

	/// Never called: [`available`] is false.
	pub fn hash_two(_: &[u8; 64], _: &[u8; 64]) -> [[u8; 32]; 2] {
		[[0; 32]; 2]
	}
}

// The loads, the stores and the call into code with target features are the only unsafe steps.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86_64 {
	use crate::node_hash::INITIAL;
	use std::arch::x86_64::*;
	use std::sync::OnceLock;

	/// SHA-256's round constants.
	const K: [u32; 64] = [
		0x428a_2f98,
		0x7137_4491,
		0xb5c0_fbcf,
		0xe9b5_dba5,
		0x3956_c25b,
		0x59f1_11f1,
		0x923f_82a4,
		0xab1c_5ed5,
		0xd807_aa98,
		0x1283_5b01,
		0x2431_85be,
		0x550c_7dc3,
		0x72be_5d74,
		0x80de_b1fe,
		0x9bdc_06a7,
		0xc19b_f174,
		0xe49b_69c1,
		0xefbe_4786,
		0x0fc1_9dc6,
		0x240c_a1cc,
		0x2de9_2c6f,
		0x4a74_84aa,
		0x5cb0_a9dc,
		0x76f9_88da,
		0x983e_5152,
		0xa831_c66d,
		0xb003_27c8,
		0xbf59_7fc7,
		0xc6e0_0bf3,
		0xd5a7_9147,
		0x06ca_6351,
		0x1429_2967,
		0x27b7_0a85,
		0x2e1b_2138,
		0x4d2c_6dfc,
		0x5338_0d13,
		0x650a_7354,
		0x766a_0abb,
		0x81c2_c92e,
		0x9272_2c85,
		0xa2bf_e8a1,
		0xa81a_664b,
		0xc24b_8b70,
		0xc76c_51a3,
		0xd192_e819,
		0xd699_0624,
		0xf40e_3585,
		0x106a_a070,
		0x19a4_c116,
		0x1e37_6c08,
		0x2748_774c,
		0x34b0_bcb5,
		0x391c_0cb3,
		0x4ed8_aa4a,
		0x5b9c_ca4f,
		0x682e_6ff3,
		0x748f_82ee,
		0x78a5_636f,
		0x84c8_7814,
		0x8cc7_0208,
		0x90be_fffa,
		0xa450_6ceb,
		0xbef9_a3f7,
		0xc671_78f2,
	];

	/// The padding block's expanded message plus the round constants.
	const PADDING_ROUNDS: [u32; 64] = {
		let mut word = [0u32; 64];
		word[0] = 0x8000_0000;
		word[15] = 512;
		let mut index = 16;
		while index < 64 {
			let early = word[index - 15];
			let late = word[index - 2];
			let sigma0 = early.rotate_right(7) ^ early.rotate_right(18) ^ (early >> 3);
			let sigma1 = late.rotate_right(17) ^ late.rotate_right(19) ^ (late >> 10);
			word[index] = word[index - 16]
				.wrapping_add(sigma0)
				.wrapping_add(word[index - 7])
				.wrapping_add(sigma1);
			index += 1;
		}
		index = 0;
		while index < 64 {
			word[index] = word[index].wrapping_add(K[index]);
			index += 1;
		}
		word
	};

	/// Whether [`hash_two`] can be used.
	pub fn available() -> bool {
		static AVAILABLE: OnceLock<bool> = OnceLock::new();
		*AVAILABLE.get_or_init(|| {
			is_x86_feature_detected!("sha")
				&& is_x86_feature_detected!("sse4.1")
				&& is_x86_feature_detected!("ssse3")
		})
	}

	/// SHA-256 of two messages of 64 bytes. Only where [`available`].
	pub fn hash_two(first: &[u8; 64], second: &[u8; 64]) -> [[u8; 32]; 2] {
		assert!(available(), "the caller asks first");
		// SAFETY: the processor has the features, as just checked.
		unsafe { hash_two_sha(first, second) }
	}

	/// The state as the instructions want it: lanes (high to low) A B E F, and C D G H.
	#[derive(Clone, Copy)]
	struct State {
		abef: __m128i,
		cdgh: __m128i,
	}

	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	#[inline]
	fn four_rounds(state: &mut State, message: __m128i) {
		state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, message);
		let high = _mm_shuffle_epi32(message, 0x0e);
		state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, high);
	}

	/// The message block's rounds of both hashes, step by step in turns. Unrolled by hand, because words that
	/// are found by a loop's index live in memory instead of registers.
	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	#[inline]
	fn message_rounds(
		left: &mut State,
		right: &mut State,
		[mut l0, mut l1, mut l2, mut l3]: [__m128i; 4],
		[mut r0, mut r1, mut r2, mut r3]: [__m128i; 4],
	) {
		macro_rules! rounds {
			($group:expr, $l:ident, $r:ident) => {
				let round = constants(&K, $group);
				four_rounds(left, _mm_add_epi32($l, round));
				four_rounds(right, _mm_add_epi32($r, round));
			};
		}
		macro_rules! expand {
			($w0:ident, $w1:ident, $w2:ident, $w3:ident) => {
				let sum =
					_mm_add_epi32(_mm_sha256msg1_epu32($w0, $w1), _mm_alignr_epi8($w3, $w2, 4));
				$w0 = _mm_sha256msg2_epu32(sum, $w3);
			};
		}
		macro_rules! sixteen {
			($group:expr) => {
				rounds!($group, l0, r0);
				expand!(l0, l1, l2, l3);
				expand!(r0, r1, r2, r3);
				rounds!($group + 1, l1, r1);
				expand!(l1, l2, l3, l0);
				expand!(r1, r2, r3, r0);
				rounds!($group + 2, l2, r2);
				expand!(l2, l3, l0, l1);
				expand!(r2, r3, r0, r1);
				rounds!($group + 3, l3, r3);
				expand!(l3, l0, l1, l2);
				expand!(r3, r0, r1, r2);
			};
		}
		sixteen!(0);
		sixteen!(4);
		sixteen!(8);
		rounds!(12, l0, r0);
		rounds!(13, l1, r1);
		rounds!(14, l2, r2);
		rounds!(15, l3, r3);
	}

	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	#[inline]
	fn add(left: State, right: State) -> State {
		State {
			abef: _mm_add_epi32(left.abef, right.abef),
			cdgh: _mm_add_epi32(left.cdgh, right.cdgh),
		}
	}

	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	#[inline]
	fn constants(table: &[u32; 64], group: usize) -> __m128i {
		let row = &table.as_chunks::<4>().0[group];
		// SAFETY: the row has 16 bytes, and the load needs no alignment.
		unsafe { _mm_loadu_si128(row.as_ptr().cast()) }
	}

	/// Turns the bytes of each 32-bit lane around: SHA-256 is big-endian.
	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	#[inline]
	fn swap_bytes(value: __m128i) -> __m128i {
		let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
		_mm_shuffle_epi8(value, order)
	}

	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	#[inline]
	fn load(message: &[u8; 64]) -> [__m128i; 4] {
		// SAFETY: the four loads cover the message's 64 bytes, and need no alignment.
		let words = unsafe {
			let start = message.as_ptr().cast::<__m128i>();
			[
				_mm_loadu_si128(start),
				_mm_loadu_si128(start.add(1)),
				_mm_loadu_si128(start.add(2)),
				_mm_loadu_si128(start.add(3)),
			]
		};
		[
			swap_bytes(words[0]),
			swap_bytes(words[1]),
			swap_bytes(words[2]),
			swap_bytes(words[3]),
		]
	}

	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	#[inline]
	fn store(state: State) -> [u8; 32] {
		let abef = _mm_shuffle_epi32(state.abef, 0x1b);
		let cdgh = _mm_shuffle_epi32(state.cdgh, 0xb1);
		let (first, second) = (
			swap_bytes(_mm_blend_epi16(abef, cdgh, 0xf0)),
			swap_bytes(_mm_alignr_epi8(cdgh, abef, 8)),
		);
		let mut hash = [0; 32];
		// SAFETY: the two stores cover the hash's 32 bytes, and need no alignment.
		unsafe {
			let start = hash.as_mut_ptr().cast::<__m128i>();
			_mm_storeu_si128(start, first);
			_mm_storeu_si128(start.add(1), second);
		}
		hash
	}

	#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
	fn hash_two_sha(first: &[u8; 64], second: &[u8; 64]) -> [[u8; 32]; 2] {
		let [a, b, c, d, e, f, g, h] = INITIAL.map(u32::cast_signed);
		let initial = State {
			abef: _mm_set_epi32(a, b, e, f),
			cdgh: _mm_set_epi32(c, d, g, h),
		};
		let (mut left, mut right) = (initial, initial);
		let (left_words, right_words) = (load(first), load(second));
		message_rounds(&mut left, &mut right, left_words, right_words);
		let (left_middle, right_middle) = (add(left, initial), add(right, initial));
		(left, right) = (left_middle, right_middle);
		for group in 0..16 {
			let message = constants(&PADDING_ROUNDS, group);
			four_rounds(&mut left, message);
			four_rounds(&mut right, message);
		}
		[
			store(add(left, left_middle)),
			store(add(right, right_middle)),
		]
	}

	#[cfg(test)]
	mod tests {
		use super::*;
		use crate::block::sha256;
		use proptest::prelude::*;

		proptest! {
			#[test]
			fn both_hashes_are_sha256(bytes in proptest::collection::vec(any::<u8>(), 128)) {
				if available() {
					let (halves, _) = bytes.as_chunks::<64>();
					let expected = [sha256(&halves[0]), sha256(&halves[1])];
					prop_assert_eq!(hash_two(&halves[0], &halves[1]), expected);
				}
			}
		}
	}
}
