//! The storage provider's daemon: takes deals, seals their data into sectors, proves the sectors to the
//! chain, and serves the data.
//!
//! - [`deal`] takes offers and data and refuses what is wrong before anything costs money.
//! - [`tasks`] is the queue: rows in [`database`], taken under leases, done by [`pipeline`].
//! - [`post`] proves all sectors in every period, apart from the queue.
//! - [`sealer`] seals sectors in this machine's stores; [`worker`] runs what computes in child processes
//!   ([`work`]). [`restore`] gets lost pieces back from sectors.
//! - [`remote`] has workers on other machines do computing tasks.
//! - [`api`] is the HTTP side, [`chain`] the chain's.
//! - [`bench`] measures what the steps cost.
//! - [`overview`] is what an operator wants to know, [`metrics`] the same for Prometheus, [`watch`] raises
//!   alerts in the [`monitor`], [`doctor`] looks before there is trouble.
//! - [`hooks`] says how to make the daemon misbehave in tests.

#![deny(missing_docs)]

pub mod api;
pub mod app;
pub mod bench;
pub mod chain;
pub mod config;
pub mod daemon;
pub mod database;
pub mod deal;
pub mod doctor;
pub mod hooks;
pub mod log;
pub mod metrics;
pub mod monitor;
pub mod overview;
pub mod pipeline;
pub mod post;
pub mod remote;
pub mod restore;
pub mod sealer;
pub mod store;
pub mod tasks;
pub mod token;
pub mod watch;
pub mod work;
pub mod worker;

#[cfg(test)]
#[path = "../tests/common/program.rs"]
mod program;
