//! What happens by time: windows close, faults cost and age, sectors and pre-commits end, deals that did not begin
//! are closed. What is due in a block is done in the order in which the chain's storage lists it, and what a
//! block has no room for comes first in the next.

use codec::Encode;
use sp_io::hashing::{blake2_128, twox_64};

use super::*;
use crate::chain::account;

/// Where the chain's storage lists a key.
fn place(key: &Key) -> impl Ord {
	let key = (account(key.0), key.1, key.2).encode();
	(blake2_128(&key), key)
}

impl Model {
	pub fn begin_block(&mut self) {
		self.now += 1;
		self.drips_in_block = 0;
		self.do_due();
		self.close_unstarted();
	}

	fn do_due(&mut self) {
		let mut left = self.due_limit as usize;
		for _ in 0..self.due_limit {
			if self.cursor > self.now {
				break;
			}
			self.do_block(self.cursor, &mut left);
			if left == 0 {
				break;
			}
			self.cursor += 1;
		}
	}

	/// The keys of a block, in storage's order, as many as there is room for.
	fn listed(keys: impl Iterator<Item = Key>, room: usize) -> Vec<Key> {
		let mut keys: Vec<_> = keys.collect();
		keys.sort_by_cached_key(place);
		keys.truncate(room);
		keys
	}

	fn do_block(&mut self, block: BlockNumber, left: &mut usize) {
		let lifetime = self.policy().pre_commit_lifetime;
		let mut expired: Vec<_> = self
			.pre_commits
			.iter()
			.filter(|(_, pre_commit)| pre_commit.since + lifetime + 1 == block)
			.map(|(name, _)| *name)
			.collect();
		expired.sort_by_cached_key(|name| blake2_128(&(account(name.0), name.1).encode()));
		for name in expired.into_iter().take(*left) {
			let deposit = self.pre_commits.remove(&name).unwrap().deposit;
			self.account(name.0).deposit -= deposit;
			self.ledger.lost_deposits += deposit;
			*left -= 1;
		}
		let closes = self
			.closes
			.range((block, (0, 0, 0))..(block + 1, (0, 0, 0)));
		for key in Self::listed(closes.map(|(_, key)| *key), *left) {
			self.closes.remove(&(block, key));
			self.close_window(block, &key);
			*left -= 1;
		}
		let ends = self.ends.range((block, (0, 0, 0))..(block + 1, (0, 0, 0)));
		for key in Self::listed(ends.map(|((_, key), _)| *key), *left) {
			if *left == 0 {
				break;
			}
			*left -= self.expire(block, &key, *left).max(1);
		}
	}

	/// What was due and not proven is faulty; what is faulty costs; what was faulty for too long ends.
	fn close_window(&mut self, close: BlockNumber, key: &Key) {
		let policy = self.policy();
		let who = key.0;
		let open = close - policy.proving_period / policy.deadlines;
		let proven = self.partitions[key].proven;
		let live: Vec<_> = self.partitions[key].live().collect();
		let mut faulty = 0;
		let mut old = BTreeSet::new();
		for number in &live {
			let sector = self.sectors.get_mut(&(who, *number)).unwrap();
			if proven < open {
				match &mut sector.fault {
					Some(fault) => fault.recovering = false,
					None => {
						// Found in the window's last block: what is declared in the block after it is another
						// fault.
						sector.fault = Some(Fault {
							since: proven,
							found: close - 1,
							recovering: false,
						})
					},
				}
			}
			if let Some(fault) = &sector.fault {
				faulty += 1;
				if fault.found + policy.max_fault_age <= close {
					old.insert(*number);
				}
			}
		}
		let fee = self.fault_fee(who, faulty);
		self.ledger.fault_fees += self.burn_fee(who, fee);
		let mut ending = self.ends.get(&(close, *key)).cloned().unwrap_or_default();
		if !old.is_empty() {
			ending.extend(old);
			self.ends.insert((close, *key), ending.clone());
		}
		if live.iter().any(|number| !ending.contains(number)) {
			self.closes.insert((close + policy.proving_period, *key));
		}
	}

	/// Ends sectors that are due, the first places first. Returns how many.
	fn expire(&mut self, close: BlockNumber, key: &Key, room: usize) -> usize {
		let due = self.ends.remove(&(close, *key)).unwrap();
		let mut numbers: Vec<_> = self.partitions[key]
			.live()
			.filter(|number| due.contains(number))
			.collect();
		assert_eq!(numbers.len(), due.len(), "what ends is there");
		let later = numbers.split_off(numbers.len().min(room));
		if !later.is_empty() {
			self.ends.insert((close, *key), later.into_iter().collect());
		}
		self.end(key, &numbers, close);
		numbers.len()
	}

	fn close_unstarted(&mut self) {
		let mut left = self.start_limit as usize;
		let mut block = self.start_cursor.unwrap_or(self.now);
		while block <= self.now && left > 0 {
			let mut deals: Vec<_> = self
				.starts
				.range((block, 0)..=(block, u64::MAX))
				.map(|(_, deal)| *deal)
				.collect();
			deals.sort_by_cached_key(|deal| twox_64(&deal.encode()));
			deals.truncate(left);
			for deal in &deals {
				self.starts.remove(&(block, *deal));
				self.close_deal(*deal);
			}
			if deals.len() < left {
				left -= 1;
				block += 1;
			}
			left -= deals.len();
		}
		self.start_cursor = Some(block);
	}
}
