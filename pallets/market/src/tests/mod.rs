//! Tests by behaviour.
#![allow(clippy::unwrap_used)]

mod activation;
mod bad_input;
mod cancel;
mod errors;
mod escrow;
mod extension;
mod invariants;
pub(crate) mod mock;
mod publish;
mod quote;
mod regressions;
mod settle;
mod start;
mod status;
