//! Builds the runtime for wasm, so that the node embeds it without linking it natively.

fn main() {
	substrate_wasm_builder::WasmBuilder::new()
		.with_project("../runtime/Cargo.toml")
		.expect("the runtime's manifest is part of this repository; qed")
		.import_memory()
		.export_heap_base()
		.build();
}
