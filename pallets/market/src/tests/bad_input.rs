//! Every call with every field at its limits and beyond, and by the wrong origin. Whatever it is given, a
//! call fails and changes nothing, or leaves a state that is consistent.

use codec::{Decode, Encode};
use frame_support::traits::UnfilteredDispatchable;
use holdfast_primitives::{CommP, DealExtension, DealProposal, PaddedPieceSize};
use sp_core::Pair;
use sp_runtime::{DispatchError, DispatchResult, StateVersion};

use super::mock::*;
use crate::{Call, DealState, Deals, SignedExtension};

const BLOCKS: [u32; 9] = [0, 1, 49, 50, 51, 149, 150, u32::MAX - 1, u32::MAX];
const AMOUNTS: [u128; 8] = [
	0,
	1,
	FUNDS / 10,
	FUNDS / 10 + 1,
	FUNDS,
	u64::MAX as u128 + 1,
	u128::MAX / 100,
	u128::MAX,
];
const NUMBERS: [u64; 4] = [0, 1, u64::MAX - 1, u64::MAX];

/// Dispatches the call as a block does, and checks the state after it.
fn dispatch(origin: RuntimeOrigin, call: Call<Test>) -> DispatchResult {
	let root = || sp_io::storage::root(StateVersion::V1);
	let before = root();
	let result = RuntimeCall::Market(call).dispatch_bypass_filter(origin);
	if result.is_err() {
		assert_eq!(root(), before, "a call that fails changes nothing");
	}
	check_all();
	result.map(drop).map_err(|error| error.error)
}

fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

/// A change of one field of a proposal.
type Change = Box<dyn Fn(&mut DealProposal<AccountId>)>;

/// Every field of a proposal at each of its limits.
fn changes() -> Vec<Vec<Change>> {
	fn each<V: Copy + 'static>(
		values: &[V],
		set: fn(&mut DealProposal<AccountId>, V),
	) -> Vec<Change> {
		values
			.iter()
			.map(|value| {
				let value = *value;
				Box::new(move |proposal: &mut DealProposal<AccountId>| set(proposal, value))
					as Change
			})
			.collect()
	}
	let sizes = [0u64, 1, 127, 128, 8 << 20, 16 << 20, 1 << 63, u64::MAX];
	vec![
		each(&BLOCKS, |proposal, block| proposal.start = block),
		each(&BLOCKS, |proposal, block| proposal.end = block),
		each(&BLOCKS, |proposal, block| proposal.expires = block),
		each(&AMOUNTS, |proposal, amount| {
			proposal.price_per_block = amount
		}),
		each(&AMOUNTS, |proposal, amount| {
			proposal.provider_collateral = amount;
		}),
		each(&NUMBERS, |proposal, number| proposal.nonce = number),
		each(&sizes, |proposal, bytes| {
			// As the bytes of a call can say it; the constructor refuses it.
			proposal.piece.size = PaddedPieceSize::decode(&mut &bytes.encode()[..]).unwrap();
		}),
		each(
			&[[0; 32], [0x3f; 32], [0x40; 32], [0xff; 32]],
			|proposal, bytes| {
				proposal.piece.commitment = CommP(bytes);
			},
		),
		each(
			&["Client", "Rich", "Provider", "Nobody"],
			|proposal, name| {
				proposal.client = account(name);
			},
		),
		each(&["Client", "Provider", "Other"], |proposal, name| {
			proposal.provider = account(name);
		}),
	]
}

#[test]
fn proposals_with_any_two_fields_at_their_limits_harm_nothing() {
	let fields = changes();
	let mut published = 0;
	new_test_ext().execute_with(|| {
		for name in ["Client", "Provider"] {
			Market::deposit(signed(account(name)), FUNDS / 10).unwrap();
		}
		for (index, first) in fields.iter().enumerate() {
			for second in fields.iter().skip(index + 1).flatten() {
				for first in first {
					let mut proposal = proposal();
					first(&mut proposal);
					second(&mut proposal);
					let proposals = batch(vec![sign(proposal)]);
					let published_alone = frame_support::storage::with_transaction(|| {
						let call = Call::publish_deals { proposals };
						let result = RuntimeCall::Market(call)
							.dispatch_bypass_filter(signed(provider()))
							.map(drop)
							.map_err(|error| error.error);
						check_all();
						sp_runtime::TransactionOutcome::Rollback(result)
					});
					published += u32::from(published_alone.is_ok());
				}
			}
		}
	});
	// Some limits are within what is allowed.
	assert!(published > 0);
}

#[test]
fn amounts_at_their_limits_move_what_is_there_or_nothing() {
	for amount in AMOUNTS {
		with_deposits(|| {
			let deposited = dispatch(signed(client()), Call::deposit { amount });
			assert_eq!(
				deposited.is_ok(),
				amount > 0 && amount <= FUNDS * 9 / 10 - ED
			);
		});
		with_deposits(|| {
			let withdrawn = dispatch(signed(client()), Call::withdraw { amount });
			assert_eq!(withdrawn.is_ok(), amount > 0 && amount <= FUNDS / 10);
		});
	}
}

#[test]
fn numbers_of_no_deal_are_refused_by_every_call() {
	with_deposits(|| {
		for deal in [1, 2, u64::MAX - 1, u64::MAX] {
			let deals = vec![deal; 32].try_into().unwrap();
			assert!(dispatch(signed(client()), Call::settle_deals { deals }).is_err());
			assert!(dispatch(signed(client()), Call::cancel_deal { deal }).is_err());
			let extension = DealExtension {
				deal,
				end: 0,
				new_end: u32::MAX,
				expires: u32::MAX,
			};
			let extension = SignedExtension {
				extension,
				signature: pair("Client").sign(&[]).into(),
			};
			assert!(dispatch(signed(provider()), Call::extend_deal { extension }).is_err());
			assert!(Market::reserve(&provider(), 7, &[deal], u32::MAX, u32::MAX).is_err());
			assert!(Market::activate(&provider(), 7, &[deal]).is_err());
		}
	});
}

#[test]
fn extensions_with_fields_at_their_limits_harm_nothing() {
	with_deposits(|| {
		let deal = active_deal();
		for expiration in [150, 151, u32::MAX] {
			set_expiration(7, expiration);
			for end in BLOCKS {
				for new_end in BLOCKS {
					for expires in [0, 49, 50, u32::MAX] {
						let extension = DealExtension {
							deal,
							end,
							new_end,
							expires,
						};
						let bytes = extension.signing_bytes(&Market::genesis_hash());
						let extension = SignedExtension {
							extension,
							signature: pair("Client").sign(&bytes).into(),
						};
						let result = dispatch(signed(provider()), Call::extend_deal { extension });
						// Of all these blocks none is later than the end and within the policy.
						assert!(result.is_err());
					}
				}
			}
		}
	});
}

#[test]
fn a_batch_may_name_a_deal_many_times_and_pays_once() {
	with_deposits(|| {
		let deal = active_deal();
		set_health(7, 100, u32::MAX);
		let before = Balances::free_balance(provider());
		let deals = vec![deal; 32].try_into().unwrap();
		dispatch(signed(client()), Call::settle_deals { deals }).unwrap();
		assert_eq!(Balances::free_balance(provider()), before + 1_000);
		assert_eq!(Market::deal(deal), None);
	});
}

#[test]
fn a_batch_of_one_proposal_many_times_publishes_it_once() {
	with_deposits(|| {
		let proposals = batch(vec![sign(proposal()); 32]);
		dispatch(signed(provider()), Call::publish_deals { proposals }).unwrap();
		assert_eq!(Deals::<Test>::iter().count(), 1);
		assert_eq!(Market::market_balance(&client()).payment, 1_000);
	});
}

/// Each call as its rightful caller would make it.
fn calls(deal: u64, waiting: u64) -> Vec<Call<Test>> {
	let extension = DealExtension {
		deal,
		end: 150,
		new_end: 250,
		expires: 100,
	};
	let bytes = extension.signing_bytes(&Market::genesis_hash());
	let next = DealProposal {
		nonce: 3,
		start: 70,
		expires: 70,
		..proposal()
	};
	vec![
		Call::deposit { amount: 1 },
		Call::withdraw { amount: 1 },
		Call::publish_deals {
			proposals: batch(vec![sign(next)]),
		},
		Call::settle_deals {
			deals: vec![deal].try_into().unwrap(),
		},
		Call::cancel_deal { deal: waiting },
		Call::extend_deal {
			extension: SignedExtension {
				extension,
				signature: pair("Client").sign(&bytes).into(),
			},
		},
	]
}

#[test]
fn no_call_is_for_root_or_nobody_and_only_settling_is_for_strangers() {
	with_deposits(|| {
		let waiting = publish(DealProposal {
			nonce: 2,
			start: 60,
			..proposal()
		});
		let deal = active_deal();
		set_expiration(7, u32::MAX);
		for call in calls(deal, waiting) {
			for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
				assert_eq!(
					dispatch(origin, call.clone()),
					Err(DispatchError::BadOrigin)
				);
			}
		}
		let strangers = calls(deal, waiting)
			.into_iter()
			.map(|call| dispatch(signed(account("Other")), call).is_ok());
		// Everybody deposits and withdraws its own money.
		let expected = [true, true, false, true, false, false];
		assert_eq!(strangers.collect::<Vec<_>>(), expected);
		assert_eq!(
			Market::deal(waiting).unwrap().state,
			DealState::Published,
			"nobody cancelled it"
		);
		// Its own parties can.
		let parties = [
			client(),
			client(),
			provider(),
			client(),
			client(),
			provider(),
		];
		for (call, party) in calls(deal, waiting).into_iter().zip(parties) {
			dispatch(signed(party), call).unwrap();
		}
	});
}
