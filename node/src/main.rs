//! `holdfast-node`: the node of the Holdfast parachain, one binary over `polkadot-omni-node-lib`. Called by
//! the name of one of the relay chain's programs it is that program.

mod benchmark;
mod chain_spec;
mod cli;
mod relay;

use polkadot_omni_node_lib::{
	run_with_custom_cli,
	runtime::{AuraConsensusId, BlockNumber, Consensus, Runtime, RuntimeResolver},
	RunConfig,
};

/// Says what kind of chain the embedded runtime makes. The library's own resolver would compile
/// the wasm once more at every start to find out what is known here.
struct HoldfastRuntime;

impl RuntimeResolver for HoldfastRuntime {
	fn runtime(&self, _: &dyn sc_chain_spec::ChainSpec) -> sc_cli::Result<Runtime> {
		Ok(Runtime::Omni(
			BlockNumber::U32,
			Consensus::Aura(AuraConsensusId::Sr25519),
		))
	}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
	let name = std::env::args_os().next().unwrap_or_default();
	if let Some(program) = relay::RelayProgram::called_as(&name) {
		return program.run();
	}
	let config = RunConfig::new(Box::new(HoldfastRuntime), Box::new(chain_spec::ChainSpecs));
	run_with_custom_cli::<cli::NodeCli, cli::NodeSubcommand>(config)?;
	Ok(())
}
