//! SHA-256 for labels: several messages at a time, in which blocks repeat.
//!
//! A label hashes its parents over and over: of 20 blocks, 5 differ in the first layer and 9 in the others.
//! The message schedule of a block that was seen before is taken from [`Scratch`]. And since the processor's
//! instructions wait for each other within a message, two messages side by side take hardly longer than one.

#[cfg(target_arch = "x86_64")]
use super::sha_ni;

/// The constants of the rounds, four by four.
pub(crate) const ROUNDS: [[u32; 4]; 16] = [
	[0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5],
	[0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5],
	[0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3],
	[0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174],
	[0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc],
	[0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da],
	[0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7],
	[0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967],
	[0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13],
	[0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85],
	[0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3],
	[0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070],
	[0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5],
	[0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3],
	[0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208],
	[0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2],
];

/// The state before the first block.
pub(crate) const INITIAL: [u32; 8] = [
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// A hash, a label, or a node of a tree.
pub(crate) type Node = [u8; 32];
/// A block of a message: its halves, where they lie.
pub(crate) type Block<'a> = [&'a Node; 2];

/// The most different blocks in a message.
pub(crate) const MOST_BLOCKS: usize = 9;

/// A block's message schedule with the rounds' constants added.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Schedule(pub(crate) [[u32; 4]; 16]);

/// The schedules of `N` messages' blocks.
pub(crate) struct Scratch<const N: usize>(pub(crate) [[Schedule; N]; MOST_BLOCKS]);

impl<const N: usize> Scratch<N> {
	pub(crate) const fn new() -> Self {
		Self([[Schedule([[0; 4]; 16]); N]; MOST_BLOCKS])
	}
}

/// What is hashed next.
#[derive(Clone, Copy)]
pub(crate) enum Step {
	/// The block of that number, for the first time.
	Fresh(usize),
	/// The block of that number, whose schedule is in the scratch already.
	Again(usize),
}

/// How hashes are computed on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
	/// With instructions that every machine has.
	Portable,
	/// With the SHA instructions of x86.
	#[cfg(target_arch = "x86_64")]
	ShaNi(sha_ni::Available),
}

impl Engine {
	/// The fastest that this machine can run.
	pub(crate) fn detect() -> Self {
		#[cfg(target_arch = "x86_64")]
		if let Some(available) = sha_ni::Available::detect() {
			return Self::ShaNi(available);
		}
		Self::Portable
	}

	/// The hashes of `N` messages that take the same steps. `blocks` has each message's block of every
	/// number; the padding is part of the messages.
	#[inline]
	pub(crate) fn hash<const N: usize>(
		self,
		steps: &[Step],
		blocks: &[[Block<'_>; N]],
		scratch: &mut Scratch<N>,
	) -> [Node; N] {
		match self {
			Self::Portable => hash_portably(steps, blocks, scratch),
			#[cfg(target_arch = "x86_64")]
			Self::ShaNi(available) => available.hash(steps, blocks, scratch),
		}
	}

	/// Asks for memory that is going to be read soon.
	#[inline]
	pub(crate) fn prefetch(self, node: &Node) {
		#[cfg(target_arch = "x86_64")]
		if let Self::ShaNi(available) = self {
			available.prefetch(node);
		}
		#[cfg(not(target_arch = "x86_64"))]
		let _ = node;
	}
}

fn hash_portably<const N: usize>(
	steps: &[Step],
	blocks: &[[Block<'_>; N]],
	scratch: &mut Scratch<N>,
) -> [Node; N] {
	std::array::from_fn(|message| {
		let mut state = INITIAL;
		for step in steps {
			let number = match *step {
				Step::Fresh(number) => {
					scratch.0[number][message] = schedule(&blocks[number][message]);
					number
				},
				Step::Again(number) => number,
			};
			compress(&mut state, &scratch.0[number][message]);
		}
		let mut node = [0; 32];
		for (bytes, word) in node.as_chunks_mut::<4>().0.iter_mut().zip(state) {
			*bytes = word.to_be_bytes();
		}
		node
	})
}

fn schedule(block: &Block<'_>) -> Schedule {
	let mut words = [0u32; 64];
	let bytes = block.iter().flat_map(|half| half.as_chunks::<4>().0);
	for (word, bytes) in words.iter_mut().zip(bytes) {
		*word = u32::from_be_bytes(*bytes);
	}
	for at in 16..64 {
		let (early, late) = (words[at - 15], words[at - 2]);
		words[at] = words[at - 16]
			.wrapping_add(early.rotate_right(7) ^ early.rotate_right(18) ^ early >> 3)
			.wrapping_add(words[at - 7])
			.wrapping_add(late.rotate_right(17) ^ late.rotate_right(19) ^ late >> 10);
	}
	let mut sums = ROUNDS;
	for (sum, word) in sums.as_flattened_mut().iter_mut().zip(words) {
		*sum = sum.wrapping_add(word);
	}
	Schedule(sums)
}

fn compress(state: &mut [u32; 8], schedule: &Schedule) {
	let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
	for word in schedule.0.as_flattened() {
		let first = h
			.wrapping_add(e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25))
			.wrapping_add((e & f) ^ (!e & g))
			.wrapping_add(*word);
		let second = (a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22))
			.wrapping_add((a & b) ^ (a & c) ^ (b & c));
		(h, g, f, e) = (g, f, e, d.wrapping_add(first));
		(d, c, b, a) = (c, b, a, first.wrapping_add(second));
	}
	for (word, change) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
		*word = word.wrapping_add(change);
	}
}
