//! The circuit with its values: what the constraints and the variables are for one statement.

use bellperson::{ConstraintSystem, Index, LinearCombination, SynthesisError, Variable};
use blstrs::Scalar;
use ff::Field;

/// The values of the variables and of the three sides of all constraints.
#[derive(Default)]
pub(super) struct Assignment {
	pub(super) inputs: Vec<Scalar>,
	pub(super) aux: Vec<Scalar>,
	/// Which variables the first side mentions; all inputs do in a constraint of their own.
	pub(super) aux_in_a: Vec<bool>,
	pub(super) inputs_in_b: Vec<bool>,
	pub(super) aux_in_b: Vec<bool>,
	pub(super) a: Vec<Scalar>,
	pub(super) b: Vec<Scalar>,
	pub(super) c: Vec<Scalar>,
}

impl Assignment {
	/// With room for what the proving key is for, so that no list is ever copied.
	pub(super) fn with_room(aux: usize, domain: usize) -> Self {
		Self {
			aux: Vec::with_capacity(aux),
			aux_in_a: Vec::with_capacity(aux),
			aux_in_b: Vec::with_capacity(aux),
			a: Vec::with_capacity(domain),
			b: Vec::with_capacity(domain),
			c: Vec::with_capacity(domain),
			..Self::default()
		}
	}

	/// Synthesises a circuit, then adds the constraint `input · 0 = 0` for each input.
	pub(super) fn synthesize(
		&mut self,
		circuit: impl bellperson::Circuit<Scalar>,
	) -> Result<(), SynthesisError> {
		self.alloc_input(|| "one", || Ok(Scalar::ONE))?;
		circuit.synthesize(self)?;
		for input in 0..self.inputs.len() {
			self.enforce(
				|| "input",
				|sum| sum + Variable(Index::Input(input)),
				|sum| sum,
				|sum| sum,
			);
		}
		Ok(())
	}
}

/// One side of a constraint; notes what it mentions.
fn evaluate(
	sum: &LinearCombination<Scalar>,
	(inputs, aux): (&[Scalar], &[Scalar]),
	mut input_mentioned: impl FnMut(usize),
	mut aux_mentioned: impl FnMut(usize),
) -> Scalar {
	let mut total = Scalar::ZERO;
	let mut add = |value: &Scalar, coefficient: &Scalar| {
		// Most values are bits, and most coefficients are one.
		if *coefficient == Scalar::ONE {
			total += value;
		} else if *value == Scalar::ONE {
			total += coefficient;
		} else if *value != Scalar::ZERO {
			total += *value * coefficient;
		}
	};
	for (index, coefficient) in sum.iter_inputs() {
		if *coefficient != Scalar::ZERO {
			input_mentioned(*index);
			add(&inputs[*index], coefficient);
		}
	}
	for (index, coefficient) in sum.iter_aux() {
		if *coefficient != Scalar::ZERO {
			aux_mentioned(*index);
			add(&aux[*index], coefficient);
		}
	}
	total
}

impl ConstraintSystem<Scalar> for Assignment {
	type Root = Self;

	fn alloc<F, A, AR>(&mut self, _: A, value: F) -> Result<Variable, SynthesisError>
	where
		F: FnOnce() -> Result<Scalar, SynthesisError>,
		A: FnOnce() -> AR,
		AR: Into<String>,
	{
		self.aux.push(value()?);
		self.aux_in_a.push(false);
		self.aux_in_b.push(false);
		Ok(Variable(Index::Aux(self.aux.len() - 1)))
	}

	fn alloc_input<F, A, AR>(&mut self, _: A, value: F) -> Result<Variable, SynthesisError>
	where
		F: FnOnce() -> Result<Scalar, SynthesisError>,
		A: FnOnce() -> AR,
		AR: Into<String>,
	{
		self.inputs.push(value()?);
		self.inputs_in_b.push(false);
		Ok(Variable(Index::Input(self.inputs.len() - 1)))
	}

	fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, a: LA, b: LB, c: LC)
	where
		A: FnOnce() -> AR,
		AR: Into<String>,
		LA: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
		LB: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
		LC: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
	{
		let Self {
			aux_in_a,
			inputs_in_b,
			aux_in_b,
			..
		} = self;
		let values = (&self.inputs[..], &self.aux[..]);
		self.a.push(evaluate(
			&a(LinearCombination::zero()),
			values,
			|_| {},
			|index| aux_in_a[index] = true,
		));
		self.b.push(evaluate(
			&b(LinearCombination::zero()),
			values,
			|index| inputs_in_b[index] = true,
			|index| aux_in_b[index] = true,
		));
		self.c.push(evaluate(
			&c(LinearCombination::zero()),
			values,
			|_| {},
			|_| {},
		));
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
