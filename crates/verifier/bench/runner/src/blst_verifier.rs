//! blst, with everything prepared that it can prepare.

use blst::*;
use cases::{File, Verifier};

/// 68 lines of three coefficients.
type Lines = [blst_fp6; 68];

pub struct Blst {
	alpha_beta: blst_fp12,
	minus_gamma: Box<Lines>,
	minus_delta: Box<Lines>,
	inputs: Vec<blst_p1_affine>,
	proofs: Vec<([u8; 192], Vec<blst_scalar>)>,
}

struct Proof {
	a: blst_p1_affine,
	b: blst_p2_affine,
	c: blst_p1_affine,
}

fn g1(bytes: &[u8]) -> Option<blst_p1_affine> {
	let mut point = blst_p1_affine::default();
	// SAFETY: the slice has as many bytes as its first one asks for.
	let usable = unsafe {
		blst_p1_deserialize(&mut point, bytes.as_ptr()) == BLST_ERROR::BLST_SUCCESS
			&& blst_p1_affine_in_g1(&point)
	};
	usable.then_some(point)
}

fn g2(bytes: &[u8]) -> Option<blst_p2_affine> {
	let mut point = blst_p2_affine::default();
	// SAFETY: as above.
	let usable = unsafe {
		blst_p2_deserialize(&mut point, bytes.as_ptr()) == BLST_ERROR::BLST_SUCCESS
			&& blst_p2_affine_in_g2(&point)
	};
	usable.then_some(point)
}

fn lines(point: &blst_p2_affine) -> Box<Lines> {
	let mut lines = Box::new([blst_fp6::default(); 68]);
	// SAFETY: the function writes 68 lines.
	unsafe { blst_precompute_lines(lines.as_mut_ptr(), point) };
	lines
}

fn negated(point: &blst_p2_affine) -> blst_p2_affine {
	let mut jacobian = blst_p2::default();
	let mut negated = blst_p2_affine::default();
	// SAFETY: plain values in and out.
	unsafe {
		blst_p2_from_affine(&mut jacobian, point);
		blst_p2_cneg(&mut jacobian, true);
		blst_p2_to_affine(&mut negated, &jacobian);
	}
	negated
}

fn affine(point: &blst_p1) -> blst_p1_affine {
	let mut affine = blst_p1_affine::default();
	// SAFETY: plain values in and out.
	unsafe { blst_p1_to_affine(&mut affine, point) };
	affine
}

fn multiple(point: &blst_p1_affine, scalar: &[u8], bits: usize) -> blst_p1 {
	let (mut from, mut to) = (blst_p1::default(), blst_p1::default());
	// SAFETY: the scalar has that many bits.
	unsafe {
		blst_p1_from_affine(&mut from, point);
		blst_p1_mult(&mut to, &from, scalar.as_ptr(), bits);
	}
	to
}

/// One thread, as everywhere here.
fn sum_of_multiples(points: &[blst_p1_affine], scalars: &[u8], bits: usize) -> blst_p1 {
	let mut sum = blst_p1::default();
	let pointers = [points.as_ptr(), std::ptr::null()];
	let scalars = [scalars.as_ptr(), std::ptr::null()];
	// SAFETY: contiguous arrays of that many points and scalars, and the scratch space asked for.
	unsafe {
		let mut scratch = vec![0u64; blst_p1s_mult_pippenger_scratch_sizeof(points.len()) / 8];
		blst_p1s_mult_pippenger(
			&mut sum,
			pointers.as_ptr(),
			points.len(),
			scalars.as_ptr(),
			bits,
			scratch.as_mut_ptr(),
		);
	}
	sum
}

fn sum(a: &blst_p1, b: &blst_p1_affine) -> blst_p1 {
	let mut sum = blst_p1::default();
	// SAFETY: plain values in and out.
	unsafe { blst_p1_add_or_double_affine(&mut sum, a, b) };
	sum
}

/// Whether the product of the pairings is the expected one.
fn holds(pairs: &[(blst_p1_affine, &Lines)], expected: &blst_fp12) -> bool {
	let mut product: Option<blst_fp12> = None;
	for (point, lines) in pairs {
		let mut value = blst_fp12::default();
		// SAFETY: 68 lines, as they were made.
		unsafe { blst_miller_loop_lines(&mut value, lines.as_ptr(), point) };
		product = Some(product.map_or(value, |product| product * value));
	}
	product.is_some_and(|product| product.final_exp() == *expected)
}

impl Blst {
	pub fn read(bytes: &[u8]) -> Option<Self> {
		let file = File::parse(bytes)?;
		let key = file.key;
		let (alpha, beta) = (g1(&key[..96])?, g2(&key[192..384])?);
		let (gamma, delta) = (g2(&key[384..576])?, g2(&key[672..864])?);
		let proofs = file
			.proofs
			.iter()
			.map(|(proof, inputs)| {
				let inputs = inputs
					.iter()
					.map(|input| {
						let mut scalar = blst_scalar::default();
						scalar.b.copy_from_slice(&input[..]);
						scalar.b.reverse();
						scalar
					})
					.collect();
				(**proof, inputs)
			})
			.collect();
		Some(Self {
			alpha_beta: blst_fp12::miller_loop(&beta, &alpha).final_exp(),
			minus_gamma: lines(&negated(&gamma)),
			minus_delta: lines(&negated(&delta)),
			inputs: key[868..].chunks(96).map(g1).collect::<Option<_>>()?,
			proofs,
		})
	}

	fn decode(proof: &[u8; 192]) -> Option<Proof> {
		Some(Proof {
			a: g1(&proof[..48])?,
			b: g2(&proof[48..144])?,
			c: g1(&proof[144..])?,
		})
	}

	fn single(&self) -> Option<bool> {
		let (proof, inputs) = &self.proofs[0];
		let proof = Self::decode(proof)?;
		let scalars: Vec<u8> = inputs.iter().flat_map(|input| input.b).collect();
		let accumulated = sum_of_multiples(&self.inputs[1..], &scalars, 255);
		let accumulated = affine(&sum(&accumulated, &self.inputs[0]));
		Some(holds(
			&[
				(proof.a, &lines(&proof.b)),
				(accumulated, &self.minus_gamma),
				(proof.c, &self.minus_delta),
			],
			&self.alpha_beta,
		))
	}

	fn batch(&self) -> Option<bool> {
		let proofs = self
			.proofs
			.iter()
			.map(|(proof, _)| Self::decode(proof))
			.collect::<Option<Vec<_>>>()?;
		let mut state = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835u128;
		let weights: Vec<[u8; 16]> = proofs
			.iter()
			.map(|_| {
				state = state.wrapping_mul(0xda94_2042_e4dd_58b5).rotate_left(41);
				state.to_le_bytes()
			})
			.collect();
		let fr = |bytes: &[u8]| {
			let (mut scalar, mut fr) = (blst_scalar::default(), blst_fr::default());
			// SAFETY: plain values in and out.
			unsafe {
				blst_scalar_from_le_bytes(&mut scalar, bytes.as_ptr(), bytes.len());
				blst_fr_from_scalar(&mut fr, &scalar);
			}
			fr
		};
		let mut sums = vec![blst_fr::default(); self.inputs.len()];
		for ((_, inputs), weight) in self.proofs.iter().zip(&weights) {
			let weight = fr(weight);
			// SAFETY: plain values in and out.
			unsafe {
				let constant = sums[0];
				blst_fr_add(&mut sums[0], &constant, &weight);
				for (sum, input) in sums[1..].iter_mut().zip(inputs) {
					let (mut product, before) = (blst_fr::default(), *sum);
					blst_fr_mul(&mut product, &fr(&input.b), &weight);
					blst_fr_add(sum, &before, &product);
				}
			}
		}
		let scalars: Vec<u8> = sums
			.iter()
			.flat_map(|sum| {
				let mut scalar = blst_scalar::default();
				// SAFETY: plain values in and out.
				unsafe { blst_scalar_from_fr(&mut scalar, sum) };
				scalar.b
			})
			.collect();
		let c: Vec<_> = proofs.iter().map(|proof| proof.c).collect();
		let lines: Vec<_> = proofs.iter().map(|proof| lines(&proof.b)).collect();
		let mut pairs: Vec<(blst_p1_affine, &Lines)> = proofs
			.iter()
			.zip(&weights)
			.zip(&lines)
			.map(|((proof, weight), lines)| (affine(&multiple(&proof.a, weight, 128)), &**lines))
			.collect();
		pairs.push((
			affine(&sum_of_multiples(&self.inputs, &scalars, 255)),
			&self.minus_gamma,
		));
		pairs.push((
			affine(&sum_of_multiples(&c, &weights.concat(), 128)),
			&self.minus_delta,
		));
		// The sum of the weights, as bits from the highest.
		let total = &scalars[..32];
		let mut expected = None::<blst_fp12>;
		for bit in (0..256).rev() {
			if let Some(value) = &mut expected {
				let before = *value;
				// SAFETY: plain values in and out.
				unsafe { blst_fp12_cyclotomic_sqr(value, &before) };
			}
			if total[bit / 8] >> (bit % 8) & 1 == 1 {
				expected = Some(expected.map_or(self.alpha_beta, |value| value * self.alpha_beta));
			}
		}
		Some(holds(&pairs, &expected?))
	}
}

impl Verifier for Blst {
	fn single(&self) -> bool {
		Blst::single(self).unwrap_or(false)
	}

	fn batch(&self) -> bool {
		Blst::batch(self).unwrap_or(false)
	}

	fn read_key(&self) -> bool {
		true
	}
}
