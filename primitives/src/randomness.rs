//! How a value that the chain's randomness yields for a block becomes a ticket, seed or challenge.

use blake2::{digest::consts::U32, Blake2b, Digest as _};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{BlockNumber, Digest};

/// What a drawn value is for. Values of different domains are independent.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Domain {
	/// The ticket that a replica is bound to.
	SealTicket,
	/// The seed of a proof of replication's challenges.
	PoRepSeed,
	/// The challenges of a window PoSt.
	WindowPoSt,
}

impl Domain {
	const fn tag(self) -> &'static [u8] {
		match self {
			Self::SealTicket => b"holdfast/seal-ticket/1",
			Self::PoRepSeed => b"holdfast/porep-seed/1",
			Self::WindowPoSt => b"holdfast/window-post/1",
		}
	}
}

/// Draws `BLAKE2b-256(tag ‖ value ‖ block, 4 bytes little-endian ‖ entropy)` with the two highest bits of
/// the last byte cleared, so that it is a canonical element of the BLS12-381 scalar field.
///
/// `value` is the chain's randomness at `block`; `entropy` must name the provider, because the window
/// PoSt circuit itself does not bind it.
pub fn draw(domain: Domain, value: &Digest, block: BlockNumber, entropy: &[u8]) -> Digest {
	let mut hasher = Blake2b::<U32>::new();
	hasher.update(domain.tag());
	hasher.update(value);
	hasher.update(block.to_le_bytes());
	hasher.update(entropy);
	into_field(hasher.finalize().into())
}

/// The 32-byte prover identity that a provider's replicas are bound to:
/// `BLAKE2b-256("holdfast/prover/1" ‖ genesis hash ‖ account)`, top bits cleared.
pub fn prover_id(genesis_hash: &Digest, account: &[u8; 32]) -> Digest {
	let mut hasher = Blake2b::<U32>::new();
	hasher.update(b"holdfast/prover/1");
	hasher.update(genesis_hash);
	hasher.update(account);
	into_field(hasher.finalize().into())
}

fn into_field(mut bytes: Digest) -> Digest {
	bytes[31] &= 0x3f;
	bytes
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn draws_differ_by_domain_value_block_and_entropy() {
		let base = draw(Domain::PoRepSeed, &[1; 32], 7, b"a");
		assert_eq!(base, draw(Domain::PoRepSeed, &[1; 32], 7, b"a"));
		assert_ne!(base, draw(Domain::SealTicket, &[1; 32], 7, b"a"));
		assert_ne!(base, draw(Domain::PoRepSeed, &[2; 32], 7, b"a"));
		assert_ne!(base, draw(Domain::PoRepSeed, &[1; 32], 8, b"a"));
		assert_ne!(base, draw(Domain::PoRepSeed, &[1; 32], 7, b"b"));
	}

	#[test]
	fn draws_are_canonical_field_elements() {
		for block in 0..64 {
			assert_eq!(
				draw(Domain::WindowPoSt, &[0xff; 32], block, &[])[31] & 0xc0,
				0
			);
		}
	}
}
