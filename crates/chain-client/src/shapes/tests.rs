//! Every shape against the runtime's metadata that is kept with this crate.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use codec::{Compact, Decode, Encode};
use holdfast_primitives::{
	CommD, CommP, CommR, DealProposal, PaddedPieceSize, PieceInfo, Policy, SectorSize,
};
use subxt::{
	config::polkadot::SpecVersionForRange,
	ext::{
		frame_decode::storage::{IntoDecodableValues, IntoEncodableValues},
		scale_decode::DecodeAsType,
	},
	utils::Static,
	Metadata, OfflineClient, OfflineClientAtBlock, PolkadotConfig,
};

use super::{calls, events, storage, storage::pallet, verify};
use crate::{
	types, AccountId, Ask, Call, Event, PostSubmission, PreCommitSector, ProveCommitSector,
	SignedProposal,
};

const ALICE: AccountId = AccountId([1; 32]);
const BOB: AccountId = AccountId([2; 32]);

fn chain() -> OfflineClientAtBlock<PolkadotConfig> {
	let metadata = Metadata::decode(&mut &include_bytes!("../../metadata.scale")[..]).unwrap();
	let config = PolkadotConfig::builder()
		.use_historic_types(false)
		.set_metadata_for_spec_versions([(0, Arc::new(metadata))])
		.set_spec_version_for_block_ranges([SpecVersionForRange {
			block_range: 0..u64::MAX,
			spec_version: 0,
			transaction_version: 0,
		}])
		.build();
	OfflineClient::new_with_config(config)
		.at_block(0u64)
		.unwrap()
}

fn ask() -> Ask {
	Ask {
		price_per_gib_block: 11,
		min_piece_bytes: 128,
		max_piece_bytes: 8 << 20,
		accepting: true,
	}
}

fn piece() -> PieceInfo {
	PieceInfo {
		commitment: CommP([7; 32]),
		size: PaddedPieceSize::new(1024).unwrap(),
	}
}

fn proposal() -> DealProposal<AccountId> {
	DealProposal {
		piece: piece(),
		client: ALICE,
		provider: BOB,
		start: 100,
		end: 200,
		price_per_block: 5,
		provider_collateral: 50,
		nonce: 9,
		expires: 90,
	}
}

/// Checks the bytes of a call's arguments, which are `expected`'s, in the chain's order.
#[track_caller]
fn assert_encodes(call: Call, expected: impl Encode) {
	let chain = chain();
	let (pallet, name) = call.name();
	let bytes = chain.tx().call_data(&calls::payload(&call)).unwrap();
	let pallet = chain.metadata_ref().pallet_by_name(pallet).unwrap();
	let index = pallet.call_variant_by_name(name).unwrap().index;
	assert_eq!(bytes[..2], [pallet.call_index(), index], "{name}");
	assert_eq!(bytes[2..], expected.encode()[..], "{name}");
}

#[test]
fn the_runtime_has_what_is_asked_for() {
	verify(chain().metadata_ref()).unwrap();
}

#[test]
fn market_calls_encode_as_the_chain_expects() {
	assert_encodes(Call::Deposit(1_000), Compact(1_000u128));
	assert_encodes(Call::Withdraw(u128::MAX), Compact(u128::MAX));
	assert_encodes(Call::SettleDeals(vec![3, 4]), vec![3u64, 4]);
	let signed = SignedProposal {
		proposal: proposal(),
		signature: [8; 64],
	};
	// The signature is a `MultiSignature`, of which sr25519 is the second.
	assert_encodes(
		Call::PublishDeals(vec![signed.clone(), signed]),
		vec![(proposal(), 1u8, [8u8; 64]), (proposal(), 1u8, [8u8; 64])],
	);
}

#[test]
fn provider_calls_encode_as_the_chain_expects() {
	let ask_bytes = (11u128, 128u64, 8u64 << 20, true);
	let addresses = vec!["http://a.example".to_owned(), "http://b.example".to_owned()];
	assert_encodes(
		Call::Register {
			sector_size: SectorSize::MiB8,
			addresses: addresses.clone(),
			ask: ask(),
			free_space: 77,
		},
		(SectorSize::MiB8, &addresses, ask_bytes, 77u64),
	);
	assert_encodes(Call::SetAddresses(addresses.clone()), &addresses);
	assert_encodes(Call::SetAsk(ask()), ask_bytes);
	assert_encodes(Call::SetFreeSpace(5), 5u64);
	assert_encodes(
		Call::PreCommitSectors(vec![PreCommitSector {
			sector: 1,
			comm_r: CommR([3; 32]),
			ticket_block: 10,
			expiration: 1_000,
			deals: vec![5, 6],
		}]),
		vec![(1u64, CommR([3; 32]), 10u32, 1_000u32, vec![5u64, 6])],
	);
	assert_encodes(
		Call::ProveCommitSectors(vec![ProveCommitSector {
			sector: 1,
			proofs: vec![[4; 192], [5; 192]],
		}]),
		vec![(1u64, vec![[4u8; 192], [5; 192]])],
	);
	assert_encodes(
		Call::SubmitWindowPost {
			deadline: 2,
			submissions: vec![PostSubmission {
				partition: 1,
				proof: [6; 192],
			}],
		},
		(2u32, vec![(1u32, [6u8; 192])]),
	);
	assert_encodes(
		Call::DeclareFaults {
			deadline: 1,
			declarations: vec![(3, vec![9])],
		},
		(1u32, vec![(3u32, vec![9u64])]),
	);
	assert_encodes(
		Call::DeclareRecoveries {
			deadline: 2,
			declarations: vec![(0, vec![1, 2])],
		},
		(2u32, vec![(0u32, vec![1u64, 2])]),
	);
}

#[test]
fn transfers_encode_as_the_chain_expects() {
	// The destination is a `MultiAddress`, of which an account is the first.
	assert_encodes(
		Call::Transfer { to: BOB, amount: 3 },
		(0u8, BOB, Compact(3u128)),
	);
}

#[test]
fn the_faucet_encodes_as_the_chain_expects() {
	let chain = chain();
	let extrinsic = chain.tx().create_unsigned(&calls::drip(&ALICE)).unwrap();
	assert!(extrinsic.encoded().ends_with(&ALICE.0));
}

/// Decodes a value of a storage entry, and checks that all its bytes are used and that the key fits.
#[track_caller]
fn decode<K, V>(pallet: &'static str, entry: &'static str, key: K, value: impl Encode) -> V
where
	K: IntoEncodableValues + IntoDecodableValues,
	V: DecodeAsType,
{
	let chain = chain();
	let address = subxt::dynamic::storage::<K, V>(pallet, entry);
	chain
		.storage()
		.entry(address)
		.unwrap()
		.fetch_key(key)
		.unwrap();
	let metadata = chain.metadata_ref();
	let storage = metadata.pallet_by_name(pallet).unwrap().storage().unwrap();
	let kind = storage.entry_by_name(entry).unwrap().value_ty();
	let bytes = value.encode();
	let mut rest = &bytes[..];
	let decoded = V::decode_as_type(&mut rest, kind, metadata.types()).unwrap();
	assert!(rest.is_empty(), "{} bytes are left", rest.len());
	decoded
}

fn account_key(account: AccountId) -> (Static<AccountId>,) {
	(Static(account),)
}

#[test]
fn the_policy_and_randomness_decode() {
	let policy: Static<Policy> = decode(pallet::PROVIDER, "PolicyValue", (), Policy::production());
	assert_eq!(policy.0, Policy::production());
	let value: [u8; 32] = decode(pallet::RANDOMNESS, "History", (7u32,), [9u8; 32]);
	assert_eq!(value, [9; 32]);
}

#[test]
fn providers_decode() {
	let info: storage::ProviderInfo = decode(
		pallet::PROVIDER,
		"Providers",
		account_key(BOB),
		(
			SectorSize::MiB8,
			vec!["http://a.example", "\u{1b}[2J"],
			(11u128, 128u64, 8u64 << 20, true),
			77u64,
			5u32,
			3u32,
			1u32,
			// The sum of pledges, which is not asked for.
			0u128,
			vec![(1u32, 2u32), (1, 1)],
		),
	);
	assert_eq!(
		types::ProviderInfo::from(info),
		types::ProviderInfo {
			sector_size: SectorSize::MiB8,
			addresses: vec!["http://a.example".to_owned()],
			ask: ask(),
			free_space: 77,
			period_offset: 5,
			live_sectors: 3,
			pre_commits: 1,
			deadlines: vec![
				types::DeadlineLoad {
					partitions: 1,
					live_sectors: 2
				},
				types::DeadlineLoad {
					partitions: 1,
					live_sectors: 1
				},
			],
		}
	);
}

#[test]
fn deals_decode_in_both_states() {
	for (state, expected) in [
		((0u8, None), types::DealState::Published),
		((1u8, Some(6u64)), types::DealState::Active { sector: 6 }),
	] {
		let mut bytes = (
			piece(),
			ALICE,
			BOB,
			100u32,
			200u32,
			5u128,
			50u128,
			9u64,
			4u32,
		)
			.encode();
		bytes.push(state.0);
		if let Some(sector) = state.1 {
			sector.encode_to(&mut bytes);
		}
		let deal: storage::Deal = decode(pallet::MARKET, "Deals", (3u64,), Bytes(bytes));
		assert_eq!(
			types::Deal::from(deal),
			types::Deal {
				piece: piece(),
				client: ALICE,
				provider: BOB,
				start: 100,
				end: 200,
				price_per_block: 5,
				provider_collateral: 50,
				nonce: 9,
				paid_blocks: 4,
				state: expected,
			}
		);
	}
	let deal: u64 = decode(pallet::MARKET, "Nonces", (Static(ALICE), 9u64), 3u64);
	assert_eq!(deal, 3);
}

/// Bytes that are encoded already.
struct Bytes(Vec<u8>);

impl Encode for Bytes {
	fn encode(&self) -> Vec<u8> {
		self.0.clone()
	}
}

#[test]
fn sectors_and_pre_commits_decode() {
	let key = (Static(BOB), 4u64);
	let pre_commit: storage::PreCommit = decode(
		pallet::PROVIDER,
		"PreCommits",
		key.clone(),
		(
			CommR([1; 32]),
			CommD([2; 32]),
			10u32,
			20u32,
			300u32,
			vec![5u64, 6],
			7u128,
		),
	);
	assert_eq!(
		types::PreCommit::from(pre_commit),
		types::PreCommit {
			comm_r: CommR([1; 32]),
			comm_d: CommD([2; 32]),
			ticket_block: 10,
			pre_commit_block: 20,
			expiration: 300,
			deals: vec![5, 6],
			deposit: 7,
		}
	);
	let sector: storage::Sector = decode(
		pallet::PROVIDER,
		"Sectors",
		key,
		(
			(CommR([1; 32]), CommD([2; 32]), 30u32, 300u32),
			(1u32, 2u32, 3u32, 8u128, 2u32),
			vec![(40u32, 50u32)],
			Some(60u32),
		),
	);
	assert_eq!(
		types::Sector::from(sector),
		types::Sector {
			comm_r: CommR([1; 32]),
			comm_d: CommD([2; 32]),
			activated: 30,
			expiration: 300,
			deadline: 1,
			partition: 2,
			position: 3,
			pledge: 8,
			deals_left: 2,
			gaps: vec![(40, 50)],
			ended: Some(60),
		}
	);
}

#[test]
fn partitions_decode() {
	let key = (Static(BOB), 1u32, 0u32);
	let partition: storage::Partition = decode(
		pallet::PROVIDER,
		"Partitions",
		key.clone(),
		(
			99u32,
			4u32,
			vec![(50u32, vec![0b0011u8])],
			vec![0b0010u8],
			vec![0b1000u8],
		),
	);
	let sectors: Vec<u64> = decode(
		pallet::PROVIDER,
		"PartitionSectors",
		key,
		vec![10u64, 11, 12, 13],
	);
	let partition = partition.with_sectors(sectors);
	assert_eq!(
		partition,
		types::Partition {
			last_proof: 99,
			sectors: vec![10, 11, 12, 13],
			faulty: vec![10, 11],
			recovering: vec![11],
			terminated: vec![13],
		}
	);
	assert_eq!(partition.to_prove(), [11, 12]);
}

#[test]
fn balances_decode_with_the_holds_of_our_pallets() {
	let account: storage::Account = decode(
		"System",
		"Account",
		account_key(ALICE),
		(
			(1u32, 1u32, 1u32, 0u32),
			(1_000u128, 500u128, 0u128, 1u128 << 127),
		),
	);
	let chain = chain();
	let metadata = chain.metadata_ref();
	let reasons = [
		(pallet::MARKET, "Escrow", 1u128),
		(pallet::MARKET, "Payment", 2),
		(pallet::MARKET, "Collateral", 3),
		(pallet::PROVIDER, "Pledge", 4),
		(pallet::PROVIDER, "PreCommitDeposit", 5),
	];
	let holds: Vec<(u8, u8, u128)> = reasons
		.iter()
		.map(|(pallet, reason, amount)| {
			let (outer, inner) = hold_reason(metadata, pallet, reason);
			(outer, inner, *amount)
		})
		.collect();
	let holds: Vec<storage::Hold> = decode("Balances", "Holds", account_key(ALICE), holds);
	assert_eq!(
		storage::balance(Some(account), holds),
		crate::AccountBalance {
			free: 1_000,
			escrow: 1,
			payment: 2,
			collateral: 3,
			pledge: 4,
			pre_commit_deposit: 5,
		}
	);
}

/// The indices of a hold reason in the runtime's enum of enums.
fn hold_reason(metadata: &Metadata, pallet: &str, reason: &str) -> (u8, u8) {
	let variants = |id: u32| match &metadata.types().resolve(id).unwrap().type_def {
		scale_info::TypeDef::Variant(variants) => variants.variants.clone(),
		_ => panic!("not an enum"),
	};
	let outer = metadata
		.types()
		.types
		.iter()
		.find(|entry| entry.ty.path.ident().as_deref() == Some("RuntimeHoldReason"))
		.unwrap();
	let outer = variants(outer.id)
		.into_iter()
		.find(|variant| variant.name == pallet)
		.unwrap();
	let inner = variants(outer.fields[0].ty.id)
		.into_iter()
		.find(|variant| variant.name == reason)
		.unwrap();
	(outer.index, inner.index)
}

#[test]
fn the_health_view_fits() {
	let chain = chain();
	let call = subxt::dynamic::view_function_call::<_, Option<storage::Health>>(
		pallet::PROVIDER,
		"health",
		(Static(BOB), 4u64, 10u32, 20u32),
	);
	let bytes = chain.view_functions().encode_args(call).unwrap();
	assert!(bytes.ends_with(&(BOB, 4u64, 10u32, 20u32).encode()));
	let view = chain
		.metadata_ref()
		.pallet_by_name(pallet::PROVIDER)
		.unwrap()
		.view_function_by_name("health")
		.unwrap();
	let bytes = Some((8u32, 18u32)).encode();
	let health = <Option<storage::Health>>::decode_as_type(
		&mut &bytes[..],
		view.output_ty(),
		chain.metadata_ref().types(),
	)
	.unwrap();
	assert_eq!(
		health.map(types::Health::from),
		Some(types::Health {
			healthy_blocks: 8,
			decided_through: 18
		})
	);
}

/// A block's events with one event, which the first extrinsic caused.
fn block_with(pallet: &str, event: &str, fields: impl Encode) -> Vec<u8> {
	let chain = chain();
	let pallet = chain.metadata_ref().pallet_by_name(pallet).unwrap();
	let index = pallet
		.event_variants()
		.unwrap()
		.iter()
		.find(|variant| variant.name == event)
		.unwrap_or_else(|| panic!("no event {event}"))
		.index;
	let mut bytes = (Compact(1u32), 0u8, 0u32, pallet.event_index(), index).encode();
	fields.encode_to(&mut bytes);
	Vec::<[u8; 32]>::new().encode_to(&mut bytes);
	bytes
}

#[track_caller]
fn event(pallet: &str, name: &str, fields: impl Encode) -> Event {
	let chain = chain();
	let records = chain.events().from_bytes(block_with(pallet, name, fields));
	let record = records.iter().next().unwrap().unwrap();
	events::decode(&record, chain.metadata_ref()).unwrap()
}

#[test]
fn market_events_decode() {
	let market = |name: &str, fields: Vec<u8>| event(pallet::MARKET, name, Bytes(fields));
	assert_eq!(
		market("DealPublished", (1u64, ALICE, BOB, 2u32).encode()),
		Event::DealPublished {
			deal: 1,
			client: ALICE,
			provider: BOB,
			index: 2
		}
	);
	assert_eq!(
		market("DealRefused", (2u32, 0u8).encode()),
		Event::DealRefused {
			index: 2,
			reason: "WrongProvider".to_owned()
		}
	);
	assert_eq!(
		market("DealActivated", (1u64, BOB, 3u64).encode()),
		Event::DealActivated {
			deal: 1,
			provider: BOB,
			sector: 3
		}
	);
	assert_eq!(
		market("DealSettled", (1u64, 4u32, 5u128).encode()),
		Event::DealSettled {
			deal: 1,
			blocks: 4,
			amount: 5
		}
	);
	assert_eq!(
		market("DealCompleted", (1u64, ALICE, BOB, 4u32, 5u128).encode()),
		Event::DealCompleted {
			deal: 1,
			refunded: 5
		}
	);
	assert_eq!(
		market("DealExpired", (1u64, ALICE, BOB, 4u128, 5u128).encode()),
		Event::DealExpired { deal: 1 }
	);
}

#[test]
fn provider_events_decode() {
	let provider = |name: &str, fields: Vec<u8>| event(pallet::PROVIDER, name, Bytes(fields));
	assert_eq!(
		provider("SectorPreCommitted", (BOB, 3u64).encode()),
		Event::SectorPreCommitted {
			provider: BOB,
			sector: 3
		}
	);
	assert_eq!(
		provider("SectorProven", (BOB, 3u64, 1u32, 2u32).encode()),
		Event::SectorProven {
			provider: BOB,
			sector: 3,
			deadline: 1,
			partition: 2
		}
	);
	// `DispatchError::BadOrigin`.
	assert_eq!(
		provider("ProofRefused", (BOB, 3u64, 2u8).encode()),
		Event::ProofRefused {
			provider: BOB,
			sector: 3,
			error: "BadOrigin".to_owned()
		}
	);
	assert_eq!(
		provider("WindowPoStAccepted", (BOB, 1u32, 2u32, 4u32).encode()),
		Event::WindowPoStAccepted {
			provider: BOB,
			deadline: 1,
			partition: 2,
			recovered: 4
		}
	);
	assert_eq!(
		provider("PartitionFaulty", (BOB, 1u32, 2u32, 4u32, 5u32).encode()),
		Event::PartitionFaulty {
			provider: BOB,
			deadline: 1,
			partition: 2,
			new_faults: 4,
			failed_recoveries: 5
		}
	);
	assert_eq!(
		provider("FaultsDeclared", (BOB, 1u32, 2u32, 4u32).encode()),
		Event::FaultsDeclared {
			provider: BOB,
			deadline: 1,
			partition: 2,
			sectors: 4
		}
	);
	assert_eq!(
		provider("RecoveriesDeclared", (BOB, 1u32, 2u32, 4u32).encode()),
		Event::RecoveriesDeclared {
			provider: BOB,
			deadline: 1,
			partition: 2,
			sectors: 4
		}
	);
	assert_eq!(
		provider("FaultFeeCharged", (BOB, 1u32, 2u32, 6u128, 5u128).encode()),
		Event::FaultFeeCharged {
			provider: BOB,
			deadline: 1,
			partition: 2,
			fee: 6,
			burned: 5
		}
	);
	assert_eq!(
		provider("SectorExpired", (BOB, 3u64).encode()),
		Event::SectorExpired {
			provider: BOB,
			sector: 3
		}
	);
	assert_eq!(
		provider("PreCommitExpired", (BOB, 3u64, 7u128).encode()),
		Event::PreCommitExpired {
			provider: BOB,
			sector: 3
		}
	);
}

#[test]
fn errors_inside_of_events_are_named() {
	let chain = chain();
	let market = chain.metadata_ref().pallet_by_name(pallet::MARKET).unwrap();
	let error = market
		.error_variants()
		.unwrap()
		.iter()
		.find(|variant| variant.name == "DealNotFound")
		.unwrap();
	// `DispatchError::Module { index, error }`, then `DispatchError::Token(FundsUnavailable)`.
	let module = (3u8, market.error_index(), [error.index, 0, 0, 0]).encode();
	let token = (7u8, 0u8).encode();
	for (bytes, reason) in [
		(module, "Market.DealNotFound"),
		(token, "Token.FundsUnavailable"),
	] {
		assert_eq!(
			event(pallet::MARKET, "SettlementRefused", (1u64, Bytes(bytes))),
			Event::SettlementRefused {
				deal: 1,
				reason: reason.to_owned()
			}
		);
	}
}

#[test]
fn failed_extrinsics_say_why() {
	let chain = chain();
	let market = chain.metadata_ref().pallet_by_name(pallet::MARKET).unwrap();
	let index = market
		.error_variants()
		.unwrap()
		.iter()
		.find(|variant| variant.name == "InsufficientEscrow")
		.unwrap()
		.index;
	let info = (Compact(1u64), Compact(2u64), 0u8, 0u8);
	let failure = |error: Vec<u8>| {
		let bytes = block_with("System", "ExtrinsicFailed", (Bytes(error), info.clone()));
		let records = chain.events().from_bytes(bytes);
		let record = records.iter().next().unwrap().unwrap();
		events::failure(&record, chain.metadata_ref())
			.unwrap()
			.unwrap()
	};
	let module = failure((3u8, market.error_index(), [index, 0, 0, 0]).encode());
	assert_eq!(module.pallet, "Market");
	assert_eq!(module.error, "InsufficientEscrow");
	assert_eq!(module.message, "the escrow is smaller than the withdrawal");
	let origin = failure(2u8.encode());
	assert_eq!(origin.name(), "BadOrigin");
	assert_eq!(origin.message, "this account may not do that");
	// An error number that the pallet does not have.
	let unknown = failure((3u8, market.error_index(), [255u8, 0, 0, 0]).encode());
	assert_eq!(unknown.name(), "Module");

	let bytes = block_with("System", "ExtrinsicSuccess", info);
	let records = chain.events().from_bytes(bytes);
	let record = records.iter().next().unwrap().unwrap();
	assert_eq!(
		events::failure(&record, chain.metadata_ref()).unwrap(),
		None
	);
	assert_eq!(
		events::decode(&record, chain.metadata_ref()).unwrap(),
		Event::Other {
			pallet: "System".to_owned(),
			variant: "ExtrinsicSuccess".to_owned()
		}
	);
}

#[test]
fn truncated_events_are_an_error() {
	let chain = chain();
	let bytes = block_with(pallet::MARKET, "DealPublished", (1u64, ALICE, BOB, 2u32));
	for length in 1..bytes.len() {
		let records = chain.events().from_bytes(bytes[..length].to_vec());
		for record in records.iter().flatten() {
			let _ = events::decode(&record, chain.metadata_ref());
		}
	}
}
