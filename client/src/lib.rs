//! Stores files with Holdfast's providers and fetches them back. Everything that the `holdfast` command
//! does is here.
//!
//! - [`put`](put::put) hashes a file, agrees on deals and uploads it; it yields a [`Ticket`].
//! - [`get`](get::get) fetches what a ticket names and checks every block on the way.
//! - [`Devnet`](devnet::Devnet) is a whole network on this machine, [`demo`](mod@demo) shows it at work.

#![deny(missing_docs)]
// An error ends a whole command: its size costs nothing.
#![allow(clippy::result_large_err)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod amount;
pub mod api;
pub mod demo;
pub mod devnet;
pub mod get;
pub mod put;
pub mod ticket;

pub use get::{get, get_dag, GetError, GetEvent, GetOptions};
pub use put::{put, PutError, PutEvent, PutOptions, Stored};
pub use ticket::{FolderNodes, Ticket, TicketError, TicketShard};
