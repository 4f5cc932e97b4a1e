//! Tests by behaviour.

#![allow(clippy::unwrap_used)]

mod agenda;
mod bad_input;
mod compaction;
mod due_work;
mod errors;
mod expiration;
mod extension;
mod faults;
mod health;
mod invariants;
mod keys;
mod migrations;
pub mod mock;
mod pre_commit;
mod prove_commit;
mod register;
mod regressions;
mod termination;
mod window_post;
