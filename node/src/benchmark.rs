//! Benchmarks of any runtime's wasm, with the host functions that a collator offers.

use clap::Subcommand;
use cumulus_primitives_proof_size_hostfunction::storage_proof_size;
use frame_benchmarking_cli::{OpaqueBlock, OverheadCmd, PalletCmd};
use sp_runtime::traits::BlakeTwo256;

/// What a parachain may call beside Substrate's own host functions.
type HostFunctions = (
	sp_statement_store::runtime_api::HostFunctions,
	storage_proof_size::HostFunctions,
	sp_crypto_ec_utils::HostFunctionsRfc163,
);

/// A benchmark that needs only the runtime's wasm (`--runtime FILE`), not this node's chain.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)]
pub enum RuntimeBenchmark {
	/// Weigh the calls of pallets.
	Pallet(PalletCmd),
	/// Weigh an empty block and an empty extrinsic.
	Overhead(OverheadCmd),
}

impl RuntimeBenchmark {
	/// Run the benchmark to its end.
	pub fn run(self) -> sc_cli::Result<()> {
		match self {
			RuntimeBenchmark::Pallet(command) => {
				command.run_with_spec::<BlakeTwo256, HostFunctions>(None)
			},
			RuntimeBenchmark::Overhead(command) => {
				command.run_with_default_builder_and_spec::<OpaqueBlock, HostFunctions>(None)
			},
		}
	}
}
