//! What the commands print: text for people, or one JSON document for programs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
	json: bool,
}

impl Output {
	/// JSON, or text.
	pub const fn new(json: bool) -> Self {
		Self { json }
	}

	/// Prints a result: `value` as JSON, or what `text` says.
	pub fn result(self, value: &impl Serialize, text: impl FnOnce() -> String) {
		if self.json {
			match serde_json::to_string_pretty(value) {
				Ok(json) => println!("{json}"),
				Err(error) => eprintln!("cannot write JSON: {error}"),
			}
		} else {
			println!("{}", text());
		}
	}

	/// Whether the output is JSON.
	pub const fn is_json(self) -> bool {
		self.json
	}

	/// Begins a list, of which each row is printed as it comes.
	pub fn rows(self) -> Rows {
		if self.json {
			print!("[");
		}
		Rows {
			output: self,
			is_empty: true,
		}
	}

	/// Prints a line on the way, to the error stream, unless the output is JSON.
	pub fn note(self, line: impl AsRef<str>) {
		if !self.json {
			eprintln!("{}", line.as_ref());
		}
	}

	/// Prints an error and what caused it.
	pub fn error(self, error: &anyhow::Error) {
		if self.json {
			let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
			println!(
				"{}",
				serde_json::json!({ "error": causes.join(": "), "causes": causes })
			);
		} else {
			eprintln!("error: {error:#}");
		}
	}

	/// A bar that counts bytes; hidden when the output is JSON or no terminal is there.
	pub fn bytes(self, what: &str, total: u64) -> ProgressBar {
		if self.json {
			return ProgressBar::hidden();
		}
		let style = ProgressStyle::with_template(
			"{prefix:>12} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
		);
		let bar = ProgressBar::new(total).with_prefix(what.to_owned());
		if let Ok(style) = style {
			bar.set_style(style.progress_chars("=> "));
		}
		bar.enable_steady_tick(Duration::from_millis(200));
		bar
	}
}

/// A list that is printed row by row, as lines or as one JSON document, which ends when this is dropped.
#[derive(Debug)]
pub struct Rows {
	output: Output,
	is_empty: bool,
}

impl Rows {
	/// Prints a row: `value` as JSON, or the line that `text` says.
	pub fn row(
		&mut self,
		value: impl FnOnce() -> serde_json::Value,
		text: impl FnOnce() -> String,
	) {
		if !self.output.json {
			println!("{}", text());
			return;
		}
		let comma = if self.is_empty { "" } else { "," };
		print!("{comma}\n  {}", value());
		self.is_empty = false;
	}
}

impl Drop for Rows {
	fn drop(&mut self) {
		if self.output.json {
			println!("{}]", if self.is_empty { "" } else { "\n" });
		}
	}
}
