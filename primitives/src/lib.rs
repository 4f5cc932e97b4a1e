//! Types that Holdfast's chain and its off-chain programs share: sectors, deals, commitments, proof
//! kinds and the protocol's policy. No chain access, no input or output, no `std`.
//!
//! Units, unless a field says otherwise: money in the native token's smallest unit (10^-12 HOLD),
//! time in parachain blocks, sizes in bytes. A *padded* size counts the two zero bits that fr32
//! inserts after every 254 bits, an *unpadded* size does not: padded × 127 / 128 = unpadded.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

pub mod commitment;
pub mod deadline;
pub mod deal;
pub mod piece;
pub mod policy;
pub mod proof;
pub mod randomness;
pub mod sector;

pub use commitment::{CommD, CommP, CommR, Digest};
pub use deal::{DealExtension, DealId, DealProposal};
pub use piece::{PaddedPieceSize, PieceInfo};
pub use policy::Policy;
pub use proof::{KeyId, KeyOrigin, ProofBytes, ProofKind, ProofVersion};
pub use sector::{SectorNumber, SectorSize};

/// A parachain block's number.
pub type BlockNumber = u32;
/// An amount of the native token in its smallest unit.
pub type Balance = u128;
/// The index of a deadline within a proving period.
pub type DeadlineIndex = u32;
/// The index of a partition within a deadline.
pub type PartitionIndex = u32;
