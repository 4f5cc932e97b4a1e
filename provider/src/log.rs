//! The daemon's log: lines for people, or one JSON object a line for programs.

use std::{fmt, io::IsTerminal, str::FromStr};

use serde_json::{Map, Value};
use tracing::{
	field::{Field, Visit},
	Event, Subscriber,
};
use tracing_subscriber::{
	fmt::{format::Writer, FmtContext, FormatEvent, FormatFields},
	registry::LookupSpan,
	EnvFilter,
};

use crate::database::now;

/// The environment variable that names the form.
pub const VARIABLE: &str = "HOLDFAST_LOG_FORMAT";

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
	/// For people.
	#[default]
	Text,
	/// For programs.
	Json,
}

impl FromStr for Form {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		match text {
			"text" => Ok(Self::Text),
			"json" => Ok(Self::Json),
			_ => Err(format!("the log's form is text or json, not {text}")),
		}
	}
}

/// Writes the log to the standard error. `default` says how much, unless RUST_LOG does.
pub fn start(form: Form, default: &str) {
	let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
	let log = tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(std::io::stderr);
	match form {
		Form::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
		Form::Json => log.with_ansi(false).event_format(JsonLines).init(),
	}
}

/// One JSON object for each event, with its fields beside `at` (milliseconds since 1970), `level`, `target`
/// and `message`.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
	S: Subscriber + for<'a> LookupSpan<'a>,
	N: for<'a> FormatFields<'a> + 'static,
{
	fn format_event(
		&self,
		_: &FmtContext<'_, S, N>,
		mut writer: Writer<'_>,
		event: &Event<'_>,
	) -> fmt::Result {
		let metadata = event.metadata();
		let mut fields = Fields(Map::new());
		event.record(&mut fields);
		let mut line = fields.0;
		// What every line has goes before a field of the same name.
		line.insert("at".into(), now().into());
		line.insert("level".into(), metadata.level().as_str().into());
		line.insert("target".into(), metadata.target().into());
		writeln!(writer, "{}", Value::Object(line))
	}
}

struct Fields(Map<String, Value>);

impl Fields {
	fn put(&mut self, field: &Field, value: impl Into<Value>) {
		self.0.insert(field.name().to_owned(), value.into());
	}
}

impl Visit for Fields {
	fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
		self.put(field, format!("{value:?}"));
	}

	fn record_str(&mut self, field: &Field, value: &str) {
		self.put(field, value);
	}

	fn record_u64(&mut self, field: &Field, value: u64) {
		self.put(field, value);
	}

	fn record_i64(&mut self, field: &Field, value: i64) {
		self.put(field, value);
	}

	fn record_bool(&mut self, field: &Field, value: bool) {
		self.put(field, value);
	}

	fn record_f64(&mut self, field: &Field, value: f64) {
		self.put(field, value);
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use std::{
		io,
		sync::{Arc, Mutex},
	};

	#[derive(Clone, Default)]
	struct Lines(Arc<Mutex<Vec<u8>>>);

	impl io::Write for Lines {
		fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
			self.0.lock().unwrap().extend_from_slice(bytes);
			Ok(bytes.len())
		}

		fn flush(&mut self) -> io::Result<()> {
			Ok(())
		}
	}

	#[test]
	fn every_event_is_one_object_on_a_line() {
		let lines = Lines::default();
		let writer = lines.clone();
		let subscriber = tracing_subscriber::fmt()
			.with_ansi(false)
			.with_writer(move || writer.clone())
			.event_format(JsonLines)
			.finish();
		tracing::subscriber::with_default(subscriber, || {
			tracing::info!(sector = 7, at = "field", "two\nlines \"quoted\"");
			tracing::warn!(error = ?Some(1), done = true, "trouble");
		});
		let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
		let events: Vec<Value> = text
			.lines()
			.map(|line| serde_json::from_str(line).unwrap())
			.collect();
		assert_eq!(events.len(), 2);
		assert_eq!(events[0]["message"], "two\nlines \"quoted\"");
		assert_eq!(events[0]["sector"], 7);
		assert_eq!(events[0]["level"], "INFO");
		assert!(events[0]["at"].is_number());
		assert_eq!(events[1]["error"], "Some(1)");
		assert_eq!(events[1]["done"], true);
	}

	#[test]
	fn the_form_has_two_names() {
		assert_eq!("text".parse(), Ok(Form::Text));
		assert_eq!("json".parse(), Ok(Form::Json));
		assert!("xml".parse::<Form>().is_err());
	}
}
