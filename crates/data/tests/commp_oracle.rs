//! CommP and CommD against Filecoin's own implementation.

#![allow(clippy::unwrap_used)]

use filecoin_proofs::{
	compute_comm_d, generate_piece_commitment, PieceInfo, SectorSize, UnpaddedBytesAmount,
};
use holdfast_data::{
	inclusion::{Sector, Tree},
	piece::unpadded_size,
	Piece, PieceHasher,
};
use std::io::Cursor;

fn bytes(length: usize) -> Vec<u8> {
	(0..length)
		.map(|index| u8::try_from((index * 31 + index / 253) % 256).unwrap() ^ 0x5a)
		.collect()
}

fn piece(data: &[u8], part: usize) -> Piece {
	let mut hasher = PieceHasher::new();
	for part in data.chunks(part) {
		hasher.write(part);
	}
	hasher.finish().unwrap()
}

fn assert_filecoins(length: usize, part: usize) {
	let mut data = bytes(length);
	let piece = piece(&data, part);
	let unpadded = unpadded_size(piece.padded_bytes);
	data.resize(usize::try_from(unpadded).unwrap(), 0);
	let oracle =
		generate_piece_commitment(Cursor::new(data), UnpaddedBytesAmount(unpadded)).unwrap();
	assert_eq!(piece.commitment, oracle.commitment, "{length}");
	assert_eq!(u64::from(oracle.size), unpadded);
}

#[test]
fn commitments_are_filecoins() {
	for length in [1, 100, 1016, 2000, 16_256, 16_257, 100_000, 3_000_001] {
		assert_filecoins(length, 777);
	}
}

/// Up to 2 MiB, and up to 1 GiB where the variable `HOLDFAST_LONG_TESTS` is set (minutes, and 3 GiB of memory).
#[test]
fn commitments_around_every_power_of_two_are_filecoins() {
	let most = match std::env::var_os("HOLDFAST_LONG_TESTS") {
		Some(_) => 30,
		None => 21,
	};
	for exponent in 7..=most {
		// A piece's size without fr32 padding, and the power of two itself.
		for size in [(1usize << exponent) / 128 * 127, 1 << exponent] {
			for length in [size - 1, size, size + 1] {
				assert_filecoins(length, 1 << 22);
			}
		}
	}
}

#[test]
fn commitments_of_sectors_are_filecoins() {
	for lengths in [
		&[2032][..],
		&[1, 5000, 200, 1016, 127],
		&[300, 300, 4000],
		&[8128],
	] {
		let pieces: Vec<Piece> = lengths
			.iter()
			.map(|length| piece(&bytes(*length), 999))
			.collect();
		let trees: Vec<Tree> = pieces.iter().map(|piece| (*piece).into()).collect();
		let infos: Vec<PieceInfo> = pieces
			.iter()
			.map(|piece| {
				let size = UnpaddedBytesAmount(unpadded_size(piece.padded_bytes));
				PieceInfo::new(piece.commitment, size).unwrap()
			})
			.collect();
		// Filecoin's function pads only as far as the pieces reach.
		let mut end = 0u64;
		for piece in &pieces {
			end = end.next_multiple_of(piece.padded_bytes) + piece.padded_bytes;
		}
		let size = end.next_power_of_two();
		let ours = Sector::new(size, &trees).unwrap().tree();
		let theirs = compute_comm_d(SectorSize(size), &infos).unwrap();
		assert_eq!(ours.commitment, theirs, "{lengths:?}");
	}
}
