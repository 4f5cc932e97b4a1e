//! A chain that outlasts the process: every call and every block is written down before it is answered, and played
//! again at the next start.

use std::{
	fs::{self, File, OpenOptions},
	io::Write,
	path::Path,
};

use codec::{Decode, Encode};
use holdfast_chain_client::{
	AccountId, Call, PostSubmission, PreCommitSector, ProveCommitSector, SignedProposal,
};
use holdfast_primitives::{CommR, DealProposal};

use super::{apply, TestChain};

#[derive(Encode, Decode)]
enum Entry {
	Block,
	Deposit(u128),
	Announce(u64),
	Publish(Vec<DealProposal<[u8; 32]>>),
	PreCommit(Vec<(u64, [u8; 32], u32, u32, Vec<u64>)>),
	Prove(Vec<u64>),
	Post(u32, Vec<(u32, Vec<u32>)>),
	Settle(Vec<u64>),
}

impl Entry {
	fn of(call: &Call) -> Option<Self> {
		Some(match call {
			Call::Deposit(amount) => Self::Deposit(*amount),
			Call::SetFreeSpace(space) => Self::Announce(*space),
			Call::PublishDeals(proposals) => Self::Publish(
				proposals
					.iter()
					.map(|signed| with_accounts(&signed.proposal, |account| account.0))
					.collect(),
			),
			Call::PreCommitSectors(sectors) => Self::PreCommit(
				sectors
					.iter()
					.map(|sector| {
						(
							sector.sector,
							sector.comm_r.0,
							sector.ticket_block,
							sector.expiration,
							sector.deals.clone(),
						)
					})
					.collect(),
			),
			Call::ProveCommitSectors(sectors) => {
				Self::Prove(sectors.iter().map(|sector| sector.sector).collect())
			},
			Call::SubmitWindowPost {
				deadline,
				submissions,
			} => Self::Post(
				*deadline,
				submissions
					.iter()
					.map(|one| (one.partition, one.skipped.clone()))
					.collect(),
			),
			Call::SettleDeals(deals) => Self::Settle(deals.clone()),
			// What is announced of addresses and prices has no consequences here.
			_ => return None,
		})
	}

	fn call(self) -> Option<Call> {
		Some(match self {
			Self::Block => return None,
			Self::Deposit(amount) => Call::Deposit(amount),
			Self::Announce(space) => Call::SetFreeSpace(space),
			Self::Publish(proposals) => Call::PublishDeals(
				proposals
					.into_iter()
					.map(|proposal| SignedProposal {
						proposal: with_accounts(&proposal, |account| AccountId(*account)),
						signature: [0; 64],
					})
					.collect(),
			),
			Self::PreCommit(sectors) => Call::PreCommitSectors(
				sectors
					.into_iter()
					.map(
						|(sector, comm_r, ticket_block, expiration, deals)| PreCommitSector {
							sector,
							comm_r: CommR(comm_r),
							ticket_block,
							expiration,
							deals,
						},
					)
					.collect(),
			),
			Self::Prove(sectors) => Call::ProveCommitSectors(
				sectors
					.into_iter()
					.map(|sector| ProveCommitSector {
						sector,
						proofs: Vec::new(),
					})
					.collect(),
			),
			Self::Post(deadline, submissions) => Call::SubmitWindowPost {
				deadline,
				submissions: submissions
					.into_iter()
					.map(|(partition, skipped)| PostSubmission {
						partition,
						skipped,
						proof: [0; 192],
					})
					.collect(),
			},
			Self::Settle(deals) => Call::SettleDeals(deals),
		})
	}
}

fn with_accounts<A, B>(proposal: &DealProposal<A>, of: impl Fn(&A) -> B) -> DealProposal<B> {
	DealProposal {
		piece: proposal.piece,
		client: of(&proposal.client),
		provider: of(&proposal.provider),
		start: proposal.start,
		end: proposal.end,
		price_per_block: proposal.price_per_block,
		provider_collateral: proposal.provider_collateral,
		nonce: proposal.nonce,
		expires: proposal.expires,
	}
}

/// The file of a chain.
pub struct Journal(File);

impl Journal {
	/// Plays what is written, and will write what follows.
	pub fn open(path: &Path, chain: &TestChain) -> Self {
		let text = fs::read_to_string(path).unwrap_or_default();
		for line in text.lines() {
			// The last line may have been cut: then its call was never answered.
			let Ok(bytes) = const_hex::decode(line) else {
				break;
			};
			let Ok(entry) = Entry::decode(&mut &bytes[..]) else {
				break;
			};
			chain.with(|state| {
				state.block += 1;
				let block = state.block;
				let Some(call) = entry.call() else { return };
				state.block -= 1;
				let events = apply(state, &call, chain.signer.account(), chain.sector_size);
				state.block = block;
				state.events.insert(block, events.unwrap());
				state.calls.push(call);
			});
		}
		let mut file = OpenOptions::new()
			.create(true)
			.append(true)
			.open(path)
			.unwrap();
		if !text.is_empty() && !text.ends_with('\n') {
			file.write_all(b"\n").unwrap();
		}
		Self(file)
	}

	/// Notes a call that made a block.
	pub fn call(&mut self, call: &Call) {
		self.write(&Entry::of(call).unwrap_or(Entry::Block));
	}

	/// Notes a block without a call.
	pub fn block(&mut self) {
		self.write(&Entry::Block);
	}

	fn write(&mut self, entry: &Entry) {
		let line = format!("{}\n", const_hex::encode(entry.encode()));
		self.0.write_all(line.as_bytes()).unwrap();
	}
}
