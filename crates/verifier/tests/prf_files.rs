//! `verify-prf`, in every layout that it reads and on everything that is not one.
#![allow(clippy::unwrap_used)]

mod common;

#[path = "../examples/verify-prf/command.rs"]
mod command;

use command::{ACCEPTED, REJECTED, UNREADABLE};
use common::prf::{self, Layout, Prf, PrfError, Record};
use holdfast_verifier::{encoding::field_bytes, Fr};

const LAYOUTS: [Layout; 3] = [Layout::KeyFirst, Layout::KeyLast, Layout::Single];

/// A proof and its inputs.
type Owned = ([u8; 192], Vec<[u8; 32]>);
type Change = fn(&mut Owned);

/// What a file is made of.
struct Parts {
	key: Vec<u8>,
	proofs: Vec<Owned>,
}

impl Parts {
	fn forged(inputs: usize, proofs: u64) -> Self {
		let (key, _) = common::trapdoor(inputs, b"prf");
		Self {
			key: key.verifying_key(),
			proofs: (0..proofs)
				.map(|index| {
					let inputs = common::inputs(inputs, index);
					let proof = key.forge(&inputs, &index.to_le_bytes());
					(proof, inputs.iter().map(big_endian).collect())
				})
				.collect(),
		}
	}

	fn file(&self, layout: Layout) -> Vec<u8> {
		Prf {
			layout,
			key: &self.key,
			records: self
				.proofs
				.iter()
				.map(|(proof, inputs)| Record { proof, inputs })
				.collect(),
		}
		.write(layout)
	}
}

fn big_endian(input: &Fr) -> [u8; 32] {
	let mut bytes = field_bytes(input);
	bytes.reverse();
	bytes
}

/// Runs the command on a file with these bytes: exit code, output, errors.
fn run(bytes: &[u8], options: &[&str]) -> (u8, String, String) {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path().join("proofs.prf");
	std::fs::write(&path, bytes).unwrap();
	let path = path.to_str().unwrap();
	run_with([path].iter().chain(options).copied())
}

fn run_with<'a>(arguments: impl IntoIterator<Item = &'a str>) -> (u8, String, String) {
	let (mut output, mut errors) = (Vec::new(), Vec::new());
	let arguments = arguments.into_iter().map(String::from);
	let code = command::run(arguments, &mut output, &mut errors);
	(
		code,
		String::from_utf8(output).unwrap(),
		String::from_utf8(errors).unwrap(),
	)
}

fn assert_accepted(bytes: &[u8], layout: Layout, count: usize) {
	assert_eq!(Prf::parse(bytes).unwrap().layout, layout);
	for options in [&[][..], &["--batch"]] {
		let (code, output, errors) = run(bytes, options);
		assert_eq!(code, ACCEPTED, "{output}{errors}");
		assert!(errors.is_empty());
		assert!(
			output.ends_with(&format!("accepted {count}/{count}\n")),
			"{output}"
		);
		let timed = if options.is_empty() {
			output.matches(": accepted, ").count()
		} else {
			assert!(output.contains(&format!("batch of {count}: accepted, ")));
			count
		};
		assert_eq!(timed, count, "{output}");
		assert!(output.contains(&format!("({layout})")));
	}
}

#[test]
fn every_layout_is_read_for_proofs_of_every_kind() {
	// Proofs of replication, window PoSts and a winning PoSt of 32 GiB.
	for (inputs, proofs) in [(39, 1), (39, 5), (327, 10), (22, 2), (132, 1)] {
		let parts = Parts::forged(inputs, proofs);
		for layout in LAYOUTS {
			let count = if layout == Layout::Single {
				1
			} else {
				parts.proofs.len()
			};
			let bytes = parts.file(layout);
			let prf = Prf::parse(&bytes).unwrap();
			assert_eq!(prf.input_count(), inputs);
			assert_eq!(prf.write(layout), bytes);
			assert_accepted(&bytes, layout, count);
		}
	}
}

#[test]
fn a_file_with_thousands_of_inputs_is_read() {
	let parts = Parts::forged(5_000, 2);
	assert_accepted(&parts.file(Layout::KeyFirst), Layout::KeyFirst, 2);
	assert_accepted(&parts.file(Layout::Single), Layout::Single, 1);
}

#[test]
fn files_of_real_proofs_are_accepted() {
	for fixture in common::fixture::all() {
		let parts = Parts {
			key: fixture.key_bytes.clone(),
			proofs: fixture
				.statement
				.public_inputs()
				.iter()
				.zip(&fixture.proofs)
				.map(|(inputs, proof)| (*proof, inputs.iter().map(big_endian).collect()))
				.collect(),
		};
		for layout in LAYOUTS {
			assert_accepted(&parts.file(layout), layout, 1);
		}
	}
}

#[test]
fn the_vector_is_accepted_in_every_layout() {
	if common::seal32().is_none() {
		return;
	}
	let bytes = std::fs::read(common::seal32_path()).unwrap();
	assert_accepted(&bytes, Layout::KeyFirst, 10);
	let prf = Prf::parse(&bytes).unwrap();
	assert_eq!(prf.write(Layout::KeyFirst), bytes);
	assert_accepted(&prf.write(Layout::KeyLast), Layout::KeyLast, 10);
	assert_accepted(&prf.write(Layout::Single), Layout::Single, 1);
}

#[test]
fn a_rejected_proof_is_counted_and_named_at_every_position() {
	let good = Parts::forged(5, 4);
	for bad in 0..4 {
		for options in [&[][..], &["--batch"]] {
			let changes: [(&str, Change); 4] = [
				("does not prove", |(proof, _)| proof[0] ^= 0x20),
				("unusable", |(proof, _)| proof[0] = 0),
				("does not prove", |(_, inputs)| inputs[4][31] ^= 1),
				("input 2 is not below", |(_, inputs)| inputs[2] = [0xff; 32]),
			];
			for (reason, change) in changes {
				let mut parts = Parts {
					key: good.key.clone(),
					proofs: good.proofs.clone(),
				};
				change(&mut parts.proofs[bad]);
				let (code, output, errors) = run(&parts.file(Layout::KeyFirst), options);
				assert_eq!(code, REJECTED, "{output}{errors}");
				assert!(output.ends_with("accepted 3/4\n"), "{output}");
				let line = output
					.lines()
					.find(|line| line.starts_with(&format!("proof {}: REJECTED", bad + 1)))
					.unwrap();
				assert!(line.contains(reason), "{line}");
				assert_eq!(output.contains("batch of 4: REJECTED"), !options.is_empty());
			}
		}
	}
}

#[test]
fn every_truncation_and_extension_is_malformed() {
	let parts = Parts::forged(3, 2);
	for layout in LAYOUTS {
		let bytes = parts.file(layout);
		for length in 0..bytes.len() {
			assert!(Prf::parse(&bytes[..length]).is_err(), "{layout}: {length}");
		}
		for extra in 1..200 {
			let mut longer = bytes.clone();
			longer.resize(bytes.len() + extra, 0);
			assert!(Prf::parse(&longer).is_err(), "{layout}: {extra} more");
		}
	}
}

#[test]
fn malformed_files_are_told_apart() {
	let good = Parts::forged(3, 2).file(Layout::KeyFirst);
	let changed = |change: &dyn Fn(&mut Vec<u8>)| {
		let mut bytes = good.clone();
		change(&mut bytes);
		bytes
	};
	let mut no_proofs = 0u64.to_be_bytes().to_vec();
	no_proofs.extend_from_slice(&good[8..16 + 868 + 96 * 4]);
	let mut no_inputs = 2u64.to_be_bytes().to_vec();
	no_inputs.resize(16 + 868 + 96 + 2 * 192, 0);
	let mut single_without_inputs = vec![0x80; 192];
	single_without_inputs.resize(192 + 8 + 868 + 96, 0);
	let mut single_without_key = vec![0x80; 192];
	single_without_key.extend_from_slice(&1u64.to_be_bytes());
	single_without_key.resize(200 + 32 + 868 + 192, 0);
	let length = |bytes: &[u8], header| PrfError::Length {
		found: bytes.len(),
		header,
	};
	for (bytes, error) in [
		(vec![], PrfError::TooShort(0)),
		(vec![0; 15], PrfError::TooShort(15)),
		(vec![0; 16], length(&[0; 16], (0, 0))),
		(no_proofs, PrfError::NoProofs),
		(no_inputs, PrfError::NoInputs),
		(single_without_inputs, PrfError::NoInputs),
		(single_without_key, PrfError::NoKey { inputs: 1 }),
		(changed(&|bytes| bytes[7] = 1), length(&good, (1, 3))),
		(changed(&|bytes| bytes[15] = 4), length(&good, (2, 4))),
		(
			changed(&|bytes| bytes[..16].fill(0xff)),
			length(&good, (u64::MAX, u64::MAX)),
		),
		(
			changed(&|bytes| bytes[16 + 867] ^= 1),
			PrfError::NoKey { inputs: 3 },
		),
	] {
		assert_eq!(Prf::parse(&bytes), Err(error));
		for options in [&[][..], &["--batch"]] {
			let (code, output, errors) = run(&bytes, options);
			assert_eq!(code, UNREADABLE);
			assert!(output.is_empty());
			assert!(errors.contains(&error.to_string()), "{errors}");
			assert!(errors.starts_with('/') && errors.contains("proofs.prf: "));
		}
	}
}

#[test]
fn a_key_that_is_none_is_malformed() {
	let good = Parts::forged(3, 2);
	for layout in LAYOUTS {
		let mut key = good.key.clone();
		key[95] ^= 1;
		let parts = Parts {
			key,
			proofs: good.proofs.clone(),
		};
		let (code, _, errors) = run(&parts.file(layout), &[]);
		assert_eq!(code, UNREADABLE);
		assert!(
			errors.contains("point 0 of the verifying key is unusable"),
			"{errors}"
		);
	}
}

#[test]
fn wrong_arguments_are_explained() {
	for arguments in [&[][..], &["--batch"], &["a", "b"], &["--fast", "a"]] {
		let (code, output, errors) = run_with(arguments.iter().copied());
		assert_eq!(code, UNREADABLE);
		assert!(output.is_empty() && errors.contains("usage: "));
	}
	let (code, _, errors) = run_with(["/no/such/file.prf"]);
	assert_eq!(code, UNREADABLE);
	assert!(errors.starts_with("/no/such/file.prf: "));
	let (code, output, errors) = run_with(["--help"]);
	assert_eq!(code, ACCEPTED);
	assert!(output.contains("usage: ") && errors.is_empty());
}
