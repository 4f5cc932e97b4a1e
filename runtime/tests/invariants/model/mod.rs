//! What the chain should do, told once more and as simply as possible: plain maps, no storage, no positions in
//! bit fields, no code of the pallets. A call is judged by all of its rules at once: the model says which are
//! broken, and the chain must name one of them, in whatever order it checks.

mod deals;
mod keys;
mod periods;
mod sectors;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_primitives::{
	BlockNumber, CommD, CommR, DealExtension, DealProposal, PieceInfo, Policy, SectorNumber,
	SectorSize,
};
use pallet_storage_provider::{Addresses, Ask, PreCommitSector, Role};

use crate::chain::{EXISTENTIAL_DEPOSIT, FAUCET_AMOUNT, FAUCET_DRIPS_PER_BLOCK, FAUCET_PERIOD};

/// An account's number.
pub type Who = u8;
/// Every account that calls.
pub const ACCOUNTS: std::ops::RangeInclusive<Who> = 1..=18;

/// A partition: provider, deadline, index.
pub type Key = (Who, u32, u32);

/// A call with its signer's intent: proofs and signatures are good or bad, not bytes.
#[derive(Clone, Debug)]
pub enum Call {
	Register(SectorSize, Addresses, Ask, u64),
	SetAddresses(Addresses),
	SetAsk(Ask),
	SetFreeSpace(u64),
	Deregister,
	ProposeKey(Role, Option<Who>),
	ConfirmKey(Role, Who),
	PreCommit(Vec<PreCommitSector>),
	/// Sectors, each with the number of its proofs and whether they are good.
	Prove(Vec<(SectorNumber, u32, bool)>),
	/// Partitions of a deadline, each with the positions that are skipped and whether its proof is good.
	Post(u32, Vec<(u32, BTreeSet<u32>, bool)>),
	DeclareFaults(u32, Vec<(u32, Vec<SectorNumber>)>),
	DeclareRecoveries(u32, Vec<(u32, Vec<SectorNumber>)>),
	Terminate(Vec<SectorNumber>),
	Extend(Vec<(SectorNumber, BlockNumber)>),
	/// Deadline, the partition that sectors leave, and the one that they join.
	Compact(u32, u32, u32),
	Deposit(u128),
	Withdraw(u128),
	/// Proposals, each with whether its signature is good.
	Publish(Vec<(DealProposal<Who>, bool)>),
	Settle(Vec<u64>),
	Cancel(u64),
	ExtendDeal(DealExtension, bool),
	Transfer(Who, u128),
	TransferAllowDeath(Who, u128),
	Drip(Who),
}

/// The rules that a call, or an item of it, breaks.
pub type Broken = BTreeSet<&'static str>;

/// Notes a rule that does not hold.
pub fn rule(broken: &mut Broken, holds: bool, name: &'static str) {
	if !holds {
		broken.insert(name);
	}
}

/// What the model expects of a call.
#[derive(Clone, Debug, Default)]
pub struct Expected {
	/// Rules that fail the call as a whole. It is accepted if there is none.
	pub call: Broken,
	/// For each item that has a result of its own, the rules that refuse it.
	pub items: Vec<Broken>,
	/// Whether it costs nothing.
	pub free: bool,
}

/// An account's money.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
	pub free: u128,
	pub escrow: u128,
	pub payment: u128,
	pub collateral: u128,
	pub deposit: u128,
	pub pledge: u128,
}

impl Account {
	pub fn held(&self) -> u128 {
		self.escrow + self.payment + self.collateral + self.deposit + self.pledge
	}

	/// What can be held or paid without the account's end.
	pub fn spendable(&self) -> u128 {
		self.free.saturating_sub(EXISTENTIAL_DEPOSIT)
	}
}

/// Where money came from and went to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
	pub dripped: u128,
	pub fault_fees: u128,
	pub termination_fees: u128,
	pub lost_deposits: u128,
	pub dust: u128,
}

/// Who has a role besides the owner, and who shall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleKey {
	pub current: Option<Who>,
	pub proposed: Option<Who>,
}

#[derive(Clone, Debug)]
pub struct Provider {
	pub size: SectorSize,
	pub addresses: Addresses,
	pub ask: Ask,
	pub free_space: u64,
	pub offset: BlockNumber,
	pub worker: RoleKey,
	pub beneficiary: RoleKey,
	/// How many partitions each deadline ever had.
	pub partitions: Vec<u32>,
}

#[derive(Clone, Debug)]
pub struct PreCommit {
	pub comm_r: CommR,
	pub comm_d: CommD,
	pub ticket: BlockNumber,
	pub since: BlockNumber,
	pub expiration: BlockNumber,
	pub deals: Vec<u64>,
	pub deposit: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
	/// The last block that the sector was proven for.
	pub since: BlockNumber,
	pub found: BlockNumber,
	pub recovering: bool,
}

#[derive(Clone, Debug)]
pub struct Sector {
	pub comm_r: CommR,
	pub activated: BlockNumber,
	pub expiration: BlockNumber,
	pub home: Key,
	pub pledge: u128,
	pub open_deals: u32,
	pub fault: Option<Fault>,
	pub gaps: Vec<(BlockNumber, BlockNumber)>,
	/// Through which block it was proven when it ended, and whether that was too early.
	pub ended: Option<(BlockNumber, bool)>,
}

#[derive(Clone, Debug, Default)]
pub struct Partition {
	pub proven: BlockNumber,
	/// The sectors by place; nothing where one ended or moved away.
	pub places: Vec<Option<SectorNumber>>,
}

impl Partition {
	pub fn live(&self) -> impl Iterator<Item = SectorNumber> + '_ {
		self.places.iter().flatten().copied()
	}

	/// Gives a sector the first vacant place, or the next.
	fn take(&mut self, number: SectorNumber) {
		match self.places.iter_mut().find(|place| place.is_none()) {
			Some(place) => *place = Some(number),
			None => self.places.push(Some(number)),
		}
	}

	fn leave(&mut self, number: SectorNumber) {
		let there = |place: &&mut Option<SectorNumber>| **place == Some(number);
		if let Some(place) = self.places.iter_mut().find(there) {
			*place = None;
		}
	}
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
	Published,
	Reserved(SectorNumber, BlockNumber),
	Active(SectorNumber),
	Cancelled,
}

#[derive(Clone, Debug)]
pub struct Deal {
	pub piece: PieceInfo,
	pub client: Who,
	pub provider: Who,
	pub start: BlockNumber,
	pub end: BlockNumber,
	pub price: u128,
	pub collateral: u128,
	pub nonce: u64,
	pub paid: u32,
	pub progress: Progress,
}

/// The whole chain.
#[derive(Clone, Debug, Default)]
pub struct Model {
	pub policy: Option<Policy>,
	pub now: BlockNumber,
	pub accounts: BTreeMap<Who, Account>,
	pub ledger: Ledger,
	pub providers: BTreeMap<Who, Provider>,
	pub pre_commits: BTreeMap<(Who, SectorNumber), PreCommit>,
	pub sectors: BTreeMap<(Who, SectorNumber), Sector>,
	pub partitions: BTreeMap<Key, Partition>,
	/// The windows whose close is not settled, by the block of the close.
	pub closes: BTreeSet<(BlockNumber, Key)>,
	/// The sectors that end when their window closes in a block.
	pub ends: BTreeMap<(BlockNumber, Key), BTreeSet<SectorNumber>>,
	pub cursor: BlockNumber,
	/// How much the hooks do in a block.
	pub due_limit: u32,
	pub start_limit: u32,
	pub deals: BTreeMap<u64, Deal>,
	pub next_deal: u64,
	/// Deals that must have begun by a block.
	pub starts: BTreeSet<(BlockNumber, u64)>,
	pub start_cursor: Option<BlockNumber>,
	pub drips: BTreeMap<Who, BlockNumber>,
	pub drips_in_block: u32,
}

impl Model {
	pub fn policy(&self) -> Policy {
		self.policy.unwrap()
	}

	pub fn account(&mut self, who: Who) -> &mut Account {
		self.accounts.entry(who).or_default()
	}

	pub fn issuance(&self) -> u128 {
		self.accounts
			.values()
			.map(|account| account.free + account.held())
			.sum()
	}

	/// Makes a call, if it breaks no rule.
	pub fn call(&mut self, who: Who, call: &Call) -> Expected {
		let mut next = self.clone();
		let expected = next.apply(who, call);
		if expected.call.is_empty() {
			*self = next;
		}
		expected
	}

	fn apply(&mut self, signer: Who, call: &Call) -> Expected {
		// The daily work of a provider can be signed by its worker.
		let who = match call {
			Call::SetFreeSpace(..)
			| Call::PreCommit(..)
			| Call::Prove(..)
			| Call::Post(..)
			| Call::DeclareFaults(..)
			| Call::DeclareRecoveries(..)
			| Call::Extend(..)
			| Call::Compact(..)
			| Call::Publish(..)
			| Call::ExtendDeal(..) => self.operated_by(signer).unwrap_or(signer),
			_ => signer,
		};
		let whole = |call| Expected {
			call,
			..Default::default()
		};
		match call {
			Call::Register(size, addresses, ask, space) => {
				whole(self.register(who, *size, addresses, ask, *space))
			},
			Call::SetAddresses(addresses) => whole(self.set_addresses(who, addresses)),
			Call::SetAsk(ask) => whole(self.set_ask(who, ask)),
			Call::SetFreeSpace(space) => whole(self.set_free_space(who, *space)),
			Call::Deregister => whole(self.deregister(who)),
			Call::ProposeKey(role, account) => whole(self.propose_key(who, *role, *account)),
			Call::ConfirmKey(role, provider) => whole(self.confirm_key(who, *role, *provider)),
			Call::PreCommit(list) => whole(self.pre_commit(who, list)),
			Call::Prove(list) => self.prove(who, list),
			Call::Post(deadline, list) => self.post(who, *deadline, list),
			Call::DeclareFaults(deadline, list) => self.declare(who, *deadline, list, false),
			Call::DeclareRecoveries(deadline, list) => self.declare(who, *deadline, list, true),
			Call::Terminate(list) => whole(self.terminate(who, list)),
			Call::Extend(list) => whole(self.extend(who, list)),
			Call::Compact(deadline, from, into) => {
				whole(self.compact(who, *deadline, *from, *into))
			},
			Call::Deposit(amount) => whole(self.deposit(who, *amount)),
			Call::Withdraw(amount) => whole(self.withdraw(who, *amount)),
			Call::Publish(list) => self.publish(who, list),
			Call::Settle(list) => self.settle(list),
			Call::Cancel(deal) => whole(self.cancel(who, *deal)),
			Call::ExtendDeal(extension, signed) => whole(self.extend_deal(who, extension, *signed)),
			Call::Transfer(to, amount) => whole(self.transfer(who, *to, *amount, true)),
			Call::TransferAllowDeath(to, amount) => whole(self.transfer(who, *to, *amount, false)),
			Call::Drip(to) => whole(self.drip(*to)),
		}
	}

	/// The token's own rules: an account exists with the existential deposit or not at all, and what is held on
	/// it keeps it alive.
	fn transfer(&mut self, from: Who, to: Who, amount: u128, keep_alive: bool) -> Broken {
		let mut broken = Broken::new();
		if amount == 0 {
			return broken;
		}
		let source = self.account(from).clone();
		let target = self.account(to).clone();
		let rest = source.free.saturating_sub(amount);
		let dies = rest < EXISTENTIAL_DEPOSIT;
		rule(&mut broken, amount <= source.free, "Balances");
		rule(
			&mut broken,
			!dies || !keep_alive && source.held() == 0,
			"Balances",
		);
		rule(
			&mut broken,
			target.free.saturating_add(amount) >= EXISTENTIAL_DEPOSIT,
			"Balances",
		);
		if broken.is_empty() && from != to {
			self.account(from).free = if dies { 0 } else { rest };
			self.ledger.dust += if dies { rest } else { 0 };
			self.account(to).free += amount;
		}
		broken
	}

	fn drip(&mut self, to: Who) -> Broken {
		let mut broken = Broken::new();
		let recent = self
			.drips
			.get(&to)
			.is_some_and(|last| self.now < last + FAUCET_PERIOD);
		rule(&mut broken, !recent, "UsedRecently");
		rule(
			&mut broken,
			self.drips_in_block < FAUCET_DRIPS_PER_BLOCK,
			"BlockFull",
		);
		self.drips.insert(to, self.now);
		self.drips_in_block += 1;
		self.account(to).free += FAUCET_AMOUNT;
		self.ledger.dripped += FAUCET_AMOUNT;
		broken
	}

	/// Burns up to `fee` of the pledge, and then of what is free. Returns how much.
	fn burn_fee(&mut self, who: Who, fee: u128) -> u128 {
		let account = self.account(who);
		let pledged = fee.min(account.pledge);
		account.pledge -= pledged;
		let free = (fee - pledged).min(account.spendable());
		account.free -= free;
		pledged + free
	}

	/// Releases what is held beyond the pledge of the sectors that live.
	fn release_surplus(&mut self, who: Who) {
		let needed = self.pledged(who);
		let account = self.account(who);
		let surplus = account.pledge.saturating_sub(needed);
		account.pledge -= surplus;
		account.free += surplus;
	}

	/// What the provider's live sectors are pledged for.
	pub fn pledged(&self, who: Who) -> u128 {
		self.live_sectors(who).map(|sector| sector.pledge).sum()
	}

	pub fn live_sectors(&self, who: Who) -> impl Iterator<Item = &Sector> + '_ {
		self.sectors
			.range((who, 0)..=(who, u64::MAX))
			.map(|(_, sector)| sector)
			.filter(|sector| sector.ended.is_none())
	}
}
