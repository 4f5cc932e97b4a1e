//! Tests by behaviour.
#![allow(clippy::unwrap_used)]

mod activation;
mod cancel;
mod escrow;
mod extension;
mod invariants;
pub(crate) mod mock;
mod publish;
mod settle;
mod start;
