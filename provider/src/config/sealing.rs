//! How sectors are sealed, and what that may take.

use std::collections::BTreeMap;

use holdfast_primitives::SectorSize;
use serde::Deserialize;

use crate::tasks::{needs_of_kind, Kind, Resources};

/// How sectors are sealed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SealingConfig {
	/// How long published deals are collected before a sector that is not full is sealed.
	pub pack_wait_seconds: u64,
	/// How many sealing steps run at a time. With 0 the daemon leaves all of them to workers.
	pub parallel: u32,
	/// How much memory sealing steps and a window PoSt take at most, all together, in bytes. Without it:
	/// three quarters of the machine's.
	pub memory_bytes: Option<u64>,
	/// How many processors sealing steps keep busy, all together. Without it: all.
	pub cpus: Option<u32>,
	/// How many graphics processors there are. This program's own steps use none.
	pub gpus: u32,
	/// How many bytes on disk steps may use besides their sectors' room. Without it: any number.
	pub scratch_bytes: Option<u64>,
	/// What steps take if it is not what they take by themselves, by the steps' names.
	pub needs: BTreeMap<String, StepNeeds>,
	/// The niceness of sealing steps. Window PoSt is always proven at the daemon's own.
	pub nice: u8,
	/// How many blocks back the ticket's block is, so that a reorganisation does not change it.
	pub ticket_depth: u32,
	/// How often a step is tried before its sector is given up.
	pub max_attempts: u32,
	/// A worker that was not heard of for so long loses the sectors that it has not finished.
	pub worker_timeout_seconds: u64,
}

/// What a step takes, where that is to be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepNeeds {
	/// Processors.
	pub cpus: Option<u32>,
	/// Memory.
	pub memory_bytes: Option<u64>,
	/// Room on disk, besides the sector's.
	pub scratch_bytes: Option<u64>,
	/// Graphics processors.
	pub gpus: Option<u32>,
}

impl Default for SealingConfig {
	fn default() -> Self {
		Self {
			pack_wait_seconds: 10,
			parallel: 1,
			memory_bytes: None,
			cpus: None,
			gpus: 0,
			scratch_bytes: None,
			needs: BTreeMap::new(),
			nice: 10,
			ticket_depth: 5,
			max_attempts: 8,
			worker_timeout_seconds: 600,
		}
	}
}

impl SealingConfig {
	/// What this machine has for sealing steps, with so much memory.
	pub fn resources(&self, memory: u64) -> Resources {
		Resources {
			cpus: self.all_cpus(),
			memory,
			scratch: self.scratch_bytes.unwrap_or(u64::MAX),
			gpus: self.gpus,
		}
	}

	/// What a task takes here.
	pub fn needs(&self, kind: Kind, size: SectorSize) -> Resources {
		self.needs_on(kind, size, self.all_cpus())
	}

	/// What a task takes on a machine with so many processors.
	pub fn needs_on(&self, kind: Kind, size: SectorSize, cpus: u32) -> Resources {
		let own = needs_of_kind(kind, size, cpus);
		let told = self.needs.get(kind.name()).copied().unwrap_or_default();
		Resources {
			cpus: told.cpus.unwrap_or(own.cpus),
			memory: told.memory_bytes.unwrap_or(own.memory),
			scratch: told.scratch_bytes.unwrap_or(own.scratch),
			gpus: told.gpus.unwrap_or(own.gpus),
		}
	}

	fn all_cpus(&self) -> u32 {
		self.cpus.unwrap_or_else(|| {
			let found = std::thread::available_parallelism();
			found.map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
		})
	}

	/// Whether every name in `needs` is that of a step.
	pub(super) fn names_steps(&self) -> bool {
		self.needs
			.keys()
			.all(|name| Kind::from_name(name).is_some_and(Kind::is_heavy))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_is_told_replaces_what_a_step_takes() {
		let told = StepNeeds {
			gpus: Some(1),
			memory_bytes: Some(7),
			..StepNeeds::default()
		};
		let config = SealingConfig {
			cpus: Some(8),
			gpus: 2,
			needs: BTreeMap::from([("commit-2".to_owned(), told)]),
			..SealingConfig::default()
		};
		assert!(config.names_steps());
		let needs = config.needs(Kind::Commit2, SectorSize::KiB2);
		assert_eq!(
			(needs.cpus, needs.memory, needs.scratch, needs.gpus),
			(4, 7, 0, 1)
		);
		assert_eq!(config.needs(Kind::Commit1, SectorSize::KiB2).gpus, 0);
		assert!(needs.fits(&config.resources(7)));
	}
}
