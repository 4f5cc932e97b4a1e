//! Tests by behaviour.
#![allow(clippy::unwrap_used)]

mod drip;
mod forget;
pub(crate) mod mock;
