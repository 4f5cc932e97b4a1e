//! Flaws of polka-storage's proofs that this pallet must not have. The names begin with the flaws' numbers
//! in `docs/protocol/compared.md`.

use frame_support::{assert_noop, assert_ok, weights::Weight};
use holdfast_primitives::{KeyOrigin, SectorSize};
use holdfast_verifier::{porep::Statement, PreparedVerifyingKey};
use sp_runtime::traits::BadOrigin;

use super::mock::*;
use crate::{Error, Keys, ProofError, WeightInfo};

fn statement(size: SectorSize, sector_number: u64) -> Statement {
	Statement {
		sector_bytes: size.bytes(),
		porep_id: size.porep_id(),
		prover_id: [1; 32],
		sector_number,
		comm_d: [2; 32],
		comm_r: [3; 32],
		ticket: [4; 32],
		seed: [5; 32],
	}
}

#[test]
fn s_01_nobody_but_root_replaces_a_key() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		store(id);
		let before = Proofs::verifying_key(id, VERSION);
		// A key whose proofs the caller can forge.
		let bytes = key(porep(SectorSize::KiB2)).verifying_key();
		for origin in [RuntimeOrigin::signed(1), RuntimeOrigin::none()] {
			assert_noop!(
				Proofs::set_verifying_key(
					origin,
					id,
					VERSION,
					KeyOrigin::Ceremony,
					bytes.clone().try_into().unwrap(),
					digest(&bytes)
				),
				BadOrigin
			);
		}
		assert_eq!(Proofs::verifying_key(id, VERSION), before);
	});
}

#[test]
fn s_02_a_key_that_one_party_made_says_so_and_is_refused_where_it_matters() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		let bytes = key(id).verifying_key();
		let set = || Proofs::install(id, VERSION, KeyOrigin::Devnet, &bytes, digest(&bytes));
		assert_ok!(set());
		let summary = Proofs::verifying_key(id, VERSION).unwrap();
		assert_eq!(summary.origin, KeyOrigin::Devnet);
		assert_ok!(Proofs::remove_verifying_key(
			RuntimeOrigin::root(),
			id,
			VERSION
		));
		AcceptDevnetKeys::set(false);
		assert_noop!(set(), Error::<Test>::DevnetKeyRefused);
	});
}

#[test]
fn s_03_the_worst_that_a_call_can_make_the_chain_verify_is_charged_before() {
	execute(|| {
		let size = SectorSize::KiB2;
		let key = store(porep(size));
		let good: Vec<_> = (0..4)
			.map(|number| {
				let statement = statement(size, number);
				let inputs = statement.public_inputs().unwrap();
				(statement, [key.forge(&inputs[0], b"proof")])
			})
			.collect();
		let mut bad = good.clone();
		bad[3].1 = good[0].1;
		for sectors in [&good, &bad] {
			let sectors: Vec<_> = sectors
				.iter()
				.map(|(statement, proofs)| (statement.clone(), &proofs[..]))
				.collect();
			let charged = Proofs::poreps_weight(4, 4);
			let used = Proofs::verify_poreps(size, &sectors).weight;
			assert!(used.all_gt(Weight::zero()) && charged.all_gte(used));
		}
	});
}

#[test]
fn s_04_keys_and_proofs_of_any_bytes_are_refused_and_not_fatal() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		for bytes in [vec![], vec![0xff; 1], vec![0xff; 40_960]] {
			assert_noop!(
				Proofs::set_verifying_key(
					RuntimeOrigin::root(),
					id,
					VERSION,
					KeyOrigin::Ceremony,
					bytes.clone().try_into().unwrap(),
					digest(&bytes)
				),
				Error::<Test>::MalformedKey
			);
		}
		store(id);
		for proof in [[0; 192], [0x7f; 192], [0x80; 192], [0xc0; 192], [0xff; 192]] {
			let sectors = [(statement(SectorSize::MiB8, u64::MAX), &[proof][..])];
			assert_eq!(
				Proofs::verify_poreps(SectorSize::MiB8, &sectors).results,
				[Err(ProofError::MalformedProof)]
			);
		}
	});
}

#[test]
fn p_05_a_key_is_prepared_once_and_the_proofs_of_a_call_are_one_batch() {
	execute(|| {
		let id = porep(SectorSize::MiB8);
		let bytes = key(id).verifying_key();
		store(id);
		let stored = Keys::<Test>::get(id, VERSION).unwrap();
		let prepared = PreparedVerifyingKey::from_bytes(&bytes).unwrap();
		assert_eq!(stored.prepared, prepared.encode());
		// A batch costs less than its proofs one by one.
		for count in 2..=16u32 {
			let together = <()>::verify_poreps(count);
			let single = <()>::verify_poreps(1).saturating_mul(count.into());
			assert!(together.all_lt(single));
		}
	});
}

#[test]
fn p_06_sectors_of_every_size_up_to_64_gib_are_proven() {
	execute(|| {
		for size in SectorSize::ALL {
			let key = store(porep(size));
			let statement = statement(size, 1);
			let proofs: Vec<_> = statement
				.public_inputs()
				.unwrap()
				.iter()
				.map(|inputs| key.forge(inputs, b"proof"))
				.collect();
			let found = Proofs::verify_poreps(size, &[(statement, &proofs[..])]);
			assert_eq!(found.results, [Ok(())]);
		}
	});
}
