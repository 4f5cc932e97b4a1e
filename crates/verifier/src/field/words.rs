//! The base field for machines that multiply words of 64 bits: arkworks'.

use ark_bls12_381::{Fq, Fq2};
use ark_ff::{AdditiveGroup, BigInt, Field, MontFp, Zero};

use super::Base;

/// An element, always fully reduced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words(Fq);

/// Between arkworks' form, which is times 2^384, and the stored one.
const FACTOR: Fq = MontFp!("256");
const INVERSE_OF_256: Fq = MontFp!("3955506318246413478651175101215561529722231849392847636675823079841328154586648358218749883475160011724950199053227");

impl Base for Words {
	const ZERO: Self = Self(Fq::ZERO);
	const ONE: Self = Self(Fq::ONE);

	fn of(value: &Fq) -> Self {
		Self(*value)
	}

	fn value(&self) -> Fq {
		self.0
	}

	fn of_stored(words: &BigInt<6>) -> Self {
		Self(Fq::new_unchecked(*words) * INVERSE_OF_256)
	}

	fn stored(&self) -> BigInt<6> {
		(self.0 * FACTOR).0
	}

	#[inline(always)]
	fn add(&self, other: &Self) -> Self {
		Self(self.0 + other.0)
	}

	#[inline(always)]
	fn sub(&self, other: &Self) -> Self {
		Self(self.0 - other.0)
	}

	#[inline(always)]
	fn neg(&self) -> Self {
		Self(-self.0)
	}

	#[inline(always)]
	fn mul(&self, other: &Self) -> Self {
		Self(self.0 * other.0)
	}

	#[inline(always)]
	fn square(&self) -> Self {
		Self(self.0.square())
	}

	#[inline(always)]
	fn tight(&self) -> Self {
		*self
	}

	fn is_reduced_zero(&self) -> bool {
		self.0.is_zero()
	}

	#[inline(always)]
	fn mul2(a: &[Self; 2], b: &[Self; 2]) -> [Self; 2] {
		let product = Fq2::new(a[0].0, a[1].0) * Fq2::new(b[0].0, b[1].0);
		[Self(product.c0), Self(product.c1)]
	}

	#[inline(always)]
	fn square2(a: &[Self; 2]) -> [Self; 2] {
		let square = Fq2::new(a[0].0, a[1].0).square();
		[Self(square.c0), Self(square.c1)]
	}
}
