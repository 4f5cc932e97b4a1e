//! Many multiples of one point.
//!
//! A table holds `j · 2^(w·k) · P` for every window *k* and every `1 <= j <= 2^(w-1)`; a multiple is the sum
//! of one entry for each window, added or subtracted. There is no doubling, and all points of a chunk are
//! brought to affine form with one inversion.

use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use ff::{Field, PrimeField};
use group::{prime::PrimeCurveAffine, Curve, Group};
use rayon::prelude::*;

use crate::domain::invert_all;

/// Bits that the windows cover: a scalar's 255 and the last carry.
const BITS: usize = 256;
/// How many multiples share an inversion.
const BATCH: usize = 1 << 10;

/// The curves that parameters are made of.
pub(crate) trait Point: Curve + Send + Sync {
	/// A point with x and y alone.
	type Affine: Copy + Send + Sync;
	/// All points in affine form, with one inversion.
	fn normalise(points: &[Self]) -> Vec<Self::Affine>;
	/// Adds an affine point.
	fn add_affine(&mut self, point: &Self::Affine);
	/// Subtracts an affine point.
	fn subtract_affine(&mut self, point: &Self::Affine);
}

macro_rules! point {
	($projective:ty, $affine:ty) => {
		impl Point for $projective {
			type Affine = $affine;

			fn normalise(points: &[Self]) -> Vec<$affine> {
				// Jacobian coordinates: x = X / Z², y = Y / Z³. The identity has Z = 0.
				let mut inverses: Vec<_> = points
					.iter()
					.map(|point| {
						let z = point.z();
						if bool::from(z.is_zero()) {
							Field::ONE
						} else {
							z
						}
					})
					.collect();
				if invert_all(&mut inverses).is_none() {
					// Not reached: no factor is zero. The slow way is right in any case.
					return points.iter().map(Curve::to_affine).collect();
				}
				points
					.iter()
					.zip(inverses)
					.map(|(point, inverse)| {
						if bool::from(point.is_identity()) {
							return <$affine>::identity();
						}
						let square = inverse.square();
						<$affine>::from_raw_unchecked(
							point.x() * square,
							point.y() * square * inverse,
							false,
						)
					})
					.collect()
			}

			fn add_affine(&mut self, point: &$affine) {
				*self += point;
			}

			fn subtract_affine(&mut self, point: &$affine) {
				*self -= point;
			}
		}
	};
}

point!(G1Projective, G1Affine);
point!(G2Projective, G2Affine);

/// The table of one point.
pub(crate) struct FixedBase<P: Point> {
	window: usize,
	/// For each window its entries, the multiple 1 first.
	tables: Vec<Vec<P::Affine>>,
}

impl<P: Point> FixedBase<P> {
	/// A table that is good for about `multiples` multiplications.
	pub(crate) fn new(base: &P, multiples: usize) -> Self {
		let cost = |window: &usize| {
			BITS.div_ceil(*window)
				.saturating_mul(multiples.saturating_add(2 << (window - 1)))
		};
		let window = (2..=16).min_by_key(cost).unwrap_or(8);
		let mut bases = Vec::new();
		let mut current = *base;
		for _ in 0..BITS.div_ceil(window) {
			bases.push(current);
			for _ in 0..window {
				current = current.double();
			}
		}
		let tables = bases
			.into_par_iter()
			.map(|base| {
				let mut multiple = P::identity();
				let points: Vec<P> = (0..1usize << (window - 1))
					.map(|_| {
						multiple += base;
						multiple
					})
					.collect();
				P::normalise(&points)
			})
			.collect();
		Self { window, tables }
	}

	/// The multiples, in order.
	pub(crate) fn multiply(&self, scalars: &[Scalar]) -> Vec<P::Affine> {
		scalars
			.par_chunks(BATCH)
			.flat_map_iter(|chunk| {
				let points: Vec<P> = chunk.iter().map(|scalar| self.multiple(scalar)).collect();
				P::normalise(&points)
			})
			.collect()
	}

	fn multiple(&self, scalar: &Scalar) -> P {
		let bytes = scalar.to_repr();
		let full = 1usize << self.window;
		let mut sum = P::identity();
		let mut carry = 0;
		for (index, table) in self.tables.iter().enumerate() {
			let digit = bits(&bytes, index * self.window, self.window) + carry;
			// Digits above the half are negative, with one more in the next window.
			if digit > full / 2 {
				carry = 1;
				if let Some(entry) = (full - digit).checked_sub(1).and_then(|at| table.get(at)) {
					sum.subtract_affine(entry);
				}
			} else {
				carry = 0;
				if let Some(entry) = digit.checked_sub(1).and_then(|at| table.get(at)) {
					sum.add_affine(entry);
				}
			}
		}
		sum
	}
}

/// `count <= 16` bits from bit `start` on; bits beyond the end are zero.
fn bits(bytes: &[u8; 32], start: usize, count: usize) -> usize {
	let byte = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
	let first = start / 8;
	let word = byte(first) | byte(first + 1) << 8 | byte(first + 2) << 16;
	(word >> (start % 8)) & ((1 << count) - 1)
}

#[cfg(test)]
mod tests {
	use super::*;
	use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

	fn scalars() -> Vec<Scalar> {
		let mut rng = ChaCha20Rng::from_seed([1; 32]);
		let edges = [
			Scalar::ZERO,
			Scalar::ONE,
			-Scalar::ONE,
			-Scalar::from(2),
			Scalar::from(1 << 15),
			Scalar::from((1 << 15) + 1),
			Scalar::from(u64::MAX),
		];
		edges
			.into_iter()
			.chain((0..20).map(|_| Scalar::random(&mut rng)))
			.collect()
	}

	#[test]
	fn multiples_are_those_of_the_group() {
		let mut rng = ChaCha20Rng::from_seed([2; 32]);
		let g1 = G1Projective::random(&mut rng);
		let g2 = G2Projective::random(&mut rng);
		// From small tables to the largest one.
		for multiples in [1, 100, 100_000, 100_000_000] {
			let base_1 = FixedBase::new(&g1, multiples);
			let base_2 = FixedBase::new(&g2, multiples / 100);
			let scalars = scalars();
			for (scalar, point) in scalars.iter().zip(base_1.multiply(&scalars)) {
				assert_eq!(point, (g1 * scalar).to_affine());
			}
			for (scalar, point) in scalars.iter().zip(base_2.multiply(&scalars)) {
				assert_eq!(point, (g2 * scalar).to_affine());
			}
		}
	}
}
