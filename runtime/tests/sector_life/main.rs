//! A sector's life through the real pallets: a deal is published, sealed, proven, paid and over. The
//! proofs are forged with the trapdoor of keys that the test makes, for exactly the statements that a
//! prover would prove; everything else is what the chain runs.

#![allow(clippy::unwrap_used)]

mod across;
mod agreement;
mod batches;
mod chain;
mod economics;
mod production;
mod touched;

use chain::*;
use frame_support::{
	assert_err, assert_ok,
	traits::fungible::{Inspect, InspectHold},
	weights::Weight,
};
use holdfast_primitives::{
	piece::compute_comm_d, policy::HOLD, BlockNumber, CommP, CommR, DeadlineIndex, DealId,
	DealProposal, PaddedPieceSize, PartitionIndex, PieceInfo, SectorNumber,
};
use holdfast_runtime::*;
use pallet_storage_provider::{Ask, PostSubmission, PreCommitSector, ProveCommitSector};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};

type ProviderError = pallet_storage_provider::Error<Runtime>;

const SECTOR: SectorNumber = 7;
const COMM_R: CommR = CommR([9; 32]);
const PRICE: Balance = HOLD / 1_000;
/// What the provider locks for the deal.
const COLLATERAL: Balance = HOLD;
/// How long after its publication the deal starts, and how long it lasts.
const START_DELAY: BlockNumber = 60;
const DURATION: BlockNumber = 150;

fn provider() -> AccountId {
	Alice.to_account_id()
}

fn client() -> AccountId {
	Bob.to_account_id()
}

fn piece() -> PieceInfo {
	PieceInfo {
		commitment: CommP([2; 32]),
		size: PaddedPieceSize::new(1 << 20).unwrap(),
	}
}

fn register(account: AccountId) {
	let ask = Ask {
		price_per_gib_block: HOLD,
		min_piece_bytes: 128,
		max_piece_bytes: SIZE.bytes(),
		accepting: true,
	};
	let address = b"http://127.0.0.1:7070".to_vec().try_into().unwrap();
	assert_ok!(StorageProvider::register(
		RuntimeOrigin::signed(account),
		SIZE,
		vec![address].try_into().unwrap(),
		ask,
		1 << 30,
	));
}

/// Escrows are filled, and a deal between the client and the provider is published.
fn publish() -> DealId {
	assert_ok!(Market::deposit(RuntimeOrigin::signed(client()), 10 * HOLD));
	assert_ok!(Market::deposit(
		RuntimeOrigin::signed(provider()),
		10 * HOLD
	));
	let start = System::block_number() + START_DELAY;
	let proposal = DealProposal {
		piece: piece(),
		client: client(),
		provider: provider(),
		start,
		end: start + DURATION,
		price_per_block: PRICE,
		provider_collateral: COLLATERAL,
		nonce: 1,
		expires: start,
	};
	let signature = Bob.sign(&proposal.signing_bytes(&genesis_hash())).into();
	let signed = pallet_market::SignedProposal {
		proposal,
		signature,
	};
	let deal = pallet_market::NextDealId::<Runtime>::get();
	assert_ok!(Market::publish_deals(
		RuntimeOrigin::signed(provider()),
		vec![signed].try_into().unwrap()
	));
	deal
}

fn pre_commit(account: AccountId, deals: Vec<DealId>) {
	let sector = PreCommitSector {
		sector: SECTOR,
		comm_r: COMM_R,
		ticket_block: System::block_number() - 1,
		expiration: System::block_number() + START_DELAY + DURATION + 30,
		deals: deals.try_into().unwrap(),
	};
	assert_ok!(StorageProvider::pre_commit_sectors(
		RuntimeOrigin::signed(account),
		vec![sector].try_into().unwrap()
	));
}

fn prove(
	account: AccountId,
	proof: holdfast_primitives::ProofBytes,
) -> frame_support::dispatch::DispatchResultWithPostInfo {
	let proof = ProveCommitSector {
		sector: SECTOR,
		proofs: vec![proof].try_into().unwrap(),
	};
	outcome(|| {
		StorageProvider::prove_commit_sectors(
			RuntimeOrigin::signed(account),
			vec![proof].try_into().unwrap(),
		)
	})
}

/// A chain on which the provider has proven a sector with a deal.
struct Sealed {
	keys: Keys,
	deal: DealId,
	deadline: DeadlineIndex,
	partition: PartitionIndex,
}

impl Sealed {
	fn new() -> Self {
		let keys = Keys::install();
		run_to(20);
		register(provider());
		let deal = publish();
		pre_commit(provider(), vec![deal]);
		assert_eq!(
			comm_d(&provider(), SECTOR),
			compute_comm_d(SIZE, &[piece()]).unwrap()
		);
		run_to(System::block_number() + policy().pre_commit_challenge_delay + 1);
		assert_ok!(prove(provider(), keys.prove_replica(&provider(), SECTOR)));
		let (deadline, partition) = proven_at(SECTOR).unwrap();
		Self {
			keys,
			deal,
			deadline,
			partition,
		}
	}

	/// Submits the proof of the partition, in the window that is open.
	fn submit(&self) -> frame_support::dispatch::DispatchResultWithPostInfo {
		let window = window(&provider(), self.deadline);
		let proof = self
			.keys
			.prove_partition(&provider(), &window, &[(SECTOR, COMM_R)]);
		submit_post(
			self.deadline,
			PostSubmission {
				partition: self.partition,
				skipped: Default::default(),
				proof,
			},
		)
	}

	/// Proves the partition in every window that opens until the block.
	fn prove_until(&self, block: BlockNumber) {
		while System::block_number() < block {
			next_block();
			let window = window(&provider(), self.deadline);
			if System::block_number() == window.open && !self.ended() {
				assert_ok!(self.submit());
			}
		}
	}

	fn ended(&self) -> bool {
		pallet_storage_provider::Sectors::<Runtime>::get(provider(), SECTOR)
			.is_none_or(|sector| sector.ended.is_some())
	}

	fn settle(&self) -> sp_runtime::DispatchResult {
		Market::settle_deals(
			RuntimeOrigin::signed(Charlie.to_account_id()),
			vec![self.deal].try_into().unwrap(),
		)
	}

	fn end(&self) -> BlockNumber {
		pallet_market::Deals::<Runtime>::get(self.deal).unwrap().end
	}
}

fn submit_post(
	deadline: DeadlineIndex,
	submission: PostSubmission,
) -> frame_support::dispatch::DispatchResultWithPostInfo {
	outcome(|| {
		StorageProvider::submit_window_post(
			RuntimeOrigin::signed(provider()),
			deadline,
			vec![submission].try_into().unwrap(),
		)
	})
}

fn pledge() -> Balance {
	let reason = RuntimeHoldReason::StorageProvider(pallet_storage_provider::HoldReason::Pledge);
	Balances::balance_on_hold(&reason, &provider())
}

fn wealth(account: &AccountId) -> Balance {
	<Balances as Inspect<AccountId>>::total_balance(account)
}

#[test]
fn a_proven_deal_earns_every_block_and_everything_held_comes_back() {
	development().execute_with(|| {
		let (provider_before, client_before) = (wealth(&provider()), wealth(&client()));
		let issuance = Balances::total_issuance();
		let sealed = Sealed::new();
		assert!(pledge() > 0);
		let end = sealed.end();
		// Half-way it is paid for what was proven so far.
		sealed.prove_until(end - DURATION / 2);
		assert_ok!(sealed.settle());
		let paid = pallet_market::Deals::<Runtime>::get(sealed.deal)
			.unwrap()
			.paid_blocks;
		assert!(paid > 0 && paid < DURATION, "{paid}");
		// Long after the sector's end the rest is settled.
		sealed.prove_until(end + 200);
		assert_ok!(sealed.settle());

		assert!(pallet_market::Deals::<Runtime>::get(sealed.deal).is_none());
		assert!(pallet_storage_provider::Sectors::<Runtime>::get(provider(), SECTOR).is_none());
		let price = PRICE * Balance::from(DURATION);
		assert_eq!(wealth(&provider()), provider_before + price);
		assert_eq!(wealth(&client()), client_before - price);
		assert_eq!(Balances::total_issuance(), issuance);
		assert_eq!(pledge(), 0);
	});
}

/// How many blocks the deal that is over was paid for, and its client's compensation.
fn completed() -> (u32, Balance) {
	System::events()
		.into_iter()
		.find_map(|record| match record.event {
			RuntimeEvent::Market(pallet_market::Event::DealCompleted {
				paid_blocks,
				compensation,
				..
			}) => Some((paid_blocks, compensation)),
			_ => None,
		})
		.expect("a deal is over")
}

#[test]
fn a_fault_costs_the_provider_and_compensates_the_client() {
	development().execute_with(|| {
		let (provider_before, client_before) = (wealth(&provider()), wealth(&client()));
		let sealed = Sealed::new();
		let end = sealed.end();
		// Never proven again: nothing is earned, and each period costs a fee.
		run_to(end + 200);
		assert!(sealed.ended());
		assert_ok!(sealed.settle());
		assert!(pallet_market::Deals::<Runtime>::get(sealed.deal).is_none());
		assert!(wealth(&provider()) < provider_before - COLLATERAL);
		assert_eq!(wealth(&client()), client_before + COLLATERAL);
	});
}

#[test]
fn a_recovered_sector_earns_again_but_not_for_its_fault() {
	development().execute_with(|| {
		let client_before = wealth(&client());
		let sealed = Sealed::new();
		let end = sealed.end();
		sealed.prove_until(end - DURATION + 10);
		// One window is missed.
		let missed = window(&provider(), sealed.deadline);
		let missed = if missed.is_open(System::block_number()) {
			run_to(missed.close);
			window(&provider(), sealed.deadline)
		} else {
			missed
		};
		run_to(missed.close);
		let sectors = vec![SECTOR].try_into().unwrap();
		assert_ok!(StorageProvider::declare_recoveries(
			RuntimeOrigin::signed(provider()),
			sealed.deadline,
			vec![(sealed.partition, sectors)].try_into().unwrap(),
		));
		sealed.prove_until(end + 200);
		assert_ok!(sealed.settle());
		let (paid, compensation) = completed();
		assert!(paid > 0 && paid < DURATION, "{paid}");
		// The client gets the unhealthy blocks' share of the collateral.
		let unhealthy = Balance::from(DURATION - paid);
		assert_eq!(
			compensation,
			(COLLATERAL * unhealthy).div_ceil(DURATION.into())
		);
		assert_eq!(
			wealth(&client()) + PRICE * Balance::from(paid),
			client_before + compensation
		);
	});
}

#[test]
fn a_proof_is_worth_nothing_to_another_provider() {
	development().execute_with(|| {
		let keys = Keys::install();
		run_to(20);
		register(provider());
		register(Charlie.to_account_id());
		pre_commit(provider(), Vec::new());
		pre_commit(Charlie.to_account_id(), Vec::new());
		run_to(System::block_number() + policy().pre_commit_challenge_delay + 1);
		let stolen = keys.prove_replica(&provider(), SECTOR);
		assert_err!(
			prove(Charlie.to_account_id(), stolen).map_err(|error| error.error),
			pallet_proofs::Error::<Runtime>::ProofRejected
		);
		assert_ok!(prove(provider(), stolen));
		assert_err!(
			prove(provider(), stolen).map_err(|error| error.error),
			ProviderError::NoSuchPreCommit
		);
	});
}

#[test]
fn a_window_post_is_of_its_own_window_only() {
	development().execute_with(|| {
		let sealed = Sealed::new();
		let first = window(&provider(), sealed.deadline);
		run_to(first.open);
		let old = sealed
			.keys
			.prove_partition(&provider(), &first, &[(SECTOR, COMM_R)]);
		assert_ok!(sealed.submit());
		assert_err!(
			sealed.submit().map_err(|error| error.error),
			ProviderError::AlreadyProven
		);
		run_to(first.close);
		let next = window(&provider(), sealed.deadline);
		run_to(next.open);
		let replay = PostSubmission {
			partition: sealed.partition,
			skipped: Default::default(),
			proof: old,
		};
		assert_err!(
			submit_post(sealed.deadline, replay).map_err(|error| error.error),
			pallet_proofs::Error::<Runtime>::ProofRejected
		);
	});
}

#[test]
fn a_valid_window_post_is_free_and_operational() {
	use frame_support::dispatch::Pays;
	development().execute_with(|| {
		let sealed = Sealed::new();
		run_to(window(&provider(), sealed.deadline).open);
		assert_eq!(sealed.submit().unwrap().pays_fee, Pays::No);
	});
}
