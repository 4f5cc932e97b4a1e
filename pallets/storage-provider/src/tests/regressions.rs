//! Flaws of polka-storage's provider pallet that this one must not have. The names begin with the flaws'
//! numbers in `docs/protocol/compared.md`.

use super::mock::*;
use crate::{
	monies, weights::WeightInfo, Agenda, Error, Event, Partitions, PreCommitSector, PreCommits,
	SectorDeals, Sectors, MAX_SECTOR_DEALS,
};
use frame_support::{
	assert_noop, assert_ok, dispatch::GetDispatchInfo, traits::Hooks, weights::Weight,
};
use holdfast_primitives::{Policy, SectorNumber, SectorSize};
use sp_runtime::{AccountId32, DispatchResult};

fn with_deals(sector: SectorNumber, deals: impl IntoIterator<Item = u64>) -> PreCommitSector {
	PreCommitSector {
		deals: SectorDeals::truncate_from(deals.into_iter().collect()),
		..sealed(sector)
	}
}

fn pledge() -> u128 {
	monies::pledge(&Policy::devnet(), SectorSize::KiB2).unwrap()
}

fn fault_fee() -> u128 {
	monies::fault_fee(&Policy::devnet(), SectorSize::KiB2, 1)
}

fn terminate(numbers: &[SectorNumber]) -> DispatchResult {
	let numbers = crate::Batch::truncate_from(numbers.to_vec());
	StorageProvider::terminate_sectors(signed(&alice()), numbers)
}

fn run_to_mutable(number: SectorNumber) {
	while !window_of(&alice(), number).is_mutable(now()) {
		run_for(1);
	}
}

/// A policy that gives up faulty sectors soon.
fn impatient() -> Policy {
	Policy {
		max_fault_age: 120,
		..Policy::devnet()
	}
}

/// A sector with one deal that is in it.
fn sector_with_deal() {
	register(&alice());
	publish(1, &alice(), 512, now() + 5_000);
	assert_ok!(pre_commit(&alice(), with_deals(1, [1])));
	await_seed();
	assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
}

/// The blocks for which a sector earned, and whether it ended early.
fn earned(number: SectorNumber) -> (u32, bool) {
	let health = StorageProvider::sector_health(&alice(), number, 0, u32::MAX).unwrap();
	(health.healthy_blocks, health.terminated)
}

#[test]
fn s_03_every_call_weighs_something_and_proofs_most() {
	use crate::{Call, PostSubmission, ProveCommitSector};
	let proof = ProveCommitSector {
		sector: 1,
		proofs: Default::default(),
	};
	let submission = PostSubmission {
		partition: 0,
		skipped: Default::default(),
		proof: [0; 192],
	};
	let free_of_proofs: [Call<Test>; 9] = [
		Call::set_free_space { free_space: 0 },
		Call::set_addresses {
			addresses: addresses(&[]),
		},
		Call::pre_commit_sectors { sectors: batch([]) },
		Call::terminate_sectors { sectors: batch([]) },
		Call::extend_sectors {
			extensions: batch([]),
		},
		Call::declare_faults {
			deadline: 0,
			declarations: batch([]),
		},
		Call::declare_recoveries {
			deadline: 0,
			declarations: batch([]),
		},
		Call::compact_partitions {
			deadline: 0,
			from: 0,
			into: 0,
		},
		Call::deregister {},
	];
	for call in free_of_proofs {
		assert!(call.get_dispatch_info().call_weight.all_gt(Weight::zero()));
	}
	let with_proofs: [Call<Test>; 2] = [
		Call::prove_commit_sectors {
			proofs: batch([proof]),
		},
		Call::submit_window_post {
			deadline: 0,
			submissions: batch([submission]),
		},
	];
	for call in with_proofs {
		let weight = call.get_dispatch_info().call_weight;
		assert!(weight.all_gte(TOGETHER + ONE_BY_ONE));
	}
}

#[test]
fn s_04_an_empty_deadline_and_an_empty_partition_stop_nothing() {
	new_chain().execute_with(|| {
		register(&alice());
		// Every window of a provider without sectors opens and closes.
		run_for(130);
		assert_ok!(StorageProvider::submit_window_post(
			signed(&alice()),
			StorageProvider::windows(alice())
				.iter()
				.find(|window| window.is_open(now()))
				.unwrap()
				.deadline,
			batch([crate::PostSubmission {
				partition: 0,
				skipped: Default::default(),
				proof: [0xff; 192],
			}])
		));
		// A window whose partition has gone.
		let key = (alice(), 0, 0);
		Agenda::<Test>::insert(now() + 1, &key, ());
		crate::Expirations::<Test>::insert(now() + 1, &key, positions(&[0, 2_348]));
		System::set_block_number(now() + 1);
		StorageProvider::on_initialize(now());
		assert!(!Agenda::<Test>::iter().any(|(_, other, ())| other == key));
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn s_05_more_than_128_sectors_end_in_one_batch_without_a_panic() {
	new_chain_with(impatient()).execute_with(|| {
		register(&alice());
		activate(&alice(), &(0..300).collect::<Vec<_>>());
		// None is proven, so all are faulty for too long within a period of each other.
		run_for(260);
		assert_eq!(Sectors::<Test>::iter().count(), 0);
		let ended = events()
			.into_iter()
			.filter(|event| matches!(event, Event::SectorTerminated { .. }))
			.count();
		assert_eq!(ended, 300);
	});
}

#[test]
fn s_09_a_ticket_is_of_a_recent_block_and_bound_to_the_provider_and_the_purpose() {
	new_chain().execute_with(|| {
		use holdfast_primitives::randomness::Domain;
		let draws = [Domain::SealTicket, Domain::PoRepSeed, Domain::WindowPoSt]
			.into_iter()
			.flat_map(|domain| [alice(), bob()].map(|provider| (domain, provider)))
			.map(|(domain, provider)| StorageProvider::draw(domain, 5, &provider).unwrap());
		let distinct: std::collections::BTreeSet<_> = draws.collect();
		assert_eq!(distinct.len(), 6);
		register(&alice());
		run_to(700);
		let old = PreCommitSector {
			ticket_block: 99,
			..sealed(1)
		};
		assert_noop!(pre_commit(&alice(), old), Error::<Test>::TicketTooOld);
	});
}

#[test]
fn s_10_providers_who_store_nothing_cost_no_block_anything() {
	new_chain().execute_with(|| {
		let idle = StorageProvider::on_initialize(now() + 1);
		for number in 0..=255 {
			register(&AccountId32::new([number; 32]));
		}
		assert_eq!(StorageProvider::on_initialize(now() + 2), idle);
	});
}

#[test]
fn s_13_the_key_that_is_online_is_not_the_owners() {
	new_chain().execute_with(|| {
		use crate::Role;
		register(&alice());
		let worker = account(3);
		assert_ok!(StorageProvider::propose_key(
			signed(&alice()),
			Role::Worker,
			Some(worker.clone())
		));
		assert_ok!(StorageProvider::confirm_key(
			signed(&worker),
			Role::Worker,
			alice()
		));
		assert_ok!(StorageProvider::pre_commit_sectors(
			signed(&worker),
			batch([sealed(1)])
		));
		assert_noop!(
			StorageProvider::deregister(signed(&worker)),
			Error::<Test>::NotRegistered
		);
		// Lost, it is taken back by the owner alone.
		assert_ok!(StorageProvider::propose_key(
			signed(&alice()),
			Role::Worker,
			None
		));
		assert_noop!(
			StorageProvider::pre_commit_sectors(signed(&worker), batch([sealed(2)])),
			Error::<Test>::NotRegistered
		);
	});
}

#[test]
fn s_14_products_of_money_do_not_wrap() {
	let policy = Policy {
		pledge_per_gib: u128::MAX / 2,
		fault_fee_per_gib: u128::MAX / 2,
		..Policy::devnet()
	};
	assert!(monies::pledge(&policy, SectorSize::GiB64).is_err());
	let fee = monies::fault_fee(&policy, SectorSize::GiB64, u32::MAX);
	assert_eq!(fee, u128::MAX);
	assert!(policy.validate().is_err());
}

#[test]
fn s_16_what_a_provider_cannot_pay_is_not_booked() {
	new_chain().execute_with(|| {
		let poor = account(4);
		register(&poor);
		activate(&poor, &[1]);
		let left = pledge() + EXISTENTIAL_DEPOSIT;
		assert_ok!(Balances::transfer_allow_death(
			signed(&poor),
			bob(),
			FUNDS - left
		));
		let issuance = Balances::total_issuance();
		// More periods than the pledge lasts for.
		run_for(60 * 25);
		let burned: u128 = events()
			.into_iter()
			.map(|event| match event {
				Event::FaultFeeCharged { burned, .. } => burned,
				_ => 0,
			})
			.sum();
		assert_eq!(burned, pledge());
		assert_eq!(Balances::total_issuance(), issuance - burned);
		assert_eq!((pledged(&poor), total(&poor)), (0, EXISTENTIAL_DEPOSIT));
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn c_01_pre_commits_of_every_provider_expire() {
	new_chain().execute_with(|| {
		// Between providers with expired pre-commits are some without any.
		for number in 1..=4 {
			register(&account(number));
		}
		for number in [1, 3, 4] {
			assert_ok!(pre_commit(&account(number), sealed(1)));
		}
		run_for(Policy::devnet().pre_commit_lifetime + 1);
		assert_eq!(PreCommits::<Test>::iter().count(), 0);
	});
}

#[test]
fn c_02_a_pre_commit_expires_when_it_can_be_proven_no_more_not_with_its_sector() {
	new_chain().execute_with(|| {
		register(&alice());
		let expiration = now() + 50_000;
		assert_ok!(pre_commit(
			&alice(),
			PreCommitSector {
				expiration,
				..sealed(1)
			}
		));
		let due = StorageProvider::due_work(alice()).unwrap().pre_commits[0].until;
		assert_eq!(due, now() + Policy::devnet().pre_commit_lifetime + 1);
		run_to(due);
		assert!(!PreCommits::<Test>::contains_key(alice(), 1));
	});
}

#[test]
fn c_03_a_voluntary_termination_ends_the_deals_payment_at_once() {
	new_chain().execute_with(|| {
		sector_with_deal();
		prove_window(&alice(), 1);
		run_past_window(&alice(), 1);
		let before = earned(1);
		assert!(!before.1 && before.0 > 0);
		assert_ok!(terminate(&[1]));
		assert_eq!(earned(1), (before.0, true));
		run_for(300);
		assert_eq!(earned(1), (before.0, true));
	});
}

#[test]
fn c_04_a_sector_that_is_faulty_for_too_long_ends_once_and_for_good() {
	new_chain_with(impatient()).execute_with(|| {
		sector_with_deal();
		let proven = prove_window(&alice(), 1).open;
		let activated = sector(&alice(), 1).activated;
		run_for(400);
		let ended = |event: &Event<Test>| matches!(event, Event::SectorTerminated { .. });
		assert_eq!(events().iter().filter(|event| ended(event)).count(), 1);
		assert_eq!(earned(1), (proven - activated, true));
		assert_eq!(StorageProvider::provider(alice()).unwrap().live_sectors, 0);
		run_for(400);
		assert_eq!(events(), []);
	});
}

#[test]
fn c_05_sectors_that_missed_their_window_reach_the_greatest_fault_age() {
	new_chain_with(impatient()).execute_with(|| {
		register(&alice());
		activate(&alice(), &(0..12).collect::<Vec<_>>());
		// Half of the partitions are proven once and then no more: faults of different ages.
		for number in 0..6 {
			let due = StorageProvider::due_work(alice()).unwrap().proofs;
			for due in due {
				assert_ok!(submit(&(alice(), due.deadline, due.partition)));
			}
			run_for(number + 1);
		}
		run_for(60 + 120 + 60);
		assert_eq!(Sectors::<Test>::iter().count(), 0);
		assert_eq!(Partitions::<Test>::iter().count(), 0);
	});
}

#[test]
fn c_06_faults_terminations_and_pre_commits_that_fail_cost_money() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		assert_eq!(pledged(&alice()), pledge());
		run_past_window(&alice(), 1);
		assert_eq!(total(&alice()), FUNDS - fault_fee());
		assert_ok!(terminate(&[1]));
		let most = u128::from(Policy::devnet().max_termination_fee_periods);
		assert_eq!(total(&alice()), FUNDS - fault_fee() * (1 + most));
		let before = total(&alice());
		assert_ok!(pre_commit(&alice(), sealed(2)));
		run_for(Policy::devnet().pre_commit_lifetime + 1);
		assert_eq!(
			total(&alice()),
			before - Policy::devnet().pre_commit_deposit
		);
		for policy in [Policy::devnet(), Policy::production()] {
			assert!(policy.pre_commit_deposit > 1_000_000 && policy.fault_fee_per_gib > 1_000_000);
		}
	});
}

#[test]
fn c_07_faulty_terminated_and_expired_sectors_earn_nothing() {
	new_chain().execute_with(|| {
		sector_with_deal();
		let activated = sector(&alice(), 1).activated;
		let first = prove_window(&alice(), 1).open;
		run_past_window(&alice(), 1);
		// A window is missed, the next proves the recovery.
		run_past_window(&alice(), 1);
		assert_eq!(earned(1).0, first - activated);
		assert_ok!(declare_recoveries(&alice(), &[1]));
		let recovered = prove_window(&alice(), 1);
		assert_eq!(earned(1).0, first - activated);
		run_to(recovered.close);
		let second = prove_window(&alice(), 1).open;
		assert_eq!(earned(1).0, first - activated + (second - recovered.close));
	});
}

#[test]
fn c_08_an_expired_deposit_is_burned_once() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		assert_ok!(pre_commit(&alice(), sealed(2)));
		let deposit = Policy::devnet().pre_commit_deposit;
		let issuance = Balances::total_issuance();
		run_for(Policy::devnet().pre_commit_lifetime + 100);
		assert_eq!(Balances::total_issuance(), issuance - 2 * deposit);
		assert_eq!(total(&alice()), FUNDS - 2 * deposit);
	});
}

#[test]
fn c_09_the_deposit_returns_with_the_proof() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		assert_eq!(deposited(&alice()), Policy::devnet().pre_commit_deposit);
		await_seed();
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		assert_eq!((deposited(&alice()), pledged(&alice())), (0, pledge()));
		assert_eq!(total(&alice()), FUNDS);
	});
}

#[test]
fn c_10_a_partition_is_proven_without_the_sectors_that_ended() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &(0..6).collect::<Vec<_>>());
		let key = key_of(&alice(), 0);
		let other = (1..6)
			.find(|number| key_of(&alice(), *number) == key)
			.unwrap();
		run_to_mutable(0);
		assert_ok!(terminate(&[0]));
		run_to_window(&alice(), other);
		assert_ok!(submit(&key));
		run_past_window(&alice(), other);
		assert!(partition_of(&alice(), other).faults.is_empty());
	});
}

#[test]
fn c_11_one_bad_sector_does_not_fail_its_partition() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &(0..6).collect::<Vec<_>>());
		let key = key_of(&alice(), 0);
		run_to_window(&alice(), 0);
		assert_ok!(submit_post(&alice(), key.1, post_without(&key, &[0])));
		run_past_window(&alice(), 0);
		let partition = Partitions::<Test>::get(&key).unwrap();
		assert_eq!(partition.faulty(), positions(&[0]));
	});
}

#[test]
fn c_12_a_sector_does_not_activate_without_its_deals() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 512, now() + 500);
		assert_ok!(pre_commit(&alice(), with_deals(1, [1])));
		await_seed();
		// The deal is gone, as one that was not started in time.
		Deals::remove(1);
		let before = (pledged(&alice()), deposited(&alice()));
		assert_refused!(prove(&alice(), &[porep(&alice(), 1)]), NO_SUCH_DEAL);
		assert!(!Sectors::<Test>::contains_key(alice(), 1));
		assert_eq!((pledged(&alice()), deposited(&alice())), before);
	});
}

#[test]
fn c_13_nothing_counts_twice_in_a_batch() {
	new_chain().execute_with(|| {
		register(&alice());
		let twice = batch([sealed(1), sealed(1)]);
		assert_noop!(
			StorageProvider::pre_commit_sectors(signed(&alice()), twice),
			Error::<Test>::SectorNumberUsed
		);
		publish(1, &alice(), 512, now() + 500);
		assert_noop!(
			pre_commit(&alice(), with_deals(1, [1, 1])),
			Error::<Test>::DuplicateDeal
		);
		// The same deal in two sectors: the second is refused with the deals' own pallet's error.
		for number in [1, 2] {
			assert_ok!(pre_commit(&alice(), with_deals(number, [1])));
		}
		await_seed();
		let proofs = [1, 2, 1].map(|number| porep(&alice(), number));
		assert_eq!(
			prove_each(&alice(), &proofs).unwrap(),
			[
				Ok(()),
				Err(stored(DEAL_TAKEN)),
				Err(stored(Error::<Test>::DuplicateSector))
			]
		);
		run_to_mutable(1);
		let again = frame_support::storage::with_storage_layer(|| terminate(&[1, 1]));
		assert_eq!(again, Err(Error::<Test>::NoSuchSector.into()));
		assert_noop!(
			declare_faults(&alice(), &[1, 1]),
			Error::<Test>::SectorAlreadyFaulty
		);
	});
}

#[test]
fn c_14_a_sector_holds_as_many_deals_as_is_declared() {
	new_chain().execute_with(|| {
		register_with(&alice(), SectorSize::MiB8);
		let deals: Vec<u64> = (1..=u64::from(MAX_SECTOR_DEALS)).collect();
		for deal in &deals {
			publish(*deal, &alice(), 128, now() + 500);
		}
		assert_ok!(pre_commit(&alice(), with_deals(1, deals)));
		await_seed();
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		assert_eq!(sector(&alice(), 1).deals_left, MAX_SECTOR_DEALS);
	});
}

#[test]
fn c_15_a_sector_whose_deals_are_settled_can_still_be_terminated() {
	new_chain().execute_with(|| {
		sector_with_deal();
		StorageProvider::release_deal(&alice(), 1);
		run_to_mutable(1);
		assert_ok!(terminate(&[1]));
		assert!(!Sectors::<Test>::contains_key(alice(), 1));
	});
}

#[test]
fn c_17_two_terminations_in_one_block_and_partition_both_count() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &(0..6).collect::<Vec<_>>());
		let key = key_of(&alice(), 0);
		let both = crate::PartitionSectors::<Test>::get(&key).into_inner();
		assert_eq!(both.len(), 2);
		run_to_mutable(0);
		for number in both {
			assert_ok!(terminate(&[number]));
		}
		assert!(!Partitions::<Test>::contains_key(&key));
		assert_eq!(pledged(&alice()), 4 * pledge());
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn c_18_ended_sectors_leave_nothing_behind() {
	new_chain().execute_with(|| {
		register(&alice());
		let empty = state_root();
		// The same numbers are used again and again.
		for _ in 0..3 {
			activate_until(&alice(), &(0..8).collect::<Vec<_>>(), now() + 70);
			run_for(200);
			assert_eq!(Sectors::<Test>::iter().count(), 0);
			assert_eq!(Partitions::<Test>::iter().count(), 0);
			assert_eq!(crate::Vacancies::<Test>::iter().count(), 0);
			assert_eq!(crate::Expirations::<Test>::iter().count(), 0);
			assert_eq!(Agenda::<Test>::iter().count(), 0);
			let load = StorageProvider::provider(alice()).unwrap().deadlines;
			assert!(load.iter().all(|load| load.partitions <= 4));
		}
		assert_ne!(state_root(), empty);
		assert_ok!(StorageProvider::deregister(signed(&alice())));
		assert_eq!(crate::Providers::<Test>::iter().count(), 0);
	});
}

#[test]
fn c_19_the_production_policy_can_be_lived_by() {
	let policy = Policy::production();
	assert_eq!(policy.validate(), Ok(()));
	new_chain_with(policy).execute_with(|| {
		register(&alice());
		// The oldest ticket and the last block for the proof are within the kept randomness.
		System::set_block_number(policy.ticket_max_age + 1);
		let sealed = PreCommitSector {
			ticket_block: 1,
			expiration: now() + policy.min_sector_lifetime,
			..sealed(1)
		};
		assert_ok!(pre_commit(&alice(), sealed));
		System::set_block_number(now() + policy.pre_commit_lifetime);
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		assert!(now() - 1 < policy.randomness_history());
		assert!(policy.max_deal_duration < policy.max_sector_lifetime);
	});
}

#[test]
fn c_21_a_sector_without_deals_has_the_commitment_to_zeros() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 512, now() + 500);
		assert_ok!(pre_commit(&alice(), sealed(1)));
		assert_ok!(pre_commit(&alice(), with_deals(2, [1])));
		let comm_d = |sector| PreCommits::<Test>::get(alice(), sector).unwrap().comm_d;
		// Filecoin's commitment to 2 KiB of zeros. No call can state another one.
		let zeros = "fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833";
		let hexadecimal = |bytes: [u8; 32]| -> String {
			bytes.iter().map(|byte| format!("{byte:02x}")).collect()
		};
		assert_eq!(hexadecimal(comm_d(1).0), zeros);
		assert_ne!(comm_d(2), comm_d(1));
		await_seed();
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		assert_eq!(hexadecimal(sector(&alice(), 1).comm_d.0), zeros);
	});
}

#[test]
fn c_23_what_is_reported_says_where() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let (_, deadline, partition) = key_of(&alice(), 1);
		run_past_window(&alice(), 1);
		assert_ok!(declare_recoveries(&alice(), &[1]));
		run_to_window(&alice(), 1);
		events();
		assert_ok!(submit(&(alice(), deadline, partition)));
		assert_eq!(
			events(),
			[Event::WindowPoStAccepted {
				provider: alice(),
				deadline,
				partition,
				recovered: 1,
				new_faults: 0,
				failed_recoveries: 0
			}]
		);
	});
}

#[test]
fn c_24_padding_between_pieces_counts_before_anything_is_held() {
	new_chain().execute_with(|| {
		register(&alice());
		// 128 + 1,024 + 512 bytes fit 2 KiB, but aligned to their sizes they take 2,560.
		for (deal, bytes) in [(1, 128), (2, 1024), (3, 512)] {
			publish(deal, &alice(), bytes, now() + 500);
		}
		assert_noop!(
			pre_commit(&alice(), with_deals(1, [1, 2, 3])),
			Error::<Test>::PiecesDoNotFit
		);
		assert_ok!(pre_commit(&alice(), with_deals(1, [2, 3, 1])));
	});
}

#[test]
fn c_25_an_upgrade_keeps_every_provider() {
	// `migrations.rs` has the whole of it.
	use frame_support::traits::OnRuntimeUpgrade;
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let before = state_root();
		crate::migrations::ToV2::<Test>::on_runtime_upgrade();
		assert_eq!(state_root(), before);
	});
}

#[test]
fn p_01_an_action_touches_what_it_names_however_much_the_provider_stores() {
	let touched = |sectors: u64| {
		let mut chain = new_chain();
		chain.execute_with(|| {
			register(&alice());
			activate(&alice(), &(0..sectors).collect::<Vec<_>>());
			run_to_mutable(0);
			System::reset_events();
		});
		chain.commit_all().unwrap();
		let (declared, proof) = chain.execute_and_prove(|| declare_faults(&alice(), &[0]));
		assert_ok!(declared);
		proof.iter_nodes().map(|node| node.len()).sum::<usize>()
	};
	let (little, much) = (touched(8), touched(160));
	assert!(much < 2 * little, "{little} bytes became {much}");
}

#[test]
fn p_02_a_block_in_which_nothing_is_due_costs_the_same_with_any_number_of_sectors() {
	new_chain().execute_with(|| {
		let idle = <() as WeightInfo>::service_block();
		for number in 1..=4 {
			register(&account(number));
			activate(&account(number), &(0..40).collect::<Vec<_>>());
		}
		let quiet =
			(1..60).find(|after| Agenda::<Test>::iter_key_prefix(now() + after).count() == 0);
		run_for(quiet.unwrap() - 1);
		System::set_block_number(now() + 1);
		assert_eq!(StorageProvider::on_initialize(now()), idle);
	});
}

#[test]
fn p_04_one_call_proves_as_many_partitions_as_a_batch_holds_of_as_many_sectors_as_filecoins() {
	assert_eq!(SectorSize::GiB32.window_post_partition_sectors(), 2_349);
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &(0..96).collect::<Vec<_>>());
		let (_, deadline, _) = key_of(&alice(), 0);
		run_to_window(&alice(), 0);
		let partitions = Partitions::<Test>::iter_key_prefix((alice(), deadline)).count();
		assert!(partitions >= crate::MAX_BATCH as usize);
		let posts: Vec<_> = (0..crate::MAX_BATCH)
			.map(|index| post(&(alice(), deadline, index)))
			.collect();
		let results = submit_each(&alice(), deadline, &posts).unwrap();
		assert!(results.iter().all(Result::is_ok));
	});
}

#[test]
fn p_05_the_proofs_of_a_call_are_verified_together() {
	new_chain().execute_with(|| {
		register(&alice());
		for number in 0..16 {
			assert_ok!(pre_commit(&alice(), sealed(number)));
		}
		await_seed();
		let proofs: Vec<_> = (0..16).map(|number| porep(&alice(), number)).collect();
		let proofs = crate::Batch::truncate_from(proofs);
		let info = StorageProvider::prove_commit_sectors(signed(&alice()), proofs).unwrap();
		let without = <() as WeightInfo>::prove_commit_sectors(16, 0);
		assert_eq!(info.actual_weight, Some(without + TOGETHER));
	});
}

#[test]
fn p_09_sectors_are_pre_committed_and_proven_in_batches() {
	new_chain().execute_with(|| {
		register(&alice());
		let sectors = (0..16).map(sealed).collect();
		assert_ok!(StorageProvider::pre_commit_sectors(
			signed(&alice()),
			crate::Batch::truncate_from(sectors)
		));
		await_seed();
		let proofs: Vec<_> = (0..16).map(|number| porep(&alice(), number)).collect();
		assert_ok!(prove(&alice(), &proofs));
		assert_eq!(StorageProvider::provider(alice()).unwrap().live_sectors, 16);
	});
}
