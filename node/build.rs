//! Builds the runtime for wasm, so that the node embeds it without linking it natively.

use std::path::Path;
use substrate_wasm_builder::WasmBuilder;

fn main() {
	// Asked for at run time: clones share the target directory, and with it this compiled script.
	let manifest_dir =
		std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts; qed");
	let workspace = Path::new(&manifest_dir)
		.parent()
		.expect("the node's folder lies in the workspace's; qed");
	// The wasm builder looks for the lock file from the build's output upwards, which lies elsewhere.
	std::env::set_var("WASM_BUILD_WORKSPACE_HINT", workspace);
	// The workspace skips the wasm of the SDK's crates; SKIP_HOLDFAST_RUNTIME_WASM_BUILD skips this one.
	std::env::remove_var("SKIP_WASM_BUILD");
	if std::env::var_os("CARGO_FEATURE_HOSTCALLS_RUNTIME").is_some() {
		// First, so that what both leave in the wasm builder's folder is the other's in the end. They share
		// most of what is compiled.
		runtime(workspace)
			.set_file_name("hostcalls_binary.rs")
			.enable_feature("ec-hostcalls")
			.build();
	}
	runtime(workspace).build();
}

fn runtime(workspace: &Path) -> WasmBuilder {
	WasmBuilder::new()
		.with_project(workspace.join("runtime/Cargo.toml"))
		.expect("the runtime's manifest is part of this repository; qed")
		.import_memory()
		.export_heap_base()
}
