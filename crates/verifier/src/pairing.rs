//! Products of pairings with prepared G2 points.
//!
//! Arkworks' Miller loop takes prepared points by value and starts over every four pairs; this one
//! borrows them and shares its squarings between all pairs. Lines and final exponentiation are
//! arkworks'.

use alloc::vec::Vec;
use ark_bls12_381::{Bls12_381, Config, Fq12, Fq2, G1Affine, G2Affine};
use ark_ec::{
	bls12::{Bls12Config, G2Prepared},
	pairing::{MillerLoopOutput, Pairing},
	AffineRepr,
};
use ark_ff::{BitIteratorBE, CyclotomicMultSubgroup, Field, One};

/// How many lines a prepared point has: one for each doubling and addition of the Miller loop.
pub(crate) const LINE_COUNT: usize = 68;

/// The coefficients of one line.
pub(crate) type Line = (Fq2, Fq2, Fq2);

/// A G2 point as the Miller loop wants it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Lines(pub(crate) Vec<Line>);

impl Lines {
	/// Prepares a point that is not the identity.
	pub(crate) fn of(point: G2Affine) -> Self {
		Self(G2Prepared::<Config>::from(point).ell_coeffs)
	}
}

/// `Π e(pᵢ, qᵢ)`. `None` when the product of the Miller loops is zero, which no points of the
/// groups yield.
pub(crate) fn product(pairs: &[(G1Affine, &Lines)]) -> Option<Fq12> {
	let mut value = Fq12::one();
	let mut step = 0;
	for bit in BitIteratorBE::without_leading_zeros(Config::X).skip(1) {
		value.square_in_place();
		multiply_lines(&mut value, pairs, step);
		step += 1;
		if bit {
			multiply_lines(&mut value, pairs, step);
			step += 1;
		}
	}
	// The curve's parameter is negative.
	value.cyclotomic_inverse_in_place();
	Bls12_381::final_exponentiation(MillerLoopOutput(value)).map(|output| output.0)
}

fn multiply_lines(value: &mut Fq12, pairs: &[(G1Affine, &Lines)], step: usize) {
	for (point, lines) in pairs {
		let (Some((x, y)), Some((c0, c1, c2))) = (point.xy(), lines.0.get(step)) else {
			// The identity contributes a factor of one.
			continue;
		};
		let (mut c1, mut c2) = (*c1, *c2);
		c1.mul_assign_by_fp(&x);
		c2.mul_assign_by_fp(&y);
		value.mul_by_014(c0, &c1, &c2);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use ark_bls12_381::{Fr, G1Projective, G2Projective};
	use ark_ec::{CurveGroup, PrimeGroup};
	use ark_ff::UniformRand;
	use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

	#[test]
	fn products_equal_arkworks_and_the_line_count_is_right() {
		let mut rng = ChaCha8Rng::seed_from_u64(3);
		for count in [1usize, 2, 3, 5, 9] {
			let g1: Vec<G1Affine> = (0..count)
				.map(|_| (G1Projective::generator() * Fr::rand(&mut rng)).into_affine())
				.collect();
			let g2: Vec<G2Affine> = (0..count)
				.map(|_| (G2Projective::generator() * Fr::rand(&mut rng)).into_affine())
				.collect();
			let lines: Vec<Lines> = g2.iter().map(|point| Lines::of(*point)).collect();
			assert!(lines.iter().all(|lines| lines.0.len() == LINE_COUNT));
			let pairs: Vec<_> = g1.iter().copied().zip(&lines).collect();
			assert_eq!(product(&pairs), Some(Bls12_381::multi_pairing(&g1, &g2).0));
		}
	}

	#[test]
	fn the_identity_contributes_one() {
		let lines = Lines::of(G2Affine::generator());
		assert_eq!(
			product(&[(G1Affine::identity(), &lines)]),
			Some(Fq12::one())
		);
		assert_eq!(product(&[]), Some(Fq12::one()));
	}
}
