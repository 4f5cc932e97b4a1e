//! Content-addressed files and the commitments that storage proofs speak of, in one read: a file becomes
//! a UnixFS DAG, the DAG becomes CAR files ("shards") that fit a piece, and each shard gets its CommP.
//!
//! - [`pack`](pack::pack) reads a file once and yields its root CID and its shards, which
//!   [`ShardLayout::open_at`](shard::ShardLayout::open_at) makes again from the file at any offset.
//! - [`Unpacker`](unpack::Unpacker) takes shards back, checks every block and writes the file.
//! - [`PieceHasher`](piece::PieceHasher) computes CommP of any stream in constant memory.
//! - [`car`] reads, writes and indexes CARv1; [`dag_pb`] and [`unixfs`] are the codecs below.
//!
//! The DAG follows the profile `unixfs-v1-2025`: CIDv1, SHA-256, raw leaves of 1 MiB, balanced, at most
//! 1024 links to a node. This crate knows no chain and needs no async runtime.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod block;
pub mod car;
pub mod dag;
pub mod dag_pb;
mod fr32;
pub mod leaves;
mod node_hash;
pub mod pack;
pub mod piece;
mod proto;
mod read_ahead;
pub mod sha256;
pub mod shard;
pub mod unixfs;
pub mod unpack;

pub use cid::Cid;
pub use pack::{pack, PackError, Package};
pub use piece::{Piece, PieceError, PieceHasher};
pub use shard::{Shard, ShardLayout};
pub use unpack::{UnpackError, Unpacker};

/// 32 bytes of a hash or commitment.
pub type Digest = [u8; 32];

/// The bytes of a leaf, except a file's last, which can be shorter.
pub const CHUNK_BYTES: u64 = 1 << 20;

/// The most children of a node.
pub const MAX_LINKS: usize = 1024;
