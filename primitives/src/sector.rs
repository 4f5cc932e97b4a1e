//! Sectors: the units that are sealed and proven.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// A sector's number, unique and used once within its provider.
pub type SectorNumber = u64;

/// The bytes of a node in a sector's graph and trees.
pub const NODE_SIZE: u64 = 32;

/// The sector sizes of Filecoin's StackedDrg circuits.
///
/// The sizes below 32 GiB have two layers and two challenges and therefore **no real soundness**: they
/// are for test networks.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
pub enum SectorSize {
	/// 2 KiB, for unit tests.
	#[serde(rename = "2KiB")]
	KiB2,
	/// 8 MiB, the development network's default.
	#[serde(rename = "8MiB")]
	MiB8,
	/// 512 MiB, for test networks.
	#[serde(rename = "512MiB")]
	MiB512,
	/// 32 GiB.
	#[serde(rename = "32GiB")]
	GiB32,
	/// 64 GiB.
	#[serde(rename = "64GiB")]
	GiB64,
}

impl SectorSize {
	/// Every size, the smallest first.
	pub const ALL: [SectorSize; 5] = [
		Self::KiB2,
		Self::MiB8,
		Self::MiB512,
		Self::GiB32,
		Self::GiB64,
	];

	/// The padded size in bytes, which is a power of two.
	pub const fn bytes(self) -> u64 {
		match self {
			Self::KiB2 => 2 << 10,
			Self::MiB8 => 8 << 20,
			Self::MiB512 => 512 << 20,
			Self::GiB32 => 32 << 30,
			Self::GiB64 => 64 << 30,
		}
	}

	/// How many bytes of data fit before fr32 padding.
	pub const fn unpadded_bytes(self) -> u64 {
		self.bytes() / 128 * 127
	}

	/// The size with exactly `bytes` padded bytes.
	pub fn from_bytes(bytes: u64) -> Option<Self> {
		Self::ALL.into_iter().find(|size| size.bytes() == bytes)
	}

	/// How many sectors one window PoSt partition proves (filecoin-proofs' `WINDOW_POST_SECTOR_COUNT`).
	pub const fn window_post_partition_sectors(self) -> u32 {
		match self {
			Self::KiB2 | Self::MiB8 | Self::MiB512 => 2,
			Self::GiB32 => 2349,
			Self::GiB64 => 2300,
		}
	}

	/// How many Groth16 proofs one proof of replication has.
	pub const fn porep_partitions(self) -> u32 {
		match self {
			Self::KiB2 | Self::MiB8 | Self::MiB512 => 1,
			Self::GiB32 | Self::GiB64 => 10,
		}
	}

	/// Whether the circuit has enough challenges to be sound; `false` means test networks only.
	pub const fn is_sound(self) -> bool {
		matches!(self, Self::GiB32 | Self::GiB64)
	}

	/// The common name, such as `8MiB`.
	pub const fn name(self) -> &'static str {
		match self {
			Self::KiB2 => "2KiB",
			Self::MiB8 => "8MiB",
			Self::MiB512 => "512MiB",
			Self::GiB32 => "32GiB",
			Self::GiB64 => "64GiB",
		}
	}

	/// The nonce-free `porep_id` of this network's replicas: Filecoin's registered seal proof number
	/// (V1_1 family) in the first 8 bytes, and a network tag, so that a replica of Filecoin or of a fork
	/// is not a replica here.
	pub const fn porep_id(self) -> [u8; 32] {
		let mut id = [0; 32];
		id[0] = match self {
			Self::KiB2 => 5,
			Self::MiB8 => 6,
			Self::MiB512 => 7,
			Self::GiB32 => 8,
			Self::GiB64 => 9,
		};
		let tag = b"holdfast";
		let mut index = 0;
		while index < tag.len() {
			id[16 + index] = tag[index];
			index += 1;
		}
		id
	}
}

impl core::fmt::Display for SectorSize {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.write_str(self.name())
	}
}

impl core::str::FromStr for SectorSize {
	type Err = UnknownSectorSize;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		Self::ALL
			.into_iter()
			.find(|size| size.name().eq_ignore_ascii_case(text))
			.ok_or(UnknownSectorSize)
	}
}

/// A text that names no sector size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSectorSize;

impl core::fmt::Display for UnknownSectorSize {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.write_str("unknown sector size: use 2KiB, 8MiB, 512MiB, 32GiB or 64GiB")
	}
}

impl core::error::Error for UnknownSectorSize {}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::string::ToString;

	#[test]
	fn names_and_sizes_round_trip() {
		for size in SectorSize::ALL {
			assert_eq!(size.to_string().parse(), Ok(size));
			assert_eq!(SectorSize::from_bytes(size.bytes()), Some(size));
			assert!(size.bytes().is_power_of_two());
		}
		assert_eq!("1MiB".parse::<SectorSize>(), Err(UnknownSectorSize));
		assert_eq!(SectorSize::from_bytes(0), None);
	}
}
