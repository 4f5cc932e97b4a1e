//! Keys that a chain begins with.

use holdfast_primitives::{KeyOrigin, ProofVersion, SectorSize};
use sp_runtime::BuildStorage;

use super::mock::*;
use crate::{GenesisConfig, GenesisKey};

fn genesis_key() -> GenesisKey {
	let id = window_post(SectorSize::KiB2);
	let bytes = key(id).verifying_key();
	GenesisKey {
		id,
		version: ProofVersion::V1_2_0,
		origin: KeyOrigin::Devnet,
		key: const_hex::encode_prefixed(&bytes),
		digest: const_hex::encode(digest(&bytes)),
	}
}

fn build(keys: Vec<GenesisKey>) -> sp_io::TestExternalities {
	let config = RuntimeGenesisConfig {
		proofs: GenesisConfig {
			keys,
			..Default::default()
		},
		..Default::default()
	};
	config.build_storage().unwrap().into()
}

#[test]
fn a_chain_begins_with_the_keys_of_its_genesis() {
	build(vec![genesis_key()]).execute_with(|| {
		assert!(Proofs::prepared(window_post(SectorSize::KiB2)).is_ok());
		Proofs::do_try_state().unwrap();
	});
}

#[test]
fn a_genesis_key_reads_from_json() {
	let json = serde_json::to_string(&genesis_key()).unwrap();
	assert!(
		json.contains(r#""id":{"kind":"window-po-st","sector_size":"2KiB"},"version":"1.2.0""#),
		"{json}"
	);
	assert_eq!(
		serde_json::from_str::<GenesisKey>(&json).unwrap(),
		genesis_key()
	);
}

#[test]
#[should_panic(expected = "is refused: DigestMismatch")]
fn a_chain_does_not_begin_with_a_key_of_another_digest() {
	build(vec![GenesisKey {
		digest: "00".repeat(32),
		..genesis_key()
	}]);
}

#[test]
#[should_panic(expected = "is not 64 hexadecimal digits")]
fn a_chain_does_not_begin_with_a_digest_that_is_none() {
	build(vec![GenesisKey {
		digest: "abc".into(),
		..genesis_key()
	}]);
}

#[test]
#[should_panic(expected = "is not hexadecimal")]
fn a_chain_does_not_begin_with_a_key_that_is_no_text_of_bytes() {
	build(vec![GenesisKey {
		key: "key".into(),
		..genesis_key()
	}]);
}

#[test]
#[should_panic(expected = "is refused: DevnetKeyRefused")]
fn a_chain_that_refuses_devnet_keys_does_not_begin_with_one() {
	AcceptDevnetKeys::set(false);
	build(vec![genesis_key()]);
}
