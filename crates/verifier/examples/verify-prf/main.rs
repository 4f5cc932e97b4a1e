//! Verifies the proofs of a `.prf` file: `verify-prf FILE [--batch]`.

mod command;
// Only tests write such files.
#[allow(dead_code)]
mod prf;

use std::process::ExitCode;

fn main() -> ExitCode {
	ExitCode::from(command::run(
		std::env::args_os()
			.skip(1)
			.map(|argument| argument.to_string_lossy().into_owned()),
		&mut std::io::stdout().lock(),
		&mut std::io::stderr().lock(),
	))
}
