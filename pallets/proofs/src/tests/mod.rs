//! Tests by behaviour.
#![allow(clippy::unwrap_used)]

mod genesis;
mod keys;
pub(crate) mod mock;
mod state;
mod verification;
