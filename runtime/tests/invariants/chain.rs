//! A chain in memory: the real market, storage-provider, faucet and token pallets, wired as the runtime wires
//! them. Proofs and signatures are replaced, because real ones are too slow for a million calls: a proof is the
//! hash of what it proves, and a signature the hash of what is signed. Both bind every bit of it. Randomness is
//! the hash of its block's number, known for as long as the policy asks.

use std::cell::Cell;

use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{
	derive_impl,
	dispatch::{DispatchErrorWithPostInfo, Pays},
	parameter_types,
	traits::{
		fungible::{Inspect, InspectHold},
		Get, OnInitialize,
	},
	weights::Weight,
};
use holdfast_primitives::{
	policy::HOLD, BlockNumber, CommR, DealId, Digest, PieceInfo, Policy, ProofBytes, SectorNumber,
	SectorSize,
};
use pallet_storage_provider::{PartitionProof, PoRepStatement, SectorProofs, Verification};
use scale_info::TypeInfo;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{IdentifyAccount, IdentityLookup, Lazy, Verify},
	AccountId32, BuildStorage, DispatchError, DispatchResult,
};

use crate::model::{Account, Who, ACCOUNTS};

pub type Block = frame_system::mocking::MockBlockU32<Chain>;

frame_support::construct_runtime!(
	pub enum Chain {
		System: frame_system,
		Balances: pallet_balances,
		StorageProvider: pallet_storage_provider,
		Market: pallet_market,
		Faucet: pallet_faucet,
	}
);

pub const EXISTENTIAL_DEPOSIT: u128 = HOLD / 1_000;
pub const FAUCET_AMOUNT: u128 = 1_000 * HOLD;
pub const FAUCET_PERIOD: BlockNumber = 50;
pub const FAUCET_DRIPS_PER_BLOCK: u32 = 2;

parameter_types! {
	pub const ExistentialDeposit: u128 = EXISTENTIAL_DEPOSIT;
	pub const FaucetAmount: u128 = FAUCET_AMOUNT;
	pub const FaucetPeriod: BlockNumber = FAUCET_PERIOD;
	pub const FaucetDripsPerBlock: u32 = FAUCET_DRIPS_PER_BLOCK;
	/// How much the hooks do in a block. Sometimes it is too little, so that work is carried over.
	pub static MaxDuePerBlock: u32 = 32;
	pub static MaxStartsPerBlock: u32 = 64;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Chain {
	type Block = Block;
	type AccountId = AccountId32;
	type Lookup = IdentityLookup<AccountId32>;
	type AccountData = pallet_balances::AccountData<u128>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Chain {
	type Balance = u128;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
}

type ChainPolicy = pallet_storage_provider::CurrentPolicy<Chain>;

impl pallet_storage_provider::Config for Chain {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Randomness = Wiring;
	type Proofs = Wiring;
	type Market = Wiring;
	type MaxDuePerBlock = MaxDuePerBlock;
	type WeightInfo = ();
	type ProofWeights = ();
}

impl pallet_market::Config for Chain {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Signature = HashSignature;
	type Public = HashSigner;
	type Policy = ChainPolicy;
	type Providers = Wiring;
	type Sectors = Wiring;
	type MaxStartsPerBlock = MaxStartsPerBlock;
	type WeightInfo = ();
}

impl pallet_faucet::Config for Chain {
	type Currency = Balances;
	type Amount = FaucetAmount;
	type Period = FaucetPeriod;
	type MaxDripsPerBlock = FaucetDripsPerBlock;
	type WeightInfo = ();
}

/// A signer whose account is its own name.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct HashSigner(AccountId32);

impl IdentifyAccount for HashSigner {
	type AccountId = AccountId32;

	fn into_account(self) -> AccountId32 {
		self.0
	}
}

/// The hash of a signer and what it signs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct HashSignature([u8; 32]);

impl HashSignature {
	pub fn sign(signer: &AccountId32, message: &[u8]) -> Self {
		Self(blake2_256(&(signer, message).encode()))
	}

	pub fn broken() -> Self {
		Self([0; 32])
	}
}

impl Verify for HashSignature {
	type Signer = HashSigner;

	fn verify<L: Lazy<[u8]>>(&self, mut message: L, signer: &AccountId32) -> bool {
		*self == Self::sign(signer, message.get())
	}
}

/// The adapters between the pallets, as in the runtime.
pub struct Wiring;

impl pallet_storage_provider::Randomness for Wiring {
	fn value_at(block: BlockNumber) -> Option<Digest> {
		let age = System::block_number().checked_sub(block)?;
		let known = block > 0 && age < ChainPolicy::get().randomness_history();
		known.then(|| blake2_256(&(b"randomness", block).encode()))
	}
}

pub const BAD_PROOF: DispatchError = DispatchError::Unavailable;

thread_local! {
	static VERIFIED: Cell<u64> = const { Cell::new(0) };
}

/// How many proofs were verified.
pub fn verified() -> u64 {
	VERIFIED.get()
}

fn proof_of(statement: &impl Encode) -> ProofBytes {
	let mut proof = [0; 192];
	proof[..32].copy_from_slice(&blake2_256(&statement.encode()));
	proof
}

/// The proofs of a replica.
pub fn porep_proofs(size: SectorSize, statement: &PoRepStatement) -> Vec<ProofBytes> {
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

/// The proof of a partition's sectors.
pub fn window_post(
	size: SectorSize,
	randomness: &Digest,
	sectors: &[(SectorNumber, CommR)],
) -> ProofBytes {
	proof_of(&(size, randomness, sectors))
}

fn verdicts(results: Vec<DispatchResult>) -> Verification {
	VERIFIED.set(VERIFIED.get() + results.len() as u64);
	Verification {
		results,
		weight: Weight::zero(),
	}
}

impl pallet_storage_provider::Proofs for Wiring {
	fn verify_poreps(size: SectorSize, sectors: &[SectorProofs<'_>]) -> Verification {
		let verify = |(statement, proofs): &SectorProofs<'_>| {
			let valid = porep_proofs(size, statement) == *proofs;
			valid.then_some(()).ok_or(BAD_PROOF)
		};
		verdicts(sectors.iter().map(verify).collect())
	}

	fn verify_window_posts(
		size: SectorSize,
		randomness: &Digest,
		partitions: &[PartitionProof<'_>],
	) -> Verification {
		let verify = |(sectors, proof): &PartitionProof<'_>| {
			assert!(!sectors.is_empty() && sectors.is_sorted_by(|a, b| a.0 < b.0));
			let valid = window_post(size, randomness, sectors) == *proof;
			valid.then_some(()).ok_or(BAD_PROOF)
		};
		verdicts(partitions.iter().map(verify).collect())
	}
}

impl pallet_storage_provider::Market<AccountId32> for Wiring {
	fn reserve(
		provider: &AccountId32,
		sector: SectorNumber,
		deals: &[DealId],
		expiration: BlockNumber,
		until: BlockNumber,
	) -> Result<Vec<PieceInfo>, DispatchError> {
		Market::reserve(provider, sector, deals, expiration, until)
	}

	fn activate(provider: &AccountId32, sector: SectorNumber, deals: &[DealId]) -> DispatchResult {
		Market::activate(provider, sector, deals)
	}
}

impl pallet_market::Providers<AccountId32> for Wiring {
	fn sector_size(provider: &AccountId32) -> Option<SectorSize> {
		StorageProvider::sector_size(provider)
	}

	fn ask(provider: &AccountId32) -> Option<pallet_market::Ask> {
		let info = pallet_storage_provider::Providers::<Chain>::get(provider)?;
		Some(pallet_market::Ask {
			price_per_gib_block: info.ask.price_per_gib_block,
			min_piece_bytes: info.ask.min_piece_bytes,
			max_piece_bytes: info.ask.max_piece_bytes,
			accepting: info.ask.accepting,
		})
	}

	fn operated_by(signer: &AccountId32) -> Option<AccountId32> {
		StorageProvider::operated_by(signer)
	}

	fn beneficiary(provider: &AccountId32) -> AccountId32 {
		StorageProvider::beneficiary(provider)
	}
}

impl pallet_market::Sectors<AccountId32> for Wiring {
	fn health(
		provider: &AccountId32,
		sector: SectorNumber,
		from: BlockNumber,
		to: BlockNumber,
	) -> Option<pallet_market::Health> {
		let health = StorageProvider::sector_health(provider, sector, from, to)?;
		Some(pallet_market::Health {
			healthy_blocks: health.healthy_blocks,
			decided_through: health.decided_through,
			terminated: health.terminated,
		})
	}

	fn expiration(provider: &AccountId32, sector: SectorNumber) -> Option<BlockNumber> {
		pallet_storage_provider::Sectors::<Chain>::get(provider, sector)
			.filter(|sector| sector.ended.is_none())
			.map(|sector| sector.expiration)
	}

	fn release_deal(provider: &AccountId32, sector: SectorNumber) {
		StorageProvider::release_deal(provider, sector);
	}
}

/// The account with this number.
pub fn account(who: Who) -> AccountId32 {
	AccountId32::new([who; 32])
}

/// A chain with this policy, on which every account has some money.
pub fn genesis(policy: Policy, funds: impl Fn(Who) -> u128) -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Chain>::default()
		.build_storage()
		.unwrap();
	pallet_balances::GenesisConfig::<Chain> {
		balances: ACCOUNTS.map(|who| (account(who), funds(who))).collect(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	pallet_storage_provider::GenesisConfig::<Chain> {
		policy,
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	storage.into()
}

/// Begins the next block: its hooks.
pub fn next_block() {
	let number = System::block_number() + 1;
	System::reset_events();
	System::set_block_number(number);
	AllPalletsWithSystem::on_initialize(number);
}

/// What came of a call: why it failed, or the result of each of its items that have one of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
	pub result: Result<(), String>,
	pub items: Vec<Result<(), String>>,
	pub free: bool,
}

/// The name of an error, whichever pallet it is from.
fn name(error: &DispatchError) -> String {
	match error {
		DispatchError::Module(error) => {
			let bytes = &mut &error.error[..];
			match error.index {
				2 => pallet_storage_provider::Error::<Chain>::decode(bytes)
					.map(|error| format!("{error:?}")),
				3 => pallet_market::Error::<Chain>::decode(bytes).map(|error| format!("{error:?}")),
				4 => pallet_faucet::Error::<Chain>::decode(bytes).map(|error| format!("{error:?}")),
				_ => Ok("Balances".into()),
			}
			.unwrap()
		},
		DispatchError::Token(_) | DispatchError::Arithmetic(_) => "Balances".into(),
		other if *other == BAD_PROOF => "BadProof".into(),
		other => format!("{other:?}"),
	}
}

/// The result that an event tells of an item of a call.
fn item_of(event: RuntimeEvent) -> Option<Result<(), String>> {
	use pallet_market::Event as MarketEvent;
	use pallet_storage_provider::Event as ProviderEvent;
	match event {
		RuntimeEvent::StorageProvider(
			ProviderEvent::SectorProven { .. } | ProviderEvent::WindowPoStAccepted { .. },
		) => Some(Ok(())),
		RuntimeEvent::StorageProvider(
			ProviderEvent::ProofRefused { error, .. }
			| ProviderEvent::WindowPoStRefused { error, .. },
		) => Some(Err(name(&error))),
		RuntimeEvent::Market(MarketEvent::DealPublished { .. }) => Some(Ok(())),
		RuntimeEvent::Market(MarketEvent::DealRefused { reason, .. }) => Some(Err(format!(
			"{:?}",
			pallet_market::Error::<Chain>::from(reason)
		))),
		RuntimeEvent::Market(MarketEvent::SettlementRefused { reason, .. }) => {
			Some(Err(name(&reason)))
		},
		_ => None,
	}
}

/// Makes a call.
pub fn dispatch(origin: RuntimeOrigin, call: RuntimeCall) -> Outcome {
	System::reset_events();
	let result = sp_runtime::traits::Dispatchable::dispatch(call, origin);
	let free = matches!(&result, Ok(info) if info.pays_fee == Pays::No);
	let result = result
		.map(|_| ())
		.map_err(|DispatchErrorWithPostInfo { error, .. }| name(&error));
	let items = System::read_events_no_consensus()
		.filter_map(|record| item_of(record.event))
		.collect();
	Outcome {
		result,
		items,
		free,
	}
}

/// What the chain says about an account's money.
pub fn money(who: Who) -> Account {
	use pallet_market::HoldReason as Market;
	use pallet_storage_provider::HoldReason as Provider;
	let account = account(who);
	let held = |reason: RuntimeHoldReason| Balances::balance_on_hold(&reason, &account);
	let money = Account {
		free: <Balances as Inspect<AccountId32>>::balance(&account),
		escrow: held(Market::Escrow.into()),
		payment: held(Market::Payment.into()),
		collateral: held(Market::Collateral.into()),
		deposit: held(Provider::PreCommitDeposit.into()),
		pledge: held(Provider::Pledge.into()),
	};
	let total = <Balances as Inspect<AccountId32>>::total_balance(&account);
	assert_eq!(
		total,
		money.free + money.held(),
		"money is held for another reason"
	);
	money
}
