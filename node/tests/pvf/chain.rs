//! A chain in memory whose blocks come with the proof of validity that a collator would send with them.

use crate::runtime::Runtime;
use codec::{Decode, Encode};
use cumulus_primitives_core::{
	relay_chain::{well_known_keys::CURRENT_BLOCK_RANDOMNESS, HeadData, MAX_POV_SIZE},
	ParachainBlockData, PersistedValidationData,
};
use cumulus_primitives_parachain_inherent::{ParachainInherentData, INHERENT_IDENTIFIER};
use cumulus_test_relay_sproof_builder::RelayStateSproofBuilder;
use polkadot_parachain_primitives::primitives::{BlockData, ValidationParams};
use sp_consensus_aura::{digests::CompatibleDigestItem, sr25519::AuthoritySignature, Slot};
use sp_core::H256;
use sp_externalities::Extensions;
use sp_inherents::InherentData;
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	generic,
	traits::{BlakeTwo256, Block as _, Hash as _, Header as _},
	transaction_validity::TransactionValidityError,
	ApplyExtrinsicResult, Digest, DigestItem, DispatchOutcome, OpaqueExtrinsic,
};
use sp_state_machine::{
	Backend, InMemoryBackend, OverlayedChanges, StorageProof, TrieBackend, TrieBackendBuilder,
};
use sp_trie::{proof_size_extension::ProofSizeExt, recorder::Recorder, PrefixedMemoryDB};

pub type Header = generic::Header<u32, BlakeTwo256>;
pub type Block = generic::Block<Header, OpaqueExtrinsic>;

/// The parachain's id in the development preset.
const PARACHAIN_ID: u32 = 2000;
/// How long a slot is, of the relay chain's and of ours.
const SLOT_MILLIS: u64 = 6_000;
/// The slot of the genesis block: any time at which the chain could have begun.
const FIRST_SLOT: u64 = 280_000_000;
/// The relay chain's block that the genesis block was built on.
const FIRST_RELAY_BLOCK: u32 = 1_000;
/// Who makes the blocks of the development preset.
pub const COLLATOR: Sr25519Keyring = Sr25519Keyring::Alice;

/// A chain at its latest block.
#[derive(Clone)]
pub struct Chain {
	pub runtime: Runtime,
	pub genesis: H256,
	pub head: Header,
	state: InMemoryBackend<BlakeTwo256>,
}

/// What a collator sends to the relay chain's validators.
#[derive(Clone)]
pub struct Candidate {
	pub parent: Header,
	pub block: Block,
	pub proof: StorageProof,
	relay: RelayParent,
}

/// The relay chain's block that a parachain block is built on.
#[derive(Clone, Copy)]
struct RelayParent {
	number: u32,
	storage_root: H256,
}

impl Chain {
	/// The chain whose genesis block has this state.
	pub fn new(runtime: Runtime, genesis: sp_core::storage::Storage) -> Self {
		let version = runtime.version.state_version();
		let state = InMemoryBackend::from((genesis, version));
		let head = Header::new(
			0,
			BlakeTwo256::trie_root(Vec::new(), version),
			*state.root(),
			Default::default(),
			Default::default(),
		);
		Self {
			runtime,
			genesis: head.hash(),
			head,
			state,
		}
	}

	/// A value of the latest state.
	pub fn read<T: Decode>(&self, key: &[u8]) -> Option<T> {
		let bytes = self.state.storage(key).unwrap()?;
		Some(T::decode(&mut &bytes[..]).unwrap())
	}

	/// Makes the next block of what `fill` puts into it.
	pub fn make_block(&mut self, fill: impl FnOnce(&mut Draft)) -> Candidate {
		let parent = self.head.clone();
		let mut draft = Draft::new(self);
		fill(&mut draft);
		let (block, proof, relay, transaction) = draft.finish();
		self.state
			.apply_transaction(*block.header.state_root(), transaction);
		assert_eq!(self.state.root(), block.header.state_root());
		self.head = block.header.clone();
		Candidate {
			parent,
			block,
			proof,
			relay,
		}
	}

	/// Makes blocks with nothing but inherents until the next block has this number.
	pub fn advance_before(&mut self, number: u32) {
		while self.head.number + 1 < number {
			self.make_block(|_| ());
		}
	}
}

impl Candidate {
	/// The block with its proof as the validators get it, before it is compressed for the wire.
	pub fn block_data(&self) -> ParachainBlockData<Block> {
		let proof = self
			.proof
			.clone()
			.into_compact_proof::<BlakeTwo256>(*self.parent.state_root())
			.unwrap();
		ParachainBlockData::new(vec![self.block.clone()], proof, None)
	}

	/// What the validators call the runtime with.
	pub fn validation_params(&self, block_data: &ParachainBlockData<Block>) -> ValidationParams {
		ValidationParams {
			parent_head: HeadData(self.parent.encode()),
			block_data: BlockData(block_data.encode()),
			relay_parent_number: self.relay.number,
			relay_parent_storage_root: self.relay.storage_root,
		}
	}

	/// What the relay chain notes as the parachain's head if it accepts the block.
	pub fn head_data(&self) -> HeadData {
		HeadData(self.block.header.encode())
	}
}

/// The latest state, with a record of what is read of it.
type RecordingBackend<'a> = TrieBackend<&'a PrefixedMemoryDB<BlakeTwo256>, BlakeTwo256>;

/// A block that is being made.
pub struct Draft<'a> {
	runtime: &'a Runtime,
	state: RecordingBackend<'a>,
	recorder: Recorder<BlakeTwo256>,
	changes: OverlayedChanges<BlakeTwo256>,
	extensions: Extensions,
	extrinsics: Vec<OpaqueExtrinsic>,
	relay: RelayParent,
}

impl<'a> Draft<'a> {
	fn new(chain: &'a Chain) -> Self {
		let number = chain.head.number + 1;
		let slot = Slot::from(FIRST_SLOT + u64::from(number));
		let recorder = Recorder::default();
		let mut extensions = Extensions::new();
		extensions.register(ProofSizeExt::new(recorder.clone()));
		let (relay, inherent) = relay_parent(&chain.head, number, slot);
		let mut draft = Self {
			runtime: &chain.runtime,
			state: TrieBackendBuilder::new(chain.state.backend_storage(), *chain.state.root())
				.with_recorder(recorder.clone())
				.build(),
			recorder,
			changes: Default::default(),
			extensions,
			extrinsics: Vec::new(),
			relay,
		};
		let slot_digest = <DigestItem as CompatibleDigestItem<AuthoritySignature>>::aura_pre_digest;
		let header = Header::new(
			number,
			Default::default(),
			Default::default(),
			chain.head.hash(),
			Digest {
				logs: vec![slot_digest(slot)],
			},
		);
		draft.call("Core_initialize_block", &header);

		let mut data = InherentData::new();
		data.put_data(INHERENT_IDENTIFIER, &inherent).unwrap();
		let now = sp_timestamp::InherentType::new(u64::from(slot) * SLOT_MILLIS);
		data.put_data(sp_timestamp::INHERENT_IDENTIFIER, &now)
			.unwrap();
		let inherents = draft.call("BlockBuilder_inherent_extrinsics", &data);
		for inherent in Vec::<OpaqueExtrinsic>::decode(&mut &inherents[..]).unwrap() {
			draft.push(inherent).unwrap().unwrap();
		}
		draft
	}

	fn call(&mut self, method: &str, arguments: &impl Encode) -> Vec<u8> {
		self.runtime.call(
			&self.state,
			&mut self.changes,
			&mut self.extensions,
			method,
			&arguments.encode(),
		)
	}

	/// Applies an extrinsic. One that the block cannot take leaves nothing behind; one whose call fails
	/// stays in the block.
	pub fn push(
		&mut self,
		extrinsic: OpaqueExtrinsic,
	) -> Result<DispatchOutcome, TransactionValidityError> {
		self.changes.start_transaction();
		self.recorder.start_transaction();
		let result = self.call("BlockBuilder_apply_extrinsic", &extrinsic);
		let result = ApplyExtrinsicResult::decode(&mut &result[..]).unwrap();
		if result.is_ok() {
			self.changes.commit_transaction().unwrap();
			self.recorder.commit_transaction().unwrap();
			self.extrinsics.push(extrinsic);
		} else {
			self.changes.rollback_transaction().unwrap();
			self.recorder.rollback_transaction().unwrap();
		}
		result
	}

	fn finish(
		mut self,
	) -> (
		Block,
		StorageProof,
		RelayParent,
		PrefixedMemoryDB<BlakeTwo256>,
	) {
		let header = self.call("BlockBuilder_finalize_block", &());
		let mut header = Header::decode(&mut &header[..]).unwrap();
		let changes = self
			.changes
			.drain_storage_changes(&self.state, self.runtime.version.state_version())
			.unwrap();
		assert_eq!(changes.transaction_storage_root, *header.state_root());
		seal(&mut header, COLLATOR);
		(
			Block::new(header, self.extrinsics),
			self.recorder.drain_storage_proof(),
			self.relay,
			changes.transaction,
		)
	}
}

/// Signs a finished header.
pub fn seal(header: &mut Header, collator: Sr25519Keyring) {
	let signature = AuthoritySignature::from(collator.sign(header.hash().as_bytes()));
	header.digest_mut().push(DigestItem::aura_seal(signature));
}

/// A relay-chain block that has the parent as the parachain's latest head, and what the runtime is told of it.
fn relay_parent(parent: &Header, number: u32, slot: Slot) -> (RelayParent, ParachainInherentData) {
	let vrf: Option<H256> = Some(blake2_256(&(b"relay", number).encode()).into());
	let builder = RelayStateSproofBuilder {
		para_id: PARACHAIN_ID.into(),
		current_slot: u64::from(slot).into(),
		included_para_head: Some(HeadData(parent.encode())),
		randomness: H256::repeat_byte(1),
		additional_key_values: vec![(CURRENT_BLOCK_RANDOMNESS.to_vec(), vrf.encode())],
		..Default::default()
	};
	let (storage_root, proof) = builder.into_state_root_and_proof();
	let relay = RelayParent {
		number: FIRST_RELAY_BLOCK + number,
		storage_root,
	};
	let validation_data = PersistedValidationData {
		parent_head: HeadData(parent.encode()),
		relay_parent_number: relay.number,
		relay_parent_storage_root: storage_root,
		max_pov_size: MAX_POV_SIZE,
	};
	let inherent = ParachainInherentData {
		validation_data,
		relay_chain_state: proof,
		downward_messages: Default::default(),
		horizontal_messages: Default::default(),
		relay_parent_descendants: Default::default(),
		collator_peer_id: None,
	};
	(relay, inherent)
}
