//! Every shape against the runtime's metadata that is kept with this crate.

#![allow(clippy::unwrap_used)]

mod calls;
mod events;
mod runtime;
mod storage;
mod views;

use std::sync::Arc;

use codec::{Decode, Encode};
use holdfast_primitives::{CommP, PaddedPieceSize, PieceInfo};
use subxt::{
	config::polkadot::SpecVersionForRange, Metadata, OfflineClient, OfflineClientAtBlock,
	PolkadotConfig,
};

use crate::{AccountId, Ask};

const ALICE: AccountId = AccountId([1; 32]);
const BOB: AccountId = AccountId([2; 32]);

/// The runtime that is kept with this crate.
fn chain() -> OfflineClientAtBlock<PolkadotConfig> {
	let bytes = include_bytes!("../../metadata.scale");
	chain_of(Metadata::decode(&mut &bytes[..]).unwrap())
}

fn chain_of(metadata: Metadata) -> OfflineClientAtBlock<PolkadotConfig> {
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

/// Bytes that are encoded already.
struct Bytes(Vec<u8>);

impl Encode for Bytes {
	fn encode(&self) -> Vec<u8> {
		self.0.clone()
	}
}
