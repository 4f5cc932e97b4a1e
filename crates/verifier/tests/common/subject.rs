//! Real proofs with their inputs and keys, and ways to spoil them.

use ark_bls12_381::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, PrimeField, UniformRand};
use holdfast_verifier::{encoding::field_element, PreparedVerifyingKey};
use rand_chacha::{rand_core::RngCore, ChaCha8Rng};

use super::{
	fixture,
	points::{any_curve_point, g1, g1_torsion, g1_x_without_y, g2_torsion, g2_x_without_y, Points},
	seal32, Proof,
};

type PointOf = fn(&mut Points) -> &mut G1Affine;

/// One Groth16 proof.
pub struct Subject {
	pub name: String,
	pub key_bytes: Vec<u8>,
	pub key: PreparedVerifyingKey,
	pub inputs: Vec<Fr>,
	pub proof: Proof,
}

/// The proofs of all fixtures.
pub fn fixtures() -> Vec<Subject> {
	fixture::all()
		.into_iter()
		.flat_map(|fixture| {
			let inputs = fixture.statement.public_inputs();
			assert_eq!(inputs.len(), fixture.proofs.len());
			inputs
				.into_iter()
				.zip(fixture.proofs)
				.map(move |(inputs, proof)| Subject {
					name: fixture.name.clone(),
					key_bytes: fixture.key_bytes.clone(),
					key: fixture.key.clone(),
					inputs,
					proof,
				})
		})
		.collect()
}

/// The proofs of the vector, none if it is not there.
pub fn vector() -> Vec<Subject> {
	let Some(vector) = seal32() else {
		return Vec::new();
	};
	let key = PreparedVerifyingKey::from_bytes(&vector.key).unwrap();
	vector
		.proofs
		.iter()
		.enumerate()
		.map(|(index, (proof, inputs))| Subject {
			name: format!("proof {index} of the vector"),
			key_bytes: vector.key.clone(),
			key: key.clone(),
			inputs: inputs
				.iter()
				.map(|input| field_element(input).unwrap())
				.collect(),
			proof: *proof,
		})
		.collect()
}

pub fn all() -> Vec<Subject> {
	let mut subjects = fixtures();
	subjects.extend(vector());
	subjects
}

/// Proofs that are not the given one: of the right form with other points, and of wrong form.
pub fn spoilt_proofs(rng: &mut ChaCha8Rng, proof: &Proof) -> Vec<(String, Proof)> {
	let good = Points::of(proof);
	let (h, r1, r2) = (
		G2Affine::generator(),
		g1(Fr::rand(rng)).into_affine(),
		(G2Affine::generator() * Fr::rand(rng)).into_affine(),
	);
	let mut cases: Vec<(String, Proof)> = Vec::new();

	let places: [(&str, PointOf); 2] =
		[("A", |points| &mut points.a), ("C", |points| &mut points.c)];
	for (name, at) in places {
		let was = *at(&mut good.clone());
		for (what, point) in [
			("negated", -was),
			("doubled", (was + was).into_affine()),
			(
				"plus the generator",
				(was + G1Affine::generator()).into_affine(),
			),
			(
				"minus the generator",
				(was - G1Affine::generator()).into_affine(),
			),
			("the generator", G1Affine::generator()),
			("random", r1),
			("the identity", G1Affine::identity()),
			("outside the subgroup", any_curve_point(rng)),
			(
				"plus a part of order 3",
				(was + g1_torsion(rng, 3)).into_affine(),
			),
			(
				"plus a part of order 11",
				(was + g1_torsion(rng, 11)).into_affine(),
			),
			(
				"plus a part of order 52437899",
				(was + g1_torsion(rng, 52_437_899)).into_affine(),
			),
			("of order 10177", g1_torsion(rng, 10_177)),
		] {
			let mut points = good;
			*at(&mut points) = point;
			cases.push((format!("{name} {what}"), points.bytes()));
		}
	}
	let was = good.b;
	for (what, b) in [
		("negated", -was),
		("doubled", (was + was).into_affine()),
		("plus the generator", (was + h).into_affine()),
		("minus the generator", (was - h).into_affine()),
		("the generator", h),
		("random", r2),
		("the identity", G2Affine::identity()),
		("outside the subgroup", any_curve_point(rng)),
		(
			"plus a part of order 13",
			(was + g2_torsion(rng, 13)).into_affine(),
		),
		(
			"plus a part of order 262069",
			(was + g2_torsion(rng, 262_069)).into_affine(),
		),
		("of order 23", g2_torsion(rng, 23)),
	] {
		cases.push((format!("B {what}"), Points { b, ..good }.bytes()));
	}
	for (what, points) in [
		(
			"A and C swapped",
			Points {
				a: good.c,
				c: good.a,
				..good
			},
		),
		("A for C", Points { c: good.a, ..good }),
		("C for A", Points { a: good.c, ..good }),
		(
			"all negated",
			Points {
				a: -good.a,
				b: -good.b,
				c: -good.c,
			},
		),
		(
			"A and C negated",
			Points {
				a: -good.a,
				c: -good.c,
				..good
			},
		),
		(
			"generators",
			Points {
				a: G1Affine::generator(),
				b: h,
				c: G1Affine::generator(),
			},
		),
	] {
		cases.push((what.into(), points.bytes()));
	}
	cases.extend(misencoded(proof));
	cases
}

/// The same points, or none, in encodings that are not theirs.
pub fn misencoded(proof: &Proof) -> Vec<(String, Proof)> {
	let mut cases = Vec::new();
	for (name, start, length) in [("A", 0, 48), ("B", 48, 96), ("C", 144, 48)] {
		let mut with = |what: &str, change: &dyn Fn(&mut [u8])| {
			let mut changed = *proof;
			change(&mut changed[start..start + length]);
			assert_ne!(changed, *proof);
			cases.push((format!("{name} {what}"), changed));
		};
		// The compressed flag, the identity flag and the sign, each combination but the right one's.
		for flags in 0..8u8 {
			with(&format!("with flags {flags:03b}"), &move |bytes| {
				let flags = flags << 5;
				let sign = bytes[0] & 0x20;
				bytes[0] = if bytes[0] & 0xe0 == flags {
					bytes[0] & 0x1f | 0x80 | (sign ^ 0x20)
				} else {
					bytes[0] & 0x1f | flags
				};
			});
			with(&format!("all zero with flags {flags:03b}"), &move |bytes| {
				bytes.fill(0);
				bytes[0] = flags << 5;
			});
			with(
				&format!("nearly zero with flags {flags:03b}"),
				&move |bytes| {
					bytes.fill(0);
					bytes[0] = flags << 5;
					bytes[length - 1] = 1;
				},
			);
			with(&format!("all one with flags {flags:03b}"), &move |bytes| {
				bytes.fill(0xff);
				bytes[0] = flags << 5 | 0x1f;
			});
		}
		for coordinate in (0..length).step_by(48) {
			// The modulus, one below and one above it, where the coordinate was.
			for (what, offset) in [("p", 0i8), ("p - 1", -1), ("p + 1", 1)] {
				with(&format!("with a coordinate of {what}"), &move |bytes| {
					let flags = if coordinate == 0 { bytes[0] & 0xe0 } else { 0 };
					let mut modulus = ark_bls12_381::Fq::MODULUS.to_bytes_be();
					modulus[47] = modulus[47].wrapping_add_signed(offset);
					modulus[0] |= flags;
					bytes[coordinate..coordinate + 48].copy_from_slice(&modulus);
				});
			}
			// The same number modulo p, if it is still short enough.
			let at = start + coordinate;
			if let Some(congruent) = plus_modulus(&proof[at..at + 48], coordinate == 0) {
				with("with the modulus added to a coordinate", &move |bytes| {
					bytes[coordinate..coordinate + 48].copy_from_slice(&congruent);
				});
			}
		}
		with("on no point of the curve", &|bytes| {
			bytes.fill(0);
			if length == 48 {
				bytes.copy_from_slice(&g1_x_without_y().into_bigint().to_bytes_be());
			} else {
				let x = g2_x_without_y();
				bytes[48..].copy_from_slice(&x.c0.into_bigint().to_bytes_be());
			}
			bytes[0] |= 0x80;
		});
		with("reversed", &|bytes| bytes.reverse());
		if length == 96 {
			with("with its coordinate's halves swapped", &|bytes| {
				let flags = bytes[0] & 0xe0;
				bytes[0] &= 0x1f;
				bytes.rotate_left(48);
				bytes[0] |= flags;
			});
		}
	}
	let mut rotated = *proof;
	rotated.rotate_right(48);
	cases.push(("points rotated".into(), rotated));
	cases
}

/// Another encoding of the same coordinate. Where the flags are there are 381 bits, elsewhere 384.
fn plus_modulus(bytes: &[u8], flags: bool) -> Option<Vec<u8>> {
	let mut sum = bytes.to_vec();
	let kept = if flags { sum[0] & 0xe0 } else { 0 };
	sum[0] ^= kept;
	let mut carry = 0u16;
	let modulus = ark_bls12_381::Fq::MODULUS.to_bytes_be();
	for (byte, addend) in sum.iter_mut().zip(modulus).rev() {
		let value = u16::from(*byte) + u16::from(addend) + carry;
		*byte = value.to_le_bytes()[0];
		carry = value >> 8;
	}
	if carry != 0 || (flags && sum[0] & 0xe0 != 0) {
		return None;
	}
	sum[0] |= kept;
	Some(sum)
}

/// Other inputs than these: at one position, the one of `index`.
pub fn spoilt_inputs(rng: &mut ChaCha8Rng, inputs: &[Fr], index: usize) -> Vec<Vec<Fr>> {
	let was = inputs[index];
	let bit = rng.next_u32() % 254;
	let mut values = vec![
		was + Fr::from(1u8),
		was - Fr::from(1u8),
		Fr::from(0u8),
		-was,
		was + was,
		was + Fr::from(2u8).pow([u64::from(bit)]),
		Fr::rand(rng),
	];
	values.retain(|value| *value != was);
	values
		.into_iter()
		.map(|value| {
			let mut changed = inputs.to_vec();
			changed[index] = value;
			changed
		})
		.collect()
}
