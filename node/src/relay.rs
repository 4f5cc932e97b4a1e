//! The programs of the relay chain that this binary also is, so that a whole local network needs one build:
//! a validator and the two workers that it starts to prepare and to execute parachains' code.
//!
//! Which one it is follows from the name that it is called by, as with BusyBox: a link named `polkadot` is
//! the validator.

use std::{error::Error, ffi::OsStr, path::Path};

/// A program of the relay chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayProgram {
	/// `polkadot`: a full node or validator.
	Polkadot,
	/// `polkadot-prepare-worker`: compiles a parachain's wasm.
	PrepareWorker,
	/// `polkadot-execute-worker`: validates a parachain's block.
	ExecuteWorker,
}

impl RelayProgram {
	/// The program of that name, which may be a path. `None`: it is the parachain's node.
	pub fn called_as(name: &OsStr) -> Option<Self> {
		match Path::new(name).file_name()?.to_str()? {
			"polkadot" => Some(Self::Polkadot),
			"polkadot-prepare-worker" => Some(Self::PrepareWorker),
			"polkadot-execute-worker" => Some(Self::ExecuteWorker),
			_ => None,
		}
	}

	/// Run the program to its end, with this process's arguments.
	pub fn run(self) -> Result<(), Box<dyn Error>> {
		match self {
			Self::Polkadot => polkadot_cli::run()?,
			Self::PrepareWorker => prepare_worker::run(),
			Self::ExecuteWorker => execute_worker::run(),
		}
		Ok(())
	}
}

// The macro writes a `main` that reads the arguments as the validator gives them. A validator asks its workers
// for their version, and refuses those of another version than its own.
mod prepare_worker {
	polkadot_node_core_pvf_common::decl_worker_main!(
		"prepare-worker",
		polkadot_node_core_pvf_prepare_worker::worker_entrypoint,
		polkadot_cli::NODE_VERSION,
		env!("CARGO_PKG_VERSION"),
	);

	pub fn run() {
		main();
	}
}

mod execute_worker {
	polkadot_node_core_pvf_common::decl_worker_main!(
		"execute-worker",
		polkadot_node_core_pvf_execute_worker::worker_entrypoint,
		polkadot_cli::NODE_VERSION,
		env!("CARGO_PKG_VERSION"),
	);

	pub fn run() {
		main();
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_name_of_the_link_chooses_the_program() {
		let called = |name: &str| RelayProgram::called_as(OsStr::new(name));
		assert_eq!(called("polkadot"), Some(RelayProgram::Polkadot));
		assert_eq!(
			called("/somewhere/polkadot-prepare-worker"),
			Some(RelayProgram::PrepareWorker)
		);
		assert_eq!(
			called("./polkadot-execute-worker"),
			Some(RelayProgram::ExecuteWorker)
		);
		for name in ["holdfast-node", "polkadot/holdfast-node", "polkadot2", ""] {
			assert_eq!(called(name), None, "{name}");
		}
	}
}
