//! The chain client is made from a committed file; it must be a development chain's metadata.

use holdfast_runtime::{genesis, Runtime, METADATA_VERSION};

#[test]
fn the_chain_clients_metadata_is_the_runtimes() {
	let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests");
	let path = std::path::Path::new(&package).join("../crates/chain-client/metadata.scale");
	let committed = std::fs::read(path).expect("the file is in the repository");
	let state = genesis::preset_state(&"development".into()).expect("the preset builds");
	let current = sp_io::TestExternalities::from(state)
		.execute_with(|| Runtime::metadata_at_version(METADATA_VERSION))
		.expect("the version exists");
	assert!(
		committed == *current,
		"the runtime changed: run `cargo run --release -p holdfast-runtime --example export-metadata`"
	);
}
