//! The three commitments of Filecoin's proofs.
//!
//! - **CommP** commits to one piece of data, **CommD** to all the (unsealed) data of a sector: roots of
//!   binary Merkle trees over 32-byte nodes, hashed with SHA-256 whose last two bits are cleared.
//! - **CommR** commits to a sealed sector: a Poseidon hash of two Poseidon tree roots.

use alloc::{format, string::String};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;

/// 32 bytes that commit to something.
pub type Digest = [u8; 32];

macro_rules! commitment {
	($(#[$doc:meta])* $name:ident) => {
		$(#[$doc])*
		#[derive(
			Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
			Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		pub struct $name(pub Digest);

		impl $name {
			/// The commitment's bytes.
			pub const fn as_bytes(&self) -> &Digest {
				&self.0
			}

			/// The commitment as 64 lower-case hexadecimal digits.
			pub fn to_hex(&self) -> String {
				const_hex::encode(self.0)
			}

			/// Reads 64 hexadecimal digits, with or without `0x`. `None` if it is anything else.
			pub fn from_hex(text: &str) -> Option<Self> {
				let mut bytes = [0; 32];
				const_hex::decode_to_slice(text, &mut bytes).ok()?;
				Some(Self(bytes))
			}
		}

		impl From<Digest> for $name {
			fn from(bytes: Digest) -> Self {
				Self(bytes)
			}
		}

		impl fmt::Display for $name {
			fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
				f.write_str(&self.to_hex())
			}
		}

		impl fmt::Debug for $name {
			fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
				f.write_str(&format!(concat!(stringify!($name), "({})"), self.to_hex()))
			}
		}

		impl serde::Serialize for $name {
			fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
				serializer.serialize_str(&self.to_hex())
			}
		}

		impl<'de> serde::Deserialize<'de> for $name {
			fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
				let text = String::deserialize(deserializer)?;
				Self::from_hex(&text)
					.ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))
			}
		}
	};
}

commitment! {
	/// The commitment to one piece of data, over its fr32-padded bytes.
	CommP
}
commitment! {
	/// The commitment to the unsealed data of a whole sector.
	CommD
}
commitment! {
	/// The commitment to a sealed sector.
	CommR
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn hex_round_trips_and_rejects_other_lengths() {
		let comm = CommP([0xab; 32]);
		assert_eq!(CommP::from_hex(&comm.to_hex()), Some(comm));
		assert_eq!(CommP::from_hex(&format!("0x{comm}")), Some(comm));
		assert_eq!(CommP::from_hex("abcd"), None);
		assert_eq!(CommP::from_hex(&"zz".repeat(32)), None);
	}
}
