//! fr32: two zero bits after every 254 bits, so that each 32-byte node is a field element.

/// The data bytes of a quad, the unit of fr32: 1016 bits, which become four nodes.
pub const QUAD_BYTES: usize = 127;
/// The bytes of a quad's four nodes.
pub const QUAD_PADDED_BYTES: usize = 128;

/// Spreads quads of 127 bytes over four 32-byte nodes each. Bits are counted from the lowest of the first
/// byte on.
pub fn pad_quads(quads: &[[u8; QUAD_BYTES]], padded: &mut [[u8; QUAD_PADDED_BYTES]]) {
	for (quad, padded) in quads.iter().zip(padded) {
		pad_quad(quad, padded);
	}
}

/// Node n begins n × 254 bits into the data: 2n bits before its place in the padded bytes.
#[inline]
fn pad_quad(quad: &[u8; QUAD_BYTES], padded: &mut [u8; QUAD_PADDED_BYTES]) {
	let (nodes, _) = padded.as_chunks_mut::<32>();
	let mut first: [u64; 4] = words(&quad[..32]);
	first[3] &= u64::MAX >> 2;
	store(&first, &mut nodes[0]);
	store(
		&shifted::<6>(words(&quad[31..63]), words(&quad[32..64])),
		&mut nodes[1],
	);
	store(
		&shifted::<4>(words(&quad[63..95]), words(&quad[64..96])),
		&mut nodes[2],
	);
	// All that its last word takes from the byte after it is cleared anyway.
	let [first, second, third] = words(&quad[96..120]);
	let next = [first, second, third, 0];
	store(&shifted::<2>(words(&quad[95..]), next), &mut nodes[3]);
}

#[inline]
fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
	let (words, _) = bytes.as_chunks::<8>();
	std::array::from_fn(|index| u64::from_le_bytes(words[index]))
}

#[inline]
fn store(words: &[u64; 4], node: &mut [u8; 32]) {
	let (places, _) = node.as_chunks_mut::<8>();
	for (place, word) in places.iter_mut().zip(words) {
		*place = word.to_le_bytes();
	}
}

/// 254 bits from bit `BITS` of these words on. `next` are the words that begin one byte later: they bring
/// the bits beyond each word, and some that are there already. This is faster than shifting the following
/// word in, which compilers make an instruction of that is slow on some processors.
#[inline]
fn shifted<const BITS: u32>(words: [u64; 4], next: [u64; 4]) -> [u64; 4] {
	let mut node = [0; 4];
	for index in 0..4 {
		node[index] = (words[index] >> BITS) | (next[index] << (8 - BITS));
	}
	node[3] &= u64::MAX >> 2;
	node
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
