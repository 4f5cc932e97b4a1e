//! A proof's points from their compressed form, and in the subgroups.

use alloc::vec::Vec;
use ark_bls12_381::Fq;
use ark_ff::{BigInt, MontFp, PrimeField};

use crate::{
	curve::{self, Affine, Jacobian},
	encoding::{self, PROOF_BYTES},
	error::{PointError, ProofPoint},
	field::{Base, Fp2},
	pairing::{Line, G2},
};

/// (p − 3)/4, and (p − 1)/2.
const ROOT_EXPONENT: BigInt<6> = shifted(2);
const HALF: BigInt<6> = shifted(1);

const fn shifted(bits: u32) -> BigInt<6> {
	let mut words = [0u64; 6];
	let mut index = 0;
	while index < 6 {
		words[index] = Fq::MODULUS.0[index] >> bits;
		if index + 1 < 6 {
			words[index] |= Fq::MODULUS.0[index + 1] << (64 - bits);
		}
		index += 1;
	}
	BigInt(words)
}

/// A point of the subgroup, and `X` times it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<B> {
	pub(crate) point: Affine<B>,
	pub(crate) times_x: Jacobian<B>,
}

/// A proof's three points, all usable.
pub(crate) struct Proof<B> {
	pub(crate) a: Checked<B>,
	pub(crate) b: G2<B>,
	/// The lines of `b`.
	pub(crate) lines: Vec<Line<B>>,
	pub(crate) c: Checked<B>,
}

impl<B: Base> Proof<B> {
	pub(crate) fn decode(bytes: &[u8; PROOF_BYTES]) -> Result<Self, (ProofPoint, PointError)> {
		let (a, rest) = bytes.split_at(48);
		let (b, c) = rest.split_at(96);
		let a = g1(a).map_err(|error| (ProofPoint::A, error))?;
		let (b, lines) = g2(b).map_err(|error| (ProofPoint::B, error))?;
		let c = g1(c).map_err(|error| (ProofPoint::C, error))?;
		Ok(Self { a, b, lines, c })
	}
}

fn g1<B: Base>(bytes: &[u8]) -> Result<Checked<B>, PointError> {
	let ([x], largest) = encoding::compressed::<1>(bytes)?;
	let x = B::of(&x);
	let square = x.square().mul(&x).add(&B::of(&MontFp!("4"))).tight();
	let y = square.mul(&root_power(&square));
	if !y.square().equals(&square) {
		return Err(PointError::NotOnCurve);
	}
	let y = if is_largest(&y.value()) == largest {
		y
	} else {
		y.neg()
	};
	let point = Affine { x, y };
	let times_x = curve::times_x_in_subgroup(&point).ok_or(PointError::WrongSubgroup)?;
	Ok(Checked { point, times_x })
}

fn g2<B: Base>(bytes: &[u8]) -> Result<(G2<B>, Vec<Line<B>>), PointError> {
	let ([x1, x0], largest) = encoding::compressed::<2>(bytes)?;
	let x = Fp2([B::of(&x0), B::of(&x1)]);
	let four = B::of(&MontFp!("4"));
	let square = x.square().mul(&x).add(&Fp2([four, four])).tight();
	let y = square_root(&square).ok_or(PointError::NotOnCurve)?;
	let value = y.value();
	let y_is_largest = if value.c1 == Fq::from(0u8) {
		is_largest(&value.c0)
	} else {
		is_largest(&value.c1)
	};
	let y = if y_is_largest == largest { y } else { y.neg() };
	let point = G2 { x, y };
	let (lines, in_subgroup) = point.lines();
	if in_subgroup {
		Ok((point, lines))
	} else {
		Err(PointError::WrongSubgroup)
	}
}

/// Whether the value is the larger one of itself and its negative.
fn is_largest(value: &Fq) -> bool {
	value.into_bigint() > HALF
}

/// The value to the power of (p − 3)/4: for a square, the inverse of a square root.
pub(crate) fn root_power<B: Base>(value: &B) -> B {
	// Odd powers up to 31, so that six bits on average need one product.
	const WINDOW: u32 = 5;
	let square = value.square();
	let mut odd = alloc::vec![*value];
	for _ in 1..1 << (WINDOW - 1) {
		let last = odd.last().unwrap_or(value).mul(&square);
		odd.push(last);
	}
	let bit = |index: u32| {
		let word = ROOT_EXPONENT
			.0
			.get(index as usize / 64)
			.copied()
			.unwrap_or(0);
		word >> (index % 64) & 1
	};
	let mut power: Option<B> = None;
	let mut next = 384;
	while next > 0 {
		if bit(next - 1) == 0 {
			power = power.map(|power| power.square());
			next -= 1;
			continue;
		}
		// The longest window from here that ends with a one.
		let mut end = next.saturating_sub(WINDOW);
		while bit(end) == 0 {
			end += 1;
		}
		let digit = (end..next)
			.rev()
			.fold(0, |digit, index| digit << 1 | bit(index));
		let factor = usize::try_from(digit >> 1)
			.ok()
			.and_then(|index| odd.get(index))
			.unwrap_or(value);
		power = Some(match power {
			None => *factor,
			Some(power) => (end..next)
				.fold(power, |power, _| power.square())
				.mul(factor),
		});
		next = end;
	}
	power.unwrap_or(B::ONE)
}

/// A square root in the quadratic extension, reduced.
///
/// With the norm's root `n`, of `(a₀ ± n)/2` one is a square `x²`, and `x + a₁/(2x)·u` is a root.
/// One power yields `x`, or else `1/x` for the other choice (Scott, "Tricks of the Trade for
/// Tower Fields", eprint 2020/1497, has the same idea).
pub(crate) fn square_root<B: Base>(value: &Fp2<B>) -> Option<Fp2<B>> {
	let half = B::of(&MontFp!("2001204777610833696708894912867952078278441409969503942666029068062015825245418932221343814564507832018947136279894"));
	let Fp2([a0, a1]) = value;
	let norm = a0.square().add(&a1.square());
	let norm_root = norm.mul(&root_power(&norm.tight()));
	let mut candidate = a0.add(&norm_root).mul(&half);
	if candidate.is_reduced_zero() {
		candidate = a0.sub(&norm_root).mul(&half);
	}
	let inverse = root_power(&candidate);
	let root = candidate.mul(&inverse);
	// The square of `root` is the candidate or its negative, and `inverse` is its inverse but for
	// that sign.
	let other = a1.mul(&half).mul(&inverse);
	let found = if root.square().equals(&candidate) {
		Fp2([root, other])
	} else {
		Fp2([other.neg(), root])
	};
	// Whatever went wrong before shows here.
	found.square().equals(value).then_some(found)
}
