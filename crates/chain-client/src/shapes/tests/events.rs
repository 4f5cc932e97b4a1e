use codec::{Compact, Encode};

use super::{chain, Bytes, ALICE, BOB};
use crate::{
	shapes::{events, storage::pallet},
	Event,
};

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
		market(
			"DealCompleted",
			(1u64, ALICE, BOB, 4u32, 5u128, 6u128).encode()
		),
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
		provider(
			"WindowPoStAccepted",
			(BOB, 1u32, 2u32, 4u32, 5u32, 6u32).encode()
		),
		Event::WindowPoStAccepted {
			provider: BOB,
			deadline: 1,
			partition: 2,
			recovered: 4,
			new_faults: 5,
			failed_recoveries: 6
		}
	);
	assert_eq!(
		provider("WindowPoStRefused", (BOB, 1u32, 2u32, 2u8).encode()),
		Event::WindowPoStRefused {
			provider: BOB,
			deadline: 1,
			partition: 2,
			error: "BadOrigin".to_owned()
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
		let bytes = block_with("System", "ExtrinsicFailed", (Bytes(error), info));
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
