//! Four messages at a time with the SHA instructions of x86.
//!
//! One message leaves the processor's SHA unit idle most of the time, because each step waits for the one
//! before: four cycles on processors that could begin a step in each. Four messages that take turns fill the
//! gaps. The turns are written in assembly, because compilers undo them: they see fewer registers in use
//! when one message comes after the other.

// The assembly, the loads and stores, and the calls into code with target features are the unsafe steps.
#![allow(unsafe_code)]

use super::{
	constants::{INITIAL, K, PADDING_ROUNDS},
	lanes::Block,
};
use crate::Digest;
use std::arch::{asm, x86_64::*};

/// How many messages take turns.
pub const STREAMS: usize = 4;

/// Whether the processor has what is needed.
pub fn available() -> bool {
	is_x86_feature_detected!("sha")
		&& is_x86_feature_detected!("sse4.1")
		&& is_x86_feature_detected!("ssse3")
}

/// The hashes of messages of 64 bytes. Only where [`available`].
pub fn hash_all(pairs: [&Block; STREAMS], hashes: &mut [Digest; STREAMS]) {
	assert!(available(), "the caller asks first");
	// SAFETY: the processor has the features, as just checked.
	unsafe { hash_pairs(pairs, hashes) }
}

/// Takes blocks into their messages' states, equally many for each. Only where [`available`].
pub fn compress(states: &mut [[u32; 8]; STREAMS], blocks: &[&[Block]; STREAMS]) {
	assert!(available(), "the caller asks first");
	// SAFETY: the processor has the features, as just checked.
	unsafe { compress_streams(states, blocks) }
}

/// Aligned as SSE wants its operands in memory.
#[repr(align(16))]
struct Aligned<T>(T);

static ROUNDS: Aligned<[u32; 64]> = Aligned(K);
static PADDING: Aligned<[u32; 64]> = Aligned(PADDING_ROUNDS);
/// Turns the bytes of each 32-bit lane around: SHA-256 is big-endian.
static SWAP_BYTES: Aligned<[u8; 16]> =
	Aligned([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]);

/// A state as the instructions want it: lanes (high to low) A B E F, and C D G H.
#[derive(Clone, Copy)]
struct State {
	abef: __m128i,
	cdgh: __m128i,
}

// Registers: the four states in xmm1 to xmm8, each message's last four words in xmm9 to xmm12, and the sums
// of words and constants where the instructions want them, in xmm0. The last sixteen words of each message
// are in memory.

/// Four rounds of one stream, with the sums in xmm0.
macro_rules! rounds {
	($abef:literal, $cdgh:literal) => {
		concat!(
			"sha256rnds2 ",
			$cdgh,
			", ",
			$abef,
			"\n",
			"pshufd xmm0, xmm0, 0x0e\n",
			"sha256rnds2 ",
			$abef,
			", ",
			$cdgh,
			"\n",
		)
	};
}

/// Four rounds of one stream with words of its block.
macro_rules! first_rounds {
	($group:literal, $block:literal, $words:literal, $abef:literal, $cdgh:literal, $last:literal) => {
		concat!(
			"movdqu ",
			$last,
			", [",
			$block,
			" + 16 * ",
			$group,
			"]\n",
			"pshufb ",
			$last,
			", xmm15\n",
			"movdqa xmm0, [{constants} + 16 * ",
			$group,
			"]\n",
			"movdqa [{words} + 64 * ",
			$words,
			" + 16 * ",
			$group,
			"], ",
			$last,
			"\n",
			"paddd xmm0, ",
			$last,
			"\n",
			rounds!($abef, $cdgh),
		)
	};
}

/// Four rounds of one stream with words that are made of the sixteen before, of which the oldest four are
/// at `$first` and give their place to the new ones.
macro_rules! next_rounds {
	(
		$group:literal, $first:literal, $second:literal, $third:literal,
		$words:literal, $abef:literal, $cdgh:literal, $last:literal
	) => {
		concat!(
			"movdqa xmm13, [{words} + 64 * ",
			$words,
			" + 16 * ",
			$first,
			"]\n",
			"movdqa xmm14, ",
			$last,
			"\n",
			"sha256msg1 xmm13, [{words} + 64 * ",
			$words,
			" + 16 * ",
			$second,
			"]\n",
			"palignr xmm14, [{words} + 64 * ",
			$words,
			" + 16 * ",
			$third,
			"], 4\n",
			"paddd xmm13, xmm14\n",
			"movdqa xmm0, [{constants} + 16 * ",
			$group,
			"]\n",
			"sha256msg2 xmm13, ",
			$last,
			"\n",
			"movdqa [{words} + 64 * ",
			$words,
			" + 16 * ",
			$first,
			"], xmm13\n",
			"paddd xmm0, xmm13\n",
			"movdqa ",
			$last,
			", xmm13\n",
			rounds!($abef, $cdgh),
		)
	};
}

macro_rules! first_rounds_of_all {
	($group:literal) => {
		concat!(
			first_rounds!($group, "{block0}", 0, "xmm1", "xmm2", "xmm9"),
			first_rounds!($group, "{block1}", 1, "xmm3", "xmm4", "xmm10"),
			first_rounds!($group, "{block2}", 2, "xmm5", "xmm6", "xmm11"),
			first_rounds!($group, "{block3}", 3, "xmm7", "xmm8", "xmm12"),
		)
	};
}

macro_rules! next_rounds_of_all {
	($group:literal, $first:literal, $second:literal, $third:literal) => {
		concat!(
			next_rounds!($group, $first, $second, $third, 0, "xmm1", "xmm2", "xmm9"),
			next_rounds!($group, $first, $second, $third, 1, "xmm3", "xmm4", "xmm10"),
			next_rounds!($group, $first, $second, $third, 2, "xmm5", "xmm6", "xmm11"),
			next_rounds!($group, $first, $second, $third, 3, "xmm7", "xmm8", "xmm12"),
		)
	};
}

macro_rules! padding_rounds_of_all {
	($($group:literal)*) => {
		concat!($(
			"movdqa xmm0, [{constants} + 16 * ", $group, "]\n",
			"sha256rnds2 xmm2, xmm1\n",
			"sha256rnds2 xmm4, xmm3\n",
			"sha256rnds2 xmm6, xmm5\n",
			"sha256rnds2 xmm8, xmm7\n",
			"pshufd xmm0, xmm0, 0x0e\n",
			"sha256rnds2 xmm1, xmm2\n",
			"sha256rnds2 xmm3, xmm4\n",
			"sha256rnds2 xmm5, xmm6\n",
			"sha256rnds2 xmm7, xmm8\n",
		)*)
	};
}

/// Takes a block of each stream into its state.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn message_block(states: &mut [State; STREAMS], blocks: [&Block; STREAMS]) {
	let before = *states;
	let [a, b, c, d] = states;
	let mut words = Aligned([0u32; 64]);
	// SAFETY: it reads the four blocks of 64 bytes, the constants and `words`, in which it also writes, all
	// of 256 bytes and with the alignment that is needed; the processor has the features of this function;
	// and it names all registers that it changes.
	unsafe {
		asm!(
			first_rounds_of_all!(0),
			first_rounds_of_all!(1),
			first_rounds_of_all!(2),
			first_rounds_of_all!(3),
			next_rounds_of_all!(4, 0, 1, 2),
			next_rounds_of_all!(5, 1, 2, 3),
			next_rounds_of_all!(6, 2, 3, 0),
			next_rounds_of_all!(7, 3, 0, 1),
			next_rounds_of_all!(8, 0, 1, 2),
			next_rounds_of_all!(9, 1, 2, 3),
			next_rounds_of_all!(10, 2, 3, 0),
			next_rounds_of_all!(11, 3, 0, 1),
			next_rounds_of_all!(12, 0, 1, 2),
			next_rounds_of_all!(13, 1, 2, 3),
			next_rounds_of_all!(14, 2, 3, 0),
			next_rounds_of_all!(15, 3, 0, 1),
			constants = in(reg) ROUNDS.0.as_ptr(),
			words = in(reg) words.0.as_mut_ptr(),
			block0 = in(reg) blocks[0].as_ptr(),
			block1 = in(reg) blocks[1].as_ptr(),
			block2 = in(reg) blocks[2].as_ptr(),
			block3 = in(reg) blocks[3].as_ptr(),
			out("xmm0") _,
			inout("xmm1") a.abef, inout("xmm2") a.cdgh,
			inout("xmm3") b.abef, inout("xmm4") b.cdgh,
			inout("xmm5") c.abef, inout("xmm6") c.cdgh,
			inout("xmm7") d.abef, inout("xmm8") d.cdgh,
			out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _,
			out("xmm13") _, out("xmm14") _,
			in("xmm15") _mm_load_si128(SWAP_BYTES.0.as_ptr().cast()),
			options(nostack, preserves_flags),
		);
	}
	add(states, &before);
}

/// Takes the block after a message of 64 bytes into the states.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn padding_block(states: &mut [State; STREAMS]) {
	let before = *states;
	let [a, b, c, d] = states;
	// SAFETY: it only reads the 256 bytes of constants, which are aligned as needed; the processor has the
	// features of this function; and it names all registers that it changes.
	unsafe {
		asm!(
			padding_rounds_of_all!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15),
			constants = in(reg) PADDING.0.as_ptr(),
			out("xmm0") _,
			inout("xmm1") a.abef, inout("xmm2") a.cdgh,
			inout("xmm3") b.abef, inout("xmm4") b.cdgh,
			inout("xmm5") c.abef, inout("xmm6") c.cdgh,
			inout("xmm7") d.abef, inout("xmm8") d.cdgh,
			options(pure, readonly, nostack, preserves_flags),
		);
	}
	add(states, &before);
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn add(states: &mut [State; STREAMS], other: &[State; STREAMS]) {
	for (state, other) in states.iter_mut().zip(other) {
		state.abef = _mm_add_epi32(state.abef, other.abef);
		state.cdgh = _mm_add_epi32(state.cdgh, other.cdgh);
	}
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn load(state: &[u32; 8]) -> State {
	let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
	State {
		abef: _mm_set_epi32(a, b, e, f),
		cdgh: _mm_set_epi32(c, d, g, h),
	}
}

/// The words in their order.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn store(state: &State) -> [__m128i; 2] {
	let abef = _mm_shuffle_epi32(state.abef, 0x1b);
	let cdgh = _mm_shuffle_epi32(state.cdgh, 0xb1);
	[
		_mm_blend_epi16(abef, cdgh, 0xf0),
		_mm_alignr_epi8(cdgh, abef, 8),
	]
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_pairs(pairs: [&Block; STREAMS], hashes: &mut [Digest; STREAMS]) {
	let mut states = [load(&INITIAL); STREAMS];
	message_block(&mut states, pairs);
	padding_block(&mut states);
	for (state, hash) in states.iter().zip(hashes) {
		let [first, second] = store(state);
		let (halves, _) = hash.as_chunks_mut::<16>();
		// SAFETY: each half has 16 bytes, which the stores need not have aligned; the order of bytes is
		// aligned as its type says.
		unsafe {
			let order = _mm_load_si128(SWAP_BYTES.0.as_ptr().cast());
			_mm_storeu_si128(
				halves[0].as_mut_ptr().cast(),
				_mm_shuffle_epi8(first, order),
			);
			_mm_storeu_si128(
				halves[1].as_mut_ptr().cast(),
				_mm_shuffle_epi8(second, order),
			);
		}
	}
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress_streams(memory: &mut [[u32; 8]; STREAMS], blocks: &[&[Block]; STREAMS]) {
	let [a, b, c, d] = memory;
	let mut states = [load(a), load(b), load(c), load(d)];
	let [a, b, c, d] = blocks;
	for (((a, b), c), d) in a.iter().zip(*b).zip(*c).zip(*d) {
		message_block(&mut states, [a, b, c, d]);
	}
	for (state, memory) in states.iter().zip(memory) {
		let [first, second] = store(state);
		let (halves, _) = memory.as_chunks_mut::<4>();
		// SAFETY: each half has 16 bytes, and the stores need no alignment.
		unsafe {
			_mm_storeu_si128(halves[0].as_mut_ptr().cast(), first);
			_mm_storeu_si128(halves[1].as_mut_ptr().cast(), second);
		}
	}
}
