//! Tests by behaviour.
#![allow(clippy::unwrap_used)]

mod drip;
mod errors;
mod forget;
pub(crate) mod mock;
mod regressions;
