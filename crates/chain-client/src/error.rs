//! Errors, by operation.

use holdfast_primitives::{BlockNumber, Digest};

use crate::{BlockRef, CallError};

/// There is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
	/// The address is not one of a node.
	#[error("`{url}` is not a node's address: use ws://host:port or wss://host:port")]
	InvalidUrl {
		/// What was given.
		url: String,
	},
	/// Nothing answers there.
	#[error("cannot reach the node at {url}: is holdfast-node running? ({reason})")]
	Unreachable {
		/// Where.
		url: String,
		/// What went wrong.
		reason: String,
	},
	/// Something is there but does not answer in time.
	#[error("the node at {url} does not answer within {seconds} s: is it overloaded, or no node?")]
	Timeout {
		/// Where.
		url: String,
		/// How long was waited.
		seconds: u64,
	},
	/// A node answers, but its answer is of no use.
	#[error(transparent)]
	Query(#[from] QueryError),
}

/// The chain gave no answer to a question.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
	/// The node does not answer; the client goes on trying to reconnect in the background.
	#[error("the node at {url} does not answer: is holdfast-node running? Waited {seconds} s")]
	Timeout {
		/// Where.
		url: String,
		/// How long was waited.
		seconds: u64,
	},
	/// The connection is closed for good.
	#[error("the connection to the node at {url} is closed: {reason}")]
	Closed {
		/// Where.
		url: String,
		/// What went wrong.
		reason: String,
	},
	/// The node does not know the block, or has discarded its state.
	#[error("the node does not know the block {block} any more: ask about a newer block, or run an archive node")]
	NoBlock {
		/// The block's hash or number.
		block: String,
	},
	/// The runtime does not have what was asked for, or has it in another form.
	#[error("the chain's runtime does not fit this program ({what}: {reason}): update the one that is older")]
	Incompatible {
		/// What was asked for.
		what: String,
		/// What went wrong.
		reason: String,
	},
	/// The node refused the request.
	#[error("the node refused a request ({what}): {reason}")]
	Refused {
		/// What was asked for.
		what: String,
		/// What the node said.
		reason: String,
	},
}

/// An extrinsic did not have the wanted effect.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
	/// It was not sent, because the chain cannot accept it in this form.
	#[error(transparent)]
	Call(#[from] CallError),
	/// It was not sent, because the chain could not be asked for what is needed to make it.
	#[error(transparent)]
	Query(#[from] QueryError),
	/// It was not accepted by the node's pool. Nothing happened, and no fee was paid.
	#[error("the node refused the transaction: {reason}")]
	Rejected {
		/// What the node said.
		reason: String,
	},
	/// It was included and failed. Nothing changed, except that the fee may have been paid.
	#[error("{pallet}.{error}: {message}")]
	Dispatch {
		/// The pallet that refused; `System` for errors of no pallet.
		pallet: String,
		/// The error's name on the chain.
		error: String,
		/// What it means.
		message: String,
		/// The block that it is in.
		block: BlockRef,
		/// The extrinsic's hash.
		extrinsic_hash: Digest,
	},
	/// It was not included while it was valid, several times over. Nothing happened.
	#[error("the transaction was not included in a block after {attempts} attempts: is the chain overloaded?")]
	Expired {
		/// How often it was tried.
		attempts: u32,
	},
	/// Its fate is unknown: it was sent and may still be included. Look at the chain's state before doing
	/// it again.
	#[error(
		"no block has included the transaction within {seconds} s; it may still be included until block \
		 {valid_until}: does the node make blocks?"
	)]
	Unknown {
		/// The extrinsic's hash.
		extrinsic_hash: Digest,
		/// The last block that can include it.
		valid_until: BlockNumber,
		/// How long was waited.
		seconds: u64,
	},
}

impl SubmitError {
	/// Whether the extrinsic may still have its effect, so that doing it again could do it twice.
	pub const fn may_still_happen(&self) -> bool {
		matches!(self, Self::Unknown { .. })
	}
}
