//! Sums of multiples of G1 points.
//!
//! Of a statement's public inputs all but a few are node indices below 2^31, and the weights of a
//! batch have four digits of 32 bits. Arkworks' general routine walks 64 or 255 bits for them; this
//! one walks as many bits as the scalars have, halves long scalars with the curve's endomorphism,
//! and chooses between two methods by counting additions.

use alloc::{vec, vec::Vec};
use ark_ff::{BigInt, BigInteger};

use crate::{
	curve::{normalize, Affine, Jacobian, X},
	field::Base,
};

/// A scalar below the group's order.
pub(crate) type Scalar = BigInt<4>;

/// Scalars are summed in groups of at most this many bits, so that a few long ones do not make the
/// many short ones longer: node indices, and everything else.
const GROUP_BITS: [u32; 2] = [64, 128];
/// Scalars of at most this many bits are not split.
const SHORT_BITS: u32 = 126;
const MAX_WINDOW: u32 = 12;

// What things cost, in hundredths of a multiplication in the field.
const ADD_AFFINE: u64 = 1030;
const ADD: u64 = 1500;
const DOUBLE: u64 = 600;
/// One point made affine together with others.
const NORMALIZE: u64 = 600;

/// A point and what it is multiplied by, below 2^128 − 2^12.
#[derive(Clone, Copy)]
pub(crate) struct Term<B> {
	pub(crate) base: Affine<B>,
	pub(crate) scalar: u128,
}

/// `Σ scalarᵢ · baseᵢ` over as many terms as both slices have, of points of the subgroup.
pub(crate) fn sum_of_multiples<B: Base>(bases: &[Affine<B>], scalars: &[Scalar]) -> Jacobian<B> {
	let mut terms = Vec::with_capacity(bases.len());
	for (base, scalar) in bases.iter().zip(scalars) {
		let (low, high) = split(scalar);
		terms.push(Term {
			base: *base,
			scalar: low,
		});
		if high != 0 {
			terms.push(Term {
				base: base.times_x_squared(),
				scalar: high,
			});
		}
	}
	sum(&terms)
}

/// The sum of all terms.
pub(crate) fn sum<B: Base>(terms: &[Term<B>]) -> Jacobian<B> {
	let mut groups: [Vec<Term<B>>; GROUP_BITS.len()] = Default::default();
	for term in terms {
		if let Some(group) = group_of(term.scalar).and_then(|index| groups.get_mut(index)) {
			group.push(*term);
		}
	}
	groups.iter().fold(Jacobian::IDENTITY, |sum, terms| {
		let bits = terms
			.iter()
			.map(|term| bits_of(term.scalar))
			.max()
			.unwrap_or(0);
		let plan = Plan::of(terms.len(), bits);
		sum.add(&match plan.method {
			Method::Nothing => return sum,
			Method::Interleaved(width) => interleaved(terms, width),
			Method::Buckets(window) => buckets(terms, bits, window),
		})
	})
}

/// About what [`sum_of_multiples`] costs for these scalars.
pub(crate) fn cost(scalars: &[Scalar]) -> u64 {
	let mut groups = [(0usize, 0u32); GROUP_BITS.len()];
	for scalar in scalars {
		let (low, high) = split(scalar);
		for part in [low, high] {
			if let Some((count, bits)) = group_of(part).and_then(|index| groups.get_mut(index)) {
				*count += 1;
				*bits = bits_of(part).max(*bits);
			}
		}
	}
	groups
		.iter()
		.map(|(count, bits)| Plan::of(*count, *bits).cost)
		.sum()
}

fn bits_of(scalar: u128) -> u32 {
	u128::BITS - scalar.leading_zeros()
}

/// Which group a scalar is summed in; none if it is zero.
fn group_of(scalar: u128) -> Option<usize> {
	let bits = bits_of(scalar);
	(bits > 0)
		.then(|| GROUP_BITS.iter().position(|limit| bits <= *limit))
		.flatten()
}

/// `X²`, and how much `2^256 / X²` is above `2^128`.
const X_SQUARED: u128 = (X as u128) * (X as u128);
const RECIPROCAL: u128 = reciprocal();

/// `⌊2^256 / X²⌋ − 2^128`, by long division.
const fn reciprocal() -> u128 {
	// The first quotient digit is 1, because X² is more than 2^127.
	let mut remainder = X_SQUARED.wrapping_neg();
	let mut quotient = 0u128;
	let mut step = 0;
	while step < 128 {
		let carry = remainder >> 127 == 1;
		remainder <<= 1;
		quotient <<= 1;
		if carry || remainder >= X_SQUARED {
			remainder = remainder.wrapping_sub(X_SQUARED);
			quotient |= 1;
		}
		step += 1;
	}
	quotient
}

/// The scalar as `low + high·X²`. A short one is left as it is.
fn split(scalar: &Scalar) -> (u128, u128) {
	let [a, b, c, d] = scalar.0.map(u128::from);
	let (low, high) = (b << 64 | a, d << 64 | c);
	if scalar.num_bits() <= SHORT_BITS {
		return (low, 0);
	}
	// The quotient but for a few, never too much.
	let mut quotient = high.wrapping_add(product(high, RECIPROCAL).0);
	let (product_high, product_low) = product(quotient, X_SQUARED);
	let (mut rest_low, borrow) = low.overflowing_sub(product_low);
	let mut rest_high = high
		.wrapping_sub(product_high)
		.wrapping_sub(u128::from(borrow));
	for _ in 0..4 {
		if rest_high == 0 && rest_low < X_SQUARED {
			break;
		}
		let (next, borrow) = rest_low.overflowing_sub(X_SQUARED);
		rest_low = next;
		rest_high = rest_high.wrapping_sub(u128::from(borrow));
		quotient = quotient.wrapping_add(1);
	}
	(rest_low, quotient)
}

/// The high and the low half of a product.
fn product(a: u128, b: u128) -> (u128, u128) {
	const HALF: u128 = u64::MAX as u128;
	let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
	let (low, first, second) = (a0 * b0, a1 * b0, a0 * b1);
	let middle = (low >> 64) + (first & HALF) + (second & HALF);
	(
		a1 * b1 + (first >> 64) + (second >> 64) + (middle >> 64),
		middle << 64 | low & HALF,
	)
}

enum Method {
	Nothing,
	/// [`interleaved`] with non-adjacent forms of this width.
	Interleaved(u32),
	/// [`buckets`] with a window of this many bits.
	Buckets(u32),
}

/// How a group is summed.
struct Plan {
	cost: u64,
	method: Method,
}

impl Plan {
	fn of(count: usize, bits: u32) -> Self {
		let count = count as u64;
		let nothing = Self {
			cost: 0,
			method: Method::Nothing,
		};
		if count == 0 {
			return nothing;
		}
		let doublings = u64::from(bits) * DOUBLE;
		let interleaved = (2..=5).map(|width| {
			let entries = (1u64 << (width - 2)) - 1;
			let table = if entries == 0 {
				0
			} else {
				DOUBLE + entries * (ADD + NORMALIZE)
			};
			Self {
				cost: doublings
					+ count * (u64::from(bits + 1) * ADD_AFFINE / u64::from(width + 1) + table),
				method: Method::Interleaved(width),
			}
		});
		let buckets = (2..=MAX_WINDOW).map(|window| {
			let windows = u64::from(bits / window + 1);
			Self {
				cost: doublings + windows * (count * ADD_AFFINE + (ADD << window)),
				method: Method::Buckets(window),
			}
		});
		interleaved
			.chain(buckets)
			.min_by_key(|plan| plan.cost)
			.unwrap_or(nothing)
	}
}

/// One run of doublings for all terms; each adds a small odd multiple of its base where its
/// non-adjacent form has a digit. Best for few terms.
fn interleaved<B: Base>(terms: &[Term<B>], width: u32) -> Jacobian<B> {
	let entries = 1usize << (width - 2);
	let mut odd = Vec::with_capacity(terms.len() * entries);
	for term in terms {
		let mut multiple = term.base.jacobian();
		odd.push(multiple);
		if entries > 1 {
			let twice = multiple.double();
			for _ in 1..entries {
				multiple = multiple.add(&twice);
				odd.push(multiple);
			}
		}
	}
	let odd = if entries > 1 {
		normalize(&odd)
	} else {
		terms.iter().map(|term| Some(term.base)).collect()
	};
	let digits: Vec<Vec<i8>> = terms
		.iter()
		.map(|term| non_adjacent_form(term.scalar, width))
		.collect();
	let length = digits.iter().map(Vec::len).max().unwrap_or(0);
	let mut sum = Jacobian::IDENTITY;
	for position in (0..length).rev() {
		sum = sum.double();
		for (digits, odd) in digits.iter().zip(odd.chunks(entries)) {
			let digit = digits.get(position).copied().unwrap_or(0);
			if digit == 0 {
				continue;
			}
			let index = usize::from(digit.unsigned_abs() / 2);
			if let Some(Some(multiple)) = odd.get(index) {
				sum = if digit > 0 {
					sum.add_affine(multiple)
				} else {
					sum.add_affine(&multiple.neg())
				};
			}
		}
	}
	sum
}

/// Digits from the lowest, zero or odd and below `2^(width − 1)` in magnitude.
fn non_adjacent_form(mut scalar: u128, width: u32) -> Vec<i8> {
	let mut digits = Vec::with_capacity(33);
	let modulus = 1i16 << width;
	while scalar != 0 {
		let mut digit = 0;
		if scalar & 1 == 1 {
			digit = i16::try_from(scalar & ((1 << width) - 1)).unwrap_or(0);
			if digit >= modulus / 2 {
				digit -= modulus;
			}
			scalar = if digit > 0 {
				scalar.wrapping_sub(u128::from(digit.unsigned_abs()))
			} else {
				scalar.wrapping_add(u128::from(digit.unsigned_abs()))
			};
		}
		digits.push(i8::try_from(digit).unwrap_or(0));
		scalar >>= 1;
	}
	digits
}

/// Pippenger's method with signed digits of `window` bits. Best for many terms.
fn buckets<B: Base>(terms: &[Term<B>], bits: u32, window: u32) -> Jacobian<B> {
	let windows = bits / window + 1;
	let mut carries = vec![false; terms.len()];
	let mut window_sums = Vec::with_capacity(usize::try_from(windows).unwrap_or(0));
	let half = 1u64 << (window - 1);
	for index in 0..windows {
		let mut buckets = vec![Jacobian::IDENTITY; 1 << (window - 1)];
		for (term, carry) in terms.iter().zip(carries.iter_mut()) {
			let digit = bits_at(term.scalar, index * window, window) + u64::from(*carry);
			// A digit above the half becomes a negative one, and one more in the next window.
			*carry = digit > half;
			let magnitude = if *carry { (half << 1) - digit } else { digit };
			let Some(bucket) = usize::try_from(magnitude)
				.ok()
				.and_then(|magnitude| magnitude.checked_sub(1))
				.and_then(|index| buckets.get_mut(index))
			else {
				continue;
			};
			*bucket = if *carry {
				bucket.add_affine(&term.base.neg())
			} else {
				bucket.add_affine(&term.base)
			};
		}
		let mut running = Jacobian::IDENTITY;
		let mut sum = Jacobian::IDENTITY;
		for bucket in buckets.iter().rev() {
			running = running.add(bucket);
			sum = sum.add(&running);
		}
		window_sums.push(sum);
	}
	window_sums
		.iter()
		.rev()
		.fold(Jacobian::IDENTITY, |total, sum| {
			(0..window).fold(total, |total, _| total.double()).add(sum)
		})
}

/// `count` (at most 32) bits of the scalar from bit `start` up; bits beyond its end are zero.
fn bits_at(scalar: u128, start: u32, count: u32) -> u64 {
	let shifted = scalar.checked_shr(start).unwrap_or(0);
	u64::try_from(shifted & ((1 << count) - 1)).unwrap_or(0)
}
