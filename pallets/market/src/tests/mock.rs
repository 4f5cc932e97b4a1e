//! A runtime with the market, and providers and sectors that tests set by hand.

use std::{cell::RefCell, collections::BTreeMap};

use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	BoundedVec,
};
use holdfast_primitives::{
	sector::SectorSize, Balance, CommP, DealId, DealProposal, PaddedPieceSize, PieceInfo, Policy,
	SectorNumber,
};
use sp_core::{sr25519, Pair};
use sp_runtime::{traits::IdentityLookup, AccountId32, BuildStorage, MultiSignature, MultiSigner};

use crate::{Ask, Event, Health, Providers, Sectors, SignedProposal};

pub type AccountId = AccountId32;
pub type Signed = SignedProposal<AccountId, MultiSignature>;

/// The existential deposit.
pub const ED: Balance = 100;
pub const FUNDS: Balance = 1_000_000_000;
pub const MAX_STEPS: u32 = 5;
/// What every provider asks for: 10 for a KiB in each block.
pub const DEFAULT_ASK: Ask = Ask {
	price_per_gib_block: 10 << 20,
	min_piece_bytes: 256,
	max_piece_bytes: 1 << 20,
	accepting: true,
};

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system::Pallet<Test>;
	#[runtime::pallet_index(1)]
	pub type Balances = pallet_balances::Pallet<Test>;
	#[runtime::pallet_index(2)]
	pub type Market = crate::Pallet<Test>;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<ED>;
	type AccountStore = System;
}

parameter_types! {
	pub static CurrentPolicy: Policy = Policy::devnet();
	pub static CurrentAsk: Ask = DEFAULT_ASK;
	pub static Beneficiary: Option<AccountId> = None;
}

thread_local! {
	static PROVIDERS: RefCell<BTreeMap<AccountId, SectorSize>> = const { RefCell::new(BTreeMap::new()) };
	static SECTORS: RefCell<BTreeMap<(AccountId, SectorNumber), Health>> = const { RefCell::new(BTreeMap::new()) };
	static EXPIRATIONS: RefCell<BTreeMap<(AccountId, SectorNumber), u32>> = const { RefCell::new(BTreeMap::new()) };
	static RELEASED: RefCell<Vec<(AccountId, SectorNumber)>> = const { RefCell::new(Vec::new()) };
}

/// Providers and sectors as the test says.
pub struct Storage;

impl Providers<AccountId> for Storage {
	fn sector_size(provider: &AccountId) -> Option<SectorSize> {
		PROVIDERS.with_borrow(|providers| providers.get(provider).copied())
	}

	fn ask(provider: &AccountId) -> Option<Ask> {
		Self::sector_size(provider).map(|_| CurrentAsk::get())
	}

	fn operated_by(signer: &AccountId) -> Option<AccountId> {
		(*signer == account("Worker")).then(provider)
	}

	fn beneficiary(provider: &AccountId) -> AccountId {
		Beneficiary::get().unwrap_or_else(|| provider.clone())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_register(provider: &AccountId, size: SectorSize) {
		PROVIDERS.with_borrow_mut(|providers| providers.insert(provider.clone(), size));
	}
}

impl Sectors<AccountId> for Storage {
	fn health(provider: &AccountId, sector: SectorNumber, _: u32, _: u32) -> Option<Health> {
		SECTORS.with_borrow(|sectors| sectors.get(&(provider.clone(), sector)).copied())
	}

	fn expiration(provider: &AccountId, sector: SectorNumber) -> Option<u32> {
		EXPIRATIONS.with_borrow(|sectors| sectors.get(&(provider.clone(), sector)).copied())
	}

	fn release_deal(provider: &AccountId, sector: SectorNumber) {
		RELEASED.with_borrow_mut(|released| released.push((provider.clone(), sector)));
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_ended_sector(provider: &AccountId, sector: SectorNumber, from: u32, to: u32) {
		let health = Health {
			healthy_blocks: to.saturating_sub(from),
			decided_through: u32::MAX,
			terminated: false,
		};
		SECTORS.with_borrow_mut(|sectors| sectors.insert((provider.clone(), sector), health));
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_live_sector(provider: &AccountId, sector: SectorNumber, expiration: u32) {
		EXPIRATIONS
			.with_borrow_mut(|sectors| sectors.insert((provider.clone(), sector), expiration));
	}
}

impl crate::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Signature = MultiSignature;
	type Public = MultiSigner;
	type Policy = CurrentPolicy;
	type Providers = Storage;
	type Sectors = Storage;
	type MaxStartsPerBlock = ConstU32<MAX_STEPS>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkSigner = ();
}

/// Deriving a key from its name is slow, and random tests do it all the time.
pub fn pair(name: &str) -> sr25519::Pair {
	thread_local! {
		static PAIRS: RefCell<BTreeMap<String, sr25519::Pair>> = const { RefCell::new(BTreeMap::new()) };
	}
	let derive = || sr25519::Pair::from_string(&format!("//{name}"), None).unwrap();
	PAIRS.with_borrow_mut(|pairs| pairs.entry(name.into()).or_insert_with(derive).clone())
}

pub fn account(name: &str) -> AccountId {
	AccountId::new(pair(name).public().0)
}

pub fn client() -> AccountId {
	account("Client")
}

pub fn provider() -> AccountId {
	account("Provider")
}

pub fn set_health(sector: SectorNumber, healthy_blocks: u32, decided_through: u32) {
	let health = Health {
		healthy_blocks,
		decided_through,
		terminated: false,
	};
	SECTORS.with_borrow_mut(|sectors| sectors.insert((provider(), sector), health));
}

/// A sector that ended early, with so many healthy blocks.
pub fn set_terminated(sector: SectorNumber, healthy_blocks: u32) {
	let health = Health {
		healthy_blocks,
		decided_through: u32::MAX,
		terminated: true,
	};
	SECTORS.with_borrow_mut(|sectors| sectors.insert((provider(), sector), health));
}

/// Until when a sector is promised.
pub fn set_expiration(sector: SectorNumber, expiration: u32) {
	EXPIRATIONS.with_borrow_mut(|sectors| sectors.insert((provider(), sector), expiration));
}

/// Pre-commits and proves a sector with deals.
pub fn start_in(sector: SectorNumber, deals: &[DealId]) -> sp_runtime::DispatchResult {
	Market::reserve(&provider(), sector, deals, u32::MAX, u32::MAX)?;
	Market::activate(&provider(), sector, deals)
}

pub fn released() -> Vec<(AccountId, SectorNumber)> {
	RELEASED.with_borrow(Clone::clone)
}

/// Block 1 of a chain where everybody has money and two providers are registered.
pub fn new_test_ext() -> sp_io::TestExternalities {
	SECTORS.with_borrow_mut(BTreeMap::clear);
	EXPIRATIONS.with_borrow_mut(BTreeMap::clear);
	RELEASED.with_borrow_mut(Vec::clear);
	CurrentPolicy::set(Policy::devnet());
	CurrentAsk::set(DEFAULT_ASK);
	let sizes = [
		(provider(), SectorSize::MiB8),
		(account("Other"), SectorSize::KiB2),
	];
	PROVIDERS.with_borrow_mut(|providers| *providers = sizes.into_iter().collect());

	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.unwrap();
	pallet_balances::GenesisConfig::<Test> {
		balances: ["Client", "Rich", "Provider", "Other"]
			.into_iter()
			.map(|name| (account(name), FUNDS))
			.collect(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	let mut ext = sp_io::TestExternalities::from(storage);
	#[cfg(feature = "runtime-benchmarks")]
	ext.register_extension(sp_keystore::KeystoreExt::new(
		sp_keystore::testing::MemoryKeystore::new(),
	));
	ext.execute_with(|| System::set_block_number(1));
	ext
}

/// A chain where client and provider have deposited a tenth of their money; the state and the sum of
/// the money are checked in the end.
pub fn with_deposits(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		for name in ["Client", "Provider"] {
			Market::deposit(RuntimeOrigin::signed(account(name)), FUNDS / 10).unwrap();
		}
		System::reset_events();
		test();
		check_all();
	});
}

/// The state's invariants, that nothing was minted or burned, and that all holds are the market's.
pub fn check_all() {
	use frame_support::traits::fungible::{Inspect, InspectHold};
	Market::check_state().unwrap();
	assert_eq!(Balances::total_issuance(), 4 * FUNDS);
	let mut sum = 0;
	for name in ["Client", "Rich", "Provider", "Other"] {
		let who = account(name);
		sum += Balances::total_balance(&who);
		let held = Market::market_balance(&who);
		assert_eq!(
			Balances::total_balance_on_hold(&who),
			held.escrow + held.payment + held.collateral
		);
	}
	assert_eq!(sum, 4 * FUNDS);
}

/// Runs the hooks of every block until this one; the state is checked after each.
pub fn run_to(block: u32) {
	run_blocks(block, || Market::check_state().unwrap());
}

/// The same for a state that the test has broken.
pub fn run_broken_to(block: u32) {
	run_blocks(block, || ());
}

fn run_blocks(block: u32, check: impl Fn()) {
	while System::block_number() < block {
		let next = System::block_number() + 1;
		System::set_block_number(next);
		Market::on_initialize(next);
		check();
	}
}

/// 1 KiB from block 50 to block 150 at 10 for each block; collateral 200.
pub fn proposal() -> DealProposal<AccountId> {
	DealProposal {
		piece: PieceInfo {
			commitment: CommP([1; 32]),
			size: PaddedPieceSize::new(1024).unwrap(),
		},
		client: client(),
		provider: provider(),
		start: 50,
		end: 150,
		price_per_block: 10,
		provider_collateral: 200,
		nonce: 1,
		expires: 40,
	}
}

/// Signed by the client that it names, if that is one of the accounts of this mock.
pub fn sign(proposal: DealProposal<AccountId>) -> Signed {
	let bytes = proposal.signing_bytes(&Market::genesis_hash());
	let name = ["Client", "Rich", "Provider", "Other", "Nobody"]
		.into_iter()
		.find(|name| account(name) == proposal.client)
		.unwrap();
	SignedProposal {
		signature: pair(name).sign(&bytes).into(),
		proposal,
	}
}

pub fn batch(proposals: Vec<Signed>) -> BoundedVec<Signed, ConstU32<32>> {
	proposals.try_into().unwrap()
}

pub fn publish(proposal: DealProposal<AccountId>) -> DealId {
	let id = crate::NextDealId::<Test>::get();
	let origin = RuntimeOrigin::signed(proposal.provider.clone());
	Market::publish_deals(origin, batch(vec![sign(proposal)])).unwrap();
	id
}

pub fn settle(deals: &[DealId]) -> sp_runtime::DispatchResult {
	let deals = deals.to_vec().try_into().unwrap();
	Market::settle_deals(RuntimeOrigin::signed(account("Rich")), deals)
}

/// A deal that is active in sector 7, at its first block.
pub fn active_deal() -> DealId {
	let id = publish(proposal());
	start_in(7, &[id]).unwrap();
	run_to(50);
	System::reset_events();
	id
}

/// The market's events since the last reset.
pub fn events() -> Vec<Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Market(event) => Some(event),
			_ => None,
		})
		.collect()
}
