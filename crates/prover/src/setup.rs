//! A Groth16 set-up for one circuit, from a known trapdoor.
//!
//! It makes the same parameters as `bellperson::groth16::generate_parameters`, byte for byte, but faster
//! and in less memory: the polynomials are evaluated while the circuit is synthesised for the second time
//! (the first pass only counts), every multiplication of the two fixed bases is a sum of table entries
//! without a doubling, and the points are written as they are made. All arithmetic is exact, so the result
//! depends on neither the number of threads nor the machine.

use std::{
	io::{self, Write},
	ops::{Add, Mul},
	sync::atomic::{AtomicU64, Ordering},
	time::Duration,
};

use bellperson::{groth16::VerifyingKey, Circuit, ConstraintSystem, SynthesisError};
use blstrs::{Bls12, G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use ff::Field;
use group::{Curve, Group};
use rand_chacha::rand_core::RngCore;
use rayon::prelude::*;

use crate::{
	domain::{powers, Domain},
	fixed_base::FixedBase,
	synthesis::{Count, Evaluation, Polynomials},
};

/// How many scalars are multiplied between two reports of progress.
pub(crate) const CHUNK: usize = 1 << 16;
/// How often progress is reported while the circuit is synthesised.
const TICK: Duration = Duration::from_millis(50);

/// What each kind of work costs, relative to the others; measured roughly, for estimates only.
const COUNT_COST: u64 = 2;
const EVALUATE_COST: u64 = 4;
const G1_COST: u64 = 10;
const G2_COST: u64 = 26;

/// Why a set-up could not be completed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
	#[error("the circuit cannot be synthesised: {0}")]
	Circuit(#[from] SynthesisError),
	#[error("the trapdoor lies on the evaluation domain")]
	Trapdoor,
	#[error(transparent)]
	Write(#[from] io::Error),
}

/// The secret of a set-up. Here it is no secret: it is drawn from a public seed.
pub(crate) struct Trapdoor {
	g1: G1Projective,
	g2: G2Projective,
	alpha: Scalar,
	beta: Scalar,
	gamma: Scalar,
	delta: Scalar,
	tau: Scalar,
}

impl Trapdoor {
	/// Draws the elements in the order of `bellperson::groth16::generate_random_parameters`.
	pub(crate) fn draw(mut rng: impl RngCore) -> Self {
		Self {
			g1: G1Projective::random(&mut rng),
			g2: G2Projective::random(&mut rng),
			alpha: Scalar::random(&mut rng),
			beta: Scalar::random(&mut rng),
			gamma: Scalar::random(&mut rng),
			delta: Scalar::random(&mut rng),
			tau: Scalar::random(&mut rng),
		}
	}
}

/// How far a set-up is, in arbitrary units of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
	pub(crate) done: u64,
	pub(crate) total: u64,
}

/// What a set-up yields besides the parameters that it writes.
pub(crate) struct Outcome {
	/// The verifying key in bellperson's uncompressed encoding.
	pub(crate) verifying_key: Vec<u8>,
}

/// Writes the parameters of a circuit, which is given twice, to `output` in bellperson's encoding.
/// `expected_constraints` is only used to estimate the remaining work.
pub(crate) fn write_parameters<C: Circuit<Scalar> + Send>(
	[first, second]: [C; 2],
	trapdoor: &Trapdoor,
	expected_constraints: u64,
	mut output: impl Write,
	progress: &dyn Fn(Work),
) -> Result<Outcome, SetupError> {
	let expected = Plan::guess(expected_constraints);
	let counter = AtomicU64::new(0);
	let count = synthesise(first, Count::new(&counter), &counter, &|constraints| {
		progress(expected.at(COUNT_COST.saturating_mul(constraints)))
	})?;

	let domain = Domain::new(count.constraints + count.inputs)?;
	let lagrange = domain.lagrange(&trapdoor.tau)?;
	let counted = COUNT_COST.saturating_mul(units(count.constraints));
	let plan = Plan::guess(units(count.constraints));
	counter.store(0, Ordering::Relaxed);
	let evaluation = synthesise(
		second,
		Evaluation::new(&lagrange, &count, &counter),
		&counter,
		&|constraints| {
			progress(plan.at(counted.saturating_add(EVALUATE_COST.saturating_mul(constraints))))
		},
	)?
	.finish()?;
	drop(lagrange);

	let plan = Plan::exact(&count, &domain, &evaluation);
	let mut writer = Points {
		output: &mut output,
		done: counted + EVALUATE_COST * units(count.constraints),
		plan,
		progress,
	};
	writer.write_all(trapdoor, &domain, &evaluation)
}

/// Runs the circuit on another thread and reports how many constraints it has made.
fn synthesise<C: Circuit<Scalar> + Send, CS: ConstraintSystem<Scalar>>(
	circuit: C,
	mut system: CS,
	constraints: &AtomicU64,
	progress: &dyn Fn(u64),
) -> Result<CS, SetupError> {
	// Every circuit has this input, whose value is one.
	system.alloc_input(|| "one", || Ok(Scalar::ONE))?;
	let result = std::thread::scope(|scope| {
		let worker = scope.spawn(move || circuit.synthesize(&mut system).map(|()| system));
		while !worker.is_finished() {
			progress(constraints.load(Ordering::Relaxed));
			std::thread::sleep(TICK);
		}
		worker.join()
	});
	match result {
		Ok(system) => Ok(system?),
		Err(panic) => std::panic::resume_unwind(panic),
	}
}

/// Collections here are counted in `u64` when they are work.
pub(crate) fn units(count: usize) -> u64 {
	u64::try_from(count).unwrap_or(u64::MAX)
}

/// The total work, guessed at first and known later.
#[derive(Clone, Copy)]
struct Plan {
	total: u64,
}

impl Plan {
	fn guess(constraints: u64) -> Self {
		// About as many variables as constraints; the domain is the next power of two.
		let points = constraints.saturating_mul(3) + constraints.next_power_of_two();
		Self {
			total: (COUNT_COST + EVALUATE_COST)
				.saturating_mul(constraints)
				.saturating_add(points.saturating_mul(G1_COST))
				.saturating_add(constraints.saturating_mul(G2_COST)),
		}
	}

	fn exact(count: &Count<'_>, domain: &Domain, evaluation: &Polynomials) -> Self {
		let dense =
			|values: &[Scalar]| units(values.iter().filter(|value| !is_zero(value)).count());
		let b = dense(&evaluation.b);
		let g1 = units(domain.size - 1 + count.aux) + dense(&evaluation.a) + b;
		Self {
			total: (COUNT_COST + EVALUATE_COST) * units(count.constraints)
				+ g1 * G1_COST
				+ b * G2_COST,
		}
	}

	fn at(self, done: u64) -> Work {
		Work {
			done: done.min(self.total),
			total: self.total,
		}
	}
}

fn is_zero(value: &Scalar) -> bool {
	bool::from(value.is_zero())
}

/// Makes the points and writes them.
struct Points<'a, W> {
	output: &'a mut W,
	done: u64,
	plan: Plan,
	progress: &'a dyn Fn(Work),
}

impl<W: Write> Points<'_, W> {
	fn write_all(
		&mut self,
		trapdoor: &Trapdoor,
		domain: &Domain,
		values: &Polynomials,
	) -> Result<Outcome, SetupError> {
		let Trapdoor {
			g1,
			g2,
			alpha,
			beta,
			gamma,
			delta,
			tau,
		} = trapdoor;
		let inverse =
			|value: &Scalar| Option::<Scalar>::from(value.invert()).ok_or(SetupError::Trapdoor);
		let (gamma_inverse, delta_inverse) = (inverse(gamma)?, inverse(delta)?);
		let base_1 = FixedBase::<G1Projective>::new(g1, values.a.len() * 3 + domain.size);
		let base_2 = FixedBase::<G2Projective>::new(g2, values.b.len());

		// (beta · a + alpha · b + c) / gamma for inputs, / delta for the others.
		let combined = |range: std::ops::Range<usize>, divisor: &Scalar| -> Vec<Scalar> {
			let (a, b, c) = (
				&values.a[range.clone()],
				&values.b[range.clone()],
				&values.c[range],
			);
			a.par_iter()
				.zip(b)
				.zip(c)
				.map(|((a, b), c)| (a.mul(beta).add(&b.mul(alpha)).add(c)).mul(divisor))
				.collect()
		};
		let inputs = combined(0..values.inputs, &gamma_inverse);
		let ic = base_1.multiply(&inputs);
		let verifying_key = VerifyingKey::<Bls12> {
			alpha_g1: (g1 * alpha).to_affine(),
			beta_g1: (g1 * beta).to_affine(),
			beta_g2: (g2 * beta).to_affine(),
			gamma_g2: (g2 * gamma).to_affine(),
			delta_g1: (g1 * delta).to_affine(),
			delta_g2: (g2 * delta).to_affine(),
			ic,
		};
		let mut encoded = Vec::new();
		verifying_key.write(&mut encoded)?;
		self.output.write_all(&encoded)?;

		let factor = domain.vanishing(tau) * delta_inverse;
		self.write_length(domain.size - 1)?;
		let mut first = 0;
		while first < domain.size - 1 {
			let count = CHUNK.min(domain.size - 1 - first);
			let mut scalars = powers(tau, first, count);
			scalars.iter_mut().for_each(|scalar| *scalar *= factor);
			self.write_chunk(&base_1, &scalars)?;
			first += count;
		}

		let aux = combined(values.inputs..values.a.len(), &delta_inverse);
		if aux.par_iter().any(is_zero) {
			return Err(SynthesisError::UnconstrainedVariable.into());
		}
		self.write_section(&base_1, &aux)?;
		drop(aux);

		// The prover knows from the circuit which of these are zero; bellperson leaves them out.
		let dense = |values: &[Scalar]| -> Vec<Scalar> {
			values
				.iter()
				.filter(|value| !is_zero(value))
				.copied()
				.collect()
		};
		self.write_section(&base_1, &dense(&values.a))?;
		let b = dense(&values.b);
		self.write_section(&base_1, &b)?;
		self.write_section(&base_2, &b)?;
		self.output.flush()?;
		Ok(Outcome {
			verifying_key: encoded,
		})
	}

	fn write_length(&mut self, length: usize) -> Result<(), SetupError> {
		let length = u32::try_from(length).map_err(|_| SynthesisError::PolynomialDegreeTooLarge)?;
		Ok(self.output.write_all(&length.to_be_bytes())?)
	}

	fn write_section<P: SetupPoint>(
		&mut self,
		base: &FixedBase<P>,
		scalars: &[Scalar],
	) -> Result<(), SetupError> {
		self.write_length(scalars.len())?;
		scalars
			.chunks(CHUNK)
			.try_for_each(|chunk| self.write_chunk(base, chunk))
	}

	fn write_chunk<P: SetupPoint>(
		&mut self,
		base: &FixedBase<P>,
		scalars: &[Scalar],
	) -> Result<(), SetupError> {
		for point in base.multiply(scalars) {
			self.output.write_all(P::encode(&point).as_ref())?;
		}
		self.done += P::COST * units(scalars.len());
		(self.progress)(self.plan.at(self.done));
		Ok(())
	}
}

/// A curve whose points the parameters hold.
trait SetupPoint: crate::fixed_base::Point {
	const COST: u64;
	type Encoding: AsRef<[u8]>;
	fn encode(point: &Self::Affine) -> Self::Encoding;
}

impl SetupPoint for G1Projective {
	const COST: u64 = G1_COST;
	type Encoding = [u8; 96];
	fn encode(point: &G1Affine) -> [u8; 96] {
		point.to_uncompressed()
	}
}

impl SetupPoint for G2Projective {
	const COST: u64 = G2_COST;
	type Encoding = [u8; 192];
	fn encode(point: &G2Affine) -> [u8; 192] {
		point.to_uncompressed()
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]

	use super::*;
	use bellperson::groth16::generate_random_parameters;
	use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

	/// `x · y = z` with `x` public, some times over, and one variable that is only ever on one side.
	struct Products(usize);

	impl Circuit<Scalar> for Products {
		fn synthesize<CS: ConstraintSystem<Scalar>>(
			self,
			cs: &mut CS,
		) -> Result<(), SynthesisError> {
			for index in 0..self.0 {
				let value = || Err(SynthesisError::AssignmentMissing);
				let x = cs.alloc_input(|| "x", value)?;
				let y = cs.alloc(|| "y", value)?;
				let z = cs.alloc(|| "z", value)?;
				cs.enforce(
					|| "product",
					|lc| lc + x + (Scalar::from(units(index)), CS::one()),
					|lc| lc + y - CS::one(),
					|lc| lc + z,
				);
			}
			Ok(())
		}
	}

	struct Unconstrained;

	impl Circuit<Scalar> for Unconstrained {
		fn synthesize<CS: ConstraintSystem<Scalar>>(
			self,
			cs: &mut CS,
		) -> Result<(), SynthesisError> {
			cs.alloc(|| "alone", || Err(SynthesisError::AssignmentMissing))?;
			Ok(())
		}
	}

	fn trapdoor() -> Trapdoor {
		Trapdoor::draw(ChaCha20Rng::from_seed([7; 32]))
	}

	#[test]
	fn the_parameters_are_those_of_bellperson() {
		for size in [1, 2, 7, 100] {
			let mut written = Vec::new();
			let outcome = write_parameters(
				[Products(size), Products(size)],
				&trapdoor(),
				1,
				&mut written,
				&|_| {},
			)
			.unwrap();
			let reference = generate_random_parameters::<Bls12, _, _>(
				Products(size),
				&mut ChaCha20Rng::from_seed([7; 32]),
			)
			.unwrap();
			let (mut parameters, mut key) = (Vec::new(), Vec::new());
			reference.write(&mut parameters).unwrap();
			reference.vk.write(&mut key).unwrap();
			assert_eq!(outcome.verifying_key, key);
			assert!(written == parameters, "{size} products");
		}
	}

	#[test]
	fn an_unconstrained_variable_is_refused() {
		let result = write_parameters(
			[Unconstrained, Unconstrained],
			&trapdoor(),
			1,
			&mut Vec::new(),
			&|_| {},
		);
		assert!(matches!(
			result.map(|_| ()),
			Err(SetupError::Circuit(SynthesisError::UnconstrainedVariable))
		));
	}

	#[test]
	fn a_circuit_that_changes_between_the_passes_is_refused() {
		for circuits in [[Products(1), Products(2)], [Products(2), Products(1)]] {
			let result = write_parameters(circuits, &trapdoor(), 1, &mut Vec::new(), &|_| {});
			assert!(matches!(
				result.map(|_| ()),
				Err(SetupError::Circuit(SynthesisError::MalformedProofs(_)))
			));
		}
	}

	#[test]
	fn a_full_disk_is_reported() {
		let mut small = [0; 100];
		let result = write_parameters(
			[Products(3), Products(3)],
			&trapdoor(),
			1,
			&mut small[..],
			&|_| {},
		);
		assert!(matches!(result.map(|_| ()), Err(SetupError::Write(_))));
	}

	#[test]
	fn progress_rises_to_the_whole() {
		let seen = std::sync::Mutex::new(Vec::new());
		write_parameters(
			[Products(50), Products(50)],
			&trapdoor(),
			40,
			&mut Vec::new(),
			&|work| seen.lock().unwrap().push(work),
		)
		.unwrap();
		let last = *seen.lock().unwrap().last().unwrap();
		assert_eq!(last.done, last.total);
	}
}
