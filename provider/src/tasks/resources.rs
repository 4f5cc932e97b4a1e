//! What tasks take while they run, and how much of it there is.

use std::{
	collections::VecDeque,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use holdfast_primitives::SectorSize;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{memory_of_kind, Kind};

/// What a task takes, or a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
	/// Processors that are kept busy.
	pub cpus: u32,
	/// Bytes of memory.
	pub memory: u64,
	/// Bytes on disk besides the room that a sector is promised in its store.
	pub scratch: u64,
	/// Graphics processors.
	pub gpus: u32,
}

impl Resources {
	/// Whether all of it is within `limit`.
	pub const fn fits(&self, limit: &Self) -> bool {
		self.cpus <= limit.cpus
			&& self.memory <= limit.memory
			&& self.scratch <= limit.scratch
			&& self.gpus <= limit.gpus
	}

	/// No more of anything than `limit` has.
	#[must_use]
	pub fn at_most(&self, limit: &Self) -> Self {
		Self {
			cpus: self.cpus.min(limit.cpus),
			memory: self.memory.min(limit.memory),
			scratch: self.scratch.min(limit.scratch),
			gpus: self.gpus.min(limit.gpus),
		}
	}

	/// Both together.
	#[must_use]
	pub const fn plus(&self, other: &Self) -> Self {
		Self {
			cpus: self.cpus.saturating_add(other.cpus),
			memory: self.memory.saturating_add(other.memory),
			scratch: self.scratch.saturating_add(other.scratch),
			gpus: self.gpus.saturating_add(other.gpus),
		}
	}

	/// What is left of it without `other`.
	#[must_use]
	pub const fn minus(&self, other: &Self) -> Self {
		Self {
			cpus: self.cpus.saturating_sub(other.cpus),
			memory: self.memory.saturating_sub(other.memory),
			scratch: self.scratch.saturating_sub(other.scratch),
			gpus: self.gpus.saturating_sub(other.gpus),
		}
	}
}

/// What a task takes on a machine with so many processors, unless the configuration says otherwise. Steps that
/// use every processor count for half of them, so that labelling, which cannot use a second one, goes on beside
/// them. No step of this prover uses a graphics processor, and all write into the room of their sector only.
pub fn needs_of_kind(kind: Kind, sector_size: SectorSize, cpus: u32) -> Resources {
	let busy = match kind {
		Kind::AddPiece | Kind::PreCommit1 | Kind::Commit1 => 1,
		Kind::PreCommit2 | Kind::Commit2 => (cpus / 2).max(1),
		_ => 0,
	};
	Resources {
		cpus: busy,
		memory: memory_of_kind(kind, sector_size),
		..Resources::default()
	}
}

/// What the first sealing phases of two sectors take side by side, on one processor, when the second one's data may
/// have to be written before: `phase` and `adding` are what each takes alone.
pub fn needs_of_pair(phase: &Resources, adding: &Resources) -> Resources {
	let mut both = phase.plus(phase);
	both.memory = both.memory.max(phase.memory.saturating_add(adding.memory));
	both.cpus = phase.cpus.max(adding.cpus);
	both
}

/// What a machine has, shared among the tasks that run on it. Whoever waits longest comes first, so that nothing
/// large starves.
#[derive(Debug)]
pub struct Budget {
	all: Resources,
	state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
	used: Resources,
	waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
	needed: Resources,
	granted: oneshot::Sender<Share>,
}

/// A part of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
pub struct Share {
	budget: Arc<Budget>,
	held: Resources,
}

impl Drop for Share {
	fn drop(&mut self) {
		{
			let mut state = self.budget.lock();
			state.used = state.used.minus(&self.held);
		}
		Budget::grant(&self.budget);
	}
}

/// Lets those behind somebody who left come forward.
struct Leaving(Arc<Budget>);

impl Drop for Leaving {
	fn drop(&mut self) {
		Budget::grant(&self.0);
	}
}

impl Budget {
	/// All of it is free.
	pub fn new(all: Resources) -> Arc<Self> {
		Arc::new(Self {
			all,
			state: Mutex::default(),
		})
	}

	/// What there is.
	pub const fn all(&self) -> Resources {
		self.all
	}

	/// What is in use.
	pub fn used(&self) -> Resources {
		self.lock().used
	}

	/// What nobody uses or waits for.
	pub fn free(&self) -> Resources {
		let state = self.lock();
		let waiting = state.waiting.iter();
		let claimed = waiting.fold(state.used, |sum, one| sum.plus(&one.needed));
		self.all.minus(&claimed)
	}

	/// Waits until there is enough left. What is larger than everything has to run alone.
	pub async fn take(self: &Arc<Self>, needed: Resources) -> Share {
		let needed = needed.at_most(&self.all);
		// It is dropped after the receiver.
		let _leaving = Leaving(self.clone());
		let (granted, receiver) = oneshot::channel();
		self.lock().waiting.push_back(Waiting { needed, granted });
		Self::grant(self);
		match receiver.await {
			Ok(share) => share,
			// Nobody drops a sender of a receiver that waits; nothing is held then.
			Err(_) => Share {
				budget: self.clone(),
				held: Resources::default(),
			},
		}
	}

	/// Takes it if nobody waits and there is enough left.
	pub fn try_take(self: &Arc<Self>, needed: Resources) -> Option<Share> {
		let mut state = self.lock();
		let sum = state.used.plus(&needed);
		if !state.waiting.is_empty() || !sum.fits(&self.all) {
			return None;
		}
		state.used = sum;
		Some(Share {
			budget: self.clone(),
			held: needed,
		})
	}

	fn grant(this: &Arc<Self>) {
		let mut granted = Vec::new();
		{
			let mut state = this.lock();
			state.waiting.retain(|waiting| !waiting.granted.is_closed());
			while let Some(next) = state.waiting.front() {
				let sum = state.used.plus(&next.needed);
				if !sum.fits(&this.all) {
					break;
				}
				state.used = sum;
				granted.extend(state.waiting.pop_front());
			}
		}
		// Without the lock: a share that nobody takes comes back at once.
		for Waiting { needed, granted } in granted {
			let share = Share {
				budget: this.clone(),
				held: needed,
			};
			drop(granted.send(share));
		}
	}

	fn lock(&self) -> MutexGuard<'_, State> {
		// Every change is whole, so a panic leaves nothing half done.
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use futures::{future::BoxFuture, FutureExt};
	use proptest::prelude::*;

	fn some(cpus: u32, memory: u64, scratch: u64, gpus: u32) -> Resources {
		Resources {
			cpus,
			memory,
			scratch,
			gpus,
		}
	}

	#[test]
	fn labelling_goes_on_beside_a_proof() {
		let size = SectorSize::KiB2;
		for cpus in [2, 16] {
			let needs =
				[Kind::Commit2, Kind::PreCommit1].map(|kind| needs_of_kind(kind, size, cpus));
			assert!(needs[0].cpus + needs[1].cpus <= cpus);
		}
		assert_eq!(needs_of_kind(Kind::Commit2, size, 1).cpus, 1);
		assert_eq!(needs_of_kind(Kind::Settle, size, 2), Resources::default());
	}

	#[derive(Clone, Debug)]
	enum Act {
		Take(Resources),
		TryTake(Resources),
		/// Gives a share back.
		GiveBack(usize),
		/// Somebody who waits leaves.
		Leave(usize),
	}

	fn acts() -> impl Strategy<Value = Vec<Act>> {
		let needed = || {
			(0u32..5, 0u64..40, 0u64..7, 0u32..3)
				.prop_map(|(cpus, memory, scratch, gpus)| some(cpus, memory, scratch, gpus))
		};
		let act = prop_oneof![
			3 => needed().prop_map(Act::Take),
			1 => needed().prop_map(Act::TryTake),
			3 => any::<usize>().prop_map(Act::GiveBack),
			1 => any::<usize>().prop_map(Act::Leave),
		];
		proptest::collection::vec(act, 1..60)
	}

	proptest! {
		/// Row 67: whatever comes and goes, no resource is exceeded, every one is accounted for by itself (a task
		/// without a graphics processor frees none), whoever waits longest comes first, and nothing leaks.
		#[test]
		fn no_resource_is_ever_exceeded(acts in acts()) {
			let all = some(4, 30, 5, 1);
			let budget = Budget::new(all);
			let mut held: Vec<Share> = Vec::new();
			let mut waiting: VecDeque<BoxFuture<'static, Share>> = VecDeque::new();
			for act in acts {
				match act {
					Act::Take(needed) => {
						let budget = budget.clone();
						waiting.push_back(async move { budget.take(needed).await }.boxed());
					},
					Act::TryTake(needed) => held.extend(budget.try_take(needed)),
					Act::GiveBack(index) if !held.is_empty() => {
						held.swap_remove(index % held.len());
					},
					Act::Leave(index) if !waiting.is_empty() => {
						waiting.remove(index % waiting.len());
					},
					_ => {},
				}
				// In order: nobody gets a share before those in front of him.
				let mut blocked = false;
				let mut still = VecDeque::new();
				for mut one in waiting {
					match one.as_mut().now_or_never() {
						Some(share) => {
							prop_assert!(!blocked, "somebody overtook");
							held.push(share);
						},
						None => {
							blocked = true;
							still.push_back(one);
						},
					}
				}
				waiting = still;
				let sum = held.iter().fold(Resources::default(), |sum, share| sum.plus(&share.held));
				prop_assert!(sum.fits(&all), "{sum:?}");
				prop_assert_eq!(budget.used(), sum);
			}
			drop(waiting);
			drop(held);
			prop_assert_eq!(budget.used(), Resources::default());
			prop_assert_eq!(budget.free(), all);
		}
	}

	/// Row 67: what takes no graphics processor gives none back.
	#[test]
	fn a_graphics_processor_stays_taken() {
		let budget = Budget::new(some(4, 10, 0, 1));
		let prover = budget.try_take(some(1, 1, 0, 1)).unwrap();
		drop(budget.try_take(some(1, 1, 0, 0)).unwrap());
		assert!(budget.try_take(some(1, 1, 0, 1)).is_none());
		drop(prover);
		assert!(budget.try_take(some(1, 1, 0, 1)).is_some());
	}
}
