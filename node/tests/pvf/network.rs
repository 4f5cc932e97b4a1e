//! Providers on the chain, with proofs forged for keys whose trapdoor is known: valid for exactly the
//! statements that a prover would prove, and nothing has to be sealed.

use crate::{
	chain::{Candidate, Chain, Draft},
	extrinsic::Wallet,
	runtime::Runtime,
};
use codec::Encode;
use holdfast_primitives::{
	deadline::{window_at, Window},
	piece::compute_comm_d,
	randomness::{self, Domain},
	BlockNumber, CommR, DeadlineIndex, Digest, KeyId, PartitionIndex, Policy, ProofBytes,
	ProofKind, SectorNumber, SectorSize,
};
use holdfast_verifier::{parameters::Parameters, porep, trapdoor::TrapdoorKey, window_post};
use pallet_storage_provider::{
	Addresses, Ask, Batch, Partition, PostSubmission, PreCommitSector, ProveCommitSector,
	ProviderInfo, MAX_BATCH,
};
use sp_io::hashing::{blake2_128, twox_128, twox_64};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionValidityError},
	AccountId32, DispatchOutcome,
};

/// The most sectors or partitions of one call.
pub const BATCH: usize = MAX_BATCH as usize;

/// A provider's account, and what it did so far.
#[derive(Clone)]
struct Provider {
	signer: Sr25519Keyring,
	nonce: u32,
	next_sector: SectorNumber,
	/// The sectors that wait for their proof, with the block of their pre-commit and that of their ticket.
	pre_committed: Vec<(SectorNumber, BlockNumber, BlockNumber)>,
}

/// A chain with providers.
#[derive(Clone)]
pub struct Network {
	pub chain: Chain,
	size: SectorSize,
	policy: Policy,
	porep: TrapdoorKey,
	window_post: Option<TrapdoorKey>,
	providers: Vec<Provider>,
}

/// A provider's call: who makes it, and what it is.
pub type ProviderCall = (usize, Vec<u8>);

impl Network {
	/// A chain with some registered providers of sectors of one size.
	pub fn new(runtime: Runtime, policy: Policy, size: SectorSize, providers: usize) -> Self {
		let parameters = Parameters::of(size.bytes()).unwrap();
		let key_of = |kind, inputs: usize| {
			let id = KeyId {
				kind,
				sector_size: size,
			};
			(id, TrapdoorKey::new(inputs, &id.encode()))
		};
		let (porep_id, porep) = key_of(ProofKind::PoRep, parameters.porep_inputs());
		let mut keys = vec![(porep_id, porep.verifying_key())];
		// The window PoSt keys of the large sizes do not fit the chain.
		let window_post = (!size.is_sound()).then(|| {
			let (id, key) = key_of(ProofKind::WindowPoSt, parameters.window_post_inputs());
			keys.push((id, key.verifying_key()));
			key
		});
		let genesis = runtime.genesis(policy, &keys);
		let mut network = Self {
			chain: Chain::new(runtime, genesis),
			size,
			policy,
			porep,
			window_post,
			providers: Sr25519Keyring::well_known()
				.take(providers)
				.map(|signer| Provider {
					signer,
					nonce: 0,
					next_sector: 1,
					pre_committed: Vec::new(),
				})
				.collect(),
		};
		network.register();
		network
	}

	fn register(&mut self) {
		let address = b"http://127.0.0.1:7070".to_vec().try_into().unwrap();
		let addresses = Addresses::truncate_from(vec![address]);
		let ask = Ask {
			price_per_gib_block: 1,
			min_piece_bytes: 128,
			max_piece_bytes: self.size.bytes(),
			accepting: true,
		};
		let call = self.call("register", (self.size, addresses, ask, 1u64 << 40));
		self.include((0..self.providers.len()).map(|who| (who, call.clone())));
	}

	/// Pre-commits as many new sectors of each provider, without deals.
	pub fn pre_commit(&mut self, sectors_each: usize) {
		let mut calls = Vec::new();
		// The runtime takes tickets of past blocks only, and the calls may need several blocks.
		let ticket_block = self.chain.head.number;
		for who in 0..self.providers.len() {
			let first = self.providers[who].next_sector;
			let numbers: Vec<_> = (first..).take(sectors_each).collect();
			self.providers[who].next_sector += numbers.len() as u64;
			for numbers in numbers.chunks(BATCH) {
				let batch = numbers.iter().map(|number| PreCommitSector {
					sector: *number,
					comm_r: comm_r(*number),
					ticket_block,
					expiration: ticket_block + self.policy.max_sector_lifetime,
					deals: Default::default(),
				});
				calls.push((who, self.call("pre_commit_sectors", (batch_of(batch),))));
				let next_block = ticket_block + 1;
				let provider = &mut self.providers[who];
				provider.pre_committed.extend(
					numbers
						.iter()
						.map(|number| (*number, next_block, ticket_block)),
				);
			}
		}
		self.include(calls);
		// In which block a sector was pre-committed decides its seed.
		for who in 0..self.providers.len() {
			let account = self.account(who);
			let mut sectors = std::mem::take(&mut self.providers[who].pre_committed);
			for (number, block, _) in &mut sectors {
				let key = [map_part(&account), number_part(number)];
				let stored: pallet_storage_provider::PreCommit = self
					.chain
					.read(&item_key("StorageProvider", "PreCommits", &key))
					.unwrap();
				*block = stored.pre_commit_block;
			}
			self.providers[who].pre_committed = sectors;
		}
	}

	/// Lets the chain run until everything pre-committed can be proven in the next block.
	pub fn await_seeds(&mut self) {
		let last = self
			.providers
			.iter()
			.flat_map(|provider| &provider.pre_committed)
			.map(|(_, block, _)| *block)
			.max()
			.unwrap();
		let delay = self.policy.pre_commit_challenge_delay;
		self.chain.advance_before(last + delay + 1);
	}

	/// The calls that prove all pre-committed sectors, `batch` in each, the providers in turn.
	pub fn prove_commit_calls(&self, batch: usize) -> Vec<ProviderCall> {
		let calls = self.providers.iter().enumerate().map(|(who, provider)| {
			let chunks = provider.pre_committed.chunks(batch);
			chunks.map(move |sectors| (who, self.prove_commit_call(who, sectors)))
		});
		in_turn(calls.map(Iterator::collect).collect())
	}

	fn prove_commit_call(
		&self,
		who: usize,
		sectors: &[(SectorNumber, BlockNumber, BlockNumber)],
	) -> Vec<u8> {
		let account = self.account(who);
		let sectors = sectors
			.iter()
			.map(|(number, pre_commit_block, ticket_block)| {
				let seed_block = pre_commit_block + self.policy.pre_commit_challenge_delay;
				let statement = porep::Statement {
					sector_bytes: self.size.bytes(),
					porep_id: self.size.porep_id(),
					prover_id: randomness::prover_id(&self.chain.genesis.0, account.as_ref()),
					sector_number: *number,
					comm_d: compute_comm_d(self.size, &[]).unwrap().0,
					comm_r: comm_r(*number).0,
					ticket: self.draw(Domain::SealTicket, *ticket_block, &account),
					seed: self.draw(Domain::PoRepSeed, seed_block, &account),
				};
				let inputs = statement.public_inputs().unwrap();
				let proofs = inputs.iter().enumerate().map(|(partition, inputs)| {
					self.porep
						.forge(inputs, &(who as u32, number, partition as u32).encode())
				});
				ProveCommitSector {
					sector: *number,
					proofs: proofs.collect::<Vec<_>>().try_into().unwrap(),
				}
			});
		self.call("prove_commit_sectors", (batch_of(sectors),))
	}

	/// Notes that everything pre-committed is proven.
	pub fn forget_pre_commits(&mut self) {
		for provider in &mut self.providers {
			provider.pre_committed.clear();
		}
	}

	/// Lets the chain run until the next block is the first of a window in which as many providers as
	/// possible have their deadline with the most partitions open.
	pub fn await_windows(&mut self) {
		let first = self.chain.head.number + 1;
		let blocks = first..first + 2 * self.policy.proving_period;
		let best = blocks
			.map(|now| {
				let due = (0..self.providers.len()).map(|who| self.due(who, now).len());
				(due.sum::<usize>(), std::cmp::Reverse(now))
			})
			.max()
			.unwrap();
		assert!(best.0 > 0, "nothing is ever due");
		self.chain.advance_before(best.1 .0);
	}

	/// The calls that prove everything that is due in the next block, `batch` partitions in each, the
	/// providers in turn.
	pub fn window_post_calls(&self, batch: usize) -> Vec<ProviderCall> {
		let now = self.chain.head.number + 1;
		let calls = (0..self.providers.len()).map(|who| {
			let due = self.due(who, now);
			let chunks = due.chunks(batch);
			let calls = chunks.map(|chunk| {
				let (window, _) = chunk[0];
				let partitions = chunk.iter().map(|(_, partition)| *partition);
				(who, self.window_post_call(who, &window, partitions))
			});
			calls.collect::<Vec<_>>()
		});
		in_turn(calls.collect())
	}

	/// How many partitions each of [`Self::window_post_calls`] proves: a provider's last call has what is left.
	pub fn window_post_sizes(&self, batch: usize) -> Vec<usize> {
		let now = self.chain.head.number + 1;
		let sizes = (0..self.providers.len()).map(|who| {
			let due = self.due(who, now);
			due.chunks(batch).map(<[_]>::len).collect()
		});
		in_turn(sizes.collect())
	}

	fn window_post_call(
		&self,
		who: usize,
		window: &Window,
		partitions: impl Iterator<Item = PartitionIndex>,
	) -> Vec<u8> {
		let account = self.account(who);
		let submissions = partitions.map(|partition| PostSubmission {
			partition,
			skipped: Default::default(),
			proof: self.prove_partition(&account, window, partition),
		});
		self.call(
			"submit_window_post",
			(window.deadline, batch_of(submissions)),
		)
	}

	fn prove_partition(
		&self,
		account: &AccountId32,
		window: &Window,
		partition: PartitionIndex,
	) -> ProofBytes {
		let key = [
			map_part(account),
			number_part(&window.deadline),
			number_part(&partition),
		];
		let numbers: Vec<SectorNumber> = self
			.chain
			.read(&item_key("StorageProvider", "PartitionSectors", &key))
			.unwrap();
		let mut sectors: Vec<_> = numbers
			.into_iter()
			.map(|number| (number, comm_r(number).0))
			.collect();
		sectors.sort_unstable();
		let statement = window_post::Statement {
			sector_bytes: self.size.bytes(),
			randomness: self.draw(Domain::WindowPoSt, window.challenge, account),
			sectors: &sectors,
		};
		let inputs = statement.public_inputs().unwrap();
		let key = self.window_post.as_ref().unwrap();
		key.forge(&inputs[0], &(account, partition).encode())
	}

	/// The partitions of a provider's deadline that is open in the block `now`.
	fn due(&self, who: usize, now: BlockNumber) -> Vec<(Window, PartitionIndex)> {
		let info = self.info(who);
		let open = |deadline: DeadlineIndex| {
			window_at(&self.policy, info.period_offset, deadline, now)
				.filter(|window| window.is_open(now))
		};
		(0..self.policy.deadlines)
			.filter_map(open)
			.flat_map(|window| {
				let partitions = info.deadlines[window.deadline as usize].partitions;
				(0..partitions).map(move |partition| (window, partition))
			})
			.collect()
	}

	/// How many sectors are proven, of all providers.
	pub fn proven_sectors(&self) -> usize {
		(0..self.providers.len())
			.map(|who| self.info(who).live_sectors as usize)
			.sum()
	}

	/// How many partitions were proven in the latest block, of all providers.
	pub fn partitions_proven_now(&self) -> usize {
		let now = self.chain.head.number;
		let proven = |who: usize, window: &Window, partition: &PartitionIndex| {
			let key = [
				map_part(&self.account(who)),
				number_part(&window.deadline),
				number_part(partition),
			];
			let partition: Partition = self
				.chain
				.read(&item_key("StorageProvider", "Partitions", &key))
				.unwrap();
			partition.last_proof == now
		};
		(0..self.providers.len())
			.map(|who| {
				let due = self.due(who, now);
				due.iter()
					.filter(|(window, partition)| proven(who, window, partition))
					.count()
			})
			.sum()
	}

	/// A block of as many of the calls as it takes, in order, and what became of each of those.
	pub fn block_of(&mut self, calls: &[ProviderCall]) -> (Candidate, Vec<DispatchOutcome>) {
		let wallet = Wallet::of(&self.chain);
		let providers = &mut self.providers;
		let mut outcomes = Vec::new();
		let candidate = self.chain.make_block(|draft: &mut Draft| {
			for (who, call) in calls {
				let provider = &mut providers[*who];
				match draft.push(wallet.sign(provider.signer, provider.nonce, call)) {
					Ok(outcome) => {
						provider.nonce += 1;
						outcomes.push(outcome);
					},
					Err(TransactionValidityError::Invalid(
						InvalidTransaction::ExhaustsResources,
					)) => break,
					Err(error) => panic!("a transaction is invalid: {error:?}"),
				}
			}
		});
		(candidate, outcomes)
	}

	/// Includes all the calls, in as many blocks as it takes; none may fail.
	pub fn include(&mut self, calls: impl IntoIterator<Item = ProviderCall>) {
		let calls: Vec<_> = calls.into_iter().collect();
		let mut rest = &calls[..];
		while !rest.is_empty() {
			let (_, outcomes) = self.block_of(rest);
			assert!(!outcomes.is_empty(), "a call does not fit an empty block");
			for outcome in &outcomes {
				assert_eq!(self.failure(outcome), None);
			}
			rest = &rest[outcomes.len()..];
		}
	}

	/// The name of the error of a call that failed.
	pub fn failure(&self, outcome: &DispatchOutcome) -> Option<String> {
		match outcome {
			Ok(()) => None,
			Err(sp_runtime::DispatchError::Module(error)) => {
				Some(self.chain.runtime.error_name(error))
			},
			Err(error) => Some(format!("{error:?}")),
		}
	}

	fn info(&self, who: usize) -> ProviderInfo<AccountId32> {
		let key = [map_part(&self.account(who))];
		let key = item_key("StorageProvider", "Providers", &key);
		self.chain.read(&key).unwrap()
	}

	fn account(&self, who: usize) -> AccountId32 {
		self.providers[who].signer.to_account_id()
	}

	fn call(&self, call: &str, arguments: impl Encode) -> Vec<u8> {
		let runtime = &self.chain.runtime;
		runtime.encode_call("StorageProvider", call, arguments)
	}

	fn draw(&self, domain: Domain, block: BlockNumber, account: &AccountId32) -> Digest {
		let key = item_key("Randomness", "History", &[number_part(&block)]);
		let value: Digest = self.chain.read(&key).unwrap();
		randomness::draw(domain, &value, block, &account.encode())
	}
}

/// The replica of a sector: any canonical field element.
fn comm_r(number: SectorNumber) -> CommR {
	let mut bytes = [0; 32];
	bytes[..8].copy_from_slice(&number.to_le_bytes());
	bytes[8] = 1;
	CommR(bytes)
}

fn batch_of<Item: std::fmt::Debug>(items: impl Iterator<Item = Item>) -> Batch<Item> {
	items.collect::<Vec<_>>().try_into().unwrap()
}

/// The first of each list, then the second of each, and so on.
fn in_turn<Item>(lists: Vec<Vec<Item>>) -> Vec<Item> {
	let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
	let mut all = Vec::new();
	loop {
		let before = all.len();
		all.extend(lists.iter_mut().filter_map(Iterator::next));
		if all.len() == before {
			return all;
		}
	}
}

/// The key of a storage item: a value, or an entry of a map by its hashed parts.
fn item_key(pallet: &str, item: &str, parts: &[Vec<u8>]) -> Vec<u8> {
	let mut key = [twox_128(pallet.as_bytes()), twox_128(item.as_bytes())].concat();
	key.extend(parts.concat());
	key
}

/// A part of a key that others choose.
fn map_part(part: &impl Encode) -> Vec<u8> {
	part.using_encoded(|bytes| [&blake2_128(bytes)[..], bytes].concat())
}

/// A part of a key that is a number.
fn number_part(part: &impl Encode) -> Vec<u8> {
	part.using_encoded(|bytes| [&twox_64(bytes)[..], bytes].concat())
}
