//! Tests by behaviour.
#![allow(clippy::unwrap_used)]

mod activation;
mod escrow;
mod invariants;
pub(crate) mod mock;
mod publish;
mod settle;
mod start;
