use codec::{Decode, Encode};
use frame_support::{assert_noop, assert_ok, traits::ConstU32, BoundedVec};
use holdfast_primitives::{CommP, DealProposal, PaddedPieceSize, PieceInfo, Policy};
use sp_core::{ed25519, Pair};
use sp_runtime::MultiSignature;

use super::mock::*;
use crate::{
	monies, AgendaCursor, Deal, DealState, Deals, Error, Event, MarketBalance, NextDealId, Nonces,
	Refusal, StartAgenda,
};

fn publish_all(proposals: Vec<Signed>) -> sp_runtime::DispatchResult {
	Market::publish_deals(RuntimeOrigin::signed(provider()), batch(proposals))
}

/// A call with nothing but this proposal fails, and changes nothing.
#[track_caller]
fn refused(proposal: DealProposal<AccountId>, reason: Refusal) {
	refused_signed(sign(proposal), reason);
}

#[track_caller]
fn refused_signed(signed: Signed, reason: Refusal) {
	assert_noop!(
		publish_all(vec![signed.clone()]),
		Error::<Test>::from(reason)
	);
	// The error and the refusal have one name.
	let error: sp_runtime::DispatchError = Error::<Test>::from(reason).into();
	let sp_runtime::DispatchError::Module(error) = error else {
		panic!("a module error");
	};
	assert_eq!(error.message.unwrap(), format!("{reason:?}"));
}

fn piece(bytes: u64) -> PieceInfo {
	PieceInfo {
		commitment: CommP([1; 32]),
		size: PaddedPieceSize::new(bytes).unwrap(),
	}
}

#[test]
fn publishing_locks_the_price_and_the_collateral() {
	with_deposits(|| {
		NextDealId::<Test>::put(41);
		assert_ok!(publish_all(vec![sign(proposal())]));
		assert_eq!(
			events(),
			[Event::DealPublished {
				deal: 41,
				client: client(),
				provider: provider(),
				index: 0
			}]
		);
		assert_eq!(
			Market::market_balance(&client()),
			MarketBalance {
				escrow: FUNDS / 10 - 1_000,
				payment: 1_000,
				collateral: 0
			}
		);
		assert_eq!(
			Market::market_balance(&provider()),
			MarketBalance {
				escrow: FUNDS / 10 - 200,
				payment: 0,
				collateral: 200
			}
		);
		assert_eq!(
			Market::deal(41),
			Some(Deal {
				piece: piece(1024),
				client: client(),
				provider: provider(),
				start: 50,
				end: 150,
				price_per_block: 10,
				provider_collateral: 200,
				nonce: 1,
				paid_blocks: 0,
				state: DealState::Published,
			})
		);
		assert!(StartAgenda::<Test>::contains_key(50, 41));
		assert!(Market::nonce_used(client(), 1));
		assert!(!Market::nonce_used(client(), 2));
		assert_eq!(NextDealId::<Test>::get(), 42);
	});
}

#[test]
fn a_worker_publishes_for_its_provider() {
	with_deposits(|| {
		let worker = RuntimeOrigin::signed(account("Worker"));
		assert_ok!(Market::publish_deals(worker, batch(vec![sign(proposal())])));
		assert_eq!(Market::deal(0).unwrap().provider, provider());
		let balance = Market::market_balance(&provider());
		assert_eq!(balance.collateral, proposal().provider_collateral);
	});
}

#[test]
fn a_bad_proposal_is_refused_alone() {
	with_deposits(|| {
		let with_nonce = |nonce| DealProposal {
			nonce,
			..proposal()
		};
		let mut forged = sign(with_nonce(2));
		forged.proposal.price_per_block = 11;
		assert_ok!(publish_all(vec![
			sign(with_nonce(1)),
			forged,
			sign(with_nonce(1)),
			sign(with_nonce(3)),
		]));
		assert_eq!(
			events(),
			[
				Event::DealPublished {
					deal: 0,
					client: client(),
					provider: provider(),
					index: 0
				},
				Event::DealRefused {
					index: 1,
					reason: Refusal::InvalidSignature
				},
				Event::DealRefused {
					index: 2,
					reason: Refusal::NonceUsed
				},
				Event::DealPublished {
					deal: 1,
					client: client(),
					provider: provider(),
					index: 3
				},
			]
		);
		assert_eq!(Market::market_balance(&client()).payment, 2_000);
	});
}

#[test]
fn a_call_in_which_all_are_refused_fails_with_the_first_refusal() {
	with_deposits(|| {
		let expired = sign(DealProposal {
			expires: 0,
			..proposal()
		});
		let free = sign(DealProposal {
			price_per_block: 0,
			..proposal()
		});
		assert_noop!(
			publish_all(vec![expired, free]),
			Error::<Test>::ProposalExpired
		);
	});
}

#[test]
fn a_call_needs_proposals_and_a_registered_provider() {
	with_deposits(|| {
		assert_noop!(publish_all(vec![]), Error::<Test>::EmptyBatch);
		let origin = RuntimeOrigin::signed(account("Rich"));
		assert_noop!(
			Market::publish_deals(origin, batch(vec![sign(proposal())])),
			Error::<Test>::ProviderNotRegistered
		);
	});
}

#[test]
fn a_proposal_binds_its_provider() {
	with_deposits(|| {
		let other = DealProposal {
			provider: account("Other"),
			..proposal()
		};
		refused(other, Refusal::WrongProvider);
	});
}

#[test]
fn the_piece_must_be_one_that_a_sector_can_hold() {
	with_deposits(|| {
		let with = |piece| DealProposal {
			piece,
			..proposal()
		};
		for bytes in [0u64, 64, 1000, u64::MAX] {
			// As the bytes of a call can say it; the constructor refuses it.
			let size = PaddedPieceSize::decode(&mut &bytes.encode()[..]).unwrap();
			let odd = PieceInfo {
				size,
				..piece(1024)
			};
			refused(with(odd), Refusal::InvalidPieceSize);
		}
		let beyond_field = PieceInfo {
			commitment: CommP([0xff; 32]),
			..piece(1024)
		};
		refused(with(beyond_field), Refusal::InvalidCommitment);
		refused(with(piece(16 << 20)), Refusal::PieceTooLarge);
		refused(with(piece(1 << 63)), Refusal::PieceTooLarge);
		publish(with(piece(8 << 20)));
	});
}

#[test]
fn a_proposal_expires() {
	with_deposits(|| {
		run_to(41);
		refused(proposal(), Refusal::ProposalExpired);
		System::set_block_number(40);
		publish(proposal());
	});
}

#[test]
fn a_proposal_cannot_be_published_after_its_start() {
	with_deposits(|| {
		let late = DealProposal {
			expires: 51,
			..proposal()
		};
		refused(late, Refusal::ExpiresAfterStart);
		let edge = DealProposal {
			expires: 50,
			..proposal()
		};
		run_to(50);
		refused(edge.clone(), Refusal::StartPassed);
		System::set_block_number(49);
		AgendaCursor::<Test>::put(50);
		publish(edge);
	});
}

#[test]
fn the_start_is_within_the_policys_delay() {
	with_deposits(|| {
		let delay = Policy::devnet().max_deal_start_delay;
		let at = |start| DealProposal {
			start,
			end: start.saturating_add(100),
			..proposal()
		};
		refused(at(1 + delay + 1), Refusal::StartTooFar);
		refused(at(u32::MAX), Refusal::StartTooFar);
		publish(at(1 + delay));
	});
}

#[test]
fn the_duration_is_within_the_policy() {
	with_deposits(|| {
		let policy = Policy::devnet();
		let until = |end, nonce| DealProposal {
			end,
			nonce,
			provider_collateral: 100_000,
			..proposal()
		};
		refused(until(0, 1), Refusal::InvalidDuration);
		refused(until(50, 1), Refusal::InvalidDuration);
		refused(
			until(50 + policy.min_deal_duration - 1, 1),
			Refusal::InvalidDuration,
		);
		refused(
			until(50 + policy.max_deal_duration + 1, 1),
			Refusal::InvalidDuration,
		);
		refused(until(u32::MAX, 1), Refusal::InvalidDuration);
		publish(until(50 + policy.min_deal_duration, 1));
		publish(until(50 + policy.max_deal_duration, 2));
	});
}

#[test]
fn the_price_is_positive_and_does_not_overflow() {
	with_deposits(|| {
		let priced = |price_per_block| DealProposal {
			price_per_block,
			provider_collateral: u128::MAX,
			..proposal()
		};
		refused(priced(0), Refusal::ZeroPrice);
		refused(priced(u128::MAX), Refusal::PriceOverflow);
		refused(priced(u128::MAX / 100 + 1), Refusal::PriceOverflow);
		refused(priced(u128::MAX / 100), Refusal::InsufficientClientEscrow);
	});
}

#[test]
fn the_collateral_has_a_least_share_of_the_price() {
	with_deposits(|| {
		let with = |provider_collateral| DealProposal {
			provider_collateral,
			..proposal()
		};
		refused(with(99), Refusal::CollateralTooLow);
		publish(with(100));
		// Even if the policy asks for none there is some, which keeps the provider's account alive.
		CurrentPolicy::set(Policy {
			min_collateral_basis_points: 0,
			..Policy::devnet()
		});
		refused(with(0), Refusal::CollateralTooLow);
	});
}

#[test]
fn the_least_collateral_is_rounded_up_and_does_not_overflow() {
	assert_eq!(monies::least_collateral(1_000, 1_000), 100);
	assert_eq!(monies::least_collateral(1_001, 1_000), 101);
	assert_eq!(monies::least_collateral(1, 1), 1);
	assert_eq!(monies::least_collateral(0, 10_000), 1);
	assert_eq!(monies::least_collateral(u128::MAX, 10_000), u128::MAX);
	assert_eq!(
		monies::least_collateral(u128::MAX, 5_000),
		u128::MAX / 2 + 1
	);
	assert_eq!(monies::least_collateral(u128::MAX, u32::MAX), u128::MAX);
}

#[test]
fn a_nonce_is_used_once_for_each_client() {
	with_deposits(|| {
		publish(proposal());
		refused(proposal(), Refusal::NonceUsed);
		let cheaper = DealProposal {
			price_per_block: 9,
			..proposal()
		};
		refused(cheaper, Refusal::NonceUsed);
		assert_ok!(Market::deposit(
			RuntimeOrigin::signed(account("Rich")),
			1_000
		));
		publish(DealProposal {
			client: account("Rich"),
			..proposal()
		});
	});
}

#[test]
fn a_signature_binds_client_proposal_and_chain() {
	with_deposits(|| {
		let signed = sign(proposal());
		let bytes = proposal().signing_bytes(&Market::genesis_hash());
		let with = |signature: MultiSignature| Signed {
			signature,
			proposal: proposal(),
		};
		// Another key, another chain, other bytes, no domain, an all-zero signature, another scheme.
		let forgeries = [
			pair("Rich").sign(&bytes).into(),
			pair("Client")
				.sign(&proposal().signing_bytes(&[0xee; 32]))
				.into(),
			pair("Client").sign(&bytes[..bytes.len() - 1]).into(),
			pair("Client").sign(&proposal().encode()).into(),
			MultiSignature::Sr25519(Default::default()),
			MultiSignature::Ed25519(Default::default()),
			MultiSignature::Ecdsa(Default::default()),
			ed25519::Pair::from_string("//Client", None)
				.unwrap()
				.sign(&bytes)
				.into(),
		];
		for signature in forgeries {
			refused_signed(with(signature), Refusal::InvalidSignature);
		}
		let changes: [fn(&mut DealProposal<AccountId>); 9] = [
			|p| p.piece = piece(2048),
			|p| p.piece.commitment = CommP([2; 32]),
			|p| p.client = account("Rich"),
			|p| p.start += 1,
			|p| p.end += 1,
			|p| p.price_per_block += 1,
			|p| p.provider_collateral += 1,
			|p| p.nonce += 1,
			|p| p.expires += 1,
		];
		for change in changes {
			let mut changed = signed.clone();
			change(&mut changed.proposal);
			refused_signed(changed, Refusal::InvalidSignature);
		}
		assert_ok!(publish_all(vec![signed]));
	});
}

#[test]
fn a_wallets_wrapped_signature_is_accepted() {
	with_deposits(|| {
		let bytes = proposal().signing_bytes(&Market::genesis_hash());
		let wrap = |open: &[u8], close: &[u8]| {
			let wrapped = [open, &bytes, close].concat();
			Signed {
				signature: pair("Client").sign(&wrapped).into(),
				proposal: proposal(),
			}
		};
		refused_signed(wrap(b"<Bytes>", b""), Refusal::InvalidSignature);
		refused_signed(wrap(b"", b"</Bytes>"), Refusal::InvalidSignature);
		assert_ok!(publish_all(vec![wrap(b"<Bytes>", b"</Bytes>")]));
	});
}

#[test]
fn the_genesis_hash_is_that_of_block_zero() {
	new_test_ext().execute_with(|| {
		assert_eq!(
			&Market::genesis_hash()[..],
			System::block_hash(0).as_bytes()
		);
		assert_ne!(Market::genesis_hash(), [0; 32]);
	});
}

#[test]
fn both_escrows_must_cover_the_deal() {
	with_deposits(|| {
		let by_rich = DealProposal {
			client: account("Rich"),
			..proposal()
		};
		refused(by_rich.clone(), Refusal::InsufficientClientEscrow);
		let rich = || RuntimeOrigin::signed(account("Rich"));
		assert_ok!(Market::deposit(rich(), 999));
		refused(by_rich.clone(), Refusal::InsufficientClientEscrow);
		assert_ok!(Market::deposit(rich(), 1));
		let greedy = DealProposal {
			provider_collateral: FUNDS / 10 + 1,
			..by_rich
		};
		// The client's money that was locked before is free again.
		refused(greedy, Refusal::InsufficientProviderEscrow);
		assert_eq!(
			Market::market_balance(&account("Rich")),
			MarketBalance {
				escrow: 1_000,
				..Default::default()
			}
		);
	});
}

#[test]
fn an_account_that_does_not_exist_is_no_client() {
	with_deposits(|| {
		let by_nobody = DealProposal {
			client: account("Nobody"),
			..proposal()
		};
		refused(by_nobody, Refusal::InsufficientClientEscrow);
	});
}

#[test]
fn a_provider_that_is_its_own_client_needs_both_sums() {
	with_deposits(|| {
		let own = DealProposal {
			client: provider(),
			price_per_block: FUNDS / 1_000,
			provider_collateral: FUNDS / 100,
			..proposal()
		};
		refused(own, Refusal::InsufficientProviderEscrow);
	});
}

#[test]
fn the_last_deal_number_is_not_used_up_by_accident() {
	new_test_ext().execute_with(|| {
		for name in ["Client", "Provider"] {
			assert_ok!(Market::deposit(
				RuntimeOrigin::signed(account(name)),
				10_000
			));
		}
		NextDealId::<Test>::put(u64::MAX);
		refused(proposal(), Refusal::DealIdsExhausted);
	});
}

#[test]
fn nobody_can_fill_the_market_for_others() {
	with_deposits(|| {
		// More deals with one start than the agenda takes in a block, and more than the rival's 128.
		for first in (0..192).step_by(32) {
			let proposals: Vec<_> = (first..first + 32)
				.map(|nonce| {
					sign(DealProposal {
						nonce,
						..proposal()
					})
				})
				.collect();
			assert_ok!(publish_all(proposals));
		}
		assert_eq!(Deals::<Test>::iter().count(), 192);
		assert_eq!(Nonces::<Test>::iter().count(), 192);
	});
}

#[test]
fn a_batch_has_a_bound() {
	new_test_ext().execute_with(|| {
		let encoded = vec![sign(proposal()); 33].encode();
		assert!(BoundedVec::<Signed, ConstU32<32>>::decode(&mut &encoded[..]).is_err());
	});
}
