//! The command line: what the library's has, and benchmarks of the runtime's pallets.

use crate::benchmark::RuntimeBenchmark;
use clap::Subcommand;
use polkadot_omni_node_lib::{
	extra_subcommand::ExtraSubcommand, CliConfig as CliConfigT, RunConfig, NODE_VERSION,
};
use sc_cli::ExportChainSpecCmd;

/// What the node says of itself.
pub struct NodeCli;

impl CliConfigT for NodeCli {
	fn impl_version() -> String {
		format!("{} (omni-node {NODE_VERSION})", env!("CARGO_PKG_VERSION"))
	}

	fn author() -> String {
		env!("CARGO_PKG_AUTHORS").into()
	}

	fn support_url() -> String {
		concat!(env!("CARGO_PKG_REPOSITORY"), "/issues").into()
	}

	fn copyright_start_year() -> u16 {
		2026
	}
}

/// The subcommands that this node adds.
#[derive(Debug, Subcommand)]
pub enum NodeSubcommand {
	/// Export a chain specification to JSON.
	ExportChainSpec(ExportChainSpecCmd),
	/// Benchmark the pallets or the overhead of a runtime built with `runtime-benchmarks`.
	#[command(subcommand)]
	BenchmarkRuntime(RuntimeBenchmark),
}

impl ExtraSubcommand for NodeSubcommand {
	fn handle(self, config: &RunConfig) -> sc_cli::Result<()> {
		match self {
			NodeSubcommand::ExportChainSpec(command) => {
				let spec = config.chain_spec_loader.load_spec(&command.chain)?;
				command.run(spec)
			},
			NodeSubcommand::BenchmarkRuntime(benchmark) => benchmark.run(),
		}
	}
}
