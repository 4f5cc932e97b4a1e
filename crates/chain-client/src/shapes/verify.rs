//! Whether a runtime has what this crate asks for.

use holdfast_primitives::{CommP, CommR, DealProposal, PaddedPieceSize, PieceInfo, SectorSize};
use subxt::client::{ClientAtBlock, OfflineClientAtBlockT};

use crate::{
	client::Config,
	shapes::{calls, storage::pallet},
	AccountId, Ask, Call, PostSubmission, PreCommitSector, ProveCommitSector, QueryError,
	SignedProposal,
};

const STORAGE: [(&str, &str); 12] = [
	("System", "Account"),
	("System", "Events"),
	("Balances", "Holds"),
	(pallet::RANDOMNESS, "History"),
	(pallet::MARKET, "Deals"),
	(pallet::MARKET, "Nonces"),
	(pallet::PROVIDER, "PolicyValue"),
	(pallet::PROVIDER, "Providers"),
	(pallet::PROVIDER, "PreCommits"),
	(pallet::PROVIDER, "Sectors"),
	(pallet::PROVIDER, "Partitions"),
	(pallet::PROVIDER, "PartitionSectors"),
];

/// Refuses a runtime that lacks storage, or to which a call cannot be encoded. The faucet may be absent:
/// it is for test networks.
pub(crate) fn verify<C>(chain: &ClientAtBlock<Config, C>) -> Result<(), QueryError>
where
	C: OfflineClientAtBlockT<Config>,
{
	for (pallet, entry) in STORAGE {
		let found = chain
			.metadata_ref()
			.pallet_by_name(pallet)
			.and_then(|pallet| pallet.storage())
			.is_some_and(|storage| storage.entry_by_name(entry).is_some());
		if !found {
			return Err(incompatible(
				(pallet, entry),
				"the chain has no such storage: is this a Holdfast chain?".to_owned(),
			));
		}
	}
	for call in one_of_each() {
		chain
			.tx()
			.call_data(&calls::payload(&call))
			.map_err(|error| incompatible(call.name(), error.to_string()))?;
	}
	Ok(())
}

fn incompatible((pallet, item): (&str, &str), reason: String) -> QueryError {
	QueryError::Incompatible {
		what: format!("{pallet}.{item}"),
		reason,
	}
}

/// A call of each kind, with something in each list.
fn one_of_each() -> Vec<Call> {
	let account = AccountId([0; 32]);
	let ask = Ask {
		price_per_gib_block: 0,
		min_piece_bytes: 0,
		max_piece_bytes: 0,
		accepting: false,
	};
	let addresses = vec!["http://localhost".to_owned()];
	let declarations = vec![(0, vec![0])];
	let proposals = PaddedPieceSize::for_unpadded(0)
		.map(|size| SignedProposal {
			proposal: DealProposal {
				piece: PieceInfo {
					commitment: CommP([0; 32]),
					size,
				},
				client: account,
				provider: account,
				start: 0,
				end: 0,
				price_per_block: 0,
				provider_collateral: 0,
				nonce: 0,
				expires: 0,
			},
			signature: [0; 64],
		})
		.into_iter()
		.collect();
	vec![
		Call::Register {
			sector_size: SectorSize::KiB2,
			addresses: addresses.clone(),
			ask,
			free_space: 0,
		},
		Call::SetAddresses(addresses),
		Call::SetAsk(ask),
		Call::SetFreeSpace(0),
		Call::Deposit(0),
		Call::Withdraw(0),
		Call::PublishDeals(proposals),
		Call::SettleDeals(vec![0]),
		Call::PreCommitSectors(vec![PreCommitSector {
			sector: 0,
			comm_r: CommR([0; 32]),
			ticket_block: 0,
			expiration: 0,
			deals: vec![0],
		}]),
		Call::ProveCommitSectors(vec![ProveCommitSector {
			sector: 0,
			proofs: vec![[0; 192]],
		}]),
		Call::SubmitWindowPost {
			deadline: 0,
			submissions: vec![PostSubmission {
				partition: 0,
				skipped: vec![0],
				proof: [0; 192],
			}],
		},
		Call::DeclareFaults {
			deadline: 0,
			declarations: declarations.clone(),
		},
		Call::DeclareRecoveries {
			deadline: 0,
			declarations,
		},
		Call::Transfer {
			to: account,
			amount: 0,
		},
	]
}
