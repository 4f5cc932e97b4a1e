use frame_support::{assert_noop, assert_ok};
use holdfast_primitives::{DealExtension, DealProposal};
use sp_core::Pair;

use super::mock::*;
use crate::{Deals, Error, Event, SignedExtension};

fn extension(deal: u64) -> DealExtension {
	DealExtension {
		deal,
		end: 150,
		new_end: 250,
		expires: 100,
	}
}

fn signed_by(name: &str, extension: DealExtension) -> SignedExtension<sp_runtime::MultiSignature> {
	let bytes = extension.signing_bytes(&Market::genesis_hash());
	SignedExtension {
		extension,
		signature: pair(name).sign(&bytes).into(),
	}
}

fn extend(extension: DealExtension) -> sp_runtime::DispatchResult {
	Market::extend_deal(
		RuntimeOrigin::signed(provider()),
		signed_by("Client", extension),
	)
}

#[test]
fn both_parties_extend_an_active_deal() {
	with_deposits(|| {
		let id = active_deal();
		set_expiration(7, 250);
		assert_ok!(extend(extension(id)));
		assert_eq!(
			events(),
			[Event::DealExtended {
				deal: id,
				end: 250,
				price: 1_000,
				collateral: 100
			}]
		);
		let deal = Market::deal(id).unwrap();
		assert_eq!((deal.end, deal.provider_collateral), (250, 300));
		assert_eq!(Market::market_balance(&client()).payment, 2_000);
		assert_eq!(Market::market_balance(&provider()).collateral, 300);

		// Health to the new end is paid for, and everything is unlocked.
		let before = Balances::free_balance(provider());
		set_health(7, 200, 250);
		assert_ok!(settle(&[id]));
		assert_eq!(Balances::free_balance(provider()), before + 2_000);
		assert_eq!(Market::market_balance(&provider()).escrow, FUNDS / 10);
		assert_eq!(Deals::<Test>::iter().count(), 0);
	});
}

#[test]
fn an_extension_is_used_once() {
	with_deposits(|| {
		let id = active_deal();
		set_expiration(7, 1_000);
		assert_ok!(extend(extension(id)));
		assert_noop!(extend(extension(id)), Error::<Test>::ExtensionOutdated);
	});
}

#[test]
fn wallets_may_wrap_what_they_sign() {
	with_deposits(|| {
		let id = active_deal();
		set_expiration(7, 250);
		let extension = extension(id);
		let bytes = extension.signing_bytes(&Market::genesis_hash());
		let wrapped = [&b"<Bytes>"[..], &bytes, &b"</Bytes>"[..]].concat();
		assert_ok!(Market::extend_deal(
			RuntimeOrigin::signed(provider()),
			SignedExtension {
				extension,
				signature: pair("Client").sign(&wrapped).into(),
			}
		));
	});
}

#[test]
fn an_extension_that_cannot_be_is_refused() {
	with_deposits(|| {
		let waiting = publish(DealProposal {
			nonce: 2,
			start: 60,
			..proposal()
		});
		let id = active_deal();
		assert_noop!(extend(extension(99)), Error::<Test>::DealNotFound);
		assert_noop!(extend(extension(waiting)), Error::<Test>::DealNotActive);
		assert_noop!(extend(extension(id)), Error::<Test>::SectorEndsBeforeDeal);
		set_expiration(7, 249);
		assert_noop!(extend(extension(id)), Error::<Test>::SectorEndsBeforeDeal);
		set_expiration(7, u32::MAX);
		assert_noop!(
			Market::extend_deal(
				RuntimeOrigin::signed(account("Other")),
				signed_by("Client", extension(id))
			),
			Error::<Test>::NotTheDealsProvider
		);
		for name in ["Provider", "Other"] {
			assert_noop!(
				Market::extend_deal(
					RuntimeOrigin::signed(provider()),
					signed_by(name, extension(id))
				),
				Error::<Test>::InvalidSignature
			);
		}
		let altered = SignedExtension {
			extension: DealExtension {
				new_end: 240,
				..extension(id)
			},
			..signed_by("Client", extension(id))
		};
		assert_noop!(
			Market::extend_deal(RuntimeOrigin::signed(provider()), altered),
			Error::<Test>::InvalidSignature
		);
		for new_end in [0, 149, 150, u32::MAX] {
			assert_noop!(
				extend(DealExtension {
					new_end,
					..extension(id)
				}),
				Error::<Test>::InvalidDuration
			);
		}
		assert_noop!(
			extend(DealExtension {
				expires: 49,
				..extension(id)
			}),
			Error::<Test>::ExtensionExpired
		);
		run_to(150);
		assert_noop!(extend(extension(id)), Error::<Test>::DealEnded);
	});
}

#[test]
fn both_must_afford_the_extension() {
	with_deposits(|| {
		let id = active_deal();
		set_expiration(7, u32::MAX);
		let long = DealExtension {
			new_end: 40_000,
			..extension(id)
		};
		let withdraw = |who: AccountId, left: u128| {
			let escrow = Market::market_balance(&who).escrow;
			Market::withdraw(RuntimeOrigin::signed(who), escrow - left).unwrap();
		};
		let price = 10 * (40_000 - 150);
		withdraw(client(), price - 1);
		assert_noop!(extend(long), Error::<Test>::InsufficientClientEscrow);
		Market::deposit(RuntimeOrigin::signed(client()), 1).unwrap();
		withdraw(provider(), price / 10 - 1);
		assert_noop!(extend(long), Error::<Test>::InsufficientProviderEscrow);
		Market::deposit(RuntimeOrigin::signed(provider()), 1).unwrap();
		assert_ok!(extend(long));
	});
}

#[test]
fn a_price_that_overflows_is_refused() {
	with_deposits(|| {
		let id = active_deal();
		set_expiration(7, u32::MAX);
		for price in [u128::MAX / 100, u128::MAX / 150] {
			Deals::<Test>::mutate(id, |deal| {
				deal.as_mut().unwrap().price_per_block = price;
			});
			let result = extend(DealExtension {
				new_end: 300,
				..extension(id)
			});
			assert_eq!(result, Err(Error::<Test>::PriceOverflow.into()));
		}
		Deals::<Test>::mutate(id, |deal| {
			let deal = deal.as_mut().unwrap();
			deal.price_per_block = 10;
			deal.provider_collateral = u128::MAX;
		});
		assert_eq!(
			extend(extension(id)),
			Err(Error::<Test>::PriceOverflow.into())
		);
		// As the checks at the end expect it.
		Deals::<Test>::mutate(id, |deal| {
			deal.as_mut().unwrap().provider_collateral = 200;
		});
	});
}
