//! Points for attacks, and proofs made of chosen points.

use ark_bls12_381::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{
	short_weierstrass::{Affine, Projective, SWCurveConfig},
	AffineRepr, CurveConfig, CurveGroup,
};
use ark_ff::{Field, PrimeField, UniformRand, Zero};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand_chacha::ChaCha8Rng;

use super::Proof;

/// The prime factors of G1's cofactor.
pub const G1_TORSION: [u64; 5] = [3, 11, 10_177, 859_267, 52_437_899];
/// The small prime factors of G2's cofactor.
pub const G2_TORSION: [u64; 5] = [13, 23, 2_713, 11_953, 262_069];

/// The points of a proof, not checked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points {
	pub a: G1Affine,
	pub b: G2Affine,
	pub c: G1Affine,
}

impl Points {
	pub fn of(proof: &Proof) -> Self {
		Self {
			a: G1Affine::deserialize_compressed_unchecked(&proof[..48]).unwrap(),
			b: G2Affine::deserialize_compressed_unchecked(&proof[48..144]).unwrap(),
			c: G1Affine::deserialize_compressed_unchecked(&proof[144..]).unwrap(),
		}
	}

	pub fn bytes(&self) -> Proof {
		let mut proof = [0; 192];
		self.a.serialize_compressed(&mut proof[..48]).unwrap();
		self.b.serialize_compressed(&mut proof[48..144]).unwrap();
		self.c.serialize_compressed(&mut proof[144..]).unwrap();
		proof
	}
}

/// A key made from chosen logarithms.
#[derive(Clone, Debug)]
pub struct ChosenKey {
	pub alpha: Fr,
	pub beta: Fr,
	pub gamma: Fr,
	pub delta: Fr,
	/// Of the input points, the constant first.
	pub inputs: Vec<Fr>,
}

impl ChosenKey {
	pub fn bytes(&self) -> Vec<u8> {
		let mut bytes = Vec::new();
		write_g1(&mut bytes, self.alpha);
		write_g1(&mut bytes, self.beta);
		write_g2(&mut bytes, self.beta);
		write_g2(&mut bytes, self.gamma);
		write_g1(&mut bytes, self.delta);
		write_g2(&mut bytes, self.delta);
		bytes.extend_from_slice(&u32::try_from(self.inputs.len()).unwrap().to_be_bytes());
		for input in &self.inputs {
			write_g1(&mut bytes, *input);
		}
		bytes
	}

	/// The logarithm of what the inputs accumulate to.
	pub fn accumulated(&self, inputs: &[Fr]) -> Fr {
		assert_eq!(inputs.len() + 1, self.inputs.len());
		self.inputs[0]
			+ inputs
				.iter()
				.zip(&self.inputs[1..])
				.map(|(input, point)| *input * point)
				.sum::<Fr>()
	}

	/// A proof with chosen A and C; B is what makes it hold.
	pub fn prove(&self, inputs: &[Fr], a: Fr, c: Fr) -> Proof {
		let b = (self.alpha * self.beta + self.accumulated(inputs) * self.gamma + c * self.delta)
			* a.inverse().unwrap();
		Points {
			a: g1(a).into_affine(),
			b: (G2Affine::generator() * b).into_affine(),
			c: g1(c).into_affine(),
		}
		.bytes()
	}
}

fn write_g1(bytes: &mut Vec<u8>, scalar: Fr) {
	g1(scalar)
		.into_affine()
		.serialize_uncompressed(bytes)
		.unwrap();
}

fn write_g2(bytes: &mut Vec<u8>, scalar: Fr) {
	(G2Affine::generator() * scalar)
		.into_affine()
		.serialize_uncompressed(bytes)
		.unwrap();
}

pub fn g1(scalar: impl Into<Fr>) -> G1Projective {
	G1Affine::generator() * scalar.into()
}

/// A proof with something added to its point C.
pub fn shift_c(proof: &Proof, offset: impl Into<G1Projective>) -> Proof {
	let mut points = Points::of(proof);
	points.c = (points.c + offset.into()).into_affine();
	points.bytes()
}

/// A point of the curve that is almost certainly in no small subgroup.
pub fn any_curve_point<C: SWCurveConfig>(rng: &mut ChaCha8Rng) -> Affine<C> {
	loop {
		let x = C::BaseField::rand(rng);
		if let Some(point) = Affine::get_point_from_x_unchecked(x, bool::rand(rng)) {
			return point;
		}
	}
}

/// A point of exactly this prime order, a factor of the curve's cofactor.
pub fn torsion<C: SWCurveConfig>(rng: &mut ChaCha8Rng, order: u64) -> Affine<C> {
	let mut cofactor = C::COFACTOR.to_vec();
	while let Some(quotient) = divide(&cofactor, order) {
		cofactor = quotient;
	}
	loop {
		// What is left has an order that is a power of the prime.
		let mut point: Projective<C> = any_curve_point::<C>(rng)
			.mul_bigint(<C as CurveConfig>::ScalarField::MODULUS)
			.into_affine()
			.mul_bigint(&cofactor);
		while !point.is_zero() {
			let next = point.into_affine().mul_bigint([order]);
			if next.is_zero() {
				return point.into_affine();
			}
			point = next;
		}
	}
}

pub fn g1_torsion(rng: &mut ChaCha8Rng, order: u64) -> G1Affine {
	torsion::<ark_bls12_381::g1::Config>(rng, order)
}

pub fn g2_torsion(rng: &mut ChaCha8Rng, order: u64) -> G2Affine {
	torsion::<ark_bls12_381::g2::Config>(rng, order)
}

/// The quotient if there is no remainder.
fn divide(limbs: &[u64], divisor: u64) -> Option<Vec<u64>> {
	let mut remainder = 0u128;
	let mut quotient = vec![0; limbs.len()];
	for (to, limb) in quotient.iter_mut().zip(limbs).rev() {
		let value = remainder << 64 | u128::from(*limb);
		*to = u64::try_from(value / u128::from(divisor)).unwrap();
		remainder = value % u128::from(divisor);
	}
	(remainder == 0).then_some(quotient)
}

/// An x that no point of G1's curve has.
pub fn g1_x_without_y() -> Fq {
	(1u64..)
		.map(Fq::from)
		.find(|x| G1Affine::get_point_from_x_unchecked(*x, false).is_none())
		.unwrap()
}

/// An x that no point of G2's curve has.
pub fn g2_x_without_y() -> Fq2 {
	(1u64..)
		.map(|x| Fq2::from_base_prime_field(Fq::from(x)))
		.find(|x| G2Affine::get_point_from_x_unchecked(*x, false).is_none())
		.unwrap()
}
