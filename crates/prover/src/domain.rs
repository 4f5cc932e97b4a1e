//! The domain that a circuit's constraints are interpolated on.

use bellperson::SynthesisError;
use blstrs::Scalar;
use ff::{Field, PrimeField};
use rayon::prelude::*;

use crate::setup::{units, SetupError, CHUNK};

/// The multiplicative subgroup that the constraints are interpolated on.
pub(crate) struct Domain {
	pub(crate) size: usize,
	size_in_field: Scalar,
	generator: Scalar,
	constraints: usize,
}

impl Domain {
	pub(crate) fn new(constraints: usize) -> Result<Self, SetupError> {
		let size = constraints.next_power_of_two();
		let log = size.trailing_zeros();
		if log >= Scalar::S {
			return Err(SynthesisError::PolynomialDegreeTooLarge.into());
		}
		let mut generator = Scalar::ROOT_OF_UNITY;
		for _ in log..Scalar::S {
			generator = generator.square();
		}
		Ok(Self {
			size,
			size_in_field: Scalar::from(units(size)),
			generator,
			constraints,
		})
	}

	/// The polynomial that vanishes on the domain, at `tau`.
	pub(crate) fn vanishing(&self, tau: &Scalar) -> Scalar {
		tau.pow_vartime([units(self.size)]) - Scalar::ONE
	}

	/// The Lagrange polynomials of the constraints at `tau`: `Z(tau) / m · w^i / (tau - w^i)`.
	pub(crate) fn lagrange(&self, tau: &Scalar) -> Result<Vec<Scalar>, SetupError> {
		let factor = Option::<Scalar>::from(self.size_in_field.invert())
			.ok_or(SetupError::Trapdoor)?
			* self.vanishing(tau);
		let mut values = vec![Scalar::ZERO; self.constraints];
		values
			.par_chunks_mut(CHUNK)
			.enumerate()
			.try_for_each(|(index, chunk)| {
				let roots = powers(&self.generator, index * CHUNK, chunk.len());
				for (value, root) in chunk.iter_mut().zip(&roots) {
					*value = *tau - root;
				}
				invert_all(chunk).ok_or(SetupError::Trapdoor)?;
				for (value, root) in chunk.iter_mut().zip(&roots) {
					*value *= *root * factor;
				}
				Ok::<(), SetupError>(())
			})?;
		Ok(values)
	}
}

/// `base^first, base^(first + 1), …`
pub(crate) fn powers(base: &Scalar, first: usize, count: usize) -> Vec<Scalar> {
	let start = base.pow_vartime([units(first)]);
	std::iter::successors(Some(start), |power| Some(*power * base))
		.take(count)
		.collect()
}

/// Inverts all values with one inversion. `None` if one is zero.
pub(crate) fn invert_all<F: Field>(values: &mut [F]) -> Option<()> {
	let mut product = F::ONE;
	let before: Vec<F> = values
		.iter()
		.map(|value| {
			let prefix = product;
			product *= value;
			prefix
		})
		.collect();
	let mut inverse = Option::<F>::from(product.invert())?;
	for (value, prefix) in values.iter_mut().zip(before).rev() {
		let inverted = inverse * prefix;
		inverse *= &*value;
		*value = inverted;
	}
	Some(())
}
