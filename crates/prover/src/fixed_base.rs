//! Many multiples of one point.
//!
//! A table holds `j · 2^(w·k) · P` for every window *k* and every `1 <= j <= 2^(w-1)`; a multiple is the sum
//! of one entry for each window, added or subtracted. There is no doubling, and the additions of a window are
//! done for a batch of multiples at a time, with one inversion (`groth16::curve`).

use blstrs::{Fp, Fp2, G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use ff::{Field, PrimeField};
use group::{prime::PrimeCurveAffine, Curve, Group};
use rayon::prelude::*;

use crate::{
	domain::invert_all,
	groth16::{add_all, Affine, Coordinate, Scratch},
};

/// Bits that the windows cover: a scalar's 255 and the last carry.
const BITS: usize = 256;
/// How many multiples share an inversion.
const BATCH: usize = 1 << 10;

/// The curves that parameters are made of.
pub(crate) trait Point: Curve + Send + Sync {
	/// A point with x and y alone.
	type Affine: Copy + Send + Sync;
	/// What x and y are.
	type Coordinate: Coordinate;
	/// All points in affine form, with one inversion.
	fn normalise(points: &[Self]) -> Vec<Affine<Self::Coordinate>>;
	/// The point as blstrs has it.
	fn affine(point: &Affine<Self::Coordinate>) -> Self::Affine;
}

macro_rules! point {
	($projective:ty, $affine:ty, $coordinate:ty) => {
		impl Point for $projective {
			type Affine = $affine;
			type Coordinate = $coordinate;

			fn normalise(points: &[Self]) -> Vec<Affine<$coordinate>> {
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
				// No factor is zero.
				let inverted = invert_all(&mut inverses).is_some();
				debug_assert!(inverted);
				points
					.iter()
					.zip(inverses)
					.map(|(point, inverse)| {
						if bool::from(point.is_identity()) {
							return Affine::IDENTITY;
						}
						let square = inverse.square();
						Affine {
							x: point.x() * square,
							y: point.y() * square * inverse,
						}
					})
					.collect()
			}

			fn affine(point: &Affine<$coordinate>) -> $affine {
				if point.is_identity() {
					<$affine>::identity()
				} else {
					<$affine>::from_raw_unchecked(point.x, point.y, false)
				}
			}
		}
	};
}

point!(G1Projective, G1Affine, Fp);
point!(G2Projective, G2Affine, Fp2);

/// The table of one point.
pub(crate) struct FixedBase<P: Point> {
	window: usize,
	/// For each window its entries, the multiple 1 first.
	tables: Vec<Vec<Affine<P::Coordinate>>>,
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
			.map_init(Scratch::default, |scratch, chunk| {
				self.multiply_batch(chunk, scratch)
			})
			.flatten_iter()
			.collect()
	}

	fn multiply_batch(
		&self,
		scalars: &[Scalar],
		scratch: &mut Scratch<P::Coordinate>,
	) -> Vec<P::Affine> {
		let full = 1usize << self.window;
		let bytes: Vec<[u8; 32]> = scalars.iter().map(PrimeField::to_repr).collect();
		let mut sums = vec![Affine::IDENTITY; scalars.len()];
		let mut carries = vec![0; scalars.len()];
		let mut entries = Vec::with_capacity(scalars.len());
		for (index, table) in self.tables.iter().enumerate() {
			entries.clear();
			entries.extend(bytes.iter().zip(&mut carries).map(|(bytes, carry)| {
				let digit = bits(bytes, index * self.window, self.window) + *carry;
				// Digits above the half are negative, with one more in the next window.
				let negative = digit > full / 2;
				*carry = usize::from(negative);
				let multiple = if negative { full - digit } else { digit };
				multiple
					.checked_sub(1)
					.and_then(|at| table.get(at))
					.map_or(Affine::IDENTITY, |entry| entry.negate_if(negative))
			}));
			add_all(&mut sums, &entries, scratch);
		}
		sums.iter().map(P::affine).collect()
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
