//! fr32: two zero bits after every 254 bits, so that each 32-byte node is a field element.

/// The data bytes of a quad, the unit of fr32: 1016 bits, which become four nodes.
pub const QUAD_BYTES: usize = 127;
/// The bytes of a quad's four nodes.
pub const QUAD_PADDED_BYTES: usize = 128;

/// Spreads 127 bytes over four 32-byte nodes. Bits are counted from the lowest of the first byte on.
#[inline]
pub fn pad_quad(quad: &[u8; QUAD_BYTES], padded: &mut [u8; QUAD_PADDED_BYTES]) {
	let (whole, rest) = quad.as_chunks::<8>();
	let mut word = [0u64; 16];
	for index in 0..15 {
		word[index] = u64::from_le_bytes(whole[index]);
	}
	let mut last = [0; 8];
	last[..7].copy_from_slice(rest);
	word[15] = u64::from_le_bytes(last);
	// Node n begins n × 254 bits into the data and 2n bits later in the padded bytes.
	let mut shifted = [0u64; 16];
	shifted[0] = word[0];
	for index in 1..16 {
		let shift = 2 * (index / 4);
		shifted[index] = match shift {
			0 => word[index],
			_ => (word[index] << shift) | (word[index - 1] >> (64 - shift)),
		};
	}
	for last in [3, 7, 11] {
		shifted[last] &= u64::MAX >> 2;
	}
	let (bytes, _) = padded.as_chunks_mut::<8>();
	for index in 0..16 {
		bytes[index] = shifted[index].to_le_bytes();
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	/// Bit by bit, as the definition says it.
	fn naive(quad: &[u8; QUAD_BYTES]) -> [u8; QUAD_PADDED_BYTES] {
		let mut padded = [0u8; QUAD_PADDED_BYTES];
		for bit in 0..QUAD_BYTES * 8 {
			if quad[bit / 8] >> (bit % 8) & 1 == 1 {
				let target = bit + bit / 254 * 2;
				padded[target / 8] |= 1 << (target % 8);
			}
		}
		padded
	}

	proptest! {
		#[test]
		fn padding_equals_its_definition(bytes in proptest::collection::vec(any::<u8>(), QUAD_BYTES)) {
			let quad: [u8; QUAD_BYTES] = bytes.try_into().unwrap();
			let mut padded = [0xff; QUAD_PADDED_BYTES];
			pad_quad(&quad, &mut padded);
			prop_assert_eq!(padded, naive(&quad));
		}
	}

	#[test]
	fn full_nodes_keep_their_top_bits_clear() {
		let mut padded = [0; QUAD_PADDED_BYTES];
		pad_quad(&[0xff; QUAD_BYTES], &mut padded);
		for node in padded.chunks(32) {
			assert_eq!(node[31], 0x3f);
			assert!(node[..31].iter().all(|byte| *byte == 0xff));
		}
	}
}
