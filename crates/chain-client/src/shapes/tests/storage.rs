use codec::Encode;
use holdfast_primitives::{CommD, CommR, Policy, SectorSize};
use subxt::{
	ext::{
		frame_decode::storage::{IntoDecodableValues, IntoEncodableValues},
		scale_decode::DecodeAsType,
	},
	utils::Static,
	Metadata,
};

use super::{ask, chain, piece, Bytes, ALICE, BOB};
use crate::{
	shapes::storage::{self, pallet},
	types, AccountId,
};

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
			// No other keys than the owner's, which are not asked for.
			[0u8; 4],
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
fn deals_decode_in_every_state() {
	for (state, expected) in [
		(vec![0u8], types::DealState::Published),
		(
			(1u8, 6u64, 70u32).encode(),
			types::DealState::PreCommitted {
				sector: 6,
				until: 70,
			},
		),
		((2u8, 6u64).encode(), types::DealState::Active { sector: 6 }),
		(vec![3u8], types::DealState::Cancelled),
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
		bytes.extend(state);
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
			true,
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
			vec![(50u32, 55u32, vec![0b0011u8])],
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
