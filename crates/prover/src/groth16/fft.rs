//! Transforms between a polynomial's coefficients and its values on `2^k` points, in place.
//!
//! With `psi` a root of unity of order `2n`, the domain is that of the powers of `psi²`, and the coset is that of
//! the odd powers of `psi`. Going from coefficients to values splits a polynomial modulo `X^m - s²` into the ones
//! modulo `X^(m/2) - s` and `X^(m/2) + s`, which leaves the values in bit-reversed order. The splits form a
//! binary tree: node *i* has the nodes *2i* and *2i + 1* below it, and `s` depends on the node alone. The
//! domain, `X^n - 1`, is node 0 and its own left child; the coset, `X^n + 1`, is node 1. One table of `n`
//! roots serves both, and their inverses are in the same table. A subtree that fits in a core's cache is
//! worked off before the next one is begun; above, two levels are done in one pass.

use blst::blst_fr;
use blstrs::Scalar;
use ff::{Field, PrimeField};
use rayon::prelude::*;

/// Below this size a thread works alone, two levels at a time: half a megabyte.
const ALONE: usize = 1 << 14;
/// How many elements a thread takes at a time above.
const CHUNK: usize = 1 << 12;

/// The roots at the nodes of the tree.
pub(super) struct Transform {
	/// Of node *i* at place *i*; as many as there are points.
	roots: Vec<Scalar>,
	/// The square root of minus one at the nodes, by which the two children's roots differ.
	size: usize,
}

impl Transform {
	/// For `2^log` points; `None` if the field has no such roots.
	pub(super) fn new(log: u32) -> Option<Self> {
		let steps = Scalar::S.checked_sub(log.checked_add(1)?)?;
		let size = 1usize.checked_shl(log)?;
		let mut psi = Scalar::ROOT_OF_UNITY;
		for _ in 0..steps {
			psi = psi.square();
		}
		let mut roots = vec![Scalar::ONE; size];
		// The lowest level first: psi to the odd powers 2 · reversed(b) + 1. Setting a bit of b that is
		// still clear adds the same to all exponents.
		let (upper, lowest) = roots.split_at_mut(size / 2);
		if let Some(first) = lowest.first_mut() {
			*first = psi;
		}
		let mut filled = 1;
		while filled < lowest.len() {
			// 2 · reversed(filled), where there are size / 2 values of b.
			let exponent = size / 2 / filled;
			let factor = psi.pow_vartime([crate::setup::units(exponent)]);
			let (done, next) = lowest.split_at_mut(filled);
			next[..filled]
				.par_iter_mut()
				.with_min_len(CHUNK)
				.zip(done)
				.for_each(|(next, done)| *next = *done * factor);
			filled *= 2;
		}
		// A node's root is the square of its left child's.
		let mut level = size / 4;
		let mut below: &[Scalar] = lowest;
		let mut rest = upper;
		while level > 0 {
			let (above, current) = rest.split_at_mut(level);
			current
				.par_iter_mut()
				.with_min_len(CHUNK)
				.zip(below.par_iter().step_by(2))
				.for_each(|(root, child)| *root = child.square());
			below = current;
			rest = above;
			level /= 2;
		}
		Some(Self { roots, size })
	}

	/// From values on the domain, in bit-reversed order, to `n` times the coefficients.
	pub(super) fn interpolate(&self, values: &mut [Scalar]) {
		self.join(values, 0);
	}

	/// From coefficients to values on the coset, in bit-reversed order.
	pub(super) fn evaluate_on_coset(&self, values: &mut [Scalar]) {
		self.split(values, 1);
	}

	/// From values on the coset, in bit-reversed order, to `n` times the coefficients.
	pub(super) fn interpolate_on_coset(&self, values: &mut [Scalar]) {
		self.join(values, 1);
	}

	fn root(&self, node: usize) -> Scalar {
		self.roots.get(node).copied().unwrap_or(Scalar::ONE)
	}

	/// The inverse of a node's root: within a level the exponents of the nodes and of their mirror images add
	/// up to `n`, and `psi^n` is minus one. Node 0, which has no mirror image, has the root one.
	fn inverse(&self, node: usize) -> Scalar {
		match node.checked_ilog2() {
			Some(level) => -self.root((3 << level) - 1 - node),
			None => Scalar::ONE,
		}
	}

	fn split(&self, values: &mut [Scalar], node: usize) {
		let size = values.len();
		if size <= 1 {
			return;
		}
		let root = self.root(node);
		let (left, right) = values.split_at_mut(size / 2);
		if size == 2 {
			split_pair(&mut left[0], &mut right[0], &root);
			return;
		}
		let roots = [root, self.root(2 * node), self.root(2 * node + 1)];
		let (first, second) = left.split_at_mut(size / 4);
		let (third, fourth) = right.split_at_mut(size / 4);
		let quarters = [first, second, third, fourth];
		if size <= ALONE {
			split_quarters(quarters, &roots);
			values
				.chunks_mut(size / 4)
				.zip(4 * node..)
				.for_each(|(quarter, node)| self.split(quarter, node));
		} else {
			in_chunks(quarters, |quarters| split_quarters(quarters, &roots));
			values
				.par_chunks_mut(size / 4)
				.zip(4 * node..4 * node + 4)
				.for_each(|(quarter, node)| self.split(quarter, node));
		}
	}

	fn join(&self, values: &mut [Scalar], node: usize) {
		let size = values.len();
		if size <= 1 {
			return;
		}
		let root = self.inverse(node);
		if size == 2 {
			let (left, right) = values.split_at_mut(1);
			join_pair(&mut left[0], &mut right[0], &root);
			return;
		}
		let roots = [root, self.inverse(2 * node), self.inverse(2 * node + 1)];
		let alone = size <= ALONE;
		if alone {
			values
				.chunks_mut(size / 4)
				.zip(4 * node..)
				.for_each(|(quarter, node)| self.join(quarter, node));
		} else {
			values
				.par_chunks_mut(size / 4)
				.zip(4 * node..4 * node + 4)
				.for_each(|(quarter, node)| self.join(quarter, node));
		}
		let (left, right) = values.split_at_mut(size / 2);
		let (first, second) = left.split_at_mut(size / 4);
		let (third, fourth) = right.split_at_mut(size / 4);
		let quarters = [first, second, third, fourth];
		if alone {
			join_quarters(quarters, &roots);
		} else {
			in_chunks(quarters, |quarters| join_quarters(quarters, &roots));
		}
	}

	pub(super) fn size(&self) -> usize {
		self.size
	}
}

fn in_chunks(
	[first, second, third, fourth]: [&mut [Scalar]; 4],
	operation: impl Fn([&mut [Scalar]; 4]) + Sync,
) {
	first
		.par_chunks_mut(CHUNK)
		.zip(second.par_chunks_mut(CHUNK))
		.zip(third.par_chunks_mut(CHUNK))
		.zip(fourth.par_chunks_mut(CHUNK))
		.for_each(|(((first, second), third), fourth)| operation([first, second, third, fourth]));
}

#[inline]
fn split_pair(left: &mut Scalar, right: &mut Scalar, root: &Scalar) {
	*right *= root;
	(*left, *right) = sum_and_difference(left, right);
}

/// `root` is the inverse.
#[inline]
fn join_pair(left: &mut Scalar, right: &mut Scalar, root: &Scalar) {
	(*left, *right) = sum_and_difference(left, right);
	*right *= root;
}

/// Inlined, because two calls take as long as the work, and because results that go through memory in words
/// and come back as vectors are waited for.
#[inline(always)]
fn sum_and_difference(left: &Scalar, right: &Scalar) -> (Scalar, Scalar) {
	let (left, right) = (blst_fr::from(*left).l, blst_fr::from(*right).l);
	// Both are below the modulus, which is below 2^255: the sum has no carry.
	let sum = plus(&left, &right);
	let (reduced, below) = minus(&sum, &MODULUS);
	let sum = if below { sum } else { reduced };
	let (difference, below) = minus(&left, &right);
	let correction = if below { MODULUS } else { [0; 4] };
	(
		Scalar::from(blst_fr { l: sum }),
		Scalar::from(blst_fr {
			l: plus(&difference, &correction),
		}),
	)
}

#[inline(always)]
fn plus(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
	let mut sum = [0; 4];
	let mut carry = false;
	for index in 0..4 {
		(sum[index], carry) = left[index].carrying_add(right[index], carry);
	}
	sum
}

/// Also whether the result is below zero.
#[inline(always)]
fn minus(left: &[u64; 4], right: &[u64; 4]) -> ([u64; 4], bool) {
	let mut difference = [0; 4];
	let mut borrow = false;
	for index in 0..4 {
		(difference[index], borrow) = left[index].borrowing_sub(right[index], borrow);
	}
	(difference, borrow)
}

/// The order of the groups, the least limb first.
const MODULUS: [u64; 4] = [
	0xffff_ffff_0000_0001,
	0x53bd_a402_fffe_5bfe,
	0x3339_d808_09a1_d805,
	0x73ed_a753_299d_7d48,
];

fn split_quarters([first, second, third, fourth]: [&mut [Scalar]; 4], roots: &[Scalar; 3]) {
	let [root, left, right] = roots;
	for (((first, second), third), fourth) in first.iter_mut().zip(second).zip(third).zip(fourth) {
		split_pair(first, third, root);
		split_pair(second, fourth, root);
		split_pair(first, second, left);
		split_pair(third, fourth, right);
	}
}

fn join_quarters([first, second, third, fourth]: [&mut [Scalar]; 4], roots: &[Scalar; 3]) {
	let [root, left, right] = roots;
	for (((first, second), third), fourth) in first.iter_mut().zip(second).zip(third).zip(fourth) {
		join_pair(first, second, left);
		join_pair(third, fourth, right);
		join_pair(first, third, root);
		join_pair(second, fourth, root);
	}
}

/// Puts the value at *i* where *i* is with its bits reversed.
pub(super) fn reverse_bits(values: &mut [Scalar]) {
	let Some(shift) = values
		.len()
		.checked_ilog2()
		.and_then(|log| usize::BITS.checked_sub(log))
		.filter(|shift| *shift < usize::BITS)
	else {
		return;
	};
	for index in 0..values.len() {
		let other = index.reverse_bits() >> shift;
		if index < other {
			values.swap(index, other);
		}
	}
}
