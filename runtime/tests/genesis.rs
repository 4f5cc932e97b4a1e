//! The presets make chains that can start.

#![allow(clippy::unwrap_used)]

use holdfast_primitives::{KeyId, Policy, ProofKind, ProofVersion, SectorSize};
use holdfast_runtime::{genesis, *};
use sp_keyring::Sr25519Keyring;

fn preset_state(id: &str) -> sp_io::TestExternalities {
	genesis::preset_state(&id.into()).unwrap().into()
}

#[test]
fn every_preset_builds() {
	for id in genesis::preset_names() {
		preset_state(&id).execute_with(|| {
			assert_eq!(
				ParachainInfo::parachain_id(),
				constants::PARACHAIN_ID.into()
			);
			assert_eq!(pallet_aura::Authorities::<Runtime>::get().len(), 1);
			assert_eq!(
				AuthorityDiscovery::current_authorities().into_inner(),
				[Sr25519Keyring::Alice.public().into()]
			);
			assert_eq!(
				pallet_sudo::Key::<Runtime>::get(),
				Some(Sr25519Keyring::Alice.to_account_id())
			);
			assert!(Balances::free_balance(Sr25519Keyring::Bob.to_account_id()) > 0);
			assert_eq!(
				pallet_storage_provider::PolicyValue::<Runtime>::get(),
				Policy::devnet()
			);
		});
	}
}

#[test]
fn development_chains_verify_the_development_sector_size() {
	preset_state("development").execute_with(|| {
		for kind in [ProofKind::PoRep, ProofKind::WindowPoSt] {
			let id = KeyId {
				kind,
				sector_size: SectorSize::MiB8,
			};
			assert!(
				pallet_proofs::Keys::<Runtime>::contains_key(id, ProofVersion::V1_2_0),
				"{id:?}"
			);
		}
	});
}

#[test]
fn an_unknown_preset_is_none() {
	assert_eq!(genesis::preset(&"production".into()), None);
	assert!(genesis::preset_state(&"production".into()).is_err());
}

#[test]
fn the_default_genesis_has_no_superuser_and_the_strict_policy() {
	let config = RuntimeGenesisConfig::default();
	assert_eq!(config.sudo.key, None);
	assert_eq!(config.storage_provider.policy, Policy::production());
	assert!(config.proofs.keys.is_empty());
}
