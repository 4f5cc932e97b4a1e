//! The hasher behind the labels of filecoin-proofs' graph, which is most of what pre-commit phase 1 does.
//!
//! The published `sha2raw` uses the processor's SHA instructions only in builds whose target features are set
//! by hand; in others every instruction becomes a call. This crate has the part of its interface that
//! filecoin-proofs uses, over `sha2`, which finds the instructions when it runs. The workspace's
//! `[patch.crates-io]` puts it in place.

#![no_std]
#![deny(missing_docs)]

use core::fmt;

use sha2::Digest;

/// How many bytes are gathered before they are hashed: the 14 parents of a node.
const GATHER: usize = 14 * 32;

/// A SHA-256 that is fed with lists of slices.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
	/// A hasher that has seen nothing.
	pub fn new() -> Self {
		Self::default()
	}

	/// The hash of all slices, one after the other.
	pub fn digest(slices: &[&[u8]]) -> [u8; 32] {
		let mut hasher = Self::new();
		hasher.input(slices);
		hasher.finish()
	}

	/// Hashes all slices, one after the other.
	pub fn input(&mut self, slices: &[&[u8]]) {
		// Slices are half a block each; handed over one by one they would be copied twice and hashed one
		// block at a time.
		let mut gathered = [0; GATHER];
		let mut length = 0;
		for slice in slices {
			if gathered.len() - length < slice.len() {
				self.0.update(&gathered[..length]);
				length = 0;
			}
			match gathered[length..].get_mut(..slice.len()) {
				Some(room) => {
					room.copy_from_slice(slice);
					length += slice.len();
				},
				None => self.0.update(slice),
			}
		}
		self.0.update(&gathered[..length]);
	}

	/// The hash of what was fed.
	pub fn finish(self) -> [u8; 32] {
		self.0.finalize().into()
	}

	/// The hash of what was fed and a last slice.
	pub fn finish_with(mut self, last: &[u8]) -> [u8; 32] {
		self.0.update(last);
		self.finish()
	}
}

impl fmt::Debug for Sha256 {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("Sha256 { .. }")
	}
}

#[cfg(test)]
mod tests {
	extern crate std;

	use super::*;
	use proptest::prelude::*;
	use std::{format, vec::Vec};

	#[test]
	fn its_state_is_not_shown() {
		assert_eq!(format!("{:?}", Sha256::new()), "Sha256 { .. }");
	}

	proptest! {
		#[test]
		fn it_is_sha_256(
			parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20),
			last in proptest::collection::vec(any::<u8>(), 0..40),
		) {
			let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
			let mut whole = parts.concat();
			prop_assert_eq!(Sha256::digest(&slices), <[u8; 32]>::from(sha2::Sha256::digest(&whole)));
			let mut hasher = Sha256::new();
			for pair in slices.chunks(2) {
				hasher.input(pair);
			}
			whole.extend_from_slice(&last);
			prop_assert_eq!(hasher.finish_with(&last), <[u8; 32]>::from(sha2::Sha256::digest(&whole)));
		}
	}
}
