//! Typed access to a Holdfast chain: queries, extrinsics, events and signers.
//!
//! ```no_run
//! use holdfast_chain_client::{Call, ChainClient, Sender, Signer};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let chain = ChainClient::connect("ws://127.0.0.1:9944").await?;
//! chain.verify_runtime().await?;
//! let sender = Sender::new(chain.clone(), Signer::from_file("provider.key")?);
//! let included = sender.submit(Call::Deposit(1_000_000_000_000)).await?;
//! println!("in block {}", included.block);
//! # Ok(())
//! # }
//! ```
//!
//! - Queries answer from the **best** block, so that what was just included is seen. On a chain with
//!   forks a best block can be replaced; [`ChainClient::is_final`] says whether one cannot any more.
//! - The connection is restored when it is lost. A query waits for that at most
//!   [`QUERY_TIMEOUT`](client::QUERY_TIMEOUT).
//! - [`Sender::submit`] may be called concurrently and returns once the extrinsic is in a best block.

#![deny(missing_docs)]

pub mod account;
pub mod call;
pub mod client;
pub mod error;
pub mod event;
pub mod sender;
pub mod signer;
pub mod types;

mod dispatch;
mod pool;
mod queries;
mod shapes;

pub use account::{AccountId, AddressError};
pub use call::{
	Call, CallError, PostSubmission, PreCommitSector, ProveCommitSector, SignedProposal,
};
pub use client::ChainClient;
pub use error::{ConnectError, QueryError, SubmitError};
pub use event::{Event, Included};
pub use sender::{drip, Sender};
pub use signer::{verify_signature, Signer, SignerError};
pub use types::{
	AccountBalance, Ask, BlockRef, DeadlineLoad, Deal, DealState, Health, Partition, PreCommit,
	ProviderInfo, Sector,
};
