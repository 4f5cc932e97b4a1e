//! Every error is reached by a call, and every refusal of a proposal also by an event.

use std::collections::BTreeSet;

use frame_support::assert_ok;
use holdfast_primitives::{CommP, DealExtension, DealProposal, PaddedPieceSize, PieceInfo};
use scale_info::{TypeDef, TypeInfo};
use sp_core::Pair;
use sp_runtime::{DispatchError, DispatchResult};

use super::mock::*;
use crate::{Error, Event, NextDealId, Refusal, SignedExtension};

/// The names of an enum's variants.
fn variants<T: TypeInfo>() -> BTreeSet<String> {
	let TypeDef::Variant(variants) = T::type_info().type_def else {
		panic!("it is an enum");
	};
	variants
		.variants
		.iter()
		.map(|variant| variant.name.to_string())
		.collect()
}

fn signed(name: &str) -> RuntimeOrigin {
	RuntimeOrigin::signed(account(name))
}

fn extend(change: impl FnOnce(&mut DealExtension)) -> DispatchResult {
	let mut extension = DealExtension {
		deal: 0,
		end: 150,
		new_end: 250,
		expires: 100,
	};
	change(&mut extension);
	let bytes = extension.signing_bytes(&Market::genesis_hash());
	let signature = pair("Client").sign(&bytes).into();
	Market::extend_deal(
		signed("Provider"),
		SignedExtension {
			extension,
			signature,
		},
	)
}

/// Each is run on a chain of its own, and returns the error of its last call.
const SCENARIOS: &[fn() -> DispatchResult] = &[
	|| Market::deposit(signed("Client"), 0),
	|| Market::deposit(signed("Client"), FUNDS),
	|| Market::withdraw(signed("Client"), FUNDS),
	|| settle(&[]),
	|| settle(&[0]),
	|| Market::publish_deals(signed("Rich"), batch(vec![sign(proposal())])),
	|| {
		let deal = publish(proposal());
		Market::activate(&account("Other"), 7, &[deal])
	},
	|| Market::cancel_deal(signed("Rich"), publish(proposal())),
	|| {
		let deal = publish(proposal());
		Market::reserve(&provider(), 7, &[deal], 150, 30)?;
		Market::cancel_deal(signed("Client"), deal)
	},
	|| {
		let deal = publish(proposal());
		Market::activate(&provider(), 7, &[deal])
	},
	|| {
		let deal = publish(proposal());
		Market::cancel_deal(signed("Client"), deal)?;
		Market::cancel_deal(signed("Client"), deal)
	},
	|| {
		active_deal();
		run_to(150);
		extend(|_| ())
	},
	|| {
		active_deal();
		extend(|extension| extension.expires = 49)
	},
	|| {
		active_deal();
		extend(|extension| extension.end = 149)
	},
	|| Market::cancel_deal(signed("Client"), active_deal()),
	|| {
		let deal = publish(proposal());
		System::set_block_number(50);
		Market::cancel_deal(signed("Client"), deal)
	},
	|| {
		let deal = publish(proposal());
		Market::reserve(&provider(), 7, &[deal], 149, 30).map(drop)
	},
	|| {
		let deal = publish(proposal());
		Market::reserve(&provider(), 7, &[deal, deal], 150, 30).map(drop)
	},
	|| settle(&[publish(proposal())]),
	|| {
		let deal = publish(proposal());
		start_in(7, &[deal])?;
		settle(&[deal])
	},
];

/// A proposal for every refusal, after `good` others were published in the same call.
fn refused(refusal: Refusal, good: u64) -> Signed {
	let with = |change: fn(&mut DealProposal<AccountId>)| {
		let mut proposal = proposal();
		change(&mut proposal);
		sign(proposal)
	};
	match refusal {
		Refusal::WrongProvider => with(|proposal| proposal.provider = account("Other")),
		Refusal::InvalidPieceSize => {
			use codec::{Decode, Encode};
			let mut proposal = proposal();
			proposal.piece.size = PaddedPieceSize::decode(&mut &1_000u64.encode()[..]).unwrap();
			sign(proposal)
		},
		Refusal::InvalidCommitment => {
			with(|proposal| proposal.piece.commitment = CommP([0xff; 32]))
		},
		Refusal::PieceTooLarge => with(|proposal| {
			proposal.piece = PieceInfo {
				size: PaddedPieceSize::new(16 << 20).unwrap(),
				..proposal.piece
			};
		}),
		Refusal::ProposalExpired => with(|proposal| proposal.expires = 0),
		Refusal::ExpiresAfterStart => with(|proposal| proposal.expires = 51),
		Refusal::StartPassed => with(|proposal| {
			proposal.start = 1;
			proposal.expires = 1;
		}),
		Refusal::StartTooFar => with(|proposal| proposal.start = u32::MAX),
		Refusal::InvalidDuration => with(|proposal| proposal.end = 50),
		Refusal::ZeroPrice => with(|proposal| proposal.price_per_block = 0),
		Refusal::PriceOverflow => with(|proposal| proposal.price_per_block = u128::MAX),
		Refusal::CollateralTooLow => with(|proposal| proposal.provider_collateral = 99),
		Refusal::NonceUsed => {
			publish(DealProposal {
				start: 60,
				..proposal()
			});
			sign(proposal())
		},
		Refusal::InvalidSignature => {
			let mut signed = sign(proposal());
			signed.proposal.nonce = 2;
			signed
		},
		Refusal::InsufficientClientEscrow => with(|proposal| proposal.client = account("Nobody")),
		Refusal::InsufficientProviderEscrow => {
			with(|proposal| proposal.provider_collateral = FUNDS)
		},
		Refusal::DealIdsExhausted => {
			NextDealId::<Test>::put(u64::MAX - good);
			sign(proposal())
		},
	}
}

/// Every refusal. The match in [`refused`] and the comparison below keep it complete.
const REFUSALS: [Refusal; 17] = [
	Refusal::WrongProvider,
	Refusal::InvalidPieceSize,
	Refusal::InvalidCommitment,
	Refusal::PieceTooLarge,
	Refusal::ProposalExpired,
	Refusal::ExpiresAfterStart,
	Refusal::StartPassed,
	Refusal::StartTooFar,
	Refusal::InvalidDuration,
	Refusal::ZeroPrice,
	Refusal::PriceOverflow,
	Refusal::CollateralTooLow,
	Refusal::NonceUsed,
	Refusal::InvalidSignature,
	Refusal::InsufficientClientEscrow,
	Refusal::InsufficientProviderEscrow,
	Refusal::DealIdsExhausted,
];

fn name(error: DispatchError) -> String {
	let DispatchError::Module(error) = error else {
		panic!("{error:?} is not the market's");
	};
	error.message.unwrap().into()
}

#[test]
fn every_error_is_reached() {
	let mut reached = BTreeSet::new();
	for scenario in SCENARIOS {
		new_test_ext().execute_with(|| {
			for account in ["Client", "Provider"] {
				assert_ok!(Market::deposit(signed(account), FUNDS / 10));
			}
			let error = scenario().unwrap_err();
			assert!(reached.insert(name(error)), "{error:?} is reached twice");
		});
	}
	for refusal in REFUSALS {
		with_deposits(|| {
			let bad = refused(refusal, 0);
			let error = Market::publish_deals(signed("Provider"), batch(vec![bad])).unwrap_err();
			assert!(reached.insert(name(error)), "{error:?} is reached twice");
			// As `check_all` expects it of every number that was given out.
			if refusal == Refusal::DealIdsExhausted {
				NextDealId::<Test>::put(1);
			}
		});
	}
	assert_eq!(reached, variants::<Error<Test>>());
}

#[test]
fn every_refusal_is_told_by_an_event_when_others_are_published() {
	let mut reached = BTreeSet::new();
	for refusal in REFUSALS {
		with_deposits(|| {
			let bad = refused(refusal, 1);
			System::reset_events();
			let good = sign(DealProposal {
				nonce: 1_000,
				start: 70,
				..proposal()
			});
			assert_ok!(Market::publish_deals(
				signed("Provider"),
				batch(vec![good, bad])
			));
			let told: Vec<_> = events()
				.into_iter()
				.filter_map(|event| match event {
					Event::DealRefused { index, reason } => Some((index, reason)),
					_ => None,
				})
				.collect();
			assert_eq!(told, [(1, refusal)]);
			reached.insert(format!("{refusal:?}"));
		});
	}
	assert_eq!(reached, variants::<Refusal>());
}
