//! What can be sent to the chain.

use holdfast_primitives::{
	Balance, BlockNumber, CommR, DeadlineIndex, DealId, DealProposal, PartitionIndex, ProofBytes,
	SectorNumber, SectorSize,
};

use crate::{AccountId, Ask};

/// The most proposals in one [`Call::PublishDeals`], and deals in one [`Call::SettleDeals`].
pub const MAX_DEALS_PER_CALL: usize = 32;
/// The most sectors in one pre-commit or prove-commit, and partitions in one window PoSt or
/// declaration.
pub const MAX_SECTORS_PER_CALL: usize = 16;
/// The most deals in one sector.
pub const MAX_DEALS_PER_SECTOR: usize = 64;
/// The most sectors of one partition of which one call declares faults or recoveries.
pub const MAX_DECLARED_PER_PARTITION: usize = 64;
/// How many positions any partition has at most.
pub const MAX_POSITIONS: u32 = 2349;
/// The most addresses of a provider.
pub const MAX_ADDRESSES: usize = 4;
/// The most bytes of an address of a provider.
pub const MAX_ADDRESS_BYTES: usize = 128;

/// A client's proposal with the client's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedProposal {
	/// What is proposed.
	pub proposal: DealProposal<AccountId>,
	/// The client's sr25519 signature of `proposal.signing_bytes(genesis hash)`.
	pub signature: [u8; 64],
}

/// A sealed sector to pre-commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreCommitSector {
	/// The sector's number, not used before.
	pub sector: SectorNumber,
	/// The commitment to the sealed sector.
	pub comm_r: CommR,
	/// The block that the ticket is of.
	pub ticket_block: BlockNumber,
	/// When the sector is to expire.
	pub expiration: BlockNumber,
	/// The deals whose pieces are in it, in order.
	pub deals: Vec<DealId>,
}

/// A pre-committed sector to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProveCommitSector {
	/// The sector's number.
	pub sector: SectorNumber,
	/// As many proofs as `sector_size.porep_partitions()`.
	pub proofs: Vec<ProofBytes>,
}

/// The window PoSt of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostSubmission {
	/// The partition in the deadline.
	pub partition: PartitionIndex,
	/// The positions within the partition of the sectors that the proof leaves out, although they are due:
	/// see [`Partition::position`](crate::Partition::position). They become faulty.
	pub skipped: Vec<u32>,
	/// The proof of the other sectors that are due.
	pub proof: ProofBytes,
}

/// A call, for [`Sender::submit`](crate::Sender::submit).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
	/// Registers the sender as a provider.
	Register {
		/// The size of all its sectors.
		sector_size: SectorSize,
		/// Where its HTTP API is.
		addresses: Vec<String>,
		/// What it asks for.
		ask: Ask,
		/// The bytes that it has free.
		free_space: u64,
	},
	/// Changes a provider's announced addresses.
	SetAddresses(Vec<String>),
	/// Changes what a provider asks for.
	SetAsk(Ask),
	/// Changes a provider's announced free space.
	SetFreeSpace(u64),
	/// Moves an amount from the free balance into the market's escrow.
	Deposit(Balance),
	/// Moves an amount out of the market's escrow.
	Withdraw(Balance),
	/// Publishes clients' proposals; the sender is the provider. Each has its own result: look for
	/// [`Event::DealPublished`](crate::Event::DealPublished) and
	/// [`Event::DealRefused`](crate::Event::DealRefused). Fails if all are refused.
	PublishDeals(Vec<SignedProposal>),
	/// Pays what deals have earned; anybody may.
	SettleDeals(Vec<DealId>),
	/// Pre-commits sealed sectors.
	PreCommitSectors(Vec<PreCommitSector>),
	/// Proves sectors. Each has its own result: look for
	/// [`Event::SectorProven`](crate::Event::SectorProven) and
	/// [`Event::ProofRefused`](crate::Event::ProofRefused).
	ProveCommitSectors(Vec<ProveCommitSector>),
	/// Proves partitions of a deadline that is open. Each has its own result: look for
	/// [`Event::WindowPoStAccepted`](crate::Event::WindowPoStAccepted) and
	/// [`Event::WindowPoStRefused`](crate::Event::WindowPoStRefused). Free if none is refused.
	SubmitWindowPost {
		/// The deadline.
		deadline: DeadlineIndex,
		/// The proofs.
		submissions: Vec<PostSubmission>,
	},
	/// Declares sectors faulty before their challenge is known, so that the others can be proven.
	DeclareFaults {
		/// The deadline.
		deadline: DeadlineIndex,
		/// The sectors of each partition.
		declarations: Vec<(PartitionIndex, Vec<SectorNumber>)>,
	},
	/// Declares that faulty sectors will be proven again at the deadline's next opening.
	DeclareRecoveries {
		/// The deadline.
		deadline: DeadlineIndex,
		/// The sectors of each partition.
		declarations: Vec<(PartitionIndex, Vec<SectorNumber>)>,
	},
	/// Sends money from the free balance; the sender's account is kept alive.
	Transfer {
		/// Who gets it.
		to: AccountId,
		/// How much.
		amount: Balance,
	},
}

impl Call {
	/// The pallet and the name of the call on the chain.
	pub const fn name(&self) -> (&'static str, &'static str) {
		match self {
			Self::Register { .. } => ("StorageProvider", "register"),
			Self::SetAddresses(_) => ("StorageProvider", "set_addresses"),
			Self::SetAsk(_) => ("StorageProvider", "set_ask"),
			Self::SetFreeSpace(_) => ("StorageProvider", "set_free_space"),
			Self::Deposit(_) => ("Market", "deposit"),
			Self::Withdraw(_) => ("Market", "withdraw"),
			Self::PublishDeals(_) => ("Market", "publish_deals"),
			Self::SettleDeals(_) => ("Market", "settle_deals"),
			Self::PreCommitSectors(_) => ("StorageProvider", "pre_commit_sectors"),
			Self::ProveCommitSectors(_) => ("StorageProvider", "prove_commit_sectors"),
			Self::SubmitWindowPost { .. } => ("StorageProvider", "submit_window_post"),
			Self::DeclareFaults { .. } => ("StorageProvider", "declare_faults"),
			Self::DeclareRecoveries { .. } => ("StorageProvider", "declare_recoveries"),
			Self::Transfer { .. } => ("Balances", "transfer_keep_alive"),
		}
	}

	/// Refuses what the chain could not even decode: lists and texts beyond their bounds.
	pub fn check(&self) -> Result<(), CallError> {
		match self {
			Self::Register { addresses, .. } | Self::SetAddresses(addresses) => {
				at_most("addresses", addresses.len(), MAX_ADDRESSES)?;
				for address in addresses {
					at_most("bytes in an address", address.len(), MAX_ADDRESS_BYTES)?;
				}
				Ok(())
			},
			Self::PublishDeals(proposals) => {
				at_most("proposals", proposals.len(), MAX_DEALS_PER_CALL)
			},
			Self::SettleDeals(deals) => at_most("deals", deals.len(), MAX_DEALS_PER_CALL),
			Self::PreCommitSectors(sectors) => {
				at_most("sectors", sectors.len(), MAX_SECTORS_PER_CALL)?;
				for sector in sectors {
					at_most(
						"deals in a sector",
						sector.deals.len(),
						MAX_DEALS_PER_SECTOR,
					)?;
				}
				Ok(())
			},
			Self::ProveCommitSectors(sectors) => {
				at_most("sectors", sectors.len(), MAX_SECTORS_PER_CALL)?;
				for sector in sectors {
					at_most(
						"proofs of a sector",
						sector.proofs.len(),
						MAX_PROOFS_PER_SECTOR,
					)?;
				}
				Ok(())
			},
			Self::SubmitWindowPost { submissions, .. } => {
				at_most("partitions", submissions.len(), MAX_SECTORS_PER_CALL)?;
				for submission in submissions {
					if let Some(position) = submission
						.skipped
						.iter()
						.find(|position| **position >= MAX_POSITIONS)
					{
						return Err(CallError::NoSuchPosition(*position));
					}
				}
				Ok(())
			},
			Self::DeclareFaults { declarations, .. }
			| Self::DeclareRecoveries { declarations, .. } => {
				at_most("partitions", declarations.len(), MAX_SECTORS_PER_CALL)?;
				for (_, sectors) in declarations {
					at_most(
						"sectors of a partition",
						sectors.len(),
						MAX_DECLARED_PER_PARTITION,
					)?;
				}
				Ok(())
			},
			Self::SetAsk(_)
			| Self::SetFreeSpace(_)
			| Self::Deposit(_)
			| Self::Withdraw(_)
			| Self::Transfer { .. } => Ok(()),
		}
	}
}

/// The proofs of a sector of 32 or 64 GiB.
const MAX_PROOFS_PER_SECTOR: usize = 10;

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), CallError> {
	if found > limit {
		Err(CallError::TooMany { what, found, limit })
	} else {
		Ok(())
	}
}

/// A call that the chain would not accept in this form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
	/// A list is longer than the chain allows.
	#[error("{found} {what} in one call, at most {limit} are allowed: split the call")]
	TooMany {
		/// What there is too much of.
		what: &'static str,
		/// How many there are.
		found: usize,
		/// How many there may be.
		limit: usize,
	},
	/// A position that no partition has.
	#[error("no partition has a position {0}: the last is {last}", last = MAX_POSITIONS - 1)]
	NoSuchPosition(u32),
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn lists_beyond_their_bounds_are_refused() {
		let sector = PreCommitSector {
			sector: 1,
			comm_r: CommR([0; 32]),
			ticket_block: 1,
			expiration: 2,
			deals: vec![0; 65],
		};
		let proven = ProveCommitSector {
			sector: 1,
			proofs: vec![[0; 192]; 11],
		};
		let submission = PostSubmission {
			partition: 0,
			skipped: vec![],
			proof: [0; 192],
		};
		let declarations = vec![(0, vec![0; 65])];
		let calls = [
			Call::SetAddresses(vec![String::new(); 5]),
			Call::SetAddresses(vec!["a".repeat(129)]),
			Call::SettleDeals(vec![0; 33]),
			Call::PreCommitSectors(vec![sector.clone()]),
			Call::PreCommitSectors(vec![
				PreCommitSector {
					deals: vec![],
					..sector
				};
				17
			]),
			Call::ProveCommitSectors(vec![proven.clone()]),
			Call::ProveCommitSectors(vec![
				ProveCommitSector {
					proofs: vec![],
					..proven
				};
				17
			]),
			Call::SubmitWindowPost {
				deadline: 0,
				submissions: vec![submission; 17],
			},
			Call::DeclareRecoveries {
				deadline: 0,
				declarations: declarations.clone(),
			},
			Call::DeclareFaults {
				deadline: 0,
				declarations,
			},
			Call::DeclareFaults {
				deadline: 0,
				declarations: vec![(0, vec![]); 17],
			},
		];
		for call in calls {
			let error = call.check().unwrap_err();
			assert!(error.to_string().ends_with("split the call"), "{error}");
		}
	}

	#[test]
	fn positions_beyond_every_partition_are_refused() {
		let call = Call::SubmitWindowPost {
			deadline: 0,
			submissions: vec![PostSubmission {
				partition: 0,
				skipped: vec![1, 2349],
				proof: [0; 192],
			}],
		};
		assert_eq!(call.check(), Err(CallError::NoSuchPosition(2349)));
	}

	#[test]
	fn lists_within_their_bounds_are_accepted() {
		let calls = [
			Call::SetAddresses(vec!["a".repeat(128); 4]),
			Call::SettleDeals(vec![0; 32]),
			Call::Deposit(u128::MAX),
			Call::PublishDeals(vec![]),
			Call::SubmitWindowPost {
				deadline: 0,
				submissions: vec![
					PostSubmission {
						partition: 0,
						skipped: vec![0, 2348],
						proof: [0; 192],
					};
					16
				],
			},
		];
		for call in calls {
			assert_eq!(call.check(), Ok(()));
		}
	}
}
