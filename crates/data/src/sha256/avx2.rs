//! Eight messages at a time with AVX2, for processors without SHA instructions.

// The call into code with target features, and what goes between memory and vectors, are the only unsafe
// steps.
#![allow(unsafe_code)]

use super::{
	constants::{INITIAL, K, PADDING_ROUNDS},
	lanes::{lane_engine, Block},
};
use crate::Digest;
use std::arch::x86_64::*;

type Vector = __m256i;
/// How many messages are hashed at a time.
pub const LANES: usize = 8;

#[target_feature(enable = "avx2")]
#[inline]
fn splat(value: u32) -> Vector {
	_mm256_set1_epi32(value.cast_signed())
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(lanes: &[u32; LANES]) -> Vector {
	// SAFETY: the array has the vector's 32 bytes, and the load needs no alignment.
	unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(vector: Vector) -> [u32; LANES] {
	let mut lanes = [0; LANES];
	// SAFETY: the array has the vector's 32 bytes, and the store needs no alignment.
	unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), vector) };
	lanes
}

#[target_feature(enable = "avx2")]
#[inline]
fn add(left: Vector, right: Vector) -> Vector {
	_mm256_add_epi32(left, right)
}

#[target_feature(enable = "avx2")]
#[inline]
fn xor3(first: Vector, second: Vector, third: Vector) -> Vector {
	_mm256_xor_si256(first, _mm256_xor_si256(second, third))
}

#[target_feature(enable = "avx2")]
#[inline]
fn choose(which: Vector, one: Vector, zero: Vector) -> Vector {
	_mm256_xor_si256(zero, _mm256_and_si256(which, _mm256_xor_si256(one, zero)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn majority(first: Vector, second: Vector, third: Vector) -> Vector {
	let either = _mm256_and_si256(third, _mm256_or_si256(first, second));
	_mm256_or_si256(_mm256_and_si256(first, second), either)
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate<const BITS: i32>(vector: Vector) -> Vector {
	// The compiler turns shifts by constant counts into those with immediate counts.
	let left = _mm_cvtsi32_si128(32 - BITS);
	_mm256_or_si256(
		_mm256_srli_epi32::<BITS>(vector),
		_mm256_sll_epi32(vector, left),
	)
}

#[target_feature(enable = "avx2")]
#[inline]
fn shift<const BITS: i32>(vector: Vector) -> Vector {
	_mm256_srli_epi32::<BITS>(vector)
}

lane_engine!(#[target_feature(enable = "avx2")]);

/// Whether the processor has what is needed.
pub fn available() -> bool {
	is_x86_feature_detected!("avx2")
}

/// The hashes of messages of 64 bytes. Only where [`available`].
pub fn hash_all(pairs: [&Block; LANES], hashes: &mut [Digest; LANES]) {
	assert!(available(), "the caller asks first");
	// SAFETY: the processor has the feature, as just checked.
	unsafe { hash_pairs(pairs, hashes) }
}

/// Takes blocks into their lanes' states, equally many for each. Only where [`available`].
pub fn compress(states: &mut [[u32; 8]; LANES], blocks: &[&[Block]; LANES]) {
	assert!(available(), "the caller asks first");
	// SAFETY: the processor has the feature, as just checked.
	unsafe { compress_lanes(states, blocks) }
}
