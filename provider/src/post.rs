//! Window PoSt: at every block the calendar is looked at, due partitions are proven as soon as their
//! challenge is known, and proofs are sent as soon as the window is open, again at every block until the
//! chain has them. It shares no queue and no lock with the sealing.

mod alarm;
mod gather;
mod inspect;
mod send;

use std::{
	collections::{HashMap, HashSet},
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};

use holdfast_chain_client::{Partition, ProviderInfo};
use holdfast_primitives::{
	deadline::{window_at, Window},
	randomness::{draw, Domain},
	BlockNumber, CommR, DeadlineIndex, Digest, PartitionIndex, Policy, ProofBytes, SectorNumber,
};
use tokio::{
	sync::{Notify, Semaphore},
	task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
	app::App,
	chain::ChainError,
	monitor::PostResult,
	store::Pinned,
	tasks::TaskError,
	worker::{Proven, Request, WorkerError},
};
use inspect::inspect;
use send::{note_earlier, submit};

/// How often one looks for a new block.
const POLL: Duration = Duration::from_millis(500);
/// After a proof could not be made, so many blocks pass before the next attempt.
const RETRY_BLOCKS: BlockNumber = 2;
/// So many blocks before a deadline's challenge, its sectors are looked at: faulty ones that are intact
/// again are to recover, and damaged ones must not spoil the proof of the others.
const INSPECTION_BLOCKS: BlockNumber = 12;
/// How many partitions are proven at a time.
const PARALLEL: usize = 1;
/// The most partitions in one call.
const BATCH: usize = holdfast_chain_client::call::MAX_SECTORS_PER_CALL;
/// How long the submissions under way may take when the daemon stops.
const GRACE: Duration = Duration::from_secs(15);

/// A partition in one opening of its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Slot {
	open: BlockNumber,
	deadline: DeadlineIndex,
	partition: PartitionIndex,
}

/// How far a slot is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
	Proving,
	/// No attempt before this block.
	Failed(BlockNumber),
	Ready(Ready),
	/// A call with it is under way.
	Sending(Ready),
	Done,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ready {
	proof: ProofBytes,
	/// What was due when it was made.
	due: Vec<SectorNumber>,
	/// What it proves: all that was due, or what of it can be proven.
	proven: Vec<SectorNumber>,
	/// The positions of the others.
	skipped: Vec<u32>,
	randomness: Digest,
}

#[derive(Debug, Default)]
struct Slots(Mutex<HashMap<Slot, Progress>>);

impl Slots {
	fn with<T>(&self, act: impl FnOnce(&mut HashMap<Slot, Progress>) -> T) -> T {
		act(&mut lock(&self.0))
	}

	fn set(&self, slot: Slot, progress: Progress) {
		self.with(|slots| slots.insert(slot, progress));
	}

	fn get(&self, slot: &Slot) -> Option<Progress> {
		self.with(|slots| slots.get(slot).cloned())
	}

	/// The slots whose window is over and that were not proven. The proven ones are forgotten.
	fn missed_before(&self, block: BlockNumber, window: BlockNumber) -> Vec<Slot> {
		self.with(|slots| {
			let is_over = |slot: &Slot| slot.open.saturating_add(window) <= block;
			slots.retain(|slot, progress| !(is_over(slot) && *progress == Progress::Done));
			slots.keys().copied().filter(is_over).collect()
		})
	}

	fn forget(&self, slot: &Slot) {
		self.with(|slots| slots.remove(slot));
	}
}

/// Proves the provider's sectors in every period.
pub struct PostLoop {
	app: Arc<App>,
	slots: Arc<Slots>,
	provers: Arc<Semaphore>,
	running: JoinSet<()>,
	/// Told when a proof is ready to be sent.
	ready: Arc<Notify>,
	/// The openings before which the sectors were looked at.
	inspected: Arc<Mutex<HashSet<Slot>>>,
}

impl PostLoop {
	/// A loop that has proven nothing yet; what the chain has is asked from the chain.
	pub fn new(app: Arc<App>) -> Self {
		Self {
			app,
			slots: Arc::default(),
			provers: Arc::new(Semaphore::new(PARALLEL)),
			running: JoinSet::new(),
			ready: Arc::default(),
			inspected: Arc::default(),
		}
	}

	/// Runs until it is told to stop. No error ends it.
	pub async fn run(mut self, stop: CancellationToken) {
		let mut seen = None;
		let mut silent = false;
		while !stop.is_cancelled() {
			match self.app.chain.best_block().await {
				Ok(best) => {
					silent = false;
					if seen != Some(best) {
						seen = Some(best);
						if let Err(error) = self.look(best.number).await {
							warn!("window PoSt has to wait: {error}");
							// The same block again, after the pause.
							seen = None;
						}
					}
				},
				Err(error) if !silent => {
					silent = true;
					error!("window PoSt cannot see the chain: {error}");
				},
				Err(_) => {},
			}
			while self.running.try_join_next().is_some() {}
			tokio::select! {
				() = tokio::time::sleep(POLL) => {},
				// A proof that was finished within an open window does not wait for the next block.
				() = self.ready.notified() => seen = None,
				() = stop.cancelled() => {},
			}
		}
		let ended = tokio::time::timeout(GRACE, async {
			while self.running.join_next().await.is_some() {}
		});
		if ended.await.is_err() {
			self.running.shutdown().await;
		}
	}

	/// Does what is due in the block `best`.
	async fn look(&mut self, best: BlockNumber) -> Result<(), TaskError> {
		let Some(info) = self.app.chain.provider().await? else {
			return Ok(());
		};
		let policy = self.app.chain.policy().await?;
		for slot in self.slots.missed_before(best, policy.challenge_window()) {
			alarm::missed(&self.app, slot).await?;
			self.slots.forget(&slot);
		}
		lock(&self.inspected).retain(|slot| slot.open > best);
		let mut problem = None;
		for (deadline, window) in due_windows(&policy, &info, best) {
			// A problem with one deadline must not keep the others from being proven.
			if let Err(error) = self.deadline(&info, deadline, window, best).await {
				problem = Some(error);
			}
		}
		problem.map_or(Ok(()), Err)
	}

	async fn deadline(
		&mut self,
		info: &ProviderInfo,
		deadline: DeadlineIndex,
		window: Window,
		best: BlockNumber,
	) -> Result<(), TaskError> {
		if window.is_mutable(best) {
			if best.saturating_add(INSPECTION_BLOCKS) >= window.challenge {
				self.inspect(info, deadline, window).await?;
			}
			return Ok(());
		}
		let mut ready = Vec::new();
		for partition in 0..partitions(info, deadline) {
			let slot = Slot {
				open: window.open,
				deadline,
				partition,
			};
			let progress = self.slots.get(&slot);
			alarm::look(&self.app.monitor, slot, progress.as_ref(), window, best);
			match progress {
				Some(Progress::Done | Progress::Proving | Progress::Sending(_)) => continue,
				Some(Progress::Failed(until)) if best < until => continue,
				Some(Progress::Ready(proof)) if !window.is_open(best) => {
					drop(proof);
					continue;
				},
				_ => {},
			}
			let Some(found) = self.app.chain.partition(deadline, partition).await? else {
				continue;
			};
			if found.last_proof >= window.open {
				self.slots.set(slot, Progress::Done);
				note_earlier(&self.app, slot, &found).await?;
				continue;
			}
			let due = found.to_prove();
			if due.is_empty() {
				continue;
			}
			let Some(randomness) = challenge(&self.app, window.challenge).await? else {
				continue;
			};
			match self.slots.get(&slot) {
				Some(Progress::Ready(proof))
					if proof.due == due && proof.randomness == randomness =>
				{
					ready.push((slot, proof));
				},
				// None yet, or one for what the partition or the challenge was in another fork.
				_ => {
					let retry = retry_at(best, window.close);
					self.prove(slot, found, due, randomness, retry);
				},
			}
		}
		self.send(deadline, ready);
		Ok(())
	}

	/// Makes a proof in the background.
	fn prove(
		&mut self,
		slot: Slot,
		partition: Partition,
		due: Vec<SectorNumber>,
		randomness: Digest,
		retry: BlockNumber,
	) {
		self.slots.set(slot, Progress::Proving);
		let (app, slots, provers) = (self.app.clone(), self.slots.clone(), self.provers.clone());
		let wake = self.ready.clone();
		self.running.spawn(async move {
			let _permit = provers.acquire_owned().await;
			let started = std::time::Instant::now();
			match make_proof(&app, &due, randomness).await {
				Ok((proof, proven)) => {
					info!(
						deadline = slot.deadline,
						partition = slot.partition,
						sectors = proven.len(),
						elapsed = ?started.elapsed(),
						"window PoSt is made"
					);
					let skipped = due
						.iter()
						.filter(|sector| !proven.contains(sector))
						.filter_map(|sector| partition.position(*sector))
						.collect();
					let ready = Ready {
						proof,
						due,
						proven,
						skipped,
						randomness,
					};
					slots.set(slot, Progress::Ready(ready));
					wake.notify_one();
				},
				Err(error) => {
					error!(
						deadline = slot.deadline,
						partition = slot.partition,
						"window PoSt cannot be made: {error}"
					);
					app.monitor.post(PostResult::Failed);
					slots.set(slot, Progress::Failed(retry));
				},
			}
		});
	}

	/// Sends proofs in the background.
	fn send(&mut self, deadline: DeadlineIndex, ready: Vec<(Slot, Ready)>) {
		for batch in batches(ready) {
			for (slot, proof) in &batch {
				self.slots.set(*slot, Progress::Sending(proof.clone()));
			}
			let (app, slots) = (self.app.clone(), self.slots.clone());
			self.running.spawn(async move {
				if let Err(error) = submit(&app, &slots, deadline, &batch).await {
					warn!(deadline, "window PoSt is not noted: {error}");
				}
			});
		}
	}

	/// Has the sectors looked at before the challenge, once for each opening.
	async fn inspect(
		&mut self,
		info: &ProviderInfo,
		deadline: DeadlineIndex,
		window: Window,
	) -> Result<(), TaskError> {
		for partition in 0..partitions(info, deadline) {
			let slot = Slot {
				open: window.open,
				deadline,
				partition,
			};
			if !lock(&self.inspected).insert(slot) {
				continue;
			}
			let (app, inspected) = (self.app.clone(), self.inspected.clone());
			self.running.spawn(async move {
				if let Err(error) = inspect(&app, slot).await {
					warn!(
						deadline,
						partition, "the sectors cannot be looked at: {error}"
					);
					lock(&inspected).remove(&slot);
				}
			});
		}
		Ok(())
	}
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
	// Every change is one insertion or removal, so a panic leaves nothing half done.
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The openings of the deadlines that have live sectors, the next to close first.
fn due_windows(
	policy: &Policy,
	info: &ProviderInfo,
	now: BlockNumber,
) -> Vec<(DeadlineIndex, Window)> {
	let mut windows: Vec<_> = (0..policy.deadlines)
		.zip(&info.deadlines)
		.filter(|(_, load)| load.live_sectors > 0)
		.filter_map(|(deadline, _)| {
			window_at(policy, info.period_offset, deadline, now).map(|window| (deadline, window))
		})
		.collect();
	windows.sort_by_key(|(_, window)| window.close);
	windows
}

fn partitions(info: &ProviderInfo, deadline: DeadlineIndex) -> u32 {
	usize::try_from(deadline)
		.ok()
		.and_then(|index| info.deadlines.get(index))
		.map_or(0, |load| load.partitions)
}

/// When a proof that could not be made is tried again: not at once, but at the last block of all if need be.
fn retry_at(best: BlockNumber, close: BlockNumber) -> BlockNumber {
	best.saturating_add(RETRY_BLOCKS)
		.min(close.saturating_sub(1))
		.max(best.saturating_add(1))
}

/// Proofs that go together. A bad one does the others no harm.
fn batches(ready: Vec<(Slot, Ready)>) -> Vec<Vec<(Slot, Ready)>> {
	ready.chunks(BATCH).map(<[_]>::to_vec).collect()
}

/// The randomness of a window's challenges. `None` if the chain does not know it yet.
async fn challenge(app: &App, block: BlockNumber) -> Result<Option<Digest>, ChainError> {
	Ok(app
		.chain
		.randomness(block)
		.await?
		.map(|value| draw(Domain::WindowPoSt, &value, block, &app.entropy())))
}

/// What a sector was sealed to.
async fn replica(app: &App, number: SectorNumber) -> Result<CommR, TaskError> {
	let sector = app.database.sector(number).await?;
	if let Some(comm_r) = sector.and_then(|sector| sector.comm_r) {
		return Ok(comm_r);
	}
	let found = app.chain.sector(number).await?;
	let found =
		found.ok_or_else(|| TaskError::later(format!("sector {number} is not on the chain")))?;
	Ok(found.comm_r)
}

/// What a proof of these sectors reads. Their files stay until [`read`] is told.
async fn proven(app: &App, numbers: &[SectorNumber]) -> Result<(Vec<Proven>, Pinned), TaskError> {
	let mut replicas = Vec::with_capacity(numbers.len());
	for number in numbers {
		replicas.push(replica(app, *number).await?);
	}
	let pinned = app.store.pin(numbers).await?;
	let sectors = numbers
		.iter()
		.zip(replicas)
		.zip(&pinned.paths)
		.map(|((number, comm_r), paths)| Proven {
			sector: *number,
			comm_r,
			paths: paths.clone(),
		})
		.collect();
	Ok((sectors, pinned))
}

/// The files are read. That this cannot be noted is no reason to lose a proof: pins end by themselves.
async fn read(app: &App, pinned: Pinned) {
	if let Err(error) = app.store.unpin(pinned).await {
		warn!("cannot unpin the sectors of a proof: {error}");
	}
}

/// Proves the sectors, or, if one of them is in the way, those that can be proven. Returns which.
async fn make_proof(
	app: &App,
	sectors: &[SectorNumber],
	randomness: Digest,
) -> Result<(ProofBytes, Vec<SectorNumber>), TaskError> {
	let blame = match prove_sectors(app, sectors, randomness).await {
		Ok(proof) => return Ok((proof, sectors.to_vec())),
		Err(
			blame @ TaskError::Worker(WorkerError::Failed {
				sector: Some(_), ..
			}),
		) => blame,
		Err(other) => return Err(other),
	};
	// What is skipped becomes faulty, so every sector gets a second chance before.
	let provable = inspect::provable(app, sectors).await?;
	if provable.is_empty() || provable.len() == sectors.len() {
		return Err(blame);
	}
	let skipped: Vec<_> = sectors
		.iter()
		.filter(|sector| !provable.contains(sector))
		.collect();
	error!(sectors = ?skipped, "these sectors cannot be proven: proving the others without them");
	let proof = prove_sectors(app, &provable, randomness).await?;
	Ok((proof, provable))
}

async fn prove_sectors(
	app: &App,
	sectors: &[SectorNumber],
	randomness: Digest,
) -> Result<ProofBytes, TaskError> {
	if !gather::places(app, sectors).await?.away.is_empty() {
		return gather::prove(app, sectors, randomness).await;
	}
	let (sectors, pinned) = proven(app, sectors).await?;
	let request = Request::WindowPost {
		sector_size: app.config.storage.sector_size,
		prover_id: app.prover_id(),
		randomness,
		sectors,
	};
	let proofs = app.worker.proofs(request, 0).await;
	read(app, pinned).await;
	let proofs = proofs?;
	match proofs[..] {
		[proof] => Ok(proof),
		_ => Err(TaskError::Worker(WorkerError::OtherAnswer {
			step: "window-post",
		})),
	}
}

#[cfg(test)]
mod tests;
