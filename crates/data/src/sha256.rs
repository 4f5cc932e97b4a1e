//! SHA-256 at the machine's limit.
//!
//! One message's steps wait for each other, so that a processor is fully used only by several messages at
//! a time: [`digests`] takes several, and the trees of [`piece`](crate::piece) always have many. There is an
//! engine for each kind of processor; which is best is measured once, when it is first asked for.

mod constants;
mod lanes;
mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sha_ni;

use rayon::prelude::*;
use std::{
	sync::OnceLock,
	time::{Duration, Instant},
};

use crate::Digest;
use constants::INITIAL;
use lanes::Block;

/// The fewest bytes of messages that are worth another thread.
const PARALLEL_BYTES: usize = 256 << 10;

/// A way to compute SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
	/// Plain code for any processor.
	Portable,
	/// Eight messages in vectors of 256 bits.
	#[cfg(target_arch = "x86_64")]
	Avx2,
	/// Sixteen messages in vectors of 512 bits.
	#[cfg(target_arch = "x86_64")]
	Avx512,
	/// Four messages in turns through the SHA instructions.
	#[cfg(target_arch = "x86_64")]
	ShaNi,
}

impl Engine {
	/// The engines that this processor has.
	pub fn available() -> Vec<Self> {
		let mut engines = vec![Self::Portable];
		#[cfg(target_arch = "x86_64")]
		{
			let found = [
				(Self::Avx2, avx2::available()),
				(Self::Avx512, avx512::available()),
				(Self::ShaNi, sha_ni::available()),
			];
			engines.extend(
				found
					.iter()
					.filter(|(_, is)| *is)
					.map(|(engine, _)| *engine),
			);
		}
		engines
	}

	/// The engine that hashes most on this processor. It is measured at the first call, for some tenths of
	/// a millisecond: how good an instruction is differs too much between processors to tell by its name.
	pub fn fastest() -> Self {
		static FASTEST: OnceLock<Engine> = OnceLock::new();
		*FASTEST.get_or_init(|| {
			let time = |engine: &Self| engine.time();
			Self::available()
				.into_iter()
				.min_by_key(time)
				.unwrap_or(Self::Portable)
		})
	}

	/// Its name.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Portable => "portable",
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 => "AVX2, 8 lanes",
			#[cfg(target_arch = "x86_64")]
			Self::Avx512 => "AVX-512, 16 lanes",
			#[cfg(target_arch = "x86_64")]
			Self::ShaNi => "SHA-NI, 4 streams",
		}
	}

	/// How many messages it takes at a time.
	pub const fn lanes(self) -> usize {
		match self {
			Self::Portable => 1,
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 => avx2::LANES,
			#[cfg(target_arch = "x86_64")]
			Self::Avx512 => avx512::LANES,
			#[cfg(target_arch = "x86_64")]
			Self::ShaNi => sha_ni::STREAMS,
		}
	}

	/// The best of a few short runs, which no interruption spoils.
	fn time(self) -> Duration {
		const PAIRS: usize = 64;
		let pairs = [[0x5a; 64]; PAIRS];
		let mut hashes = [[0; 32]; PAIRS];
		(0..8)
			.map(|_| {
				let start = Instant::now();
				self.hash_pairs(std::hint::black_box(&pairs), &mut hashes);
				std::hint::black_box(&hashes);
				start.elapsed()
			})
			.min()
			.unwrap_or(Duration::MAX)
	}

	/// The hashes of messages of 64 bytes, as many as there are places for.
	pub fn hash_pairs(self, pairs: &[[u8; 64]], hashes: &mut [Digest]) {
		match self {
			Self::Portable => hash_one_by_one(pairs, hashes, portable::hash_pair),
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 => {
				let (pairs, hashes) = in_groups(pairs, hashes, avx2::hash_all);
				hash_one_by_one(pairs, hashes, portable::hash_pair);
			},
			#[cfg(target_arch = "x86_64")]
			Self::Avx512 => {
				let (pairs, hashes) = in_groups(pairs, hashes, avx512::hash_all);
				let (pairs, hashes) = match avx2::available() {
					true => in_groups(pairs, hashes, avx2::hash_all),
					false => (pairs, hashes),
				};
				hash_one_by_one(pairs, hashes, portable::hash_pair);
			},
			#[cfg(target_arch = "x86_64")]
			Self::ShaNi => {
				let (pairs, hashes) = in_groups(pairs, hashes, sha_ni::hash_all);
				if pairs.len() > 1 {
					let last = pairs.len() - 1;
					let lanes = std::array::from_fn(|lane| &pairs[lane.min(last)]);
					let mut all = [[0; 32]; sha_ni::STREAMS];
					sha_ni::hash_all(lanes, &mut all);
					hashes.copy_from_slice(&all[..hashes.len()]);
				} else {
					hash_one_by_one(pairs, hashes, hash_pair_alone);
				}
			},
		}
	}

	/// The hashes of messages, in their order, on the current thread.
	pub fn digests(self, messages: &[&[u8]]) -> Vec<Digest> {
		let mut digests = vec![[0; 32]; messages.len()];
		// Messages of similar lengths stay together as long as possible.
		let mut order: Vec<usize> = (0..messages.len()).collect();
		order.sort_by_key(|index| messages[*index].len());
		for group in order.chunks(self.lanes()) {
			let mut states = vec![INITIAL; group.len()];
			let blocks: Vec<&[Block]> = group
				.iter()
				.map(|index| messages[*index].as_chunks::<64>().0)
				.collect();
			let common = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
			let together: Vec<&[Block]> = blocks.iter().map(|blocks| &blocks[..common]).collect();
			self.compress_together(&mut states, &together);
			for ((index, mut state), blocks) in group.iter().zip(states).zip(blocks) {
				let message = messages[*index];
				self.compress_one(&mut state, &blocks[common..]);
				digests[*index] = self.finish(state, message);
			}
		}
		digests
	}

	/// Takes blocks into their states; all states have equally many, and there are at most as many states as
	/// lanes.
	fn compress_together(self, states: &mut [[u32; 8]], blocks: &[&[Block]]) {
		match self {
			Self::Portable => {},
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 if states.len() * 4 > avx2::LANES => {
				return padded(states, blocks, avx2::compress);
			},
			#[cfg(target_arch = "x86_64")]
			Self::Avx512 if states.len() * 4 > avx512::LANES => {
				return padded(states, blocks, avx512::compress);
			},
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 | Self::Avx512 => {},
			#[cfg(target_arch = "x86_64")]
			Self::ShaNi if states.len() > 1 => {
				return padded(states, blocks, sha_ni::compress);
			},
			#[cfg(target_arch = "x86_64")]
			Self::ShaNi => {},
		}
		for (state, blocks) in states.iter_mut().zip(blocks) {
			self.compress_one(state, blocks);
		}
	}

	fn compress_one(self, state: &mut [u32; 8], blocks: &[Block]) {
		#[cfg(target_arch = "x86_64")]
		if self == Self::ShaNi {
			return compress_alone(state, blocks);
		}
		portable::compress(state, blocks);
	}

	/// The hash of a message whose whole blocks are in the state.
	fn finish(self, mut state: [u32; 8], message: &[u8]) -> Digest {
		let (_, rest) = message.as_chunks::<64>();
		let bits = u64::try_from(message.len())
			.unwrap_or(u64::MAX)
			.wrapping_mul(8);
		let mut end = [[0; 64]; 2];
		let bytes = end.as_flattened_mut();
		bytes[..rest.len()].copy_from_slice(rest);
		bytes[rest.len()] = 0x80;
		// The length's eight bytes must fit behind the end mark.
		let blocks = if rest.len() < 56 { 1 } else { 2 };
		bytes[blocks * 64 - 8..blocks * 64].copy_from_slice(&bits.to_be_bytes());
		self.compress_one(&mut state, &end[..blocks]);
		digest_of(&state)
	}
}

/// The hash of one message.
pub fn digest(message: &[u8]) -> Digest {
	use sha2::Digest as _;
	// One message needs no engine of ours: this one finds the SHA instructions, too.
	sha2::Sha256::digest(message).into()
}

/// The hashes of messages, in their order. Several messages are hashed in much less time than one after
/// another, even on one processor; large ones on all processors.
pub fn digests(messages: &[&[u8]]) -> Vec<Digest> {
	let engine = Engine::fastest();
	let bytes = messages.iter().map(|message| message.len()).sum::<usize>();
	let threads = rayon::current_num_threads();
	if bytes < PARALLEL_BYTES || threads == 1 || messages.len() <= engine.lanes() {
		return engine.digests(messages);
	}
	messages
		.par_chunks(engine.lanes())
		.flat_map_iter(|messages| engine.digests(messages))
		.collect()
}

fn digest_of(state: &[u32; 8]) -> Digest {
	let mut digest = [0; 32];
	for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
		*bytes = word.to_be_bytes();
	}
	digest
}

/// One message at a time, with the SHA instructions.
#[cfg(target_arch = "x86_64")]
fn compress_alone(state: &mut [u32; 8], blocks: &[Block]) {
	use sha2::digest::generic_array::{typenum::U64, GenericArray};
	for block in blocks {
		let block: &GenericArray<u8, U64> = block.as_slice().into();
		sha2::compress256(state, std::slice::from_ref(block));
	}
}

#[cfg(target_arch = "x86_64")]
fn hash_pair_alone(pair: &Block) -> Digest {
	let mut padding = [0; 64];
	padding[0] = 0x80;
	// 512 bits.
	padding[62] = 2;
	let mut state = INITIAL;
	compress_alone(&mut state, &[*pair, padding]);
	digest_of(&state)
}

fn hash_one_by_one(pairs: &[Block], hashes: &mut [Digest], hash: impl Fn(&Block) -> Digest) {
	for (pair, place) in pairs.iter().zip(hashes) {
		*place = hash(pair);
	}
}

/// Hashes `N` messages at a time, and returns what is left when there are fewer.
#[cfg(target_arch = "x86_64")]
fn in_groups<'a, const N: usize>(
	pairs: &'a [Block],
	hashes: &'a mut [Digest],
	hash: impl Fn([&Block; N], &mut [Digest; N]),
) -> (&'a [Block], &'a mut [Digest]) {
	let (groups, rest) = pairs.as_chunks::<N>();
	let (places, rest_places) = hashes.as_chunks_mut::<N>();
	for (group, places) in groups.iter().zip(places) {
		hash(group.each_ref(), places);
	}
	(rest, rest_places)
}

/// Compresses in `N` lanes, of which those that are not needed repeat the first.
#[cfg(target_arch = "x86_64")]
fn padded<const N: usize>(
	states: &mut [[u32; 8]],
	blocks: &[&[Block]],
	compress: fn(&mut [[u32; 8]; N], &[&[Block]; N]),
) {
	let mut all = [INITIAL; N];
	all[..states.len()].copy_from_slice(states);
	let lanes = std::array::from_fn(|lane| *blocks.get(lane).unwrap_or(&blocks[0]));
	compress(&mut all, &lanes);
	states.copy_from_slice(&all[..states.len()]);
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn published_hashes_are_computed_by_every_engine() {
		// FIPS 180-4's examples.
		let cases: [(&[u8], &str); 3] = [
			(
				b"",
				"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			),
			(
				b"abc",
				"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
			),
			(
				b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
				"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
			),
		];
		for engine in Engine::available() {
			let messages = cases.map(|(message, _)| message);
			for (digest, (_, expected)) in engine.digests(&messages).iter().zip(cases) {
				assert_eq!(const_hex::encode(digest), expected, "{}", engine.name());
			}
		}
	}

	#[test]
	fn the_fastest_engine_is_an_available_one_and_stays() {
		let fastest = Engine::fastest();
		assert!(Engine::available().contains(&fastest));
		assert_eq!(Engine::fastest(), fastest);
	}

	#[test]
	fn equal_messages_are_hashed_together_on_all_processors() {
		let data: Vec<u8> = (0..40 * 65_536usize)
			.map(|index| (index % 251).to_le_bytes()[0])
			.collect();
		let messages: Vec<&[u8]> = data.chunks(65_536).collect();
		let expected: Vec<Digest> = messages.iter().map(|message| digest(message)).collect();
		assert_eq!(digests(&messages), expected);
	}

	proptest! {
		#[test]
		fn all_engines_hash_messages_of_any_lengths_alike(
			lengths in proptest::collection::vec(0usize..400, 0..40),
			seed in any::<u8>(),
		) {
			let data: Vec<Vec<u8>> = lengths
				.iter()
				.enumerate()
				.map(|(index, length)| {
					(0..*length).map(|byte| (byte * 7 + index).to_le_bytes()[0] ^ seed).collect()
				})
				.collect();
			let messages: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
			let expected: Vec<Digest> = messages.iter().map(|message| digest(message)).collect();
			for engine in Engine::available() {
				prop_assert_eq!(&engine.digests(&messages), &expected, "{}", engine.name());
			}
		}

		#[test]
		fn all_engines_hash_pairs_alike(
			bytes in proptest::collection::vec(any::<u8>(), 0..64 * 40),
		) {
			let (pairs, _) = bytes.as_chunks::<64>();
			let expected: Vec<Digest> = pairs.iter().map(|pair| digest(pair)).collect();
			for engine in Engine::available() {
				let mut hashes = vec![[0; 32]; pairs.len()];
				engine.hash_pairs(pairs, &mut hashes);
				prop_assert_eq!(&hashes, &expected, "{}", engine.name());
			}
		}
	}
}
