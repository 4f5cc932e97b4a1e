//! Random calls of several providers over many blocks: every rule of the storage holds after each block,
//! money is conserved, and nobody earns for what was not proven.

use super::mock::*;
use crate::{
	Event, Partitions, PreCommitSector, PreCommits, SectorDeals, SectorExtension, Sectors,
};
use holdfast_primitives::{BlockNumber, Policy, SectorNumber};
use proptest::prelude::*;
use sp_runtime::AccountId32;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
	PreCommit {
		sector: SectorNumber,
		lifetime: BlockNumber,
		deal: bool,
	},
	Prove {
		sector: SectorNumber,
		valid: bool,
	},
	/// Everything that is pre-committed in one call, sectors with a bit in `bad` badly, and one twice.
	ProveBatch {
		bad: u8,
	},
	Post {
		deadline: u32,
		partition: u32,
		valid: bool,
		skipped: Vec<u32>,
	},
	/// Every partition of a deadline in one call, some badly, and one twice.
	PostBatch {
		deadline: u32,
		bad: u8,
		skipped: Vec<u32>,
	},
	PostAll,
	RecoverAll,
	Recover {
		sector: SectorNumber,
	},
	DeclareFault {
		sector: SectorNumber,
	},
	Terminate {
		sector: SectorNumber,
	},
	Extend {
		sector: SectorNumber,
		blocks: BlockNumber,
	},
	Deregister,
	ReleaseDeal {
		sector: SectorNumber,
	},
	Spend {
		share: u8,
	},
	Wait {
		blocks: BlockNumber,
	},
	Budget {
		due: u32,
	},
}

fn skips() -> impl Strategy<Value = Vec<u32>> {
	prop_oneof![
		2 => Just(vec![]),
		1 => proptest::collection::btree_set(0u32..3, 0..2).prop_map(|set| set.into_iter().collect()),
	]
}

/// Whether the item at `index` is to be bad.
fn is_bad(bad: u8, index: usize) -> bool {
	bad >> (index % 8) & 1 == 1
}

fn step() -> impl Strategy<Value = Step> {
	let sector = || 0u64..8;
	prop_oneof![
		4 => (sector(), 50u32..800, any::<bool>())
			.prop_map(|(sector, lifetime, deal)| Step::PreCommit { sector, lifetime, deal }),
		5 => (sector(), prop::bool::weighted(0.9))
			.prop_map(|(sector, valid)| Step::Prove { sector, valid }),
		2 => any::<u8>().prop_map(|bad| Step::ProveBatch { bad }),
		2 => (0u32..4, 0u32..3, any::<bool>(), skips()).prop_map(
			|(deadline, partition, valid, skipped)| Step::Post { deadline, partition, valid, skipped }
		),
		3 => (0u32..3, any::<u8>(), skips())
			.prop_map(|(deadline, bad, skipped)| Step::PostBatch { deadline, bad, skipped }),
		8 => Just(Step::PostAll),
		4 => Just(Step::RecoverAll),
		2 => sector().prop_map(|sector| Step::Recover { sector }),
		1 => sector().prop_map(|sector| Step::DeclareFault { sector }),
		2 => sector().prop_map(|sector| Step::Terminate { sector }),
		2 => (sector(), 0u32..300).prop_map(|(sector, blocks)| Step::Extend { sector, blocks }),
		1 => Just(Step::Deregister),
		1 => sector().prop_map(|sector| Step::ReleaseDeal { sector }),
		1 => any::<u8>().prop_map(|share| Step::Spend { share }),
		8 => (1u32..25).prop_map(|blocks| Step::Wait { blocks }),
		1 => (1u32..6).prop_map(|due| Step::Budget { due }),
	]
}

/// Takes a step. Calls may fail: only what holds afterwards counts.
fn take(provider: &AccountId32, step: &Step, next_deal: &mut u64) {
	match *step {
		Step::PreCommit {
			sector,
			lifetime,
			deal,
		} => {
			let mut deals = SectorDeals::default();
			let expiration = now() + lifetime;
			if deal {
				*next_deal += 1;
				publish(*next_deal, provider, 512, expiration);
				deals = SectorDeals::truncate_from(vec![*next_deal]);
			}
			let _ = pre_commit(
				provider,
				PreCommitSector {
					expiration,
					deals,
					..sealed(sector)
				},
			);
		},
		Step::Prove { sector, valid } => {
			if PreCommits::<Test>::contains_key(provider, sector) {
				let mut proof = porep(provider, sector);
				proof.proofs[0][0] ^= u8::from(!valid);
				let proven = prove(provider, &[proof]);
				assert!(valid || proven.is_err());
			}
		},
		Step::ProveBatch { bad } => {
			let mut proofs: Vec<_> = PreCommits::<Test>::iter_key_prefix(provider)
				.map(|sector| porep(provider, sector))
				.collect();
			if proofs.is_empty() {
				return;
			}
			for (index, proof) in proofs.iter_mut().enumerate() {
				proof.proofs[0][0] ^= u8::from(is_bad(bad, index));
			}
			proofs.push(proofs[0].clone());
			let results = prove_each(provider, &proofs).unwrap();
			for (index, result) in results.iter().enumerate() {
				let twice = index == proofs.len() - 1;
				assert!(!(twice || is_bad(bad, index)) || result.is_err());
			}
		},
		Step::Post {
			deadline,
			partition,
			valid,
			ref skipped,
		} => {
			let key = (provider.clone(), deadline, partition);
			if Partitions::<Test>::contains_key(&key) {
				let mut proof = post_without(&key, skipped);
				proof.proof[0] ^= u8::from(!valid);
				let accepted = submit_post(provider, deadline, proof);
				assert!(valid || accepted.is_err());
			}
		},
		Step::PostBatch {
			deadline,
			bad,
			ref skipped,
		} => {
			let mut proofs: Vec<_> = Partitions::<Test>::iter_key_prefix((provider, deadline))
				.map(|partition| post_without(&(provider.clone(), deadline, partition), skipped))
				.collect();
			if proofs.is_empty() {
				return;
			}
			for (index, proof) in proofs.iter_mut().enumerate() {
				proof.proof[0] ^= u8::from(is_bad(bad, index));
			}
			proofs.push(proofs[0].clone());
			proofs.truncate(crate::MAX_BATCH as usize);
			for (index, result) in submit_each(provider, deadline, &proofs)
				.unwrap_or_default()
				.iter()
				.enumerate()
			{
				assert!(!is_bad(bad, index) || result.is_err());
			}
		},
		Step::PostAll => {
			for window in StorageProvider::windows(provider.clone()) {
				for due in StorageProvider::due_partitions(provider.clone(), window.deadline) {
					if window.is_open(now()) && !due.proven && !due.sectors.is_empty() {
						submit(&(provider.clone(), window.deadline, due.partition)).unwrap();
					}
				}
			}
		},
		Step::RecoverAll => {
			for (number, _) in Sectors::<Test>::iter_prefix(provider) {
				let _ = declare_recoveries(provider, &[number]);
			}
		},
		Step::Recover { sector } => {
			if Sectors::<Test>::contains_key(provider, sector) {
				let _ = declare_recoveries(provider, &[sector]);
			}
		},
		Step::DeclareFault { sector } => {
			if Sectors::<Test>::contains_key(provider, sector) {
				let _ = declare_faults(provider, &[sector]);
			}
		},
		Step::Terminate { sector } => {
			let _ = StorageProvider::terminate_sectors(signed(provider), batch([sector]));
		},
		Step::Extend { sector, blocks } => {
			let expiration = Sectors::<Test>::get(provider, sector)
				.map_or(0, |sector| sector.expiration + blocks);
			let extension = SectorExtension { sector, expiration };
			let _ = StorageProvider::extend_sectors(signed(provider), batch([extension]));
		},
		Step::Deregister => {
			if StorageProvider::deregister(signed(provider)).is_ok() {
				register(provider);
			}
		},
		Step::ReleaseDeal { sector } => StorageProvider::release_deal(provider, sector),
		Step::Spend { share } => {
			let free = Balances::free_balance(provider);
			let amount = free / 256 * u128::from(share);
			let _ = Balances::transfer_keep_alive(signed(provider), account(3), amount);
		},
		Step::Wait { blocks } => run_for(blocks),
		Step::Budget { due } => MaxDuePerBlock::set(due),
	}
}

/// A sector as long as it is the same one: provider, number and activation.
type Life = (AccountId32, SectorNumber, BlockNumber);

/// What was healthy once stays so, nothing is healthy before a proof of it, and what is decided is final.
fn check_health(seen: &mut BTreeMap<Life, (u32, u32)>) {
	for (provider, number, sector) in Sectors::<Test>::iter() {
		let health =
			StorageProvider::sector_health(&provider, number, 0, BlockNumber::MAX).unwrap();
		assert!(health.healthy_blocks <= now().saturating_sub(sector.activated));
		let life = (provider, number, sector.activated);
		let (blocks, decided) = seen.get(&life).copied().unwrap_or_default();
		assert!(health.healthy_blocks >= blocks && health.decided_through >= decided);
		if decided == BlockNumber::MAX {
			assert_eq!(health.healthy_blocks, blocks);
		}
		seen.insert(life, (health.healthy_blocks, health.decided_through));
	}
}

fn burned(events: Vec<Event<Test>>) -> u128 {
	events
		.into_iter()
		.map(|event| match event {
			Event::FaultFeeCharged { burned, .. }
			| Event::TerminationFeeCharged { burned, .. }
			| Event::PreCommitExpired { burned, .. } => burned,
			_ => 0,
		})
		.sum()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(40))]

	#[test]
	fn every_sequence_of_calls_and_blocks_keeps_the_rules(
		steps in proptest::collection::vec((1u8..=2, step()), 1..400),
	) {
		MaxDuePerBlock::set(100);
		let policy = Policy {
			pre_commit_lifetime: 100,
			max_fault_age: 150,
			..Policy::devnet()
		};
		new_chain_with(policy).execute_with(|| {
			register(&alice());
			register(&bob());
			events();
			let mut issuance = Balances::total_issuance();
			let mut next_deal = 0;
			let mut seen = BTreeMap::new();
			for (who, step) in &steps {
				take(&account(*who), step, &mut next_deal);
				StorageProvider::check_state().unwrap();
				check_health(&mut seen);
				issuance -= burned(events());
				assert_eq!(Balances::total_issuance(), issuance);
			}
			// Left alone, everything ends.
			MaxDuePerBlock::set(100);
			run_for(1_500);
			for sector in Sectors::<Test>::iter_values() {
				assert!(sector.ended.is_some() && sector.deals_left > 0);
			}
			for provider in [alice(), bob()] {
				assert_eq!((pledged(&provider), deposited(&provider)), (0, 0));
			}
		});
		MaxDuePerBlock::set(100);
	}
}
