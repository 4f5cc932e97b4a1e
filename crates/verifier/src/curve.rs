//! Points of G1 in Jacobian coordinates, the curve's endomorphism, and points from bytes.
//!
//! Formulas: the Explicit-Formulas Database, "Jacobian coordinates with a4=0" (`dbl-2009-l`,
//! `madd`, `add`). Subgroup checks: Scott, "A note on group membership tests for G1, G2 and GT on
//! BLS pairing-friendly curves" (eprint 2021/1130).

use alloc::vec::Vec;
use ark_bls12_381::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{Field, MontFp};

use crate::field::Base;

/// The magnitude of the curve's parameter, which is negative.
pub(crate) const X: u64 = 0xd201_0000_0001_0000;

/// A cube root of one: `(x, y) ↦ (β·x, y)` multiplies points of the subgroup by `−X²`.
const BETA: Fq = MontFp!(
	"793479390729215512621379701633421447060886740281060493010456487427281649075476305620758731620350"
);

/// A point other than the identity, both coordinates tight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine<B> {
	pub(crate) x: B,
	pub(crate) y: B,
}

/// A point as `(x/z², y/z³)`, the identity if `z` is zero. All coordinates are tight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jacobian<B> {
	pub(crate) x: B,
	pub(crate) y: B,
	pub(crate) z: B,
	/// Whether it is the identity, so that nothing has to be compared with zero.
	pub(crate) identity: bool,
}

impl<B: Base> Affine<B> {
	/// `None` for the identity.
	pub(crate) fn of(point: &G1Affine) -> Option<Self> {
		point.xy().map(|(x, y)| Self {
			x: B::of(&x),
			y: B::of(&y),
		})
	}

	#[cfg(any(test, feature = "ec-hostcalls"))]
	pub(crate) fn value(&self) -> G1Affine {
		G1Affine::new_unchecked(self.x.value(), self.y.value())
	}

	pub(crate) fn neg(&self) -> Self {
		Self {
			x: self.x,
			y: self.y.neg(),
		}
	}

	/// `X²` times a point of the subgroup.
	pub(crate) fn times_x_squared(&self) -> Self {
		Self {
			x: self.x.mul(&B::of(&BETA)),
			y: self.y.neg(),
		}
	}

	pub(crate) fn jacobian(&self) -> Jacobian<B> {
		Jacobian {
			x: self.x,
			y: self.y,
			z: B::ONE,
			identity: false,
		}
	}
}

impl<B: Base> Jacobian<B> {
	pub(crate) const IDENTITY: Self = Self {
		x: B::ONE,
		y: B::ONE,
		z: B::ZERO,
		identity: true,
	};

	pub(crate) fn double(&self) -> Self {
		// No point of the curve has order two, so only the identity doubles to itself.
		if self.identity {
			return *self;
		}
		let (a, b) = (self.x.square(), self.y.square());
		let c = b.square();
		// 3, 6.
		let d = self.x.add(&b).square().sub(&a).sub(&c).double();
		let e = a.double().add(&a);
		// 13, 3 · 7, 9.
		let x = e.square().sub(&d.double()).tight();
		let c8 = c.double().double().double();
		let y = e.mul(&d.sub(&x)).sub(&c8).tight();
		let z = self.y.mul(&self.z).double().tight();
		Self {
			x,
			y,
			z,
			identity: false,
		}
	}

	pub(crate) fn add_affine(&self, other: &Affine<B>) -> Self {
		if self.identity {
			return other.jacobian();
		}
		let zz = self.z.square();
		let h = other.x.mul(&zz).sub(&self.x);
		let r = other.y.mul(&self.z.mul(&zz)).sub(&self.y);
		self.chord(&self.x, &self.y, &h, &r, &self.z)
	}

	pub(crate) fn add(&self, other: &Self) -> Self {
		if self.identity {
			return *other;
		}
		if other.identity {
			return *self;
		}
		let (zz, other_zz) = (self.z.square(), other.z.square());
		let (x, other_x) = (self.x.mul(&other_zz), other.x.mul(&zz));
		let y = self.y.mul(&other.z.mul(&other_zz));
		let other_y = other.y.mul(&self.z.mul(&zz));
		let (h, r) = (other_x.sub(&x), other_y.sub(&y));
		self.chord(&x, &y, &h, &r, &self.z.mul(&other.z))
	}

	/// The sum of `(x, y)` and `(x + h, y + r)`, scaled with `z`.
	#[inline(always)]
	fn chord(&self, x: &B, y: &B, h: &B, r: &B, z: &B) -> Self {
		let hh = h.square();
		if hh.is_reduced_zero() {
			return if r.is_zero() {
				self.double()
			} else {
				Self::IDENTITY
			};
		}
		let (hhh, v) = (h.mul(&hh), x.mul(&hh));
		// 4, 2 · 2.
		let sum_x = r.square().sub(&hhh).sub(&v.double()).tight();
		let sum_y = r.mul(&v.sub(&sum_x)).sub(&y.mul(&hhh)).tight();
		Self {
			x: sum_x,
			y: sum_y,
			z: z.mul(h),
			identity: false,
		}
	}

	#[cfg(test)]
	pub(crate) fn neg(&self) -> Self {
		Self {
			y: self.y.neg(),
			..*self
		}
	}

	/// `X` times the point.
	pub(crate) fn times_x(&self) -> Self {
		let mut sum = *self;
		for bit in (0..63).rev() {
			sum = sum.double();
			if X >> bit & 1 == 1 {
				sum = sum.add(self);
			}
		}
		sum
	}

	/// Whether it is this point.
	pub(crate) fn is(&self, other: &Affine<B>) -> bool {
		if self.identity {
			return false;
		}
		let zz = self.z.square();
		other.x.mul(&zz).equals(&self.x) && other.y.mul(&self.z.mul(&zz)).equals(&self.y)
	}
}

/// `X` times the point if it is in the subgroup, which it is when the endomorphism multiplies it by
/// `−X²`.
pub(crate) fn times_x_in_subgroup<B: Base>(point: &Affine<B>) -> Option<Jacobian<B>> {
	let multiple = point.jacobian().times_x();
	multiple
		.times_x()
		.is(&point.times_x_squared())
		.then_some(multiple)
}

/// Affine forms of many points at the price of one inversion; `None` for the identity.
pub(crate) fn normalize<B: Base>(points: &[Jacobian<B>]) -> Vec<Option<Affine<B>>> {
	// The products of all z before each.
	let mut product = B::ONE;
	let before: Vec<B> = points
		.iter()
		.map(|point| {
			let before = product;
			if !point.identity {
				product = product.mul(&point.z);
			}
			before
		})
		.collect();
	let mut inverse = B::of(&product.value().inverse().unwrap_or_default());
	let mut normalized: Vec<_> = points
		.iter()
		.zip(before)
		.rev()
		.map(|(point, before)| {
			if point.identity {
				return None;
			}
			let z = inverse.mul(&before);
			inverse = inverse.mul(&point.z);
			let zz = z.square();
			Some(Affine {
				x: point.x.mul(&zz),
				y: point.y.mul(&zz.mul(&z)),
			})
		})
		.collect();
	normalized.reverse();
	normalized
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::field::{limbs::Limbs, words::Words};
	use ark_bls12_381::{Fr, G1Projective};
	use ark_ec::{CurveGroup, PrimeGroup};
	use ark_ff::{PrimeField, UniformRand, Zero};
	use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

	fn value<B: Base>(point: &Jacobian<B>) -> G1Projective {
		match normalize(&[*point])[0] {
			Some(point) => point.value().into(),
			None => G1Projective::default(),
		}
	}

	fn groups_law_is_arkworks<B: Base>() {
		let mut rng = ChaCha8Rng::seed_from_u64(5);
		let mut points: Vec<G1Affine> = (0..6)
			.map(|_| (G1Projective::generator() * Fr::rand(&mut rng)).into_affine())
			.collect();
		points.push(-points[0]);
		points.push((points[1] + points[1]).into_affine());
		for a in &points {
			let x = Affine::<B>::of(a).unwrap();
			assert_eq!(x.value(), *a);
			let jacobian = x.jacobian().add(&Jacobian::IDENTITY);
			assert_eq!(value(&jacobian.double()), *a + a);
			assert_eq!(value(&jacobian.times_x()), *a * Fr::from(X));
			assert_eq!(
				x.times_x_squared().value(),
				(*a * (Fr::from(X) * Fr::from(X))).into_affine()
			);
			assert!(jacobian
				.double()
				.double()
				.add(&jacobian.neg())
				.is(&normalize(&[jacobian.double().add_affine(&x)])[0].unwrap()));
			assert!(!jacobian.is(&x.neg()) && !Jacobian::IDENTITY.is(&x));
			for b in &points {
				let y = Affine::<B>::of(b).unwrap();
				assert_eq!(value(&jacobian.add_affine(&y)), *a + b);
				// With a z that is not one.
				let twice = y.jacobian().double();
				assert_eq!(value(&jacobian.add(&twice)), *a + b + b);
				assert_eq!(value(&twice.add_affine(&x)), *a + b + b);
				assert_eq!(value(&twice.add(&jacobian.double())), *a + a + b + b);
			}
		}
		assert_eq!(
			value(&Jacobian::<B>::IDENTITY.double()),
			G1Projective::default()
		);
	}

	fn subgroup_check_is_exact<B: Base>() {
		let mut rng = ChaCha8Rng::seed_from_u64(6);
		let mut outside = 0;
		while outside < 20 {
			let Some(point) = G1Affine::get_point_from_x_unchecked(Fq::rand(&mut rng), true) else {
				continue;
			};
			outside += 1;
			assert!(times_x_in_subgroup(&Affine::<B>::of(&point).unwrap()).is_none());
			let inside = point.mul_by_cofactor_to_group().into_affine();
			let multiple = times_x_in_subgroup(&Affine::<B>::of(&inside).unwrap()).unwrap();
			assert_eq!(value(&multiple), inside * Fr::from(X));
			let rest = point.mul_bigint(Fr::MODULUS).into_affine();
			assert!(times_x_in_subgroup(&Affine::<B>::of(&rest).unwrap()).is_none());
			// A point of order three, and one of order eleven, which the cofactor has twice.
			for order in [3u64, 11] {
				let mut small = rest.into_group();
				for factor in [
					3u64, 11, 11, 10177, 10177, 859_267, 859_267, 52_437_899, 52_437_899,
				] {
					if !(small * Fr::from(order)).is_zero() {
						small = small.mul_bigint([factor]);
					}
				}
				if let Some(small) = Affine::<B>::of(&small.into_affine()) {
					assert!(times_x_in_subgroup(&small).is_none());
				}
			}
		}
	}

	#[test]
	fn the_groups_law_over_both_base_fields_is_arkworks() {
		groups_law_is_arkworks::<Words>();
		groups_law_is_arkworks::<Limbs>();
	}

	#[test]
	fn the_subgroup_check_over_both_base_fields_is_exact() {
		subgroup_check_is_exact::<Words>();
		subgroup_check_is_exact::<Limbs>();
	}
}
