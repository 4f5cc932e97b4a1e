//! The proof itself.

use std::time::Instant;

use bellperson::{Circuit, SynthesisError};
use blstrs::{G1Projective, G2Projective, Scalar};
use ff::Field;
use group::{prime::PrimeCurveAffine as _, Curve as _};
use holdfast_primitives::{proof::PROOF_BYTES, ProofBytes};
use rayon::prelude::*;

use super::{
	assignment::Assignment,
	curve::{G1, G2},
	fft::{reverse_bits, Transform},
	key::ProvingKey,
	msm::{sum_of_multiples, InvalidPoint},
};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
	/// The circuit refuses its statement or its witness.
	#[error("the circuit cannot be synthesised: {0}")]
	Circuit(#[from] SynthesisError),
	/// The key is for another circuit.
	#[error("the proving key has {found} {what}, but the circuit has {expected}")]
	OtherCircuit {
		/// What there is another number of.
		what: &'static str,
		/// The circuit's number.
		expected: usize,
		/// The key's number.
		found: usize,
	},
	/// A point in the key is not canonical, or is the identity.
	#[error(transparent)]
	Point(#[from] InvalidPoint),
	/// With this key the proof would tell what must stay secret.
	#[error("the proving key's delta is the identity")]
	Delta,
}

/// The prover's randomness, which makes the proof tell nothing but that the statement is true.
pub(crate) struct Blinding {
	pub(crate) r: Scalar,
	pub(crate) s: Scalar,
}

impl Blinding {
	/// Fresh randomness from the operating system.
	pub(crate) fn random() -> Self {
		Self {
			r: Scalar::random(&mut rand::rngs::OsRng),
			s: Scalar::random(&mut rand::rngs::OsRng),
		}
	}
}

/// Proves a circuit's statement. With the same blinding the proof is the one that bellperson makes.
pub(crate) fn prove(
	circuit: impl Circuit<Scalar>,
	key: &ProvingKey,
	Blinding { r, s }: Blinding,
) -> Result<ProofBytes, ProveError> {
	let verifying_key = &key.verifying_key;
	if bool::from(verifying_key.delta_g1.is_identity() | verifying_key.delta_g2.is_identity()) {
		return Err(ProveError::Delta);
	}
	let start = Instant::now();
	let mut assignment = Assignment::with_room(key.aux(), key.domain());
	assignment.synthesize(circuit)?;
	let Assignment {
		inputs,
		aux,
		aux_in_a,
		inputs_in_b,
		aux_in_b,
		a,
		b,
		c,
	} = assignment;
	let expect = |what, expected, found| {
		if expected == found {
			Ok(())
		} else {
			Err(ProveError::OtherCircuit {
				what,
				expected,
				found,
			})
		}
	};
	// The variables that are in a and in b: the key has no points for the others.
	let chosen = |inputs: Vec<u32>, chosen: &[bool]| -> Vec<u32> {
		inputs
			.into_iter()
			.chain(positions(chosen).map(|index| index | AUX))
			.collect()
	};
	let all_inputs: Vec<u32> = (0u32..).take(inputs.len()).collect();
	let in_a = chosen(all_inputs, &aux_in_a);
	let in_b = chosen(positions(&inputs_in_b).collect(), &aux_in_b);
	let [points_a, points_b_g1, points_b_g2] = key.lengths();
	expect("inputs", inputs.len(), verifying_key.ic.len())?;
	expect("variables", aux.len(), key.aux())?;
	expect(
		"points of the domain",
		a.len().next_power_of_two(),
		key.domain(),
	)?;
	expect("variables in the first factors", in_a.len(), points_a)?;
	expect("variables in the second factors", in_b.len(), points_b_g1)?;
	expect("variables in the second factors", in_b.len(), points_b_g2)?;
	tracing::debug!(elapsed = ?start.elapsed(), constraints = a.len(), "synthesised");

	let (quotient, factor) = quotient([a, b, c])?;
	tracing::debug!(elapsed = ?start.elapsed(), "transformed");
	let h = sum_of_multiples::<G1>(key.h(), |index| quotient[index])? * factor;
	drop(quotient);
	tracing::debug!(elapsed = ?start.elapsed(), "summed h");
	let l = sum_of_multiples::<G1>(key.l(), |index| aux[index])?;
	tracing::debug!(elapsed = ?start.elapsed(), "summed l");
	let value = |chosen: &[u32], index: usize| -> Scalar {
		let place = chosen[index];
		if place & AUX == 0 {
			inputs[position(place)]
		} else {
			aux[position(place & !AUX)]
		}
	};
	let a = sum_of_multiples::<G1>(key.a(), |index| value(&in_a, index))?;
	tracing::debug!(elapsed = ?start.elapsed(), "summed a");
	let b_g1 = sum_of_multiples::<G1>(key.b_g1(), |index| value(&in_b, index))?;
	let b_g2 = sum_of_multiples::<G2>(key.b_g2(), |index| value(&in_b, index))?;
	tracing::debug!(elapsed = ?start.elapsed(), "summed b");

	// Groth, "On the size of pairing-based non-interactive arguments" (2016), section 3.2.
	let a = a + verifying_key.alpha_g1 + verifying_key.delta_g1 * r;
	let b_g1 = b_g1 + verifying_key.beta_g1 + verifying_key.delta_g1 * s;
	let b_g2: G2Projective = b_g2 + verifying_key.beta_g2 + verifying_key.delta_g2 * s;
	let c: G1Projective = h + l + a * s + b_g1 * r - verifying_key.delta_g1 * (r * s);
	let mut bytes = [0; PROOF_BYTES];
	let (first, rest) = bytes.split_at_mut(COMPRESSED_G1);
	let (second, third) = rest.split_at_mut(2 * COMPRESSED_G1);
	first.copy_from_slice(&a.to_affine().to_compressed());
	second.copy_from_slice(&b_g2.to_affine().to_compressed());
	third.copy_from_slice(&c.to_affine().to_compressed());
	Ok(bytes)
}

/// The bytes of a compressed point of the first group; one of the second takes twice as many.
const COMPRESSED_G1: usize = 48;

/// Marks the place of a variable that is no input.
const AUX: u32 = 1 << 31;

fn position(place: u32) -> usize {
	usize::try_from(place).unwrap_or(usize::MAX)
}

fn positions(chosen: &[bool]) -> impl Iterator<Item = u32> + '_ {
	(0u32..)
		.zip(chosen)
		.filter(|(_, chosen)| **chosen)
		.map(|(index, _)| index)
}

/// The coefficients of `(a · b - c) / (X^n - 1)`, up to a factor, which comes second.
///
/// With `a · b = low + X^n · high`, the values on the domain give `low + high`, which is `c`, and those on the
/// coset, where `X^n` is minus one, give `low - high`. So the quotient, `high`, is half their difference, and
/// `c` is never evaluated on the coset: six transforms instead of seven.
fn quotient(mut sides: [Vec<Scalar>; 3]) -> Result<(Vec<Scalar>, Scalar), ProveError> {
	let size = sides[0].len().next_power_of_two();
	let transform =
		Transform::new(size.trailing_zeros()).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
	let size = Scalar::from(crate::setup::units(transform.size()));
	let inverse =
		Option::<Scalar>::from(size.invert()).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
	sides.par_iter_mut().for_each(|values| {
		values.resize(transform.size(), Scalar::ZERO);
		reverse_bits(values);
	});
	for values in &mut sides {
		transform.interpolate(values);
	}
	let [mut a, mut b, mut c] = sides;
	transform.evaluate_on_coset(&mut a);
	transform.evaluate_on_coset(&mut b);
	// All are size times too large: c once, the product three times after its transform.
	let correction = inverse.square();
	a.par_iter_mut()
		.zip(b)
		.for_each(|(a, b)| *a = *a * b * correction);
	transform.interpolate_on_coset(&mut a);
	c.par_iter_mut().zip(a).for_each(|(c, a)| *c -= a);
	c.pop();
	Ok((c, inverse * Scalar::from(2).invert().unwrap_or(Scalar::ONE)))
}
