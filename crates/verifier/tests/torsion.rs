//! Points with a part outside the prime-order subgroup.
//!
//! Pairings do not see a small-order part of a point of G1, so nothing but the subgroup check stands
//! between such proofs and acceptance. A check that is made for many points at once must not be
//! fooled either: a part of order 3 survives a random combination in one of three cases only.
#![allow(clippy::unwrap_used)]

mod common;

use ark_bls12_381::{Bls12_381, G2Affine};
use ark_ec::{pairing::Pairing, AffineRepr, CurveGroup};
use common::{
	accepts,
	points::{any_curve_point, g1_torsion, g2_torsion, Points, G1_TORSION, G2_TORSION},
	Proof,
};
use holdfast_verifier::{
	verify, verify_batch, PointError, PreparedVerifyingKey, ProofPoint, VerifyError,
};

const INPUTS: usize = 4;

fn setting() -> (PreparedVerifyingKey, Vec<ark_bls12_381::Fr>, Vec<Proof>) {
	let (key, prepared) = common::trapdoor(INPUTS, b"torsion");
	let inputs = common::inputs(INPUTS, 1);
	let proofs = (0..3u8).map(|seed| key.forge(&inputs, &[seed])).collect();
	(prepared, inputs, proofs)
}

fn assert_stray(
	key: &PreparedVerifyingKey,
	inputs: &[ark_bls12_381::Fr],
	proofs: &[Proof],
	bad: Proof,
	point: ProofPoint,
) {
	assert_eq!(
		verify(key, inputs, &bad),
		Err(VerifyError::Point {
			proof: 0,
			point,
			error: PointError::WrongSubgroup
		})
	);
	for position in 0..proofs.len() {
		let mut batch: Vec<_> = proofs.iter().map(|proof| (inputs, *proof)).collect();
		batch[position].1 = bad;
		assert!(verify_batch(key, &batch).is_err());
	}
}

#[test]
fn a_part_of_small_order_is_refused_although_the_pairing_does_not_see_it() {
	let (key, inputs, proofs) = setting();
	let mut rng = common::rng(1);
	let good = Points::of(&proofs[0]);
	for order in G1_TORSION {
		let stray = g1_torsion(&mut rng, order);
		let with = |point: ark_bls12_381::G1Affine| (point + stray).into_affine();
		// The equation holds with either point.
		for (point, other) in [(good.a, good.b), (good.c, G2Affine::generator())] {
			assert_ne!(with(point), point);
			assert_eq!(
				Bls12_381::pairing(with(point), other),
				Bls12_381::pairing(point, other)
			);
		}
		let bad = Points {
			a: with(good.a),
			..good
		};
		assert_stray(&key, &inputs, &proofs, bad.bytes(), ProofPoint::A);
		let bad = Points {
			c: with(good.c),
			..good
		};
		assert_stray(&key, &inputs, &proofs, bad.bytes(), ProofPoint::C);
	}
	for order in G2_TORSION {
		let bad = Points {
			b: (good.b + g2_torsion(&mut rng, order)).into_affine(),
			..good
		};
		assert_stray(&key, &inputs, &proofs, bad.bytes(), ProofPoint::B);
	}
}

#[test]
fn points_of_every_small_order_and_random_points_of_the_curve_are_refused() {
	let (key, inputs, proofs) = setting();
	let mut rng = common::rng(2);
	let good = Points::of(&proofs[0]);
	for round in 0..8 {
		let g1 = match G1_TORSION.get(round) {
			Some(order) => g1_torsion(&mut rng, *order),
			None => any_curve_point(&mut rng),
		};
		let bad = Points { a: g1, ..good };
		assert_stray(&key, &inputs, &proofs, bad.bytes(), ProofPoint::A);
		let bad = Points { c: g1, ..good };
		assert_stray(&key, &inputs, &proofs, bad.bytes(), ProofPoint::C);
		let g2 = match G2_TORSION.get(round) {
			Some(order) => g2_torsion(&mut rng, *order),
			None => any_curve_point(&mut rng),
		};
		let bad = Points { b: g2, ..good };
		assert_stray(&key, &inputs, &proofs, bad.bytes(), ProofPoint::B);
	}
}

/// Where a cofactor has a prime twice its points of that order may form many subgroups, of which a
/// wrong check might spare one.
#[test]
fn many_points_of_the_same_small_order_are_refused() {
	let (key, inputs, proofs) = setting();
	let mut rng = common::rng(5);
	let good = Points::of(&proofs[0]);
	let refused = |points: Points| assert!(verify(&key, &inputs, &points.bytes()).is_err());
	for (order, count) in [(3, 4), (11, 60), (10_177, 10)] {
		for _ in 0..count {
			let stray = g1_torsion(&mut rng, order);
			refused(Points { a: stray, ..good });
			refused(Points { c: stray, ..good });
			let a = (good.a + stray).into_affine();
			refused(Points { a, ..good });
			let c = (good.c + stray).into_affine();
			refused(Points { c, ..good });
		}
	}
	for (order, count) in [(13, 70), (23, 120), (2_713, 10)] {
		for _ in 0..count {
			let stray = g2_torsion(&mut rng, order);
			refused(Points { b: stray, ..good });
			let b = (good.b + stray).into_affine();
			refused(Points { b, ..good });
		}
	}
}

#[test]
fn parts_that_cancel_within_a_proof_are_refused() {
	let (key, inputs, proofs) = setting();
	let mut rng = common::rng(3);
	for order in G1_TORSION {
		let stray = g1_torsion(&mut rng, order);
		for proof in &proofs {
			let good = Points::of(proof);
			for (to_a, to_c) in [(stray, -stray), (stray, stray), (-stray, stray)] {
				let bad = Points {
					a: (good.a + to_a).into_affine(),
					c: (good.c + to_c).into_affine(),
					..good
				};
				assert!(!accepts(&key, &inputs, &bad.bytes()));
			}
		}
	}
}

#[test]
fn parts_that_cancel_within_a_batch_are_refused() {
	let (key, prepared) = common::trapdoor(INPUTS, b"torsion");
	let inputs = common::inputs(INPUTS, 1);
	let mut rng = common::rng(4);
	// Each round is another chance for a combination in which the parts vanish.
	for round in common::sample(0..400u32, 10) {
		let g1 = g1_torsion(&mut rng, 3);
		let g2 = g2_torsion(&mut rng, 13);
		let points: Vec<_> = (0..3u8)
			.map(|index| {
				let seed = [&round.to_le_bytes()[..], &[index]].concat();
				Points::of(&key.forge(&inputs, &seed))
			})
			.collect();
		let refused = |signs: [i8; 3], change: &dyn Fn(&mut Points, i8)| {
			let batch: Vec<_> = points
				.iter()
				.zip(signs)
				.map(|(points, sign)| {
					let mut points = *points;
					change(&mut points, sign);
					(inputs.as_slice(), points.bytes())
				})
				.collect();
			assert!(verify_batch(&prepared, &batch).is_err());
		};
		let add_g1 = |sign: i8| match sign {
			0 => ark_bls12_381::G1Affine::identity(),
			1.. => g1,
			_ => -g1,
		};
		for signs in [[1, -1, 0], [1, 1, 1], [0, 0, 1]] {
			refused(signs, &|points, sign| {
				points.a = (points.a + add_g1(sign)).into_affine();
			});
			refused(signs, &|points, sign| {
				points.c = (points.c + add_g1(sign)).into_affine();
			});
			refused(signs, &|points, sign| {
				let part = match sign {
					0 => G2Affine::identity(),
					1.. => g2,
					_ => -g2,
				};
				points.b = (points.b + part).into_affine();
			});
		}
	}
}
