//! Points and field elements as bytes: the Zcash encoding of BLS12-381, read strictly.
//!
//! Everything is exact: one value has one encoding, the identity is refused, and what is returned
//! is in the prime-order subgroup.

use ark_bls12_381::{Fq, Fr};
use ark_ec::{
	short_weierstrass::{Affine, SWCurveConfig},
	AffineRepr,
};
use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use ark_serialize::{CanonicalDeserialize, Compress, Validate};

use crate::error::PointError;

/// The bytes of a proof: A (48), B (96), C (48), all compressed.
pub const PROOF_BYTES: usize = 192;

const COMPRESSED: u8 = 0x80;
const IDENTITY: u8 = 0x40;
const SIGN: u8 = 0x20;
const FLAGS: u8 = COMPRESSED | IDENTITY | SIGN;
const COORDINATE_BYTES: usize = 48;

/// Reads the `N` coordinates of the x of a compressed point, and whether its y is the larger one.
pub(crate) fn compressed<const N: usize>(bytes: &[u8]) -> Result<([Fq; N], bool), PointError> {
	let first = *bytes.first().ok_or(PointError::Flags)?;
	if first & COMPRESSED == 0 {
		return Err(PointError::Flags);
	}
	if first & IDENTITY != 0 {
		return Err(PointError::Identity);
	}
	let mut coordinates = [Fq::ZERO; N];
	for (index, coordinate) in coordinates.iter_mut().enumerate() {
		let chunk = bytes.chunks(COORDINATE_BYTES).nth(index).unwrap_or(&[]);
		let mask = if index == 0 { !FLAGS } else { 0xff };
		*coordinate =
			Fq::from_bigint(coordinate_limbs(chunk, mask)).ok_or(PointError::NotCanonical)?;
	}
	Ok((coordinates, first & SIGN != 0))
}

/// Reads one uncompressed point. The caller passes exactly its bytes.
pub(crate) fn uncompressed<P: CurvePoint>(bytes: &[u8]) -> Result<P, PointError> {
	let first = *bytes.first().ok_or(PointError::Flags)?;
	if first & COMPRESSED != 0 {
		return Err(PointError::Flags);
	}
	if first & IDENTITY != 0 {
		return Err(PointError::Identity);
	}
	if first & SIGN != 0 {
		return Err(PointError::Flags);
	}
	if bytes
		.chunks(COORDINATE_BYTES)
		.any(|chunk| coordinate_limbs(chunk, 0xff) >= Fq::MODULUS)
	{
		return Err(PointError::NotCanonical);
	}
	let point = P::deserialize_with_mode(bytes, Compress::No, Validate::No)
		.map_err(|_| PointError::NotOnCurve)?;
	if point.is_zero() {
		return Err(PointError::Identity);
	}
	if !point.on_curve() {
		return Err(PointError::NotOnCurve);
	}
	if !point.in_subgroup() {
		return Err(PointError::WrongSubgroup);
	}
	Ok(point)
}

/// What both groups have, without the generics of the curve models.
pub(crate) trait CurvePoint: AffineRepr + CanonicalDeserialize {
	fn on_curve(&self) -> bool;
	fn in_subgroup(&self) -> bool;
}

impl<C: SWCurveConfig> CurvePoint for Affine<C> {
	fn on_curve(&self) -> bool {
		self.is_on_curve()
	}

	fn in_subgroup(&self) -> bool {
		self.is_in_correct_subgroup_assuming_on_curve()
	}
}

/// 48 big-endian bytes, the first masked, as a number.
fn coordinate_limbs(bytes: &[u8], first_byte_mask: u8) -> BigInt<6> {
	let mut limbs = [0u64; 6];
	for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks(8)) {
		*limb = chunk
			.iter()
			.fold(0, |value, byte| value << 8 | u64::from(*byte));
	}
	limbs[5] &= u64::from(first_byte_mask) << 56 | (u64::MAX >> 8);
	BigInt(limbs)
}

/// Reads 32 little-endian bytes. `None` if they are not below the scalar field's modulus.
pub fn field_element(bytes: &[u8; 32]) -> Option<Fr> {
	let mut limbs = [0u64; 4];
	for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks(8)) {
		*limb = chunk
			.iter()
			.rev()
			.fold(0, |value, byte| value << 8 | u64::from(*byte));
	}
	Fr::from_bigint(BigInt(limbs))
}

/// Writes 32 little-endian bytes, the inverse of [`field_element`].
pub fn field_bytes(value: &Fr) -> [u8; 32] {
	let mut bytes = [0; 32];
	for (chunk, limb) in bytes.chunks_mut(8).zip(value.into_bigint().0) {
		chunk.copy_from_slice(&limb.to_le_bytes());
	}
	bytes
}

#[cfg(test)]
mod tests {
	use super::*;
	use ark_ff::UniformRand;
	use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

	#[test]
	fn field_elements_round_trip_and_the_modulus_is_refused() {
		let mut rng = ChaCha8Rng::seed_from_u64(1);
		for _ in 0..32 {
			let value = Fr::rand(&mut rng);
			assert_eq!(field_element(&field_bytes(&value)), Some(value));
		}
		let mut modulus = [0; 32];
		for (chunk, limb) in modulus.chunks_mut(8).zip(Fr::MODULUS.0) {
			chunk.copy_from_slice(&limb.to_le_bytes());
		}
		assert_eq!(field_element(&modulus), None);
		assert_eq!(field_element(&[0xff; 32]), None);
		modulus[0] -= 1;
		assert_eq!(field_element(&modulus), Some(-Fr::from(1u8)));
	}
}
