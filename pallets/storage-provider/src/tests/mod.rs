//! Tests by behaviour.

#![allow(clippy::unwrap_used)]

mod agenda;
mod expiration;
mod extension;
mod faults;
mod health;
mod invariants;
pub mod mock;
mod pre_commit;
mod prove_commit;
mod register;
mod termination;
mod window_post;
