//! Sixteen messages at a time with AVX-512, for processors whose SHA instructions are absent or slower.

// The call into code with target features, and what goes between memory and vectors, are the only unsafe
// steps.
#![allow(unsafe_code)]

use super::{
	constants::{INITIAL, K, PADDING_ROUNDS},
	lanes::{lane_engine, Block},
};
use crate::Digest;
use std::arch::x86_64::*;

type Vector = __m512i;
/// How many messages are hashed at a time.
pub const LANES: usize = 16;

#[target_feature(enable = "avx512f")]
#[inline]
fn splat(value: u32) -> Vector {
	_mm512_set1_epi32(value.cast_signed())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(lanes: &[u32; LANES]) -> Vector {
	// SAFETY: the array has the vector's 64 bytes, and the load needs no alignment.
	unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(vector: Vector) -> [u32; LANES] {
	let mut lanes = [0; LANES];
	// SAFETY: the array has the vector's 64 bytes, and the store needs no alignment.
	unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), vector) };
	lanes
}

#[target_feature(enable = "avx512f")]
#[inline]
fn add(left: Vector, right: Vector) -> Vector {
	_mm512_add_epi32(left, right)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn xor3(first: Vector, second: Vector, third: Vector) -> Vector {
	_mm512_ternarylogic_epi32::<0x96>(first, second, third)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn choose(which: Vector, one: Vector, zero: Vector) -> Vector {
	_mm512_ternarylogic_epi32::<0xca>(which, one, zero)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn majority(first: Vector, second: Vector, third: Vector) -> Vector {
	_mm512_ternarylogic_epi32::<0xe8>(first, second, third)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn rotate<const BITS: i32>(vector: Vector) -> Vector {
	_mm512_ror_epi32::<BITS>(vector)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn shift<const BITS: u32>(vector: Vector) -> Vector {
	_mm512_srli_epi32::<BITS>(vector)
}

lane_engine!(#[target_feature(enable = "avx512f")]);

/// Whether the processor has what is needed.
pub fn available() -> bool {
	is_x86_feature_detected!("avx512f")
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
