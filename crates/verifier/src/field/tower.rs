//! The extensions: `Fp2 = Fp[u]/(u² + 1)`, `Fp6 = Fp2[v]/(v³ − ξ)` with `ξ = 1 + u`, and
//! `Fp12 = Fp6[w]/(w² − v)`.
//!
//! Formulas: Devegili, Ó hÉigeartaigh, Scott, Dahab, "Multiplication and Squaring on
//! Pairing-Friendly Fields" (eprint 2006/471); Granger, Scott, "Faster Squaring in the Cyclotomic
//! Subgroup of Sixth Degree Extensions" (eprint 2009/565). Comments like "5" note weights, see
//! [`Base`]. What the functions of [`Fp6`] and [`Fp12`] return is tight where they say so.

use ark_bls12_381::{Fq12, Fq2, Fq6};

use super::Base;

/// An element of the quadratic extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fp2<B>(pub(crate) [B; 2]);

impl<B: Base> Fp2<B> {
	pub(crate) const ZERO: Self = Self([B::ZERO, B::ZERO]);
	pub(crate) const ONE: Self = Self([B::ONE, B::ZERO]);

	pub(crate) fn of(value: &Fq2) -> Self {
		Self([B::of(&value.c0), B::of(&value.c1)])
	}

	pub(crate) fn value(&self) -> Fq2 {
		Fq2::new(self.0[0].value(), self.0[1].value())
	}

	#[inline(always)]
	pub(crate) fn add(&self, other: &Self) -> Self {
		Self([self.0[0].add(&other.0[0]), self.0[1].add(&other.0[1])])
	}

	#[inline(always)]
	pub(crate) fn sub(&self, other: &Self) -> Self {
		Self([self.0[0].sub(&other.0[0]), self.0[1].sub(&other.0[1])])
	}

	#[inline(always)]
	pub(crate) fn neg(&self) -> Self {
		Self([self.0[0].neg(), self.0[1].neg()])
	}

	#[inline(always)]
	pub(crate) fn double(&self) -> Self {
		self.add(self)
	}

	#[inline(always)]
	pub(crate) fn triple(&self) -> Self {
		self.double().add(self)
	}

	#[inline(always)]
	pub(crate) fn tight(&self) -> Self {
		Self([self.0[0].tight(), self.0[1].tight()])
	}

	#[inline(always)]
	pub(crate) fn mul(&self, other: &Self) -> Self {
		Self(B::mul2(&self.0, &other.0))
	}

	#[inline(always)]
	pub(crate) fn square(&self) -> Self {
		Self(B::square2(&self.0))
	}

	pub(crate) fn scale(&self, factor: &B) -> Self {
		Self([self.0[0].mul(factor), self.0[1].mul(factor)])
	}

	/// Times ξ, which doubles the weight.
	#[inline(always)]
	pub(crate) fn times_xi(&self) -> Self {
		Self([self.0[0].sub(&self.0[1]), self.0[0].add(&self.0[1])])
	}

	pub(crate) fn conjugate(&self) -> Self {
		Self([self.0[0], self.0[1].neg()])
	}

	pub(crate) fn is_zero(&self) -> bool {
		self.0[0].is_zero() && self.0[1].is_zero()
	}

	pub(crate) fn equals(&self, other: &Self) -> bool {
		self.sub(other).is_zero()
	}
}

/// An element of the cubic extension of that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fp6<B>(pub(crate) [Fp2<B>; 3]);

impl<B: Base> Fp6<B> {
	const ZERO: Self = Self([Fp2::ZERO, Fp2::ZERO, Fp2::ZERO]);
	const ONE: Self = Self([Fp2::ONE, Fp2::ZERO, Fp2::ZERO]);

	fn of(value: &Fq6) -> Self {
		Self([Fp2::of(&value.c0), Fp2::of(&value.c1), Fp2::of(&value.c2)])
	}

	fn value(&self) -> Fq6 {
		Fq6::new(self.0[0].value(), self.0[1].value(), self.0[2].value())
	}

	fn add(&self, other: &Self) -> Self {
		let (Self([a0, a1, a2]), Self([b0, b1, b2])) = (self, other);
		Self([a0.add(b0), a1.add(b1), a2.add(b2)])
	}

	fn sub(&self, other: &Self) -> Self {
		let (Self([a0, a1, a2]), Self([b0, b1, b2])) = (self, other);
		Self([a0.sub(b0), a1.sub(b1), a2.sub(b2)])
	}

	fn tight(&self) -> Self {
		let Self([a0, a1, a2]) = self;
		Self([a0.tight(), a1.tight(), a2.tight()])
	}

	/// Times v; the first coefficient's weight doubles.
	fn times_v(&self) -> Self {
		let Self([a0, a1, a2]) = self;
		Self([a2.times_xi(), *a0, *a1])
	}

	/// Tight; both weights are at most 2.
	fn mul(&self, other: &Self) -> Self {
		let (Self([a0, a1, a2]), Self([b0, b1, b2])) = (self, other);
		let (t0, t1, t2) = (a0.mul(b0), a1.mul(b1), a2.mul(b2));
		// 4 · 4.
		let c0 = a1.add(a2).mul(&b1.add(b2)).sub(&t1).sub(&t2);
		let c1 = a0.add(a1).mul(&b0.add(b1)).sub(&t0).sub(&t1);
		let c2 = a0.add(a2).mul(&b0.add(b2)).sub(&t0).sub(&t2);
		// 7, 5 and 4.
		Self([c0.times_xi().add(&t0), c1.add(&t2.times_xi()), c2.add(&t1)]).tight()
	}

	/// Times `b0 + b1·v`. Tight; the weight is at most 2, those of `b0` and of `b1` at most 2 and
	/// together 3.
	fn mul_by_01(&self, b0: &Fp2<B>, b1: &Fp2<B>) -> Self {
		let Self([a0, a1, a2]) = self;
		let (t0, t1) = (a0.mul(b0), a1.mul(b1));
		let c0 = a1.add(a2).mul(b1).sub(&t1);
		let c1 = a0.add(a1).mul(&b0.add(b1)).sub(&t0).sub(&t1);
		let c2 = a0.add(a2).mul(b0).sub(&t0);
		Self([c0.times_xi().add(&t0), c1, c2.add(&t1)]).tight()
	}

	/// Times `b1·v`.
	fn mul_by_1(&self, b1: &Fp2<B>) -> Self {
		let Self([a0, a1, a2]) = self;
		Self([a2.mul(b1).times_xi(), a0.mul(b1), a1.mul(b1)])
	}
}

/// An element of the quadratic extension of that: where pairings end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fp12<B>(pub(crate) [Fp6<B>; 2]);

impl<B: Base> Fp12<B> {
	pub(crate) const ONE: Self = Self([Fp6::ONE, Fp6::ZERO]);

	pub(crate) fn of(value: &Fq12) -> Self {
		Self([Fp6::of(&value.c0), Fp6::of(&value.c1)])
	}

	pub(crate) fn value(&self) -> Fq12 {
		Fq12::new(self.0[0].value(), self.0[1].value())
	}

	/// Tight, of tight factors.
	pub(crate) fn mul(&self, other: &Self) -> Self {
		let (Self([a0, a1]), Self([b0, b1])) = (self, other);
		let (t0, t1) = (a0.mul(b0), a1.mul(b1));
		let sum = a0.add(a1).mul(&b0.add(b1));
		Self([t1.times_v().add(&t0).tight(), sum.sub(&t0).sub(&t1).tight()])
	}

	/// Tight, of something tight.
	pub(crate) fn square(&self) -> Self {
		let Self([a0, a1]) = self;
		let t = a0.mul(a1);
		let sum = a0.add(a1).mul(&a1.times_v().add(a0).tight());
		Self([sum.sub(&t).sub(&t.times_v()).tight(), t.add(&t).tight()])
	}

	/// Times `b0 + b1·v + b4·v·w`, what a line is. Tight, of something tight and of weights 1, 1
	/// and 1.
	pub(crate) fn mul_by_014(&self, b0: &Fp2<B>, b1: &Fp2<B>, b4: &Fp2<B>) -> Self {
		let Self([a0, a1]) = self;
		self.finish_line(a0.mul_by_01(b0, b1), a1.mul_by_1(b4), b0, &b1.add(b4))
	}

	/// The same with `b4 = 1`.
	pub(crate) fn mul_by_01_and_one(&self, b0: &Fp2<B>, b1: &Fp2<B>) -> Self {
		let Self([a0, a1]) = self;
		self.finish_line(a0.mul_by_01(b0, b1), a1.times_v(), b0, &b1.add(&Fp2::ONE))
	}

	/// Karatsuba's last step, given the products of the halves and the halves' sum of the line.
	fn finish_line(&self, t0: Fp6<B>, t1: Fp6<B>, b0: &Fp2<B>, b1: &Fp2<B>) -> Self {
		let Self([a0, a1]) = self;
		// In there 4 · 3.
		let sum = a0.add(a1).mul_by_01(b0, b1);
		Self([t1.times_v().add(&t0).tight(), sum.sub(&t0).sub(&t1).tight()])
	}

	/// The inverse of an element of the cyclotomic subgroup.
	pub(crate) fn conjugate(&self) -> Self {
		let Self([a0, a1]) = self;
		Self([*a0, Fp6::ZERO.sub(a1)])
	}

	/// The square of an element of the cyclotomic subgroup. Tight, of something tight.
	pub(crate) fn cyclotomic_square(&self) -> Self {
		let Self([Fp6([z0, z4, z3]), Fp6([z2, z1, z5])]) = self;
		let (t0, t1) = square_of_quartic(z0, z1);
		let (t2, t3) = square_of_quartic(z2, z3);
		let (t4, t5) = square_of_quartic(z4, z5);
		let t5 = t5.times_xi();
		// At most 20.
		let minus = |t: &Fp2<B>, z: &Fp2<B>| t.triple().sub(&z.double()).tight();
		let plus = |t: &Fp2<B>, z: &Fp2<B>| t.triple().add(&z.double()).tight();
		Self([
			Fp6([minus(&t0, z0), minus(&t2, z4), minus(&t4, z3)]),
			Fp6([plus(&t5, z2), plus(&t1, z1), plus(&t3, z5)]),
		])
	}
}

/// `(a + b·y)²` with `y² = ξ`: both of weight 3, from weights of 2 at most.
fn square_of_quartic<B: Base>(a: &Fp2<B>, b: &Fp2<B>) -> (Fp2<B>, Fp2<B>) {
	let (a2, b2) = (a.square(), b.square());
	let cross = a.add(b).square().sub(&a2).sub(&b2);
	(b2.times_xi().add(&a2), cross)
}
