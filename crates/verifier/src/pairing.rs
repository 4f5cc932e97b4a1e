//! Products of pairings.
//!
//! All pairs share the squarings of one Miller loop. Lines: Costello, Lange, Naehrig, "Faster
//! Pairing Computations on Curves with High-Degree Twists" (eprint 2009/615), in the homogeneous
//! coordinates of Aranha, Barreto, Longa, Ricardini, "The Realm of the Pairings" (eprint 2013/722).
//! Hard part of the final exponentiation: Hayashida, Hayasaka, Teruya, "Efficient Final Exponentiation
//! via Cyclotomic Structure for Pairings over Families of Elliptic Curves" (eprint 2020/875), which is
//! arkworks' choice too, so that the values are the same.

use alloc::vec::Vec;
use ark_bls12_381::{Fq, Fq12, Fq2, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field, MontFp};

use crate::{
	curve::{Affine, X},
	field::{Base, Fp12, Fp2},
};

/// How many lines a Miller loop has: one for each doubling and addition.
pub(crate) const LINE_COUNT: usize = 68;

/// The untwisted Frobenius endomorphism is `(x, y) ↦ (c·x̄, d·ȳ)` with these.
const FROBENIUS_X: Fq2 = Fq2::new(Fq::ZERO, MontFp!("4002409555221667392624310435006688643935503118305586438271171395842971157480381377015405980053539358417135540939437"));
const FROBENIUS_Y: Fq2 = Fq2::new(MontFp!("2973677408986561043442465346520108879172042883009249989176415018091420807192182638567116318576472649347015917690530"), MontFp!("1028732146235106349975324479215795277384839936929757896155643118032610843298655225875571310552543014690878354869257"));

/// A point of G2 other than the identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct G2<B> {
	pub(crate) x: Fp2<B>,
	pub(crate) y: Fp2<B>,
}

/// A line's coefficients at 1, v and v·w; the second is to be multiplied by a point's x, the third
/// by its y.
pub(crate) type Line<B> = [Fp2<B>; 3];

/// The lines of a point, scaled so that the third coefficient is one: factors in `Fp2` vanish in the
/// final exponentiation.
#[derive(Clone, Debug)]
pub(crate) struct FixedLines<B>(pub(crate) Vec<[Fp2<B>; 2]>);

impl<B: Base> G2<B> {
	/// `None` for the identity.
	pub(crate) fn of(point: &G2Affine) -> Option<Self> {
		point.xy().map(|(x, y)| Self {
			x: Fp2::of(&x),
			y: Fp2::of(&y),
		})
	}

	#[cfg(any(test, feature = "ec-hostcalls"))]
	pub(crate) fn value(&self) -> G2Affine {
		G2Affine::new_unchecked(self.x.value(), self.y.value())
	}

	/// The point's lines, and whether the point is in the subgroup.
	///
	/// The lines come from computing the multiple by `X`; in the subgroup, and only there, the
	/// Frobenius endomorphism does the same but for the sign (eprint 2021/1130). The formulas fail
	/// only for points of small order, and then `z` becomes and stays zero.
	pub(crate) fn lines(&self) -> (Vec<Line<B>>, bool) {
		let mut lines = Vec::with_capacity(LINE_COUNT);
		let mut running = Running {
			x: self.x,
			y: self.y,
			z: Fp2::ONE,
		};
		for bit in (0..63).rev() {
			lines.push(running.double());
			if X >> bit & 1 == 1 {
				lines.push(running.add(self));
			}
		}
		let x = self.x.conjugate().mul(&Fp2::of(&FROBENIUS_X));
		let y = self.y.conjugate().mul(&Fp2::of(&FROBENIUS_Y)).neg();
		let Running {
			x: multiple_x,
			y: multiple_y,
			z,
		} = running;
		let in_subgroup =
			!z.is_zero() && x.mul(&z).equals(&multiple_x) && y.mul(&z).equals(&multiple_y);
		(lines, in_subgroup)
	}
}

impl<B: Base> FixedLines<B> {
	/// `None` if a line is vertical, which no line of a point of the subgroup is.
	pub(crate) fn of(lines: &[Line<B>]) -> Option<Self> {
		lines
			.iter()
			.map(|[c0, c1, c2]| {
				let inverse = Fp2::of(&c2.value().inverse()?);
				Some([c0.mul(&inverse), c1.mul(&inverse)])
			})
			.collect::<Option<_>>()
			.map(Self)
	}

	/// The point that the lines are of: the first is its tangent, and the second goes through it
	/// and its double. `None` if there are no two such lines.
	#[cfg(any(test, feature = "ec-hostcalls"))]
	pub(crate) fn point(&self) -> Option<G2<B>> {
		// The lines are y = −c1·x − c0.
		let [[c0, c1], [d0, d1], ..] = self.0.as_slice() else {
			return None;
		};
		let inverse = Fp2::of(&d1.sub(c1).value().inverse()?);
		let x = c0.sub(d0).mul(&inverse);
		let y = x.mul(c1).add(c0).neg().tight();
		Some(G2 { x, y })
	}
}

/// A multiple of a point in homogeneous coordinates, all tight.
struct Running<B> {
	x: Fp2<B>,
	y: Fp2<B>,
	z: Fp2<B>,
}

impl<B: Base> Running<B> {
	/// Everything is four times what the formulas say, which saves halving.
	fn double(&mut self) -> Line<B> {
		let (b, c) = (self.y.square(), self.z.square());
		// Three times the curve's constant 4·ξ, 24.
		let e = c.triple().double().double().times_xi().tight();
		let f = e.triple();
		let h = self.y.add(&self.z).square().sub(&b.add(&c));
		let xx = self.x.square();
		let xy = self.x.mul(&self.y);
		// 2 · 4; 4; 1 + 12.
		self.x = xy.double().mul(&b.sub(&f));
		let e2 = e.square();
		self.y = b
			.add(&f)
			.square()
			.sub(&e2.triple().double().double())
			.tight();
		self.z = b.mul(&h).double().double().tight();
		[e.sub(&b).tight(), xx.triple(), h.neg()]
	}

	fn add(&mut self, point: &G2<B>) -> Line<B> {
		let theta = self.y.sub(&point.y.mul(&self.z));
		let lambda = self.x.sub(&point.x.mul(&self.z));
		let (c, d) = (theta.square(), lambda.square());
		let e = lambda.mul(&d);
		let (f, g) = (self.z.mul(&c), self.x.mul(&d));
		let h = e.add(&f).sub(&g.double());
		// 2 · 4; 2 · 5.
		self.x = lambda.mul(&h);
		self.y = theta.mul(&g.sub(&h)).sub(&e.mul(&self.y)).tight();
		self.z = self.z.mul(&e);
		let j = theta.mul(&point.x).sub(&lambda.mul(&point.y)).tight();
		[j, theta.neg(), lambda]
	}
}

/// A point of G1 with the lines of a point that was not known before.
pub(crate) struct FreshPair<'a, B> {
	pub(crate) left: Affine<B>,
	pub(crate) lines: &'a [Line<B>],
}

/// A point of G1 with the lines of a point that was.
pub(crate) struct FixedPair<'a, B> {
	pub(crate) left: Affine<B>,
	pub(crate) lines: &'a FixedLines<B>,
}

/// `Π e(pᵢ, qᵢ)`. `None` when the product of the Miller loops is zero or a point of order two is
/// among the fixed pairs, which no points of the groups yield.
pub(crate) fn product<B: Base>(
	fresh: &[FreshPair<'_, B>],
	fixed: &[FixedPair<'_, B>],
) -> Option<Fq12> {
	// A line divided by y: its value at the point is c0/y + (c1·x/y)·v + v·w.
	let fixed = fixed
		.iter()
		.map(|pair| {
			let inverse = B::of(&pair.left.y.value().inverse()?);
			Some((inverse, pair.left.x.mul(&inverse), pair.lines))
		})
		.collect::<Option<Vec<_>>>()?;
	let mut value = Fp12::<B>::ONE;
	let mut step = 0;
	let mut multiply_lines = |mut value: Fp12<B>| {
		for pair in fresh {
			if let Some([c0, c1, c2]) = pair.lines.get(step) {
				let (c1, c2) = (c1.scale(&pair.left.x), c2.scale(&pair.left.y));
				value = value.mul_by_014(c0, &c1, &c2);
			}
		}
		for (inverse, quotient, lines) in &fixed {
			if let Some([c0, c1]) = lines.0.get(step) {
				value = value.mul_by_01_and_one(&c0.scale(inverse), &c1.scale(quotient));
			}
		}
		step += 1;
		value
	};
	for bit in (0..63).rev() {
		if bit < 62 {
			value = value.square();
		}
		value = multiply_lines(value);
		if X >> bit & 1 == 1 {
			value = multiply_lines(value);
		}
	}
	// The curve's parameter is negative.
	final_exponentiation(&value.conjugate())
}

fn final_exponentiation<B: Base>(value: &Fp12<B>) -> Option<Fq12> {
	// To the power of (p^6 − 1)(p^2 + 1).
	let value = value.value();
	let mut conjugate = value;
	conjugate.conjugate_in_place();
	let quotient = conjugate * value.inverse()?;
	let easy = quotient.frobenius_map(2) * quotient;

	let r = Fp12::<B>::of(&easy);
	let y1 = power_of_x(&r).mul(&r.conjugate());
	let y1 = power_of_x(&y1).mul(&y1.conjugate());
	let y2 = power_of_x(&y1);
	let y1 = frobenius(&y1, 1).mul(&y2);
	let r = r.mul(&r.cyclotomic_square());
	let y2 = power_of_x(&power_of_x(&y1));
	let y1 = y1.conjugate().mul(&y2).mul(&frobenius(&y1, 2));
	Some(r.mul(&y1).value())
}

fn frobenius<B: Base>(value: &Fp12<B>, power: usize) -> Fp12<B> {
	Fp12::of(&value.value().frobenius_map(power))
}

/// The value to the power of the curve's parameter, which is negative.
fn power_of_x<B: Base>(value: &Fp12<B>) -> Fp12<B> {
	let mut power = *value;
	for bit in (0..63).rev() {
		power = power.cyclotomic_square();
		if X >> bit & 1 == 1 {
			power = power.mul(value);
		}
	}
	power.conjugate()
}

/// A value of pairings to the power of `d₀ + d₁·X + d₂·X² + d₃·X³`.
///
/// On such values the Frobenius endomorphism is raising to the curve's parameter.
pub(crate) fn power<B: Base>(value: &Fq12, digits: &[u64; 4]) -> Fq12 {
	let bases = [0, 1, 2, 3].map(|index| {
		let image = Fp12::<B>::of(&value.frobenius_map(index));
		if index % 2 == 1 {
			image.conjugate()
		} else {
			image
		}
	});
	// The products of all choices of bases.
	let mut products = alloc::vec![Fp12::<B>::ONE];
	for base in &bases {
		let with: Vec<_> = products.iter().map(|product| product.mul(base)).collect();
		products.extend(with);
	}
	let bits = digits
		.iter()
		.fold(0, |bits, digit| bits.max(64 - digit.leading_zeros()));
	let mut power = Fp12::<B>::ONE;
	for bit in (0..bits).rev() {
		power = power.cyclotomic_square();
		let choice = digits.iter().rev().fold(0usize, |choice, digit| {
			choice << 1 | usize::from(digit >> bit & 1 == 1)
		});
		if choice > 0 {
			if let Some(product) = products.get(choice) {
				power = power.mul(product);
			}
		}
	}
	power.value()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::field::{limbs::Limbs, words::Words};
	use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Projective};
	use ark_ec::{
		pairing::{MillerLoopOutput, Pairing},
		CurveGroup, PrimeGroup,
	};
	use ark_ff::{PrimeField, UniformRand};
	use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

	fn products_are_arkworks<B: Base>() {
		let mut rng = ChaCha8Rng::seed_from_u64(3);
		for (fresh_count, fixed_count) in [(0usize, 0usize), (1, 0), (0, 1), (1, 2), (4, 2)] {
			let count = fresh_count + fixed_count;
			let g1: Vec<G1Affine> = (0..count)
				.map(|_| (G1Projective::generator() * Fr::rand(&mut rng)).into_affine())
				.collect();
			let g2: Vec<G2Affine> = (0..count)
				.map(|_| (G2Projective::generator() * Fr::rand(&mut rng)).into_affine())
				.collect();
			let lines: Vec<Vec<Line<B>>> = g2
				.iter()
				.map(|point| {
					let (lines, in_subgroup) = G2::of(point).unwrap().lines();
					assert!(in_subgroup);
					assert_eq!(lines.len(), LINE_COUNT);
					lines
				})
				.collect();
			let fixed_lines: Vec<FixedLines<B>> = lines
				.iter()
				.map(|lines| FixedLines::of(lines).unwrap())
				.collect();
			for (lines, point) in fixed_lines.iter().zip(&g2) {
				assert_eq!(lines.point().unwrap().value(), *point);
			}
			let fresh: Vec<_> = g1
				.iter()
				.zip(&lines)
				.take(fresh_count)
				.map(|(left, lines)| FreshPair {
					left: Affine::of(left).unwrap(),
					lines,
				})
				.collect();
			let fixed: Vec<_> = g1
				.iter()
				.zip(&fixed_lines)
				.skip(fresh_count)
				.map(|(left, lines)| FixedPair {
					left: Affine::of(left).unwrap(),
					lines,
				})
				.collect();
			assert_eq!(
				product(&fresh, &fixed),
				Some(Bls12_381::multi_pairing(&g1, &g2).0)
			);
		}
	}

	fn final_exponentiations_are_arkworks<B: Base>() {
		let mut rng = ChaCha8Rng::seed_from_u64(9);
		let value = Fq12::rand(&mut rng);
		assert_eq!(
			final_exponentiation(&Fp12::<B>::of(&value)),
			Bls12_381::final_exponentiation(MillerLoopOutput(value)).map(|output| output.0)
		);
		assert_eq!(final_exponentiation(&Fp12::<B>::of(&Fq12::ZERO)), None);
	}

	fn powers_are_arkworks<B: Base>() {
		let mut rng = ChaCha8Rng::seed_from_u64(4);
		let value = Bls12_381::pairing(
			G1Projective::generator() * Fr::rand(&mut rng),
			G2Projective::generator(),
		);
		for digits in [
			[0, 0, 0, 0],
			[1, 0, 0, 0],
			[5, 3, 0, 1],
			[1 << 35, 77, (1 << 36) - 1, 9],
		] {
			let x = Fr::from(X);
			let exponent = digits
				.iter()
				.rev()
				.fold(Fr::from(0u8), |sum, digit| sum * x + Fr::from(*digit));
			assert_eq!(
				power::<B>(&value.0, &digits),
				value.mul_bigint(exponent.into_bigint()).0
			);
		}
	}

	fn points_outside_the_subgroup_are_found<B: Base>() {
		let mut rng = ChaCha8Rng::seed_from_u64(5);
		let mut outside = 0;
		while outside < 20 {
			let Some(point) = G2Affine::get_point_from_x_unchecked(Fq2::rand(&mut rng), true)
			else {
				continue;
			};
			assert!(!G2::<B>::of(&point).unwrap().lines().1);
			// The subgroup's part of it, and the rest of it.
			let inside = point.mul_by_cofactor_to_group().into_affine();
			assert!(G2::<B>::of(&inside).unwrap().lines().1);
			let small = point.mul_bigint(Fr::MODULUS).into_affine();
			assert!(!G2::<B>::of(&small).unwrap().lines().1);
			outside += 1;
		}
	}

	#[test]
	fn products_and_powers_over_both_base_fields_are_arkworks() {
		final_exponentiations_are_arkworks::<Words>();
		final_exponentiations_are_arkworks::<Limbs>();
		products_are_arkworks::<Words>();
		products_are_arkworks::<Limbs>();
		powers_are_arkworks::<Words>();
		powers_are_arkworks::<Limbs>();
	}

	#[test]
	fn the_subgroup_check_over_both_base_fields_is_exact() {
		points_outside_the_subgroup_are_found::<Words>();
		points_outside_the_subgroup_are_found::<Limbs>();
	}
}
