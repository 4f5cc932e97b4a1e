//! What the limbs can grow to, whatever the elements are.
//!
//! [`Bounds`] is a base field without values. It carries an upper bound for the limbs and one for
//! the value through every operation of [`limbs`](super::limbs), and panics where something could
//! overflow. No formula of this crate branches on values except to skip work, so running each once
//! over it, and loops until the bounds do not grow any more, covers every input.

use super::*;
use crate::{
	curve::{self, Affine},
	msm::{self, Term},
	pairing::{self, FixedLines, FixedPair, FreshPair, G2, LINE_COUNT},
	points,
};

/// In units of 2^27, the most that a reduced element's limb is.
const LIMB: f64 = 1.0;
/// In units of p: half of p, and what the product adds to that.
const VALUE: f64 = 0.51;
/// What a product of values in units of p² is after the reduction: 2^392/p is 2520.2.
const SHRINK: f64 = 2520.0;
/// What 14 products of limbs may add up to, in units of 2^54, so that one more such column for the
/// reduction and a carry stay below 2^63.
const MOST: f64 = 35.0;

#[derive(Clone, Copy, Debug)]
struct Bounds {
	limb: f64,
	value: f64,
}

impl Bounds {
	fn reduced(products: f64, values: f64) -> Self {
		assert!(products <= MOST, "a column could overflow: {products}");
		let value = 0.5 + values / SHRINK + 1e-6;
		// Below one, so that zero has one form only and one p makes everything positive.
		assert!(value < 1.0, "a value could be too large: {value}");
		Self { limb: LIMB, value }
	}
}

impl Base for Bounds {
	const ZERO: Self = Self {
		limb: 0.0,
		value: 0.0,
	};
	const ONE: Self = Self {
		limb: LIMB,
		value: 1.0,
	};

	fn of(_: &Fq) -> Self {
		// A constant may come balanced from any number below p.
		Self::ONE
	}

	fn value(&self) -> Fq {
		Self::reduced(self.limb, self.value);
		// An element that has an inverse.
		Fq::from(1u8)
	}

	fn of_stored(_: &BigInt<6>) -> Self {
		Self::ONE
	}

	fn stored(&self) -> BigInt<6> {
		self.value().0
	}

	fn add(&self, other: &Self) -> Self {
		Self {
			limb: self.limb + other.limb,
			value: self.value + other.value,
		}
	}

	fn sub(&self, other: &Self) -> Self {
		self.add(other)
	}

	fn neg(&self) -> Self {
		*self
	}

	fn mul(&self, other: &Self) -> Self {
		Self::reduced(self.limb * other.limb, self.value * other.value)
	}

	fn square(&self) -> Self {
		self.mul(self)
	}

	fn tight(&self) -> Self {
		// The estimate of the quotient is off by what the other limbs are, by a carry of 2^10 at
		// most of the 106,513 that p's last limb is, and by the reciprocal's error.
		assert!(self.limb <= 1024.0 && self.value <= 1000.0, "{self:?}");
		Self {
			limb: LIMB,
			value: VALUE + self.value * 1e-5,
		}
	}

	fn is_reduced_zero(&self) -> bool {
		false
	}

	fn mul2(a: &[Self; 2], b: &[Self; 2]) -> [Self; 2] {
		let most = |pair: &[Self; 2]| Self {
			limb: pair[0].limb.max(pair[1].limb),
			value: pair[0].value.max(pair[1].value),
		};
		let (a, b) = (most(a), most(b));
		let product = Self::reduced(2.0 * a.limb * b.limb, 2.0 * a.value * b.value);
		[product, product]
	}

	fn square2(a: &[Self; 2]) -> [Self; 2] {
		Self::mul2(a, a)
	}

	fn is_zero(&self) -> bool {
		self.mul(&Self::ONE);
		false
	}

	fn equals(&self, other: &Self) -> bool {
		self.sub(other).is_zero();
		true
	}
}

/// A point whose coordinates are as large as those of any point.
fn affine() -> Affine<Bounds> {
	Affine {
		x: Bounds::ONE,
		// Negated points are not tightened.
		y: Bounds::ONE.neg(),
	}
}

fn fp2() -> Fp2<Bounds> {
	Fp2([Bounds::ONE; 2])
}

#[test]
fn no_limb_of_a_point_of_g1_overflows() {
	let point = affine();
	let jacobian = point.jacobian().times_x().times_x();
	let sum = jacobian
		.add(&jacobian)
		.add_affine(&point)
		.double()
		.neg()
		.double()
		.add_affine(&point.neg())
		.add(&jacobian.neg());
	assert!(sum.is(&point.times_x_squared()));
	assert!(curve::times_x_in_subgroup(&point).is_some());
	let normalized = curve::normalize(&[sum; 3]);
	assert!(normalized.iter().flatten().all(|point| point.x.limb <= 1.0));
	for scalar in [u128::from(u32::MAX), u128::MAX >> 1] {
		for count in [1, 40] {
			let terms = vec![
				Term {
					base: point,
					scalar
				};
				count
			];
			let sum = msm::sum(&terms);
			assert!(sum.x.limb <= 1.0 && sum.z.limb <= 1.0);
		}
	}
}

#[test]
fn no_limb_of_a_square_root_overflows() {
	// Nothing equals anything here, so there is no root; but everything has been computed.
	assert!(points::square_root(&fp2()).is_none());
	assert!(points::root_power(&Bounds::ONE).limb <= 1.0);
}

#[test]
fn no_limb_of_a_pairing_overflows() {
	let (lines, _) = G2 {
		x: fp2(),
		y: Fp2([Bounds::ONE.neg(); 2]),
	}
	.lines();
	let fixed = FixedLines(vec![[fp2(); 2]; LINE_COUNT]);
	let fresh = || FreshPair {
		left: affine(),
		lines: &lines,
	};
	let fixed = || FixedPair {
		left: affine(),
		lines: &fixed,
	};
	// The stand-in for values has an inverse, so there is a result.
	let product = pairing::product(&[fresh(), fresh()], &[fixed(), fixed()]);
	assert!(product.is_some());
	pairing::power::<Bounds>(&product.unwrap(), &[u64::MAX; 4]);
	assert!(FixedLines::of(&lines).is_some());
}

#[test]
#[should_panic(expected = "overflow")]
fn the_bounds_notice_sums_that_are_too_long() {
	let sum = (0..6).fold(Bounds::ZERO, |sum, _| sum.add(&Bounds::ONE));
	sum.square();
}
