//! Writes the runtime's code into a file: for the genesis of a network, or for its upgrade.

use std::{env, error::Error, fs};

#[expect(
	dead_code,
	reason = "the wasm builder writes more constants than are used here"
)]
mod runtime {
	include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}

fn main() -> Result<(), Box<dyn Error>> {
	let file = env::args_os().nth(1).ok_or("usage: runtime-release FILE")?;
	let code = runtime::WASM_BINARY.ok_or("the runtime was not built")?;
	fs::write(file, code)?;
	Ok(())
}
