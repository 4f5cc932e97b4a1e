//! Why something was rejected.

use core::fmt;

/// Why the bytes of a curve point are not a usable point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointError {
	/// The flag bits do not say what is expected here (compressed in a proof, uncompressed in a
	/// key).
	Flags,
	/// The point is the identity.
	Identity,
	/// A coordinate is not below the field's modulus.
	NotCanonical,
	/// No point of the curve has these coordinates.
	NotOnCurve,
	/// The point is on the curve but not in the prime-order subgroup.
	WrongSubgroup,
}

impl fmt::Display for PointError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Flags => "the point's flag bits are wrong",
			Self::Identity => "the point is the identity",
			Self::NotCanonical => "a coordinate is not below the field's modulus",
			Self::NotOnCurve => "the point is not on the curve",
			Self::WrongSubgroup => "the point is not in the prime-order subgroup",
		})
	}
}

impl core::error::Error for PointError {}

/// Why bytes are not a verifying key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
	/// The bytes end too early, or go on after the key's end.
	Length,
	/// The key has no public input at all.
	NoInputs,
	/// A point of the key is unusable; `index` counts the points in the order in which they are
	/// stored.
	Point {
		/// The position of the point, the first is 0.
		index: usize,
		/// What is wrong with it.
		error: PointError,
	},
	/// γ and δ are the same point: under such a key anybody can forge.
	GammaEqualsDelta,
	/// The prepared form does not begin with the mark and version of this crate's prepared keys.
	UnknownForm,
	/// A coordinate of the prepared form is not below the field's modulus.
	NotCanonical,
}

impl fmt::Display for KeyError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Length => f.write_str("the verifying key is truncated or has trailing bytes"),
			Self::NoInputs => f.write_str("the verifying key has no public inputs"),
			Self::Point { index, error } => {
				write!(f, "point {index} of the verifying key is unusable: {error}")
			},
			Self::GammaEqualsDelta => f.write_str(
				"the verifying key's gamma and delta are equal: anybody can forge under it",
			),
			Self::UnknownForm => f.write_str("the bytes are not a prepared key of this version"),
			Self::NotCanonical => {
				f.write_str("a coordinate of the prepared key is not below the field's modulus")
			},
		}
	}
}

impl core::error::Error for KeyError {}

/// The 32-byte values of a statement that must be canonical field elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
	/// The commitment to a sector's data.
	CommD,
	/// The commitment to a sealed sector.
	CommR,
	/// The commitment to a sealed sector before data was put into it.
	OldCommR,
	/// The randomness of a window PoSt.
	Randomness,
}

impl fmt::Display for Commitment {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::CommD => "comm_d",
			Self::CommR => "comm_r",
			Self::OldCommR => "the old comm_r",
			Self::Randomness => "the randomness",
		})
	}
}

/// Why a statement cannot be true, or cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementError {
	/// There are no circuits for sectors of this many bytes.
	UnknownSectorSize(u64),
	/// A commitment is all zero, which no data has.
	Zero(Commitment),
	/// A value is not below the scalar field's modulus.
	NotCanonical(Commitment),
	/// A proof of replication of this sector size has no partition of this number.
	UnknownPartition(u32),
	/// The statement names no sector.
	NoSectors,
	/// The statement names more sectors than a partition has.
	TooManySectors {
		/// How many a partition of this sector size has.
		limit: usize,
		/// How many were given.
		found: usize,
	},
	/// The sector numbers are not strictly ascending.
	SectorsNotAscending,
	/// The permutation behind the expander graph did not come back within the bound, which has a
	/// probability below 2^-1000 for nodes of the graph; or the node is not in the graph.
	GraphWalk,
}

impl fmt::Display for StatementError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::UnknownSectorSize(bytes) => {
				write!(f, "there are no circuits for sectors of {bytes} bytes")
			},
			Self::Zero(what) => write!(f, "{what} is all zero"),
			Self::NotCanonical(what) => write!(f, "{what} is not a canonical field element"),
			Self::UnknownPartition(number) => write!(f, "there is no partition {number}"),
			Self::NoSectors => f.write_str("the statement names no sector"),
			Self::TooManySectors { limit, found } => {
				write!(
					f,
					"the statement names {found} sectors, a partition has at most {limit}"
				)
			},
			Self::SectorsNotAscending => {
				f.write_str("the sector numbers are not strictly ascending")
			},
			Self::GraphWalk => {
				f.write_str("the expander graph's permutation did not return in time")
			},
		}
	}
}

impl core::error::Error for StatementError {}

/// A point of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofPoint {
	/// The first point, in G1.
	A,
	/// The second point, in G2.
	B,
	/// The third point, in G1.
	C,
}

/// Why a proof does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyError {
	/// The statement itself is impossible.
	Statement(StatementError),
	/// The key is for another number of public inputs: it is not the key of this kind and size.
	InputCount {
		/// How many inputs the key is for.
		expected: usize,
		/// How many the statement has.
		found: usize,
	},
	/// The statement needs another number of proofs.
	ProofCount {
		/// How many it needs.
		expected: usize,
		/// How many were given.
		found: usize,
	},
	/// There is nothing to verify.
	NoProofs,
	/// A point of a proof is unusable.
	Point {
		/// The proof's position in the batch, the first is 0.
		proof: usize,
		/// Which point of that proof.
		point: ProofPoint,
		/// What is wrong with it.
		error: PointError,
	},
	/// The pairing equation does not hold: the proof is not one of this statement under this key.
	Unsatisfied,
}

impl From<StatementError> for VerifyError {
	fn from(error: StatementError) -> Self {
		Self::Statement(error)
	}
}

impl fmt::Display for VerifyError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Statement(error) => write!(f, "impossible statement: {error}"),
			Self::InputCount { expected, found } => write!(
				f,
				"the statement has {found} public inputs, the key is for {expected}: use the key of \
				 this proof kind and sector size",
			),
			Self::ProofCount { expected, found } => {
				write!(
					f,
					"the statement needs {expected} proofs, {found} were given"
				)
			},
			Self::NoProofs => f.write_str("there is no proof to verify"),
			Self::Point {
				proof,
				point,
				error,
			} => {
				write!(f, "point {point:?} of proof {proof} is unusable: {error}")
			},
			Self::Unsatisfied => {
				f.write_str("the proof does not prove this statement under this key")
			},
		}
	}
}

impl core::error::Error for VerifyError {}
