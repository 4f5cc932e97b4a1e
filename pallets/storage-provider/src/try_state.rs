//! What holds in every block.

use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use codec::Encode;
use frame_support::{ensure, traits::fungible::InspectHold};
use holdfast_primitives::Balance;
use sp_runtime::TryRuntimeError;

use crate::{
	pallet::{
		Agenda, AgendaCursor, Config, Expirations, HoldReason, Pallet, PartitionReplicas,
		PartitionSectors, Partitions, PreCommitAgenda, PreCommits, Providers, Sectors, Vacancies,
		Workers,
	},
	positions::Positions,
};

impl<T: Config> Pallet<T> {
	/// Checks every rule of this pallet's storage. Reads all of it.
	pub fn check_state() -> Result<(), TryRuntimeError> {
		Self::policy()
			.validate()
			.map_err(|_| "the policy is invalid")?;
		Self::check_providers()?;
		Self::check_keys()?;
		Self::check_pre_commits()?;
		Self::check_partitions()?;
		Self::check_sectors()?;
		Self::check_agenda()
	}

	fn check_providers() -> Result<(), TryRuntimeError> {
		for (account, info) in Providers::<T>::iter() {
			let mut live = 0u32;
			let mut pledge: Balance = 0;
			let mut by_deadline = BTreeMap::<u32, u32>::new();
			for (_, sector) in Sectors::<T>::iter_prefix(&account) {
				if sector.ended.is_none() {
					live += 1;
					pledge += sector.pledge;
					*by_deadline.entry(sector.deadline).or_default() += 1;
				}
			}
			ensure!(info.live_sectors == live, "the live sectors are miscounted");
			ensure!(info.pledge == pledge, "the pledges do not add up");
			let held = T::Currency::balance_on_hold(&HoldReason::Pledge.into(), &account);
			ensure!(held <= info.pledge, "more is held than was pledged");
			for (index, load) in (0u32..).zip(info.deadlines.iter()) {
				ensure!(
					load.live_sectors == by_deadline.get(&index).copied().unwrap_or(0),
					"a deadline's live sectors are miscounted"
				);
				let beyond = Partitions::<T>::iter_key_prefix((&account, index))
					.any(|partition| partition >= load.partitions);
				ensure!(!beyond, "a partition lies beyond its deadline's count");
			}
			let pre_commits: Balance = PreCommits::<T>::iter_prefix_values(&account)
				.map(|pre_commit| pre_commit.deposit)
				.sum();
			let reason = HoldReason::PreCommitDeposit.into();
			ensure!(
				T::Currency::balance_on_hold(&reason, &account) == pre_commits,
				"the deposits do not add up"
			);
			let count = PreCommits::<T>::iter_key_prefix(&account).count();
			ensure!(
				info.pre_commits as usize == count,
				"the pre-commits are miscounted"
			);
		}
		Ok(())
	}

	fn check_keys() -> Result<(), TryRuntimeError> {
		let mut workers = 0;
		for (account, info) in Providers::<T>::iter() {
			if let Some(worker) = info.keys.worker.current {
				workers += 1;
				ensure!(
					Workers::<T>::get(&worker) == Some(account),
					"a worker is another provider's"
				);
				ensure!(
					!Providers::<T>::contains_key(worker),
					"a worker is a provider"
				);
			}
		}
		ensure!(
			Workers::<T>::iter_keys().count() == workers,
			"a worker has no provider"
		);
		Ok(())
	}

	fn check_pre_commits() -> Result<(), TryRuntimeError> {
		let policy = Self::policy();
		let mut count = 0;
		for (account, number, pre_commit) in PreCommits::<T>::iter() {
			count += 1;
			ensure!(
				Providers::<T>::contains_key(&account),
				"a pre-commit has no provider"
			);
			ensure!(
				!Sectors::<T>::contains_key(&account, number),
				"a number is used by a pre-commit and a sector"
			);
			ensure!(
				PreCommitAgenda::<T>::contains_key(pre_commit.expires(&policy), (account, number)),
				"a pre-commit never expires"
			);
		}
		ensure!(
			PreCommitAgenda::<T>::iter_keys().count() == count,
			"the agenda names a pre-commit that does not exist"
		);
		Ok(())
	}

	fn check_partitions() -> Result<(), TryRuntimeError> {
		let cursor = AgendaCursor::<T>::get();
		let mut ends = BTreeMap::<_, Vec<_>>::new();
		for (close, key, positions) in Expirations::<T>::iter() {
			ends.entry(key.encode())
				.or_default()
				.push((close, positions));
		}
		let mut windows = BTreeMap::<_, u32>::new();
		for (_, key, ()) in Agenda::<T>::iter() {
			*windows.entry(key.encode()).or_default() += 1;
		}
		for (key, partition) in Partitions::<T>::iter() {
			let (account, deadline, index) = &key;
			let info = Providers::<T>::get(account).ok_or("a partition has no provider")?;
			let numbers = PartitionSectors::<T>::get(&key);
			let replicas = PartitionReplicas::<T>::get(&key);
			ensure!(
				partition.count as usize == numbers.len() && numbers.len() == replicas.len(),
				"a partition's lists are not as long as it says"
			);
			ensure!(
				partition.count <= info.sector_size.window_post_partition_sectors(),
				"a partition is too long"
			);
			let live = partition.live();
			ensure!(!live.is_empty(), "an empty partition was kept");
			let faulty = partition.faulty();
			let grouped: u32 = partition
				.faults
				.iter()
				.map(|group| group.positions.count())
				.sum();
			ensure!(
				grouped == faulty.count(),
				"a sector is in two groups of faults"
			);
			ensure!(
				faulty.difference(&live).is_empty(),
				"a faulty sector is not live"
			);
			ensure!(
				partition.recovering.difference(&faulty).is_empty(),
				"a recovering sector is not faulty"
			);
			for position in live.iter() {
				let number = numbers
					.get(position as usize)
					.ok_or("a position has no number")?;
				let sector = Sectors::<T>::get(account, number).ok_or("no such live sector")?;
				ensure!(
					sector.ended.is_none()
						&& (sector.deadline, sector.partition, sector.position)
							== (*deadline, *index, position),
					"a sector is not where its partition says"
				);
				ensure!(
					replicas.get(position as usize) == Some(&sector.comm_r),
					"a partition has the wrong replica"
				);
			}
			let mut planned = Positions::default();
			let mut overdue = Positions::default();
			for (close, positions) in ends.remove(&key.encode()).unwrap_or_default() {
				if close <= cursor {
					// Some of these can be faulty for too long, and planned to end later.
					overdue = overdue.union(&positions);
					continue;
				}
				ensure!(
					planned.intersection(&positions).is_empty(),
					"a sector ends twice"
				);
				planned = planned.union(&positions);
			}
			ensure!(
				planned.union(&overdue) == live,
				"the sectors that end are not those that live"
			);
			let windows = windows.get(&key.encode()).copied().unwrap_or(0);
			// While the last sectors are ending, no further window is planned.
			let all_ending = live.difference(&overdue).is_empty();
			ensure!(
				windows == 1 || (windows == 0 && all_ending),
				"a partition has not one next window"
			);
			ensure!(
				Vacancies::<T>::contains_key(&key) != partition.terminated.is_empty(),
				"a partition's vacant positions cannot be found"
			);
		}
		for key in Vacancies::<T>::iter_keys() {
			ensure!(
				Partitions::<T>::contains_key(key),
				"a vacant position has no partition"
			);
		}
		Ok(())
	}

	fn check_sectors() -> Result<(), TryRuntimeError> {
		for (account, _, sector) in Sectors::<T>::iter() {
			match sector.ended {
				Some(_) => ensure!(sector.deals_left > 0, "an ended sector was kept"),
				None => {
					let key = (account, sector.deadline, sector.partition);
					let live = Partitions::<T>::get(key).map(|partition| partition.live());
					ensure!(
						live.is_some_and(|live| live.contains(sector.position)),
						"a live sector is in no partition"
					);
				},
			}
			let mut end = 0;
			for gap in &sector.gaps {
				ensure!(end <= gap.from && gap.from < gap.to, "gaps overlap");
				end = gap.to;
			}
		}
		Ok(())
	}

	fn check_agenda() -> Result<(), TryRuntimeError> {
		let cursor = AgendaCursor::<T>::get();
		let blocks: BTreeSet<_> = Agenda::<T>::iter()
			.map(|(block, _, ())| block)
			.chain(Expirations::<T>::iter().map(|(block, _, _)| block))
			.chain(PreCommitAgenda::<T>::iter().map(|(block, _, ())| block))
			.collect();
		ensure!(
			blocks.first().is_none_or(|first| *first >= cursor),
			"the agenda passed over something"
		);
		for (_, key, _) in Expirations::<T>::iter() {
			ensure!(
				Partitions::<T>::contains_key(key),
				"what ends has no partition"
			);
		}
		for (_, key, ()) in Agenda::<T>::iter() {
			ensure!(
				Partitions::<T>::contains_key(key),
				"a window has no partition"
			);
		}
		Ok(())
	}
}
