//! `holdfast-provider`: the storage provider's daemon.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser;
use holdfast_provider::log::{self, Form};

fn main() -> ExitCode {
	// What filecoin-proofs tells of its steps would bury the daemon's own log.
	let is_step = std::env::args()
		.nth(1)
		.is_some_and(|argument| argument == "work" || argument == "bench");
	let default = if is_step { "warn" } else { "info" };
	let form = std::env::var(log::VARIABLE).map_or(Ok(Form::Text), |text| text.parse());
	match form {
		Ok(form) => log::start(form, default),
		Err(error) => {
			eprintln!("error: {}: {error}", log::VARIABLE);
			return ExitCode::FAILURE;
		},
	}
	match cli::Cli::parse().run() {
		Ok(code) => code,
		Err(error) => {
			eprintln!("error: {error:#}");
			ExitCode::FAILURE
		},
	}
}
