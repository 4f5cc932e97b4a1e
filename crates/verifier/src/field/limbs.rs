//! The base field for machines whose widest product has 64 bits.
//!
//! WebAssembly multiplies 64 by 64 bits to 64 and has no carry flag: what arkworks does with words
//! of 64 bits becomes many small multiplications behind a function call each. Here an element is
//! fourteen signed limbs of 28 bits, so that a column of a product, which is a sum of products of
//! limbs, fits 64 bits without any carrying, and so do sums of several elements. Only a reduction
//! carries.
//!
//! # Bounds
//!
//! A reduced element's limbs are at most 2^27 in magnitude (the last one, which takes what the
//! value needs, much less) and its value is below p in magnitude. Sums of `n` such elements have
//! limbs of at most `n · 2^27`. A column of a product of sums of `a` and of `b` elements is at most
//! `14 · a·b · 2^54`, the reduction adds as much as one such product of reduced elements and a carry
//! below 2^36, so nothing overflows while the sum of all `a·b` is at most 35. The
//! intermediate sums of Karatsuba's method may wrap around: what they cancel to does not. The
//! tests' `Bounds` carries these bounds through all of this crate's formulas.

use ark_bls12_381::Fq;
use ark_ff::{BigInt, BigInteger, PrimeField};

use super::Base;

const LIMBS: usize = 14;
const COLUMNS: usize = 2 * LIMBS - 1;
const BITS: u32 = 28;
const MASK: u64 = (1 << BITS) - 1;

type Columns = [i64; COLUMNS];

/// The modulus, in balanced limbs.
const P: [i64; LIMBS] = balanced(&split(&Fq::MODULUS.0));
/// −1/p modulo 2^28.
const MINUS_P_INVERSE: i64 = 0xffc_fffd;

/// 2^32 times 2^364/p.
const TOP_RECIPROCAL: i64 = 40_323;

/// An element: its residue times 2^392, though not the smallest representative of that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limbs([i64; LIMBS]);

/// Six words as limbs that are not negative.
#[inline(always)]
const fn split(words: &[u64; 6]) -> [i64; LIMBS] {
	let mut limbs = [0i64; LIMBS];
	let mut index = 0;
	while index < LIMBS {
		let bit = BITS as usize * index;
		let (word, offset) = (bit / 64, bit % 64);
		let mut part = words[word] >> offset;
		if offset > 64 - BITS as usize && word + 1 < 6 {
			part |= words[word + 1] << (64 - offset);
		}
		limbs[index] = (part & MASK).cast_signed();
		index += 1;
	}
	limbs
}

/// The same value in limbs between −2^27 and 2^27, but for the last.
#[inline(always)]
const fn balanced(limbs: &[i64; LIMBS]) -> [i64; LIMBS] {
	let mut out = [0i64; LIMBS];
	let mut carry = 0i64;
	let mut index = 0;
	while index < LIMBS - 1 {
		let sum = limbs[index].wrapping_add(carry);
		out[index] = low(sum);
		carry = sum.wrapping_sub(out[index]) >> BITS;
		index += 1;
	}
	out[LIMBS - 1] = limbs[LIMBS - 1].wrapping_add(carry);
	out
}

/// The lowest limb of a number, between −2^27 and 2^27.
#[inline(always)]
const fn low(value: i64) -> i64 {
	value << (64 - BITS) >> (64 - BITS)
}

/// Column `K` of a product.
#[inline(always)]
fn column<const K: usize>(a: &[i64; LIMBS], b: &[i64; LIMBS]) -> i64 {
	let mut sum = 0i64;
	let mut index = 0;
	while index < LIMBS {
		if index <= K && K - index < LIMBS {
			sum = sum.wrapping_add(a[index].wrapping_mul(b[K - index]));
		}
		index += 1;
	}
	sum
}

/// Column `K` of a square.
#[inline(always)]
fn square_column<const K: usize>(a: &[i64; LIMBS]) -> i64 {
	let mut sum = 0i64;
	let mut index = 0;
	while index < LIMBS {
		if 2 * index < K && K - index < LIMBS {
			sum = sum.wrapping_add(a[index].wrapping_mul(a[K - index]));
		}
		index += 1;
	}
	sum = sum.wrapping_add(sum);
	if K % 2 == 0 {
		sum = sum.wrapping_add(a[K / 2].wrapping_mul(a[K / 2]));
	}
	sum
}

/// Writes a macro's expansion for every column, so that the compiler sees straight-line code: it
/// does not unroll loops of this size.
macro_rules! each_column {
	($column:ident) => {
		[
			$column!(0),
			$column!(1),
			$column!(2),
			$column!(3),
			$column!(4),
			$column!(5),
			$column!(6),
			$column!(7),
			$column!(8),
			$column!(9),
			$column!(10),
			$column!(11),
			$column!(12),
			$column!(13),
			$column!(14),
			$column!(15),
			$column!(16),
			$column!(17),
			$column!(18),
			$column!(19),
			$column!(20),
			$column!(21),
			$column!(22),
			$column!(23),
			$column!(24),
			$column!(25),
			$column!(26),
		]
	};
}

#[inline(always)]
fn columns(a: &[i64; LIMBS], b: &[i64; LIMBS]) -> Columns {
	let (a, b) = (*a, *b);
	macro_rules! of {
		($k:literal) => {
			column::<$k>(&a, &b)
		};
	}
	each_column!(of)
}

#[inline(always)]
fn square_columns(a: &[i64; LIMBS]) -> Columns {
	macro_rules! of {
		($k:literal) => {
			square_column::<$k>(a)
		};
	}
	each_column!(of)
}

/// One step of the reduction: what multiple of p clears column `K`, and what that column then
/// carries into the next.
#[inline(always)]
fn clear<const K: usize>(column: i64, carry: i64, multiples: &mut [i64; LIMBS]) -> i64 {
	let mut sum = column.wrapping_add(carry);
	let mut index = 0;
	while index < K {
		sum = sum.wrapping_add(multiples[index].wrapping_mul(P[K - index]));
		index += 1;
	}
	multiples[K] = low(sum.wrapping_mul(MINUS_P_INVERSE));
	sum.wrapping_add(multiples[K].wrapping_mul(P[0])) >> BITS
}

/// The columns' value times 2^-392, between −p and p.
#[inline(always)]
fn reduce(columns: &Columns) -> Limbs {
	let mut multiples = [0i64; LIMBS];
	let mut carry = 0;
	macro_rules! clear_all {
		($($k:literal)*) => {
			$(carry = clear::<$k>(columns[$k], carry, &mut multiples);)*
		};
	}
	clear_all!(0 1 2 3 4 5 6 7 8 9 10 11 12 13);
	let mut limbs = [0i64; LIMBS];
	macro_rules! collect {
		($($k:literal)*) => {
			$(
				let sum = columns[$k]
					.wrapping_add(carry)
					.wrapping_add(column::<$k>(&multiples, &P));
				limbs[$k - LIMBS] = low(sum);
				carry = sum.wrapping_sub(limbs[$k - LIMBS]) >> BITS;
			)*
		};
	}
	collect!(14 15 16 17 18 19 20 21 22 23 24 25 26);
	limbs[LIMBS - 1] = carry;
	Limbs(limbs)
}

#[inline(always)]
fn limbwise(
	a: &[i64; LIMBS],
	b: &[i64; LIMBS],
	operation: impl Fn(i64, i64) -> i64,
) -> [i64; LIMBS] {
	let mut out = [0i64; LIMBS];
	let mut index = 0;
	while index < LIMBS {
		out[index] = operation(a[index], b[index]);
		index += 1;
	}
	out
}

impl Limbs {
	/// A number below p, as it is.
	const fn of_words(words: &[u64; 6]) -> Self {
		Self(balanced(&split(words)))
	}

	/// The smallest representative of what a multiplication returned.
	fn words(&self) -> BigInt<6> {
		// Between −p and p; one p more makes it positive.
		let limbs = limbwise(&self.0, &P, i64::wrapping_add);
		let mut words = [0u64; 6];
		let mut carry = 0i64;
		for (index, limb) in limbs.iter().enumerate() {
			let sum = limb.wrapping_add(carry);
			carry = sum >> BITS;
			let digit = sum.cast_unsigned() & MASK;
			let bit = index * BITS as usize;
			let (word, offset) = (bit / 64, bit % 64);
			if let Some(word) = words.get_mut(word) {
				*word |= digit << offset;
			}
			if offset > 64 - BITS as usize {
				if let Some(word) = words.get_mut(word + 1) {
					*word |= digit >> (64 - offset);
				}
			}
		}
		let mut words = BigInt(words);
		if words >= Fq::MODULUS {
			words.sub_with_borrow(&Fq::MODULUS);
		}
		words
	}
}

/// 2^400 and 2^384 modulo p: they turn arkworks' form into this one and back.
const TO: Limbs = Limbs::of_words(&power_of_two(400));
const FROM: Limbs = Limbs::of_words(&power_of_two(384));

/// `2^exponent` modulo p, by doubling.
const fn power_of_two(exponent: u32) -> [u64; 6] {
	let mut value = [1u64, 0, 0, 0, 0, 0];
	let mut step = 0;
	while step < exponent {
		let (mut doubled, mut difference) = ([0u64; 6], [0u64; 6]);
		let (mut carry, mut borrow) = (0, false);
		let mut index = 0;
		while index < 6 {
			doubled[index] = value[index] << 1 | carry;
			carry = value[index] >> 63;
			let (first, one) = doubled[index].overflowing_sub(Fq::MODULUS.0[index]);
			let (second, two) = first.overflowing_sub(borrow as u64);
			difference[index] = second;
			borrow = one | two;
			index += 1;
		}
		value = if borrow { doubled } else { difference };
		step += 1;
	}
	value
}

impl Base for Limbs {
	const ZERO: Self = Self([0; LIMBS]);
	const ONE: Self = Self::of_words(&power_of_two(392));

	fn of(value: &Fq) -> Self {
		Self::of_words(&value.0 .0).mul(&TO)
	}

	fn value(&self) -> Fq {
		// Arkworks keeps a residue times 2^384.
		Fq::new_unchecked(self.mul(&FROM).words())
	}

	fn of_stored(words: &BigInt<6>) -> Self {
		Self::of_words(&words.0)
	}

	fn stored(&self) -> BigInt<6> {
		self.mul(&Self::ONE).words()
	}

	#[inline(always)]
	fn add(&self, other: &Self) -> Self {
		Self(limbwise(&self.0, &other.0, i64::wrapping_add))
	}

	#[inline(always)]
	fn sub(&self, other: &Self) -> Self {
		Self(limbwise(&self.0, &other.0, i64::wrapping_sub))
	}

	#[inline(always)]
	fn neg(&self) -> Self {
		Self::ZERO.sub(self)
	}

	#[inline(never)]
	fn mul(&self, other: &Self) -> Self {
		reduce(&columns(&self.0, &other.0))
	}

	#[inline(never)]
	fn square(&self) -> Self {
		reduce(&square_columns(&self.0))
	}

	#[inline(always)]
	fn tight(&self) -> Self {
		// How often p fits, but for a rounding error: from the last limb alone, into which the
		// others carry almost nothing.
		let times = self.0[LIMBS - 1]
			.wrapping_mul(TOP_RECIPROCAL)
			.wrapping_add(1 << 31)
			>> 32;
		Self(balanced(&limbwise(&self.0, &P, |limb, p| {
			limb.wrapping_sub(times.wrapping_mul(p))
		})))
	}

	fn is_reduced_zero(&self) -> bool {
		self.0 == [0; LIMBS]
	}

	#[inline(never)]
	fn mul2(a: &[Self; 2], b: &[Self; 2]) -> [Self; 2] {
		let first = columns(&a[0].0, &b[0].0);
		let second = columns(&a[1].0, &b[1].0);
		let sums = columns(&a[0].add(&a[1]).0, &b[0].add(&b[1]).0);
		let (mut real, mut imaginary) = ([0i64; COLUMNS], [0i64; COLUMNS]);
		let mut index = 0;
		while index < COLUMNS {
			real[index] = first[index].wrapping_sub(second[index]);
			imaginary[index] = sums[index]
				.wrapping_sub(first[index])
				.wrapping_sub(second[index]);
			index += 1;
		}
		[reduce(&real), reduce(&imaginary)]
	}

	#[inline(never)]
	fn square2(a: &[Self; 2]) -> [Self; 2] {
		[
			a[0].add(&a[1]).mul(&a[0].sub(&a[1])),
			a[0].add(&a[0]).mul(&a[1]),
		]
	}
}
