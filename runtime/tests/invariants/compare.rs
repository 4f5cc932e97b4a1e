//! Whether the chain's storage says what the model says, and nothing else.

use std::{
	collections::{BTreeMap, BTreeSet},
	fmt::Debug,
};

use holdfast_runtime::storage::check::across_pallets;
use pallet_market::DealState;
use pallet_storage_provider as providers;
use sp_runtime::AccountId32;

use crate::{
	chain::{account, money, Balances, Chain, Faucet, Market, StorageProvider, FAUCET_AMOUNT},
	model::{Deal, Key, Model, Progress, Who, ACCOUNTS},
};

/// What differs, in words.
pub type Difference = String;

fn same<T: PartialEq + Debug>(what: impl Debug, chain: T, model: T) -> Result<(), Difference> {
	if chain == model {
		return Ok(());
	}
	Err(format!("{what:?}\n  chain: {chain:?}\n  model: {model:?}"))
}

fn who(account: &AccountId32) -> Who {
	AsRef::<[u8; 32]>::as_ref(account)[0]
}

fn key((account, deadline, index): &(AccountId32, u32, u32)) -> Key {
	(who(account), *deadline, *index)
}

/// Every account's money, and that nothing was made or lost but what the ledger says.
pub fn check_money(model: &Model, initial: u128) -> Result<(), Difference> {
	for who in ACCOUNTS {
		let expected = model.accounts.get(&who).cloned().unwrap_or_default();
		same(("money of", who), money(who), expected)?;
	}
	let ledger = &model.ledger;
	let burned = ledger.fault_fees + ledger.termination_fees + ledger.lost_deposits + ledger.dust;
	let issuance = Balances::total_issuance();
	same("issuance", issuance, initial + ledger.dripped - burned)?;
	same("all accounts together", issuance, model.issuance())?;
	assert_eq!(ledger.dripped % FAUCET_AMOUNT, 0);
	// What is held is what is promised.
	let mut promised: BTreeMap<Who, (u128, u128)> = BTreeMap::new();
	for deal in model.deals.values() {
		promised.entry(deal.client).or_default().0 += deal.unpaid();
		promised.entry(deal.provider).or_default().1 += deal.locked();
	}
	for (who, account) in &model.accounts {
		let (payment, collateral) = promised.get(who).copied().unwrap_or_default();
		same(("payments of", who), account.payment, payment)?;
		same(("collateral of", who), account.collateral, collateral)?;
		let waiting = model.pre_commits.range((*who, 0)..=(*who, u64::MAX));
		let deposits: u128 = waiting.map(|(_, pre_commit)| pre_commit.deposit).sum();
		same(("deposits of", who), account.deposit, deposits)?;
		same(
			("pledge of", who),
			account.pledge <= model.pledged(*who),
			true,
		)?;
	}
	Ok(())
}

/// What the pallets say of themselves, and of each other.
fn check_chain() -> Result<(), sp_runtime::DispatchError> {
	StorageProvider::check_state()?;
	Market::check_state()?;
	Faucet::check_state()?;
	across_pallets::<Chain>()
}

/// Everything that both pallets store.
pub fn check_state(model: &Model) -> Result<(), Difference> {
	check_chain().map_err(|broken| format!("the chain's own rules: {broken:?}"))?;
	check_providers(model)?;
	check_pre_commits(model)?;
	check_sectors(model)?;
	check_partitions(model)?;
	check_agenda(model)?;
	check_deals(model)
}

fn check_providers(model: &Model) -> Result<(), Difference> {
	let mut count = 0;
	for (account, info) in providers::Providers::<Chain>::iter() {
		count += 1;
		let who = who(&account);
		let Some(expected) = model.providers.get(&who) else {
			return Err(format!("{who} is no provider"));
		};
		let live: Vec<_> = model.live_sectors(who).collect();
		let loads: Vec<_> = (0u32..)
			.zip(&expected.partitions)
			.map(|(deadline, partitions)| {
				let there = live.iter().filter(|sector| sector.home.1 == deadline);
				(*partitions, there.count() as u32)
			})
			.collect();
		let found: Vec<_> = info
			.deadlines
			.iter()
			.map(|load| (load.partitions, load.live_sectors))
			.collect();
		same(("deadlines of", who), found, loads)?;
		same(
			("provider", who),
			(
				info.sector_size,
				&info.addresses,
				info.ask,
				info.free_space,
				info.period_offset,
			),
			(
				expected.size,
				&expected.addresses,
				expected.ask,
				expected.free_space,
				expected.offset,
			),
		)?;
		let keys = [
			(&info.keys.worker, &expected.worker),
			(&info.keys.beneficiary, &expected.beneficiary),
		];
		for (found, expected) in keys {
			let named = |account: &Option<AccountId32>| account.as_ref().map(self::who);
			same(
				("keys of", who),
				(named(&found.current), named(&found.proposed)),
				(expected.current, expected.proposed),
			)?;
		}
		same(
			("counts of", who),
			(
				info.live_sectors as usize,
				info.pre_commits as usize,
				info.pledge,
			),
			(live.len(), model.waiting(who), model.pledged(who)),
		)?;
	}
	let workers: BTreeMap<_, _> = providers::Workers::<Chain>::iter()
		.map(|(worker, owner)| (who(&worker), who(&owner)))
		.collect();
	let expected = model.providers.iter();
	let expected =
		expected.filter_map(|(owner, provider)| Some((provider.worker.current?, *owner)));
	same("workers", workers, expected.collect())?;
	same("providers", count, model.providers.len())
}

fn check_pre_commits(model: &Model) -> Result<(), Difference> {
	let mut count = 0;
	for (account, number, found) in providers::PreCommits::<Chain>::iter() {
		count += 1;
		let name = (who(&account), number);
		let Some(expected) = model.pre_commits.get(&name) else {
			return Err(format!("there is no pre-commit {name:?}"));
		};
		same(
			("pre-commit", name),
			(
				found.comm_r,
				found.comm_d,
				found.ticket_block,
				found.pre_commit_block,
			),
			(
				expected.comm_r,
				expected.comm_d,
				expected.ticket,
				expected.since,
			),
		)?;
		same(
			("pre-commit", name),
			(found.expiration, found.deals.to_vec(), found.deposit),
			(
				expected.expiration,
				expected.deals.clone(),
				expected.deposit,
			),
		)?;
	}
	same("pre-commits", count, model.pre_commits.len())
}

fn check_sectors(model: &Model) -> Result<(), Difference> {
	let mut count = 0;
	for (account, number, found) in providers::Sectors::<Chain>::iter() {
		count += 1;
		let name = (who(&account), number);
		let Some(expected) = model.sectors.get(&name) else {
			return Err(format!("there is no sector {name:?}"));
		};
		same(
			("sector", name),
			(
				found.comm_r,
				found.activated,
				found.expiration,
				found.pledge,
				found.deals_left,
			),
			(
				expected.comm_r,
				expected.activated,
				expected.expiration,
				expected.pledge,
				expected.open_deals,
			),
		)?;
		let ended = expected.ended.map(|(proven, _)| proven);
		let early = expected.ended.is_some_and(|(_, early)| early);
		same(
			("end of sector", name),
			(found.ended, found.terminated),
			(ended, early),
		)?;
		if expected.ended.is_none() {
			let home = (name.0, found.deadline, found.partition);
			same(("home of sector", name), home, expected.home)?;
		}
	}
	same("sectors", count, model.sectors.len())
}

fn check_partitions(model: &Model) -> Result<(), Difference> {
	let mut count = 0;
	for (long, found) in providers::Partitions::<Chain>::iter() {
		count += 1;
		let key = key(&long);
		let Some(expected) = model.partitions.get(&key) else {
			return Err(format!("there is no partition {key:?}"));
		};
		let numbers = providers::PartitionSectors::<Chain>::get(&long);
		same(
			("places of", key),
			found.count as usize,
			expected.places.len(),
		)?;
		same(("numbers of", key), numbers.len(), expected.places.len())?;
		let live = found.live();
		let places: Vec<_> = (0u32..)
			.zip(numbers.iter())
			.map(|(place, number)| live.contains(place).then_some(*number))
			.collect();
		same(("live sectors of", key), &places, &expected.places)?;
		same(("last proof of", key), found.last_proof, expected.proven)?;
		let mut faults = BTreeMap::new();
		for group in &found.faults {
			for place in group.positions.iter() {
				let recovering = found.recovering.contains(place);
				faults.insert(
					places[place as usize],
					(group.since, group.found, recovering),
				);
			}
		}
		let fault = |number| {
			let fault = model.sectors[&(key.0, number)].fault.as_ref()?;
			Some((Some(number), (fault.since, fault.found, fault.recovering)))
		};
		let expected = expected.live().filter_map(fault).collect();
		same(("faults of", key), faults, expected)?;
	}
	let vacant: BTreeSet<_> = providers::Vacancies::<Chain>::iter_keys()
		.map(|long| key(&long))
		.collect();
	let expected = model.partitions.iter();
	let expected = expected.filter(|(_, partition)| partition.places.contains(&None));
	same("vacancies", vacant, expected.map(|(key, _)| *key).collect())?;
	same("partitions", count, model.partitions.len())
}

fn check_agenda(model: &Model) -> Result<(), Difference> {
	let closes: BTreeSet<_> = providers::Agenda::<Chain>::iter_keys()
		.map(|(block, long)| (block, key(&long)))
		.collect();
	same("windows that close", &closes, &model.closes)?;
	for (block, key) in &closes {
		let there = model.partitions.contains_key(key);
		same(("partition of the window", block, key), there, true)?;
	}
	let mut ends = BTreeMap::new();
	for (block, long, positions) in providers::Expirations::<Chain>::iter() {
		let key = key(&long);
		let places = &model.partitions[&key].places;
		let numbers: BTreeSet<_> = positions
			.iter()
			.filter_map(|place| places[place as usize])
			.collect();
		ends.insert((block, key), numbers);
	}
	same("sectors that end", &ends, &model.ends)?;
	let expiring = providers::PreCommitAgenda::<Chain>::iter_keys().count();
	same("pre-commits that expire", expiring, model.pre_commits.len())?;
	let cursor = providers::AgendaCursor::<Chain>::get();
	same("cursor", cursor, model.cursor)
}

fn state(deal: &Deal) -> DealState {
	match deal.progress {
		Progress::Published => DealState::Published,
		Progress::Reserved(sector, until) => DealState::PreCommitted { sector, until },
		Progress::Active(sector) => DealState::Active { sector },
		Progress::Cancelled => DealState::Cancelled,
	}
}

fn check_deals(model: &Model) -> Result<(), Difference> {
	let mut count = 0;
	for (id, found) in pallet_market::Deals::<Chain>::iter() {
		count += 1;
		let Some(deal) = model.deals.get(&id) else {
			return Err(format!("there is no deal {id}"));
		};
		let expected = pallet_market::Deal {
			piece: deal.piece,
			client: account(deal.client),
			provider: account(deal.provider),
			start: deal.start,
			end: deal.end,
			price_per_block: deal.price,
			provider_collateral: deal.collateral,
			nonce: deal.nonce,
			paid_blocks: deal.paid,
			state: state(deal),
		};
		same(("deal", id), found, expected)?;
	}
	same("deals", count, model.deals.len())?;
	let nonces: BTreeSet<_> = pallet_market::Nonces::<Chain>::iter_keys()
		.map(|(account, nonce)| (who(&account), nonce))
		.collect();
	same("nonces", nonces, model.nonces())?;
	let starts: BTreeSet<_> = pallet_market::StartAgenda::<Chain>::iter_keys().collect();
	same("deals to begin", &starts, &model.starts)?;
	same(
		"next deal",
		pallet_market::NextDealId::<Chain>::get(),
		model.next_deal,
	)?;
	let cursor = pallet_market::AgendaCursor::<Chain>::get();
	same("start cursor", cursor, model.start_cursor)
}
