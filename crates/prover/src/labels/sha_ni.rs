//! The SHA instructions of x86. The only module here with `unsafe` code: to call what needs instructions that
//! were found at run time, and to load and store vectors.
#![allow(unsafe_code)]

use std::arch::x86_64::{
	__m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_prefetch,
	_mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
	_mm_shuffle_epi32, _mm_shuffle_epi8, _mm_storeu_si128, _MM_HINT_T0,
};

use super::sha256::{Block, Node, Schedule, Scratch, Step, INITIAL, ROUNDS};

/// The proof that this machine has the instructions: it is made by [`Available::detect`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Available(());

impl Available {
	/// Looks whether this machine has them.
	pub(crate) fn detect() -> Option<Self> {
		(std::is_x86_feature_detected!("sha")
			&& std::is_x86_feature_detected!("ssse3")
			&& std::is_x86_feature_detected!("sse4.1"))
		.then_some(Self(()))
	}

	/// See [`super::sha256::Engine::hash`].
	#[inline]
	pub(crate) fn hash<const N: usize>(
		self,
		steps: &[Step],
		blocks: &[[Block<'_>; N]],
		scratch: &mut Scratch<N>,
	) -> [Node; N] {
		// SAFETY: `self` exists only where `detect` found all features that `hash` is compiled for.
		unsafe { hash(steps, blocks, scratch) }
	}

	/// Asks for memory that is going to be read soon.
	#[inline]
	pub(crate) fn prefetch(self, node: &Node) {
		// SAFETY: SSE is part of x86-64, and a prefetch reads nothing that the program can see.
		unsafe { _mm_prefetch::<_MM_HINT_T0>(node.as_ptr().cast()) }
	}
}

/// A state in the order in which the instructions want it.
#[derive(Clone, Copy)]
struct State {
	abef: __m128i,
	cdgh: __m128i,
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hash<const N: usize>(
	steps: &[Step],
	blocks: &[[Block<'_>; N]],
	scratch: &mut Scratch<N>,
) -> [Node; N] {
	let mut states = [initial(); N];
	for step in steps {
		let number = match *step {
			Step::Fresh(number) => {
				let mut message = 0;
				while message < N {
					prepare(&blocks[number][message], &mut scratch.0[number][message]);
					message += 1;
				}
				number
			},
			Step::Again(number) => number,
		};
		compress(&mut states, &scratch.0[number]);
	}
	let mut nodes = [[0; 32]; N];
	for (node, state) in nodes.iter_mut().zip(states) {
		*node = bytes(state);
	}
	nodes
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn initial() -> State {
	let [a, b, c, d, e, f, g, h] = INITIAL;
	State {
		abef: load(&[f, e, b, a]),
		cdgh: load(&[h, g, d, c]),
	}
}

/// The state's words, each with its first byte first.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn bytes(state: State) -> Node {
	let feba = _mm_shuffle_epi32::<0x1b>(state.abef);
	let dchg = _mm_shuffle_epi32::<0xb1>(state.cdgh);
	let dcba = _mm_blend_epi16::<0xf0>(feba, dchg);
	let hgfe = _mm_alignr_epi8::<8>(dchg, feba);
	let mut node = [0; 32];
	let (halves, _) = node.as_chunks_mut::<16>();
	for (half, words) in halves.iter_mut().zip([dcba, hgfe]) {
		// SAFETY: 16 bytes are written to an array of 16 bytes.
		unsafe { _mm_storeu_si128(half.as_mut_ptr().cast(), swap(words)) }
	}
	node
}

/// Reverses the bytes of each word.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn swap(words: __m128i) -> __m128i {
	_mm_shuffle_epi8(
		words,
		_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203),
	)
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load(words: &[u32; 4]) -> __m128i {
	// SAFETY: 16 bytes are read from an array of 16 bytes.
	unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn store(target: &mut [u32; 4], words: __m128i) {
	// SAFETY: 16 bytes are written to an array of 16 bytes.
	unsafe { _mm_storeu_si128(target.as_mut_ptr().cast(), words) }
}

/// Does something for each of the sixteen times four rounds, without a loop, so that all stays in registers.
macro_rules! unrolled {
	($do:expr) => {{
		let mut each = $do;
		each(0);
		each(1);
		each(2);
		each(3);
		each(4);
		each(5);
		each(6);
		each(7);
		each(8);
		each(9);
		each(10);
		each(11);
		each(12);
		each(13);
		each(14);
		each(15);
	}};
}

/// Computes a block's schedule.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn prepare(block: &Block<'_>, schedule: &mut Schedule) {
	let words = |quarter: usize| {
		let (quarters, _) = block[quarter / 2].as_chunks::<16>();
		// SAFETY: 16 bytes are read from an array of 16 bytes.
		swap(unsafe { _mm_loadu_si128(quarters[quarter % 2].as_ptr().cast()) })
	};
	let mut window = [words(0), words(1), words(2), words(3)];
	unrolled!(|round: usize| {
		let words = window[round % 4];
		store(
			&mut schedule.0[round],
			_mm_add_epi32(words, load(&ROUNDS[round])),
		);
		if round < 12 {
			let [next, last] = [window[(round + 1) % 4], window[(round + 3) % 4]];
			let middle = _mm_alignr_epi8::<4>(last, window[(round + 2) % 4]);
			let sum = _mm_add_epi32(_mm_sha256msg1_epu32(words, next), middle);
			window[round % 4] = _mm_sha256msg2_epu32(sum, last);
		}
	});
}

/// Mixes a block into each of the states, side by side.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress<const N: usize>(states: &mut [State; N], schedules: &[Schedule; N]) {
	let mut now = *states;
	unrolled!(|round: usize| {
		let mut message = 0;
		while message < N {
			let State { abef, cdgh } = now[message];
			let words = load(&schedules[message].0[round]);
			let cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
			let words = _mm_shuffle_epi32::<0x0e>(words);
			let abef = _mm_sha256rnds2_epu32(abef, cdgh, words);
			now[message] = State { abef, cdgh };
			message += 1;
		}
	});
	let mut message = 0;
	while message < N {
		let (state, now) = (&mut states[message], now[message]);
		state.abef = _mm_add_epi32(state.abef, now.abef);
		state.cdgh = _mm_add_epi32(state.cdgh, now.cdgh);
		message += 1;
	}
}
