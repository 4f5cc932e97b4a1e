//! CARs: a header with roots, then blocks, each with its CID. Version 2 puts a header before that and an
//! index behind it.

mod batch;
mod file_writer;
mod header;
mod index;
mod reader;
mod sorted_index;
mod v2;
mod writer;

pub use batch::{BatchedBlock, BlockBatch};
pub use file_writer::{CarFileWriter, CarVersion};
pub use header::CarHeader;
pub use index::{BlockLocation, CarIndex};
pub use reader::{CarBlock, CarReader, CarSection};
pub use sorted_index::{IndexEntry, IndexKind, SortedIndex, UnknownIndex};
pub use v2::{CarV2Header, PRAGMA, V2_HEADER_BYTES};
pub(crate) use writer::section_head;
pub use writer::{section_bytes, CarWriter};

use crate::block::BlockError;
use cid::Cid;

/// What a reader accepts at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
	/// The bytes of the header.
	pub header_bytes: u64,
	/// The bytes of one block.
	pub block_bytes: u64,
}

impl Default for Limits {
	/// 32 KiB of header and 2 MiB for a block, the most that IPFS nodes exchange.
	fn default() -> Self {
		Self {
			header_bytes: 32 << 10,
			block_bytes: 2 << 20,
		}
	}
}

/// Why a stream is not read as a CAR.
#[derive(Debug, thiserror::Error)]
pub enum CarError {
	/// The stream itself failed.
	#[error("cannot read the CAR: {0}")]
	Read(#[from] std::io::Error),
	/// What is written to failed.
	#[error("cannot write the CAR: {0}")]
	Write(#[source] std::io::Error),
	/// The stream ends within the header or a block.
	#[error("the CAR is cut short at byte {offset}")]
	Truncated {
		/// Where it ends.
		offset: u64,
	},
	/// A length is not a varint in its shortest form.
	#[error("the length at byte {offset} of the CAR is malformed")]
	Length {
		/// Where it begins.
		offset: u64,
	},
	/// The header is no map of version and roots.
	#[error("the CAR's header is malformed: {0}")]
	Header(&'static str),
	/// The header is larger than the limit.
	#[error("the CAR's header has {bytes} bytes, more than the {limit} that are accepted")]
	HeaderTooLarge {
		/// Its size.
		bytes: u64,
		/// The limit.
		limit: u64,
	},
	/// The file is another version of the format, or holds another version where 1 belongs.
	#[error("the CAR has version {0}, which is not supported here")]
	Version(u64),
	/// The header of the second version contradicts itself.
	#[error("the CARv2's header is malformed: {0}")]
	V2(&'static str),
	/// The index is malformed.
	#[error("the CAR's index is malformed: {0}")]
	Index(&'static str),
	/// A block has no bytes and no CID.
	#[error("there is an empty section at byte {offset} of the CAR")]
	EmptySection {
		/// Where it begins.
		offset: u64,
	},
	/// A block is larger than the limit.
	#[error("a block at byte {offset} of the CAR has {bytes} bytes, more than the {limit} that are accepted")]
	BlockTooLarge {
		/// Where its section begins.
		offset: u64,
		/// The section's size.
		bytes: u64,
		/// The limit for the block.
		limit: u64,
	},
	/// A block's CID is malformed.
	#[error("the CID at byte {offset} of the CAR is malformed")]
	MalformedCid {
		/// Where its section begins.
		offset: u64,
	},
	/// A block is not what its CID says.
	#[error(transparent)]
	Block(#[from] BlockError),
	/// The index names a block that is not there any more.
	#[error("the CAR does not have block {cid} where its index says")]
	Moved {
		/// The block.
		cid: Cid,
	},
}
