//! Every real proof there is, changed in every way there is: nothing verifies but the proof itself.
//!
//! A sample by default; all of it with `HOLDFAST_EXHAUSTIVE=1`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
	accepts,
	fixture::{self, Statement},
	subject::{self, spoilt_inputs, spoilt_proofs, Subject},
};
use holdfast_verifier::{
	encoding::{field_bytes, field_element},
	parameters, porep, verify, verify_batch, window_post, Fr, KeyError, PreparedVerifyingKey,
	VerifyError,
};

/// The fixtures whole, a few of the vector's proofs.
fn subjects() -> Vec<Subject> {
	let mut subjects = subject::fixtures();
	subjects.extend(common::sample(subject::vector(), 5));
	for subject in &subjects {
		assert!(
			accepts(&subject.key, &subject.inputs, &subject.proof),
			"{}",
			subject.name
		);
	}
	subjects
}

/// The fixtures whole and one of the vector's proofs, for what takes long.
fn few_subjects() -> Vec<Subject> {
	let mut subjects = subject::fixtures();
	subjects.extend(subject::vector().into_iter().take(1));
	subjects
}

#[test]
fn no_bit_of_any_proof_can_change() {
	for subject in subject::all() {
		let large = subject.inputs.len() > 100;
		for bit in common::sample(0..8 * 192, if large { 7 } else { 1 }) {
			let mut changed = subject.proof;
			changed[bit / 8] ^= 1 << (bit % 8);
			assert!(
				verify(&subject.key, &subject.inputs, &changed).is_err(),
				"bit {bit} of {}",
				subject.name
			);
			// Beside a good proof, too.
			if bit % if common::exhaustive() { 1 } else { 29 } == 0 {
				let inputs = subject.inputs.as_slice();
				assert!(
					verify_batch(&subject.key, &[(inputs, subject.proof), (inputs, changed)])
						.is_err()
				);
			}
		}
	}
}

#[test]
fn no_point_of_any_proof_can_be_another_or_be_encoded_otherwise() {
	let mut rng = common::rng(1);
	for subject in subjects() {
		for (what, proof) in spoilt_proofs(&mut rng, &subject.proof) {
			assert!(
				!accepts(&subject.key, &subject.inputs, &proof),
				"{what} of {}",
				subject.name
			);
		}
	}
}

#[test]
fn no_input_of_any_proof_can_be_another() {
	let mut rng = common::rng(2);
	for subject in subjects() {
		let large = subject.inputs.len() > 100;
		for index in common::sample(0..subject.inputs.len(), if large { 9 } else { 1 }) {
			let changed = spoilt_inputs(&mut rng, &subject.inputs, index);
			for inputs in common::sample(changed, if index % 10 == 0 { 1 } else { 7 }) {
				assert_eq!(
					verify(&subject.key, &inputs, &subject.proof),
					Err(VerifyError::Unsatisfied),
					"input {index} of {}",
					subject.name
				);
			}
		}
	}
}

#[test]
fn no_bit_of_any_input_can_change() {
	for subject in common::sample(few_subjects(), 3) {
		let bits = subject.inputs.len() * 256;
		// Long bit by bit: of the vector's proof, even the whole is one in five.
		let each = if subject.inputs.len() > 100 { 5 } else { 1 };
		for bit in common::sample((0..bits).step_by(each), bits / each / 60) {
			let (index, bit) = (bit / 256, bit % 256);
			let mut bytes = field_bytes(&subject.inputs[index]);
			bytes[bit / 8] ^= 1 << (bit % 8);
			// Else it is refused where inputs are read.
			if let Some(input) = field_element(&bytes) {
				let mut inputs = subject.inputs.clone();
				inputs[index] = input;
				assert_eq!(
					verify(&subject.key, &inputs, &subject.proof),
					Err(VerifyError::Unsatisfied),
					"bit {bit} of input {index} of {}",
					subject.name
				);
			}
		}
	}
}

#[test]
fn no_two_inputs_can_change_places() {
	for subject in few_subjects() {
		let count = subject.inputs.len();
		let pairs =
			(0..count).flat_map(|first| (first + 1..count).map(move |second| (first, second)));
		let step = (count * count / 80).max(1);
		for (first, second) in common::sample(pairs, step) {
			let mut inputs = subject.inputs.clone();
			inputs.swap(first, second);
			let expected = if inputs == subject.inputs {
				Ok(())
			} else {
				Err(VerifyError::Unsatisfied)
			};
			assert_eq!(
				verify(&subject.key, &inputs, &subject.proof),
				expected,
				"{first} and {second} of {}",
				subject.name
			);
		}
		for rotation in common::sample(1..count, count / 2) {
			let mut inputs = subject.inputs.clone();
			inputs.rotate_left(rotation);
			// A partition that is filled up with its only sector looks the same by halves.
			assert_eq!(
				verify(&subject.key, &inputs, &subject.proof).is_ok(),
				inputs == subject.inputs,
				"rotated by {rotation}: {}",
				subject.name
			);
		}
	}
}

#[test]
fn no_input_can_be_left_out_or_added() {
	for subject in subjects() {
		let count = subject.inputs.len();
		for found in [0, 1, count - 1, count + 1, 2 * count] {
			let mut inputs = subject.inputs.clone();
			inputs.resize(found, Fr::from(0u8));
			assert_eq!(
				verify(&subject.key, &inputs, &subject.proof),
				Err(VerifyError::InputCount {
					expected: count,
					found
				})
			);
		}
	}
}

#[test]
fn no_proof_stands_for_another() {
	let subjects = subject::all();
	for subject in &subjects {
		for other in &subjects {
			let result = verify(&subject.key, &subject.inputs, &other.proof);
			assert_eq!(
				result.is_ok(),
				subject.proof == other.proof,
				"{} for {}",
				other.name,
				subject.name
			);
		}
	}
}

/// Keys for 39 inputs of 2 KiB, 8 MiB and 512 MiB have one shape, and so have those for 22.
#[test]
fn no_key_of_the_same_shape_stands_for_another() {
	let mut keys: Vec<PreparedVerifyingKey> = Vec::new();
	let devnet = common::package_folder().join("../../runtime/keys/devnet");
	for folder in [common::fixtures(), devnet] {
		let Ok(entries) = std::fs::read_dir(&folder) else {
			println!("NOTICE: skipped, there is no {}", folder.display());
			continue;
		};
		for path in entries.map(|entry| entry.unwrap().path()) {
			if path.extension().is_some_and(|extension| extension == "vk") {
				let bytes = std::fs::read(path).unwrap();
				keys.push(PreparedVerifyingKey::from_bytes(&bytes).unwrap());
			}
		}
	}
	// The size that has no real key here, and others.
	for (inputs, seed) in [(39, "512 MiB"), (22, "512 MiB"), (39, "any"), (22, "any")] {
		keys.push(common::trapdoor(inputs, seed.as_bytes()).1);
	}
	let mut tried = 0;
	for fixture in fixture::all() {
		for key in &keys {
			let result = fixture.statement.verify(key, &fixture.proofs);
			if key.input_count() != fixture.key.input_count() {
				assert!(matches!(result, Err(VerifyError::InputCount { .. })));
			} else if key.digest() != fixture.key.digest() {
				assert_eq!(result, Err(VerifyError::Unsatisfied), "{}", fixture.name);
				tried += 1;
			} else {
				assert_eq!(result, Ok(()));
			}
		}
	}
	assert!(tried >= 10, "only {tried} keys of the same shape");
}

/// The key stays, the statement says that the sector is of another size with the same shape.
#[test]
fn no_proof_stands_for_a_sector_of_another_size() {
	for fixture in fixture::all() {
		for size in parameters::ALL {
			let mut changed = fixture.statement.clone();
			let (Statement::PoRep(porep::Statement { sector_bytes, .. })
			| Statement::WindowPoSt { sector_bytes, .. }) = &mut changed;
			if *sector_bytes == size.sector_bytes {
				continue;
			}
			*sector_bytes = size.sector_bytes;
			let result = changed.verify(&fixture.key, &fixture.proofs);
			if size.is_sound() {
				assert!(matches!(result, Err(VerifyError::InputCount { .. })));
			} else {
				assert_eq!(result, Err(VerifyError::Unsatisfied));
			}
		}
	}
}

/// One bit of a statement at a time: those of the challenge randomness, the commitments, who and
/// which sector.
#[test]
fn no_bit_of_any_statement_can_change() {
	for fixture in fixture::all() {
		let step = if matches!(fixture.statement, Statement::PoRep(_)) {
			53
		} else {
			31
		};
		let bits = 6 * 256 + 64;
		for bit in common::sample(0..bits, step) {
			let mut changed = fixture.statement.clone();
			let flip = |bytes: &mut [u8; 32]| bytes[bit % 256 / 8] ^= 1 << (bit % 8);
			match &mut changed {
				Statement::PoRep(statement) => match bit / 256 {
					0 => flip(&mut statement.porep_id),
					1 => flip(&mut statement.prover_id),
					2 => flip(&mut statement.comm_d),
					3 => flip(&mut statement.comm_r),
					4 => flip(&mut statement.ticket),
					5 => flip(&mut statement.seed),
					_ => statement.sector_number ^= 1 << (bit % 64),
				},
				Statement::WindowPoSt {
					randomness,
					sectors,
					..
				} => {
					let last = sectors.len() - 1;
					match bit / 256 {
						0 | 1 => flip(randomness),
						2 | 3 => flip(&mut sectors[0].1),
						4 | 5 => flip(&mut sectors[last].1),
						_ => sectors[last].0 ^= 1 << (bit % 64),
					}
				},
			}
			assert!(
				changed.verify(&fixture.key, &fixture.proofs).is_err(),
				"bit {bit} of {}",
				fixture.name
			);
		}
	}
}

#[test]
fn the_sectors_of_a_window_post_cannot_be_repeated_reordered_or_left_out() {
	for fixture in fixture::all() {
		let Statement::WindowPoSt {
			sector_bytes,
			randomness,
			sectors,
		} = &fixture.statement
		else {
			continue;
		};
		let ask = |sectors: &[(u64, [u8; 32])]| {
			let statement = window_post::Statement {
				sector_bytes: *sector_bytes,
				randomness: *randomness,
				sectors,
			};
			window_post::verify(&fixture.key, &statement, &fixture.proofs[0])
		};
		assert_eq!(ask(sectors), Ok(()));
		let mut reversed = sectors.clone();
		reversed.reverse();
		let doubled = [sectors[0], sectors[0]];
		for other in [&reversed[..], &sectors[..1], &sectors[1..], &doubled, &[]] {
			if other != sectors {
				assert!(ask(other).is_err(), "{}", fixture.name);
			}
		}
	}
}

#[test]
fn no_bit_of_a_key_can_change() {
	let mut seen = Vec::new();
	for subject in subject::fixtures() {
		if seen.contains(&subject.key.digest()) {
			continue;
		}
		seen.push(subject.key.digest());
		for bit in common::sample(0..8 * subject.key_bytes.len(), 197) {
			let mut bytes = subject.key_bytes.clone();
			bytes[bit / 8] ^= 1 << (bit % 8);
			let error = PreparedVerifyingKey::from_bytes(&bytes).unwrap_err();
			// A bit of the count, or of a point.
			assert_eq!(
				error == KeyError::Length,
				(864..868).contains(&(bit / 8)),
				"bit {bit}: {error}"
			);
		}
	}
	assert!(seen.len() >= 3);
}

/// Points of a key that are good points, but in each other's places.
#[test]
fn no_points_of_a_key_can_change_places() {
	for subject in common::sample(subject::fixtures(), 2) {
		let g1: Vec<usize> = [0, 96, 576]
			.into_iter()
			.chain((868..subject.key_bytes.len()).step_by(96))
			.collect();
		let pairs = [(192, 384), (192, 672), (384, 672)]
			.map(|(first, second)| (first, second, 192))
			.into_iter()
			.chain(g1.windows(2).map(|pair| (pair[0], pair[1], 96)));
		for (first, second, length) in common::sample(pairs, 3) {
			let mut bytes = subject.key_bytes.clone();
			let (before, after) = bytes.split_at_mut(second);
			before[first..first + length].swap_with_slice(&mut after[..length]);
			let key = PreparedVerifyingKey::from_bytes(&bytes).unwrap();
			assert_ne!(key.digest(), subject.key.digest());
			// Which inputs are equal, and what the equation does not use, makes no difference.
			let input = |offset: usize| {
				let index = offset.checked_sub(868 + 96)? / 96;
				subject.inputs.get(index)
			};
			let equal = (first, second) == (96, 576)
				|| (input(first).is_some() && input(first) == input(second));
			assert_eq!(
				verify(&key, &subject.inputs, &subject.proof).is_ok(),
				equal,
				"{first} and {second}"
			);
		}
	}
}
