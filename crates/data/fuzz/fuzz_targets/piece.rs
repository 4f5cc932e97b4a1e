//! Names of pieces of both versions, and inclusion proofs: what is made up is never in a piece.
#![no_main]

use holdfast_data::{
	inclusion::{InclusionProof, Place, Tree},
	Cid, PieceCid,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, u64, Vec<[u8; 32]>, [u8; 32], u64, u64)| {
	let (bytes, index, path, commitment, part_bytes, whole_bytes) = input;
	if let Ok(cid) = Cid::try_from(&bytes[..]) {
		match PieceCid::try_from(&cid) {
			Ok(PieceCid::V1(commitment)) => assert_eq!(cid.hash().digest(), commitment),
			Ok(PieceCid::V2(piece)) => {
				assert_eq!(piece.cid_v2(), Some(cid));
				assert!(piece.padded_bytes.is_power_of_two());
				assert!(piece.payload_bytes <= piece.padded_bytes / 128 * 127);
			},
			Err(_) => {},
		}
	}
	if let Some(place) = Place::of_payload(part_bytes, whole_bytes) {
		let _ = place.payload_start();
	}
	let proof = InclusionProof { index, path };
	let whole = Tree {
		commitment,
		padded_bytes: whole_bytes,
	};
	let part = Tree {
		commitment: [7; 32],
		padded_bytes: part_bytes,
	};
	assert!(proof.verify(&part, &whole).is_err() || part == whole);
});
