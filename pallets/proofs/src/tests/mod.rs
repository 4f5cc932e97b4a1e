//! Tests by behaviour.
#![allow(clippy::unwrap_used)]

mod errors;
mod genesis;
mod keys;
pub(crate) mod mock;
mod regressions;
mod state;
mod verification;
