//! Programs that tests write and run.

use std::{
	io::Write,
	path::Path,
	process::{Command, Stdio},
};

/// Writes a program for the shell that its owner can run.
///
/// A process of its own writes it: while this one has the file open, whatever another test starts at that moment
/// inherits the open file, and a file that is open for writing cannot be run ("text file busy").
pub fn write_program(path: &Path, text: &str) {
	let mut child = Command::new("sh")
		.args(["-c", "cat > \"$0\" && chmod 700 \"$0\""])
		.arg(path)
		.stdin(Stdio::piped())
		.spawn()
		.unwrap();
	let mut input = child.stdin.take().unwrap();
	input.write_all(text.as_bytes()).unwrap();
	drop(input);
	assert!(child.wait().unwrap().success());
}
