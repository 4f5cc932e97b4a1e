//! Sums of multiples of G1 points.
//!
//! Of a statement's public inputs all but a few are node indices below 2^31, and the weights of a
//! batch have 128 bits. Arkworks' general routine walks 64 or 255 bits for them; this one walks as
//! many bits as the scalars have, and chooses between two methods by counting additions.

use alloc::{vec, vec::Vec};
use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Zero};

/// Scalars are summed in groups of at most this many bits, so that a few long ones do not make the
/// many short ones longer: node indices, weighted node indices, and everything else.
const GROUP_BITS: [u32; 3] = [64, 192, 256];
/// The width of the non-adjacent forms in [`interleaved`]: digits are odd and below 8 in magnitude.
const NAF_WIDTH: usize = 4;
const NAF_TABLE: usize = 4;
const MAX_WINDOW: u32 = 12;

// What things cost, in tenths of adding an affine point to a bucket.
const ADD_AFFINE: u64 = 10;
const ADD: u64 = 15;
const DOUBLE: u64 = 8;

type Scalar = BigInt<4>;
type Terms<'a> = [(&'a G1Affine, Scalar)];
/// Extended coordinates, which are the cheapest to add an affine point to.
type Bucket = <G1Projective as VariableBaseMSM>::Bucket;

/// `Σ scalarᵢ · baseᵢ` over as many terms as both slices have.
pub(crate) fn sum_of_multiples(bases: &[G1Affine], scalars: &[Scalar]) -> G1Projective {
	let mut groups: [Vec<(&G1Affine, Scalar)>; GROUP_BITS.len()] = Default::default();
	for (base, scalar) in bases.iter().zip(scalars) {
		if let Some(index) = group_of(scalar) {
			if let Some(group) = groups.get_mut(index) {
				group.push((base, *scalar));
			}
		}
	}
	groups.iter().fold(G1Projective::zero(), |mut sum, terms| {
		let bits = terms
			.iter()
			.map(|(_, scalar)| scalar.num_bits())
			.max()
			.unwrap_or(0);
		match Plan::of(terms.len(), bits).window {
			None => sum += interleaved(terms),
			Some(window) => sum += buckets(terms, bits, window),
		}
		sum
	})
}

/// About what [`sum_of_multiples`] costs for these scalars.
pub(crate) fn cost(scalars: &[Scalar]) -> u64 {
	let mut groups = [(0usize, 0u32); GROUP_BITS.len()];
	for scalar in scalars {
		if let Some((count, bits)) = group_of(scalar).and_then(|index| groups.get_mut(index)) {
			*count += 1;
			*bits = scalar.num_bits().max(*bits);
		}
	}
	groups
		.iter()
		.map(|(count, bits)| Plan::of(*count, *bits).cost)
		.sum()
}

/// `scalar · base`.
pub(crate) fn multiple(base: &G1Affine, scalar: Scalar) -> G1Projective {
	interleaved(&[(base, scalar)])
}

/// Which group a scalar is summed in; none if it is zero.
fn group_of(scalar: &Scalar) -> Option<usize> {
	let bits = scalar.num_bits();
	(bits > 0)
		.then(|| GROUP_BITS.iter().position(|limit| bits <= *limit))
		.flatten()
}

/// How a group is summed.
struct Plan {
	cost: u64,
	/// The window of [`buckets`]; `None` for [`interleaved`].
	window: Option<u32>,
}

impl Plan {
	fn of(count: usize, bits: u32) -> Self {
		let count = count as u64;
		if count == 0 {
			return Self {
				cost: 0,
				window: None,
			};
		}
		let doublings = u64::from(bits) * DOUBLE;
		let interleaved = Self {
			cost: doublings + count * (u64::from(bits) / 5 + NAF_TABLE as u64) * ADD,
			window: None,
		};
		(2..=MAX_WINDOW)
			.map(|window| {
				let windows = u64::from(bits / window + 1);
				let each = count * ADD_AFFINE + (ADD << window);
				Self {
					cost: doublings + windows * each,
					window: Some(window),
				}
			})
			.chain([interleaved])
			.min_by_key(|plan| plan.cost)
			.unwrap_or(Self {
				cost: 0,
				window: None,
			})
	}
}

/// One run of doublings for all terms; each adds a small odd multiple of its base where its
/// non-adjacent form has a digit. Best for few terms.
fn interleaved(terms: &Terms<'_>) -> G1Projective {
	let prepared: Vec<([G1Projective; NAF_TABLE], Vec<i64>)> = terms
		.iter()
		.filter_map(|(base, scalar)| {
			let mut odd = [base.into_group(); NAF_TABLE];
			let twice = odd[0].double();
			for index in 1..NAF_TABLE {
				odd[index] = odd[index - 1] + twice;
			}
			// `None` is for widths out of range only.
			scalar.find_wnaf(NAF_WIDTH).map(|digits| (odd, digits))
		})
		.collect();
	let length = prepared
		.iter()
		.map(|(_, digits)| digits.len())
		.max()
		.unwrap_or(0);
	let mut sum = G1Projective::zero();
	for position in (0..length).rev() {
		sum.double_in_place();
		for (odd, digits) in &prepared {
			let digit = digits.get(position).copied().unwrap_or(0);
			if digit == 0 {
				continue;
			}
			let index = usize::try_from(digit.unsigned_abs() / 2).unwrap_or(usize::MAX);
			if let Some(multiple) = odd.get(index) {
				if digit > 0 {
					sum += multiple;
				} else {
					sum -= multiple;
				}
			}
		}
	}
	sum
}

/// Pippenger's method with signed digits of `window` bits. Best for many terms.
fn buckets(terms: &Terms<'_>, bits: u32, window: u32) -> G1Projective {
	let windows = bits / window + 1;
	let mut carries = vec![false; terms.len()];
	let mut window_sums = Vec::with_capacity(usize::try_from(windows).unwrap_or(0));
	let half = 1u64 << (window - 1);
	for index in 0..windows {
		let mut buckets = vec![G1Projective::ZERO_BUCKET; 1 << (window - 1)];
		for ((base, scalar), carry) in terms.iter().zip(carries.iter_mut()) {
			let digit = bits_at(scalar, index * window, window) + u64::from(*carry);
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
			if *carry {
				*bucket -= *base;
			} else {
				*bucket += *base;
			}
		}
		let mut running = G1Projective::ZERO_BUCKET;
		let mut sum: Bucket = G1Projective::ZERO_BUCKET;
		for bucket in buckets.iter().rev() {
			running += bucket;
			sum += &running;
		}
		window_sums.push(G1Projective::from(sum));
	}
	window_sums
		.iter()
		.rev()
		.fold(G1Projective::zero(), |mut total, sum| {
			for _ in 0..window {
				total.double_in_place();
			}
			total + sum
		})
}

/// `count` (at most 32) bits of the scalar from bit `start` up; bits beyond its end are zero.
fn bits_at(scalar: &Scalar, start: u32, count: u32) -> u64 {
	let limb = |index: u32| {
		usize::try_from(index)
			.ok()
			.and_then(|index| scalar.0.get(index))
			.copied()
			.unwrap_or(0)
	};
	let (index, shift) = (start / 64, start % 64);
	let low = limb(index) >> shift;
	let high = if shift == 0 {
		0
	} else {
		limb(index + 1) << (64 - shift)
	};
	(low | high) & ((1 << count) - 1)
}

/// Affine forms of many points at the price of one inversion.
pub(crate) fn normalize(points: &[G1Projective]) -> Vec<G1Affine> {
	G1Projective::normalize_batch(points)
}

#[cfg(test)]
mod tests {
	use super::*;
	use ark_bls12_381::Fr;
	use ark_ec::PrimeGroup;
	use ark_ff::{PrimeField, UniformRand};
	use rand_chacha::{
		rand_core::{RngCore, SeedableRng},
		ChaCha8Rng,
	};

	fn naive(bases: &[G1Affine], scalars: &[Scalar]) -> G1Projective {
		bases
			.iter()
			.zip(scalars)
			.map(|(base, scalar)| base.into_group().mul_bigint(scalar))
			.sum()
	}

	fn scalar(rng: &mut ChaCha8Rng, bits: u32) -> Scalar {
		let mut value = Fr::rand(rng).into_bigint();
		value >>= 256 - bits.min(256);
		value
	}

	#[test]
	fn sums_equal_the_naive_sum_for_every_count_and_length() {
		let mut rng = ChaCha8Rng::seed_from_u64(7);
		let base = G1Projective::generator();
		for count in [0usize, 1, 2, 3, 5, 17, 40, 130, 400] {
			let bases: Vec<G1Affine> = normalize(
				&(0..count)
					.map(|_| base * Fr::rand(&mut rng))
					.collect::<Vec<_>>(),
			);
			for bits in [1, 6, 31, 64, 65, 128, 160, 256] {
				let scalars: Vec<_> = (0..count).map(|_| scalar(&mut rng, bits)).collect();
				assert_eq!(sum_of_multiples(&bases, &scalars), naive(&bases, &scalars));
			}
			let mixed: Vec<_> = (0..count)
				.map(|_| {
					let bits = 1 + rng.next_u32() % 256;
					scalar(&mut rng, bits)
				})
				.collect();
			assert_eq!(sum_of_multiples(&bases, &mixed), naive(&bases, &mixed));
		}
	}

	#[test]
	fn both_methods_agree_at_the_edges() {
		let mut rng = ChaCha8Rng::seed_from_u64(8);
		let base = (G1Projective::generator() * Fr::rand(&mut rng)).into_affine();
		let edges = [
			Fr::from(1u8).into_bigint(),
			Fr::from(2u8).into_bigint(),
			Fr::from(u32::MAX).into_bigint(),
			Fr::from(1u64 << 63).into_bigint(),
			Fr::from(u64::MAX).into_bigint(),
			(-Fr::from(1u8)).into_bigint(),
			(-Fr::from(2u8)).into_bigint(),
		];
		for scalar in edges {
			let terms = [(&base, scalar)];
			let expected = base.into_group().mul_bigint(scalar);
			assert_eq!(interleaved(&terms), expected);
			for window in 2..=MAX_WINDOW {
				assert_eq!(buckets(&terms, scalar.num_bits(), window), expected);
			}
		}
	}

	#[test]
	fn equal_bases_identities_and_opposites_are_summed_correctly() {
		let base = G1Affine::generator();
		let bases = [base, base, -base, G1Affine::identity(), base];
		let scalars = [9u64, 9, 18, 4, 0].map(|value| Fr::from(value).into_bigint());
		assert!(sum_of_multiples(&bases, &scalars).is_zero());
		let wide: Vec<_> = scalars
			.iter()
			.map(|_| Fr::from(3u8).into_bigint())
			.collect();
		assert_eq!(sum_of_multiples(&bases, &wide), naive(&bases, &wide));
	}
}
