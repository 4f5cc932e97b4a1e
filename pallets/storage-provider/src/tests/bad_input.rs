//! Every call with every field at its limits and beyond, and by the wrong origin, at every time of a period.
//! Whatever it is given, a call fails and changes nothing, or leaves a state that is consistent.

use super::mock::*;
use crate::{
	Ask, Call, Event, Gap, PostSubmission, PreCommitSector, ProveCommitSector, Role, SectorDeals,
	SectorExtension, MAX_BATCH, MAX_DECLARED_SECTORS, MAX_POSITIONS, MAX_SECTOR_DEALS,
};
use codec::{Decode, Encode};
use frame_support::{
	storage::{with_transaction, TransactionOutcome},
	traits::{Hooks, UnfilteredDispatchable},
	BoundedVec,
};
use holdfast_primitives::{CommR, Policy, SectorSize};
use sp_runtime::{traits::BadOrigin, AccountId32, DispatchError, DispatchResult};

const BLOCKS: [u32; 8] = [0, 1, 9, 10, 70, 100_010, u32::MAX - 1, u32::MAX];
const NUMBERS: [u64; 5] = [0, 1, 2, u64::MAX - 1, u64::MAX];
const INDICES: [u32; 4] = [0, 1, 3, u32::MAX];
const BYTES: [u64; 5] = [0, 1, 2048, 2049, u64::MAX];

/// Dispatches the call as a block does, and checks the state after it. What succeeds is undone, so that the
/// next call finds the same chain.
fn dispatch(origin: RuntimeOrigin, call: Call<Test>) -> DispatchResult {
	let shown = format!("{call:?}");
	let mut result = Ok(());
	let _ = with_transaction(|| {
		System::reset_events();
		// Taken here, because how deep transactions are nested is part of the state.
		let before = state_root();
		let call = RuntimeCall::StorageProvider(call.clone());
		let outcome = frame_support::storage::with_storage_layer(|| {
			call.dispatch_bypass_filter(origin)
				.map_err(|error| error.error)
		});
		result = outcome.map(|_| ());
		System::reset_events();
		if result.is_err() {
			assert_eq!(state_root(), before, "{shown} failed and changed something");
		}
		if let Err(error) = StorageProvider::check_state() {
			panic!("{shown}: {error:?}");
		}
		TransactionOutcome::Rollback(Ok::<_, DispatchError>(()))
	});
	result
}

/// A provider with sectors that are healthy, faulty, recovering and pre-committed, and its key's holder.
fn busy_chain() {
	register(&alice());
	activate(&alice(), &[0, 1, 2]);
	run_past_window(&alice(), 0);
	while !window_of(&alice(), 0).is_mutable(now()) {
		run_for(1);
	}
	let _ = declare_recoveries(&alice(), &[0]);
	pre_commit(&alice(), sealed(9)).unwrap();
	StorageProvider::propose_key(signed(&alice()), Role::Worker, Some(account(3))).unwrap();
	StorageProvider::confirm_key(signed(&account(3)), Role::Worker, alice()).unwrap();
	System::reset_events();
}

/// Every call with some of its fields at their limits.
fn calls() -> Vec<Call<Test>> {
	let mut calls = vec![Call::deregister {}];
	let base = ask(SectorSize::KiB2);
	for bytes in BYTES {
		calls.push(Call::set_free_space { free_space: bytes });
		for other in BYTES {
			calls.push(Call::set_ask {
				ask: Ask {
					price_per_gib_block: u128::MAX,
					min_piece_bytes: bytes,
					max_piece_bytes: other,
					..base
				},
			});
		}
		for sector_size in SectorSize::ALL {
			calls.push(Call::register {
				sector_size,
				addresses: addresses(&["a"]),
				ask: Ask {
					max_piece_bytes: bytes,
					..base
				},
				free_space: bytes,
			});
		}
	}
	let longest = &*"x".repeat(128);
	for list in [
		&[][..],
		&[""],
		&[longest],
		&[longest; 4],
		&["\u{0}"],
		&["\u{7f}"],
	] {
		calls.push(Call::set_addresses {
			addresses: addresses(list),
		});
	}
	for sector in NUMBERS {
		for block in BLOCKS {
			let sealed = PreCommitSector {
				sector,
				expiration: block,
				..sealed(sector)
			};
			calls.push(Call::pre_commit_sectors {
				sectors: batch([sealed.clone()]),
			});
			calls.push(Call::pre_commit_sectors {
				sectors: batch([PreCommitSector {
					ticket_block: block,
					expiration: now() + 60,
					..sealed
				}]),
			});
			let extension = SectorExtension {
				sector,
				expiration: block,
			};
			calls.push(Call::extend_sectors {
				extensions: batch([extension]),
			});
			calls.push(Call::extend_sectors {
				extensions: batch([extension, extension]),
			});
		}
		calls.push(Call::terminate_sectors {
			sectors: batch([sector]),
		});
		calls.push(Call::terminate_sectors {
			sectors: batch([sector, sector]),
		});
		for proofs in [0, 1, 10] {
			let proof = ProveCommitSector {
				sector,
				proofs: BoundedVec::truncate_from(vec![[0xff; 192]; proofs]),
			};
			calls.push(Call::prove_commit_sectors {
				proofs: batch([proof.clone(), proof]),
			});
		}
	}
	let full = |deals: Vec<u64>| PreCommitSector {
		deals: SectorDeals::truncate_from(deals),
		..sealed(5)
	};
	for deals in [
		vec![0],
		vec![u64::MAX],
		vec![7; MAX_SECTOR_DEALS as usize],
		(0..u64::from(MAX_SECTOR_DEALS)).collect(),
	] {
		calls.push(Call::pre_commit_sectors {
			sectors: batch([full(deals)]),
		});
	}
	for deadline in INDICES {
		for index in INDICES {
			calls.extend(declarations(deadline, index));
			for skipped in [
				vec![],
				vec![0],
				vec![MAX_POSITIONS - 1],
				(0..MAX_POSITIONS).collect(),
			] {
				let submission = PostSubmission {
					partition: index,
					skipped: positions(&skipped),
					proof: [0xff; 192],
				};
				calls.push(Call::submit_window_post {
					deadline,
					submissions: batch([submission.clone(), submission]),
				});
			}
			for into in INDICES {
				calls.push(Call::compact_partitions {
					deadline,
					from: index,
					into,
				});
			}
		}
	}
	for role in [Role::Worker, Role::Beneficiary] {
		for who in [account(0), alice(), bob(), account(3), account(255)] {
			calls.push(Call::propose_key {
				role,
				account: Some(who.clone()),
			});
			calls.push(Call::confirm_key {
				role,
				provider: who,
			});
		}
		calls.push(Call::propose_key {
			role,
			account: None,
		});
	}
	calls
}

/// Declarations of faults and recoveries that name nothing, too much, and the same twice or overlapping.
fn declarations(deadline: u32, index: u32) -> Vec<Call<Test>> {
	let many: Vec<u64> = (0..u64::from(MAX_DECLARED_SECTORS)).collect();
	let lists = [
		vec![],
		vec![0],
		vec![0, 0],
		vec![u64::MAX],
		vec![0, 1, 2],
		many,
	];
	let mut calls = Vec::new();
	for list in lists {
		let one = (index, BoundedVec::truncate_from(list));
		for declarations in [
			batch([]),
			batch([one.clone()]),
			batch([one.clone(), one.clone()]),
			crate::Batch::truncate_from(vec![one; MAX_BATCH as usize]),
		] {
			calls.push(Call::declare_faults {
				deadline,
				declarations: declarations.clone(),
			});
			calls.push(Call::declare_recoveries {
				deadline,
				declarations,
			});
		}
	}
	calls
}

#[test]
fn no_field_at_its_limits_breaks_anything() {
	new_chain().execute_with(|| {
		busy_chain();
		let mut accepted = std::collections::BTreeSet::new();
		for call in calls() {
			for who in [alice(), account(3), bob(), account(255)] {
				let name = format!("{call:?}");
				let name = name.split([' ', '{']).next().unwrap().to_string();
				if dispatch(signed(&who), call.clone()).is_ok() {
					accepted.insert(name);
				}
			}
		}
		// The table is of some use: most calls can also succeed with what it has.
		assert!(accepted.len() >= 10, "{accepted:?}");
	});
}

#[test]
fn no_call_is_anybodys_who_did_not_sign() {
	new_chain().execute_with(|| {
		busy_chain();
		for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
			for call in calls() {
				assert_eq!(dispatch(origin.clone(), call), Err(BadOrigin.into()));
			}
		}
	});
}

#[test]
fn no_stranger_changes_a_provider() {
	new_chain().execute_with(|| {
		busy_chain();
		let before = crate::Providers::<Test>::get(alice()).unwrap();
		for call in calls() {
			let who = signed(&account(4));
			let _ = RuntimeCall::StorageProvider(call).dispatch_bypass_filter(who);
			assert_eq!(crate::Providers::<Test>::get(alice()).unwrap(), before);
			let _ = StorageProvider::deregister(signed(&account(4)));
		}
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn what_is_valid_in_its_time_fails_at_every_other_time_of_the_period() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		prove_window(&alice(), 1);
		run_past_window(&alice(), 1);
		let key = key_of(&alice(), 1);
		let period = StorageProvider::policy().proving_period;
		let (mut proofs, mut faults, mut terminations) = (0, 0, 0);
		for _ in 0..period {
			let window = window_of(&alice(), 1);
			let (deadline, list) = declaration(&alice(), &[1]);
			let post = post(&key);
			let proof = Call::submit_window_post {
				deadline,
				submissions: batch([post]),
			};
			// A refused proof is reported by an event, and the call pays.
			let accepted = with_transaction(|| {
				System::reset_events();
				let call = RuntimeCall::StorageProvider(proof);
				let result = call.dispatch_bypass_filter(signed(&alice()));
				let accepted = result.is_ok()
					&& events()
						.iter()
						.any(|event| matches!(event, Event::WindowPoStAccepted { .. }));
				TransactionOutcome::Rollback(Ok::<_, DispatchError>(accepted))
			});
			let accepted = accepted.unwrap();
			assert_eq!(accepted, window.is_open(now()));
			let declare = Call::declare_faults {
				deadline,
				declarations: list,
			};
			let declared = dispatch(signed(&alice()), declare).is_ok();
			assert_eq!(declared, window.is_mutable(now()));
			let terminate = Call::terminate_sectors {
				sectors: batch([1]),
			};
			let terminated = dispatch(signed(&alice()), terminate).is_ok();
			assert_eq!(terminated, window.is_mutable(now()));
			proofs += u32::from(accepted);
			faults += u32::from(declared);
			terminations += u32::from(terminated);
			System::set_block_number(now() + 1);
		}
		assert_eq!((proofs, faults, terminations), (20, 36, 36));
	});
}

#[test]
fn lists_beyond_their_bounds_do_not_decode() {
	fn refuses<T: Decode>(what: impl Encode) {
		assert!(T::decode(&mut &what.encode()[..]).is_err());
	}
	refuses::<crate::Batch<u64>>(vec![0u64; MAX_BATCH as usize + 1]);
	refuses::<SectorDeals>(vec![0u64; MAX_SECTOR_DEALS as usize + 1]);
	refuses::<crate::Declaration>((0u32, vec![0u64; MAX_DECLARED_SECTORS as usize + 1]));
	refuses::<ProveCommitSector>((0u64, vec![[0u8; 192]; 11]));
	refuses::<ProveCommitSector>((0u64, vec![[0u8; 191]; 1]));
	refuses::<crate::Addresses>(vec![vec![b'a'; 129]]);
	refuses::<crate::Addresses>(vec![vec![b'a']; 5]);
	// A list that says it is longer than its bytes.
	refuses::<crate::Batch<PreCommitSector>>(codec::Compact(u32::MAX));
	refuses::<Role>(2u8);
}

#[test]
fn products_that_overflow_are_refused_or_saturate() {
	use crate::monies;
	let policy = Policy {
		pledge_per_gib: u128::MAX,
		fault_fee_per_gib: u128::MAX,
		..Policy::devnet()
	};
	for size in SectorSize::ALL {
		assert!(monies::pledge(&policy, size).is_err());
		assert_eq!(monies::fault_fee(&policy, size, u32::MAX), u128::MAX);
		assert_eq!(monies::termination_fee(&policy, size, u32::MAX), u128::MAX);
	}
	// A chain with such a policy, which no genesis takes, still does not panic.
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1, 2]);
		pre_commit(&alice(), sealed(3)).unwrap();
		await_seed();
		crate::PolicyValue::<Test>::put(policy);
		assert_eq!(
			prove(&alice(), &[porep(&alice(), 3)]),
			Err(sp_runtime::ArithmeticError::Overflow.into())
		);
		System::reset_events();
		for block in now() + 1..now() + 130 {
			System::set_block_number(block);
			StorageProvider::on_initialize(block);
		}
		// The deposit of the pre-commit, which has not expired, is not taken for the others' faults.
		assert_eq!(
			total(&alice()),
			EXISTENTIAL_DEPOSIT + policy.pre_commit_deposit
		);
	});
}

#[test]
fn clocks_at_their_end_do_not_wrap() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		for block in [u32::MAX - 61, u32::MAX - 1, u32::MAX] {
			System::set_block_number(block);
			let windows = StorageProvider::windows(alice());
			assert!(windows.iter().all(|window| window.open <= window.close));
			let sealed = PreCommitSector {
				ticket_block: block - 1,
				expiration: u32::MAX,
				..sealed(2)
			};
			let _ = pre_commit(&alice(), sealed);
			let _ = terminate(&alice(), 1);
			let _ = StorageProvider::due_work(alice());
		}
	});
}

fn terminate(provider: &AccountId32, number: u64) -> DispatchResult {
	StorageProvider::terminate_sectors(signed(provider), batch([number]))
}

#[test]
fn replicas_and_gaps_of_any_value_are_kept_as_they_are() {
	new_chain().execute_with(|| {
		register(&alice());
		for (number, byte) in [(1, 0), (2, 0xff)] {
			let sector = PreCommitSector {
				comm_r: CommR([byte; 32]),
				..sealed(number)
			};
			pre_commit(&alice(), sector).unwrap();
		}
		await_seed();
		prove(&alice(), &[porep(&alice(), 1), porep(&alice(), 2)]).unwrap();
		assert_eq!(sector(&alice(), 2).comm_r, CommR([0xff; 32]));
		let widest = Gap {
			from: 0,
			to: u32::MAX,
		};
		crate::Sectors::<Test>::mutate(alice(), 1, |sector| {
			sector.as_mut().unwrap().add_gap(widest);
		});
		let health = StorageProvider::sector_health(&alice(), 1, 0, u32::MAX).unwrap();
		assert_eq!(health.healthy_blocks, 0);
	});
}
