//! Work that must not be forgotten: tasks are rows, taken under a lease, tried again with growing
//! pauses, and found again after a restart.

mod companion;
mod engine;
mod history;
mod memory;
mod queue;
mod record;
mod resources;
mod why;
mod workers;

use std::time::Duration;

use futures::future::BoxFuture;

use crate::{
	chain::ChainError,
	database::DatabaseError,
	store::{is_full_disk, StoreError},
	worker::WorkerError,
};

pub use companion::Companion;
pub use engine::{Engine, Limits, LEASE};
pub use history::{Ended, DAEMON, KEPT_ENTRIES, KEPT_FOR};
pub use memory::{least_memory, memory_of_kind, memory_of_machine};
pub(crate) use queue::queue;
pub use queue::TaskRow;
pub use record::Recorder;
pub use resources::{needs_of_kind, needs_of_pair, Budget, Resources, Share};
pub use why::why;
pub use workers::{About, Place, WorkerRow};

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
	/// Keeps the provider's record on the chain up to date.
	Register,
	/// Publishes accepted deals.
	Publish,
	/// Puts published deals into sectors.
	Pack,
	/// Writes a sector's data.
	AddPiece,
	/// Seals a sector, first phase.
	PreCommit1,
	/// Seals a sector, second phase.
	PreCommit2,
	/// Pre-commits a sector.
	PreCommit,
	/// Waits for the seed.
	WaitSeed,
	/// Makes the vanilla proof.
	Commit1,
	/// Makes the Groth16 proofs.
	Commit2,
	/// Proves a sector to the chain.
	ProveCommit,
	/// Removes what only the sealing needed.
	Finalize,
	/// Brings a proven sector to another machine or store.
	Move,
	/// Collects what the deals have earned.
	Settle,
	/// Notices what ended, and removes its files.
	Watch,
}

impl Kind {
	const ALL: [Self; 15] = [
		Self::Register,
		Self::Publish,
		Self::Pack,
		Self::AddPiece,
		Self::PreCommit1,
		Self::PreCommit2,
		Self::PreCommit,
		Self::WaitSeed,
		Self::Commit1,
		Self::Commit2,
		Self::ProveCommit,
		Self::Finalize,
		Self::Move,
		Self::Settle,
		Self::Watch,
	];

	/// The tasks that are done where a sector's files are, by whatever machine has them.
	pub const COMPUTING: [Self; 6] = [
		Self::AddPiece,
		Self::PreCommit1,
		Self::PreCommit2,
		Self::Commit1,
		Self::Commit2,
		Self::Finalize,
	];

	/// The tasks of which there is always one.
	pub const STANDING: [Self; 5] = [
		Self::Register,
		Self::Publish,
		Self::Pack,
		Self::Settle,
		Self::Watch,
	];

	/// The name in the database.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Register => "register",
			Self::Publish => "publish",
			Self::Pack => "pack",
			Self::AddPiece => "add-piece",
			Self::PreCommit1 => "pre-commit-1",
			Self::PreCommit2 => "pre-commit-2",
			Self::PreCommit => "pre-commit",
			Self::WaitSeed => "wait-seed",
			Self::Commit1 => "commit-1",
			Self::Commit2 => "commit-2",
			Self::ProveCommit => "prove-commit",
			Self::Finalize => "finalize",
			Self::Move => "move",
			Self::Settle => "settle",
			Self::Watch => "watch",
		}
	}

	/// The name of the stage that it takes a sector through, in the status and for the test hooks.
	pub const fn stage(self) -> &'static str {
		match self {
			Self::AddPiece => "adding-piece",
			Self::PreCommit => "pre-committing",
			Self::WaitSeed => "waiting-seed",
			Self::Commit1 => "vanilla-proof",
			Self::Commit2 => "proving",
			Self::ProveCommit => "prove-committing",
			Self::Finalize => "finalizing",
			Self::Move => "moving",
			other => other.name(),
		}
	}

	/// The kind of that name.
	pub fn from_name(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|kind| kind.name() == name)
	}

	/// Whether it computes for long, so that only a few may run at a time.
	pub const fn is_heavy(self) -> bool {
		matches!(
			self,
			Self::AddPiece | Self::PreCommit1 | Self::PreCommit2 | Self::Commit1 | Self::Commit2
		)
	}

	/// The lower, the sooner: what is nearest its end comes first.
	pub const fn priority(self) -> i64 {
		match self {
			Self::ProveCommit => 0,
			Self::PreCommit => 1,
			Self::WaitSeed => 2,
			Self::Register | Self::Publish | Self::Pack => 3,
			Self::Commit2 => 10,
			Self::Commit1 => 11,
			Self::PreCommit2 => 12,
			Self::PreCommit1 => 13,
			Self::AddPiece => 14,
			Self::Finalize => 20,
			Self::Move => 25,
			Self::Settle | Self::Watch => 30,
		}
	}

	/// Whether it is tried for ever.
	pub fn is_standing(self) -> bool {
		Self::STANDING.contains(&self)
	}
}

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
	/// It is done and gone.
	Done,
	/// It runs again after a while. That is no failure.
	Again(Duration),
	/// It is done, and another one follows for the same subject.
	Then(Kind),
}

/// Why a task did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
	/// The database.
	#[error(transparent)]
	Database(#[from] DatabaseError),
	/// The chain.
	#[error(transparent)]
	Chain(#[from] ChainError),
	/// The files.
	#[error(transparent)]
	Store(#[from] StoreError),
	/// A sealing step.
	#[error(transparent)]
	Worker(#[from] WorkerError),
	/// It may work later.
	#[error("{reason}")]
	Later {
		/// What is missing.
		reason: String,
	},
	/// It cannot ever work.
	#[error("{reason}")]
	Never {
		/// What is wrong.
		reason: String,
	},
}

impl TaskError {
	/// It may work later.
	pub fn later(reason: impl Into<String>) -> Self {
		Self::Later {
			reason: reason.into(),
		}
	}

	/// It cannot ever work.
	pub fn never(reason: impl Into<String>) -> Self {
		Self::Never {
			reason: reason.into(),
		}
	}

	/// Whether trying again is of no use.
	pub const fn is_final(&self) -> bool {
		matches!(self, Self::Never { .. })
	}

	/// Whether the fault lies with the node or the disk alone, so that it counts against no task: an
	/// hour without the node must not cost a sector.
	pub fn is_outage(&self) -> bool {
		match self {
			Self::Chain(error) => {
				matches!(error, ChainError::Query(_) | ChainError::NotIncluded { .. })
			},
			Self::Database(_) | Self::Later { .. } => true,
			Self::Store(error) => error.is_outage(),
			// A full disk is full for every sector.
			Self::Worker(WorkerError::Failed { message, .. }) => is_full_disk(message),
			_ => false,
		}
	}
}

/// Who does the tasks' work.
pub trait Handler: Send + Sync + 'static {
	/// Does a task's work. It may be dropped at any await and started again. With a companion, another task
	/// of the same kind is done at the same time.
	fn run<'a>(
		&'a self,
		kind: Kind,
		subject: &'a str,
		companion: Option<Companion>,
	) -> BoxFuture<'a, Result<Outcome, TaskError>>;

	/// What a task takes while it runs.
	fn needs(&self, kind: Kind) -> Resources;

	/// A task was given up. Returns whether that is dealt with; if not, the row is kept for a person.
	fn gave_up<'a>(
		&'a self,
		kind: Kind,
		subject: &'a str,
		error: &'a TaskError,
	) -> BoxFuture<'a, Result<(), TaskError>>;
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_kind_has_one_name() {
		for kind in Kind::ALL {
			assert_eq!(Kind::from_name(kind.name()), Some(kind));
		}
		assert_eq!(Kind::from_name("mine"), None);
	}

	#[test]
	fn outages_are_told_from_failures() {
		assert!(TaskError::later("no money yet").is_outage());
		assert!(!TaskError::never("too late").is_outage());
		assert!(TaskError::never("too late").is_final());
		let refused = ChainError::Refused {
			pallet: "Market".into(),
			error: "No".into(),
			message: String::new(),
			block: 1,
		};
		assert!(!TaskError::from(refused).is_outage());
		let silent = ChainError::NotIncluded {
			reason: "no blocks".into(),
		};
		assert!(TaskError::from(silent).is_outage());
	}
}
