//! The two passes over a circuit: the first counts, the second evaluates.

use std::sync::atomic::{AtomicU64, Ordering};

use bellperson::{ConstraintSystem, Index, LinearCombination, SynthesisError, Variable};
use blstrs::Scalar;
use ff::Field;

use crate::setup::SetupError;

/// The first pass: how large the circuit is.
pub(crate) struct Count<'a> {
	pub(crate) inputs: usize,
	pub(crate) aux: usize,
	pub(crate) constraints: usize,
	progress: &'a AtomicU64,
}

impl<'a> Count<'a> {
	pub(crate) fn new(progress: &'a AtomicU64) -> Self {
		Self {
			inputs: 0,
			aux: 0,
			constraints: 0,
			progress,
		}
	}
}

impl ConstraintSystem<Scalar> for Count<'_> {
	type Root = Self;

	fn alloc<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
	where
		F: FnOnce() -> Result<Scalar, SynthesisError>,
		A: FnOnce() -> AR,
		AR: Into<String>,
	{
		self.aux += 1;
		Ok(Variable(Index::Aux(self.aux - 1)))
	}

	fn alloc_input<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
	where
		F: FnOnce() -> Result<Scalar, SynthesisError>,
		A: FnOnce() -> AR,
		AR: Into<String>,
	{
		self.inputs += 1;
		Ok(Variable(Index::Input(self.inputs - 1)))
	}

	fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, _: LA, _: LB, _: LC)
	where
		A: FnOnce() -> AR,
		AR: Into<String>,
		LA: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
		LB: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
		LC: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
	{
		self.constraints += 1;
		self.progress.fetch_add(1, Ordering::Relaxed);
	}

	fn push_namespace<NR, N>(&mut self, _: N)
	where
		NR: Into<String>,
		N: FnOnce() -> NR,
	{
	}

	fn pop_namespace(&mut self) {}

	fn get_root(&mut self) -> &mut Self::Root {
		self
	}
}

/// One value for each variable: the inputs first, then the auxiliary ones.
pub(crate) struct Polynomials {
	pub(crate) inputs: usize,
	pub(crate) a: Vec<Scalar>,
	pub(crate) b: Vec<Scalar>,
	pub(crate) c: Vec<Scalar>,
}

/// The second pass: the variables' polynomials at `tau`.
pub(crate) struct Evaluation<'a> {
	lagrange: &'a [Scalar],
	values: Polynomials,
	next_input: usize,
	next_aux: usize,
	constraint: usize,
	/// Whether this pass saw more than the first one did.
	differs: bool,
	progress: &'a AtomicU64,
}

impl<'a> Evaluation<'a> {
	pub(crate) fn new(lagrange: &'a [Scalar], count: &Count<'_>, progress: &'a AtomicU64) -> Self {
		let variables = count.inputs + count.aux;
		Self {
			lagrange,
			values: Polynomials {
				inputs: count.inputs,
				a: vec![Scalar::ZERO; variables],
				b: vec![Scalar::ZERO; variables],
				c: vec![Scalar::ZERO; variables],
			},
			next_input: 0,
			next_aux: 0,
			constraint: 0,
			differs: false,
			progress,
		}
	}

	/// Adds the constraints `input · 0 = 0`, which keep every input's polynomial from vanishing.
	pub(crate) fn finish(mut self) -> Result<Polynomials, SetupError> {
		for input in 0..self.values.inputs {
			match self.lagrange.get(self.constraint) {
				Some(lagrange) => self.values.a[input] += lagrange,
				None => self.differs = true,
			}
			self.constraint += 1;
		}
		if self.differs || self.constraint != self.lagrange.len() {
			return Err(SynthesisError::MalformedProofs(
				"two syntheses of the circuit differ".into(),
			)
			.into());
		}
		Ok(self.values)
	}
}

/// Adds one side of a constraint to its variables' polynomials; `false` if a variable is unknown.
fn accumulate(
	values: &mut [Scalar],
	inputs: usize,
	combination: LinearCombination<Scalar>,
	lagrange: &Scalar,
) -> bool {
	combination.iter().all(|(variable, coefficient)| {
		let position = match variable.0 {
			Index::Input(index) => index,
			Index::Aux(index) => inputs + index,
		};
		values
			.get_mut(position)
			.map(|value| *value += *lagrange * coefficient)
			.is_some()
	})
}

impl ConstraintSystem<Scalar> for Evaluation<'_> {
	type Root = Self;

	fn alloc<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
	where
		F: FnOnce() -> Result<Scalar, SynthesisError>,
		A: FnOnce() -> AR,
		AR: Into<String>,
	{
		self.next_aux += 1;
		Ok(Variable(Index::Aux(self.next_aux - 1)))
	}

	fn alloc_input<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
	where
		F: FnOnce() -> Result<Scalar, SynthesisError>,
		A: FnOnce() -> AR,
		AR: Into<String>,
	{
		self.next_input += 1;
		Ok(Variable(Index::Input(self.next_input - 1)))
	}

	fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, a: LA, b: LB, c: LC)
	where
		A: FnOnce() -> AR,
		AR: Into<String>,
		LA: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
		LB: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
		LC: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
	{
		let Some(lagrange) = self.lagrange.get(self.constraint).copied() else {
			self.differs = true;
			return;
		};
		self.constraint += 1;
		self.progress.fetch_add(1, Ordering::Relaxed);
		let inputs = self.values.inputs;
		let known = [
			accumulate(
				&mut self.values.a,
				inputs,
				a(LinearCombination::zero()),
				&lagrange,
			),
			accumulate(
				&mut self.values.b,
				inputs,
				b(LinearCombination::zero()),
				&lagrange,
			),
			accumulate(
				&mut self.values.c,
				inputs,
				c(LinearCombination::zero()),
				&lagrange,
			),
		];
		self.differs |= known.contains(&false);
	}

	fn push_namespace<NR, N>(&mut self, _: N)
	where
		NR: Into<String>,
		N: FnOnce() -> NR,
	{
	}

	fn pop_namespace(&mut self) {}

	fn get_root(&mut self) -> &mut Self::Root {
		self
	}
}
