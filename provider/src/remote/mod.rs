//! Workers: other processes, maybe on other machines, that do computing tasks for the daemon. They ask it over
//! HTTP, so that only the daemon has to be reachable.
//!
//! - [`protocol`] is what they say to each other.
//! - [`lend`] is the daemon's side: it lends tasks, takes back results, and asks workers to open sectors.
//! - [`client`] and [`fetch`] are the worker's requests, [`agent`] is its life.
//! - [`give`] is how a worker gives a sector to the daemon, and [`receive`] how that takes it.
//!
//! A sector that a worker begins has its files in the worker's own store from then on, its *home*. Of what the
//! daemon and a worker both reach (shared file systems) nothing is copied.

pub mod agent;
pub mod client;
pub mod fetch;
pub mod give;
pub mod lend;
pub mod protocol;
pub mod receive;
