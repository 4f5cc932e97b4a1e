//! A proving key, mapped into memory.
//!
//! The file is bellperson's: the verifying key, then five lists of uncompressed points, each with its length
//! in 32 bits before it: `h`, `l`, `a` and `b` in the first group and `b` in the second one. Points are read
//! straight from the mapping, every time; that costs less than two additions of each.

use std::{fs::File, io, ops::Range, path::Path};

use bellperson::groth16::VerifyingKey;
use blstrs::{Bls12, G1Affine, G2Affine};
use memmap2::Mmap;

use super::msm::Bases;

/// Why a file is no proving key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProvingKeyError {
	#[error("it cannot be read: {0}")]
	Read(#[from] io::Error),
	#[error("it has {found} bytes, but its lists need {expected}")]
	Length { expected: u64, found: u64 },
}

/// The bytes of an uncompressed point.
const G1_BYTES: usize = 96;
const G2_BYTES: usize = 192;

/// A proving key's file.
pub(crate) struct ProvingKey {
	map: Mmap,
	pub(super) verifying_key: VerifyingKey<Bls12>,
	h: Range<usize>,
	l: Range<usize>,
	a: Range<usize>,
	b_g1: Range<usize>,
	b_g2: Range<usize>,
}

impl ProvingKey {
	pub(crate) fn open(path: &Path) -> Result<Self, ProvingKeyError> {
		let file = File::open(path)?;
		let map = map(&file)?;
		let verifying_key = VerifyingKey::read(&map[..])?;
		// Three points of each group and the inputs' points, with their number.
		let fixed = 3 * G1_BYTES + 3 * G2_BYTES + LENGTH_BYTES;
		let mut position = verifying_key
			.ic
			.len()
			.saturating_mul(G1_BYTES)
			.saturating_add(fixed);
		let mut list = |point: usize| -> Result<Range<usize>, ProvingKeyError> {
			let start = position.saturating_add(LENGTH_BYTES);
			let length = map
				.get(position..start)
				.and_then(|bytes| bytes.try_into().ok())
				.map(u32::from_be_bytes);
			let size = length
				.and_then(|length| usize::try_from(length).ok())
				.and_then(|length| length.checked_mul(point));
			let end = start.saturating_add(size.unwrap_or(0));
			if size.is_none() || end > map.len() {
				return Err(wrong_length(end, map.len()));
			}
			position = end;
			Ok(start..end)
		};
		let h = list(G1_BYTES)?;
		let l = list(G1_BYTES)?;
		let a = list(G1_BYTES)?;
		let b_g1 = list(G1_BYTES)?;
		let b_g2 = list(G2_BYTES)?;
		if position != map.len() {
			return Err(wrong_length(position, map.len()));
		}
		Ok(Self {
			map,
			verifying_key,
			h,
			l,
			a,
			b_g1,
			b_g2,
		})
	}

	/// How many variables besides the inputs the circuit has.
	pub(super) fn aux(&self) -> usize {
		self.l.len() / G1_BYTES
	}

	/// The size of the circuit's domain.
	pub(super) fn domain(&self) -> usize {
		self.h.len() / G1_BYTES + 1
	}

	pub(super) fn h(&self) -> Bases<'_> {
		self.list(&self.h)
	}

	pub(super) fn l(&self) -> Bases<'_> {
		self.list(&self.l)
	}

	pub(super) fn a(&self) -> Bases<'_> {
		self.list(&self.a)
	}

	pub(super) fn b_g1(&self) -> Bases<'_> {
		self.list(&self.b_g1)
	}

	pub(super) fn b_g2(&self) -> Bases<'_> {
		self.list(&self.b_g2)
	}

	fn list(&self, range: &Range<usize>) -> Bases<'_> {
		Bases(self.map.get(range.clone()).unwrap_or_default())
	}

	/// The lengths of `a` and of both `b`.
	pub(super) fn lengths(&self) -> [usize; 3] {
		[
			self.a.len() / G1_BYTES,
			self.b_g1.len() / G1_BYTES,
			self.b_g2.len() / G2_BYTES,
		]
	}
}

const LENGTH_BYTES: usize = 4;
const _: () = assert!(
	size_of::<G1Affine>() == G1_BYTES && size_of::<G2Affine>() == G2_BYTES,
	"a point in memory is as large as in the file"
);

fn wrong_length(expected: usize, found: usize) -> ProvingKeyError {
	ProvingKeyError::Length {
		expected: crate::setup::units(expected),
		found: crate::setup::units(found),
	}
}

#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Mmap> {
	// SAFETY: a mapping is only sound as long as nobody changes the file. Key files are never written in
	// place: the set-up writes another file, whose name it then changes, and what it replaces it deletes
	// first; deleted files stay what they are for those that have them open. Whoever shortens the file
	// by hand meanwhile ends this process by SIGBUS, as with bellperson, which maps the file as well.
	unsafe { Mmap::map(file) }
}
