//! One message at a time, on any processor.

use super::{
	constants::{INITIAL, K, PADDING_ROUNDS},
	lanes::{lane_engine, Block},
};
use crate::Digest;

type Vector = u32;
const LANES: usize = 1;

#[inline]
fn splat(value: u32) -> u32 {
	value
}

#[inline]
fn load(lanes: &[u32; LANES]) -> u32 {
	lanes[0]
}

#[inline]
fn store(value: u32) -> [u32; LANES] {
	[value]
}

#[inline]
fn add(left: u32, right: u32) -> u32 {
	left.wrapping_add(right)
}

#[inline]
fn xor3(first: u32, second: u32, third: u32) -> u32 {
	first ^ second ^ third
}

#[inline]
fn choose(which: u32, one: u32, zero: u32) -> u32 {
	zero ^ (which & (one ^ zero))
}

#[inline]
fn majority(first: u32, second: u32, third: u32) -> u32 {
	(first & second) | (third & (first | second))
}

#[inline]
fn rotate<const BITS: u32>(value: u32) -> u32 {
	value.rotate_right(BITS)
}

#[inline]
fn shift<const BITS: u32>(value: u32) -> u32 {
	value >> BITS
}

lane_engine!();

/// The hash of a message of 64 bytes.
pub fn hash_pair(pair: &Block) -> Digest {
	let mut hash = [[0; 32]];
	hash_pairs([pair], &mut hash);
	hash[0]
}

/// Takes blocks into a state.
pub fn compress(state: &mut [u32; 8], blocks: &[Block]) {
	let mut states = [*state];
	compress_lanes(&mut states, &[blocks]);
	[*state] = states;
}
