//! What several tests make their data with.

#![allow(dead_code, clippy::unwrap_used)]

pub mod made;

use chacha20::{
	cipher::{KeyIvInit, StreamCipher},
	ChaCha20,
};
use holdfast_data::{block::sha256, Cid};
use std::io::{self, Read};

/// The bytes that the published fixtures of the profiles are made of: a ChaCha20 stream whose key is the
/// hash of a text.
pub struct Seeded {
	cipher: ChaCha20,
	left: u64,
}

impl Seeded {
	pub fn new(seed: &str, bytes: u64) -> Self {
		let key = sha256(seed.as_bytes());
		Self {
			cipher: ChaCha20::new(&key.into(), &[0; 12].into()),
			left: bytes,
		}
	}
}

impl Read for Seeded {
	fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
		let length = usize::try_from(self.left)
			.unwrap_or(usize::MAX)
			.min(out.len());
		let out = &mut out[..length];
		out.fill(0);
		self.cipher.apply_keystream(out);
		self.left -= u64::try_from(length).unwrap();
		Ok(length)
	}
}

pub fn seeded(seed: &str, bytes: u64) -> Vec<u8> {
	let mut all = Vec::new();
	Seeded::new(seed, bytes).read_to_end(&mut all).unwrap();
	all
}

/// The names of the fixtures' directories.
pub fn seeded_names(seed: &str, count: usize, length: usize, last_length: usize) -> Vec<String> {
	const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz01234567890-_";
	let mut stream = Seeded::new(seed, 1 << 20);
	(0..count)
		.map(|index| {
			let length = if index + 1 == count {
				last_length
			} else {
				length
			};
			let mut bytes = vec![0; length];
			stream.read_exact(&mut bytes).unwrap();
			let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
			bytes.into_iter().map(letter).collect()
		})
		.collect()
}

pub fn cid(text: &str) -> Cid {
	text.parse().unwrap()
}
