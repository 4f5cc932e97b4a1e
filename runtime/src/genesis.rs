//! The genesis of development and local chains.

use crate::{constants::PARACHAIN_ID, *};
use alloc::{format, string::String, vec};
use frame_support::{build_struct_json_patch, traits::Contains};
use holdfast_primitives::{
	policy::HOLD, Digest, KeyId, KeyOrigin, Policy, ProofKind, ProofVersion, SectorSize,
};
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;
use sp_runtime::traits::Hash as _;

/// What each of the well-known development accounts has.
const ENDOWMENT: Balance = 1_000_000 * HOLD;

/// The verifying keys of the seeded set-up of `holdfast-prover`, whose trapdoor is public.
const DEVNET_KEYS: &[(ProofKind, SectorSize, &[u8])] = &[
	(
		ProofKind::PoRep,
		SectorSize::MiB8,
		include_bytes!("../keys/devnet/porep-8MiB.vk"),
	),
	(
		ProofKind::WindowPoSt,
		SectorSize::MiB8,
		include_bytes!("../keys/devnet/window-post-8MiB.vk"),
	),
	(
		ProofKind::PoRep,
		SectorSize::KiB2,
		include_bytes!("../keys/devnet/porep-2KiB.vk"),
	),
	(
		ProofKind::WindowPoSt,
		SectorSize::KiB2,
		include_bytes!("../keys/devnet/window-post-2KiB.vk"),
	),
];

/// Those keys by their digests.
pub struct DevnetKeys;

impl Contains<Digest> for DevnetKeys {
	fn contains(digest: &Digest) -> bool {
		DEVNET_KEYS
			.iter()
			.any(|(_, _, key)| BlakeTwo256::hash(key).0 == *digest)
	}
}

/// The presets that [`preset`] knows.
pub fn preset_names() -> Vec<PresetId> {
	vec![
		PresetId::from(DEV_RUNTIME_PRESET),
		PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET),
	]
}

/// A preset's genesis, as a JSON patch of the default one.
pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
	// Both chains are the same: only their specifications' names differ.
	if ![DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET].contains(&id.as_str()) {
		return None;
	}
	serde_json::to_vec(&development()).ok()
}

/// A chain for one machine: short periods, the set-up's keys, Alice as collator and as Root.
fn development() -> serde_json::Value {
	let collator = Sr25519Keyring::Alice;
	let collator_keys = SessionKeys {
		aura: collator.public().into(),
		authority_discovery: collator.public().into(),
	};
	build_struct_json_patch!(RuntimeGenesisConfig {
		parachain_info: ParachainInfoConfig {
			parachain_id: PARACHAIN_ID.into()
		},
		balances: BalancesConfig {
			balances: Sr25519Keyring::well_known()
				.map(|account| (account.to_account_id(), ENDOWMENT))
				.collect(),
		},
		sudo: SudoConfig {
			key: Some(Sr25519Keyring::Alice.to_account_id())
		},
		collator_selection: CollatorSelectionConfig {
			invulnerables: vec![collator.to_account_id()],
			candidacy_bond: 100 * HOLD,
		},
		session: SessionConfig {
			keys: vec![(
				collator.to_account_id(),
				collator.to_account_id(),
				collator_keys
			)],
		},
		polkadot_xcm: PolkadotXcmConfig {
			safe_xcm_version: Some(staging_xcm::latest::VERSION),
		},
		storage_provider: StorageProviderConfig {
			policy: Policy::devnet(),
			..Default::default()
		},
		proofs: ProofsConfig {
			keys: devnet_keys(),
			..Default::default()
		},
	})
}

fn devnet_keys() -> Vec<pallet_proofs::GenesisKey> {
	DEVNET_KEYS
		.iter()
		.map(|(kind, sector_size, key)| pallet_proofs::GenesisKey {
			id: KeyId {
				kind: *kind,
				sector_size: *sector_size,
			},
			version: ProofVersion::V1_2_0,
			origin: KeyOrigin::Devnet,
			key: to_hex(key),
			digest: to_hex(BlakeTwo256::hash(key).as_bytes()),
		})
		.collect()
}

fn to_hex(bytes: &[u8]) -> String {
	const_hex::encode_prefixed(bytes)
}

/// The state that a preset's chain begins with, for tests and tools.
#[cfg(feature = "std")]
pub fn preset_state(id: &PresetId) -> Result<sp_core::storage::Storage, String> {
	use sp_runtime::BuildStorage;

	let patch = preset(id).ok_or_else(|| format!("there is no preset {id}"))?;
	let patch = serde_json::from_slice(&patch).map_err(|error| error.to_string())?;
	let mut config =
		serde_json::to_value(RuntimeGenesisConfig::default()).map_err(|error| error.to_string())?;
	apply_patch(&mut config, patch);
	serde_json::from_value::<RuntimeGenesisConfig>(config)
		.map_err(|error| error.to_string())?
		.build_storage()
}

/// Overwrites what the patch names, as the node does with a chain specification's preset.
#[cfg(feature = "std")]
fn apply_patch(base: &mut serde_json::Value, patch: serde_json::Value) {
	use serde_json::Value;

	match (base, patch) {
		(Value::Object(base), Value::Object(patch)) => {
			for (key, value) in patch {
				apply_patch(base.entry(key).or_insert(Value::Null), value);
			}
		},
		(base, patch) => *base = patch,
	}
}
