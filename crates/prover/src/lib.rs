//! Seals sectors, proves them and keeps the proving keys.
//!
//! A sector goes through these steps, each of which may run in another process and may be repeated after
//! a crash:
//!
//! 1. [`add_pieces`] writes the unsealed sector,
//! 2. [`seal_pre_commit_phase1`] labels the graph (serial hashing, PC1),
//! 3. [`seal_pre_commit_phase2`] builds the trees and the replica (PC2) and yields CommR,
//! 4. [`seal_commit_phase1`] answers the seed's challenges (C1),
//! 5. [`seal_commit_phase2`] makes the Groth16 proofs (C2),
//! 6. [`clear_sealing_cache`] deletes what only the sealing needed,
//!
//! and [`generate_window_post`] proves up to a partition of sealed sectors. Where they are on several machines,
//! each opens its own with [`open_sector`], and [`prove_openings`] makes the proof of that. [`unseal`] and
//! [`read_piece`] lead back to the data. All functions block; call them from a thread that may.
//!
//! # Keys
//!
//! [`KeyStore::open`] must come first in a process: filecoin-proofs finds its directories in the
//! environment, reads it once, and `open` sets it. The devnet keys that [`KeyStore::ensure`] makes come from
//! **a public seed: anybody can forge their proofs**. They serve test networks and nothing else.

#![deny(missing_docs)]

mod commit;
mod domain;
mod error;
pub mod filecoin;
mod fixed_base;
mod groth16;
mod guard;
mod keys;
mod labels;
mod memory;
mod needs;
mod parameters;
mod parents;
mod phase1;
mod piece;
mod proving_keys;
pub mod reference;
mod seal;
mod setup;
mod synthesis;
mod unseal;
mod window_post;

pub use commit::seal_commit_phase2;
pub use error::{AddPiecesError, KeyError, PoStError, SealError};
pub use groth16::{InvalidPoint, ProveError};
pub use keys::{default_directory, key_name, KeyProgress, KeyStage, KeyStore};
pub use memory::{c2_memory, mapped_key_bytes, window_post_memory};
pub use needs::{memory_of, SealingStep};
pub use parameters::is_supported;
pub use phase1::{seal_pre_commit_phase1, seal_pre_commit_phase1_pair};
pub use piece::add_pieces;
pub use seal::{
	clear_sealing_cache, seal_commit_phase1, seal_pre_commit_phase2, Commit1Output,
	PreCommit1Output, SealSubject, SectorPaths,
};
pub use unseal::{read_piece, unseal};
pub use window_post::{
	check_sealed_sector, generate_window_post, open_sector, prove_openings, Opening, PoStSector,
};
