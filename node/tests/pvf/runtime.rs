//! A runtime's wasm, called as a collator calls it.

use codec::{Decode, Encode};
use frame_metadata::{v16::PalletMetadata, RuntimeMetadata, RuntimeMetadataPrefixed};
use holdfast_primitives::{KeyId, KeyOrigin, Policy, ProofVersion};
use pallet_proofs::GenesisKey;
use sc_chain_spec::json_patch;
use sc_executor::WasmExecutor;
use scale_info::{form::PortableForm, PortableRegistry, Registry, TypeDef, Variant};
use sp_core::{
	storage::{well_known_keys, Storage},
	traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode},
};
use sp_externalities::{Extensions, Externalities};
use sp_io::hashing::blake2_256;
use sp_runtime::{traits::BlakeTwo256, ModuleError};
use sp_state_machine::{Backend, BasicExternalities, OverlayedChanges, StateMachine};
use sp_version::RuntimeVersion;

/// What a collator's runtime can call (`cumulus_client_service::ParachainHostFunctions`).
type HostFunctions = (
	cumulus_primitives_proof_size_hostfunction::storage_proof_size::HostFunctions,
	sp_io::SubstrateHostFunctions,
	sp_crypto_ec_utils::HostFunctionsRfc163,
);

/// The metadata's version whose shape is read here.
const METADATA_VERSION: u32 = 16;

/// A runtime that a collator executes.
#[derive(Clone)]
pub struct Runtime {
	/// The wasm as the relay chain keeps it: compressed.
	code: Vec<u8>,
	executor: WasmExecutor<HostFunctions>,
	pallets: Vec<PalletMetadata<PortableForm>>,
	types: PortableRegistry,
	/// What the runtime says of itself.
	pub version: RuntimeVersion,
}

impl Runtime {
	/// Compiles the wasm and asks it what it is.
	pub fn new(code: &[u8]) -> Self {
		let mut runtime = Self {
			code: code.into(),
			executor: WasmExecutor::builder().build(),
			pallets: Vec::new(),
			types: PortableRegistry::from(Registry::new()),
			version: RuntimeVersion::default(),
		};
		runtime.version = Decode::decode(&mut &runtime.ask("Core_version", &[])[..]).unwrap();
		let version = METADATA_VERSION.encode();
		let metadata = runtime.ask("Metadata_metadata_at_version", &version);
		let metadata: Vec<u8> = Option::decode(&mut &metadata[..]).unwrap().unwrap();
		let metadata = RuntimeMetadataPrefixed::decode(&mut &metadata[..]).unwrap();
		let RuntimeMetadata::V16(metadata) = metadata.1 else {
			panic!("the runtime has no metadata of version {METADATA_VERSION}");
		};
		runtime.pallets = metadata.pallets;
		runtime.types = metadata.types;
		runtime
	}

	/// The wasm, compressed.
	pub fn code(&self) -> &[u8] {
		&self.code
	}

	/// The state that the development preset's chain begins with, but with this policy, and with `keys` in
	/// place of the preset's of the same kinds and sizes.
	pub fn genesis(&self, policy: Policy, keys: &[(KeyId, Vec<u8>)]) -> Storage {
		let mut config = self.preset(None);
		json_patch::merge(&mut config, self.preset(Some("development")));
		config["storageProvider"]["policy"] = serde_json::to_value(policy).unwrap();
		let slot = &mut config["proofs"]["keys"];
		let mut all: Vec<GenesisKey> = serde_json::from_value(slot.take()).unwrap();
		all.retain(|key| keys.iter().all(|(id, _)| key.id != *id));
		all.extend(keys.iter().map(|(id, key)| GenesisKey {
			id: *id,
			version: ProofVersion::V1_2_0,
			origin: KeyOrigin::Devnet,
			key: const_hex::encode(key),
			digest: const_hex::encode(blake2_256(key)),
		}));
		*slot = serde_json::to_value(all).unwrap();

		let mut state = BasicExternalities::new_empty();
		let config = serde_json::to_vec(&config).unwrap();
		let built = self.call_on(
			&mut state,
			"GenesisBuilder_build_state",
			&config.encode(),
			CallContext::Offchain,
		);
		let built = sp_genesis_builder::Result::decode(&mut &built[..]).unwrap();
		assert_eq!(built, Ok(()));
		let mut storage = state.into_storages();
		storage
			.top
			.insert(well_known_keys::CODE.into(), self.code.clone());
		storage
	}

	/// A genesis preset, or the default genesis.
	fn preset(&self, name: Option<&str>) -> serde_json::Value {
		let name: Option<sp_genesis_builder::PresetId> = name.map(Into::into);
		let preset = self.ask("GenesisBuilder_get_preset", &name.encode());
		let preset: Option<Vec<u8>> = Option::decode(&mut &preset[..]).unwrap();
		serde_json::from_slice(&preset.unwrap()).unwrap()
	}

	/// Calls a function that needs no state.
	fn ask(&self, method: &str, arguments: &[u8]) -> Vec<u8> {
		let mut empty = BasicExternalities::new_empty();
		self.call_on(&mut empty, method, arguments, CallContext::Offchain)
	}

	fn call_on(
		&self,
		state: &mut dyn Externalities,
		method: &str,
		arguments: &[u8],
		context: CallContext,
	) -> Vec<u8> {
		let fetcher = WrappedRuntimeCode(self.code.as_slice().into());
		let code = runtime_code(&fetcher, &self.code);
		let result = self.executor.call(state, &code, method, arguments, context);
		result
			.0
			.unwrap_or_else(|error| panic!("{method} failed: {error}"))
	}

	/// Calls a function of the runtime on a state with changes.
	pub fn call<B: Backend<BlakeTwo256>>(
		&self,
		state: &B,
		changes: &mut OverlayedChanges<BlakeTwo256>,
		extensions: &mut Extensions,
		method: &str,
		arguments: &[u8],
	) -> Vec<u8> {
		let fetcher = WrappedRuntimeCode(self.code.as_slice().into());
		let code = runtime_code(&fetcher, &self.code);
		let result = StateMachine::new(
			state,
			changes,
			&self.executor,
			method,
			arguments,
			extensions,
			&code,
			CallContext::Onchain { import: false },
		)
		.execute();
		result.unwrap_or_else(|error| panic!("{method} failed: {error}"))
	}

	/// A call of a pallet, by name, with arguments in the order of the call's.
	pub fn encode_call(&self, pallet: &str, call: &str, arguments: impl Encode) -> Vec<u8> {
		let pallet = self
			.pallets
			.iter()
			.find(|candidate| candidate.name == pallet)
			.unwrap_or_else(|| panic!("there is no pallet {pallet}"));
		let call = self
			.variants(pallet.calls.as_ref().map(|calls| calls.ty.id))
			.iter()
			.find(|candidate| candidate.name == call)
			.unwrap_or_else(|| panic!("there is no call {call}"));
		let mut bytes = vec![pallet.index, call.index];
		arguments.encode_to(&mut bytes);
		bytes
	}

	/// The name of a pallet's error.
	pub fn error_name(&self, error: &ModuleError) -> String {
		let pallet = self
			.pallets
			.iter()
			.find(|pallet| pallet.index == error.index)
			.unwrap();
		let error = self
			.variants(pallet.error.as_ref().map(|errors| errors.ty.id))
			.iter()
			.find(|variant| variant.index == error.error[0])
			.unwrap();
		format!("{}::{}", pallet.name, error.name)
	}

	/// The variants of an enum of the metadata.
	fn variants(&self, enumeration: Option<u32>) -> &[Variant<PortableForm>] {
		let resolved = enumeration.and_then(|id| self.types.resolve(id)).unwrap();
		match &resolved.type_def {
			TypeDef::Variant(variants) => &variants.variants,
			other => panic!("not an enum: {other:?}"),
		}
	}
}

fn runtime_code<'a>(fetcher: &'a WrappedRuntimeCode<'a>, code: &[u8]) -> RuntimeCode<'a> {
	RuntimeCode {
		code_fetcher: fetcher,
		heap_pages: None,
		hash: blake2_256(code).into(),
	}
}
