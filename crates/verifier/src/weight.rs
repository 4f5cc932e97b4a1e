//! The weights of a batch.
//!
//! A weight is `d₀ + d₁·X + d₂·X² + d₃·X³` with four digits of 32 bits, where `X` of 64 bits is the
//! magnitude of the curve's parameter. Different digits make different weights modulo the group's
//! order, which is about `X⁴`, so there are as many weights as there are numbers of 128 bits; and a
//! point times a weight costs a quarter of the doublings, because a point's multiples by `X`, `X²`
//! and `X³` are there once the point has been found to be in the subgroup.

use ark_bls12_381::Fr;

use crate::curve::X;

/// A weight that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weight(pub(crate) [u32; 4]);

impl Weight {
	/// From random bytes.
	pub(crate) fn of(bytes: &[u8; 16]) -> Self {
		let mut digits = [0u32; 4];
		for (digit, bytes) in digits.iter_mut().zip(bytes.chunks(4)) {
			*digit = bytes
				.iter()
				.rev()
				.fold(0, |value, byte| value << 8 | u32::from(*byte));
		}
		if digits == [0; 4] {
			digits[0] = 1;
		}
		Self(digits)
	}

	pub(crate) fn scalar(&self) -> Fr {
		let x = Fr::from(X);
		self.0
			.iter()
			.rev()
			.fold(Fr::from(0u8), |value, digit| value * x + Fr::from(*digit))
	}
}

/// The sum of weights, by digits.
pub(crate) fn total(weights: &[Weight]) -> [u64; 4] {
	let mut total = [0u64; 4];
	for weight in weights {
		for (sum, digit) in total.iter_mut().zip(weight.0) {
			*sum = sum.saturating_add(u64::from(digit));
		}
	}
	total
}
