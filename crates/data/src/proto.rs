//! As much of protobuf's wire format as dag-pb and UnixFS need.

use unsigned_varint::{decode, encode};

/// A field's value on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
	/// Wire type 0.
	Varint(u64),
	/// Wire type 2.
	Bytes(&'a [u8]),
	/// Wire type 1, which is only skipped.
	Fixed64,
	/// Wire type 5.
	Fixed32(u32),
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtoError {
	/// The bytes end within a field.
	#[error("the message is cut short")]
	Truncated,
	/// A number is longer than it needs to be, or does not fit 64 bits.
	#[error("a number is not encoded in its shortest form")]
	Varint,
	/// A group, or a wire type that does not exist.
	#[error("wire type {0} is not supported")]
	WireType(u64),
}

/// The fields of a message, in order.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
	/// The next field's number and value.
	pub fn next_field(&mut self) -> Result<Option<(u64, Value<'a>)>, ProtoError> {
		if self.0.is_empty() {
			return Ok(None);
		}
		let tag = self.varint()?;
		let value = match tag & 7 {
			0 => Value::Varint(self.varint()?),
			1 => self.take(8).map(|_| Value::Fixed64)?,
			2 => {
				let length = self.varint()?;
				Value::Bytes(self.take(length)?)
			},
			5 => {
				let bytes = self.take(4)?.try_into();
				Value::Fixed32(u32::from_le_bytes(
					bytes.map_err(|_| ProtoError::Truncated)?,
				))
			},
			other => return Err(ProtoError::WireType(other)),
		};
		Ok(Some((tag >> 3, value)))
	}

	/// A bare number, as packed fields have them.
	pub fn varint(&mut self) -> Result<u64, ProtoError> {
		let (value, rest) = decode::u64(self.0).map_err(|error| match error {
			decode::Error::Insufficient => ProtoError::Truncated,
			_ => ProtoError::Varint,
		})?;
		self.0 = rest;
		Ok(value)
	}

	fn take(&mut self, length: u64) -> Result<&'a [u8], ProtoError> {
		let length = usize::try_from(length).map_err(|_| ProtoError::Truncated)?;
		let (bytes, rest) = self
			.0
			.split_at_checked(length)
			.ok_or(ProtoError::Truncated)?;
		self.0 = rest;
		Ok(bytes)
	}
}

/// Appends a number.
pub fn put_varint(out: &mut Vec<u8>, value: u64) {
	out.extend_from_slice(encode::u64(value, &mut encode::u64_buffer()));
}

/// Appends a field of wire type 0.
pub fn put_number(out: &mut Vec<u8>, field: u64, value: u64) {
	put_varint(out, field << 3);
	put_varint(out, value);
}

/// Appends a field of wire type 5.
pub fn put_fixed32(out: &mut Vec<u8>, field: u64, value: u32) {
	put_varint(out, field << 3 | 5);
	out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of wire type 2.
pub fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
	put_varint(out, field << 3 | 2);
	put_varint(out, crate::piece::length_of(bytes));
	out.extend_from_slice(bytes);
}

/// The bytes of a number.
pub fn varint_bytes(value: u64) -> u64 {
	crate::piece::length_of(encode::u64(value, &mut encode::u64_buffer()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn fields_round_trip() {
		let mut bytes = Vec::new();
		put_number(&mut bytes, 3, u64::MAX);
		put_bytes(&mut bytes, 2, b"abc");
		bytes.extend_from_slice(&[5 << 3 | 5, 1, 0, 0, 0, 6 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0]);
		let mut fields = Fields(&bytes);
		assert_eq!(fields.next_field(), Ok(Some((3, Value::Varint(u64::MAX)))));
		assert_eq!(fields.next_field(), Ok(Some((2, Value::Bytes(b"abc")))));
		assert_eq!(fields.next_field(), Ok(Some((5, Value::Fixed32(1)))));
		assert_eq!(fields.next_field(), Ok(Some((6, Value::Fixed64))));
		assert_eq!(fields.next_field(), Ok(None));
	}

	#[test]
	fn malformed_fields_are_refused() {
		assert_eq!(
			Fields(&[0x0a, 5, 1]).next_field(),
			Err(ProtoError::Truncated)
		);
		assert_eq!(Fields(&[0x80]).next_field(), Err(ProtoError::Truncated));
		assert_eq!(
			Fields(&[0x08, 0x80, 0x00]).next_field(),
			Err(ProtoError::Varint)
		);
		assert_eq!(Fields(&[0x0b]).next_field(), Err(ProtoError::WireType(3)));
		let huge = [&[0x0a][..], &[0xff; 9], &[0x01]].concat();
		assert_eq!(Fields(&huge).next_field(), Err(ProtoError::Truncated));
	}

	proptest! {
		#[test]
		fn no_bytes_panic_or_loop(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
			let mut fields = Fields(&bytes);
			while let Ok(Some(_)) = fields.next_field() {}
		}
	}
}
