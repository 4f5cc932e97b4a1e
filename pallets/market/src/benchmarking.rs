//! Benchmarks of the market: every call and the hook, each at its most expensive.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{
		fungible::{Inspect, Unbalanced},
		tokens::Precision,
		Get,
	},
	BoundedVec,
};
use frame_system::RawOrigin;
use holdfast_primitives::{
	sector::SectorSize, Balance, CommP, DealExtension, DealId, DealProposal, PaddedPieceSize,
	PieceInfo,
};
use sp_runtime::SaturatedConversion;

use crate::{
	deal::{DealState, SignedExtension, SignedProposal, MAX_BATCH},
	pallet::{AgendaCursor, Call, Config, Deals, Event, Pallet},
	traits::{BenchmarkSigner, Providers, Sectors},
};

type Signed<T> = SignedProposal<<T as frame_system::Config>::AccountId, <T as Config>::Signature>;

const NOW: u32 = 10;
const START: u32 = 20;
const SECTOR: u64 = 7;

fn unit<T: Config>() -> Balance {
	T::Currency::minimum_balance().max(1)
}

/// Much more than any benchmark needs.
fn fund<T: Config>(who: &T::AccountId) -> Result<(), BenchmarkError> {
	let amount = unit::<T>().saturating_mul(1 << 50);
	T::Currency::increase_balance(who, amount, Precision::Exact)
		.map_err(|_| BenchmarkError::Stop("the balance overflows"))?;
	let total = T::Currency::total_issuance().saturating_add(amount);
	T::Currency::set_total_issuance(total);
	Pallet::<T>::deposit_into_escrow(who, amount / 2)?;
	Ok(())
}

fn set_now<T: Config>(now: u32) {
	frame_system::Pallet::<T>::set_block_number(now.saturated_into());
}

fn provider<T: Config>() -> Result<T::AccountId, BenchmarkError> {
	set_now::<T>(NOW);
	let provider = whitelisted_caller();
	fund::<T>(&provider)?;
	T::Providers::benchmark_register(&provider, SectorSize::GiB32);
	Ok(provider)
}

/// A proposal by a new client that signs as wallets do, which takes two verifications.
fn proposal<T: Config>(provider: &T::AccountId) -> Result<Signed<T>, BenchmarkError> {
	let client = T::BenchmarkSigner::new_account();
	fund::<T>(&client)?;
	let size = PaddedPieceSize::new(1 << 20)
		.ok_or(BenchmarkError::Stop("the piece size is a power of two"))?;
	let duration = T::Policy::get().min_deal_duration.max(2);
	let proposal = DealProposal {
		piece: PieceInfo {
			commitment: CommP([1; 32]),
			size,
		},
		client: client.clone(),
		provider: provider.clone(),
		start: START,
		end: START.saturating_add(duration),
		price_per_block: unit::<T>(),
		provider_collateral: unit::<T>().saturating_mul(duration.into()),
		nonce: 1,
		expires: START,
	};
	let bytes = proposal.signing_bytes(&Pallet::<T>::genesis_hash());
	let wrapped = [&b"<Bytes>"[..], &bytes, &b"</Bytes>"[..]].concat();
	let signature = T::BenchmarkSigner::sign(&client, &wrapped);
	Ok(SignedProposal {
		proposal,
		signature,
	})
}

fn proposals<T: Config>(
	provider: &T::AccountId,
	n: u32,
) -> Result<BoundedVec<Signed<T>, frame_support::traits::ConstU32<MAX_BATCH>>, BenchmarkError> {
	let list = (0..n)
		.map(|_| proposal::<T>(provider))
		.collect::<Result<Vec<_>, _>>()?;
	BoundedVec::try_from(list).map_err(|_| BenchmarkError::Stop("a batch is bounded"))
}

/// The numbers of `n` deals, published one by one so that there can be more than a batch.
fn publish<T: Config>(provider: &T::AccountId, n: u32) -> Result<Vec<DealId>, BenchmarkError> {
	for _ in 0..n {
		Pallet::<T>::publish_batch(provider, &[proposal::<T>(provider)?])?;
	}
	Ok(Deals::<T>::iter_keys().collect())
}

/// Pre-commits and proves a sector with a deal.
fn start_in<T: Config>(
	provider: &T::AccountId,
	sector: u64,
	deal: DealId,
) -> Result<(), BenchmarkError> {
	Pallet::<T>::reserve(provider, sector, &[deal], u32::MAX, u32::MAX)?;
	Pallet::<T>::activate(provider, sector, &[deal])?;
	Ok(())
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn deposit() -> Result<(), BenchmarkError> {
		let caller: T::AccountId = whitelisted_caller();
		fund::<T>(&caller)?;
		let amount = unit::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), amount);

		frame_system::Pallet::<T>::assert_last_event(
			Event::Deposited::<T> {
				who: caller,
				amount,
			}
			.into(),
		);
		Ok(())
	}

	#[benchmark]
	fn withdraw() -> Result<(), BenchmarkError> {
		let caller: T::AccountId = whitelisted_caller();
		fund::<T>(&caller)?;
		let amount = unit::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), amount);

		frame_system::Pallet::<T>::assert_last_event(
			Event::Withdrawn::<T> {
				who: caller,
				amount,
			}
			.into(),
		);
		Ok(())
	}

	#[benchmark]
	fn publish_deals(n: Linear<1, MAX_BATCH>) -> Result<(), BenchmarkError> {
		let provider = provider::<T>()?;
		let proposals = proposals::<T>(&provider, n)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(provider), proposals);

		assert_eq!(Deals::<T>::iter_keys().count(), n as usize);
		Ok(())
	}

	#[benchmark]
	fn settle_deals(n: Linear<1, MAX_BATCH>) -> Result<(), BenchmarkError> {
		let provider = provider::<T>()?;
		let deals = publish::<T>(&provider, n)?;
		let mut end = START;
		for (sector, id) in (SECTOR..).zip(&deals) {
			start_in::<T>(&provider, sector, *id)?;
			end = Deals::<T>::get(id).map_or(end, |deal| deal.end);
			// The last block was not healthy, so that there is something to refund too.
			T::Sectors::benchmark_ended_sector(&provider, sector, START, end.saturating_sub(1));
		}
		set_now::<T>(end);
		let deals =
			BoundedVec::try_from(deals).map_err(|_| BenchmarkError::Stop("a batch is bounded"))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(provider), deals);

		assert_eq!(Deals::<T>::iter_keys().count(), 0);
		Ok(())
	}

	#[benchmark]
	fn cancel_deal() -> Result<(), BenchmarkError> {
		let provider = provider::<T>()?;
		let deal = publish::<T>(&provider, 1)?[0];
		let client = Deals::<T>::get(deal)
			.map(|deal| deal.client)
			.ok_or(BenchmarkError::Stop("the deal was published"))?;

		#[extrinsic_call]
		_(RawOrigin::Signed(client), deal);

		let state = Deals::<T>::get(deal).map(|deal| deal.state);
		assert_eq!(state, Some(DealState::Cancelled));
		Ok(())
	}

	#[benchmark]
	fn extend_deal() -> Result<(), BenchmarkError> {
		let provider = provider::<T>()?;
		let id = publish::<T>(&provider, 1)?[0];
		start_in::<T>(&provider, SECTOR, id)?;
		let deal = Deals::<T>::get(id).ok_or(BenchmarkError::Stop("the deal was published"))?;
		let new_end = deal.end.saturating_add(10);
		T::Sectors::benchmark_live_sector(&provider, SECTOR, new_end);
		let extension = DealExtension {
			deal: id,
			end: deal.end,
			new_end,
			expires: NOW,
		};
		let bytes = extension.signing_bytes(&Pallet::<T>::genesis_hash());
		// As wallets sign, which takes two verifications.
		let wrapped = [&b"<Bytes>"[..], &bytes, &b"</Bytes>"[..]].concat();
		let signature = T::BenchmarkSigner::sign(&deal.client, &wrapped);
		let extension = SignedExtension {
			extension,
			signature,
		};

		#[extrinsic_call]
		_(RawOrigin::Signed(provider), extension);

		assert_eq!(Deals::<T>::get(id).map(|deal| deal.end), Some(new_end));
		Ok(())
	}

	#[benchmark]
	fn on_initialize(n: Linear<1, { T::MaxStartsPerBlock::get() }>) -> Result<(), BenchmarkError> {
		let provider = provider::<T>()?;
		AgendaCursor::<T>::put(START);
		let deals = n.saturating_sub(1);
		publish::<T>(&provider, deals)?;
		set_now::<T>(START);
		let steps;

		#[block]
		{
			steps = Pallet::<T>::close_unstarted_deals(START);
		}

		assert_eq!(steps, n);
		assert_eq!(Deals::<T>::iter_keys().count(), 0);
		Ok(())
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::new_test_ext(),
		crate::tests::mock::Test
	);
}
