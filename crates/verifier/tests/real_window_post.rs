//! Seals 2 KiB sectors with filecoin-proofs, proves them, and verifies the proofs.
//!
//! With `HOLDFAST_WRITE_FIXTURES` set, what it made is written to `fixtures/`.
#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeMap, fs::File, io::Cursor, path::Path};

use filecoin_proofs::{
	add_piece, generate_window_post, parameters::window_post_public_params, seal_pre_commit_phase1,
	seal_pre_commit_phase2, verify_window_post, PoRepConfig, PoStConfig, PoStType,
	PrivateReplicaInfo, PublicReplicaInfo, SectorShape2KiB as Tree, UnpaddedBytesAmount,
	SECTOR_SIZE_2_KIB, WINDOW_POST_CHALLENGE_COUNT,
};
use holdfast_verifier::{
	window_post::{self, Statement},
	PreparedVerifyingKey, VerifyError,
};
use rand_chacha::rand_core::RngCore;
use storage_proofs_core::{api_version::ApiVersion, compound_proof::CompoundProof};
use storage_proofs_post::fallback::FallbackPoStCompound;

const PROVER: [u8; 32] = [7; 32];

fn seal(directory: &Path, number: u64) -> (PrivateReplicaInfo<Tree>, [u8; 32]) {
	let mut rng = common::rng(number);
	let mut data = vec![0; 2032];
	rng.fill_bytes(&mut data);
	let (cache, staged, sealed) = (
		directory.join("cache"),
		directory.join("staged"),
		directory.join("sealed"),
	);
	std::fs::create_dir_all(&cache).unwrap();
	File::create(&sealed).unwrap();
	let (piece, _) = add_piece(
		Cursor::new(data),
		File::create(&staged).unwrap(),
		UnpaddedBytesAmount(2032),
		&[],
	)
	.unwrap();
	let config = PoRepConfig::new_groth16(SECTOR_SIZE_2_KIB, [5; 32], ApiVersion::V1_2_0);
	let ticket = common::any_bytes(&mut rng);
	let phase1 = seal_pre_commit_phase1::<_, _, _, Tree>(
		&config,
		&cache,
		&staged,
		&sealed,
		PROVER,
		number.into(),
		ticket,
		&[piece],
	)
	.unwrap();
	let output = seal_pre_commit_phase2(&config, phase1, &cache, &sealed).unwrap();
	(
		PrivateReplicaInfo::new(sealed, output.comm_r, cache).unwrap(),
		output.comm_r,
	)
}

fn fixture(randomness: &[u8; 32], sectors: &[(u64, [u8; 32])], proof: &[u8; 192]) -> String {
	let value = serde_json::json!({
		"kind": "window-post",
		"key": "window-post-2KiB.vk",
		"sectorSize": "2KiB",
		"randomness": const_hex::encode(randomness),
		"sectors": sectors
			.iter()
			.map(|(number, comm_r)| {
				serde_json::json!({ "number": number, "commR": const_hex::encode(comm_r) })
			})
			.collect::<Vec<_>>(),
		"proofs": [const_hex::encode(proof)],
	});
	format!("{value:#}\n")
}

#[test]
fn proofs_of_filecoins_prover_verify() {
	let directory = tempfile::tempdir().unwrap();
	// Read once, when filecoin-proofs first needs its settings; this is the only test of this
	// program.
	std::env::set_var(
		"FIL_PROOFS_PARAMETER_CACHE",
		directory.path().join("parameters"),
	);
	std::env::set_var("FIL_PROOFS_PARENT_CACHE", directory.path().join("parents"));

	let config = PoStConfig {
		sector_size: SECTOR_SIZE_2_KIB.into(),
		challenge_count: WINDOW_POST_CHALLENGE_COUNT,
		sector_count: 2,
		typ: PoStType::Window,
		priority: false,
		api_version: ApiVersion::V1_2_0,
	};
	let parameters = window_post_public_params::<Tree>(&config).unwrap();
	let mut rng = common::rng(42);
	FallbackPoStCompound::<Tree>::groth_params(Some(&mut rng), &parameters).unwrap();
	let key = FallbackPoStCompound::<Tree>::verifying_key(Some(&mut rng), &parameters).unwrap();
	let mut key_bytes = Vec::new();
	key.write(&mut key_bytes).unwrap();
	let key = PreparedVerifyingKey::from_bytes(&key_bytes).unwrap();
	assert_eq!(key.input_count(), 22);

	let numbers = [3u64, 1 << 40];
	let sealed: Vec<_> = numbers
		.iter()
		.map(|number| {
			(
				*number,
				seal(&directory.path().join(number.to_string()), *number),
			)
		})
		.collect();
	let write = std::env::var_os("HOLDFAST_WRITE_FIXTURES").is_some();
	if write {
		std::fs::write(common::fixtures().join("window-post-2KiB.vk"), &key_bytes).unwrap();
	}

	for (name, chosen) in [("full", &sealed[..]), ("padded", &sealed[..1])] {
		let randomness = common::field_bytes(&mut rng);
		let mut private = BTreeMap::new();
		let mut public = BTreeMap::new();
		let mut sectors = Vec::new();
		for (number, (replica, comm_r)) in chosen {
			private.insert((*number).into(), replica.clone());
			public.insert((*number).into(), PublicReplicaInfo::new(*comm_r).unwrap());
			sectors.push((*number, *comm_r));
		}
		let proof = generate_window_post::<Tree>(&config, &randomness, &private, PROVER).unwrap();
		assert!(verify_window_post::<Tree>(&config, &randomness, &public, PROVER, &proof).unwrap());

		let proof: [u8; 192] = proof.try_into().unwrap();
		let statement = Statement {
			sector_bytes: SECTOR_SIZE_2_KIB,
			randomness,
			sectors: &sectors,
		};
		assert_eq!(window_post::verify(&key, &statement, &proof), Ok(()));
		let other = Statement {
			randomness: [1; 32],
			..statement
		};
		assert_eq!(
			window_post::verify(&key, &other, &proof),
			Err(VerifyError::Unsatisfied)
		);
		if write {
			let path = common::fixtures().join(format!("window-post-2KiB-{name}.json"));
			std::fs::write(path, fixture(&randomness, &sectors, &proof)).unwrap();
		}
	}
}
