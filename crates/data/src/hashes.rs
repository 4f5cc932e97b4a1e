//! The hash functions that blocks of other writers use, besides SHA-256.

use blake2::{digest::consts::U32, Blake2b, Digest as _};
use sha2::Sha512;

const SHA2_512: u64 = 0x13;
const BLAKE2B_256: u64 = 0xb220;

/// The digest by a multihash code. `None` if the function is not known here.
pub(crate) fn digest(code: u64, data: &[u8]) -> Option<Vec<u8>> {
	match code {
		SHA2_512 => Some(Sha512::digest(data).to_vec()),
		BLAKE2B_256 => Some(Blake2b::<U32>::digest(data).to_vec()),
		_ => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_functions_are_those_of_their_codes() {
		let start = |code| digest(code, b"abc").map(|hash| const_hex::encode(&hash[..4]));
		assert_eq!(start(SHA2_512).as_deref(), Some("ddaf35a1"));
		assert_eq!(start(BLAKE2B_256).as_deref(), Some("bddd813c"));
		assert_eq!(start(0x1b), None);
	}
}
