//! What all parts of the daemon share.

use std::{collections::HashSet, sync::Arc, sync::Mutex};

use holdfast_primitives::{randomness, Digest, SectorNumber};
use tokio::sync::Notify;

use crate::{
	chain::Chain, config::Config, database::Database, hooks::Hooks, monitor::Monitor,
	pipeline::ProofBatcher, remote::lend::Lending, sealer::Sealer, store::Store, tasks::Budget,
	worker::Worker,
};

/// What all parts of the daemon share.
pub struct App {
	/// The configuration.
	pub config: Config,
	/// What is remembered.
	pub database: Database,
	/// The files.
	pub store: Store,
	/// The chain.
	pub chain: Arc<dyn Chain>,
	/// The computing steps.
	pub worker: Worker,
	/// The sealing steps, done on this machine.
	pub sealer: Sealer,
	/// The proofs of replication that go to the chain together.
	pub proofs: ProofBatcher,
	/// The alerts and the counts.
	pub monitor: Monitor,
	/// What sealing steps on this machine may take.
	pub budget: Arc<Budget>,
	/// What workers are doing.
	pub lending: Lending,
	/// How to misbehave.
	pub hooks: Hooks,
	/// Told when there are new tasks.
	pub wake: Arc<Notify>,
	/// The deals whose data is being received by a request right now.
	pub uploads: Mutex<HashSet<String>>,
}

impl App {
	/// The identity that this provider's replicas are bound to.
	pub fn prover_id(&self) -> Digest {
		randomness::prover_id(&self.chain.genesis_hash(), self.chain.account().as_bytes())
	}

	/// What the draws of this provider's randomness are bound to: its account, SCALE-encoded.
	pub fn entropy(&self) -> [u8; 32] {
		self.chain.account().0
	}

	/// A sector's subject in a task.
	pub fn subject(sector: SectorNumber) -> String {
		sector.to_string()
	}
}
