//! Inputs that are always equal share a point.
//!
//! A proof of replication's inputs name each challenged node four times, and a partition of a window
//! PoSt that is not full repeats its last sector. Where two inputs are equal in every proof of a
//! batch, their points are added first and multiplied together: one addition in place of a scalar's
//! worth of them. Which inputs are equal is looked up, so nothing is assumed about a statement.

use alloc::{vec, vec::Vec};

use crate::{
	curve::{normalize, Affine, Jacobian},
	field::Base,
	msm::Scalar,
};

/// A key's points with those added that belong to equal inputs.
pub(crate) struct Merged<B> {
	points: Vec<Affine<B>>,
	/// For each point, a position whose inputs it is multiplied by.
	positions: Vec<usize>,
}

impl<B: Base> Merged<B> {
	/// Merges the points by the inputs of all proofs, each of which has one for each point.
	pub(crate) fn new(points: &[Affine<B>], batch: &[Vec<Scalar>]) -> Self {
		let first = first_equals(points.len(), batch);
		let mut members = vec![0u32; points.len()];
		for position in &first {
			if let Some(members) = members.get_mut(*position) {
				*members += 1;
			}
		}
		// Points that stay alone need no arithmetic.
		let mut sums: Vec<(usize, Jacobian<B>)> = Vec::new();
		let mut slots = vec![None; points.len()];
		let mut merged = Self {
			points: Vec::new(),
			positions: Vec::new(),
		};
		for (position, point) in first.iter().zip(points) {
			let Some(slot) = slots.get_mut(*position) else {
				continue;
			};
			if members.get(*position) == Some(&1) {
				merged.points.push(*point);
				merged.positions.push(*position);
			} else if let Some((_, sum)) = slot.and_then(|slot: usize| sums.get_mut(slot)) {
				*sum = sum.add_affine(point);
			} else {
				*slot = Some(sums.len());
				sums.push((*position, point.jacobian()));
			}
		}
		let jacobian: Vec<_> = sums.iter().map(|(_, sum)| *sum).collect();
		for (point, (position, _)) in normalize(&jacobian).into_iter().zip(&sums) {
			// The identity adds nothing, whatever it is multiplied by.
			if let Some(point) = point {
				merged.points.push(point);
				merged.positions.push(*position);
			}
		}
		merged
	}

	pub(crate) fn points(&self) -> &[Affine<B>] {
		&self.points
	}

	/// What each point is multiplied by, from what each input is.
	pub(crate) fn pick<T: Copy>(&self, inputs: &[T]) -> Vec<T> {
		let pick = |position: &usize| inputs.get(*position).copied();
		self.positions.iter().filter_map(pick).collect()
	}
}

/// In how many places of the table a position is looked for.
const PROBES: usize = 8;

/// For each position an earlier one with the same inputs in all proofs, or else itself.
///
/// Not quite every pair is found: a position has a few places in the table, and takes the last one from
/// another if all are taken. At most half of the table is full, and nobody can make the search slow.
fn first_equals(count: usize, batch: &[Vec<Scalar>]) -> Vec<usize> {
	let mut first: Vec<usize> = (0..count).collect();
	let Some(inputs) = batch.first() else {
		return first;
	};
	let bits = (2 * count).next_power_of_two().ilog2().clamp(1, 30);
	let mut table: Vec<Option<usize>> = vec![None; (1 << bits) + PROBES];
	let is_equal = |a: usize, b: usize| batch.iter().all(|inputs| inputs.get(a) == inputs.get(b));
	for (position, input) in inputs.iter().enumerate().take(count) {
		let Some(places) =
			place(input, bits).and_then(|place| table.get_mut(place..place + PROBES))
		else {
			continue;
		};
		for (probe, place) in (1..).zip(places) {
			match *place {
				Some(earlier) if is_equal(earlier, position) => {
					if let Some(first) = first.get_mut(position) {
						*first = earlier;
					}
					break;
				},
				Some(_) if probe < PROBES => {},
				_ => {
					*place = Some(position);
					break;
				},
			}
		}
	}
	first
}

/// Where a scalar is looked for in a table of `2^bits` places.
fn place(scalar: &Scalar, bits: u32) -> Option<usize> {
	// An odd number near 2^64 divided by the golden ratio spreads well (Knuth, volume 3, 6.4).
	const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
	let folded = scalar
		.0
		.iter()
		.fold(0u64, |folded, limb| (folded ^ limb).wrapping_mul(SPREAD));
	usize::try_from(folded.checked_shr(u64::BITS - bits)?).ok()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		field::{limbs::Limbs, words::Words},
		msm,
	};
	use ark_bls12_381::{Fr, G1Affine, G1Projective};
	use ark_ec::{CurveGroup, PrimeGroup};
	use ark_ff::{PrimeField, UniformRand, Zero};
	use rand_chacha::{
		rand_core::{RngCore, SeedableRng},
		ChaCha8Rng,
	};

	fn value<B: Base>(point: &Jacobian<B>) -> G1Affine {
		match normalize(&[*point])[0] {
			Some(point) => point.value(),
			None => G1Affine::identity(),
		}
	}

	/// Merges, and compares the sums of multiples with those of the points as they are. Returns how many
	/// points are left.
	fn check<B: Base>(points: &[G1Affine], batch: &[Vec<Fr>]) -> usize {
		let bases: Vec<Affine<B>> = points
			.iter()
			.map(|point| Affine::of(point).unwrap())
			.collect();
		let scalars: Vec<Vec<Scalar>> = batch
			.iter()
			.map(|inputs| inputs.iter().map(|input| input.into_bigint()).collect())
			.collect();
		let merged = Merged::new(&bases, &scalars);
		for (inputs, scalars) in batch.iter().zip(&scalars) {
			let expected: G1Projective = points
				.iter()
				.zip(inputs)
				.map(|(point, input)| *point * input)
				.sum();
			let sum = msm::sum_of_multiples(merged.points(), &merged.pick(scalars));
			assert_eq!(value(&sum), expected.into_affine());
		}
		merged.points().len()
	}

	fn points(rng: &mut ChaCha8Rng, count: usize) -> Vec<G1Affine> {
		(0..count)
			.map(|_| (G1Projective::generator() * Fr::rand(rng)).into_affine())
			.collect()
	}

	fn any_sums_are_the_same<B: Base>() {
		let mut rng = ChaCha8Rng::seed_from_u64(1);
		for count in [0, 1, 2, 3, 39, 100] {
			let points = points(&mut rng, count);
			for different in [1, 2, 5, u32::MAX] {
				for proofs in [1, 3] {
					let batch: Vec<Vec<Fr>> = (0..proofs)
						.map(|_| {
							let inputs = (0..count).map(|_| Fr::from(rng.next_u32() % different));
							inputs.collect()
						})
						.collect();
					check::<B>(&points, &batch);
				}
			}
		}
	}

	#[test]
	fn sums_over_both_base_fields_stay_the_same() {
		any_sums_are_the_same::<Words>();
		any_sums_are_the_same::<Limbs>();
	}

	/// The shape of a proof of replication: four of eighteen inputs are one node.
	#[test]
	fn repeated_inputs_of_all_proofs_share_a_point() {
		let mut rng = ChaCha8Rng::seed_from_u64(2);
		let points = points(&mut rng, 3 + 18 * 18);
		let mut inputs = || -> Vec<Fr> {
			let mut inputs: Vec<Fr> = (0..points.len()).map(|_| Fr::rand(&mut rng)).collect();
			for challenge in inputs[3..].chunks_mut(18) {
				let node = challenge[0];
				challenge[15..].fill(node);
			}
			inputs
		};
		let batch = [inputs(), inputs(), inputs()];
		assert_eq!(check::<Limbs>(&points, &batch), 3 + 18 * 15);
	}

	#[test]
	fn what_is_equal_in_one_proof_only_stays_apart() {
		let mut rng = ChaCha8Rng::seed_from_u64(3);
		let points = points(&mut rng, 4);
		let inputs = |inputs: [u64; 4]| inputs.map(Fr::from).to_vec();
		assert_eq!(check::<Words>(&points, &[inputs([5, 5, 5, 6])]), 2);
		let batch = [inputs([5, 5, 5, 6]), inputs([7, 8, 7, 8])];
		assert_eq!(check::<Words>(&points, &batch), 3);
	}

	#[test]
	fn points_that_are_equal_or_cancel_are_added_right() {
		let mut rng = ChaCha8Rng::seed_from_u64(4);
		let point = points(&mut rng, 1)[0];
		let seven = Fr::from(7u8);
		assert_eq!(check::<Words>(&[point, point], &[vec![seven; 2]]), 1);
		assert_eq!(check::<Words>(&[point, -point], &[vec![seven; 2]]), 0);
		assert_eq!(
			check::<Words>(&[point, -point, point], &[vec![seven; 3]]),
			1
		);
		assert_eq!(check::<Words>(&[point; 3], &[vec![Fr::zero(); 3]]), 1);
	}
}
