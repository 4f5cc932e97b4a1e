//! Benchmarks of every call and of every item of the hooks. Proofs are accepted unseen here: what they
//! cost is measured where they are verified.

use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{fungible::Mutate, UncheckedOnRuntimeUpgrade},
	BoundedVec,
};
use frame_system::RawOrigin;
use holdfast_primitives::{
	deadline::window_at, policy::MAX_DEADLINES, Balance, BlockNumber, CommD, CommR, DealId,
	SectorNumber, SectorSize,
};

use crate::{
	migrations::{v1, v2},
	pallet::*,
	Addresses, Ask, Batch, DeadlineLoad, Gap, Market, Partition, PartitionKey, Positions,
	PostSubmission, PreCommitSector, Proofs, ProveCommitSector, Randomness, Role, Sector,
	SectorDeals, SectorExtension, MAX_BATCH, MAX_DECLARED_SECTORS, MAX_FAULT_GROUPS, MAX_GAPS,
	MAX_MOVED_SECTORS, MAX_POSITIONS, MAX_SECTOR_DEALS,
};

const FUNDS: Balance = 1 << 90;

fn set_block<T: Config>(block: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(block.into());
}

fn addresses() -> Addresses {
	let address = BoundedVec::truncate_from(vec![b'a'; crate::MAX_ADDRESS_BYTES as usize]);
	BoundedVec::truncate_from(vec![address; crate::MAX_ADDRESSES as usize])
}

fn ask() -> Ask {
	Ask {
		price_per_gib_block: 1,
		min_piece_bytes: 128,
		max_piece_bytes: 256,
		accepting: true,
	}
}

/// A registered provider with 32 GiB sectors and enough funds, at a block with a past.
fn provider<T: Config>() -> T::AccountId {
	let provider: T::AccountId = whitelisted_caller();
	T::Currency::set_balance(&provider, FUNDS);
	T::Proofs::benchmark_accept_all();
	set_block::<T>(100);
	T::Randomness::benchmark_value_at(99);
	Pallet::<T>::register(
		RawOrigin::Signed(provider.clone()).into(),
		SectorSize::GiB32,
		addresses(),
		ask(),
		0,
	)
	.expect("it is valid");
	provider
}

fn sealed<T: Config>(sector: SectorNumber, deals: Vec<DealId>) -> PreCommitSector {
	let now = Pallet::<T>::now();
	PreCommitSector {
		sector,
		comm_r: CommR([1; 32]),
		ticket_block: now - 1,
		expiration: now + Pallet::<T>::policy().max_sector_lifetime,
		deals: SectorDeals::truncate_from(deals),
	}
}

/// Sectors that can be pre-committed, with the deals shared out among them.
fn sealed_sectors<T: Config>(
	provider: &T::AccountId,
	sectors: u32,
	deals: u32,
) -> Batch<PreCommitSector> {
	let deals = T::Market::benchmark_deals(provider, deals);
	let share = deals.len().div_ceil(sectors as usize).max(1);
	let mut shares = deals.chunks(share);
	let sectors = (0..u64::from(sectors))
		.map(|number| sealed::<T>(number, shares.next().unwrap_or_default().to_vec()))
		.collect();
	Batch::truncate_from(sectors)
}

/// Moves to a block in which what was pre-committed now can be proven.
fn await_seed<T: Config>() {
	let seed = Pallet::<T>::now() + Pallet::<T>::policy().pre_commit_challenge_delay;
	T::Randomness::benchmark_value_at(seed);
	set_block::<T>(seed + 1);
}

/// A full partition of deadline 0, with every list at its bound; returns its sectors' numbers.
fn full_partition<T: Config>(key: &PartitionKey<T::AccountId>, sectors: u32) -> Vec<u64> {
	let (provider, deadline, index) = key;
	let numbers: Vec<_> = (0..u64::from(sectors))
		.map(|number| u64::from(*index) * u64::from(MAX_POSITIONS) + number)
		.collect();
	let gap = |index| Gap {
		from: 10 * index,
		to: 10 * index + 1,
	};
	for (position, number) in (0..).zip(&numbers) {
		let sector = Sector {
			comm_r: CommR([1; 32]),
			comm_d: CommD([2; 32]),
			activated: 1,
			expiration: 1_000_000,
			deadline: *deadline,
			partition: *index,
			position,
			pledge: 1,
			deals_left: 1,
			gaps: BoundedVec::truncate_from((0..MAX_GAPS - 1).map(gap).collect()),
			ended: None,
			terminated: false,
		};
		Sectors::<T>::insert(provider, number, sector);
	}
	Partitions::<T>::insert(
		key,
		Partition {
			count: sectors,
			..Default::default()
		},
	);
	PartitionReplicas::<T>::insert(
		key,
		BoundedVec::truncate_from(vec![CommR([1; 32]); sectors as usize]),
	);
	PartitionSectors::<T>::insert(key, BoundedVec::truncate_from(numbers.clone()));
	Providers::<T>::mutate(provider, |info| {
		let info = info.as_mut().expect("it is registered");
		info.live_sectors += sectors;
		info.deadlines[*deadline as usize].live_sectors += sectors;
		info.deadlines[*deadline as usize].partitions = index + 1;
	});
	numbers
}

/// Makes all sectors of a partition faulty, in as many groups as there can be.
fn make_faulty<T: Config>(key: &PartitionKey<T::AccountId>) {
	Partitions::<T>::mutate(key, |slot| {
		let partition = slot.as_mut().expect("it exists");
		let mut rest = partition.live();
		let share = rest.count().div_ceil(MAX_FAULT_GROUPS);
		for since in 0..MAX_FAULT_GROUPS {
			let (group, others) = rest.split(share);
			partition.last_proof = since;
			partition.add_faults(group, since);
			rest = others;
		}
	});
}

/// Makes all sectors of a partition faulty but one group, and all of them to recover.
fn make_half_recovering<T: Config>(key: &PartitionKey<T::AccountId>) {
	make_faulty::<T>(key);
	Partitions::<T>::mutate(key, |slot| {
		let partition = slot.as_mut().expect("it exists");
		partition.recovering = partition.faulty();
		partition.faults.pop();
		partition.recovering = partition.recovering.intersection(&partition.faulty());
	});
}

/// The first block from now on in which deadline 0 can change.
fn run_to_mutable<T: Config>(provider: &T::AccountId) {
	let info = Providers::<T>::get(provider).expect("it is registered");
	let policy = Pallet::<T>::policy();
	let now = Pallet::<T>::now();
	let close = window_at(&policy, info.period_offset, 0, now)
		.expect("it exists")
		.close;
	set_block::<T>(close);
}

/// Puts the windows that the provider's partitions are in, or in next, on the agenda, as settling the ones before
/// does.
fn plan_windows<T: Config>(provider: &T::AccountId) {
	let info = Providers::<T>::get(provider).expect("it is registered");
	let (policy, now) = (Pallet::<T>::policy(), Pallet::<T>::now());
	let keys: Vec<_> = Partitions::<T>::iter_key_prefix((provider,)).collect();
	for (deadline, index) in keys {
		let window = window_at(&policy, info.period_offset, deadline, now).expect("it exists");
		Agenda::<T>::insert(window.close, (provider.clone(), deadline, index), ());
	}
}

type Declarations = Batch<crate::Declaration>;

/// Declarations of `sectors` sectors in all, in `partitions` partitions.
fn declarations<T: Config>(
	provider: &T::AccountId,
	partitions: u32,
	sectors: u32,
	faulty: bool,
) -> Declarations {
	let share = sectors.div_ceil(partitions).max(1);
	let mut left = sectors.max(partitions);
	let mut list = Vec::new();
	for index in 0..partitions {
		let key = (provider.clone(), 0, index);
		let numbers = full_partition::<T>(&key, MAX_DECLARED_SECTORS);
		if faulty {
			make_faulty::<T>(&key);
		}
		let take = share
			.min(left.saturating_sub(partitions - index - 1))
			.max(1);
		left = left.saturating_sub(take);
		let named = numbers.into_iter().take(take as usize).collect();
		list.push((index, BoundedVec::truncate_from(named)));
	}
	Batch::truncate_from(list)
}

/// The first sectors of so many full partitions of deadline 0.
fn first_sectors<T: Config>(provider: &T::AccountId, partitions: u32) -> Vec<u64> {
	(0..partitions)
		.map(|index| full_partition::<T>(&(provider.clone(), 0, index), MAX_POSITIONS)[0])
		.collect()
}

/// Makes `worker` the provider's worker.
fn put_worker<T: Config>(provider: &T::AccountId, worker: &T::AccountId) {
	Workers::<T>::insert(worker, provider);
	Providers::<T>::mutate(provider, |info| {
		let info = info.as_mut().expect("it is registered");
		info.keys.worker.current = Some(worker.clone());
	});
}

/// A provider's record before version 2, with every list at its bound.
fn old_provider<T: Config>() -> v1::OldProviderInfo {
	v1::OldProviderInfo {
		sector_size: SectorSize::GiB32,
		addresses: addresses(),
		ask: ask(),
		free_space: 0,
		period_offset: 0,
		live_sectors: 0,
		pre_commits: 0,
		pledge: 0,
		deadlines: BoundedVec::truncate_from(vec![DeadlineLoad::default(); MAX_DEADLINES as usize]),
	}
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register() {
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(caller.clone()),
			SectorSize::GiB32,
			addresses(),
			ask(),
			0,
		);

		assert!(Providers::<T>::contains_key(caller));
	}

	#[benchmark]
	fn set_addresses() {
		let caller = provider::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), addresses());

		assert_eq!(
			Providers::<T>::get(caller).map(|info| info.addresses),
			Some(addresses())
		);
	}

	#[benchmark]
	fn set_ask() {
		let caller = provider::<T>();
		let ask = Ask {
			accepting: false,
			..ask()
		};

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), ask);

		assert_eq!(Providers::<T>::get(caller).map(|info| info.ask), Some(ask));
	}

	#[benchmark]
	fn set_free_space() {
		let caller = provider::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), 7);

		assert_eq!(
			Providers::<T>::get(caller).map(|info| info.free_space),
			Some(7)
		);
	}

	#[benchmark]
	fn pre_commit_sectors(s: Linear<1, MAX_BATCH>, d: Linear<0, MAX_SECTOR_DEALS>) {
		let caller = provider::<T>();
		let sectors = sealed_sectors::<T>(&caller, s, d);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), sectors);

		assert_eq!(PreCommits::<T>::iter_prefix(caller).count(), s as usize);
	}

	#[benchmark]
	fn prove_commit_sectors(s: Linear<1, MAX_BATCH>, d: Linear<0, MAX_SECTOR_DEALS>) {
		let caller = provider::<T>();
		let sectors = sealed_sectors::<T>(&caller, s, d);
		let origin = RawOrigin::Signed(caller.clone());
		Pallet::<T>::pre_commit_sectors(origin.clone().into(), sectors).expect("they are valid");
		await_seed::<T>();
		// The partitions that they join have room for them, but are full otherwise.
		for deadline in 0..Pallet::<T>::policy().deadlines {
			full_partition::<T>(&(caller.clone(), deadline, 0), MAX_POSITIONS - MAX_BATCH);
		}
		let proofs = (0..u64::from(s))
			.map(|sector| ProveCommitSector {
				sector,
				proofs: BoundedVec::truncate_from(vec![[0; 192]; 10]),
			})
			.collect();
		let proofs = Batch::truncate_from(proofs);
		plan_windows::<T>(&caller);

		#[extrinsic_call]
		_(origin, proofs);

		assert_eq!(PreCommits::<T>::iter_prefix(caller).count(), 0);
	}

	#[benchmark]
	fn submit_window_post(n: Linear<1, MAX_BATCH>) {
		let caller = provider::<T>();
		// Every other sector, so that the field is at its bound and the faults are many.
		let mut skipped = Positions::default();
		for position in (0..MAX_POSITIONS).step_by(2) {
			skipped.insert(position);
		}
		let submissions = (0..n)
			.map(|partition| {
				let key = (caller.clone(), 0, partition);
				full_partition::<T>(&key, MAX_POSITIONS);
				make_half_recovering::<T>(&key);
				PostSubmission {
					partition,
					skipped: skipped.clone(),
					proof: [0; 192],
				}
			})
			.collect();
		let submissions = Batch::truncate_from(submissions);
		run_to_mutable::<T>(&caller);
		let info = Providers::<T>::get(&caller).expect("it is registered");
		let window = window_at(
			&Pallet::<T>::policy(),
			info.period_offset,
			0,
			Pallet::<T>::now(),
		)
		.expect("it exists");
		T::Randomness::benchmark_value_at(window.challenge);
		set_block::<T>(window.open);
		plan_windows::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), 0, submissions);

		let partition = Partitions::<T>::get((caller, 0, n - 1)).expect("it exists");
		assert_eq!(partition.last_proof, window.open);
	}

	#[benchmark]
	fn declare_faults(n: Linear<1, MAX_BATCH>, s: Linear<1, { MAX_BATCH * MAX_DECLARED_SECTORS }>) {
		let caller = provider::<T>();
		run_to_mutable::<T>(&caller);
		let declarations = declarations::<T>(&caller, n, s, false);
		plan_windows::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), 0, declarations);

		assert!(!Pallet::<T>::faults_of(&(caller, 0, 0)).is_empty());
	}

	#[benchmark]
	fn declare_recoveries(
		n: Linear<1, MAX_BATCH>,
		s: Linear<1, { MAX_BATCH * MAX_DECLARED_SECTORS }>,
	) {
		let caller = provider::<T>();
		run_to_mutable::<T>(&caller);
		let declarations = declarations::<T>(&caller, n, s, true);
		plan_windows::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), 0, declarations);

		let partition = Partitions::<T>::get((caller, 0, 0)).expect("it exists");
		assert!(!partition.recovering.is_empty());
	}

	#[benchmark]
	fn terminate_sectors(s: Linear<1, MAX_BATCH>) {
		let caller = provider::<T>();
		run_to_mutable::<T>(&caller);
		// Each in a partition of its own.
		let sectors = first_sectors::<T>(&caller, s);
		for index in 0..s {
			make_faulty::<T>(&(caller.clone(), 0, index));
		}
		plan_windows::<T>(&caller);

		#[extrinsic_call]
		_(
			RawOrigin::Signed(caller.clone()),
			Batch::truncate_from(sectors.clone()),
		);

		for sector in sectors {
			assert!(Sectors::<T>::get(&caller, sector).is_some_and(|sector| sector.terminated));
		}
	}

	#[benchmark]
	fn extend_sectors(s: Linear<1, MAX_BATCH>) {
		let caller = provider::<T>();
		run_to_mutable::<T>(&caller);
		let expiration = 1_000_000;
		let later = Pallet::<T>::now() + Pallet::<T>::policy().max_sector_lifetime;
		let sectors = first_sectors::<T>(&caller, s);
		for sector in &sectors {
			Sectors::<T>::mutate(&caller, sector, |slot| {
				let sector = slot.as_mut().expect("it exists");
				sector.expiration = expiration.min(later - 1);
			});
		}
		let extensions = sectors
			.into_iter()
			.map(|sector| SectorExtension {
				sector,
				expiration: later,
			})
			.collect();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(caller.clone()),
			Batch::truncate_from(extensions),
		);

		assert_eq!(
			Sectors::<T>::get(caller, 0).map(|sector| sector.expiration),
			Some(later)
		);
	}

	#[benchmark]
	fn deregister() {
		let caller = provider::<T>();
		put_worker::<T>(&caller, &account("worker", 0, 0));

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()));

		assert!(!Providers::<T>::contains_key(caller));
	}

	#[benchmark]
	fn propose_key() {
		let caller = provider::<T>();
		let worker: T::AccountId = account("worker", 0, 0);
		let role = Role::Worker;
		put_worker::<T>(&caller, &worker);

		// The most is to be done when the role is taken back.
		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), role, None);

		assert!(!Workers::<T>::contains_key(worker));
	}

	#[benchmark]
	fn confirm_key() {
		let provider = provider::<T>();
		let former: T::AccountId = account("worker", 0, 0);
		let worker: T::AccountId = account("worker", 1, 0);
		put_worker::<T>(&provider, &former);
		let owner = RawOrigin::Signed(provider.clone()).into();
		Pallet::<T>::propose_key(owner, Role::Worker, Some(worker.clone())).expect("it is free");

		#[extrinsic_call]
		_(
			RawOrigin::Signed(worker.clone()),
			Role::Worker,
			provider.clone(),
		);

		assert_eq!(Workers::<T>::get(worker), Some(provider));
	}

	#[benchmark]
	fn compact_partitions(s: Linear<1, MAX_MOVED_SECTORS>) {
		let caller = provider::<T>();
		run_to_mutable::<T>(&caller);
		for index in 0..2 {
			let key = (caller.clone(), 0, index);
			full_partition::<T>(&key, MAX_POSITIONS);
		}
		// As many positions are vacant, and the sectors were proven at different times.
		let key = (caller.clone(), 0, 1);
		Partitions::<T>::mutate(&key, |slot| {
			let partition = slot.as_mut().expect("it exists");
			(0..s).for_each(|position| partition.terminate(position));
			partition.last_proof = 1_000;
		});
		Vacancies::<T>::insert(&key, ());
		plan_windows::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), 0, 0, 1);

		assert!(!Vacancies::<T>::contains_key(key));
	}

	#[benchmark]
	fn migrate_to_v2(p: Linear<0, 100>, n: Linear<0, 20>) {
		let owner: T::AccountId = whitelisted_caller();
		for index in 0..p {
			let provider: T::AccountId = account("provider", index, 0);
			v1::Providers::<T>::insert(provider, old_provider::<T>());
		}
		for index in 0..n {
			let mut partition = Partition {
				count: MAX_POSITIONS,
				..Default::default()
			};
			partition.terminate(0);
			Partitions::<T>::insert((&owner, 0, index), partition);
		}

		#[block]
		{
			v2::AddKeys::<T>::on_runtime_upgrade();
		}

		assert_eq!(Providers::<T>::iter().count(), p as usize);
		assert_eq!(Vacancies::<T>::iter().count(), n as usize);
	}

	#[benchmark]
	fn service_block() {
		let now = Pallet::<T>::now();
		AgendaCursor::<T>::put(now);

		#[block]
		{
			Pallet::<T>::service_agenda(now);
		}

		assert_eq!(AgendaCursor::<T>::get(), now + 1);
	}

	#[benchmark]
	fn close_window() {
		let caller = provider::<T>();
		let key = (caller, 0, 0);
		full_partition::<T>(&key, MAX_POSITIONS);
		make_faulty::<T>(&key);
		Partitions::<T>::mutate(&key, |slot| {
			let partition = slot.as_mut().expect("it exists");
			// All are too old but those of the last group, so that there is a next window.
			if let Some(last) = partition.faults.last_mut() {
				last.found = 10_000;
			}
			partition.recovering = partition.faulty();
		});
		let mut positions = Positions::default();
		positions.insert(0);
		Expirations::<T>::insert(10_000, &key, positions);

		#[block]
		{
			Pallet::<T>::close_window(10_000, &key);
		}

		assert_eq!(Agenda::<T>::iter().count(), 1);
	}

	#[benchmark]
	fn expire_sector() {
		let caller = provider::<T>();
		let key = (caller.clone(), 0, 0);
		full_partition::<T>(&key, MAX_POSITIONS);
		make_faulty::<T>(&key);
		Expirations::<T>::insert(10_000, &key, Positions::first(MAX_POSITIONS));

		#[block]
		{
			Pallet::<T>::expire_sectors(10_000, &key, 1);
		}

		assert!(Sectors::<T>::get(caller, 0).is_some_and(|sector| sector.ended.is_some()));
	}

	#[benchmark]
	fn expire_pre_commit() {
		let caller = provider::<T>();
		let sectors = sealed_sectors::<T>(&caller, 1, MAX_SECTOR_DEALS);
		Pallet::<T>::pre_commit_sectors(RawOrigin::Signed(caller.clone()).into(), sectors)
			.expect("it is valid");

		#[block]
		{
			Pallet::<T>::expire_pre_commit(&caller, 0);
		}

		assert!(!PreCommits::<T>::contains_key(caller, 0));
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::new_test_ext(),
		crate::tests::mock::Test
	);
}
