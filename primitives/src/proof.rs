//! Proof kinds, and the identity of the keys that verify them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

use crate::SectorSize;

/// The bytes of one Groth16 proof: A (48, G1 compressed), B (96, G2 compressed), C (48, G1 compressed).
pub const PROOF_BYTES: usize = 192;

/// One Groth16 proof as it travels.
pub type ProofBytes = [u8; PROOF_BYTES];

/// What a proof proves.
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
#[serde(rename_all = "kebab-case")]
pub enum ProofKind {
	/// A proof of replication: a sector's replica was made from its data.
	PoRep,
	/// A window proof of spacetime: the replicas of a partition are held now.
	WindowPoSt,
}

/// Which circuits a proof is of: the version of rust-fil-proofs' API that defines them. Another version has
/// other keys, and both can be in use while sectors of the older one live.
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
pub enum ProofVersion {
	/// 1.2.0.
	#[serde(rename = "1.2.0")]
	V1_2_0,
}

/// Names the one verifying key of a proof kind and sector size. Keys of the small sizes have the same
/// shape, so nothing but this identity tells them apart.
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
pub struct KeyId {
	/// What the key's proofs prove.
	pub kind: ProofKind,
	/// The size of the sectors that they speak of.
	pub sector_size: SectorSize,
}

/// Who made a key, and therefore who may be able to forge its proofs.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum KeyOrigin {
	/// Made by the seeded set-up of `holdfast-prover`: its trapdoor is public and anybody can forge.
	Devnet,
	/// Made by a ceremony of many parties.
	Ceremony,
}
