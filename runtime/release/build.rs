//! Builds the runtime for wasm as the node's build script does, but twice: the second time with the digest of the
//! metadata that the first one has.

use std::path::Path;
use substrate_wasm_builder::WasmBuilder;

fn main() {
	let manifest_dir =
		std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts; qed");
	let runtime = Path::new(&manifest_dir)
		.parent()
		.expect("this folder lies in the runtime's; qed");
	let workspace = runtime
		.parent()
		.expect("the runtime's folder lies in the workspace's; qed");
	// What is compiled is locked by the workspace's lock file, not by the one of this folder.
	std::env::set_var("WASM_BUILD_WORKSPACE_HINT", workspace);
	// The workspace skips the wasm of the SDK's crates.
	std::env::remove_var("SKIP_WASM_BUILD");
	WasmBuilder::new()
		.with_project(runtime.join("Cargo.toml"))
		.expect("the runtime's manifest is part of this repository; qed")
		.import_memory()
		.export_heap_base()
		// How the token is called is a part of what is signed: as the node and scripts/release-chain-spec say.
		.enable_metadata_hash("HOLD", 12)
		.build();
}
