//! Sequences of encoded transactions, from any bytes, on a development chain with a provider, sectors and deals.
//!
//! The bytes are a list of steps. A step begins with a byte: with its highest bit set, as many blocks pass as the
//! other bits say; without, they choose a signer, and what follows is the length of a call (two bytes, the lower
//! first) and the call, which is signed and applied as a transaction. What is no call is applied as if it were a
//! whole transaction.

use codec::{Compact, Decode, DecodeAll, DecodeLimit, Encode};
use holdfast_primitives::{
	policy::HOLD, CommP, CommR, DealId, DealProposal, PaddedPieceSize, PieceInfo, SectorNumber,
};
use holdfast_runtime::*;
use pallet_market::SignedProposal;
use pallet_storage_provider::{Ask, PreCommitSector, ProveCommitSector};
use sp_core::storage::Storage;
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring::{self, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::{generic::Era, traits::Dispatchable, MultiSignature};

use crate::chain::*;

type Provider = pallet_storage_provider::Call<Runtime>;
type Deals = pallet_market::Call<Runtime>;

/// Who signs. Not Alice, who is Root by way of sudo and may do anything.
pub const SIGNERS: [Sr25519Keyring; 5] = [Bob, Charlie, Dave, Eve, Ferdie];
/// The provider with sectors, and the client with deals.
pub const PROVIDER: Sr25519Keyring = Bob;
pub const CLIENT: Sr25519Keyring = Charlie;

/// How many bytes and blocks of a sequence are looked at.
const MAX_BYTES: usize = 1 << 14;
const MAX_BLOCKS: u32 = 400;
/// How deep calls may be nested, as in the node's pool.
const MAX_DEPTH: u32 = 256;
/// The version byte of a signed transaction of format 4, and longer payloads are hashed before they are signed.
const SIGNED: u8 = 0b1000_0100;
const LONGEST_PAYLOAD: usize = 256;

/// What came of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
	/// Calls that succeeded, and that failed.
	pub accepted: u32,
	pub refused: u32,
	/// Transactions that were not valid, or could not be read.
	pub invalid: u32,
	pub blocks: u32,
}

/// The state in which every sequence begins.
pub struct Start(Storage);

impl Start {
	/// A provider with proven sectors, one with a deal and one without, a sector that waits for its proof and a
	/// deal that waits for a sector.
	pub fn new() -> Self {
		let mut storage = Storage::default();
		development().execute_with(|| {
			let keys = Keys::install();
			run_to(20);
			make(PROVIDER, register());
			for who in [PROVIDER, CLIENT] {
				let amount = 100 * HOLD;
				make(who, Deals::deposit { amount });
			}
			let proposals = vec![proposal(1), proposal(2)].try_into().unwrap();
			make(PROVIDER, Deals::publish_deals { proposals });
			make(
				PROVIDER,
				pre_commit(&[(1, vec![0]), (2, vec![]), (3, vec![])]),
			);
			run_to(System::block_number() + policy().pre_commit_challenge_delay + 1);
			make(PROVIDER, prove(&keys, &[1, 2]));
			let mut key = Vec::new();
			while let Some(next) = sp_io::storage::next_key(&key) {
				let value = sp_io::storage::get(&next).unwrap().to_vec();
				storage.top.insert(next.clone(), value);
				key = next;
			}
		});
		Self(storage)
	}

	/// Does something in this state.
	pub fn with<R>(&self, run: impl FnOnce() -> R) -> R {
		sp_io::TestExternalities::from(self.0.clone()).execute_with(run)
	}

	/// Applies a sequence. Panics if the chain does, or if one of its rules is broken.
	pub fn apply(&self, bytes: &[u8]) -> Summary {
		self.with(|| {
			let mut summary = Summary::default();
			let mut rest = &bytes[..bytes.len().min(MAX_BYTES)];
			begin_block();
			while let Some((first, after)) = rest.split_first() {
				rest = after;
				if first & 0x80 != 0 {
					pass(u32::from(first & 0x7f) + 1, &mut summary);
					continue;
				}
				let Ok(length) = u16::decode(&mut rest) else {
					break;
				};
				let (call, after) = rest.split_at(rest.len().min(length.into()));
				rest = after;
				let signer = SIGNERS[usize::from(*first) % SIGNERS.len()];
				apply_one(signer, call, &mut summary);
			}
			check();
			summary
		})
	}
}

fn pass(blocks: u32, summary: &mut Summary) {
	for _ in 0..blocks.min(MAX_BLOCKS.saturating_sub(summary.blocks)) {
		begin_block();
		summary.blocks += 1;
	}
	check();
	Randomness::do_try_state(System::block_number()).unwrap();
}

fn apply_one(signer: Sr25519Keyring, bytes: &[u8], summary: &mut Summary) {
	let transaction = match RuntimeCall::decode_all_with_depth_limit(MAX_DEPTH, &mut &bytes[..]) {
		Ok(call) => {
			let nonce = System::account_nonce(signer.to_account_id());
			sign(signer, nonce, &call.encode())
		},
		Err(_) => bytes.to_vec(),
	};
	let Ok(transaction) = UncheckedExtrinsic::decode_all(&mut &transaction[..]) else {
		summary.invalid += 1;
		return;
	};
	match Executive::apply_extrinsic(transaction) {
		Ok(Ok(())) => summary.accepted += 1,
		Ok(Err(_)) => summary.refused += 1,
		Err(_) => summary.invalid += 1,
	}
}

/// A transaction that never expires and gives no tip.
fn sign(signer: Sr25519Keyring, nonce: u32, call: &[u8]) -> Vec<u8> {
	let carried = (Era::Immortal, Compact(nonce), Compact(0u128), false).encode();
	let genesis = genesis_hash();
	let versions = (VERSION.spec_version, VERSION.transaction_version);
	let implied = (versions, genesis, genesis, None::<[u8; 32]>).encode();
	let mut payload = [call, &carried, &implied].concat();
	if payload.len() > LONGEST_PAYLOAD {
		payload = blake2_256(&payload).to_vec();
	}
	let signature = MultiSignature::from(signer.sign(&payload));
	let account = Address::from(signer.to_account_id());
	let mut bytes = (SIGNED, account, signature).encode();
	bytes.extend(carried);
	bytes.extend(call);
	// As it is in a block: with its length.
	bytes.encode()
}

/// Makes a call that must succeed.
fn make(who: Sr25519Keyring, call: impl Into<RuntimeCall>) {
	let origin = RuntimeOrigin::signed(who.to_account_id());
	call.into().dispatch(origin).unwrap();
}

/// Registers whoever signs it.
pub fn register() -> RuntimeCall {
	let address = b"http://127.0.0.1:7070".to_vec().try_into().unwrap();
	Provider::register {
		sector_size: SIZE,
		addresses: vec![address].try_into().unwrap(),
		ask: ask(),
		free_space: 1 << 30,
	}
	.into()
}

/// What a provider asks.
pub fn ask() -> Ask {
	Ask {
		price_per_gib_block: HOLD,
		min_piece_bytes: 128,
		max_piece_bytes: SIZE.bytes(),
		accepting: true,
	}
}

/// A deal between the client and the provider.
pub fn proposal(nonce: u64) -> SignedProposal<AccountId, Signature> {
	let start = System::block_number() + 60;
	let proposal = DealProposal {
		piece: PieceInfo {
			commitment: CommP([2; 32]),
			size: PaddedPieceSize::new(1 << 20).unwrap(),
		},
		client: CLIENT.to_account_id(),
		provider: PROVIDER.to_account_id(),
		start,
		end: start + 100,
		price_per_block: HOLD / 1_000,
		provider_collateral: HOLD,
		nonce,
		expires: start,
	};
	let signature = CLIENT.sign(&proposal.signing_bytes(&genesis_hash()));
	SignedProposal {
		signature: signature.into(),
		proposal,
	}
}

/// Pre-commits sectors, each with its deals.
pub fn pre_commit(sectors: &[(SectorNumber, Vec<DealId>)]) -> RuntimeCall {
	let now = System::block_number();
	let seal = |(sector, deals): &(SectorNumber, Vec<DealId>)| PreCommitSector {
		sector: *sector,
		comm_r: CommR([9; 32]),
		ticket_block: now - 1,
		expiration: now + 300,
		deals: deals.clone().try_into().unwrap(),
	};
	let sectors: Vec<_> = sectors.iter().map(seal).collect();
	Provider::pre_commit_sectors {
		sectors: sectors.try_into().unwrap(),
	}
	.into()
}

fn prove(keys: &Keys, sectors: &[SectorNumber]) -> RuntimeCall {
	let prove = |sector: &SectorNumber| ProveCommitSector {
		sector: *sector,
		proofs: vec![keys.prove_replica(&PROVIDER.to_account_id(), *sector)]
			.try_into()
			.unwrap(),
	};
	let proofs: Vec<_> = sectors.iter().map(prove).collect();
	Provider::prove_commit_sectors {
		proofs: proofs.try_into().unwrap(),
	}
	.into()
}
