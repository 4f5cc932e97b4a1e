//! Several messages at a time with the SHA instructions of x86.
//!
//! One message leaves the processor's SHA unit idle most of the time, because each step waits for the one
//! before. Messages that take turns, step by step, fill the gaps.

// The loads, the stores and the call into code with target features are the only unsafe steps.
#![allow(unsafe_code)]
// Several arrays are walked by the same index.
#![allow(clippy::needless_range_loop)]

use super::{
	constants::{INITIAL, K, PADDING_ROUNDS},
	lanes::Block,
};
use crate::Digest;
use std::arch::x86_64::*;

/// How many messages take turns: enough to hide the instructions' latency of four cycles where one begins
/// in each cycle.
pub const STREAMS: usize = 4;

/// Whether the processor has what is needed.
pub fn available() -> bool {
	is_x86_feature_detected!("sha")
		&& is_x86_feature_detected!("sse4.1")
		&& is_x86_feature_detected!("ssse3")
}

/// The hashes of messages of 64 bytes. Only where [`available`].
pub fn hash_pairs<const N: usize>(pairs: [&Block; N]) -> [Digest; N] {
	assert!(available(), "the caller asks first");
	// SAFETY: the processor has the features, as just checked.
	unsafe { hash_pairs_sha(pairs) }
}

/// Takes blocks into their messages' states, equally many for each. Only where [`available`].
pub fn compress<const N: usize>(states: &mut [[u32; 8]; N], blocks: &[&[Block]; N]) {
	assert!(available(), "the caller asks first");
	// SAFETY: the processor has the features, as just checked.
	unsafe { compress_sha(states, blocks) }
}

/// The states as the instructions want them: lanes (high to low) A B E F, and C D G H.
#[derive(Clone, Copy)]
struct States<const N: usize> {
	abef: [__m128i; N],
	cdgh: [__m128i; N],
}

/// Four words of each message; four of these are a block.
type Words<const N: usize> = [__m128i; N];

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
fn load<const N: usize>(blocks: [&Block; N], quarter: usize) -> Words<N> {
	let mut words = [_mm_setzero_si128(); N];
	for (words, block) in words.iter_mut().zip(blocks) {
		let bytes = &block.as_chunks::<16>().0[quarter];
		// SAFETY: the quarter has 16 bytes, and the load needs no alignment.
		*words = swap_bytes(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
	}
	words
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn four_rounds<const N: usize>(states: &mut States<N>, words: &Words<N>, group: usize) {
	let constants = constants(&K, group);
	for stream in 0..N {
		let low = _mm_add_epi32(words[stream], constants);
		let (abef, cdgh) = (states.abef[stream], states.cdgh[stream]);
		let next = _mm_sha256rnds2_epu32(cdgh, abef, low);
		let high = _mm_shuffle_epi32(low, 0x0e);
		states.cdgh[stream] = next;
		states.abef[stream] = _mm_sha256rnds2_epu32(abef, next, high);
	}
}

/// The four words that follow sixteen, in the place of the first four of them.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn expand<const N: usize>(
	first: &mut Words<N>,
	second: &Words<N>,
	third: &Words<N>,
	fourth: &Words<N>,
) {
	for stream in 0..N {
		let early = _mm_sha256msg1_epu32(first[stream], second[stream]);
		let middle = _mm_alignr_epi8(fourth[stream], third[stream], 4);
		first[stream] = _mm_sha256msg2_epu32(_mm_add_epi32(early, middle), fourth[stream]);
	}
}

/// Unrolled by hand, because words that are found by a loop's index live in memory instead of registers.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn message_block<const N: usize>(states: &mut States<N>, blocks: [&Block; N]) {
	let before = *states;
	let [mut w0, mut w1, mut w2, mut w3] = [
		load(blocks, 0),
		load(blocks, 1),
		load(blocks, 2),
		load(blocks, 3),
	];
	macro_rules! sixteen_rounds {
		($group:expr) => {
			four_rounds(states, &w0, $group);
			expand(&mut w0, &w1, &w2, &w3);
			four_rounds(states, &w1, $group + 1);
			expand(&mut w1, &w2, &w3, &w0);
			four_rounds(states, &w2, $group + 2);
			expand(&mut w2, &w3, &w0, &w1);
			four_rounds(states, &w3, $group + 3);
			expand(&mut w3, &w0, &w1, &w2);
		};
	}
	sixteen_rounds!(0);
	sixteen_rounds!(4);
	sixteen_rounds!(8);
	four_rounds(states, &w0, 12);
	four_rounds(states, &w1, 13);
	four_rounds(states, &w2, 14);
	four_rounds(states, &w3, 15);
	add(states, &before);
}

/// The block after a message of 64 bytes.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn padding_block<const N: usize>(states: &mut States<N>) {
	let before = *states;
	for group in 0..16 {
		let low = constants(&PADDING_ROUNDS, group);
		let high = _mm_shuffle_epi32(low, 0x0e);
		for stream in 0..N {
			let (abef, cdgh) = (states.abef[stream], states.cdgh[stream]);
			let next = _mm_sha256rnds2_epu32(cdgh, abef, low);
			states.cdgh[stream] = next;
			states.abef[stream] = _mm_sha256rnds2_epu32(abef, next, high);
		}
	}
	add(states, &before);
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn add<const N: usize>(states: &mut States<N>, other: &States<N>) {
	for stream in 0..N {
		states.abef[stream] = _mm_add_epi32(states.abef[stream], other.abef[stream]);
		states.cdgh[stream] = _mm_add_epi32(states.cdgh[stream], other.cdgh[stream]);
	}
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn initial() -> (__m128i, __m128i) {
	let [a, b, c, d, e, f, g, h] = INITIAL.map(u32::cast_signed);
	(_mm_set_epi32(a, b, e, f), _mm_set_epi32(c, d, g, h))
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn store(abef: __m128i, cdgh: __m128i) -> [__m128i; 2] {
	let abef = _mm_shuffle_epi32(abef, 0x1b);
	let cdgh = _mm_shuffle_epi32(cdgh, 0xb1);
	[
		_mm_blend_epi16(abef, cdgh, 0xf0),
		_mm_alignr_epi8(cdgh, abef, 8),
	]
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_pairs_sha<const N: usize>(pairs: [&Block; N]) -> [Digest; N] {
	let (abef, cdgh) = initial();
	let mut states = States {
		abef: [abef; N],
		cdgh: [cdgh; N],
	};
	message_block(&mut states, pairs);
	padding_block(&mut states);
	let mut hashes = [[0; 32]; N];
	for (stream, hash) in hashes.iter_mut().enumerate() {
		let [first, second] = store(states.abef[stream], states.cdgh[stream]);
		let (halves, _) = hash.as_chunks_mut::<16>();
		// SAFETY: each half has 16 bytes, and the stores need no alignment.
		unsafe {
			_mm_storeu_si128(halves[0].as_mut_ptr().cast(), swap_bytes(first));
			_mm_storeu_si128(halves[1].as_mut_ptr().cast(), swap_bytes(second));
		}
	}
	hashes
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress_sha<const N: usize>(memory: &mut [[u32; 8]; N], blocks: &[&[Block]; N]) {
	let zero = _mm_setzero_si128();
	let mut states = States {
		abef: [zero; N],
		cdgh: [zero; N],
	};
	for (stream, [a, b, c, d, e, f, g, h]) in memory.iter().enumerate() {
		let set = |a: &u32, b: &u32, c: &u32, d: &u32| {
			_mm_set_epi32(
				a.cast_signed(),
				b.cast_signed(),
				c.cast_signed(),
				d.cast_signed(),
			)
		};
		states.abef[stream] = set(a, b, e, f);
		states.cdgh[stream] = set(c, d, g, h);
	}
	let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
	for index in 0..count {
		message_block(
			&mut states,
			std::array::from_fn(|stream| &blocks[stream][index]),
		);
	}
	for (stream, state) in memory.iter_mut().enumerate() {
		let [first, second] = store(states.abef[stream], states.cdgh[stream]);
		let (halves, _) = state.as_chunks_mut::<4>();
		// SAFETY: each half has 16 bytes, and the stores need no alignment.
		unsafe {
			_mm_storeu_si128(halves[0].as_mut_ptr().cast(), first);
			_mm_storeu_si128(halves[1].as_mut_ptr().cast(), second);
		}
	}
}
