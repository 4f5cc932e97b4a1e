//! Sums of multiples: Pippenger's method with signed digits and affine buckets.
//!
//! A scalar is a sum of digits `d_k · 2^(c·k)` with `-2^(c-1) <= d_k < 2^(c-1)`. Each window *k* adds every point
//! to the bucket of its digit's absolute value, negated if the digit is negative; then
//! `sum_k 2^(c·k) sum_b b · bucket_(k,b)` is the result. Bucket additions are collected until a batch of
//! them shares one inversion. Scalars that are zero are skipped, and points with the scalars one and minus
//! one, which most of a circuit's variables are, are only summed.
//!
//! The points are read from the file and the scalars cut into digits in tiles, so that the memory does not
//! depend on how many there are.

use std::ops::Range;

use blstrs::Scalar;
use ff::{Field, PrimeField};
use group::Group;
use rayon::prelude::*;

use super::{
	buckets::Buckets,
	curve::{sum, Affine, Coordinate, Curve, Scratch},
};

/// How many points are read together. One thread reads them.
const PART: usize = 1 << 12;
/// How many parts are in memory at a time: those of `2^17` points.
const PARTS: usize = 1 << 5;
/// The bits of a scalar, of which half are negated to save the highest one.
const BITS: usize = 254;

/// A point in the file is not canonical, or is the identity.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("a point of the proving key is invalid")]
pub struct InvalidPoint;

/// The points as a file has them.
#[derive(Clone, Copy)]
pub(super) struct Bases<'a>(pub(super) &'a [u8]);

impl Bases<'_> {
	fn len<C: Curve>(&self) -> usize {
		self.0.len() / (2 * C::Coordinate::BYTES)
	}
}

/// What one thread has read.
struct Part<C: Curve> {
	/// The sum of the points with the scalar one.
	ones: C::Projective,
	/// The points with other scalars.
	points: Vec<Affine<C::Coordinate>>,
	/// The digits of those scalars: all of the lowest window, then all of the next one.
	digits: Vec<i16>,
}

/// How scalars are cut into digits.
#[derive(Clone, Copy)]
struct Windows {
	/// The bits of a digit.
	width: usize,
	count: usize,
}

impl Windows {
	/// The least work for a number of points. An addition to a bucket is the unit; at the end each bucket
	/// needs two and some.
	fn for_points(points: usize) -> Self {
		let of_width = |width: usize| Self {
			width,
			count: BITS / width + 1,
		};
		let cost = |windows: &Self| {
			windows
				.count
				.saturating_mul(points.saturating_add(5 << (windows.width - 2)))
		};
		(2..=16)
			.map(of_width)
			.min_by_key(cost)
			.unwrap_or(of_width(8))
	}

	/// Gives the digits of a scalar below `2^254`, the lowest window first.
	fn cut(self, mut limbs: [u64; 4], mut digit: impl FnMut(usize, i16)) {
		// Half a window is added to all but the highest digit first and taken away after: no carries.
		let half = 1u64 << (self.width - 1);
		let mut offset = [0u64; 5];
		for window in 0..self.count - 1 {
			let bit = window * self.width + self.width - 1;
			offset[bit / 64] |= 1 << (bit % 64);
		}
		let mut carry = false;
		for (limb, offset) in limbs.iter_mut().zip(offset) {
			(*limb, carry) = limb.carrying_add(offset, carry);
		}
		let mask = (1u64 << self.width) - 1;
		for window in 0..self.count {
			let bit = window * self.width;
			let (index, shift) = (bit / 64, bit % 64);
			let low = limbs.get(index).copied().unwrap_or(0) >> shift;
			let high = match shift {
				0 => 0,
				_ => limbs.get(index + 1).copied().unwrap_or(0) << (64 - shift),
			};
			let raw = (low | high) & mask;
			let value = if window + 1 == self.count {
				raw.cast_signed()
			} else {
				raw.cast_signed() - half.cast_signed()
			};
			digit(window, i16::try_from(value).unwrap_or(0));
		}
	}
}

/// The sum of `scalar(i) · base_i` over all bases.
pub(super) fn sum_of_multiples<C: Curve>(
	bases: Bases<'_>,
	scalar: impl Fn(usize) -> Scalar + Sync,
) -> Result<C::Projective, InvalidPoint> {
	let count = bases.len::<C>();
	let nontrivial = (0..count)
		.into_par_iter()
		.with_min_len(PART)
		.filter(|&index| {
			let scalar = scalar(index);
			scalar != Scalar::ZERO && scalar != Scalar::ONE
		})
		.count();
	let windows = Windows::for_points(nontrivial);
	let mut buckets: Vec<Buckets<C>> = (0..windows.count)
		.into_par_iter()
		.map(|_| Buckets::new(1 << (windows.width - 1)))
		.collect();
	let mut total = C::Projective::identity();
	let tiles = (0..count).step_by(PART * PARTS);
	for tile in tiles.map(|first| first..count.min(first + PART * PARTS)) {
		let parts = tile
			.clone()
			.into_par_iter()
			.step_by(PART)
			.map(|first| read::<C>(bases, first..tile.end.min(first + PART), &scalar, windows))
			.collect::<Result<Vec<_>, _>>()?;
		buckets
			.par_iter_mut()
			.enumerate()
			.for_each(|(window, buckets)| {
				for part in &parts {
					let count = part.points.len();
					let digits = part.digits.get(window * count..(window + 1) * count);
					for (point, digit) in part.points.iter().zip(digits.unwrap_or_default()) {
						buckets.add(*digit, point);
					}
				}
			});
		total += parts.iter().map(|part| part.ones).sum::<C::Projective>();
	}
	let sums: Vec<C::Projective> = buckets.into_par_iter().map(Buckets::finish).collect();
	let powers = sums
		.into_iter()
		.rev()
		.fold(C::Projective::identity(), |mut result, window| {
			for _ in 0..windows.width {
				result = result.double();
			}
			result + window
		});
	Ok(total + powers)
}

fn read<C: Curve>(
	bases: Bases<'_>,
	range: Range<usize>,
	scalar: &impl Fn(usize) -> Scalar,
	windows: Windows,
) -> Result<Part<C>, InvalidPoint> {
	let size = 2 * C::Coordinate::BYTES;
	let point = |index: usize| {
		bases
			.0
			.get(index * size..(index + 1) * size)
			.and_then(Affine::<C::Coordinate>::read)
			.ok_or(InvalidPoint)
	};
	let mut ones = Vec::new();
	let mut points = Vec::with_capacity(range.len());
	let mut scalars = Vec::with_capacity(range.len());
	for index in range {
		let scalar = scalar(index);
		if scalar == Scalar::ZERO {
			continue;
		}
		if scalar == Scalar::ONE {
			ones.push(point(index)?);
			continue;
		}
		let (limbs, negative) = shortened(&scalar);
		let point = point(index)?.negate_if(negative);
		if limbs == [1, 0, 0, 0] {
			ones.push(point);
		} else {
			points.push(point);
			scalars.push(limbs);
		}
	}
	let count = points.len();
	let mut digits = vec![0; count * windows.count];
	for (index, limbs) in scalars.into_iter().enumerate() {
		windows.cut(limbs, |window, digit| {
			digits[window * count + index] = digit
		});
	}
	Ok(Part {
		ones: sum::<C>(&mut ones, &mut Scratch::default()),
		points,
		digits,
	})
}

/// A scalar's limbs, or those of its opposite: whichever is below `2^254`.
fn shortened(scalar: &Scalar) -> ([u64; 4], bool) {
	let limbs = |scalar: &Scalar| {
		let bytes = scalar.to_repr();
		let (words, _) = bytes.as_chunks::<8>();
		let mut limbs = [0; 4];
		for (limb, word) in limbs.iter_mut().zip(words) {
			*limb = u64::from_le_bytes(*word);
		}
		limbs
	};
	let positive = limbs(scalar);
	if positive[3] >> 62 == 0 {
		(positive, false)
	} else {
		(limbs(&-*scalar), true)
	}
}
