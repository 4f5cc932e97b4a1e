//! Writes the metadata of a development chain, from which `holdfast-chain-client` is made, to the path given,
//! or to that crate: `cargo run --release -p holdfast-runtime --example export-metadata`.

use holdfast_runtime::{genesis, Runtime, METADATA_VERSION};
use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
	let path = match (env::args_os().nth(1), env::var_os("CARGO_MANIFEST_DIR")) {
		(Some(path), _) => PathBuf::from(path),
		(None, Some(package)) => {
			PathBuf::from(package).join("../crates/chain-client/metadata.scale")
		},
		(None, None) => return Err(io::Error::other("name the file to write")),
	};
	// Some constants, such as the parachain's id, are read from the state.
	let state = genesis::preset_state(&"development".into()).map_err(io::Error::other)?;
	let metadata = sp_io::TestExternalities::from(state)
		.execute_with(|| Runtime::metadata_at_version(METADATA_VERSION))
		.ok_or_else(|| io::Error::other("the runtime does not have this metadata version"))?;
	fs::write(&path, &*metadata)?;
	println!(
		"{}: {} bytes of metadata V{METADATA_VERSION}",
		path.display(),
		metadata.len()
	);
	Ok(())
}
