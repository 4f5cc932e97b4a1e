//! `.prf` files: Groth16 proofs with their public inputs and their key.
//!
//! Numbers are 64 bits big-endian, public inputs 32 bytes big-endian, proofs 192 bytes, keys in
//! bellperson's uncompressed form. Nothing says which layout a file has, and nothing needs to: the
//! lengths and the key's own count of points fit one only.

use std::fmt;

use holdfast_verifier::{encoding::field_element, Fr, PROOF_BYTES};

/// The bytes of a key before its list of points: three points of G1, three of G2, their count.
const KEY_HEAD: usize = 868;
const KEY_POINT: usize = 96;
const INPUT: usize = 32;

/// The order of a file's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
	/// Number of proofs, number of inputs, key, then each proof and its inputs.
	KeyFirst,
	/// Number of proofs, number of inputs, each proof and its inputs, then the key.
	KeyLast,
	/// One proof, number of inputs, the inputs, then the key.
	Single,
}

impl fmt::Display for Layout {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::KeyFirst => "key first",
			Self::KeyLast => "key last",
			Self::Single => "one proof, key last",
		})
	}
}

/// A proof and its public inputs as the file has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
	pub proof: &'a [u8; PROOF_BYTES],
	pub inputs: &'a [[u8; INPUT]],
}

/// The parts of a file. The key and the points of the proofs have not been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prf<'a> {
	pub layout: Layout,
	pub key: &'a [u8],
	pub records: Vec<Record<'a>>,
}

/// Why bytes are not a `.prf` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrfError {
	/// There is not even a header.
	TooShort(usize),
	/// The file says that it holds no proof.
	NoProofs,
	/// The file says that its proofs have no inputs.
	NoInputs,
	/// No layout has this length with the counts that stand where it has them.
	Length {
		/// The file's length.
		found: usize,
		/// The number of proofs and of inputs in the first 16 bytes.
		header: (u64, u64),
	},
	/// The length fits, but no key for this number of inputs is where one should be.
	NoKey {
		/// How many inputs each proof has.
		inputs: usize,
	},
}

impl fmt::Display for PrfError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::TooShort(length) => write!(f, "{length} bytes are too few for a .prf file"),
			Self::NoProofs => f.write_str("the file holds no proof"),
			Self::NoInputs => f.write_str("the file's proofs have no public inputs"),
			Self::Length {
				found,
				header: (proofs, inputs),
			} => write!(
				f,
				"{found} bytes are not the length of a .prf file (its header would say {proofs} \
				 proofs of {inputs} inputs): it is truncated, has trailing bytes, or is something else",
			),
			Self::NoKey { inputs } => write!(
				f,
				"there is no verifying key for {inputs} inputs, neither before the proofs nor after",
			),
		}
	}
}

impl std::error::Error for PrfError {}

impl<'a> Prf<'a> {
	/// Takes a file apart.
	pub fn parse(bytes: &'a [u8]) -> Result<Self, PrfError> {
		if bytes.len() < 16 {
			return Err(PrfError::TooShort(bytes.len()));
		}
		let header = (number(bytes, 0), number(bytes, 8));
		let fits = |start: usize, proofs: u64, inputs: u64| {
			let inputs = usize::try_from(inputs).ok()?;
			let proofs = usize::try_from(proofs).ok()?;
			let records = record_len(inputs)?.checked_mul(proofs)?;
			let expected = records.checked_add(key_len(inputs)?)?.checked_add(start)?;
			(expected == bytes.len()).then_some(inputs)
		};
		if let Some(inputs) = fits(16, header.0, header.1) {
			return match header {
				(0, _) => Err(PrfError::NoProofs),
				(_, 0) => Err(PrfError::NoInputs),
				_ => Self::with_header(&bytes[16..], inputs),
			};
		}
		// The number of inputs is between the proof and them; such a file has no other header.
		if bytes.len() >= PROOF_BYTES + 8 {
			let inputs = number(bytes, PROOF_BYTES);
			if let Some(inputs) = fits(8, 1, inputs) {
				return Self::single(bytes, inputs);
			}
		}
		Err(PrfError::Length {
			found: bytes.len(),
			header,
		})
	}

	/// `rest` has the length of a key and of records of so many inputs.
	fn with_header(rest: &'a [u8], inputs: usize) -> Result<Self, PrfError> {
		let error = PrfError::NoKey { inputs };
		let key = key_len(inputs).ok_or(error)?;
		let (layout, key, records) = [
			(Layout::KeyFirst, rest.split_at(key)),
			(Layout::KeyLast, {
				let (records, key) = rest.split_at(rest.len() - key);
				(key, records)
			}),
		]
		.into_iter()
		.find(|(_, (key, _))| is_key(key, inputs))
		.map(|(layout, (key, records))| (layout, key, records))
		.ok_or(error)?;
		let length = record_len(inputs).ok_or(error)?;
		let records = records
			.chunks_exact(length)
			.map(|record| split_record(record, 0))
			.collect::<Option<_>>()
			.ok_or(error)?;
		Ok(Self {
			layout,
			key,
			records,
		})
	}

	/// `bytes` has the length of a proof, a number, so many inputs and a key.
	fn single(bytes: &'a [u8], inputs: usize) -> Result<Self, PrfError> {
		if inputs == 0 {
			return Err(PrfError::NoInputs);
		}
		let error = PrfError::NoKey { inputs };
		let key = key_len(inputs).ok_or(error)?;
		let (record, key) = bytes.split_at(bytes.len() - key);
		if !is_key(key, inputs) {
			return Err(error);
		}
		Ok(Self {
			layout: Layout::Single,
			key,
			records: vec![split_record(record, 8).ok_or(error)?],
		})
	}

	/// How many inputs each proof has.
	pub fn input_count(&self) -> usize {
		self.records.first().map_or(0, |record| record.inputs.len())
	}

	/// Puts a file together, for tests. [`Layout::Single`] takes the first proof only.
	pub fn write(&self, layout: Layout) -> Vec<u8> {
		let mut bytes = Vec::new();
		let inputs = (self.input_count() as u64).to_be_bytes();
		if layout != Layout::Single {
			bytes.extend_from_slice(&(self.records.len() as u64).to_be_bytes());
			bytes.extend_from_slice(&inputs);
		}
		if layout == Layout::KeyFirst {
			bytes.extend_from_slice(self.key);
		}
		let taken = match layout {
			Layout::Single => 1,
			_ => self.records.len(),
		};
		for record in self.records.iter().take(taken) {
			bytes.extend_from_slice(record.proof);
			if layout == Layout::Single {
				bytes.extend_from_slice(&inputs);
			}
			bytes.extend_from_slice(record.inputs.as_flattened());
		}
		if layout != Layout::KeyFirst {
			bytes.extend_from_slice(self.key);
		}
		bytes
	}
}

impl Record<'_> {
	/// The inputs as field elements, or the position of the first that is not below the modulus.
	pub fn field_elements(&self) -> Result<Vec<Fr>, usize> {
		self.inputs
			.iter()
			.enumerate()
			.map(|(index, input)| {
				let mut little_endian = *input;
				little_endian.reverse();
				field_element(&little_endian).ok_or(index)
			})
			.collect()
	}
}

/// Eight big-endian bytes that the caller knows to be there.
fn number(bytes: &[u8], start: usize) -> u64 {
	bytes
		.iter()
		.skip(start)
		.take(8)
		.fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn key_len(inputs: usize) -> Option<usize> {
	inputs
		.checked_add(1)?
		.checked_mul(KEY_POINT)?
		.checked_add(KEY_HEAD)
}

fn record_len(inputs: usize) -> Option<usize> {
	inputs.checked_mul(INPUT)?.checked_add(PROOF_BYTES)
}

/// Whether a key's own count of points is one more than `inputs`.
fn is_key(key: &[u8], inputs: usize) -> bool {
	key.get(KEY_HEAD - 4..KEY_HEAD)
		.and_then(|count| count.try_into().ok())
		.map(u32::from_be_bytes)
		.and_then(|count| usize::try_from(count).ok())
		== inputs.checked_add(1)
}

/// A proof, `gap` bytes that do not matter, and inputs.
fn split_record(record: &[u8], gap: usize) -> Option<Record<'_>> {
	let (proof, rest) = record.split_first_chunk()?;
	let (inputs, left) = rest.get(gap..)?.as_chunks();
	left.is_empty().then_some(Record { proof, inputs })
}
