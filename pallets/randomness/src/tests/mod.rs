//! Tests by behaviour.

#![allow(clippy::unwrap_used)]

mod history;
pub mod mock;
mod regressions;
mod relay_proof;
