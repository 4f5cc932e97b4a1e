//! From an offer to verified data.

pub mod check;
pub mod intake;
pub mod upload;

use blake2::{digest::consts::U32, Blake2b, Digest as _};

/// A deal's id: BLAKE2b-256 of the SCALE-encoded proposal, in hexadecimal.
pub fn deal_id(proposal: &[u8]) -> String {
	const_hex::encode(Blake2b::<U32>::digest(proposal))
}
