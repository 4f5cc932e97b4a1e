//! `holdfast-provider`: the storage provider's daemon.

mod cli;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
	// What filecoin-proofs tells of its steps would bury the daemon's own log.
	let is_step = std::env::args()
		.nth(1)
		.is_some_and(|argument| argument == "work" || argument == "bench");
	let default = if is_step { "warn" } else { "info" };
	let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
	tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(std::io::stderr)
		.with_ansi(std::io::stderr().is_terminal())
		.init();
	match cli::Cli::parse().run() {
		Ok(code) => code,
		Err(error) => {
			eprintln!("error: {error:#}");
			ExitCode::FAILURE
		},
	}
}
