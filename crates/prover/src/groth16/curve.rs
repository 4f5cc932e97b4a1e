//! Points in affine form, and their sums by the batch.
//!
//! The sum of two affine points costs an inversion, two multiplications and a square. With one inversion for a
//! whole batch (Montgomery's trick) and three multiplications for each share of it, that is six
//! multiplications, where a mixed addition in Jacobian coordinates takes eleven.

use blst::blst_fp;
use blstrs::{Fp, Fp2, G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use ff::Field;

/// A coordinate of a point.
pub(crate) trait Coordinate: Field {
	/// How many bytes it takes in a parameter file.
	const BYTES: usize;
	/// Reads it; `None` if it is not canonical.
	fn read(bytes: &[u8]) -> Option<Self>;
	/// Whether both are the same. blstrs' own comparison takes the same time for all values, which is not
	/// needed here, where nothing but time depends on it.
	fn same(&self, other: &Self) -> bool;
	/// Adds as many points as a faster way can: as [`add_all`], but some of the first ones only. How many.
	fn add_some(_: &mut [Affine<Self>], _: &[Affine<Self>], _: &mut Scratch<Self>) -> usize {
		0
	}
}

impl Coordinate for Fp {
	const BYTES: usize = 48;

	fn read(bytes: &[u8]) -> Option<Self> {
		let (words, []) = bytes.as_chunks::<8>() else {
			return None;
		};
		let words: &[[u8; 8]; 6] = words.try_into().ok()?;
		let mut limbs = [0; 6];
		for (limb, word) in limbs.iter_mut().zip(words.iter().rev()) {
			*limb = u64::from_be_bytes(*word);
		}
		Fp::from_u64s_le(&limbs).into_option()
	}

	fn same(&self, other: &Self) -> bool {
		blst_fp::from(*self).l == blst_fp::from(*other).l
	}

	#[cfg(target_arch = "x86_64")]
	fn add_some(
		left: &mut [Affine<Self>],
		right: &[Affine<Self>],
		scratch: &mut Scratch<Self>,
	) -> usize {
		super::vector::add_eights(left, right, &mut scratch.vectors)
	}
}

impl Coordinate for Fp2 {
	const BYTES: usize = 96;

	fn read(bytes: &[u8]) -> Option<Self> {
		// The second coefficient comes first.
		let (first, second) = bytes.split_at_checked(Fp::BYTES)?;
		Some(Fp2::new(Fp::read(second)?, Fp::read(first)?))
	}

	fn same(&self, other: &Self) -> bool {
		self.c0().same(&other.c0()) && self.c1().same(&other.c1())
	}
}

/// A point of a curve `y² = x³ + b`, or the identity, for which both coordinates are zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine<F> {
	pub(crate) x: F,
	pub(crate) y: F,
}

impl<F: Coordinate> Affine<F> {
	pub(crate) const IDENTITY: Self = Self {
		x: F::ZERO,
		y: F::ZERO,
	};

	/// Reads a point in bellperson's uncompressed encoding. Whether it is on the curve is not checked: that
	/// was done when the file's digest was. `None` if it is the identity, which no parameter is.
	pub(super) fn read(bytes: &[u8]) -> Option<Self> {
		let (x, y) = bytes.split_at_checked(F::BYTES)?;
		let point = Self {
			x: F::read(x)?,
			y: F::read(y)?,
		};
		(!point.is_identity()).then_some(point)
	}

	pub(crate) fn is_identity(&self) -> bool {
		self.x.same(&F::ZERO) && self.y.same(&F::ZERO)
	}

	pub(crate) fn negate_if(mut self, negative: bool) -> Self {
		if negative {
			self.y = -self.y;
		}
		self
	}
}

/// One of the two groups.
pub(super) trait Curve: Send + Sync {
	type Coordinate: Coordinate;
	/// The group as blstrs has it, for the few operations outside of batches.
	type Projective: group::Group<Scalar = Scalar>;
	/// A point as blstrs has it.
	fn projective(point: &Affine<Self::Coordinate>) -> Self::Projective;
}

pub(super) struct G1;
pub(super) struct G2;

macro_rules! curve {
	($curve:ty, $coordinate:ty, $affine:ty, $projective:ty) => {
		impl Curve for $curve {
			type Coordinate = $coordinate;
			type Projective = $projective;

			fn projective(point: &Affine<$coordinate>) -> $projective {
				if point.is_identity() {
					group::Group::identity()
				} else {
					<$affine>::from_raw_unchecked(point.x, point.y, false).into()
				}
			}
		}
	};
}

curve!(G1, Fp, G1Affine, G1Projective);
curve!(G2, Fp2, G2Affine, G2Projective);

/// What the sums need besides the points; kept to save allocations.
pub(crate) struct Scratch<F> {
	denominators: Vec<F>,
	prefixes: Vec<F>,
	kinds: Vec<Kind>,
	#[cfg(target_arch = "x86_64")]
	vectors: super::vector::Scratch,
}

impl<F> Default for Scratch<F> {
	fn default() -> Self {
		Self {
			denominators: Vec::new(),
			prefixes: Vec::new(),
			kinds: Vec::new(),
			#[cfg(target_arch = "x86_64")]
			vectors: super::vector::Scratch::default(),
		}
	}
}

/// How two points are added.
#[derive(Clone, Copy)]
enum Kind {
	/// By the line through them.
	Chord,
	/// By the tangent: they are the same.
	Tangent,
	/// The left one is the sum, since the right one is the identity.
	Left,
	/// The other way round.
	Right,
	/// They cancel each other.
	Identity,
}

impl Kind {
	fn of<F: Coordinate>(left: &Affine<F>, right: &Affine<F>, difference: &F) -> Self {
		let zero = F::ZERO;
		let usual = !(difference.same(&zero) || left.x.same(&zero) || right.x.same(&zero));
		if usual {
			Self::Chord
		} else if right.is_identity() {
			Self::Left
		} else if left.is_identity() {
			Self::Right
		} else if !difference.same(&zero) {
			Self::Chord
		} else if left.y.same(&right.y) && !left.y.same(&zero) {
			Self::Tangent
		} else {
			Self::Identity
		}
	}
}

/// Adds each point of `right` to the one in `left`.
pub(crate) fn add_all<F: Coordinate>(
	left: &mut [Affine<F>],
	right: &[Affine<F>],
	scratch: &mut Scratch<F>,
) {
	let done = F::add_some(left, right, scratch);
	add_rest(&mut left[done..], &right[done..], scratch);
}

/// As [`add_all`], with nothing but what all processors have.
pub(super) fn add_rest<F: Coordinate>(
	left: &mut [Affine<F>],
	right: &[Affine<F>],
	scratch: &mut Scratch<F>,
) {
	if left.is_empty() {
		return;
	}
	let Scratch {
		denominators,
		prefixes,
		kinds,
		..
	} = scratch;
	denominators.clear();
	prefixes.clear();
	kinds.clear();
	let mut product = F::ONE;
	for (left, right) in left.iter().zip(right) {
		let difference = right.x - left.x;
		let kind = Kind::of(left, right, &difference);
		let denominator = match kind {
			Kind::Chord => difference,
			Kind::Tangent => left.y.double(),
			_ => F::ONE,
		};
		prefixes.push(product);
		product *= denominator;
		denominators.push(denominator);
		kinds.push(kind);
	}
	// No factor is zero.
	let mut inverse = product.invert().unwrap_or(F::ONE);
	let shares = denominators.iter().zip(&*prefixes).zip(&*kinds).rev();
	for ((left, right), ((denominator, prefix), kind)) in
		left.iter_mut().zip(right).rev().zip(shares)
	{
		let share = inverse * prefix;
		inverse *= denominator;
		let numerator = match kind {
			Kind::Chord => right.y - left.y,
			Kind::Tangent => {
				let square = left.x.square();
				square.double() + square
			},
			Kind::Left => continue,
			Kind::Right => {
				*left = *right;
				continue;
			},
			Kind::Identity => {
				*left = Affine::IDENTITY;
				continue;
			},
		};
		let slope = numerator * share;
		let x = slope.square() - left.x - right.x;
		left.y = slope * (left.x - x) - left.y;
		left.x = x;
	}
}

/// The sum of two points, which costs an inversion.
pub(super) fn add<F: Coordinate>(left: &Affine<F>, right: &Affine<F>) -> Affine<F> {
	let (slope, right) = match Kind::of(left, right, &(right.x - left.x)) {
		Kind::Chord => (
			(right.y - left.y) * (right.x - left.x).invert().unwrap_or(F::ONE),
			right,
		),
		Kind::Tangent => {
			let square = left.x.square();
			let numerator = square.double() + square;
			(numerator * left.y.double().invert().unwrap_or(F::ONE), left)
		},
		Kind::Left => return *left,
		Kind::Right => return *right,
		Kind::Identity => return Affine::IDENTITY,
	};
	let x = slope.square() - left.x - right.x;
	Affine {
		x,
		y: slope * (left.x - x) - left.y,
	}
}

/// The sum of all points, which are used up.
pub(super) fn sum<C: Curve>(
	points: &mut [Affine<C::Coordinate>],
	scratch: &mut Scratch<C::Coordinate>,
) -> C::Projective {
	/// From here on a batch does not pay.
	const FEW: usize = 16;
	let mut rest = points;
	while rest.len() > FEW {
		// The middle one of an odd number stays where it is.
		let half = rest.len() / 2;
		let (left, right) = rest.split_at_mut(rest.len() - half);
		add_all(&mut left[..half], right, scratch);
		rest = left;
	}
	rest.iter().map(C::projective).sum()
}
