//! Names of pieces: CIDs of version 1 (a commitment alone) and of version 2 (FRC-0069: with the sizes).

use cid::Cid;
use multihash::Multihash;

use crate::{
	block::RAW,
	piece::{padded_size, unpadded_size, Piece},
	Digest,
};

/// The multicodec of unsealed commitments.
const COMMITMENT_UNSEALED: u64 = 0xf101;
/// The multihash code of a version 1 name: SHA-256 with the two highest bits cleared, in a tree.
const TRUNCATED_SHA2_256: u64 = 0x1012;
/// The multihash code of a version 2 name: the same with fr32 and the tree's size.
const FR32_TREE: u64 = 0x1011;

/// What a piece's CID says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceCid {
	/// Version 1: the commitment alone.
	V1(Digest),
	/// Version 2: the commitment and the sizes.
	V2(Piece),
}

/// Why a CID names no piece.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceCidError {
	/// The CID is of something else.
	#[error("{0} is no piece's CID")]
	Other(Cid),
	/// The digest has another form.
	#[error("the piece CID {cid} is malformed: {what}")]
	Malformed {
		/// The CID.
		cid: Cid,
		/// What is wrong.
		what: &'static str,
	},
}

impl Piece {
	/// The piece's CID of version 1, which does not tell its size.
	pub fn cid_v1(&self) -> Cid {
		let hash = Multihash::wrap(TRUNCATED_SHA2_256, &self.commitment)
			.expect("32 bytes fit a 64-byte multihash; qed");
		Cid::new_v1(COMMITMENT_UNSEALED, hash)
	}

	/// The piece's CID of version 2, from which its sizes can be read. `None` if it is not the smallest piece
	/// that holds its payload: such a piece is named as one whose zeros are payload.
	pub fn cid_v2(&self) -> Option<Cid> {
		if padded_size(self.payload_bytes) != Some(self.padded_bytes) {
			return None;
		}
		let padding = unpadded_size(self.padded_bytes).checked_sub(self.payload_bytes)?;
		let mut buffer = unsigned_varint::encode::u64_buffer();
		let mut digest = unsigned_varint::encode::u64(padding, &mut buffer).to_vec();
		// A node has 32 bytes.
		let height = self.padded_bytes.ilog2().checked_sub(5)?;
		digest.push(u8::try_from(height).ok()?);
		digest.extend_from_slice(&self.commitment);
		Some(Cid::new_v1(RAW, Multihash::wrap(FR32_TREE, &digest).ok()?))
	}
}

impl TryFrom<&Cid> for PieceCid {
	type Error = PieceCidError;

	fn try_from(cid: &Cid) -> Result<Self, PieceCidError> {
		let malformed = |what| PieceCidError::Malformed { cid: *cid, what };
		let commitment = |bytes: &[u8]| -> Result<Digest, PieceCidError> {
			let digest: Digest = bytes
				.try_into()
				.map_err(|_| malformed("its commitment does not have 32 bytes"))?;
			if digest[31] > 0x3f {
				return Err(malformed("its commitment is larger than any"));
			}
			Ok(digest)
		};
		let hash = cid.hash();
		match (cid.codec(), hash.code()) {
			(COMMITMENT_UNSEALED, TRUNCATED_SHA2_256) => Ok(Self::V1(commitment(hash.digest())?)),
			(RAW, FR32_TREE) => {
				let (padding, rest) = unsigned_varint::decode::u64(hash.digest())
					.map_err(|_| malformed("its padding is no number"))?;
				let (height, root) = rest
					.split_first()
					.ok_or_else(|| malformed("it has no height"))?;
				if !(2..=58).contains(height) {
					return Err(malformed("its height is none of a piece"));
				}
				let padded_bytes = 1u64 << (height + 5);
				let payload_bytes = unpadded_size(padded_bytes)
					.checked_sub(padding)
					.ok_or_else(|| malformed("its padding is larger than the piece"))?;
				// More padding would be a smaller piece's.
				if padded_size(payload_bytes) != Some(padded_bytes) {
					return Err(malformed("its padding is too large for its height"));
				}
				Ok(Self::V2(Piece {
					commitment: commitment(root)?,
					padded_bytes,
					payload_bytes,
				}))
			},
			_ => Err(PieceCidError::Other(*cid)),
		}
	}
}

impl PieceCid {
	/// The commitment.
	pub const fn commitment(&self) -> &Digest {
		match self {
			Self::V1(commitment) => commitment,
			Self::V2(piece) => &piece.commitment,
		}
	}

	/// The piece, if the CID tells its sizes.
	pub const fn piece(&self) -> Option<&Piece> {
		match self {
			Self::V1(_) => None,
			Self::V2(piece) => Some(piece),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{node_hash::zero_node, PieceHasher};
	use proptest::prelude::*;

	fn piece(data: &[u8]) -> Piece {
		let mut hasher = PieceHasher::new();
		hasher.write(data);
		hasher.finish().unwrap()
	}

	/// 127 bytes of each of these values, and then zeros.
	fn runs(values: &[u8], zeros: usize) -> Vec<u8> {
		let mut data: Vec<u8> = values.iter().flat_map(|value| [*value; 127]).collect();
		data.resize(data.len() + zeros, 0);
		data
	}

	#[test]
	fn published_names_are_ours() {
		// FRC-0069's test cases.
		let cases = [
			(
				piece(&runs(&[0, 1, 2, 3], 0)),
				"baga6ea4seaqes3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi",
				"bafkzcibcaaces3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi",
			),
			(
				piece(&runs(&[], 127)),
				"baga6ea4seaqdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy",
				"bafkzcibcaabdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy",
			),
			(
				piece(&runs(&[0, 1, 2, 3], 508)),
				"baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa",
				"bafkzcibcaac542av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa",
			),
			(
				piece(&runs(&[0, 1, 2, 3], 4)),
				"baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa",
				"bafkzcibd7abqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4",
			),
			(
				piece(&runs(&[0, 1, 2, 3], 5)),
				"baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa",
				"bafkzcibd64bqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4",
			),
			(
				Piece {
					commitment: zero_node(30),
					padded_bytes: 32 << 30,
					payload_bytes: unpadded_size(32 << 30),
				},
				"baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq",
				"bafkzcibcaapao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq",
			),
			(
				Piece {
					commitment: zero_node(31),
					padded_bytes: 64 << 30,
					payload_bytes: unpadded_size(64 << 30),
				},
				"baga6ea4seaqomqafu276g53zko4k23xzh4h4uecjwicbmvhsuqi7o4bhthhm4aq",
				"bafkzcibcaap6mqafu276g53zko4k23xzh4h4uecjwicbmvhsuqi7o4bhthhm4aq",
			),
		];
		for (piece, v1, v2) in cases {
			assert_eq!(piece.cid_v1().to_string(), v1);
			assert_eq!(piece.cid_v2().unwrap().to_string(), v2);
			let parsed = PieceCid::try_from(&v2.parse::<Cid>().unwrap()).unwrap();
			assert_eq!(parsed, PieceCid::V2(piece));
			assert_eq!(parsed.piece(), Some(&piece));
			let parsed = PieceCid::try_from(&v1.parse::<Cid>().unwrap()).unwrap();
			assert_eq!(parsed, PieceCid::V1(piece.commitment));
			assert_eq!(parsed.commitment(), &piece.commitment);
			assert_eq!(parsed.piece(), None);
		}
		let zeros = piece(&[0; 128]).cid_v2().unwrap().to_string();
		assert_eq!(
			zeros,
			"bafkzcibcpybwiktap34inmaex4wbs6cghlq5i2j2yd2bb2zndn5ep7ralzphkdy"
		);
	}

	#[test]
	fn the_empty_payload_has_a_name() {
		let empty = Piece {
			commitment: zero_node(2),
			padded_bytes: 128,
			payload_bytes: 0,
		};
		let cid = empty.cid_v2().unwrap();
		assert_eq!(
			cid.to_string(),
			"bafkzcibcp4bdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy"
		);
		assert_eq!(PieceCid::try_from(&cid), Ok(PieceCid::V2(empty)));
	}

	#[test]
	fn sizes_that_contradict_each_other_have_no_name() {
		let whole = piece(&[1; 127]);
		for (padded_bytes, payload_bytes) in [(128, 128), (64, 1), (192, 1), (0, 0), (256, 127)] {
			let piece = Piece {
				padded_bytes,
				payload_bytes,
				..whole
			};
			assert_eq!(piece.cid_v2(), None, "{padded_bytes} {payload_bytes}");
		}
	}

	#[test]
	fn malformed_names_are_refused() {
		let root = zero_node(2);
		let name = |digest: &[u8]| Cid::new_v1(RAW, Multihash::wrap(FR32_TREE, digest).unwrap());
		let with = |start: &[u8]| name(&[start, &root].concat());
		let mut high = root;
		high[31] = 0x40;
		let cases = [
			(name(&[]), "its padding is no number"),
			(name(&[0x80, 0x00]), "its padding is no number"),
			(name(&[0]), "it has no height"),
			(with(&[0, 1]), "its height is none of a piece"),
			(with(&[0, 59]), "its height is none of a piece"),
			(with(&[0, 255]), "its height is none of a piece"),
			(
				with(&[0x80, 0x01, 2]),
				"its padding is larger than the piece",
			),
			(with(&[0x7f, 3]), "its padding is too large for its height"),
			(name(&[0, 2, 1, 2]), "its commitment does not have 32 bytes"),
			(
				name(&[&[0, 2][..], &root, &[0]].concat()),
				"its commitment does not have 32 bytes",
			),
			(
				name(&[&[0, 2][..], &high].concat()),
				"its commitment is larger than any",
			),
		];
		for (cid, what) in cases {
			let result = PieceCid::try_from(&cid);
			assert_eq!(result, Err(PieceCidError::Malformed { cid, what }));
		}
		let short = Multihash::wrap(TRUNCATED_SHA2_256, &root[..31]).unwrap();
		let short = Cid::new_v1(COMMITMENT_UNSEALED, short);
		assert!(matches!(
			PieceCid::try_from(&short),
			Err(PieceCidError::Malformed { .. })
		));
		for other in [
			crate::block::raw_cid(b"a block"),
			Cid::new_v1(RAW, *piece(&[1]).cid_v1().hash()),
			Cid::new_v1(COMMITMENT_UNSEALED, *piece(&[1]).cid_v2().unwrap().hash()),
		] {
			assert_eq!(PieceCid::try_from(&other), Err(PieceCidError::Other(other)));
		}
	}

	proptest! {
		#[test]
		fn names_of_any_payload_round_trip(payload in 1u64..=unpadded_size(1 << 50)) {
			let piece = Piece {
				commitment: zero_node(3),
				padded_bytes: padded_size(payload).unwrap(),
				payload_bytes: payload,
			};
			prop_assert_eq!(PieceCid::try_from(&piece.cid_v2().unwrap()), Ok(PieceCid::V2(piece)));
		}

		#[test]
		fn no_digest_panics(digest in proptest::collection::vec(any::<u8>(), 0..64)) {
			let _ = PieceCid::try_from(&Cid::new_v1(RAW, Multihash::wrap(FR32_TREE, &digest).unwrap()));
		}
	}
}
