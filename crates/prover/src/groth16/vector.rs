//! Eight sums of points at a time, with the 52-bit multiply-and-add of AVX-512 (IFMA): half the time of the
//! same sums one by one.
//!
//! A vector has one limb of each of eight coordinates, and eight vectors of 52-bit limbs make a coordinate. A
//! product is Montgomery's, divided by `2^416`; blstrs' coordinates are `2^384` times their value. No coordinate is
//! converted for that: the slope is kept as `2^400` times its value, so that its square divided by `2^416` is right
//! again, and its product with a coordinate that was shifted by 16 bits is right, too. The slope gets its
//! factor from the shared inverse, which is multiplied by `2^48` once per batch: if every denominator brings a
//! factor to the product of all, the inverse of the product brings it back.
//!
//! Loops over limbs are written out, since a closure in a library function may end up without the processor's
//! features.
#![allow(unsafe_code, clippy::needless_range_loop)]

use std::arch::x86_64::{
	__m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask,
	_mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_blend_epi64,
	_mm512_mask_storeu_epi64, _mm512_maskz_loadu_epi64, _mm512_movepi64_mask, _mm512_or_si512,
	_mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_slli_epi64,
	_mm512_srai_epi64, _mm512_srli_epi64, _mm512_sub_epi64, _mm512_unpackhi_epi64,
	_mm512_unpacklo_epi64,
};

use blst::blst_fp;
use blstrs::Fp;
use ff::Field;

use super::curve::{add, Affine};

const LIMBS: usize = 8;
const LANES: usize = 8;
const MASK: u64 = (1 << 52) - 1;

/// A coordinate in each lane.
type Vector = [__m512i; LIMBS];

/// The modulus of the coordinates, the least word first.
const MODULUS: [u64; 6] = [
	0xb9fe_ffff_ffff_aaab,
	0x1eab_fffe_b153_ffff,
	0x6730_d2a0_f6b0_f624,
	0x6477_4b84_f385_12bf,
	0x4b1b_a7b6_434b_acd7,
	0x1a01_11ea_397f_e69a,
];

/// Minus the modulus' inverse, modulo `2^52`, by Newton's iteration.
const INVERSE: u64 = {
	let mut inverse: u64 = 1;
	let mut step = 0;
	while step < 6 {
		inverse = inverse.wrapping_mul(2u64.wrapping_sub(MODULUS[0].wrapping_mul(inverse)));
		step += 1;
	}
	inverse.wrapping_neg() & MASK
};

/// The modulus times a small factor.
const fn modulus_times(factor: u64) -> [u64; LIMBS] {
	let limbs = narrow(MODULUS);
	let mut result = [0; LIMBS];
	let mut carry = 0;
	let mut index = 0;
	while index < LIMBS {
		let value = limbs[index] * factor + carry;
		result[index] = value & MASK;
		carry = value >> 52;
		index += 1;
	}
	result
}

/// Six words of 64 bits as eight of 52.
const fn narrow(words: [u64; 6]) -> [u64; LIMBS] {
	[
		words[0] & MASK,
		(words[0] >> 52 | words[1] << 12) & MASK,
		(words[1] >> 40 | words[2] << 24) & MASK,
		(words[2] >> 28 | words[3] << 36) & MASK,
		(words[3] >> 16 | words[4] << 48) & MASK,
		(words[4] >> 4) & MASK,
		(words[4] >> 56 | words[5] << 8) & MASK,
		words[5] >> 44,
	]
}

/// Room for what a batch remembers between its two passes.
#[derive(Default)]
pub(super) struct Scratch {
	denominators: Vec<Vector>,
	prefixes: Vec<Vector>,
	/// The lanes whose points are not added by the line through them.
	unusual: Vec<__mmask8>,
}

/// Adds the points at whose positions both lists have eight more, if the processor can; how many those are.
pub(super) fn add_eights(
	left: &mut [Affine<Fp>],
	right: &[Affine<Fp>],
	scratch: &mut Scratch,
) -> usize {
	let able = is_x86_feature_detected!("avx512f")
		&& is_x86_feature_detected!("avx512dq")
		&& is_x86_feature_detected!("avx512ifma");
	let (left, _) = left.as_chunks_mut();
	let (right, _) = right.as_chunks();
	// A batch costs eight lanes' inversion: with one group it takes longer than one by one.
	if !able || left.len() < 2 {
		return 0;
	}
	// SAFETY: the processor has the features.
	unsafe { add_groups(left, right, scratch) };
	left.len() * LANES
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn add_groups(
	left: &mut [[Affine<Fp>; LANES]],
	right: &[[Affine<Fp>; LANES]],
	scratch: &mut Scratch,
) {
	let modulus = broadcast(modulus_times(1));
	let twice = broadcast(modulus_times(2));
	let one = broadcast(narrow(blst_fp::from(Fp::ONE).l));
	let Scratch {
		denominators,
		prefixes,
		unusual,
	} = scratch;
	denominators.clear();
	prefixes.clear();
	unusual.clear();
	let mut product = one;
	macro_rules! load {
		($points:ident . $coordinate:ident) => {{
			let [a, b, c, d, e, f, g, h] = &*$points;
			load([
				&a.$coordinate,
				&b.$coordinate,
				&c.$coordinate,
				&d.$coordinate,
				&e.$coordinate,
				&f.$coordinate,
				&g.$coordinate,
				&h.$coordinate,
			])
		}};
	}
	macro_rules! store {
		($limbs:expr, $points:ident . $coordinate:ident) => {{
			let [a, b, c, d, e, f, g, h] = &mut *$points;
			store(
				$limbs,
				[
					&mut a.$coordinate,
					&mut b.$coordinate,
					&mut c.$coordinate,
					&mut d.$coordinate,
					&mut e.$coordinate,
					&mut f.$coordinate,
					&mut g.$coordinate,
					&mut h.$coordinate,
				],
			)
		}};
	}
	for (left, right) in left.iter().zip(right) {
		let x1 = load!(left.x);
		let x2 = load!(right.x);
		let difference = carried(plus(minus(x2, &x1), &modulus));
		// The same x gives the modulus itself; the identity has the x zero.
		let zero = broadcast([0; LIMBS]);
		let mask = same(&difference, &modulus) | same(&x1, &zero) | same(&x2, &zero);
		let denominator = chosen(mask, &difference, &one);
		prefixes.push(product);
		product = times(&product, &denominator, &modulus);
		denominators.push(denominator);
		unusual.push(mask);
	}
	let mut lanes = [Fp::ZERO; LANES];
	store(&reduced(product, &modulus), lanes.each_mut());
	invert(&mut lanes);
	let mut inverse = load(lanes.each_ref());
	let shares = denominators.iter().zip(&*prefixes).zip(&*unusual).rev();
	for ((left, right), ((denominator, prefix), mask)) in
		left.iter_mut().zip(right).rev().zip(shares)
	{
		let share = times(&inverse, prefix, &modulus);
		inverse = times(&inverse, denominator, &modulus);
		let (x1, y1) = (load!(left.x), load!(left.y));
		let (x2, y2) = (load!(right.x), load!(right.y));
		let numerator = carried(plus(minus(y2, &y1), &modulus));
		let slope = times(&numerator, &share, &modulus);
		let square = times(&slope, &slope, &modulus);
		// From minus twice the modulus up to once and a trifle.
		let x3 = carried(plus(minus(minus(square, &x1), &x2), &twice));
		let x3 = reduced(reduced(x3, &twice), &modulus);
		let step = shifted(&carried(plus(minus(x1, &x3), &modulus)));
		let y3 = carried(plus(minus(times(&slope, &step, &modulus), &y1), &modulus));
		let y3 = reduced(reduced(y3, &modulus), &modulus);
		let before = if *mask == 0 { None } else { Some(*left) };
		store!(&x3, left.x);
		store!(&y3, left.y);
		if let Some(before) = before {
			for (lane, point) in before.into_iter().enumerate() {
				if mask >> lane & 1 == 1 {
					left[lane] = add(&point, &right[lane]);
				}
			}
		}
	}
}

/// The inverses times `2^48`, with one inversion. None of them is zero.
fn invert(values: &mut [Fp; LANES]) {
	let mut product = Fp::ONE;
	let prefixes = values.map(|value| {
		let prefix = product;
		product *= value;
		prefix
	});
	let mut inverse = product.invert().unwrap_or(Fp::ONE) * Fp::from(1u64 << 48);
	for (value, prefix) in values.iter_mut().zip(prefixes).rev() {
		let inverted = inverse * prefix;
		inverse *= *value;
		*value = inverted;
	}
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn broadcast(limbs: [u64; LIMBS]) -> Vector {
	let mut result = [_mm512_setzero_si512(); LIMBS];
	for limb in 0..LIMBS {
		result[limb] = _mm512_set1_epi64(limbs[limb].cast_signed());
	}
	result
}

/// Joins two words, shifted to the right and to the left, and keeps 52 bits.
macro_rules! join {
	($low:expr, $right:literal, $high:expr, $left:literal) => {
		_mm512_or_si512(
			_mm512_srli_epi64::<$right>($low),
			_mm512_slli_epi64::<$left>($high),
		)
	};
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn load(rows: [&Fp; LANES]) -> Vector {
	let zero = _mm512_setzero_si512();
	let mut words = [zero; LANES];
	for lane in 0..LANES {
		// SAFETY: `Fp` is `blst_fp`, which is six words, and no more than six are read.
		words[lane] = unsafe { _mm512_maskz_loadu_epi64(0x3f, (&raw const *rows[lane]).cast()) };
	}
	// From a row for each lane to a vector for each word: first pairs of rows, then quarters of vectors.
	let (mut even, mut odd) = ([zero; 4], [zero; 4]);
	for pair in 0..4 {
		even[pair] = _mm512_unpacklo_epi64(words[2 * pair], words[2 * pair + 1]);
		odd[pair] = _mm512_unpackhi_epi64(words[2 * pair], words[2 * pair + 1]);
	}
	macro_rules! collect {
		($pairs:ident) => {{
			let first = _mm512_shuffle_i64x2::<0x88>($pairs[0], $pairs[1]);
			let second = _mm512_shuffle_i64x2::<0x88>($pairs[2], $pairs[3]);
			let third = _mm512_shuffle_i64x2::<0xdd>($pairs[0], $pairs[1]);
			let fourth = _mm512_shuffle_i64x2::<0xdd>($pairs[2], $pairs[3]);
			(
				_mm512_shuffle_i64x2::<0x88>(first, second),
				_mm512_shuffle_i64x2::<0x88>(third, fourth),
				_mm512_shuffle_i64x2::<0xdd>(first, second),
			)
		}};
	}
	let ((w0, w2, w4), (w1, w3, w5)) = (collect!(even), collect!(odd));
	let mask = _mm512_set1_epi64(MASK.cast_signed());
	[
		_mm512_and_si512(w0, mask),
		_mm512_and_si512(join!(w0, 52, w1, 12), mask),
		_mm512_and_si512(join!(w1, 40, w2, 24), mask),
		_mm512_and_si512(join!(w2, 28, w3, 36), mask),
		_mm512_and_si512(join!(w3, 16, w4, 48), mask),
		_mm512_and_si512(_mm512_srli_epi64::<4>(w4), mask),
		_mm512_and_si512(join!(w4, 56, w5, 8), mask),
		_mm512_srli_epi64::<44>(w5),
	]
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn store(limbs: &Vector, rows: [&mut Fp; LANES]) {
	let words = [
		join!(limbs[0], 0, limbs[1], 52),
		join!(limbs[1], 12, limbs[2], 40),
		join!(limbs[2], 24, limbs[3], 28),
		join!(limbs[3], 36, limbs[4], 16),
		_mm512_or_si512(
			join!(limbs[4], 48, limbs[5], 4),
			_mm512_slli_epi64::<56>(limbs[6]),
		),
		join!(limbs[6], 8, limbs[7], 44),
	];
	// Back to a row for each lane. There are two words less than lanes: the last pair stands for the missing.
	let zero = _mm512_setzero_si512();
	let (mut even, mut odd) = ([zero; 3], [zero; 3]);
	for pair in 0..3 {
		even[pair] = _mm512_unpacklo_epi64(words[2 * pair], words[2 * pair + 1]);
		odd[pair] = _mm512_unpackhi_epi64(words[2 * pair], words[2 * pair + 1]);
	}
	macro_rules! spread {
		($pairs:ident) => {{
			let first = _mm512_shuffle_i64x2::<0x44>($pairs[0], $pairs[1]);
			let second = _mm512_shuffle_i64x2::<0x44>($pairs[2], $pairs[2]);
			let third = _mm512_shuffle_i64x2::<0xee>($pairs[0], $pairs[1]);
			let fourth = _mm512_shuffle_i64x2::<0xee>($pairs[2], $pairs[2]);
			(
				_mm512_shuffle_i64x2::<0x88>(first, second),
				_mm512_shuffle_i64x2::<0xdd>(first, second),
				_mm512_shuffle_i64x2::<0x88>(third, fourth),
				_mm512_shuffle_i64x2::<0xdd>(third, fourth),
			)
		}};
	}
	let ((r0, r2, r4, r6), (r1, r3, r5, r7)) = (spread!(even), spread!(odd));
	for (row, words) in rows.into_iter().zip([r0, r1, r2, r3, r4, r5, r6, r7]) {
		// SAFETY: `Fp` is `blst_fp`, which is six words, and no more than six are written. They are below the
		// modulus, as blst wants them.
		unsafe { _mm512_mask_storeu_epi64((&raw mut *row).cast(), 0x3f, words) };
	}
}

/// Montgomery's product, `left · right / 2^416`. It is below the modulus plus the modulus' `2^416`-th part of
/// the product of both; all limbs have 52 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn times(left: &Vector, right: &Vector, modulus: &Vector) -> Vector {
	let zero = _mm512_setzero_si512();
	let inverse = _mm512_set1_epi64(INVERSE.cast_signed());
	let mut sum = [zero; LIMBS];
	for digit in *right {
		for limb in 0..LIMBS {
			sum[limb] = _mm512_madd52lo_epu64(sum[limb], left[limb], digit);
		}
		let multiple = _mm512_madd52lo_epu64(zero, sum[0], inverse);
		for limb in 0..LIMBS {
			sum[limb] = _mm512_madd52lo_epu64(sum[limb], multiple, modulus[limb]);
		}
		// The lowest limb is now a multiple of 2^52: divide by that.
		let carry = _mm512_srli_epi64::<52>(sum[0]);
		for limb in 0..LIMBS - 1 {
			sum[limb] = sum[limb + 1];
		}
		sum[LIMBS - 1] = zero;
		sum[0] = _mm512_add_epi64(sum[0], carry);
		for limb in 0..LIMBS {
			sum[limb] = _mm512_madd52hi_epu64(sum[limb], left[limb], digit);
		}
		for limb in 0..LIMBS {
			sum[limb] = _mm512_madd52hi_epu64(sum[limb], multiple, modulus[limb]);
		}
	}
	carried(sum)
}

/// Brings all limbs but the last one to 52 bits. Limbs may be negative before, and the last one after.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn carried(mut limbs: Vector) -> Vector {
	let mask = _mm512_set1_epi64(MASK.cast_signed());
	for limb in 0..LIMBS - 1 {
		let carry = _mm512_srai_epi64::<52>(limbs[limb]);
		limbs[limb + 1] = _mm512_add_epi64(limbs[limb + 1], carry);
		limbs[limb] = _mm512_and_si512(limbs[limb], mask);
	}
	limbs
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn plus(mut left: Vector, right: &Vector) -> Vector {
	for limb in 0..LIMBS {
		left[limb] = _mm512_add_epi64(left[limb], right[limb]);
	}
	left
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn minus(mut left: Vector, right: &Vector) -> Vector {
	for limb in 0..LIMBS {
		left[limb] = _mm512_sub_epi64(left[limb], right[limb]);
	}
	left
}

/// Takes `subtrahend` away in the lanes that are not below it.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn reduced(limbs: Vector, subtrahend: &Vector) -> Vector {
	let less = carried(minus(limbs, subtrahend));
	let negative = _mm512_movepi64_mask(less[LIMBS - 1]);
	chosen(negative, &less, &limbs)
}

/// The limbs of `right` in the lanes of the mask, those of `left` in the others.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn chosen(mask: __mmask8, left: &Vector, right: &Vector) -> Vector {
	let mut result = *left;
	for limb in 0..LIMBS {
		result[limb] = _mm512_mask_blend_epi64(mask, left[limb], right[limb]);
	}
	result
}

/// Times `2^16`.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn shifted(limbs: &Vector) -> Vector {
	let mask = _mm512_set1_epi64(MASK.cast_signed());
	let mut result = *limbs;
	result[0] = _mm512_and_si512(_mm512_slli_epi64::<16>(limbs[0]), mask);
	for limb in 1..LIMBS {
		result[limb] = _mm512_and_si512(join!(limbs[limb - 1], 36, limbs[limb], 16), mask);
	}
	result
}

/// The lanes in which all limbs are the same.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn same(left: &Vector, right: &Vector) -> __mmask8 {
	let mut mask = 0xff;
	for limb in 0..LIMBS {
		mask &= _mm512_cmpeq_epi64_mask(left[limb], right[limb]);
	}
	mask
}
