//! Verifying keys: read once with every check, then kept in a prepared form.

use alloc::vec::Vec;
use ark_bls12_381::{Fq, Fq12, G1Affine, G2Affine};
use ark_ff::{BigInt, PrimeField};
use blake2::{digest::consts::U32, Blake2b, Digest};

use crate::{
	curve::Affine,
	encoding,
	error::{KeyError, PointError},
	field::{Base, Fp, Fp12, Fp2, Fp6},
	pairing::{self, FixedLines, FixedPair, G2, LINE_COUNT},
};

/// Begins the prepared form; the last byte is its version.
const MARK: [u8; 5] = *b"hfvk\x02";
const FQ_BYTES: usize = 48;
/// The lines of one point.
const LINES_BYTES: usize = LINE_COUNT * 4 * FQ_BYTES;

/// A verifying key, ready to verify.
///
/// The prepared form ([`encode`](Self::encode)) is for storage that only trusted code can write:
/// reading it back costs next to nothing because no curve is checked.
#[derive(Clone)]
pub struct PreparedVerifyingKey {
	/// e(α, β).
	pub(crate) alpha_beta: Fq12,
	/// The lines of −γ.
	pub(crate) minus_gamma: FixedLines<Fp>,
	/// The lines of −δ.
	pub(crate) minus_delta: FixedLines<Fp>,
	/// The constant and one point for each input.
	pub(crate) inputs: Vec<Affine<Fp>>,
	digest: [u8; 32],
}

/// A point's lines; `None` for points that are not in the subgroup.
fn prepared(point: &G2Affine) -> Option<FixedLines<Fp>> {
	let (lines, in_subgroup) = G2::of(point)?.lines();
	FixedLines::of(&lines).filter(|_| in_subgroup)
}

impl PartialEq for PreparedVerifyingKey {
	fn eq(&self, other: &Self) -> bool {
		self.encode() == other.encode()
	}
}

impl Eq for PreparedVerifyingKey {}

impl core::fmt::Debug for PreparedVerifyingKey {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.debug_struct("PreparedVerifyingKey")
			.field("input_count", &self.input_count())
			.field("digest", &self.digest)
			.finish_non_exhaustive()
	}
}

impl PreparedVerifyingKey {
	/// Reads and prepares the uncompressed form that bellperson and Zcash's tools write: α₁ β₁ β₂
	/// γ₂ δ₁ δ₂, the number of input points as 4 bytes big-endian, the input points. Every point is
	/// checked completely; the length must be exact.
	pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
		let mut reader = Reader {
			rest: bytes,
			index: 0,
		};
		let alpha: G1Affine = reader.g1()?;
		let _beta_g1: G1Affine = reader.g1()?;
		let beta: G2Affine = reader.g2()?;
		let gamma: G2Affine = reader.g2()?;
		let _delta_g1: G1Affine = reader.g1()?;
		let delta: G2Affine = reader.g2()?;
		let count = u32::from_be_bytes(*take(&mut reader.rest)?);
		let count = usize::try_from(count).map_err(|_| KeyError::Length)?;
		// Before anything is allocated or checked point by point.
		if Some(reader.rest.len()) != count.checked_mul(2 * FQ_BYTES) {
			return Err(KeyError::Length);
		}
		if count < 2 {
			return Err(KeyError::NoInputs);
		}
		if gamma == delta {
			return Err(KeyError::GammaEqualsDelta);
		}
		let inputs = (0..count)
			.map(|_| reader.g1().map(|point| Affine::of(&point)))
			.collect::<Result<Option<Vec<_>>, _>>()?;
		// All are in their subgroups, so nothing of this fails.
		let whole = || {
			let (left, right) = (Affine::of(&alpha)?, prepared(&beta)?);
			Some(Self {
				alpha_beta: pairing::product(
					&[],
					&[FixedPair {
						left,
						lines: &right,
					}],
				)?,
				minus_gamma: prepared(&-gamma)?,
				minus_delta: prepared(&-delta)?,
				inputs: inputs?,
				digest: Blake2b::<U32>::digest(bytes).into(),
			})
		};
		whole().ok_or(KeyError::Point {
			index: 0,
			error: PointError::WrongSubgroup,
		})
	}

	/// How many public inputs the key is for.
	pub fn input_count(&self) -> usize {
		self.inputs.len().saturating_sub(1)
	}

	/// BLAKE2b-256 of the key's original bytes, which names the key whatever form it is kept in.
	pub fn digest(&self) -> [u8; 32] {
		self.digest
	}

	/// The length of the prepared form of a key for `input_count` inputs.
	pub const fn encoded_len(input_count: usize) -> usize {
		MARK.len() + 32 + 4 + 12 * FQ_BYTES + 2 * LINES_BYTES + (input_count + 1) * 2 * FQ_BYTES
	}

	/// The prepared form: mark and version (5 bytes), digest (32), number of input points (4,
	/// little-endian), e(α, β), the lines of −γ and of −δ, the input points. Coordinates are 48
	/// little-endian bytes, times 2^392: the form that WebAssembly calculates with.
	pub fn encode(&self) -> Vec<u8> {
		let mut bytes = Vec::with_capacity(Self::encoded_len(self.input_count()));
		bytes.extend_from_slice(&MARK);
		bytes.extend_from_slice(&self.digest);
		// A key that was read has a count of four bytes.
		let count = u32::try_from(self.inputs.len()).unwrap_or(u32::MAX);
		bytes.extend_from_slice(&count.to_le_bytes());
		let Fp12(halves) = Fp12::<Fp>::of(&self.alpha_beta);
		for element in halves.iter().flat_map(|half| &half.0) {
			write_fq2(&mut bytes, element);
		}
		let lines = self.minus_gamma.0.iter().chain(&self.minus_delta.0);
		for element in lines.flatten() {
			write_fq2(&mut bytes, element);
		}
		for point in &self.inputs {
			write_fq(&mut bytes, &point.x);
			write_fq(&mut bytes, &point.y);
		}
		bytes
	}

	/// Reads the prepared form from a trusted place. The form is checked, and nothing in it makes
	/// verification panic, but **no curve, subgroup or pairing is checked**: who can choose these
	/// bytes can forge proofs.
	pub fn decode_trusted(bytes: &[u8]) -> Result<Self, KeyError> {
		let mut rest = bytes;
		if take::<5>(&mut rest)? != &MARK {
			return Err(KeyError::UnknownForm);
		}
		let digest = *take::<32>(&mut rest)?;
		let count =
			usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).map_err(|_| KeyError::Length)?;
		if count < 2 {
			return Err(KeyError::NoInputs);
		}
		let head = 12 * FQ_BYTES + 2 * LINES_BYTES;
		let expected = count
			.checked_mul(2 * FQ_BYTES)
			.and_then(|points| points.checked_add(head));
		if Some(rest.len()) != expected {
			return Err(KeyError::Length);
		}
		let rest = &mut rest;
		let alpha_beta = Fp12([read_fp6(rest)?, read_fp6(rest)?]).value();
		let minus_gamma = read_lines(rest)?;
		let minus_delta = read_lines(rest)?;
		let inputs = (0..count)
			.map(|_| {
				Ok(Affine {
					x: read_fq(rest)?,
					y: read_fq(rest)?,
				})
			})
			.collect::<Result<_, KeyError>>()?;
		Ok(Self {
			alpha_beta,
			minus_gamma,
			minus_delta,
			inputs,
			digest,
		})
	}
}

/// Reads checked points and counts them.
struct Reader<'a> {
	rest: &'a [u8],
	index: usize,
}

impl Reader<'_> {
	fn g1(&mut self) -> Result<G1Affine, KeyError> {
		let bytes = take::<{ 2 * FQ_BYTES }>(&mut self.rest)?;
		self.point(bytes)
	}

	fn g2(&mut self) -> Result<G2Affine, KeyError> {
		let bytes = take::<{ 4 * FQ_BYTES }>(&mut self.rest)?;
		self.point(bytes)
	}

	fn point<P: encoding::CurvePoint>(&mut self, bytes: &[u8]) -> Result<P, KeyError> {
		let index = self.index;
		self.index += 1;
		encoding::uncompressed(bytes).map_err(|error| KeyError::Point { index, error })
	}
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], KeyError> {
	let (taken, after) = rest.split_first_chunk::<N>().ok_or(KeyError::Length)?;
	*rest = after;
	Ok(taken)
}

fn write_fq(bytes: &mut Vec<u8>, value: &Fp) {
	for limb in value.stored().0 {
		bytes.extend_from_slice(&limb.to_le_bytes());
	}
}

fn write_fq2(bytes: &mut Vec<u8>, value: &Fp2<Fp>) {
	let Fp2([c0, c1]) = value;
	write_fq(bytes, c0);
	write_fq(bytes, c1);
}

fn read_fq(rest: &mut &[u8]) -> Result<Fp, KeyError> {
	let bytes = take::<FQ_BYTES>(rest)?;
	let mut limbs = [0u64; 6];
	for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
		*limb = u64::from_le_bytes(*chunk);
	}
	let value = BigInt(limbs);
	if value < Fq::MODULUS {
		Ok(Fp::of_stored(&value))
	} else {
		Err(KeyError::NotCanonical)
	}
}

fn read_fq2(rest: &mut &[u8]) -> Result<Fp2<Fp>, KeyError> {
	Ok(Fp2([read_fq(rest)?, read_fq(rest)?]))
}

fn read_fp6(rest: &mut &[u8]) -> Result<Fp6<Fp>, KeyError> {
	Ok(Fp6([read_fq2(rest)?, read_fq2(rest)?, read_fq2(rest)?]))
}

fn read_lines(rest: &mut &[u8]) -> Result<FixedLines<Fp>, KeyError> {
	(0..LINE_COUNT)
		.map(|_| Ok([read_fq2(rest)?, read_fq2(rest)?]))
		.collect::<Result<_, KeyError>>()
		.map(FixedLines)
}
