//! The model's calls as the chain's: good proofs are those of what the model says has to be proven.

use std::collections::BTreeSet;

use codec::Encode;
use frame_support::BoundedVec;
use holdfast_primitives::{
	randomness::{self, Domain},
	BlockNumber, DealProposal, Digest, ProofBytes, SectorNumber,
};
use pallet_market::{SignedExtension, SignedProposal};
use pallet_storage_provider::{
	Batch, Declaration, PoRepStatement, Positions, PostSubmission, ProveCommitSector, Randomness,
	SectorExtension,
};

use crate::{
	chain::{
		account, porep_proofs, window_post, HashSignature, RuntimeCall, RuntimeOrigin, System,
		Wiring,
	},
	model::{Call, Model, Who},
};

type Providers = pallet_storage_provider::Call<crate::chain::Chain>;
type Market = pallet_market::Call<crate::chain::Chain>;
type Tokens = pallet_balances::Call<crate::chain::Chain>;

const NO_PROOF: ProofBytes = [0; 192];

fn genesis_hash() -> Digest {
	System::block_hash(0).0
}

fn draw(domain: Domain, block: BlockNumber, who: Who) -> Digest {
	let value = <Wiring as Randomness>::value_at(block).unwrap_or_default();
	randomness::draw(domain, &value, block, &account(who).encode())
}

fn bounded<Item, const N: u32>(
	items: Vec<Item>,
) -> BoundedVec<Item, frame_support::traits::ConstU32<N>> {
	let length = items.len();
	let list = BoundedVec::truncate_from(items);
	assert_eq!(list.len(), length, "the driver keeps to the bounds");
	list
}

fn prove(model: &Model, who: Who, list: &[(SectorNumber, u32, bool)]) -> Batch<ProveCommitSector> {
	let prove_one = |(sector, count, good): &(SectorNumber, u32, bool)| {
		let mut proofs = Vec::new();
		if let Some(pre_commit) = model.pre_commits.get(&(who, *sector)).filter(|_| *good) {
			let seed = pre_commit.since + model.policy().pre_commit_challenge_delay;
			let statement = PoRepStatement {
				prover_id: randomness::prover_id(&genesis_hash(), &account(who).into()),
				sector_number: *sector,
				comm_d: pre_commit.comm_d,
				comm_r: pre_commit.comm_r,
				ticket: draw(Domain::SealTicket, pre_commit.ticket, who),
				seed: draw(Domain::PoRepSeed, seed, who),
			};
			proofs = porep_proofs(model.providers[&who].size, &statement);
		}
		proofs.resize(*count as usize, NO_PROOF);
		ProveCommitSector {
			sector: *sector,
			proofs: bounded(proofs),
		}
	};
	bounded(list.iter().map(prove_one).collect())
}

fn post(
	model: &Model,
	who: Who,
	deadline: u32,
	list: &[(u32, BTreeSet<u32>, bool)],
) -> Batch<PostSubmission> {
	let opening = model.opening(who, deadline, model.now);
	let prove_one = |(partition, skipped, good): &(u32, BTreeSet<u32>, bool)| {
		let mut sectors: Vec<_> = model
			.due(&(who, deadline, *partition))
			.into_iter()
			.filter(|(place, _)| !skipped.contains(place))
			.map(|(_, number)| (number, model.sectors[&(who, number)].comm_r))
			.collect();
		sectors.sort_unstable();
		let proof = match opening.filter(|_| *good) {
			Some(opening) => {
				let randomness = draw(Domain::WindowPoSt, opening.challenge, who);
				window_post(model.providers[&who].size, &randomness, &sectors)
			},
			None => NO_PROOF,
		};
		let mut positions = Positions::default();
		skipped.iter().for_each(|place| {
			positions.insert(*place);
		});
		PostSubmission {
			partition: *partition,
			skipped: positions,
			proof,
		}
	};
	bounded(list.iter().map(prove_one).collect())
}

fn declarations(list: &[(u32, Vec<SectorNumber>)]) -> Batch<Declaration> {
	let declare =
		|(partition, sectors): &(u32, Vec<SectorNumber>)| (*partition, bounded(sectors.clone()));
	bounded(list.iter().map(declare).collect())
}

fn signature(signed: bool, who: Who, bytes: &[u8]) -> HashSignature {
	if signed {
		HashSignature::sign(&account(who), bytes)
	} else {
		HashSignature::broken()
	}
}

fn proposal(
	(proposal, signed): &(DealProposal<Who>, bool),
) -> SignedProposal<sp_runtime::AccountId32, HashSignature> {
	let client = proposal.client;
	let proposal = DealProposal {
		piece: proposal.piece,
		client: account(client),
		provider: account(proposal.provider),
		start: proposal.start,
		end: proposal.end,
		price_per_block: proposal.price_per_block,
		provider_collateral: proposal.provider_collateral,
		nonce: proposal.nonce,
		expires: proposal.expires,
	};
	let bytes = proposal.signing_bytes(&genesis_hash());
	SignedProposal {
		signature: signature(*signed, client, &bytes),
		proposal,
	}
}

/// The call as the chain gets it, with its origin.
pub fn encode(model: &Model, signer: Who, call: &Call) -> (RuntimeOrigin, RuntimeCall) {
	let signed = RuntimeOrigin::signed(account(signer));
	// Proofs are the provider's, whoever submits them.
	let who = model.operated_by(signer).unwrap_or(signer);
	let call: RuntimeCall = match call.clone() {
		Call::Register(sector_size, addresses, ask, free_space) => Providers::register {
			sector_size,
			addresses,
			ask,
			free_space,
		}
		.into(),
		Call::SetAddresses(addresses) => Providers::set_addresses { addresses }.into(),
		Call::SetAsk(ask) => Providers::set_ask { ask }.into(),
		Call::SetFreeSpace(free_space) => Providers::set_free_space { free_space }.into(),
		Call::Deregister => Providers::deregister {}.into(),
		Call::ProposeKey(role, who) => Providers::propose_key {
			role,
			account: who.map(account),
		}
		.into(),
		Call::ConfirmKey(role, provider) => Providers::confirm_key {
			role,
			provider: account(provider),
		}
		.into(),
		Call::PreCommit(sectors) => Providers::pre_commit_sectors {
			sectors: bounded(sectors),
		}
		.into(),
		Call::Prove(list) => Providers::prove_commit_sectors {
			proofs: prove(model, who, &list),
		}
		.into(),
		Call::Post(deadline, list) => Providers::submit_window_post {
			deadline,
			submissions: post(model, who, deadline, &list),
		}
		.into(),
		Call::DeclareFaults(deadline, list) => Providers::declare_faults {
			deadline,
			declarations: declarations(&list),
		}
		.into(),
		Call::DeclareRecoveries(deadline, list) => Providers::declare_recoveries {
			deadline,
			declarations: declarations(&list),
		}
		.into(),
		Call::Terminate(sectors) => Providers::terminate_sectors {
			sectors: bounded(sectors),
		}
		.into(),
		Call::Extend(list) => Providers::extend_sectors {
			extensions: bounded(
				list.into_iter()
					.map(|(sector, expiration)| SectorExtension { sector, expiration })
					.collect(),
			),
		}
		.into(),
		Call::Compact(deadline, from, into) => Providers::compact_partitions {
			deadline,
			from,
			into,
		}
		.into(),
		Call::Deposit(amount) => Market::deposit { amount }.into(),
		Call::Withdraw(amount) => Market::withdraw { amount }.into(),
		Call::Publish(list) => Market::publish_deals {
			proposals: bounded(list.iter().map(proposal).collect()),
		}
		.into(),
		Call::Settle(deals) => Market::settle_deals {
			deals: bounded(deals),
		}
		.into(),
		Call::Cancel(deal) => Market::cancel_deal { deal }.into(),
		Call::ExtendDeal(extension, signed) => {
			let client = model
				.deals
				.get(&extension.deal)
				.map_or(signer, |deal| deal.client);
			let bytes = extension.signing_bytes(&genesis_hash());
			Market::extend_deal {
				extension: SignedExtension {
					extension,
					signature: signature(signed, client, &bytes),
				},
			}
			.into()
		},
		Call::Transfer(to, value) => Tokens::transfer_keep_alive {
			dest: account(to),
			value,
		}
		.into(),
		Call::TransferAllowDeath(to, value) => Tokens::transfer_allow_death {
			dest: account(to),
			value,
		}
		.into(),
		Call::Drip(to) => {
			let drip = pallet_faucet::Call::drip {
				account: account(to),
			};
			return (RuntimeOrigin::none(), drip.into());
		},
	};
	(signed, call)
}
