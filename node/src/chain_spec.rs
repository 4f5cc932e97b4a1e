//! The chain specifications that the node knows by name; every other name is a file's path.

use polkadot_omni_node_lib::chain_spec::{ChainSpec, Extensions, GenericChainSpec, LoadSpec};
use sc_chain_spec::ChainType;

/// The runtime, built for wasm by this crate's build script.
#[expect(
	dead_code,
	reason = "the wasm builder writes more constants than are used here"
)]
mod runtime_wasm {
	include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}

/// The runtime built with `ec-hostcalls`.
#[cfg(feature = "hostcalls-runtime")]
#[expect(
	dead_code,
	reason = "the wasm builder writes more constants than are used here"
)]
mod hostcalls_wasm {
	include!(concat!(env!("OUT_DIR"), "/hostcalls_binary.rs"));
}

/// The parachain's id on its relay chain.
const PARACHAIN_ID: u32 = 2000;
/// The relay chain that the local presets register with.
const RELAY_CHAIN: &str = "westend-local";

/// The node's chain specifications: `dev`, `local`, their like with host functions if the node has that
/// runtime, or a file.
pub struct ChainSpecs;

impl LoadSpec for ChainSpecs {
	fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
		Ok(Box::new(match id {
			"" | "dev" => embedded(
				runtime_wasm::WASM_BINARY,
				"Holdfast Development",
				"holdfast_dev",
				ChainType::Development,
				"development",
			)?,
			#[cfg(feature = "hostcalls-runtime")]
			"dev-hostcalls" => embedded(
				hostcalls_wasm::WASM_BINARY,
				"Holdfast Development with Host Functions",
				"holdfast_dev_hostcalls",
				ChainType::Development,
				"development",
			)?,
			#[cfg(feature = "hostcalls-runtime")]
			"local-hostcalls" => embedded(
				hostcalls_wasm::WASM_BINARY,
				"Holdfast Local Testnet with Host Functions",
				"holdfast_local_hostcalls",
				ChainType::Local,
				"local_testnet",
			)?,
			"local" => embedded(
				runtime_wasm::WASM_BINARY,
				"Holdfast Local Testnet",
				"holdfast_local",
				ChainType::Local,
				"local_testnet",
			)?,
			path => GenericChainSpec::from_json_file(path.into())
				.map_err(|error| format!("cannot read the chain specification {path}: {error}"))?,
		}))
	}
}

fn embedded(
	wasm: Option<&'static [u8]>,
	name: &str,
	id: &str,
	chain_type: ChainType,
	preset: &str,
) -> Result<GenericChainSpec, String> {
	let wasm = wasm.ok_or(
		"this node was built without a runtime (SKIP_HOLDFAST_RUNTIME_WASM_BUILD was set): build it \
		 again, or name a chain specification file with --chain",
	)?;
	let mut properties = sc_chain_spec::Properties::new();
	properties.insert("tokenSymbol".into(), "HOLD".into());
	properties.insert("tokenDecimals".into(), 12.into());
	properties.insert("ss58Format".into(), 42.into());
	Ok(
		GenericChainSpec::builder(wasm, Extensions::new(RELAY_CHAIN.into(), PARACHAIN_ID))
			.with_name(name)
			.with_id(id)
			.with_chain_type(chain_type)
			.with_genesis_config_preset_name(preset)
			.with_properties(properties)
			.build(),
	)
}
