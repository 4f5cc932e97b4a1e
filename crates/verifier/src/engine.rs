//! The operations on curves that verification is made of, and who carries them out.
//!
//! [`Local`] is this crate's own arithmetic. [`Arkworks`] works with any pairing of arkworks over
//! this curve: with the one of `sp-crypto-ec-utils` the operations are host functions, and with
//! arkworks' own it is what both are tested against.

use alloc::vec::Vec;
use ark_bls12_381::Fq12;

use crate::{
	curve::{normalize, Affine, Jacobian},
	field::Fp,
	msm::{self, Scalar, Term},
	pairing::{self, FixedLines, FixedPair, FreshPair, Line, G2},
	points::Checked,
	weight::Weight,
};

/// One side of a product of pairings that was not known before.
pub(crate) struct Fresh<'a> {
	pub(crate) left: Jacobian<Fp>,
	/// For host functions, which compute the lines themselves.
	#[cfg_attr(not(any(test, feature = "ec-hostcalls")), allow(dead_code))]
	pub(crate) right: &'a G2<Fp>,
	pub(crate) lines: &'a [Line<Fp>],
}

/// Who carries the operations out. Which one makes no difference to the results.
pub(crate) trait Engine {
	/// `Σ scalarᵢ · baseᵢ` over as many terms as both slices have.
	fn sum_of_multiples(bases: &[Affine<Fp>], scalars: &[Scalar]) -> Jacobian<Fp>;

	/// About what that costs for these scalars; only comparisons matter.
	fn cost(scalars: &[Scalar]) -> u64;

	/// The point times the weight.
	fn weighted(point: &Checked<Fp>, weight: &Weight) -> Jacobian<Fp>;

	/// The sum of the points times their weights.
	fn weighted_sum(points: &[(Checked<Fp>, Weight)]) -> Jacobian<Fp>;

	/// The product of all pairings; the second list has the lines of its points of G2. `None` when
	/// the product of the Miller loops is zero, which no points of the groups yield.
	fn product(fresh: &[Fresh<'_>], fixed: &[(Jacobian<Fp>, &FixedLines<Fp>)]) -> Option<Fq12>;

	/// A value of pairings to the power of the sum of weights, given by digits.
	fn power(value: &Fq12, digits: &[u64; 4]) -> Fq12 {
		pairing::power::<Fp>(value, digits)
	}
}

/// The engine that this build verifies with.
#[cfg(not(feature = "ec-hostcalls"))]
pub(crate) type Selected = Local;
/// The engine that this build verifies with.
#[cfg(feature = "ec-hostcalls")]
pub(crate) type Selected = Arkworks<sp_crypto_ec_utils::bls12_381::Bls12_381>;

/// This crate's own arithmetic.
pub(crate) struct Local;

/// The multiples by the powers of `X`, which a weight's digits are for.
fn multiples(point: &Affine<Fp>, times_x: &Affine<Fp>) -> [Affine<Fp>; 4] {
	[
		*point,
		*times_x,
		point.times_x_squared(),
		times_x.times_x_squared(),
	]
}

fn terms(points: &[(Checked<Fp>, Weight)]) -> Vec<Term<Fp>> {
	let times_x: Vec<_> = points.iter().map(|(point, _)| point.times_x).collect();
	points
		.iter()
		.zip(normalize(&times_x))
		.filter_map(|((point, weight), times_x)| {
			// Never the identity: the point's order is a large prime.
			Some(multiples(&point.point, &times_x?).into_iter().zip(weight.0))
		})
		.flatten()
		.map(|(base, digit)| Term {
			base,
			scalar: u128::from(digit),
		})
		.collect()
}

impl Engine for Local {
	fn sum_of_multiples(bases: &[Affine<Fp>], scalars: &[Scalar]) -> Jacobian<Fp> {
		msm::sum_of_multiples(bases, scalars)
	}

	fn cost(scalars: &[Scalar]) -> u64 {
		msm::cost(scalars)
	}

	fn weighted(point: &Checked<Fp>, weight: &Weight) -> Jacobian<Fp> {
		msm::sum(&terms(&[(*point, *weight)]))
	}

	fn weighted_sum(points: &[(Checked<Fp>, Weight)]) -> Jacobian<Fp> {
		msm::sum(&terms(points))
	}

	fn product(fresh: &[Fresh<'_>], fixed: &[(Jacobian<Fp>, &FixedLines<Fp>)]) -> Option<Fq12> {
		let left: Vec<Jacobian<Fp>> = fresh
			.iter()
			.map(|pair| pair.left)
			.chain(fixed.iter().map(|(left, _)| *left))
			.collect();
		let left = normalize(&left);
		let (fresh_left, fixed_left) = left.split_at_checked(fresh.len())?;
		// A pair with the identity contributes a factor of one.
		let fresh: Vec<_> = fresh
			.iter()
			.zip(fresh_left)
			.filter_map(|(pair, left)| {
				left.map(|left| FreshPair {
					left,
					lines: pair.lines,
				})
			})
			.collect();
		let fixed: Vec<_> = fixed
			.iter()
			.zip(fixed_left)
			.filter_map(|((_, right), left)| left.map(|left| FixedPair { left, lines: right }))
			.collect();
		pairing::product(&fresh, &fixed)
	}
}

#[cfg(any(test, feature = "ec-hostcalls"))]
pub(crate) use self::arkworks::Arkworks;

#[cfg(any(test, feature = "ec-hostcalls"))]
mod arkworks {
	use core::marker::PhantomData;

	use ark_bls12_381::{Fq, Fq2, Fr};
	use ark_ec::{
		pairing::Pairing,
		short_weierstrass::{Affine as Point, Projective, SWCurveConfig},
		AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM,
	};
	use ark_ff::{PrimeField, Zero};

	use super::*;

	/// Any of arkworks' pairings over this curve.
	pub(crate) struct Arkworks<E>(PhantomData<E>);

	impl<E, P1, P2> Engine for Arkworks<E>
	where
		E: Pairing<
			ScalarField = Fr,
			TargetField = Fq12,
			G1 = Projective<P1>,
			G1Affine = Point<P1>,
			G2Affine = Point<P2>,
		>,
		P1: SWCurveConfig<BaseField = Fq, ScalarField = Fr>,
		P2: SWCurveConfig<BaseField = Fq2, ScalarField = Fr>,
	{
		fn sum_of_multiples(bases: &[Affine<Fp>], scalars: &[Scalar]) -> Jacobian<Fp> {
			let bases: Vec<Point<P1>> = bases.iter().map(to).collect();
			let scalars: Vec<Fr> = scalars
				.iter()
				.map(|scalar| Fr::from_bigint(*scalar).unwrap_or_default())
				.collect();
			from(Projective::<P1>::msm_unchecked(&bases, &scalars))
		}

		fn cost(scalars: &[Scalar]) -> u64 {
			scalars.len() as u64
		}

		fn weighted(point: &Checked<Fp>, weight: &Weight) -> Jacobian<Fp> {
			let base: Projective<P1> = to(&point.point).into();
			from(base.mul_bigint(weight.scalar().into_bigint()))
		}

		fn weighted_sum(points: &[(Checked<Fp>, Weight)]) -> Jacobian<Fp> {
			let bases: Vec<Affine<Fp>> = points.iter().map(|(point, _)| point.point).collect();
			let scalars: Vec<Scalar> = points
				.iter()
				.map(|(_, weight)| weight.scalar().into_bigint())
				.collect();
			Self::sum_of_multiples(&bases, &scalars)
		}

		fn product(fresh: &[Fresh<'_>], fixed: &[(Jacobian<Fp>, &FixedLines<Fp>)]) -> Option<Fq12> {
			let left: Vec<Jacobian<Fp>> = fresh
				.iter()
				.map(|pair| pair.left)
				.chain(fixed.iter().map(|(left, _)| *left))
				.collect();
			let right = fresh
				.iter()
				.map(|pair| Some(*pair.right))
				.chain(fixed.iter().map(|(_, lines)| lines.point()))
				.collect::<Option<Vec<_>>>()?;
			let (left, right): (Vec<Point<P1>>, Vec<Point<P2>>) = normalize(&left)
				.into_iter()
				.zip(right)
				.filter_map(|(left, right)| {
					let right = right.value();
					Some((to(&left?), Point::new_unchecked(right.x, right.y)))
				})
				.unzip();
			let loops = E::multi_miller_loop(left, right);
			// The host's final exponentiation would trap.
			if loops.0.is_zero() {
				return None;
			}
			E::final_exponentiation(loops).map(|output| output.0)
		}
	}

	fn to<P: SWCurveConfig<BaseField = Fq>>(point: &Affine<Fp>) -> Point<P> {
		let point = point.value();
		Point::new_unchecked(point.x, point.y)
	}

	fn from<P: SWCurveConfig<BaseField = Fq>>(point: Projective<P>) -> Jacobian<Fp> {
		let affine = point
			.into_affine()
			.xy()
			.and_then(|(x, y)| Affine::of(&ark_bls12_381::G1Affine::new_unchecked(x, y)));
		affine.map_or(Jacobian::IDENTITY, |affine| affine.jacobian())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::curve::times_x_in_subgroup;
	use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
	use ark_ec::{CurveGroup, PrimeGroup};
	use ark_ff::{PrimeField, UniformRand};
	use rand_chacha::{
		rand_core::{RngCore, SeedableRng},
		ChaCha8Rng,
	};

	fn value(point: &Jacobian<Fp>) -> G1Affine {
		match normalize(&[*point])[0] {
			Some(point) => point.value(),
			None => G1Affine::identity(),
		}
	}

	fn agree<A: Engine, B: Engine>() {
		let mut rng = ChaCha8Rng::seed_from_u64(5);
		for count in [1usize, 2, 5, 40, 300] {
			let points: Vec<Checked<Fp>> = (0..count)
				.map(|_| {
					let point = (G1Projective::generator() * Fr::rand(&mut rng)).into_affine();
					let point = Affine::of(&point).unwrap();
					let times_x = times_x_in_subgroup(&point).unwrap();
					Checked { point, times_x }
				})
				.collect();
			let bases: Vec<Affine<Fp>> = points.iter().map(|point| point.point).collect();
			for bits in [0, 1, 20, 64, 65, 126, 127, 128, 200, 255] {
				let scalars: Vec<Scalar> = (0..count)
					.map(|index| {
						let mut scalar = Fr::rand(&mut rng).into_bigint();
						// Some of another length.
						scalar >>= if index % 7 == 3 { 225 } else { 255 - bits };
						scalar
					})
					.collect();
				assert_eq!(
					value(&A::sum_of_multiples(&bases, &scalars)),
					value(&B::sum_of_multiples(&bases, &scalars)),
					"{count} scalars of {bits} bits"
				);
			}
			let weighted: Vec<(Checked<Fp>, Weight)> = points
				.iter()
				.map(|point| {
					let mut bytes = [0; 16];
					rng.fill_bytes(&mut bytes);
					(*point, Weight::of(&bytes))
				})
				.collect();
			assert_eq!(
				value(&A::weighted_sum(&weighted)),
				value(&B::weighted_sum(&weighted))
			);
			let (point, weight) = &weighted[0];
			let expected = value(&A::weighted(point, weight));
			assert_eq!(expected, value(&B::weighted(point, weight)));
			assert_eq!(
				expected,
				(point.point.value() * weight.scalar()).into_affine()
			);
		}
		assert!(A::sum_of_multiples(&[], &[]).identity);
		assert!(B::sum_of_multiples(&[], &[]).identity);
	}

	fn agree_on_pairings<A: Engine, B: Engine>() {
		let mut rng = ChaCha8Rng::seed_from_u64(6);
		for (fresh, fixed) in [(0usize, 1usize), (1, 0), (1, 2), (3, 2)] {
			let count = fresh + fixed;
			let mut left: Vec<Jacobian<Fp>> = (0..count)
				.map(|_| {
					let point = (G1Projective::generator() * Fr::rand(&mut rng)).into_affine();
					Affine::of(&point).unwrap().jacobian().double()
				})
				.collect();
			if count == 5 {
				left[0] = Jacobian::IDENTITY;
				left[4] = Jacobian::IDENTITY;
			}
			let right: Vec<G2<Fp>> = (0..count)
				.map(|_| {
					let point: G2Affine =
						(G2Projective::generator() * Fr::rand(&mut rng)).into_affine();
					G2::of(&point).unwrap()
				})
				.collect();
			let lines: Vec<_> = right.iter().map(|point| point.lines().0).collect();
			let fixed_lines: Vec<_> = lines
				.iter()
				.map(|lines| FixedLines::of(lines).unwrap())
				.collect();
			let pairs = || {
				let fresh_pairs: Vec<Fresh<'_>> = (0..fresh)
					.map(|index| Fresh {
						left: left[index],
						right: &right[index],
						lines: &lines[index],
					})
					.collect();
				let fixed_pairs: Vec<_> = (fresh..count)
					.map(|index| (left[index], &fixed_lines[index]))
					.collect();
				(fresh_pairs, fixed_pairs)
			};
			let (fresh, fixed) = pairs();
			let expected = A::product(&fresh, &fixed);
			assert!(expected.is_some());
			assert_eq!(B::product(&fresh, &fixed), expected);
		}
	}

	#[test]
	fn own_arithmetic_agrees_with_arkworks() {
		agree::<Local, Arkworks<Bls12_381>>();
		agree_on_pairings::<Local, Arkworks<Bls12_381>>();
	}

	#[cfg(feature = "ec-hostcalls")]
	#[test]
	fn host_functions_agree_with_own_arithmetic() {
		use sp_crypto_ec_utils::bls12_381::Bls12_381 as HostBls12_381;
		agree::<Arkworks<HostBls12_381>, Local>();
		agree_on_pairings::<Arkworks<HostBls12_381>, Local>();
	}
}
