//! Whether a runtime has what this crate asks for.

use subxt::Metadata;

use crate::{shapes::storage::pallet, QueryError};

const STORAGE: [(&str, &str); 12] = [
	("System", "Account"),
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
	("System", "Events"),
];

const CALLS: [(&str, &str); 14] = [
	("Balances", "transfer_keep_alive"),
	(pallet::MARKET, "deposit"),
	(pallet::MARKET, "withdraw"),
	(pallet::MARKET, "publish_deals"),
	(pallet::MARKET, "settle_deals"),
	(pallet::PROVIDER, "register"),
	(pallet::PROVIDER, "set_addresses"),
	(pallet::PROVIDER, "set_ask"),
	(pallet::PROVIDER, "set_free_space"),
	(pallet::PROVIDER, "pre_commit_sectors"),
	(pallet::PROVIDER, "prove_commit_sectors"),
	(pallet::PROVIDER, "submit_window_post"),
	(pallet::PROVIDER, "declare_faults"),
	(pallet::PROVIDER, "declare_recoveries"),
];

/// Refuses a runtime that lacks storage or calls. The faucet may be absent: it is for test networks.
pub(crate) fn verify(metadata: &Metadata) -> Result<(), QueryError> {
	for (pallet, entry) in STORAGE {
		let found = metadata
			.pallet_by_name(pallet)
			.and_then(|pallet| pallet.storage())
			.is_some_and(|storage| storage.entry_by_name(entry).is_some());
		require(found, pallet, entry)?;
	}
	for (pallet, call) in CALLS {
		let found = metadata
			.pallet_by_name(pallet)
			.is_some_and(|pallet| pallet.call_variant_by_name(call).is_some());
		require(found, pallet, call)?;
	}
	Ok(())
}

fn require(found: bool, pallet: &str, item: &str) -> Result<(), QueryError> {
	if found {
		return Ok(());
	}
	Err(QueryError::Incompatible {
		what: format!("{pallet}.{item}"),
		reason: "the chain has no such thing: is this a Holdfast chain?".to_owned(),
	})
}
