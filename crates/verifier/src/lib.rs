//! Verifies Filecoin's proofs of replication and proofs of spacetime, anywhere: no `std`, no
//! `unsafe`, no chain, and no panic whatever the input.
//!
//! # What is verified
//!
//! - [`porep`]: a provider made a replica of some data that nobody else's replica can stand in for
//!   (StackedDrg; challenges are interactive, or synthetic if the caller says so).
//! - [`window_post`]: a provider holds the replicas of a partition of sectors now.
//! - [`sector_update`]: a provider put some data into a sector that it had sealed empty.
//!
//! All for sectors of 2 KiB, 8 MiB, 512 MiB, 32 GiB and 64 GiB with the circuits, layers and
//! challenge counts of Filecoin's `rust-fil-proofs`, API version 1.2.0. Each statement is turned
//! into the public inputs of a Groth16 proof over BLS12-381 ([`porep::Statement::public_inputs`]),
//! and the proof is checked against a [`PreparedVerifyingKey`].
//!
//! # The equation
//!
//! A proof `(A, B, C)` for the inputs `x` holds under a key `(α, β, γ, δ, IC)` when
//!
//! ```text
//! e(A, B) · e(IC₀ + Σ xᵢ·ICᵢ, −γ) · e(C, −δ) = e(α, β)
//! ```
//!
//! A prepared key holds `e(α, β)` and the Miller loop's lines of `−γ` and `−δ`, so that one proof
//! costs three Miller loops and one final exponentiation. A batch of `n` proofs under one key costs
//! `n + 2` Miller loops and still one final exponentiation: the equations are added up with random
//! weights ([`groth16::verify_batch`]).
//!
//! # Security status
//!
//! - Proof points are canonical, on the curve, in the prime-order subgroup and not the identity,
//!   or the proof is rejected. The same holds for every point of a key that is read with
//!   [`PreparedVerifyingKey::from_bytes`]; [`PreparedVerifyingKey::decode_trusted`] checks the
//!   form only.
//! - Commitments and randomness must be canonical field elements: one statement has one encoding.
//! - Batch weights are 128 bits each and drawn by hashing the key's digest, all inputs and all
//!   proofs (Fiat–Shamir), so a batch that contains an invalid proof passes with a probability of
//!   about 2^-128.
//! - **The circuits for 2 KiB, 8 MiB and 512 MiB have two layers and two challenges and are not
//!   sound.** They are for test networks. Only 32 GiB and 64 GiB have Filecoin's production
//!   parameters.
//! - Whoever made a key's set-up can forge any proof under it: the caller must pin keys by their
//!   digest.
//! - The window PoSt circuit does not bind the prover: the caller must derive a provider's
//!   randomness from the provider's identity. The update circuit binds neither prover nor sector: the
//!   old commitment must come from the caller's record of that prover's sector.
//! - Groth16 proofs can be re-randomised by anybody: never use a proof's bytes as an identity or a
//!   nonce.
//! - Verification handles public data only and does not run in constant time.
//! - Nobody outside the project has audited this crate.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs, unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]
// What host functions do instead is still tested against them.
#![cfg_attr(feature = "ec-hostcalls", allow(dead_code))]

extern crate alloc;

pub mod challenges;
mod curve;
pub mod encoding;
mod engine;
pub mod error;
mod field;
pub mod graph;
pub mod groth16;
pub mod key;
mod merge;
mod msm;
mod pairing;
pub mod parameters;
mod points;
pub mod porep;
pub mod sector_update;
#[cfg(feature = "trapdoor")]
pub mod trapdoor;
mod weight;
pub mod window_post;

pub use ark_bls12_381::Fr;
pub use encoding::PROOF_BYTES;
pub use error::{Commitment, KeyError, PointError, ProofPoint, StatementError, VerifyError};
pub use groth16::{verify, verify_batch};
pub use key::PreparedVerifyingKey;
