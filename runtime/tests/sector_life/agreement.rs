//! A deal and a sector of any length, between any two parties, under any policy.

use super::*;
use pallet_market::monies;
use sp_keyring::Sr25519Keyring;

/// When a deal starts, in blocks from its publication, and how many blocks are paid for.
#[derive(Clone, Copy)]
pub struct Terms {
	pub delay: BlockNumber,
	pub duration: BlockNumber,
}

/// Fills both escrows and publishes a deal with the least collateral.
pub fn publish(client: Sr25519Keyring, terms: Terms) -> DealId {
	let start = System::block_number() + terms.delay;
	let total = PRICE * Balance::from(terms.duration);
	let provider_collateral = monies::least_collateral(total, policy().min_collateral_basis_points);
	for (account, amount) in [
		(client.to_account_id(), total),
		(provider(), provider_collateral),
	] {
		assert_ok!(Market::deposit(RuntimeOrigin::signed(account), amount));
	}
	let proposal = DealProposal {
		piece: piece(),
		client: client.to_account_id(),
		provider: provider(),
		start,
		end: start + terms.duration,
		price_per_block: PRICE,
		provider_collateral,
		nonce: 1,
		expires: start,
	};
	assert_eq!(Market::quote(proposal.clone()).unwrap().refusal, None);
	let signature = client.sign(&proposal.signing_bytes(&genesis_hash())).into();
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

/// Pre-commits a sector with the deal, with a ticket of this age.
pub fn pre_commit(deal: DealId, expiration: BlockNumber, ticket_age: BlockNumber) {
	let sector = PreCommitSector {
		sector: SECTOR,
		comm_r: COMM_R,
		ticket_block: System::block_number() - ticket_age,
		expiration,
		deals: vec![deal].try_into().unwrap(),
	};
	assert_ok!(StorageProvider::pre_commit_sectors(
		RuntimeOrigin::signed(provider()),
		vec![sector].try_into().unwrap()
	));
}

/// Proves the pre-committed sector.
pub fn prove(keys: Keys, deal: DealId) -> Sealed {
	assert_ok!(super::prove(
		provider(),
		keys.prove_replica(&provider(), SECTOR)
	));
	let (deadline, partition) = proven_at(SECTOR).unwrap();
	Sealed {
		keys,
		deal,
		deadline,
		partition,
	}
}
