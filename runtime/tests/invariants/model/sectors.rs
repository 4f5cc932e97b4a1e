//! Providers' calls.

use std::collections::BTreeSet;

use holdfast_primitives::{piece::compute_comm_d, BlockNumber, SectorNumber, SectorSize};
use pallet_storage_provider::{Addresses, Ask, PreCommitSector};
use sp_io::hashing::{blake2_256, twox_64};

use super::*;
use crate::chain::account;

/// The most sectors that move at once.
const MAX_MOVED: usize = 64;

/// One opening of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
	pub open: BlockNumber,
	pub close: BlockNumber,
	pub challenge: BlockNumber,
}

fn valid_addresses(addresses: &Addresses) -> bool {
	!addresses.is_empty()
		&& addresses.iter().all(|address| {
			!address.is_empty() && address.iter().all(|byte| (33..127).contains(byte))
		})
}

fn valid_ask(ask: &Ask, size: SectorSize) -> bool {
	ask.min_piece_bytes <= ask.max_piece_bytes && ask.max_piece_bytes <= size.bytes()
}

impl Model {
	/// What an amount for each GiB is for a sector, rounded up.
	fn per_sector(amount: u128, size: SectorSize) -> u128 {
		(amount * u128::from(size.bytes())).div_ceil(1 << 30)
	}

	/// The opening of a provider's deadline that is open in the block, or else the next one. Period k begins at
	/// the provider's offset plus k periods.
	pub fn opening(&self, who: Who, deadline: u32, block: BlockNumber) -> Option<Opening> {
		let policy = self.policy();
		if deadline >= policy.deadlines {
			return None;
		}
		let length = policy.proving_period / policy.deadlines;
		let mut close = self.providers.get(&who)?.offset + (deadline + 1) * length;
		if close <= block {
			let missed = (block - close) / policy.proving_period + 1;
			close += missed * policy.proving_period;
		}
		let open = close - length;
		Some(Opening {
			open,
			close,
			challenge: open.saturating_sub(policy.challenge_lookback),
		})
	}

	/// Whether the randomness of a block is known and kept.
	fn is_known(&self, block: BlockNumber) -> bool {
		block > 0 && block <= self.now && self.now - block < self.policy().randomness_history()
	}

	/// Whether work of the partition's windows that have closed is still to be done.
	fn is_unsettled(&self, key: &Key, opening: &Opening) -> bool {
		let closed = ..(opening.close, (0, 0, 0));
		let mut waiting = self.closes.range(closed);
		let mut ending = self.ends.range(closed);
		waiting.any(|(_, other)| other == key) || ending.any(|((_, other), _)| other == key)
	}

	pub(super) fn register(
		&mut self,
		who: Who,
		size: SectorSize,
		addresses: &Addresses,
		ask: &Ask,
		free_space: u64,
	) -> Broken {
		let mut broken = Broken::new();
		let known = self.providers.contains_key(&who);
		rule(&mut broken, !known, "AlreadyRegistered");
		rule(
			&mut broken,
			known || self.operated_by(who).is_none(),
			"KeyInUse",
		);
		rule(&mut broken, valid_addresses(addresses), "InvalidAddress");
		rule(&mut broken, valid_ask(ask, size), "InvalidAsk");
		let policy = self.policy();
		let hash = blake2_256(account(who).as_ref());
		let start = u32::from_le_bytes(hash[..4].try_into().unwrap());
		self.providers.insert(
			who,
			Provider {
				size,
				addresses: addresses.clone(),
				ask: *ask,
				free_space,
				offset: start % policy.proving_period,
				worker: RoleKey::default(),
				beneficiary: RoleKey::default(),
				partitions: vec![0; policy.deadlines as usize],
			},
		);
		broken
	}

	pub(super) fn set_addresses(&mut self, who: Who, addresses: &Addresses) -> Broken {
		let mut broken = Broken::new();
		rule(&mut broken, valid_addresses(addresses), "InvalidAddress");
		match self.providers.get_mut(&who) {
			Some(provider) => provider.addresses = addresses.clone(),
			None => rule(&mut broken, false, "NotRegistered"),
		}
		broken
	}

	pub(super) fn set_ask(&mut self, who: Who, ask: &Ask) -> Broken {
		let mut broken = Broken::new();
		match self.providers.get_mut(&who) {
			Some(provider) => {
				rule(&mut broken, valid_ask(ask, provider.size), "InvalidAsk");
				provider.ask = *ask;
			},
			None => rule(&mut broken, false, "NotRegistered"),
		}
		broken
	}

	pub(super) fn set_free_space(&mut self, who: Who, free_space: u64) -> Broken {
		let mut broken = Broken::new();
		match self.providers.get_mut(&who) {
			Some(provider) => provider.free_space = free_space,
			None => rule(&mut broken, false, "NotRegistered"),
		}
		broken
	}

	pub(super) fn deregister(&mut self, who: Who) -> Broken {
		let mut broken = Broken::new();
		let stores = self.live_sectors(who).next().is_some() || self.waiting(who) > 0;
		rule(&mut broken, !stores, "StillStoring");
		rule(
			&mut broken,
			self.providers.remove(&who).is_some(),
			"NotRegistered",
		);
		self.release_surplus(who);
		broken
	}

	/// How many pre-commits a provider has.
	pub fn waiting(&self, who: Who) -> usize {
		self.pre_commits.range((who, 0)..=(who, u64::MAX)).count()
	}

	pub(super) fn pre_commit(&mut self, who: Who, list: &[PreCommitSector]) -> Broken {
		let mut broken = Broken::new();
		let policy = self.policy();
		let now = self.now;
		rule(&mut broken, !list.is_empty(), "EmptyBatch");
		let Some(size) = self.providers.get(&who).map(|provider| provider.size) else {
			rule(&mut broken, false, "NotRegistered");
			return broken;
		};
		for item in list {
			let name = (who, item.sector);
			let used = self.pre_commits.contains_key(&name) || self.sectors.contains_key(&name);
			rule(&mut broken, !used, "SectorNumberUsed");
			let life = i64::from(item.expiration) - i64::from(now);
			let (least, most) = (policy.min_sector_lifetime, policy.max_sector_lifetime);
			rule(&mut broken, life >= least.into(), "ExpirationTooSoon");
			rule(&mut broken, life <= most.into(), "ExpirationTooLate");
			rule(&mut broken, item.ticket_block < now, "TicketNotPast");
			let age = now.saturating_sub(item.ticket_block);
			rule(&mut broken, age <= policy.ticket_max_age, "TicketTooOld");
			rule(
				&mut broken,
				self.is_known(item.ticket_block),
				"RandomnessUnavailable",
			);
			let distinct: BTreeSet<_> = item.deals.iter().collect();
			rule(
				&mut broken,
				distinct.len() == item.deals.len(),
				"DuplicateDeal",
			);
			let expired = now + policy.pre_commit_lifetime + 1;
			let pieces = self.reserve(who, item, expired, &mut broken);
			let comm_d = compute_comm_d(size, &pieces);
			rule(&mut broken, comm_d.is_ok(), "PiecesDoNotFit");
			let account = self.account(who);
			let deposit = policy.pre_commit_deposit;
			rule(
				&mut broken,
				deposit <= account.spendable(),
				"InsufficientDeposit",
			);
			if !broken.is_empty() {
				continue;
			}
			account.free -= deposit;
			account.deposit += deposit;
			let pre_commit = PreCommit {
				comm_r: item.comm_r,
				comm_d: comm_d.unwrap(),
				ticket: item.ticket_block,
				since: now,
				expiration: item.expiration,
				deals: item.deals.to_vec(),
				deposit,
			};
			self.pre_commits.insert(name, pre_commit);
		}
		broken
	}

	pub(super) fn prove(&mut self, who: Who, list: &[(SectorNumber, u32, bool)]) -> Expected {
		let mut expected = Expected::default();
		rule(&mut expected.call, !list.is_empty(), "EmptyBatch");
		if !self.providers.contains_key(&who) {
			rule(&mut expected.call, false, "NotRegistered");
			return expected;
		}
		let mut seen = BTreeSet::new();
		for (number, proofs, good) in list {
			let mut broken = Broken::new();
			rule(&mut broken, seen.insert(*number), "DuplicateSector");
			match self.pre_commits.get(&(who, *number)).cloned() {
				Some(pre_commit) => {
					self.check_provable(who, &pre_commit, *proofs, &mut broken);
					rule(&mut broken, *good, "BadProof");
					let mut next = self.clone();
					next.activate(who, *number, pre_commit, &mut broken);
					if broken.is_empty() {
						*self = next;
					}
				},
				None => rule(&mut broken, false, "NoSuchPreCommit"),
			}
			expected.items.push(broken);
		}
		expected
	}

	fn check_provable(&self, who: Who, pre_commit: &PreCommit, proofs: u32, broken: &mut Broken) {
		let policy = self.policy();
		let seed = pre_commit.since + policy.pre_commit_challenge_delay;
		let last = pre_commit.since + policy.pre_commit_lifetime;
		rule(broken, self.now <= last, "PreCommitTooOld");
		rule(broken, self.now > seed, "TooEarlyToProve");
		rule(
			broken,
			self.now < pre_commit.expiration,
			"SectorLifetimeOver",
		);
		let needed = self.providers[&who].size.porep_partitions();
		rule(broken, proofs == needed, "WrongProofCount");
		// The history is long enough for whatever the other rules allow.
		if self.now <= last && self.now > seed {
			assert!(self.is_known(pre_commit.ticket) && self.is_known(seed));
		}
		rule(
			broken,
			self.is_known(pre_commit.ticket),
			"RandomnessUnavailable",
		);
		rule(broken, self.is_known(seed), "RandomnessUnavailable");
	}

	/// The deadline with the fewest live sectors among those that can change, and then the one that opens first.
	fn roomiest_deadline(&self, who: Who) -> Option<(u32, Opening)> {
		(0..self.policy().deadlines)
			.filter_map(|deadline| Some((deadline, self.opening(who, deadline, self.now)?)))
			.filter(|(_, opening)| self.now < opening.challenge)
			.min_by_key(|(deadline, opening)| {
				let live = self.live_sectors(who);
				(
					live.filter(|sector| sector.home.1 == *deadline).count(),
					opening.open,
				)
			})
	}

	fn activate(
		&mut self,
		who: Who,
		number: SectorNumber,
		pre_commit: PreCommit,
		broken: &mut Broken,
	) {
		let policy = self.policy();
		let size = self.providers[&who].size;
		let Some((deadline, opening)) = self.roomiest_deadline(who) else {
			rule(broken, false, "NoMutableDeadline");
			return;
		};
		self.pre_commits.remove(&(who, number));
		let pledge = Self::per_sector(policy.pledge_per_gib, size);
		let needed = self.pledged(who) + pledge;
		let account = self.account(who);
		account.deposit -= pre_commit.deposit;
		account.free += pre_commit.deposit;
		// What fees took has to be there again.
		let missing = needed.saturating_sub(account.pledge);
		rule(broken, missing <= account.spendable(), "InsufficientPledge");
		if !broken.is_empty() {
			return;
		}
		account.free -= missing;
		account.pledge += missing;

		let home = self.join(who, number, size, deadline, &opening);
		let close = self
			.opening(who, deadline, pre_commit.expiration - 1)
			.unwrap()
			.close;
		self.ends.entry((close, home)).or_default().insert(number);
		self.closes.insert((opening.close, home));
		let sector = Sector {
			comm_r: pre_commit.comm_r,
			activated: self.now,
			expiration: pre_commit.expiration,
			home,
			pledge,
			open_deals: u32::try_from(pre_commit.deals.len()).unwrap(),
			fault: None,
			gaps: Vec::new(),
			ended: None,
		};
		self.sectors.insert((who, number), sector);
		self.start_deals(who, number, &pre_commit.deals, broken);
	}

	/// Puts a sector into a partition of the deadline that has a vacant place, or else into the last one, or into
	/// a new one if that is full or not settled.
	fn join(
		&mut self,
		who: Who,
		number: SectorNumber,
		size: SectorSize,
		deadline: u32,
		opening: &Opening,
	) -> Key {
		let room = size.window_post_partition_sectors() as usize;
		let count = self.providers[&who].partitions[deadline as usize];
		let last = count.checked_sub(1).map(|index| (who, deadline, index));
		let fits = |key: &Key| {
			let live = self
				.partitions
				.get(key)
				.map_or(0, |there| there.live().count());
			live < room && !self.is_unsettled(key, opening)
		};
		let vacant = self
			.partitions
			.range((who, deadline, 0)..=(who, deadline, u32::MAX))
			.filter(|(_, partition)| partition.places.contains(&None))
			.map(|(key, _)| *key)
			// As the chain's storage lists them.
			.min_by_key(|key| twox_64(&key.2.to_le_bytes()));
		let there = vacant.filter(fits).or(last.filter(fits));
		let key = there.unwrap_or((who, deadline, count));
		let provider = self.providers.get_mut(&who).unwrap();
		provider.partitions[deadline as usize] = count.max(key.2 + 1);
		self.partitions.entry(key).or_default().take(number);
		key
	}

	/// The sectors that the partition's next proof must include, by place.
	pub fn due(&self, key: &Key) -> Vec<(u32, SectorNumber)> {
		let Some(partition) = self.partitions.get(key) else {
			return Vec::new();
		};
		(0u32..)
			.zip(&partition.places)
			.filter_map(|(place, number)| {
				let number = (*number)?;
				let fault = &self.sectors[&(key.0, number)].fault;
				let due = fault.as_ref().is_none_or(|fault| fault.recovering);
				due.then_some((place, number))
			})
			.collect()
	}

	pub(super) fn post(
		&mut self,
		who: Who,
		deadline: u32,
		list: &[(u32, BTreeSet<u32>, bool)],
	) -> Expected {
		let mut expected = Expected::default();
		rule(&mut expected.call, !list.is_empty(), "EmptyBatch");
		rule(
			&mut expected.call,
			self.providers.contains_key(&who),
			"NotRegistered",
		);
		let Some(opening) = self.opening(who, deadline, self.now) else {
			rule(&mut expected.call, false, "NoSuchDeadline");
			return expected;
		};
		rule(
			&mut expected.call,
			opening.open <= self.now,
			"DeadlineNotOpen",
		);
		rule(
			&mut expected.call,
			self.is_known(opening.challenge),
			"RandomnessUnavailable",
		);
		let mut seen = BTreeSet::new();
		for (index, skipped, good) in list {
			let key = (who, deadline, *index);
			let mut broken = Broken::new();
			rule(&mut broken, seen.insert(*index), "DuplicatePartition");
			rule(&mut broken, *good, "BadProof");
			let due = self.due(&key);
			let places: BTreeSet<u32> = due.iter().map(|(place, _)| *place).collect();
			rule(&mut broken, skipped.is_subset(&places), "SkippedNotDue");
			rule(&mut broken, !places.is_subset(skipped), "NothingToProve");
			rule(
				&mut broken,
				!self.is_unsettled(&key, &opening),
				"PartitionUnsettled",
			);
			match self.partitions.get_mut(&key) {
				Some(partition) => {
					rule(
						&mut broken,
						partition.proven < opening.open,
						"AlreadyProven",
					);
					if broken.is_empty() {
						let before = std::mem::replace(&mut partition.proven, self.now);
						self.note_proof(who, before, &due, skipped);
					}
				},
				None => rule(&mut broken, false, "NoSuchPartition"),
			}
			expected.items.push(broken);
		}
		expected.free = expected.items.iter().all(Broken::is_empty);
		expected
	}

	/// What was due and proven is healthy; what was skipped is faulty from the last proof on, or still.
	fn note_proof(
		&mut self,
		who: Who,
		before: BlockNumber,
		due: &[(u32, SectorNumber)],
		skipped: &BTreeSet<u32>,
	) {
		for (place, number) in due {
			let sector = self.sectors.get_mut(&(who, *number)).unwrap();
			if !skipped.contains(place) {
				sector.fault = None;
			} else if let Some(fault) = &mut sector.fault {
				fault.recovering = false;
			} else {
				sector.fault = Some(Fault {
					since: before,
					found: self.now,
					recovering: false,
				});
			}
		}
	}

	pub(super) fn declare(
		&mut self,
		who: Who,
		deadline: u32,
		list: &[(u32, Vec<SectorNumber>)],
		recover: bool,
	) -> Expected {
		let mut broken = Broken::new();
		let empty = list.is_empty() || list.iter().any(|(_, numbers)| numbers.is_empty());
		rule(&mut broken, !empty, "EmptyBatch");
		rule(
			&mut broken,
			self.providers.contains_key(&who),
			"NotRegistered",
		);
		let opening = self.opening(who, deadline, self.now);
		rule(&mut broken, opening.is_some(), "NoSuchDeadline");
		let mut free = true;
		for (index, numbers) in list {
			let key = (who, deadline, *index);
			let proven = self.partitions.get(&key).map(|partition| partition.proven);
			rule(&mut broken, proven.is_some(), "NoSuchPartition");
			let (Some(opening), Some(proven)) = (opening, proven) else {
				continue;
			};
			rule(
				&mut broken,
				self.now < opening.challenge,
				"DeadlineNotMutable",
			);
			rule(
				&mut broken,
				!self.is_unsettled(&key, &opening),
				"PartitionUnsettled",
			);
			for number in numbers {
				let now = self.now;
				let Some(sector) = self.sectors.get_mut(&(who, *number)) else {
					rule(&mut broken, false, "NoSuchSector");
					continue;
				};
				let there = sector.ended.is_none() && sector.home == key;
				rule(&mut broken, there, "SectorNotInPartition");
				if !recover {
					rule(&mut broken, sector.fault.is_none(), "SectorAlreadyFaulty");
					sector.fault.get_or_insert(Fault {
						since: proven,
						found: now,
						recovering: false,
					});
					continue;
				}
				let Some(fault) = &mut sector.fault else {
					rule(&mut broken, false, "SectorNotFaulty");
					continue;
				};
				rule(&mut broken, !fault.recovering, "SectorAlreadyRecovering");
				fault.recovering = true;
				// A fault that has cost its fee recovers for free.
				let period = self.policy.unwrap().proving_period;
				free &= fault.found + period < opening.close;
				let gap = (fault.since.max(sector.activated), opening.close);
				sector.gaps.push(gap);
			}
		}
		if let (Some(opening), false) = (opening, list.is_empty()) {
			rule(
				&mut broken,
				self.now < opening.challenge,
				"DeadlineNotMutable",
			);
		}
		Expected {
			call: broken,
			items: Vec::new(),
			free,
		}
	}

	pub(super) fn terminate(&mut self, who: Who, list: &[SectorNumber]) -> Broken {
		let mut broken = Broken::new();
		rule(&mut broken, !list.is_empty(), "EmptyBatch");
		rule(
			&mut broken,
			self.providers.contains_key(&who),
			"NotRegistered",
		);
		for number in list {
			let live = self
				.sectors
				.get(&(who, *number))
				.filter(|sector| sector.ended.is_none())
				.map(|sector| sector.home);
			let Some(home) = live else {
				rule(&mut broken, false, "NoSuchSector");
				continue;
			};
			let opening = self.opening(who, home.1, self.now).unwrap();
			rule(
				&mut broken,
				self.now < opening.challenge,
				"DeadlineNotMutable",
			);
			rule(
				&mut broken,
				!self.is_unsettled(&home, &opening),
				"PartitionUnsettled",
			);
			if broken.is_empty() {
				self.end(&home, &[*number], self.now);
				if !self.partitions.contains_key(&home) {
					self.closes.remove(&(opening.close, home));
				}
			}
		}
		broken
	}

	pub(super) fn extend(&mut self, who: Who, list: &[(SectorNumber, BlockNumber)]) -> Broken {
		let mut broken = Broken::new();
		let (policy, now) = (self.policy(), self.now);
		rule(&mut broken, !list.is_empty(), "EmptyBatch");
		rule(
			&mut broken,
			self.providers.contains_key(&who),
			"NotRegistered",
		);
		for (number, expiration) in list {
			let live = self.sectors.get(&(who, *number)).cloned();
			let Some(sector) = live.filter(|sector| sector.ended.is_none()) else {
				rule(&mut broken, false, "NoSuchSector");
				continue;
			};
			rule(&mut broken, now < sector.expiration, "SectorLifetimeOver");
			rule(
				&mut broken,
				*expiration > sector.expiration,
				"ExpirationTooSoon",
			);
			let life = expiration.saturating_sub(now);
			rule(
				&mut broken,
				life <= policy.max_sector_lifetime,
				"ExpirationTooLate",
			);
			rule(&mut broken, sector.fault.is_none(), "SectorIsFaulty");
			if !broken.is_empty() {
				continue;
			}
			self.forget_end(&sector, *number);
			let close = self
				.opening(who, sector.home.1, expiration - 1)
				.unwrap()
				.close;
			self.ends
				.entry((close, sector.home))
				.or_default()
				.insert(*number);
			self.sectors.get_mut(&(who, *number)).unwrap().expiration = *expiration;
		}
		broken
	}

	/// Moves healthy sectors from one partition to another that was proven no earlier. What lies between the two
	/// proofs is not paid.
	pub(super) fn compact(&mut self, who: Who, deadline: u32, from: u32, into: u32) -> Broken {
		let mut broken = Broken::new();
		rule(&mut broken, from != into, "DuplicatePartition");
		rule(
			&mut broken,
			self.providers.contains_key(&who),
			"NotRegistered",
		);
		let Some(opening) = self.opening(who, deadline, self.now) else {
			rule(&mut broken, false, "NoSuchDeadline");
			return broken;
		};
		rule(
			&mut broken,
			self.now < opening.challenge,
			"DeadlineNotMutable",
		);
		let (from, into) = ((who, deadline, from), (who, deadline, into));
		let settled = !self.is_unsettled(&from, &opening) && !self.is_unsettled(&into, &opening);
		rule(&mut broken, settled, "PartitionUnsettled");
		let both = self.partitions.contains_key(&from) && self.partitions.contains_key(&into);
		rule(&mut broken, both, "NoSuchPartition");
		if !both {
			return broken;
		}
		let (left, joined) = (self.partitions[&from].proven, self.partitions[&into].proven);
		rule(&mut broken, left <= joined, "ProvenEarlier");
		let capacity = self.providers[&who].size.window_post_partition_sectors() as usize;
		let room = capacity - self.partitions[&into].live().count();
		let moving: Vec<_> = self.partitions[&from]
			.live()
			.filter(|number| self.sectors[&(who, *number)].fault.is_none())
			.take(room.min(MAX_MOVED))
			.collect();
		rule(&mut broken, !moving.is_empty(), "NothingToMove");
		if !broken.is_empty() {
			return broken;
		}
		for number in moving {
			let sector = self.sectors[&(who, number)].clone();
			self.forget_end(&sector, number);
			let close = self
				.opening(who, deadline, sector.expiration - 1)
				.unwrap()
				.close;
			self.ends.entry((close, into)).or_default().insert(number);
			self.partitions.get_mut(&from).unwrap().leave(number);
			self.partitions.get_mut(&into).unwrap().take(number);
			let sector = self.sectors.get_mut(&(who, number)).unwrap();
			sector.home = into;
			let begin = left.max(sector.activated);
			if begin < joined {
				sector.gaps.push((begin, joined));
			}
		}
		if self.partitions[&from].live().next().is_none() {
			self.partitions.remove(&from);
			self.closes.remove(&(opening.close, from));
		}
		broken
	}

	/// Removes a sector from those that end as planned.
	fn forget_end(&mut self, sector: &Sector, number: SectorNumber) {
		let close = self
			.opening(sector.home.0, sector.home.1, sector.expiration - 1)
			.unwrap()
			.close;
		if let Some(ends) = self.ends.get_mut(&(close, sector.home)) {
			ends.remove(&number);
			if ends.is_empty() {
				self.ends.remove(&(close, sector.home));
			}
		}
	}

	/// Ends sectors of a partition. What was promised for longer costs a fee: that of a fault for each period of
	/// the promise, up to a limit.
	pub(super) fn end(&mut self, key: &Key, numbers: &[SectorNumber], at: BlockNumber) {
		let (policy, who) = (self.policy(), key.0);
		let mut fee = 0;
		for number in numbers {
			let sector = self.sectors[&(who, *number)].clone();
			self.forget_end(&sector, *number);
			let early = at < sector.expiration;
			if early {
				let promised = sector.expiration - sector.activated;
				let periods =
					(promised / policy.proving_period + 1).min(policy.max_termination_fee_periods);
				fee += self.fault_fee(who, periods);
			}
			let partition = self.partitions.get_mut(key).unwrap();
			let proven = sector
				.fault
				.as_ref()
				.map_or(partition.proven, |fault| fault.since);
			partition.leave(*number);
			if partition.live().next().is_none() {
				self.partitions.remove(key);
			}
			if sector.open_deals == 0 {
				self.sectors.remove(&(who, *number));
			} else {
				let sector = self.sectors.get_mut(&(who, *number)).unwrap();
				sector.ended = Some((proven, early));
				sector.fault = None;
			}
		}
		self.ledger.termination_fees += self.burn_fee(who, fee);
		self.release_surplus(who);
	}

	/// What as many faulty sectors cost the provider in a period.
	pub(super) fn fault_fee(&self, who: Who, count: u32) -> u128 {
		let size = self.providers[&who].size;
		Self::per_sector(self.policy().fault_fee_per_gib, size) * u128::from(count)
	}
}
