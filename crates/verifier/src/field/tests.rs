//! Both base fields and the tower over them, against arkworks; and the bounds of the one that has
//! any.

use super::{limbs::Limbs, words::Words, *};
use ark_bls12_381::{Fq12, Fq2};
use ark_ff::{AdditiveGroup, CyclotomicMultSubgroup, Field, UniformRand, Zero};
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

fn base_field_is_arkworks<B: Base>() {
	let mut rng = ChaCha8Rng::seed_from_u64(1);
	let mut values: Vec<Fq> = (0..40).map(|_| Fq::rand(&mut rng)).collect();
	values.extend([Fq::from(0u8), Fq::from(1u8), -Fq::from(1u8), Fq::from(2u8)]);
	assert_eq!(B::ZERO.value(), Fq::from(0u8));
	assert_eq!(B::ONE.value(), Fq::from(1u8));
	for a in &values {
		let x = B::of(a);
		assert_eq!(x.value(), *a);
		assert_eq!(B::of_stored(&x.stored()).value(), *a);
		assert_eq!(x.stored(), Words::of(a).stored());
		assert_eq!(x.square().value(), a.square());
		assert_eq!(x.neg().value(), -*a);
		assert_eq!(x.double().double().tight().value(), a.double().double());
		assert_eq!(x.is_zero(), a.is_zero());
		assert!(x.sub(&x).is_zero() && x.equals(&x));
		for b in &values {
			let y = B::of(b);
			assert_eq!(x.mul(&y).value(), *a * b);
			assert_eq!(x.mul(&y).is_reduced_zero(), (*a * b).is_zero());
			assert_eq!(x.add(&y).value(), *a + b);
			assert_eq!(x.sub(&y).value(), *a - b);
			assert_eq!(x.equals(&y), a == b);
			let product = Fp2([x, y]).mul(&Fp2([y, x.add(&y)]));
			assert_eq!(product.value(), Fq2::new(*a, *b) * Fq2::new(*b, *a + b));
			assert_eq!(Fp2([x, y]).square().value(), Fq2::new(*a, *b).square());
		}
	}
}

fn tower_is_arkworks<B: Base>() {
	let mut rng = ChaCha8Rng::seed_from_u64(2);
	for _ in 0..8 {
		let (a, b) = (Fq12::rand(&mut rng), Fq12::rand(&mut rng));
		let (x, y) = (Fp12::<B>::of(&a), Fp12::<B>::of(&b));
		assert_eq!(x.value(), a);
		assert_eq!(x.mul(&y).value(), a * b);
		assert_eq!(x.square().value(), a.square());
		let line = [0; 3].map(|_| Fq2::rand(&mut rng));
		let [c0, c1, c4] = line.map(|value| Fp2::<B>::of(&value));
		let mut expected = a;
		expected.mul_by_014(&line[0], &line[1], &line[2]);
		assert_eq!(x.mul_by_014(&c0, &c1, &c4).value(), expected);
		let mut expected = a;
		expected.mul_by_014(&line[0], &line[1], &Fq2::ONE);
		assert_eq!(x.mul_by_01_and_one(&c0, &c1).value(), expected);
		// Into the cyclotomic subgroup.
		let mut conjugate = a;
		conjugate.conjugate_in_place();
		let quotient = conjugate * a.inverse().unwrap();
		let unit = quotient.frobenius_map(2) * quotient;
		let x = Fp12::<B>::of(&unit);
		assert_eq!(x.cyclotomic_square().value(), unit.cyclotomic_square());
		assert_eq!(x.conjugate().value(), unit.inverse().unwrap());
	}
}

#[test]
fn both_base_fields_are_arkworks() {
	base_field_is_arkworks::<Words>();
	base_field_is_arkworks::<Limbs>();
}

#[test]
fn the_tower_over_both_is_arkworks() {
	tower_is_arkworks::<Words>();
	tower_is_arkworks::<Limbs>();
}
