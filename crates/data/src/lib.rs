//! Content-addressed files and the commitments that storage proofs speak of, in one read: a file becomes
//! a UnixFS DAG, the DAG becomes CAR files ("shards") that fit a piece, and each shard gets its CommP.
//!
//! - [`pack`](pack::pack) reads a file once and yields its root CID and its shards, which
//!   [`ShardLayout::open_at`](shard::ShardLayout::open_at) makes again from the file at any offset.
//! - [`Unpacker`](unpack::Unpacker) takes shards back, checks every block and writes the file.
//! - [`PieceHasher`](piece::PieceHasher) computes CommP of any stream in constant memory.
//! - [`car`] reads, writes and indexes CARs of both versions; [`archive`] creates, copies, inspects and
//!   verifies whole ones.
//! - [`import`] makes DAGs of files and folders; [`extract`] writes them to disk again, and nowhere else.
//! - [`folder`] packs a folder into shards, of which [`folder_fetch`] fetches what a path needs.
//! - [`patch`] turns CARs into text that can be changed, and back.
//! - [`walk`] finds what a path names; [`blocks`] are where its blocks come from.
//! - [`dag_pb`], [`unixfs`], [`directory`], [`dag_cbor`] and [`dag_json`] are the codecs below.
//!
//! What CIDs the same bytes get is a [`Profile`]'s choice, by default `unixfs-v1-2025`: CIDv1, SHA-256, raw
//! leaves of 1 MiB, balanced, at most 1024 links to a node. This crate knows no chain and needs no async
//! runtime.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
pub mod block;
pub mod blocks;
pub mod car;
pub mod dag;
pub mod dag_cbor;
pub mod dag_json;
pub mod dag_pb;
pub mod directory;
#[cfg(unix)]
pub mod extract;
#[cfg(unix)]
pub mod folder;
#[cfg(unix)]
pub mod folder_fetch;
mod fr32;
mod hamt;
mod hashes;
#[cfg(unix)]
pub mod import;
pub mod inclusion;
pub mod leaves;
mod node_hash;
pub mod pack;
pub mod patch;
pub mod piece;
pub mod piece_cid;
pub mod piece_reader;
pub mod profile;
mod proto;
mod read_ahead;
#[cfg(unix)]
mod sandbox;
pub mod sha256;
pub mod shard;
pub mod unixfs;
pub mod unpack;
pub mod walk;

pub use cid::Cid;
pub use pack::{pack, PackError, Package};
pub use piece::{Piece, PieceError, PieceHasher};
pub use piece_cid::PieceCid;
pub use piece_reader::PieceReader;
pub use profile::Profile;
pub use shard::{Shard, ShardLayout};
pub use unpack::{UnpackError, Unpacker};

/// 32 bytes of a hash or commitment.
pub type Digest = [u8; 32];

/// The bytes of a leaf, except a file's last, which can be shorter.
pub const CHUNK_BYTES: u64 = 1 << 20;

/// The most children of a node.
pub const MAX_LINKS: usize = 1024;

/// A length as the 64-bit number that all formats here have.
pub(crate) fn count(length: usize) -> u64 {
	u64::try_from(length).unwrap_or(u64::MAX)
}
