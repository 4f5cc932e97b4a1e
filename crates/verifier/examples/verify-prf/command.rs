//! What `verify-prf` does, apart from the process.

use std::{
	fmt::Display,
	io::Write,
	time::{Duration, Instant},
};

use holdfast_verifier::{verify, verify_batch, Fr, PreparedVerifyingKey, VerifyError};

use crate::prf::{Prf, Record};

const USAGE: &str = "\
verify-prf: verifies the Groth16 proofs of a .prf file (BLS12-381, with key and public inputs)

usage: verify-prf FILE [--batch]

  --batch   verify all proofs together; if that fails, each alone, to tell which

It exits with 0 if every proof is accepted, 1 if any is rejected, 2 if the file cannot be read.
";

/// Every proof was accepted.
pub const ACCEPTED: u8 = 0;
/// A proof was rejected.
pub const REJECTED: u8 = 1;
/// There is nothing to verify: wrong arguments, no file, or not a `.prf` file.
pub const UNREADABLE: u8 = 2;

/// Does what the arguments (without the program's name) ask for and returns the exit code.
pub fn run(
	arguments: impl IntoIterator<Item = String>,
	output: &mut impl Write,
	errors: &mut impl Write,
) -> u8 {
	let mut path = None;
	let mut batch = false;
	for argument in arguments {
		match argument.as_str() {
			"--help" | "-h" => return print(output, USAGE, ACCEPTED),
			"--batch" => batch = true,
			option if option.starts_with('-') => {
				return print(
					errors,
					format!("unknown option {option}\n\n{USAGE}"),
					UNREADABLE,
				)
			},
			_ if path.is_some() => {
				return print(errors, format!("one file at a time\n\n{USAGE}"), UNREADABLE)
			},
			_ => path = Some(argument),
		}
	}
	let Some(path) = path else {
		return print(errors, format!("no file given\n\n{USAGE}"), UNREADABLE);
	};
	let bytes = match std::fs::read(&path) {
		Ok(bytes) => bytes,
		Err(error) => return print(errors, format!("{path}: {error}\n"), UNREADABLE),
	};
	match check(&path, &bytes, batch, output) {
		Ok(true) => ACCEPTED,
		Ok(false) => REJECTED,
		Err(error) => print(errors, format!("{path}: {error}\n"), UNREADABLE),
	}
}

/// Whether every proof was accepted.
fn check(
	path: &str,
	bytes: &[u8],
	batch: bool,
	output: &mut impl Write,
) -> Result<bool, Box<dyn std::error::Error>> {
	let prf = Prf::parse(bytes)?;
	let (key, time) = timed(|| PreparedVerifyingKey::from_bytes(prf.key));
	let key = key?;
	let count = prf.records.len();
	writeln!(
		output,
		"{path}: {count} {} of {} inputs ({}); key {}, read and prepared in {}",
		if count == 1 { "proof" } else { "proofs" },
		prf.input_count(),
		prf.layout,
		hexadecimal(&key.digest()),
		milliseconds(time),
	)?;
	let inputs: Vec<_> = prf.records.iter().map(Record::field_elements).collect();
	if batch && verify_together(&key, &prf, &inputs, output)? {
		writeln!(output, "accepted {count}/{count}")?;
		return Ok(true);
	}
	let mut accepted = 0usize;
	for (number, (record, inputs)) in (1..).zip(prf.records.iter().zip(&inputs)) {
		let (result, time) = timed(|| match inputs {
			Ok(inputs) => verify(&key, inputs, record.proof).map_err(|error| error.to_string()),
			Err(index) => Err(format!("input {index} is not below the modulus")),
		});
		match result {
			Ok(()) => {
				accepted += 1;
				writeln!(output, "proof {number}: accepted, {}", milliseconds(time))?;
			},
			Err(error) => {
				writeln!(
					output,
					"proof {number}: REJECTED, {}: {error}",
					milliseconds(time)
				)?;
			},
		}
	}
	writeln!(output, "accepted {accepted}/{count}")?;
	// A rejected batch stays rejected, whatever its proofs do alone.
	Ok(!batch && accepted == count)
}

/// Whether the whole file was accepted as a batch.
fn verify_together(
	key: &PreparedVerifyingKey,
	prf: &Prf<'_>,
	inputs: &[Result<Vec<Fr>, usize>],
	output: &mut impl Write,
) -> std::io::Result<bool> {
	let count = prf.records.len();
	let batch: Option<Vec<_>> = prf
		.records
		.iter()
		.zip(inputs)
		.map(|(record, inputs)| Some((inputs.as_ref().ok()?.as_slice(), *record.proof)))
		.collect();
	let (result, time) = timed(|| match &batch {
		Some(batch) => verify_batch(key, batch).map_err(|error| match error {
			// Proofs are counted from 1 here.
			VerifyError::Point {
				proof,
				point,
				error,
			} => format!(
				"point {point:?} of proof {} is unusable: {error}",
				proof + 1
			),
			error => error.to_string(),
		}),
		None => Err("an input is not below the modulus".into()),
	});
	let each = time / u32::try_from(count).unwrap_or(u32::MAX).max(1);
	let (verdict, reason) = match &result {
		Ok(()) => ("accepted", String::new()),
		Err(error) => ("REJECTED", format!(": {error}")),
	};
	writeln!(
		output,
		"batch of {count}: {verdict}, {} ({} each){reason}",
		milliseconds(time),
		milliseconds(each),
	)?;
	Ok(result.is_ok())
}

fn print(stream: &mut impl Write, text: impl Display, code: u8) -> u8 {
	// Nobody listens when this fails; the exit code says what matters.
	let _ = write!(stream, "{text}");
	code
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
	let start = Instant::now();
	let result = work();
	(result, start.elapsed())
}

fn milliseconds(time: Duration) -> String {
	format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn hexadecimal(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
