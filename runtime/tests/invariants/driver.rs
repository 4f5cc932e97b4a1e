//! What happens next, by chance: mostly what honest parties do at that time, often enough what they should not.

use std::collections::{BTreeMap, BTreeSet};

use frame_support::BoundedVec;
use holdfast_primitives::{
	BlockNumber, CommP, CommR, DealExtension, DealProposal, PaddedPieceSize, PieceInfo,
	SectorNumber, SectorSize,
};
use pallet_storage_provider::{Addresses, Ask, PreCommitSector, Role};
use rand::{rngs::StdRng, seq::SliceRandom, Rng};

use crate::{
	chain::EXISTENTIAL_DEPOSIT,
	model::{Call, Key, Model, Progress, Who, ACCOUNTS},
};

/// Accounts that are mostly providers, and mostly clients.
const PROVIDERS: std::ops::RangeInclusive<Who> = 1..=6;
const CLIENTS: std::ops::RangeInclusive<Who> = 7..=12;

/// The most sectors or partitions in a call, and the most deals.
const MAX_BATCH: usize = 16;
const MAX_DEALS: usize = 32;

pub enum Step {
	Call(Who, Call),
	/// So many blocks pass.
	Blocks(u32),
	/// From now on hooks do no more than so much in a block.
	Limits(u32, u32),
}

type Kind = fn(&mut Driver, &Model) -> (Who, Call);

/// Each kind of call, and how often it is made.
const KINDS: [(u32, Kind); 24] = [
	(3, Driver::register),
	(1, Driver::set_addresses),
	(1, Driver::set_ask),
	(1, Driver::set_free_space),
	(1, Driver::deregister),
	(2, Driver::propose_key),
	(2, Driver::confirm_key),
	(12, Driver::pre_commit),
	(14, Driver::prove),
	(34, Driver::post),
	(4, Driver::declare_faults),
	(9, Driver::declare_recoveries),
	(2, Driver::terminate),
	(3, Driver::extend),
	(4, Driver::compact),
	(5, Driver::deposit),
	(2, Driver::withdraw),
	(12, Driver::publish),
	(9, Driver::settle),
	(3, Driver::cancel),
	(3, Driver::extend_deal),
	(3, Driver::transfer),
	(1, Driver::transfer_allow_death),
	(2, Driver::drip),
];

pub struct Driver {
	pub rng: StdRng,
	next_nonce: u64,
}

impl Driver {
	pub fn new(rng: StdRng) -> Self {
		Self { rng, next_nonce: 0 }
	}

	/// True in so many of a hundred cases.
	fn often(&mut self, percent: u32) -> bool {
		self.rng.gen_range(0..100) < percent
	}

	fn any<T: Copy>(&mut self, list: &[T]) -> Option<T> {
		list.choose(&mut self.rng).copied()
	}

	/// Some of a list, in any order, sometimes one of it twice.
	fn some<T: Clone>(&mut self, list: &[T], most: usize) -> Vec<T> {
		let count = self.rng.gen_range(0..=most.min(list.len()));
		let mut chosen: Vec<T> = list
			.choose_multiple(&mut self.rng, count)
			.cloned()
			.collect();
		if self.often(3) && !chosen.is_empty() && chosen.len() < most {
			chosen.push(chosen[0].clone());
		}
		chosen
	}

	fn provider(&mut self, model: &Model) -> Who {
		let registered: Vec<_> = model.providers.keys().copied().collect();
		match self.any(&registered) {
			Some(who) if self.often(97) => who,
			_ => self.rng.gen_range(ACCOUNTS),
		}
	}

	pub fn step(&mut self, model: &Model) -> Step {
		match self.rng.gen_range(0..10_000) {
			0..=3 => return Step::Blocks(self.rng.gen_range(100..500)),
			4..=30 => return Step::Blocks(self.rng.gen_range(5..70)),
			31..=2_800 => return Step::Blocks(1),
			2_801..=2_815 => {
				let tight = self.often(30);
				let due = if tight { self.rng.gen_range(1..5) } else { 32 };
				let starts = if tight { self.rng.gen_range(2..5) } else { 64 };
				return Step::Limits(due, starts);
			},
			_ => (),
		}
		let (who, call) = self.kind(model);
		// The provider's worker, if it has one, signs as often as itself; whose work it is not is refused.
		let worker = model
			.providers
			.get(&who)
			.and_then(|provider| provider.worker.current);
		let signer = worker.filter(|_| self.often(50)).unwrap_or(who);
		Step::Call(signer, call)
	}

	/// A call of a kind, as often as it is made.
	fn kind(&mut self, model: &Model) -> (Who, Call) {
		let total: u32 = KINDS.iter().map(|(weight, _)| weight).sum();
		let mut left = self.rng.gen_range(0..total);
		for (weight, kind) in KINDS {
			if left < weight {
				return kind(self, model);
			}
			left -= weight;
		}
		unreachable!("the weights are the whole")
	}

	fn size(&mut self) -> SectorSize {
		let sizes = [
			SectorSize::KiB2,
			SectorSize::KiB2,
			SectorSize::MiB8,
			SectorSize::GiB32,
			SectorSize::GiB64,
		];
		self.any(&sizes).unwrap()
	}

	fn addresses(&mut self) -> Addresses {
		let text = |text: &str| BoundedVec::truncate_from(text.as_bytes().to_vec());
		BoundedVec::truncate_from(match self.rng.gen_range(0..20) {
			0 => vec![],
			1 => vec![text("http://a"), text("")],
			2 => vec![text("http://a b")],
			3 => vec![text("\u{e9}")],
			_ => vec![text("http://127.0.0.1:7000"), text("/dns/example/tcp/1")],
		})
	}

	fn ask(&mut self, size: SectorSize) -> Ask {
		let most = size.bytes() << u32::from(self.often(5));
		Ask {
			price_per_gib_block: self.rng.gen(),
			min_piece_bytes: if self.often(5) { u64::MAX } else { 128 },
			max_piece_bytes: self.rng.gen_range(128..=most),
			accepting: self.rng.gen(),
		}
	}

	fn register(&mut self, _: &Model) -> (Who, Call) {
		let who = if self.often(95) {
			self.rng.gen_range(PROVIDERS)
		} else {
			self.rng.gen_range(ACCOUNTS)
		};
		let size = self.size();
		let addresses = self.addresses();
		let ask = self.ask(size);
		(who, Call::Register(size, addresses, ask, self.rng.gen()))
	}

	fn set_addresses(&mut self, model: &Model) -> (Who, Call) {
		(self.provider(model), Call::SetAddresses(self.addresses()))
	}

	fn set_ask(&mut self, model: &Model) -> (Who, Call) {
		let size = self.size();
		(self.provider(model), Call::SetAsk(self.ask(size)))
	}

	fn set_free_space(&mut self, model: &Model) -> (Who, Call) {
		(self.provider(model), Call::SetFreeSpace(self.rng.gen()))
	}

	fn deregister(&mut self, model: &Model) -> (Who, Call) {
		(self.provider(model), Call::Deregister)
	}

	fn role(&mut self) -> Role {
		if self.often(60) {
			Role::Worker
		} else {
			Role::Beneficiary
		}
	}

	fn propose_key(&mut self, model: &Model) -> (Who, Call) {
		let account = if self.often(25) {
			None
		} else if self.often(80) {
			Some(self.rng.gen_range(*CLIENTS.end()..=*ACCOUNTS.end()))
		} else {
			Some(self.rng.gen_range(ACCOUNTS))
		};
		(self.provider(model), Call::ProposeKey(self.role(), account))
	}

	fn confirm_key(&mut self, model: &Model) -> (Who, Call) {
		let mut proposed = Vec::new();
		for (owner, provider) in &model.providers {
			let worker = provider
				.worker
				.proposed
				.map(|who| (who, Role::Worker, *owner));
			let receiver = &provider.beneficiary;
			let receiver = receiver
				.proposed
				.map(|who| (who, Role::Beneficiary, *owner));
			proposed.extend(worker.into_iter().chain(receiver));
		}
		match self.any(&proposed).filter(|_| self.often(90)) {
			Some((who, role, owner)) => (who, Call::ConfirmKey(role, owner)),
			None => {
				let call = Call::ConfirmKey(self.role(), self.rng.gen_range(ACCOUNTS));
				(self.rng.gen_range(ACCOUNTS), call)
			},
		}
	}

	/// Two partitions of one deadline, mostly of one where there are two, the second with room.
	fn compact(&mut self, model: &Model) -> (Who, Call) {
		let mut pairs: Vec<(Key, Key)> = Vec::new();
		for from in model.partitions.keys() {
			let siblings = (from.0, from.1, 0)..=(from.0, from.1, u32::MAX);
			let others = model.partitions.range(siblings).map(|(key, _)| *key);
			pairs.extend(others.filter(|into| into != from).map(|into| (*from, into)));
		}
		if self.often(80) {
			pairs.retain(|(from, into)| {
				let (left, joined) = (&model.partitions[from], &model.partitions[into]);
				let now_open = model.opening(from.0, from.1, model.now).unwrap();
				let vacant = joined.places.contains(&None) || joined.places.len() < 2;
				vacant && left.proven <= joined.proven && model.now < now_open.challenge
			});
		}
		match self.any(&pairs).filter(|_| self.often(95)) {
			Some((from, into)) => (from.0, Call::Compact(from.1, from.2, into.2)),
			None => {
				let deadline = self.rng.gen_range(0..=model.policy().deadlines);
				let (from, into) = (self.rng.gen_range(0..3), self.rng.gen_range(0..3));
				(self.provider(model), Call::Compact(deadline, from, into))
			},
		}
	}

	fn number(&mut self) -> SectorNumber {
		match self.rng.gen_range(0..200) {
			0 => u64::MAX,
			1..=20 => self.rng.gen_range(0..6),
			_ => self.rng.gen_range(0..60),
		}
	}

	fn pre_commit(&mut self, model: &Model) -> (Who, Call) {
		let who = self.provider(model);
		let policy = model.policy();
		let waiting: Vec<u64> = model
			.deals
			.iter()
			.filter(|(_, deal)| deal.provider == who && deal.progress == Progress::Published)
			.map(|(id, _)| *id)
			.collect();
		let count = match self.rng.gen_range(0..40) {
			0 => 0,
			1 => MAX_BATCH,
			2..=9 => 3,
			_ => 1,
		};
		let mut list = Vec::new();
		for _ in 0..count {
			let mut deals = self.some(&waiting, 3);
			if self.often(3) {
				deals.push(self.rng.gen_range(0..=model.next_deal));
			}
			let last = deals
				.iter()
				.filter_map(|id| model.deals.get(id))
				.map(|deal| deal.end);
			let least = model.now + policy.min_sector_lifetime;
			let end = last.max().unwrap_or(0).max(least);
			let ticket_age = match self.rng.gen_range(0..30) {
				0 => 0,
				1 => policy.ticket_max_age + 1,
				2 => model.now,
				_ => self.rng.gen_range(1..=policy.ticket_max_age),
			};
			let expiration = match self.rng.gen_range(0..40) {
				0 => u32::MAX,
				1 => least - 1,
				2 => model.now + policy.max_sector_lifetime + self.rng.gen_range(0..2),
				3 => end.saturating_sub(1),
				_ => end + self.rng.gen_range(0..40),
			};
			list.push(PreCommitSector {
				sector: self.number(),
				comm_r: CommR(self.rng.gen()),
				ticket_block: model.now.saturating_sub(ticket_age),
				expiration,
				deals: BoundedVec::truncate_from(deals),
			});
		}
		(who, Call::PreCommit(list))
	}

	fn prove(&mut self, model: &Model) -> (Who, Call) {
		let delay = model.policy().pre_commit_challenge_delay;
		let ready: Vec<_> = model
			.pre_commits
			.iter()
			.filter(|(_, pre_commit)| model.now > pre_commit.since + delay)
			.map(|(name, _)| *name)
			.collect();
		let who = match self.any(&ready) {
			Some((who, _)) if self.often(97) => who,
			_ => self.provider(model),
		};
		let theirs: Vec<_> = if self.often(90) {
			ready
				.iter()
				.filter(|name| name.0 == who)
				.map(|name| name.1)
				.collect()
		} else {
			model
				.pre_commits
				.keys()
				.filter(|name| name.0 == who)
				.map(|name| name.1)
				.collect()
		};
		let most = if self.often(60) { MAX_BATCH } else { 2 };
		let mut numbers = if self.often(30) {
			theirs.iter().copied().take(most).collect()
		} else {
			self.some(&theirs, most)
		};
		if self.often(3) && numbers.len() < MAX_BATCH {
			numbers.push(self.number());
		}
		let needed = model
			.providers
			.get(&who)
			.map_or(1, |provider| provider.size.porep_partitions());
		let list = numbers
			.into_iter()
			.map(|number| {
				let count = if self.often(2) {
					self.rng.gen_range(0..=10)
				} else {
					needed
				};
				(number, count, self.often(93))
			})
			.collect();
		(who, Call::Prove(list))
	}

	/// The partitions that can be proven now and are not.
	fn open_partitions(model: &Model) -> BTreeMap<(Who, u32), Vec<Key>> {
		let mut open: BTreeMap<_, Vec<Key>> = BTreeMap::new();
		for (key, partition) in &model.partitions {
			let opening = model.opening(key.0, key.1, model.now).unwrap();
			let is_open = opening.open <= model.now && partition.proven < opening.open;
			if is_open && !model.due(key).is_empty() {
				open.entry((key.0, key.1)).or_default().push(*key);
			}
		}
		open
	}

	fn post(&mut self, model: &Model) -> (Who, Call) {
		let open = Self::open_partitions(model);
		let places: Vec<_> = open.keys().copied().collect();
		let Some((who, deadline)) = self.any(&places).filter(|_| self.often(95)) else {
			let who = self.provider(model);
			let deadline = self.rng.gen_range(0..=model.policy().deadlines);
			let list = self.any_posts(model, who, deadline);
			return (who, Call::Post(deadline, list));
		};
		let mut partitions: Vec<_> = open[&(who, deadline)].iter().map(|key| key.2).collect();
		if self.often(15) {
			partitions = self.some(&partitions, MAX_BATCH);
		}
		if self.often(3) {
			partitions.push(self.rng.gen_range(0..20));
		}
		partitions.truncate(MAX_BATCH);
		let list = partitions
			.into_iter()
			.map(|index| {
				let due = model.due(&(who, deadline, index));
				let places: Vec<_> = due.iter().map(|(place, _)| *place).collect();
				let skip = self.often(6);
				let mut skipped: BTreeSet<_> = if skip {
					self.some(&places, 3).into_iter().collect()
				} else {
					BTreeSet::new()
				};
				if self.often(1) {
					skipped.insert(self.rng.gen_range(0..5));
				}
				(index, skipped, self.often(97))
			})
			.collect();
		(who, Call::Post(deadline, list))
	}

	fn any_posts(
		&mut self,
		model: &Model,
		who: Who,
		deadline: u32,
	) -> Vec<(u32, BTreeSet<u32>, bool)> {
		let theirs = model
			.partitions
			.keys()
			.filter(|key| (key.0, key.1) == (who, deadline));
		let mut indices: Vec<_> = theirs.map(|key| key.2).collect();
		indices.push(self.rng.gen_range(0..10));
		let chosen = self.some(&indices, 4);
		chosen
			.into_iter()
			.map(|index| (index, BTreeSet::new(), true))
			.collect()
	}

	/// Sectors of one deadline, by partition.
	fn declare(
		&mut self,
		model: &Model,
		most: usize,
		fits: impl Fn(&crate::model::Sector) -> bool,
	) -> (Who, u32, Vec<(u32, Vec<SectorNumber>)>) {
		let live: Vec<_> = model
			.sectors
			.iter()
			.filter(|(_, sector)| sector.ended.is_none() && fits(sector))
			.map(|(name, sector)| (*name, sector.home))
			.collect();
		let Some((_, home)) = self.any(&live).filter(|_| self.often(97)) else {
			let sectors = vec![self.number()];
			let deadline = self.rng.gen_range(0..=model.policy().deadlines);
			return (
				self.provider(model),
				deadline,
				vec![(self.rng.gen_range(0..3), sectors)],
			);
		};
		let mut lists: BTreeMap<u32, Vec<SectorNumber>> = BTreeMap::new();
		for ((_, number), other) in live {
			if (other.0, other.1) == (home.0, home.1) {
				lists.entry(other.2).or_default().push(number);
			}
		}
		let whole = self.often(40);
		let mut list = Vec::new();
		for (index, numbers) in lists.into_iter().take(MAX_BATCH) {
			let mut numbers = if whole {
				numbers
			} else {
				self.some(&numbers, most)
			};
			numbers.truncate(64);
			if self.often(2) {
				numbers.push(self.number());
			}
			if !numbers.is_empty() || self.often(2) {
				list.push((index, numbers));
			}
		}
		(home.0, home.1, list)
	}

	fn declare_faults(&mut self, model: &Model) -> (Who, Call) {
		let also_faulty = self.often(5);
		let (who, deadline, list) =
			self.declare(model, 1, |sector| also_faulty || sector.fault.is_none());
		(who, Call::DeclareFaults(deadline, list))
	}

	fn declare_recoveries(&mut self, model: &Model) -> (Who, Call) {
		let also_healthy = self.often(5);
		let (who, deadline, list) = self.declare(model, 8, |sector| {
			let waits = sector.fault.as_ref().is_some_and(|fault| !fault.recovering);
			also_healthy || waits
		});
		(who, Call::DeclareRecoveries(deadline, list))
	}

	fn live(&mut self, model: &Model) -> (Who, Vec<SectorNumber>) {
		let who = self.provider(model);
		let range = model.sectors.range((who, 0)..=(who, u64::MAX));
		let dead_too = self.often(5);
		let live = range.filter(|(_, sector)| dead_too || sector.ended.is_none());
		(who, live.map(|(name, _)| name.1).collect())
	}

	fn terminate(&mut self, model: &Model) -> (Who, Call) {
		let (who, live) = self.live(model);
		let most = if self.often(10) { MAX_BATCH } else { 2 };
		let mut numbers = self.some(&live, most);
		if self.often(5) {
			numbers.push(self.number());
		}
		numbers.truncate(MAX_BATCH);
		(who, Call::Terminate(numbers))
	}

	fn extend(&mut self, model: &Model) -> (Who, Call) {
		let (who, live) = self.live(model);
		let numbers = self.some(&live, 3);
		let list = numbers
			.into_iter()
			.map(|number| {
				let old = model.sectors[&(who, number)].expiration;
				let expiration = match self.rng.gen_range(0..20) {
					0 => u32::MAX,
					1 => old,
					2 => old.saturating_sub(10),
					3 => model.now + model.policy().max_sector_lifetime,
					_ => old + self.rng.gen_range(1..60),
				};
				(number, expiration)
			})
			.collect();
		(who, Call::Extend(list))
	}

	/// An amount within what there is, or about at its limit, or beyond.
	fn amount(&mut self, there: u128) -> u128 {
		match self.rng.gen_range(0..30) {
			0 => 0,
			1 => there,
			2 => there.saturating_add(1),
			3 => there.saturating_sub(EXISTENTIAL_DEPOSIT),
			4 => (there + 1).saturating_sub(EXISTENTIAL_DEPOSIT),
			5 => u128::MAX,
			6 => 1,
			_ => there / self.rng.gen_range(2..20),
		}
	}

	fn deposit(&mut self, model: &Model) -> (Who, Call) {
		let who = self.rng.gen_range(ACCOUNTS);
		let there = model.accounts[&who].free;
		(who, Call::Deposit(self.amount(there)))
	}

	fn withdraw(&mut self, model: &Model) -> (Who, Call) {
		let who = self.rng.gen_range(ACCOUNTS);
		let there = model.accounts[&who].escrow;
		(who, Call::Withdraw(self.amount(there)))
	}

	fn publish(&mut self, model: &Model) -> (Who, Call) {
		let who = self.provider(model);
		let count = match self.rng.gen_range(0..40) {
			0 => 0,
			1 => MAX_DEALS,
			2..=15 => 3,
			_ => 1,
		};
		let list = (0..count).map(|_| self.proposal(model, who)).collect();
		(who, Call::Publish(list))
	}

	fn proposal(&mut self, model: &Model, who: Who) -> (DealProposal<Who>, bool) {
		let policy = model.policy();
		let now = model.now;
		let client = if self.often(90) {
			self.rng.gen_range(CLIENTS)
		} else {
			self.rng.gen_range(ACCOUNTS)
		};
		let size = model
			.providers
			.get(&who)
			.map_or(SectorSize::KiB2, |provider| provider.size);
		let log = size.bytes().ilog2();
		let log = if self.often(50) {
			log.max(9) - 2
		} else {
			self.rng.gen_range(7..=log)
		};
		let log = if self.often(2) { log + 2 } else { log };
		let start = now + self.rng.gen_range(1..=policy.max_deal_start_delay);
		let least = policy.min_deal_duration;
		let duration = self.rng.gen_range(least..=policy.max_deal_duration);
		let escrow = model.accounts[&client].escrow;
		let price = escrow / u128::from(duration) / self.rng.gen_range(2..12);
		let total = price * u128::from(duration);
		let points = u128::from(policy.min_collateral_basis_points);
		let collateral = (total * points).div_ceil(10_000).max(1);
		let mut proposal = DealProposal {
			piece: PieceInfo {
				commitment: CommP([self.rng.gen_range(0..64); 32]),
				size: PaddedPieceSize::new(1 << log).unwrap(),
			},
			client,
			provider: who,
			start,
			end: start + duration,
			price_per_block: price,
			provider_collateral: collateral + self.rng.gen_range(0..3) * collateral / 2,
			nonce: self.next_nonce,
			expires: self.rng.gen_range(now..=start),
		};
		self.next_nonce += 1;
		if self.often(15) {
			self.spoil(model, &mut proposal);
		}
		(proposal, self.often(98))
	}

	fn spoil(&mut self, model: &Model, proposal: &mut DealProposal<Who>) {
		let now = model.now;
		let used: Vec<_> = model
			.deals
			.values()
			.map(|deal| (deal.client, deal.nonce))
			.collect();
		match self.rng.gen_range(0..14) {
			0 => proposal.provider = self.rng.gen_range(ACCOUNTS),
			1 => proposal.piece.commitment = CommP([255; 32]),
			2 => proposal.expires = now.saturating_sub(1),
			3 => proposal.expires = proposal.start + 1,
			4 => (proposal.start, proposal.expires) = (now, now),
			5 => proposal.start = u32::MAX - 1,
			6 => proposal.end = self.rng.gen_range(0..=proposal.start),
			7 => proposal.end = u32::MAX,
			8 => proposal.price_per_block = 0,
			9 => proposal.price_per_block = u128::MAX,
			10 => proposal.provider_collateral /= 3,
			11 => proposal.provider_collateral = u128::MAX,
			12 => proposal.price_per_block = proposal.price_per_block.saturating_mul(40),
			_ => {
				if let Some((client, nonce)) = self.any(&used) {
					(proposal.client, proposal.nonce) = (client, nonce);
				}
			},
		}
	}

	fn settle(&mut self, model: &Model) -> (Who, Call) {
		let all = self.often(10);
		let ids: Vec<u64> = model
			.deals
			.iter()
			.filter(|(_, deal)| all || matches!(deal.progress, Progress::Active(_)))
			.map(|(id, _)| *id)
			.collect();
		let most = if self.often(20) { MAX_DEALS } else { 3 };
		let mut list = self.some(&ids, most);
		if self.often(3) && list.len() < MAX_DEALS {
			list.push(self.rng.gen_range(0..=model.next_deal));
		}
		(self.rng.gen_range(ACCOUNTS), Call::Settle(list))
	}

	fn cancel(&mut self, model: &Model) -> (Who, Call) {
		let ids: Vec<u64> = model.deals.keys().copied().collect();
		let id = self.any(&ids).unwrap_or(model.next_deal);
		let client = model.deals.get(&id).map(|deal| deal.client);
		let who = match client {
			Some(client) if self.often(95) => client,
			_ => self.rng.gen_range(ACCOUNTS),
		};
		(who, Call::Cancel(id))
	}

	fn extend_deal(&mut self, model: &Model) -> (Who, Call) {
		let ids: Vec<(u64, Who, BlockNumber)> = model
			.deals
			.iter()
			.filter(|(_, deal)| matches!(deal.progress, Progress::Active(_)))
			.map(|(id, deal)| (*id, deal.provider, deal.end))
			.collect();
		let any = (model.next_deal / 2, 1, model.now);
		let (deal, provider, end) = self.any(&ids).unwrap_or(any);
		let who = if self.often(96) {
			provider
		} else {
			self.rng.gen_range(ACCOUNTS)
		};
		let new_end = match self.rng.gen_range(0..20) {
			0 => u32::MAX,
			1 => end,
			2 => end.saturating_sub(1),
			_ => end + self.rng.gen_range(1..30),
		};
		let extension = DealExtension {
			deal,
			end: if self.often(96) { end } else { end + 1 },
			new_end,
			expires: if self.often(96) {
				model.now + 5
			} else {
				model.now.saturating_sub(1)
			},
		};
		(who, Call::ExtendDeal(extension, self.often(97)))
	}

	fn transfer(&mut self, model: &Model) -> (Who, Call) {
		let (who, to) = (self.rng.gen_range(ACCOUNTS), self.rng.gen_range(ACCOUNTS));
		let there = model.accounts[&who].free;
		(who, Call::Transfer(to, self.amount(there)))
	}

	fn transfer_allow_death(&mut self, model: &Model) -> (Who, Call) {
		let (who, Call::Transfer(to, amount)) = self.transfer(model) else {
			unreachable!("it is a transfer")
		};
		(who, Call::TransferAllowDeath(to, amount))
	}

	fn drip(&mut self, _: &Model) -> (Who, Call) {
		let to = self.rng.gen_range(ACCOUNTS);
		(to, Call::Drip(to))
	}
}
