//! A sector with one deal, and what becomes of everybody's money: the chain's own formulas along the
//! chain's own calendar, with one proof in every window as long as the data is there.

use holdfast_primitives::{
	policy::GIB, Balance, BlockNumber, CommP, PaddedPieceSize, PieceInfo, Policy, SectorSize,
};
use pallet_market::{monies as market, Deal, DealState};
use pallet_storage_provider::monies as provider;

/// A sector of one size, filled by one deal. Block 0 is that of its activation.
#[derive(Clone, Copy, Debug)]
pub struct Case {
	pub policy: Policy,
	pub size: SectorSize,
	/// What it costs the provider to store a GiB for a proving period.
	pub cost_per_gib_period: Balance,
	pub price_per_block: Balance,
	/// The first block that is paid for.
	pub start: BlockNumber,
	/// How many blocks are paid for.
	pub duration: BlockNumber,
	/// The block in which the sector's window opens for the first time.
	pub phase: BlockNumber,
}

/// What the provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
	/// Keeps the data and proves it to the end.
	Honest,
	/// Drops the data in this block, and proves nothing from then on.
	Drop(BlockNumber),
	/// Terminates the sector in this block, and drops the data.
	Terminate(BlockNumber),
	/// Publishes the deal and pre-commits the sector, and seals nothing.
	NeverSeal,
}

/// What each has more or less in the end. The provider's storage is paid to somebody outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
	/// The provider's tokens.
	pub provider: i128,
	/// The client's tokens.
	pub client: i128,
	/// What was burned.
	pub burned: i128,
	/// What storing cost the provider.
	pub storage: i128,
	/// How many blocks were paid for.
	pub paid_blocks: BlockNumber,
	/// What the client got out of the collateral.
	pub compensation: i128,
}

impl Outcome {
	/// What the provider has earned, less what its storage cost.
	pub fn profit(&self) -> i128 {
		self.provider - self.storage
	}
}

pub fn signed(amount: Balance) -> i128 {
	amount.try_into().unwrap()
}

impl Case {
	pub fn end(&self) -> BlockNumber {
		self.start + self.duration
	}

	/// A window more than the deal, so that its last window's proof covers all of it.
	pub fn expiration(&self) -> BlockNumber {
		self.end() + self.policy.challenge_window()
	}

	fn windows(&self) -> impl Iterator<Item = (BlockNumber, BlockNumber)> {
		let Case { policy, phase, .. } = *self;
		(0..)
			.map(move |round| phase + round * policy.proving_period)
			.map(move |open| (open, open + policy.challenge_window()))
	}

	/// When the sector ends if nothing happens to it: at the first close that is not before its expiration.
	pub fn last_close(&self) -> BlockNumber {
		let expiration = self.expiration();
		self.windows()
			.map(|(_, close)| close)
			.find(|close| *close >= expiration)
			.unwrap()
	}

	pub fn pledge(&self) -> Balance {
		provider::pledge(&self.policy, self.size).unwrap()
	}

	/// The deal as the chain has it after so many paid blocks, with the least collateral.
	pub fn deal(&self, paid_blocks: BlockNumber) -> Deal<u8> {
		let mut deal = Deal {
			piece: PieceInfo {
				commitment: CommP([1; 32]),
				size: PaddedPieceSize::new(self.size.bytes()).unwrap(),
			},
			client: 0,
			provider: 1,
			start: self.start,
			end: self.end(),
			price_per_block: self.price_per_block,
			provider_collateral: 0,
			nonce: 0,
			paid_blocks,
			state: DealState::Active { sector: 0 },
		};
		deal.provider_collateral = market::least_collateral(
			market::total(&deal),
			self.policy.min_collateral_basis_points,
		);
		deal
	}

	/// What so many blocks of storage cost.
	pub fn storage(&self, blocks: BlockNumber) -> i128 {
		let product =
			self.cost_per_gib_period * Balance::from(self.size.bytes()) * Balance::from(blocks);
		signed(product / (Balance::from(GIB) * Balance::from(self.policy.proving_period)))
	}

	/// The same deal at a price that pays for the storage of the whole sector's life, times `percent`.
	pub fn priced(self, percent: Balance) -> Self {
		let cost: Balance = self.storage(self.last_close()).try_into().unwrap();
		Self {
			price_per_block: (cost * percent).div_ceil(Balance::from(self.duration) * 100),
			..self
		}
	}

	/// The outcome for a provider that has `pocket` beside what it holds for the sector: fees beyond the
	/// pledge and that are not paid.
	pub fn outcome(&self, strategy: Strategy, pocket: Balance) -> Outcome {
		if strategy == Strategy::NeverSeal {
			let lost = signed(self.deal(0).provider_collateral);
			let deposit = signed(self.policy.pre_commit_deposit);
			return Outcome {
				provider: -lost - deposit,
				client: lost,
				burned: deposit,
				compensation: lost,
				..Default::default()
			};
		}
		let (kept_until, terminated_at) = match strategy {
			Strategy::Drop(block) => (block, None),
			Strategy::Terminate(block) => (block, Some(block)),
			_ => (self.last_close(), None),
		};
		let mut proven = 0;
		// The last block of the first missed window, in which the fault is found.
		let mut found = None;
		let mut fees = 0;
		let mut terminated = false;
		let terminate = |fees: &mut Balance| {
			*fees += provider::termination_fee(&self.policy, self.size, self.expiration());
		};
		for (open, close) in self.windows() {
			if terminated_at.is_some_and(|block| block < open) {
				terminated = true;
				terminate(&mut fees);
				break;
			}
			if open <= kept_until {
				proven = open;
			} else {
				fees += provider::fault_fee(&self.policy, self.size, 1);
				let found = *found.get_or_insert(close - 1);
				if close < self.expiration() && close - found >= self.policy.max_fault_age {
					terminated = true;
					terminate(&mut fees);
					break;
				}
			}
			if close >= self.expiration() {
				break;
			}
		}
		let burned = signed(fees.min(self.pledge() + pocket));
		let healthy = proven.min(self.end()).saturating_sub(self.start);
		let (paid_blocks, paid) = market::due(&self.deal(0), healthy);
		let compensation = signed(market::compensation(&self.deal(paid_blocks), terminated));
		Outcome {
			provider: signed(paid) - burned - compensation,
			client: compensation - signed(paid),
			burned,
			storage: self.storage(kept_until),
			paid_blocks,
			compensation,
		}
	}
}
