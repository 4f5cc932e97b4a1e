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

	/// Prints one of many lines, unless the output is JSON: then [`Self::rows`] prints them all.
	pub fn line(self, line: impl AsRef<str>) {
		if !self.json {
			println!("{}", line.as_ref());
		}
	}

	/// Prints a list as JSON, if the output is that.
	pub fn rows(self, rows: &[serde_json::Value]) {
		if self.json {
			self.result(&rows, String::new);
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
