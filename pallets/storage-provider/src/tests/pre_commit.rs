//! Pre-commits: what is checked, what is held, and what becomes of those that are never proven.

use super::mock::*;
use crate::{Error, Event, PreCommitSector, PreCommits, SectorDeals};
use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::{piece::compute_comm_d, Policy, SectorSize};

fn deals(list: &[u64]) -> SectorDeals {
	SectorDeals::truncate_from(list.to_vec())
}

#[test]
fn an_empty_sector_holds_zeros() {
	new_chain().execute_with(|| {
		register(&alice());
		events();
		assert_ok!(pre_commit(&alice(), sealed(7)));
		let stored = PreCommits::<Test>::get(alice(), 7).unwrap();
		assert_eq!(
			stored.comm_d,
			compute_comm_d(SectorSize::KiB2, &[]).unwrap()
		);
		// The root of 64 zero leaves, hashed here.
		let root = (0..6).fold([0u8; 32], |node, _| {
			let mut parent = sp_io::hashing::sha2_256(&[node, node].concat());
			parent[31] &= 0x3f;
			parent
		});
		assert_eq!(stored.comm_d.0, root);
		assert_eq!(stored.comm_r, sealed(7).comm_r);
		assert_eq!((stored.pre_commit_block, stored.ticket_block), (10, 9));
		assert_eq!(deposited(&alice()), Policy::devnet().pre_commit_deposit);
		assert_eq!(
			events(),
			[Event::SectorPreCommitted {
				provider: alice(),
				sector: 7
			}]
		);
		StorageProvider::check_state().unwrap();
	});
}

#[test]
fn the_chain_computes_comm_d_from_the_deals_in_order() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 256, 100);
		publish(2, &alice(), 512, 100);
		let piece = |id| Deals::get(id).unwrap().piece;
		for (sector, order) in [(1, [1, 2]), (2, [2, 1])] {
			assert_ok!(pre_commit(
				&alice(),
				PreCommitSector {
					deals: deals(&order),
					..sealed(sector)
				}
			));
			let pieces = order.map(piece);
			assert_eq!(
				PreCommits::<Test>::get(alice(), sector).unwrap().comm_d,
				compute_comm_d(SectorSize::KiB2, &pieces).unwrap()
			);
		}
	});
}

#[test]
fn a_batch_is_accepted_as_a_whole_or_not_at_all() {
	new_chain().execute_with(|| {
		register(&alice());
		let empty = crate::Batch::default();
		assert_noop!(
			StorageProvider::pre_commit_sectors(signed(&alice()), empty),
			Error::<Test>::EmptyBatch
		);
		assert_noop!(
			StorageProvider::pre_commit_sectors(
				signed(&alice()),
				batch([sealed(1), sealed(2), sealed(1)])
			),
			Error::<Test>::SectorNumberUsed
		);
		assert_ok!(StorageProvider::pre_commit_sectors(
			signed(&alice()),
			batch([sealed(1), sealed(2)])
		));
		assert_eq!(StorageProvider::provider(alice()).unwrap().pre_commits, 2);
		assert_eq!(deposited(&alice()), 2 * Policy::devnet().pre_commit_deposit);
	});
}

#[test]
fn only_providers_pre_commit() {
	new_chain().execute_with(|| {
		assert_noop!(
			pre_commit(&alice(), sealed(1)),
			Error::<Test>::NotRegistered
		);
	});
}

#[test]
fn a_number_in_use_is_refused() {
	new_chain().execute_with(|| {
		register(&alice());
		register(&bob());
		assert_ok!(pre_commit(&alice(), sealed(1)));
		assert_noop!(
			pre_commit(&alice(), sealed(1)),
			Error::<Test>::SectorNumberUsed
		);
		// Another provider's numbers are its own.
		assert_ok!(pre_commit(&bob(), sealed(1)));
		await_seed();
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		assert_noop!(
			pre_commit(&alice(), sealed(1)),
			Error::<Test>::SectorNumberUsed
		);
	});
}

#[test]
fn the_lifetime_is_bounded_on_both_sides() {
	new_chain().execute_with(|| {
		register(&alice());
		let lasting = |lifetime| PreCommitSector {
			expiration: now() + lifetime,
			..sealed(1)
		};
		let policy = Policy::devnet();
		assert_noop!(
			pre_commit(&alice(), lasting(policy.min_sector_lifetime - 1)),
			Error::<Test>::ExpirationTooSoon
		);
		assert_noop!(
			pre_commit(
				&alice(),
				PreCommitSector {
					expiration: 0,
					..sealed(1)
				}
			),
			Error::<Test>::ExpirationTooSoon
		);
		assert_noop!(
			pre_commit(&alice(), lasting(policy.max_sector_lifetime + 1)),
			Error::<Test>::ExpirationTooLate
		);
		assert_noop!(
			pre_commit(
				&alice(),
				PreCommitSector {
					expiration: u32::MAX,
					..sealed(1)
				}
			),
			Error::<Test>::ExpirationTooLate
		);
		assert_ok!(pre_commit(&alice(), lasting(policy.min_sector_lifetime)));
		assert_ok!(pre_commit(
			&alice(),
			PreCommitSector {
				sector: 2,
				..lasting(policy.max_sector_lifetime)
			}
		));
	});
}

#[test]
fn the_ticket_is_of_a_recent_past_block() {
	new_chain().execute_with(|| {
		register(&alice());
		run_to(700);
		let ticket = |ticket_block| PreCommitSector {
			ticket_block,
			..sealed(1)
		};
		for future in [700, 701, u32::MAX] {
			assert_noop!(
				pre_commit(&alice(), ticket(future)),
				Error::<Test>::TicketNotPast
			);
		}
		for old in [99, 0] {
			assert_noop!(
				pre_commit(&alice(), ticket(old)),
				Error::<Test>::TicketTooOld
			);
		}
		Forgotten::insert(100, ());
		assert_noop!(
			pre_commit(&alice(), ticket(100)),
			Error::<Test>::RandomnessUnavailable
		);
		Forgotten::remove(100);
		assert_ok!(pre_commit(&alice(), ticket(100)));
	});
}

#[test]
fn deals_must_be_distinct_ours_and_fit() {
	new_chain().execute_with(|| {
		register(&alice());
		publish(1, &alice(), 1024, 100);
		publish(2, &alice(), 2048, 100);
		publish(3, &bob(), 128, 100);
		let with = |list: &[u64]| PreCommitSector {
			deals: deals(list),
			..sealed(1)
		};
		assert_noop!(
			pre_commit(&alice(), with(&[1, 1])),
			Error::<Test>::DuplicateDeal
		);
		assert_noop!(
			pre_commit(&alice(), with(&[1, 2])),
			Error::<Test>::PiecesDoNotFit
		);
		assert_noop!(pre_commit(&alice(), with(&[3])), NO_SUCH_DEAL);
		assert_noop!(
			pre_commit(
				&alice(),
				PreCommitSector {
					expiration: 99,
					..with(&[1])
				}
			),
			DEAL_OUTLIVES
		);
		assert_ok!(pre_commit(&alice(), with(&[2])));
	});
}

#[test]
fn a_deposit_that_cannot_be_paid_refuses_the_pre_commit() {
	new_chain().execute_with(|| {
		let poor = account(4);
		register(&poor);
		let deposit = Policy::devnet().pre_commit_deposit;
		let rest = deposit + EXISTENTIAL_DEPOSIT - 1;
		assert_ok!(Balances::transfer_allow_death(
			signed(&poor),
			bob(),
			FUNDS - rest
		));
		assert_noop!(
			pre_commit(&poor, sealed(1)),
			Error::<Test>::InsufficientDeposit
		);
		assert_ok!(Balances::transfer_allow_death(
			signed(&bob()),
			poor.clone(),
			1
		));
		assert_ok!(pre_commit(&poor, sealed(1)));
	});
}

#[test]
fn a_pre_commit_that_is_not_proven_in_time_costs_its_deposit() {
	new_chain().execute_with(|| {
		register(&alice());
		let issuance = Balances::total_issuance();
		let deposit = Policy::devnet().pre_commit_deposit;
		let last = now() + Policy::devnet().pre_commit_lifetime;
		assert_ok!(pre_commit(&alice(), sealed(1)));
		run_to(last);
		assert_eq!(deposited(&alice()), deposit);
		events();
		run_to(last + 1);
		assert_eq!(
			events(),
			[Event::PreCommitExpired {
				provider: alice(),
				sector: 1,
				burned: deposit
			}]
		);
		assert_eq!(deposited(&alice()), 0);
		assert_eq!(total(&alice()), FUNDS - deposit);
		assert_eq!(Balances::total_issuance(), issuance - deposit);
		assert_eq!(StorageProvider::provider(alice()).unwrap().pre_commits, 0);
		assert_ok!(pre_commit(&alice(), sealed(1)));
	});
}

#[test]
fn a_pre_commit_can_be_proven_in_its_last_block() {
	new_chain().execute_with(|| {
		register(&alice());
		let last = now() + Policy::devnet().pre_commit_lifetime;
		assert_ok!(pre_commit(&alice(), sealed(1)));
		run_to(last);
		assert_ok!(prove(&alice(), &[porep(&alice(), 1)]));
		run_for(5);
		assert_eq!(total(&alice()), FUNDS);
	});
}
