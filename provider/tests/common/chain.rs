//! A chain in memory that does what the pallets do with honest calls.

use std::{
	collections::{BTreeMap, VecDeque},
	sync::Mutex,
};

use holdfast_chain_client::{
	AccountBalance, AccountId, Ask, BlockRef, Call, DeadlineLoad, Deal, DealState, Event, Health,
	Included, Partition, PreCommit, ProviderInfo, Sector, Signer,
};
use holdfast_primitives::{
	piece::compute_comm_d, BlockNumber, DeadlineIndex, DealId, Digest, PartitionIndex, Policy,
	SectorNumber, SectorSize,
};
use holdfast_provider::chain::{Answer, Chain, ChainError};

use super::{journal, GENESIS};

#[derive(Default)]
pub struct State {
	pub block: BlockNumber,
	/// When the best block was made, in milliseconds since 1970.
	pub timestamp: u64,
	pub provider: Option<ProviderInfo>,
	pub balances: BTreeMap<AccountId, AccountBalance>,
	pub nonces: BTreeMap<(AccountId, u64), DealId>,
	pub deals: BTreeMap<DealId, Deal>,
	pub next_deal: DealId,
	pub pre_commits: BTreeMap<SectorNumber, PreCommit>,
	pub sectors: BTreeMap<SectorNumber, Sector>,
	pub partition: Option<Partition>,
	pub healthy: u32,
	pub events: BTreeMap<BlockNumber, Vec<Event>>,
	/// Every call that was sent, also those that failed.
	pub calls: Vec<Call>,
	/// The proofs of these sectors are refused, each once, for a reason.
	pub refused_proofs: BTreeMap<SectorNumber, String>,
	/// The window PoSts of these partitions are refused, each once, for a reason.
	pub refused_posts: BTreeMap<PartitionIndex, String>,
	/// What the next calls end with, instead of what they should do.
	pub failures: VecDeque<ChainError>,
	/// What the next calls end with although they do what they should.
	pub lost_answers: VecDeque<ChainError>,
	/// The newest final block, if it is not the best one.
	pub finalized: Option<BlockNumber>,
	/// No question is answered.
	pub silent: bool,
}

pub struct TestChain {
	pub signer: Signer,
	pub sector_size: SectorSize,
	pub state: Mutex<State>,
	/// Where calls are written down, if the chain is to outlast the process.
	pub journal: Mutex<Option<journal::Journal>>,
}

impl TestChain {
	pub fn new(sector_size: SectorSize) -> Self {
		let signer = Signer::development("//Provider").unwrap();
		let mut state = State {
			block: 100,
			timestamp: u64::try_from(holdfast_provider::database::now()).unwrap(),
			..State::default()
		};
		let rich = AccountBalance {
			free: 1 << 60,
			escrow: 0,
			..AccountBalance::default()
		};
		state.balances.insert(signer.account(), rich);
		Self {
			signer,
			sector_size,
			state: Mutex::new(state),
			journal: Mutex::default(),
		}
	}

	/// A block without calls.
	pub fn make_block(&self) {
		self.with(|state| {
			state.block += 1;
			if let Some(journal) = &mut *self.journal.lock().unwrap() {
				journal.block();
			}
		});
	}

	pub fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
		act(&mut self.state.lock().unwrap())
	}

	pub fn register(&self) {
		let ask = Ask {
			price_per_gib_block: 1,
			min_piece_bytes: 128,
			max_piece_bytes: self.sector_size.bytes(),
			accepting: true,
		};
		let call = Call::Register {
			sector_size: self.sector_size,
			addresses: vec!["http://127.0.0.1:1".into()],
			ask,
			free_space: 0,
		};
		self.with(|state| {
			apply(state, &call, self.signer.account(), self.sector_size).unwrap();
		});
	}

	/// How many calls with that name were sent.
	pub fn count(&self, name: &str) -> usize {
		self.with(|state| {
			let named = |call: &&Call| call.name().1 == name;
			state.calls.iter().filter(named).count()
		})
	}

	fn ask<T: Send>(&self, answer: impl FnOnce(&State) -> T) -> Result<T, ChainError> {
		self.with(|state| {
			if state.silent {
				Err(unreachable_node())
			} else {
				Ok(answer(state))
			}
		})
	}
}

pub fn unreachable_node() -> ChainError {
	ChainError::NotIncluded {
		reason: "the node does not answer".into(),
	}
}

pub fn refusal(pallet: &str, error: &str) -> ChainError {
	ChainError::Refused {
		pallet: pallet.into(),
		error: error.into(),
		message: "no".into(),
		block: 1,
	}
}

pub fn apply(
	state: &mut State,
	call: &Call,
	us: AccountId,
	sector_size: SectorSize,
) -> Result<Vec<Event>, ChainError> {
	let now = state.block + 1;
	let mut events = Vec::new();
	match call {
		Call::Register {
			sector_size,
			addresses,
			ask,
			free_space,
		} => {
			state.provider = Some(ProviderInfo {
				sector_size: *sector_size,
				addresses: addresses.clone(),
				ask: *ask,
				free_space: *free_space,
				period_offset: 0,
				live_sectors: 0,
				pre_commits: 0,
				deadlines: vec![DeadlineLoad::default(); 3],
			});
		},
		Call::SetAddresses(addresses) => {
			state
				.provider
				.as_mut()
				.unwrap()
				.addresses
				.clone_from(addresses);
		},
		Call::SetAsk(ask) => state.provider.as_mut().unwrap().ask = *ask,
		Call::SetFreeSpace(space) => state.provider.as_mut().unwrap().free_space = *space,
		Call::Deposit(amount) => {
			let balance = state.balances.entry(us).or_default();
			balance.free -= amount;
			balance.escrow += amount;
		},
		Call::PublishDeals(proposals) => {
			for (index, signed) in (0u32..).zip(proposals) {
				let proposal = &signed.proposal;
				let key = (proposal.client, proposal.nonce);
				if state.nonces.contains_key(&key) {
					events.push(Event::DealRefused {
						index,
						reason: "NonceUsed".into(),
					});
					continue;
				}
				let id = state.next_deal;
				state.next_deal += 1;
				state.nonces.insert(key, id);
				state.balances.get_mut(&us).unwrap().escrow -= proposal.provider_collateral;
				let deal = Deal {
					piece: proposal.piece,
					client: proposal.client,
					provider: proposal.provider,
					start: proposal.start,
					end: proposal.end,
					price_per_block: proposal.price_per_block,
					provider_collateral: proposal.provider_collateral,
					nonce: proposal.nonce,
					paid_blocks: 0,
					state: DealState::Published,
				};
				state.deals.insert(id, deal);
				events.push(Event::DealPublished {
					deal: id,
					client: proposal.client,
					provider: us,
					index,
				});
			}
			let refused = |event: &Event| matches!(event, Event::DealRefused { .. });
			if events.iter().all(refused) {
				return Err(refusal("Market", "NonceUsed"));
			}
		},
		Call::PreCommitSectors(sectors) => {
			for sector in sectors {
				let number = sector.sector;
				if state.pre_commits.contains_key(&number) || state.sectors.contains_key(&number) {
					return Err(refusal("StorageProvider", "SectorNumberUsed"));
				}
				let pieces: Vec<_> = sector
					.deals
					.iter()
					.map(|deal| state.deals[deal].piece)
					.collect();
				let pre_commit = PreCommit {
					comm_r: sector.comm_r,
					comm_d: compute_comm_d(sector_size, &pieces).unwrap(),
					ticket_block: sector.ticket_block,
					pre_commit_block: now,
					expiration: sector.expiration,
					deals: sector.deals.clone(),
					deposit: 1,
				};
				state.pre_commits.insert(number, pre_commit);
				events.push(Event::SectorPreCommitted {
					provider: us,
					sector: number,
				});
			}
		},
		Call::ProveCommitSectors(sectors) => {
			for sector in sectors {
				let number = sector.sector;
				let mut error = state.refused_proofs.remove(&number);
				if !state.pre_commits.contains_key(&number) {
					error = Some("StorageProvider.NoSuchPreCommit".into());
				}
				if let Some(error) = error {
					events.push(Event::ProofRefused {
						provider: us,
						sector: number,
						error,
					});
					continue;
				}
				let pre_commit = state.pre_commits.remove(&number).unwrap();
				for deal in &pre_commit.deals {
					state.deals.get_mut(deal).unwrap().state = DealState::Active { sector: number };
				}
				let proven = Sector {
					comm_r: pre_commit.comm_r,
					comm_d: pre_commit.comm_d,
					activated: now,
					expiration: pre_commit.expiration,
					deadline: 1,
					partition: 0,
					position: 0,
					pledge: 1,
					deals_left: 1,
					gaps: Vec::new(),
					ended: None,
				};
				state.sectors.insert(number, proven);
				let partition = state.partition.get_or_insert(Partition {
					last_proof: 0,
					sectors: Vec::new(),
					faulty: Vec::new(),
					recovering: Vec::new(),
					terminated: Vec::new(),
				});
				partition.sectors.push(number);
				let live_sectors = u32::try_from(partition.sectors.len()).unwrap();
				let info = state.provider.as_mut().unwrap();
				info.deadlines[1] = DeadlineLoad {
					partitions: 1,
					live_sectors,
				};
				events.push(Event::SectorProven {
					provider: us,
					sector: number,
					deadline: 1,
					partition: 0,
				});
			}
		},
		Call::SubmitWindowPost {
			deadline,
			submissions,
		} => {
			for submission in submissions {
				if let Some(error) = state.refused_posts.remove(&submission.partition) {
					events.push(Event::WindowPoStRefused {
						provider: us,
						deadline: *deadline,
						partition: submission.partition,
						error,
					});
					continue;
				}
				let partition = state.partition.as_mut().unwrap();
				partition.last_proof = now;
				partition.faulty = submission
					.skipped
					.iter()
					.map(|position| partition.sectors[*position as usize])
					.collect();
				partition.recovering.clear();
				events.push(Event::WindowPoStAccepted {
					provider: us,
					deadline: *deadline,
					partition: submission.partition,
					recovered: 0,
					new_faults: 0,
					failed_recoveries: 0,
				});
			}
		},
		Call::DeclareFaults { declarations, .. } => {
			for (_, sectors) in declarations {
				state.partition.as_mut().unwrap().faulty.extend(sectors);
			}
		},
		Call::DeclareRecoveries { declarations, .. } => {
			for (_, sectors) in declarations {
				state.partition.as_mut().unwrap().recovering.extend(sectors);
			}
		},
		Call::SettleDeals(deals) => {
			for id in deals {
				let healthy = state.healthy;
				let deal = state.deals.get_mut(id).unwrap();
				let blocks = healthy - deal.paid_blocks;
				deal.paid_blocks = healthy;
				events.push(Event::DealSettled {
					deal: *id,
					blocks,
					amount: deal.price_per_block * u128::from(blocks),
				});
			}
		},
		Call::Withdraw(_) | Call::Transfer { .. } => panic!("the daemon never sends {call:?}"),
	}
	Ok(events)
}

impl Chain for TestChain {
	fn account(&self) -> AccountId {
		self.signer.account()
	}

	fn genesis_hash(&self) -> Digest {
		GENESIS
	}

	fn policy(&self) -> Answer<'_, Policy> {
		Box::pin(async { self.ask(|_| Policy::devnet()) })
	}

	fn best_block(&self) -> Answer<'_, BlockRef> {
		Box::pin(async {
			self.ask(|state| BlockRef {
				number: state.block,
				hash: [0; 32],
			})
		})
	}

	fn finalized_block(&self) -> Answer<'_, BlockRef> {
		Box::pin(async {
			self.ask(|state| BlockRef {
				number: state.finalized.unwrap_or(state.block),
				hash: [0; 32],
			})
		})
	}

	fn timestamp(&self) -> Answer<'_, Option<u64>> {
		Box::pin(async { self.ask(|state| Some(state.timestamp)) })
	}

	fn block_hash(&self, block: BlockNumber) -> Answer<'_, Option<Digest>> {
		Box::pin(async move {
			self.ask(|state| {
				let mut hash = [0; 32];
				hash[..4].copy_from_slice(&block.to_le_bytes());
				(block <= state.block).then_some(hash)
			})
		})
	}

	fn events_at(&self, hash: Digest) -> Answer<'_, Vec<(Option<u32>, Event)>> {
		Box::pin(async move {
			let block = u32::from_le_bytes(hash[..4].try_into().unwrap());
			self.ask(|state| {
				let events = state.events.get(&block).cloned().unwrap_or_default();
				events.into_iter().map(|event| (Some(0), event)).collect()
			})
		})
	}

	fn randomness(&self, block: BlockNumber) -> Answer<'_, Option<Digest>> {
		Box::pin(async move {
			self.ask(|state| (block <= state.block).then(|| [block.to_le_bytes()[0]; 32]))
		})
	}

	fn provider(&self) -> Answer<'_, Option<ProviderInfo>> {
		Box::pin(async { self.ask(|state| state.provider.clone()) })
	}

	fn balance(&self, account: AccountId) -> Answer<'_, AccountBalance> {
		Box::pin(async move {
			self.ask(|state| state.balances.get(&account).copied().unwrap_or_default())
		})
	}

	fn deal_of_nonce(&self, client: AccountId, nonce: u64) -> Answer<'_, Option<DealId>> {
		Box::pin(async move { self.ask(|state| state.nonces.get(&(client, nonce)).copied()) })
	}

	fn deal(&self, deal: DealId) -> Answer<'_, Option<Deal>> {
		Box::pin(async move { self.ask(|state| state.deals.get(&deal).copied()) })
	}

	fn sector(&self, sector: SectorNumber) -> Answer<'_, Option<Sector>> {
		Box::pin(async move { self.ask(|state| state.sectors.get(&sector).cloned()) })
	}

	fn pre_commit(&self, sector: SectorNumber) -> Answer<'_, Option<PreCommit>> {
		Box::pin(async move { self.ask(|state| state.pre_commits.get(&sector).cloned()) })
	}

	fn partition(&self, _: DeadlineIndex, _: PartitionIndex) -> Answer<'_, Option<Partition>> {
		Box::pin(async move { self.ask(|state| state.partition.clone()) })
	}

	fn health(
		&self,
		_: SectorNumber,
		_: BlockNumber,
		_: BlockNumber,
	) -> Answer<'_, Option<Health>> {
		Box::pin(async move {
			self.ask(|state| {
				Some(Health {
					healthy_blocks: state.healthy,
					decided_through: state.block,
				})
			})
		})
	}

	fn submit(&self, call: Call) -> Answer<'_, Included> {
		Box::pin(async move {
			self.with(|state| {
				state.calls.push(call.clone());
				if state.silent {
					return Err(unreachable_node());
				}
				if let Some(failure) = state.failures.pop_front() {
					return Err(failure);
				}
				let events = apply(state, &call, self.signer.account(), self.sector_size)?;
				state.block += 1;
				let block = state.block;
				state.events.insert(block, events.clone());
				if let Some(journal) = &mut *self.journal.lock().unwrap() {
					journal.call(&call);
				}
				if let Some(lost) = state.lost_answers.pop_front() {
					return Err(lost);
				}
				Ok(Included {
					block,
					block_hash: [1; 32],
					extrinsic_index: 0,
					extrinsic_hash: [2; 32],
					events,
				})
			})
		})
	}

	fn drip(&self) -> Answer<'_, ()> {
		Box::pin(async {
			self.with(|state| {
				state
					.balances
					.entry(self.signer.account())
					.or_default()
					.free += 1 << 60;
			});
			Ok(())
		})
	}
}
