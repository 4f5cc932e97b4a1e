//! The verifiers that are compared, behind one interface: each reads a key and proofs from the same
//! bytes and says whether it accepts.
//!
//! The bytes are those of a `.prf` file: the number of proofs and of inputs (8 bytes each,
//! big-endian), the verifying key uncompressed, then for each proof its 192 bytes and its inputs,
//! 32 bytes big-endian each.

#![no_std]
#![deny(missing_docs, unsafe_code)]

extern crate alloc;

mod arkworks;
mod naive;
mod ours;

use alloc::{boxed::Box, vec::Vec};

/// A file's parts.
pub struct File<'a> {
	/// The verifying key's bytes.
	pub key: &'a [u8],
	/// Each proof and its inputs.
	pub proofs: Vec<(&'a [u8; 192], Vec<&'a [u8; 32]>)>,
}

impl<'a> File<'a> {
	/// Splits a file. `None` if it is none.
	pub fn parse(bytes: &'a [u8]) -> Option<Self> {
		let (count, rest) = bytes.split_first_chunk::<8>()?;
		let (inputs, rest) = rest.split_first_chunk::<8>()?;
		let count = usize::try_from(u64::from_be_bytes(*count)).ok()?;
		let inputs = usize::try_from(u64::from_be_bytes(*inputs)).ok()?;
		let (key, mut rest) = rest.split_at_checked(868 + 96 * (inputs + 1))?;
		let mut proofs = Vec::new();
		for _ in 0..count {
			let (proof, after) = rest.split_first_chunk::<192>()?;
			let (scalars, after) = after.split_at_checked(32 * inputs)?;
			let (scalars, _) = scalars.as_chunks::<32>();
			proofs.push((proof, scalars.iter().collect()));
			rest = after;
		}
		rest.is_empty().then_some(Self { key, proofs })
	}
}

/// A verifier that has read a file.
pub trait Verifier {
	/// Verifies the first proof.
	fn single(&self) -> bool;
	/// Verifies all proofs together.
	fn batch(&self) -> bool;
	/// Reads the key back from the form that it is stored in.
	fn read_key(&self) -> bool;
}

/// The verifiers' names, in the order of their numbers.
pub const NAMES: [&str; 3] = ["ours", "arkworks", "naive"];

/// The verifier of that number, with the file read.
pub fn verifier(number: usize, bytes: &[u8]) -> Option<Box<dyn Verifier>> {
	let file = File::parse(bytes)?;
	Some(match number {
		0 => Box::new(ours::Ours::read(&file)?),
		1 => Box::new(arkworks::Arkworks::read(&file)?),
		2 => Box::new(naive::Naive::read(&file)),
		_ => return None,
	})
}
