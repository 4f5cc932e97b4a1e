//! A runtime for tests, with a market, randomness and proofs that tests drive.
//!
//! A valid "proof" here is the hash of its statement, so that whatever the statement binds is seen.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
	derive_impl,
	dispatch::DispatchErrorWithPostInfo,
	parameter_types,
	traits::{
		fungible::{Inspect, InspectHold},
		Hooks, OnGenesis,
	},
	weights::Weight,
	BoundedVec, Hashable, Twox64Concat,
};
use holdfast_primitives::{
	commitment::CommP, deadline::Window, policy::HOLD, randomness::Domain, BlockNumber, CommR,
	DealId, Digest, PaddedPieceSize, PieceInfo, Policy, ProofBytes, SectorNumber, SectorSize,
};
use scale_info::TypeInfo;
use sp_runtime::{
	traits::IdentityLookup, AccountId32, BuildStorage, DispatchError, DispatchResult,
};

use crate::{
	Ask, Market, PartitionKey, PartitionProof, Partitions, PoRepStatement, Positions,
	PostSubmission, PreCommitSector, ProofWeights, Proofs, ProveCommitSector, Randomness,
	SectorProofs, Verification,
};

pub type Block = frame_system::mocking::MockBlockU32<Test>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		StorageProvider: crate,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountId = AccountId32;
	type Lookup = IdentityLookup<AccountId32>;
	type AccountData = pallet_balances::AccountData<u128>;
}

pub const EXISTENTIAL_DEPOSIT: u128 = 100;

parameter_types! {
	pub const ExistentialDeposit: u128 = EXISTENTIAL_DEPOSIT;
	pub static MaxDuePerBlock: u32 = 100;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = u128;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
}

impl crate::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Randomness = StandIn;
	type Proofs = StandIn;
	type Market = StandIn;
	type MaxDuePerBlock = MaxDuePerBlock;
	type WeightInfo = ();
	type ProofWeights = StandIn;
}

/// Market, randomness and proofs in one. Its state is chain state, so that it rolls back.
pub struct StandIn;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct StandInDeal {
	pub provider: AccountId32,
	pub piece: PieceInfo,
	pub end: BlockNumber,
	pub sector: Option<SectorNumber>,
}

#[frame_support::storage_alias]
pub type Deals = StorageMap<StandIn, Twox64Concat, DealId, StandInDeal>;

#[frame_support::storage_alias]
pub type Forgotten = StorageMap<StandIn, Twox64Concat, BlockNumber, ()>;

#[frame_support::storage_alias]
pub type AcceptAll = StorageValue<StandIn, bool, frame_support::pallet_prelude::ValueQuery>;

pub const NO_SUCH_DEAL: DispatchError = DispatchError::Other("no such deal");
pub const DEAL_TAKEN: DispatchError = DispatchError::Other("the deal is in a sector");
pub const DEAL_OUTLIVES: DispatchError = DispatchError::Other("the deal outlives the sector");
pub const BAD_PROOF: DispatchError = DispatchError::Other("the proof is invalid");

impl Randomness for StandIn {
	fn value_at(block: BlockNumber) -> Option<Digest> {
		let known = block <= System::block_number() && !Forgotten::contains_key(block);
		known.then(|| (*b"beacon", block).blake2_256())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_value_at(block: BlockNumber) {
		Forgotten::remove(block);
	}
}

fn proof_of(statement: &impl Encode) -> ProofBytes {
	let mut proof = [0; 192];
	proof[..32].copy_from_slice(&statement.encode().blake2_256());
	proof
}

fn porep_proofs(size: SectorSize, statement: &PoRepStatement) -> Vec<ProofBytes> {
	let PoRepStatement {
		prover_id,
		sector_number,
		comm_d,
		comm_r,
		ticket,
		seed,
	} = statement;
	(0..size.porep_partitions())
		.map(|part| {
			let statement = (prover_id, sector_number, comm_d, comm_r, ticket, seed);
			proof_of(&(size, statement, part))
		})
		.collect()
}

/// What verifying together costs here, and what looking for bad proofs costs in addition.
pub const TOGETHER: Weight = Weight::from_parts(1_000, 10);
pub const ONE_BY_ONE: Weight = Weight::from_parts(5_000, 0);

fn verified(results: Vec<DispatchResult>) -> Verification {
	let bad = results.iter().any(Result::is_err);
	let weight = match (results.is_empty(), bad) {
		(true, _) => Weight::zero(),
		(false, false) => TOGETHER,
		(false, true) => TOGETHER + ONE_BY_ONE,
	};
	Verification { results, weight }
}

impl Proofs for StandIn {
	fn verify_poreps(size: SectorSize, sectors: &[SectorProofs<'_>]) -> Verification {
		let verify = |(statement, proofs): &SectorProofs<'_>| {
			let valid = AcceptAll::get() || porep_proofs(size, statement) == *proofs;
			valid.then_some(()).ok_or(BAD_PROOF)
		};
		verified(sectors.iter().map(verify).collect())
	}

	fn verify_window_posts(
		size: SectorSize,
		randomness: &Digest,
		partitions: &[PartitionProof<'_>],
	) -> Verification {
		let verify = |(sectors, proof): &PartitionProof<'_>| {
			assert!(!sectors.is_empty() && sectors.is_sorted_by(|a, b| a.0 < b.0));
			let valid = AcceptAll::get() || proof_of(&(size, randomness, sectors)) == *proof;
			valid.then_some(()).ok_or(BAD_PROOF)
		};
		verified(partitions.iter().map(verify).collect())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_accept_all() {
		AcceptAll::put(true);
	}
}

impl ProofWeights for StandIn {
	fn poreps(_: u32, _: u32) -> Weight {
		TOGETHER + ONE_BY_ONE
	}

	fn window_posts(_: u32) -> Weight {
		TOGETHER + ONE_BY_ONE
	}
}

impl Market<AccountId32> for StandIn {
	fn reserve(
		provider: &AccountId32,
		_: SectorNumber,
		deals: &[DealId],
		expiration: BlockNumber,
		_: BlockNumber,
	) -> Result<Vec<PieceInfo>, DispatchError> {
		deals
			.iter()
			.map(|id| {
				let deal = Deals::get(id)
					.filter(|deal| deal.provider == *provider)
					.ok_or(NO_SUCH_DEAL)?;
				match deal.sector {
					Some(_) => Err(DEAL_TAKEN),
					None if deal.end > expiration => Err(DEAL_OUTLIVES),
					None => Ok(deal.piece),
				}
			})
			.collect()
	}

	fn activate(provider: &AccountId32, sector: SectorNumber, deals: &[DealId]) -> DispatchResult {
		Self::reserve(provider, sector, deals, BlockNumber::MAX, BlockNumber::MAX)?;
		for id in deals {
			Deals::mutate(id, |deal| deal.as_mut().unwrap().sector = Some(sector));
		}
		Ok(())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_deals(provider: &AccountId32, count: u32) -> Vec<DealId> {
		(0..u64::from(count))
			.map(|id| {
				publish(id, provider, 128, 0);
				id
			})
			.collect()
	}
}

/// Publishes a deal with the stand-in market.
pub fn publish(id: DealId, provider: &AccountId32, bytes: u64, end: BlockNumber) {
	let piece = PieceInfo {
		commitment: CommP([id as u8 & 0x3f; 32]),
		size: PaddedPieceSize::new(bytes).unwrap(),
	};
	Deals::insert(
		id,
		StandInDeal {
			provider: provider.clone(),
			piece,
			end,
			sector: None,
		},
	);
}

pub const FUNDS: u128 = 1_000 * HOLD;

pub fn account(number: u8) -> AccountId32 {
	AccountId32::new([number; 32])
}

/// A provider that most tests use.
pub fn alice() -> AccountId32 {
	account(1)
}

pub fn bob() -> AccountId32 {
	account(2)
}

pub fn new_chain_with(policy: Policy) -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.unwrap();
	pallet_balances::GenesisConfig::<Test> {
		balances: (1..=4).map(|number| (account(number), FUNDS)).collect(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	crate::GenesisConfig::<Test> {
		policy,
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	let mut externalities = sp_io::TestExternalities::from(storage);
	externalities.execute_with(|| {
		AllPalletsWithSystem::on_genesis();
		run_to(10);
	});
	externalities
}

/// A development chain at block 10.
pub fn new_chain() -> sp_io::TestExternalities {
	new_chain_with(Policy::devnet())
}

#[cfg(feature = "runtime-benchmarks")]
pub fn new_test_ext() -> sp_io::TestExternalities {
	new_chain()
}

/// Makes the blocks up to this one, and checks every invariant after each.
pub fn run_to(block: BlockNumber) {
	while System::block_number() < block {
		System::set_block_number(System::block_number() + 1);
		StorageProvider::on_initialize(System::block_number());
		StorageProvider::check_state().unwrap();
	}
}

pub fn run_for(blocks: BlockNumber) {
	run_to(System::block_number() + blocks);
}

pub fn now() -> BlockNumber {
	System::block_number()
}

pub fn signed(provider: &AccountId32) -> RuntimeOrigin {
	RuntimeOrigin::signed(provider.clone())
}

pub fn ask(size: SectorSize) -> Ask {
	Ask {
		price_per_gib_block: 5,
		min_piece_bytes: 128,
		max_piece_bytes: size.bytes(),
		accepting: true,
	}
}

pub fn addresses(texts: &[&str]) -> crate::Addresses {
	BoundedVec::truncate_from(
		texts
			.iter()
			.map(|text| BoundedVec::truncate_from(text.as_bytes().to_vec()))
			.collect(),
	)
}

pub fn register_with(provider: &AccountId32, size: SectorSize) {
	StorageProvider::register(
		signed(provider),
		size,
		addresses(&["http://127.0.0.1:7000"]),
		ask(size),
		1 << 40,
	)
	.unwrap();
}

pub fn register(provider: &AccountId32) {
	register_with(provider, SectorSize::KiB2);
}

/// A replica that is unlike those of other sectors.
pub fn sealed(sector: SectorNumber) -> PreCommitSector {
	PreCommitSector {
		sector,
		comm_r: CommR((*b"replica", sector).blake2_256()),
		ticket_block: now() - 1,
		expiration: now() + 10_000,
		deals: BoundedVec::new(),
	}
}

pub fn batch<Item, const N: usize>(items: [Item; N]) -> crate::Batch<Item> {
	BoundedVec::truncate_from(items.into())
}

pub fn pre_commit(provider: &AccountId32, sector: PreCommitSector) -> DispatchResult {
	StorageProvider::pre_commit_sectors(signed(provider), batch([sector]))
}

/// The proof of replication that the chain expects.
pub fn porep(provider: &AccountId32, sector: SectorNumber) -> ProveCommitSector {
	let info = crate::Providers::<Test>::get(provider).unwrap();
	let pre_commit = crate::PreCommits::<Test>::get(provider, sector).unwrap();
	let seed_block =
		pre_commit.pre_commit_block + StorageProvider::policy().pre_commit_challenge_delay;
	let draw = |domain, block| StorageProvider::draw(domain, block, provider).unwrap_or_default();
	let statement = PoRepStatement {
		prover_id: StorageProvider::prover_id(provider),
		sector_number: sector,
		comm_d: pre_commit.comm_d,
		comm_r: pre_commit.comm_r,
		ticket: draw(Domain::SealTicket, pre_commit.ticket_block),
		seed: draw(Domain::PoRepSeed, seed_block),
	};
	ProveCommitSector {
		sector,
		proofs: BoundedVec::truncate_from(porep_proofs(info.sector_size, &statement)),
	}
}

/// An error as events keep it: without its message.
pub fn stored(error: impl Into<DispatchError>) -> DispatchError {
	DispatchError::decode(&mut &error.into().encode()[..]).unwrap()
}

/// Makes a call and returns the results that its events tell, in order.
fn results_of<R>(
	call: impl FnOnce() -> Result<R, DispatchErrorWithPostInfo>,
) -> Result<Vec<DispatchResult>, DispatchError> {
	let before = System::events().len();
	call().map_err(|error| error.error)?;
	let results = System::events().into_iter().skip(before);
	Ok(results
		.filter_map(|record| match record.event {
			RuntimeEvent::StorageProvider(
				crate::Event::SectorProven { .. } | crate::Event::WindowPoStAccepted { .. },
			) => Some(Ok(())),
			RuntimeEvent::StorageProvider(
				crate::Event::ProofRefused { error, .. }
				| crate::Event::WindowPoStRefused { error, .. },
			) => Some(Err(error)),
			_ => None,
		})
		.collect())
}

/// Proves sectors and returns the result of each.
pub fn prove_each(
	provider: &AccountId32,
	sectors: &[ProveCommitSector],
) -> Result<Vec<DispatchResult>, DispatchError> {
	let proofs = BoundedVec::truncate_from(sectors.to_vec());
	let results = results_of(|| StorageProvider::prove_commit_sectors(signed(provider), proofs))?;
	assert_eq!(results.len(), sectors.len());
	Ok(results)
}

/// Proves sectors, all of which must succeed.
pub fn prove(provider: &AccountId32, sectors: &[ProveCommitSector]) -> DispatchResult {
	prove_each(provider, sectors)?.into_iter().collect()
}

/// The hash of the whole state.
pub fn state_root() -> Vec<u8> {
	sp_io::storage::root(sp_runtime::StateVersion::V1)
}

/// Nothing but an event comes of the call, which fails with the error or reports it.
macro_rules! assert_refused {
	($call:expr, $error:expr $(,)?) => {
		System::reset_events();
		let before = state_root();
		let found = $call.map(|_| ()).map_err(stored);
		assert_eq!(found, Err(stored($error)));
		System::reset_events();
		assert_eq!(before, state_root());
	};
}
pub(crate) use assert_refused;

/// Waits until a pre-commit of now can be proven.
pub fn await_seed() {
	run_for(StorageProvider::policy().pre_commit_challenge_delay + 1);
}

/// Seals and proves sectors that end at `expiration`.
pub fn activate_until(provider: &AccountId32, sectors: &[SectorNumber], expiration: BlockNumber) {
	for sector in sectors {
		pre_commit(
			provider,
			PreCommitSector {
				expiration,
				..sealed(*sector)
			},
		)
		.unwrap();
	}
	await_seed();
	let proofs: Vec<_> = sectors
		.iter()
		.map(|sector| porep(provider, *sector))
		.collect();
	for chunk in proofs.chunks(crate::MAX_BATCH as usize) {
		prove(provider, chunk).unwrap();
	}
}

pub fn activate(provider: &AccountId32, sectors: &[SectorNumber]) {
	activate_until(provider, sectors, now() + 10_000);
}

pub fn sector(provider: &AccountId32, number: SectorNumber) -> crate::Sector {
	crate::Sectors::<Test>::get(provider, number).unwrap()
}

pub fn key_of(provider: &AccountId32, number: SectorNumber) -> PartitionKey<AccountId32> {
	let sector = sector(provider, number);
	(provider.clone(), sector.deadline, sector.partition)
}

pub fn partition_of(provider: &AccountId32, number: SectorNumber) -> crate::Partition {
	Partitions::<Test>::get(key_of(provider, number)).unwrap()
}

/// The window of the deadline that is open, or else the next one.
pub fn window(provider: &AccountId32, deadline: u32) -> Window {
	StorageProvider::windows(provider.clone())[deadline as usize]
}

/// The window of the sector's deadline that is open, or else the next one.
pub fn window_of(provider: &AccountId32, number: SectorNumber) -> Window {
	window(provider, sector(provider, number).deadline)
}

/// Waits until the sector's deadline is open.
pub fn run_to_window(provider: &AccountId32, number: SectorNumber) -> Window {
	let window = window_of(provider, number);
	run_to(window.open);
	window
}

/// Waits until the sector's deadline has closed.
pub fn run_past_window(provider: &AccountId32, number: SectorNumber) -> Window {
	let window = window_of(provider, number);
	run_to(window.close);
	window
}

/// The window PoSt that the chain expects now.
pub fn post(key: &PartitionKey<AccountId32>) -> PostSubmission {
	post_without(key, &[])
}

/// The window PoSt of a partition without the sectors at some positions.
pub fn post_without(key: &PartitionKey<AccountId32>, skipped: &[u32]) -> PostSubmission {
	let (provider, deadline, partition) = key;
	let skipped = positions(skipped);
	let info = crate::Providers::<Test>::get(provider).unwrap();
	let to_prove = Partitions::<Test>::get(key).unwrap_or_default().to_prove();
	let sectors = StorageProvider::replicas_at(key, &to_prove.difference(&skipped)).unwrap();
	let challenge = window(provider, *deadline).challenge;
	let randomness =
		StorageProvider::draw(Domain::WindowPoSt, challenge, provider).unwrap_or_default();
	PostSubmission {
		partition: *partition,
		skipped,
		proof: proof_of(&(info.sector_size, randomness, sectors)),
	}
}

/// A set of positions.
pub fn positions(list: &[u32]) -> Positions {
	let mut set = Positions::default();
	for position in list {
		assert!(set.insert(*position));
	}
	set
}

/// Submits proofs and returns the result of each.
pub fn submit_each(
	provider: &AccountId32,
	deadline: u32,
	submissions: &[PostSubmission],
) -> Result<Vec<DispatchResult>, DispatchError> {
	let list = BoundedVec::truncate_from(submissions.to_vec());
	let results =
		results_of(|| StorageProvider::submit_window_post(signed(provider), deadline, list))?;
	assert_eq!(results.len(), submissions.len());
	Ok(results)
}

/// Submits the proof of one partition.
pub fn submit_post(provider: &AccountId32, deadline: u32, post: PostSubmission) -> DispatchResult {
	submit_each(provider, deadline, &[post])?
		.into_iter()
		.collect()
}

pub fn submit(key: &PartitionKey<AccountId32>) -> DispatchResult {
	submit_post(&key.0, key.1, post(key))
}

/// Proves the sector's partition in its next window, at its beginning.
pub fn prove_window(provider: &AccountId32, number: SectorNumber) -> Window {
	let window = run_to_window(provider, number);
	submit(&key_of(provider, number)).unwrap();
	window
}

pub fn declaration(
	provider: &AccountId32,
	numbers: &[SectorNumber],
) -> (u32, crate::Batch<crate::Declaration>) {
	let (_, deadline, partition) = key_of(provider, numbers[0]);
	let sectors = BoundedVec::truncate_from(numbers.to_vec());
	(deadline, batch([(partition, sectors)]))
}

pub fn declare_recoveries(provider: &AccountId32, numbers: &[SectorNumber]) -> DispatchResult {
	let (deadline, declarations) = declaration(provider, numbers);
	StorageProvider::declare_recoveries(signed(provider), deadline, declarations)
		.map(|_| ())
		.map_err(|error| error.error)
}

pub fn declare_faults(provider: &AccountId32, numbers: &[SectorNumber]) -> DispatchResult {
	let (deadline, declarations) = declaration(provider, numbers);
	StorageProvider::declare_faults(signed(provider), deadline, declarations)
		.map(|_| ())
		.map_err(|error| error.error)
}

pub fn pledged(provider: &AccountId32) -> u128 {
	Balances::balance_on_hold(&crate::HoldReason::Pledge.into(), provider)
}

pub fn deposited(provider: &AccountId32) -> u128 {
	Balances::balance_on_hold(&crate::HoldReason::PreCommitDeposit.into(), provider)
}

pub fn total(provider: &AccountId32) -> u128 {
	Balances::total_balance(provider)
}

/// The pallet's events since the last call.
pub fn events() -> Vec<crate::Event<Test>> {
	let events = System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::StorageProvider(event) => Some(event),
			_ => None,
		})
		.collect();
	System::reset_events();
	events
}
