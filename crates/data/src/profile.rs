//! Profiles: the choices that decide which CID the same bytes get, by the names of IPIP-0499.

use cid::{Cid, Version};
use rayon::prelude::*;
use std::{fmt, str::FromStr};

use crate::{
	block::{cid_from_digest, dag_pb_cid, sha256, DAG_PB, RAW},
	sha256::digests,
	unixfs::{Kind, Message},
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
		match self.cid_version {
			Version::V0 => {
				let cid = cid_from_digest(DAG_PB, &sha256(block));
				Cid::new_v0(*cid.hash()).expect("a SHA-256 makes a CIDv0; qed")
			},
			Version::V1 => dag_pb_cid(block),
		}
	}

	/// The bytes of a root's CID, which a CAR's header has.
	pub const fn cid_bytes(&self) -> u64 {
		match self.cid_version {
			Version::V0 => 34,
			Version::V1 => 36,
		}
	}

	/// The leaves of chunks, hashed together: each one's CID, and its block unless that is the chunk itself.
	pub fn leaves(&self, chunks: &[&[u8]]) -> Vec<(Cid, Option<Vec<u8>>)> {
		if self.raw_leaves {
			let digests = digests(chunks);
			return digests
				.iter()
				.map(|digest| (cid_from_digest(RAW, digest), None))
				.collect();
		}
		chunks
			.par_iter()
			.map(|chunk| self.wrapped_leaf(chunk))
			.collect()
	}

	/// A chunk's leaf as a node.
	fn wrapped_leaf(&self, chunk: &[u8]) -> (Cid, Option<Vec<u8>>) {
		let message = Message {
			data: (!chunk.is_empty()).then(|| chunk.to_vec()),
			file_bytes: Some(crate::piece::length_of(chunk)),
			..Message::new(Kind::File)
		};
		let block = message.into_block();
		(self.node_cid(&block), Some(block))
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
		let leaf = |profile: Profile, data: &[u8]| profile.leaves(&[data])[0].0.to_string();
		assert_eq!(
			leaf(Profile::UNIXFS_V0_2015, b"hello world"),
			"Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
		);
		assert_eq!(
			leaf(Profile::UNIXFS_V0_2015, b""),
			"QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"
		);
		assert_eq!(
			leaf(Profile::UNIXFS_V1_2025, b"hello world"),
			"bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
		);
	}
}
