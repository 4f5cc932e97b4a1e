use super::*;
use proptest::prelude::*;

fn bytes(length: usize) -> Vec<u8> {
	(0..length)
		.map(|index| (index * 13 + index / 251).to_le_bytes()[0])
		.collect()
}

fn piece(data: &[u8]) -> Piece {
	let mut hasher = PieceHasher::new();
	hasher.write(data);
	hasher.finish().unwrap()
}

fn prove(data: &[u8], padded_bytes: u64, index: u64) -> Result<ProvenPart, ProveError> {
	let place = Place {
		padded_bytes,
		index,
	};
	prove_part(data, place, &mut |_| {})
}

/// The piece that a subtree's share of the payload makes by itself.
fn tree_of(data: &[u8], padded_bytes: u64, index: u64) -> Tree {
	let bytes = usize::try_from(unpadded_size(padded_bytes)).unwrap();
	let start = (usize::try_from(index).unwrap() * bytes).min(data.len());
	let share = &data[start..data.len().min(start + bytes)];
	let mut hasher = PieceHasher::new();
	hasher.write(share);
	let commitment = hasher
		.finish_padded_to(padded_bytes)
		.map_or(zero_node(level_of(padded_bytes)), |piece| piece.commitment);
	Tree {
		commitment,
		padded_bytes,
	}
}

#[test]
fn every_subtree_of_a_piece_can_be_proven() {
	for length in [1, 127, 128, 1000, 127 * 8, 127 * 8 + 1, 5000] {
		let data = bytes(length);
		let whole = piece(&data);
		let mut size = 128;
		while size <= whole.padded_bytes {
			for index in 0..whole.padded_bytes / size {
				let proven = prove(&data, size, index).unwrap();
				assert_eq!(proven.piece, whole, "{length} {size} {index}");
				assert_eq!(proven.part, tree_of(&data, size, index));
				assert_eq!(proven.proof.verify(&proven.part, &whole.into()), Ok(()));
			}
			size *= 2;
		}
	}
}

#[test]
fn what_is_not_in_the_piece_cannot_be_proven() {
	let data = bytes(1000);
	for (size, index) in [
		(128, 8),
		(512, 2),
		(1024, 1),
		(2048, 0),
		(128, u64::MAX),
		(1 << 63, 1),
	] {
		let result = prove(&data, size, index);
		assert!(
			matches!(result, Err(ProveError::OutOfPiece { .. })),
			"{size} {index}"
		);
	}
	assert!(matches!(
		prove(&[], 128, 0),
		Err(ProveError::OutOfPiece { payload: 0, .. })
	));
	for size in [0, 64, 200] {
		let result = prove(&data, size, 0);
		assert!(matches!(
			result,
			Err(ProveError::Place(InclusionError::Size(_)))
		));
	}
	struct Broken;
	impl Read for Broken {
		fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
			Err(io::Error::other("broken"))
		}
	}
	let place = Place {
		padded_bytes: 128,
		index: 3,
	};
	let result = prove_part(Broken, place, &mut |_| {});
	assert!(matches!(result, Err(ProveError::Read(_))));
}

#[test]
fn progress_is_told_to_the_end() {
	let mut last = 0;
	let place = Place {
		padded_bytes: 256,
		index: 1,
	};
	prove_part(&bytes(5000)[..], place, &mut |read| {
		assert!(read >= last);
		last = read;
	})
	.unwrap();
	assert_eq!(last, 5000);
}

#[test]
fn a_place_holds_the_bytes_that_were_asked_for() {
	let place = |start, length| {
		Place::of_payload(start, length).map(|place| (place.padded_bytes, place.index))
	};
	assert_eq!(place(0, 1), Some((128, 0)));
	assert_eq!(place(0, 127), Some((128, 0)));
	assert_eq!(place(127, 127), Some((128, 1)));
	assert_eq!(place(126, 2), Some((256, 0)));
	assert_eq!(place(127 * 3, 128), Some((1024, 0)));
	assert_eq!(place(127 * 6, 254), Some((256, 3)));
	assert_eq!(place(5, 0), None);
	assert_eq!(place(u64::MAX, 2), None);
	assert_eq!(place(0, u64::MAX), None);
}

fn four_pieces() -> Vec<Tree> {
	[3000, 100, 500, 2000]
		.iter()
		.map(|length| piece(&bytes(*length)).into())
		.collect()
}

/// The root of all leaves, pair by pair.
fn naive_root(mut nodes: Vec<Digest>) -> Digest {
	while nodes.len() > 1 {
		nodes = nodes
			.chunks(2)
			.map(|pair| parent(&pair[0], &pair[1]))
			.collect();
	}
	nodes[0]
}

#[test]
fn pieces_in_a_sector_are_aligned_and_proven() {
	let pieces = four_pieces();
	let sector = Sector::new(32 << 10, &pieces).unwrap();
	let offsets: Vec<u64> = sector.offsets().collect();
	assert_eq!(offsets, [0, 4096, 4608, 6144]);
	// The same tree, made of 128-byte parts where no piece is.
	let mut nodes = vec![zero_node(2); 256];
	for (offset, data) in offsets.iter().zip([3000, 100, 500, 2000].map(bytes)) {
		let padded = padded_size(u64::try_from(data.len()).unwrap()).unwrap();
		for quad in 0..padded / 128 {
			let place = usize::try_from(offset / 128 + quad).unwrap();
			nodes[place] = tree_of(&data, 128, quad).commitment;
		}
	}
	assert_eq!(sector.tree().commitment, naive_root(nodes));
	for (index, piece) in pieces.iter().enumerate() {
		let proof = sector.prove(index).unwrap();
		assert_eq!(proof.verify(piece, &sector.tree()), Ok(()));
		assert_eq!(proof.index * piece.padded_bytes, offsets[index]);
	}
	assert!(matches!(
		sector.prove(4),
		Err(ProveError::NoSuchPiece { index: 4, count: 4 })
	));
}

#[test]
fn sectors_that_pieces_do_not_fit_are_refused() {
	let pieces = four_pieces();
	assert!(matches!(
		Sector::new(4096, &pieces),
		Err(ProveError::SectorTooSmall(4096))
	));
	assert!(matches!(
		Sector::new(5000, &pieces),
		Err(ProveError::Place(_))
	));
	let bad = Tree {
		padded_bytes: 96,
		..pieces[0]
	};
	assert!(matches!(
		Sector::new(4096, &[bad]),
		Err(ProveError::Place(_))
	));
	let huge = Tree {
		padded_bytes: 1 << 63,
		..pieces[0]
	};
	assert!(matches!(
		Sector::new(1 << 63, &[huge, huge]),
		Err(ProveError::SectorTooSmall(_))
	));
	assert_eq!(
		Sector::new(2048, &[]).unwrap().tree().commitment,
		zero_node(6)
	);
	assert_eq!(Sector::new(1 << 63, &[huge]).unwrap().tree(), huge);
}

#[test]
fn lies_are_refused() {
	let data = bytes(5000);
	let ProvenPart { piece, part, proof } = prove(&data, 512, 5).unwrap();
	let whole = Tree::from(piece);
	assert_eq!(proof.verify(&part, &whole), Ok(()));

	// An inner node does not pass for a part of another size, nor a part for an inner node.
	let larger = Tree {
		padded_bytes: 1024,
		..part
	};
	assert_eq!(
		proof.verify(&larger, &whole),
		Err(InclusionError::Depth {
			expected: 3,
			found: 4
		})
	);
	let inner = parent(&proof.path[0], &part.commitment);
	let passed_off = Tree {
		commitment: inner,
		padded_bytes: 512,
	};
	let shorter = InclusionProof {
		index: proof.index >> 1,
		path: proof.path[1..].to_vec(),
	};
	assert!(matches!(
		shorter.verify(&passed_off, &whole),
		Err(InclusionError::Depth { .. })
	));
	// Nor does a smaller piece's proof for a larger piece of the same root.
	let doubled = Tree {
		padded_bytes: whole.padded_bytes * 2,
		..whole
	};
	assert!(matches!(
		proof.verify(&part, &doubled),
		Err(InclusionError::Depth { .. })
	));
	// Bits of the index beyond the whole are not ignored.
	let parts = whole.padded_bytes / part.padded_bytes;
	for index in [parts, proof.index + parts, u64::MAX] {
		let lie = InclusionProof {
			index,
			..proof.clone()
		};
		assert_eq!(
			lie.verify(&part, &whole),
			Err(InclusionError::Index { index, parts })
		);
	}
	for index in (0..parts).filter(|index| *index != proof.index) {
		let lie = InclusionProof {
			index,
			..proof.clone()
		};
		assert_eq!(lie.verify(&part, &whole), Err(InclusionError::OtherRoot));
	}
	// The two highest bits are not cleared for the prover.
	let mut high = proof.clone();
	high.path[1][31] |= 0x40;
	assert_eq!(high.verify(&part, &whole), Err(InclusionError::NotANode));
	let mut high = part;
	high.commitment[31] |= 0x80;
	assert_eq!(proof.verify(&high, &whole), Err(InclusionError::NotANode));
	let mut high = whole;
	high.commitment[31] |= 0x80;
	assert_eq!(proof.verify(&part, &high), Err(InclusionError::NotANode));
	// Sizes.
	assert_eq!(
		proof.verify(&whole, &part),
		Err(InclusionError::PartTooLarge {
			part: whole.padded_bytes,
			whole: 512
		})
	);
	for size in [0, 64, 640] {
		let lie = Tree {
			padded_bytes: size,
			..part
		};
		assert_eq!(proof.verify(&lie, &whole), Err(InclusionError::Size(size)));
		assert_eq!(
			proof.verify(
				&part,
				&Tree {
					padded_bytes: size,
					..whole
				}
			),
			Err(InclusionError::Size(size))
		);
	}
	// The whole is in itself, with an empty proof and no other.
	let trivial = InclusionProof {
		index: 0,
		path: vec![],
	};
	assert_eq!(trivial.verify(&whole, &whole), Ok(()));
	assert_eq!(
		trivial.verify(
			&Tree {
				padded_bytes: whole.padded_bytes,
				..part
			},
			&whole
		),
		Err(InclusionError::OtherRoot)
	);
}

proptest! {
	#[test]
	fn a_proof_with_any_bit_changed_is_refused(
		length in 200usize..20_000,
		level in 0u32..4,
		which in any::<u64>(),
		byte in any::<prop::sample::Index>(),
		bit in 0u8..8,
	) {
		let data = bytes(length);
		let whole = Tree::from(piece(&data));
		let size = (128u64 << level).min(whole.padded_bytes / 2);
		let index = which % (whole.padded_bytes / size);
		let ProvenPart { part, mut proof, .. } = prove(&data, size, index).unwrap();
		prop_assert_eq!(proof.verify(&part, &whole), Ok(()));
		let path = proof.path.as_flattened_mut();
		path[byte.index(path.len())] ^= 1 << bit;
		prop_assert!(proof.verify(&part, &whole).is_err());
	}

	#[test]
	fn no_proof_panics(
		index in any::<u64>(),
		path in proptest::collection::vec(any::<Digest>(), 0..70),
		sizes in any::<(u64, u64)>(),
		shifts in (0u32..64, 0u32..64),
	) {
		let proof = InclusionProof { index, path };
		for (part, whole) in [sizes, (1 << shifts.0, 1 << shifts.1)] {
			let tree = |padded_bytes| Tree { commitment: [1; 32], padded_bytes };
			prop_assert!(proof.verify(&tree(part), &tree(whole)).is_err() || part == whole);
		}
	}

	#[test]
	fn places_hold_their_bytes_and_no_smaller_one_does(start in 0u64..1 << 50, length in 1u64..1 << 40) {
		let place = Place::of_payload(start, length).unwrap();
		let share = unpadded_size(place.padded_bytes);
		let first = place.payload_start().unwrap();
		prop_assert!(first <= start && start + length <= first + share);
		let half = share / 2;
		if place.padded_bytes > 128 {
			prop_assert!(start / half != (start + length - 1) / half);
		}
	}

	#[test]
	fn pieces_of_any_sizes_are_proven_in_their_sector(levels in proptest::collection::vec(0u32..6, 1..12)) {
		let pieces: Vec<Tree> = levels
			.iter()
			.enumerate()
			.map(|(index, level)| Tree {
				commitment: [u8::try_from(index).unwrap(); 32],
				padded_bytes: 128 << level,
			})
			.collect();
		let sector = Sector::new(64 << 10, &pieces).unwrap();
		for (index, piece) in pieces.iter().enumerate() {
			prop_assert_eq!(sector.prove(index).unwrap().verify(piece, &sector.tree()), Ok(()));
		}
	}
}
