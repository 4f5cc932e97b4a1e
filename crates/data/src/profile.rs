//! Profiles: the choices that decide which CID the same bytes get, by the names of IPIP-0499.

use cid::{Cid, Version};
use rayon::prelude::*;
use std::{fmt, str::FromStr};

use crate::{
	block::{cid_from_digest, sha256, Block, DAG_PB},
	sha256::digests,
	unixfs::{Kind, Message},
	Digest,
};

/// A set of choices for building a DAG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
	name: &'static str,
	/// The bytes of a file's chunk, except its last.
	pub chunk_bytes: u64,
	/// The most children of a file's node.
	pub max_links: usize,
	/// Whether leaves are raw blocks; otherwise they are UnixFS messages in dag-pb.
	pub raw_leaves: bool,
	/// The version of the CIDs.
	pub cid_version: Version,
	/// Above this size a directory becomes a HAMT.
	pub directory_bytes: u64,
	/// What of a directory counts.
	pub directory_measure: Measure,
}

/// How a directory's size is measured to decide whether it becomes a HAMT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
	/// The bytes of all names and CIDs.
	Links,
	/// The bytes of the block that it would be.
	Block,
}

impl Profile {
	/// Chunks of 1 MiB, raw leaves, at most 1024 children, CIDv1.
	pub const UNIXFS_V1_2025: Self = Self {
		name: "unixfs-v1-2025",
		chunk_bytes: crate::CHUNK_BYTES,
		max_links: crate::MAX_LINKS,
		raw_leaves: true,
		cid_version: Version::V1,
		directory_bytes: 256 << 10,
		directory_measure: Measure::Block,
	};

	/// What IPFS nodes made until 2025: chunks of 256 KiB in dag-pb, at most 174 children, CIDv0.
	pub const UNIXFS_V0_2015: Self = Self {
		name: "unixfs-v0-2015",
		chunk_bytes: 256 << 10,
		max_links: 174,
		raw_leaves: false,
		cid_version: Version::V0,
		directory_bytes: 256 << 10,
		directory_measure: Measure::Links,
	};

	/// The name.
	pub const fn name(&self) -> &'static str {
		self.name
	}

	/// The CID of a dag-pb node.
	pub fn node_cid(&self, block: &[u8]) -> Cid {
		self.node_cid_of(&sha256(block))
	}

	fn node_cid_of(&self, digest: &Digest) -> Cid {
		let cid = cid_from_digest(DAG_PB, digest);
		match self.cid_version {
			Version::V0 => Cid::new_v0(*cid.hash()).expect("a SHA-256 makes a CIDv0; qed"),
			Version::V1 => cid,
		}
	}

	/// The bytes of a root's CID, which a CAR's header has.
	pub const fn cid_bytes(&self) -> u64 {
		match self.cid_version {
			Version::V0 => 34,
			Version::V1 => 36,
		}
	}

	/// The leaves of chunks as nodes, hashed together.
	pub(crate) fn wrapped_leaves(&self, chunks: &[&[u8]]) -> Vec<Block> {
		let leaves: Vec<Vec<u8>> = chunks
			.par_iter()
			.map(|chunk| {
				let message = Message {
					data: (!chunk.is_empty()).then(|| chunk.to_vec()),
					file_bytes: Some(crate::piece::length_of(chunk)),
					..Message::new(Kind::File)
				};
				message.into_block()
			})
			.collect();
		let together: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
		let digests = digests(&together);
		let blocks = leaves.into_iter().zip(digests);
		blocks
			.map(|(data, digest)| Block {
				cid: self.node_cid_of(&digest),
				data,
			})
			.collect()
	}
}

impl Default for Profile {
	fn default() -> Self {
		Self::UNIXFS_V1_2025
	}
}

impl fmt::Display for Profile {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(self.name)
	}
}

/// A name that no profile has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile `{0}`: use unixfs-v1-2025 or unixfs-v0-2015")]
pub struct UnknownProfile(String);

impl FromStr for Profile {
	type Err = UnknownProfile;

	fn from_str(name: &str) -> Result<Self, Self::Err> {
		[Self::UNIXFS_V1_2025, Self::UNIXFS_V0_2015]
			.into_iter()
			.find(|profile| profile.name == name)
			.ok_or_else(|| UnknownProfile(name.to_owned()))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn profiles_go_by_their_names() {
		for profile in [Profile::UNIXFS_V1_2025, Profile::UNIXFS_V0_2015] {
			assert_eq!(profile.to_string().parse(), Ok(profile));
		}
		assert!("unixfs-v2".parse::<Profile>().is_err());
		assert_eq!(Profile::default().name(), "unixfs-v1-2025");
	}

	#[test]
	fn leaves_have_their_published_cids() {
		let leaf = |data: &[u8]| {
			let leaves = Profile::UNIXFS_V0_2015.wrapped_leaves(&[b"other", data]);
			leaves[1].cid.to_string()
		};
		assert_eq!(
			leaf(b"hello world"),
			"Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
		);
		assert_eq!(leaf(b""), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
	}
}
