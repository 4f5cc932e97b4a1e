//! What a provider is told that it has to do.

use super::mock::*;
use crate::{DuePreCommit, DueProof, DueWork, FaultyPartition};
use frame_support::assert_ok;

fn due() -> DueWork {
	StorageProvider::due_work(alice()).unwrap()
}

#[test]
fn nobody_but_a_provider_has_work() {
	new_chain().execute_with(|| {
		assert_eq!(StorageProvider::due_work(alice()), None);
		register(&alice());
		let nothing = DueWork {
			proofs: vec![],
			pre_commits: vec![],
			faults: vec![],
		};
		assert_eq!(due(), nothing);
	});
}

#[test]
fn a_pre_commit_is_due_exactly_while_it_can_be_proven() {
	new_chain().execute_with(|| {
		register(&alice());
		assert_ok!(pre_commit(&alice(), sealed(7)));
		let pre_commit = StorageProvider::pre_commit(alice(), 7).unwrap();
		let DuePreCommit {
			sector,
			from,
			until,
		} = due().pre_commits[0].clone();
		assert_eq!((sector, from), (7, pre_commit.pre_commit_block + 9));
		let try_at = |block| {
			let result = frame_support::storage::with_transaction(|| {
				let before = now();
				System::set_block_number(block);
				let result = prove(&alice(), &[porep(&alice(), 7)]);
				System::set_block_number(before);
				frame_support::storage::TransactionOutcome::Rollback(Ok::<
					_,
					sp_runtime::DispatchError,
				>(result.is_ok()))
			});
			result.unwrap()
		};
		assert!(!try_at(from - 1));
		assert!(try_at(from));
		assert!(try_at(until - 1));
		assert!(!try_at(until));
		run_to(until);
		assert!(due().pre_commits.is_empty());
		assert_eq!(StorageProvider::pre_commit(alice(), 7), None);
	});
}

#[test]
fn a_partition_is_due_while_its_window_is_open_and_it_is_not_proven() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		let (_, deadline, partition) = key_of(&alice(), 1);
		let window = window_of(&alice(), 1);
		run_to(window.open - 1);
		assert!(due().proofs.is_empty());
		run_to(window.open);
		assert_eq!(
			due().proofs,
			[DueProof {
				deadline,
				partition,
				sectors: 1,
				challenge: window.challenge,
				until: window.close
			}]
		);
		assert_ok!(submit(&key_of(&alice(), 1)));
		assert!(due().proofs.is_empty());
		run_to(window.close + 40);
		assert!(!due().proofs.is_empty());
	});
}

#[test]
fn a_fault_is_due_for_recovery_in_the_blocks_in_which_it_can_be_declared() {
	new_chain().execute_with(|| {
		register(&alice());
		activate(&alice(), &[1]);
		assert!(due().faults.is_empty());
		let (_, deadline, partition) = key_of(&alice(), 1);
		let missed = run_past_window(&alice(), 1);
		let faulty = |from, until| FaultyPartition {
			deadline,
			partition,
			sectors: 1,
			from,
			until,
		};
		let next = faulty(missed.close, missed.challenge + 60);
		assert_eq!(due().faults, [next.clone()]);
		run_to(next.until - 1);
		assert_eq!(due().faults, [next.clone()]);
		run_to(next.until);
		// Too late: only in the period after.
		let later = faulty(missed.close + 60, missed.challenge + 120);
		assert_eq!(due().faults, [later.clone()]);
		run_to(later.from);
		assert_ok!(declare_recoveries(&alice(), &[1]));
		assert!(due().faults.is_empty());
		// It is to be proven then.
		run_to(missed.open + 120);
		assert_eq!(due().proofs.len(), 1);
	});
}
