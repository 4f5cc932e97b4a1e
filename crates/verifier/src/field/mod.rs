//! The fields of the curve, as fast as the machine allows.
//!
//! The tower and everything above it is written once, over a [`Base`] field, of which there are two
//! implementations: arkworks' own for machines with wide multiplication, and one made for
//! WebAssembly.

use ark_bls12_381::Fq;
use ark_ff::BigInt;

#[cfg(any(test, feature = "limbs", target_family = "wasm"))]
pub(crate) mod limbs;
mod tower;
#[cfg(any(test, not(any(feature = "limbs", target_family = "wasm"))))]
pub(crate) mod words;

pub(crate) use tower::{Fp12, Fp2, Fp6};

/// The base field of this build.
#[cfg(any(feature = "limbs", target_family = "wasm"))]
pub(crate) type Fp = limbs::Limbs;
/// The base field of this build.
#[cfg(not(any(feature = "limbs", target_family = "wasm")))]
pub(crate) type Fp = words::Words;

/// An element of the base field.
///
/// What [`add`](Self::add), [`sub`](Self::sub) and [`neg`](Self::neg) return need not be reduced: an
/// element has a *weight*, one if it is reduced or [`tight`](Self::tight), and the sum of two has the
/// sum of their weights. Products of weights are limited, see the module `limbs`.
pub(crate) trait Base: Copy + core::fmt::Debug {
	const ZERO: Self;
	const ONE: Self;

	fn of(value: &Fq) -> Self;
	/// The one canonical form.
	fn value(&self) -> Fq;

	/// From a number below p: the residue times 2^392, how elements are stored.
	fn of_stored(words: &BigInt<6>) -> Self;
	/// The inverse of [`of_stored`](Self::of_stored).
	fn stored(&self) -> BigInt<6>;

	fn add(&self, other: &Self) -> Self;
	fn sub(&self, other: &Self) -> Self;
	fn neg(&self) -> Self;
	/// Reduced; the weights' product is at most 35.
	fn mul(&self, other: &Self) -> Self;
	/// Reduced; the weight is at most 5.
	fn square(&self) -> Self;
	/// The same element with a weight of one.
	fn tight(&self) -> Self;
	/// Whether an element that a multiplication returned is zero.
	fn is_reduced_zero(&self) -> bool;

	/// The product of two elements of the quadratic extension; the weights' product is at most 17.
	fn mul2(a: &[Self; 2], b: &[Self; 2]) -> [Self; 2];
	/// The square of one; the weight is at most 4.
	fn square2(a: &[Self; 2]) -> [Self; 2];

	fn double(&self) -> Self {
		self.add(self)
	}

	/// Whether it is zero, whatever was done with it before.
	fn is_zero(&self) -> bool {
		self.mul(&Self::ONE).is_reduced_zero()
	}

	fn equals(&self, other: &Self) -> bool {
		self.sub(other).is_zero()
	}
}

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod tests;
