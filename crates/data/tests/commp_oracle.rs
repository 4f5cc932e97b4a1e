//! CommP against Filecoin's own implementation.

#![allow(clippy::unwrap_used)]

use filecoin_proofs::{generate_piece_commitment, UnpaddedBytesAmount};
use holdfast_data::{piece::unpadded_size, PieceHasher};
use std::io::Cursor;

fn bytes(length: usize) -> Vec<u8> {
	(0..length)
		.map(|index| u8::try_from((index * 31 + index / 253) % 256).unwrap() ^ 0x5a)
		.collect()
}

#[test]
fn commitments_are_filecoins() {
	for length in [
		1,
		100,
		127,
		128,
		254,
		1016,
		2000,
		16_256,
		16_257,
		100_000,
		1 << 20,
		3_000_001,
	] {
		let data = bytes(length);
		let mut hasher = PieceHasher::new();
		for part in data.chunks(777) {
			hasher.write(part);
		}
		let piece = hasher.finish().unwrap();
		let unpadded = unpadded_size(piece.padded_bytes);
		let mut padded = data;
		padded.resize(usize::try_from(unpadded).unwrap(), 0);
		let oracle =
			generate_piece_commitment(Cursor::new(padded), UnpaddedBytesAmount(unpadded)).unwrap();
		assert_eq!(piece.commitment, oracle.commitment, "{length}");
		assert_eq!(u64::from(oracle.size), unpadded);
	}
}
