//! The market's calls.

use std::collections::BTreeSet;

use holdfast_primitives::{DealExtension, DealProposal, PieceInfo, SectorNumber};
use pallet_storage_provider::PreCommitSector;

use super::*;

/// The most gaps of a sector that are told apart.
const MAX_GAPS: usize = 32;

/// A share in hundredths of a percent, rounded up.
fn share(amount: u128, basis_points: u32) -> u128 {
	let points = u128::from(basis_points);
	let (whole, rest) = (amount / 10_000, amount % 10_000);
	whole * points + (rest * points).div_ceil(10_000)
}

impl Deal {
	fn duration(&self) -> u32 {
		self.end - self.start
	}

	pub fn unpaid(&self) -> u128 {
		match self.progress {
			Progress::Cancelled => 0,
			_ => self.price * u128::from(self.duration() - self.paid),
		}
	}

	pub fn locked(&self) -> u128 {
		match self.progress {
			Progress::Cancelled => 0,
			_ => self.collateral,
		}
	}
}

impl Model {
	pub(super) fn deposit(&mut self, who: Who, amount: u128) -> Broken {
		let mut broken = Broken::new();
		let account = self.account(who);
		rule(&mut broken, amount > 0, "ZeroAmount");
		rule(
			&mut broken,
			amount <= account.spendable(),
			"InsufficientBalance",
		);
		if broken.is_empty() {
			account.free -= amount;
			account.escrow += amount;
		}
		broken
	}

	pub(super) fn withdraw(&mut self, who: Who, amount: u128) -> Broken {
		let mut broken = Broken::new();
		let account = self.account(who);
		rule(&mut broken, amount > 0, "ZeroAmount");
		rule(&mut broken, amount <= account.escrow, "InsufficientEscrow");
		if broken.is_empty() {
			account.escrow -= amount;
			account.free += amount;
		}
		broken
	}

	pub(super) fn publish(&mut self, who: Who, list: &[(DealProposal<Who>, bool)]) -> Expected {
		let mut expected = Expected::default();
		rule(&mut expected.call, !list.is_empty(), "EmptyBatch");
		let registered = self.providers.contains_key(&who);
		rule(&mut expected.call, registered, "ProviderNotRegistered");
		if !expected.call.is_empty() {
			return expected;
		}
		for (proposal, signed) in list {
			let mut next = self.clone();
			let broken = next.publish_one(who, proposal, *signed);
			if broken.is_empty() {
				*self = next;
			}
			expected.items.push(broken);
		}
		if expected.items.iter().all(|broken| !broken.is_empty()) {
			expected.call = expected.items[0].clone();
		}
		expected
	}

	fn publish_one(&mut self, who: Who, proposal: &DealProposal<Who>, signed: bool) -> Broken {
		let mut broken = Broken::new();
		let broken = &mut broken;
		let (policy, now) = (self.policy(), self.now);
		let DealProposal {
			piece,
			client,
			provider,
			start,
			end,
			price_per_block: price,
			provider_collateral: collateral,
			nonce,
			expires,
		} = *proposal;
		let size = piece.size.bytes();
		rule(broken, provider == who, "WrongProvider");
		rule(
			broken,
			size >= 128 && size.is_power_of_two(),
			"InvalidPieceSize",
		);
		rule(broken, piece.commitment.0[31] < 64, "InvalidCommitment");
		rule(
			broken,
			size <= self.providers[&who].size.bytes(),
			"PieceTooLarge",
		);
		rule(broken, now <= expires, "ProposalExpired");
		rule(broken, expires <= start, "ExpiresAfterStart");
		rule(broken, now < start, "StartPassed");
		let delay = start.saturating_sub(now);
		rule(broken, delay <= policy.max_deal_start_delay, "StartTooFar");
		let duration = end.saturating_sub(start);
		let allowed = policy.min_deal_duration..=policy.max_deal_duration;
		rule(
			broken,
			start < end && allowed.contains(&duration),
			"InvalidDuration",
		);
		rule(broken, price > 0, "ZeroPrice");
		rule(
			broken,
			!self.nonces().contains(&(client, nonce)),
			"NonceUsed",
		);
		rule(broken, signed, "InvalidSignature");
		let Some(total) = price.checked_mul(duration.into()) else {
			rule(broken, false, "PriceOverflow");
			return broken.clone();
		};
		let least = share(total, policy.min_collateral_basis_points).max(1);
		rule(broken, collateral >= least, "CollateralTooLow");
		let payer = self.account(client);
		rule(broken, total <= payer.escrow, "InsufficientClientEscrow");
		payer.escrow -= total.min(payer.escrow);
		payer.payment = payer.payment.saturating_add(total);
		let keeper = self.account(who);
		rule(
			broken,
			collateral <= keeper.escrow,
			"InsufficientProviderEscrow",
		);
		keeper.escrow -= collateral.min(keeper.escrow);
		keeper.collateral = keeper.collateral.saturating_add(collateral);
		let id = self.next_deal;
		self.next_deal += 1;
		self.starts.insert((start, id));
		let deal = Deal {
			piece,
			client,
			provider,
			start,
			end,
			price,
			collateral,
			nonce,
			paid: 0,
			progress: Progress::Published,
		};
		self.deals.insert(id, deal);
		broken.clone()
	}

	/// The clients' nonces that cannot be used.
	pub fn nonces(&self) -> BTreeSet<(Who, u64)> {
		self.deals
			.values()
			.map(|deal| (deal.client, deal.nonce))
			.collect()
	}

	/// The rules that a deal keeps which a sector of the provider is to hold.
	fn check_before_start(&self, who: Who, deal: &Deal, broken: &mut Broken) {
		rule(broken, deal.provider == who, "NotTheDealsProvider");
		let active = matches!(deal.progress, Progress::Active(_));
		rule(broken, !active, "DealAlreadyActive");
		rule(
			broken,
			deal.progress != Progress::Cancelled,
			"DealIsCancelled",
		);
		rule(broken, self.now < deal.start, "DealStartPassed");
	}

	/// Reserves the deals of a sector; returns their pieces.
	pub(super) fn reserve(
		&mut self,
		who: Who,
		item: &PreCommitSector,
		until: BlockNumber,
		broken: &mut Broken,
	) -> Vec<PieceInfo> {
		let now = self.now;
		let mut pieces = Vec::new();
		for id in &item.deals {
			let Some(deal) = self.deals.get(id).cloned() else {
				rule(broken, false, "DealNotFound");
				continue;
			};
			self.check_before_start(who, &deal, broken);
			let reserved = matches!(deal.progress, Progress::Reserved(_, until) if now < until);
			rule(broken, !reserved, "DealPreCommitted");
			rule(broken, deal.end <= item.expiration, "SectorEndsBeforeDeal");
			pieces.push(deal.piece);
			let deal = self.deals.get_mut(id).unwrap();
			deal.progress = Progress::Reserved(item.sector, until);
		}
		pieces
	}

	/// Starts the deals of a proven sector.
	pub(super) fn start_deals(
		&mut self,
		who: Who,
		number: SectorNumber,
		deals: &[u64],
		broken: &mut Broken,
	) {
		for id in deals {
			let Some(deal) = self.deals.get(id).cloned() else {
				rule(broken, false, "DealNotFound");
				continue;
			};
			self.check_before_start(who, &deal, broken);
			let here = matches!(deal.progress, Progress::Reserved(there, _) if there == number);
			rule(broken, here, "DealNotInSector");
			self.starts.remove(&(deal.start, *id));
			self.deals.get_mut(id).unwrap().progress = Progress::Active(number);
		}
	}

	/// A deal that is not active at its start: the client gets its money and the collateral.
	pub(super) fn close_deal(&mut self, id: u64) {
		let deal = self.deals.remove(&id).unwrap();
		let (refund, collateral) = (deal.unpaid(), deal.locked());
		let client = self.account(deal.client);
		client.payment -= refund;
		client.escrow += refund + collateral;
		self.account(deal.provider).collateral -= collateral;
	}

	/// How many of the deal's blocks were healthy, before which block that is final, and whether the sector ended
	/// too early.
	pub fn health(&self, deal: &Deal, number: SectorNumber) -> (u32, BlockNumber, bool) {
		let sector = &self.sectors[&(deal.provider, number)];
		let proven = match (&sector.ended, &sector.fault) {
			(Some((proven, _)), _) => *proven,
			(None, Some(fault)) => fault.since,
			(None, None) => self.partitions[&sector.home].proven,
		};
		let mut gaps: Vec<(u32, u32)> = Vec::new();
		for (from, to) in &sector.gaps {
			let full = gaps.len() == MAX_GAPS;
			match gaps.last_mut() {
				Some(last) if *from <= last.1 => last.1 = last.1.max(*to),
				Some(last) if full => last.1 = *to,
				_ => gaps.push((*from, *to)),
			}
		}
		let (from, to) = (deal.start.max(sector.activated), deal.end.min(proven));
		let lost: u32 = gaps
			.iter()
			.map(|gap| gap.1.min(to).saturating_sub(gap.0.max(from)))
			.sum();
		let healthy = to.saturating_sub(from) - lost;
		let (decided, terminated) = match sector.ended {
			Some((_, early)) => (BlockNumber::MAX, early),
			None => (proven, false),
		};
		(healthy, decided, terminated)
	}

	pub(super) fn settle(&mut self, list: &[u64]) -> Expected {
		let mut expected = Expected::default();
		rule(&mut expected.call, !list.is_empty(), "EmptyBatch");
		for id in list {
			let mut broken = Broken::new();
			let deal = self.deals.get(id).cloned();
			rule(&mut broken, deal.is_some(), "DealNotFound");
			if let Some(deal) = deal {
				rule(&mut broken, self.now >= deal.start, "DealNotStarted");
				match deal.progress {
					Progress::Active(number) if broken.is_empty() => {
						self.settle_one(*id, deal, number)
					},
					Progress::Active(_) => (),
					_ => rule(&mut broken, false, "DealNotActive"),
				}
			}
			expected.items.push(broken);
		}
		let none = expected.items.iter().all(|broken| !broken.is_empty());
		if let (true, Some(first)) = (none, expected.items.first()) {
			expected.call = first.clone();
		}
		// Only refusals have an event in every case.
		expected.items.retain(|broken| !broken.is_empty());
		expected
	}

	fn settle_one(&mut self, id: u64, mut deal: Deal, number: SectorNumber) {
		let (healthy, decided, terminated) = self.health(&deal, number);
		assert!(healthy >= deal.paid, "health only grows");
		let owed = deal.price * u128::from(healthy - deal.paid);
		deal.paid = healthy;
		self.account(deal.client).payment -= owed;
		let receiver = self.beneficiary(deal.provider);
		let there = self.account(receiver).free + owed;
		if owed > 0 && there < EXISTENTIAL_DEPOSIT {
			// An account cannot take so small a sum: the provider's escrow does.
			self.account(deal.provider).escrow += owed;
		} else {
			self.account(receiver).free += owed;
		}
		if decided < deal.end {
			self.deals.insert(id, deal);
			return;
		}
		let refund = deal.unpaid();
		let unhealthy = u128::from(deal.duration() - deal.paid);
		let compensation = match (unhealthy, terminated) {
			(0, _) => 0,
			(_, true) => deal.collateral,
			_ => (deal.collateral * unhealthy).div_ceil(deal.duration().into()),
		};
		let client = self.account(deal.client);
		client.payment -= refund;
		client.escrow += refund + compensation;
		let provider = self.account(deal.provider);
		provider.collateral -= deal.collateral;
		provider.escrow += deal.collateral - compensation;
		self.deals.remove(&id);
		let name = (deal.provider, number);
		let sector = self.sectors.get_mut(&name).unwrap();
		sector.open_deals -= 1;
		if sector.open_deals == 0 && sector.ended.is_some() {
			self.sectors.remove(&name);
		}
	}

	pub(super) fn cancel(&mut self, who: Who, id: u64) -> Broken {
		let mut broken = Broken::new();
		let Some(mut deal) = self.deals.get(&id).cloned() else {
			rule(&mut broken, false, "DealNotFound");
			return broken;
		};
		let now = self.now;
		rule(&mut broken, deal.client == who, "NotTheDealsClient");
		let active = matches!(deal.progress, Progress::Active(_));
		rule(&mut broken, !active, "DealAlreadyActive");
		rule(
			&mut broken,
			deal.progress != Progress::Cancelled,
			"DealIsCancelled",
		);
		let reserved = matches!(deal.progress, Progress::Reserved(_, until) if now < until);
		rule(&mut broken, !reserved, "DealPreCommitted");
		rule(&mut broken, now < deal.start, "DealStartPassed");
		if !broken.is_empty() {
			return broken;
		}
		let total = deal.unpaid();
		let fee = share(total, self.policy().cancellation_fee_basis_points).min(total);
		let client = self.account(deal.client);
		client.payment -= total;
		client.escrow += total - fee;
		let provider = self.account(deal.provider);
		provider.collateral -= deal.collateral;
		provider.escrow += deal.collateral + fee;
		deal.progress = Progress::Cancelled;
		self.deals.insert(id, deal);
		broken
	}

	pub(super) fn extend_deal(
		&mut self,
		who: Who,
		extension: &DealExtension,
		signed: bool,
	) -> Broken {
		let mut broken = Broken::new();
		let broken = &mut broken;
		let Some(mut deal) = self.deals.get(&extension.deal).cloned() else {
			rule(broken, false, "DealNotFound");
			return broken.clone();
		};
		let policy = self.policy();
		rule(broken, deal.provider == who, "NotTheDealsProvider");
		rule(broken, self.now < deal.end, "DealEnded");
		rule(broken, self.now <= extension.expires, "ExtensionExpired");
		rule(broken, extension.end == deal.end, "ExtensionOutdated");
		rule(broken, signed, "InvalidSignature");
		let added = extension.new_end.saturating_sub(deal.end);
		let duration = extension.new_end.saturating_sub(deal.start);
		let allowed = added > 0 && duration <= policy.max_deal_duration;
		rule(broken, allowed, "InvalidDuration");
		let promised = match deal.progress {
			Progress::Active(number) => self
				.sectors
				.get(&(deal.provider, number))
				.filter(|sector| sector.ended.is_none())
				.map_or(0, |sector| sector.expiration),
			_ => {
				rule(broken, false, "DealNotActive");
				0
			},
		};
		rule(
			broken,
			extension.new_end <= promised,
			"SectorEndsBeforeDeal",
		);
		if !broken.is_empty() {
			return broken.clone();
		}
		let price = deal.price * u128::from(added);
		let collateral = share(price, policy.min_collateral_basis_points).max(1);
		let client = self.account(deal.client);
		rule(broken, price <= client.escrow, "InsufficientClientEscrow");
		client.escrow -= price.min(client.escrow);
		client.payment += price;
		let provider = self.account(who);
		rule(
			broken,
			collateral <= provider.escrow,
			"InsufficientProviderEscrow",
		);
		provider.escrow -= collateral.min(provider.escrow);
		provider.collateral += collateral;
		deal.end = extension.new_end;
		deal.collateral += collateral;
		self.deals.insert(extension.deal, deal);
		broken.clone()
	}
}
